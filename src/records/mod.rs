//! The plain data of a session: problems, turns, chains, samples, decisions, and what a running job shows of itself.
//!
//! This is the vocabulary that every room shares. It holds no store, no thread, no screen and no behaviour beyond what
//! a value can say of itself.

mod decision;
mod job;
mod live;
mod problem;
mod sample;
mod selection;
mod settings;
mod spent;

pub use decision::{Decision, DecisionVerb, Standing};
pub use job::{EVALUATION, FORECAST, GENERATION, Heavy, PASS, TRAINING};
pub use live::{LiveBoard, LiveSample, LiveServer, LiveState, LiveTotals, LiveTurn, PassPlace, ServerState};
pub use problem::Problem;
pub use sample::{Chain, EDITED, Sample, Segment, SegmentKind, Turn, TurnKind};
pub use selection::Selected;
pub use settings::{FinishReason, Message, ModelIdentity, Role, SampleSettings, Sampling};
pub use spent::Spent;

/// Milliseconds since the Unix epoch.
pub type UnixMillis = i64;

/// The wall clock, in [`UnixMillis`].
pub fn now_millis() -> UnixMillis {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |since| since.as_millis() as UnixMillis)
}
