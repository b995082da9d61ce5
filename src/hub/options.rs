//! Where the Hub is, where its files are kept here and who asks: the variables that `huggingface_hub` knows.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::Url;

use super::HubError;
use super::error::shown;
use crate::config::expand_home;
use crate::net::{Secret, SecretError};

const PUBLIC: &str = "https://huggingface.co";
/// Where a token is looked for, in this order.
const TOKEN_VARIABLES: [&str; 2] = ["HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"];
/// The longest waits where the cache has an answer too.
const HASTY_CONNECT: Duration = Duration::from_secs(3);
const HASTY_IDLE: Duration = Duration::from_secs(10);

/// How patient it is.
#[derive(Debug, Clone)]
pub struct Pace {
    /// Failures one after another, without a byte between them, until it gives up.
    pub tries: u32,
    /// Before the first new attempt; twice as long before each further one.
    pub first_wait: Duration,
    pub connect: Duration,
    /// Without a byte for so long, a connection is taken for dead.
    pub idle: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            tries: 5,
            first_wait: Duration::from_millis(500),
            connect: Duration::from_secs(15),
            idle: Duration::from_secs(30),
        }
    }
}

impl Pace {
    /// For a question that the cache has an answer to as well.
    pub(super) fn hasty(&self) -> Self {
        Self { tries: 0, connect: self.connect.min(HASTY_CONNECT), idle: self.idle.min(HASTY_IDLE), ..self.clone() }
    }
}

#[derive(Debug, Clone)]
pub struct Options {
    /// The directory with `models--org--name` in it.
    pub cache: PathBuf,
    /// `https://huggingface.co`, or another that answers like it.
    pub endpoint: String,
    /// The Hub sees it and nobody else.
    pub token: Option<Secret>,
    /// Nothing is asked; what is in the cache must do.
    pub offline: bool,
    pub pace: Pace,
    /// Bytes of the disk that stay free.
    pub spare: u64,
}

impl Options {
    /// The public Hub, without a token.
    pub fn new(cache: impl Into<PathBuf>) -> Self {
        Self {
            cache: cache.into(),
            endpoint: PUBLIC.to_owned(),
            token: None,
            offline: false,
            pace: Pace::default(),
            spare: 64 << 20,
        }
    }

    /// As the environment says.
    ///
    /// # Errors
    /// If it names no usable place, address or token.
    pub fn from_environment() -> Result<Self, HubError> {
        Self::from_variables(|name| std::env::var_os(name))
    }

    /// As [`Options::from_environment`], from any table of variables. An empty variable counts as none.
    ///
    /// # Errors
    /// If it names no usable place, address or token.
    pub fn from_variables(look: impl Fn(&str) -> Option<OsString>) -> Result<Self, HubError> {
        let set = |name: &str| look(name).filter(|value| !value.is_empty());
        let text = |name: &str| set(name).map(|value| value.to_string_lossy().into_owned());
        let path = |name: &str| set(name).map(expanded);
        let home = match path("HF_HOME") {
            Some(home) => Some(home),
            None => path("XDG_CACHE_HOME")
                .or_else(|| Some(user_home(&set)?.join(".cache")))
                .map(|dir| dir.join("huggingface")),
        };
        let cache = path("HF_HUB_CACHE")
            .or_else(|| path("HUGGINGFACE_HUB_CACHE"))
            .or_else(|| Some(home.as_ref()?.join("hub")))
            .ok_or(HubError::NoHome)?;
        let token = match Secret::from_variables(&TOKEN_VARIABLES, &look).map_err(bad_token)? {
            Some(token) => Some(token),
            None => match path("HF_TOKEN_PATH").or_else(|| Some(home?.join("token"))) {
                Some(path) => stored(&path)?,
                None => None,
            },
        };
        let on = |name: &str| {
            text(name).is_some_and(|value| ["1", "ON", "YES", "TRUE"].contains(&value.to_ascii_uppercase().as_str()))
        };
        Ok(Self {
            endpoint: text("HF_ENDPOINT").unwrap_or_else(|| PUBLIC.to_owned()),
            token,
            offline: on("HF_HUB_OFFLINE") || on("TRANSFORMERS_OFFLINE"),
            ..Self::new(cache)
        })
    }

    /// The address, checked.
    pub(super) fn address(&self) -> Result<Url, HubError> {
        let wrong = || HubError::Endpoint { text: shown(&self.endpoint) };
        let url = Url::parse(self.endpoint.trim()).map_err(|_| {
            // What is no address may hold anything, a password too.
            HubError::Endpoint { text: "…".to_owned() }
        })?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(HubError::Endpoint { text: "…".to_owned() });
        }
        let plain = matches!(url.scheme(), "http" | "https") && url.query().is_none() && url.fragment().is_none();
        if plain && url.has_host() { Ok(url) } else { Err(wrong()) }
    }
}

fn user_home(set: &impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let known = || directories::BaseDirs::new().map(|dirs| dirs.home_dir().to_path_buf());
    set("HOME").map(PathBuf::from).or_else(known)
}

/// `~/` is the home directory in these variables too.
fn expanded(value: OsString) -> PathBuf {
    match value.to_str() {
        Some(text) => expand_home(text).into(),
        None => value.into(),
    }
}

/// The token that `hf auth login` has left, if any.
fn stored(path: &Path) -> Result<Option<Secret>, HubError> {
    if !path.is_file() {
        return Ok(None);
    }
    match Secret::from_file_of_others(path) {
        Ok(token) => Ok(token),
        // Public repositories need none.
        Err(SecretError::Unreadable { path, source }) => {
            tracing::warn!("{path}: the token cannot be read ({source}); going on without one");
            Ok(None)
        }
        Err(error) => Err(bad_token(error)),
    }
}

fn bad_token(error: SecretError) -> HubError {
    let (SecretError::NotAKey { place }
    | SecretError::Open { path: place, .. }
    | SecretError::Unreadable { path: place, .. }) = error;
    HubError::BadToken { place }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(table: &[(&str, &str)]) -> Result<Options, HubError> {
        Options::from_variables(|name| table.iter().find(|(key, _)| *key == name).map(|(_, value)| value.into()))
    }

    #[test]
    fn the_cache_is_where_other_programs_have_it() {
        let cache = |table: &[(&str, &str)]| read(table).unwrap().cache;
        assert_eq!(cache(&[("HOME", "/none")]), Path::new("/none/.cache/huggingface/hub"));
        assert_eq!(cache(&[("HOME", "/none"), ("XDG_CACHE_HOME", "/x")]), Path::new("/x/huggingface/hub"));
        assert_eq!(cache(&[("HOME", "/none"), ("HF_HOME", "/h")]), Path::new("/h/hub"));
        assert_eq!(cache(&[("HF_HOME", "/h"), ("HF_HUB_CACHE", "/c")]), Path::new("/c"));
        assert_eq!(cache(&[("HF_HOME", "/h"), ("HF_HUB_CACHE", "")]), Path::new("/h/hub"));
    }

    #[test]
    fn the_token_comes_from_a_variable_or_from_its_file() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("token"), "hf_stored\n").unwrap();
        let home = dir.path().to_str().unwrap();
        let token = |table: &[(&str, &str)]| read(table).unwrap().token.map(|token| token.reveal().to_owned());
        assert_eq!(token(&[("HF_HOME", home)]).as_deref(), Some("hf_stored"));
        assert_eq!(token(&[("HF_HOME", home), ("HF_TOKEN", "hf_given")]).as_deref(), Some("hf_given"));
        let elsewhere = dir.path().join("other");
        std::fs::write(&elsewhere, "hf_other").unwrap();
        let other = elsewhere.to_str().unwrap();
        assert_eq!(token(&[("HF_HOME", home), ("HF_TOKEN_PATH", other)]).as_deref(), Some("hf_other"));
        assert_eq!(token(&[("HF_HOME", "/none")]), None);
    }

    #[test]
    fn a_token_is_never_shown() {
        let options = read(&[("HF_HOME", "/none"), ("HF_TOKEN", "hf_secret")]).unwrap();
        assert!(!format!("{options:?}").contains("hf_secret"));
        let error = read(&[("HF_HOME", "/none"), ("HF_TOKEN", "hf_secret with space")]).unwrap_err();
        assert!(error.to_string().starts_with("HF_TOKEN:") && !error.to_string().contains("secret"));
    }

    #[test]
    fn haste_shortens_waits_and_lengthens_none() {
        let hasty = Pace::default().hasty();
        assert_eq!((hasty.tries, hasty.connect, hasty.idle), (0, HASTY_CONNECT, HASTY_IDLE));
        let quick = Pace { connect: Duration::from_millis(5), idle: Duration::from_millis(7), ..Pace::default() };
        assert_eq!((quick.hasty().connect, quick.hasty().idle), (quick.connect, quick.idle));
    }

    #[test]
    fn offline_is_a_switch_and_the_endpoint_an_address() {
        for (value, offline) in [("1", true), ("true", true), ("0", false), ("", false)] {
            assert_eq!(read(&[("HF_HOME", "/h"), ("HF_HUB_OFFLINE", value)]).unwrap().offline, offline);
        }
        let address = |text: &str| read(&[("HF_HOME", "/h"), ("HF_ENDPOINT", text)]).unwrap().address();
        assert!(address("https://mirror.example/hf/").is_ok() && address("http://127.0.0.1:80").is_ok());
        for bad in ["mirror", "ftp://x", "https://x/?a=b", "file:///etc", "https://me:pass@x"] {
            let error = address(bad).unwrap_err().to_string();
            assert!(!error.contains("pass"), "{error}");
        }
    }
}
