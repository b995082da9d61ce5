//! A model written for other programs: a GGUF file (llama.cpp and what is built on it), a Hugging Face directory
//! (transformers, vLLM), or a PEFT adapter.
//!
//! Tensors go from the opened files to the disk one at a time, an adapter merged on the way, so memory peaks at the largest
//! tensor. What is written appears whole or not at all. Not here: what training leaves behind (`train::output`), which
//! shares [`Companions`] and the header of [`safetensors`].
//!
//! | file | holds |
//! |---|---|
//! | `source`, `adapter` | what is exported: an opened model, with an adapter or without |
//! | `encoding` | how numbers are written; blocks of eight bits |
//! | `gguf` | GGUF: layout, hyperparameters, vocabulary |
//! | `directory` | Hugging Face directories in shards, PEFT adapters |
//! | `safetensors` | headers and data of safetensors files |
//! | `companions` | tokenizer files, `config.json` and the like beside the weights |
//! | `place` | files and directories that appear whole |

mod adapter;
mod companions;
mod directory;
mod encoding;
pub mod gguf;
mod place;
pub mod safetensors;
mod source;

#[cfg(test)]
mod tests;

use std::ops::ControlFlow;
use std::path::PathBuf;

pub use adapter::Adapter;
pub use companions::{COMPANIONS, Companions};
pub use directory::{write_adapter, write_directory};
pub use encoding::Encoding;
pub use source::Source;

use super::ModelError;

/// What can go wrong. Every message is one line: what, where, what to do.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    #[error(transparent)]
    Model(#[from] ModelError),

    #[error("{}: cannot be written: {source}", .path.display())]
    Io { path: PathBuf, source: std::io::Error },

    /// The place is taken, or is none.
    #[error("{}: {reason}", .path.display())]
    Place { path: PathBuf, reason: &'static str },

    #[error("{}: {reason}", .path.display())]
    Adapter { path: PathBuf, reason: String },

    /// The model cannot be said in this format.
    #[error("model `{model}`: {reason}")]
    Refused { model: String, reason: String },

    #[error("tensor `{name}` {reason}")]
    Tensor { name: String, reason: &'static str },

    #[error("`{0}` is no number format; there are f32, f16, bf16 and q8_0")]
    UnknownEncoding(String),

    #[error("stopped; nothing was written")]
    Stopped,
}

/// What came of an export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    pub path: PathBuf,
    /// Of the file, or of all files of the directory.
    pub bytes: u64,
    pub tensors: usize,
    pub parameters: usize,
    pub encoding: Encoding,
    /// What a person should know of it, a line each.
    pub notes: Vec<String>,
}

/// Bytes of tensors written so far, and in all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    pub done: u64,
    pub total: u64,
}

/// Is told of progress about every megabyte; `Break` ends the export with [`ExportError::Stopped`].
pub type Watch<'w> = &'w mut dyn FnMut(Progress) -> ControlFlow<()>;

/// Counts what is written and asks whether to go on.
struct Meter<'w> {
    watch: Watch<'w>,
    progress: Progress,
}

impl<'w> Meter<'w> {
    fn new(watch: Watch<'w>, total: u64) -> Self {
        Self { watch, progress: Progress { done: 0, total } }
    }

    fn add(&mut self, bytes: usize) -> Result<(), ExportError> {
        self.progress.done += bytes as u64;
        match (self.watch)(self.progress) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(ExportError::Stopped),
        }
    }
}
