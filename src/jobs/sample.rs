//! The sampling step as a job: a generation in rounds, and named as one.

use std::path::{Path, PathBuf};

use color_eyre::Result;

use super::generate::{backend, chosen, heavy, hold, opening, policy};
use super::{Job, JobContext};
use crate::exchange::problems;
use crate::pipeline::sample::{SampleOrder, SampleOutcome, sample};
use crate::records::{GENERATION, LiveBoard, LiveState};
use crate::session::{Session, SessionError};

/// A running or finished sampling.
pub type SampleJob = Job<SampleOutcome>;

/// Starts a sampling in a session, which is made if it is missing and the order is sound.
///
/// # Errors
/// If no thread can be started.
pub fn start_sample(dir: PathBuf, order: SampleOrder) -> Result<SampleJob> {
    Job::start(GENERATION, move |context| run(&dir, &order, context))
}

fn run(dir: &Path, order: &SampleOrder, context: &mut JobContext) -> Result<SampleOutcome> {
    order.check()?;
    let heavy = heavy(GENERATION)?;
    let generate = &order.generate;
    let policy = policy(generate)?;
    let given = generate.problems.as_deref().map(problems::read).transpose()?.map(|(problems, _)| problems);
    if given.is_none() && !dir.join("session.db").exists() {
        return Err(SessionError::Missing { path: dir.to_path_buf() }.into());
    }
    let (state, message) = (LiveState::Starting, opening(generate));
    context.publish(LiveBoard { job: GENERATION.into(), state, message, ..LiveBoard::default() });
    let mut backend = backend(generate)?;
    let session = hold(Session::open_or_create(dir)?, (GENERATION, heavy), context)?;
    let problems = chosen(&session, given, generate)?;
    sample(&session, &mut *backend, &problems, &policy, order, context)
}
