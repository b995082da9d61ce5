//! What can go wrong between here and the Hub. Every message is one line: what, where, what to do. None has a token in it.

use std::io;
use std::path::{Path, PathBuf};

use super::name::NameError;

/// Most characters of foreign text in a message.
const WORDS: usize = 160;

#[derive(Debug, thiserror::Error)]
pub enum HubError {
    #[error(transparent)]
    Name(#[from] NameError),
    #[error("{place}: a token is one line of visible ASCII characters; run `hf auth login` to write it anew")]
    BadToken { place: String },
    #[error("HF_ENDPOINT: `{text}` is no http or https address, or has a user name or a query; correct or unset it")]
    Endpoint { text: String },
    #[error("no home directory to keep downloads in; set HF_HOME or HF_HUB_CACHE")]
    NoHome,
    #[error("https cannot be used here ({reason}); install the system's CA certificates")]
    Transport { reason: String },
    #[error("{}: {source}", .path.display())]
    Io { path: PathBuf, source: io::Error },
    /// Status 401 or 403.
    #[error("{name}: {reason}")]
    Access { name: String, status: u16, reason: String },
    #[error("{name}: the Hub has no {what}; check the name and, after @, the revision")]
    Missing { name: String, what: String },
    /// It is there, and cannot be used or needs to be named more closely.
    #[error("{name}: {reason}")]
    Unfit { name: String, reason: String },
    #[error("{name}: not whole in the cache at {} ({reason}); {advice}", .cache.display())]
    NotCached { name: String, cache: PathBuf, reason: String, advice: &'static str },
    #[error("{name}: the Hub cannot be reached ({reason}); the same command goes on where it stopped")]
    Unreachable { name: String, reason: String },
    #[error("{name}: what the Hub answers makes no sense ({reason}); check HF_ENDPOINT or try later")]
    Nonsense { name: String, reason: String },
    #[error("{name}: {file} arrived damaged ({reason}); nothing of it was kept, try again")]
    Damaged { name: String, file: String, reason: String },
    #[error("{}: {needed} are needed and {free} are free; make room, or set HF_HUB_CACHE to another disk", .place.display())]
    Space { place: PathBuf, needed: String, free: String },
    #[error("the download was interrupted; the same command goes on where it stopped")]
    Interrupted,
}

impl HubError {
    pub(super) fn io(path: &Path, source: io::Error) -> Self {
        Self::Io { path: path.to_path_buf(), source }
    }

    /// Whether the same call may fare better later, without anything changed here.
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Nonsense { .. } | Self::Damaged { .. })
    }
}

/// Foreign text for a message: one line, without control characters, cut.
pub(super) fn shown(text: &str) -> String {
    let mut line: String = text.chars().take(WORDS).flat_map(char::escape_debug).collect();
    if text.chars().nth(WORDS).is_some() {
        line.push('…');
    }
    line
}

/// A number of bytes as people say it.
pub(super) fn bytes(count: u64) -> String {
    match count {
        0..1_000_000 => format!("{:.1} kB", count as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", count as f64 / 1e6),
        _ => format!("{:.1} GB", count as f64 / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_stays_one_short_line() {
        assert_eq!(shown("a\nb\u{1b}"), "a\\nb\\u{1b}");
        assert!(shown(&"x".repeat(5000)).len() < 200);
        assert_eq!(bytes(2_500_000_000), "2.5 GB");
    }
}
