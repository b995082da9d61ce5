//! Dots finer than cells: braille, half blocks where a font has no braille, or one sign a cell.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::tui::widgets::paint::put_clean;

/// Bits of a braille sign by column and row.
const BRAILLE: [[u8; 4]; 2] = [[0x01, 0x02, 0x04, 0x40], [0x08, 0x10, 0x20, 0x80]];

/// What a plot is drawn with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Dots {
    /// Eight dots a cell.
    #[default]
    Braille,
    /// Two a cell, one above the other.
    Half,
    /// The sign of the line.
    Signs,
}

impl Dots {
    /// The finest that there is without a person's word.
    pub fn of(ascii: bool) -> Self {
        if ascii { Self::Signs } else { Self::Braille }
    }

    pub fn next(self) -> Self {
        match self {
            Self::Braille => Self::Half,
            Self::Half => Self::Signs,
            Self::Signs => Self::Braille,
        }
    }

    /// Dots of a cell side by side, and one above another.
    fn of_cell(self) -> (usize, usize) {
        match self {
            Self::Braille => (2, 4),
            Self::Half => (1, 2),
            Self::Signs => (1, 1),
        }
    }
}

/// Dots over an area of cells.
pub(super) struct Raster {
    columns: usize,
    rows: usize,
    dots: Dots,
    /// Dots of a cell, and the line that was drawn over it last.
    cells: Vec<(u8, u8)>,
}

impl Raster {
    pub(super) fn new(columns: u16, rows: u16, dots: Dots) -> Self {
        let (columns, rows) = (usize::from(columns), usize::from(rows));
        Self { columns, rows, dots, cells: vec![(0, 0); columns * rows] }
    }

    /// Dots side by side, and one above another.
    pub(super) fn size(&self) -> (usize, usize) {
        let (across, down) = self.dots.of_cell();
        (across * self.columns, down * self.rows)
    }

    /// Dot (0, 0) is at the upper left.
    pub(super) fn dot(&mut self, x: usize, y: usize, line: u8) {
        let (width, height) = self.size();
        if x >= width || y >= height {
            return;
        }
        let (across, down) = self.dots.of_cell();
        let (column, row) = (x / across, y / down);
        let bit = match self.dots {
            Dots::Braille => BRAILLE[x % 2][y % 4],
            Dots::Half => 1 << (y % 2),
            Dots::Signs => 1,
        };
        let cell = &mut self.cells[row * self.columns + column];
        // Dots of two lines in one cell would all look like the later one's.
        *cell = if cell.1 == line { (cell.0 | bit, line) } else { (bit, line) };
    }

    /// Dots of one column, both ends included.
    pub(super) fn bar(&mut self, x: usize, from: usize, to: usize, line: u8) {
        for y in from.min(to)..=from.max(to) {
            self.dot(x, y, line);
        }
    }

    /// A straight line (Bresenham 1965).
    pub(super) fn line(&mut self, (x0, y0): (usize, usize), (x1, y1): (usize, usize), line: u8) {
        let (mut x, mut y, to_x, to_y) = (x0 as i64, y0 as i64, x1 as i64, y1 as i64);
        let (dx, dy) = ((to_x - x).abs(), -(to_y - y).abs());
        let (step_x, step_y) = ((to_x - x).signum(), (to_y - y).signum());
        let mut error = dx + dy;
        loop {
            self.dot(x as usize, y as usize, line);
            if (x, y) == (to_x, to_y) {
                return;
            }
            let twice = 2 * error;
            if twice >= dy {
                error += dy;
                x += step_x;
            }
            if twice <= dx {
                error += dx;
                y += step_y;
            }
        }
    }

    /// Paints the dots; `look` says how a line looks, and its sign where there are no finer dots.
    pub(super) fn paint(&self, area: Rect, buffer: &mut Buffer, look: impl Fn(u8) -> (Style, char)) {
        for row in 0..self.rows.min(usize::from(area.height)) {
            for column in 0..self.columns.min(usize::from(area.width)) {
                let (dots, line) = self.cells[row * self.columns + column];
                if dots == 0 {
                    continue;
                }
                let (style, sign) = look(line);
                let sign = match (self.dots, dots) {
                    (Dots::Braille, _) => char::from_u32(0x2800 + u32::from(dots)).unwrap_or(sign),
                    (Dots::Half, 1) => '▀',
                    (Dots::Half, 2) => '▄',
                    (Dots::Half, _) => '█',
                    (Dots::Signs, _) => sign,
                };
                let (x, y) = (area.x + column as u16, area.y + row as u16);
                put_clean(buffer, x, y, 1, sign.encode_utf8(&mut [0; 4]), style);
            }
        }
    }
}
