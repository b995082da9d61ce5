//! `Y = X W^T + b` on weights that were packed into panels once, in a smaller format than f32.
//!
//! A panel is [`LANES`] outputs side by side, the inner dimension along its lines. An output is summed in a lane of its own, so a
//! row's result is the same bit for bit in every batch. What a line holds and how rows are brought to it is the format's.

pub mod bf16;
pub mod q8;
#[cfg(test)]
mod tests;

use rayon::prelude::*;

use super::isa::Isa;
use super::slices::SharedMut;

/// Outputs that lie side by side in a panel.
pub const LANES: usize = 16;
/// Bytes of a cache line, and of a vector.
const LINE: usize = 64;
/// Rows that a tile takes at most.
const ROWS: usize = 6;

#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([u8; LINE]);

/// A matrix `[outputs, inputs]` in panels.
pub trait Packed: Sync {
    /// Rows of `X` in the format that the kernels want beside it.
    type Rows: PackedRows;

    /// Outputs and inputs.
    fn shape(&self) -> (usize, usize);

    /// Fills `sums`, row by row and panel by panel. The tile lies inside the product.
    fn tile(&self, isa: Isa, rows: &Self::Rows, tile: Tile, sums: &mut [[f32; LANES]]);
}

/// Rows in a smaller format than f32, in memory that is used again.
pub trait PackedRows: Default + Sync {
    /// Takes `[rows, inputs]`.
    ///
    /// # Panics
    /// If the rows are not whole.
    fn take(&mut self, isa: Isa, x: &[f32], inputs: usize);

    /// How many rows there are, and their inputs.
    fn shape(&self) -> (usize, usize);
}

/// `count` rows (1 to 6) from `row` on against `wide` panels (1, 2, or 4 with at most 2 rows) from `panel` on.
#[derive(Debug, Clone, Copy)]
pub struct Tile {
    pub panel: usize,
    pub wide: usize,
    pub row: usize,
    pub count: usize,
}

impl Tile {
    /// What the kernels rely on.
    ///
    /// # Panics
    /// If there is no kernel of this size, or no room for its sums.
    fn check(self, sums: usize) {
        let known = matches!((self.wide, self.count), (4, 1..=2) | (1 | 2, 1..=ROWS));
        assert!(known && sums == self.wide * self.count, "a tile that a kernel has");
    }
}

/// One matrix of a product; `out` is `[rows, outputs]`.
pub struct Product<'a, M> {
    pub weight: &'a M,
    pub bias: Option<&'a [f32]>,
    pub out: &'a mut [f32],
}

/// Multiplies rows with several matrices in one parallel region.
///
/// # Panics
/// If the shapes do not fit together.
pub fn multiply<M: Packed>(isa: Isa, rows: &M::Rows, products: &mut [Product<'_, M>]) {
    let (count, inputs) = rows.shape();
    if count == 0 {
        return;
    }
    let total: usize = products.iter().map(|product| product.weight.shape().0.div_ceil(LANES)).sum();
    // Pieces small enough that two threads of unlike speed end together, large enough to be worth handing out.
    let piece = (total / (4 * rayon::current_num_threads())).max(1).next_multiple_of(4);
    let mut parts = Vec::new();
    for product in products.iter_mut() {
        let (weight, bias, (outputs, inner)) = (product.weight, product.bias, product.weight.shape());
        assert_eq!(inner, inputs, "inner dimension");
        assert_eq!(product.out.len(), count * outputs, "output shape");
        assert!(bias.is_none_or(|bias| bias.len() == outputs), "bias shape");
        let (out, panels) = (SharedMut::new(product.out), outputs.div_ceil(LANES));
        for begin in (0..panels).step_by(piece) {
            parts.push((Part { rows, count, weight, bias, out }, begin..(begin + piece).min(panels)));
        }
    }
    parts.par_iter().for_each(|(part, panels)| {
        let mut panel = panels.start;
        while panel < panels.end {
            panel += part.work(isa, panel, panels.end - panel);
        }
    });
}

/// What a thread works on.
struct Part<'a, M: Packed> {
    rows: &'a M::Rows,
    count: usize,
    weight: &'a M,
    bias: Option<&'a [f32]>,
    out: SharedMut<'a>,
}

impl<M: Packed> Part<'_, M> {
    /// All rows against a few panels from `panel` on, of which there are `left`; how many it were.
    fn work(&self, isa: Isa, panel: usize, left: usize) -> usize {
        // Few rows leave registers for many panels; every panel passes by all rows while it is in the cache.
        let wide = match (self.count, left) {
            (1..=2, 4..) => 4,
            (_, 2..) => 2,
            _ => 1,
        };
        let passes = self.count.div_ceil(if wide == 4 { 2 } else { ROWS });
        let (mut row, mut room) = (0, [[0.0; LANES]; ROWS * 2]);
        for pass in 0..passes {
            let count = (self.count - row).div_ceil(passes - pass);
            let sums = &mut room[..count * wide];
            self.weight.tile(isa, self.rows, Tile { panel, wide, row, count }, sums);
            for (index, sums) in sums.iter().enumerate() {
                self.store(row + index / wide, panel + index % wide, sums);
            }
            row += count;
        }
        wide
    }

    fn store(&self, row: usize, panel: usize, sums: &[f32; LANES]) {
        let (begin, outputs) = (panel * LANES, self.weight.shape().0);
        let count = LANES.min(outputs - begin);
        // SAFETY: every panel is worked on by one thread alone.
        let out = unsafe { self.out.range(row * outputs + begin, count) };
        match <&mut [f32; LANES]>::try_from(&mut *out) {
            Ok(whole) => *whole = *sums,
            Err(_) => out.copy_from_slice(&sums[..count]),
        }
        if let Some(bias) = self.bias {
            out.iter_mut().zip(&bias[begin..]).for_each(|(out, bias)| *out += bias);
        }
    }
}
