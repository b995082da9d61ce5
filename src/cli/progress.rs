//! One line of progress on standard error, rewritten in place, and only where that is a terminal.

use std::io::{IsTerminal, Write};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use super::signals::Asked;
use crate::hub::{self, Progress};
use crate::jobs::Job;
use crate::records::{LiveBoard, LiveState};
use crate::tui::text;

/// Between two looks at a job.
pub const BETWEEN: Duration = Duration::from_millis(200);

#[derive(Debug)]
pub struct ProgressLine {
    on: bool,
    shown: bool,
}

impl ProgressLine {
    pub fn new() -> Self {
        Self { on: std::io::stderr().is_terminal(), shown: false }
    }

    /// Replaces the line. A terminal that went away is no error: the work goes on.
    pub fn show(&mut self, board: &LiveBoard) {
        if !self.on {
            return;
        }
        let line = line(board);
        self.shown = true;
        if write!(std::io::stderr(), "\r\x1b[2K{line}").and_then(|()| std::io::stderr().flush()).is_err() {
            self.on = false;
        }
    }

    /// Takes the line away.
    pub fn clear(&mut self) {
        if self.on && self.shown {
            let _ = write!(std::io::stderr(), "\r\x1b[2K");
        }
        self.shown = false;
    }
}

/// Shows a job's board until it ends.
pub fn follow<T: Send + 'static>(job: &Job<T>) {
    let mut progress = ProgressLine::new();
    while !job.finished() {
        progress.show(&job.board());
        job.wait(BETWEEN);
    }
    progress.clear();
}

/// Shows what is fetched from the Hub, on the same terms, until a signal asks to stop.
pub fn show_downloads(asked: Option<Asked>) {
    let on = std::io::stderr().is_terminal();
    hub::watch_downloads(Arc::new(move |progress: &Progress| {
        // Told at most ten times a second, and at the end of each file.
        if on && progress.total > 0 {
            let line = if progress.done < progress.total { download(progress) } else { String::new() };
            let _ = write!(std::io::stderr(), "\r\x1b[2K{line}").and_then(|()| std::io::stderr().flush());
        }
        if asked.as_ref().is_some_and(Asked::to_stop) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }));
}

fn download(progress: &Progress) -> String {
    let megabytes = |bytes: u64| bytes as f64 / 1e6;
    format!(
        "fetching {}: {:.1} of {:.1} MB",
        text::clean(&progress.file),
        megabytes(progress.done),
        megabytes(progress.total)
    )
}

/// A count on the way to another, on the same terms.
#[derive(Debug)]
pub struct Count {
    what: &'static str,
    on: bool,
    last: Option<std::time::Instant>,
}

impl Count {
    pub fn new(what: &'static str) -> Self {
        Self { what, on: std::io::stderr().is_terminal(), last: None }
    }

    /// Replaces the line, at most ten times a second.
    pub fn show(&mut self, done: usize, all: usize) {
        let now = std::time::Instant::now();
        let due = self.last.is_none_or(|last| now - last > std::time::Duration::from_millis(100));
        if self.on && due {
            self.last = Some(now);
            let _ = write!(std::io::stderr(), "\r\x1b[2K{} {done}/{all}", self.what);
        }
    }

    pub fn clear(&mut self) {
        if self.on && self.last.is_some() {
            let _ = write!(std::io::stderr(), "\r\x1b[2K");
        }
    }
}

fn line(board: &LiveBoard) -> String {
    let totals = &board.totals;
    match board.state {
        LiveState::Starting | LiveState::Waiting => text::clean(&board.message),
        state => {
            let done = totals.existing + totals.finished;
            let eta = totals.eta_seconds.map_or(String::new(), |seconds| format!(", {} left", duration(seconds)));
            let word = match state {
                LiveState::Paused => " (paused)",
                LiveState::Stopping => " (stopping)",
                _ => "",
            };
            format!(
                "{done}/{} samples, {} tokens, {:.0} tok/s{eta}{word}",
                totals.samples_wanted, totals.tokens, totals.tokens_per_second
            )
        }
    }
}

fn duration(seconds: f64) -> String {
    let seconds = seconds.max(0.0).round() as u64;
    match seconds {
        0..=59 => format!("{seconds} s"),
        60..=3599 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::LiveTotals;

    #[test]
    fn the_line_counts_what_was_there_before() {
        let totals = LiveTotals {
            samples_wanted: 40,
            existing: 10,
            finished: 5,
            tokens: 1200,
            tokens_per_second: 99.6,
            eta_seconds: Some(75.0),
            ..LiveTotals::default()
        };
        let board = LiveBoard { state: LiveState::Running, totals, ..LiveBoard::default() };
        assert_eq!(line(&board), "15/40 samples, 1200 tokens, 100 tok/s, 1 min 15 s left");
    }
}
