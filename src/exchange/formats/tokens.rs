//! `input_ids`, `attention_mask` and `labels`: a chain as tokens, the mask that was trained with included. Written only.

use serde_json::Value;

use super::object;
use crate::exchange::table::Row;
use crate::train::dataset::Item;

/// The label of a token without a loss.
const NO_LOSS: i64 = -100;

/// A chain as tokens. Trainers move labels by one themselves: a label stands where its token does. The first token is never
/// predicted.
pub fn row(item: &Item) -> Row {
    let labels = item
        .tokens
        .iter()
        .zip(&item.weights)
        .enumerate()
        .map(|(at, (token, weight))| if at > 0 && *weight != 0.0 { i64::from(*token) } else { NO_LOSS });
    object([
        ("input_ids", item.tokens.iter().map(|token| Value::from(*token)).collect()),
        ("attention_mask", item.tokens.iter().map(|_| Value::from(1)).collect()),
        ("labels", labels.map(Value::from).collect()),
        ("problem_id", Value::from(item.problem_id.as_str())),
    ])
}
