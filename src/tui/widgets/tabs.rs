//! A line with a name, and what of the named can be looked at.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::paint::{fit_tail, one_line, put, rule};
use crate::tui::theme::Look;
use crate::tui::view::ViewContext;

/// Draws the line; each tab with whether it is the one in front.
pub fn tabs(
    name: &str,
    tabs: impl IntoIterator<Item = (String, bool)>,
    context: &ViewContext,
    area: Rect,
    buffer: &mut Buffer,
) {
    let style = |look| context.theme.style(look);
    let line = style(if context.focused { Look::BorderFocus } else { Look::Border });
    rule(buffer, area, "", line, style(Look::Title), context.ascii);
    let name = one_line(name);
    let name = fit_tail(&name, usize::from(area.width / 3), context.ascii);
    let mut x = put(buffer, area.x + 1, area.y, area.width, &format!(" {name} "), style(Look::Title)) + 2;
    for (text, front) in tabs {
        let text = if front { format!("[{text}]") } else { format!(" {text} ") };
        let room = area.right().saturating_sub(x);
        x = put(buffer, x, area.y, room, &text, style(if front { Look::Title } else { Look::Dim })) + 1;
    }
}
