//! A text of several lines being edited, so that nothing hostile reaches a cell and what is not edited stays as it was.
//!
//! What is edited is the *cleaned* text: a control character shows as its picture and can be deleted like any other
//! character. On the way out, every character that was left alone becomes again the one it stands for.

use std::time::{Duration, Instant};

use crossterm::event::{KeyCode, KeyEvent};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ratatui::widgets::Widget;
use similar::{Algorithm, DiffOp, capture_diff_slices_deadline};
use tui_textarea::{CursorMove, Input as EditorInput, TextArea, WrapMode};

use crate::tui::text::clean;

/// How long the comparison with the text before may take; past it, it is coarser and still right.
const PATIENCE: Duration = Duration::from_millis(500);

/// A text being edited.
#[derive(Debug, Clone)]
pub struct Editor {
    area: Box<TextArea<'static>>,
    /// As it was before.
    raw: String,
    /// Bytes that a paste fills it up to.
    limit: usize,
}

impl Editor {
    pub fn new(raw: &str, limit: usize) -> Self {
        let mut area = TextArea::new(clean(raw).split('\n').map(str::to_owned).collect());
        area.set_cursor_line_style(Style::new());
        area.set_wrap_mode(WrapMode::WordOrGlyph);
        let mut editor = Self { area: Box::new(area), raw: raw.to_owned(), limit };
        editor.show_cursor(true);
        editor
    }

    /// Shows where the next letter goes, or not while the keys belong to something else.
    pub fn show_cursor(&mut self, shown: bool) {
        self.area.set_cursor_style(if shown { Style::new().add_modifier(Modifier::REVERSED) } else { Style::new() });
    }

    pub fn to_end(&mut self) {
        self.area.move_cursor(CursorMove::Bottom);
        self.area.move_cursor(CursorMove::End);
    }

    /// What is seen of it, without what would control a terminal.
    pub fn shown(&self) -> String {
        self.area.lines().join("\n")
    }

    /// Whether anything was changed.
    pub fn changed(&self) -> bool {
        self.shown() != clean(&self.raw)
    }

    /// The text as edited: what was left alone is byte for byte what it was.
    pub fn text(&self) -> String {
        restore(&self.raw, &self.shown())
    }

    /// Puts another text in the place of what is shown, as far as there is room. Returns whether it was cut.
    pub fn replace(&mut self, text: &str) -> bool {
        self.area.select_all();
        self.area.cut();
        self.paste(text)
    }

    pub fn new_line(&mut self) {
        self.area.insert_newline();
    }

    pub fn key(&mut self, mut key: KeyEvent) {
        if let KeyCode::Char(letter) = key.code {
            // A keyboard can send what a terminal must not be sent back.
            let cleaned = clean(letter.encode_utf8(&mut [0; 4]));
            key.code = KeyCode::Char(cleaned.chars().next().unwrap_or(char::REPLACEMENT_CHARACTER));
        }
        self.area.input(EditorInput::from(key));
    }

    /// Takes a paste, cleaned, as far as there is room. Returns whether it was cut.
    pub fn paste(&mut self, text: &str) -> bool {
        let room = self.limit.saturating_sub(self.area.lines().iter().map(|line| line.len() + 1).sum());
        let text = clean(&text.replace("\r\n", "\n").replace('\r', "\n"));
        let end = (0..=room.min(text.len())).rev().find(|&end| text.is_char_boundary(end)).unwrap_or(0);
        self.area.insert_str(&text[..end]);
        end < text.len()
    }

    pub fn view(&self, area: Rect, buffer: &mut Buffer) {
        self.area.as_ref().render(area, buffer);
    }
}

/// Puts what `raw` says in the place of every character of `edited` that stands for it unchanged. `clean` keeps the number of
/// characters, so that the cleaned text and `raw` go side by side.
fn restore(raw: &str, edited: &str) -> String {
    let cleaned = clean(raw);
    if cleaned == edited {
        return raw.to_owned();
    }
    if cleaned == raw {
        return edited.to_owned();
    }
    let before: Vec<char> = raw.chars().collect();
    let shown: Vec<char> = cleaned.chars().collect();
    let after: Vec<char> = edited.chars().collect();
    // Most edits are one place: what is alike on both sides of it needs no comparison.
    let front = shown.iter().zip(&after).take_while(|(one, other)| one == other).count();
    let most = shown.len().min(after.len()) - front;
    let back = shown.iter().rev().zip(after.iter().rev()).take(most).take_while(|(one, other)| one == other).count();
    let (old, new) = (&shown[front..shown.len() - back], &after[front..after.len() - back]);
    let mut text: String = before[..front].iter().collect();
    for op in capture_diff_slices_deadline(Algorithm::Myers, old, new, Some(Instant::now() + PATIENCE)) {
        match op {
            DiffOp::Equal { old_index, len, .. } => text.extend(&before[front + old_index..front + old_index + len]),
            DiffOp::Delete { .. } => {}
            DiffOp::Insert { new_index, new_len, .. } | DiffOp::Replace { new_index, new_len, .. } => {
                text.extend(&new[new_index..new_index + new_len]);
            }
        }
    }
    text.extend(&before[before.len() - back..]);
    text
}

#[cfg(test)]
mod tests {
    use crossterm::event::KeyModifiers;
    use proptest::prelude::*;

    use super::*;

    const HOSTILE: &str = "a\u{202e}b\r\n\u{1b}[2J\u{2066}c\u{e0041}\td\re\n";

    fn press(editor: &mut Editor, code: KeyCode) {
        editor.key(KeyEvent::new(code, KeyModifiers::NONE));
    }

    #[test]
    fn what_is_not_edited_stays_byte_for_byte() {
        let mut editor = Editor::new(HOSTILE, 1 << 20);
        assert!(!editor.changed());
        assert_eq!(editor.text(), HOSTILE);
        press(&mut editor, KeyCode::Char('Z'));
        assert!(editor.changed());
        assert_eq!(editor.text(), format!("Z{HOSTILE}"));
        editor.to_end();
        press(&mut editor, KeyCode::Char('!'));
        assert_eq!(editor.text(), format!("Z{HOSTILE}!"));
    }

    #[test]
    fn a_mark_is_deleted_like_any_character() {
        let mut editor = Editor::new("a\u{202e}b\u{1b}c", 100);
        press(&mut editor, KeyCode::Right);
        press(&mut editor, KeyCode::Delete);
        assert_eq!(editor.text(), "ab\u{1b}c");
    }

    #[test]
    fn no_hostile_character_reaches_a_cell() {
        let mut editor = Editor::new(HOSTILE, 1 << 20);
        press(&mut editor, KeyCode::Char('\u{202e}'));
        editor.paste("x\u{1b}]0;y\u{7}\u{200b}");
        let area = Rect::new(0, 0, 30, 8);
        let mut buffer = Buffer::empty(area);
        editor.view(area, &mut buffer);
        for cell in buffer.content() {
            assert_eq!(cell.symbol(), clean(cell.symbol()), "{:?}", cell.symbol());
        }
    }

    #[test]
    fn a_paste_is_cut_at_the_limit_and_its_line_ends_are_one_kind() {
        let mut editor = Editor::new("ab", 10);
        editor.to_end();
        assert!(!editor.paste("c\r\nd\re"));
        assert_eq!(editor.text(), "abc\nd\ne");
        assert!(editor.paste("漢字漢字"));
        assert!(editor.text().len() <= 10);
    }

    proptest! {
        #[test]
        fn an_edit_in_the_middle_leaves_both_sides(
            front in any::<String>(), back in any::<String>(), cut in "[a-z\u{1b}\u{202e}]{0,6}", put in "[A-Z]{0,6}"
        ) {
            let raw = format!("{front}{cut}{back}");
            let edited = clean(&format!("{front}{put}{back}"));
            let restored = restore(&raw, &edited);
            prop_assert_eq!(clean(&restored), edited);
            prop_assert!(restored.starts_with(&front), "{:?}", restored);
        }
    }
}
