//! Copies a matrix into panels, the order in which a product's kernel reads it: a panel holds a few rows (or columns),
//! for each place along the inner dimension one value of each, or in bf16 two: the upper half of a place's bits is the later.

use rayon::prelude::*;

use super::gemm::Precision;
use super::isa::Isa;
use super::slices::SharedMut;

/// Floats that a vector store may write behind a panel's end.
const SLACK: usize = 8;

/// Floats from one panel of `width` to the next.
pub(super) fn panel_len(width: usize, places: usize) -> usize {
    (width * places + SLACK).next_multiple_of(16)
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
    pub(super) fn packed_len(&self, precision: Precision, width: usize) -> usize {
        self.count.div_ceil(width) * panel_len(width, precision.places(self.steps))
    }
}

/// Two values rounded to bf16, to the nearest and of two as near to the even one, side by side in the bits of a float.
#[inline(always)]
fn pair(low: f32, high: f32) -> f32 {
    f32::from_bits(bits_of_pair(low, high))
}

/// The same bits as a whole number.
#[inline(always)]
pub(super) fn bits_of_pair(low: f32, high: f32) -> u32 {
    u32::from(bf16(low)) | u32::from(bf16(high)) << 16
}

#[inline(always)]
fn bf16(x: f32) -> u16 {
    let bits = x.to_bits();
    let rounded = (bits.wrapping_add(0x7FFF + (bits >> 16 & 1)) >> 16) as u16;
    // What is no number must not be rounded to infinity.
    if x.is_nan() { (bits >> 16) as u16 | 0x40 } else { rounded }
}

/// Fills `out` with panels of `width` lines; places without a line are 0.
///
/// # Panics
/// If `out` is not [`Panels::packed_len`] long, or `width` is none that a kernel has.
pub(super) fn pack(isa: Isa, precision: Precision, panels: Panels<'_>, width: usize, out: &mut [f32], share: bool) {
    assert!([2, 6, 12, 16, 32].contains(&width), "a width that a kernel has");
    assert_eq!(out.len(), panels.packed_len(precision, width), "room for the panels");
    let pairs = precision == Precision::Bf16;
    let len = panel_len(width, precision.places(panels.steps));
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
            let (data, out) = (&panels.data[whole.start * width..], &mut all[..whole.len() * len]);
            let runs = Runs { data, k_step: panels.k_step, steps: panels.steps, len };
            runs.copy(isa, pairs, width, out);
        }
        for (panel, out) in panels_here.zip(all.chunks_exact_mut(len)) {
            let data = &panels.data[panel * width * panels.line_step..];
            let lines = width.min(panels.count - panel * width);
            if lines < width {
                out.fill(0.0);
                let at = |line: usize, k: usize| data[line * panels.line_step + k * panels.k_step];
                for line in 0..lines {
                    if !pairs {
                        (0..panels.steps).for_each(|k| out[k * width + line] = at(line, k));
                        continue;
                    }
                    for place in 0..panels.steps.div_ceil(2) {
                        let next = if 2 * place + 1 < panels.steps { at(line, 2 * place + 1) } else { 0.0 };
                        out[place * width + line] = pair(at(line, 2 * place), next);
                    }
                }
            } else if panels.line_step != 1 {
                transpose(isa, pairs, data, panels.line_step, panels.steps, width, out);
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

/// Lines that lie side by side: each step is one run of neighbours, dealt out to panels `len` apart.
#[derive(Clone, Copy)]
struct Runs<'a> {
    data: &'a [f32],
    k_step: usize,
    steps: usize,
    len: usize,
}

impl Runs<'_> {
    fn copy(self, isa: Isa, pairs: bool, width: usize, out: &mut [f32]) {
        match width {
            32 => self.fixed::<32>(isa, pairs, out),
            16 => self.fixed::<16>(isa, pairs, out),
            12 => self.fixed::<12>(isa, pairs, out),
            6 => self.fixed::<6>(isa, pairs, out),
            _ => self.fixed::<2>(isa, pairs, out),
        }
    }

    fn fixed<const W: usize>(self, isa: Isa, pairs: bool, out: &mut [f32]) {
        if !pairs {
            return self.singly::<W>(out);
        }
        match isa {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: AVX2 was detected (AVX-512 implies it).
            Isa::Avx512 | Isa::Avx2 => unsafe { self.paired_avx2::<W>(out) },
            Isa::Portable => self.paired::<W>(out),
        }
    }

    fn singly<const W: usize>(self, out: &mut [f32]) {
        let panels = out.len() / self.len;
        for k in 0..self.steps {
            let run = &self.data[k * self.k_step..][..panels * W];
            for (panel, from) in run.as_chunks::<W>().0.iter().enumerate() {
                out[panel * self.len + k * W..][..W].copy_from_slice(from);
            }
        }
    }

    /// [`Runs::paired`], put into vectors by the compiler.
    ///
    /// # Safety
    /// AVX2.
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2")]
    unsafe fn paired_avx2<const W: usize>(self, out: &mut [f32]) {
        self.paired::<W>(out);
    }

    #[inline(always)]
    fn paired<const W: usize>(self, out: &mut [f32]) {
        let panels = out.len() / self.len;
        for place in 0..self.steps.div_ceil(2) {
            let run = |k: usize| self.data[k * self.k_step..][..panels * W].as_chunks::<W>().0;
            let low = run(2 * place);
            let high = (2 * place + 1 < self.steps).then(|| run(2 * place + 1));
            for panel in 0..panels {
                let to = &mut out[panel * self.len + place * W..][..W];
                let (low, high) = (&low[panel], high.map_or(&[0.0; W], |high| &high[panel]));
                for lane in 0..W {
                    to[lane] = pair(low[lane], high[lane]);
                }
            }
        }
    }
}

/// Steps lie side by side: `width` rows become columns.
fn transpose(isa: Isa, pairs: bool, data: &[f32], line_step: usize, steps: usize, width: usize, out: &mut [f32]) {
    let places = if pairs { steps.div_ceil(2) } else { steps };
    let mut done = 0;
    #[cfg(target_arch = "x86_64")]
    if isa != Isa::Portable && width >= 6 {
        let each = if pairs { 16 } else { 8 };
        let whole = steps / each * 8;
        let mut line = 0;
        while line < width {
            // The last eight rows may overlap those before; fewer than eight in all write behind, which comes later.
            let begin = if width >= 8 { line.min(width - 8) } else { 0 };
            for place in (0..whole).step_by(8) {
                let (rows, k) = (8.min(width), place / 8 * each);
                assert!(
                    (begin + rows - 1) * line_step + k + each <= data.len()
                        && (place + 7) * width + begin + 8 <= out.len()
                );
                // SAFETY: AVX2 was detected (AVX-512 implies it); the steps of the rows and eight places after each
                // place's first were just checked to be there.
                unsafe {
                    let from = data.as_ptr().add(begin * line_step + k);
                    let to = out.as_mut_ptr().add(place * width + begin);
                    if pairs {
                        x86::transpose_8::<true>(from, line_step, rows, to, width);
                    } else {
                        x86::transpose_8::<false>(from, line_step, rows, to, width);
                    }
                }
            }
            line = begin + 8;
        }
        done = whole;
    }
    let _ = isa;
    for place in done..places {
        for line in 0..width {
            let row = &data[line * line_step..];
            out[place * width + line] = if pairs {
                pair(row[2 * place], if 2 * place + 1 < steps { row[2 * place + 1] } else { 0.0 })
            } else {
                row[place]
            };
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    /// Sixteen floats as eight pairs of bf16.
    ///
    /// # Safety
    /// AVX2; sixteen floats can be read.
    #[target_feature(enable = "avx2")]
    unsafe fn pairs(from: *const f32) -> __m256 {
        // SAFETY: the caller's promise.
        unsafe {
            let mut halves = [_mm256_setzero_si256(); 2];
            for (half, rounded) in halves.iter_mut().enumerate() {
                let x = _mm256_loadu_ps(from.add(8 * half));
                let bits = _mm256_castps_si256(x);
                let even = _mm256_and_si256(_mm256_srli_epi32::<16>(bits), _mm256_set1_epi32(1));
                let near = _mm256_add_epi32(bits, _mm256_add_epi32(even, _mm256_set1_epi32(0x7FFF)));
                let none = _mm256_or_si256(bits, _mm256_set1_epi32(0x40_0000));
                let is_none = _mm256_castps_si256(_mm256_cmp_ps::<_CMP_UNORD_Q>(x, x));
                *rounded = _mm256_srli_epi32::<16>(_mm256_blendv_epi8(near, none, is_none));
            }
            let packed = _mm256_packus_epi32(halves[0], halves[1]);
            _mm256_castsi256_ps(_mm256_permute4x64_epi64::<0xD8>(packed))
        }
    }

    /// Eight places of `rows` (6 to 8) rows become eight runs of eight, in rising order; where there are fewer rows the last
    /// one stands in. A place is a float, or a pair of floats that is rounded.
    ///
    /// # Safety
    /// AVX2; `rows` rows of eight places `row_step` floats apart can be read, eight floats at each `step` written.
    #[target_feature(enable = "avx2")]
    pub(super) unsafe fn transpose_8<const PAIRS: bool>(
        from: *const f32,
        row_step: usize,
        rows: usize,
        to: *mut f32,
        step: usize,
    ) {
        // SAFETY: the caller's promise.
        unsafe {
            let mut r = [_mm256_setzero_ps(); 8];
            for (row, r) in r.iter_mut().enumerate() {
                let from = from.add(row.min(rows - 1) * row_step);
                *r = if PAIRS { pairs(from) } else { _mm256_loadu_ps(from) };
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
