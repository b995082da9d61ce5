//! Where in a recipe's text something stands, for messages with a line.

use toml::de::{DeTable, DeValue};

use super::RecipeError;
use crate::config::line_of;

/// A text that is read.
pub struct Place<'a> {
    pub file: &'a str,
    pub text: &'a str,
}

impl Place<'_> {
    pub fn error(&self, begin: usize, message: String) -> RecipeError {
        let line = line_of(self.text, begin);
        RecipeError::Line { file: self.file.to_owned(), line, message: message.replace('\n', " ") }
    }

    /// An error at a key such as `stage2.select.k`; where it is not written down, at the table nearest to it.
    pub fn wrong(&self, key: &str, message: String) -> RecipeError {
        self.error(self.find(key), message)
    }

    /// The same for a message that begins with the name of a key inside a table.
    pub fn wrong_in(&self, table: &str, message: String) -> RecipeError {
        let name = message.split([':', ',', ' ']).next().unwrap_or_default();
        self.error(self.find(&format!("{table}.{name}")), format!("{table}.{message}"))
    }

    fn find(&self, key: &str) -> usize {
        let Ok(whole) = DeTable::parse(self.text) else { return 0 };
        let (mut table, mut place) = (whole.get_ref(), 0);
        for part in key.split('.') {
            let Some((name, value)) = table.iter().find(|(name, _)| name.get_ref() == part) else { break };
            place = name.span().start;
            match value.get_ref() {
                DeValue::Table(inner) => table = inner,
                _ => break,
            }
        }
        place
    }

    /// The tables under `[name.…]` as a text of their own in which every line keeps its number.
    pub fn section(&self, name: &str) -> String {
        let mut inside = false;
        let mut text = String::new();
        for line in self.text.lines() {
            if let Some(header) = line.trim_start().strip_prefix('[') {
                let rest = header.trim_start().strip_prefix(name).and_then(|rest| rest.trim_start().strip_prefix('.'));
                inside = rest.is_some();
                if let Some(rest) = rest {
                    text.push('[');
                    text.push_str(rest);
                }
            } else if inside {
                text.push_str(line);
            }
            text.push('\n');
        }
        text
    }
}
