//! Copies a matrix into panels, the order in which a product's kernel reads it: a panel holds a few rows (or columns),
//! for each step along the inner dimension one value of each.

use rayon::prelude::*;

use super::isa::Isa;
use super::slices::SharedMut;

/// Floats that a vector store may write behind a panel's end.
const SLACK: usize = 8;

/// Floats from one panel of `width` to the next.
pub(super) fn panel_len(width: usize, steps: usize) -> usize {
    (width * steps + SLACK).next_multiple_of(16)
}

/// Lines `begin..begin + count` (each becomes one place in a panel), steps `k..k + steps` of each: value (line, step) is
/// `data[line * line_step + step * k_step]`.
#[derive(Clone, Copy)]
pub(super) struct Panels<'a> {
    data: &'a [f32],
    line_step: usize,
    k_step: usize,
    count: usize,
    steps: usize,
}

impl<'a> Panels<'a> {
    /// # Panics
    /// If a value lies outside `data`, or neither step is 1.
    pub(super) fn new(
        data: &'a [f32],
        line_step: usize,
        k_step: usize,
        begin: usize,
        count: usize,
        k: usize,
        steps: usize,
    ) -> Self {
        assert!(count > 0 && steps > 0 && (line_step == 1 || k_step == 1), "a matrix with one dense side");
        let data = &data[begin * line_step + k * k_step..];
        assert!((count - 1) * line_step + (steps - 1) * k_step < data.len(), "values inside the data");
        Self { data, line_step, k_step, count, steps }
    }

    /// Floats that the panels take.
    pub(super) fn packed_len(&self, width: usize) -> usize {
        self.count.div_ceil(width) * panel_len(width, self.steps)
    }
}

/// Fills `out` with panels of `width` lines; places without a line are 0.
///
/// # Panics
/// If `out` is not [`Panels::packed_len`] long, or `width` is none that a kernel has.
pub(super) fn pack(isa: Isa, panels: Panels<'_>, width: usize, out: &mut [f32], share: bool) {
    assert!([2, 6, 12, 16, 32].contains(&width), "a width that a kernel has");
    assert_eq!(out.len(), panels.packed_len(width), "room for the panels");
    let len = panel_len(width, panels.steps);
    let count = panels.count.div_ceil(width);
    let out = SharedMut::new(out);
    // Panels beside each other share cache lines and pages of a matrix that is dense along its lines.
    let group = (128 / width).max(1);
    let task = |index: usize| {
        let panels_here = index * group..count.min((index + 1) * group);
        let whole = panels_here.start..panels_here.end.min(panels.count / width).max(panels_here.start);
        // SAFETY: each panel is written by one task only.
        let all = unsafe { out.range(panels_here.start * len, panels_here.len() * len) };
        if panels.line_step == 1 && !whole.is_empty() {
            copy(
                &panels.data[whole.start * width..],
                panels.k_step,
                panels.steps,
                width,
                len,
                &mut all[..whole.len() * len],
            );
        }
        for (panel, out) in panels_here.zip(all.chunks_exact_mut(len)) {
            let data = &panels.data[panel * width * panels.line_step..];
            let lines = width.min(panels.count - panel * width);
            if lines < width {
                out.fill(0.0);
                for line in 0..lines {
                    for k in 0..panels.steps {
                        out[k * width + line] = data[line * panels.line_step + k * panels.k_step];
                    }
                }
            } else if panels.line_step != 1 {
                transpose(isa, data, panels.line_step, panels.steps, width, out);
            }
        }
    };
    let tasks = count.div_ceil(group);
    if share && tasks > 1 {
        (0..tasks).into_par_iter().for_each(task);
    } else {
        (0..tasks).for_each(task);
    }
}

/// Lines lie side by side: each step is one run of neighbours, dealt out to panels `len` apart.
fn copy(data: &[f32], k_step: usize, steps: usize, width: usize, len: usize, out: &mut [f32]) {
    fn fixed<const W: usize>(data: &[f32], k_step: usize, steps: usize, len: usize, out: &mut [f32]) {
        let panels = out.len() / len;
        for k in 0..steps {
            let run = &data[k * k_step..][..panels * W];
            for (panel, from) in run.as_chunks::<W>().0.iter().enumerate() {
                out[panel * len + k * W..][..W].copy_from_slice(from);
            }
        }
    }
    match width {
        32 => fixed::<32>(data, k_step, steps, len, out),
        16 => fixed::<16>(data, k_step, steps, len, out),
        12 => fixed::<12>(data, k_step, steps, len, out),
        6 => fixed::<6>(data, k_step, steps, len, out),
        _ => fixed::<2>(data, k_step, steps, len, out),
    }
}

/// Steps lie side by side: `width` rows become columns.
fn transpose(isa: Isa, data: &[f32], line_step: usize, steps: usize, width: usize, out: &mut [f32]) {
    let mut done = 0;
    #[cfg(target_arch = "x86_64")]
    if isa != Isa::Portable && width >= 6 {
        let whole = steps / 8 * 8;
        let mut line = 0;
        while line < width {
            // The last eight rows may overlap those before; fewer than eight in all write behind, which comes later.
            let begin = if width >= 8 { line.min(width - 8) } else { 0 };
            for k in (0..whole).step_by(8) {
                let rows = 8.min(width);
                assert!(
                    (begin + rows - 1) * line_step + k + 8 <= data.len() && (k + 7) * width + begin + 8 <= out.len()
                );
                // SAFETY: AVX2 was detected (AVX-512 implies it); eight steps of the rows and eight places after each
                // step's first were just checked to be there.
                unsafe {
                    let from = data.as_ptr().add(begin * line_step + k);
                    x86::transpose_8(from, line_step, rows, out.as_mut_ptr().add(k * width + begin), width);
                }
            }
            line = begin + 8;
        }
        done = whole;
    }
    let _ = isa;
    for k in done..steps {
        for line in 0..width {
            out[k * width + line] = data[line * line_step + k];
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    /// Eight steps of `rows` (6 to 8) rows become eight runs of eight floats, in rising order; where there are fewer rows
    /// the last one stands in.
    ///
    /// # Safety
    /// AVX2; `rows` rows of eight floats `row_step` apart can be read, eight floats at each `step` written.
    #[target_feature(enable = "avx2")]
    pub(super) unsafe fn transpose_8(from: *const f32, row_step: usize, rows: usize, to: *mut f32, step: usize) {
        // SAFETY: the caller's promise.
        unsafe {
            let mut r = [_mm256_setzero_ps(); 8];
            for (row, r) in r.iter_mut().enumerate() {
                *r = _mm256_loadu_ps(from.add(row.min(rows - 1) * row_step));
            }
            let mut t = [_mm256_setzero_ps(); 8];
            for pair in 0..4 {
                t[2 * pair] = _mm256_unpacklo_ps(r[2 * pair], r[2 * pair + 1]);
                t[2 * pair + 1] = _mm256_unpackhi_ps(r[2 * pair], r[2 * pair + 1]);
            }
            for half in 0..2 {
                let (a, b, c, d) = (t[4 * half], t[4 * half + 1], t[4 * half + 2], t[4 * half + 3]);
                r[4 * half] = _mm256_shuffle_ps::<0x44>(a, c);
                r[4 * half + 1] = _mm256_shuffle_ps::<0xee>(a, c);
                r[4 * half + 2] = _mm256_shuffle_ps::<0x44>(b, d);
                r[4 * half + 3] = _mm256_shuffle_ps::<0xee>(b, d);
            }
            for k in 0..4 {
                _mm256_storeu_ps(to.add(k * step), _mm256_permute2f128_ps::<0x20>(r[k], r[k + 4]));
            }
            for k in 0..4 {
                _mm256_storeu_ps(to.add((k + 4) * step), _mm256_permute2f128_ps::<0x31>(r[k], r[k + 4]));
            }
        }
    }
}
