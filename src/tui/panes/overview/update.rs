//! What actions and messages do to the pane.

use super::next::next;
use super::state::{OverviewState, PARTS, Passed, Trained};
use crate::pipeline::run::{Progress, Waiting};
use crate::train::runs::follow::{Reading, RunNews};
use crate::tui::action::{ActionSpec, spec};
use crate::tui::effect::{Effect, Message};
use crate::tui::learnt::Learnt;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OverviewAction {
    Next,
    Previous,
    Open,
    DoNext,
}

/// All actions, in the order in which the help shows them.
pub const ACTIONS: &[(OverviewAction, ActionSpec)] = &[
    (OverviewAction::DoNext, spec("overview.do_next", "do what is next", "Go where something is to be done next.")),
    (OverviewAction::Open, spec("overview.open", "open", "Go to the pane of the selected line.")),
    (OverviewAction::Next, spec("overview.next", "next", "Go to the next line.")),
    (OverviewAction::Previous, spec("overview.previous", "previous", "Go to the line before.")),
];

pub fn update(state: &mut OverviewState, action: OverviewAction) -> Vec<Effect> {
    match action {
        OverviewAction::Next => state.at = (state.at + 1).min(PARTS.len() - 1),
        OverviewAction::Previous => state.at = state.at.saturating_sub(1),
        OverviewAction::Open => return vec![Effect::GoTo { scope: PARTS[state.at], action: None }],
        OverviewAction::DoNext => {
            let next = next(state);
            return vec![Effect::GoTo { scope: next.scope, action: next.action }];
        }
    }
    Vec::new()
}

/// What the pane asks for when it comes to the front.
pub fn enter(state: &OverviewState) -> Vec<Effect> {
    if state.name.is_some() { vec![Effect::LoadEvals] } else { Vec::new() }
}

/// Takes what there is to learn from, as the rows of the session tell it.
pub fn learns(state: &mut OverviewState, learnt: Learnt) {
    state.learnt = learnt;
}

/// Takes what the outside tells.
pub fn receive(state: &mut OverviewState, message: &Message) {
    match message {
        Message::Opened { dir, read_only, counts, .. } => {
            *state = OverviewState {
                name: Some(name_of(dir)),
                read_only: read_only.clone(),
                counts: *counts,
                ..OverviewState::default()
            };
        }
        Message::Rows { counts, .. } | Message::Stood { counts, .. } => state.counts = *counts,
        Message::Selected(name) => state.selected = Some(name.clone()),
        Message::Adopted(dir) => state.name = Some(name_of(dir)),
        Message::SelectionStored(made) => {
            state.selected = Some(made.name.clone());
        }
        Message::Runs(news) => news.iter().for_each(|news| take_news(state, news)),
        Message::Evals(evals) => {
            state.evals = evals.iter().map(|listed| (listed.eval.name.clone(), listed.score.pass_at_1)).collect();
        }
        Message::Pass(progress) => state.pass = Some(passed(progress)),
        Message::Line { jobs, .. } => state.line.clone_from(jobs),
        Message::Machine(load) => state.machine = Some(load.clone()),
        Message::Live(board) => state.boards.take(board),
        _ => {}
    }
}

fn name_of(dir: &std::path::Path) -> String {
    dir.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}

fn take_news(state: &mut OverviewState, news: &RunNews) {
    if news.gone {
        state.runs.remove(&news.name);
        if state.newest == news.name {
            state.newest = state.runs.keys().next_back().cloned().unwrap_or_default();
        }
        return;
    }
    let run = state.runs.entry(news.name.clone()).or_default();
    if news.afresh {
        *run = Trained::default();
    }
    run.total = news.total_steps.or(run.total);
    for reading in &news.readings {
        match reading {
            Reading::Step { step, loss, .. } => (run.step, run.loss) = (*step, Some(*loss)),
            Reading::Validation { loss, .. } => run.validation = Some(*loss),
            Reading::Event { .. } => {}
        }
    }
    if !news.readings.is_empty() {
        state.newest.clone_from(&news.name);
    }
}

fn passed(progress: &Progress) -> Passed {
    Passed {
        recipe: progress.recipe.name.clone(),
        done: progress.done(),
        steps: progress.steps.len(),
        waiting: progress.waiting.as_ref().map(|Waiting { decided, wanted, .. }| (*decided, *wanted)),
        whole: progress.whole(),
    }
}

/// Names of the actions for the footer.
pub fn hints(_: &OverviewState) -> Vec<&'static str> {
    ACTIONS.iter().map(|(_, spec)| spec.name).collect()
}
