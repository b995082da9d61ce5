//! The trainer of a run as a process, known by a file in the run's folder. How programs are started, found and signalled:
//! `launch::process`.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use crate::launch::process;
pub(super) use crate::launch::process::{Exit, Process};

fn file(place: &Path) -> PathBuf {
    place.join("trainer.pid")
}

/// Whether a trainer was started and nobody has seen its end.
pub(super) fn is_known(place: &Path) -> bool {
    process::is_known(&file(place))
}

/// Forgets the trainer of a run.
pub(super) fn forget(place: &Path) -> io::Result<()> {
    process::forget(&file(place))
}

/// Starts the trainer of a run: see [`Process::start`].
pub(super) fn start(place: &Path, words: &[String], log: File, environment: &[String]) -> io::Result<Process> {
    Process::start(&file(place), words, log, environment)
}

/// The trainer of a run that is at work already, whoever started it.
///
/// # Errors
/// If it may be at work on another machine: one line.
pub(super) fn find(place: &Path) -> Result<Option<Process>, String> {
    Process::find(&file(place), "the trainer")
}
