//! Memory of the passes: what the forward pass keeps for the backward pass, and scratch that all layers share.

use crate::model::ops::Buffer;

/// What one layer keeps. Normalised rows and the gated product are made again in the backward pass: they cost little to
/// make and much to keep.
#[derive(Debug, Default)]
pub(super) struct Kept {
    /// Queries and keys turned, and values.
    pub qkv: Buffer,
    /// Queries and keys before their normalisation, where the family has one.
    pub raw: Buffer,
    pub attended: Buffer,
    pub log_sums: Buffer,
    /// The residual stream between the layer's halves.
    pub middle: Buffer,
    pub gate_up: Buffer,
    /// Inner values of the adapters.
    pub inner: Buffer,
}

/// Memory used again from step to step.
#[derive(Debug, Default)]
pub struct Workspace {
    /// Keep each layer's input alone and make the rest again in the backward pass: a third more work, a tenth of the memory.
    pub checkpoint: bool,
    /// The residual stream before each layer, and behind the last.
    pub(super) streams: Vec<Buffer>,
    pub(super) kept: Vec<Kept>,
    pub(super) shared: Shared,
}

/// Scratch of a pass.
#[derive(Debug, Default)]
pub(super) struct Shared {
    pub cos: Buffer,
    pub sin: Buffer,
    pub normed: Buffer,
    pub gated: Buffer,
    pub d_stream: Buffer,
    pub d_normed: Buffer,
    pub d_attended: Buffer,
    pub d_qkv: Buffer,
    pub d_inner: Buffer,
    pub dropped: Buffer,
    pub chosen: Buffer,
    pub d_chosen: Buffer,
    pub losses: Buffer,
    pub logits: Buffer,
    pub partial: Buffer,
}

impl Workspace {
    pub fn new(checkpoint: bool) -> Self {
        Self { checkpoint, ..Self::default() }
    }
}
