//! How far the pass in a session has come, for those who watch it: cheap enough to be asked whenever a step ends. What is at work
//! right now is on the board of its job.

use std::path::PathBuf;

use color_eyre::Result;

use super::ablations::planned;
use super::came::came;
use super::plan::{models, plan, refined, round_of};
use super::review::{Waiting, is_review, still_waiting};
use crate::eval::Score;
use crate::pipeline::filter::FilterOutcome;
use crate::pipeline::recipe::Recipe;
use crate::pipeline::report;
use crate::session::{Session, StoredStep};
use crate::stats::Interval;

/// A step as it is seen.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct StepSeen {
    pub name: String,
    /// What it does, in words.
    pub about: String,
    /// Of one that is done: the seconds of the call that ended it, and one line on what came of it.
    pub done: Option<(f64, String)>,
}

/// How many chains of a stage came how far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Flow {
    pub stage: String,
    /// Names the training that ends the stage.
    pub run: String,
    /// Settings of the samples that tell how hard the problems are, once all are drawn: those of a second try do not.
    pub settings: Option<String>,
    pub drawn: Option<usize>,
    pub accepted: Option<usize>,
    pub chosen: Option<usize>,
    pub trained: Option<usize>,
}

/// What a model of the pass scored.
#[derive(Debug, Clone, PartialEq)]
pub struct Scored {
    pub name: String,
    pub pass_at_1: Interval,
    pub maj_at_k: Interval,
    pub greedy: Option<f64>,
    pub mean_tokens: f64,
    pub problems: usize,
    pub samples: usize,
}

/// All that is known of a pass but for what is at work.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress {
    pub recipe: Recipe,
    pub steps: Vec<StepSeen>,
    pub flow: Vec<Flow>,
    /// What the filter came to in each stage that it judged.
    pub funnels: Vec<(String, FilterOutcome)>,
    /// In the order in which the models were made.
    pub scores: Vec<Scored>,
    /// (later, earlier, difference in pass@1, problem by problem), as the report tells it.
    pub paired: Vec<(String, String, Interval)>,
    /// The pass waits here, or would if it ran.
    pub waiting: Option<Waiting>,
    /// The report, once it is written.
    pub report: Option<PathBuf>,
}

impl Progress {
    /// Of the pass in this session; `None` where there is none. `before`: what was read of it last, so that nothing is worked out
    /// twice: a step that is done stays as it is.
    ///
    /// # Errors
    /// If the session cannot be read.
    pub fn read(session: &Session, before: Option<&Progress>) -> Result<Option<Self>> {
        let Some(recipe) = Recipe::of_session(session)? else { return Ok(None) };
        let mut all = plan(&recipe, None)?;
        let ablations = planned(session)?;
        if ablations.iter().any(|planned| planned.done) {
            all.extend(ablations);
        }
        let known = |name: &str| {
            let steps = before.map_or(&[][..], |before| &before.steps);
            steps.iter().find(|step| step.name == name && step.done.is_some())
        };
        let mut steps = Vec::with_capacity(all.len());
        for planned in all {
            let done = match (known(&planned.name), session.step(&planned.name)?) {
                (_, None) => None,
                (Some(known), Some(_)) => known.done.clone(),
                (None, Some(step)) => Some((step.seconds, came(session, &recipe, &step)?)),
            };
            steps.push(StepSeen { name: planned.name, about: planned.about, done });
        }
        let mut stages = vec![("stage 1".to_owned(), "pi_sft".to_owned())];
        stages.extend((1..=recipe.stage2.rounds).map(|round| (round_of(&recipe, round), refined(&recipe, round))));
        let (mut flow, mut funnels) = (Vec::new(), Vec::new());
        for (stage, run) in stages {
            let (flows, judged) = stage_of(session, stage, &run)?;
            funnels.extend(judged.map(|judged| (flows.stage.clone(), judged)));
            flow.push(flows);
        }
        let directory = session.dir().join("report");
        let report = Some(directory.join("report.md")).filter(|path| path.is_file());
        Ok(Some(Self {
            scores: scores(session, &recipe)?,
            paired: report.as_ref().map_or(Vec::new(), |_| report::paired(&directory)),
            waiting: still_waiting(session, &recipe, before.and_then(|before| before.waiting.as_ref()))?,
            recipe,
            steps,
            flow,
            funnels,
            report,
        }))
    }

    /// The same after decisions: no step has ended since it was read.
    ///
    /// # Errors
    /// If the session cannot be read.
    pub fn decided(&self, session: &Session) -> Result<Self> {
        Ok(Self { waiting: still_waiting(session, &self.recipe, self.waiting.as_ref())?, ..self.clone() })
    }

    pub fn done(&self) -> usize {
        self.steps.iter().filter(|step| step.done.is_some()).count()
    }

    /// Seconds of the steps that are done, but for those that waited for a person.
    pub fn seconds(&self) -> f64 {
        let worked = self.steps.iter().filter(|step| !is_review(&step.name));
        worked.filter_map(|step| step.done.as_ref()).map(|(seconds, _)| seconds).sum()
    }

    /// All steps are done, and what they came to is written.
    pub fn whole(&self) -> bool {
        self.done() == self.steps.len() && self.report.is_some()
    }
}

/// A stage, and what the filter came to in it.
fn stage_of(session: &Session, stage: String, run: &str) -> Result<(Flow, Option<FilterOutcome>)> {
    let value = |step: &Option<StoredStep>, keys: &[&str]| -> Result<Option<usize>> {
        let Some(step) = step else { return Ok(None) };
        let value: serde_json::Value = serde_json::from_str(&step.outcome)?;
        Ok(Some(keys.iter().filter_map(|key| value[key].as_u64()).sum::<u64>() as usize))
    };
    let step = |name: &str| session.step(&format!("{stage} {name}"));
    let (dialogues, samples) = (step("dialogues")?, step("samples")?);
    let settings = dialogues.as_ref().or(samples.as_ref()).map(|step| -> Result<String> {
        let value: serde_json::Value = serde_json::from_str(&step.outcome)?;
        Ok(value["settings"].as_str().unwrap_or_default().to_owned())
    });
    let dialogues = value(&dialogues, &["samples", "existing"])?;
    let retried = value(&step("retry")?, &["samples", "existing"])?.unwrap_or_default();
    let drawn = dialogues.or(value(&samples, &["draws", "existing"])?.map(|drawn| drawn + retried));
    let judged: Option<FilterOutcome> = step("filter")?.map(|step| serde_json::from_str(&step.outcome)).transpose()?;
    let chosen = value(&step("select")?, &["samples"])?;
    let trained = value(&session.step(&format!("train {run}"))?, &["chains"])?;
    let accepted = judged.as_ref().map(|judged| judged.accepted);
    Ok((Flow { settings: settings.transpose()?, drawn, accepted, chosen, trained, stage, run: run.to_owned() }, judged))
}

fn scores(session: &Session, recipe: &Recipe) -> Result<Vec<Scored>> {
    let evals = session.evals()?;
    let score = |name: &str| -> Result<Option<Score>> {
        let newest = evals.iter().rfind(|eval| eval.name == name);
        Ok(newest.map(|eval| serde_json::from_str(&eval.summary)).transpose()?)
    };
    let mut scores = Vec::new();
    for name in models(recipe) {
        let Some(own) = score(&name)? else { continue };
        let greedy = score(&format!("{name} greedy"))?.map(|score| score.pass_at_1.value);
        let Score { pass_at_1, maj_at_k, mean_tokens, problems, n, .. } = own;
        scores.push(Scored { name, pass_at_1, maj_at_k, greedy, mean_tokens, problems, samples: n });
    }
    Ok(scores)
}
