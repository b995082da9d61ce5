//! Draws the pane.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::EvalState;
use crate::tui::view::ViewContext;

pub fn view(_state: &EvalState, _context: &ViewContext, _area: Rect, _buffer: &mut Buffer) {}
