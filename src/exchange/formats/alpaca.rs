//! `instruction`, `input`, `output`, and as LLaMA-Factory has it `system` and `history`. Empty columns mean nothing here, so they
//! are not kept apart from missing ones; an input is joined to its instruction.

use serde_json::Value;

use super::{need_text, object, take_text, talk};
use crate::exchange::samples::ImportedSample;
use crate::exchange::table::Row;
use crate::records::Role;

pub(super) fn parse(mut row: Row) -> Result<ImportedSample, String> {
    let output = need_text(&mut row, &["output"])?;
    let instruction = take_text(&mut row, &["instruction"])?.unwrap_or_default();
    let input = take_text(&mut row, &["input"])?.unwrap_or_default();
    let system = take_text(&mut row, &["system"])?.filter(|text| !text.is_empty());
    let mut turns = history(row.get("history").unwrap_or(&Value::Null))?;
    for name in ["instruction", "input", "system", "history"] {
        row.shift_remove(name);
    }
    let asked = match (instruction.is_empty(), input.is_empty()) {
        (_, true) => instruction,
        (true, false) => input,
        (false, false) => format!("{instruction}\n{input}"),
    };
    turns.push((Role::User, asked));
    turns.push((Role::Assistant, output));
    talk::sample(system, turns, row)
}

/// Pairs of question and answer that went before.
fn history(value: &Value) -> Result<Vec<(Role, String)>, String> {
    let wrong = || "`history` is no list of pairs of texts".to_owned();
    let pairs = match value {
        Value::Null => return Ok(Vec::new()),
        Value::Array(pairs) => pairs,
        _ => return Err(wrong()),
    };
    let mut turns = Vec::new();
    for pair in pairs {
        let texts: Option<Vec<&str>> = pair.as_array().and_then(|pair| pair.iter().map(Value::as_str).collect());
        let [asked, answered] = texts.as_deref().ok_or_else(wrong)? else { return Err(wrong()) };
        turns.push((Role::User, (*asked).to_owned()));
        turns.push((Role::Assistant, (*answered).to_owned()));
    }
    Ok(turns)
}

pub(super) fn render(system: Option<&str>, turns: &[(Role, String)]) -> Row {
    let (earlier, last) = turns.split_at(turns.len().saturating_sub(2));
    let text = |at: usize| Value::from(last.get(at).map_or("", |(_, text)| text.as_str()));
    let mut row = object([("instruction", text(0)), ("input", Value::from("")), ("output", text(1))]);
    if let Some(system) = system {
        row.insert("system".into(), Value::from(system));
    }
    if !earlier.is_empty() {
        let texts =
            |pair: &[(Role, String)]| pair.iter().map(|(_, text)| Value::from(text.as_str())).collect::<Value>();
        let pairs = earlier.chunks(2).map(texts);
        row.insert("history".into(), Value::Array(pairs.collect()));
    }
    row
}
