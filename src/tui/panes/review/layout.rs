//! Where the parts of the pane lie, from its size alone: `resize` and `view` agree by calling the same function.

use ratatui::layout::Rect;

use crate::tui::widgets::frame::FRAME_CELLS;
use crate::tui::widgets::paint::part;

const WIDE: u16 = 120;
/// Lines of a table longer than this are hard to follow.
const WIDEST: u16 = 110;

/// Parts of the pane. `side` is empty where the pane is narrow.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Layout {
    pub counts: Rect,
    pub list_head: Rect,
    pub list: Rect,
    pub rule: Rect,
    pub head: Rect,
    pub standing: Rect,
    pub transcript: Rect,
    pub side_rule: Rect,
    /// Of the sample that stands beside; empty while none does.
    pub side_head: Rect,
    pub side_standing: Rect,
    pub side: Rect,
    pub notice: Rect,
}

impl Layout {
    /// `beside`: two samples stand side by side, and on a narrow screen the list makes room for them.
    pub fn of(area: Rect, beside: bool) -> Self {
        let wide = area.width >= WIDE || beside;
        let list = match area.width {
            0..WIDE if beside => 0,
            0..60 => area.width / 3,
            60..100 => 26,
            100..WIDE => 34,
            _ => 42,
        };
        let side = match (wide, beside) {
            (_, true) => area.width.saturating_sub(list + 2) / 2,
            (true, false) => area.width / 4,
            (false, false) => 0,
        };
        let body = area.height.saturating_sub(2);
        let text = area.width.saturating_sub(list + 1 + if wide { side + 1 } else { 0 });
        let text_x = list + 1;
        let side_x = text_x + text;
        // A sample that stands beside has the two lines of the one that it stands beside.
        let lines = u16::from(beside);
        let above = lines * 2;
        Self {
            counts: part(area, 0, 0, area.width, 1),
            list_head: part(area, 0, 1, list, 1),
            list: part(area, 0, 2, list, body.saturating_sub(1)),
            rule: part(area, list, 1, 1, body),
            head: part(area, text_x, 1, text, 1),
            standing: part(area, text_x, 2, text, 1),
            transcript: part(area, text_x, 3, text, body.saturating_sub(2)),
            side_rule: part(area, side_x, 1, u16::from(wide), body),
            side_head: part(area, side_x + 1, 1, side, lines),
            side_standing: part(area, side_x + 1, 2, side, lines),
            side: part(area, side_x + 1, 1 + above, side, if wide { body.saturating_sub(above) } else { 0 }),
            notice: part(area, 0, area.height.saturating_sub(1), area.width, 1),
        }
    }
}

/// Columns and most rows of the inside of a box that lies over a pane of this size.
pub fn over(width: u16, height: u16) -> (u16, u16) {
    (width.saturating_sub(FRAME_CELLS).min(WIDEST), height.saturating_sub(5))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_stay_inside_at_any_size() {
        for width in 0..200 {
            for height in 0..50 {
                let area = Rect::new(3, 5, width, height);
                let layout = Layout::of(area, width % 2 == 0);
                for part in [layout.list, layout.transcript, layout.side, layout.notice, layout.standing] {
                    assert_eq!(part.intersection(area), part, "{width}x{height}");
                }
                assert!(layout.transcript.intersection(layout.list).is_empty());
                assert!(layout.transcript.intersection(layout.side).is_empty());
                for line in [layout.side_head, layout.side_standing] {
                    assert_eq!(line.intersection(area), line, "{width}x{height}");
                    assert!(line.intersection(layout.side).is_empty(), "{width}x{height}");
                }
            }
        }
    }
}
