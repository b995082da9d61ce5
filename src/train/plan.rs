//! What a run will take of the memory, told before it begins. An estimate from sizes: what the passes keep, not what an
//! allocator adds.

use std::fmt;

use candle_core::{DType, Device};
use serde::Serialize;

use super::{TrainError, composed};
use crate::model::ops::training::loss::chunk_rows;
use crate::model::{Architecture, Compute, device_memory};

/// Bytes, by what they are for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MemoryPlan {
    /// Of the model and of adapters, with f32 masters where the passes run in less.
    pub weights: u64,
    pub gradients: u64,
    pub moments: u64,
    /// What a pass of the most tokens keeps and works in.
    pub activations: u64,
    /// Of the copy of the model that answers while it is looked at.
    pub looks: u64,
}

/// What a plan is made for.
#[derive(Debug, Clone, Copy)]
pub struct PlanFor<'a> {
    pub architecture: &'a Architecture,
    /// Floats that are trained.
    pub trained: usize,
    /// Whether those are adapters, beside frozen weights.
    pub adapters: bool,
    pub compute: Compute,
    /// Whether the kernels of this processor run it.
    pub kernels: bool,
    pub checkpoint: bool,
    /// Most tokens of a pass.
    pub pass_tokens: usize,
    /// Most tokens of the answers that are written at once in a look; `None` is no looks.
    pub look_tokens: Option<usize>,
}

impl MemoryPlan {
    pub fn new(wanted: PlanFor<'_>) -> Self {
        let a = wanted.architecture;
        let (model, trained) = (a.parameter_count() as u64, wanted.trained as u64);
        // The kernels keep f32, whatever they round for their products.
        let dtype = if wanted.kernels { DType::F32 } else { wanted.compute.dtype() };
        let bytes = dtype.size_in_bytes() as u64;
        let (hidden, wide, layers) = (a.hidden_size as u64, a.intermediate_size as u64, a.num_hidden_layers as u64);
        let query = (a.num_attention_heads * a.head_dim) as u64;
        let qkv = query + 2 * (a.num_key_value_heads * a.head_dim) as u64;
        let tokens = wanted.pass_tokens as u64;
        // Masters are apart only where the passes run in less than f32.
        let masters = if dtype == DType::F32 { 0 } else { 4 * trained };
        let adapters = if wanted.adapters { bytes * trained } else { 0 };
        let kept = bytes * (qkv + query + 2 * wide) + 4 * hidden;
        let layers_kept = if wanted.checkpoint { 1 } else { layers };
        // Around one layer's backward: gradients of the gated values, of the rows, and what the products work in.
        let scratch = 4 * (2 * hidden + qkv + query + if wanted.kernels { 3 } else { 8 } * wide);
        let largest = (a.vocab_size * a.hidden_size) as u64;
        let work = if wanted.kernels {
            (chunk_rows(a.vocab_size) * a.vocab_size) as u64
        } else {
            composed::WORK + 6 * largest
        };
        Self {
            weights: bytes * model + masters + adapters,
            gradients: 4 * trained,
            moments: 8 * trained,
            activations: tokens * (4 * hidden * (layers + 1) + kept * layers_kept + scratch) + 4 * work,
            looks: wanted.look_tokens.map_or(0, |tokens| bytes * (model + tokens as u64 * layers * (qkv - query))),
        }
    }

    pub fn total(&self) -> u64 {
        self.weights + self.gradients + self.moments + self.activations + self.looks
    }

    /// Whether it fits into what the device has free; a device that does not tell is believed to have enough.
    ///
    /// # Errors
    /// How much is missing and what would change it.
    pub fn check(&self, device: &Device) -> Result<(), TrainError> {
        match free_memory(device) {
            Some(free) if self.total() > free => Err(TrainError::Settings(format!(
                "training needs {self}, and {} are free; what takes less: gradient_checkpointing, a smaller pass_tokens, \
                 adapters (--lora), a smaller model",
                size(free)
            ))),
            _ => Ok(()),
        }
    }
}

impl fmt::Display for MemoryPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} of memory (weights {}, gradients {}, moments {}, activations {}",
            size(self.total()),
            size(self.weights),
            size(self.gradients),
            size(self.moments),
            size(self.activations)
        )?;
        match self.looks {
            0 => f.write_str(")"),
            looks => write!(f, ", looks {})", size(looks)),
        }
    }
}

fn size(bytes: u64) -> String {
    match bytes >> 20 {
        small if small < 10 << 10 => format!("{small} MiB"),
        large => format!("{:.1} GiB", large as f64 / 1024.0),
    }
}

/// Bytes that the device can still give; `None` where nobody tells.
pub fn free_memory(device: &Device) -> Option<u64> {
    if !device.is_cpu() {
        return Some(device_memory(device)?.0);
    }
    let machine = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = machine.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let machine = line.split_whitespace().next()?.parse::<u64>().ok()? * 1024;
    // A container may be allowed less than the machine has.
    let number = |name: &str| {
        std::fs::read_to_string(format!("/sys/fs/cgroup/{name}")).ok().and_then(|text| text.trim().parse::<u64>().ok())
    };
    let allowed = number("memory.max").zip(number("memory.current")).map(|(most, now)| most.saturating_sub(now));
    Some(allowed.map_or(machine, |allowed| allowed.min(machine)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Family, tiny};

    fn plan(change: impl Fn(&mut PlanFor<'_>)) -> MemoryPlan {
        let (architecture, _) = tiny(Family::Llama, 96);
        let mut wanted = PlanFor {
            trained: architecture.parameter_count(),
            architecture: &architecture,
            adapters: false,
            compute: Compute::F32,
            kernels: true,
            checkpoint: false,
            pass_tokens: 1000,
            look_tokens: None,
        };
        change(&mut wanted);
        MemoryPlan::new(wanted)
    }

    #[test]
    fn every_way_to_take_less_takes_less() {
        let full = plan(|_| {});
        let (architecture, _) = tiny(Family::Llama, 96);
        assert_eq!(full.weights + full.gradients + full.moments, 16 * architecture.parameter_count() as u64);
        assert!(plan(|p| p.checkpoint = true).activations < full.activations);
        assert!(plan(|p| p.pass_tokens = 500).activations < full.activations);
        let lora = plan(|p| (p.trained, p.adapters) = (100, true));
        assert!(lora.total() < full.total() && lora.moments == 800);
        assert!(plan(|p| p.look_tokens = Some(100)).total() > full.total());
        assert_eq!(plan(|p| p.compute = Compute::Bf16), full, "the kernels keep f32");
        let device = |compute| plan(|p| (p.kernels, p.compute) = (false, compute));
        let (f32, bf16) = (device(Compute::F32), device(Compute::Bf16));
        assert!(bf16.activations < f32.activations && bf16.weights > f32.weights);
    }

    #[test]
    fn what_does_not_fit_is_refused_with_what_to_change() {
        let huge = MemoryPlan { activations: 1 << 60, ..plan(|_| {}) };
        if free_memory(&Device::Cpu).is_some() {
            let refused = huge.check(&Device::Cpu).unwrap_err().to_string();
            assert!(refused.contains("are free") && refused.contains("pass_tokens"), "{refused}");
        }
        assert!(plan(|_| {}).check(&Device::Cpu).is_ok());
    }
}
