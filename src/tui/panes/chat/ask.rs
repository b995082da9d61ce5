//! What is asked of the models: a prompt, another try of it, and more of an answer.

use super::conversation::{Answer, Exchange, Try};
use super::state::{ChatState, Draft, Mode};
use crate::pipeline::chat::{End, Question, Side};
use crate::tui::effect::{ChatWish, Effect};

/// Sends the prompt to all models.
pub(super) fn send(state: &mut ChatState) -> Vec<Effect> {
    // A problem that was posed is asked as it was, to the last space.
    let text = match (&state.draft.problem, state.draft.editor.text()) {
        (Some(_), text) => text,
        (None, text) => text.trim().to_owned(),
    };
    if text.trim().is_empty() {
        state.say("there is nothing to send yet");
        return Vec::new();
    }
    if state.models.is_empty() {
        state.refuse("no model is chosen: Esc leaves the prompt, m chooses one");
        return Vec::new();
    }
    if waits(state) || failed(state) {
        return Vec::new();
    }
    let problem = state.draft.problem.take();
    state.draft = Draft::default();
    state.mode = Mode::Browse;
    state.conversation.exchanges.push(Exchange { text, problem, tries: Vec::new(), shown: 0 });
    ask(state, state.settings.seed)
}

/// Whether answers are being written, which is said.
pub(super) fn waits(state: &mut ChatState) -> bool {
    if state.asked.is_some() {
        state.refuse("the answers are still being written: S stops them");
    }
    state.asked.is_some()
}

/// Whether an answer to go on from could not be written, which is said.
fn failed(state: &mut ChatState) -> bool {
    let failed = |answer: &Answer| matches!(answer.end, Some(End::Failed(_)));
    let last = state.conversation.last().and_then(Exchange::shown);
    let failed = last.is_some_and(|last| last.answers.iter().any(failed));
    if failed {
        state.refuse("an answer before this could not be written: r asks again, u takes the turn back");
    }
    failed
}

/// Asks the last prompt, as another try of it.
fn ask(state: &mut ChatState, seed: u64) -> Vec<Effect> {
    let (count, begin) = (state.models.len(), state.conversation.beginning());
    let Some(exchange) = state.conversation.exchanges.last_mut() else { return Vec::new() };
    exchange.tries.push(Try::new(seed, count, &begin));
    exchange.shown = exchange.tries.len() - 1;
    write(state, seed, 0)
}

/// Has those answers written that are in sight and have no end.
fn write(state: &mut ChatState, seed: u64, part: u32) -> Vec<Effect> {
    let side = |(side, model): (usize, &String)| {
        let writes = state.conversation.answer(side).is_some_and(|answer| answer.end.is_none());
        let messages = if writes { state.conversation.chat_with_beginning(side) } else { Vec::new() };
        Side { model: model.clone(), messages }
    };
    let sides: Vec<Side> = state.models.iter().enumerate().map(side).collect();
    let turn = state.conversation.exchanges.len().saturating_sub(1) as u32;
    let problem = state.conversation.last().and_then(|last| last.problem.as_deref());
    let problem = problem.map(|problem| (problem.id.clone(), problem.gold.clone()));
    let sampling = state.settings.sampling.clone();
    state.last_question += 1;
    let id = state.last_question;
    state.asked = Some(id);
    state.rewrite();
    state.transcripts.iter_mut().for_each(|transcript| transcript.to_end(true));
    let question = Question { id, sides, sampling, seed, turn, part, problem };
    vec![Effect::Chat(ChatWish::Ask(Box::new(question)))]
}

pub(super) fn stop(state: &mut ChatState) -> Vec<Effect> {
    if state.asked.is_none() {
        state.say("nothing is being written");
        return Vec::new();
    }
    state.say("stopping");
    vec![Effect::Chat(ChatWish::Stop)]
}

pub(super) fn again(state: &mut ChatState) -> Vec<Effect> {
    let Some(last) = state.conversation.last() else {
        state.say("nothing was asked yet");
        return Vec::new();
    };
    let seed = last.tries.iter().map(|one| one.seed).max();
    let failed = last.shown().is_some_and(|shown| shown.answers.iter().all(|a| matches!(a.end, Some(End::Failed(_)))));
    if waits(state) {
        return Vec::new();
    }
    if state.settings.sampling.temperature == 0.0 && !failed {
        state.refuse("at temperature 0 every seed writes the same: o sets another temperature");
        return Vec::new();
    }
    ask(state, seed.map_or(state.settings.seed, |seed| seed.wrapping_add(1)))
}

/// Goes on with the answers in sight that were cut off at the most tokens, stopped or failed; the others stay as they are.
pub(super) fn go_on(state: &mut ChatState) -> Vec<Effect> {
    if waits(state) {
        return Vec::new();
    }
    let Some(shown) = state.conversation.exchanges.last_mut().and_then(Exchange::shown_mut) else {
        state.say("nothing was asked yet");
        return Vec::new();
    };
    if !shown.answers.iter().any(Answer::can_go_on) {
        state.say(
            "no answer in sight was stopped, failed or cut off at its most tokens: there is nothing to go on with",
        );
        return Vec::new();
    }
    // Each part is drawn anew, and those of both sides alike.
    let part = 1 + shown.answers.iter().map(|answer| answer.part).max().unwrap_or_default();
    let seed = shown.seed;
    shown.answers.iter_mut().filter(|answer| answer.can_go_on()).for_each(|answer| answer.go_on(part));
    write(state, seed, part)
}
