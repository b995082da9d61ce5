//! A key to a server: kept out of every line that is printed, logged or stored.

use std::ffi::OsString;
use std::fmt;
use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::path::Path;

use reqwest::header::HeaderValue;

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
pub struct Secret {
    text: String,
    /// Marked as sensitive.
    bearer: HeaderValue,
}

impl Secret {
    /// `place` is where it was found, for the error.
    ///
    /// # Errors
    /// If it could not be sent in a header: empty, too long, or with anything but visible ASCII.
    pub fn new(text: &str, place: &str) -> Result<Self, SecretError> {
        let not_a_key = || SecretError::NotAKey { place: place.to_owned() };
        let text = text.trim();
        let fine = !text.is_empty() && text.len() <= LONGEST && text.bytes().all(|byte| byte.is_ascii_graphic());
        if !fine {
            return Err(not_a_key());
        }
        let mut bearer = HeaderValue::from_str(&format!("Bearer {text}")).map_err(|_| not_a_key())?;
        bearer.set_sensitive(true);
        Ok(Self { text: text.to_owned(), bearer })
    }

    /// The key that the first of these variables holds that holds anything. An empty one counts as none.
    ///
    /// # Errors
    /// If it holds what cannot be a key.
    pub fn from_variables(
        names: &[&str],
        look: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Option<Self>, SecretError> {
        let found = names.iter().find_map(|name| {
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
        let bytes = contents(path, |metadata| is_private(path, metadata))?;
        match std::str::from_utf8(&bytes) {
            Ok(text) => Self::new(text, &shown(path)),
            Err(_) => Err(SecretError::NotAKey { place: shown(path) }),
        }
    }

    /// The key that another program keeps in a file of its own making, whoever else may read that; `None` where nothing is in it.
    ///
    /// # Errors
    /// If it cannot be read, or holds what cannot be a key.
    pub fn from_file_of_others(path: &Path) -> Result<Option<Self>, SecretError> {
        let bytes = contents(path, |_| Ok(()))?;
        let text = std::str::from_utf8(&bytes)
            .map_err(|error| unreadable(path, io::Error::new(io::ErrorKind::InvalidData, error)))?;
        if text.trim().is_empty() { Ok(None) } else { Self::new(text, &shown(path)).map(Some) }
    }

    /// The value of the one header that carries it.
    pub fn bearer(&self) -> HeaderValue {
        self.bearer.clone()
    }

    #[cfg(test)]
    pub(crate) fn reveal(&self) -> &str {
        &self.text
    }

    /// The text with the key veiled wherever it stands: some servers repeat a key that they refuse.
    pub(crate) fn veil(&self, text: &str) -> String {
        let text = text.replace(&self.text, VEILED);
        // Words that were cut may end in the middle of it.
        let Some(words) = text.strip_suffix('…') else { return text };
        let begun = (TELLING..=self.text.len()).rev().find(|&part| words.ends_with(&self.text[..part]));
        begun.map_or_else(|| text.clone(), |part| format!("{}{VEILED}…", &words[..words.len() - part]))
    }
}

/// The beginning of a file, which is more than any key, after a look at whose it is.
fn contents(path: &Path, check: impl Fn(&Metadata) -> Result<(), SecretError>) -> Result<Vec<u8>, SecretError> {
    let no_file = || unreadable(path, io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
    let failed = |error| unreadable(path, error);
    // A pipe would be waited for at its opening.
    if !std::fs::metadata(path).map_err(failed)?.is_file() {
        return Err(no_file());
    }
    let file = File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    check(&metadata)?;
    if !metadata.is_file() {
        return Err(no_file());
    }
    let mut bytes = Vec::new();
    file.take(LONGEST as u64 + 3).read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

#[cfg(unix)]
fn is_private(path: &Path, metadata: &Metadata) -> Result<(), SecretError> {
    use std::os::unix::fs::PermissionsExt;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 == 0 { Ok(()) } else { Err(SecretError::Open { path: shown(path), mode }) }
}

#[cfg(not(unix))]
fn is_private(_: &Path, _: &Metadata) -> Result<(), SecretError> {
    Ok(())
}

fn unreadable(path: &Path, source: io::Error) -> SecretError {
    SecretError::Unreadable { path: shown(path), source }
}

fn shown(path: &Path) -> String {
    path.display().to_string()
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
        assert_eq!(key.bearer().to_str().unwrap(), "Bearer sk-very-secret");
        assert!(key.bearer().is_sensitive() && !format!("{:?}", key.bearer()).contains("secret"));
    }

    #[test]
    fn what_cannot_be_a_key_is_refused_without_being_repeated() {
        for text in ["", "  \n", "two\nlines", "two words", "schlüssel", &"x".repeat(LONGEST + 1)] {
            let error = Secret::new(text, "K").unwrap_err().to_string();
            assert!(error.starts_with("K: ") && (text.trim().is_empty() || !error.contains(text)), "{error}");
        }
    }

    #[test]
    fn the_first_variable_that_holds_anything_counts() {
        let of = |table: &[(&str, &str)]| {
            let look = |name: &str| table.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).into());
            Secret::from_variables(&["MINE", "GENERAL"], look)
        };
        assert_eq!(of(&[("GENERAL", "general"), ("MINE", "mine")]).unwrap().unwrap().reveal(), "mine");
        assert_eq!(of(&[("GENERAL", "general"), ("MINE", "")]).unwrap().unwrap().reveal(), "general");
        assert_eq!(of(&[("OTHER", "other")]).unwrap(), None);
        let error = of(&[("GENERAL", "a b")]).unwrap_err().to_string();
        assert!(error.starts_with("GENERAL: ") && !error.contains("a b"), "{error}");
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
    fn a_file_of_another_program_may_be_empty_and_is_read_whoever_may_read_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        let read = |content: &[u8]| {
            std::fs::write(&path, content).unwrap();
            Secret::from_file_of_others(&path)
        };
        assert_eq!(read(b"hf_token\n").unwrap().unwrap().reveal(), "hf_token");
        assert_eq!(read(b" \n").unwrap(), None);
        assert!(matches!(read(b"two words"), Err(SecretError::NotAKey { .. })));
        assert!(matches!(read(&[b'x'; 1 << 16]), Err(SecretError::NotAKey { .. })));
        assert!(matches!(read(b"\xff\xfe"), Err(SecretError::Unreadable { .. })));
        assert!(matches!(Secret::from_file_of_others(dir.path()), Err(SecretError::Unreadable { .. })));
    }

    #[test]
    fn a_key_that_was_cut_is_veiled_too() {
        let key = Secret::new("sk-0123456789", "test").unwrap();
        assert_eq!(key.veil("no: sk-0123456789 is bad"), "no: *** is bad");
        assert_eq!(key.veil("no: sk-01234…"), "no: ***…");
        assert_eq!(key.veil("three words…"), "three words…", "a few letters tell nothing");
    }
}
