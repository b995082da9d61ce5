//! The training step: which chains of a session are learnt from, and what becomes of them.

mod looks;
mod preview;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use color_eyre::Result;
use color_eyre::eyre::eyre;
use serde::{Deserialize, Serialize};

use crate::filter::behaviours::Detector;
use crate::filter::{self, announcements};
use crate::generate::local::{LocalOptions, ModelText};
use crate::model::{ComputeChoice, ModelFiles, fastest_device};
use crate::records::{Message, Role, Sample, TurnKind};
use crate::session::{SampleRow, Session};
use crate::train::dataset::{self, DataSettings, Example, parts};
use crate::train::output::{CardFacts, Output};
use crate::train::runs::{self, is_run_name};
use crate::train::steer::{Report, Steering};
use crate::train::{self, Finished, LoraLayout, MemoryPlan, Network, PlanFor, TrainSettings, Trainer};

use self::looks::Looks;
pub use self::preview::{Preview, PreviewToken, preview};
use super::OrderError;

/// What a training is to do.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainOrder {
    /// Names the run's directory under the session's `runs`.
    pub run: String,
    pub settings: TrainSettings,
    pub compute: ComputeChoice,
}

impl TrainOrder {
    /// Whether it can be done at all; looked at before anything is opened or made.
    ///
    /// # Errors
    /// One line: what is wrong.
    pub fn check(&self) -> Result<(), OrderError> {
        if !is_run_name(&self.run) {
            let line = format!("run name `{}`: letters, digits, `-`, `_` and `.` are possible", self.run);
            return Err(OrderError(line));
        }
        let wrong = |error: train::TrainError| OrderError(error.to_string());
        self.settings.validate().map_err(wrong)?;
        Ok(())
    }

    /// Where the run lives.
    pub fn directory(&self, session: &Path) -> PathBuf {
        runs::place(session).join(&self.run)
    }
}

/// What came of a training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrainOutcome {
    /// All steps are done.
    pub done: bool,
    /// Why it stopped by itself, if it did.
    pub off: Option<String>,
    pub step: u64,
    pub checkpoint: PathBuf,
    pub validation_loss: Option<f64>,
    /// Chains that were trained on, held out to validate, and left out as too long.
    pub chains: usize,
    pub held_out: usize,
    pub too_long: usize,
}

/// The chains of a session that are learnt from, in the order of (problem, draw, settings), whatever the order of their arrival:
/// those of a selection with their weights, or all that are accepted. What was drawn for a problem to be scored on is never
/// among them.
///
/// # Errors
/// If the session cannot be read, or there is no such selection.
pub fn examples(session: &Session, settings: &DataSettings) -> Result<Vec<Example>> {
    let selection = Some(settings.selection.as_str()).filter(|name| !name.is_empty());
    let weights = selection.map(|name| weights(session, name)).transpose()?;
    let mut rows: Vec<SampleRow> = session.sample_rows()?;
    rows.retain(|row| is_learnt_from(row, weights.as_ref()));
    rows.sort_by(|a, b| (&a.problem_id, a.draw, &a.settings).cmp(&(&b.problem_id, b.draw, &b.settings)));
    let mut examples = Vec::with_capacity(rows.len());
    for row in rows {
        let Some(sample) = session.sample(row.id)? else { continue };
        let gold = session.problem(&sample.problem_id)?.map(|problem| problem.answer).unwrap_or_default();
        let weight = weights.as_ref().and_then(|weights| weights.get(&row.id).copied()).unwrap_or(1.0);
        examples.push(Example { weight, ..example(&sample, &gold, settings.loss_on) });
    }
    Ok(examples)
}

/// How many chains of a selection are learnt from.
///
/// # Errors
/// If there is no such selection, or one of its samples is not here any more.
pub fn selected(session: &Session, name: &str) -> Result<usize> {
    let weights = weights(session, name)?;
    Ok(session.sample_rows()?.iter().filter(|row| is_learnt_from(row, Some(&weights))).count())
}

/// Whether a chain is learnt from, where these weights are a selection's.
fn is_learnt_from(row: &SampleRow, weights: Option<&HashMap<i64, f32>>) -> bool {
    match weights {
        // What a person decided counts when it is chosen; a selection stays what it is, so that a run can go on with it.
        Some(weights) => weights.contains_key(&row.id) && !row.held_out,
        None => row.trained_on(),
    }
}

/// How much each sample of a selection counts, by row.
fn weights(session: &Session, name: &str) -> Result<HashMap<i64, f32>> {
    let Some(selection) = session.selection(name)? else {
        let known: Vec<String> = session.selections()?.into_iter().map(|selection| selection.name).collect();
        let known = if known.is_empty() { "none yet; `cribble select` makes one".to_owned() } else { known.join(", ") };
        return Err(OrderError(format!("no selection `{name}` here; there are: {known}")).into());
    };
    Ok(session.selected(&selection)?)
}

/// [`examples`], at least one.
fn accepted(session: &Session, order: &TrainOrder) -> Result<Vec<Example>> {
    let examples = examples(session, &order.settings.data)?;
    if examples.is_empty() {
        return Err(OrderError(format!(
            "{}: no accepted chain; `cribble filter` judges them, or accept some in the workbench",
            session.dir().display()
        ))
        .into());
    }
    Ok(examples)
}

/// What parts a chain of one turn: the behaviours that the filter knows by default.
static DETECTOR: LazyLock<Detector> = LazyLock::new(|| Detector::new(&filter::Settings::default()));

/// A sample as something to learn from: what was asked first, and the chain as the answer.
pub fn example(sample: &Sample, gold: &str, loss_on: parts::LossOn) -> Example {
    let announced = match loss_on {
        parts::LossOn::All => Vec::new(),
        _ => announcements(&DETECTOR, &sample.chain.text),
    };
    let prompt = sample.turns.iter().filter_map(|turn| match turn.kind {
        TurnKind::System => Some(Message::new(Role::System, &turn.text)),
        TurnKind::Problem => Some(Message::new(Role::User, &turn.text)),
        _ => None,
    });
    Example {
        key: format!("{}/{}/{}", sample.problem_id, sample.draw, sample.settings),
        problem_id: sample.problem_id.clone(),
        prompt: prompt.collect(),
        answer: sample.chain.text.clone(),
        untrained: parts::untrained(sample, &announced, gold, loss_on),
        weight: 1.0,
    }
}

/// A run that is ready to go.
pub struct Prepared {
    pub trainer: Trainer,
    /// The number format that it runs in.
    pub compute: &'static str,
    pub plan: MemoryPlan,
    /// Chains to train on, held out to validate, and left out; and the tokens of the longest of all.
    pub chains: usize,
    pub held_out: usize,
    pub too_long: usize,
    pub longest: usize,
}

impl Prepared {
    /// Trains to the end, or until it is asked to stop.
    ///
    /// # Errors
    /// Of the training, or the file system.
    pub fn train(&mut self, steering: &dyn Steering, report: &mut dyn Report) -> Result<TrainOutcome> {
        let Finished { complete, off, step, checkpoint, validation_loss } = self.trainer.run(steering, report)?;
        Ok(TrainOutcome {
            done: complete,
            off,
            step,
            checkpoint,
            validation_loss,
            chains: self.chains,
            held_out: self.held_out,
            too_long: self.too_long,
        })
    }

    /// The trained model as one that can be opened: its last checkpoint, or where that holds adapters a model directory beside it
    /// with the adapters merged into the weights, written whole or not at all.
    ///
    /// # Errors
    /// Of the file system.
    pub fn model(&self, outcome: &TrainOutcome) -> Result<PathBuf> {
        Ok(self.trainer.model(&outcome.checkpoint)?)
    }
}

/// Opens model and data and makes ready to train, or to go on.
///
/// # Errors
/// One line: what is missing, does not fit, or is wrong.
pub fn prepare(session: &Session, order: &TrainOrder) -> Result<Prepared> {
    let settings = order.settings.clone();
    let device = fastest_device()?;
    let compute = train::compute(order.compute, &device)?;
    let examples = accepted(session, order)?;
    let files = ModelFiles::open(&settings.model)?;
    let data = dataset::build(&examples, &files.tokenizer, &files.template, &settings.data, settings.seed)?;
    let adapters = settings.adapters().map(|lora| LoraLayout::new(&files.architecture, lora)).transpose()?;
    let trained = adapters.as_ref().map_or(files.architecture.parameter_count(), |layout| layout.len);
    let longest_pass = data.train.iter().map(|item| item.tokens.len()).max().unwrap_or_default();
    let plan = MemoryPlan::new(PlanFor {
        architecture: &files.architecture,
        trained,
        adapters: adapters.is_some(),
        compute,
        kernels: device.is_cpu(),
        checkpoint: settings.gradient_checkpointing,
        look_tokens: (settings.look.every > 0).then_some(looks::most_tokens(&settings.look)),
        pass_tokens: settings.pass_tokens.min(longest_pass * settings.batch_size).max(longest_pass),
    });
    plan.check(&device)?;
    let network =
        Network::load(&files.architecture, &files.weights, settings.adapters(), settings.seed)?.computing_in(compute);
    let facts = CardFacts {
        chains: data.train.len(),
        held_out: data.validation.len(),
        too_long: data.too_long,
        data_hash: data.hash.clone(),
        model: settings.model.clone(),
        model_hash: files.content_hash.clone(),
        settings: toml::to_string(&settings).map_err(|error| eyre!("settings: {error}"))?,
    };
    let output = Output::new(&files, facts)?;
    let directory = order.directory(session.dir());
    let hash = files.content_hash.clone();
    let look = if settings.look.every > 0 {
        let options = LocalOptions { device: Some(device.clone()), ..LocalOptions::default() };
        let of_model = (files.architecture.clone(), compute, options);
        let text = Arc::new(ModelText::new(&files));
        Some(Looks::new(session, &settings.look, (&examples, &data), of_model, text)?)
    } else {
        None
    };
    drop(files);
    let engine = train::engine(&network, &device, compute, settings.gradient_checkpointing)?;
    let (too_long, longest) = (data.too_long, data.longest);
    let (chains, held_out) = (data.train.len(), data.validation.len());
    let mut trainer = Trainer::open(&directory, settings, (network, engine), &hash, data, output)?;
    if let Some(look) = look {
        trainer.watch(Box::new(look));
    }
    Ok(Prepared { trainer, compute: compute.name(), plan, chains, held_out, too_long, longest })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::records::{Chain, FinishReason, ModelIdentity, Problem, SampleSettings, Sampling, Selected, Turn};

    #[test]
    fn a_selection_counts_what_is_learnt_from_it() {
        let dir = tempfile::tempdir().unwrap();
        let session = Session::create(dir.path()).unwrap();
        let problem = |id: &str| Problem {
            id: id.into(),
            text: "2+2?".into(),
            answer: "4".into(),
            source: "made up".into(),
            split: None,
            level: None,
            subject: None,
            solution: None,
            extra: serde_json::Map::new(),
        };
        session.add_problems(&[problem("learnt")]).unwrap();
        session.hold_out(&[problem("scored")]).unwrap();
        let model = ModelIdentity {
            name: "m".into(),
            content: "c".into(),
            template: "t".into(),
            compute: "f32".into(),
            context_length: 10,
        };
        let settings = SampleSettings { model, turns: 1, sampling: Sampling::default(), seed: 0, dialogue: json!({}) };
        let settings = session.put_settings(&settings, &json!({})).unwrap();
        let mut chosen = Vec::new();
        for problem_id in ["learnt", "scored"] {
            let turn = |kind, text: &str| Turn {
                kind,
                strategy: None,
                text: text.into(),
                token_ids: Vec::new(),
                tokens: 1,
                finish: None,
                logprob: None,
            };
            let sample = Sample {
                problem_id: problem_id.into(),
                draw: 0,
                settings: settings.clone(),
                turns: vec![turn(TurnKind::Problem, "2+2?"), turn(TurnKind::Attempt, "4")],
                chain: Chain { text: "4".into(), segments: Vec::new(), opened: Vec::new() },
                tags: Vec::new(),
                finish: FinishReason::Stop,
                answer: None,
                correct: None,
                tokens: 1,
                seconds: 0.0,
                created_at: 0,
            };
            session.add_sample(&sample).unwrap();
            chosen.push(Selected { problem_id: problem_id.into(), draw: 0, settings: settings.clone(), weight: 1.0 });
        }
        session.put_selection("both", "hash", "{}", "{}", &chosen).unwrap();
        let data = DataSettings { selection: "both".into(), ..DataSettings::default() };
        assert_eq!((selected(&session, "both").unwrap(), examples(&session, &data).unwrap().len()), (1, 1));
        assert!(selected(&session, "other").unwrap_err().to_string().contains("there are: both"));
    }
}
