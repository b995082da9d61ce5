//! `chosen` and `rejected`, as TRL's trainers on preferences have them: two answers to a `prompt`, or two whole chats. Each is a text
//! or messages, or a chat written out with `Human:` and `Assistant:` as Anthropic publishes them. A row is two samples, one of
//! them wanted; what its lists say beyond turns is not kept.

use serde_json::Value;

use super::object;
use super::talk::{self, MESSAGES, Manner, SHAREGPT, Talk};
use crate::exchange::samples::ImportedSample;
use crate::exchange::table::Row;
use crate::records::Role;

/// Columns that may hold what both were asked.
const PROMPTS: &[(&str, Manner)] =
    &[("prompt", MESSAGES), ("question", MESSAGES), ("problem", MESSAGES), ("conversations", SHAREGPT)];
/// How a chat that is written out begins its turns.
const MARKS: &[(&str, Role)] = &[("\n\nHuman:", Role::User), ("\n\nAssistant:", Role::Assistant)];

pub(super) fn parse(mut row: Row) -> Result<Vec<ImportedSample>, String> {
    let asked = asked(&mut row)?;
    let chosen = side(&mut row, "chosen", &asked)?;
    let rejected = side(&mut row, "rejected", &asked)?;
    // A tie says nothing of either.
    let sides =
        if chosen == rejected { vec![(chosen, None)] } else { vec![(chosen, Some(true)), (rejected, Some(false))] };
    let sample = |(side, chosen): (Talk, Option<bool>)| {
        Ok(ImportedSample { chosen, ..talk::sample(side.system, side.turns, row.clone())? })
    };
    sides.into_iter().map(sample).collect()
}

/// What both were asked; nothing where each has all of its chat.
fn asked(row: &mut Row) -> Result<Talk, String> {
    let there = |name: &str| row.get(name).is_some_and(|value| !value.is_null());
    let named = PROMPTS.iter().find(|(name, _)| there(name));
    let mut asked = match named.map(|(name, manner)| (name, manner, row.shift_remove(*name).unwrap_or_default())) {
        None => Talk::default(),
        Some((_, _, Value::String(text))) => Talk { turns: question(text), ..Talk::default() },
        Some((name, manner, list)) => talk::read(&list, manner).map_err(|what| format!("`{name}`: {what}"))?,
    };
    let aside = row.get("system").and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned);
    if asked.system.is_none() && aside.is_some() {
        row.shift_remove("system");
        asked.system = aside;
    }
    Ok(asked)
}

/// A question, or a chat written out that ends where the answer begins.
fn question(text: String) -> Vec<(Role, String)> {
    let Some(mut turns) = written_out(&text) else { return vec![(Role::User, text)] };
    if turns.last().is_some_and(|(role, text)| *role == Role::Assistant && text.is_empty()) {
        turns.pop();
    }
    turns
}

/// One of the two, with what was asked before it.
fn side(row: &mut Row, name: &str, asked: &Talk) -> Result<Talk, String> {
    let value = row.shift_remove(name).unwrap_or_default();
    let said = match value {
        Value::String(text) if asked.turns.is_empty() => match written_out(&text) {
            Some(turns) => Talk { turns, ..Talk::default() },
            None => return Err(format!("`{name}`: no chat, and no `prompt` stands beside it")),
        },
        Value::String(text) => Talk { turns: vec![(Role::Assistant, text)], ..Talk::default() },
        // A single message.
        Value::Object(_) => {
            talk::read(&Value::Array(vec![value]), &MESSAGES).map_err(|what| format!("`{name}`: {what}"))?
        }
        list => talk::read(&list, &MESSAGES).map_err(|what| format!("`{name}`: {what}"))?,
    };
    if said.turns.starts_with(&asked.turns) {
        // All of the chat, whatever else says how it began.
        return Ok(Talk { system: said.system.or_else(|| asked.system.clone()), turns: said.turns, more: false });
    }
    if said.system.is_some() {
        return Err(format!("`{name}`: begins with a system message, and not as the prompt does"));
    }
    let turns = asked.turns.iter().cloned().chain(said.turns).collect();
    Ok(Talk { system: asked.system.clone(), turns, more: false })
}

/// The turns of a chat that is written out; `None` if it is no such chat. Spaces around a turn are the form's, not its own.
fn written_out(text: &str) -> Option<Vec<(Role, String)>> {
    let mark = |at: usize| {
        let mark = MARKS.iter().find(|(mark, _)| text[at..].starts_with(*mark));
        mark.map(|(mark, role)| (at, at + mark.len(), *role))
    };
    let marks: Vec<(usize, usize, Role)> = text.match_indices('\n').filter_map(|(at, _)| mark(at)).collect();
    if marks.first()?.0 != 0 {
        return None;
    }
    let ends = marks.iter().skip(1).map(|(at, _, _)| *at).chain([text.len()]);
    Some(marks.iter().zip(ends).map(|((_, begin, role), end)| (*role, text[*begin..end].trim().to_owned())).collect())
}

/// Two samples that were asked the same and answered otherwise; `None` if they were not asked the same.
pub fn pair(chosen: &ImportedSample, rejected: &ImportedSample) -> Option<Row> {
    let ((better, asked), (worse, asked_too)) = (chosen.turns.split_last()?, rejected.turns.split_last()?);
    if asked != asked_too || chosen.system != rejected.system || better == worse {
        return None;
    }
    Some(object([
        ("prompt", talk::written(chosen.system.as_deref(), asked, &MESSAGES)),
        ("chosen", talk::written(None, std::slice::from_ref(better), &MESSAGES)),
        ("rejected", talk::written(None, std::slice::from_ref(worse), &MESSAGES)),
    ]))
}
