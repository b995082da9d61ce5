//! What takes the keys of the pane, and what lies over it.

use super::filter::Filter;
use crate::records::{DecisionVerb, Problem, Sample};
use crate::tui::effect::Judged;
use crate::tui::widgets::{Editor, Input};

/// What takes the keys.
#[derive(Debug, Clone, Default)]
pub(super) enum Mode {
    #[default]
    Browse,
    Filter {
        input: Input,
        error: Option<String>,
    },
    Search(Input),
    /// The reason picker for a sample; nothing is chosen at first.
    Reasons {
        sample: i64,
        chosen: Option<usize>,
    },
    OtherReason {
        sample: i64,
        input: Input,
    },
    Note(Writing),
    /// The chain of a sample, being edited.
    Edit(Writing),
    /// These samples, which were the list when it was asked, are about to be decided on.
    Bulk {
        verb: DecisionVerb,
        samples: Vec<i64>,
    },
    /// The funnel, with a step of it selected.
    Funnel(usize),
    /// The table of agreement, with its first line in sight.
    Report(usize),
}

/// A text of a sample that is being written.
#[derive(Debug, Clone)]
pub(super) struct Writing {
    pub sample: i64,
    pub editor: Editor,
    pub now: Stage,
    /// What the store was last asked to keep.
    pub asked: Option<String>,
}

impl Writing {
    pub fn new(sample: i64, editor: Editor) -> Self {
        Self { sample, editor, now: Stage::Writing, asked: None }
    }

    /// Whether the store was asked to keep just what stands here.
    pub fn is_asked(&self) -> bool {
        self.asked.as_ref().is_some_and(|asked| *asked == self.editor.text())
    }
}

/// How far a text that is being written has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Writing,
    /// It was to be left with what was changed: a question is open.
    Doubt,
    /// The store was asked to keep it and has not answered.
    Storing,
}

/// What the transcript shows of the open sample.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Show {
    #[default]
    Dialogue,
    Chain,
    /// The table of verdicts.
    Verdicts,
    /// What the revision changed of the attempt.
    Changes,
}

impl Show {
    pub fn name(self) -> &'static str {
        match self {
            Show::Dialogue => "dialogue",
            Show::Chain => "chain",
            Show::Verdicts => "verdicts",
            Show::Changes => "changes",
        }
    }
}

/// Another sample of the same problem, shown beside the open one.
#[derive(Debug, Clone)]
pub(super) struct Beside {
    pub id: i64,
    pub open: Option<Open>,
}

/// Where to go back to from a list that the funnel or the report opened.
#[derive(Debug, Clone)]
pub(super) struct Back {
    /// The person's own filter.
    pub filter: Filter,
    pub mode: Mode,
}

/// The line at the foot of the pane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Notice {
    Said(String),
    Refused(String),
}

/// A sample whose text is here.
#[derive(Debug, Clone)]
pub(super) struct Open {
    pub sample: Box<Sample>,
    pub problem: Option<Box<Problem>>,
    pub judged: Option<Box<Judged>>,
}
