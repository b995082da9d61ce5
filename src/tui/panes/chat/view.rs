//! Draws the pane.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::ChatState;
use crate::tui::view::ViewContext;

pub fn view(_state: &ChatState, _context: &ViewContext, _area: Rect, _buffer: &mut Buffer) {}
