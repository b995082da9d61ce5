//! Causal attention with shared key-value heads over packed sequences, forward and backward.
//!
//! Rows of a batch lie one sequence after another; each sequence attends to itself alone. Scores exist for one block of
//! queries and keys at a time: the forward pass keeps, beside its output, one number a row and head (the logarithm of the
//! softmax's sum), from which the backward pass makes each block again (FlashAttention, Dao et al. 2022, algorithms 1 and
//! 4; the block order and the split of the work over threads are our own).

mod backward;
mod forward;

use std::cell::RefCell;
use std::ops::Range;

pub use backward::backward;
pub use forward::forward;

use super::super::buffer::Buffer;
use super::super::gemm::Precision;
use super::super::isa::Isa;
use super::super::pack::{self, Panels, panel_len};
use super::super::simd::Simd;

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
    let len = panels.packed_len(Precision::F32, 2 * S::LANES);
    pack::pack(isa, Precision::F32, panels, 2 * S::LANES, &mut out[..len], false);
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
    let len = panels.packed_len(Precision::F32, 2 * S::LANES);
    pack::pack(isa, Precision::F32, panels, 2 * S::LANES, &mut out[..len], false);
}
