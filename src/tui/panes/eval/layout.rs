//! Where the parts of the pane lie, from its size alone: moving, scrolling and drawing agree by calling the same function.

use ratatui::layout::Rect;

use crate::tui::widgets::paint::part;

/// From here on scores and comparison stand side by side.
const WIDE: u16 = 120;
/// Rows of the list at most; a tall screen has more.
const LIST: u16 = 6;

pub(super) struct Layout {
    /// The heads of the list's columns.
    pub head: Rect,
    pub list: Rect,
    pub rule: Rect,
    /// Lines of the tab in front; on a wide screen of scores, levels and chains.
    pub left: Rect,
    pub column: Rect,
    /// On a wide screen: the comparison or second turns.
    pub right: Rect,
    pub foot: Rect,
}

impl Layout {
    pub fn of(area: Rect, evals: usize) -> Self {
        let row = |y: u16, height: u16| part(area, 0, y, area.width, height);
        let most = usize::from(LIST.max(area.height / 5).min(area.height.saturating_sub(8).max(1)));
        let list = evals.clamp(1, most) as u16;
        let body = row(list + 2, area.height.saturating_sub(list + 3));
        let (left, right) =
            if wide(area.width) { (area.width / 2, area.width - area.width / 2 - 1) } else { (area.width, 0) };
        Self {
            head: row(0, 1),
            list: row(1, list),
            rule: row(list + 1, 1),
            left: part(body, 0, 0, left, body.height),
            column: part(body, left, 0, u16::from(right > 0), body.height),
            right: part(body, left + 1, 0, right, body.height),
            foot: row(area.height.saturating_sub(1), 1),
        }
    }
}

/// Whether a pane so wide shows two panels.
pub(super) fn wide(width: u16) -> bool {
    width >= WIDE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_stay_inside_and_apart_at_any_size() {
        for width in 0..200 {
            for height in 0..60 {
                for evals in [0, 1, 9, 100] {
                    let area = Rect::new(1, 2, width, height);
                    let of = Layout::of(area, evals);
                    for place in [of.head, of.list, of.rule, of.left, of.right, of.foot] {
                        assert_eq!(place.intersection(area), place, "{width}x{height}");
                    }
                    assert!(of.left.intersection(of.right).is_empty());
                    assert!(of.left.intersection(of.list).is_empty());
                    assert!(of.left.intersection(of.foot).is_empty(), "{width}x{height} {evals}");
                }
            }
        }
    }
}
