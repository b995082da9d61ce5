//! What a person said of a sample. The log is append-only: an undo is one more line.

use serde::{Deserialize, Serialize};

use super::UnixMillis;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DecisionVerb {
    Accept,
    Reject,
    Skip,
    Flag,
    Unflag,
    /// Replaces the note; an empty note removes it.
    Note,
    /// Takes back the decision named by [`Decision::undoes`].
    Undo,
}

/// One line of the decision log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// Unique over all processes and time, given by the store.
    pub id: String,
    /// Key of the sample: (problem, draw, settings hash) outlives any row number.
    pub problem_id: String,
    pub draw: u32,
    pub settings: String,
    pub verb: DecisionVerb,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undoes: Option<String>,
    /// Decisions that were made at once have this in common, and are taken back at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch: Option<String>,
    /// Who: the login name.
    pub by: String,
    pub at: UnixMillis,
}

/// Where a sample stands after all its decisions: the last accept, reject or skip that was not undone.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// Accept, Reject or Skip.
    pub verb: Option<DecisionVerb>,
    pub reason: Option<String>,
    pub flagged: bool,
    pub note: Option<String>,
}
