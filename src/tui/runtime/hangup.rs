//! When the terminal is gone and a job still runs: the process goes on without one.

use std::fs::OpenOptions;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use super::super::effect::Message;
use super::log;
use crate::tui::text::clean;

/// Puts an empty pipe on standard input and the log on the outputs. Whoever still reads the input waits instead of
/// spinning on a closed terminal. The returned end must be kept: once it closes, the pipe ends. What cannot be done is passed
/// over, since nobody is there to be told.
pub fn drop_terminal(state: &Path) -> Option<OwnedFd> {
    let kept = empty_input().ok();
    if let Some(out) = log::file(state).or_else(|| OpenOptions::new().write(true).open("/dev/null").ok()) {
        let _ = rustix::stdio::dup2_stdout(out.as_fd());
        let _ = rustix::stdio::dup2_stderr(out.as_fd());
    }
    kept
}

fn empty_input() -> std::io::Result<OwnedFd> {
    let (read, write) = rustix::pipe::pipe()?;
    rustix::stdio::dup2_stdin(read.as_fd())?;
    Ok(write)
}

/// What is known of the line of jobs where nobody looks at it.
pub struct Headless {
    /// How many wait.
    pub waiting: usize,
    /// One has left the line and has not begun, nor failed to.
    pub begins: bool,
}

impl Headless {
    pub fn take(&mut self, message: &Message) {
        match message {
            Message::Line { jobs, held } => {
                self.begins = jobs.len() < self.waiting;
                // Nobody is there to let a line go on that was stopped.
                self.waiting = if *held { 0 } else { jobs.len() };
            }
            Message::Error(error) => {
                tracing::error!("{}", clean(error));
                self.begins = false;
            }
            _ => {}
        }
    }
}
