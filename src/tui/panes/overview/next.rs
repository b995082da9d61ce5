//! What comes next in a session: the first part of the method that waits for somebody.

use super::state::{OverviewState, Passed};
use crate::records::LiveState;
use crate::tui::action::Scope;

/// What to do, where, and by which action there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Next {
    pub scope: Scope,
    /// The action that does it, once the pane is in front.
    pub action: Option<&'static str>,
    pub words: String,
}

pub(super) fn next(state: &OverviewState) -> Next {
    let go = |scope, action, words: &str| Next { scope, action, words: words.to_owned() };
    if let Some(Passed { waiting: Some((decided, wanted)), .. }) = &state.pass {
        let words = format!("decide on the samples that the pass waits for: {decided} of {wanted} are done");
        return Next { scope: Scope::Run, action: Some("run.review"), words };
    }
    // Of two the one that waits for a person.
    if let Some(board) = state.running().min_by_key(|board| board.state.is_busy()) {
        let scope = scope_of(&board.job, board.pass.is_some());
        let words = match board.state {
            LiveState::Waiting => "a job waits for you",
            LiveState::Paused => "a job is paused: let it go on",
            _ => "watch the job at work",
        };
        return go(scope, None, words);
    }
    if state.read_only.is_some() {
        return go(Scope::Review, None, "look through the samples; nothing can be changed here");
    }
    if let Some(Passed { whole: false, done, steps, .. }) = &state.pass {
        let words = format!("let the pass go on: {done} of {steps} steps are done");
        return Next { scope: Scope::Run, action: None, words };
    }
    if state.learnt.samples == 0 {
        return go(Scope::Generate, None, "name a model (micro is there) and problems, and start");
    }
    if state.learnt.waiting > 0 {
        let words = format!("judge {} samples by the rules", state.learnt.waiting);
        return Next { scope: Scope::Review, action: Some("review.judge"), words };
    }
    if state.learnt.to_train_on == 0 {
        return go(Scope::Review, None, "there is nothing to train on: see why in Review");
    }
    if state.runs.is_empty() {
        return go(Scope::Train, None, "look through what the rules accept, then train on it");
    }
    if state.evals.is_empty() {
        return go(Scope::Eval, Some("eval.new"), "score the models on problems that they were not trained on");
    }
    go(Scope::Difficulty, None, "sample more of the hard problems, and choose what to learn from")
}

/// The pane that a job is watched in.
pub(super) fn scope_of(job: &str, of_pass: bool) -> Scope {
    match job {
        _ if of_pass => Scope::Run,
        crate::records::TRAINING => Scope::Train,
        crate::records::EVALUATION => Scope::Eval,
        crate::records::PASS | crate::records::FORECAST => Scope::Run,
        _ => Scope::Generate,
    }
}
