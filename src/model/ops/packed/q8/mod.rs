//! Weights of eight bits: whole numbers and a scale for each group of inputs, the rows of `X` rounded likewise.
//!
//! Products within a group are summed as whole numbers, exactly, and the groups' sums as floats in the order of the groups. So
//! every instruction set has the same bits. Rounding is to the nearest; a group's largest value becomes 127.

#[cfg(test)]
mod tests;
#[cfg(target_arch = "x86_64")]
mod x86;

use rayon::prelude::*;

use super::{LANES, LINE, Line, Packed, PackedRows, Tile};
use crate::model::ops::isa::{Isa, dispatch};
use crate::model::ops::simd::Simd;

/// Inputs that share a scale.
const GROUP: usize = 64;
/// Lines of a group in a panel: the scales, then for every four inputs those of each output.
const LINES: usize = 1 + GROUP / 4;
/// What is added to a weight so that it is no less than 0.
const OFFSET: i32 = 128;

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

    fn groups(&self) -> usize {
        self.inputs.div_ceil(GROUP)
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

impl PackedRows for Rows {
    fn shape(&self) -> (usize, usize) {
        (self.rows, self.inputs)
    }

    fn take(&mut self, isa: Isa, x: &[f32], inputs: usize) {
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

impl Packed for Matrix {
    type Rows = Rows;

    fn shape(&self) -> (usize, usize) {
        (self.outputs, self.inputs)
    }

    fn tile(&self, isa: Isa, rows: &Rows, tile: Tile, sums: &mut [[f32; LANES]]) {
        let Tile { panel, wide, row, count } = tile;
        tile.check(sums.len());
        let groups = self.groups();
        let tile = Part {
            lines: &self.lines[panel * groups * LINES..][..wide * groups * LINES],
            values: &rows.values[row * groups * GROUP..][..count * groups * GROUP],
            scales: &rows.scales[row * groups..][..count * groups],
            surplus: &rows.surplus[row * groups..][..count * groups],
            groups,
        };
        match Kernel::of(isa) {
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
struct Part<'a> {
    lines: &'a [Line],
    values: &'a [i8],
    scales: &'a [f32],
    surplus: &'a [i32],
    groups: usize,
}

/// The plain version, and the witness in tests.
fn portable(tile: &Part<'_>, wide: usize, count: usize, sums: &mut [[f32; LANES]]) {
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
