//! A panel of lines: what each of them says, what it opens, and which is selected.

use crate::filter::Transition;
use crate::pipeline::eval::Group;
use crate::stats::Interval;
use crate::tui::theme::Look;
use crate::tui::widgets::ListWindow;

/// What is drawn beside a number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Bar {
    Share(Interval),
    /// On an axis from minus to plus the second.
    Change(Interval, f64),
}

/// Whose samples a line opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Opens {
    Group(Group),
    /// A flipped problem by its place.
    Gained(usize),
    Lost(usize),
    /// Dialogues by their place, those of a transition, or all.
    Dialogues(usize),
    Moved(usize, Option<Transition>),
}

/// One line.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Line {
    /// It heads those after it: the label is all of it.
    pub head: bool,
    pub label: String,
    pub text: String,
    pub note: String,
    pub bar: Option<Bar>,
    pub look: Option<Look>,
    pub opens: Option<Opens>,
}

impl Line {
    pub fn head(text: impl Into<String>) -> Self {
        Self { head: true, label: text.into(), look: Some(Look::Title), ..Self::default() }
    }

    /// A line of nothing but words.
    pub fn words(text: impl Into<String>) -> Self {
        Self { head: true, label: text.into(), look: Some(Look::Text), ..Self::default() }
    }

    pub fn dim(text: impl Into<String>) -> Self {
        Self { head: true, label: text.into(), look: Some(Look::Dim), ..Self::default() }
    }

    pub fn warn(text: impl Into<String>) -> Self {
        Self { head: true, label: text.into(), look: Some(Look::Warn), ..Self::default() }
    }

    pub fn value(label: impl Into<String>, text: impl Into<String>) -> Self {
        Self { label: label.into(), text: text.into(), ..Self::default() }
    }

    /// A share with its interval.
    pub fn share(label: impl Into<String>, of: Interval) -> Self {
        Self { bar: Some(Bar::Share(of)), ..Self::value(label, of.percent()) }
    }

    /// A change in points with its interval.
    pub fn change(label: impl Into<String>, of: Interval) -> Self {
        let reach = of.low.abs().max(of.high.abs());
        let scale = [0.1, 0.25, 0.5, 1.0].into_iter().find(|scale| *scale >= reach).unwrap_or(1.0);
        let note = format!("axis to {:.0} points", 100.0 * scale);
        Self { bar: Some(Bar::Change(of, scale)), note, ..Self::value(label, of.points()) }
    }

    pub fn noted(self, note: impl Into<String>) -> Self {
        Self { note: note.into(), ..self }
    }

    pub fn opening(self, opens: Opens) -> Self {
        Self { opens: Some(opens), ..self }
    }
}

/// Lines with the one that is selected.
#[derive(Debug, Clone, Default)]
pub(super) struct Panel {
    pub lines: Vec<Line>,
    pub window: ListWindow,
}

impl Panel {
    /// Takes other lines and stays where it is.
    pub fn set(&mut self, lines: Vec<Line>, height: u16) {
        self.lines = lines;
        self.window.set_height(usize::from(height), self.lines.len());
    }

    pub fn selected(&self) -> Option<&Line> {
        self.lines.get(self.window.selected)
    }

    /// Goes to the next line that opens something, or scrolls where there is none.
    pub fn step(&mut self, forward: bool) {
        let at = self.window.selected;
        let opens = |line: &usize| self.lines[*line].opens.is_some();
        let next = if forward {
            (at + 1..self.lines.len()).find(opens)
        } else {
            (0..at.min(self.lines.len())).rev().find(opens)
        };
        match next {
            Some(next) => self.window.select(next, self.lines.len()),
            // What stands before the first such line is seen too.
            None if !forward => self.window.top = 0,
            None => self.window.step(1, self.lines.len()),
        }
    }

    pub fn page(&mut self, forward: bool) {
        let by = self.window.page();
        self.window.step(if forward { by } else { -by }, self.lines.len());
    }

    /// Goes to the first line after one that says so; to the first that opens something where nothing is selected yet.
    pub fn enter(&mut self, after: Option<&str>) {
        let from =
            after.and_then(|head| self.lines.iter().position(|line| line.head && line.label == head)).unwrap_or(0);
        let first = (from..self.lines.len()).find(|line| self.lines[*line].opens.is_some());
        // The head first, so that it is in sight.
        self.window.select(from, self.lines.len());
        self.window.select(first.unwrap_or(from), self.lines.len());
    }
}
