//! What actions and messages do to the pane, and what they ask of the outside.

use super::ChatAction;
use super::conversation::{Answer, Conversation, Exchange, Try, answer_head, verdict_piece};
use super::picker::{Choice, Pick, Picker, short};
use super::settings::{Settings, SettingsForm};
use super::state::{ChatState, Draft, Mode};
use crate::pipeline::chat::{End, News, Posed, Question, Side};
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
fn waits(state: &mut ChatState) -> bool {
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
    state.last_question += 1;
    let id = state.last_question;
    let sides: Vec<Side> = (0..state.models.len())
        .map(|side| Side { model: state.models[side].clone(), messages: state.conversation.chat(side) })
        .collect();
    let turn = state.conversation.exchanges.len().saturating_sub(1) as u32;
    let count = state.models.len();
    let Some(exchange) = state.conversation.exchanges.last_mut() else { return Vec::new() };
    exchange.tries.push(Try::new(seed, count));
    exchange.shown = exchange.tries.len() - 1;
    let problem = exchange.problem.as_ref().map(|problem| (problem.id.clone(), problem.gold.clone()));
    let question = Question { id, sides, sampling: state.settings.sampling.clone(), seed, turn, problem };
    state.asked = Some(id);
    state.rewrite();
    state.transcripts.iter_mut().for_each(|transcript| transcript.to_end(true));
    vec![Effect::Chat(ChatWish::Ask(Box::new(question)))]
}

fn stop(state: &mut ChatState) -> Vec<Effect> {
    if state.asked.is_none() {
        state.say("nothing is being written");
        return Vec::new();
    }
    state.say("stopping");
    vec![Effect::Chat(ChatWish::Stop)]
}

fn again(state: &mut ChatState) -> Vec<Effect> {
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
        unfinished.for_each(|answer| answer.end = Some(End::Stopped));
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

fn take(state: &mut ChatState, news: &News) {
    match news {
        News::Loading { model } => state.loading = Some(model.clone()),
        News::Loaded(ready) => {
            state.loading = None;
            state.ready.clone_from(ready);
        }
        News::Refused { question: None, error } => state.refuse(error),
        News::Refused { question: Some(question), error } => refused(state, *question, error),
        News::Started { question, side, prompt_tokens } => {
            if let Some(answer) = answer(state, *question, *side) {
                answer.prompt_tokens = Some(*prompt_tokens);
            }
        }
        News::Text { question, side, delta, tokens, tokens_per_second } => {
            let Some(answer) = answer(state, *question, *side) else { return };
            answer.text.push_str(delta);
            (answer.tokens, answer.tokens_per_second) = (*tokens, *tokens_per_second);
            if let Some(transcript) = state.transcripts.get_mut(*side) {
                transcript.append(transcript.pieces().saturating_sub(1), delta);
            }
        }
        News::Ended { question, side, end, tokens, tokens_per_second, check } => {
            let Some(answer) = answer(state, *question, *side) else { return };
            (answer.tokens, answer.tokens_per_second) = (*tokens, *tokens_per_second);
            (answer.end, answer.check) = (Some(end.clone()), check.clone());
            ended(state, *question, *side);
        }
    }
}

fn answer(state: &mut ChatState, question: u64, side: usize) -> Option<&mut Answer> {
    let exchange = state.answered(question)?;
    exchange.tries.last_mut()?.answers.get_mut(side)
}

/// The head of an answer says how it ended, and its verdict goes below it. What is in sight stays where it is.
fn ended(state: &mut ChatState, question: u64, side: usize) {
    let ascii = state.ascii;
    let model = state.models.get(side).map(|model| short(model)).unwrap_or_default();
    let Some(exchange) = state.answered(question) else { return };
    let (head, verdict) = (answer_head(exchange, side, &model), verdict_piece(exchange, side, ascii));
    let over = exchange.tries.last().is_none_or(Try::ended);
    if let Some(transcript) = state.transcripts.get_mut(side) {
        transcript.replace(transcript.pieces().saturating_sub(2), &head);
        if let Some(verdict) = verdict {
            transcript.push(verdict);
        }
    }
    if over {
        state.asked = None;
        state.notice = None;
    }
}

/// Nothing was asked: the prompt comes back, in front of what was begun since.
fn refused(state: &mut ChatState, question: u64, error: &str) {
    let Some(exchange) = state.answered(question) else { return };
    exchange.tries.pop();
    exchange.shown = exchange.tries.len().saturating_sub(1);
    if exchange.tries.is_empty()
        && let Some(exchange) = state.conversation.exchanges.pop()
    {
        let begun = state.draft.editor.text();
        let text = if begun.trim().is_empty() { exchange.text } else { format!("{}\n\n{begun}", exchange.text) };
        state.draft = Draft::new(&text, exchange.problem);
    }
    state.asked = None;
    state.rewrite();
    state.refuse(format!("not asked: {error}"));
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
        hints.extend(["chat.copy", "chat.page_up", "chat.page_down"]);
    }
    hints
}
