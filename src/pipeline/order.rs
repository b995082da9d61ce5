//! What a generation is to do. Pure data; the form on the screen and the command line both fill it in.

use std::path::PathBuf;

use crate::model::ComputeChoice;
use crate::records::Sampling;

/// What a generation is to do, as the form or the command line says it.
#[derive(Debug, Clone, PartialEq)]
pub struct GenerateOrder {
    /// Directory, `.gguf` file, or name.
    pub model: String,
    /// Problem file; `None` takes the problems of the session.
    pub problems: Option<PathBuf>,
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
}
