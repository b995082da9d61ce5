//! The problems of the session, to find one by a few letters of its text and see what was written for it.

use std::collections::HashMap;

use super::super::widgets::Finder;
use crate::pipeline::chat::Found;

#[derive(Debug, Clone, Default)]
pub struct Problems {
    pub finder: Finder,
    /// Each with its words and what stands at their right.
    found: Vec<(Found, String, String)>,
}

impl Problems {
    /// Empty until they are told.
    pub fn new(height: usize) -> Self {
        Self { finder: Finder::new(Vec::new(), height), found: Vec::new() }
    }

    /// `drawn`: by problem, how many samples there are and how many of them are right.
    pub fn set(&mut self, found: &[Found], drawn: &HashMap<&str, (usize, usize)>) {
        let line = |problem: &Found| {
            let tally = match drawn.get(problem.id.as_str()) {
                Some((samples, right)) => format!("{right}/{samples} right"),
                None => "no sample".into(),
            };
            let held = if problem.held_out { "  to be scored on" } else { "" };
            (problem.clone(), format!("{}  {}", problem.id, problem.text), format!("{tally}{held}"))
        };
        self.found = found.iter().map(line).collect();
        self.finder.set_rows(self.found.iter().map(|(_, words, right)| format!("{words} {right}")).collect());
    }

    pub fn chosen(&self, row: usize) -> Option<&Found> {
        self.found.get(row).map(|(found, _, _)| found)
    }

    pub fn row(&self, row: usize) -> (&str, &str) {
        self.found.get(row).map_or(("", ""), |(_, words, right)| (words, right))
    }
}
