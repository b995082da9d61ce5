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
use crate::model::ModelFiles;
use crate::pipeline::Watcher;
use crate::pipeline::recipe::Recipe;
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
        let policies = policies(&order)?;
        context.set_part(Part { job: Some(FORECAST), words: "probe".into() });
        check(&order.recipe, context)?;
        forecast(&order, &policies, &mut Staged::new(context, &mut |_, _| {}))
    })
}

/// That of the recipe's dialogues, and the default one.
fn policies(order: &RunOrder) -> Result<(Policy, Policy)> {
    let directories = Directories::from_environment()?;
    let library = Library::load(Some(directories.config()))?;
    let named = Some(order.recipe.stage1.policy.as_str()).filter(|name| !name.is_empty());
    Ok((library.policy(named)?, library.policy(None)?))
}

/// What is wrong with a recipe, its files or its model is found before anything is made.
fn check(recipe: &Recipe, context: &mut JobContext) -> Result<()> {
    recipe.complete()?;
    run::problems(recipe)?;
    // Where servers write nothing else opens it here before the first training, and by then all dialogues are paid for.
    if recipe.servers.is_some() {
        let message = format!("opening {}", recipe.model);
        let board = LiveBoard { job: PASS.into(), state: LiveState::Starting, message, ..LiveBoard::default() };
        Watcher::publish(context, board);
        ModelFiles::open(&recipe.model).wrap_err("the trainings of the pass need its model here, whoever serves it")?;
    }
    Ok(())
}

/// A server that ended is why the step that it wrote for did; any other step has reasons of its own.
fn explained<T>(end: Result<T>, lost: Option<String>, writing: bool) -> Result<T> {
    match lost {
        Some(line) if writing => end.wrap_err(line),
        Some(line) => {
            tracing::warn!("{line}");
            end
        }
        None => end,
    }
}

fn work(
    dir: &Path,
    order: &RunOrder,
    context: &mut JobContext,
    say: &mut dyn FnMut(&str, (usize, usize)),
) -> Result<PassEnd> {
    let policies = policies(order)?;
    check(&order.recipe, context)?;
    let session = hold(Session::open_or_create(dir)?, (PASS, Heavy::Both), context)?;
    let mut host = Staged::new(context, say);
    let end = match run::run(&session, order, policies, &mut host) {
        Ok(outcome) => Ok(PassEnd::Whole(Box::new(outcome))),
        Err(error) => error.downcast::<Halt>().map(PassEnd::Halted),
    };
    let end = explained(end, host.serving.take_lost(), host.writing);
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
    /// Whether servers write in the step that is at work.
    writing: bool,
}

impl<'a> Staged<'a> {
    fn new(context: &'a mut JobContext, say: &'a mut dyn FnMut(&str, (usize, usize))) -> Self {
        Self { context, say, waited: None, serving: Serving::default(), writing: false }
    }
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
        self.writing = true;
        self.serving.serve(session, served, self.context)
    }

    fn end_servers(&mut self, session: &Session) -> Result<()> {
        self.serving.end(session, self.context)
    }

    fn begins(&mut self, step: &str, (at, of): (usize, usize)) {
        self.context.set_part(Part { job: None, words: format!("step {at} of {of}, {step}") });
        self.context.set_pass(PassPlace { step: step.to_owned(), at, of, since: now_millis() });
        (self.waited, self.writing) = (None, false);
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

#[cfg(test)]
mod tests {
    use color_eyre::eyre::eyre;

    use super::*;

    #[test]
    fn a_model_that_servers_alone_open_is_refused_before_they_are_paid() {
        let of = |servers: &str| {
            let text = "model = \"/no/such/model\"\nproblems = \"micro\"\ntest = \"micro-test\"\n".to_owned() + servers;
            let recipe = Recipe::read("r", "r", &text).unwrap();
            Job::start(PASS, move |context| check(&recipe, context)).unwrap().join()
        };
        assert!(of("").is_ok(), "the first step opens it");
        let error = format!("{:#}", of("[servers]\nendpoints = [\"http://localhost:1\"]\n").unwrap_err());
        assert!(error.starts_with("the trainings of the pass need its model here"), "{error}");
        assert!(error.contains("/no/such/model"), "{error}");
    }

    #[test]
    fn a_server_that_ended_is_blamed_by_the_step_that_it_wrote_for_alone() {
        let end = |writing| explained(Err::<(), _>(eyre!("no room")), Some("the server ended".into()), writing);
        assert_eq!(format!("{:#}", end(true).unwrap_err()), "the server ended: no room");
        assert_eq!(format!("{:#}", end(false).unwrap_err()), "no room");
        let writing = Job::start(PASS, |context| {
            let mut say = |_: &str, _: (usize, usize)| {};
            let mut host = Staged::new(context, &mut say);
            host.writing = true;
            host.begins("train pi_sft", (5, 6));
            Ok(host.writing)
        });
        assert!(!writing.unwrap().join().unwrap());
    }
}
