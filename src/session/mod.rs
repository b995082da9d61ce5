//! The session directory, the truth of a piece of work: SQLite store, decision log, locks, commands to a running job,
//! live tails. Knows nothing above itself: no model, no dialogue, no screen.

use std::path::{Path, PathBuf};

use crate::records::{Decision, DecisionVerb, LiveBoard, Problem, Sample, SampleSettings, Standing, UnixMillis};

/// What can go wrong with a session; each says what, where and what to do in one line.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    #[error("{path}: no session here; `cribble new {path}` makes one")]
    Missing { path: PathBuf },
    #[error("{path}: the session is open for viewing only: {reason}")]
    ReadOnly { path: PathBuf, reason: String },
    #[error("{path}: {message}")]
    Other { path: PathBuf, message: String },
}

pub type Result<T> = std::result::Result<T, SessionError>;

/// An open session. Cheap to open again on another thread; not shared between threads.
#[derive(Debug)]
pub struct Session {
    _dir: PathBuf,
}

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

/// A command to the process that holds the job lock, and its answer.
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

/// Who holds the job lock.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Holder {
    pub pid: u32,
    pub host: String,
    /// Such as `generate`.
    pub job: String,
    pub since: UnixMillis,
}

/// Held while a heavy job runs; released when dropped or when the process dies.
#[derive(Debug)]
pub struct JobLock {
    _private: (),
}

impl Session {
    /// Makes a new session directory; fails if there is one.
    pub fn create(_dir: &Path) -> Result<Session> {
        todo!()
    }
    /// Opens for writing; falls back to viewing where the directory cannot be written (see [`Session::read_only`]).
    pub fn open(_dir: &Path) -> Result<Session> {
        todo!()
    }
    pub fn open_or_create(_dir: &Path) -> Result<Session> {
        todo!()
    }
    pub fn dir(&self) -> &Path {
        todo!()
    }
    /// Why the session can only be viewed, or `None`.
    pub fn read_only(&self) -> Option<&str> {
        todo!()
    }
    /// Changes whenever any process wrote to the store.
    pub fn data_version(&self) -> Result<i64> {
        todo!()
    }

    /// Adds problems in one transaction. A known id with another text or answer is an error that names it.
    pub fn add_problems(&self, _problems: &[Problem]) -> Result<Added> {
        todo!()
    }
    pub fn problem(&self, _id: &str) -> Result<Option<Problem>> {
        todo!()
    }
    /// All problems in the order in which they were added.
    pub fn problems(&self) -> Result<Vec<Problem>> {
        todo!()
    }

    /// Keeps the settings under their hash; the same hash twice is fine. `provenance`: versions, host, template text.
    pub fn put_settings(&self, _settings: &SampleSettings, _provenance: &serde_json::Value) -> Result<String> {
        todo!()
    }
    pub fn settings(&self, _hash: &str) -> Result<Option<SampleSettings>> {
        todo!()
    }
    /// The draws that exist under these settings: (problem id, draw).
    pub fn draws(&self, _settings: &str) -> Result<std::collections::HashSet<(String, u32)>> {
        todo!()
    }
    /// Stores a sample in one transaction. Returns false if its (problem, draw, settings) was there already.
    pub fn add_sample(&self, _sample: &Sample) -> Result<bool> {
        todo!()
    }
    /// All rows, oldest first, with their standing. Text is not loaded.
    pub fn sample_rows(&self) -> Result<Vec<SampleRow>> {
        todo!()
    }
    /// Rows with an id above this one; for following a session that grows.
    pub fn sample_rows_after(&self, _id: i64) -> Result<Vec<SampleRow>> {
        todo!()
    }
    pub fn sample(&self, _id: i64) -> Result<Option<Sample>> {
        todo!()
    }
    pub fn counts(&self) -> Result<Counts> {
        todo!()
    }

    /// Appends a decision; it is on the disk, in the store and in `decisions.jsonl`, when this returns.
    pub fn decide(
        &self,
        _sample: i64,
        _verb: DecisionVerb,
        _reason: Option<&str>,
        _note: Option<&str>,
    ) -> Result<Decision> {
        todo!()
    }
    /// Takes back this person's latest decision that was not taken back; returns it and the sample's row number.
    pub fn undo(&self) -> Result<Option<(Decision, i64)>> {
        todo!()
    }
    /// The whole log, oldest first.
    pub fn decisions(&self) -> Result<Vec<Decision>> {
        todo!()
    }
    pub fn standing(&self, _sample: i64) -> Result<Standing> {
        todo!()
    }

    /// Takes the job lock, or says who holds it.
    pub fn lock_job(&self, _job: &str) -> Result<std::result::Result<JobLock, Holder>> {
        todo!()
    }
    /// Who holds the job lock now, if a living process does.
    pub fn holder(&self) -> Result<Option<Holder>> {
        todo!()
    }
    /// Sends a command to the holder; its id.
    pub fn send_command(&self, _job: &str, _verb: &str, _args: &serde_json::Value) -> Result<i64> {
        todo!()
    }
    /// Commands for this job not yet answered; older than the job's start are answered `stale` and left out.
    pub fn pending_commands(&self, _job: &str) -> Result<Vec<Command>> {
        todo!()
    }
    pub fn answer_command(&self, _id: i64, _answer: &str) -> Result<()> {
        todo!()
    }
    pub fn command(&self, _id: i64) -> Result<Option<Command>> {
        todo!()
    }

    /// Tells the holder that somebody watches (call about once a second).
    pub fn touch_watch(&self) -> Result<()> {
        todo!()
    }
    /// Whether somebody touched the watch within the last three seconds.
    pub fn watched(&self) -> bool {
        todo!()
    }
    /// Replaces `live/<job>.json` in one rename.
    pub fn write_live(&self, _board: &LiveBoard) -> Result<()> {
        todo!()
    }
    /// The last board that was mirrored, if any.
    pub fn read_live(&self, _job: &str) -> Result<Option<LiveBoard>> {
        todo!()
    }
}
