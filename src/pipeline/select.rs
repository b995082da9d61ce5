//! The selection step: from the samples that a session holds under some settings, those to be learnt from.

use std::collections::HashMap;

use color_eyre::Result;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::OrderError;
use super::difficulty::tallies;
use crate::difficulty::{Candidate, Pick, PoolProblem, Rule, Selection, Tally, select};
use crate::filter::{RuleId, Transition, similarity};
use crate::records::{DecisionVerb, Selected};
use crate::session::{SampleRow, Session};

/// What is to be chosen.
#[derive(Debug, Clone, PartialEq)]
pub struct SelectOrder {
    /// What the selection is called.
    pub name: String,
    pub rule: Rule,
    /// Settings whose samples tell how hard a problem is. Never two: samples of different settings are not added up.
    pub settings: String,
    /// Further settings whose samples may be chosen, and say nothing of difficulty.
    pub also: Vec<String>,
    /// Draws that count, of each problem; the others are as if they were not there.
    pub draws: Option<HashMap<String, u32>>,
}

/// What was chosen; printed by `select --json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SelectOutcome {
    pub name: String,
    pub hash: String,
    pub samples: usize,
    pub problems: usize,
    /// Shape of the target.
    pub target: String,
    /// Its K.
    pub k: f64,
    pub fill_rate: f64,
    /// Samples that would have been learnt from as well: accepted, or accepted by a person.
    pub accepted: usize,
    pub tokens: u64,
    /// Kish's effective number of samples.
    pub effective: f64,
    /// Settings that difficulty was measured under.
    pub settings: String,
}

/// Every problem with a judged sample under these settings, in the order of ids, with what could be chosen of it.
///
/// # Errors
/// If the session cannot be read.
pub fn pool(session: &Session, rows: &[SampleRow], order: &SelectOrder) -> Result<Vec<PoolProblem>> {
    let draws = |problem: &str| order.draws.as_ref().map_or(u32::MAX, |draws| draws.get(problem).copied().unwrap_or(0));
    let counted: Vec<&SampleRow> = rows.iter().filter(|row| row.settings == order.settings && !row.held_out).collect();
    let tallies = tallies(counted.iter().copied(), draws);
    let mut problems: HashMap<&str, Vec<&SampleRow>> = tallies.keys().map(|id| (*id, Vec::new())).collect();
    let own = counted.into_iter().filter(|row| row.draw < draws(&row.problem_id));
    let others = rows.iter().filter(|row| row.settings != order.settings && order.also.contains(&row.settings));
    for row in own.chain(others).filter(|row| row.trained_on()) {
        if let Some(rows) = problems.get_mut(row.problem_id.as_str()) {
            rows.push(row);
        }
    }
    let mut problems: Vec<(&str, Tally, Vec<&SampleRow>)> =
        problems.into_iter().map(|(id, rows)| (id, tallies[id].0, rows)).collect();
    problems.sort_unstable_by_key(|(id, _, _)| *id);
    let texts = texts(session, order, &problems)?;
    let ranked = problems.par_iter().map(|(id, tally, rows)| {
        let candidates = rows.iter().map(|row| candidate(row)).collect();
        let likeness = |a: usize, b: usize| match (texts.get(&rows[a].id), texts.get(&rows[b].id)) {
            (Some(a), Some(b)) => similarity(a, b),
            _ => 0.0,
        };
        PoolProblem::new((*id).to_owned(), *tally, candidates, &order.rule, likeness)
    });
    Ok(ranked.collect())
}

fn candidate(row: &SampleRow) -> Candidate {
    Candidate {
        sample: row.id,
        draw: row.draw,
        settings: row.settings.clone(),
        tokens: row.tokens as u32,
        confirms: row.traits.iter().any(|word| word == Transition::TrueTrue.word()),
        by_person: row.standing.verb == Some(DecisionVerb::Accept),
    }
}

/// The shingles of the chains among which the rule wants the most diverse.
fn texts(
    session: &Session,
    order: &SelectOrder,
    problems: &[(&str, Tally, Vec<&SampleRow>)],
) -> Result<HashMap<i64, Vec<u64>>> {
    let mut texts = HashMap::new();
    if order.rule.pick == Pick::MostDiverse {
        for row in problems.iter().flat_map(|(_, _, rows)| rows) {
            if let Some(sample) = session.sample(row.id)? {
                texts.insert(row.id, crate::filter::shingles(&sample.chain.text));
            }
        }
    }
    Ok(texts)
}

/// Chooses and stores what was chosen.
///
/// # Errors
/// If nothing can be chosen, or the session cannot be read or written.
pub fn choose(session: &Session, order: &SelectOrder) -> Result<SelectOutcome> {
    order.rule.validate().map_err(OrderError)?;
    let rows = session.sample_rows()?;
    let pool = pool(session, &rows, order)?;
    let selection = select(&pool, &order.rule);
    let outcome = outcome(order, &pool, &selection);
    if outcome.samples == 0 {
        return Err(OrderError(nothing(session, &rows, order)?).into());
    }
    let chosen: Vec<Selected> = selection
        .samples
        .iter()
        .map(|chosen| {
            let problem = &pool[chosen.problem];
            let candidate = &problem.candidates()[chosen.candidate];
            Selected {
                problem_id: problem.id().to_owned(),
                draw: candidate.draw,
                settings: candidate.settings.clone(),
                weight: chosen.weight,
            }
        })
        .collect();
    let rule = serde_json::to_string(&order.rule)?;
    session.put_selection(&order.name, &outcome.hash, &rule, &serde_json::to_string(&outcome)?, &chosen)?;
    Ok(outcome)
}

fn outcome(order: &SelectOrder, pool: &[PoolProblem], selection: &Selection) -> SelectOutcome {
    SelectOutcome {
        name: order.name.clone(),
        hash: selection.hash(pool),
        samples: selection.samples.len(),
        problems: selection.problems(),
        target: order.rule.shape.name().to_owned(),
        k: selection.k,
        fill_rate: selection.fill_rate(),
        accepted: pool.iter().map(|problem| problem.candidates().len()).sum(),
        tokens: selection.tokens,
        effective: selection.effective(),
        settings: order.settings.clone(),
    }
}

/// Why nothing was chosen: how many were judged, and which rules stand nearest to letting something in.
fn nothing(session: &Session, rows: &[SampleRow], order: &SelectOrder) -> Result<String> {
    let of: Vec<&SampleRow> = rows.iter().filter(|row| row.settings == order.settings && !row.held_out).collect();
    let place = session.dir().display();
    if of.is_empty() {
        return Ok(format!("{place}: no sample under settings {}; `cribble sample` draws some", order.settings));
    }
    let judged = of.iter().filter(|row| row.accepted.is_some()).count();
    if judged == 0 {
        return Ok(format!("{place}: none of {} samples is judged yet; `cribble filter` does it", of.len()));
    }
    let accepted = of.iter().filter(|row| row.trained_on()).count();
    if accepted > 0 {
        return Ok(format!("{place}: the rule chooses none of {accepted} accepted samples; widen its limits"));
    }
    // The samples that one rule alone keeps out are nearest to being accepted.
    let mut sole: HashMap<&str, usize> = HashMap::new();
    let fewest = of.iter().map(|row| row.failed.len()).filter(|count| *count > 0).min().unwrap_or_default();
    for rule in of.iter().filter(|row| row.failed.len() == fewest).flat_map(|row| &row.failed) {
        *sole.entry(rule).or_default() += 1;
    }
    let mut sole: Vec<(&str, usize)> = sole.into_iter().collect();
    let order = |rule: &str| RuleId::ALL.iter().position(|known| known.name() == rule);
    sole.sort_unstable_by_key(|(rule, count)| (std::cmp::Reverse(*count), order(rule)));
    let near: Vec<String> = sole.iter().take(3).map(|(rule, count)| format!("{rule} ({count})")).collect();
    Ok(format!(
        "{place}: none of {judged} judged samples is accepted, so there is nothing to train on; the nearest fail {fewest} \
         rule{}: {}; `cribble filter` prints the funnel",
        if fewest == 1 { "" } else { "s" },
        near.join(", ")
    ))
}
