//! A box over the pane.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::paint::{blank, part, put_clean, rule, signs};
use crate::tui::theme::Look;
use crate::tui::view::ViewContext;

/// Cells of a box that are not its inside: a border and a space on either side.
pub const FRAME_CELLS: u16 = 4;

/// Draws a box in the middle of an area, cut to it, around so many columns and rows; returns its inside.
pub fn frame(width: u16, height: u16, title: &str, context: &ViewContext, area: Rect, buffer: &mut Buffer) -> Rect {
    let (wide, high) = (width.saturating_add(FRAME_CELLS).min(area.width), height.saturating_add(2).min(area.height));
    let outer = part(area, (area.width - wide) / 2, (area.height - high) / 2, wide, high);
    blank(buffer, outer);
    if outer.is_empty() {
        return outer;
    }
    let border = context.theme.style(Look::BorderFocus);
    rule(buffer, part(outer, 0, 0, wide, 1), title, border, context.theme.style(Look::Title), context.ascii);
    rule(buffer, part(outer, 0, high - 1, wide, 1), "", border, border, context.ascii);
    for y in outer.top() + 1..outer.bottom().saturating_sub(1) {
        for x in [outer.left(), outer.right() - 1] {
            put_clean(buffer, x, y, 1, signs(context.ascii).column, border);
        }
    }
    part(outer, 2, 1, wide.saturating_sub(FRAME_CELLS), high.saturating_sub(2))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::theme::Theme;

    #[test]
    fn the_inside_lies_in_the_area_at_any_size() {
        let theme = Theme::terminal();
        let context = ViewContext::plain(&theme, 0, true);
        for (width, height) in [(0, 0), (1, 1), (3, 2), (4, 3), (80, 24)] {
            let area = Rect::new(0, 0, width, height);
            let mut buffer = Buffer::empty(area);
            for wanted in [(0, 0), (10, 5), (u16::MAX, u16::MAX)] {
                let inside = frame(wanted.0, wanted.1, "title", &context, area, &mut buffer);
                assert_eq!(inside.intersection(area), inside);
            }
        }
    }
}
