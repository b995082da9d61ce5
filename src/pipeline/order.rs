//! What a generation is to do. Pure data; the form on the screen and the command line both fill it in.

use std::path::PathBuf;
use std::time::Duration;

use super::budget::Budget;
use crate::generate::batch::{BatchOptions, Dialect};
use crate::generate::http::{Endpoint, HttpOptions, OptionsError, Secret, SecretError};
use crate::model::ComputeChoice;
use crate::records::Sampling;

/// So many samples of one problem at most: more is a slip of the finger.
const MOST_SAMPLES: u32 = 1_000_000;

/// What is wrong with an order.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct OrderError(pub String);

/// Who writes for an order.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Writer {
    /// This process.
    #[default]
    Here,
    Servers(Servers),
    Batch(Batch),
}

/// Servers that write in the place of this process.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Servers {
    /// Addresses, such as `http://localhost:8000/v1`.
    pub endpoints: Vec<String>,
    /// A file with the key; left out, the environment is asked for one.
    pub key_file: Option<PathBuf>,
    /// Whether the key may go over plain http to another machine.
    pub allow_plain_key: bool,
    /// Most requests at once at each of them.
    pub most_in_flight: Option<usize>,
    /// Further fields of every request.
    pub extra: serde_json::Map<String, serde_json::Value>,
    /// What the session may use of them, all calls together.
    pub budget: Budget,
    /// A model whose template and tokenizer make the prompts here; left out, the servers make them.
    pub tokenizer: Option<String>,
    /// Whether they are asked how likely each turn was.
    pub logprobs: bool,
    /// Whether a person watches from the first turn on. Who comes later is told of what begins then.
    pub watched: bool,
    /// For a whole answer, from sending the request; left out, as [`HttpOptions`] has it.
    pub request_timeout: Option<Duration>,
}

impl Servers {
    /// Those whose addresses stand in a line with spaces between, as a form on the screen has them; `None` where none does.
    pub fn named(line: &str, key_file: Option<PathBuf>) -> Option<Self> {
        let endpoints: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        (!endpoints.is_empty()).then(|| Self { endpoints, key_file, watched: true, ..Self::default() })
    }

    /// Their key: that of the file, else that of the environment, if any.
    ///
    /// # Errors
    /// If the file cannot be read or is open to others, or what is found cannot be a key.
    pub fn key(&self) -> Result<Option<Secret>, SecretError> {
        match &self.key_file {
            Some(path) => Secret::from_file(path).map(Some),
            None => Secret::from_environment(),
        }
    }

    /// How they are asked, but for the model, what makes the prompts, and the sampling values. Asks nobody; without a key it says
    /// whether the addresses and the further fields can be meant.
    ///
    /// # Errors
    /// What is wrong first.
    pub fn options(&self, key: Option<Secret>) -> Result<HttpOptions, OptionsError> {
        let endpoint = |address: &String| -> Result<Endpoint, OptionsError> {
            let mut endpoint = Endpoint::new(address)?;
            endpoint.most_in_flight = self.most_in_flight;
            Ok(endpoint)
        };
        let usual = HttpOptions::default();
        let options = HttpOptions {
            endpoints: self.endpoints.iter().map(endpoint).collect::<Result<_, _>>()?,
            key,
            allow_plain: self.allow_plain_key,
            extra: self.extra.clone(),
            logprobs: self.logprobs,
            // A server that shares its cores with what it tells writes a little slower.
            streams: if self.watched { usual.streams } else { 0 },
            total_timeout: self.request_timeout.unwrap_or(usual.total_timeout),
            ..usual
        };
        options.check()?;
        Ok(options)
    }
}

/// A directory of requests that somebody else has answered between two calls, and of their answers.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    pub directory: PathBuf,
    /// Who answers it.
    pub dialect: Dialect,
    /// Further fields of every request.
    pub extra: serde_json::Map<String, serde_json::Value>,
}

impl Batch {
    /// How it is asked for a model.
    pub fn options(&self, model: &str, sampling: &Sampling) -> BatchOptions {
        BatchOptions {
            model: model.to_owned(),
            dialect: self.dialect,
            extra: self.extra.clone(),
            sampling: sampling.clone(),
        }
    }
}

/// What a generation is to do, as the form or the command line says it.
#[derive(Debug, Clone, PartialEq)]
pub struct GenerateOrder {
    /// Directory, `.gguf` file, or name; with servers, its name there, or nothing where they serve one only.
    pub model: String,
    /// Problem file; `None` takes the problems of the session.
    pub problems: Option<PathBuf>,
    /// The problems of the file are to be scored on: what is drawn for them is never trained on.
    pub held_out: bool,
    pub samples: u32,
    pub turns: usize,
    pub sampling: Sampling,
    pub limit: Option<usize>,
    pub seed: u64,
    /// Overrides the first prompt's template (Jinja, `{{ problem }}`), when the person edited it.
    pub prompt: Option<String>,
    /// Name of the strategy policy; `None` is the default one.
    pub policy: Option<String>,
    pub slots: Option<usize>,
    /// How to compute, resolved when the model is loaded.
    pub compute: ComputeChoice,
    /// Whether to guess at next tokens where that saves steps; no token depends on it.
    pub lookup: bool,
    pub writer: Writer,
}

impl Default for GenerateOrder {
    /// One dialogue of two turns for each problem of the session, in this process; the model is still to be named.
    fn default() -> Self {
        Self {
            model: String::new(),
            problems: None,
            held_out: false,
            samples: 1,
            turns: 2,
            sampling: Sampling::default(),
            limit: None,
            seed: 0,
            prompt: None,
            policy: None,
            slots: None,
            compute: ComputeChoice::Auto,
            lookup: true,
            writer: Writer::Here,
        }
    }
}

impl GenerateOrder {
    /// Whether it can be done at all; looked at before anything is opened or made.
    pub fn check(&self) -> Result<(), OrderError> {
        let wrong = |text: String| Err(OrderError(text));
        match (self.samples, self.limit) {
            (0, _) => return wrong("0 samples: nothing to do; ask for at least 1".into()),
            (samples, _) if samples > MOST_SAMPLES => {
                return wrong(format!("{samples} samples a problem: {MOST_SAMPLES} at most"));
            }
            (_, Some(0)) => return wrong("a limit of 0 problems leaves nothing to do; ask for at least 1".into()),
            _ => self.sampling.validate().map_err(OrderError)?,
        }
        match &self.writer {
            Writer::Here => Ok(()),
            Writer::Servers(servers) => {
                servers.budget.check().map_err(|error| OrderError(error.to_string()))?;
                servers.options(None).map(drop).map_err(|error| OrderError(error.to_string()))
            }
            Writer::Batch(batch) => {
                batch.options(&self.model, &self.sampling).check().map_err(|error| OrderError(error.to_string()))
            }
        }
    }

    /// Who writes, in a few words: the model, and where it is asked.
    pub fn written_by(&self) -> String {
        let at = match &self.writer {
            Writer::Here => return self.model.clone(),
            Writer::Servers(servers) => servers.endpoints.join(", "),
            Writer::Batch(batch) => batch.directory.display().to_string(),
        };
        if self.model.is_empty() { at } else { format!("{} at {at}", self.model) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(writer: Writer) -> GenerateOrder {
        GenerateOrder { writer, ..GenerateOrder::default() }
    }

    fn asking(servers: Option<Servers>) -> GenerateOrder {
        order(Writer::Servers(servers.unwrap()))
    }

    #[test]
    fn servers_are_named_in_a_line() {
        assert_eq!(Servers::named(" \t ", None), None);
        let servers = Servers::named(" http://a:1  https://b/v1 ", None).unwrap();
        assert_eq!(servers.endpoints, ["http://a:1", "https://b/v1"]);
        let minute = Some(Duration::from_secs(60));
        let two = Servers { most_in_flight: Some(3), logprobs: true, request_timeout: minute, ..servers.clone() };
        let options = two.options(None).unwrap();
        assert_eq!(options.endpoints.iter().map(Endpoint::url).collect::<Vec<_>>(), ["http://a:1/v1", "https://b/v1"]);
        assert!(options.endpoints.iter().all(|endpoint| endpoint.most_in_flight == Some(3)));
        assert_eq!((options.logprobs, options.model, Some(options.total_timeout)), (true, None, minute));
        assert_eq!(servers.options(None).unwrap().total_timeout, HttpOptions::default().total_timeout);
        let streams = |watched| Servers { watched, ..servers.clone() }.options(None).unwrap().streams;
        assert_eq!((streams(true), streams(false)), (1, 0));
        let mut of = order(Writer::Servers(servers));
        assert_eq!(of.written_by(), "http://a:1, https://b/v1");
        of.model = "m".into();
        assert_eq!((of.written_by(), order(Writer::Here).check()), ("m at http://a:1, https://b/v1".into(), Ok(())));
    }

    #[test]
    fn what_cannot_be_asked_is_found_before_anybody_is() {
        for (line, says) in [("ftp://x", "ftp://x: not an address"), ("http://x http://x/v1/", "given twice")] {
            let error = asking(Servers::named(line, None)).check().unwrap_err().to_string();
            assert!(error.contains(says), "{line}: {error}");
        }
        let servers = Servers::named("http://far:8000", None).unwrap();
        let key = || Some(Secret::new("sk-secret", "test").unwrap());
        let error = servers.options(key()).unwrap_err().to_string();
        assert!(error.contains("plain http") && !error.contains("sk-secret"), "{error}");
        assert!(Servers { allow_plain_key: true, ..servers }.options(key()).is_ok());
        let extra = serde_json::json!({"top_p": 1}).as_object().unwrap().clone();
        let servers = Servers { extra, ..Servers::named("http://x", None).unwrap() };
        assert!(order(Writer::Servers(servers)).check().unwrap_err().to_string().contains("extra field `top_p`"));
    }

    #[test]
    fn a_budget_that_cannot_be_kept_to_is_refused() {
        let mut servers = Servers::named("http://x", None).unwrap();
        servers.budget.cost = Some(0.5);
        let error = asking(Some(servers.clone())).check().unwrap_err().to_string();
        assert!(error.contains("needs a price"), "{error}");
        servers.budget.price = "0.1".parse().ok();
        assert_eq!(asking(Some(servers)).check(), Ok(()));
    }

    #[test]
    fn a_key_comes_from_its_file() {
        let nowhere = Some(PathBuf::from("/no/such/key"));
        let error = Servers::named("http://x", nowhere).unwrap().key().unwrap_err().to_string();
        assert!(error.starts_with("/no/such/key: no key can be read here"), "{error}");
    }
}
