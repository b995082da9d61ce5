//! What is drawn on: the terminal, or a screen in memory for replays.

use ratatui::Terminal;
use ratatui::backend::{Backend, CrosstermBackend, TestBackend};

use super::super::app::{App, view};
use super::picture::{PrintAs, printed};
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

    /// What is on a screen in memory.
    pub fn printed(&self, print_as: PrintAs) -> Option<String> {
        match self {
            Canvas::Terminal(_) => None,
            Canvas::Memory(terminal) => Some(printed(terminal.backend().buffer(), print_as)),
        }
    }
}
