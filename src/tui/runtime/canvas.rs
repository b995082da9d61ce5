//! What is drawn on: the terminal, or a screen in memory for replays.

use ratatui::Terminal;
use ratatui::backend::{Backend, CrosstermBackend, TestBackend};

use super::super::app::{App, view};
use super::terminal::FrameWriter;
use crate::records::now_millis;

pub enum Canvas {
    Terminal(Terminal<CrosstermBackend<FrameWriter>>),
    Memory(Terminal<TestBackend>),
}

impl Canvas {
    pub fn draw(&mut self, app: &App) -> std::io::Result<()> {
        let now = now_millis();
        match self {
            Canvas::Terminal(terminal) => {
                terminal.draw(|frame| view(app, now, frame.area(), frame.buffer_mut()))?;
            }
            Canvas::Memory(terminal) => {
                let drawn = terminal.draw(|frame| view(app, now, frame.area(), frame.buffer_mut()));
                drawn.unwrap_or_else(|never| match never {});
            }
        }
        Ok(())
    }

    pub fn size(&self) -> std::io::Result<(u16, u16)> {
        let size = match self {
            Canvas::Terminal(terminal) => terminal.size()?,
            Canvas::Memory(terminal) => terminal.size().unwrap_or_else(|never| match never {}),
        };
        Ok((size.width, size.height))
    }

    /// Wipes the screen, so that the next frame is drawn whole. Not with `Terminal::clear`, which asks the terminal where
    /// its cursor is and waits for the answer.
    pub fn clear(&mut self) -> std::io::Result<()> {
        if let Canvas::Terminal(terminal) = self {
            Backend::clear(terminal.backend_mut())?;
            // Both buffers are blank now: what was drawn last is forgotten.
            terminal.swap_buffers();
        }
        Ok(())
    }
}

/// A buffer as lines of text, without blanks at their ends.
pub fn text(buffer: &ratatui::buffer::Buffer) -> String {
    let area = buffer.area;
    let mut lines = Vec::new();
    for y in area.top()..area.bottom() {
        let mut line = String::new();
        let mut skip = 0;
        for x in area.left()..area.right() {
            let symbol = buffer[(x, y)].symbol();
            if skip == 0 {
                line.push_str(symbol);
            }
            // What a wide character covers has no symbol of its own to show.
            skip = skip.max(unicode_width::UnicodeWidthStr::width(symbol)).saturating_sub(1);
        }
        lines.push(line.trim_end().to_owned());
    }
    lines.join("\n")
}
