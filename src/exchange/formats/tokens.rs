//! `input_ids`, `attention_mask` and `labels`: a chain as tokens, the mask that was trained with included. They are read back by the
//! [`Detokenizer`] of the model that they were made for.

use serde_json::Value;

use super::detokenize::Detokenizer;
use super::{object, talk};
use crate::exchange::samples::ImportedSample;
use crate::exchange::table::Row;
use crate::train::dataset::{Item, NO_LOSS};

/// More tokens in a row than any model reads: what takes long to try is not tried.
const MOST_TOKENS: usize = 1 << 20;

/// A chain as tokens.
pub fn row(item: &Item) -> Row {
    object([
        ("input_ids", item.tokens.iter().map(|token| Value::from(*token)).collect()),
        ("attention_mask", item.tokens.iter().map(|_| Value::from(1)).collect()),
        ("labels", item.labels().into_iter().map(Value::from).collect()),
        ("problem_id", Value::from(item.problem_id.as_str())),
    ])
}

pub(super) fn parse(mut row: Row, detokenizer: Option<&Detokenizer>) -> Result<ImportedSample, String> {
    let Some(detokenizer) = detokenizer else {
        return Err("only the model that they were made for makes text of them; give it with --model".into());
    };
    let ids = take_numbers(&mut row, "input_ids")?.ok_or("no `input_ids`")?;
    let labels = take_numbers(&mut row, "labels")?.ok_or("no `labels`: they say where the answer begins")?;
    let mask = take_numbers(&mut row, "attention_mask")?.unwrap_or_else(|| vec![1; ids.len()]);
    if labels.len() != ids.len() || mask.len() != ids.len() {
        return Err("`input_ids`, `labels` and `attention_mask` are not of one length".into());
    }
    let (mut tokens, mut begin) = (Vec::new(), None);
    for (at, ((id, label), attended)) in ids.into_iter().zip(labels).zip(mask).enumerate() {
        // What fills a row up to some length is no part of it.
        if attended == 0 {
            continue;
        }
        let token = u32::try_from(id).map_err(|_| format!("`input_ids`, item {}: {id} is no token", at + 1))?;
        if label != NO_LOSS && label != id {
            return Err(format!("`labels`, item {}: neither -100 nor the token that stands there", at + 1));
        }
        if label != NO_LOSS && begin.is_none() {
            begin = Some(tokens.len());
        }
        tokens.push(token);
    }
    let begin = begin.ok_or("every label is -100: nothing says where the answer begins")?;
    let (system, turns) = detokenizer.chat(&tokens, begin)?;
    talk::sample(system, turns, row)
}

/// Takes a list of whole numbers out of a row.
fn take_numbers(row: &mut Row, name: &str) -> Result<Option<Vec<i64>>, String> {
    match row.shift_remove(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Array(items)) if items.len() > MOST_TOKENS => {
            Err(format!("`{name}` has more than {MOST_TOKENS} items"))
        }
        Some(Value::Array(items)) => {
            let numbers: Option<Vec<i64>> = items.iter().map(Value::as_i64).collect();
            numbers.map(Some).ok_or_else(|| format!("`{name}` holds what is no whole number"))
        }
        Some(_) => Err(format!("`{name}` is no list")),
    }
}
