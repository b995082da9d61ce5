//! What computes: losses, gradients and steps, on the kernels of this processor or composed on a device.
//!
//! The network and the optimiser in main memory are what is loaded and saved; an engine that keeps its own copies elsewhere
//! hands them over with [`Engine::pull`] and takes them with [`Engine::put`].

use super::{AdamW, Batch, Gradients, Network, Outcome, TrainError, Workspace};

pub trait Engine: Send {
    /// The losses of a batch, nothing dropped, nothing recorded.
    ///
    /// # Errors
    /// If the batch does not fit the model, or the device fails.
    fn losses(&mut self, network: &Network, batch: &Batch) -> Result<Outcome, TrainError>;

    /// The losses, and adds the gradients of their weighted sum to those that are there.
    ///
    /// # Errors
    /// As [`Engine::losses`]; then the gradients are of no use.
    fn gradient(&mut self, network: &Network, batch: &Batch) -> Result<Outcome, TrainError>;

    /// Begins a new sum of gradients.
    fn clear(&mut self);

    /// The global norm of the gradients. Not finite if any of them is not.
    ///
    /// # Errors
    /// If the device fails.
    fn grad_norm(&mut self, optimizer: &AdamW) -> Result<f64, TrainError>;

    /// One step of the optimiser at the learning rate `lr`, the gradients scaled down if their norm is over the limit.
    ///
    /// # Errors
    /// If the device fails.
    fn step(&mut self, network: &mut Network, optimizer: &mut AdamW, norm: f64, lr: f64) -> Result<(), TrainError>;

    /// Brings `network` and `optimizer` up to date.
    ///
    /// # Errors
    /// If the device fails.
    fn pull(&mut self, network: &mut Network, optimizer: &mut AdamW) -> Result<(), TrainError>;

    /// Takes over weights and moments.
    ///
    /// # Errors
    /// If the device fails.
    fn put(&mut self, network: &Network, optimizer: &AdamW) -> Result<(), TrainError>;
}

/// The kernels of this processor, which work on the network in place.
pub struct Kernels {
    gradients: Gradients,
    workspace: Workspace,
}

impl Kernels {
    pub fn new(network: &Network, checkpoint: bool) -> Self {
        Self { gradients: network.gradients(), workspace: Workspace::new(checkpoint) }
    }
}

impl Engine for Kernels {
    fn losses(&mut self, network: &Network, batch: &Batch) -> Result<Outcome, TrainError> {
        network.losses(&mut self.workspace, batch)
    }

    fn gradient(&mut self, network: &Network, batch: &Batch) -> Result<Outcome, TrainError> {
        network.gradient(&mut self.workspace, batch, &mut self.gradients)
    }

    fn clear(&mut self) {
        self.gradients.clear();
    }

    fn grad_norm(&mut self, optimizer: &AdamW) -> Result<f64, TrainError> {
        Ok(optimizer.grad_norm(&self.gradients))
    }

    fn step(&mut self, network: &mut Network, optimizer: &mut AdamW, norm: f64, lr: f64) -> Result<(), TrainError> {
        optimizer.step(network.trainable_mut(), &self.gradients, norm, lr);
        Ok(())
    }

    fn pull(&mut self, _: &mut Network, _: &mut AdamW) -> Result<(), TrainError> {
        Ok(())
    }

    fn put(&mut self, _: &Network, _: &AdamW) -> Result<(), TrainError> {
        Ok(())
    }
}
