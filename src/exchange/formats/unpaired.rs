//! `prompt`, `completion` and `label`, as TRL's KTO trainer has them: each answer by itself is wanted or not.

use serde_json::Value;

use super::prompt_completion;
use crate::exchange::samples::ImportedSample;
use crate::exchange::table::Row;
use crate::records::Role;

pub(super) fn parse(mut row: Row) -> Result<ImportedSample, String> {
    let label = row.shift_remove("label").unwrap_or_default();
    let chosen = wanted(&label).ok_or("`label` is neither true nor false")?;
    Ok(ImportedSample { chosen: Some(chosen), ..prompt_completion::parse(row)? })
}

/// What a label says: whether the answer is wanted. Some writers have 1 and 0; `None` for what is no label.
pub(super) fn wanted(label: &Value) -> Option<bool> {
    match label {
        Value::Bool(label) => Some(*label),
        Value::Number(label) => label.as_u64().filter(|label| *label < 2).map(|label| label == 1),
        _ => None,
    }
}

/// Without a word on whether it is wanted the label is empty.
pub(super) fn render(system: Option<&str>, turns: &[(Role, String)], chosen: Option<bool>) -> Row {
    let mut row = prompt_completion::render(system, turns);
    row.insert("label".into(), Value::from(chosen));
    row
}
