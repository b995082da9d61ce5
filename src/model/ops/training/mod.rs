//! Kernels with their backward, for fine-tuning on the processor.
//!
//! Each is a function over f32 slices; what it needs of the forward pass it is given, nothing is recorded. Sums over rows
//! run in an order that depends on the shape alone, so a step's bits are the same with any number of threads.
//! Nothing of size tokens x tokens or tokens x vocabulary is ever whole in memory.

pub mod adamw;
pub mod attention;
pub mod embedding;
pub mod loss;
pub mod rows;

#[cfg(test)]
mod tests;

use rayon::prelude::*;

/// Rows whose share of a weight's gradient is summed by itself; the shares are then added in order.
const ROW_CHUNK: usize = 32;

/// `sum[c] += of(row, ...)` over all rows, where `of` adds a row's share onto a partial sum. The order of additions
/// depends on `rows` alone.
fn sum_over_rows(rows: usize, sum: &mut [f32], of: impl Fn(usize, &mut [f32]) + Sync + Send) {
    let width = sum.len();
    let chunks = rows.div_ceil(ROW_CHUNK);
    let mut partial = vec![0.0; chunks * width];
    partial.par_chunks_exact_mut(width).enumerate().for_each(|(chunk, partial)| {
        for row in chunk * ROW_CHUNK..rows.min((chunk + 1) * ROW_CHUNK) {
            of(row, partial);
        }
    });
    for partial in partial.chunks_exact(width) {
        for (sum, partial) in sum.iter_mut().zip(partial) {
            *sum += partial;
        }
    }
}
