//! One server at work: its files, and how it is started and ended.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use color_eyre::Result;
use color_eyre::eyre::{WrapErr, eyre};
use rustix::process::Signal;

use super::{Pace, board};
use crate::launch::process::{self, Exit, Process};
use crate::launch::{log, replace, template};
use crate::pipeline::Watcher;
use crate::records::LiveState;

/// Ends the name of the file that says which process it is.
pub(super) const PID: &str = ".pid";

/// The files of a server.
#[derive(Debug)]
pub(super) struct Files {
    pub pid: PathBuf,
    pub command: PathBuf,
    pub log: PathBuf,
}

impl Files {
    pub(super) fn of(place: &Path, name: &str) -> Self {
        let file = |end: &str| place.join(format!("{name}{end}"));
        Self { pid: file(PID), command: file(".command"), log: file(".log") }
    }
}

/// A server that was started for a model of a pass, by this process or one before.
#[derive(Debug)]
pub(super) struct Server {
    /// The model's in the pass.
    pub name: String,
    pub files: Files,
    pub process: Process,
}

impl Server {
    /// Starts a server. `environment`: names of keys that it may have.
    ///
    /// # Errors
    /// If its program cannot be started, or its files not be written.
    pub(super) fn start(place: &Path, name: &str, words: &[String], environment: &[String]) -> Result<Self> {
        let files = Files::of(place, name);
        let at = |path: &Path| path.display().to_string();
        std::fs::create_dir_all(place).wrap_err_with(|| at(place))?;
        replace(&files.command, text(words).as_bytes()).wrap_err_with(|| at(&files.command))?;
        let log = log::begin(&files.log).wrap_err_with(|| at(&files.log))?;
        let process = Process::start(&files.pid, words, log, environment).map_err(|error| {
            let program = words.first().map_or("", String::as_str);
            eyre!("cannot start `{program}`: {error}; the whole command is in {}", at(&files.command))
        })?;
        Ok(Self { name: name.to_owned(), files, process })
    }

    /// Whether it is the one for a model, started by this command; without a command that does not matter.
    pub(super) fn serves(&self, name: &str, command: Option<&[String]>) -> bool {
        let started =
            |words: &[String]| std::fs::read(&self.files.command).is_ok_and(|was| was == text(words).as_bytes());
        self.name == name && command.is_none_or(started)
    }

    /// How it ended and why.
    pub(super) fn last_words(&self, exit: Exit) -> String {
        let why = log::reason(&self.files.log).map_or(String::new(), |reason| format!(": {reason}"));
        format!("the server of {} {exit}{why}; its log is {}", self.name, self.files.log.display())
    }

    /// Asks it to end, then ends it. Nothing of its group is left then.
    ///
    /// # Errors
    /// If something holds it.
    pub(super) fn end(mut self, pace: &Pace, watcher: &mut dyn Watcher) -> Result<()> {
        let state = if watcher.stopping() { LiveState::Stopping } else { LiveState::Running };
        watcher.publish(board(state, format!("ending the server of {}", self.name), &self.name));
        let (since, mut signals) = (Instant::now(), 0);
        while self.process.poll()?.is_none() {
            let force = if watcher.stopping_now() { pace.hurry } else { pace.terminate };
            let ladder = [(Duration::ZERO, Signal::TERM), (force, Signal::KILL)];
            while let Some((after, signal)) = ladder.get(signals)
                && since.elapsed() >= *after
            {
                self.process.signal(*signal);
                signals += 1;
            }
            if since.elapsed() >= force + pace.terminate {
                let pid = self.process.identity.pid;
                return Err(eyre!("the server of {} (pid {pid}) does not end; see what holds it", self.name));
            }
            std::thread::sleep(pace.rest);
        }
        process::forget(&self.files.pid).wrap_err_with(|| self.files.pid.display().to_string())
    }
}

/// A command as its file has it.
fn text(words: &[String]) -> String {
    template::join(words) + "\n"
}
