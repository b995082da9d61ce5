//! What the Review pane knows: the rows, which of them are listed, the sample that is open, and what is being typed.

use std::collections::{HashMap, HashSet};

use ratatui::layout::Rect;
use tui_textarea::TextArea;

use super::content;
use super::filter::{Filter, Sort, arrange};
use super::layout::Layout;
use crate::records::{Problem, Sample, Standing};
use crate::session::{Counts, SampleRow};
use crate::tui::effect::Effect;
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
    pub(super) chain: bool,
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
    let layout = Layout::of(Rect::new(0, 0, width, height));
    state.transcript.resize(layout.transcript.width, layout.transcript.height);
    state.side.resize(layout.side.width, layout.side.height);
    state.window.set_height(usize::from(layout.list.height), state.listed.len());
}

impl ReviewState {
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
        self.transcript.clear();
        self.side.clear();
    }

    /// Takes a standing that the store confirmed.
    pub(super) fn take_standing(&mut self, id: i64, standing: Standing) -> Vec<Effect> {
        self.asked.remove(&id);
        let Some(&at) = self.by_id.get(&id) else { return Vec::new() };
        let listed_by_standing = self.sort == Sort::UndecidedFirst || !self.filter.is_empty();
        self.rows[at].standing = standing;
        let effects = if listed_by_standing { self.rearrange() } else { Vec::new() };
        if self.selected == Some(id) {
            self.fill_side();
        }
        effects
    }

    /// Filters and sorts anew. The selected sample stays selected; one that is no longer listed gives its place to the
    /// one that now stands there.
    pub(super) fn rearrange(&mut self) -> Vec<Effect> {
        self.listed = arrange(&self.rows, &self.filter, self.sort);
        let kept = self.selected.and_then(|id| self.place_of(id));
        let place = kept.unwrap_or(self.window.selected);
        self.go(place)
    }

    pub(super) fn place_of(&self, id: i64) -> Option<usize> {
        let at = *self.by_id.get(&id)?;
        match self.sort {
            Sort::Added => self.listed.binary_search(&at).ok(),
            Sort::Problem | Sort::Longest | Sort::UndecidedFirst => self.listed.iter().position(|&other| other == at),
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
    pub(super) fn take_sample(&mut self, id: i64, sample: &Sample, problem: Option<&Problem>) {
        if self.selected != Some(id) {
            return;
        }
        self.open = Some(Open { sample: Box::new(sample.clone()), problem: problem.cloned().map(Box::new) });
        self.fill();
    }

    /// Fills the transcript and the panel beside it from the open sample.
    pub(super) fn fill(&mut self) {
        self.transcript.clear();
        if let Some(open) = &self.open {
            let pieces = match self.chain {
                true => content::chain(&open.sample, open.problem.as_deref()),
                false => content::dialogue(&open.sample),
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
        let Some(row) = self.selected.and_then(|id| self.row(id)) else { return };
        let open = self.open.as_ref();
        let sample = open.map(|open| open.sample.as_ref());
        let problem = open.and_then(|open| open.problem.as_deref());
        for (index, piece) in content::side(row, sample, problem).into_iter().enumerate() {
            let apart = piece.apart && index > 0;
            self.side.push(crate::tui::widgets::Piece { apart, ..piece });
        }
    }
}
