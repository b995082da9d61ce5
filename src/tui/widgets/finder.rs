//! A list that is narrowed down by a few letters of what is meant. What its rows are belongs to who shows it.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use nucleo_matcher::pattern::{CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::frame::frame;
use super::input::Input;
use super::list::ListWindow;
use super::paint::{cells, fit, part, put, tint};
use crate::tui::theme::Look;
use crate::tui::view::ViewContext;

#[derive(Debug, Clone, Default)]
pub struct Finder {
    filter: Input,
    window: ListWindow,
    /// What each row is found by.
    said: Vec<String>,
    /// Rows that the letters leave, the best first.
    found: Vec<usize>,
}

/// What a key did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pressed {
    Nothing,
    Closed,
    /// The row with this number.
    Chosen(usize),
}

impl Finder {
    /// `said`: what each row is found by; `height`: rows that are seen at once.
    pub fn new(said: Vec<String>, height: usize) -> Self {
        let window = ListWindow { height, ..ListWindow::default() };
        let mut finder = Self { said, window, ..Self::default() };
        finder.search();
        finder
    }

    /// Takes other rows; the letters stay.
    pub fn set_rows(&mut self, said: Vec<String>) {
        self.said = said;
        self.search();
    }

    pub fn resize(&mut self, height: usize) {
        self.window.set_height(height, self.found.len());
    }

    pub fn key(&mut self, key: KeyEvent) -> Pressed {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        let step = match key.code {
            KeyCode::Esc => return Pressed::Closed,
            KeyCode::Char('c' | 'p' | 'o' | 'n') if control => return Pressed::Closed,
            KeyCode::Enter => {
                return self.found.get(self.window.selected).map_or(Pressed::Nothing, |row| Pressed::Chosen(*row));
            }
            KeyCode::Down | KeyCode::Tab => 1,
            KeyCode::Up | KeyCode::BackTab => -1,
            KeyCode::PageDown => self.window.page(),
            KeyCode::PageUp => -self.window.page(),
            _ => {
                self.filter.key(key);
                self.search();
                return Pressed::Nothing;
            }
        };
        self.window.step(step, self.found.len());
        Pressed::Nothing
    }

    pub fn paste(&mut self, text: &str) {
        self.filter.insert(text);
        self.search();
    }

    fn search(&mut self) {
        let pattern = Pattern::parse(self.filter.text(), CaseMatching::Smart, Normalization::Smart);
        let mut matcher = Matcher::new(Config::DEFAULT);
        let mut letters = Vec::new();
        let score = |said: &String| pattern.score(Utf32Str::new(said, &mut letters), &mut matcher);
        let scores: Vec<Option<u32>> = self.said.iter().map(score).collect();
        let mut scored: Vec<(u32, usize)> =
            scores.into_iter().enumerate().filter_map(|(at, score)| Some((score?, at))).collect();
        // Of two as good the one that is listed first.
        scored.sort_by_key(|(score, at)| (std::cmp::Reverse(*score), *at));
        self.found = scored.into_iter().map(|(_, at)| at).collect();
        self.window.select(0, self.found.len());
    }

    /// Draws it as a box over the pane. `row`: words and what stands at their right, for the row with a number.
    pub fn view<'a>(
        &self,
        title: &str,
        row: impl Fn(usize) -> (&'a str, &'a str),
        context: &ViewContext,
        area: Rect,
        buffer: &mut Buffer,
    ) {
        let style = |look| context.theme.style(look);
        let width = area.width.saturating_sub(4).min(90);
        let inside = frame(width, self.window.height as u16 + 1, title, context, area, buffer);
        let count = format!("{} of {}", self.found.len(), self.said.len());
        let room = inside.width.saturating_sub(cells(&count) as u16 + 1);
        self.filter.view(true, context, part(inside, 0, 0, room, 1), buffer);
        put(buffer, inside.right().saturating_sub(cells(&count) as u16), inside.y, 20, &count, style(Look::Dim));
        for (line, at) in self.window.rows(self.found.len()).enumerate() {
            let (words, right) = row(self.found[at]);
            let line = part(inside, 0, line as u16 + 1, inside.width, 1);
            let right = fit(right, usize::from(inside.width) / 2, context.ascii);
            let room = usize::from(inside.width).saturating_sub(cells(&right) + 1);
            put(buffer, line.x, line.y, room as u16, &fit(words, room, context.ascii), style(Look::Text));
            let begin = line.right().saturating_sub(cells(&right) as u16);
            put(buffer, begin, line.y, line.width, &right, style(Look::Key));
            if at == self.window.selected {
                tint(buffer, line, style(Look::Selection));
            }
        }
        if self.found.is_empty() {
            put(buffer, inside.x, inside.y + 1, inside.width, "Nothing is called so; Esc leaves.", style(Look::Dim));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::theme::Theme;
    use crate::tui::widgets::paint::testing::lines;

    fn press(finder: &mut Finder, code: KeyCode) -> Pressed {
        finder.key(KeyEvent::new(code, KeyModifiers::NONE))
    }

    fn finder(letters: &str) -> Finder {
        let said = (0..20).map(|row| format!("row number {row}")).chain(["Qwen/0.5B".to_owned()]).collect();
        let mut finder = Finder::new(said, 5);
        letters.chars().for_each(|letter| {
            press(&mut finder, KeyCode::Char(letter));
        });
        finder
    }

    #[test]
    fn a_few_letters_find_what_is_meant() {
        assert_eq!(press(&mut finder("qw05"), KeyCode::Enter), Pressed::Chosen(20));
        assert_eq!(press(&mut finder("zzz"), KeyCode::Enter), Pressed::Nothing);
        assert_eq!(press(&mut finder(""), KeyCode::Esc), Pressed::Closed);
        let mut all = finder("");
        press(&mut all, KeyCode::Up);
        press(&mut all, KeyCode::PageDown);
        assert_eq!(press(&mut all, KeyCode::Enter), Pressed::Chosen(4));
        all.set_rows(vec!["one".into()]);
        assert_eq!(press(&mut all, KeyCode::Enter), Pressed::Chosen(0));
    }

    #[test]
    fn it_is_drawn_at_any_size() {
        let theme = Theme::terminal();
        let context = ViewContext::plain(&theme, 0, true);
        for (width, height) in [(80, 24), (10, 3), (1, 1)] {
            let area = Rect::new(0, 0, width, height);
            let mut buffer = Buffer::empty(area);
            finder("").view("rows", |_| ("words", "right"), &context, area, &mut buffer);
            assert!(width < 80 || lines(&buffer).contains("words"));
        }
    }
}
