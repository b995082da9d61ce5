//! Rows of a table by token, and the table's gradient.

use rayon::prelude::*;

use super::super::slices::SharedMut;

/// Columns that a task of the backward pass works on: whole cache lines.
const COLUMNS: usize = 64;

/// `out[r] = table[tokens[r]]`. `table` is `[vocab, hidden]`.
///
/// # Panics
/// If a token is outside of the table, or `out` is not `[tokens, hidden]`.
pub fn forward(table: &[f32], hidden: usize, tokens: &[u32], out: &mut [f32]) {
    assert_eq!(out.len(), tokens.len() * hidden, "output shape");
    for (out, &token) in out.chunks_exact_mut(hidden).zip(tokens) {
        out.copy_from_slice(&table[token as usize * hidden..][..hidden]);
    }
}

/// Adds each row of `d_out` onto its token's row of `d_table`, in the order of the rows.
///
/// # Panics
/// As [`forward`].
pub fn backward(d_out: &[f32], hidden: usize, tokens: &[u32], d_table: &mut [f32]) {
    assert_eq!(d_out.len(), tokens.len() * hidden, "output shape");
    assert!(tokens.iter().all(|&token| (token as usize + 1) * hidden <= d_table.len()), "tokens inside the table");
    let table = SharedMut::new(d_table);
    (0..hidden.div_ceil(COLUMNS)).into_par_iter().for_each(|part| {
        let (begin, count) = (part * COLUMNS, COLUMNS.min(hidden - part * COLUMNS));
        for (d_out, &token) in d_out.chunks_exact(hidden).zip(tokens) {
            // SAFETY: each task has columns of its own.
            let row = unsafe { table.range(token as usize * hidden + begin, count) };
            row.iter_mut().zip(&d_out[begin..]).for_each(|(to, d)| *to += d);
        }
    });
}
