//! Fine-tuning on chains: full or with low-rank adapters, on the processor, in f32.
//!
//! Forward and backward are written out over flat slices (as llm.c does), on the kernels of
//! [`ops::training`](crate::model::ops::training); no graph is recorded, and a frozen weight costs no gradient. Knows
//! nothing of screens; what a person steers comes through `jobs`.
//!
//! | file | holds |
//! |---|---|
//! | `layout`, `lora` | where each tensor and adapter lies |
//! | `network`, `workspace` | weights; memory of the passes |
//! | `pass`, `adapt` | forward and backward |
//! | `batch` | packed sequences and the rows that have a loss |
//! | `optimizer`, `schedule` | AdamW, learning rate |
//! | `dataset` | chains to tokens with a loss, masks, order |
//! | `trainer`, `steer`, `settings` | the loop, what steers it, what a person sets |
//! | `checkpoint`, `metrics`, `output` | what is on the disk |

mod adapt;
mod batch;
pub mod bench;
pub mod checkpoint;
pub mod dataset;
mod layout;
mod lora;
pub mod metrics;
mod network;
mod optimizer;
pub mod output;
mod pass;
mod schedule;
mod settings;
pub mod steer;
mod trainer;
mod workspace;

#[cfg(test)]
mod tests;

pub use batch::Batch;
pub use layout::{Layout, Place};
pub use lora::{LoraLayout, LoraSettings, MODULES};
pub use network::{Lora, Network};
pub use optimizer::{AdamW, AdamWSettings};
pub use pass::Outcome;
pub use schedule::{Schedule, ScheduleKind};
pub use settings::{Method, SpikeAction, SpikeSettings, TrainSettings};
pub use trainer::{Finished, Trainer};
pub use workspace::Workspace;

use crate::model::ops::Floats;
use crate::model::ops::gemm::Onto;
use crate::model::{ComputeChoice, ModelError};

/// What can go wrong in training. Every message is one line: what, where, what to do.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    #[error("{0}")]
    Settings(String),
    #[error("cannot load weight: {0}")]
    Weight(Box<dyn std::error::Error + Send + Sync>),
    #[error("bad batch: {0}")]
    Batch(String),
    #[error("{0}")]
    Data(String),
    #[error("{0}")]
    Checkpoint(String),
    #[error("{path}: {source}")]
    Io { path: std::path::PathBuf, source: std::io::Error },
    #[error(transparent)]
    Model(#[from] ModelError),
}

impl TrainError {
    fn io(path: &std::path::Path, source: std::io::Error) -> Self {
        Self::Io { path: path.to_path_buf(), source }
    }
}

/// The number format that training runs in here.
///
/// # Errors
/// If it is not one that training has: f32 is the only one so far.
pub fn compute(choice: ComputeChoice) -> Result<&'static str, TrainError> {
    match choice {
        ComputeChoice::Auto | ComputeChoice::F32 => Ok("f32"),
        ComputeChoice::Bf16 => Err(TrainError::Settings("training in bf16 is not built yet; use f32 or auto".into())),
        ComputeChoice::Q8 => Err(TrainError::Settings("weights in q8 cannot be trained; use f32 or auto".into())),
    }
}

/// The gradients of what is trained, in the order of its weights.
#[derive(Debug, Clone)]
pub struct Gradients {
    pub data: Floats,
    /// What `data` holds is old: the next pass writes instead of adding.
    pub fresh: bool,
}

impl Gradients {
    pub(crate) fn onto(&self) -> Onto {
        if self.fresh { Onto::Nothing } else { Onto::Sum }
    }

    /// The next pass begins a new sum.
    pub fn clear(&mut self) {
        self.fresh = true;
    }
}
