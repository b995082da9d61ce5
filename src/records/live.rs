//! What a running generation shows of itself: the same board whether it is watched from inside or from another process.

use serde::{Deserialize, Serialize};

use super::{Spent, UnixMillis};

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LiveState {
    /// Loading a model, reading the session.
    #[default]
    Starting,
    Running,
    Paused,
    /// A pass that goes on when a person has decided, or says so.
    Waiting,
    /// Finishing what was asked to stop.
    Stopping,
    Done,
    Failed,
}

impl LiveState {
    /// Whether the job has ended, well or not.
    pub fn is_over(self) -> bool {
        matches!(self, Self::Done | Self::Failed)
    }

    /// Whether it computes, or soon will: one that is paused or waits for a person leaves the machine to others.
    pub fn is_busy(self) -> bool {
        matches!(self, Self::Starting | Self::Running | Self::Stopping)
    }
}

/// One turn of a running sample.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct LiveTurn {
    /// `attempt`, or the strategy's name for a revision.
    pub label: String,
    /// What the user side said before this turn: the problem for the attempt, the guidance for a revision.
    pub prompt: String,
    /// What the model has written so far. Raw: clean it before it reaches a terminal.
    pub text: String,
    pub tokens: usize,
    pub finished: bool,
}

impl LiveTurn {
    /// Whether some of it has been told, and not its end.
    pub fn is_growing(&self) -> bool {
        self.tokens > 0 && !self.finished
    }
}

/// One sample in work.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct LiveSample {
    /// Stable while the sample runs.
    pub key: u64,
    pub problem_id: String,
    pub draw: u32,
    pub turns: Vec<LiveTurn>,
    /// Assistant turns asked for in all.
    pub turns_wanted: usize,
    pub tokens: usize,
    pub tokens_per_second: f64,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct LiveTotals {
    pub problems: usize,
    /// Samples wanted in all, with those that were there before.
    pub samples_wanted: usize,
    /// Samples that were there when this call began.
    pub existing: usize,
    /// Samples finished by this call.
    pub finished: usize,
    pub correct: usize,
    pub truncated: usize,
    pub failed: usize,
    /// Samples put off until their next turns have been written elsewhere.
    #[serde(default)]
    pub postponed: usize,
    pub tokens: usize,
    /// Over the last seconds, all samples together; at the end over the whole of the work.
    pub tokens_per_second: f64,
    pub elapsed_seconds: f64,
    pub eta_seconds: Option<f64>,
    /// What servers have counted in this session, all calls together.
    #[serde(default)]
    pub spent: Spent,
    /// USD, where a price was given.
    #[serde(default)]
    pub cost: Option<f64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ServerState {
    Healthy,
    /// It answers, but takes much longer for a token than it did, or asked to be asked less.
    Slow,
    /// It failed several times in a row and is left alone until then.
    Resting {
        until: UnixMillis,
    },
    /// It has not been well since several rests, or serves another model.
    Sick,
}

/// A server that writes turns, as the one who asks it sees it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LiveServer {
    pub url: String,
    pub state: ServerState,
    /// Requests that are there now.
    pub in_flight: usize,
    /// Requests that may be there at once, as things stand.
    pub allowed: usize,
    /// Answers.
    pub done: u64,
    /// Calls that came to nothing.
    pub failed: u64,
    /// Those of them that were tried again, here or elsewhere.
    pub retried: u64,
    /// Written over the last half minute.
    pub tokens_per_second: f64,
    /// One line, in part the server's words. Raw: clean it before it reaches a terminal.
    pub last_error: Option<String>,
}

/// Which step of a pass a job is at.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PassPlace {
    pub step: String,
    /// Its place among all steps, from 1.
    pub at: usize,
    pub of: usize,
    /// When this call began it.
    pub since: UnixMillis,
}

/// The whole board. Published whole: a reader never sees half a change.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct LiveBoard {
    /// Counts publications, so that a reader knows whether anything changed.
    pub version: u64,
    pub job: String,
    pub state: LiveState,
    /// One line for the person: what is going on, or what went wrong.
    pub message: String,
    pub model: String,
    /// Of a training: the run's name.
    #[serde(default)]
    pub run: String,
    /// Of a step of a pass: which one.
    #[serde(default)]
    pub pass: Option<PassPlace>,
    /// Bytes that the process of the job holds, and those that it was planned to take at most; `None` where nobody counts.
    #[serde(default)]
    pub memory: Option<(u64, u64)>,
    pub compute: String,
    pub totals: LiveTotals,
    pub running: Vec<LiveSample>,
    /// Those that have left work a moment ago, whole: their last words may have come after the last board that they ran on. The last
    /// board of a job keeps them.
    #[serde(default)]
    pub ended: Vec<LiveSample>,
    /// Where servers write, each of them.
    #[serde(default)]
    pub servers: Vec<LiveServer>,
    pub updated_at: UnixMillis,
}
