//! The training step as a job: opens what it needs, holds its locks, serves other processes.

use std::path::{Path, PathBuf};
use std::time::Duration;

use color_eyre::Result;
use color_eyre::eyre::eyre;

use super::generate::{heavy, hold};
use super::{Control, Job, JobContext, Steer};
use crate::model::process_memory;
use crate::pipeline::train::{Prepared, TrainOrder, TrainOutcome, prepare};
use crate::records::{LiveBoard, LiveState, TRAINING};
use crate::session::Session;
use crate::train::SpikeAction;
use crate::train::external;
use crate::train::steer::{Event, Steering};

/// A running or finished training.
pub type TrainJob = Job<TrainOutcome>;

/// Starts a training on the accepted chains of a session. Every event goes to `say`, on the job's thread.
///
/// # Errors
/// If no thread can be started.
pub fn start_train(dir: PathBuf, order: TrainOrder, say: impl FnMut(&Event) + Send + 'static) -> Result<TrainJob> {
    let mut say = say;
    Job::start(TRAINING, move |context| run(&dir, &order, context, &mut say))
}

fn run(dir: &Path, order: &TrainOrder, context: &mut JobContext, say: &mut dyn FnMut(&Event)) -> Result<TrainOutcome> {
    order.check()?;
    let session = hold(Session::open(dir)?, (TRAINING, heavy(TRAINING)?), context)?;
    if order.directory(session.dir()).join(external::PLACE).exists() {
        return Err(eyre!("run `{}` is trained by another program; train under another name", order.run));
    }
    context.publish(starting(order));
    let mut prepared = prepare(&session, order)?;
    train(order, &mut prepared, context, say)
}

/// What is shown before the first step.
fn starting(order: &TrainOrder) -> LiveBoard {
    let model = order.settings.model.clone();
    LiveBoard {
        job: TRAINING.into(),
        state: LiveState::Starting,
        message: format!("loading {model}"),
        model,
        run: order.run.clone(),
        ..LiveBoard::default()
    }
}

/// Trains what is prepared, and shows how it goes.
pub(super) fn train(
    order: &TrainOrder,
    prepared: &mut Prepared,
    context: &mut JobContext,
    say: &mut dyn FnMut(&Event),
) -> Result<TrainOutcome> {
    let mut board = starting(order);
    let Prepared { compute, too_long, longest, .. } = *prepared;
    board.compute = compute.into();
    let planned = prepared.plan.total();
    say(&Event::Plan(prepared.plan.clone()));
    if too_long > 0 {
        let line = format!("{too_long} chains are too long and left out (the longest has {longest} tokens)");
        say(&Event::Alert(line));
    }
    board.state = LiveState::Running;
    let control = context.control().clone();
    prepared.train(&control, &mut |event: &Event| {
        say(event);
        show(event, &mut board);
        if let Event::Step(step) = event {
            board.totals.eta_seconds = left(step.step, step.total_steps, step.tokens, step.tokens_per_second);
            board.memory = Some((process_memory().resident, planned));
            board.state = if control.stopping() { LiveState::Stopping } else { LiveState::Running };
        }
        if matches!(event, Event::Alert(_)) || context.due(board.state) {
            context.publish(board.clone());
        }
    })
}

/// Puts an event of a training on its board.
pub(super) fn show(event: &Event, board: &mut LiveBoard) {
    match event {
        Event::Plan(_) => {}
        Event::Step(step) => {
            board.message = format!("step {}/{}, loss {:.4}", step.step, step.total_steps, step.loss);
            // Steps are the units of this job, as samples are of the other.
            board.totals.samples_wanted = step.total_steps as usize;
            board.totals.finished = step.step as usize;
            board.totals.tokens = step.tokens as usize;
            board.totals.tokens_per_second = step.tokens_per_second;
            board.state = LiveState::Running;
        }
        Event::Validation { loss, .. } => board.message = format!("validation loss {loss:.4}"),
        Event::Looked { right, of, .. } => board.message = format!("a look: {right} of {of} right"),
        Event::Saved { path, .. } => board.message = format!("saved {}", path.display()),
        Event::Paused => board.state = LiveState::Paused,
        Event::Resumed => board.state = LiveState::Running,
        Event::Alert(text) => board.message.clone_from(text),
    }
}

/// Seconds until all steps are done, if those to come have as many tokens as those before.
fn left(step: u64, of: u64, tokens: u64, tokens_per_second: f64) -> Option<f64> {
    let a_step = tokens as f64 / step as f64 / tokens_per_second;
    Some(of.saturating_sub(step) as f64 * a_step).filter(|seconds| seconds.is_finite())
}

impl Steering for Control {
    fn stopping(&self) -> bool {
        Control::stopping(self)
    }

    fn paused(&self) -> bool {
        Control::paused(self)
    }

    fn pause(&self) {
        self.steer(Steer::Pause);
    }

    fn wait_while_paused(&self, limit: Duration) {
        Control::wait_while_paused(self, limit);
    }

    fn take_checkpoint(&self) -> bool {
        self.wishes().checkpoint.take().is_some()
    }

    fn take_rate(&self) -> Option<f64> {
        self.wishes().rate.take()
    }

    fn take_choice(&self) -> Option<SpikeAction> {
        self.wishes().choice.take()
    }
}
