//! Where the parts of the pane are, for drawing and for the mouse.

use ratatui::layout::Rect;

use crate::tui::widgets::paint::part;

/// From here on there is room beside the histogram, and below it.
const WIDE: u16 = 120;
const TALL: u16 = 30;

/// Of the whole pane.
pub(super) struct Layout {
    /// Whose samples, and what is selected of them.
    pub head: Rect,
    /// A sampling that runs; empty without one.
    pub live: Rect,
    pub tabs: Rect,
    pub body: Rect,
    /// The numbers of the rule.
    pub strip: Rect,
    pub foot: Rect,
}

impl Layout {
    pub fn of(area: Rect, live: bool, strip_rows: u16) -> Self {
        let row = |y: u16, height: u16| part(area, 0, y, area.width, height);
        let head = if area.height >= 16 { 2 } else { 1 };
        let live = u16::from(live);
        let most = if area.height >= 28 { 3 } else { u16::from(area.height >= 16) + 1 };
        let strip = strip_rows.clamp(1, most);
        let above = head + live + 1;
        let body = area.height.saturating_sub(above + strip + 1);
        Self {
            head: row(0, head),
            live: row(head, live),
            tabs: row(head + live, 1),
            body: row(above, body),
            strip: row(above + body, strip),
            foot: row(area.height.saturating_sub(1), 1),
        }
    }
}

/// Of the body while the histogram is looked at; parts for which there is no room are empty.
pub(super) struct Overview {
    pub histogram: Rect,
    pub bins: Rect,
    pub rule: Rect,
    pub lengths: Rect,
    pub levels: Rect,
}

impl Overview {
    pub fn of(body: Rect) -> Self {
        let wide = body.width >= WIDE;
        let tall = wide && body.height >= TALL;
        let upper = if tall { body.height * 11 / 20 } else { body.height };
        let left = if wide { body.width - 74 } else { body.width };
        let right = body.width - left;
        let below = body.height - upper;
        Self {
            histogram: part(body, 0, 0, left, upper),
            bins: part(body, left, 0, right, upper),
            rule: part(body, 0, upper, body.width, below.min(1)),
            lengths: part(body, 0, upper + 1, left.saturating_sub(2), below.saturating_sub(1)),
            levels: part(body, left, upper + 1, right, below.saturating_sub(1)),
        }
    }
}
