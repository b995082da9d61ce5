//! Where the parts of the pane lie: `resize` and `view` agree by calling the same function.

use ratatui::layout::Rect;

use crate::tui::widgets::paint::part;

/// From here on two models stand side by side.
const WIDE: u16 = 100;

/// Where one model's side lies.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct SideLayout {
    pub title: Rect,
    pub transcript: Rect,
    pub status: Rect,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Layout {
    pub head: Rect,
    /// Of both models; they are the same place where one is behind the other.
    pub sides: [SideLayout; 2],
    /// Between two that stand side by side; else empty.
    pub column: Rect,
    pub rule: Rect,
    pub editor: Rect,
    pub notice: Rect,
}

impl Layout {
    /// `writing`: the prompt is being written, or there is one that was not sent.
    pub fn of(area: Rect, two: bool, writing: bool) -> Self {
        let editor = if writing { (area.height / 4).clamp(2, 8).min(area.height.saturating_sub(5)) } else { 0 };
        // Head, rule of the prompt, and notice.
        let body = area.height.saturating_sub(editor + 3);
        let side = |x: u16, width: u16| SideLayout {
            title: part(area, x, 1, width, body.min(1)),
            transcript: part(area, x, 2, width, body.saturating_sub(2)),
            status: part(area, x, body, width, body.saturating_sub(1).min(1)),
        };
        let beside = two && area.width >= WIDE;
        let half = area.width.saturating_sub(1) / 2;
        let sides = match beside {
            true => [side(0, half), side(half + 1, area.width.saturating_sub(half + 1))],
            false => [side(0, area.width); 2],
        };
        Self {
            head: part(area, 0, 0, area.width, 1),
            sides,
            column: if beside { part(area, half, 1, 1, body) } else { Rect::default() },
            rule: part(area, 0, body + 1, area.width, 1),
            editor: part(area, 2, body + 2, area.width.saturating_sub(2), editor),
            notice: part(area, 0, area.height.saturating_sub(1), area.width, 1),
        }
    }

    /// Whether the two models stand side by side.
    pub fn is_beside(&self) -> bool {
        !self.column.is_empty()
    }
}

/// Rows of a list that lies over a pane so high; the box has a line for the words and one for its keys besides.
pub(super) fn picker_rows(height: u16) -> u16 {
    height.saturating_sub(6).clamp(1, 20)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_stay_inside_and_apart_at_any_size() {
        for width in 0..200 {
            for height in 4..50 {
                for (two, writing) in [(false, false), (true, false), (true, true)] {
                    let area = Rect::new(2, 7, width, height);
                    let layout = Layout::of(area, two, writing);
                    let [one, other] = layout.sides;
                    let parts = [one.title, one.transcript, one.status, layout.rule, layout.editor, layout.notice];
                    for (at, first) in parts.iter().enumerate() {
                        assert_eq!(first.intersection(area), *first, "{width}x{height}");
                        for second in &parts[at + 1..] {
                            assert!(first.intersection(*second).is_empty(), "{width}x{height} {first} {second}");
                        }
                    }
                    assert_eq!(layout.is_beside(), two && width >= WIDE && height > 3 + layout.editor.height);
                    assert_eq!(one.transcript.intersection(other.transcript).is_empty(), {
                        layout.is_beside() || one.transcript.is_empty()
                    });
                }
            }
        }
    }
}
