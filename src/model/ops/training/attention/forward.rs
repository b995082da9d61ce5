//! The forward pass.

use std::ops::Range;

use rayon::prelude::*;

use super::super::super::gemm::{self, Onto};
use super::super::super::isa::{Isa, dispatch};
use super::super::super::simd::Simd;
use super::super::super::slices::SharedMut;
use super::{
    Carve, Heads, KEYS, QUERIES, SCRATCH, SPARE, Sizes, Task, check, gather, pack_by_line, pack_by_step, tasks,
};

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
