//! How hard the problems of a session are for a model under one setting, from its stored samples.

mod lengths;
mod made_up;
mod survey;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};

use color_eyre::Result;

use crate::difficulty::{Outcome, Tally};
use crate::filter::RuleId;
use crate::session::{SampleRow, Session};

pub use lengths::{Lengths, Ratio, Stage};
pub use made_up::made_up;
pub use survey::{Drawn, Group, Grouped, Ranking, Source, Stored, Survey, Surveyed, survey};

/// What came of a stored sample. One that did not end by itself is no right one, whatever stands in it.
pub fn outcome(row: &SampleRow) -> Outcome {
    match (row.finish, row.correct) {
        (finish, _) if finish.is_cut() => Outcome::Truncated,
        (_, Some(true)) => Outcome::Right,
        _ if row.failed.iter().any(|failed| failed == RuleId::Loops.name()) => Outcome::Looped,
        (_, None) => Outcome::NoAnswer,
        (_, Some(false)) => Outcome::Wrong,
    }
}

/// The tally of each problem over rows of one setting, and the tokens of its samples. `draws`: of this problem, how many count.
pub fn tallies<'a>(
    rows: impl IntoIterator<Item = &'a SampleRow>,
    draws: impl Fn(&str) -> u32,
) -> HashMap<&'a str, (Tally, u64)> {
    let mut tallies: HashMap<&str, (Tally, u64)> = HashMap::new();
    for row in rows.into_iter().filter(|row| row.draw < draws(&row.problem_id)) {
        let (tally, tokens) = tallies.entry(&row.problem_id).or_default();
        tally.add(outcome(row));
        *tokens += row.tokens as u64;
    }
    tallies
}

/// The settings that the newest samples were drawn under, of those whose dialogues have so many turns; any number for `None`.
///
/// # Errors
/// If the session cannot be read.
pub fn newest_settings(session: &Session, rows: &[SampleRow], turns: Option<usize>) -> Result<Option<String>> {
    let mut passed = HashSet::new();
    for row in rows.iter().rev().filter(|row| !row.held_out) {
        if !passed.insert(row.settings.as_str()) {
            continue;
        }
        let settings = session.settings(&row.settings)?;
        if turns.is_none_or(|turns| settings.is_some_and(|settings| settings.turns == turns)) {
            return Ok(Some(row.settings.clone()));
        }
    }
    Ok(None)
}

/// The settings that are chosen from where none are given: those of the newest single-turn samples, else of the newest of all.
///
/// # Errors
/// If the session cannot be read.
pub fn usual_settings(session: &Session, rows: &[SampleRow]) -> Result<Option<String>> {
    match newest_settings(session, rows, Some(1))? {
        Some(hash) => Ok(Some(hash)),
        None => newest_settings(session, rows, None),
    }
}
