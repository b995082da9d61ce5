//! Where the parts of the pane are, for drawing, for wrapping texts and for the mouse.

use ratatui::layout::Rect;

use crate::tui::widgets::paint::part;

/// Rows of the list of runs at most; a tall screen has more.
const LIST: u16 = 4;
/// Rows that say what the run is at.
const STATUS: u16 = 3;

/// Of the runs and what is known of one.
pub(super) struct Layout {
    pub list: Rect,
    pub rule: Rect,
    pub status: Rect,
    /// Curves, samples or events.
    pub body: Rect,
    pub foot: Rect,
}

impl Layout {
    pub fn of(area: Rect, runs: usize) -> Self {
        let row = |y: u16, height: u16| part(area, 0, y, area.width, height);
        let list = runs.clamp(1, usize::from(LIST.max(area.height / 6))) as u16;
        let above = list + 1 + STATUS;
        Self {
            list: row(0, list),
            rule: row(list, 1),
            status: row(list + 1, STATUS),
            body: row(above, area.height.saturating_sub(above + 1)),
            foot: row(area.height.saturating_sub(1), 1),
        }
    }
}

/// Of what the model in training answered: a table, and two answers beside each other.
pub(super) struct LooksLayout {
    pub table: Rect,
    pub rule: Rect,
    pub before: Rect,
    pub after: Rect,
}

impl LooksLayout {
    pub fn of(body: Rect, problems: usize) -> Self {
        let rows = 1 + (problems.min(usize::from(u16::MAX / 2)) as u16).min((body.height / 3).max(2));
        let below = body.height.saturating_sub(rows + 1);
        let half = body.width.saturating_sub(1) / 2;
        Self {
            table: part(body, 0, 0, body.width, rows),
            rule: part(body, 0, rows, body.width, 1),
            before: part(body, 0, rows + 1, half, below),
            after: part(body, half + 1, rows + 1, body.width.saturating_sub(half + 1), below),
        }
    }
}

/// Rows above the tokens of a preview.
pub(super) const PREVIEW_HEAD: u16 = 3;
