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
use crate::generate::http::{Endpoint, HttpBackend, HttpOptions, Secret};
use crate::generate::local::{LocalBackend, LocalOptions};
use crate::pipeline::{GenerateOrder, GenerateOutcome, Servers, Watcher, generate};
use crate::records::{GENERATION, Heavy, LiveBoard, LiveState, Problem};
use crate::session::Session;

/// Starts a generation in a session, which is made if it is missing and the order is sound.
pub fn start_generate(dir: PathBuf, order: GenerateOrder) -> Result<GenerateJob> {
    Job::start(GENERATION, move |context| run(&dir, &order, || backend(&order), context))
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
fn backend(order: &GenerateOrder) -> Result<Box<dyn Backend>> {
    match &order.servers {
        Some(servers) => Ok(Box::new(HttpBackend::connect(http(order, servers)?)?)),
        None => local(order),
    }
}

/// How servers are asked for an order.
///
/// # Errors
/// If an address or the key cannot be used.
fn http(order: &GenerateOrder, servers: &Servers) -> Result<HttpOptions> {
    let endpoint = |address: &String| -> Result<Endpoint> {
        let mut endpoint = Endpoint::new(address)?;
        endpoint.most_in_flight = servers.most_in_flight;
        Ok(endpoint)
    };
    let key = match &servers.key_file {
        Some(path) => Some(Secret::from_file(path)?),
        None => Secret::from_environment()?,
    };
    Ok(HttpOptions {
        endpoints: servers.endpoints.iter().map(endpoint).collect::<Result<_>>()?,
        model: Some(order.model.clone()).filter(|name| !name.is_empty()),
        key,
        allow_plain: servers.allow_plain_key,
        extra: servers.extra.clone(),
        max_tokens_total: servers.most_tokens,
        sampling: order.sampling.clone(),
        ..HttpOptions::default()
    })
}

/// The backend of an order, in this process.
pub(super) fn local(order: &GenerateOrder) -> Result<Box<dyn Backend>> {
    let options =
        LocalOptions { compute: order.compute, slots: order.slots, lookup: order.lookup, ..LocalOptions::default() };
    Ok(Box::new(LocalBackend::load(&order.model, options)?))
}

fn run(
    dir: &Path,
    order: &GenerateOrder,
    load: impl FnOnce() -> Result<Box<dyn Backend>>,
    context: &mut JobContext,
) -> Result<GenerateOutcome> {
    Ok(drawn(dir, order, GENERATION, load, context)?.outcome)
}

/// Samples that were drawn, and for which problems.
pub(super) struct Drawn {
    pub session: Session,
    pub problems: Vec<Problem>,
    pub outcome: GenerateOutcome,
}

/// Draws what an order asks for, as the whole of a job or a part of it. What can be wrong with the order is found before
/// anything is made or written.
pub(super) fn drawn(
    dir: &Path,
    order: &GenerateOrder,
    job: &'static str,
    load: impl FnOnce() -> Result<Box<dyn Backend>>,
    context: &mut JobContext,
) -> Result<Drawn> {
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
    let message = match &order.servers {
        Some(servers) => format!("asking {}", servers.endpoints.join(", ")),
        None => format!("loading {}", order.model),
    };
    let board = LiveBoard { job: job.into(), state: LiveState::Starting, message, ..LiveBoard::default() };
    context.publish(board);
    let mut backend = load()?;
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
