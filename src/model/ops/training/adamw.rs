//! AdamW in place, over flat slices: one pass over weight, gradient and both moments.

use rayon::prelude::*;

use super::super::isa::{Isa, dispatch};
use super::super::simd::Simd;

/// Floats of a task, and of a partial sum: fixed, so that sums do not depend on the number of threads.
const PIECE: usize = 64 << 10;

/// The numbers of one step (Loshchilov and Hutter 2019, in the form of PyTorch's `AdamW`).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    pub lr: f32,
    pub beta1: f32,
    pub beta2: f32,
    pub eps: f32,
    /// Decoupled weight decay.
    pub decay: f32,
    /// 1 - beta1^t and 1 - beta2^t.
    pub corrections: (f32, f32),
    /// What the gradient is multiplied with first: a clip of its norm.
    pub scale: f32,
}

/// Moves `weights` one step along.
///
/// # Panics
/// If the slices differ in length.
pub fn step(isa: Isa, weights: &mut [f32], gradient: &[f32], first: &mut [f32], second: &mut [f32], step: &Step) {
    assert!(weights.len() == gradient.len() && first.len() == gradient.len() && second.len() == gradient.len());
    weights
        .par_chunks_mut(PIECE)
        .zip(gradient.par_chunks(PIECE))
        .zip(first.par_chunks_mut(PIECE).zip(second.par_chunks_mut(PIECE)))
        .for_each(|((weights, gradient), (first, second))| {
            // SAFETY: no promise is needed beyond the instruction set, which was detected.
            unsafe { step_piece(isa, weights, gradient, first, second, step) }
        });
}

dispatch! {
    /// # Safety
    /// None but that the processor has the instruction set.
    unsafe fn step_piece = step_kernel(
        weights: &mut [f32], gradient: &[f32], first: &mut [f32], second: &mut [f32], step: &Step,
    )
}

/// Plain loops: compiled for each instruction set, they become its vectors.
#[inline(always)]
unsafe fn step_kernel<S: Simd>(
    weights: &mut [f32],
    gradient: &[f32],
    first: &mut [f32],
    second: &mut [f32],
    step: &Step,
) {
    let keep = 1.0 - step.lr * step.decay;
    let pace = step.lr / step.corrections.0;
    let root = 1.0 / step.corrections.1.sqrt();
    let count = weights.len();
    let (gradient, first, second) = (&gradient[..count], &mut first[..count], &mut second[..count]);
    for at in 0..count {
        let slope = gradient[at] * step.scale;
        let mean = first[at] + (slope - first[at]) * (1.0 - step.beta1);
        let square = second[at] * step.beta2 + slope * slope * (1.0 - step.beta2);
        first[at] = mean;
        second[at] = square;
        weights[at] = weights[at] * keep - pace * mean / (square.sqrt() * root + step.eps);
    }
}

/// The sum of squares, in f64, in an order that depends on the length alone. Not finite if an element is not.
pub fn sum_of_squares(isa: Isa, x: &[f32]) -> f64 {
    let partial: Vec<f64> = x
        .par_chunks(PIECE)
        .map(|x| {
            // SAFETY: no promise is needed beyond the instruction set, which was detected.
            unsafe { squares_piece(isa, x) }
        })
        .collect();
    partial.iter().sum()
}

dispatch! {
    /// # Safety
    /// None but that the processor has the instruction set.
    unsafe fn squares_piece = squares_kernel(x: &[f32]) -> f64
}

#[inline(always)]
unsafe fn squares_kernel<S: Simd>(x: &[f32]) -> f64 {
    let (blocks, rest) = x.as_chunks::<16>();
    let mut sums = [0.0f64; 16];
    // Runs of 64 in f32, their sums in f64.
    for run in blocks.chunks(64) {
        let mut partial = [0.0f32; 16];
        for block in run {
            for (sum, x) in partial.iter_mut().zip(block) {
                *sum += x * x;
            }
        }
        for (sum, partial) in sums.iter_mut().zip(partial) {
            *sum += f64::from(partial);
        }
    }
    sums.iter().sum::<f64>() + rest.iter().map(|x| f64::from(*x) * f64::from(*x)).sum::<f64>()
}
