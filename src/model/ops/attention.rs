//! Causal attention of a few rows over one sequence's cached keys and values.
//!
//! A task is a run of rows and one key-value head; the query heads that share it are worked on together, so keys and
//! values are read once for all of them and never repeated in memory. Keys lie dimension by dimension, the positions of a
//! block side by side, so that a score grows in a lane of its own. Scores are whole rows (two passes: largest, then
//! exponentials), positions are summed in order.

use std::cell::RefCell;

use rayon::prelude::*;

use super::buffer::Buffer;
use super::isa::{Isa, dispatch};
use super::simd::Simd;
use super::slices::SharedMut;

/// Query rows (tokens times heads of a group) of one task: a few tiles, so that keys read once serve them all.
const TASK_ROWS: usize = 24;

/// Multiply-adds of scores below which another thread is not worth waking.
const WORTH_SHARING: usize = 128 << 10;

/// How a block of the cache is laid out: `[layer][keys, values][key-value head]`, then for keys `[dimension][position]` and
/// for values `[position][dimension]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockLayout {
    pub layers: usize,
    pub kv_heads: usize,
    pub head_dim: usize,
    /// Positions in a block; a multiple of [`POSITIONS`].
    pub positions: usize,
}

/// Floats in a cache line.
const LINE: usize = 16;

/// Positions whose scores a kernel takes at once at most.
pub const POSITIONS: usize = 32;

impl BlockLayout {
    /// Floats in a block.
    pub fn len(&self) -> usize {
        self.layers * 2 * self.kv_heads * self.positions * self.head_dim
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Where the keys of one layer and head begin.
    pub fn keys(&self, layer: usize, head: usize) -> usize {
        (layer * 2 * self.kv_heads + head) * self.positions * self.head_dim
    }

    /// Where the values of one layer and head begin.
    pub fn values(&self, layer: usize, head: usize) -> usize {
        ((layer * 2 + 1) * self.kv_heads + head) * self.positions * self.head_dim
    }
}

/// New rows of one sequence and what they look back on.
#[derive(Debug, Clone, Copy)]
pub struct Rows<'a> {
    /// The sequence's blocks; they hold the keys and values of the new rows too.
    pub blocks: &'a [&'a [f32]],
    /// Index of the first row in the queries and the output.
    pub row: usize,
    pub rows: usize,
    /// Position of the first row; row `r` sees positions `0..=first + r`.
    pub first: usize,
}

/// Attention of one layer. `q` and `out` are `[rows, query heads * head_dim]`. Cached values have to be finite: what a row may
/// not see has the weight 0.
///
/// # Panics
/// If a shape does not agree with `layout`, or a block is missing.
pub fn attention(isa: Isa, layout: &BlockLayout, layer: usize, sequences: &[Rows<'_>], q: &[f32], out: &mut [f32]) {
    let total: usize = sequences.iter().map(|rows| rows.rows).sum();
    if total == 0 {
        return;
    }
    assert_eq!(q.len(), out.len(), "queries and output");
    let stride = q.len() / total;
    let group_width = stride / layout.kv_heads;
    let (group, head_dim) = (group_width / layout.head_dim, layout.head_dim);
    assert_eq!(stride, layout.kv_heads * group * head_dim, "whole groups of heads");
    assert_eq!(q.len(), total * stride, "query rows");
    let mut reached = 0;
    assert!(group > 0 && layer < layout.layers && layout.positions.is_multiple_of(POSITIONS), "layout");
    let each = (TASK_ROWS / group).max(1);
    let mut tasks = Vec::with_capacity(total * layout.kv_heads);
    for rows in sequences {
        assert!(rows.row == reached, "rows of one sequence after those of another");
        reached += rows.rows;
        assert!((rows.first + rows.rows).div_ceil(layout.positions) <= rows.blocks.len(), "a block for each position");
        assert!(rows.blocks.iter().all(|block| block.len() == layout.len()), "block size");
    }
    // Head by head: blocks that sequences share are then still in the cache when the next one comes.
    for head in 0..layout.kv_heads {
        for rows in sequences {
            for begin in (0..rows.rows).step_by(each) {
                tasks.push((rows, begin, each.min(rows.rows - begin), head));
            }
        }
    }
    let out = SharedMut::new(out);
    let scale = 1.0 / (head_dim as f32).sqrt();
    let farthest = sequences.iter().map(|rows| rows.first + rows.rows).max().unwrap_or(0);
    let least = WORTH_SHARING.div_ceil(each.min(total) * group_width * farthest).max(1);
    tasks.par_iter().with_min_len(least).for_each(|&(rows, begin, count, head)| {
        let task = Task { rows: count, first: rows.first + begin, group, head_dim, stride, scale };
        let at = (rows.row + begin) * stride + head * group_width;
        let cached = KeysValues {
            blocks: rows.blocks,
            keys: layout.keys(layer, head),
            values: layout.values(layer, head),
            positions: layout.positions,
        };
        // SAFETY: rows, blocks and heads were checked above; sequences do not share rows, so tasks write disjoint parts.
        unsafe { attend(isa, task, q.as_ptr().add(at), cached, out.as_mut_ptr().add(at)) };
    });
}

/// The keys and values of one layer and one key-value head, in blocks of `positions`.
#[derive(Clone, Copy)]
struct KeysValues<'a> {
    blocks: &'a [&'a [f32]],
    keys: usize,
    values: usize,
    positions: usize,
}

/// Shape of one task.
#[derive(Clone, Copy)]
struct Task {
    rows: usize,
    first: usize,
    /// Query heads on this key-value head.
    group: usize,
    head_dim: usize,
    /// Floats from one row of queries (and of the output) to the next.
    stride: usize,
    scale: f32,
}

thread_local! {
    static SCRATCH: RefCell<(Buffer, Buffer)> = RefCell::default();
}

/// `q` and `out` point to the group's first head in the task's first row.
///
/// # Safety
/// `q` and `out` hold `group * head_dim` floats in each of the rows `stride` apart, and nobody else touches those of
/// `out`; the blocks hold every position up to that of the last row.
unsafe fn attend(isa: Isa, task: Task, q: *const f32, cached: KeysValues<'_>, out: *mut f32) {
    SCRATCH.with_borrow_mut(|(queries, scores)| {
        let heads = task.rows * task.group;
        let width = (task.first + task.rows).next_multiple_of(cached.positions);
        let queries = queries.get(heads * task.head_dim);
        let scores = scores.get(heads * width);
        // SAFETY: the buffers were sized for the task; the rest is the caller's promise.
        unsafe { attend_on(isa, task, q, cached, out, queries.as_mut_ptr(), scores.as_mut_ptr(), width) }
    });
}

dispatch! {
    /// # Safety
    /// As [`attend`]; `queries` holds a row of `head_dim` floats and `scores` one of `width` for each row and head.
    #[allow(clippy::too_many_arguments)]
    unsafe fn attend_on = attend_kernel(
        task: Task, q: *const f32, cached: KeysValues<'_>, out: *mut f32, queries: *mut f32, scores: *mut f32, width: usize,
    )
}

#[inline(always)]
#[allow(clippy::too_many_arguments)]
unsafe fn attend_kernel<S: Simd>(
    task: Task,
    q: *const f32,
    cached: KeysValues<'_>,
    out: *mut f32,
    queries: *mut f32,
    scores: *mut f32,
    width: usize,
) {
    let Task { rows, first, group, head_dim, stride, scale } = task;
    let (heads, seen) = (rows * group, first + rows);
    // SAFETY: every access is inside what the caller promised.
    unsafe {
        for row in 0..rows {
            for at in 0..group * head_dim {
                *queries.add(row * group * head_dim + at) = *q.add(row * stride + at) * scale;
            }
        }
        for (index, block) in cached.blocks.iter().enumerate().take(seen.div_ceil(cached.positions)) {
            // Those of a block's positions that are not there yet are never looked at.
            let (keys, scores) = (block.as_ptr().add(cached.keys), scores.add(index * cached.positions));
            let ahead = match cached.blocks.get(index + 1) {
                Some(next) => next.as_ptr().wrapping_add(cached.keys),
                None => cached.blocks[0].as_ptr().wrapping_add(cached.values),
            };
            score::<S>(queries, keys, scores, heads, head_dim, width, cached.positions, ahead);
        }
        for head in 0..heads {
            softmax::<S>(scores.add(head * width), first + head / group + 1, seen);
        }
        let (mut head, passes) = (0, heads.div_ceil(S::TILE));
        for pass in 0..passes {
            let count = (heads - head).div_ceil(passes - pass);
            let weights = scores.add(head * width);
            // The rows of one group are not always neighbours in the output: each head has its own place.
            let mut places = [std::ptr::null_mut(); 6];
            for (index, place) in places.iter_mut().enumerate().take(count) {
                let (row, in_group) = ((head + index) / group, (head + index) % group);
                *place = out.add(row * stride + in_group * head_dim);
            }
            match count {
                1 => mix::<S, 1>(weights, width, cached, seen, head_dim, &places),
                2 => mix::<S, 2>(weights, width, cached, seen, head_dim, &places),
                3 => mix::<S, 3>(weights, width, cached, seen, head_dim, &places),
                4 => mix::<S, 4>(weights, width, cached, seen, head_dim, &places),
                5 => mix::<S, 5>(weights, width, cached, seen, head_dim, &places),
                _ => mix::<S, 6>(weights, width, cached, seen, head_dim, &places),
            }
            head += count;
        }
    }
}

/// Scores of `heads` queries against the positions of one block. Meanwhile memory at `ahead`, as much as a block's keys, is asked
/// for.
#[inline(always)]
#[allow(clippy::too_many_arguments)]
unsafe fn score<S: Simd>(
    queries: *const f32,
    keys: *const f32,
    scores: *mut f32,
    heads: usize,
    head_dim: usize,
    width: usize,
    positions: usize,
    ahead: *const f32,
) {
    // Two vectors of positions for each query, and registers left for the keys.
    let most = match S::LANES {
        16 => 8,
        _ => 2 * S::TILE,
    };
    let (mut head, passes) = (0, heads.div_ceil(most));
    for pass in 0..passes {
        let count = (heads - head).div_ceil(passes - pass);
        // SAFETY: the caller's promise covers these heads and every position of the block.
        unsafe {
            let (queries, scores) = (queries.add(head * head_dim), scores.add(head * width));
            match count {
                1 => score_heads::<S, 1>(queries, keys, scores, head_dim, width, positions, ahead),
                2 => score_heads::<S, 2>(queries, keys, scores, head_dim, width, positions, ahead),
                3 => score_heads::<S, 3>(queries, keys, scores, head_dim, width, positions, ahead),
                4 => score_heads::<S, 4>(queries, keys, scores, head_dim, width, positions, ahead),
                5 => score_heads::<S, 5>(queries, keys, scores, head_dim, width, positions, ahead),
                6 => score_heads::<S, 6>(queries, keys, scores, head_dim, width, positions, ahead),
                7 => score_heads::<S, 7>(queries, keys, scores, head_dim, width, positions, ahead),
                _ => score_heads::<S, 8>(queries, keys, scores, head_dim, width, positions, ahead),
            }
        }
        head += count;
    }
}

#[inline(always)]
unsafe fn score_heads<S: Simd, const C: usize>(
    queries: *const f32,
    keys: *const f32,
    scores: *mut f32,
    head_dim: usize,
    width: usize,
    positions: usize,
    ahead: *const f32,
) {
    // SAFETY: as `score`.
    unsafe {
        let mut at = 0;
        while at < positions {
            let mut sums = [[S::splat(0.0); 2]; C];
            for dim in 0..head_dim {
                for line in (0..2 * S::LANES).step_by(LINE) {
                    S::prefetch(ahead.wrapping_add(dim * positions + at + line));
                }
                let keys = keys.add(dim * positions + at);
                let (left, right) = (S::load(keys), S::load(keys.add(S::LANES)));
                for (head, sums) in sums.iter_mut().enumerate() {
                    let query = S::splat(*queries.add(head * head_dim + dim));
                    sums[0] = S::fma(query, left, sums[0]);
                    sums[1] = S::fma(query, right, sums[1]);
                }
            }
            for (head, sums) in sums.iter().enumerate() {
                let to = scores.add(head * width + at);
                S::store(to, sums[0]);
                S::store(to.add(S::LANES), sums[1]);
            }
            at += 2 * S::LANES;
        }
    }
}

/// Softmax over the first `limit` scores; those up to `seen`, which the row may not see, become 0. If a score is not finite, no
/// weight is a number.
#[inline(always)]
unsafe fn softmax<S: Simd>(scores: *mut f32, limit: usize, seen: usize) {
    // SAFETY: `scores` holds `seen` floats rounded up to a whole vector.
    unsafe {
        let padded = limit.next_multiple_of(S::LANES);
        for at in limit..padded {
            *scores.add(at) = f32::MIN;
        }
        let (mut largest, mut unsound) = (S::splat(f32::MIN), S::splat(0.0));
        let mut at = 0;
        while at < padded {
            let score = S::load(scores.add(at));
            largest = S::max(score, largest);
            // 0 for every finite number, none for all else.
            unsound = S::fma(score, S::splat(0.0), unsound);
            at += S::LANES;
        }
        let mut lanes = [f32::NEG_INFINITY; 16];
        S::store(lanes.as_mut_ptr(), largest);
        let largest = S::splat(lanes.into_iter().fold(f32::NEG_INFINITY, f32::max));
        let mut sum = S::splat(0.0);
        at = 0;
        while at < padded {
            let value = S::exp(S::sub(S::load(scores.add(at)), largest));
            S::store(scores.add(at), value);
            sum = S::add(sum, value);
            at += S::LANES;
        }
        let share = S::splat(1.0 / S::sum(sum) + S::sum(unsound));
        at = 0;
        while at < padded {
            S::store(scores.add(at), S::mul(S::load(scores.add(at)), share));
            at += S::LANES;
        }
        for at in limit..seen {
            *scores.add(at) = 0.0;
        }
    }
}

/// Sums the values of `C` heads by their weights, position after position.
#[inline(always)]
unsafe fn mix<S: Simd, const C: usize>(
    weights: *const f32,
    width: usize,
    cached: KeysValues<'_>,
    seen: usize,
    head_dim: usize,
    places: &[*mut f32; 6],
) {
    // SAFETY: the caller's promise covers every position, head and dimension named here.
    unsafe {
        let mut at = 0;
        while at + 4 * S::LANES <= head_dim {
            mix_columns::<S, C, 4>(weights, width, cached, seen, head_dim, at, S::LANES, places);
            at += 4 * S::LANES;
        }
        while at < head_dim {
            let lanes = S::LANES.min(head_dim - at);
            mix_columns::<S, C, 1>(weights, width, cached, seen, head_dim, at, lanes, places);
            at += lanes;
        }
    }
}

#[inline(always)]
#[allow(clippy::too_many_arguments)]
unsafe fn mix_columns<S: Simd, const C: usize, const N: usize>(
    weights: *const f32,
    width: usize,
    cached: KeysValues<'_>,
    seen: usize,
    head_dim: usize,
    at: usize,
    lanes: usize,
    places: &[*mut f32; 6],
) {
    // SAFETY: as `mix`.
    unsafe {
        let mut sums = [[S::splat(0.0); N]; C];
        for (index, block) in cached.blocks.iter().enumerate().take(seen.div_ceil(cached.positions)) {
            let begin = index * cached.positions;
            let values = block.as_ptr().add(cached.values + at);
            let next = cached.blocks.get(index + 1).unwrap_or(block).as_ptr().wrapping_add(cached.values + at);
            for position in 0..cached.positions.min(seen - begin) {
                let from = values.add(position * head_dim);
                for column in 0..N {
                    S::prefetch(next.wrapping_add(position * head_dim + column * S::LANES));
                }
                let mut value = [S::splat(0.0); N];
                for (column, value) in value.iter_mut().enumerate() {
                    let from = from.add(column * S::LANES);
                    *value = if lanes == S::LANES { S::load(from) } else { S::load_first(from, lanes) };
                }
                for (head, sums) in sums.iter_mut().enumerate() {
                    let weight = S::splat(*weights.add(head * width + begin + position));
                    for (sum, value) in sums.iter_mut().zip(value) {
                        *sum = S::fma(weight, value, *sum);
                    }
                }
            }
        }
        for (sums, place) in sums.iter().zip(places) {
            for (column, sum) in sums.iter().enumerate() {
                let to = place.add(at + column * S::LANES);
                if lanes == S::LANES {
                    S::store(to, *sum);
                } else {
                    S::store_first(to, *sum, lanes);
                }
            }
        }
    }
}
