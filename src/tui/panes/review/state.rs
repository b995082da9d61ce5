//! What the Review pane knows: the rows, which of them are listed, the sample that is open, and what is being typed.

use std::collections::{HashMap, HashSet};

use ratatui::layout::Rect;
use tui_textarea::TextArea;

use super::audit::Audit;
use super::content;
use super::diff;
use super::filter::{Filter, Sort, arrange};
use super::judged;
use super::layout::Layout;
use crate::filter::audit::Order;
use crate::pipeline::FilterOutcome;
use crate::records::{DecisionVerb, Problem, Sample, Standing};
use crate::session::{Counts, SampleRow};
use crate::tui::effect::{Effect, Judged};
use crate::tui::widgets::{Input, ListWindow, Transcript};

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
    Note {
        sample: i64,
        editor: Box<TextArea<'static>>,
    },
    /// The chain of a sample, being edited.
    Edit {
        sample: i64,
        editor: Box<TextArea<'static>>,
    },
    /// Everything in the list is about to be decided on.
    Bulk(DecisionVerb),
    /// The funnel, with a step of it selected.
    Funnel(usize),
    /// The table of a spot check, with its first line in sight.
    Report(usize),
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
    pub sample: Option<Box<Sample>>,
}

/// The line at the foot of the pane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Notice {
    Said(String),
    Refused(String),
}

/// The sample whose text is here.
#[derive(Debug, Clone)]
pub(super) struct Open {
    pub sample: Box<Sample>,
    pub problem: Option<Box<Problem>>,
    pub judged: Option<Box<Judged>>,
}

/// The whole state of the Review pane.
#[derive(Debug, Clone, Default)]
pub struct ReviewState {
    pub(super) opened: bool,
    pub(super) read_only: Option<String>,
    pub(super) counts: Counts,
    /// In the order in which they were added.
    pub(super) rows: Vec<SampleRow>,
    by_id: HashMap<i64, usize>,
    /// Positions in `rows` of what is listed, in list order.
    pub(super) listed: Vec<usize>,
    pub(super) window: ListWindow,
    /// The selected sample, by id: it outlives sorting and new rows.
    pub(super) selected: Option<i64>,
    pub(super) filter: Filter,
    pub(super) sort: Sort,
    pub(super) stay: bool,
    pub(super) show: Show,
    pub(super) beside: Option<Beside>,
    pub(super) audit: Option<Audit>,
    /// How the spot check that was asked for chooses.
    pub(super) audit_order: Order,
    /// What the filter last came to.
    pub(super) outcome: Option<Box<FilterOutcome>>,
    /// Samples measured, of so many, while the filter runs.
    pub(super) judging: Option<(usize, usize)>,
    pub(super) open: Option<Open>,
    pub(super) transcript: Transcript,
    pub(super) side: Transcript,
    pub(super) mode: Mode,
    pub(super) notice: Option<Notice>,
    /// Decided here, and the store has not answered yet: moving on passes over them.
    pub(super) asked: HashSet<i64>,
    width: u16,
    height: u16,
}

/// Tells the pane the size that it will be drawn in.
pub fn resize(state: &mut ReviewState, width: u16, height: u16) {
    if (state.width, state.height) == (width, height) {
        return;
    }
    (state.width, state.height) = (width, height);
    state.lay_out();
}

impl ReviewState {
    /// Gives every part its size anew.
    pub(super) fn lay_out(&mut self) {
        let (width, height) = (self.width, self.height);
        let state = self;
        let layout = Layout::of(Rect::new(0, 0, width, height), state.beside.is_some());
        state.transcript.resize(layout.transcript.width, layout.transcript.height);
        state.side.resize(layout.side.width, layout.side.height);
        state.window.set_height(usize::from(layout.list.height), state.listed.len());
    }

    /// Whether a text field, a prompt or a picker takes the keys as they are.
    pub fn capturing(&self) -> bool {
        !matches!(self.mode, Mode::Browse)
    }

    /// The selected sample's row number in the store.
    pub fn selected(&self) -> Option<i64> {
        self.selected
    }

    pub(super) fn row(&self, id: i64) -> Option<&SampleRow> {
        self.by_id.get(&id).and_then(|&at| self.rows.get(at))
    }

    pub(super) fn selected_row(&self) -> Option<&SampleRow> {
        self.selected.and_then(|id| self.row(id))
    }

    pub(super) fn say(&mut self, text: impl Into<String>) {
        self.notice = Some(Notice::Said(text.into()));
    }

    pub(super) fn refuse(&mut self, text: impl Into<String>) {
        self.notice = Some(Notice::Refused(text.into()));
    }

    /// Takes rows in; those that are known are replaced.
    pub(super) fn take_rows(&mut self, rows: Vec<SampleRow>) -> Vec<Effect> {
        for row in rows {
            match self.by_id.get(&row.id) {
                Some(&at) => self.rows[at] = row,
                None => {
                    self.by_id.insert(row.id, self.rows.len());
                    self.rows.push(row);
                }
            }
        }
        self.rearrange()
    }

    pub(super) fn forget_rows(&mut self) {
        self.rows.clear();
        self.by_id.clear();
        self.asked.clear();
        self.selected = None;
        self.open = None;
        (self.beside, self.audit, self.outcome, self.judging) = (None, None, None, None);
        self.transcript.clear();
        self.side.clear();
    }

    /// Whether what the filter says of the selected sample is hidden: in a spot check, until it is decided on.
    pub(super) fn blind(&self) -> bool {
        self.selected_row().is_some_and(|row| self.hides(row))
    }

    /// Whether what the filter says of this sample is hidden.
    pub(super) fn hides(&self, row: &SampleRow) -> bool {
        self.audit.is_some() && row.standing.verb.is_none()
    }

    /// Takes a standing that the store confirmed.
    pub(super) fn take_standing(&mut self, id: i64, standing: Standing) -> Vec<Effect> {
        self.asked.remove(&id);
        let Some(&at) = self.by_id.get(&id) else { return Vec::new() };
        let listed_by_standing = self.sort == Sort::UndecidedFirst || !self.filter.is_empty();
        let hidden = self.hides(&self.rows[at]);
        self.rows[at].standing = standing;
        if hidden && !self.hides(&self.rows[at]) {
            self.say(told(&self.rows[at]));
        }
        let effects = if listed_by_standing { self.rearrange() } else { Vec::new() };
        if self.selected == Some(id) {
            self.fill();
        }
        effects
    }

    /// Filters and sorts anew. The selected sample stays selected; one that is no longer listed gives its place to the
    /// one that now stands there.
    pub(super) fn rearrange(&mut self) -> Vec<Effect> {
        self.listed = match &self.audit {
            None => arrange(&self.rows, &self.filter, self.sort),
            Some(audit) => {
                let places = audit.plan.iter().filter_map(|id| self.by_id.get(id).copied());
                places.filter(|&at| self.filter.admits(&self.rows[at])).collect()
            }
        };
        let kept = self.selected.and_then(|id| self.place_of(id));
        let place = kept.unwrap_or(self.window.selected);
        self.go(place)
    }

    pub(super) fn place_of(&self, id: i64) -> Option<usize> {
        let at = *self.by_id.get(&id)?;
        match self.sort {
            Sort::Added if self.audit.is_none() => self.listed.binary_search(&at).ok(),
            Sort::Added | Sort::Problem | Sort::Longest | Sort::UndecidedFirst => {
                self.listed.iter().position(|&other| other == at)
            }
        }
    }

    /// Selects the sample at a place in the list, and asks for its text if it is another one than before.
    pub(super) fn go(&mut self, place: usize) -> Vec<Effect> {
        self.window.select(place, self.listed.len());
        let id = self.listed.get(self.window.selected).map(|&at| self.rows[at].id);
        if id == self.selected {
            return Vec::new();
        }
        self.selected = id;
        self.open = None;
        self.leave_beside();
        self.transcript.clear();
        self.fill_side();
        id.map(Effect::LoadSample).into_iter().collect()
    }

    /// The place of the next undecided sample after the selected one, round the end.
    pub(super) fn next_undecided(&self) -> Option<usize> {
        let len = self.listed.len();
        (1..=len).map(|step| (self.window.selected + step) % len).find(|&place| {
            let row = &self.rows[self.listed[place]];
            row.standing.verb.is_none() && !self.asked.contains(&row.id) && Some(row.id) != self.selected
        })
    }

    /// Takes the text of a sample, if it is still the one that is wanted.
    pub(super) fn take_sample(&mut self, id: i64, sample: &Sample, problem: Option<&Problem>, judged: Option<&Judged>) {
        if let Some(beside) = self.beside.as_mut().filter(|beside| beside.id == id) {
            beside.sample = Some(Box::new(sample.clone()));
            self.fill_side();
            return;
        }
        if self.selected != Some(id) {
            return;
        }
        self.open = Some(Open {
            sample: Box::new(sample.clone()),
            problem: problem.cloned().map(Box::new),
            judged: judged.cloned().map(Box::new),
        });
        self.fill();
    }

    /// Shows the next other sample of the same problem beside the open one, the one after it, and at last none.
    pub(super) fn next_beside(&mut self) -> Vec<Effect> {
        let Some(row) = self.selected_row() else { return Vec::new() };
        let problem = row.problem_id.clone();
        let others: Vec<i64> =
            self.rows.iter().filter(|other| other.problem_id == problem).map(|other| other.id).collect();
        let from = self.beside.as_ref().map_or(self.selected, |beside| Some(beside.id));
        let place = others.iter().position(|id| Some(*id) == from).unwrap_or(0);
        let next = others[(place + 1) % others.len()];
        if others.len() < 2 {
            self.say("there is no other sample of this problem");
            return Vec::new();
        }
        if Some(next) == self.selected {
            self.leave_beside();
            self.fill();
            return Vec::new();
        }
        self.beside = Some(Beside { id: next, sample: None });
        if self.show == Show::Dialogue {
            self.show = Show::Chain;
        }
        self.lay_out();
        self.fill();
        vec![Effect::LoadSample(next)]
    }

    pub(super) fn leave_beside(&mut self) {
        if self.beside.take().is_some() {
            self.lay_out();
        }
    }

    /// Fills the transcript and the panel beside it from the open sample.
    pub(super) fn fill(&mut self) {
        self.transcript.clear();
        if let Some(open) = &self.open {
            let blind = self.blind();
            let marks = open.judged.as_ref().filter(|_| !blind).map_or(Vec::new(), |judged| judged::marks(judged));
            let pieces = match self.show {
                Show::Chain => content::chain(&open.sample, open.problem.as_deref(), &marks),
                Show::Dialogue => content::dialogue(&open.sample),
                Show::Verdicts => judged::table(open.judged.as_deref(), blind, false),
                Show::Changes => diff::revision(&open.sample),
            };
            for (index, piece) in pieces.into_iter().enumerate() {
                let apart = piece.apart && index > 0;
                self.transcript.push(crate::tui::widgets::Piece { apart, ..piece });
            }
            if !self.transcript.query().is_empty() {
                let query = self.transcript.query().to_owned();
                self.transcript.search(&query);
            }
        }
        self.fill_side();
    }

    fn fill_side(&mut self) {
        self.side.clear();
        if let Some(beside) = &self.beside {
            let pieces = beside.sample.as_ref().map_or(Vec::new(), |sample| content::chain(sample, None, &[]));
            for (index, piece) in pieces.into_iter().enumerate() {
                let apart = piece.apart && index > 0;
                self.side.push(crate::tui::widgets::Piece { apart, ..piece });
            }
            return;
        }
        let Some(row) = self.selected.and_then(|id| self.row(id)) else { return };
        let blind = self.hides(row);
        let open = self.open.as_ref();
        let sample = open.map(|open| open.sample.as_ref());
        let problem = open.and_then(|open| open.problem.as_deref());
        let filter = match open {
            Some(open) if self.show != Show::Verdicts => judged::table(open.judged.as_deref(), blind, false),
            _ => Vec::new(),
        };
        for (index, piece) in content::side(row, sample, problem, filter, blind).into_iter().enumerate() {
            let apart = piece.apart && index > 0;
            self.side.push(crate::tui::widgets::Piece { apart, ..piece });
        }
    }
}

/// What the filter had said, once the person has decided.
fn told(row: &SampleRow) -> String {
    let filter = match row.accepted {
        Some(true) => "the filter accepted it".to_owned(),
        Some(false) => format!("the filter rejected it ({})", row.failed.join(", ")),
        None => "the filter had not judged it".to_owned(),
    };
    let agree = if row.overruled() { ": you overrule it" } else { "" };
    format!("#{} of {}: {filter}{agree}", row.draw, row.problem_id)
}
