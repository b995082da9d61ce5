//! A text field of one line: the text, the cursor, and the keys that edit it.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use unicode_segmentation::UnicodeSegmentation;

use super::paint::{cells, one_line, put_clean, tint};
use super::wrap::grapheme_width;
use crate::tui::theme::Look;
use crate::tui::view::ViewContext;

/// Bytes that a field takes at most; a paste beyond it is cut.
const LIMIT: usize = 4096;

/// One line of text being edited. The cursor is a byte offset on a grapheme boundary.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Input {
    text: String,
    cursor: usize,
    /// All of it is marked: what is typed or pasted next takes its place.
    marked: bool,
}

impl Input {
    pub fn new(text: impl Into<String>) -> Self {
        let text = text.into();
        let cursor = text.len();
        Self { text, cursor, marked: false }
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    pub fn set(&mut self, text: impl Into<String>) {
        *self = Self::new(text);
    }

    /// Marks all of the text. A key that moves or edits unmarks it.
    pub fn mark_all(&mut self) {
        self.cursor = self.text.len();
        self.marked = !self.text.is_empty();
    }

    pub fn unmark(&mut self) {
        self.marked = false;
    }

    /// Inserts what was typed or pasted; line breaks and control characters become spaces or marks.
    pub fn insert(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        self.drop_marked();
        for grapheme in one_line(text).graphemes(true) {
            if self.text.len() + grapheme.len() > LIMIT {
                break;
            }
            self.text.insert_str(self.cursor, grapheme);
            self.cursor += grapheme.len();
        }
    }

    /// Edits by a key; false when the key means nothing to a text field.
    pub fn key(&mut self, key: KeyEvent) -> bool {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        let alt = key.modifiers.contains(KeyModifiers::ALT);
        if matches!(key.code, KeyCode::Backspace | KeyCode::Delete) && self.drop_marked() {
            return true;
        }
        if !matches!(key.code, KeyCode::Char(_)) || control || alt {
            self.marked = false;
        }
        match key.code {
            KeyCode::Char('a') if control => self.cursor = 0,
            KeyCode::Char('e') if control => self.cursor = self.text.len(),
            KeyCode::Char('u') if control => {
                self.text.drain(..self.cursor);
                self.cursor = 0;
            }
            KeyCode::Char('k') if control => self.text.truncate(self.cursor),
            KeyCode::Char('w') if control => self.delete_word(),
            KeyCode::Char(letter) if !control && !alt => self.insert(letter.encode_utf8(&mut [0; 4])),
            KeyCode::Backspace => {
                let begin = self.before();
                self.text.drain(begin..self.cursor);
                self.cursor = begin;
            }
            KeyCode::Delete => {
                let end = self.after();
                self.text.drain(self.cursor..end);
            }
            KeyCode::Left => self.cursor = self.before(),
            KeyCode::Right => self.cursor = self.after(),
            KeyCode::Home => self.cursor = 0,
            KeyCode::End => self.cursor = self.text.len(),
            _ => return false,
        }
        true
    }

    /// Deletes the text if it is marked; whether it was.
    fn drop_marked(&mut self) -> bool {
        let marked = std::mem::take(&mut self.marked);
        if marked {
            self.set("");
        }
        marked
    }

    fn before(&self) -> usize {
        self.text[..self.cursor].grapheme_indices(true).next_back().map_or(0, |(index, _)| index)
    }

    fn after(&self) -> usize {
        self.text[self.cursor..].graphemes(true).next().map_or(self.cursor, |grapheme| self.cursor + grapheme.len())
    }

    fn delete_word(&mut self) {
        let kept = self.text[..self.cursor].trim_end();
        let begin = kept
            .rfind(char::is_whitespace)
            .map_or(0, |index| index + kept[index..].chars().next().map_or(0, char::len_utf8));
        self.text.drain(begin..self.cursor);
        self.cursor = begin;
    }

    /// Paints the field on one line, scrolled so that the cursor is in sight.
    pub fn view(&self, editing: bool, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
        if area.is_empty() {
            return;
        }
        let style = context.theme.style(Look::Text);
        let width = usize::from(area.width);
        let mut begin = 0;
        if editing {
            // One cell is kept for a cursor behind the last character.
            while cells(&self.text[begin..self.cursor]) + 1 > width {
                begin += self.text[begin..].graphemes(true).next().map_or(1, str::len);
            }
        }
        put_clean(buffer, area.x, area.y, area.width, &one_line(&self.text[begin..]), style);
        if editing {
            let at = area.x + cells(&self.text[begin..self.cursor]) as u16;
            let under = self.text[self.cursor..].graphemes(true).next().map_or(1, grapheme_width).max(1);
            let cursor = Rect { x: at, y: area.y, width: under as u16, height: 1 }.intersection(area);
            if self.marked {
                let whole = Rect { width: at.saturating_sub(area.x), height: 1, ..area }.intersection(area);
                tint(buffer, whole, Style::new().patch(context.theme.style(Look::Selection)));
            }
            tint(buffer, cursor, Style::new().patch(context.theme.style(Look::Selection)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn press(input: &mut Input, code: KeyCode) -> bool {
        input.key(KeyEvent::new(code, KeyModifiers::NONE))
    }

    fn control(input: &mut Input, letter: char) -> bool {
        input.key(KeyEvent::new(KeyCode::Char(letter), KeyModifiers::CONTROL))
    }

    #[test]
    fn typing_moving_and_deleting() {
        let mut input = Input::default();
        for letter in "añb漢".chars() {
            press(&mut input, KeyCode::Char(letter));
        }
        press(&mut input, KeyCode::Left);
        press(&mut input, KeyCode::Backspace);
        assert_eq!(input.text(), "añ漢");
        press(&mut input, KeyCode::Delete);
        press(&mut input, KeyCode::Delete);
        assert_eq!(input.text(), "añ");
        press(&mut input, KeyCode::Home);
        press(&mut input, KeyCode::Backspace);
        press(&mut input, KeyCode::Delete);
        assert_eq!(input.text(), "ñ");
        assert!(!press(&mut input, KeyCode::Enter) && !press(&mut input, KeyCode::Tab));
    }

    #[test]
    fn words_and_ends() {
        let mut input = Input::new("one two  ");
        control(&mut input, 'w');
        assert_eq!(input.text(), "one ");
        input.insert("three");
        control(&mut input, 'a');
        press(&mut input, KeyCode::Right);
        control(&mut input, 'k');
        assert_eq!(input.text(), "o");
        control(&mut input, 'u');
        assert_eq!(input.text(), "");
    }

    #[test]
    fn what_is_marked_gives_way_to_what_is_typed() {
        let marked = || {
            let mut input = Input::new("old");
            input.mark_all();
            input
        };
        let mut input = marked();
        press(&mut input, KeyCode::Char('n'));
        press(&mut input, KeyCode::Char('e'));
        assert_eq!(input.text(), "ne");
        let mut input = marked();
        press(&mut input, KeyCode::Backspace);
        assert_eq!(input.text(), "");
        let mut input = marked();
        press(&mut input, KeyCode::End);
        press(&mut input, KeyCode::Char('s'));
        assert_eq!(input.text(), "olds");
        let mut input = marked();
        input.insert("");
        assert_eq!(input.text(), "old", "nothing takes the place of nothing");
        input.insert("pasted");
        assert_eq!(input.text(), "pasted");
    }

    #[test]
    fn a_paste_is_one_clean_line_of_bounded_size() {
        let mut input = Input::default();
        input.insert("a\nb\u{1b}[2J");
        assert!(!input.text().contains(['\n', '\u{1b}']));
        input.insert(&"x".repeat(10_000));
        assert!(input.text().len() <= LIMIT);
    }
}
