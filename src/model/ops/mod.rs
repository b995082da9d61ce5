//! Kernels on f32 slices in main memory: matrix products, normalisation, rotary embedding, gating, attention.
//!
//! They know shapes and nothing of models. Each has one order of summation for every batch size, so a sequence's numbers
//! do not depend on what else is in the batch. They run in the rayon pool that calls them; [`pool()`] is one whose
//! threads give way to the screen. Gradients are [`training`]'s: there every kernel has its backward beside it.

pub mod attention;
mod buffer;
#[cfg(feature = "cuda")]
pub mod cuda;
mod floats;
pub mod gemm;
mod isa;
pub mod linear;
mod pack;
pub mod packed;
mod pool;
pub mod rows;
mod simd;
mod slices;
pub mod training;

pub use buffer::Buffer;
pub use floats::Floats;
pub use isa::{Isa, instruction_set};
pub use pool::{pool, run};

#[cfg(test)]
mod tests;
