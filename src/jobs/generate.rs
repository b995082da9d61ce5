//! The generation step as a job: opens what it needs, holds its locks, serves other processes.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use color_eyre::Result;
use color_eyre::eyre::eyre;

use super::companion::Companion;
use super::job::Part;
use super::{GenerateJob, Job, JobContext};
use crate::config::{Directories, Settings};
use crate::dialogue::{Dialogue, Library, Policy, Step};
use crate::exchange::problems;
use crate::generate::Backend;
use crate::generate::batch::BatchBackend;
use crate::generate::http::{HttpBackend, HttpOptions, PromptTokens, Prompts};
use crate::generate::local::{LocalBackend, LocalOptions};
use crate::pipeline::{GenerateOrder, GenerateOutcome, Watcher, Writer, generate};
use crate::records::{GENERATION, Heavy, LiveBoard, LiveState, Problem};
use crate::session::Session;

/// Starts a generation in a session, which is made if it is missing and the order is sound.
pub fn start_generate(dir: PathBuf, order: GenerateOrder) -> Result<GenerateJob> {
    Job::start(GENERATION, move |context| Ok(drawn(&dir, &order, GENERATION, context)?.outcome))
}

/// The first request of an order, for a person to read before anything is written. Of servers it is the body, but for the seed, which
/// is another one for each sample, and for whether it is streamed; they are asked what they serve.
///
/// # Errors
/// If the order cannot be done.
pub fn first_request(dir: &Path, order: &GenerateOrder) -> Result<String> {
    order.check()?;
    let policy = policy(order)?;
    let problems = match order.problems.as_deref() {
        Some(path) => problems::read(path)?.0,
        None => Session::open(dir)?.pool()?,
    };
    let problem = problems.first().ok_or_else(|| eyre!("{}: no problems here; give --problems FILE", dir.display()))?;
    let mut dialogue = Dialogue::new(problem, &policy, order.turns, order.seed, 0)?;
    match dialogue.next_step()? {
        Step::Ask { messages, .. } => Ok(backend(order)?.render(&messages)? + "\n"),
        Step::Done => Err(eyre!("a dialogue of no turns asks for nothing")),
    }
}

/// What writes for an order: servers that it names, or this process.
pub(super) fn backend(order: &GenerateOrder) -> Result<Box<dyn Backend>> {
    let servers = match &order.writer {
        Writer::Here => return local(order),
        Writer::Batch(batch) => {
            let options = batch.options(&order.model, &order.sampling);
            return Ok(Box::new(BatchBackend::open(&batch.directory, options)?));
        }
        Writer::Servers(servers) => servers,
    };
    let prompts = match &servers.tokenizer {
        Some(model) => Prompts::Tokens(Box::new(PromptTokens::open(model)?)),
        None => Prompts::Chat,
    };
    let options = HttpOptions {
        model: Some(order.model.clone()).filter(|name| !name.is_empty()),
        prompts,
        sampling: order.sampling.clone(),
        ..servers.options(servers.key()?)?
    };
    Ok(Box::new(HttpBackend::connect(options)?))
}

/// What is said while that gets ready.
pub(super) fn opening(order: &GenerateOrder) -> String {
    match &order.writer {
        Writer::Here => format!("loading {}", order.model),
        Writer::Servers(servers) => format!("asking {}", servers.endpoints.join(", ")),
        Writer::Batch(batch) => format!("reading {}", batch.directory.display()),
    }
}

fn local(order: &GenerateOrder) -> Result<Box<dyn Backend>> {
    let options =
        LocalOptions { compute: order.compute, slots: order.slots, lookup: order.lookup, ..LocalOptions::default() };
    Ok(Box::new(LocalBackend::load(&order.model, options)?))
}

/// Samples that were drawn, and for which problems.
pub(super) struct Drawn {
    pub session: Session,
    pub problems: Vec<Problem>,
    pub outcome: GenerateOutcome,
}

/// Draws what an order asks for, as the whole of a job or a part of it. What can be wrong with the order is found before
/// anything is made or written.
pub(super) fn drawn(dir: &Path, order: &GenerateOrder, job: &'static str, context: &mut JobContext) -> Result<Drawn> {
    let began = Instant::now();
    order.check()?;
    let heavy = heavy(job)?;
    let policy = policy(order)?;
    let given = order.problems.as_deref().map(problems::read).transpose()?.map(|(problems, _)| problems);
    let session = match Session::open(dir) {
        Ok(session) => Some(hold(session, (job, heavy), context)?),
        Err(error @ crate::session::SessionError::Missing { .. }) if given.is_none() => return Err(error.into()),
        Err(crate::session::SessionError::Missing { .. }) => None,
        Err(error) => return Err(error.into()),
    };
    let (state, message) = (LiveState::Starting, opening(order));
    context.publish(LiveBoard { job: job.into(), state, message, ..LiveBoard::default() });
    let mut backend = backend(order)?;
    let session = match session {
        Some(session) => session,
        None => hold(Session::create(dir)?, (job, heavy), context)?,
    };
    let problems = chosen(&session, given, order)?;
    if job != GENERATION {
        context.set_part(Part { job: Some(job), words: String::new() });
    }
    let mut outcome = generate::generate(&session, &mut *backend, &problems, &policy, order, context)?;
    outcome.wall_seconds = began.elapsed().as_secs_f64();
    Ok(Drawn { session, problems, outcome })
}

/// What a job keeps others out of, as the person has it.
pub(super) fn heavy(job: &str) -> Result<Heavy> {
    Ok(Heavy::of(job).among(Settings::of_person(&Directories::from_environment()?)?.max_heavy_jobs))
}

/// Puts a session under the job's locks, until the job's end has been told.
pub(super) fn hold(session: Session, (job, heavy): (&str, Heavy), context: &mut JobContext) -> Result<Session> {
    let lock = session.lock_job(job, heavy)?.map_err(|holder| {
        eyre!(
            "{}: {} runs here already (pid {} on {}); `cribble attach` shows it",
            session.dir().display(),
            holder.job,
            holder.pid,
            holder.host
        )
    })?;
    let companion = Companion::start(session.dir(), job, context.control().clone(), context.watch())?;
    context.keep(companion, lock);
    Ok(session)
}

pub(super) fn policy(order: &GenerateOrder) -> Result<Policy> {
    let directories = Directories::from_environment()?;
    let policy = Library::load(Some(directories.config()))?.policy(order.policy.as_deref())?;
    Ok(match &order.prompt {
        Some(prompt) => policy.with_prompt(prompt.clone())?,
        None => policy,
    })
}

/// The problems of the order: those given (added to the session), else the session's own; the first so many.
pub(super) fn chosen(session: &Session, given: Option<Vec<Problem>>, order: &GenerateOrder) -> Result<Vec<Problem>> {
    let limit = order.limit.unwrap_or(usize::MAX);
    let problems = match given {
        Some(mut problems) => {
            problems.truncate(limit);
            if order.held_out {
                session.hold_out(&problems)?;
            } else {
                session.add_problems(&problems)?;
            }
            problems
        }
        None => {
            let mut problems = session.pool()?;
            problems.truncate(limit);
            problems
        }
    };
    if problems.is_empty() {
        return Err(eyre!("{}: no problems here; give --problems FILE", session.dir().display()));
    }
    Ok(problems)
}

impl Watcher for JobContext {
    fn stopping(&self) -> bool {
        self.control().stopping()
    }

    fn stopping_now(&self) -> bool {
        self.control().stopping_now()
    }

    fn looked_at(&self) -> Option<u64> {
        self.control().looked_at()
    }

    fn paused(&self) -> bool {
        self.control().paused()
    }

    fn wait_while_paused(&self, limit: Duration) {
        self.control().wait_while_paused(limit);
    }

    fn due(&self, state: LiveState) -> bool {
        JobContext::due(self, state)
    }

    fn publish(&mut self, board: LiveBoard) {
        let board = self.of_part(board);
        JobContext::publish(self, board);
    }
}
