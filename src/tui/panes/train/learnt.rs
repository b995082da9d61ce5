//! What a training that is set up would learn from: how many chains, of which selection, and what to do where there is none.

use super::form::Field;
use super::state::{Screen, TrainState};
use crate::tui::effect::Effect;
use crate::tui::learnt::Learnt;
use crate::tui::theme::Look;
use crate::tui::widgets::paint::{compact, one_line};

/// How many chains of a selection are learnt from, or why nobody knows; `None` until it is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Counted {
    pub selection: String,
    pub chains: Option<Result<usize, String>>,
}

/// Takes what there is to learn from where no selection is named, as the rows of the session tell it.
pub fn learns(state: &mut TrainState, learnt: Learnt) {
    state.learnt = learnt;
}

/// Asks how many chains are learnt from the selection that the form names, once for a name.
pub(super) fn ask(state: &mut TrainState) -> Vec<Effect> {
    let named = state.form.text(Field::Selection);
    let known = state.counted.as_ref().is_some_and(|counted| counted.selection == named);
    if state.screen != Screen::Setup || state.form.fields.editing() || named.is_empty() || known {
        return Vec::new();
    }
    let selection = named.to_owned();
    state.counted = Some(Counted { selection: selection.clone(), chains: None });
    vec![Effect::CountChains(selection)]
}

/// Takes an answer, if it is of the selection that was asked for last.
pub(super) fn take(state: &mut TrainState, selection: &str, chains: &Result<usize, String>) {
    if let Some(counted) = state.counted.as_mut().filter(|counted| counted.selection == selection) {
        counted.chains = Some(chains.clone());
    }
}

/// What the form would learn from, in a line.
pub(super) fn words(state: &TrainState) -> (String, Look) {
    let named = state.form.text(Field::Selection);
    if named.is_empty() {
        return of_all(&state.learnt);
    }
    let name = one_line(named);
    let counted = state.counted.as_ref().filter(|counted| counted.selection == named);
    match counted.and_then(|counted| counted.chains.as_ref()) {
        None => (format!("on the selection {name}"), Look::Dim),
        Some(Ok(0)) => (format!("to train on 0: {name} is empty; Difficulty stores another"), Look::Warn),
        Some(Ok(chains)) => (format!("to train on {chains}: the selection {name}"), Look::Text),
        Some(Err(error)) => (one_line(error), Look::Bad),
    }
}

/// Without a selection: all that is accepted, by the rules or by the person.
fn of_all(learnt: &Learnt) -> (String, Look) {
    let Learnt { samples, waiting, by_rules, to_train_on } = *learnt;
    let waits = if waiting > 0 { format!("; {} not judged", compact(waiting)) } else { String::new() };
    let why = match to_train_on {
        0 if samples == 0 => "no sample yet; the Generate pane draws some".to_owned(),
        0 if waiting == samples => format!("{} not judged; R in Review judges them", compact(waiting)),
        0 if by_rules > 0 => format!("you accept none of {}{waits}", compact(by_rules)),
        0 => format!("the rules accept none{waits}; w in Review shows why"),
        chains => return (format!("to train on {chains}: all that you or the rules accept{waits}"), Look::Text),
    };
    (format!("to train on 0: {why}"), Look::Warn)
}
