//! The line at the foot of a pane that answers what was asked of it.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::paint::{fit, one_line, put};
use crate::tui::theme::Look;
use crate::tui::view::ViewContext;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    Said(String),
    Refused(String),
}

impl Notice {
    pub fn view(&self, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
        let (text, look) = match self {
            Self::Said(text) => (text, Look::Info),
            Self::Refused(text) => (text, Look::Bad),
        };
        let text = one_line(text);
        let text = fit(&text, usize::from(area.width), context.ascii);
        put(buffer, area.x, area.y, area.width, &text, context.theme.style(look));
    }
}
