//! The help: every action of the pane in focus and of everywhere with its keys, made from the keymap, with a filter.

use crossterm::event::{KeyCode, KeyEvent};

use super::super::action::{Scope, actions};
use super::super::keymap::Keymap;
use super::super::widgets::input::Input;

#[derive(Debug, Clone, Default)]
pub struct Help {
    pub filter: Input,
    pub top: usize,
}

/// A line of the help.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    Head(&'static str),
    Entry { keys: String, desc: &'static str },
}

impl Help {
    /// The lines that pass the filter: the pane in focus first, then everywhere, then the other panes.
    pub fn lines(&self, keymap: &Keymap, focus: Scope) -> Vec<Line> {
        let wanted = self.filter.text().to_lowercase();
        let mut lines = Vec::new();
        let others = Scope::ALL.into_iter().filter(|scope| *scope != focus && *scope != Scope::Global);
        for scope in [focus, Scope::Global].into_iter().chain(others) {
            let mut entries: Vec<Line> = actions(scope)
                .into_iter()
                .map(|(_, spec)| Line::Entry { keys: keymap.keys_of(spec.name).join(", "), desc: spec.desc })
                .filter(|line| match line {
                    Line::Entry { keys, desc } => {
                        wanted.is_empty() || desc.to_lowercase().contains(&wanted) || keys.to_lowercase() == wanted
                    }
                    Line::Head(_) => true,
                })
                .collect();
            if !entries.is_empty() {
                lines.push(Line::Head(scope.title()));
                lines.append(&mut entries);
            }
        }
        lines
    }

    /// Takes a key; false when the help shall close.
    pub fn key(&mut self, key: KeyEvent, lines: usize, height: usize) -> bool {
        let last = lines.saturating_sub(height);
        match key.code {
            KeyCode::Esc if !self.filter.text().is_empty() => self.filter.set(""),
            KeyCode::Esc | KeyCode::Enter => return false,
            KeyCode::Char('?' | 'q') if self.filter.text().is_empty() => return false,
            KeyCode::Down => self.top = (self.top + 1).min(last),
            KeyCode::Up => self.top = self.top.saturating_sub(1),
            KeyCode::PageDown => self.top = (self.top + height).min(last),
            KeyCode::PageUp => self.top = self.top.saturating_sub(height),
            _ => {
                if self.filter.key(key) {
                    self.top = 0;
                }
            }
        }
        true
    }
}
