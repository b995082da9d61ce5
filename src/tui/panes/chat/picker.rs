//! A list to choose a model or a problem from, with words that narrow it down.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use crate::pipeline::chat::{Found, Known};
use crate::tui::widgets::{Input, ListWindow};

/// What is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pick {
    /// The model of a side.
    Model(usize),
    Problem,
}

/// What a row stands for.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Choice {
    Model(String),
    /// It cannot be talked with, and why.
    Unfit(&'static str),
    /// No second model.
    Nobody,
    Problem(String),
}

/// A row of the list: what it is, and more of it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row {
    pub name: String,
    pub more: String,
    pub choice: Choice,
}

#[derive(Debug, Clone)]
pub(super) struct Picker {
    pub what: Pick,
    pub input: Input,
    pub window: ListWindow,
    pub rows: Vec<Row>,
    /// The answer to what was asked last is not there yet.
    pub waiting: bool,
}

/// What a key did.
pub(super) enum Picked {
    Stays,
    Left,
    /// Other words: the list is to be made anew.
    Words,
    Chosen(Choice),
}

impl Picker {
    pub fn new(what: Pick) -> Self {
        let waiting = what == Pick::Problem;
        Self { what, input: Input::default(), window: ListWindow::default(), rows: Vec::new(), waiting }
    }

    pub fn title(&self, two: bool) -> &'static str {
        match (self.what, two) {
            (Pick::Model(0), false) => "Talk with",
            (Pick::Model(0), true) => "Model A",
            (Pick::Model(_), _) => "Asked the same beside it",
            (Pick::Problem, _) => "Ask a problem of the session",
        }
    }

    pub fn words(&self) -> &str {
        self.input.text().trim()
    }

    pub fn key(&mut self, key: KeyEvent) -> Picked {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        let by = match key.code {
            KeyCode::Esc => return Picked::Left,
            KeyCode::Enter => {
                let chosen = self.rows.get(self.window.selected).map(|row| row.choice.clone());
                return chosen.map_or(Picked::Stays, Picked::Chosen);
            }
            KeyCode::Down | KeyCode::Tab => 1,
            KeyCode::Up | KeyCode::BackTab => -1,
            KeyCode::PageDown => self.window.page(),
            KeyCode::PageUp => -self.window.page(),
            KeyCode::Char('d') if control => self.window.page(),
            KeyCode::Char('u') if control && self.words().is_empty() => -self.window.page(),
            _ => {
                let before = self.words().to_owned();
                self.input.key(key);
                return if self.words() == before { Picked::Stays } else { Picked::Words };
            }
        };
        self.window.step(by, self.rows.len());
        Picked::Stays
    }

    pub fn set_rows(&mut self, rows: Vec<Row>) {
        self.rows = rows;
        self.waiting = false;
        let at = self.window.selected;
        self.window.select(at, self.rows.len());
    }

    /// The models that the words leave, for this side; `now` is the one that it has.
    pub fn list_models(&mut self, known: &[Known], now: Option<&str>) {
        let words = self.words().to_lowercase();
        let holds = |text: &str| text.to_lowercase().contains(&words);
        let mut rows = Vec::new();
        if self.what == Pick::Model(1) && (words.is_empty() || holds("nobody")) {
            let more = "talk with one model".to_owned();
            rows.push(Row { name: "nobody".into(), more, choice: Choice::Nobody });
        }
        rows.extend(known.iter().filter(|known| holds(&known.what) || holds(&known.model)).map(|known| {
            let choice = known.unfit.map_or_else(|| Choice::Model(known.model.clone()), Choice::Unfit);
            Row { name: short(&known.model), more: format!("{}  {}", known.what, known.model), choice }
        }));
        if !words.is_empty() && !known.iter().any(|known| known.model == self.words()) {
            let path = crate::config::expand_home(self.words());
            rows.push(Row { name: "this path".into(), more: path.clone(), choice: Choice::Model(path) });
        }
        let at = rows.iter().position(|row| matches!(&row.choice, Choice::Model(model) if now == Some(model)));
        self.set_rows(rows);
        self.window.select(at.filter(|_| words.is_empty()).unwrap_or(0), self.rows.len());
    }

    /// The problems that were found for these words, if they are those asked for last.
    pub fn list_problems(&mut self, words: &str, found: &[Found]) {
        if self.what != Pick::Problem || words != self.words() {
            return;
        }
        let row = |found: &Found| Row {
            name: found.id.clone(),
            more: format!("{}{}", if found.held_out { "held out  " } else { "" }, found.text),
            choice: Choice::Problem(found.id.clone()),
        };
        self.window.select(0, 0);
        self.set_rows(found.iter().map(row).collect());
    }
}

/// A model's name without the folders that say little: of a checkpoint with its run.
pub(super) fn short(model: &str) -> String {
    let path = std::path::Path::new(model);
    let name = |path: &std::path::Path| path.file_name().map(|name| name.to_string_lossy().into_owned());
    let Some(last) = name(path) else { return model.to_owned() };
    let of_run = last.starts_with("checkpoint-") || last == crate::train::checkpoint::MERGED;
    match path.parent().and_then(name).filter(|_| of_run) {
        Some(run) => format!("{run}/{last}"),
        None => last,
    }
}
