//! Weights and rows rounded to bf16, sums in f32.
//!
//! Products of two are exact. Those of a pair of inputs are added one after the other, the later first, as the processors that
//! have an instruction for it do: so every instruction set has the same bits, but for numbers too small to be normal, which the
//! instruction takes for 0.

#[cfg(test)]
mod tests;

use rayon::prelude::*;

use super::{LANES, Line, Packed, PackedRows, Tile};
use crate::model::ops::isa::{Isa, dispatch};
use crate::model::ops::pack::bits_of_pair;
use crate::model::ops::simd::Simd;

/// A matrix `[outputs, inputs]` in panels: a line for each pair of inputs, of each output the pair.
#[derive(Clone)]
pub struct Matrix {
    lines: Vec<Line>,
    outputs: usize,
    inputs: usize,
}

impl std::fmt::Debug for Matrix {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "bf16 matrix of {} x {}", self.outputs, self.inputs)
    }
}

impl Matrix {
    /// # Panics
    /// If `weights` is not `[outputs, inputs]`, or one of those is 0.
    pub fn new(weights: &[f32], outputs: usize, inputs: usize) -> Self {
        assert!(outputs > 0 && inputs > 0 && weights.len() == outputs * inputs, "weight shape");
        let (isa, pairs) = (Isa::detect(), inputs.div_ceil(2));
        let mut lines = vec![Line([0; _]); outputs.div_ceil(LANES) * pairs];
        lines.par_chunks_exact_mut(pairs).enumerate().for_each(|(panel, lines)| {
            let mut rounded = vec![0; pairs];
            for lane in 0..LANES.min(outputs - panel * LANES) {
                let row = &weights[(panel * LANES + lane) * inputs..][..inputs];
                // SAFETY: the instruction set was detected.
                unsafe { round_row(isa, row, &mut rounded) };
                for (line, pair) in lines.iter_mut().zip(&rounded) {
                    line.0[4 * lane..][..4].copy_from_slice(&pair.to_ne_bytes());
                }
            }
        });
        Self { lines, outputs, inputs }
    }
}

/// Rows rounded to bf16, in memory that is used again.
#[derive(Debug, Default)]
pub struct Rows {
    rows: usize,
    inputs: usize,
    /// `[rows, pairs]`
    pairs: Vec<u32>,
}

impl PackedRows for Rows {
    fn shape(&self) -> (usize, usize) {
        (self.rows, self.inputs)
    }

    fn take(&mut self, isa: Isa, x: &[f32], inputs: usize) {
        assert!(inputs > 0 && x.len().is_multiple_of(inputs), "input rows");
        (self.rows, self.inputs) = (x.len() / inputs, inputs);
        let pairs = inputs.div_ceil(2);
        self.pairs.resize(self.rows * pairs, 0);
        let rows = x.par_chunks_exact(inputs).zip(self.pairs.par_chunks_exact_mut(pairs));
        // SAFETY: the caller's instruction set is one of this processor.
        rows.with_min_len(8).for_each(|(x, pairs)| unsafe { round_row(isa, x, pairs) });
    }
}

dispatch! {
    /// Rounds a row to pairs of inputs, the later in the upper half.
    ///
    /// # Safety
    /// None beyond the instruction set's.
    unsafe fn round_row = round_kernel(x: &[f32], pairs: &mut [u32])
}

/// In plain Rust, for the compiler to put into vectors.
#[inline(always)]
#[allow(clippy::extra_unused_type_parameters)]
unsafe fn round_kernel<S: Simd>(x: &[f32], pairs: &mut [u32]) {
    let (whole, rest) = x.as_chunks::<2>();
    for (pair, x) in pairs.iter_mut().zip(whole) {
        *pair = bits_of_pair(x[0], x[1]);
    }
    if let (Some(last), [x]) = (pairs.last_mut(), rest) {
        *last = bits_of_pair(*x, 0.0);
    }
}

impl Packed for Matrix {
    type Rows = Rows;

    fn shape(&self) -> (usize, usize) {
        (self.outputs, self.inputs)
    }

    fn tile(&self, isa: Isa, rows: &Rows, tile: Tile, sums: &mut [[f32; LANES]]) {
        let Tile { panel, wide, row, count } = tile;
        let pairs = self.inputs.div_ceil(2);
        let lines = &self.lines[panel * pairs..][..wide * pairs];
        let values = &rows.pairs[row * pairs..][..count * pairs];
        tile.check(sums.len());
        // SAFETY: lines, rows and sums are those of the tile.
        unsafe { sum_tile(isa, lines.as_ptr().cast(), values.as_ptr().cast(), pairs, wide, count, sums) }
    }
}

dispatch! {
    bf16
    /// # Safety
    /// `lines` holds `wide` panels, `values` `count` rows (1 to 6) of `pairs` pairs each, `sums` a line of lanes for each two.
    unsafe fn sum_tile = sum_kernel(
        lines: *const f32, values: *const f32, pairs: usize, wide: usize, count: usize, sums: &mut [[f32; LANES]],
    )
}

#[inline(always)]
unsafe fn sum_kernel<S: Simd>(
    lines: *const f32,
    values: *const f32,
    pairs: usize,
    wide: usize,
    count: usize,
    sums: &mut [[f32; LANES]],
) {
    // SAFETY: the caller's promise.
    unsafe {
        if S::LANES == LANES {
            let to = sums.as_mut_ptr().cast();
            let far = pairs * LANES;
            return match (wide, count) {
                (4, 1) => vectors::<S, 4, 1>(lines, far, values, pairs, to, 4 * LANES),
                (4, _) => vectors::<S, 4, 2>(lines, far, values, pairs, to, 4 * LANES),
                (2, 1) => vectors::<S, 2, 1>(lines, far, values, pairs, to, 2 * LANES),
                (2, 2) => vectors::<S, 2, 2>(lines, far, values, pairs, to, 2 * LANES),
                (2, 3) => vectors::<S, 2, 3>(lines, far, values, pairs, to, 2 * LANES),
                (2, 4) => vectors::<S, 2, 4>(lines, far, values, pairs, to, 2 * LANES),
                (2, 5) => vectors::<S, 2, 5>(lines, far, values, pairs, to, 2 * LANES),
                (2, _) => vectors::<S, 2, 6>(lines, far, values, pairs, to, 2 * LANES),
                (_, 1) => vectors::<S, 1, 1>(lines, far, values, pairs, to, LANES),
                (_, 2) => vectors::<S, 1, 2>(lines, far, values, pairs, to, LANES),
                (_, 3) => vectors::<S, 1, 3>(lines, far, values, pairs, to, LANES),
                (_, 4) => vectors::<S, 1, 4>(lines, far, values, pairs, to, LANES),
                (_, 5) => vectors::<S, 1, 5>(lines, far, values, pairs, to, LANES),
                (_, _) => vectors::<S, 1, 6>(lines, far, values, pairs, to, LANES),
            };
        }
        // Half a panel is a vector: both halves at once, against as many rows as leave registers free.
        for panel in 0..wide {
            let lines = lines.add(panel * pairs * LANES);
            let mut row = 0;
            while row < count {
                let values = values.add(row * pairs);
                let to = sums.as_mut_ptr().add(row * wide + panel).cast();
                let some = (count - row).min(3);
                match some {
                    1 => vectors::<S, 2, 1>(lines, S::LANES, values, pairs, to, wide * LANES),
                    2 => vectors::<S, 2, 2>(lines, S::LANES, values, pairs, to, wide * LANES),
                    _ => vectors::<S, 2, 3>(lines, S::LANES, values, pairs, to, wide * LANES),
                }
                row += some;
            }
        }
    }
}

/// `V` vectors of outputs, `far` floats apart in each line, against `R` rows. Row `r`'s vectors go to `to + r * step`.
#[inline(always)]
unsafe fn vectors<S: Simd, const V: usize, const R: usize>(
    lines: *const f32,
    far: usize,
    values: *const f32,
    pairs: usize,
    to: *mut f32,
    step: usize,
) {
    // SAFETY: all addresses are of the tile's panels, rows and sums, as the caller promised.
    unsafe {
        let mut all = [[S::splat(0.0); V]; R];
        for at in 0..pairs {
            let line = lines.add(at * LANES);
            let mut weights = [S::splat(0.0); V];
            for (v, weights) in weights.iter_mut().enumerate() {
                *weights = S::load(line.add(v * far));
            }
            for (r, all) in all.iter_mut().enumerate() {
                let value = S::splat(*values.add(r * pairs + at));
                for (sum, weights) in all.iter_mut().zip(weights) {
                    *sum = S::dot(value, weights, *sum);
                }
            }
        }
        for (r, all) in all.iter().enumerate() {
            for (v, sum) in all.iter().enumerate() {
                S::store(to.add(r * step + v * S::LANES), *sum);
            }
        }
    }
}
