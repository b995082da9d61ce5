//! `prompt`, `completion` and `label`, as TRL's KTO trainer has them: each answer by itself is wanted or not.

use serde_json::Value;

use super::prompt_completion;
use crate::exchange::samples::ImportedSample;
use crate::exchange::table::Row;
use crate::records::Role;

pub(super) fn parse(mut row: Row) -> Result<ImportedSample, String> {
    let chosen = match row.shift_remove("label") {
        Some(Value::Bool(label)) => label,
        // As some writers have it.
        Some(Value::Number(label)) if label.as_u64().is_some_and(|label| label < 2) => label.as_u64() == Some(1),
        _ => return Err("`label` is neither true nor false".into()),
    };
    Ok(ImportedSample { chosen: Some(chosen), ..prompt_completion::parse(row)? })
}

/// Without a word on whether it is wanted the label is empty.
pub(super) fn render(system: Option<&str>, turns: &[(Role, String)], chosen: Option<bool>) -> Row {
    let mut row = prompt_completion::render(system, turns);
    row.insert("label".into(), Value::from(chosen));
    row
}
