//! `Y = X W^T + b` on weights of eight bits: whole numbers and a scale for each group of inputs, the rows of `X` rounded likewise.
//!
//! Products within a group are summed as whole numbers, exactly, and the groups' sums as floats in the order of the groups, each
//! output in a lane of its own. So a row's result is the same bit for bit in every batch and on every instruction set. Rounding
//! is to the nearest; a group's largest value becomes 127.

#[cfg(test)]
mod tests;
#[cfg(target_arch = "x86_64")]
mod x86;

use rayon::prelude::*;

use super::isa::{Isa, dispatch};
use super::simd::Simd;
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

dispatch! {
    /// Rounds a group; what is missing of it is 0. Gives its scale, 0 where there is nothing to scale, and the sum of its whole
    /// numbers. What is no number makes a scale that is none, and so everything that it touches.
    ///
    /// # Safety
    /// None beyond the instruction set's.
    unsafe fn round_group = round_kernel(group: &[f32], whole: &mut [i8; GROUP]) -> (f32, i32)
}

/// In plain Rust with lanes spelled out, for the compiler to put into vectors: a largest value and a sum may not be taken in
/// another order by the compiler alone.
#[inline(always)]
#[allow(clippy::extra_unused_type_parameters)]
unsafe fn round_kernel<S: Simd>(group: &[f32], whole: &mut [i8; GROUP]) -> (f32, i32) {
    // Floats of this size, 1.5 * 2^23, are whole numbers: adding it rounds to the nearest, ties to even, and leaves the number
    // in the low bits. What is no number becomes one here and is not forgotten: its scale is none.
    const WHOLE: f32 = 12_582_912.0;
    let mut x = [0.0f32; GROUP];
    x[..group.len()].copy_from_slice(group);
    let (mut most, mut unsound) = ([0.0f32; LANES], [0.0f32; LANES]);
    for part in x.as_chunks::<LANES>().0 {
        for lane in 0..LANES {
            let size = part[lane].abs();
            most[lane] = if size > most[lane] { size } else { most[lane] };
            // 0 for every finite number, none for all else.
            unsound[lane] += part[lane] * 0.0;
        }
    }
    let most = most.into_iter().fold(0.0, f32::max) + unsound.into_iter().sum::<f32>();
    let unit = most / 127.0;
    // Below this the reciprocal is infinite.
    let (unit, inverse) = if unit < f32::MIN_POSITIVE { (0.0, 0.0) } else { (unit, 1.0 / unit) };
    let mut sum = 0;
    for (x, whole) in x.iter().zip(whole) {
        let rounded = ((x * inverse + WHOLE).to_bits() as i32).wrapping_sub(WHOLE.to_bits() as i32).clamp(-127, 127);
        *whole = rounded as i8;
        sum += rounded;
    }
    (unit, sum)
}

impl Matrix {
    /// # Panics
    /// If `weights` is not `[outputs, inputs]`, or one of those is 0.
    pub fn new(weights: &[f32], outputs: usize, inputs: usize) -> Self {
        assert!(outputs > 0 && inputs > 0 && weights.len() == outputs * inputs, "weight shape");
        let isa = Isa::detect();
        let groups = inputs.div_ceil(GROUP);
        let mut lines = vec![Line([OFFSET as u8; LINE]); outputs.div_ceil(LANES) * groups * LINES];
        lines.par_chunks_exact_mut(groups * LINES).enumerate().for_each(|(panel, lines)| {
            for (number, lines) in lines.chunks_exact_mut(LINES).enumerate() {
                lines[0] = Line([0; LINE]);
                for lane in 0..LANES.min(outputs - panel * LANES) {
                    let row = &weights[(panel * LANES + lane) * inputs..][..inputs];
                    let group = &row[number * GROUP..inputs.min((number + 1) * GROUP)];
                    let mut whole = [0; GROUP];
                    // SAFETY: the instruction set was detected.
                    let (unit, _) = unsafe { round_group(isa, group, &mut whole) };
                    lines[0].0[4 * lane..][..4].copy_from_slice(&unit.to_ne_bytes());
                    for (line, whole) in lines[1..].iter_mut().zip(whole.as_chunks::<4>().0) {
                        line.0[4 * lane..][..4].copy_from_slice(&whole.map(|x| (i32::from(x) + OFFSET) as u8));
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
    pub fn take(&mut self, isa: Isa, x: &[f32], inputs: usize) {
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
            for (number, (group, values)) in x.chunks(GROUP).zip(values.as_chunks_mut().0).enumerate() {
                // SAFETY: the caller's instruction set is one of this processor.
                let (unit, sum) = unsafe { round_group(isa, group, values) };
                (scales[number], surplus[number]) = (unit, -OFFSET * sum);
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
        let mut room = [[0.0; LANES]; ROWS * 2];
        for pass in 0..passes {
            let count = (rows - row).div_ceil(passes - pass);
            let sums = &mut room[..count * wide];
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
        match <&mut [f32; LANES]>::try_from(&mut *out) {
            Ok(whole) => *whole = *sums,
            Err(_) => out.copy_from_slice(&sums[..count]),
        }
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
