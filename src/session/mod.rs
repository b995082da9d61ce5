//! The session directory, the truth of a piece of work: SQLite store, decision log, locks, commands to a running job,
//! live tails. Knows nothing above itself: no model, no dialogue, no screen.

mod commands;
mod decisions;
mod evals;
mod extras;
mod live;
mod lock;
mod problems;
mod rows;
mod samples;
mod schema;
mod selections;
mod spending;
mod steps;
mod store;
#[cfg(test)]
mod tests;
pub mod tour;
mod verdicts;

use std::path::PathBuf;

use crate::records::{DecisionVerb, Standing, UnixMillis};

pub use evals::StoredEval;
pub use extras::Extras;
pub use lock::{FilterLock, Holder, JobLock};
pub use selections::StoredSelection;
pub use steps::StoredStep;
pub use store::{Session, network_file_system};
pub use verdicts::{FilterInput, FilterPlace, Filtering, Reviewable, StoredMeasure, StoredVerdict};

/// What can go wrong with a session; each says what, where and what to do in one line.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    #[error("{path}: no session here; `cribble new {path}` makes one")]
    Missing { path: PathBuf },
    #[error("{path}: the session is open for viewing only: {reason}")]
    ReadOnly { path: PathBuf, reason: String },
    #[error("{path}: another process has held the store for more than 5 s; see `cribble doctor --session`")]
    Busy { path: PathBuf },
    #[error("{path}: {message}")]
    Other { path: PathBuf, message: String },
}

pub type Result<T> = std::result::Result<T, SessionError>;

/// What [`Session::add_problems`] did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Added {
    pub added: usize,
    /// Already there with the same text and answer.
    pub unchanged: usize,
}

/// A sample's row in a list.
#[derive(Debug, Clone, PartialEq)]
pub struct SampleRow {
    /// Row number in this session's store; good until the session is closed.
    pub id: i64,
    pub problem_id: String,
    pub source: String,
    /// Drawn for a problem that models are scored on: never trained on.
    pub held_out: bool,
    pub level: Option<i64>,
    pub subject: Option<String>,
    pub draw: u32,
    pub settings: String,
    pub strategies: Vec<String>,
    pub tags: Vec<String>,
    pub answer: Option<String>,
    pub correct: Option<bool>,
    pub finish: crate::records::FinishReason,
    pub tokens: usize,
    pub seconds: f64,
    pub created_at: UnixMillis,
    pub standing: Standing,
    /// What the filter last said; `None` when it has not judged the sample.
    pub accepted: Option<bool>,
    /// Names of the rules in force that it fails.
    pub failed: Vec<String>,
    /// Behaviours that it shows, and what became of its answer, as the filter measured.
    pub traits: Vec<String>,
}

impl SampleRow {
    /// Whether it is trained on: what the filter accepts, unless a person decided otherwise. A person always wins, and what
    /// was skipped is left out. Only what was drawn for a problem to be scored on is never trained on.
    pub fn trained_on(&self) -> bool {
        match self.standing.verb {
            _ if self.held_out => false,
            Some(DecisionVerb::Accept) => true,
            Some(DecisionVerb::Reject | DecisionVerb::Skip) => false,
            _ => self.accepted == Some(true),
        }
    }

    /// Whether a person decided otherwise than the filter.
    pub fn overruled(&self) -> bool {
        use DecisionVerb::{Accept, Reject};
        matches!((self.accepted, self.standing.verb), (Some(true), Some(Reject)) | (Some(false), Some(Accept)))
    }
}

/// How many of what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    pub problems: usize,
    pub samples: usize,
    pub correct: usize,
    pub accepted: usize,
    pub rejected: usize,
    pub skipped: usize,
    pub flagged: usize,
}

/// A command to a process that holds a job lock, and its answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Command {
    pub id: i64,
    pub job: String,
    /// `pause`, `resume`, `stop`.
    pub verb: String,
    pub args: serde_json::Value,
    pub by: String,
    pub at: UnixMillis,
    /// `None` until answered.
    pub answer: Option<String>,
}
