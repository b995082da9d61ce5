//! Training by a program of another make: TRL, axolotl, or whatever command a person names, here or behind a launcher
//! (`accelerate launch`, `torchrun`, `sbatch`, `ssh`).
//!
//! What is trained and how is said by the same settings as a training here. The trainer gets data and configuration in its own
//! format, is started, stopped and gone on with, and what it records is turned into the record of a run, so that everything that
//! shows runs shows these. Which chains are learnt from is the caller's business, and so are locks and screens.
//!
//! | file | holds |
//! |---|---|
//! | `settings` | which trainer, behind which launcher |
//! | `template` | command and launcher as words; quoting for a POSIX shell |
//! | `config` | the settings as the trainers write them |
//! | `files` | the folder of a run: data, configuration, what must not change |
//! | `process` | a trainer at work: started, found again, signalled |
//! | `log` | what it prints, and why it failed |
//! | `follow` | its metrics, as lines of the run's record |
//! | `output` | its checkpoints, and what it left at the end as a model |
//! | `run` | all of it, from start to end |

mod config;
mod files;
mod follow;
mod log;
mod output;
mod process;
mod run;
mod settings;
pub mod template;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

pub use files::{Data, Kept, Known, PLACE, Plan, Wanted, kept};
pub use output::{Left, model};
pub use run::{Ended, Pace, run};
pub use settings::{External, Trainer};

use crate::model::export::ExportError;

/// What can go wrong. Every message is one line: what, where, what to do.
#[derive(Debug, thiserror::Error)]
pub enum ExternalError {
    #[error("{0}")]
    Settings(String),
    /// The run is of other data, settings or make.
    #[error("{0}")]
    Refused(String),
    #[error("{path}: {source}")]
    Io { path: PathBuf, source: std::io::Error },
    #[error("cannot start `{program}`: {source}; the whole command is in {command}")]
    Start { program: String, source: std::io::Error, command: PathBuf },
    /// The trainer ended badly.
    #[error("{0}")]
    Failed(String),
    #[error(transparent)]
    Export(#[from] ExportError),
}

impl ExternalError {
    fn io(path: &Path, source: std::io::Error) -> Self {
        Self::Io { path: path.to_path_buf(), source }
    }
}
