//! `messages`: what OpenAI, TRL and most trainers call conversational data.

use serde_json::Value;

use super::object;
use super::talk::{self, MESSAGES};
use crate::exchange::samples::ImportedSample;
use crate::exchange::table::Row;
use crate::records::Role;

pub(super) fn parse(mut row: Row) -> Result<ImportedSample, String> {
    let list = row.shift_remove("messages").unwrap_or(Value::Null);
    let read = talk::read(&list, &MESSAGES).map_err(|what| format!("`messages`: {what}"))?;
    if read.more {
        row.insert("messages".into(), list);
    }
    talk::sample(read.system, read.turns, row)
}

pub(super) fn render(system: Option<&str>, turns: &[(Role, String)]) -> Row {
    object([("messages", talk::written(system, turns, &MESSAGES))])
}
