//! Causal attention with shared key-value heads over packed sequences, forward and backward.
//!
//! Rows of a batch lie one sequence after another; each sequence attends to itself alone. Scores exist for one block of
//! queries and keys at a time: the forward pass keeps, beside its output, one number a row and head (the logarithm of the
//! softmax's sum), from which the backward pass makes each block again (FlashAttention, Dao et al. 2022, algorithms 1 and
//! 4; the block order and the split of the work over threads are our own).

use std::cell::RefCell;
use std::ops::Range;

use rayon::prelude::*;

use super::super::buffer::Buffer;
use super::super::gemm::{self, Onto};
use super::super::isa::{Isa, dispatch};
use super::super::pack::{self, Panels, panel_len};
use super::super::simd::Simd;
use super::super::slices::SharedMut;

/// Query rows of a block: whole tiles for every instruction set.
const QUERIES: usize = 48;
/// Keys of a block.
const KEYS: usize = 96;
/// Parts that the work on one layer is cut into, so that many threads find some; it does not depend on their number.
const PARTS: usize = 24;
const MOST_CHUNKS: usize = 8;
/// Floats behind a scratch matrix that a tile may read in vain.
const SPARE: usize = 12 * 256;

/// How queries, keys and values lie in a row: all query heads, then the key heads, then the value heads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heads {
    pub query: usize,
    pub key_value: usize,
    pub dim: usize,
}

impl Heads {
    /// Floats of a row of queries, keys and values.
    pub fn width(&self) -> usize {
        (self.query + 2 * self.key_value) * self.dim
    }

    /// Floats of a row of the output.
    pub fn out_width(&self) -> usize {
        self.query * self.dim
    }

    fn group(&self) -> usize {
        self.query / self.key_value
    }

    fn scale(&self) -> f32 {
        1.0 / (self.dim as f32).sqrt()
    }
}

/// One key-value head of one sequence, and the query rows of it that a task works on.
#[derive(Debug, Clone)]
struct Task {
    head: usize,
    /// First row of the sequence.
    first: usize,
    /// Query rows, counted from `first`.
    rows: Range<usize>,
    /// Where the task's part of shared scratch begins.
    at: usize,
}

/// Cuts the work; tasks with most keys come first. `scratch` floats of room a key are counted for each task.
fn tasks(heads: Heads, spans: &[Range<usize>], scratch: usize) -> (Vec<Task>, usize) {
    let chunks = (PARTS / (heads.key_value * spans.len()).max(1)).clamp(1, MOST_CHUNKS);
    let mut tasks = Vec::new();
    let mut at = 0;
    for span in spans {
        let rows = span.len();
        let each = rows.div_ceil(chunks).next_multiple_of(QUERIES);
        for begin in (0..rows).step_by(each.max(1)) {
            let end = rows.min(begin + each);
            for head in 0..heads.key_value {
                tasks.push(Task { head, first: span.start, rows: begin..end, at });
                at += end * scratch;
            }
        }
    }
    tasks.sort_by_key(|task| std::cmp::Reverse(task.rows.end * task.rows.len()));
    (tasks, at)
}

fn check(heads: Heads, spans: &[Range<usize>], rows: usize) {
    assert!(heads.key_value > 0 && heads.query.is_multiple_of(heads.key_value), "heads");
    assert!(heads.dim > 0 && heads.dim <= 256, "head dimension");
    let mut reached = 0;
    for span in spans {
        assert!(span.start == reached && span.end > span.start, "sequences in order, without gaps");
        reached = span.end;
    }
    assert_eq!(reached, rows, "sequences cover the rows");
}

thread_local! {
    static SCRATCH: RefCell<Buffer> = RefCell::default();
}

/// `out` (`[rows, query heads * dim]`) and `log_sums` (`[query heads, rows]`) of `qkv` (`[rows, width]`), rotated already.
/// `spans` are the rows of each sequence.
///
/// # Panics
/// If a shape does not agree, or the sequences do not cover the rows in order.
pub fn forward(isa: Isa, heads: Heads, spans: &[Range<usize>], qkv: &[f32], out: &mut [f32], log_sums: &mut [f32]) {
    let rows = qkv.len() / heads.width();
    check(heads, spans, rows);
    assert!(qkv.len() == rows * heads.width() && out.len() == rows * heads.out_width(), "shapes");
    assert_eq!(log_sums.len(), rows * heads.query, "a number for each row and head");
    let (out, log_sums) = (SharedMut::new(out), SharedMut::new(log_sums));
    let (tasks, _) = tasks(heads, spans, 0);
    tasks.par_iter().with_max_len(1).for_each(|task| {
        // SAFETY: tasks have disjoint rows and heads of the outputs; the shapes were checked.
        unsafe { forward_on(isa, isa, heads, task, qkv, out.as_mut_ptr(), log_sums.as_mut_ptr(), rows) };
    });
}

dispatch! {
    /// # Safety
    /// Slices and pointers as [`forward`] has checked; nobody else writes the task's rows and heads.
    #[allow(clippy::too_many_arguments)]
    unsafe fn forward_on = forward_kernel(
        packing: Isa, heads: Heads, task: &Task, qkv: &[f32], out: *mut f32, log_sums: *mut f32, rows: usize,
    )
}

/// Room for parts of a scratch buffer, one after the other.
struct Carve<'a>(&'a mut [f32]);

impl<'a> Carve<'a> {
    fn take(&mut self, len: usize) -> &'a mut [f32] {
        let (taken, rest) = std::mem::take(&mut self.0).split_at_mut(len.next_multiple_of(16));
        self.0 = rest;
        taken
    }
}

/// Sizes of scratch matrices for one head dimension.
#[derive(Clone, Copy)]
struct Sizes {
    /// Panels of `KEYS` columns, `dim` steps.
    by_key: usize,
    /// Panels of `dim` columns, `KEYS` steps.
    by_dim: usize,
    /// Panels of `dim` columns, `QUERIES` steps.
    queries_by_dim: usize,
    /// A block of scores.
    scores: usize,
}

impl Sizes {
    fn new(width: usize, dim: usize) -> Self {
        Self {
            by_key: KEYS.div_ceil(width) * panel_len(width, dim),
            by_dim: dim.div_ceil(width) * panel_len(width, KEYS),
            queries_by_dim: dim.div_ceil(width) * panel_len(width, QUERIES),
            scores: QUERIES * KEYS,
        }
    }
}

#[inline(always)]
#[allow(clippy::too_many_arguments)]
unsafe fn forward_kernel<S: Simd>(
    packing: Isa,
    heads: Heads,
    task: &Task,
    qkv: &[f32],
    out: *mut f32,
    log_sums: *mut f32,
    rows: usize,
) {
    // SAFETY: the caller's promise, handed on.
    unsafe {
        match S::LANES {
            16 => forward_rows::<S, 12>(packing, heads, task, qkv, out, log_sums, rows),
            _ if S::TILE > 2 => forward_rows::<S, 6>(packing, heads, task, qkv, out, log_sums, rows),
            _ => forward_rows::<S, 2>(packing, heads, task, qkv, out, log_sums, rows),
        }
    }
}

#[inline(always)]
#[allow(clippy::too_many_arguments)]
unsafe fn forward_rows<S: Simd, const R: usize>(
    packing: Isa,
    heads: Heads,
    task: &Task,
    qkv: &[f32],
    out: *mut f32,
    log_sums: *mut f32,
    rows: usize,
) {
    let (dim, stride, group) = (heads.dim, heads.width(), heads.group());
    let sizes = Sizes::new(2 * S::LANES, dim);
    let (key_at, value_at) = (heads.query + task.head, heads.query + heads.key_value + task.head);
    let count = task.rows.len();
    let blocks = count.div_ceil(QUERIES);
    // Taken out, not borrowed: the closure below must not hold the cell.
    let mut buffer = SCRATCH.take();
    let states = group * blocks * QUERIES;
    let need = sizes.by_key + sizes.by_dim + sizes.scores + 2 * SPARE + 3 * states + 2 * states * dim + 256;
    let mut carve = Carve(buffer.get(need));
    let (keys, values) = (carve.take(sizes.by_key), carve.take(sizes.by_dim));
    let scores = carve.take(sizes.scores + SPARE);
    let (largest, sum) = (carve.take(states), carve.take(states));
    let queries = carve.take(states * dim + SPARE);
    let mixed = carve.take(states * dim);
    largest.fill(f32::NEG_INFINITY);
    sum.fill(0.0);
    mixed.fill(0.0);
    gather(heads, task, qkv, heads.width(), heads.scale(), queries);
    for key in (0..task.rows.end).step_by(KEYS) {
        let there = KEYS.min(task.rows.end - key);
        let row = task.first + key;
        pack_by_line::<S>(packing, qkv, stride, row, key_at * dim, there, dim, keys);
        pack_by_step::<S>(packing, qkv, stride, row, value_at * dim, there, dim, values);
        for head in 0..group {
            for block in 0..blocks {
                let begin = task.rows.start + block * QUERIES;
                let high = QUERIES.min(task.rows.end - begin);
                if key >= begin + high {
                    continue;
                }
                let state = (head * blocks + block) * QUERIES;
                // SAFETY: scratch was carved to these sizes, with room for whole tiles.
                unsafe {
                    let queries = queries.as_ptr().add(state * dim);
                    let shape = (high, there, dim);
                    let scores = scores.as_mut_ptr();
                    gemm::small::<S, R>(shape, queries, (dim, 1), keys.as_ptr(), scores, KEYS, 1.0, Onto::Nothing);
                    for row in 0..high {
                        let seen = (begin + row + 1).saturating_sub(key).min(there);
                        let mixed = mixed.as_mut_ptr().add((state + row) * dim);
                        let (largest, sum) = (&mut largest[state + row], &mut sum[state + row]);
                        soften::<S>(scores.add(row * KEYS), seen, there, largest, sum, mixed, dim);
                    }
                    let mixed = mixed.as_mut_ptr().add(state * dim);
                    let shape = (high, dim, there);
                    gemm::small::<S, R>(shape, scores, (KEYS, 1), values.as_ptr(), mixed, dim, 1.0, Onto::Sum);
                }
            }
        }
    }
    for head in 0..group {
        let query_head = task.head * group + head;
        for at in 0..count {
            let state = head * blocks * QUERIES + at;
            let row = task.first + task.rows.start + at;
            // SAFETY: this row and head are the task's own.
            unsafe {
                *log_sums.add(query_head * rows + row) = largest[state] + sum[state].ln();
                let to = out.add(row * heads.out_width() + query_head * dim);
                let share = 1.0 / sum[state];
                for (index, value) in mixed[state * dim..(state + 1) * dim].iter().enumerate() {
                    *to.add(index) = value * share;
                }
            }
        }
    }
    SCRATCH.set(buffer);
}

/// Copies the task's rows of its query heads out of rows of `width`, times `scale`: `[head in group][block][row][dim]`.
fn gather(heads: Heads, task: &Task, from: &[f32], width: usize, scale: f32, to: &mut [f32]) {
    let (dim, group) = (heads.dim, heads.group());
    let blocks = task.rows.len().div_ceil(QUERIES);
    for head in 0..group {
        for at in 0..task.rows.len() {
            let begin = (task.first + task.rows.start + at) * width + (task.head * group + head) * dim;
            let to = &mut to[(head * blocks * QUERIES + at) * dim..][..dim];
            for (to, from) in to.iter_mut().zip(&from[begin..begin + dim]) {
                *to = from * scale;
            }
        }
    }
}

/// Panels whose columns are `count` rows of a matrix and whose steps are `dim` of its columns from `column` on.
#[allow(clippy::too_many_arguments)]
fn pack_by_line<S: Simd>(
    isa: Isa,
    data: &[f32],
    stride: usize,
    row: usize,
    column: usize,
    count: usize,
    dim: usize,
    out: &mut [f32],
) {
    let panels = Panels::new(data, stride, 1, row, count, column, dim);
    let len = panels.packed_len(2 * S::LANES);
    pack::pack(isa, panels, 2 * S::LANES, &mut out[..len], false);
}

/// Panels whose columns are `dim` columns of a matrix and whose steps are `count` of its rows.
#[allow(clippy::too_many_arguments)]
fn pack_by_step<S: Simd>(
    isa: Isa,
    data: &[f32],
    stride: usize,
    row: usize,
    column: usize,
    count: usize,
    dim: usize,
    out: &mut [f32],
) {
    let panels = Panels::new(data, 1, stride, column, dim, row, count);
    let len = panels.packed_len(2 * S::LANES);
    pack::pack(isa, panels, 2 * S::LANES, &mut out[..len], false);
}

/// Turns a row of scores into weights relative to the largest score so far, and what was mixed before into the same
/// measure. Scores behind `seen` become 0.
///
/// # Safety
/// `scores` holds `KEYS` floats, `mixed` `dim`.
#[inline(always)]
unsafe fn soften<S: Simd>(
    scores: *mut f32,
    seen: usize,
    there: usize,
    largest: &mut f32,
    sum: &mut f32,
    mixed: *mut f32,
    dim: usize,
) {
    // SAFETY: `KEYS` is a whole number of vectors, and `seen <= there <= KEYS`.
    unsafe {
        if seen > 0 {
            let padded = seen.next_multiple_of(S::LANES);
            for at in seen..padded {
                *scores.add(at) = f32::NEG_INFINITY;
            }
            let mut most = S::splat(*largest);
            for at in (0..padded).step_by(S::LANES) {
                most = S::max(S::load(scores.add(at)), most);
            }
            let mut lanes = [f32::NEG_INFINITY; 16];
            S::store(lanes.as_mut_ptr(), most);
            let most = lanes.into_iter().fold(f32::NEG_INFINITY, f32::max);
            let before = if *largest == most { 1.0 } else { (*largest - most).exp() };
            let (shift, mut added) = (S::splat(most), S::splat(0.0));
            for at in (0..seen / S::LANES * S::LANES).step_by(S::LANES) {
                let value = S::exp(S::sub(S::load(scores.add(at)), shift));
                S::store(scores.add(at), value);
                added = S::add(added, value);
            }
            let mut total = S::sum(added);
            if seen < padded {
                let begin = padded - S::LANES;
                let mut lanes = [0.0; 16];
                S::store(lanes.as_mut_ptr(), S::exp(S::sub(S::load(scores.add(begin)), shift)));
                for at in begin..seen {
                    *scores.add(at) = lanes[at - begin];
                    total += lanes[at - begin];
                }
            }
            if before != 1.0 {
                for at in 0..dim {
                    *mixed.add(at) *= before;
                }
            }
            *sum = *sum * before + total;
            *largest = most;
        }
        for at in seen..there {
            *scores.add(at) = 0.0;
        }
    }
}

/// The gradient of `qkv`, given the output's: `d_qkv` is written whole. `out` and `log_sums` are the forward pass's.
///
/// # Panics
/// As [`forward`].
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
