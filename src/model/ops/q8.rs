//! `Y = X W^T + b` on weights of eight bits: whole numbers and a scale for each group of inputs, the rows of `X` rounded likewise.
//!
//! Products within a group are summed as whole numbers, exactly, and the groups' sums as floats in the order of the groups, each
//! output in a lane of its own. So a row's result is the same bit for bit in every batch and on every instruction set. Rounding
//! is to the nearest; a group's largest value becomes 127.

use rayon::prelude::*;

use super::isa::Isa;
use super::slices::SharedMut;

/// Inputs that share a scale.
const GROUP: usize = 64;
/// Outputs that lie side by side in a panel.
const LANES: usize = 16;
/// Bytes of a cache line, and of a vector.
const LINE: usize = 64;
/// Lines of a group in a panel: the scales, then for every four inputs those of each output.
const LINES: usize = 1 + GROUP / 4;
/// What is added to a weight so that it is no less than 0.
const OFFSET: i32 = 128;
/// Rows that a tile takes at most.
const ROWS: usize = 6;

#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([u8; LINE]);

/// A matrix `[outputs, inputs]` in panels.
#[derive(Clone)]
pub struct Matrix {
    lines: Vec<Line>,
    outputs: usize,
    inputs: usize,
}

impl std::fmt::Debug for Matrix {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "q8 matrix of {} x {}", self.outputs, self.inputs)
    }
}

/// Scale of a group, and what its values are multiplied with; both 0 where there is nothing to scale. What is no number
/// makes a scale that is none, and so everything that it touches.
fn scale(group: &[f32]) -> (f32, f32) {
    // In lanes: neither a largest value nor a sum may be taken in another order by the compiler alone.
    let (mut most, mut unsound) = ([0.0f32; LANES], [0.0f32; LANES]);
    for part in group.chunks(LANES) {
        for ((x, most), unsound) in part.iter().zip(&mut most).zip(&mut unsound) {
            *most = if x.abs() > *most { x.abs() } else { *most };
            // 0 for every finite number, none for all else.
            *unsound += x * 0.0;
        }
    }
    let most = most.into_iter().fold(0.0, f32::max) + unsound.into_iter().sum::<f32>();
    let unit = most / 127.0;
    // Below this the reciprocal is infinite.
    if unit < f32::MIN_POSITIVE { (0.0, 0.0) } else { (unit, 1.0 / unit) }
}

fn rounded(x: f32, inverse: f32) -> i32 {
    // 1.5 * 2^23: floats of this size are whole numbers, so that adding it rounds to the nearest, ties to even, and leaves the
    // number in the low bits. What is no number becomes one here and is not forgotten: its scale is none.
    const WHOLE: f32 = 12_582_912.0;
    let bits = (x * inverse + WHOLE).to_bits() as i32;
    bits.wrapping_sub(WHOLE.to_bits() as i32).clamp(-127, 127)
}

impl Matrix {
    /// # Panics
    /// If `weights` is not `[outputs, inputs]`, or one of those is 0.
    pub fn new(weights: &[f32], outputs: usize, inputs: usize) -> Self {
        assert!(outputs > 0 && inputs > 0 && weights.len() == outputs * inputs, "weight shape");
        let groups = inputs.div_ceil(GROUP);
        let mut lines = vec![Line([OFFSET as u8; LINE]); outputs.div_ceil(LANES) * groups * LINES];
        lines.par_chunks_exact_mut(groups * LINES).enumerate().for_each(|(panel, lines)| {
            for (number, lines) in lines.chunks_exact_mut(LINES).enumerate() {
                lines[0] = Line([0; LINE]);
                for lane in 0..LANES.min(outputs - panel * LANES) {
                    let row = &weights[(panel * LANES + lane) * inputs..][..inputs];
                    let group = &row[number * GROUP..inputs.min((number + 1) * GROUP)];
                    let (unit, inverse) = scale(group);
                    lines[0].0[4 * lane..][..4].copy_from_slice(&unit.to_ne_bytes());
                    for (at, &x) in group.iter().enumerate() {
                        lines[1 + at / 4].0[4 * lane + at % 4] = (rounded(x, inverse) + OFFSET) as u8;
                    }
                }
            }
        });
        Self { lines, outputs, inputs }
    }

    pub fn outputs(&self) -> usize {
        self.outputs
    }

    fn groups(&self) -> usize {
        self.inputs.div_ceil(GROUP)
    }

    fn panels(&self) -> usize {
        self.outputs.div_ceil(LANES)
    }
}

/// Rows rounded to eight bits, in memory that is used again.
#[derive(Debug, Default)]
pub struct Rows {
    rows: usize,
    inputs: usize,
    /// `[rows, groups, GROUP]`
    values: Vec<i8>,
    /// `[rows, groups]`: scales, and what the weights' offset has added too much.
    scales: Vec<f32>,
    surplus: Vec<i32>,
}

impl Rows {
    /// Takes `[rows, inputs]`.
    ///
    /// # Panics
    /// If the rows are not whole.
    pub fn take(&mut self, x: &[f32], inputs: usize) {
        assert!(inputs > 0 && x.len().is_multiple_of(inputs), "input rows");
        (self.rows, self.inputs) = (x.len() / inputs, inputs);
        let groups = inputs.div_ceil(GROUP);
        self.values.resize(self.rows * groups * GROUP, 0);
        self.scales.resize(self.rows * groups, 0.0);
        self.surplus.resize(self.rows * groups, 0);
        let rows = x
            .par_chunks_exact(inputs)
            .zip(self.values.par_chunks_exact_mut(groups * GROUP))
            .zip(self.scales.par_chunks_exact_mut(groups))
            .zip(self.surplus.par_chunks_exact_mut(groups));
        rows.with_min_len(4).for_each(|(((x, values), scales), surplus)| {
            for (number, (group, values)) in x.chunks(GROUP).zip(values.chunks_exact_mut(GROUP)).enumerate() {
                let (unit, inverse) = scale(group);
                let mut sum = 0;
                for (value, &x) in values.iter_mut().zip(group) {
                    let whole = rounded(x, inverse);
                    *value = whole as i8;
                    sum += whole;
                }
                values[group.len()..].fill(0);
                scales[number] = unit;
                surplus[number] = -OFFSET * sum;
            }
        });
    }
}

/// One matrix of a product; `out` is `[rows, outputs]`.
pub struct Product<'a> {
    pub weight: &'a Matrix,
    pub bias: Option<&'a [f32]>,
    pub out: &'a mut [f32],
}

/// What the kernels are written for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kernel {
    #[cfg(target_arch = "x86_64")]
    Vnni,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    Portable,
}

impl Kernel {
    fn of(isa: Isa) -> Self {
        match isa {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 if std::arch::is_x86_feature_detected!("avx512vnni") => Self::Vnni,
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 | Isa::Avx2 => Self::Avx2,
            Isa::Portable => Self::Portable,
        }
    }
}

/// Multiplies rows with several matrices in one parallel region.
///
/// # Panics
/// If the shapes do not fit together.
pub fn multiply(isa: Isa, rows: &Rows, products: &mut [Product<'_>]) {
    if rows.rows == 0 {
        return;
    }
    let kernel = Kernel::of(isa);
    let total: usize = products.iter().map(|product| product.weight.panels()).sum();
    // Pieces small enough that two threads of unlike speed end together, large enough to be worth handing out.
    let piece = (total / (4 * rayon::current_num_threads())).max(1).next_multiple_of(4);
    let mut parts = Vec::new();
    for product in products.iter_mut() {
        let outputs = product.weight.outputs;
        assert_eq!(product.weight.inputs, rows.inputs, "inner dimension");
        assert_eq!(product.out.len(), rows.rows * outputs, "output shape");
        assert!(product.bias.is_none_or(|bias| bias.len() == outputs), "bias shape");
        let out = SharedMut::new(product.out);
        for begin in (0..product.weight.panels()).step_by(piece) {
            let end = (begin + piece).min(product.weight.panels());
            parts.push((product.weight, product.bias, out, begin..end));
        }
    }
    parts.par_iter().for_each(|(weight, bias, out, panels)| {
        let part = Part { rows, weight, bias: *bias, out: *out };
        let mut panel = panels.start;
        while panel < panels.end {
            panel += part.work(kernel, panel, panels.end - panel);
        }
    });
}

/// What a thread works on.
struct Part<'a> {
    rows: &'a Rows,
    weight: &'a Matrix,
    bias: Option<&'a [f32]>,
    out: SharedMut<'a>,
}

impl Part<'_> {
    /// All rows against a few panels from `panel` on, of which there are `left`; how many it were.
    fn work(&self, kernel: Kernel, panel: usize, left: usize) -> usize {
        let rows = self.rows.rows;
        // Few rows leave registers for many panels; every panel passes by all rows while it is in the cache.
        let wide = match (rows, left) {
            (1..=2, 4..) => 4,
            (_, 2..) => 2,
            _ => 1,
        };
        let passes = rows.div_ceil(if wide == 4 { 2 } else { ROWS });
        let mut row = 0;
        for pass in 0..passes {
            let count = (rows - row).div_ceil(passes - pass);
            let mut sums = [[0.0; LANES]; ROWS * 2];
            let sums = &mut sums[..count * wide];
            self.tile(kernel, panel, wide, row, count, sums);
            for (index, sums) in sums.iter().enumerate() {
                self.store(row + index / wide, panel + index % wide, sums);
            }
            row += count;
        }
        wide
    }

    fn store(&self, row: usize, panel: usize, sums: &[f32; LANES]) {
        let begin = panel * LANES;
        let count = LANES.min(self.weight.outputs - begin);
        // SAFETY: every panel is worked on by one thread alone.
        let out = unsafe { self.out.range(row * self.weight.outputs + begin, count) };
        out.copy_from_slice(&sums[..count]);
        if let Some(bias) = self.bias {
            out.iter_mut().zip(&bias[begin..]).for_each(|(out, bias)| *out += bias);
        }
    }

    /// The sums of `count` rows against `wide` panels, row by row.
    fn tile(&self, kernel: Kernel, panel: usize, wide: usize, row: usize, count: usize, sums: &mut [[f32; LANES]]) {
        let groups = self.weight.groups();
        let inside = panel + wide <= self.weight.panels() && row + count <= self.rows.rows;
        assert!(inside && sums.len() == wide * count && count <= ROWS, "a tile inside the product");
        let tile = Tile {
            lines: &self.weight.lines[panel * groups * LINES..][..wide * groups * LINES],
            values: &self.rows.values[row * groups * GROUP..][..count * groups * GROUP],
            scales: &self.rows.scales[row * groups..][..count * groups],
            surplus: &self.rows.surplus[row * groups..][..count * groups],
            groups,
        };
        match kernel {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the kernel was chosen because the processor has its instructions.
            Kernel::Vnni => unsafe { x86::vnni(&tile, wide, count, sums) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as above.
            Kernel::Avx2 => unsafe { x86::avx2(&tile, wide, count, sums) },
            Kernel::Portable => portable(&tile, wide, count, sums),
        }
    }
}

/// Some rows against some panels, as they lie in memory.
struct Tile<'a> {
    lines: &'a [Line],
    values: &'a [i8],
    scales: &'a [f32],
    surplus: &'a [i32],
    groups: usize,
}

/// The plain version, and the witness in tests.
fn portable(tile: &Tile<'_>, wide: usize, count: usize, sums: &mut [[f32; LANES]]) {
    for row in 0..count {
        for panel in 0..wide {
            let sums = &mut sums[row * wide + panel];
            *sums = [0.0; LANES];
            for group in 0..tile.groups {
                let lines = &tile.lines[(panel * tile.groups + group) * LINES..][..LINES];
                let values = &tile.values[(row * tile.groups + group) * GROUP..][..GROUP];
                let mut whole = [0i32; LANES];
                for (line, values) in lines[1..].iter().zip(values.chunks_exact(4)) {
                    for (whole, weights) in whole.iter_mut().zip(line.0.chunks_exact(4)) {
                        for (weight, value) in weights.iter().zip(values) {
                            *whole += (i32::from(*weight) - OFFSET) * i32::from(*value);
                        }
                    }
                }
                let of_row = tile.scales[row * tile.groups + group];
                for ((sum, whole), unit) in sums.iter_mut().zip(whole).zip(lines[0].0.as_chunks::<4>().0) {
                    *sum = (whole as f32).mul_add(f32::from_ne_bytes(*unit) * of_row, *sum);
                }
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use super::{GROUP, LANES, LINE, LINES, Tile};

    /// # Safety
    /// AVX-512 with VNNI. The tile has `wide` panels (1, 2, or 4 with at most 2 rows) and `count` rows (1 to 6), `sums` room for both.
    #[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
    pub(super) unsafe fn vnni(tile: &Tile<'_>, wide: usize, count: usize, sums: &mut [[f32; LANES]]) {
        // SAFETY: the caller's promise.
        unsafe {
            match (wide, count) {
                (4, 1) => vnni_tile::<4, 1>(tile, sums),
                (4, _) => vnni_tile::<4, 2>(tile, sums),
                (2, 1) => vnni_tile::<2, 1>(tile, sums),
                (2, 2) => vnni_tile::<2, 2>(tile, sums),
                (2, 3) => vnni_tile::<2, 3>(tile, sums),
                (2, 4) => vnni_tile::<2, 4>(tile, sums),
                (2, 5) => vnni_tile::<2, 5>(tile, sums),
                (2, _) => vnni_tile::<2, 6>(tile, sums),
                (_, 1) => vnni_tile::<1, 1>(tile, sums),
                (_, 2) => vnni_tile::<1, 2>(tile, sums),
                (_, 3) => vnni_tile::<1, 3>(tile, sums),
                (_, 4) => vnni_tile::<1, 4>(tile, sums),
                (_, 5) => vnni_tile::<1, 5>(tile, sums),
                (_, _) => vnni_tile::<1, 6>(tile, sums),
            }
        }
    }

    /// # Safety
    /// As [`vnni`], for `P` panels and `R` rows.
    #[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
    unsafe fn vnni_tile<const P: usize, const R: usize>(tile: &Tile<'_>, sums: &mut [[f32; LANES]]) {
        debug_assert!(sums.len() == P * R);
        let lines = tile.lines.as_ptr().cast::<u8>();
        // SAFETY: all addresses are of the tile's panels and rows.
        unsafe {
            let mut all = [[_mm512_setzero_ps(); P]; R];
            for group in 0..tile.groups {
                // Loops and no closures: those would not be compiled for these instructions.
                let mut whole = [[_mm512_setzero_si512(); P]; R];
                for (r, whole) in whole.iter_mut().enumerate() {
                    *whole = [_mm512_set1_epi32(*tile.surplus.get_unchecked(r * tile.groups + group)); P];
                }
                for four in 0..GROUP / 4 {
                    let mut weights = [_mm512_setzero_si512(); P];
                    for (p, weights) in weights.iter_mut().enumerate() {
                        let line = lines.add(((p * tile.groups + group) * LINES + 1 + four) * LINE);
                        *weights = _mm512_load_si512(line.cast());
                    }
                    for (r, whole) in whole.iter_mut().enumerate() {
                        let at = (r * tile.groups + group) * GROUP + 4 * four;
                        let values = tile.values.as_ptr().add(at).cast::<i32>().read_unaligned();
                        let values = _mm512_set1_epi32(values);
                        for (whole, weights) in whole.iter_mut().zip(weights) {
                            *whole = _mm512_dpbusd_epi32(*whole, weights, values);
                        }
                    }
                }
                for p in 0..P {
                    let units = _mm512_load_ps(lines.add((p * tile.groups + group) * LINES * LINE).cast());
                    for r in 0..R {
                        let of_row = _mm512_set1_ps(*tile.scales.get_unchecked(r * tile.groups + group));
                        let scale = _mm512_mul_ps(units, of_row);
                        all[r][p] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(whole[r][p]), scale, all[r][p]);
                    }
                }
            }
            for (sums, all) in sums.iter_mut().zip(all.iter().flatten()) {
                _mm512_storeu_ps(sums.as_mut_ptr(), *all);
            }
        }
    }

    /// # Safety
    /// AVX2 and FMA; the rest as [`vnni`].
    #[target_feature(enable = "avx2,fma")]
    pub(super) unsafe fn avx2(tile: &Tile<'_>, wide: usize, count: usize, sums: &mut [[f32; LANES]]) {
        // Half a panel at a time, against two rows where there are two.
        for panel in 0..wide {
            let mut row = 0;
            while row < count {
                let two = row + 1 < count;
                for half in 0..2 {
                    // SAFETY: the caller's promise.
                    unsafe {
                        if two {
                            avx2_tile::<2>(tile, panel, half, row, wide, sums);
                        } else {
                            avx2_tile::<1>(tile, panel, half, row, wide, sums);
                        }
                    }
                }
                row += 1 + usize::from(two);
            }
        }
    }

    /// # Safety
    /// As [`avx2`], for `R` rows from `row` on and eight outputs of a panel.
    #[target_feature(enable = "avx2,fma")]
    unsafe fn avx2_tile<const R: usize>(
        tile: &Tile<'_>,
        panel: usize,
        half: usize,
        row: usize,
        wide: usize,
        sums: &mut [[f32; LANES]],
    ) {
        // SAFETY: all addresses are of the tile's panels and rows.
        unsafe {
            let offset = _mm256_set1_epi8(-128);
            let ones = _mm256_set1_epi16(1);
            let mut all = [_mm256_setzero_ps(); R];
            for group in 0..tile.groups {
                let lines = tile.lines.as_ptr().add((panel * tile.groups + group) * LINES).cast::<u8>();
                let lines = lines.add(half * LINE / 2);
                let mut whole = [_mm256_setzero_si256(); R];
                for four in 0..GROUP / 4 {
                    let weights = _mm256_load_si256(lines.add((1 + four) * LINE).cast());
                    let weights = _mm256_xor_si256(weights, offset);
                    let sizes = _mm256_abs_epi8(weights);
                    for (r, whole) in whole.iter_mut().enumerate() {
                        let at = ((row + r) * tile.groups + group) * GROUP + 4 * four;
                        let values = tile.values.as_ptr().add(at).cast::<i32>().read_unaligned();
                        // |w| * (x with the sign of w): two products of 127 * 127 fit sixteen bits.
                        let signed = _mm256_sign_epi8(_mm256_set1_epi32(values), weights);
                        let pairs = _mm256_maddubs_epi16(sizes, signed);
                        *whole = _mm256_add_epi32(*whole, _mm256_madd_epi16(pairs, ones));
                    }
                }
                let units = _mm256_load_ps(lines.cast());
                for (r, all) in all.iter_mut().enumerate() {
                    let of_row = _mm256_set1_ps(*tile.scales.get_unchecked((row + r) * tile.groups + group));
                    *all = _mm256_fmadd_ps(_mm256_cvtepi32_ps(whole[r]), _mm256_mul_ps(units, of_row), *all);
                }
            }
            for (r, all) in all.iter().enumerate() {
                let to = sums.get_unchecked_mut((row + r) * wide + panel).as_mut_ptr();
                _mm256_storeu_ps(to.add(half * LANES / 2), *all);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::numbers;
    use super::*;

    fn product(isa: Isa, x: &[f32], weight: &Matrix, bias: Option<&[f32]>) -> Vec<f32> {
        let mut rows = Rows::default();
        rows.take(x, weight.inputs);
        let mut out = vec![f32::NAN; rows.rows * weight.outputs];
        multiply(isa, &rows, &mut [Product { weight, bias, out: &mut out }]);
        out
    }

    fn bits(x: &[f32]) -> Vec<u32> {
        x.iter().map(|x| if x.is_nan() { u32::MAX } else { x.to_bits() }).collect()
    }

    #[test]
    fn every_instruction_set_and_batch_has_the_same_bits_near_the_product() {
        for (inputs, outputs) in [(1, 1), (64, 16), (7, 5), (576, 130), (100, 33), (257, 70), (128, 49)] {
            let (w, bias) = (numbers(1, outputs * inputs), numbers(2, outputs));
            let x = numbers(3, 14 * inputs);
            let weight = Matrix::new(&w, outputs, inputs);
            let full = product(Isa::Portable, &x, &weight, Some(&bias));
            for (at, y) in full.iter().enumerate() {
                let (row, n) = (at / outputs, at % outputs);
                let pairs = x[row * inputs..][..inputs].iter().zip(&w[n * inputs..][..inputs]);
                let plain: f64 = pairs.map(|(x, w)| f64::from(*x) * f64::from(*w)).sum::<f64>() + f64::from(bias[n]);
                // Two roundings to half a 254th of at most 0.5, a random walk long.
                let bound = 6.0 * 0.5 / 254.0 * (inputs as f64 / 6.0).sqrt() + 1e-6;
                assert!((f64::from(*y) - plain).abs() < bound, "{inputs}x{outputs}: {y} and {plain}");
            }
            for isa in Isa::available() {
                for rows in 1..=14 {
                    let some = product(isa, &x[..rows * inputs], &weight, Some(&bias));
                    assert_eq!(bits(&some), bits(&full[..rows * outputs]), "{isa:?} {inputs}x{outputs}, {rows} rows");
                }
            }
        }
    }

    #[test]
    fn what_is_zero_tiny_huge_or_no_number_stays_so() {
        let inputs = 130;
        let w = numbers(4, 20 * inputs);
        let weight = Matrix::new(&w, 20, inputs);
        let rows = [0.0, 1e-44, 1e-30, 1e30, f32::MAX]
            .map(|size| numbers(5, inputs).iter().map(|x| 2.0 * x * size).collect::<Vec<f32>>());
        for isa in Isa::available() {
            for (at, x) in rows.iter().enumerate() {
                let y = product(isa, x, &weight, None);
                assert_eq!(bits(&y), bits(&product(Isa::Portable, x, &weight, None)), "{isa:?} {at}");
                match at {
                    0 | 1 => assert!(y.iter().all(|y| *y == 0.0)),
                    4 => {}
                    _ => assert!(y.iter().all(|y| y.is_finite() && *y != 0.0)),
                }
            }
            for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
                let mut x = numbers(6, inputs);
                x[70] = bad;
                assert!(product(isa, &x, &weight, None).iter().all(|y| y.is_nan()), "{isa:?} {bad}");
            }
        }
    }
}
