//! A key to a server: kept out of every line that is printed, logged or stored.

use std::ffi::OsString;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// Where a key is looked for, in this order.
pub const KEY_VARIABLES: [&str; 2] = ["CRIBBLE_API_KEY", "OPENAI_API_KEY"];

/// Longer than any key there is, in bytes.
const LONGEST: usize = 4096;

/// So much of a key's beginning tells something of it.
const TELLING: usize = 5;

/// What stands in the place of a key.
const VEILED: &str = "***";

/// Why there is no key. None of these says what was read.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    #[error("{place}: the key must be one line of visible ASCII characters, at most 4096 of them")]
    NotAKey { place: String },
    #[error("{path}: others on this machine may use this file (mode {mode:03o}); run: chmod 600 {path}")]
    Open { path: String, mode: u32 },
    #[error("{path}: no key can be read here ({source}); name a file that holds the key and nothing else")]
    Unreadable { path: String, source: io::Error },
}

/// A text that is shown to servers and to nobody else.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// `place` is where it was found, for the error.
    ///
    /// # Errors
    /// If it could not be sent in a header: empty, too long, or with anything but visible ASCII.
    pub fn new(text: &str, place: &str) -> Result<Self, SecretError> {
        let text = text.trim();
        let fine = !text.is_empty() && text.len() <= LONGEST && text.bytes().all(|byte| byte.is_ascii_graphic());
        if fine { Ok(Self(text.to_owned())) } else { Err(SecretError::NotAKey { place: place.to_owned() }) }
    }

    /// The key that the environment holds, if any.
    ///
    /// # Errors
    /// If a variable holds what cannot be a key.
    pub fn from_environment() -> Result<Option<Self>, SecretError> {
        Self::from_variables(|name| std::env::var_os(name))
    }

    /// As [`Secret::from_environment`], from any table of variables. An empty variable counts as none.
    ///
    /// # Errors
    /// If a variable holds what cannot be a key.
    pub fn from_variables(look: impl Fn(&str) -> Option<OsString>) -> Result<Option<Self>, SecretError> {
        let found = KEY_VARIABLES.iter().find_map(|name| {
            let value = look(name)?;
            (!value.is_empty()).then_some((*name, value))
        });
        let Some((name, value)) = found else { return Ok(None) };
        match value.to_str() {
            Some(text) => Self::new(text, name).map(Some),
            None => Err(SecretError::NotAKey { place: name.to_owned() }),
        }
    }

    /// The key in a file that belongs to its owner alone.
    ///
    /// # Errors
    /// If others may read or change the file, or it holds no key.
    pub fn from_file(path: &Path) -> Result<Self, SecretError> {
        let place = path.display().to_string();
        let unreadable = |source| SecretError::Unreadable { path: place.clone(), source };
        let no_file = || unreadable(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
        // A pipe would be waited for at its opening.
        if !std::fs::metadata(path).map_err(unreadable)?.is_file() {
            return Err(no_file());
        }
        let file = File::open(path).map_err(unreadable)?;
        let metadata = file.metadata().map_err(unreadable)?;
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = metadata.permissions().mode() & 0o777;
            if mode & 0o077 != 0 {
                return Err(SecretError::Open { path: place, mode });
            }
        }
        if !metadata.is_file() {
            return Err(no_file());
        }
        let mut bytes = Vec::new();
        file.take(LONGEST as u64 + 3).read_to_end(&mut bytes).map_err(unreadable)?;
        match std::str::from_utf8(&bytes) {
            Ok(text) => Self::new(text, &place),
            Err(_) => Err(SecretError::NotAKey { place }),
        }
    }

    /// For the one header that carries it.
    pub(super) fn reveal(&self) -> &str {
        &self.0
    }

    /// The text with the key veiled wherever it stands: some servers repeat a key that they refuse.
    pub(super) fn veil(&self, text: &str) -> String {
        let text = text.replace(&self.0, VEILED);
        // Words that were cut may end in the middle of it.
        let Some(words) = text.strip_suffix('…') else { return text };
        let begun = (TELLING..=self.0.len()).rev().find(|&part| words.ends_with(&self.0[..part]));
        begun.map_or_else(|| text.clone(), |part| format!("{}{VEILED}…", &words[..words.len() - part]))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(VEILED)
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(VEILED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_never_shown() {
        let key = Secret::new(" sk-very-secret\n", "here").unwrap();
        assert_eq!(
            (format!("{key}"), format!("{key:?}"), key.reveal()),
            ("***".into(), "***".into(), "sk-very-secret")
        );
        assert_eq!(format!("{:?}", Some(&key)), "Some(***)");
        assert_eq!(key.veil("bad key sk-very-secret, go"), "bad key ***, go");
    }

    #[test]
    fn what_cannot_be_a_key_is_refused_without_being_repeated() {
        for text in ["", "  \n", "two\nlines", "two words", "schlüssel", &"x".repeat(LONGEST + 1)] {
            let error = Secret::new(text, "K").unwrap_err().to_string();
            assert!(error.starts_with("K: ") && (text.trim().is_empty() || !error.contains(text)), "{error}");
        }
    }

    #[test]
    fn the_program_s_own_variable_goes_first() {
        let both = |name: &str| Some(OsString::from(if name == "CRIBBLE_API_KEY" { "mine" } else { "general" }));
        assert_eq!(Secret::from_variables(both).unwrap().unwrap().reveal(), "mine");
        let one = |name: &str| Some(OsString::from(if name == "CRIBBLE_API_KEY" { "" } else { "general" }));
        assert_eq!(Secret::from_variables(one).unwrap().unwrap().reveal(), "general");
        assert_eq!(Secret::from_variables(|_| None).unwrap(), None);
        let broken = |name: &str| (name == "OPENAI_API_KEY").then(|| OsString::from("a b"));
        assert!(Secret::from_variables(broken).unwrap_err().to_string().starts_with("OPENAI_API_KEY: "));
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_others_may_read_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        std::fs::write(&path, "sk-file\n").unwrap();
        for (mode, fine) in [(0o600, true), (0o400, true), (0o640, false), (0o604, false), (0o620, false)] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            match Secret::from_file(&path) {
                Ok(key) => assert!(fine && key.reveal() == "sk-file", "{mode:o}"),
                Err(error) => assert!(!fine && error.to_string().contains("chmod 600"), "{mode:o}: {error}"),
            }
        }
        assert!(Secret::from_file(dir.path()).unwrap_err().to_string().contains("not a regular file"));
        assert!(matches!(Secret::from_file(&dir.path().join("none")), Err(SecretError::Unreadable { .. })));
    }

    #[test]
    fn a_key_that_was_cut_is_veiled_too() {
        let key = Secret::new("sk-0123456789", "test").unwrap();
        assert_eq!(key.veil("no: sk-0123456789 is bad"), "no: *** is bad");
        assert_eq!(key.veil("no: sk-01234…"), "no: ***…");
        assert_eq!(key.veil("three words…"), "three words…", "a few letters tell nothing");
    }
}
