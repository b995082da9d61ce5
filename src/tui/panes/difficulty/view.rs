//! Draws the pane.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::DifficultyState;
use crate::tui::view::ViewContext;

pub fn view(_state: &DifficultyState, _context: &ViewContext, _area: Rect, _buffer: &mut Buffer) {}
