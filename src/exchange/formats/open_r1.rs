//! `problem` and `generations`, as Open-R1 publishes its traces: several answers a row, and lists of what is known of each.

use serde_json::Value;

use super::{ends, need_text, object, talk};
use crate::exchange::samples::ImportedSample;
use crate::exchange::table::Row;
use crate::records::Role;

/// Each generation is a sample with the problem and the columns of its row: more bytes in all do not come of one row.
const MOST_COPIED: usize = 64 << 20;
/// Columns that have an item for each generation.
const OF_EACH: [&str; 6] = [
    "finish_reasons",
    "correctness_math_verify",
    "correctness_llama",
    "is_reasoning_complete",
    "api_metadata",
    "generation_tokens",
];

pub(super) fn parse(mut row: Row) -> Result<Vec<ImportedSample>, String> {
    let problem = need_text(&mut row, &["problem", "question"])?;
    let Some(Value::Array(generations)) = row.shift_remove("generations") else {
        return Err("`generations` is no list".into());
    };
    let count = generations.len();
    let beside = serde_json::to_string(&row).map_or(0, |json| json.len()).saturating_add(problem.len());
    if beside.saturating_mul(count) > MOST_COPIED {
        return Err(format!(
            "{count} generations beside columns of {beside} bytes; leave columns out, or split the row"
        ));
    }
    let mut samples = Vec::new();
    for (at, generation) in generations.into_iter().enumerate() {
        let Value::String(answer) = generation else { return Err(format!("generation {} is no text", at + 1)) };
        let mut extra = row.clone();
        for name in OF_EACH {
            let Some(Value::Array(items)) = extra.get_mut(name) else { continue };
            if items.len() == count {
                let own = items[at].take();
                extra.insert(name.to_owned(), own);
            }
        }
        samples.push(talk::sample(None, vec![(Role::User, problem.clone()), (Role::Assistant, answer)], extra)?);
    }
    Ok(samples)
}

/// A row with one generation.
pub(super) fn render(turns: &[(Role, String)], extra: &Row) -> Row {
    let (problem, answer) = ends(turns);
    let mut row = object([("problem", Value::from(problem)), ("generations", Value::Array(vec![Value::from(answer)]))]);
    for (name, value) in extra {
        let value = if OF_EACH.contains(&name.as_str()) { Value::Array(vec![value.clone()]) } else { value.clone() };
        row.insert(name.clone(), value);
    }
    row
}
