//! What actions and messages do to the pane, and what they ask of the outside.

use std::collections::HashMap;

use super::action::ReviewAction;
use super::audit::Audit;
use super::filter::Filter;
use super::keys::restore_filter;
use super::mode::{Back, Mode, Show};
use super::state::ReviewState;
use super::writing;
use crate::filter::audit::Order;
use crate::records::DecisionVerb;
use crate::tui::effect::{Effect, Message};
use crate::tui::learnt::Learnt;
use crate::tui::widgets::{Input, ListWindow};

/// Does what an action says.
pub fn update(state: &mut ReviewState, action: ReviewAction) -> Vec<Effect> {
    state.notice = None;
    let len = state.listed.len();
    match action {
        ReviewAction::Next => step(state, 1),
        ReviewAction::Previous => step(state, -1),
        ReviewAction::ListPageDown => step(state, state.window.page()),
        ReviewAction::ListPageUp => step(state, -state.window.page()),
        ReviewAction::First => state.go(0),
        ReviewAction::Last => state.go(len.saturating_sub(1)),
        ReviewAction::NextUndecided => next_undecided(state),
        ReviewAction::Accept => decide_selected(state, DecisionVerb::Accept),
        ReviewAction::Reject => with_selected(state, |_, sample| Mode::Reasons { sample, chosen: None }),
        ReviewAction::Skip => decide_selected(state, DecisionVerb::Skip),
        ReviewAction::Flag => flag(state),
        ReviewAction::Note => with_selected(state, writing::note),
        ReviewAction::Undo => {
            if refused(state) {
                Vec::new()
            } else {
                vec![Effect::Undo]
            }
        }
        ReviewAction::Advance => {
            state.stay = !state.stay;
            state.say(if state.stay { "stays on the sample after a decision" } else { "moves on after a decision" });
            Vec::new()
        }
        ReviewAction::ScrollDown => scroll(state, 1),
        ReviewAction::ScrollUp => scroll(state, -1),
        ReviewAction::PageDown => scroll(state, state.transcript.page()),
        ReviewAction::PageUp => scroll(state, -state.transcript.page()),
        ReviewAction::Top => {
            state.transcript.to_top();
            if state.beside.is_some() {
                state.side.to_top();
            }
            Vec::new()
        }
        ReviewAction::Bottom => {
            state.transcript.to_end(false);
            if state.beside.is_some() {
                state.side.to_end(false);
            }
            Vec::new()
        }
        ReviewAction::SideDown => scroll_side(state, state.side.page()),
        ReviewAction::SideUp => scroll_side(state, -state.side.page()),
        ReviewAction::Source => {
            state.written = !state.written;
            state.fill();
            let said = if state.written { "formulas as they are written" } else { "formulas as they are read" };
            state.say(said);
            Vec::new()
        }
        ReviewAction::Chain => show(state, if state.show == Show::Chain { Show::Dialogue } else { Show::Chain }),
        ReviewAction::Verdicts => {
            let shown = if state.show == Show::Verdicts { Show::Chain } else { Show::Verdicts };
            show(state, shown)
        }
        ReviewAction::Changes => {
            let shown = if state.show == Show::Changes { Show::Dialogue } else { Show::Changes };
            show(state, shown)
        }
        ReviewAction::Beside => state.next_beside(),
        ReviewAction::Edit => edit(state),
        ReviewAction::AcceptAll => bulk(state, DecisionVerb::Accept),
        ReviewAction::RejectAll => bulk(state, DecisionVerb::Reject),
        ReviewAction::Judge => {
            if nothing(state) || refused(state) {
                return Vec::new();
            }
            vec![Effect::Filter]
        }
        ReviewAction::Funnel => {
            // From a list that it opened it is where it was.
            let at = match &state.back {
                Some(back) if matches!(back.mode, Mode::Funnel(_)) => back.mode.clone(),
                _ => Mode::Funnel(0),
            };
            match &state.outcome {
                Some(_) => state.mode = at,
                None => state.say("nothing was judged yet: R runs the filter"),
            }
            Vec::new()
        }
        ReviewAction::Back => back(state),
        ReviewAction::SpotCheck => spot_check(state, Order::Stratified),
        ReviewAction::SpotCheckNear => spot_check(state, Order::Uncertain),
        ReviewAction::Report => {
            state.mode = Mode::Report(0);
            Vec::new()
        }
        ReviewAction::Search => {
            state.mode = Mode::Search(Input::default());
            Vec::new()
        }
        ReviewAction::NextHit => next_hit(state, 1),
        ReviewAction::PreviousHit => next_hit(state, -1),
        ReviewAction::Filter => {
            state.mode = Mode::Filter { input: Input::new(state.filter.typed()), error: None };
            Vec::new()
        }
        ReviewAction::ClearFilter => {
            if state.back.is_some() {
                state.say("your own filter again");
                return restore_filter(state);
            }
            state.filter = Filter::default();
            state.rearrange()
        }
        ReviewAction::Sort => {
            state.sort = state.sort.next();
            state.say(format!("sorted {}", state.sort.name()));
            state.rearrange()
        }
        ReviewAction::Copy => copy(state),
    }
}

fn show(state: &mut ReviewState, show: Show) -> Vec<Effect> {
    state.show = show;
    state.transcript.clear();
    state.side.clear();
    state.fill();
    Vec::new()
}

fn edit(state: &mut ReviewState) -> Vec<Effect> {
    let Some(text) = state.open.as_ref().map(|open| open.sample.chain.text.clone()) else {
        state.say("the text is not here yet");
        return Vec::new();
    };
    with_selected(state, move |_, sample| writing::chain(sample, &text))
}

/// Out of two samples side by side, or to the view that opened the list.
fn back(state: &mut ReviewState) -> Vec<Effect> {
    if state.beside.is_some() {
        state.leave_beside();
        state.fill();
        return Vec::new();
    }
    let Some(mode) = state.back.as_ref().map(|back| back.mode.clone()) else { return Vec::new() };
    let effects = restore_filter(state);
    state.mode = mode;
    effects
}

/// Lists these samples and no others until the person goes back to their own filter; the first is selected, and `beside` stands
/// beside it.
pub fn show_only(state: &mut ReviewState, samples: &[i64], beside: Option<i64>, what: &str) -> Vec<Effect> {
    if state.audit.is_some() {
        state.refuse("a spot check is going on: end it first, then list other samples");
        return Vec::new();
    }
    let own = std::mem::replace(&mut state.filter, Filter::these(samples, what));
    let own = state.back.take().map_or(own, |back| back.filter);
    state.back = Some(Back { filter: own, mode: Mode::Browse });
    state.mode = Mode::Browse;
    let mut effects = state.rearrange();
    let first = samples.first().and_then(|first| state.place_of(*first));
    effects.extend(first.map(|place| state.go(place)).into_iter().flatten());
    if let Some(id) = beside.filter(|id| state.row(*id).is_some() && state.selected != Some(*id)) {
        effects.extend(state.stand_beside(id));
    }
    effects
}

/// The samples of a problem, in the order of their rows.
pub fn samples_of(state: &ReviewState, problem: &str) -> Vec<i64> {
    state.rows.iter().filter(|row| row.problem_id == problem).map(|row| row.id).collect()
}

/// What the rules accept of the samples, and what of them is trained on.
pub fn learnt(state: &ReviewState) -> Learnt {
    state.learnt
}

/// By problem, how many samples there are and how many of them are right.
pub fn tallies(state: &ReviewState) -> HashMap<&str, (usize, usize)> {
    let mut tallies: HashMap<&str, (usize, usize)> = HashMap::new();
    for row in &state.rows {
        let (samples, right) = tallies.entry(&row.problem_id).or_default();
        *samples += 1;
        *right += usize::from(row.correct == Some(true));
    }
    tallies
}

fn bulk(state: &mut ReviewState, verb: DecisionVerb) -> Vec<Effect> {
    if state.listed.is_empty() {
        state.say("the list is empty");
    } else if state.audit.is_some() {
        state.refuse("a spot check is decided one by one");
    } else if !refused(state) {
        // As it is now: what comes into the list while the question is open was not asked about.
        let samples = state.listed.iter().map(|&at| state.rows[at].id).collect();
        state.mode = Mode::Bulk { verb, samples };
    }
    Vec::new()
}

/// Begins a spot check, or ends the one that runs and shows what it came to.
fn spot_check(state: &mut ReviewState, order: Order) -> Vec<Effect> {
    if state.audit.is_some() {
        state.mode = Mode::Report(0);
        return Vec::new();
    }
    if nothing(state) || refused(state) {
        return Vec::new();
    }
    state.audit_order = order;
    vec![Effect::PlanAudit(order)]
}

/// Ends the spot check: the list is whole again.
pub(super) fn end_audit(state: &mut ReviewState) -> Vec<Effect> {
    let Some(audit) = state.audit.take() else { return Vec::new() };
    (state.filter, state.back) = (audit.filter, None);
    state.say("the spot check is over");
    let effects = state.rearrange();
    state.fill();
    effects
}

fn begin_audit(state: &mut ReviewState, plan: &[i64]) -> Vec<Effect> {
    if plan.is_empty() {
        state.say("there is nothing undecided to check");
        return Vec::new();
    }
    let own = std::mem::take(&mut state.filter);
    let own = state.back.take().map_or(own, |back| back.filter);
    state.audit = Some(Audit::new(state.audit_order, plan.to_vec(), own));
    state.window.selected = 0;
    state.selected = None;
    state.say("spot check: verdicts are hidden until you accept or reject; B shows the table and ends it");
    state.rearrange()
}

fn step(state: &mut ReviewState, by: isize) -> Vec<Effect> {
    let place = state.window.selected.saturating_add_signed(by);
    state.go(place)
}

fn scroll(state: &mut ReviewState, by: isize) -> Vec<Effect> {
    state.transcript.scroll(by, false);
    if state.beside.is_some() {
        state.side.scroll(by, false);
    }
    Vec::new()
}

fn scroll_side(state: &mut ReviewState, by: isize) -> Vec<Effect> {
    if state.has_side() {
        state.side.scroll(by, false);
    } else {
        state.say("the panel is there from 120 columns on");
    }
    Vec::new()
}

fn next_hit(state: &mut ReviewState, by: isize) -> Vec<Effect> {
    match state.transcript.hit() {
        (_, 0) if state.transcript.query().is_empty() => state.say("nothing is searched for"),
        (_, 0) => state.say(format!("not in this text: {}", state.transcript.query())),
        _ => state.transcript.next_hit(by),
    }
    Vec::new()
}

fn next_undecided(state: &mut ReviewState) -> Vec<Effect> {
    match state.next_undecided() {
        Some(place) => state.go(place),
        None => {
            let where_ = if state.filter.is_empty() { "" } else { " in this filter" };
            state.say(format!("no other undecided sample{where_}"));
            Vec::new()
        }
    }
}

/// Whether there is nothing to work on; says so.
fn nothing(state: &mut ReviewState) -> bool {
    if state.rows.is_empty() {
        state.say("there are no samples yet");
    }
    state.rows.is_empty()
}

/// Whether decisions are refused; says why where it can be read.
fn refused(state: &mut ReviewState) -> bool {
    if let Some(reason) = state.read_only.clone() {
        state.refuse(format!("not stored: the session is open for viewing only: {reason}"));
        return true;
    }
    false
}

fn with_selected(state: &mut ReviewState, mode: impl Fn(&ReviewState, i64) -> Mode) -> Vec<Effect> {
    if !refused(state)
        && let Some(sample) = state.selected
    {
        state.mode = mode(state, sample);
    }
    Vec::new()
}

fn decide_selected(state: &mut ReviewState, verb: DecisionVerb) -> Vec<Effect> {
    let Some(sample) = state.selected else { return Vec::new() };
    if refused(state) { Vec::new() } else { decide(state, sample, verb, None) }
}

/// Asks the store to keep a verdict, and moves on at once; the mark in the list comes with the store's answer.
pub(super) fn decide(state: &mut ReviewState, sample: i64, verb: DecisionVerb, reason: Option<String>) -> Vec<Effect> {
    let mut effects = vec![Effect::Decide { sample, verb, reason, note: None }];
    state.asked.insert(sample);
    if !state.stay && state.selected == Some(sample) {
        effects.extend(next_undecided(state));
    }
    effects
}

fn flag(state: &mut ReviewState) -> Vec<Effect> {
    let Some((sample, flagged)) = state.selected_row().map(|row| (row.id, row.standing.flagged)) else {
        return Vec::new();
    };
    if refused(state) {
        return Vec::new();
    }
    let verb = if flagged { DecisionVerb::Unflag } else { DecisionVerb::Flag };
    vec![Effect::Decide { sample, verb, reason: None, note: None }]
}

fn copy(state: &mut ReviewState) -> Vec<Effect> {
    match &state.open {
        Some(open) => vec![Effect::Copy(open.sample.chain.text.clone())],
        None => {
            state.say("the text is not here yet");
            Vec::new()
        }
    }
}

/// Takes what the outside tells. Messages that are not about samples are of no concern here.
pub fn receive(state: &mut ReviewState, message: &Message) -> Vec<Effect> {
    match message {
        Message::EditedOutside(text) => {
            if let Mode::Note(writing) | Mode::Edit(writing) = &mut state.mode
                && writing.editor.replace(text)
            {
                state.refuse("the text was cut: there was no room for all of it");
            }
            Vec::new()
        }
        Message::Opened { dir, read_only, counts, rows, .. } => {
            if let Some(back) = state.back.take() {
                state.filter = back.filter;
            }
            // A check goes on in the session that it was begun in.
            if state.dir != *dir
                && let Some(audit) = state.audit.take()
            {
                state.filter = audit.filter;
            }
            state.forget_rows();
            state.dir.clone_from(dir);
            state.opened = true;
            state.read_only = read_only.clone();
            state.counts = *counts;
            state.mode = Mode::Browse;
            state.window = ListWindow { height: state.window.height, ..Default::default() };
            state.take_rows(rows.clone())
        }
        Message::Adopted(dir) => {
            state.dir.clone_from(dir);
            Vec::new()
        }
        Message::Rows { counts, rows } => {
            state.counts = *counts;
            state.take_rows(rows.clone())
        }
        Message::Stood { standings, counts } => {
            state.counts = *counts;
            state.take_standings(standings)
        }
        Message::Edited { sample, .. } => {
            state.edit_stored(*sample);
            // It is a sample like any other: it gets verdicts of its own.
            vec![Effect::Filter]
        }
        Message::Undone { sample, what } => undone(state, *sample, what),
        Message::Sample { id, sample, problem, judged } => {
            state.take_sample(*id, sample, problem.as_deref(), judged.as_deref());
            Vec::new()
        }
        Message::Judging { dir, done, all } if *dir == state.dir => {
            state.judging = Some((*done, *all));
            Vec::new()
        }
        Message::JudgingOver { dir } if *dir == state.dir => {
            state.judging = None;
            Vec::new()
        }
        Message::Judged { rows, outcome } => {
            state.outcome.clone_from(outcome);
            let mut effects = state.take_rows(rows.clone());
            if effects.is_empty() && !rows.is_empty() {
                effects.extend(state.reload());
            }
            effects
        }
        Message::Audit(plan) => begin_audit(state, plan),
        Message::Error(_) => {
            state.not_stored();
            // Perhaps a decision was not kept: whatever was passed over counts as undecided again.
            state.asked.clear();
            Vec::new()
        }
        _ => Vec::new(),
    }
}

fn undone(state: &mut ReviewState, sample: i64, what: &str) -> Vec<Effect> {
    state.asked.remove(&sample);
    let mut effects = Vec::new();
    if state.audit.is_none() && state.row(sample).is_some() && state.place_of(sample).is_none() {
        (state.filter, state.back) = (Filter::default(), None);
        effects = state.rearrange();
        state.say(format!("undone: {what} (the filter hid this sample and was cleared)"));
    } else {
        state.say(format!("undone: {what}"));
    }
    if let Some(place) = state.place_of(sample) {
        effects.extend(state.go(place));
    }
    // Only the sample that is shown in the end has to be read.
    effects.drain(..effects.len().saturating_sub(1));
    effects
}

/// Names of the actions worth a place in the footer, the most useful first.
pub fn hints(state: &ReviewState) -> Vec<&'static str> {
    if state.capturing() || state.rows.is_empty() {
        return Vec::new();
    }
    let mut hints = Vec::new();
    if state.listed.is_empty() {
        return vec!["review.clear_filter", "review.filter", "review.undo"];
    }
    if state.transcript.hit().1 > 0 {
        hints.extend(["review.next_hit", "review.previous_hit"]);
    }
    if state.read_only.is_none() {
        hints.extend(["review.accept", "review.reject"]);
    }
    // Why a sample is rejected, and which ones, is what a newcomer looks for.
    hints.push("review.verdicts");
    if state.read_only.is_none() {
        hints.extend(["review.undo", "review.skip"]);
    }
    hints.extend(["review.filter", "review.next", "review.next_undecided", "review.page_down", "review.chain"]);
    if state.read_only.is_none() {
        hints.extend(["review.flag", "review.note"]);
    }
    if state.beside.is_some() || state.back.is_some() {
        hints.insert(0, "review.back");
    }
    if !state.filter.is_empty() {
        hints.push("review.clear_filter");
    }
    hints.extend(["review.funnel", "review.sort", "review.search", "review.copy"]);
    hints
}
