//! A training by another program as a job, or as a step of one: chooses the chains, holds the same locks as a training here, shows
//! the same boards.

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use color_eyre::Result;
use color_eyre::eyre::eyre;

use super::generate::{heavy, hold};
use super::train::show;
use super::{Job, JobContext, TrainJob};
use crate::exchange::split::Split;
use crate::model::{ComputeChoice, ModelError, ModelFiles};
use crate::pipeline::recipe::Recipe;
use crate::pipeline::run::{Training, trainings};
use crate::pipeline::train::examples;
use crate::pipeline::{OrderError, TrainOrder, TrainOutcome};
use crate::records::{LiveBoard, LiveState, TRAINING};
use crate::session::Session;
use crate::train::TrainSettings;
use crate::train::dataset::{self, Dataset, Example, LossOn};
use crate::train::external::{self, Data, Ended, External, Known, Pace, Plan, Trainer, Wanted};
use crate::train::runs;
use crate::train::steer::{Event, StepReport};

/// A training, and who does it.
#[derive(Debug, Clone, PartialEq)]
pub struct ExternalOrder {
    pub train: TrainOrder,
    pub external: External,
}

impl ExternalOrder {
    /// Whether it can be done at all; looked at before anything is opened or made.
    ///
    /// # Errors
    /// One line: what is wrong.
    pub fn check(&self) -> Result<(), OrderError> {
        self.train.check()?;
        self.external.check(&self.train.settings).map_err(|error| OrderError(error.to_string()))
    }
}

/// What would be written and started, for a person to see before. Nothing is written.
#[derive(Debug, Clone)]
pub struct ExternalPreview {
    /// One line for a POSIX shell.
    pub command: String,
    /// Files with their sizes in bytes.
    pub files: Vec<(PathBuf, usize)>,
    /// The configuration's text.
    pub config: String,
    pub chains: usize,
    pub held_out: usize,
    pub too_long: usize,
    /// What a person should know of it, a line each.
    pub notes: Vec<String>,
}

/// Starts a training by another program on the accepted chains of a session. Every event goes to `say`, on the job's thread.
///
/// # Errors
/// If no thread can be started.
pub fn start_external(
    dir: PathBuf,
    order: ExternalOrder,
    say: impl FnMut(&Event) + Send + 'static,
) -> Result<TrainJob> {
    let mut say = say;
    Job::start(TRAINING, move |context| run(&dir, &order, context, &mut say))
}

/// What an order comes to: the exact command, and every file.
///
/// # Errors
/// If the order cannot be done.
pub fn preview_external(dir: &Path, order: &ExternalOrder) -> Result<ExternalPreview> {
    order.check()?;
    let session = Session::open(dir)?;
    let Prepared { plan, chains, held_out, too_long, notes } = prepare(&session, order)?;
    Ok(ExternalPreview {
        command: external::template::join(&plan.command()?),
        files: plan.files().collect(),
        config: plan.config(),
        chains,
        held_out,
        too_long,
        notes,
    })
}

/// The command of each training of a recipe's pass, by the name of its run, where another program does them; before the pass is
/// begun. In the place of a model that is yet to be made stands whose it is.
///
/// # Errors
/// If a training cannot be handed on.
pub fn pass_commands(dir: &Path, recipe: &Recipe) -> Result<Vec<(String, String)>> {
    // Where there is no session yet its directory is no link either.
    let dir = std::fs::canonicalize(dir).or_else(|_| std::path::absolute(dir))?;
    let mut commands = Vec::new();
    for Training { run, after, settings } in trainings(recipe) {
        let Some(external) = recipe.trainer_of(&run) else { continue };
        let model = after.map_or_else(|| recipe.model.clone(), |made| format!("<the model of {made}>"));
        let settings = TrainSettings { model, ..settings.clone() };
        // What is learnt from is chosen later; a command tells only whether there is anything to validate on.
        let chain = stand_in();
        let some = [&chain];
        let validation = if settings.data.validation_share > 0.0 { &some[..] } else { &[] };
        let plan = Plan::new(Wanted {
            run: &runs::place(&dir).join(&run),
            settings: &settings,
            compute: ComputeChoice::Auto,
            external: &external,
            data: Data::Messages { train: &some, validation },
            known: &Known::default(),
        })?;
        commands.push((run, external::template::join(&plan.command()?)));
    }
    Ok(commands)
}

/// A chain where none is known yet.
fn stand_in() -> Example {
    Example {
        key: String::new(),
        problem_id: String::new(),
        prompt: Vec::new(),
        answer: String::new(),
        untrained: Vec::new(),
        weight: 1.0,
    }
}

fn run(
    dir: &Path,
    order: &ExternalOrder,
    context: &mut JobContext,
    say: &mut dyn FnMut(&Event),
) -> Result<TrainOutcome> {
    order.check()?;
    let session = hold(Session::open(dir)?, (TRAINING, heavy(TRAINING)?), context)?;
    let (outcome, closed) = train(&session, order, context, say)?;
    if let Some(why) = closed {
        say(&Event::Alert(why));
    }
    Ok(outcome)
}

/// A training that is a step of a pass, whose next step needs a model that opens here.
pub(super) fn train_step(session: &Session, order: &ExternalOrder, context: &mut JobContext) -> Result<TrainOutcome> {
    order.check()?;
    let run = &order.train.run;
    let (outcome, closed) = train(session, order, context, &mut |event: &Event| {
        if let Event::Alert(line) = event {
            tracing::info!("train {run}: {line}");
        }
    })?;
    match closed {
        Some(why) => Err(eyre!("train {run}: {why}")),
        None => Ok(outcome),
    }
}

/// Trains in a job that holds the session, and shows how it goes. Beside what came of it: why the model does not open here, where it
/// does not.
fn train(
    session: &Session,
    order: &ExternalOrder,
    context: &mut JobContext,
    say: &mut dyn FnMut(&Event),
) -> Result<(TrainOutcome, Option<String>)> {
    let mut board = starting(order);
    context.publish(board.clone());
    let Prepared { plan, chains, held_out, too_long, notes } = prepare(session, order)?;
    for note in notes {
        say(&Event::Alert(note));
    }
    // What is run is shown before it is.
    board.message = format!("the command: {}", external::template::join(&plan.command()?));
    say(&Event::Alert(board.message.clone()));
    board.state = LiveState::Running;
    context.publish(board.clone());
    let control = context.control().clone();
    let mut pace = Steps::default();
    let ended = external::run(&plan, &Pace::default(), &control, &mut |event: &Event| {
        say(event);
        show(event, &mut board);
        if let Event::Step(step) = event {
            board.totals.eta_seconds = pace.left(step);
        }
        if control.stopping() {
            board.state = LiveState::Stopping;
        }
        if matches!(event, Event::Alert(_)) || context.due(board.state) {
            context.publish(board.clone());
        }
    })?;
    let (checkpoint, closed) = opened(&plan, order, &ended)?;
    let Ended { done, step, validation_loss, .. } = ended;
    let outcome = TrainOutcome { done, off: None, step, checkpoint, validation_loss, chains, held_out, too_long };
    Ok((outcome, closed))
}

/// What is shown before the first step.
fn starting(order: &ExternalOrder) -> LiveBoard {
    LiveBoard {
        job: TRAINING.into(),
        state: LiveState::Starting,
        message: format!("preparing data for {}", order.external.trainer.name()),
        model: order.train.settings.model.clone(),
        run: order.train.run.clone(),
        compute: order.external.trainer.name().to_owned(),
        ..LiveBoard::default()
    }
}

/// How fast steps follow each other.
#[derive(Default)]
struct Steps {
    /// The first step of this call, and when it was told.
    first: Option<(u64, Instant)>,
}

impl Steps {
    /// Seconds until all steps are done, if they go on as they went.
    fn left(&mut self, step: &StepReport) -> Option<f64> {
        let (first, since) = *self.first.get_or_insert((step.step, Instant::now()));
        let done = step.step.checked_sub(first).filter(|done| *done > 0)?;
        let a_step = since.elapsed().as_secs_f64() / done as f64;
        Some(step.total_steps.saturating_sub(step.step) as f64 * a_step).filter(|seconds| seconds.is_finite())
    }
}

/// Where the model of a training is: what the trainer left, as one that opens here, or why it does not; of one that was stopped its
/// checkpoint.
fn opened(plan: &Plan, order: &ExternalOrder, ended: &Ended) -> Result<(PathBuf, Option<String>)> {
    match &ended.left {
        Some(left) => Ok(external::model(plan.run(), left, &order.train.settings.model)?),
        None => Ok((ended.checkpoint.clone(), None)),
    }
}

/// A training that can be started.
struct Prepared {
    plan: Plan,
    chains: usize,
    held_out: usize,
    too_long: usize,
    notes: Vec<String>,
}

/// What is handed on, and what a person should know of it.
struct Chosen<'e> {
    chains: Chains<'e>,
    too_long: usize,
    known: Known,
    notes: Vec<String>,
}

/// Chains as they are handed on: as text where all of their answers is learnt, else as tokens with labels.
enum Chains<'e> {
    Messages { train: Vec<&'e Example>, validation: Vec<&'e Example> },
    Tokens(Dataset),
}

impl Chains<'_> {
    fn data(&self) -> Data<'_> {
        match self {
            Self::Messages { train, validation } => Data::Messages { train, validation },
            Self::Tokens(set) => Data::Tokens { train: &set.train, validation: &set.validation },
        }
    }
}

fn prepare(session: &Session, order: &ExternalOrder) -> Result<Prepared> {
    let settings = &order.train.settings;
    let examples = examples(session, &settings.data)?;
    if examples.is_empty() {
        let line = "no accepted chain; `cribble filter` judges them, or accept some in the workbench";
        return Err(OrderError(format!("{}: {line}", session.dir().display())).into());
    }
    let mut chosen = choose(&examples, order)?;
    if examples.iter().any(|example| example.weight != 1.0) {
        chosen.notes.push("another trainer knows no weights: every chain of the selection counts alike".into());
    }
    if settings.look.every > 0 {
        chosen.notes.push("another trainer takes no looks at held-out problems".into());
    }
    let dir = std::fs::canonicalize(session.dir()).map_err(|error| eyre!("{}: {error}", session.dir().display()))?;
    let Chosen { chains, too_long, known, notes } = chosen;
    let data = chains.data();
    let plan = Plan::new(Wanted {
        run: &order.train.directory(&dir),
        settings,
        compute: order.train.compute,
        external: &order.external,
        data,
        known: &known,
    })?;
    Ok(Prepared { plan, chains: data.chains(), held_out: data.held_out(), too_long, notes })
}

/// Which chains are trained on and which held out: as a training here would have it where the model opens here, else by the same
/// rule for problems, and what is too long is the trainer's to see. A loss on parts of a chain needs the model's tokens.
fn choose<'e>(examples: &'e [Example], order: &ExternalOrder) -> Result<Chosen<'e>> {
    let settings = &order.train.settings;
    let files = match ModelFiles::open(&settings.model) {
        Ok(files) => files,
        Err(error) if !is_the_trainers(&error, order) => return Err(error.into()),
        Err(_) if settings.data.loss_on != LossOn::All => {
            let line = format!(
                "loss_on: `{}` does not open here, so that nothing tells which of its tokens have a loss; use all, or \
                 a model that opens here",
                settings.model
            );
            return Err(OrderError(line).into());
        }
        Err(_) => {
            let problems = examples.iter().map(|example| example.problem_id.as_str());
            let split = Split::of(problems, settings.data.validation_share, settings.seed);
            let (validation, train) = examples.iter().partition(|example| split.holds_out(&example.problem_id));
            let note = format!(
                "`{}` does not open here: the trainer alone will see which chains are too long",
                settings.model
            );
            let chains = Chains::Messages { train, validation };
            return Ok(Chosen { chains, too_long: 0, known: Known::default(), notes: vec![note] });
        }
    };
    let data = dataset::build(examples, &files.tokenizer, &files.template, &settings.data, settings.seed)?;
    let too_long = data.too_long;
    let mut notes = Vec::new();
    if too_long > 0 {
        notes.push(format!("{too_long} chains are too long and left out (the longest has {} tokens)", data.longest));
    }
    let items = || data.train.iter().chain(&data.validation);
    let known = Known {
        parameters: Some(files.architecture.parameter_count()),
        content: Some(files.content_hash.clone()),
        longest: items().map(|item| item.tokens.len()).max(),
        template: files.template.is_plain().then(|| files.template.source().to_owned()),
    };
    if settings.data.loss_on != LossOn::All {
        if matches!(order.external.trainer, Trainer::Command(_)) {
            let note = "{data} holds tokens with labels, not messages: nothing else tells of a loss on parts (loss_on)";
            notes.push(note.into());
        }
        return Ok(Chosen { chains: Chains::Tokens(data), too_long, known, notes });
    }
    let by_key: HashMap<&str, &Example> = examples.iter().map(|example| (example.key.as_str(), example)).collect();
    let of = |items: &[dataset::Item]| -> Vec<&'e Example> {
        items.iter().filter_map(|item| by_key.get(item.key.as_str()).copied()).collect()
    };
    let chains = Chains::Messages { train: of(&data.train), validation: of(&data.validation) };
    Ok(Chosen { chains, too_long, known, notes })
}

/// Whether a model that does not open here may open for the trainer: by a name that it knows, on another machine, or as a kind of
/// model that it knows and we do not.
fn is_the_trainers(error: &ModelError, order: &ExternalOrder) -> bool {
    let External { directory, .. } = &order.external;
    match error {
        ModelError::NotFound { .. } => {
            let is_path = order.train.settings.model.starts_with(['/', '.', '~']);
            !is_path || directory.is_some() || order.external.is_remote()
        }
        ModelError::Unsupported { .. } | ModelError::UnknownArchitecture { .. } | ModelError::Pickle { .. } => true,
        _ => false,
    }
}
