//! What actions, keys and messages do to the pane, and what they ask of the outside.

use std::sync::Arc;

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::action::GenerateAction;
use super::form::Field;
use super::live::Live;
use super::state::{GenerateState, lay_out};
use crate::jobs::Steer;
use crate::records::{Heavy, LiveBoard, LiveState, TRAINING};
use crate::tui::effect::{Effect, Message};
use crate::tui::panes::another_jobs;

/// Does what an action says.
pub fn update(state: &mut GenerateState, action: GenerateAction) -> Vec<Effect> {
    state.notice = None;
    match action {
        GenerateAction::Next => step(state, 1),
        GenerateAction::Previous => step(state, -1),
        GenerateAction::Activate => activate(state),
        GenerateAction::Start => start(state),
        GenerateAction::Form => {
            toggle(state);
            Vec::new()
        }
        GenerateAction::Pause => pause(state),
        GenerateAction::Stop => stop(state),
        GenerateAction::ScrollDown => scroll(state, 1),
        GenerateAction::ScrollUp => scroll(state, -1),
        GenerateAction::PageDown => scroll(state, state.live.stream.page()),
        GenerateAction::PageUp => scroll(state, -state.live.stream.page()),
        GenerateAction::Top => {
            if state.shows_form() {
                state.form.fields.go_to(0);
            } else {
                state.live.stream.to_top();
            }
            Vec::new()
        }
        GenerateAction::Follow => {
            if state.shows_form() {
                state.form.fields.go_to(Field::Start as usize);
                return Vec::new();
            }
            state.live.follow();
            look(state)
        }
    }
}

fn step(state: &mut GenerateState, by: isize) -> Vec<Effect> {
    if state.shows_form() {
        state.form.fields.select(by);
        return Vec::new();
    }
    state.live.choose(by);
    look(state)
}

/// Tells the job which of its samples is looked at, where that is news and matters to it: of servers it costs something to have text
/// told as it is written.
fn look(state: &mut GenerateState) -> Vec<Effect> {
    if state.read_only.is_some() || !state.watching {
        return Vec::new();
    }
    state.live.look().map(|dialogue| steer(Steer::Look(dialogue))).into_iter().collect()
}

fn scroll(state: &mut GenerateState, by: isize) -> Vec<Effect> {
    if state.shows_form() {
        state.form.fields.select(by);
    } else {
        state.live.stream.scroll(by, true);
    }
    Vec::new()
}

fn activate(state: &mut GenerateState) -> Vec<Effect> {
    if !state.shows_form() {
        if !state.live.active() && !state.starting {
            toggle(state);
        }
        return Vec::new();
    }
    match state.form.field() {
        Field::Start => return start(state),
        Field::Compute => drop(state.form.fields.next_choice()),
        Field::Policy if !state.form.policies().is_empty() => state.form.next_policy(),
        Field::Model
        | Field::Servers
        | Field::Problems
        | Field::Samples
        | Field::Turns
        | Field::MaxTokens
        | Field::Temperature
        | Field::TopP
        | Field::TopK
        | Field::MinP
        | Field::RepetitionPenalty
        | Field::Limit
        | Field::Seed
        | Field::Slots
        | Field::Policy
        | Field::KeyFile
        | Field::Price
        | Field::MaxCost
        | Field::Prompt => state.form.begin_edit(),
    }
    Vec::new()
}

fn toggle(state: &mut GenerateState) {
    if state.watching {
        state.watching = false;
    } else if state.live.board.is_some() || state.starting {
        state.watching = true;
    } else {
        state.say("nothing has been generated since this session was opened");
    }
}

fn start(state: &mut GenerateState) -> Vec<Effect> {
    // From the form another one is put in line; what is watched is at work already.
    if state.starting || (state.live.active() && state.watching) {
        state.watching = true;
        state.refuse("it is at work already; set up another one in the form, and it waits in line");
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
    state.watching = false;
    let Some(order) = state.form.submit(state.problems) else {
        let wrong = state.form.wrong();
        state.refuse(format!("not started: {wrong} field{} to put right", if wrong == 1 { "" } else { "s" }));
        return Vec::new();
    };
    if !state.live.active() {
        state.stale = state.live.board.take();
        forget_job(state);
    }
    state.starting = true;
    state.watching = true;
    vec![Effect::StartGenerate(Box::new(order))]
}

/// Forgets the last job but keeps the sizes.
fn forget_job(state: &mut GenerateState) {
    let mut fresh = Live::default();
    std::mem::swap(&mut fresh.stream, &mut state.live.stream);
    std::mem::swap(&mut fresh.outcome, &mut state.live.outcome);
    fresh.window.height = state.live.window.height;
    fresh.stream.clear();
    fresh.stream.to_end(true);
    fresh.outcome.clear();
    state.live = fresh;
    state.asked = None;
}

/// For the job that draws samples.
fn steer(steer: Steer) -> Effect {
    Effect::SteerJob { steer, of: Heavy::Sampling }
}

fn pause(state: &mut GenerateState) -> Vec<Effect> {
    match state.live.state() {
        Some(LiveState::Starting | LiveState::Running) => {
            state.asked = Some(Steer::Pause);
            vec![steer(Steer::Pause)]
        }
        Some(LiveState::Paused) => {
            state.asked = Some(Steer::Resume);
            vec![steer(Steer::Resume)]
        }
        Some(LiveState::Waiting) => {
            state.say("it waits for a person: go on in the Run pane");
            Vec::new()
        }
        Some(LiveState::Stopping) => {
            state.say("it is stopping");
            Vec::new()
        }
        Some(LiveState::Done | LiveState::Failed) | None => {
            state.say("nothing runs");
            Vec::new()
        }
    }
}

fn stop(state: &mut GenerateState) -> Vec<Effect> {
    match state.live.state() {
        Some(LiveState::Starting | LiveState::Running | LiveState::Paused | LiveState::Waiting) => {
            state.asked = Some(Steer::Stop);
            vec![steer(Steer::Stop)]
        }
        Some(LiveState::Stopping) => {
            state.say("it is stopping, and leaves what is under way: finished samples are kept");
            vec![steer(Steer::Stop)]
        }
        Some(LiveState::Done | LiveState::Failed) | None if state.starting => {
            state.asked = Some(Steer::Stop);
            vec![steer(Steer::Stop)]
        }
        Some(LiveState::Done | LiveState::Failed) | None => {
            state.say("nothing runs");
            Vec::new()
        }
    }
}

/// Takes a key while [`GenerateState::capturing`].
pub fn key(state: &mut GenerateState, key: KeyEvent) -> Vec<Effect> {
    if key.kind == KeyEventKind::Release {
        return Vec::new();
    }
    let outside = key.code == KeyCode::Char('e') && key.modifiers.contains(KeyModifiers::ALT);
    if outside && state.form.edits_prompt() {
        return vec![Effect::EditOutside(state.form.prompt_text())];
    }
    state.form.key(key);
    Vec::new()
}

/// Takes a paste; it goes nowhere but into a field that is edited.
pub fn paste(state: &mut GenerateState, text: &str) -> Vec<Effect> {
    state.form.paste(text);
    Vec::new()
}

/// Takes what the outside tells. Messages that are not about the session or a job are of no concern here.
pub fn receive(state: &mut GenerateState, message: &Message) -> Vec<Effect> {
    match message {
        Message::EditedOutside(text) if state.form.edits_prompt() => state.form.replace_prompt(text),
        Message::Opened { read_only, problems, .. } => {
            state.opened = true;
            state.read_only = read_only.clone();
            state.problems = *problems;
            state.watching = false;
            state.starting = false;
            state.notice = None;
            forget_job(state);
        }
        Message::Rows { counts, .. } => state.problems = counts.problems,
        // A training is watched in its own pane.
        Message::Live(board) if board.job == TRAINING => another_jobs(&mut state.live.board, board),
        Message::Live(board) => {
            live(state, board);
            return look(state);
        }
        Message::Line { .. } if std::mem::take(&mut state.starting) => {
            state.watching = false;
            state.notice = None;
        }
        Message::Error(error) if state.starting => {
            state.starting = false;
            state.watching = false;
            state.refuse(format!("not started: {error}"));
        }
        // Perhaps what was asked of the job was refused: it is not said to be coming any more.
        Message::Error(_) => state.asked = None,
        _ => {}
    }
    Vec::new()
}

fn live(state: &mut GenerateState, board: &Arc<LiveBoard>) {
    if state.starting && state.stale.as_ref() == Some(board) {
        return;
    }
    let before = state.live.state();
    let servers = |state: &GenerateState| state.live.board.as_ref().map_or(0, |board| board.servers.len());
    let asked = servers(state);
    if !state.live.take(board) {
        return;
    }
    if servers(state) != asked {
        lay_out(state);
    }
    if state.live.active() {
        // A job that begins comes to the front, whoever started it; one that was left for the form stays away.
        let begins = before.is_none_or(LiveState::is_over);
        if (begins || state.starting) && !state.form.editing() {
            state.watching = true;
        }
        state.starting = false;
    } else if state.starting {
        state.starting = false;
        state.watching = true;
    }
    if before != Some(board.state) {
        state.asked = None;
    }
}

/// Names of the actions worth a place in the footer, the most useful first.
pub fn hints(state: &GenerateState) -> Vec<&'static str> {
    if state.capturing() {
        return Vec::new();
    }
    if state.shows_form() {
        let mut hints = vec!["generate.activate", "app.models", "generate.next", "generate.start", "generate.previous"];
        if state.live.board.is_some() {
            hints.push("generate.form");
        }
        return hints;
    }
    let mut hints = Vec::new();
    if state.live.active() {
        hints.extend(["generate.pause", "generate.stop", "generate.next", "generate.previous"]);
    } else {
        hints.extend(["generate.form", "generate.start"]);
    }
    if !state.live.stream.is_following() || !state.live.roaming {
        hints.insert(0, "generate.follow");
    }
    hints.extend(["generate.page_up", "generate.page_down"]);
    if state.live.active() {
        hints.push("generate.form");
    }
    hints
}
