//! What a generation is to do. Pure data; the form on the screen and the command line both fill it in.

use std::path::PathBuf;

use crate::model::ComputeChoice;
use crate::records::Sampling;

/// So many samples of one problem at most: more is a slip of the finger.
const MOST_SAMPLES: u32 = 1_000_000;

/// What is wrong with an order.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct OrderError(pub String);

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
    /// When so many tokens are counted, prompts and answers, no request is begun any more.
    pub most_tokens: Option<u64>,
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
    pub servers: Option<Servers>,
}

impl GenerateOrder {
    /// Whether it can be done at all; looked at before anything is opened or made.
    pub fn check(&self) -> Result<(), OrderError> {
        let wrong = |text: String| Err(OrderError(text));
        match (self.samples, self.limit) {
            (0, _) => wrong("0 samples: nothing to do; ask for at least 1".into()),
            (samples, _) if samples > MOST_SAMPLES => {
                wrong(format!("{samples} samples a problem: {MOST_SAMPLES} at most"))
            }
            (_, Some(0)) => wrong("a limit of 0 problems leaves nothing to do; ask for at least 1".into()),
            _ => self.sampling.validate().map_err(OrderError),
        }
    }
}
