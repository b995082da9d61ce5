//! The generation step: dialogues for the problems of a session, each finished one stored as a sample.
//!
//! The unit is one sample, keyed by (problem, draw, settings hash): those that exist are not made again, so an
//! interrupted call is continued by the same call.

mod board;
mod meter;
mod run;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};

use color_eyre::Result;
use serde::{Deserialize, Serialize};

use super::{GenerateOrder, Watcher};
use crate::dialogue::Policy;
use crate::generate::Backend;
use crate::records::{Problem, SampleSettings, Spent, now_millis};
use crate::session::Session;

/// What a call did; printed by `generate --json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GenerateOutcome {
    /// Directory of the session.
    pub session: String,
    pub problems: usize,
    /// Stored by this call.
    pub samples: usize,
    /// There before this call.
    pub existing: usize,
    /// Written by the model in this call, in samples that were stored.
    pub tokens: usize,
    /// Over the time in which it decoded.
    pub tokens_per_second: f64,
    /// From the call to its end, loading the model included.
    pub wall_seconds: f64,
    pub compute: String,
    /// Samples with a right answer among those stored by this call.
    pub correct: usize,
    /// Dialogues that could not be written; they are no samples and will be tried by the next call.
    pub failed: usize,
    /// Dialogues put off until somebody has answered their next turns in a batch; they are no samples yet.
    #[serde(default)]
    pub postponed: usize,
    /// Requests that this call wrote for that.
    #[serde(default)]
    pub requests: usize,
    /// The file that they are in.
    #[serde(default)]
    pub requests_file: Option<String>,
    /// Why the last dialogue failed or has to be asked again, in part in a server's words. Raw: clean it before it
    /// reaches a terminal.
    #[serde(default)]
    pub last_error: Option<String>,
    /// What servers counted in this call; `None` where nobody counts.
    #[serde(default)]
    pub spent: Option<Spent>,
    /// Its cost in USD, where a price was given.
    #[serde(default)]
    pub cost: Option<f64>,
    /// Ended before all was done, because it was asked to.
    pub stopped: bool,
    /// Hash of the settings that the samples were drawn under.
    pub settings: String,
}

impl GenerateOutcome {
    /// What failed, in a line, if anything did.
    pub fn failure(&self) -> Option<String> {
        let why = self.last_error.as_deref().map_or_else(String::new, |error| format!(", the last with: {error}"));
        let line =
            format!("{} dialogues failed and are no samples{why}; the same command tries them again", self.failed);
        (self.failed > 0).then_some(line)
    }
}

/// Runs the step: `order.samples` of each problem. `problems` must be in the session.
pub fn generate(
    session: &Session,
    backend: &mut dyn Backend,
    problems: &[Problem],
    policy: &Policy,
    order: &GenerateOrder,
    watcher: &mut dyn Watcher,
) -> Result<GenerateOutcome> {
    draw(session, backend, problems, &vec![order.samples; problems.len()], policy, order, watcher)
}

/// As [`generate`], with so many samples of each problem as `wanted` says.
pub fn draw(
    session: &Session,
    backend: &mut dyn Backend,
    problems: &[Problem],
    wanted: &[u32],
    policy: &Policy,
    order: &GenerateOrder,
    watcher: &mut dyn Watcher,
) -> Result<GenerateOutcome> {
    let hash = settings_of(session, backend, policy, order)?;
    let have = session.draws(&hash)?;
    let missing = Missing::new(problems, wanted, have);
    run::Run::new(session, backend, problems, policy, order, hash, missing)?.run(watcher)
}

/// Keeps the settings of this order in the session, and names them.
pub(super) fn settings_of(
    session: &Session,
    backend: &dyn Backend,
    policy: &Policy,
    order: &GenerateOrder,
) -> Result<String> {
    let settings = SampleSettings {
        model: backend.identity().clone(),
        turns: order.turns,
        sampling: order.sampling.clone(),
        seed: order.seed,
        dialogue: policy.record(),
    };
    Ok(session.put_settings(&settings, &provenance())?)
}

/// The (problem index, draw) pairs that are not there yet, worked out as they are asked for; the draws of a problem stand
/// together, so that their prompt is worked out once.
struct Missing {
    wanted: Vec<u32>,
    have: Vec<HashSet<u32>>,
    next: (usize, u32),
}

impl Missing {
    fn new(problems: &[Problem], wanted: &[u32], have: HashSet<(String, u32)>) -> Self {
        let mut by_problem: HashMap<String, HashSet<u32>> = HashMap::new();
        for (problem, draw) in have {
            by_problem.entry(problem).or_default().insert(draw);
        }
        let of = |(problem, wanted): (&Problem, &u32)| {
            let mut have = by_problem.remove(&problem.id).unwrap_or_default();
            have.retain(|draw| draw < wanted);
            have
        };
        let have = problems.iter().zip(wanted).map(of).collect();
        Self { wanted: wanted.to_vec(), have, next: (0, 0) }
    }

    /// Samples that shall be there in the end.
    fn wanted(&self) -> usize {
        self.wanted.iter().map(|wanted| *wanted as usize).sum()
    }

    /// Samples that are there.
    fn existing(&self) -> usize {
        self.have.iter().map(HashSet::len).sum()
    }
}

impl Iterator for Missing {
    type Item = (usize, u32);

    fn next(&mut self) -> Option<Self::Item> {
        while self.next.0 < self.have.len() {
            let (problem, draw) = self.next;
            let wanted = self.wanted[problem];
            self.next = if draw + 1 < wanted { (problem, draw + 1) } else { (problem + 1, 0) };
            if draw < wanted && !self.have[problem].contains(&draw) {
                return Some((problem, draw));
            }
        }
        None
    }
}

fn provenance() -> serde_json::Value {
    serde_json::json!({
        "cribble": env!("CARGO_PKG_VERSION"),
        "host": rustix::system::uname().nodename().to_string_lossy(),
        "architecture": std::env::consts::ARCH,
        "at": now_millis(),
    })
}
