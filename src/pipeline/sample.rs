//! The sampling step of the second stage: single-turn samples in rounds, more where they promise more, until the target of each
//! problem is met or it is given up.
//!
//! A round is planned from counts alone and stored before it is drawn. So a call that was cut off goes on with the round as it
//! was planned, and ends with the same draws as one that was not.

use std::collections::HashMap;

use color_eyre::Result;
use color_eyre::eyre::eyre;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::difficulty::tallies;
use super::generate::{draw, settings_of};
use super::{GenerateOrder, OrderError, Watcher};
use crate::dialogue::Policy;
use crate::difficulty::budget::{Next, Position};
use crate::difficulty::target::smallest;
use crate::difficulty::{Budget, Rule, Tally, Target};
use crate::generate::Backend;
use crate::records::Problem;
use crate::session::Session;

/// What a sampling is to do.
#[derive(Debug, Clone, PartialEq)]
pub struct SampleOrder {
    /// Model and sampling values; single turns, and its number of samples is not used.
    pub generate: GenerateOrder,
    pub budget: Budget,
    /// How samples will be chosen from what is drawn: it says how many of each problem are wanted.
    pub rule: Rule,
}

impl SampleOrder {
    /// # Errors
    /// One line: what cannot be done.
    pub fn check(&self) -> Result<(), OrderError> {
        self.generate.check()?;
        self.budget.validate().map_err(OrderError)?;
        self.rule.validate().map_err(OrderError)
    }
}

/// What came of it; printed by `sample --json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SampleOutcome {
    pub problems: usize,
    /// Samples drawn by this call, and those of the plan that were there before.
    pub draws: usize,
    pub existing: usize,
    /// Problems with a right sample.
    pub solved: usize,
    pub given_up: usize,
    /// Problems whose target is met, and those that have all the samples they may have.
    pub filled: usize,
    pub spent: usize,
    /// Problems for which no tokens were left.
    pub no_tokens: usize,
    /// Tokens of all samples of the plan.
    pub tokens: u64,
    pub rounds: usize,
    /// Ended before all was drawn, because it was asked to.
    pub stopped: bool,
    /// Hash of the settings that the samples were drawn under.
    pub settings: String,
    /// Draws of each problem that the plan came to.
    #[serde(default, skip_serializing_if = "HashMap::is_empty")]
    pub wanted: HashMap<String, u32>,
}

/// Runs the step. `problems` must be in the session.
///
/// # Errors
/// If the order cannot be done, the backend fails, or the session cannot be written.
pub fn sample(
    session: &Session,
    backend: &mut dyn Backend,
    problems: &[Problem],
    policy: &Policy,
    order: &SampleOrder,
    watcher: &mut dyn Watcher,
) -> Result<SampleOutcome> {
    order.check()?;
    let settings = settings_of(session, backend, policy, &order.generate)?;
    let plan = name(&settings, problems, order);
    let mut rounds = session.rounds(&plan)?;
    let mut outcome = SampleOutcome {
        problems: problems.len(),
        draws: 0,
        existing: 0,
        solved: 0,
        given_up: 0,
        filled: 0,
        spent: 0,
        no_tokens: 0,
        tokens: 0,
        rounds: 0,
        stopped: false,
        settings: settings.clone(),
        wanted: HashMap::new(),
    };
    loop {
        let wanted = rounds.last().cloned().unwrap_or_else(|| vec![0; problems.len()]);
        let made = draw(session, backend, problems, &wanted, policy, &order.generate, watcher)?;
        if outcome.rounds == 0 {
            outcome.existing = made.existing;
        }
        outcome.draws += made.samples;
        outcome.rounds = rounds.len();
        let positions =
            positions(session, &settings, problems, &wanted, &order.rule, order.generate.sampling.max_tokens)?;
        outcome.tokens = positions.iter().map(|(_, tokens)| tokens).sum();
        outcome.solved = positions.iter().filter(|(position, _)| position.tally.correct > 0).count();
        outcome.stopped = made.stopped;
        if outcome.stopped {
            return Ok(outcome);
        }
        if made.failed > 0 {
            return Err(eyre!("{} samples failed and are none; the same command tries them again", made.failed));
        }
        let next =
            order.budget.plan(&positions.iter().map(|(position, _)| *position).collect::<Vec<_>>(), outcome.tokens);
        let count = |wanted: Next| next.iter().filter(|next| **next == wanted).count();
        (outcome.given_up, outcome.filled) = (count(Next::GivenUp), count(Next::Filled));
        (outcome.spent, outcome.no_tokens) = (count(Next::Spent), count(Next::NoTokens));
        let more: Vec<u32> = next.iter().map(|next| if let Next::Draw(draws) = next { *draws } else { 0 }).collect();
        if more.iter().all(|more| *more == 0) {
            outcome.wanted =
                problems.iter().zip(&wanted).map(|(problem, wanted)| (problem.id.clone(), *wanted)).collect();
            return Ok(outcome);
        }
        let wanted: Vec<u32> = wanted.iter().zip(more).map(|(had, more)| had + more).collect();
        session.put_round(&plan, rounds.len(), &wanted)?;
        rounds.push(wanted);
    }
}

/// Where each problem stands after these draws, and the tokens that it took.
fn positions(
    session: &Session,
    settings: &str,
    problems: &[Problem],
    wanted: &[u32],
    rule: &Rule,
    most_tokens: usize,
) -> Result<Vec<(Position, u64)>> {
    let draws: HashMap<&str, u32> =
        problems.iter().zip(wanted).map(|(problem, wanted)| (problem.id.as_str(), *wanted)).collect();
    let rows = session.sample_rows()?;
    let of = rows.iter().filter(|row| row.settings == settings);
    let tallies = tallies(of, |problem| draws.get(problem).copied().unwrap_or(0));
    let known: Vec<(Tally, u64)> =
        problems.iter().map(|problem| tallies.get(problem.id.as_str()).copied().unwrap_or_default()).collect();
    let targets = targets(&known, rule);
    let position = |((tally, tokens), wanted): (&(Tally, u64), u32)| {
        // What was never drawn may cost as much as it is allowed to.
        let each = if tally.samples > 0 { *tokens as f64 / f64::from(tally.samples) } else { most_tokens as f64 };
        (Position { tally: *tally, wanted, tokens: each }, *tokens)
    };
    Ok(known.iter().zip(targets).map(position).collect())
}

/// Right samples wanted of each problem, if as many could be had as are asked for: with limits over all, the smallest K that
/// reaches them.
fn targets(known: &[(Tally, u64)], rule: &Rule) -> Vec<u32> {
    /// More of one problem is never counted on for limits over all.
    const MOST: u32 = 256;
    let all = || Target::saturating(rule.target(1.0).shape, known.iter().map(|(tally, _)| *tally), rule.most.min(MOST));
    let reached = |k: f64| {
        let target = rule.target(k);
        let (mut samples, mut of_tokens) = (0, 0);
        for (tally, tokens) in known {
            let wanted = u64::from(target.of(tally).min(MOST));
            samples += wanted;
            of_tokens += wanted * (tokens / u64::from(tally.samples.max(1)));
        }
        (rule.samples > 0 && samples >= u64::from(rule.samples)) || (rule.tokens > 0 && of_tokens >= rule.tokens)
    };
    let k = match rule.k {
        given if given > 0.0 => given,
        _ if rule.samples == 0 && rule.tokens == 0 => all(),
        _ => smallest(all(), reached),
    };
    let target = rule.target(k);
    known.iter().map(|(tally, _)| target.of(tally)).collect()
}

/// Names a plan: the same settings, problems, budget and rule have the same rounds.
fn name(settings: &str, problems: &[Problem], order: &SampleOrder) -> String {
    let mut digest = Sha256::new();
    digest.update(settings);
    for problem in problems {
        digest.update([0]);
        digest.update(&problem.id);
    }
    digest.update(serde_json::json!([order.budget, order.rule]).to_string());
    digest.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}
