//! A form of one-line fields: their texts, which is selected or edited, what is wrong with them, and how they are drawn. What the
//! fields mean belongs to the pane; so do the places after the last field (a button, say), which are only counted here.

use crossterm::event::{KeyCode, KeyEvent};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::input::Input;
use super::paint::{cells, part, put, put_clean, signs, tint};
use crate::tui::theme::Look;
use crate::tui::view::ViewContext;

const LABEL: u16 = 13;
/// From here on two short fields share a row.
const TWO: u16 = 64;

/// What a field is.
#[derive(Debug, Clone, Copy)]
pub struct FieldSpec {
    pub label: &'static str,
    /// Name for keeping its value.
    pub key: &'static str,
    pub first: &'static str,
    /// What is shown where it is empty.
    pub empty: &'static str,
    pub help: &'static str,
    /// The values there are, where there are few.
    pub choices: &'static [&'static str],
    /// It has a row to itself.
    pub long: bool,
}

/// The fields of a form.
#[derive(Debug, Clone)]
pub struct Fields {
    specs: Vec<FieldSpec>,
    inputs: Vec<Input>,
    errors: Vec<Option<String>>,
    selected: usize,
    /// Places after the fields.
    more: usize,
    /// While a field is edited: what it said before.
    editing: Option<String>,
}

/// What a key did to a field that is edited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edited {
    /// It is edited still, or is as it was before.
    Stays,
    /// It is done; so many places on, and there edited on if `on`.
    Done { by: isize, on: bool },
}

impl Fields {
    pub fn new(specs: Vec<FieldSpec>, more: usize) -> Self {
        let inputs = specs.iter().map(|spec| Input::new(spec.first)).collect();
        let errors = vec![None; specs.len()];
        Self { specs, inputs, errors, selected: 0, more, editing: None }
    }

    fn len(&self) -> usize {
        self.specs.len()
    }

    pub fn text(&self, at: usize) -> &str {
        self.inputs.get(at).map_or("", |input| input.text().trim())
    }

    pub fn set(&mut self, at: usize, text: &str) {
        if let Some(input) = self.inputs.get_mut(at) {
            input.set("");
            input.insert(text);
        }
    }

    /// Takes a value by its name; false where no field has it.
    pub fn set_by_key(&mut self, key: &str, value: &str) -> bool {
        let at = self.specs.iter().position(|spec| spec.key == key);
        at.map(|at| self.set(at, value)).is_some()
    }

    /// All values by name.
    pub fn values(&self) -> impl Iterator<Item = (&'static str, String)> {
        self.specs.iter().enumerate().map(|(at, spec)| (spec.key, self.text(at).to_owned()))
    }

    pub fn selected(&self) -> usize {
        self.selected
    }

    pub fn help(&self) -> Option<&'static str> {
        self.specs.get(self.selected).map(|spec| spec.help)
    }

    pub fn select(&mut self, by: isize) {
        self.selected = self.selected.saturating_add_signed(by).min(self.len() + self.more - 1);
    }

    pub fn go_to(&mut self, at: usize) {
        self.selected = at.min(self.len() + self.more - 1);
    }

    /// Whether a place is a field, and not one of those after them.
    pub fn is_field(&self) -> bool {
        self.selected < self.len()
    }

    pub fn editing(&self) -> bool {
        self.editing.is_some()
    }

    pub fn begin_edit(&mut self) {
        self.editing = self.inputs.get_mut(self.selected).map(|input| {
            input.mark_all();
            input.text().to_owned()
        });
    }

    /// Leaves the field with what it says.
    pub fn end_edit(&mut self) {
        self.editing = None;
        self.inputs.iter_mut().for_each(Input::unmark);
    }

    /// Puts the next of its choices into the selected field; false where it has none.
    pub fn next_choice(&mut self) -> bool {
        let choices = self.specs.get(self.selected).map_or(&[][..], |spec| spec.choices);
        let Some(first) = choices.first() else { return false };
        let now = self.text(self.selected);
        let next = choices.iter().position(|choice| *choice == now).and_then(|at| choices.get(at + 1)).unwrap_or(first);
        self.set(self.selected, next);
        self.errors[self.selected] = None;
        true
    }

    /// A key to the field that is edited.
    pub fn key(&mut self, key: KeyEvent) -> Edited {
        let done = |by, on| Edited::Done { by, on };
        match key.code {
            KeyCode::Esc => {
                if let (Some(before), Some(input)) = (self.editing.take(), self.inputs.get_mut(self.selected)) {
                    input.set(before);
                }
            }
            KeyCode::Enter => return done(1, false),
            KeyCode::Tab | KeyCode::Down => return done(1, true),
            KeyCode::BackTab | KeyCode::Up => return done(-1, true),
            _ => {
                if let Some(input) = self.inputs.get_mut(self.selected) {
                    input.key(key);
                }
            }
        }
        Edited::Stays
    }

    pub fn paste(&mut self, text: &str) {
        if let Some(input) = self.inputs.get_mut(self.selected).filter(|_| self.editing.is_some()) {
            input.insert(text);
        }
    }

    pub fn error(&self, at: usize) -> Option<&str> {
        self.errors.get(at)?.as_deref()
    }

    pub fn set_error(&mut self, at: usize, error: Option<String>) {
        if let Some(place) = self.errors.get_mut(at) {
            *place = error;
        }
    }

    pub fn clear_errors(&mut self) {
        self.errors.iter_mut().for_each(|error| *error = None);
    }

    /// Takes the errors of the whole form, and goes to the first of them. Whether there are none.
    pub fn take_errors(&mut self, errors: Vec<(usize, String)>) -> bool {
        self.clear_errors();
        if let Some((at, _)) = errors.first() {
            self.go_to(*at);
        }
        let right = errors.is_empty();
        for (at, error) in errors {
            self.set_error(at, Some(error));
        }
        right
    }

    pub fn wrong(&self) -> usize {
        self.errors.iter().flatten().count()
    }

    /// Rows of fields in a form so wide.
    fn rows(&self, width: u16) -> Vec<Vec<usize>> {
        let mut rows: Vec<Vec<usize>> = Vec::new();
        for (at, spec) in self.specs.iter().enumerate() {
            let beside = |row: &&mut Vec<usize>| width >= TWO && row.len() == 1 && !self.specs[row[0]].long;
            match rows.last_mut().filter(beside).filter(|_| !spec.long) {
                Some(row) => row.push(at),
                None => rows.push(vec![at]),
            }
        }
        rows
    }

    /// How many rows all fields take.
    pub fn height(&self, width: u16) -> u16 {
        self.rows(width).len() as u16
    }

    /// Draws as many rows as there is room for, the selected one among them.
    pub fn view(&self, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
        let rows = self.rows(area.width);
        let room = usize::from(area.height).min(rows.len());
        let selected = rows.iter().position(|row| row.contains(&self.selected)).unwrap_or(rows.len());
        let first = (selected + 1).saturating_sub(room).min(rows.len() - room);
        for (line, row) in rows.iter().skip(first).take(room).enumerate() {
            let width = area.width / row.len() as u16;
            for (index, &at) in row.iter().enumerate() {
                self.one(at, context, part(area, width * index as u16, line as u16, width, 1), buffer);
            }
        }
    }

    /// A field: label, value, and what is wrong with it.
    fn one(&self, at: usize, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
        let style = |look| context.theme.style(look);
        let (spec, input) = (&self.specs[at], &self.inputs[at]);
        let selected = self.selected == at;
        let cursor = if selected { signs(context.ascii).cursor } else { " " };
        let x = put_clean(buffer, area.x, area.y, area.width, cursor, style(Look::Key));
        put_clean(buffer, x, area.y, LABEL, spec.label, style(if selected { Look::Title } else { Look::Dim }));
        let error = self.error(at);
        let taken = error.map_or(0, |error| cells(error) as u16 + 2).min(area.width / 2);
        let value = part(area, 1 + LABEL, 0, area.width.saturating_sub(2 + LABEL + taken), 1);
        let editing = selected && self.editing.is_some();
        input.view(editing, context, value, buffer);
        if input.text().is_empty() && !editing {
            put_clean(buffer, value.x, value.y, value.width, spec.empty, style(Look::Dim));
        } else if selected && !editing {
            let shown = part(value, 0, 0, (cells(input.text()) as u16).max(1), 1);
            tint(buffer, shown, style(Look::Selection));
        }
        if let Some(error) = error {
            put(buffer, value.right() + 1, area.y, taken, &format!("! {error}"), style(Look::Bad));
        }
    }
}

/// Reads values out of fields and keeps what is wrong with them.
pub struct FieldReader<'a> {
    fields: &'a Fields,
    pub errors: Vec<(usize, String)>,
}

impl<'a> FieldReader<'a> {
    pub fn new(fields: &'a Fields) -> Self {
        Self { fields, errors: Vec::new() }
    }

    pub fn text(&self, at: usize) -> &'a str {
        self.fields.text(at)
    }

    pub fn wrong(&mut self, at: usize, error: &str) {
        self.errors.push((at, error.to_owned()));
    }

    /// A whole number between two others; `right` says which they are.
    pub fn number<N: TryFrom<u64> + Default>(&mut self, at: usize, least: u64, most: u64, right: &str) -> N {
        let value = self.text(at).parse::<u64>().ok().filter(|value| (least..=most).contains(value));
        value.and_then(|value| N::try_from(value).ok()).unwrap_or_else(|| {
            self.wrong(at, right);
            N::default()
        })
    }

    /// A number of 1 or more, or nothing.
    pub fn optional<N: TryFrom<u64> + Default>(&mut self, at: usize) -> Option<N> {
        (!self.text(at).is_empty()).then(|| self.number(at, 1, 1 << 40, "1 or more"))
    }

    pub fn real<R: std::str::FromStr + Default>(&mut self, at: usize, right: impl Fn(&R) -> bool, words: &str) -> R {
        match self.text(at).parse::<R>() {
            Ok(value) if right(&value) => value,
            Ok(_) | Err(_) => {
                self.wrong(at, words);
                R::default()
            }
        }
    }

    /// One of a few words, as the settings file has them.
    pub fn word<T: serde::de::DeserializeOwned + Default>(&mut self, at: usize) -> T {
        let word = serde_json::Value::from(self.text(at));
        serde_json::from_value(word).unwrap_or_else(|_| {
            let there = self.fields.specs[at].choices.join(", ");
            self.wrong(at, &there);
            T::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(label: &'static str, first: &'static str, choices: &'static [&'static str], long: bool) -> FieldSpec {
        FieldSpec { label, key: label, first, empty: "-", help: "", choices, long }
    }

    #[test]
    fn choices_go_round_and_rows_are_shared_by_short_fields() {
        let specs = vec![
            spec("model", "", &[], true),
            spec("method", "full", &["full", "lora"], false),
            spec("rank", "16", &[], false),
            spec("seed", "0", &[], false),
        ];
        let mut fields = Fields::new(specs, 1);
        assert_eq!(fields.rows(80), [vec![0], vec![1, 2], vec![3]]);
        assert_eq!(fields.rows(50).len(), 4);
        assert!(!fields.next_choice());
        fields.select(1);
        assert!(fields.next_choice() && fields.text(1) == "lora");
        assert!(fields.next_choice() && fields.text(1) == "full");
        fields.select(9);
        assert!(!fields.is_field() && !fields.next_choice());
        let mut read = FieldReader::new(&fields);
        assert_eq!((read.number::<u64>(2, 1, 20, ""), read.optional::<usize>(0)), (16, None));
        assert_eq!(read.real(3, |value: &f32| *value > 0.0, "above 0"), 0.0);
        assert_eq!(read.errors, [(3, "above 0".to_owned())]);
    }
}
