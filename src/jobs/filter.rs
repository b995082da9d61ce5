//! The filter beside the screen: a thread that reports and can be stopped. What it judges belongs to `pipeline`.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use color_eyre::Result;
use color_eyre::eyre::{WrapErr, eyre};

use super::yield_to_the_screen;
use crate::pipeline::{FilterOutcome, FilterSources, filter};
use crate::session::Session;

/// Between two reports of progress.
const BETWEEN_REPORTS: Duration = Duration::from_millis(100);

/// What a running filter tells.
pub enum FilterNews {
    Measured { done: usize, all: usize },
    Done(Box<FilterOutcome>),
    Failed(String),
}

/// A running or finished filter.
pub struct FilterJob {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl FilterJob {
    pub fn finished(&self) -> bool {
        self.thread.is_finished()
    }

    /// Asks it to end; what it measured is kept.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Release);
    }
}

/// Judges the session in this directory by the settings of the configuration directory.
pub fn start_filter(dir: PathBuf, config: PathBuf, say: impl Fn(FilterNews) + Send + 'static) -> Result<FilterJob> {
    let stop = Arc::new(AtomicBool::new(false));
    let stopping = Arc::clone(&stop);
    let thread = std::thread::Builder::new().name("filter".into()).spawn(move || {
        yield_to_the_screen();
        let run = std::panic::AssertUnwindSafe(|| judge(&dir, &config, &stopping, &say));
        match std::panic::catch_unwind(run)
            .unwrap_or_else(|_| Err(eyre!("the filter crashed; the verdicts are as they were")))
        {
            Ok(Some(outcome)) => say(FilterNews::Done(Box::new(outcome))),
            Ok(None) => {}
            Err(error) => say(FilterNews::Failed(format!("{error:#}"))),
        }
    });
    Ok(FilterJob { stop, thread: thread.wrap_err("cannot start a thread")? })
}

fn judge(
    dir: &std::path::Path,
    config: &std::path::Path,
    stopping: &AtomicBool,
    say: &dyn Fn(FilterNews),
) -> Result<Option<FilterOutcome>> {
    let session = Session::open(dir)?;
    let sources = FilterSources::default().or_as_before(&session)?;
    let mut last: Option<Instant> = None;
    filter(&session, &sources, config, &mut |done, all| {
        if last.is_none_or(|last| last.elapsed() >= BETWEEN_REPORTS) {
            last = Some(Instant::now());
            say(FilterNews::Measured { done, all });
        }
        !stopping.load(Ordering::Acquire)
    })
}
