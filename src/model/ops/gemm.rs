//! General f32 matrix products for training: `C = alpha A B` or `C += alpha A B`, any of A and B transposed by strides. In
//! [`Precision::Bf16`] the factors are rounded to bf16 on their way into the panels, and summed in f32 all the same.
//!
//! Both operands are copied into panels first (see `pack`), then tiles of `C` are worked on in parallel. The sum
//! along the inner dimension runs in blocks of even length, `K_BLOCK` at most, that follow from the shape alone, so an element's bits depend neither on the number of
//! threads nor on where the tile borders fall. Decoding has its own product ([`super::linear`]), which reads weights
//! once and copies nothing: better for a few rows, slower for hundreds.

use std::cell::RefCell;

use rayon::prelude::*;

use super::buffer::Buffer;
use super::isa::{Isa, dispatch};
use super::pack::{self, Panels};
use super::simd::Simd;
use super::slices::SharedMut;

/// Most steps along the inner dimension between two visits of a tile of `C`: a panel of `B` then stays in the first-level
/// cache.
const K_BLOCK: usize = 384;
/// Rows of `A` that a task holds in its second-level cache.
const ROW_TILE: usize = 144;
/// Columns of the widest task.
const COLUMN_TILE: usize = 512;
/// Floats of each operand that are in panels at one time: both together stay inside a shared third-level cache.
const PACKED: usize = 2 << 20;
/// Steps along the inner dimension that are in panels at one time.
const DEEP: usize = 6 * K_BLOCK;
/// Multiply-adds below which other threads are not worth waking.
const WORTH_SHARING: usize = 64 << 10;

/// A matrix to read: element (row, column) is `data[row * row_step + column * column_step]`.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    data: &'a [f32],
    rows: usize,
    columns: usize,
    row_step: usize,
    column_step: usize,
}

impl<'a> View<'a> {
    /// A row-major matrix whose rows begin `step` floats apart.
    ///
    /// # Panics
    /// If the rows overlap or do not lie inside `data`.
    pub fn new(data: &'a [f32], rows: usize, columns: usize, step: usize) -> Self {
        assert!(columns <= step && (rows == 0 || (rows - 1) * step + columns <= data.len()), "matrix inside its data");
        Self { data, rows, columns, row_step: step, column_step: 1 }
    }

    /// Rows and columns exchanged; nothing is copied.
    #[must_use]
    pub fn transposed(self) -> Self {
        Self {
            data: self.data,
            rows: self.columns,
            columns: self.rows,
            row_step: self.column_step,
            column_step: self.row_step,
        }
    }

    /// Rows `begin..begin + count`.
    ///
    /// # Panics
    /// If there are not so many.
    #[must_use]
    pub fn rows(self, begin: usize, count: usize) -> Self {
        assert!(begin + count <= self.rows, "rows inside the matrix");
        let data = if count == 0 { &[] } else { &self.data[begin * self.row_step..] };
        Self { data, rows: count, ..self }
    }

    pub(super) fn panels_by_rows(self, begin: usize, count: usize, k: usize, steps: usize) -> Panels<'a> {
        Panels::new(self.data, self.row_step, self.column_step, begin, count, k, steps)
    }
}

/// A row-major matrix to write, rows `step` floats apart.
#[derive(Debug)]
pub struct ViewMut<'a> {
    data: &'a mut [f32],
    rows: usize,
    columns: usize,
    step: usize,
}

impl<'a> ViewMut<'a> {
    /// # Panics
    /// As [`View::new`].
    pub fn new(data: &'a mut [f32], rows: usize, columns: usize, step: usize) -> Self {
        assert!(columns <= step && (rows == 0 || (rows - 1) * step + columns <= data.len()), "matrix inside its data");
        Self { data, rows, columns, step }
    }
}

/// What happens to what `C` holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Onto {
    /// It is forgotten (and need not be numbers).
    Nothing,
    /// The product is added to it.
    Sum,
}

/// What the factors of a product are rounded to. Sums are f32.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Precision {
    #[default]
    F32,
    /// Faster only where the processor multiplies pairs of bf16 ([`Isa::has_bf16`]); everywhere the same numbers, but for those
    /// too small to be normal.
    Bf16,
}

impl Precision {
    /// Places of a panel that so many steps along the inner dimension take: a pair of bf16 is one.
    pub(super) fn places(self, steps: usize) -> usize {
        match self {
            Self::F32 => steps,
            Self::Bf16 => steps.div_ceil(2),
        }
    }
}

thread_local! {
    static PACKS: RefCell<(Buffer, Buffer)> = RefCell::default();
}

/// `c = alpha a b`, or `c += alpha a b`. `a` is `[m, k]`, `b` `[k, n]`, `c` `[m, n]`.
///
/// # Panics
/// If the shapes do not fit together.
pub fn product(isa: Isa, a: View<'_>, b: View<'_>, c: ViewMut<'_>, alpha: f32, onto: Onto) {
    product_in(Precision::F32, isa, a, b, c, alpha, onto);
}

/// [`product`] with its factors rounded.
///
/// # Panics
/// As [`product`].
pub fn product_in(precision: Precision, isa: Isa, a: View<'_>, b: View<'_>, c: ViewMut<'_>, alpha: f32, onto: Onto) {
    assert!(a.columns == b.rows && a.rows == c.rows && b.columns == c.columns, "shapes of a product");
    let (m, n, k) = (c.rows, c.columns, a.columns);
    if m == 0 || n == 0 {
        return;
    }
    let step = c.step;
    if k == 0 {
        if onto == Onto::Nothing {
            c.data.chunks_mut(step).take(m).for_each(|row| row[..n].fill(0.0));
        }
        return;
    }
    // Taken out, not borrowed: a thread that waits for its tasks may be given another product meanwhile.
    let (mut a_pack, mut b_pack) = PACKS.take();
    let c = SharedMut::new(c.data);
    let tile = Tile::of(isa);
    let deep = k.min(DEEP);
    let high = (PACKED / deep).max(ROW_TILE).min(m.next_multiple_of(tile.rows)) / tile.rows * tile.rows;
    let wide = (PACKED / deep).max(COLUMN_TILE).min(n.next_multiple_of(tile.columns)) / tile.columns * tile.columns;
    let share = m * n * k >= WORTH_SHARING;
    let b = b.transposed();
    for k_at in (0..k).step_by(deep) {
        let deep = deep.min(k - k_at);
        // After the first block along k the product goes on top of what the block before it left.
        let onto = if k_at > 0 { Onto::Sum } else { onto };
        for column in (0..n).step_by(wide) {
            let wide = wide.min(n - column);
            let b_panels = b.panels_by_rows(column, wide, k_at, deep);
            let b_packed = b_pack.get(b_panels.packed_len(precision, tile.columns));
            pack::pack(isa, precision, b_panels, tile.columns, b_packed, share);
            for row in (0..m).step_by(high) {
                let high = high.min(m - row);
                let a_panels = a.panels_by_rows(row, high, k_at, deep);
                let a_packed = a_pack.get(a_panels.packed_len(precision, tile.rows));
                pack::pack(isa, precision, a_panels, tile.rows, a_packed, share);
                let deep = precision.places(deep);
                let part = Part { precision, row, high, column, wide, deep, step, alpha, onto };
                // SAFETY: the shapes were checked, and the panels were packed for this part.
                unsafe { run(isa, tile, part, a_packed, b_packed, c, share) };
            }
        }
    }
    PACKS.set((a_pack, b_pack));
}

/// Rows and columns of `C` that a kernel holds in registers.
#[derive(Clone, Copy)]
struct Tile {
    rows: usize,
    columns: usize,
}

impl Tile {
    fn of(isa: Isa) -> Self {
        match isa {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => Self { rows: 12, columns: 32 },
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => Self { rows: 6, columns: 16 },
            Isa::Portable => Self { rows: 2, columns: 16 },
        }
    }
}

/// The part of `C` that the panels at hand are for.
#[derive(Clone, Copy)]
struct Part {
    precision: Precision,
    row: usize,
    high: usize,
    column: usize,
    wide: usize,
    /// Places along the inner dimension.
    deep: usize,
    /// Floats from one row of `C` to the next.
    step: usize,
    alpha: f32,
    onto: Onto,
}

/// # Safety
/// `c` holds the part's rows and columns; `a` and `b` are its panels.
unsafe fn run(isa: Isa, tile: Tile, part: Part, a: &[f32], b: &[f32], c: SharedMut<'_>, share: bool) {
    let (row_panels, column_panels) = (part.high.div_ceil(tile.rows), part.wide.div_ceil(tile.columns));
    let threads = if share { rayon::current_num_threads() } else { 1 };
    let row_tiles = part.high.div_ceil(ROW_TILE);
    // Enough tasks that threads of unlike speed end together.
    let column_tiles = part.wide.div_ceil(COLUMN_TILE).max((4 * threads).div_ceil(row_tiles)).min(column_panels);
    let task = |index: usize| {
        let (i, j) = (index % row_tiles, index / row_tiles);
        let share_of = |panels: usize, tiles: usize, at: usize| (panels * at / tiles, panels * (at + 1) / tiles);
        let block = Block {
            tile,
            part,
            rows: share_of(row_panels, row_tiles, i),
            columns: share_of(column_panels, column_tiles, j),
        };
        // SAFETY: blocks are disjoint parts of `c`; the rest is the caller's promise.
        unsafe {
            match part.precision {
                Precision::F32 => block_on(isa, block, a.as_ptr(), b.as_ptr(), c.as_mut_ptr()),
                Precision::Bf16 => block_on_pairs(isa, block, a.as_ptr(), b.as_ptr(), c.as_mut_ptr()),
            }
        }
    };
    let tasks = row_tiles * column_tiles;
    if threads == 1 || tasks == 1 {
        (0..tasks).for_each(task);
    } else {
        (0..tasks).into_par_iter().with_max_len(1).for_each(task);
    }
}

/// What one task does: panels `rows.0..rows.1` of A against panels `columns.0..columns.1` of B.
#[derive(Clone, Copy)]
struct Block {
    tile: Tile,
    part: Part,
    rows: (usize, usize),
    columns: (usize, usize),
}

dispatch! {
    /// # Safety
    /// As [`run`], and nobody else touches the block's part of `c`.
    unsafe fn block_on = block_kernel(block: Block, a: *const f32, b: *const f32, c: *mut f32)
}

dispatch! {
    bf16
    /// # Safety
    /// As [`block_on`]; the panels hold pairs.
    unsafe fn block_on_pairs = pairs_kernel(block: Block, a: *const f32, b: *const f32, c: *mut f32)
}

#[inline(always)]
unsafe fn block_kernel<S: Simd>(block: Block, a: *const f32, b: *const f32, c: *mut f32) {
    // SAFETY: the caller's promise.
    unsafe { block_tiles::<S, false>(block, a, b, c) }
}

#[inline(always)]
unsafe fn pairs_kernel<S: Simd>(block: Block, a: *const f32, b: *const f32, c: *mut f32) {
    // SAFETY: the caller's promise.
    unsafe { block_tiles::<S, true>(block, a, b, c) }
}

#[inline(always)]
unsafe fn block_tiles<S: Simd, const PAIRS: bool>(block: Block, a: *const f32, b: *const f32, c: *mut f32) {
    // SAFETY: every panel and element named here is inside what the caller promised.
    unsafe {
        match block.tile.rows {
            12 => block_rows::<S, PAIRS, 12>(block, a, b, c),
            6 => block_rows::<S, PAIRS, 6>(block, a, b, c),
            _ => block_rows::<S, PAIRS, 2>(block, a, b, c),
        }
    }
}

#[inline(always)]
unsafe fn block_rows<S: Simd, const PAIRS: bool, const R: usize>(
    block: Block,
    a: *const f32,
    b: *const f32,
    c: *mut f32,
) {
    let Block { part, rows, columns, .. } = block;
    let width = 2 * S::LANES;
    let (a_panel, b_panel) = (pack::panel_len(R, part.deep), pack::panel_len(width, part.deep));
    let blocks = part.deep.div_ceil(K_BLOCK);
    let even = part.deep.div_ceil(blocks);
    for k_at in (0..part.deep).step_by(even) {
        let steps = even.min(part.deep - k_at);
        let onto = if k_at > 0 { Onto::Sum } else { part.onto };
        for column in columns.0..columns.1 {
            let left = part.wide - column * width;
            for row in rows.0..rows.1 {
                // SAFETY: as the caller promised; panels are padded, and the rest of a tile at the edge is not stored.
                unsafe {
                    let a = a.add(row * a_panel + k_at * R);
                    let b = b.add(column * b_panel + k_at * width);
                    let c = c.add((part.row + row * R) * part.step + part.column + column * width);
                    let high = R.min(part.high - row * R);
                    if onto == Onto::Sum {
                        for line in 0..high {
                            S::prefetch(c.wrapping_add(line * part.step));
                        }
                    }
                    let sums = sums::<S, PAIRS, R>(steps, a, 1, R, b);
                    store::<S, R>(&sums, c, part.step, high, left.min(width), part.alpha, onto);
                }
            }
        }
    }
}

/// `R` rows against two vectors of columns, `steps` along the inner dimension. Element (row, k) of the left side is
/// `a[row * row_step + k * k_step]`, the right side is a panel. With `PAIRS` elements are pairs of bf16.
#[inline(always)]
unsafe fn sums<S: Simd, const PAIRS: bool, const R: usize>(
    steps: usize,
    a: *const f32,
    row_step: usize,
    k_step: usize,
    b: *const f32,
) -> [[S::V; 2]; R] {
    // SAFETY: the caller gives `steps` columns of `R` rows of `a` and `steps` pairs of vectors of `b`.
    unsafe {
        let mut sums = [[S::splat(0.0); 2]; R];
        let (mut a, mut b) = (a, b);
        for _ in 0..steps {
            let (left, right) = (S::load(b), S::load(b.add(S::LANES)));
            for (row, sums) in sums.iter_mut().enumerate() {
                let value = S::splat(*a.add(row * row_step));
                if PAIRS {
                    sums[0] = S::dot(value, left, sums[0]);
                    sums[1] = S::dot(value, right, sums[1]);
                } else {
                    sums[0] = S::fma(value, left, sums[0]);
                    sums[1] = S::fma(value, right, sums[1]);
                }
            }
            a = a.add(k_step);
            b = b.add(2 * S::LANES);
        }
        sums
    }
}

/// A product within one task: `m` rows of `a` (strides as in [`sums`]) against panels of `n` columns.
///
/// # Safety
/// `a` can be read for `m` rounded up to whole tiles of `R` rows, `b` holds the panels, `c` `m` rows of `n` floats.
#[inline(always)]
#[allow(clippy::too_many_arguments)]
pub(super) unsafe fn small<S: Simd, const R: usize>(
    (m, n, steps): (usize, usize, usize),
    a: *const f32,
    (row_step, k_step): (usize, usize),
    b: *const f32,
    c: *mut f32,
    step: usize,
    alpha: f32,
    onto: Onto,
) {
    let width = 2 * S::LANES;
    for column in (0..n).step_by(width) {
        for row in (0..m).step_by(R) {
            // SAFETY: the caller's promise.
            unsafe {
                let b = b.add(column / width * pack::panel_len(width, steps));
                let sums = sums::<S, false, R>(steps, a.add(row * row_step), row_step, k_step, b);
                let (high, wide) = (R.min(m - row), width.min(n - column));
                store::<S, R>(&sums, c.add(row * step + column), step, high, wide, alpha, onto);
            }
        }
    }
}

/// Writes the first `high` rows and `wide` columns of a tile.
#[inline(always)]
pub(super) unsafe fn store<S: Simd, const R: usize>(
    sums: &[[S::V; 2]; R],
    c: *mut f32,
    step: usize,
    high: usize,
    wide: usize,
    alpha: f32,
    onto: Onto,
) {
    // SAFETY: the caller gives `high` rows of `wide` floats, `step` apart.
    unsafe {
        let alpha = S::splat(alpha);
        for (row, sums) in sums.iter().enumerate().take(high) {
            for (half, sum) in sums.iter().enumerate() {
                let begin = half * S::LANES;
                let to = c.add(row * step + begin);
                let mut value = S::mul(*sum, alpha);
                if begin + S::LANES <= wide {
                    if onto == Onto::Sum {
                        value = S::add(S::load(to), value);
                    }
                    S::store(to, value);
                } else if begin < wide {
                    let count = wide - begin;
                    if onto == Onto::Sum {
                        value = S::add(S::load_first(to, count), value);
                    }
                    S::store_first(to, value, count);
                }
            }
        }
    }
}
