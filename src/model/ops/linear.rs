//! `Y = X W^T + b` on f32, straight from row-major weights.
//!
//! Each element of `Y` is one dot product, summed lane by lane along the inner dimension and then as a tree: the order
//! never depends on how many rows `X` has or where the tile borders fall, so a row's result is the same bit for bit in
//! every batch. Weights are read from memory once: a block of `W` rows stays in cache while all of `X` passes by.

use rayon::prelude::*;

use super::isa::{Isa, dispatch};
use super::simd::Simd;
use super::slices::SharedMut;

/// Rows of `W` that a tile takes at once.
const ROWS: usize = 4;
/// Bytes of `W` that stay in cache while `X` passes: well inside the second level.
const BLOCK_BYTES: usize = 64 << 10;

/// One matrix of a product: `weight` is `[outputs, inputs]` row-major, `out` is `[rows, outputs]`.
pub struct Product<'a> {
    pub weight: &'a [f32],
    pub bias: Option<&'a [f32]>,
    pub out: &'a mut [f32],
    pub outputs: usize,
}

/// Multiplies `x` (`[rows, inputs]`) with several matrices in one parallel region.
///
/// # Panics
/// If a slice does not have the size that its shape says.
pub fn linear_many(isa: Isa, x: &[f32], inputs: usize, products: &mut [Product<'_>]) {
    assert!(inputs > 0 && x.len().is_multiple_of(inputs), "input rows");
    let rows = x.len() / inputs;
    if rows == 0 {
        return;
    }
    struct Part<'a> {
        weight: &'a [f32],
        bias: Option<&'a [f32]>,
        out: SharedMut<'a>,
        outputs: usize,
        begin: usize,
        end: usize,
    }
    let mut parts = Vec::new();
    let total: usize = products.iter().map(|product| product.outputs).sum();
    // Pieces small enough that two threads of unlike speed end together, large enough to be worth handing out.
    let piece = (total / (4 * rayon::current_num_threads())).max(16).next_multiple_of(ROWS);
    for product in products.iter_mut() {
        assert_eq!(product.weight.len(), product.outputs * inputs, "weight shape");
        assert_eq!(product.out.len(), rows * product.outputs, "output shape");
        assert!(product.bias.is_none_or(|bias| bias.len() == product.outputs), "bias shape");
        let out = SharedMut::new(product.out);
        for begin in (0..product.outputs).step_by(piece) {
            parts.push(Part {
                weight: product.weight,
                bias: product.bias,
                out,
                outputs: product.outputs,
                begin,
                end: (begin + piece).min(product.outputs),
            });
        }
    }
    parts.par_iter().for_each(|part| {
        let bias = part.bias.map_or(std::ptr::null(), <[f32]>::as_ptr);
        // SAFETY: the shapes were checked above; parts write disjoint columns of their output.
        unsafe {
            columns(
                isa,
                x.as_ptr(),
                part.weight.as_ptr(),
                bias,
                part.out.as_mut_ptr(),
                rows,
                inputs,
                part.outputs,
                part.begin,
                part.end,
            );
        }
    });
}

dispatch! {
    /// Columns `begin..end` of the product. `bias` may be null.
    ///
    /// # Safety
    /// `x` holds `rows * inputs` floats, `w` `outputs * inputs`, `y` `rows * outputs`, `bias` none or `outputs`;
    /// nobody else touches the columns of `y`.
    #[allow(clippy::too_many_arguments)]
    unsafe fn columns = columns_kernel(
        x: *const f32, w: *const f32, bias: *const f32, y: *mut f32,
        rows: usize, inputs: usize, outputs: usize, begin: usize, end: usize,
    )
}

#[inline(always)]
#[allow(clippy::too_many_arguments)]
unsafe fn columns_kernel<S: Simd>(
    x: *const f32,
    w: *const f32,
    bias: *const f32,
    y: *mut f32,
    rows: usize,
    inputs: usize,
    outputs: usize,
    begin: usize,
    end: usize,
) {
    let block = (BLOCK_BYTES / (inputs * size_of::<f32>())).max(ROWS) / ROWS * ROWS;
    let line = 64 / size_of::<f32>();
    // As few passes over X as the widest tile allows, and of even width.
    let passes = rows.div_ceil(S::TILE);
    let mut from = begin;
    while from < end {
        let to = (from + block).min(end);
        let mut row = 0;
        for pass in 0..passes {
            let width = (rows - row).div_ceil(passes - pass);
            // Each pass asks for its share of the next block, so that memory works while this one is multiplied.
            let share = inputs.div_ceil(passes).next_multiple_of(line);
            let ahead = Ahead { offset: block * inputs + pass * share, count: share.min(inputs) };
            // SAFETY: `row + width <= rows` and `to <= outputs`, as the caller promised.
            unsafe {
                let x = x.add(row * inputs);
                let y = y.add(row * outputs);
                match width {
                    1 => strip::<S, 1>(x, w, bias, y, inputs, outputs, from, to, ahead),
                    2 => strip::<S, 2>(x, w, bias, y, inputs, outputs, from, to, ahead),
                    3 => strip::<S, 3>(x, w, bias, y, inputs, outputs, from, to, ahead),
                    4 => strip::<S, 4>(x, w, bias, y, inputs, outputs, from, to, ahead),
                    5 => strip::<S, 5>(x, w, bias, y, inputs, outputs, from, to, ahead),
                    _ => strip::<S, 6>(x, w, bias, y, inputs, outputs, from, to, ahead),
                }
            }
            row += width;
        }
        from = to;
    }
}

/// `C` rows of `x` against the rows `from..to` of `w`.
#[inline(always)]
#[allow(clippy::too_many_arguments)]
unsafe fn strip<S: Simd, const C: usize>(
    x: *const f32,
    w: *const f32,
    bias: *const f32,
    y: *mut f32,
    inputs: usize,
    outputs: usize,
    from: usize,
    to: usize,
    ahead: Ahead,
) {
    // SAFETY: all rows and columns named here are inside what the caller promised.
    unsafe {
        let bias_at = |index: usize| if bias.is_null() { 0.0 } else { *bias.add(index) };
        let mut n = from;
        while n + ROWS <= to {
            let sums = tile::<S, ROWS, C>(x, w.add(n * inputs), inputs, ahead);
            let bias = std::array::from_fn(|row| bias_at(n + row));
            S::store_sums(&sums, bias, y.add(n), outputs);
            n += ROWS;
        }
        while n < to {
            let sums = tile::<S, 1, C>(x, w.add(n * inputs), inputs, ahead);
            for (column, sum) in sums.iter().enumerate() {
                *y.add(column * outputs + n) = S::sum(sum[0]) + bias_at(n);
            }
            n += 1;
        }
    }
}

/// The part of each row of `w` that a tile asks for on behalf of a later one.
#[derive(Clone, Copy)]
struct Ahead {
    /// Floats from a row's beginning; may lie behind the end of `w`.
    offset: usize,
    count: usize,
}

/// Lane sums of `C` rows of `x` times `R` rows of `w`.
#[inline(always)]
unsafe fn tile<S: Simd, const R: usize, const C: usize>(
    x: *const f32,
    w: *const f32,
    inputs: usize,
    ahead: Ahead,
) -> [[S::V; R]; C] {
    // SAFETY: the caller gives `C` rows of `x` and `R` rows of `w`, each of `inputs` floats. What is asked for ahead is
    // not read, and its address is made without the promise of lying inside an object.
    unsafe {
        let mut sums = [[S::splat(0.0); R]; C];
        let whole = inputs / S::LANES * S::LANES;
        let asking = ahead.count.min(whole) / S::LANES * S::LANES;
        let mut k = 0;
        while k < asking {
            for row in 0..R {
                S::prefetch(w.wrapping_add(row * inputs + ahead.offset + k));
            }
            step::<S, R, C>(&mut sums, x, w, inputs, k);
            k += S::LANES;
        }
        while k < whole {
            step::<S, R, C>(&mut sums, x, w, inputs, k);
            k += S::LANES;
        }
        if k < inputs {
            let rest = inputs - k;
            let mut weights = [S::splat(0.0); R];
            for (row, weight) in weights.iter_mut().enumerate() {
                *weight = S::load_first(w.add(row * inputs + k), rest);
            }
            for (column, sums) in sums.iter_mut().enumerate() {
                let value = S::load_first(x.add(column * inputs + k), rest);
                for (sum, weight) in sums.iter_mut().zip(weights) {
                    *sum = S::fma(value, weight, *sum);
                }
            }
        }
        sums
    }
}

/// One vector further along the inner dimension.
#[inline(always)]
unsafe fn step<S: Simd, const R: usize, const C: usize>(
    sums: &mut [[S::V; R]; C],
    x: *const f32,
    w: *const f32,
    inputs: usize,
    k: usize,
) {
    // SAFETY: as `tile`, with a whole vector at `k`.
    unsafe {
        let mut weights = [S::splat(0.0); R];
        for (row, weight) in weights.iter_mut().enumerate() {
            *weight = S::load(w.add(row * inputs + k));
        }
        for (column, sums) in sums.iter_mut().enumerate() {
            let value = S::load(x.add(column * inputs + k));
            for (sum, weight) in sums.iter_mut().zip(weights) {
                *sum = S::fma(value, weight, *sum);
            }
        }
    }
}
