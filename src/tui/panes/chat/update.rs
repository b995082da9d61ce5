//! What actions and messages do to the pane, and what they ask of the outside.

use super::ChatAction;
use super::ask::{again, go_on, stop, waits};
use super::conversation::{Answer, Conversation, Exchange};
use super::news::take;
use super::picker::{Choice, Pick, Picker};
use super::settings::{Settings, SettingsForm};
use super::state::{ChatState, Draft, Mode};
use crate::pipeline::chat::{End, Posed};
use crate::tui::effect::{ChatTold, ChatWish, Effect, Message};

pub fn resize(state: &mut ChatState, width: u16, height: u16) {
    state.size = (width, height);
    state.lay_out();
}

/// The pane comes to the front.
pub fn enter(state: &mut ChatState) -> Vec<Effect> {
    let mut effects = vec![Effect::Chat(ChatWish::Models)];
    if std::mem::take(&mut state.offered) {
        // An answer that was laid aside with its conversation is not waited for; one that is in sight goes on.
        if state.asked.is_none() {
            effects.push(Effect::Chat(ChatWish::Stop));
        }
        effects.push(Effect::Chat(ChatWish::Load(state.models.clone())));
    }
    effects
}

/// Models that another pane proposes to talk with: one, or two that are asked the same.
pub fn offer(state: &mut ChatState, models: &[String]) {
    let models: Vec<String> = models.iter().take(2).cloned().collect();
    if !models.is_empty() && state.models != models {
        set_models(state, models);
    }
    state.offered = !state.models.is_empty();
    state.mode = Mode::Browse;
    state.lay_out();
}

pub fn update(state: &mut ChatState, action: ChatAction) -> Vec<Effect> {
    state.notice = None;
    let effects = act(state, action);
    state.lay_out();
    effects
}

fn act(state: &mut ChatState, action: ChatAction) -> Vec<Effect> {
    match action {
        ChatAction::Write => state.mode = Mode::Writing,
        ChatAction::Stop => return stop(state),
        ChatAction::Again => return again(state),
        ChatAction::Continue => return go_on(state),
        ChatAction::NextTry => show_try(state, 1),
        ChatAction::PreviousTry => show_try(state, -1),
        ChatAction::TakeBack => take_back(state),
        ChatAction::New => return begin_anew(state),
        ChatAction::Clear if state.draft.is_empty() => state.say("there is no prompt to clear"),
        ChatAction::Clear => state.draft = Draft::default(),
        ChatAction::Problem if state.draft.is_own() => {
            state.refuse("there is a prompt that was not sent: send it or clear it (x) first");
        }
        ChatAction::Problem => return pick(state, Pick::Problem),
        ChatAction::Model => return pick(state, Pick::Model(0)),
        ChatAction::Against if state.models.is_empty() => return pick(state, Pick::Model(0)),
        ChatAction::Against => return pick(state, Pick::Model(1)),
        ChatAction::Settings => {
            state.mode = Mode::Settings(SettingsForm::new(&state.settings, &state.conversation.system));
        }
        ChatAction::Copy => return copy(state),
        ChatAction::Side if state.two() => state.focus = 1 - state.focus,
        ChatAction::Side => state.say("one model is talked with: v sets another beside it"),
        ChatAction::ScrollDown => scroll(state, 1),
        ChatAction::ScrollUp => scroll(state, -1),
        ChatAction::PageDown => scroll(state, state.transcripts[state.focus].page()),
        ChatAction::PageUp => scroll(state, -state.transcripts[state.focus].page()),
        ChatAction::Top => state.transcripts[state.focus].to_top(),
        ChatAction::Follow => state.transcripts[state.focus].to_end(true),
        ChatAction::Free => return free(state),
    }
    Vec::new()
}

pub(super) fn scroll(state: &mut ChatState, by: isize) {
    state.transcripts[state.focus].scroll(by, true);
}

fn show_try(state: &mut ChatState, by: isize) {
    if waits(state) {
        return;
    }
    let Some(last) = state.conversation.exchanges.last_mut() else { return };
    let of = last.tries.len();
    if of < 2 {
        state.say("the last turn has one try: r asks again");
        return;
    }
    last.shown = (last.shown as isize + by).rem_euclid(of as isize) as usize;
    state.rewrite();
    state.transcripts.iter_mut().for_each(|transcript| transcript.to_end(true));
}

/// The last prompt comes back to be edited; in an empty conversation, the one before comes back whole.
fn take_back(state: &mut ChatState) {
    if waits(state) {
        return;
    }
    if !state.draft.is_empty() {
        state.refuse("there is a prompt that was not sent: send it or clear it (x) first");
        return;
    }
    if let Some(exchange) = state.conversation.exchanges.pop() {
        state.draft = Draft::new(&exchange.text, exchange.problem);
        state.mode = Mode::Writing;
    } else if let Some((models, conversation)) = state.before.take() {
        (state.models, state.conversation) = (models, conversation);
        state.focus = 0;
        state.say("the conversation before is back");
    } else {
        state.say("there is nothing to take back");
    }
    state.rewrite();
}

/// Lays the conversation aside, whatever is still being written of it.
fn lay_aside(state: &mut ChatState) {
    if state.asked.take().is_some()
        && let Some(last) = state.conversation.exchanges.last_mut()
    {
        let unfinished = last.tries.iter_mut().flat_map(|one| &mut one.answers).filter(|answer| answer.end.is_none());
        unfinished.for_each(|answer| answer.ends(&End::Stopped, None));
    }
    let fresh = Conversation { system: state.settings.system.clone(), exchanges: Vec::new() };
    let old = std::mem::replace(&mut state.conversation, fresh);
    if !old.exchanges.is_empty() {
        state.before = Some((state.models.clone(), old));
    }
    state.rewrite();
}

fn begin_anew(state: &mut ChatState) -> Vec<Effect> {
    let writes = state.asked.is_some();
    if state.conversation.exchanges.is_empty() {
        state.say("this is a new conversation: i writes a prompt");
        state.conversation.system.clone_from(&state.settings.system);
        state.rewrite();
    } else {
        lay_aside(state);
        state.say("a new conversation; u brings the one before back");
    }
    if writes { vec![Effect::Chat(ChatWish::Stop)] } else { Vec::new() }
}

/// Talks with these models from now on, in a new conversation whose first prompt may be the last one of that before.
fn set_models(state: &mut ChatState, models: Vec<String>) {
    let last = state.conversation.last().map(|last| (last.text.clone(), last.problem.clone()));
    let system = state.conversation.system.clone();
    lay_aside(state);
    state.conversation.system = system;
    state.models = models;
    state.focus = 0;
    if let Some((text, problem)) = last.filter(|_| state.draft.is_empty()) {
        state.draft = Draft::new(&text, problem);
        state.say("another model, a new conversation: i shows the last prompt, to send it again");
    }
    state.rewrite();
}

fn pick(state: &mut ChatState, what: Pick) -> Vec<Effect> {
    let mut picker = Picker::new(what);
    let wish = match what {
        Pick::Model(side) => {
            picker.list_models(&state.known, state.models.get(side).map(String::as_str));
            ChatWish::Models
        }
        Pick::Problem => ChatWish::Problems(String::new()),
    };
    state.mode = Mode::Pick(picker);
    vec![Effect::Chat(wish)]
}

/// The words of the list have changed.
pub(super) fn narrow(state: &mut ChatState, mut picker: Picker) -> Vec<Effect> {
    let mut effects = Vec::new();
    match picker.what {
        Pick::Model(side) => picker.list_models(&state.known, state.models.get(side).map(String::as_str)),
        Pick::Problem => {
            picker.waiting = true;
            effects.push(Effect::Chat(ChatWish::Problems(picker.words().to_owned())));
        }
    }
    state.mode = Mode::Pick(picker);
    effects
}

pub(super) fn chosen(state: &mut ChatState, picker: Picker, choice: Choice) -> Vec<Effect> {
    let mut models = state.models.clone();
    match (choice, picker.what) {
        (Choice::Unfit(why), _) => {
            state.refuse(why);
            state.mode = Mode::Pick(picker);
            return Vec::new();
        }
        (Choice::Problem(id), _) => return vec![Effect::Chat(ChatWish::Pose(id))],
        (Choice::Nobody, _) => models.truncate(1),
        (Choice::Model(model), Pick::Model(side)) if side < models.len() => models[side] = model,
        (Choice::Model(model), _) => models.push(model),
    }
    if models == state.models {
        return Vec::new();
    }
    let mut effects = Vec::new();
    if state.asked.is_some() {
        effects.push(Effect::Chat(ChatWish::Stop));
    }
    set_models(state, models);
    effects.push(Effect::Chat(ChatWish::Load(state.models.clone())));
    effects
}

pub(super) fn set(state: &mut ChatState, settings: Settings) {
    // What a problem is posed with is not the person's own until they change it.
    let system = match settings.system == state.conversation.system {
        true => std::mem::take(&mut state.settings.system),
        false => settings.system.clone(),
    };
    state.conversation.system.clone_from(&settings.system);
    state.settings = Settings { system, ..settings };
    // While an answer is written its pieces stand where they are.
    if state.asked.is_none() {
        state.rewrite();
    }
}

fn copy(state: &mut ChatState) -> Vec<Effect> {
    match state.conversation.answer(state.focus).filter(|answer| !answer.text.is_empty()) {
        Some(answer) => vec![Effect::Copy(answer.text.clone())],
        None => {
            state.say("there is no answer to copy");
            Vec::new()
        }
    }
}

fn free(state: &mut ChatState) -> Vec<Effect> {
    if waits(state) {
        return Vec::new();
    }
    if state.ready.is_empty() && state.loading.is_none() {
        state.say("no model is in memory");
        return Vec::new();
    }
    state.say("the models are let go; the next question loads them again");
    vec![Effect::Chat(ChatWish::Free)]
}

pub fn receive(state: &mut ChatState, message: &Message) -> Vec<Effect> {
    match message {
        Message::EditedOutside(text) if matches!(state.mode, Mode::Writing) => {
            state.draft.editor.replace(text);
            state.lay_out();
        }
        Message::Opened { .. } => {
            state.known.clear();
            state.boards.clear();
            if matches!(state.mode, Mode::Pick(_)) {
                state.mode = Mode::Browse;
            }
            // What nobody talked with yet, and a problem that was merely posed, belong to the session before.
            if state.conversation.exchanges.is_empty() {
                if !state.offered {
                    state.models.clear();
                }
                if !state.draft.is_own() {
                    state.draft = Draft::default();
                }
                state.conversation.system.clone_from(&state.settings.system);
            }
            state.lay_out();
        }
        Message::Live(board) => {
            state.boards.take(board);
        }
        // What is wrong is said at the foot; nothing will come of the list.
        Message::Error(_) if matches!(&state.mode, Mode::Pick(picker) if picker.waiting) => {
            state.mode = Mode::Browse;
            state.lay_out();
        }
        Message::Chat(told) => {
            match told {
                ChatTold::Models(known) => models(state, known),
                ChatTold::Problems { words, found } => {
                    if let Mode::Pick(picker) = &mut state.mode {
                        picker.list_problems(words, found);
                    }
                }
                ChatTold::Posed(posed) => return pose(state, posed),
                ChatTold::News(news) => take(state, news),
            }
            state.lay_out();
        }
        _ => {}
    }
    Vec::new()
}

fn models(state: &mut ChatState, known: &[crate::pipeline::chat::Known]) {
    state.known = known.to_vec();
    if state.models.is_empty() {
        state.models.extend(known.iter().find(|known| known.unfit.is_none()).map(|known| known.model.clone()));
    }
    if let Mode::Pick(picker) = &mut state.mode
        && let Pick::Model(side) = picker.what
    {
        picker.list_models(&state.known, state.models.get(side).map(String::as_str));
    }
}

/// A problem is put into a new conversation, so that it is asked as an evaluation asks it.
fn pose(state: &mut ChatState, posed: &Posed) -> Vec<Effect> {
    let mut effects = Vec::new();
    if state.asked.is_some() {
        effects.push(Effect::Chat(ChatWish::Stop));
    }
    let aside = !state.conversation.exchanges.is_empty();
    lay_aside(state);
    state.conversation.system = posed.system.clone().unwrap_or_default();
    state.draft = Draft::new(&posed.text, Some(Box::new(posed.clone())));
    state.mode = Mode::Writing;
    state.rewrite();
    let before = if aside { ", in a new conversation" } else { "" };
    state.say(format!("posed {}{before}: Enter asks it, and the answer is graded", posed.like));
    state.lay_out();
    effects
}

/// Actions worth a hint at the foot.
pub fn hints(state: &ChatState) -> Vec<&'static str> {
    if state.asked.is_some() {
        let mut hints = vec!["chat.stop", "chat.scroll_up", "chat.follow", "chat.new"];
        if state.two() {
            hints.insert(1, "chat.side");
        }
        return hints;
    }
    let mut hints = vec!["chat.write", "chat.problem", "chat.model", "chat.against", "chat.settings"];
    if state.two() {
        hints.insert(1, "chat.side");
    }
    if !state.draft.is_empty() {
        hints.insert(1, "chat.clear");
    }
    if !state.conversation.exchanges.is_empty() {
        hints.splice(1..1, ["chat.again", "chat.take_back", "chat.new"]);
        let shown = state.conversation.last().and_then(Exchange::shown);
        if shown.is_some_and(|shown| shown.answers.iter().any(Answer::can_go_on)) {
            hints.insert(1, "chat.continue");
        }
        hints.extend(["chat.copy", "chat.page_up", "chat.page_down"]);
    }
    hints
}
