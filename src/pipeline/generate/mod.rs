//! The generation step: dialogues for the problems of a session, each finished one stored as a sample.
//!
//! The unit is one sample, keyed by (problem, draw, settings hash): those that exist are not made again, so an
//! interrupted call is continued by the same call.

mod board;
mod run;
#[cfg(test)]
mod tests;

use std::collections::HashSet;

use color_eyre::Result;
use serde::Serialize;

use super::{GenerateOrder, Watcher};
use crate::dialogue::Policy;
use crate::generate::Backend;
use crate::records::{Problem, SampleSettings, now_millis};
use crate::session::Session;

/// What a call did; printed by `generate --json`.
#[derive(Debug, Clone, PartialEq, Serialize)]
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
    /// Ended before all was done, because it was asked to.
    pub stopped: bool,
}

/// Runs the step. `problems` must be in the session.
pub fn generate(
    session: &Session,
    backend: &mut dyn Backend,
    problems: &[Problem],
    policy: &Policy,
    order: &GenerateOrder,
    watcher: &mut dyn Watcher,
) -> Result<GenerateOutcome> {
    let settings = SampleSettings {
        model: backend.identity().clone(),
        turns: order.turns,
        sampling: order.sampling.clone(),
        seed: order.seed,
        dialogue: policy.record(),
    };
    let hash = session.put_settings(&settings, &provenance())?;
    let have = session.draws(&hash)?;
    let missing = missing(problems, order.samples, &have);
    let existing = problems.len() * order.samples as usize - missing.len();
    run::Run::new(session, backend, problems, policy, order, hash, missing, existing).run(watcher)
}

/// The (problem index, draw) pairs that are not there yet; the draws of a problem stand together, so that their prompt
/// is worked out once.
fn missing(problems: &[Problem], samples: u32, have: &HashSet<(String, u32)>) -> Vec<(usize, u32)> {
    let mut missing = Vec::new();
    for (index, problem) in problems.iter().enumerate() {
        missing
            .extend((0..samples).filter(|draw| !have.contains(&(problem.id.clone(), *draw))).map(|draw| (index, draw)));
    }
    missing
}

fn provenance() -> serde_json::Value {
    serde_json::json!({
        "cribble": env!("CARGO_PKG_VERSION"),
        "host": rustix::system::uname().nodename().to_string_lossy(),
        "architecture": std::env::consts::ARCH,
        "at": now_millis(),
    })
}
