//! `query`, `resp`, `ref_ans`, `ans`, `correct`, as DART-Math's samples have them (its published sets say `response`).

use serde_json::Value;

use super::{ends, need_text, object, talk};
use crate::exchange::samples::ImportedSample;
use crate::exchange::table::Row;
use crate::records::Role;

pub(super) fn parse(mut row: Row) -> Result<ImportedSample, String> {
    let query = need_text(&mut row, &["query"])?;
    let answer = need_text(&mut row, &["resp", "response"])?;
    talk::sample(None, vec![(Role::User, query), (Role::Assistant, answer)], row)
}

pub(super) fn render(turns: &[(Role, String)]) -> Row {
    let (query, answer) = ends(turns);
    object([("query", Value::from(query)), ("resp", Value::from(answer))])
}
