//! Dots finer than cells: braille where the terminal has it, else one sign a cell.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::tui::widgets::paint::put_clean;

/// Bits of a braille sign by column and row.
const BRAILLE: [[u8; 4]; 2] = [[0x01, 0x02, 0x04, 0x40], [0x08, 0x10, 0x20, 0x80]];

/// Dots over an area of cells.
pub(super) struct Raster {
    columns: usize,
    rows: usize,
    ascii: bool,
    /// Dots of a cell, and the line that was drawn over it last.
    cells: Vec<(u8, u8)>,
}

impl Raster {
    pub(super) fn new(columns: u16, rows: u16, ascii: bool) -> Self {
        let (columns, rows) = (usize::from(columns), usize::from(rows));
        Self { columns, rows, ascii, cells: vec![(0, 0); columns * rows] }
    }

    /// Dots side by side, and one above another.
    pub(super) fn size(&self) -> (usize, usize) {
        if self.ascii { (self.columns, self.rows) } else { (2 * self.columns, 4 * self.rows) }
    }

    /// Dot (0, 0) is at the upper left.
    pub(super) fn dot(&mut self, x: usize, y: usize, line: u8) {
        let (width, height) = self.size();
        if x >= width || y >= height {
            return;
        }
        let (column, row, bit) = if self.ascii { (x, y, 1) } else { (x / 2, y / 4, BRAILLE[x % 2][y % 4]) };
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

    /// Paints the dots; `look` says how a line looks, and its sign where there is no braille.
    pub(super) fn paint(&self, area: Rect, buffer: &mut Buffer, look: impl Fn(u8) -> (Style, char)) {
        for row in 0..self.rows.min(usize::from(area.height)) {
            for column in 0..self.columns.min(usize::from(area.width)) {
                let (dots, line) = self.cells[row * self.columns + column];
                if dots == 0 {
                    continue;
                }
                let (style, sign) = look(line);
                let sign = if self.ascii { sign } else { char::from_u32(0x2800 + u32::from(dots)).unwrap_or(sign) };
                let (x, y) = (area.x + column as u16, area.y + row as u16);
                put_clean(buffer, x, y, 1, sign.encode_utf8(&mut [0; 4]), style);
            }
        }
    }
}
