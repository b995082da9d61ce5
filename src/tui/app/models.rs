//! The models that a form can name, to choose one from: those of the session's runs, those that wrote its samples, and the one that comes
//! with the program.

use super::super::widgets::Finder;
use crate::pipeline::chat::Known;

#[derive(Debug, Clone, Default)]
pub struct Models {
    pub finder: Finder,
    known: Vec<Known>,
}

impl Models {
    /// Empty until they are told.
    pub fn new(height: usize) -> Self {
        Self { finder: Finder::new(Vec::new(), height), known: Vec::new() }
    }

    pub fn set(&mut self, known: &[Known]) {
        self.known = known.to_vec();
        self.finder.set_rows(known.iter().map(|known| format!("{} {}", known.what, known.model)).collect());
    }

    pub fn chosen(&self, row: usize) -> Option<&Known> {
        self.known.get(row)
    }

    /// A model by its path, and where it comes from.
    pub fn row(&self, row: usize) -> (&str, &str) {
        self.known.get(row).map_or(("", ""), |known| (known.model.as_str(), known.what.as_str()))
    }
}
