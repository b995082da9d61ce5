//! `prompt` and `completion`, as TRL has them: trainers learn from the completion alone. Both may be texts; messages are written.

use serde_json::Value;

use super::object;
use super::talk::{self, MESSAGES, Talk};
use crate::exchange::samples::ImportedSample;
use crate::exchange::table::Row;
use crate::records::Role;

pub(super) fn parse(mut row: Row) -> Result<ImportedSample, String> {
    let prompt = row.shift_remove("prompt").unwrap_or(Value::Null);
    let completion = row.shift_remove("completion").unwrap_or(Value::Null);
    let asked = part(&prompt, Role::User).map_err(|what| format!("`prompt`: {what}"))?;
    let answered = part(&completion, Role::Assistant).map_err(|what| format!("`completion`: {what}"))?;
    if answered.system.is_some() {
        return Err("`completion`: begins with a system message".into());
    }
    let mut turns = asked.turns;
    turns.extend(answered.turns);
    if asked.more || answered.more {
        row.insert("prompt".into(), prompt);
        row.insert("completion".into(), completion);
    }
    talk::sample(asked.system, turns, row)
}

fn part(value: &Value, role: Role) -> Result<Talk, String> {
    match value {
        Value::String(text) => Ok(Talk { turns: vec![(role, text.clone())], ..Talk::default() }),
        value => talk::read(value, &MESSAGES),
    }
}

/// The prompt is all but the last answer.
pub(super) fn render(system: Option<&str>, turns: &[(Role, String)]) -> Row {
    let (asked, answer) = turns.split_at(turns.len().saturating_sub(1));
    object([
        ("prompt", talk::written(system, asked, &MESSAGES)),
        ("completion", talk::written(None, answer, &MESSAGES)),
    ])
}
