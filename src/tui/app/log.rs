//! What was said at the foot of the screen and what jobs did, newest first, to be searched. It keeps nothing: notices do.

use super::super::widgets::Finder;
use super::super::widgets::paint::{duration, one_line};
use super::notices::{Notice, Notices};
use crate::records::UnixMillis;

#[derive(Debug, Clone)]
pub struct Log {
    pub finder: Finder,
    lines: Vec<Line>,
}

#[derive(Debug, Clone)]
struct Line {
    text: String,
    shown: String,
    /// How long ago that was.
    age: String,
}

impl Log {
    pub fn new(notices: &Notices, now: UnixMillis, height: usize) -> Self {
        let line = |notice: &Notice| {
            let mark = if notice.error { "! " } else { "" };
            let age = duration((now - notice.at).max(0) as f64 / 1000.0);
            let shown = format!("{mark}{}", one_line(&notice.text));
            Line { text: notice.text.clone(), shown, age: format!("{age} ago") }
        };
        let lines: Vec<Line> = notices.history().map(line).collect();
        Self { finder: Finder::new(lines.iter().map(|line| line.shown.clone()).collect(), height), lines }
    }

    /// What was said, as it was said.
    pub fn text(&self, row: usize) -> Option<&str> {
        self.lines.get(row).map(|line| line.text.as_str())
    }

    pub fn row(&self, row: usize) -> (&str, &str) {
        self.lines.get(row).map_or(("", ""), |line| (&line.shown, &line.age))
    }
}
