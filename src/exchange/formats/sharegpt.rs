//! `conversations`, as ShareGPT, LLaMA-Factory and axolotl have them. A system prompt may stand in a column of its own; it is
//! written as the first message.

use serde_json::Value;

use super::object;
use super::talk::{self, SHAREGPT};
use crate::exchange::samples::ImportedSample;
use crate::exchange::table::Row;
use crate::records::Role;

pub(super) fn parse(mut row: Row) -> Result<ImportedSample, String> {
    let list = row.shift_remove("conversations").unwrap_or(Value::Null);
    let mut read = talk::read(&list, &SHAREGPT).map_err(|what| format!("`conversations`: {what}"))?;
    if read.more {
        row.insert("conversations".into(), list);
    }
    let aside = row.get("system").and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned);
    if read.system.is_none()
        && let Some(text) = aside
    {
        // With the list as it was, the column has to stay as well: the list does not hold it.
        if !read.more {
            row.shift_remove("system");
        }
        read.system = Some(text);
    }
    talk::sample(read.system, read.turns, row)
}

pub(super) fn render(system: Option<&str>, turns: &[(Role, String)]) -> Row {
    object([("conversations", talk::written(system, turns, &SHAREGPT))])
}
