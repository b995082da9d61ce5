//! The last linear map and the cross-entropy behind it, in chunks of rows: logits are never whole.
//!
//! A chunk's logits are made, turned into their own gradient in place, used for the gradients of both sides, and forgotten
//! (the idea of Liger-Kernel's and Cut Cross-Entropy's fused losses).

use std::time::{Duration, Instant};

use rayon::prelude::*;

use super::super::buffer::Buffer;
use super::super::gemm::{Onto, Precision, View, ViewMut, product, product_in};
use super::super::isa::{Isa, dispatch};
use super::super::rows::{load, store};
use super::super::simd::Simd;

/// Floats of logits at one time.
const LOGITS: usize = 12 << 20;
/// Rows of a chunk, at least: the head's weight is read once for each chunk.
const LEAST_ROWS: usize = 48;

/// Rows whose logits exist at one time.
pub fn chunk_rows(vocab: usize) -> usize {
    (LOGITS / vocab.max(1)).max(LEAST_ROWS)
}

/// What a loss is taken of.
#[derive(Debug, Clone, Copy)]
pub struct Rows<'a> {
    /// `[rows, hidden]`.
    pub x: &'a [f32],
    /// The right token of each row.
    pub targets: &'a [u32],
    /// By how much each row's loss counts in the gradient.
    pub weights: &'a [f32],
}

/// Where the gradients go.
#[derive(Debug)]
pub struct Gradients<'a> {
    /// `[rows, hidden]`, written whole.
    pub x: &'a mut [f32],
    /// `[vocab, hidden]` and what happens to what it holds; `None` for a frozen head.
    pub weight: Option<(&'a mut [f32], Onto)>,
}

/// Writes each row's cross-entropy in nats, unweighted, into `losses`. `weight` is `[vocab, hidden]`; the precision is that of
/// the gradients' products. Returns the time that the gradients took.
///
/// # Panics
/// If a shape does not agree or a target is outside of the vocabulary.
pub fn linear_cross_entropy(
    (isa, precision): (Isa, Precision),
    rows: Rows<'_>,
    weight: &[f32],
    hidden: usize,
    losses: &mut [f32],
    mut gradients: Option<Gradients<'_>>,
    scratch: &mut Buffer,
) -> Duration {
    let (count, vocab) = (rows.targets.len(), weight.len() / hidden);
    assert!(weight.len() == vocab * hidden && rows.x.len() == count * hidden, "shapes");
    assert!(rows.weights.len() == count && losses.len() == count, "a weight and a loss for each row");
    assert!(rows.targets.iter().all(|&target| (target as usize) < vocab), "targets inside the vocabulary");
    if let Some(Gradients { x, weight: Some((d_weight, onto)) }) = &mut gradients {
        assert!(x.len() == rows.x.len() && d_weight.len() == weight.len(), "gradient shapes");
        if count == 0 && *onto == Onto::Nothing {
            d_weight.fill(0.0);
        }
    }
    // Chunks of even size: a last one of a few rows would read the head's weight for little.
    let chunks = count.div_ceil(chunk_rows(vocab));
    let each = count.div_ceil(chunks.max(1));
    let head = View::new(weight, vocab, hidden, hidden);
    let mut spent = Duration::ZERO;
    for begin in (0..count).step_by(each.max(1)) {
        let here = begin..count.min(begin + each);
        let x = View::new(&rows.x[here.start * hidden..], here.len(), hidden, hidden);
        let logits = scratch.get(here.len() * vocab);
        product(isa, x, head.transposed(), ViewMut::new(logits, here.len(), vocab, vocab), 1.0, Onto::Nothing);
        let slopes = gradients.is_some();
        logits
            .par_chunks_exact_mut(vocab)
            .zip(losses[here.clone()].par_iter_mut())
            .zip(rows.targets[here.clone()].par_iter().zip(&rows.weights[here.clone()]))
            .for_each(|((logits, loss), (&target, &weight))| {
                // SAFETY: the row holds `vocab` floats, the target was checked.
                *loss = unsafe { entropy(isa, logits.as_mut_ptr(), vocab, target as usize, weight, slopes) };
            });
        let Some(Gradients { x: d_x, weight: d_weight }) = &mut gradients else { continue };
        let began = Instant::now();
        let slopes = View::new(logits, here.len(), vocab, vocab);
        let d_x = ViewMut::new(&mut d_x[here.start * hidden..], here.len(), hidden, hidden);
        product_in(precision, isa, slopes, head, d_x, 1.0, Onto::Nothing);
        if let Some((d_weight, onto)) = d_weight {
            let onto = if begin > 0 { Onto::Sum } else { *onto };
            product_in(
                precision,
                isa,
                slopes.transposed(),
                x,
                ViewMut::new(d_weight, vocab, hidden, hidden),
                1.0,
                onto,
            );
        }
        spent += began.elapsed();
    }
    spent
}

dispatch! {
    /// The cross-entropy of a row of logits, which become its gradient times `weight` if `slopes`.
    ///
    /// # Safety
    /// `logits` holds `count` floats, `target` is below it.
    unsafe fn entropy = entropy_kernel(
        logits: *mut f32, count: usize, target: usize, weight: f32, slopes: bool,
    ) -> f32
}

#[inline(always)]
unsafe fn entropy_kernel<S: Simd>(logits: *mut f32, count: usize, target: usize, weight: f32, slopes: bool) -> f32 {
    // SAFETY: every access is inside the `count` floats that the caller promised.
    unsafe {
        let right = *logits.add(target);
        let whole = count / S::LANES * S::LANES;
        let mut most = S::splat(f32::NEG_INFINITY);
        for at in (0..whole).step_by(S::LANES) {
            most = S::max(S::load(logits.add(at)), most);
        }
        let mut lanes = [f32::NEG_INFINITY; 16];
        S::store(lanes.as_mut_ptr(), most);
        let mut largest = lanes.into_iter().fold(f32::NEG_INFINITY, f32::max);
        for at in whole..count {
            largest = largest.max(*logits.add(at));
        }
        let shift = S::splat(largest);
        // Blocks of a few hundred are summed in f32, the blocks' sums in f64.
        let mut total = 0.0f64;
        for block in (0..whole).step_by(64 * S::LANES) {
            let mut sum = S::splat(0.0);
            for at in (block..whole.min(block + 64 * S::LANES)).step_by(S::LANES) {
                let logit = S::load(logits.add(at));
                let value = S::exp(S::sub(logit, shift));
                S::store(logits.add(at), value);
                // The exponential is always a number: a logit that is none must spoil the sum by itself.
                sum = S::add(S::fma(logit, S::splat(0.0), sum), value);
            }
            total += f64::from(S::sum(sum));
        }
        for at in whole..count {
            let value = (*logits.add(at) - largest).exp();
            *logits.add(at) = value;
            total += f64::from(value);
        }
        if slopes {
            let share = (f64::from(weight) / total) as f32;
            let by = S::splat(share);
            let mut at = 0;
            while at < count {
                let lanes = S::LANES.min(count - at);
                store::<S>(logits.add(at), S::mul(load::<S>(logits.add(at), lanes), by), lanes);
                at += lanes;
            }
            *logits.add(target) -= weight;
        }
        let loss = total.ln() + f64::from(largest) - f64::from(right);
        loss as f32
    }
}
