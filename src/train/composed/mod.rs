//! The engine for devices that have no kernels of our own (CUDA, Metal): passes and optimiser composed of candle's tensors.
//!
//! Master weights, gradients and moments are f32; the passes run in f32 or bf16. What is saved is copied to the
//! network and the optimiser in main memory first. On a CPU it is the kernels' witness in tests.

mod attention;
mod ops;
mod pass;
#[cfg(test)]
mod tests;
mod weights;

use candle_core::Device;

use self::pass::Model;
use self::weights::Weights;
use super::engine::Engine;
use super::network::Network;
use super::{AdamW, Batch, Outcome, TrainError};
use crate::model::Compute;

/// Floats that the blocks of a pass take at most.
pub(super) const WORK: u64 = ops::WORK + attention::WORK;

pub struct Composed {
    model: Model,
    weights: Weights,
}

impl Composed {
    /// Puts the network's weights on the device.
    ///
    /// # Errors
    /// If the device has no room for them.
    pub fn new(network: &Network, device: &Device, compute: Compute, checkpoint: bool) -> Result<Self, TrainError> {
        let dtype = compute.dtype();
        let model = Model {
            architecture: network.architecture().clone(),
            rope: network.rope.clone(),
            lora: network.lora().map(|lora| lora.layout.settings.clone()),
            device: device.clone(),
            dtype,
            checkpoint,
        };
        Ok(Self { model, weights: Weights::new(network, device, dtype)? })
    }
}

impl Engine for Composed {
    fn losses(&mut self, network: &Network, batch: &Batch) -> Result<Outcome, TrainError> {
        network.check(batch)?;
        Ok(self.model.pass(&mut self.weights, batch, false)?)
    }

    fn gradient(&mut self, network: &Network, batch: &Batch) -> Result<Outcome, TrainError> {
        network.check(batch)?;
        Ok(self.model.pass(&mut self.weights, batch, true)?)
    }

    fn clear(&mut self) {
        self.weights.clear();
    }

    fn grad_norm(&mut self, _: &AdamW) -> Result<f64, TrainError> {
        Ok(self.weights.grad_norm()?)
    }

    fn step(&mut self, _: &mut Network, optimizer: &mut AdamW, norm: f64, lr: f64) -> Result<(), TrainError> {
        let clipped = optimizer.advance(norm, lr);
        Ok(self.weights.step(&optimizer.settings, &clipped)?)
    }

    fn pull(&mut self, network: &mut Network, optimizer: &mut AdamW) -> Result<(), TrainError> {
        Ok(self.weights.pull(network, optimizer)?)
    }

    fn put(&mut self, network: &Network, optimizer: &AdamW) -> Result<(), TrainError> {
        Ok(self.weights.put(network, optimizer)?)
    }
}
