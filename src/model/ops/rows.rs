//! What is done to each row by itself: RMS normalisation, rotary embedding, gating, residual sums.

use rayon::prelude::*;

use super::isa::{Isa, dispatch};
use super::simd::Simd;
use super::slices::SharedMut;

/// Floats below which handing rows to other threads costs more than it gains.
const WORTH_SHARING: usize = 16 << 10;

/// Calls `work(row)` for every row, in parallel where there is enough to do.
pub(crate) fn for_rows(rows: usize, width: usize, work: impl Fn(usize) + Sync + Send) {
    if rows * width < WORTH_SHARING {
        (0..rows).for_each(work);
    } else {
        let least = (WORTH_SHARING / 4 / width.max(1)).max(1);
        (0..rows).into_par_iter().with_min_len(least).for_each(work);
    }
}

/// `out[r] = x[r] / sqrt(mean(x[r]^2) + eps) * weight` over rows of `weight.len()` floats. When `add` is given, `x[r] += add[r]`
/// first: the residual sum and the next normalisation in one pass.
///
/// # Panics
/// If the slices differ in length or are no whole number of rows.
pub fn rms_norm(isa: Isa, x: &mut [f32], add: Option<&[f32]>, weight: &[f32], eps: f32, out: &mut [f32]) {
    let width = weight.len();
    assert!(width > 0 && x.len().is_multiple_of(width), "rows");
    assert_eq!(x.len(), out.len(), "output shape");
    assert!(add.is_none_or(|add| add.len() == x.len()), "residual shape");
    let rows = x.len() / width;
    let (x, out) = (SharedMut::new(x), SharedMut::new(out));
    for_rows(rows, width, |row| {
        let add = add.map_or(std::ptr::null(), |add| add[row * width..].as_ptr());
        // SAFETY: each row is touched by one call only, and the shapes were checked.
        unsafe {
            let x = x.range(row * width, width);
            let out = out.range(row * width, width);
            rms_norm_row(isa, x.as_mut_ptr(), add, weight.as_ptr(), eps, out.as_mut_ptr(), width);
        }
    });
}

/// RMS normalisation of one short row in place (a head of q or k).
///
/// # Panics
/// If `x` and `weight` differ in length.
pub fn rms_norm_in_place(isa: Isa, x: &mut [f32], weight: &[f32], eps: f32) {
    assert_eq!(x.len(), weight.len(), "row width");
    let (len, x) = (x.len(), x.as_mut_ptr());
    // SAFETY: one row, in place: each vector is read before it is written.
    unsafe { rms_norm_row(isa, x, std::ptr::null(), weight.as_ptr(), eps, x, len) }
}

dispatch! {
    /// # Safety
    /// `x`, `weight` and `out` hold `width` floats, `add` none (null) or `width`; `out` may be `x`.
    unsafe fn rms_norm_row = rms_norm_kernel(
        x: *mut f32, add: *const f32, weight: *const f32, eps: f32, out: *mut f32, width: usize,
    )
}

#[inline(always)]
unsafe fn rms_norm_kernel<S: Simd>(
    x: *mut f32,
    add: *const f32,
    weight: *const f32,
    eps: f32,
    out: *mut f32,
    width: usize,
) {
    // SAFETY: every access is inside the `width` floats that the caller promised.
    unsafe {
        let mut squares = S::splat(0.0);
        let mut at = 0;
        while at < width {
            let count = S::LANES.min(width - at);
            let mut value = load::<S>(x.add(at), count);
            if !add.is_null() {
                value = S::add(value, load::<S>(add.add(at), count));
                store::<S>(x.add(at), value, count);
            }
            squares = S::fma(value, value, squares);
            at += count;
        }
        let scale = S::splat(1.0 / (S::sum(squares) / width as f32 + eps).sqrt());
        at = 0;
        while at < width {
            let count = S::LANES.min(width - at);
            let value = S::mul(load::<S>(x.add(at), count), scale);
            store::<S>(out.add(at), S::mul(value, load::<S>(weight.add(at), count)), count);
            at += count;
        }
    }
}

/// `gate = silu(gate) * up`.
///
/// # Panics
/// If the slices differ in length.
pub fn swiglu(isa: Isa, gate: &mut [f32], up: &[f32]) {
    assert_eq!(gate.len(), up.len(), "gate and up");
    const PIECE: usize = 4096;
    let len = gate.len();
    let gate = SharedMut::new(gate);
    for_rows(len.div_ceil(PIECE), PIECE, |piece| {
        let (begin, count) = (piece * PIECE, PIECE.min(len - piece * PIECE));
        // SAFETY: pieces are disjoint and inside both slices.
        unsafe { swiglu_row(isa, gate.range(begin, count).as_mut_ptr(), up[begin..].as_ptr(), count) }
    });
}

dispatch! {
    /// # Safety
    /// Both hold `count` floats.
    unsafe fn swiglu_row = swiglu_kernel(gate: *mut f32, up: *const f32, count: usize)
}

#[inline(always)]
unsafe fn swiglu_kernel<S: Simd>(gate: *mut f32, up: *const f32, width: usize) {
    // SAFETY: every access is inside the `width` floats that the caller promised.
    unsafe {
        let mut at = 0;
        while at < width {
            let count = S::LANES.min(width - at);
            let value = load::<S>(gate.add(at), count);
            let below = S::add(S::splat(1.0), S::exp(S::sub(S::splat(0.0), value)));
            store::<S>(gate.add(at), S::mul(S::div(value, below), load::<S>(up.add(at), count)), count);
            at += count;
        }
    }
}

/// Rotates one head in place: the first half of its dimensions pairs with the second (the Hugging Face layout).
/// `cos` and `sin` hold one value a pair.
///
/// # Panics
/// If the lengths do not agree.
pub fn rope(isa: Isa, head: &mut [f32], cos: &[f32], sin: &[f32]) {
    let half = head.len() / 2;
    assert!(head.len() == 2 * half && cos.len() == half && sin.len() == half, "head and angles");
    // SAFETY: the lengths were checked.
    unsafe { rope_row(isa, head.as_mut_ptr(), cos.as_ptr(), sin.as_ptr(), half) }
}

dispatch! {
    /// # Safety
    /// `cos` and `sin` hold `half` floats, `head` twice as many.
    unsafe fn rope_row = rope_kernel(head: *mut f32, cos: *const f32, sin: *const f32, half: usize)
}

#[inline(always)]
unsafe fn rope_kernel<S: Simd>(head: *mut f32, cos: *const f32, sin: *const f32, half: usize) {
    // SAFETY: every access is inside what the caller promised.
    unsafe {
        let mut at = 0;
        while at < half {
            let count = S::LANES.min(half - at);
            let (first, second) = (head.add(at), head.add(half + at));
            let (x, y) = (load::<S>(first, count), load::<S>(second, count));
            let (cos, sin) = (load::<S>(cos.add(at), count), load::<S>(sin.add(at), count));
            store::<S>(first, S::sub(S::mul(x, cos), S::mul(y, sin)), count);
            store::<S>(second, S::add(S::mul(y, cos), S::mul(x, sin)), count);
            at += count;
        }
    }
}

/// e^x of every element in place.
pub fn exp(isa: Isa, x: &mut [f32]) {
    // SAFETY: the slice holds what it says.
    unsafe { exp_row(isa, x.as_mut_ptr(), x.len()) }
}

dispatch! {
    /// # Safety
    /// `x` holds `count` floats.
    unsafe fn exp_row = exp_kernel(x: *mut f32, count: usize)
}

#[inline(always)]
unsafe fn exp_kernel<S: Simd>(x: *mut f32, width: usize) {
    // SAFETY: every access is inside the `width` floats that the caller promised.
    unsafe {
        let mut at = 0;
        while at < width {
            let count = S::LANES.min(width - at);
            store::<S>(x.add(at), S::exp(load::<S>(x.add(at), count)), count);
            at += count;
        }
    }
}

#[inline(always)]
pub(super) unsafe fn load<S: Simd>(from: *const f32, count: usize) -> S::V {
    // SAFETY: the caller gives `count` readable floats.
    unsafe { if count == S::LANES { S::load(from) } else { S::load_first(from, count) } }
}

#[inline(always)]
pub(super) unsafe fn store<S: Simd>(to: *mut f32, value: S::V, count: usize) {
    // SAFETY: the caller gives `count` writable floats.
    unsafe { if count == S::LANES { S::store(to, value) } else { S::store_first(to, value, count) } }
}
