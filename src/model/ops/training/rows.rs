//! Row-wise kernels and their gradients: RMS normalisation, SwiGLU, rotary embedding with normalised heads, bias.

use rayon::prelude::*;

use super::super::isa::{Isa, dispatch};
use super::super::rows::{self, for_rows, load, store};
use super::super::simd::Simd;
use super::super::slices::SharedMut;
use super::attention::Heads;
use super::sum_over_rows;

/// The backward of [`rows::rms_norm`]: adds the gradient of `x` onto `d_x`, and of the weight onto `d_weight` where it is
/// trained. With r = 1 / sqrt(mean(x^2) + eps): dx = r w dy - x r^3 / n sum(w dy x), dw = sum over rows of dy x r.
///
/// # Panics
/// If the shapes do not agree.
pub fn rms_norm_backward(
    isa: Isa,
    x: &[f32],
    weight: &[f32],
    eps: f32,
    d_out: &[f32],
    d_x: &mut [f32],
    d_weight: Option<&mut [f32]>,
) {
    let width = weight.len();
    assert!(width > 0 && x.len().is_multiple_of(width), "rows");
    assert!(x.len() == d_out.len() && x.len() == d_x.len(), "shapes");
    let rows = x.len() / width;
    let mut scales = vec![0.0; rows];
    let (shared, shared_scales) = (SharedMut::new(d_x), SharedMut::new(&mut scales));
    for_rows(rows, width, |row| {
        let here = row * width..(row + 1) * width;
        // SAFETY: each row is touched by one call only, and the shapes were checked.
        unsafe {
            let d_x = shared.range(row * width, width);
            let scale = norm_back(
                isa,
                x[here.clone()].as_ptr(),
                weight.as_ptr(),
                eps,
                d_out[here].as_ptr(),
                d_x.as_mut_ptr(),
                width,
                true,
            );
            shared_scales.range(row, 1)[0] = scale;
        }
    });
    if let Some(d_weight) = d_weight {
        assert_eq!(d_weight.len(), width, "weight");
        sum_over_rows(rows, d_weight, |row, sum| {
            let (x, d_out) = (&x[row * width..(row + 1) * width], &d_out[row * width..(row + 1) * width]);
            // SAFETY: three rows of the same width.
            unsafe { add_scaled_product(isa, x.as_ptr(), d_out.as_ptr(), scales[row], sum.as_mut_ptr(), width) };
        });
    }
}

dispatch! {
    /// One row; returns 1 / rms. `d_x` is added to if `onto`, else written, and may then be `d_out`.
    ///
    /// # Safety
    /// All hold `width` floats.
    #[allow(clippy::too_many_arguments)]
    unsafe fn norm_back = norm_back_kernel(
        x: *const f32, weight: *const f32, eps: f32, d_out: *const f32, d_x: *mut f32, width: usize, onto: bool,
    ) -> f32
}

#[inline(always)]
#[allow(clippy::too_many_arguments)]
unsafe fn norm_back_kernel<S: Simd>(
    x: *const f32,
    weight: *const f32,
    eps: f32,
    d_out: *const f32,
    d_x: *mut f32,
    width: usize,
    onto: bool,
) -> f32 {
    // SAFETY: every access is inside the `width` floats that the caller promised.
    unsafe {
        let (mut squares, mut dots) = (S::splat(0.0), S::splat(0.0));
        let mut at = 0;
        while at < width {
            let count = S::LANES.min(width - at);
            let value = load::<S>(x.add(at), count);
            let slope = S::mul(load::<S>(weight.add(at), count), load::<S>(d_out.add(at), count));
            squares = S::fma(value, value, squares);
            dots = S::fma(value, slope, dots);
            at += count;
        }
        let scale = 1.0 / (S::sum(squares) / width as f32 + eps).sqrt();
        let along = S::splat(-S::sum(dots) * scale * scale * scale / width as f32);
        let by = S::splat(scale);
        at = 0;
        while at < width {
            let count = S::LANES.min(width - at);
            let slope = S::mul(load::<S>(weight.add(at), count), load::<S>(d_out.add(at), count));
            let mut value = S::fma(along, load::<S>(x.add(at), count), S::mul(slope, by));
            if onto {
                value = S::add(value, load::<S>(d_x.add(at), count));
            }
            store::<S>(d_x.add(at), value, count);
            at += count;
        }
        scale
    }
}

dispatch! {
    /// `sum += a b scale`, element by element.
    ///
    /// # Safety
    /// All hold `width` floats.
    unsafe fn add_scaled_product = add_scaled_product_kernel(
        a: *const f32, b: *const f32, scale: f32, sum: *mut f32, width: usize,
    )
}

#[inline(always)]
unsafe fn add_scaled_product_kernel<S: Simd>(a: *const f32, b: *const f32, scale: f32, sum: *mut f32, width: usize) {
    // SAFETY: every access is inside the `width` floats that the caller promised.
    unsafe {
        let scale = S::splat(scale);
        let mut at = 0;
        while at < width {
            let count = S::LANES.min(width - at);
            let product = S::mul(load::<S>(a.add(at), count), load::<S>(b.add(at), count));
            store::<S>(sum.add(at), S::fma(product, scale, load::<S>(sum.add(at), count)), count);
            at += count;
        }
    }
}

/// `out = silu(gate) * up`, where a row of `gate_up` is `width` gates and then `width` ups.
///
/// # Panics
/// If the shapes do not agree.
pub fn swiglu(isa: Isa, gate_up: &[f32], width: usize, out: &mut [f32]) {
    assert!(width > 0 && out.len().is_multiple_of(width) && gate_up.len() == 2 * out.len(), "shapes");
    let out = SharedMut::new(out);
    for_rows(gate_up.len() / (2 * width), width, |row| {
        let gate_up = &gate_up[row * 2 * width..(row + 1) * 2 * width];
        // SAFETY: each row is written by one call only.
        unsafe {
            let out = out.range(row * width, width);
            gate_forward(isa, gate_up.as_ptr(), gate_up[width..].as_ptr(), out.as_mut_ptr(), width);
        }
    });
}

/// The backward of [`swiglu`], in place: `gate_up` becomes its gradient, and `d_out`, the gradient of the output, becomes
/// the output again (which the next weight's gradient needs).
///
/// # Panics
/// If the shapes do not agree.
pub fn swiglu_backward(isa: Isa, gate_up: &mut [f32], width: usize, d_out: &mut [f32]) {
    assert!(width > 0 && d_out.len().is_multiple_of(width) && gate_up.len() == 2 * d_out.len(), "shapes");
    let rows = d_out.len() / width;
    let (gate_up, d_out) = (SharedMut::new(gate_up), SharedMut::new(d_out));
    for_rows(rows, width, |row| {
        // SAFETY: each row is touched by one call only.
        unsafe {
            let (gate, up) = gate_up.range(row * 2 * width, 2 * width).split_at_mut(width);
            let d_out = d_out.range(row * width, width);
            gate_back(isa, gate.as_mut_ptr(), up.as_mut_ptr(), d_out.as_mut_ptr(), width);
        }
    });
}

dispatch! {
    /// # Safety
    /// All hold `width` floats.
    unsafe fn gate_forward = gate_forward_kernel(gate: *const f32, up: *const f32, out: *mut f32, width: usize)
}

#[inline(always)]
unsafe fn gate_forward_kernel<S: Simd>(gate: *const f32, up: *const f32, out: *mut f32, width: usize) {
    // SAFETY: every access is inside the `width` floats that the caller promised.
    unsafe {
        let one = S::splat(1.0);
        let mut at = 0;
        while at < width {
            let count = S::LANES.min(width - at);
            let value = load::<S>(gate.add(at), count);
            let below = S::add(one, S::exp(S::sub(S::splat(0.0), value)));
            store::<S>(out.add(at), S::mul(S::div(value, below), load::<S>(up.add(at), count)), count);
            at += count;
        }
    }
}

dispatch! {
    /// # Safety
    /// All hold `width` floats.
    unsafe fn gate_back = gate_back_kernel(gate: *mut f32, up: *mut f32, d_out: *mut f32, width: usize)
}

#[inline(always)]
unsafe fn gate_back_kernel<S: Simd>(gate: *mut f32, up: *mut f32, d_out: *mut f32, width: usize) {
    // SAFETY: every access is inside the `width` floats that the caller promised.
    unsafe {
        let one = S::splat(1.0);
        let mut at = 0;
        while at < width {
            let count = S::LANES.min(width - at);
            let value = load::<S>(gate.add(at), count);
            let (above, slope) = (load::<S>(up.add(at), count), load::<S>(d_out.add(at), count));
            let share = S::div(one, S::add(one, S::exp(S::sub(S::splat(0.0), value))));
            let silu = S::mul(value, share);
            // d silu / d gate = s (1 + gate (1 - s))
            let steep = S::mul(share, S::fma(value, S::sub(one, share), one));
            store::<S>(gate.add(at), S::mul(S::mul(slope, above), steep), count);
            store::<S>(up.add(at), S::mul(slope, silu), count);
            store::<S>(d_out.add(at), S::mul(silu, above), count);
            at += count;
        }
    }
}

/// What happens to queries and keys between their projection and attention.
#[derive(Debug, Clone, Copy)]
pub struct Turn<'a> {
    pub heads: Heads,
    /// `[rows, dim / 2]` each.
    pub cos: &'a [f32],
    pub sin: &'a [f32],
    /// Weights of the normalisation of each query head and each key head (Qwen3), and its epsilon.
    pub norms: Option<(&'a [f32], &'a [f32])>,
    pub eps: f32,
}

impl Turn<'_> {
    fn check(&self, qkv: &[f32]) -> usize {
        let width = self.heads.width();
        let rows = qkv.len() / width;
        assert_eq!(qkv.len(), rows * width, "rows");
        assert!(self.cos.len() == rows * (self.heads.dim / 2) && self.sin.len() == self.cos.len(), "angles");
        let fits = |norm: &[f32]| norm.len() == self.heads.dim;
        assert!(self.norms.is_none_or(|(q, k)| fits(q) && fits(k)), "head norms");
        rows
    }

    /// Floats of a row's queries and keys.
    pub fn turned(&self) -> usize {
        (self.heads.query + self.heads.key_value) * self.heads.dim
    }

    fn norm(&self, head: usize) -> Option<&[f32]> {
        self.norms.map(|(query, key)| if head < self.heads.query { query } else { key })
    }

    fn angles(&self, row: usize) -> (&[f32], &[f32]) {
        let half = self.heads.dim / 2;
        (&self.cos[row * half..(row + 1) * half], &self.sin[row * half..(row + 1) * half])
    }
}

/// Normalises (where the family does) and rotates queries and keys in place. Values stay.
///
/// # Panics
/// If a shape does not agree.
pub fn turn(isa: Isa, turn: &Turn<'_>, qkv: &mut [f32]) {
    turn.check(qkv);
    qkv.par_chunks_exact_mut(turn.heads.width()).with_min_len(8).enumerate().for_each(|(row, qkv)| {
        let (cos, sin) = turn.angles(row);
        for (head, x) in qkv[..turn.turned()].chunks_exact_mut(turn.heads.dim).enumerate() {
            if let Some(norm) = turn.norm(head) {
                rows::rms_norm_in_place(isa, x, norm, turn.eps);
            }
            rows::rope(isa, x, cos, sin);
        }
    });
}

/// The backward of [`turn`], in place. `raw` holds queries and keys as they were before ([`Turn::turned`] floats a row); it is
/// needed only where they are normalised. The norms' gradients are added onto `d_norms`.
///
/// # Panics
/// If a shape does not agree.
pub fn turn_backward(
    isa: Isa,
    turn: &Turn<'_>,
    raw: Option<&[f32]>,
    d_qkv: &mut [f32],
    d_norms: Option<(&mut [f32], &mut [f32])>,
) {
    let rows = turn.check(d_qkv);
    let (dim, width, turned) = (turn.heads.dim, turn.heads.width(), turn.turned());
    d_qkv.par_chunks_exact_mut(width).with_min_len(8).enumerate().for_each(|(row, d_qkv)| {
        let (cos, sin) = turn.angles(row);
        for head in d_qkv[..turned].chunks_exact_mut(dim) {
            unrotate(head, cos, sin);
        }
    });
    let (Some(_), Some(raw)) = (turn.norms, raw) else {
        assert!(turn.norms.is_none(), "normalised heads need what they were before");
        return;
    };
    assert_eq!(raw.len(), rows * turned, "queries and keys before their normalisation");
    if let Some((d_query, d_key)) = d_norms {
        assert!(d_query.len() == dim && d_key.len() == dim, "head norms");
        let here = &*d_qkv;
        for (heads, sum) in
            [(0..turn.heads.query, d_query), (turn.heads.query..turn.heads.query + turn.heads.key_value, d_key)]
        {
            sum_over_rows(rows, sum, |row, sum| {
                for head in heads.clone() {
                    let x = &raw[row * turned + head * dim..][..dim];
                    let d_out = &here[row * width + head * dim..][..dim];
                    let scale = 1.0 / (x.iter().map(|x| x * x).sum::<f32>() / dim as f32 + turn.eps).sqrt();
                    for ((sum, x), d_out) in sum.iter_mut().zip(x).zip(d_out) {
                        *sum += x * d_out * scale;
                    }
                }
            });
        }
    }
    d_qkv.par_chunks_exact_mut(width).with_min_len(8).enumerate().for_each(|(row, d_qkv)| {
        for (head, d) in d_qkv[..turned].chunks_exact_mut(dim).enumerate() {
            let Some(norm) = turn.norm(head) else { continue };
            let x = &raw[row * turned + head * dim..][..dim];
            // SAFETY: one head of each, all `dim` long; each vector of `d` is read before it is written.
            unsafe {
                norm_back(isa, x.as_ptr(), norm.as_ptr(), turn.eps, d.as_ptr(), d.as_mut_ptr(), dim, false);
            }
        }
    });
}

/// [`rows::rope`] by the opposite angle, which is its backward.
fn unrotate(head: &mut [f32], cos: &[f32], sin: &[f32]) {
    let (first, second) = head.split_at_mut(cos.len());
    for (((a, b), cos), sin) in first.iter_mut().zip(second).zip(cos).zip(sin) {
        let (x, y) = (*a, *b);
        *a = x * cos + y * sin;
        *b = y * cos - x * sin;
    }
}

/// Adds `bias` to every row.
///
/// # Panics
/// If `x` is no whole number of rows.
pub fn add_bias(x: &mut [f32], bias: &[f32]) {
    assert!(!bias.is_empty() && x.len().is_multiple_of(bias.len()), "rows");
    x.par_chunks_exact_mut(bias.len()).with_min_len(16).for_each(|row| {
        row.iter_mut().zip(bias).for_each(|(x, bias)| *x += bias);
    });
}

/// The backward of [`add_bias`]: adds the sum of all rows of `d_out` onto `d_bias`.
///
/// # Panics
/// If `d_out` is no whole number of rows.
pub fn add_bias_backward(d_out: &[f32], d_bias: &mut [f32]) {
    let width = d_bias.len();
    assert!(width > 0 && d_out.len().is_multiple_of(width), "rows");
    sum_over_rows(d_out.len() / width, d_bias, |row, sum| {
        sum.iter_mut().zip(&d_out[row * width..]).for_each(|(sum, d)| *sum += d);
    });
}
