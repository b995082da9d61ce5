//! The whole two-stage pass: a recipe's steps, one after another, over one session.
//!
//! Every step can be cut off and goes on where it was; one that is done is not done again. What a step came to is kept in the
//! session, so that the same call ends with the same selections and the same scores however often it was interrupted. A
//! session belongs to one recipe. Where that names another trainer, all trainings are its, those of the ablations too; where it names
//! servers, they write all samples, each model under its own name.

mod ablations;
mod came;
mod forecast;
mod outcome;
mod pace;
mod plan;
mod progress;
mod review;
mod steps;
#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::path::PathBuf;
use std::time::Instant;

use color_eyre::Result;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use super::recipe::{Recipe, RecipeServers};
use super::train::{Prepared, TrainOrder, TrainOutcome};
use super::{GenerateOrder, OrderError, Watcher, Writer, report};
use crate::dialogue::Policy;
use crate::generate::Backend;
use crate::model::ComputeChoice;
use crate::records::{Problem, Sampling};
use crate::session::{Session, StoredStep};
use crate::train::external::External;

pub use ablations::{Ablation, ablations};
pub use came::came;
pub use forecast::{Forecast, Probe, forecast};
pub use outcome::{ModelScores, RunOutcome, SelectionMade, outcome};
pub use pace::Pace;
pub use plan::{BASE, Planned, Training, plan, trainings};
pub use progress::{Flow, Progress, Scored, StepSeen};
pub use review::{Waiting, release, waiting};
pub(in crate::pipeline) use steps::Made;

/// A model of a pass that servers are to write with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Served<'a> {
    pub servers: &'a RecipeServers,
    /// Directory, file, or name.
    pub model: &'a str,
    /// What it is called there, and nothing else is: no other model can write unnoticed, not even that of another session's pass.
    pub name: &'a str,
}

/// What runs a pass beside watching it.
pub trait Host: Watcher {
    /// Trains what is prepared, to its end or until it is asked to stop.
    ///
    /// # Errors
    /// Of the training.
    fn train(&mut self, order: &TrainOrder, prepared: &mut Prepared) -> Result<TrainOutcome>;

    /// Has another program train, to its end or until it is asked to stop. The checkpoint of a training that is done is a model that
    /// opens here.
    ///
    /// # Errors
    /// Of the training, or if what came of it opens here as no model: one line.
    fn train_elsewhere(&mut self, session: &Session, order: &TrainOrder, external: &External) -> Result<TrainOutcome>;

    /// What writes with a model of the pass that servers serve: one is started for it, or found at work, or waited for. `None` if the
    /// pass is to stop before that.
    ///
    /// # Errors
    /// If the server cannot be started, or ends before it serves: one line.
    fn serve(&mut self, session: &Session, served: &Served<'_>) -> Result<Option<Box<dyn Backend>>>;

    /// Ends what was started to serve models, in this call or one before. Nothing of it is left then.
    ///
    /// # Errors
    /// If it does not end.
    fn end_servers(&mut self, session: &Session) -> Result<()>;

    /// A step begins: its name and its place among all.
    fn begins(&mut self, step: &str, place: (usize, usize));

    /// A person is waited for, who has decided on so many of those wanted. Returns after a moment.
    fn waits(&mut self, decided: usize, wanted: usize);
}

/// What a pass is to do.
#[derive(Debug, Clone, PartialEq)]
pub struct RunOrder {
    pub recipe: Recipe,
    /// Sequences decoded together; no result depends on it.
    pub slots: Option<usize>,
    /// Where a person is to decide, the call waits for that; else it ends with [`Halt::Waiting`].
    pub wait: bool,
    /// After the pass, the variants of it that tell what each part is worth.
    pub ablations: bool,
}

impl RunOrder {
    /// A generation of the pass.
    fn generation(&self, compute: ComputeChoice, samples: u32, turns: usize, sampling: Sampling) -> GenerateOrder {
        let servers = self.recipe.servers.as_ref();
        GenerateOrder {
            model: self.recipe.model.clone(),
            problems: None,
            held_out: false,
            samples,
            turns,
            sampling,
            limit: None,
            seed: self.recipe.seed,
            prompt: None,
            policy: None,
            slots: self.slots,
            compute,
            lookup: true,
            // What servers count is kept under where they are.
            writer: servers.map_or(Writer::Here, |servers| Writer::Servers(servers.asked(&self.recipe.model))),
        }
    }
}

/// Why a pass ended before its end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Halt {
    #[error("stopped in step {step}; the same command goes on from there")]
    Stopped { step: String },
    #[error(
        "{count} samples wait for your decision before step {step}: accept or reject them in the workbench, then \
         `cribble run` again; with --resume it goes on as it is"
    )]
    Waiting { step: String, count: usize },
}

/// A pass at work.
pub struct Pass<'a> {
    session: &'a Session,
    order: &'a RunOrder,
    host: &'a mut dyn Host,
    /// Of the dialogues of the first stage, and of single turns.
    policies: (Policy, Policy),
    compute: ComputeChoice,
    pool: Vec<Problem>,
    test: Vec<Problem>,
    planned: Vec<Planned>,
    /// Marks the models that it makes where they are served.
    mark: String,
}

/// Runs the pass to its end. `policies`: that of the recipe's dialogues, and the default one, which asks single turns.
///
/// # Errors
/// [`Halt`] where it stopped or waits; else what went wrong, in one line.
pub fn run(session: &Session, order: &RunOrder, policies: (Policy, Policy), host: &mut dyn Host) -> Result<RunOutcome> {
    let recipe = &order.recipe;
    recipe.complete()?;
    let mark = recipe.own(session)?;
    let (pool, test) = problems(recipe)?;
    session.add_problems(&pool)?;
    session.hold_out(&test)?;
    let compute: ComputeChoice =
        recipe.compute.parse().map_err(|error: crate::model::DecoderError| OrderError(error.to_string()))?;
    let planned = plan(recipe, Some(session))?;
    let mut pass = Pass { session, order, host, policies, compute, pool, test, planned, mark };
    let done = pass.all_steps();
    // However it went: what a server holds of the machine is for others now.
    let ended = pass.end_servers();
    if let (Err(_), Err(error)) = (&done, &ended) {
        // The other one is what the call ends with.
        tracing::error!("{error:#}");
    }
    done.and(ended)?;
    let report = report::report(session, recipe)?.ok_or_else(|| OrderError("the pass has no scores".into()))?;
    report::write(&report, &session.dir().join("report"))?;
    Ok(report.into_outcome())
}

/// Where a problem stands in the order that a seed draws problems in. Of a longer draw a shorter one is the beginning.
fn drawn(seed: u64, problem: &str) -> [u8; 32] {
    let mut digest = Sha256::new();
    digest.update(seed.to_le_bytes());
    digest.update(problem);
    digest.finalize().into()
}

/// Problems to learn from, in the order that the seed draws them in, and to be scored on, in the order of their file.
///
/// # Errors
/// If a file cannot be read, has no answers, or a problem is in both.
pub fn problems(recipe: &Recipe) -> Result<(Vec<Problem>, Vec<Problem>)> {
    let read = |path: &PathBuf| crate::exchange::problems::read(path);
    let (mut pool, mut test) = (read(&recipe.problems)?.0, read(&recipe.test)?.0);
    let some = |count: usize| if count == 0 { usize::MAX } else { count };
    // Files are sorted by level or subject: the first so many would be of one kind.
    pool.sort_by_cached_key(|problem| drawn(recipe.seed, &problem.id));
    pool.truncate(some(recipe.stage1.problems).max(some(recipe.stage2.problems)));
    test.truncate(some(recipe.eval.problems));
    let ids: HashSet<&str> = pool.iter().map(|problem| problem.id.as_str()).collect();
    let texts: HashSet<&str> = pool.iter().map(|problem| problem.text.as_str()).collect();
    let both = |problem: &&Problem| ids.contains(problem.id.as_str()) || texts.contains(problem.text.as_str());
    let shared = test.iter().filter(both).count();
    if shared > 0 {
        let line = format!(
            "{shared} problems of {} are in {} too: a model cannot be scored on what it is trained on",
            recipe.test.display(),
            recipe.problems.display()
        );
        return Err(OrderError(line).into());
    }
    Ok((pool, test))
}

impl Pass<'_> {
    fn recipe(&self) -> &Recipe {
        &self.order.recipe
    }

    fn all_steps(&mut self) -> Result<()> {
        self.both_stages()?;
        if self.order.ablations { self.ablations() } else { Ok(()) }
    }

    fn end_servers(&mut self) -> Result<()> {
        if self.recipe().servers.is_some() { self.host.end_servers(self.session) } else { Ok(()) }
    }

    /// Does a step, unless it is done; returns what it came to.
    fn step<T: Serialize + DeserializeOwned>(
        &mut self,
        name: &str,
        work: impl FnOnce(&mut Self) -> Result<T>,
    ) -> Result<T> {
        if let Some(step) = self.session.step(name)? {
            return Ok(serde_json::from_str(&step.outcome)?);
        }
        let at = self.planned.iter().position(|planned| planned.name == name);
        let of = self.planned.len();
        self.host.begins(name, (at.map_or(of, |at| at + 1), of));
        let began = Instant::now();
        let outcome = work(self)?;
        let stored = StoredStep {
            name: name.to_owned(),
            outcome: serde_json::to_string(&outcome)?,
            seconds: began.elapsed().as_secs_f64(),
        };
        self.session.put_step(&stored)?;
        Ok(outcome)
    }

    fn unless_stopped(&self, step: &str, stopped: bool) -> Result<()> {
        if stopped { Err(Halt::Stopped { step: step.to_owned() }.into()) } else { Ok(()) }
    }
}
