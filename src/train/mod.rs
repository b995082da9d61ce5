//! Fine-tuning on chains: full or with low-rank adapters, on the processor or on a GPU, in f32 or bf16.
//!
//! Forward and backward are written out over flat slices (as llm.c does), on the kernels of
//! [`ops::training`](crate::model::ops::training); no graph is recorded, and a frozen weight costs no gradient. Knows
//! nothing of screens; what a person steers comes through `jobs`.
//!
//! | file | holds |
//! |---|---|
//! | `layout`, `lora` | where each tensor and adapter lies |
//! | `network`, `workspace` | weights; memory of the passes |
//! | `pass`, `adapt` | forward and backward on the processor's kernels |
//! | `composed` | the same on a device, composed of candle's operations |
//! | `engine` | one of the two |
//! | `batch` | packed sequences and the rows that have a loss |
//! | `optimizer`, `schedule` | AdamW, learning rate |
//! | `dataset` | chains to tokens with a loss, masks, order |
//! | `plan` | what a run will take of the memory |
//! | `trainer`, `steer`, `settings` | the loop, what steers it, what a person sets |
//! | `checkpoint`, `metrics`, `wandb`, `output` | what is on the disk |
//! | `runs` | the runs of a session from outside: records, settings, names |
//! | `external` | training by a program of another make |

mod adapt;
mod batch;
pub mod bench;
pub mod checkpoint;
mod composed;
pub mod dataset;
mod engine;
pub mod external;
mod layout;
mod lora;
pub mod metrics;
mod network;
mod optimizer;
pub mod output;
mod pass;
pub mod plan;
pub mod runs;
mod schedule;
mod settings;
pub mod steer;
mod trainer;
mod wandb;
mod workspace;

#[cfg(test)]
mod tests;

pub use batch::Batch;
pub use composed::Composed;
pub use engine::{Engine, Kernels};
pub use layout::{Layout, Place};
pub use lora::{LoraLayout, LoraSettings, MODULES};
pub use network::{Lora, Network};
pub use optimizer::{AdamW, AdamWSettings};
pub use pass::Outcome;
pub use plan::{MemoryPlan, PlanFor};
pub use schedule::{Schedule, ScheduleKind};
pub use settings::{LookSettings, Method, SpikeAction, SpikeSettings, TrainSettings};
pub use trainer::{Finished, Trainer};
pub use workspace::Workspace;

use candle_core::Device;

use crate::model::ops::gemm::Onto;
use crate::model::ops::{Floats, Isa};
use crate::model::{Compute, ComputeChoice, ModelError};

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
    /// The device has no memory left.
    #[error("the device has too little memory: {0}")]
    DeviceMemory(String),
    #[error("the device failed: {0}")]
    Device(String),
    #[error(transparent)]
    Model(#[from] ModelError),
}

impl TrainError {
    fn io(path: &std::path::Path, source: std::io::Error) -> Self {
        Self::Io { path: path.to_path_buf(), source }
    }
}

impl From<candle_core::Error> for TrainError {
    fn from(error: candle_core::Error) -> Self {
        let text = error.to_string();
        let line = text.lines().next().unwrap_or_default().to_owned();
        let wanting = text.contains("OUT_OF_MEMORY") || text.to_lowercase().contains("out of memory");
        if wanting { Self::DeviceMemory(line) } else { Self::Device(line) }
    }
}

/// The number format that training runs in on a device.
///
/// # Errors
/// If the device has no such mode, or it is not one that can be trained.
pub fn compute(choice: ComputeChoice, device: &Device) -> Result<Compute, TrainError> {
    let wrong = |line: &str| Err(TrainError::Settings(line.into()));
    match (choice, device) {
        (ComputeChoice::Q8, _) => wrong("weights in q8 cannot be trained; use f32 or auto"),
        // Elsewhere rounding would cost time and save none.
        (ComputeChoice::Auto, Device::Cpu) => Ok(if Isa::detect().has_bf16() { Compute::Bf16 } else { Compute::F32 }),
        // Gradients leave the range of f16.
        (ComputeChoice::Auto, Device::Metal(_)) => Ok(Compute::F32),
        _ => Compute::resolve(choice, device).map_err(|error| TrainError::Settings(error.to_string())),
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

/// The engine for a device.
///
/// # Errors
/// If the device has no room for the weights.
pub fn engine(
    network: &Network,
    device: &Device,
    compute: Compute,
    checkpoint: bool,
) -> Result<Box<dyn Engine>, TrainError> {
    if device.is_cpu() {
        return Ok(Box::new(Kernels::new(network, checkpoint)));
    }
    Ok(Box::new(Composed::new(network, device, compute, checkpoint)?))
}
