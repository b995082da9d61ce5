//! What the Review pane knows: the rows, which of them are listed, the sample that is open, and what is being typed.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;

use ratatui::layout::Rect;

use super::audit::{self, Audit, Line, Wanted};
use super::filter::{Filter, Sort, arrange};
use super::layout::{self, Layout};
use super::mode::{Back, Beside, Mode, Notice, Open, Show, Stage, Writing};
use crate::filter::audit::Order;
use crate::pipeline::FilterOutcome;
use crate::records::{DecisionVerb, Problem, Sample, Standing};
use crate::session::{Counts, SampleRow};
use crate::tui::effect::{Effect, Judged};
use crate::tui::learnt::Learnt;
use crate::tui::widgets::{ListWindow, Transcript};

/// The whole state of the Review pane.
#[derive(Debug, Clone, Default)]
pub struct ReviewState {
    pub(super) opened: bool,
    /// The directory of the open session.
    pub(super) dir: PathBuf,
    pub(super) read_only: Option<String>,
    pub(super) counts: Counts,
    /// In the order in which they were added.
    pub(super) rows: Vec<SampleRow>,
    by_id: HashMap<i64, usize>,
    /// What the rules accept of the rows, and what of them is trained on.
    pub(super) learnt: Learnt,
    /// Positions in `rows` of what is listed, in list order.
    pub(super) listed: Vec<usize>,
    pub(super) window: ListWindow,
    /// The selected sample, by id: it outlives sorting and new rows.
    pub(super) selected: Option<i64>,
    pub(super) filter: Filter,
    /// The list is one that the funnel or the report opened.
    pub(super) back: Option<Back>,
    pub(super) sort: Sort,
    pub(super) stay: bool,
    pub(super) show: Show,
    pub(super) beside: Option<Beside>,
    pub(super) audit: Option<Audit>,
    /// How the spot check that was asked for chooses.
    pub(super) audit_order: Order,
    /// How narrow an interval the report counts towards.
    pub(super) wanted: Wanted,
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
    /// Signs are ASCII.
    pub(super) ascii: bool,
    /// Formulas stand as they are written.
    pub(super) written: bool,
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

    /// Columns and most rows of what lies over the pane.
    pub(super) fn over(&self) -> (u16, u16) {
        layout::over(self.width, self.height)
    }

    /// The table of agreement, as wide as its place.
    pub(super) fn report(&self) -> Vec<Line> {
        audit::report(&self.rows, self.audit.as_ref(), self.wanted, self.over().0)
    }

    /// Whether there is room for the panel on the right.
    pub(super) fn has_side(&self) -> bool {
        !Layout::of(Rect::new(0, 0, self.width, self.height), self.beside.is_some()).side.is_empty()
    }

    pub fn set_ascii(&mut self, ascii: bool) {
        if self.ascii != ascii {
            self.ascii = ascii;
            self.fill();
        }
    }

    /// Whether a text was changed and is not stored.
    pub fn unsaved(&self) -> bool {
        match &self.mode {
            Mode::Note(writing) | Mode::Edit(writing) => writing.editor.changed(),
            _ => false,
        }
    }

    /// The store keeps the edited chain of this sample: its editor closes.
    pub(super) fn edit_stored(&mut self, sample: i64) {
        if matches!(&self.mode, Mode::Edit(writing) if writing.sample == sample && writing.is_asked()) {
            self.mode = Mode::Browse;
        }
    }

    /// The store keeps a note: its editor closes, if it is the one that was asked for.
    fn note_stored(&mut self, sample: i64, note: Option<&str>) {
        let note = note.unwrap_or("");
        let kept =
            |writing: &Writing| writing.asked.as_ref().is_some_and(|asked| asked.trim() == note) && writing.is_asked();
        if matches!(&self.mode, Mode::Note(writing) if writing.sample == sample && kept(writing)) {
            self.mode = Mode::Browse;
        }
    }

    /// The store may have refused a text: it is there to be stored again.
    pub(super) fn not_stored(&mut self) {
        if let Mode::Note(writing) | Mode::Edit(writing) = &mut self.mode
            && writing.now == Stage::Storing
        {
            writing.now = Stage::Writing;
        }
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
        self.learnt = Learnt::of(&self.rows);
        self.rearrange()
    }

    pub(super) fn forget_rows(&mut self) {
        self.rows.clear();
        self.by_id.clear();
        self.asked.clear();
        self.selected = None;
        self.open = None;
        (self.outcome, self.judging, self.back) = (None, None, None);
        self.leave_beside();
        self.transcript.clear();
        self.side.clear();
    }

    /// Whether what the filter says of this sample is hidden: in a spot check, until it is accepted or rejected. A skip tells
    /// nothing, since the sample can still be decided on.
    pub(super) fn hides(&self, row: &SampleRow) -> bool {
        let decided = matches!(row.standing.verb, Some(DecisionVerb::Accept | DecisionVerb::Reject));
        self.audit.is_some() && !decided
    }

    /// Takes standings that the store confirmed, and arranges the list once.
    pub(super) fn take_standings(&mut self, standings: &[(i64, Standing)]) -> Vec<Effect> {
        let mut shown = false;
        for (id, standing) in standings {
            self.asked.remove(id);
            self.note_stored(*id, standing.note.as_deref());
            let Some(&at) = self.by_id.get(id) else { continue };
            let hidden = self.hides(&self.rows[at]);
            self.rows[at].standing = standing.clone();
            if hidden && !self.hides(&self.rows[at]) {
                self.say(told(&self.rows[at]));
            }
            shown |= self.selected == Some(*id) || self.beside.as_ref().is_some_and(|beside| beside.id == *id);
        }
        self.learnt = Learnt::of(&self.rows);
        let listed_by_standing = self.sort == Sort::UndecidedFirst || !self.filter.is_empty();
        let effects = if listed_by_standing { self.rearrange() } else { Vec::new() };
        if shown {
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
        self.side.clear();
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
        let open = || Open {
            sample: Box::new(sample.clone()),
            problem: problem.cloned().map(Box::new),
            judged: judged.cloned().map(Box::new),
        };
        if let Some(beside) = self.beside.as_mut().filter(|beside| beside.id == id) {
            beside.open = Some(open());
            self.fill_side();
        } else if self.selected == Some(id) {
            self.open = Some(open());
            self.fill();
        }
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
        self.stand_beside(next)
    }

    /// Shows this sample beside the open one.
    pub(super) fn stand_beside(&mut self, id: i64) -> Vec<Effect> {
        self.beside = Some(Beside { id, open: None });
        self.side.clear();
        if self.show == Show::Dialogue {
            self.show = Show::Chain;
        }
        self.lay_out();
        self.fill();
        vec![Effect::LoadBeside(id)]
    }

    /// The texts in sight are to be read again.
    pub(super) fn reload(&self) -> Vec<Effect> {
        let beside = self.beside.as_ref().map(|beside| Effect::LoadBeside(beside.id));
        self.selected.map(Effect::LoadSample).into_iter().chain(beside).collect()
    }

    pub(super) fn leave_beside(&mut self) {
        if self.beside.take().is_some() {
            self.side.clear();
            self.lay_out();
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
