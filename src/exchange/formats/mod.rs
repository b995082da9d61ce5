//! The shapes that chats and reasoning samples come in, one file each: a row read, and the same row written.
//!
//! Reading and writing a sample are each other's inverse: what was written is read as it was. Columns that a shape does not know go along
//! untouched; where turns cannot hold all of what a column says, the column goes along as well, and here is written instead of them.
//! What a session writes has its turns in the column's place, and the column as `imported_<name>` (`columns`). Tokens are
//! written without the columns of others.

mod alpaca;
mod dart;
mod detokenize;
mod messages;
mod nemo;
mod open_r1;
mod preference;
mod prompt_completion;
mod sharegpt;
mod talk;
#[cfg(test)]
mod tests;
mod tokens;
mod unpaired;

use std::fmt;

use clap::ValueEnum;
use serde_json::Value;

use super::columns;
use super::samples::ImportedSample;
use super::table::{Row, number_text};
use crate::records::Role;

pub use detokenize::Detokenizer;
pub use preference::pair;
pub use tokens::row as token_row;

/// A shape that samples are read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, ValueEnum)]
pub enum SampleFormat {
    /// `messages`: [{role, content}]
    Messages,
    /// `prompt` and `completion`: texts, or messages
    PromptCompletion,
    /// `conversations`: [{from, value}]
    #[value(name = "sharegpt")]
    ShareGpt,
    /// `instruction`, `input`, `output`, `system`, `history`
    Alpaca,
    /// `problem` and `generations`, as Open-R1 has them
    #[value(name = "open-r1")]
    OpenR1,
    /// `problem` and `generation`, as NeMo-Skills has them
    Nemo,
    /// `query` and `resp`, as DART-Math has them
    Dart,
    /// `prompt`, `chosen` and `rejected`: one answer is wanted, the other is not
    Preference,
    /// `prompt`, `completion` and `label`: an answer is wanted or not
    Unpaired,
    /// `input_ids` and `labels`: made into text by the model that is named
    Tokens,
}

impl fmt::Display for SampleFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SampleFormat::Messages => "messages",
            SampleFormat::PromptCompletion => "prompt and completion",
            SampleFormat::ShareGpt => "ShareGPT",
            SampleFormat::Alpaca => "Alpaca",
            SampleFormat::OpenR1 => "Open-R1",
            SampleFormat::Nemo => "NeMo-Skills",
            SampleFormat::Dart => "DART-Math",
            SampleFormat::Preference => "preference pairs",
            SampleFormat::Unpaired => "unpaired preferences",
            SampleFormat::Tokens => "tokens",
        })
    }
}

impl SampleFormat {
    /// What a row with these columns is taken for: what cribble wrote it as, else by the columns that it has. The more particular
    /// shapes come first: Open-R1 brings `messages` too.
    ///
    /// # Errors
    /// Why it is none, or not clear which.
    pub fn guess(row: &Row) -> Result<Self, String> {
        if let Some(format) = columns::written_as(row) {
            return Ok(format);
        }
        let has = |name: &str| row.get(name).is_some_and(|value| !value.is_null());
        let list = |name: &str| row.get(name).is_some_and(Value::is_array);
        if has("chosen") && has("rejected") {
            return Ok(Self::Preference);
        }
        let question = has("problem") || has("question");
        if question && list("generations") {
            return Ok(Self::OpenR1);
        }
        if question && has("generation") {
            return Ok(Self::Nemo);
        }
        if has("query") && (has("resp") || has("response")) {
            return Ok(Self::Dart);
        }
        if list("conversations") {
            return Ok(Self::ShareGpt);
        }
        if list("messages") {
            if has("text") {
                return Err(
                    "has both `text` and `messages`; say which with --format (messages leaves `text` aside)".into()
                );
            }
            return Ok(Self::Messages);
        }
        if has("prompt") && has("completion") {
            let labelled = row.get("label").and_then(unpaired::wanted).is_some();
            return Ok(if labelled { Self::Unpaired } else { Self::PromptCompletion });
        }
        if has("instruction") && has("output") {
            return Ok(Self::Alpaca);
        }
        if list("input_ids") {
            return Ok(Self::Tokens);
        }
        let columns: Vec<&str> = row.keys().map(String::as_str).collect();
        let why = if has("text") {
            "`text` alone does not say where the answer begins"
        } else {
            "no format of samples that is known; rename columns with --map, or name the --format"
        };
        Err(format!("{why} (columns: {})", columns.join(", ")))
    }

    /// The samples of a row: one, for Open-R1 as many as it has generations, of a pair both. Tokens need their model.
    ///
    /// # Errors
    /// One line: which column is wrong.
    pub fn parse(self, row: Row, detokenizer: Option<&Detokenizer>) -> Result<Vec<ImportedSample>, String> {
        let one = |sample: Result<ImportedSample, String>| sample.map(|sample| vec![sample]);
        match self {
            SampleFormat::Messages => one(messages::parse(row)),
            SampleFormat::PromptCompletion => one(prompt_completion::parse(row)),
            SampleFormat::ShareGpt => one(sharegpt::parse(row)),
            SampleFormat::Alpaca => one(alpaca::parse(row)),
            SampleFormat::OpenR1 => open_r1::parse(row),
            SampleFormat::Nemo => one(nemo::parse(row)),
            SampleFormat::Dart => one(dart::parse(row)),
            SampleFormat::Preference => preference::parse(row),
            SampleFormat::Unpaired => one(unpaired::parse(row)),
            SampleFormat::Tokens => one(tokens::parse(row, detokenizer)),
        }
    }

    /// A sample as a row, with its other columns behind. The shapes for one question and one answer (Open-R1, NeMo-Skills,
    /// DART-Math) take the first question and the last answer. `None` where a row is more than a sample has: a [`pair`],
    /// tokens ([`token_row`]).
    pub fn render(self, sample: &ImportedSample) -> Option<Row> {
        let ImportedSample { system, turns, chosen, extra, .. } = sample;
        let system = system.as_deref();
        let mut row = match self {
            SampleFormat::Messages => messages::render(system, turns),
            SampleFormat::PromptCompletion => prompt_completion::render(system, turns),
            SampleFormat::ShareGpt => sharegpt::render(system, turns),
            SampleFormat::Alpaca => alpaca::render(system, turns),
            SampleFormat::OpenR1 => return Some(open_r1::render(turns, extra)),
            SampleFormat::Nemo => nemo::render(turns),
            SampleFormat::Dart => dart::render(turns),
            SampleFormat::Unpaired => unpaired::render(system, turns, *chosen),
            SampleFormat::Preference | SampleFormat::Tokens => return None,
        };
        row.extend(extra.clone());
        Some(row)
    }
}

/// The first question and the last answer.
fn ends(turns: &[(Role, String)]) -> (&str, &str) {
    (turns.first().map_or("", |turn| turn.1.as_str()), turns.last().map_or("", |turn| turn.1.as_str()))
}

fn object<const N: usize>(fields: [(&str, Value); N]) -> Row {
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Takes a text out of a row, and what is empty under its names. Numbers count as text: short answers are often written so.
fn take_text(row: &mut Row, names: &[&str]) -> Result<Option<String>, String> {
    for name in names {
        if row.get(*name).is_some_and(Value::is_null) {
            row.shift_remove(*name);
        }
    }
    let Some(name) = names.iter().find(|name| row.contains_key(**name)) else {
        return Ok(None);
    };
    match row.shift_remove(*name) {
        Some(Value::String(text)) => Ok(Some(text)),
        Some(Value::Number(number)) => number_text(name, &number).map(Some),
        _ => Err(format!("`{name}` is no text")),
    }
}

fn need_text(row: &mut Row, names: &[&str]) -> Result<String, String> {
    take_text(row, names)?.ok_or_else(|| format!("no `{}`", names.join("` or `")))
}

/// A text of a row, which keeps it. A number that lost digits is none.
pub(super) fn peek_text(row: &Row, names: &[&str]) -> Option<String> {
    names.iter().find_map(|name| match row.get(*name)? {
        Value::String(text) if !text.trim().is_empty() => Some(text.clone()),
        Value::Number(number) => number_text(name, number).ok(),
        _ => None,
    })
}
