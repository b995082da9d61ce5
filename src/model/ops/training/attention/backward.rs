//! The backward pass.

use std::ops::Range;

use rayon::prelude::*;

use super::super::super::buffer::Buffer;
use super::super::super::gemm::{self, Onto};
use super::super::super::isa::{Isa, dispatch};
use super::super::super::simd::Simd;
use super::super::super::slices::SharedMut;
use super::{
    Carve, Heads, KEYS, QUERIES, SCRATCH, SPARE, Sizes, Task, check, gather, pack_by_line, pack_by_step, tasks,
};

/// The gradient of `qkv`, given the output's: `d_qkv` is written whole. `out` and `log_sums` are the forward pass's.
///
/// # Panics
/// As [`forward`](super::forward).
#[allow(clippy::too_many_arguments)]
pub fn backward(
    isa: Isa,
    heads: Heads,
    spans: &[Range<usize>],
    qkv: &[f32],
    out: &[f32],
    log_sums: &[f32],
    d_out: &[f32],
    d_qkv: &mut [f32],
    scratch: &mut Buffer,
) {
    let rows = qkv.len() / heads.width();
    check(heads, spans, rows);
    assert!(qkv.len() == rows * heads.width() && d_qkv.len() == qkv.len(), "queries, keys and values");
    assert!(out.len() == rows * heads.out_width() && d_out.len() == out.len(), "outputs");
    assert_eq!(log_sums.len(), rows * heads.query, "a number for each row and head");
    let dim = heads.dim;
    let (tasks, room) = tasks(heads, spans, 2 * dim);
    let partial = SharedMut::new(scratch.get(room));
    let shared = SharedMut::new(d_qkv);
    tasks.par_iter().with_max_len(1).for_each(|task| {
        let given = Given { qkv, out, log_sums, d_out, rows };
        // SAFETY: each task has its own part of the scratch, and its own rows and heads of the queries' gradient.
        unsafe {
            let partial = partial.range(task.at, task.rows.end * 2 * dim);
            backward_on(isa, isa, heads, task, given, partial, shared.as_mut_ptr());
        }
    });
    // Keys and values: the shares of all tasks of a sequence and head, in the order of their rows.
    let mut ordered: Vec<&Task> = tasks.iter().collect();
    ordered.sort_by_key(|task| (task.first, task.head, task.rows.start));
    let stride = heads.width();
    ordered.par_chunk_by(|a, b| (a.first, a.head) == (b.first, b.head)).for_each(|tasks| {
        for (index, task) in tasks.iter().enumerate().rev() {
            let (key_at, value_at) = (heads.query + task.head, heads.query + heads.key_value + task.head);
            // SAFETY: the tasks above are done; these columns belong to this sequence and head alone.
            let partial = unsafe { partial.range(task.at, task.rows.end * 2 * dim) };
            let (keys, values) = partial.split_at(task.rows.end * dim);
            for (part, at) in [(keys, key_at), (values, value_at)] {
                for (row, part) in part.chunks_exact(dim).enumerate() {
                    // SAFETY: as above.
                    let to = unsafe { shared.range((task.first + row) * stride + at * dim, dim) };
                    // The last task of a sequence reaches all of its rows.
                    if index + 1 == tasks.len() {
                        to.copy_from_slice(part);
                    } else {
                        to.iter_mut().zip(part).for_each(|(to, part)| *to += part);
                    }
                }
            }
        }
    });
}

/// What a backward task reads.
#[derive(Clone, Copy)]
struct Given<'a> {
    qkv: &'a [f32],
    out: &'a [f32],
    log_sums: &'a [f32],
    d_out: &'a [f32],
    rows: usize,
}

dispatch! {
    /// # Safety
    /// Slices as [`backward`] has checked; `partial` holds the task's share of keys' and values' gradients; nobody else
    /// writes the task's rows and query heads of `d_qkv`.
    unsafe fn backward_on = backward_kernel(
        packing: Isa, heads: Heads, task: &Task, given: Given<'_>, partial: &mut [f32], d_qkv: *mut f32,
    )
}

#[inline(always)]
unsafe fn backward_kernel<S: Simd>(
    packing: Isa,
    heads: Heads,
    task: &Task,
    given: Given<'_>,
    partial: &mut [f32],
    d_qkv: *mut f32,
) {
    // SAFETY: the caller's promise, handed on.
    unsafe {
        match S::LANES {
            16 => backward_rows::<S, 12>(packing, heads, task, given, partial, d_qkv),
            _ if S::TILE > 2 => backward_rows::<S, 6>(packing, heads, task, given, partial, d_qkv),
            _ => backward_rows::<S, 2>(packing, heads, task, given, partial, d_qkv),
        }
    }
}

#[inline(always)]
unsafe fn backward_rows<S: Simd, const R: usize>(
    packing: Isa,
    heads: Heads,
    task: &Task,
    given: Given<'_>,
    partial: &mut [f32],
    d_qkv: *mut f32,
) {
    let (dim, stride, group) = (heads.dim, heads.width(), heads.group());
    let width = 2 * S::LANES;
    let sizes = Sizes::new(width, dim);
    let (key_at, value_at) = (heads.query + task.head, heads.query + heads.key_value + task.head);
    let blocks = task.rows.len().div_ceil(QUERIES);
    let states = group * blocks * QUERIES;
    let mut buffer = SCRATCH.take();
    let need = 2 * sizes.by_key
        + sizes.by_dim
        + 2 * (sizes.scores + SPARE)
        + 2 * (states * dim + SPARE)
        + 2 * group * blocks * sizes.queries_by_dim
        + 2 * states
        + 512;
    let mut carve = Carve(buffer.get(need));
    let (keys, values) = (carve.take(sizes.by_key), carve.take(sizes.by_key));
    let keys_by_dim = carve.take(sizes.by_dim);
    let (weights, slopes) = (carve.take(sizes.scores + SPARE), carve.take(sizes.scores + SPARE));
    let (queries, d_out) = (carve.take(states * dim + SPARE), carve.take(states * dim + SPARE));
    let queries_by_dim = carve.take(group * blocks * sizes.queries_by_dim);
    let d_out_by_dim = carve.take(group * blocks * sizes.queries_by_dim);
    let (log_sums, dots) = (carve.take(states), carve.take(states));
    gather(heads, task, given.qkv, stride, heads.scale(), queries);
    gather(heads, task, given.d_out, heads.out_width(), 1.0, d_out);
    for head in 0..group {
        let query_head = task.head * group + head;
        for at in 0..task.rows.len() {
            let (state, row) = (head * blocks * QUERIES + at, task.first + task.rows.start + at);
            log_sums[state] = given.log_sums[query_head * given.rows + row];
            let out = &given.out[row * heads.out_width() + query_head * dim..][..dim];
            dots[state] = out.iter().zip(&d_out[state * dim..]).map(|(a, b)| a * b).sum();
        }
        for block in 0..blocks {
            let high = QUERIES.min(task.rows.len() - block * QUERIES);
            let at = head * blocks + block;
            for (from, to) in [(&*queries, &mut *queries_by_dim), (&*d_out, &mut *d_out_by_dim)] {
                let to = &mut to[at * sizes.queries_by_dim..];
                pack_by_step::<S>(packing, from, dim, at * QUERIES, 0, high, dim, to);
            }
        }
    }
    let (d_keys, d_values) = partial.split_at_mut(task.rows.end * dim);
    for key in (0..task.rows.end).step_by(KEYS) {
        let there = KEYS.min(task.rows.end - key);
        let row = task.first + key;
        pack_by_line::<S>(packing, given.qkv, stride, row, key_at * dim, there, dim, keys);
        pack_by_line::<S>(packing, given.qkv, stride, row, value_at * dim, there, dim, values);
        pack_by_step::<S>(packing, given.qkv, stride, row, key_at * dim, there, dim, keys_by_dim);
        let mut fresh = Onto::Nothing;
        for head in 0..group {
            for block in 0..blocks {
                let begin = task.rows.start + block * QUERIES;
                let high = QUERIES.min(task.rows.end - begin);
                if key >= begin + high {
                    continue;
                }
                let at = head * blocks + block;
                let state = at * QUERIES;
                // SAFETY: scratch was carved to these sizes, with room for whole tiles; the rows and heads of `d_qkv` are
                // the task's own.
                unsafe {
                    let (weights, slopes) = (weights.as_mut_ptr(), slopes.as_mut_ptr());
                    let shape = (high, there, dim);
                    let queries = queries.as_ptr().add(state * dim);
                    gemm::small::<S, R>(shape, queries, (dim, 1), keys.as_ptr(), weights, KEYS, 1.0, Onto::Nothing);
                    let d_out = d_out.as_ptr().add(state * dim);
                    gemm::small::<S, R>(shape, d_out, (dim, 1), values.as_ptr(), slopes, KEYS, 1.0, Onto::Nothing);
                    for row in 0..high {
                        let seen = (begin + row + 1).saturating_sub(key).min(there);
                        let (weights, slopes) = (weights.add(row * KEYS), slopes.add(row * KEYS));
                        slope::<S>(weights, slopes, seen, there, log_sums[state + row], dots[state + row]);
                    }
                    let panels = at * sizes.queries_by_dim;
                    // A row's keys lie side by side: read across, the block of scores is its own transpose.
                    let shape = (there, dim, high);
                    let to = d_values.as_mut_ptr().add(key * dim);
                    let by_dim = d_out_by_dim.as_ptr().add(panels);
                    gemm::small::<S, R>(shape, weights, (1, KEYS), by_dim, to, dim, 1.0, fresh);
                    let to = d_keys.as_mut_ptr().add(key * dim);
                    let by_dim = queries_by_dim.as_ptr().add(panels);
                    gemm::small::<S, R>(shape, slopes, (1, KEYS), by_dim, to, dim, 1.0, fresh);
                    fresh = Onto::Sum;
                    let to = d_qkv.add((task.first + begin) * stride + (task.head * group + head) * dim);
                    let onto = if key == 0 { Onto::Nothing } else { Onto::Sum };
                    let shape = (high, dim, there);
                    let scale = heads.scale();
                    gemm::small::<S, R>(shape, slopes, (KEYS, 1), keys_by_dim.as_ptr(), to, stride, scale, onto);
                }
            }
        }
    }
    SCRATCH.set(buffer);
}

/// From scores and the gradient of the weights to weights and the gradient of the scores; 0 behind `seen`.
///
/// # Safety
/// Both hold `KEYS` floats.
#[inline(always)]
unsafe fn slope<S: Simd>(weights: *mut f32, slopes: *mut f32, seen: usize, there: usize, log_sum: f32, dot: f32) {
    // SAFETY: `KEYS` is a whole number of vectors, and `seen <= there <= KEYS`.
    unsafe {
        let (log_sum, dot) = (S::splat(log_sum), S::splat(dot));
        for at in (0..seen).step_by(S::LANES) {
            let weight = S::exp(S::sub(S::load(weights.add(at)), log_sum));
            S::store(weights.add(at), weight);
            S::store(slopes.add(at), S::mul(weight, S::sub(S::load(slopes.add(at)), dot)));
        }
        for at in seen..there {
            *weights.add(at) = 0.0;
            *slopes.add(at) = 0.0;
        }
    }
}
