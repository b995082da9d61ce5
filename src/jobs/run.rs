//! A whole pass as a job: holds the job locks from its first step to its last, serves other processes. And the forecast of one.

use std::path::{Path, PathBuf};
use std::time::Duration;

use color_eyre::Result;
use color_eyre::eyre::WrapErr;

use super::generate::hold;
use super::job::Part;
use super::serve::Serving;
use super::{ExternalOrder, Job, JobContext};
use crate::config::Directories;
use crate::dialogue::{Library, Policy};
use crate::generate::Backend;
use crate::pipeline::Watcher;
use crate::pipeline::run::{self, Forecast, Halt, Host, Probe, RunOrder, RunOutcome, Served, forecast};
use crate::pipeline::train::{Prepared, TrainOrder, TrainOutcome};
use crate::records::{FORECAST, Heavy, LiveBoard, LiveState, PASS, PassPlace, now_millis};
use crate::session::Session;
use crate::train::external::External;

/// Between two looks whether a person has decided.
const LOOK: Duration = Duration::from_millis(150);

/// How a pass ended.
#[derive(Debug)]
pub enum PassEnd {
    Whole(Box<RunOutcome>),
    /// It was stopped, or waits for a person: the same call goes on from there.
    Halted(Halt),
}

/// A running or finished pass.
pub type RunJob = Job<PassEnd>;

/// What a pass will take: what was measured, and each step.
pub type ForecastJob = Job<(Probe, Vec<Forecast>)>;

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
    Job::start(PASS, move |context| work(&dir, &order, context, &mut say))
}

/// Measures what the pass will cost; makes and changes no session of the person's.
///
/// # Errors
/// If no thread can be started.
pub fn start_forecast(order: RunOrder) -> Result<ForecastJob> {
    Job::start(FORECAST, move |context| {
        order.recipe.complete()?;
        let policies = policies(&order)?;
        context.set_part(Part { job: Some(FORECAST), words: "probe".into() });
        let mut host = Staged { context, say: &mut |_, _| {}, waited: None, serving: Serving::default() };
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
) -> Result<PassEnd> {
    let policies = policies(order)?;
    // What is wrong with the recipe or its files is found before anything is made.
    order.recipe.complete()?;
    run::problems(&order.recipe)?;
    let session = hold(Session::open_or_create(dir)?, (PASS, Heavy::Both), context)?;
    let mut host = Staged { context, say, waited: None, serving: Serving::default() };
    let end = match run::run(&session, order, policies, &mut host) {
        Ok(outcome) => Ok(PassEnd::Whole(Box::new(outcome))),
        Err(error) => error.downcast::<Halt>().map(PassEnd::Halted),
    };
    // That a server ended is why what asked it did.
    let end = match host.serving.take_lost() {
        Some(line) => end.wrap_err(line),
        None => end,
    };
    let message = match &end {
        Ok(PassEnd::Whole(_)) => "the pass is done".into(),
        Ok(PassEnd::Halted(halt)) => halt.to_string(),
        Err(_) => return end,
    };
    let mut board = LiveBoard::clone(&context.watch().borrow());
    board.running.clear();
    (board.state, board.message) = (LiveState::Done, message);
    context.publish(board);
    end
}

/// The job as the host of a pass.
struct Staged<'a> {
    context: &'a mut JobContext,
    say: &'a mut dyn FnMut(&str, (usize, usize)),
    /// What was shown last of a person who is waited for.
    waited: Option<(usize, usize)>,
    serving: Serving,
}

impl Watcher for Staged<'_> {
    fn stopping(&self) -> bool {
        self.context.stopping()
    }

    fn stopping_now(&self) -> bool {
        self.context.stopping_now()
    }

    fn looked_at(&self) -> Option<u64> {
        self.context.looked_at()
    }

    fn paused(&self) -> bool {
        self.context.paused()
    }

    fn wait_while_paused(&self, limit: Duration) {
        self.context.wait_while_paused(limit);
    }

    fn due(&self, state: LiveState) -> bool {
        self.context.due(state)
    }

    fn publish(&mut self, board: LiveBoard) {
        self.serving.keep_log_short();
        Watcher::publish(self.context, board);
    }
}

impl Host for Staged<'_> {
    fn train(&mut self, order: &TrainOrder, prepared: &mut Prepared) -> Result<TrainOutcome> {
        super::train::train(order, prepared, self.context, &mut |_| {})
    }

    fn train_elsewhere(&mut self, session: &Session, order: &TrainOrder, external: &External) -> Result<TrainOutcome> {
        let order = ExternalOrder { train: order.clone(), external: external.clone() };
        super::external::train_step(session, &order, self.context)
    }

    fn serve(&mut self, session: &Session, served: &Served<'_>) -> Result<Option<Box<dyn Backend>>> {
        self.serving.serve(session, served, self.context)
    }

    fn end_servers(&mut self, session: &Session) -> Result<()> {
        self.serving.end(session, self.context)
    }

    fn begins(&mut self, step: &str, (at, of): (usize, usize)) {
        self.context.set_part(Part { job: None, words: format!("step {at} of {of}, {step}") });
        self.context.set_pass(PassPlace { step: step.to_owned(), at, of, since: now_millis() });
        self.waited = None;
        (self.say)(step, (at, of));
        let message = String::from("begins");
        self.publish(LiveBoard { job: PASS.into(), state: LiveState::Running, message, ..LiveBoard::default() });
    }

    fn waits(&mut self, decided: usize, wanted: usize) {
        if self.waited.replace((decided, wanted)) != Some((decided, wanted)) {
            let message = format!("waits for your decisions, {decided} of {wanted} are made");
            self.publish(LiveBoard { job: PASS.into(), state: LiveState::Waiting, message, ..LiveBoard::default() });
        }
        std::thread::sleep(LOOK);
    }
}
