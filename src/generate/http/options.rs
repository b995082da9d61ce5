//! What a pool of servers is asked with, and whether it may be.

use std::time::Duration;

use reqwest::Url;
use serde_json::{Map, Value};

use super::body::OWN_FIELDS;
use super::prompts::Prompts;
use crate::net::{Secret, is_of_this_machine};
use crate::records::Sampling;

/// Requests at once that a server begins with which does not tell its slots.
pub const FIRST_IN_FLIGHT: usize = 4;
/// Requests at once that it may come to where nothing else was said.
pub const MOST_IN_FLIGHT: usize = 64;
/// No server is given more at once, whatever it tells.
pub const MOST_SLOTS: usize = 4096;

/// Fields that say how a server is to render a chat.
const TEMPLATE_FIELDS: [&str; 3] = ["chat_template_kwargs", "chat_template", "add_special_tokens"];

/// What is wrong with what was asked for. An address is repeated only where it can hold no password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OptionsError {
    #[error("{0}: not an address of a server; write it like http://localhost:8000/v1")]
    NotAnAddress(String),
    #[error("an address holds a user name or password; take it out and give the key by CRIBBLE_API_KEY or a key file")]
    Password,
    #[error("{0}: an address ends before `?` and `#`; take those out")]
    Query(String),
    #[error("no server to ask; give --endpoint URL")]
    None,
    #[error("{0}: given twice; each server is asked once")]
    Twice(String),
    #[error("{0}: the key would be sent over plain http to another machine; use https or an ssh tunnel, or allow it")]
    PlainKey(String),
    #[error("extra field `{0}`: it is decided by the sampling values and options; leave it out")]
    OwnField(String),
    #[error(
        "extra field `{0}`: with --tokenizer prompts are rendered here, and no server would see it; leave one of the two out"
    )]
    RenderedHere(String),
    #[error("{0}: must be more than 0")]
    Zero(&'static str),
}

/// One server of a pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// The root of its routes, such as `http://localhost:8000/v1`, without a slash at the end.
    url: String,
    /// Most requests at once, 1 or more. `None`: as many as it has slots, where it tells; else it is found out, up to 64.
    pub most_in_flight: Option<usize>,
}

impl Endpoint {
    /// Takes the address that other clients call the base URL: `http://host:8000/v1`. The `/v1` may be left out where
    /// nothing follows the host.
    ///
    /// # Errors
    /// If it is no http or https address, or holds a password, a query or a fragment.
    pub fn new(text: &str) -> Result<Self, OptionsError> {
        let text = text.trim();
        let shown = || if text.contains('@') { "an address".to_owned() } else { super::failure::cut(text) };
        let url = Url::parse(text).map_err(|_| OptionsError::NotAnAddress(shown()))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(OptionsError::Password);
        }
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none_or(str::is_empty) {
            return Err(OptionsError::NotAnAddress(shown()));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(OptionsError::Query(shown()));
        }
        let root = url.as_str().trim_end_matches('/');
        let route = ["/chat/completions", "/completions"].into_iter().find_map(|route| root.strip_suffix(route));
        let root = route.unwrap_or(root).trim_end_matches('/');
        let bare = url.path().trim_matches('/').is_empty();
        let url = if bare { format!("{root}/v1") } else { root.to_owned() };
        Ok(Self { url, most_in_flight: None })
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// The address of one of its routes, such as `chat/completions`.
    pub(super) fn route(&self, route: &str) -> String {
        format!("{}/{route}", self.url)
    }

    /// The address of a route that stands beside `/v1`, such as `health`.
    pub(super) fn root_route(&self, route: &str) -> String {
        format!("{}/{route}", self.url.strip_suffix("/v1").unwrap_or(&self.url))
    }

    pub(super) fn is_encrypted(&self) -> bool {
        self.url.starts_with("https://")
    }

    /// Whether what is sent there leaves this machine.
    fn leaves_the_machine(&self) -> bool {
        !Url::parse(&self.url).is_ok_and(|url| is_of_this_machine(&url))
    }
}

/// How long is waited before something is tried again.
#[derive(Debug, Clone, PartialEq)]
pub struct Pace {
    /// The longest first pause before a request is sent again; each further one may be twice as long.
    pub first_pause: Duration,
    pub longest_pause: Duration,
    /// Failures in a row after which a server rests.
    pub failures: u32,
    /// Its first rest; each further one is twice as long.
    pub first_rest: Duration,
    pub longest_rest: Duration,
    /// So long every server may be sick before the work is given up.
    pub patience: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            first_pause: Duration::from_millis(500),
            longest_pause: Duration::from_secs(30),
            failures: 5,
            first_rest: Duration::from_secs(1),
            longest_rest: Duration::from_secs(60),
            patience: Duration::from_secs(300),
        }
    }
}

/// How a pool of servers is asked.
#[derive(Debug, Clone)]
pub struct HttpOptions {
    pub endpoints: Vec<Endpoint>,
    /// The model's name at the servers; `None` takes the only one that they have.
    pub model: Option<String>,
    pub key: Option<Secret>,
    /// Whether the key may go over plain http to other machines.
    pub allow_plain: bool,
    /// For a connection to stand.
    pub connect_timeout: Duration,
    /// For a whole answer, from sending the request.
    pub total_timeout: Duration,
    /// Between two pieces of an answer that has begun. An answer that is not streamed begins when it is written, so
    /// until then only the total counts.
    pub idle_timeout: Duration,
    /// How often a request is sent again after the first try.
    pub retries: u32,
    /// So many requests at once are streamed, for a person to watch, and the dialogue that is looked at; while one is, at
    /// least one beside it. The others come whole. A server that shares its cores with its own wake-ups writes slower the
    /// more it streams.
    pub streams: usize,
    pub prompts: Prompts,
    /// Whether to ask for the log probability of each turn. What is written does not depend on it.
    pub logprobs: bool,
    /// Further fields of every request's body, such as `chat_template_kwargs`. They are part of the identity.
    pub extra: Map<String, Value>,
    /// What `render` shows a request with; requests bring their own.
    pub sampling: Sampling,
    pub pace: Pace,
}

impl Default for HttpOptions {
    fn default() -> Self {
        Self {
            endpoints: Vec::new(),
            model: None,
            key: None,
            allow_plain: false,
            connect_timeout: Duration::from_secs(10),
            total_timeout: Duration::from_secs(600),
            idle_timeout: Duration::from_secs(60),
            retries: 6,
            streams: 1,
            prompts: Prompts::Chat,
            logprobs: false,
            extra: Map::new(),
            sampling: Sampling::default(),
            pace: Pace::default(),
        }
    }
}

impl HttpOptions {
    /// Options for these addresses, the rest as usual.
    ///
    /// # Errors
    /// If one of them is none.
    pub fn for_addresses<'a>(addresses: impl IntoIterator<Item = &'a str>) -> Result<Self, OptionsError> {
        let endpoints = addresses.into_iter().map(Endpoint::new).collect::<Result<_, _>>()?;
        Ok(Self { endpoints, ..Self::default() })
    }

    /// Whether servers may be asked so.
    ///
    /// # Errors
    /// Says what is wrong first.
    pub fn check(&self) -> Result<(), OptionsError> {
        if self.endpoints.is_empty() {
            return Err(OptionsError::None);
        }
        for (index, endpoint) in self.endpoints.iter().enumerate() {
            if self.endpoints[..index].iter().any(|before| before.url == endpoint.url) {
                return Err(OptionsError::Twice(endpoint.url.clone()));
            }
            if endpoint.most_in_flight == Some(0) {
                return Err(OptionsError::Zero("requests at once"));
            }
            let plain = !endpoint.is_encrypted() && endpoint.leaves_the_machine();
            if self.key.is_some() && plain && !self.allow_plain {
                return Err(OptionsError::PlainKey(endpoint.url.clone()));
            }
        }
        if let Some(name) = self.extra.keys().find(|name| OWN_FIELDS.contains(&name.as_str())) {
            return Err(OptionsError::OwnField(name.clone()));
        }
        let is_of_a_template = |name: &&String| TEMPLATE_FIELDS.contains(&name.as_str());
        if matches!(self.prompts, Prompts::Tokens(_))
            && let Some(name) = self.extra.keys().find(is_of_a_template)
        {
            return Err(OptionsError::RenderedHere(name.clone()));
        }
        let limits = [
            (self.connect_timeout, "connect timeout"),
            (self.total_timeout, "total timeout"),
            (self.idle_timeout, "idle timeout"),
        ];
        match limits.into_iter().find(|(limit, _)| limit.is_zero()) {
            Some((_, name)) => Err(OptionsError::Zero(name)),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::PromptTokens;
    use super::*;
    use crate::model::MICRO;

    #[test]
    fn addresses_come_in_many_forms() {
        for (given, url) in [
            ("http://localhost:8000", "http://localhost:8000/v1"),
            (" http://localhost:8000/ ", "http://localhost:8000/v1"),
            ("http://localhost:8000/v1", "http://localhost:8000/v1"),
            ("https://host/openai/v1/", "https://host/openai/v1"),
            ("https://host/v1beta/openai/", "https://host/v1beta/openai"),
            ("http://[::1]:80/v1/chat/completions", "http://[::1]/v1"),
            ("http://localhost:8000/v1/completions/", "http://localhost:8000/v1"),
        ] {
            assert_eq!(Endpoint::new(given).unwrap().url(), url, "{given}");
        }
        let endpoint = Endpoint::new("http://host/v1").unwrap();
        assert_eq!(endpoint.route("models"), "http://host/v1/models");
        assert_eq!(endpoint.root_route("health"), "http://host/health");
    }

    #[test]
    fn what_is_no_address_is_refused_and_passwords_are_not_repeated() {
        for text in ["", "localhost:8000", "ftp://host/", "file:///etc/passwd", "http://", "http://host:99999", "a b"] {
            assert!(matches!(Endpoint::new(text), Err(OptionsError::NotAnAddress(_))), "{text}");
        }
        for text in
            ["http://me:hunter2@host/", "http://me@host/v1", "ftp://me:hunter2@host", "http://me:hunter2@ho st/"]
        {
            let error = Endpoint::new(text).unwrap_err().to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
        assert!(matches!(Endpoint::new("http://host/v1?api_key=1"), Err(OptionsError::Query(_))));
    }

    #[test]
    fn a_key_leaves_the_machine_encrypted_only() {
        let options = |address: &str| HttpOptions {
            key: Some(Secret::new("k", "test").unwrap()),
            ..HttpOptions::for_addresses([address]).unwrap()
        };
        for address in ["http://localhost:1", "http://127.0.0.1:1", "http://[::1]:1", "http://a.localhost", "https://h"]
        {
            assert_eq!(options(address).check(), Ok(()), "{address}");
        }
        for address in ["http://host", "http://10.0.0.1", "http://localhost.evil.org", "http://[::2]", "http://0.0.0.0"]
        {
            assert!(matches!(options(address).check(), Err(OptionsError::PlainKey(_))), "{address}");
            assert_eq!(HttpOptions { allow_plain: true, ..options(address) }.check(), Ok(()));
            assert_eq!(HttpOptions { key: None, ..options(address) }.check(), Ok(()));
        }
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        assert_eq!(HttpOptions::default().check(), Err(OptionsError::None));
        let twice = HttpOptions::for_addresses(["http://h", "http://h/v1/"]).unwrap();
        assert!(matches!(twice.check(), Err(OptionsError::Twice(_))));
        let one = HttpOptions::for_addresses(["http://h"]).unwrap();
        let extra = serde_json::json!({"chat_template_kwargs": {}, "top_p": 1}).as_object().unwrap().clone();
        let error = HttpOptions { extra, ..one.clone() }.check();
        assert_eq!(error, Err(OptionsError::OwnField("top_p".into())));
        let extra = serde_json::json!({"prompt": "x"}).as_object().unwrap().clone();
        assert_eq!(HttpOptions { extra, ..one.clone() }.check(), Err(OptionsError::OwnField("prompt".into())));
        let tokens = Prompts::Tokens(Box::new(PromptTokens::open(MICRO).unwrap()));
        for name in TEMPLATE_FIELDS {
            let extra: Map<String, Value> = [(name.to_owned(), true.into())].into_iter().collect();
            let chat = HttpOptions { extra, ..one.clone() };
            assert_eq!(chat.check(), Ok(()));
            let rendered = HttpOptions { prompts: tokens.clone(), ..chat }.check();
            assert_eq!(rendered, Err(OptionsError::RenderedHere(name.into())));
        }
        let hasty = HttpOptions { idle_timeout: Duration::ZERO, ..one };
        assert_eq!(hasty.check(), Err(OptionsError::Zero("idle timeout")));
        let mut idle = HttpOptions::for_addresses(["http://localhost:8000"]).unwrap();
        idle.endpoints[0].most_in_flight = Some(0);
        assert_eq!(idle.check(), Err(OptionsError::Zero("requests at once")), "it would never be asked");
    }
}
