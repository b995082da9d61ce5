//! What the pane knows: a few numbers of every part of the session, kept as messages come.

use std::collections::BTreeMap;

use crate::records::LiveBoard;
use crate::session::Counts;
use crate::stats::Interval;
use crate::tui::action::Scope;
use crate::tui::boards::Boards;
use crate::tui::learnt::Learnt;
use crate::tui::load::MachineLoad;

/// The parts of the method in their order, by the panes that they are worked on in.
pub(super) const PARTS: [Scope; 6] =
    [Scope::Generate, Scope::Review, Scope::Difficulty, Scope::Train, Scope::Eval, Scope::Run];

/// A training as its record tells it.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Trained {
    pub step: u64,
    pub total: Option<u64>,
    pub loss: Option<f64>,
    pub validation: Option<f64>,
}

/// A whole pass.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Passed {
    pub recipe: String,
    pub done: usize,
    pub steps: usize,
    /// A person is waited for: decisions made, and wanted.
    pub waiting: Option<(usize, usize)>,
    pub whole: bool,
}

#[derive(Debug, Clone, Default)]
pub struct OverviewState {
    /// Name of the open session; nothing is shown without one.
    pub(super) name: Option<String>,
    pub(super) read_only: Option<String>,
    pub(super) counts: Counts,
    pub(super) learnt: Learnt,
    /// The newest selection that is known of.
    pub(super) selected: Option<String>,
    /// By name; the newest is the one that something was told of last.
    pub(super) runs: BTreeMap<String, Trained>,
    pub(super) newest: String,
    /// Evaluations in their order: name, pass@1.
    pub(super) evals: Vec<(String, Interval)>,
    pub(super) pass: Option<Passed>,
    pub(super) boards: Boards,
    /// Jobs that wait for others to end.
    pub(super) line: Vec<String>,
    pub(super) machine: Option<MachineLoad>,
    pub(super) at: usize,
}

impl OverviewState {
    /// The boards of jobs that are at work; of two, the generation's first.
    pub(super) fn running(&self) -> impl Iterator<Item = &LiveBoard> {
        self.boards.at_work()
    }
}
