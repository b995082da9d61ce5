//! Which rows of a long list are on the screen: plain numbers, so that drawing costs the window and not the list.

/// A window of `height` rows on a list, with a selected row that stays in sight.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ListWindow {
    pub selected: usize,
    pub top: usize,
    pub height: usize,
}

impl ListWindow {
    /// Selects a row of a list of `len` and scrolls no further than needed.
    pub fn select(&mut self, row: usize, len: usize) {
        self.selected = row.min(len.saturating_sub(1));
        let height = self.height.max(1);
        if self.selected < self.top {
            self.top = self.selected;
        } else if self.selected >= self.top + height {
            self.top = self.selected + 1 - height;
        }
        self.top = self.top.min(len.saturating_sub(height));
    }

    /// Moves by rows, stopping at the ends.
    pub fn step(&mut self, by: isize, len: usize) {
        self.select(self.selected.saturating_add_signed(by), len);
    }

    pub fn set_height(&mut self, height: usize, len: usize) {
        self.height = height;
        self.select(self.selected, len);
    }

    /// The rows in sight.
    pub fn rows(&self, len: usize) -> std::ops::Range<usize> {
        self.top.min(len)..(self.top + self.height).min(len)
    }

    /// A page, with one row in common with the last.
    pub fn page(&self) -> isize {
        self.height.saturating_sub(1).max(1) as isize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_selected_row_stays_in_sight() {
        let mut window = ListWindow { height: 3, ..ListWindow::default() };
        window.select(5, 10);
        assert_eq!((window.rows(10), window.selected), (3..6, 5));
        window.step(-1, 10);
        assert_eq!(window.rows(10), 3..6);
        window.step(-100, 10);
        assert_eq!(window.rows(10), 0..3);
        window.step(isize::MAX, 10);
        assert_eq!((window.rows(10), window.selected), (7..10, 9));
        window.select(9, 2);
        assert_eq!((window.rows(2), window.selected), (0..2, 1));
        window.select(0, 0);
        assert_eq!((window.rows(0), window.selected), (0..0, 0));
        window.set_height(0, 5);
        window.select(4, 5);
        assert_eq!((window.rows(5), window.selected), (4..4, 4));
    }
}
