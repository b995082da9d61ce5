//! `problem`, `generation`, `expected_answer`, `predicted_answer`, as NeMo-Skills writes them.

use serde_json::Value;

use super::{ends, need_text, object, talk};
use crate::exchange::samples::ImportedSample;
use crate::exchange::table::Row;
use crate::records::Role;

pub(super) fn parse(mut row: Row) -> Result<ImportedSample, String> {
    let problem = need_text(&mut row, &["problem", "question"])?;
    let generation = need_text(&mut row, &["generation"])?;
    talk::sample(None, vec![(Role::User, problem), (Role::Assistant, generation)], row)
}

pub(super) fn render(turns: &[(Role, String)]) -> Row {
    let (problem, generation) = ends(turns);
    object([("problem", Value::from(problem)), ("generation", Value::from(generation))])
}
