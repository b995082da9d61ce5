//! What keys and messages do to the pane.

use std::sync::Arc;

use crossterm::event::KeyEvent;

use super::form::Field;
use super::lines::Opens;
use super::state::{Screen, Tab};
use super::{EvalAction, EvalState, content};
use crate::jobs::Steer;
use crate::pipeline::eval::{EvalKey, Listed, ScoreRequest, Scores};
use crate::records::{EVALUATION, Heavy, LiveBoard, LiveState};
use crate::tui::effect::{Effect, Message};
use crate::tui::panes::another_jobs;

pub fn resize(state: &mut EvalState, width: u16, height: u16) {
    if state.size != (width, height) {
        state.size = (width, height);
        state.rebuild();
    }
}

/// The pane comes to the front.
pub fn enter(state: &mut EvalState) -> Vec<Effect> {
    state.stale = false;
    let mut effects = vec![Effect::LoadEvals];
    effects.extend(state.wanted());
    effects
}

/// Asks again for what has changed; called while the pane is in front.
pub fn refresh(state: &mut EvalState) -> Vec<Effect> {
    if std::mem::take(&mut state.stale) { vec![Effect::LoadEvals] } else { Vec::new() }
}

pub fn update(state: &mut EvalState, action: EvalAction) -> Vec<Effect> {
    state.notice = None;
    if state.screen == Screen::Setup {
        return setup(state, action);
    }
    match action {
        EvalAction::Next => step(state, 1),
        EvalAction::Previous => step(state, -1),
        EvalAction::NextLine | EvalAction::PreviousLine => {
            if state.inside {
                state.panel().step(action == EvalAction::NextLine);
            } else {
                go_inside(state);
            }
            Vec::new()
        }
        EvalAction::PageDown | EvalAction::PageUp => {
            state.panel().page(action == EvalAction::PageDown);
            Vec::new()
        }
        EvalAction::Activate if state.inside => open(state),
        EvalAction::Activate => {
            go_inside(state);
            Vec::new()
        }
        EvalAction::Back => {
            if state.inside {
                state.inside = false;
            } else if state.mark.take().is_some() {
                return changed(state);
            }
            Vec::new()
        }
        EvalAction::NextTab => tab(state, 1),
        EvalAction::PreviousTab => tab(state, Tab::ALL.len() - 1),
        EvalAction::Against => mark(state),
        EvalAction::Swap => swap(state),
        EvalAction::Talk => talk(state),
        EvalAction::New => {
            if !state.form.touched
                && let Some(like) = state.selected().filter(|selected| !selected.greedy()).cloned()
            {
                state.form.like(&like);
            }
            state.screen = Screen::Setup;
            Vec::new()
        }
        EvalAction::Start => {
            state.say("nothing is set up: n opens the form");
            Vec::new()
        }
        EvalAction::Pause => pause(state),
        EvalAction::Stop => stop(state),
    }
}

/// Actions while the form is in front.
fn setup(state: &mut EvalState, action: EvalAction) -> Vec<Effect> {
    match action {
        EvalAction::Next | EvalAction::NextLine | EvalAction::NextTab => state.form.fields.select(1),
        EvalAction::Previous | EvalAction::PreviousLine | EvalAction::PreviousTab => state.form.fields.select(-1),
        EvalAction::Activate if state.form.field() == Field::Start => return start(state),
        EvalAction::Activate => state.form.begin_edit(),
        EvalAction::Start => return start(state),
        EvalAction::Back | EvalAction::New => state.screen = Screen::Evals,
        EvalAction::Pause => return pause(state),
        EvalAction::Stop => return stop(state),
        EvalAction::PageDown | EvalAction::PageUp | EvalAction::Against | EvalAction::Swap | EvalAction::Talk => {}
    }
    Vec::new()
}

/// After something was selected, marked or told.
fn changed(state: &mut EvalState) -> Vec<Effect> {
    let wanted = state.wanted();
    state.rebuild();
    wanted
}

fn step(state: &mut EvalState, by: isize) -> Vec<Effect> {
    if state.inside {
        state.panel().step(by > 0);
        return Vec::new();
    }
    state.window.step(by, state.listed.len());
    for panel in &mut state.panels {
        panel.window.select(0, panel.lines.len());
    }
    changed(state)
}

/// The keys go to the lines of the tab in front.
fn go_inside(state: &mut EvalState) {
    if state.listed.is_empty() {
        return;
    }
    state.inside = true;
    let head = (state.wide() && !state.tab.right()).then(|| content::title(state.tab));
    state.panel().enter(head);
}

fn tab(state: &mut EvalState, by: usize) -> Vec<Effect> {
    let at = Tab::ALL.iter().position(|tab| *tab == state.tab).unwrap_or_default();
    state.tab = Tab::ALL[(at + by) % Tab::ALL.len()];
    let wanted = changed(state);
    if state.inside {
        go_inside(state);
    } else {
        let head = (state.wide() && !state.tab.right()).then(|| content::title(state.tab));
        state.panel().enter(head);
    }
    wanted
}

fn mark(state: &mut EvalState) -> Vec<Effect> {
    let Some(selected) = state.selected() else { return Vec::new() };
    let (key, name) = (selected.key(), selected.eval.name.clone());
    if state.mark.as_ref() == Some(&key) {
        state.mark = None;
    } else {
        state.mark = Some(key);
        state.say(format!("others are compared with {name} now; m again takes the mark away"));
    }
    changed(state)
}

/// What was compared with is selected, and the selected one is marked.
fn swap(state: &mut EvalState) -> Vec<Effect> {
    let (Some(first), Some(second)) = (state.against().map(Listed::key), state.selected().map(Listed::key)) else {
        state.say("nothing is compared: m marks an evaluation");
        return Vec::new();
    };
    state.mark = Some(second);
    let place = state.listed.iter().position(|listed| listed.key() == first).unwrap_or_default();
    state.window.select(place, state.listed.len());
    changed(state)
}

fn talk(state: &mut EvalState) -> Vec<Effect> {
    let Some(selected) = state.selected() else { return Vec::new() };
    let first = state.against().filter(|_| state.tab == Tab::Against).filter(|first| !first.same_model(selected));
    let elsewhere = first.into_iter().chain([selected]).find(|listed| of_servers(listed));
    if let Some(name) = elsewhere.map(|listed| listed.eval.name.clone()) {
        state.say(format!("servers gave the answers of {name}: there is no model of it here to talk with"));
        return Vec::new();
    }
    let mut models: Vec<String> = first.map(|first| first.eval.model.clone()).into_iter().collect();
    models.push(selected.eval.model.clone());
    vec![Effect::TalkWith(models)]
}

/// Whether it was not this program that computed the answers.
fn of_servers(listed: &Listed) -> bool {
    listed.made.as_ref().is_some_and(|made| made.model.compute == "http")
}

/// Lists the samples of the line in Review.
fn open(state: &mut EvalState) -> Vec<Effect> {
    let panel = state.panel();
    let Some((opens, label)) = panel.selected().and_then(|line| Some((line.opens?, line.label.clone()))) else {
        state.say("this line has no samples of its own");
        return Vec::new();
    };
    let name = state.selected().map_or(String::new(), |selected| selected.eval.name.clone());
    let shown = match opens {
        Opens::Group(group) => {
            let detail = state.selected().and_then(|selected| state.detail(&selected.key()));
            let samples = detail.and_then(|detail| detail.groups.get(&group)).cloned().unwrap_or_default();
            (samples, None, format!("{name}: {}", label.trim()))
        }
        Opens::Gained(at) | Opens::Lost(at) => {
            let gained = matches!(opens, Opens::Gained(_));
            let flips = state.comparison().map(|paired| if gained { &paired.gained } else { &paired.lost });
            let Some(flip) = flips.and_then(|flips| flips.get(at)) else { return Vec::new() };
            let first = state.against().map_or("", |first| first.eval.name.as_str());
            let what = if gained { "gained" } else { "lost" };
            let what = format!("{} {what}: {first} and {name}", flip.problem);
            (flip.samples.clone(), flip.beside, what)
        }
        Opens::Dialogues(at) | Opens::Moved(at, _) => {
            let Some(of) = state.dialogues.as_ref().and_then(|dialogues| dialogues.get(at)) else { return Vec::new() };
            let samples: Vec<i64> = match opens {
                Opens::Moved(_, moved) => of.rows.get(&moved).cloned().unwrap_or_default(),
                _ => of.rows.values().flatten().copied().collect(),
            };
            let what = if matches!(opens, Opens::Moved(..)) { label.as_str() } else { "all" };
            (samples, None, format!("dialogues: {what}"))
        }
    };
    let (samples, beside, what) = shown;
    if samples.is_empty() {
        state.say("no samples: the line counts none");
        return Vec::new();
    }
    vec![Effect::Show { samples, beside, what }]
}

fn start(state: &mut EvalState) -> Vec<Effect> {
    if state.starting {
        state.refuse("it is being started already");
        return Vec::new();
    }
    if !state.opened {
        state.refuse("no session is open: open or make one in the Start pane");
        return Vec::new();
    }
    if let Some(reason) = state.read_only.clone() {
        state.refuse(format!("not started: the session is open for viewing only: {reason}"));
        return Vec::new();
    }
    let Some(order) = state.form.submit() else {
        let wrong = state.form.fields.wrong();
        state.refuse(format!("not started: {wrong} field{} to put right", if wrong == 1 { "" } else { "s" }));
        return Vec::new();
    };
    state.starting = true;
    if !state.runs() {
        state.board = None;
    }
    state.screen = Screen::Evals;
    let writer = order.generate.written_by();
    let name = order.called(&writer);
    state.say(format!("{name} is being evaluated; the Generate pane shows the answers as they are written"));
    vec![Effect::StartEval(Box::new(order))]
}

fn steer(steer: Steer) -> Effect {
    Effect::SteerJob { steer, of: Heavy::Sampling }
}

fn pause(state: &mut EvalState) -> Vec<Effect> {
    match state.board.as_ref().map(|board| board.state) {
        Some(LiveState::Starting | LiveState::Running) => vec![steer(Steer::Pause)],
        Some(LiveState::Paused) => vec![steer(Steer::Resume)],
        Some(LiveState::Stopping) => {
            state.say("it is stopping");
            Vec::new()
        }
        Some(LiveState::Waiting | LiveState::Done | LiveState::Failed) | None => {
            state.say("no evaluation runs");
            Vec::new()
        }
    }
}

fn stop(state: &mut EvalState) -> Vec<Effect> {
    if state.runs() || state.starting {
        state.say("it stops: answers that are written are kept, the same form goes on from there");
        return vec![steer(Steer::Stop)];
    }
    state.say("no evaluation runs");
    Vec::new()
}

pub fn receive(state: &mut EvalState, message: &Message) -> Vec<Effect> {
    match message {
        Message::Opened { read_only, .. } => {
            state.forget();
            state.opened = true;
            state.read_only = read_only.clone();
            state.rebuild();
        }
        Message::Rows { rows, .. } => {
            state.stale = true;
            state.dialogues_stale |= !rows.is_empty();
        }
        // What was being worked out for the tour is worked out for the copy.
        Message::Adopted(_) => {
            state.asked.clear();
            return if state.read { state.wanted() } else { Vec::new() };
        }
        Message::Evals(listed) => return take(state, listed),
        Message::Scores { asked, answer } => return answered(state, asked, answer),
        Message::Live(board) => live(state, board),
        Message::Line { .. } if std::mem::take(&mut state.starting) => state.notice = None,
        Message::Error(error) if state.starting => {
            state.starting = false;
            state.screen = Screen::Setup;
            state.refuse(format!("not started: {error}"));
        }
        _ => {}
    }
    Vec::new()
}

fn live(state: &mut EvalState, board: &Arc<LiveBoard>) {
    if board.job != EVALUATION {
        return another_jobs(&mut state.board, board);
    }
    if board.state.is_over() && (state.runs() || state.starting) {
        if board.state == LiveState::Failed {
            state.refuse(format!("failed: {}", board.message));
        } else {
            state.say(board.message.clone());
        }
    }
    state.starting = false;
    state.board = Some(Arc::clone(board));
}

/// The list as it is now. One that is new is selected; what changed is worked out again.
fn take(state: &mut EvalState, listed: &[Listed]) -> Vec<Effect> {
    if state.read && state.listed == listed {
        return state.wanted();
    }
    let old = std::mem::replace(&mut state.listed, listed.to_vec());
    let selected = old.get(state.window.selected).map(Listed::key);
    let known = |listed: &&Listed| old.iter().any(|old| old.key() == listed.key());
    let same = |key: &EvalKey| {
        let of = |list: &[Listed]| list.iter().find(|one| one.key() == *key).map(|one| one.eval.summary.clone());
        of(&old) == of(listed)
    };
    state.details.retain(|detail| same(&detail.key));
    if state.paired.as_ref().is_some_and(|paired| !same(&paired.first) || !same(&paired.second)) {
        state.paired = None;
    }
    state.failed.clear();
    let new = listed.iter().rposition(|one| state.read && !known(&one)).filter(|_| !state.inside);
    // The first time, the last model that was sampled: it can be compared with those before it.
    let last = (!state.read).then(|| listed.iter().rposition(|one| !one.greedy())).flatten();
    let place = |key: &EvalKey| listed.iter().position(|one| one.key() == *key);
    let at = new.or(last).or(selected.as_ref().and_then(place)).unwrap_or(0);
    state.read = true;
    state.window.select(at, listed.len());
    if listed.is_empty() {
        state.inside = false;
    }
    changed(state)
}

fn answered(state: &mut EvalState, asked: &ScoreRequest, answer: &Result<Scores, String>) -> Vec<Effect> {
    state.asked.retain(|request| request != asked);
    match answer {
        Ok(Scores::Detail(detail)) => {
            state.details.retain(|old| old.key != detail.key);
            state.details.push((**detail).clone());
        }
        Ok(Scores::Paired(paired)) => state.paired = Some(paired.clone()),
        Ok(Scores::Dialogues(dialogues)) => {
            state.dialogues = Some(dialogues.clone());
        }
        Err(error) => state.failed.push((asked.clone(), error.clone())),
    }
    state.rebuild();
    // What was waited for has lines to go to now.
    if state.inside && state.panel().selected().is_none_or(|line| line.opens.is_none()) {
        go_inside(state);
    }
    Vec::new()
}

/// A key while a field is being written in.
pub fn key(state: &mut EvalState, key: KeyEvent) -> Vec<Effect> {
    state.form.key(key);
    Vec::new()
}

pub fn paste(state: &mut EvalState, text: &str) -> Vec<Effect> {
    state.form.fields.paste(text);
    Vec::new()
}

/// Actions worth a hint at the foot.
pub fn hints(state: &EvalState) -> Vec<&'static str> {
    if state.screen == Screen::Setup {
        return vec!["eval.activate", "app.models", "eval.start", "eval.back", "eval.next"];
    }
    let mut hints = Vec::new();
    if state.runs() {
        hints.extend(["eval.pause", "eval.stop"]);
    }
    match (state.listed.is_empty(), state.inside) {
        (true, _) => hints.push("eval.new"),
        (false, true) => hints.extend(["eval.activate", "eval.next", "eval.back", "eval.next_tab", "eval.talk"]),
        (false, false) => {
            hints.extend(["eval.activate", "eval.next_tab", "eval.against", "eval.new", "eval.talk", "eval.swap"]);
        }
    }
    hints
}
