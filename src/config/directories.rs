//! The data, configuration and state directories, the sessions under the first, and the last session opened.

use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};

use serde::Serialize;

use crate::records::UnixMillis;
use crate::session::{Counts, Session};

#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("no home directory; set CRIBBLE_DATA_DIR, CRIBBLE_CONFIG_DIR and CRIBBLE_STATE_DIR")]
    NoHome,
    #[error("`{0}` is no name for a session: use letters, digits, `.`, `_`, `-`, or give a path such as ./{0}")]
    BadName(String),
    #[error("{path}: {source}")]
    Io { path: PathBuf, source: std::io::Error },
}

/// Where this person's files live. `CRIBBLE_DATA_DIR`, `CRIBBLE_CONFIG_DIR` and `CRIBBLE_STATE_DIR` win over the
/// system's own places.
#[derive(Debug, Clone)]
pub struct Directories {
    data: PathBuf,
    config: PathBuf,
    state: PathBuf,
}

/// One line of the list of sessions.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SessionInfo {
    pub name: String,
    pub path: PathBuf,
    pub problems: usize,
    pub samples: usize,
    pub accepted: usize,
    pub rejected: usize,
    /// When its store last changed.
    pub modified: UnixMillis,
    /// Why it cannot be read, if so; then the counts are 0.
    pub error: Option<String>,
}

impl Directories {
    pub fn from_environment() -> Result<Self, ConfigError> {
        Self::from_lookup(|name| std::env::var_os(name))
    }

    /// As [`Directories::from_environment`], with the environment given.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<OsString>) -> Result<Self, ConfigError> {
        let set = |name: &str| lookup(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let system = directories::ProjectDirs::from("", "", "cribble");
        let pick = |name: &str, own: Option<PathBuf>| set(name).or(own).ok_or(ConfigError::NoHome);
        let dirs = system.as_ref();
        Ok(Self {
            data: pick("CRIBBLE_DATA_DIR", dirs.map(|dirs| dirs.data_dir().to_path_buf()))?,
            config: pick("CRIBBLE_CONFIG_DIR", dirs.map(|dirs| dirs.config_dir().to_path_buf()))?,
            state: pick(
                "CRIBBLE_STATE_DIR",
                dirs.map(|dirs| dirs.state_dir().unwrap_or_else(|| dirs.data_local_dir()).to_path_buf()),
            )?,
        })
    }

    /// Sessions and what else is worth keeping.
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// What the person writes: keymap, strategies, policies.
    pub fn config(&self) -> &Path {
        &self.config
    }

    /// What the program remembers: log, last session.
    pub fn state(&self) -> &Path {
        &self.state
    }

    /// The sessions that are known by name.
    pub fn sessions_path(&self) -> PathBuf {
        self.data.join("sessions")
    }

    /// The directory of a session given by name or by path. Anything with a separator, or that starts with a dot, is
    /// a path; a name is looked for under the data directory.
    pub fn session_path(&self, session: &str) -> Result<PathBuf, ConfigError> {
        let path = Path::new(session);
        if session.contains('/') || session.starts_with('.') || path.is_absolute() {
            return absolute(path);
        }
        let plain = !session.is_empty()
            && session.len() <= 100
            && session.chars().all(|c| c.is_alphanumeric() || "._-".contains(c))
            && matches!(path.components().collect::<Vec<_>>().as_slice(), [Component::Normal(_)]);
        if !plain {
            return Err(ConfigError::BadName(session.escape_debug().to_string()));
        }
        Ok(self.sessions_path().join(session))
    }

    /// The sessions under the data directory, the one changed last first. Nothing is changed in any of them.
    pub fn sessions(&self) -> Result<Vec<SessionInfo>, ConfigError> {
        let root = self.sessions_path();
        let entries = match std::fs::read_dir(&root) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => return Err(ConfigError::Io { path: root, source }),
        };
        let mut sessions: Vec<SessionInfo> = entries.filter_map(|entry| info(&entry.ok()?.path())).collect();
        sessions.sort_by(|a, b| b.modified.cmp(&a.modified).then_with(|| a.name.cmp(&b.name)));
        Ok(sessions)
    }

    /// The session that was open last, if it is still there.
    pub fn last_session(&self) -> Option<PathBuf> {
        let path = PathBuf::from(std::fs::read_to_string(self.state.join("last-session")).ok()?.trim_end_matches('\n'));
        path.join("session.db").is_file().then_some(path)
    }

    /// Remembers the session for next time. A path that is not UTF-8 is not remembered.
    pub fn remember_session(&self, path: &Path) -> Result<(), ConfigError> {
        let Some(text) = path.to_str() else { return Ok(()) };
        let (file, fresh) =
            (self.state.join("last-session"), self.state.join(format!("last-session.{}", std::process::id())));
        std::fs::create_dir_all(&self.state)
            .and_then(|()| std::fs::write(&fresh, format!("{text}\n")))
            .and_then(|()| std::fs::rename(&fresh, &file))
            .map_err(|source| ConfigError::Io { path: file, source })
    }
}

/// The one name of a path: absolute, without `.` and `..`, links followed as far as it exists.
fn absolute(path: &Path) -> Result<PathBuf, ConfigError> {
    let whole = std::path::absolute(path).map_err(|source| ConfigError::Io { path: path.to_path_buf(), source })?;
    let mut there = whole.as_path();
    let mut missing = Vec::new();
    loop {
        if let Ok(real) = there.canonicalize() {
            return Ok(missing.iter().rev().fold(real, |path, part| path.join(part)));
        }
        match (there.parent(), there.file_name()) {
            (Some(parent), Some(name)) => {
                missing.push(name.to_owned());
                there = parent;
            }
            _ => return Ok(whole),
        }
    }
}

/// A path as typed into a field: `~/` stands for the home directory, as in a shell.
pub fn expand_home(typed: &str) -> String {
    let home = || ::directories::BaseDirs::new().map(|dirs| dirs.home_dir().to_path_buf());
    let rest = match typed {
        "~" => "",
        _ => match typed.strip_prefix("~/") {
            Some(rest) => rest,
            None => return typed.to_owned(),
        },
    };
    home().map_or_else(|| typed.to_owned(), |home| home.join(rest).to_string_lossy().into_owned())
}

/// When the directory's store was last written, for a session in which nothing has happened.
fn made(path: &Path) -> Option<UnixMillis> {
    let time = std::fs::metadata(path.join("session.db")).ok()?.modified().ok()?;
    Some(time.duration_since(std::time::UNIX_EPOCH).ok()?.as_millis() as UnixMillis)
}

fn info(path: &Path) -> Option<SessionInfo> {
    if !path.join("session.db").is_file() {
        return None;
    }
    // Not the file's own time: opening a store may write to it.
    let read = Session::peek(path).and_then(|session| Ok((session.counts()?, session.last_change()?)));
    let (counts, changed, error) = match read {
        Ok((counts, changed)) => (counts, changed, None),
        Err(error) => (Counts::default(), None, Some(error.to_string())),
    };
    let modified = changed.or_else(|| made(path))?;
    Some(SessionInfo {
        name: path.file_name()?.to_str()?.to_owned(),
        path: path.to_path_buf(),
        problems: counts.problems,
        samples: counts.samples,
        accepted: counts.accepted,
        rejected: counts.rejected,
        modified,
        error,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(root: &Path) -> Directories {
        Directories::from_lookup(|name| Some(root.join(name).into_os_string())).unwrap()
    }

    #[test]
    fn a_name_stays_under_the_data_directory_and_a_path_is_a_path() {
        let directories = at(Path::new("/r"));
        assert_eq!(directories.session_path("gsm8k-1").unwrap(), Path::new("/r/CRIBBLE_DATA_DIR/sessions/gsm8k-1"));
        assert_eq!(directories.session_path("/x/y").unwrap(), Path::new("/x/y"));
        assert!(directories.session_path("./here").unwrap().is_absolute());
        for bad in ["", "a b", "a\u{1b}[31m", "a\n"] {
            assert!(directories.session_path(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn only_a_leading_tilde_is_the_home_directory() {
        assert!(expand_home("~/m.gguf").ends_with("/m.gguf") && !expand_home("~/m.gguf").starts_with('~'));
        for same in ["", "m~", "a/~/b", "~other/m", "/m"] {
            assert_eq!(expand_home(same), same);
        }
    }

    #[test]
    fn the_last_session_is_forgotten_when_it_is_gone() {
        let root = tempfile::tempdir().unwrap();
        let directories = at(root.path());
        assert_eq!(directories.last_session(), None);
        let path = directories.session_path("one").unwrap();
        Session::create(&path).unwrap();
        directories.remember_session(&path).unwrap();
        assert_eq!(directories.last_session(), Some(path.clone()));
        assert_eq!(directories.sessions().unwrap().len(), 1);
        std::fs::remove_dir_all(&path).unwrap();
        assert_eq!(directories.last_session(), None);
    }
}
