//! A whole pass as a job: holds the job lock from its first step to its last, serves other processes.

use std::path::{Path, PathBuf};
use std::time::Duration;

use color_eyre::Result;

use super::generate::hold;
use super::{Job, JobContext};
use crate::config::Directories;
use crate::dialogue::{Library, Policy};
use crate::pipeline::Watcher;
use crate::pipeline::run::{self, Forecast, Host, Probe, RunOrder, RunOutcome, forecast};
use crate::pipeline::train::{Prepared, TrainOrder, TrainOutcome};
use crate::records::{LiveBoard, LiveState};
use crate::session::Session;

/// The job as the session names it.
const JOB: &str = "run";

/// A running or finished pass.
pub type RunJob = Job<RunOutcome>;

/// Starts or goes on with a recipe's pass in a session, which is made if it is missing. `say` is told each step as it begins:
/// its name, its place, how many there are.
///
/// # Errors
/// If no thread can be started.
pub fn start_run(
    dir: PathBuf,
    order: RunOrder,
    say: impl FnMut(&str, (usize, usize)) + Send + 'static,
) -> Result<RunJob> {
    let mut say = say;
    Job::start(JOB, move |context| work(&dir, &order, context, &mut say))
}

/// Measures what the pass will cost; makes and changes no session of the person's.
///
/// # Errors
/// If no thread can be started.
pub fn start_forecast(order: RunOrder) -> Result<Job<(Probe, Vec<Forecast>)>> {
    Job::start(JOB, move |context| {
        order.recipe.complete()?;
        let policies = policies(&order)?;
        let mut host = Staged { context, say: &mut |_, _| {}, step: "probe".into() };
        forecast(&order, &policies, &mut host)
    })
}

/// That of the recipe's dialogues, and the default one.
fn policies(order: &RunOrder) -> Result<(Policy, Policy)> {
    let directories = Directories::from_environment()?;
    let library = Library::load(Some(directories.config()))?;
    let named = Some(order.recipe.stage1.policy.as_str()).filter(|name| !name.is_empty());
    Ok((library.policy(named)?, library.policy(None)?))
}

fn work(
    dir: &Path,
    order: &RunOrder,
    context: &mut JobContext,
    say: &mut dyn FnMut(&str, (usize, usize)),
) -> Result<RunOutcome> {
    let policies = policies(order)?;
    // What is wrong with the recipe or its files is found before anything is made.
    order.recipe.complete()?;
    run::problems(&order.recipe)?;
    let held = hold(Session::open_or_create(dir)?, JOB, context)?;
    run::run(&held.session, order, policies, &mut Staged { context, say, step: String::new() })
}

/// Shows the boards of the steps with the step's name before their message.
struct Staged<'a> {
    context: &'a mut JobContext,
    say: &'a mut dyn FnMut(&str, (usize, usize)),
    step: String,
}

impl Watcher for Staged<'_> {
    fn stopping(&self) -> bool {
        self.context.control().stopping()
    }

    fn paused(&self) -> bool {
        self.context.control().paused()
    }

    fn wait_while_paused(&self, limit: Duration) {
        self.context.control().wait_while_paused(limit);
    }

    fn due(&self, state: LiveState) -> bool {
        self.context.due(state)
    }

    fn publish(&mut self, mut board: LiveBoard) {
        board.message = match board.message.as_str() {
            "" => self.step.clone(),
            message => format!("{}: {message}", self.step),
        };
        // The end of a step is not the end of the job.
        if board.state == LiveState::Done {
            board.state = LiveState::Running;
        }
        self.context.publish(board);
    }
}

impl Host for Staged<'_> {
    fn train(&mut self, order: &TrainOrder, prepared: &mut Prepared) -> Result<TrainOutcome> {
        super::train::train(order, prepared, self.context, &mut |_| {})
    }

    fn begins(&mut self, step: &str, (at, of): (usize, usize)) {
        self.step = format!("step {at} of {of}, {step}");
        (self.say)(step, (at, of));
        let message = String::from("begins");
        self.publish(LiveBoard { job: JOB.into(), state: LiveState::Running, message, ..LiveBoard::default() });
    }
}
