//! The pane as a whole: what is sent and comes back, tries, taking back, problems, and what it looks like.

mod going_on;

use std::sync::Arc;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::state::Mode;
use super::*;
use crate::math::Check;
use crate::pipeline::chat::{End, Found, Known, News, Posed, Question, Ready};
use crate::records::{LiveBoard, LiveState, Message as Said, Role};
use crate::tui::effect::{ChatTold, ChatWish, Effect, Message};
use crate::tui::theme::Theme;
use crate::tui::view::ViewContext;
use crate::tui::widgets::notice::Notice;
use crate::tui::widgets::paint::testing::lines;

const RUN: &str = "/s/demo/runs/pi_sft/checkpoint-225";

fn fresh(models: &[&str]) -> ChatState {
    let mut state = ChatState::default();
    state.set_ascii(false);
    resize(&mut state, 80, 21);
    offer(&mut state, &models.iter().map(|model| (*model).to_owned()).collect::<Vec<_>>());
    state
}

fn told(state: &mut ChatState, told: ChatTold) -> Vec<Effect> {
    receive(state, &Message::Chat(told))
}

fn news(state: &mut ChatState, news: News) {
    assert_eq!(told(state, ChatTold::News(news)), []);
}

fn press(state: &mut ChatState, code: KeyCode) -> Vec<Effect> {
    key(state, KeyEvent::new(code, KeyModifiers::NONE))
}

fn typed(state: &mut ChatState, text: &str) {
    for letter in text.chars() {
        assert!(state.capturing());
        assert_eq!(press(state, KeyCode::Char(letter)), []);
    }
}

/// Writes and sends a prompt; what is asked.
fn sent(state: &mut ChatState, text: &str) -> Question {
    assert_eq!(update(state, ChatAction::Write), []);
    typed(state, text);
    question(press(state, KeyCode::Enter))
}

fn question(effects: Vec<Effect>) -> Question {
    match effects.into_iter().next() {
        Some(Effect::Chat(ChatWish::Ask(question))) => *question,
        other => panic!("{other:?}"),
    }
}

fn says(state: &mut ChatState, question: u64, side: usize, text: &str) {
    news(state, News::Started { question, side, prompt_tokens: 40 });
    let (delta, tokens) = (text.to_owned(), text.split_whitespace().count());
    news(state, News::Text { question, side, delta, tokens, tokens_per_second: 52.25 });
}

fn ends(state: &mut ChatState, question: u64, side: usize, end: End, check: Option<Check>) {
    news(state, News::Ended { question, side, end, tokens: 120, tokens_per_second: 48.5, check });
}

fn checked(answer: Option<&str>, correct: Option<bool>) -> Option<Check> {
    Some(Check { answer: answer.map(str::to_owned), correct })
}

fn answered(state: &mut ChatState, question: &Question, text: &str) {
    for side in 0..question.sides.len() {
        says(state, question.id, side, text);
        ends(state, question.id, side, End::Ended, None);
    }
}

fn ready(state: &mut ChatState) {
    let ready = |model: &str| Ready { model: model.into(), compute: "q8".into(), context: 1024 };
    let models = state.models.iter().map(|model| ready(model)).collect();
    news(state, News::Loaded(models));
}

fn posed() -> Posed {
    Posed {
        id: "micro-test-7".into(),
        gold: "35".into(),
        system: Some("Answer in numbers.".into()),
        text: "One stamp costs 5 coins. How many do 7 cost?\n\nThink step by step. Put the final answer in \\boxed{}."
            .into(),
        begin: String::new(),
        like: "with the prompt of evaluation base".into(),
    }
}

fn drawn(state: &mut ChatState, width: u16, height: u16, ascii: bool) -> String {
    resize(state, width, height);
    let theme = Theme::terminal();
    let context = ViewContext::plain(&theme, 0, ascii);
    let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
    view(state, &context, buffer.area, &mut buffer);
    lines(&buffer)
}

fn refusal(state: &ChatState) -> &str {
    match &state.notice {
        Some(Notice::Refused(text)) => text,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_prompt_goes_to_both_models_with_what_each_said_before() {
    let mut state = fresh(&["micro", RUN]);
    assert_eq!(
        enter(&mut state),
        [
            Effect::Chat(ChatWish::Models),
            Effect::Chat(ChatWish::Stop),
            Effect::Chat(ChatWish::Load(vec!["micro".into(), RUN.into()]))
        ]
    );
    assert_eq!(enter(&mut state), [Effect::Chat(ChatWish::Models)], "once");
    let first = sent(&mut state, "What is 2 + 2?");
    assert!(!state.capturing(), "the keys steer again");
    assert_eq!((first.sides.len(), first.turn, first.seed, first.problem.as_ref()), (2, 0, 0, None));
    says(&mut state, first.id, 0, "It is 4.");
    ends(&mut state, first.id, 0, End::Ended, None);
    update(&mut state, ChatAction::Write);
    typed(&mut state, "Sure?");
    assert_eq!(press(&mut state, KeyCode::Enter), [], "the other one writes still");
    assert!(refusal(&state).contains("still being written"));
    says(&mut state, first.id, 1, "Five");
    ends(&mut state, first.id, 1, End::Stopped, None);
    let second = question(press(&mut state, KeyCode::Enter));
    assert!(second.id > first.id && second.turn == 1);
    let chat = |answer: &str| {
        let said = [(Role::User, "What is 2 + 2?"), (Role::Assistant, answer), (Role::User, "Sure?")];
        said.map(|(role, text)| Said::new(role, text)).to_vec()
    };
    assert_eq!(second.sides[0].messages, chat("It is 4."));
    assert_eq!(second.sides[1].messages, chat("Five"), "what was stopped stays said");
}

#[test]
fn news_of_another_question_change_nothing() {
    let mut state = fresh(&["micro"]);
    let first = sent(&mut state, "one");
    says(&mut state, first.id, 0, "half");
    assert_eq!(update(&mut state, ChatAction::New), [Effect::Chat(ChatWish::Stop)]);
    says(&mut state, first.id, 0, " late");
    assert!(state.conversation.exchanges.is_empty());
    let second = sent(&mut state, "two");
    says(&mut state, first.id, 0, " late");
    ends(&mut state, first.id, 0, End::Stopped, None);
    says(&mut state, second.id, 0, "right");
    assert_eq!(state.conversation.answer(0).map(|answer| answer.text.as_str()), Some("right"));
    ends(&mut state, second.id, 0, End::Ended, None);
    // The one before comes back, with what was there of its answer.
    update(&mut state, ChatAction::New);
    update(&mut state, ChatAction::TakeBack);
    assert_eq!(state.conversation.exchanges[0].text, "two");
}

#[test]
fn another_seed_is_another_try_and_the_talk_goes_on_from_the_one_in_sight() {
    let mut state = fresh(&["micro"]);
    assert_eq!(update(&mut state, ChatAction::Again), []);
    let first = sent(&mut state, "Count.");
    answered(&mut state, &first, "1 2 3");
    let second = question(update(&mut state, ChatAction::Again));
    assert_eq!((second.seed, second.turn, &second.sides), (1, 0, &first.sides));
    assert_eq!(update(&mut state, ChatAction::NextTry), [], "not while it is written");
    assert!(refusal(&state).contains("S stops"));
    answered(&mut state, &second, "3 2 1");
    let shown = drawn(&mut state, 80, 21, false);
    assert!(shown.contains("micro: try 2 of 2, seed 1") && shown.contains("3 2 1"), "{shown}");
    update(&mut state, ChatAction::PreviousTry);
    let shown = drawn(&mut state, 80, 21, false);
    assert!(shown.contains("micro: try 1 of 2, seed 0") && shown.contains("1 2 3"), "{shown}");
    let third = question(update(&mut state, ChatAction::Again));
    assert_eq!(third.seed, 2, "never a seed twice");
    answered(&mut state, &third, "2 1 3");
    update(&mut state, ChatAction::NextTry);
    let next = sent(&mut state, "Go on.");
    assert_eq!(next.sides[0].messages[1].content, "1 2 3");
    answered(&mut state, &next, "4");
    state.settings.sampling.temperature = 0.0;
    assert_eq!(update(&mut state, ChatAction::Again), []);
    assert!(refusal(&state).contains("temperature 0"));
}

#[test]
fn a_turn_is_taken_back_edited_and_sent_again() {
    let mut state = fresh(&["micro"]);
    update(&mut state, ChatAction::TakeBack);
    let first = sent(&mut state, "What is 2 + 2?");
    update(&mut state, ChatAction::TakeBack);
    assert!(refusal(&state).contains("still being written"));
    answered(&mut state, &first, "4");
    update(&mut state, ChatAction::TakeBack);
    assert!(matches!(state.mode, Mode::Writing) && state.conversation.exchanges.is_empty());
    press(&mut state, KeyCode::Backspace);
    typed(&mut state, "!");
    let again = question(press(&mut state, KeyCode::Enter));
    assert_eq!(again.sides[0].messages, [Said::new(Role::User, "What is 2 + 2!")]);
    answered(&mut state, &again, "4");
    // A prompt that is not sent is never overwritten.
    update(&mut state, ChatAction::Write);
    typed(&mut state, "begun");
    press(&mut state, KeyCode::Esc);
    update(&mut state, ChatAction::TakeBack);
    assert!(refusal(&state).contains("not sent") && state.draft.editor.text() == "begun");
    update(&mut state, ChatAction::Clear);
    assert!(state.draft.is_empty());
}

#[test]
fn what_was_refused_comes_back_as_a_prompt_and_a_failure_must_be_asked_again() {
    let mut state = fresh(&["micro"]);
    let first = sent(&mut state, "too long");
    update(&mut state, ChatAction::Write);
    typed(&mut state, "begun");
    news(&mut state, News::Refused { question: Some(first.id), error: "no room".into() });
    assert_eq!(refusal(&state), "not asked: no room");
    assert!(state.conversation.exchanges.is_empty());
    assert_eq!(state.draft.editor.text(), "too long\n\nbegun");
    let second = question(press(&mut state, KeyCode::Enter));
    ends(&mut state, second.id, 0, End::Failed("a logit is NaN\u{1b}[2J".into()), None);
    let shown = drawn(&mut state, 80, 21, false);
    assert!(shown.contains("FAILED") && !shown.contains('\u{1b}'), "{shown}");
    update(&mut state, ChatAction::Write);
    typed(&mut state, "more");
    assert_eq!(press(&mut state, KeyCode::Enter), []);
    assert!(refusal(&state).contains("could not be written"));
    press(&mut state, KeyCode::Esc);
    let third = question(update(&mut state, ChatAction::Again));
    // A try that was refused leaves those before it.
    news(&mut state, News::Refused { question: Some(third.id), error: "no model".into() });
    assert_eq!(state.conversation.exchanges[0].tries.len(), 1);
}

#[test]
fn a_problem_is_posed_alone_and_its_answers_are_graded_by_sign_and_word() {
    let mut state = fresh(&["micro", RUN]);
    let first = sent(&mut state, "Hello");
    answered(&mut state, &first, "35");
    assert_eq!(update(&mut state, ChatAction::Problem), [Effect::Chat(ChatWish::Problems(String::new()))]);
    let found = |id: &str| Found { id: id.into(), text: "One stamp".into(), held_out: true };
    let words = |words: &str, found: Vec<Found>| ChatTold::Problems { words: words.into(), found };
    receive(&mut state, &Message::Error("the store is locked".into()));
    assert!(!state.capturing(), "no list that never comes is waited for");
    update(&mut state, ChatAction::Problem);
    told(&mut state, words("", vec![found("a"), found("b")]));
    assert_eq!(press(&mut state, KeyCode::Char('b')), [Effect::Chat(ChatWish::Problems("b".into()))]);
    told(&mut state, words("", vec![found("late")]));
    told(&mut state, words("b", vec![found("b")]));
    assert_eq!(press(&mut state, KeyCode::Enter), [Effect::Chat(ChatWish::Pose("b".into()))]);
    told(&mut state, ChatTold::Posed(Box::new(posed())));
    assert!(drawn(&mut state, 80, 21, false).contains("problem micro-test-7, with the prompt of evaluation base"));
    let asked = question(press(&mut state, KeyCode::Enter));
    assert_eq!((asked.turn, asked.problem.clone()), (0, Some(("micro-test-7".into(), "35".into()))));
    let messages = [Said::new(Role::System, "Answer in numbers."), Said::new(Role::User, posed().text)];
    assert_eq!(asked.sides[1].messages, messages, "the conversation before is not part of it");
    says(&mut state, asked.id, 0, "5*7=35. \\boxed{35}");
    let shown = drawn(&mut state, 80, 21, false);
    assert!(!shown.contains("right") && !shown.contains("gold"), "nothing is told before the end: {shown}");
    ends(&mut state, asked.id, 0, End::Ended, checked(Some("35"), Some(true)));
    assert!(drawn(&mut state, 80, 21, false).contains("✓ right: 35"));
    assert!(drawn(&mut state, 80, 21, true).contains("v right"));
    ends(&mut state, asked.id, 1, End::Ended, checked(None, None));
    update(&mut state, ChatAction::Side);
    assert!(drawn(&mut state, 80, 21, false).contains("? no answer, gold 35"));
    let asked = question(update(&mut state, ChatAction::Again));
    assert!(asked.problem.is_some());
    ends(&mut state, asked.id, 0, End::Length, checked(Some("35"), Some(true)));
    ends(&mut state, asked.id, 1, End::Ended, checked(Some("36"), Some(false)));
    let shown = drawn(&mut state, 160, 45, false);
    assert!(shown.contains("✗ wrong: cut off, though it says 35  (right in 1 of 2 tries)"), "{shown}");
    assert!(shown.contains("✗ wrong: 36, gold 35  (right in 0 of 2 tries)"), "{shown}");
    // In other words it is graded still, and says so; emptied it asks about nothing.
    update(&mut state, ChatAction::TakeBack);
    typed(&mut state, " Now.");
    assert!(drawn(&mut state, 80, 21, false).contains("in other words, still graded"));
    for _ in 0..posed().text.len() + 5 {
        press(&mut state, KeyCode::Backspace);
    }
    typed(&mut state, "Hi");
    press(&mut state, KeyCode::Esc);
    assert_eq!(update(&mut state, ChatAction::Problem), [], "what was written is not lost to a problem");
    assert!(refusal(&state).contains("not sent"));
    update(&mut state, ChatAction::Write);
    assert_eq!(question(press(&mut state, KeyCode::Enter)).problem, None);
}

fn known() -> Vec<Known> {
    let one = |model: &str, what: &str| Known { model: model.into(), what: what.into(), unfit: None };
    vec![
        Known { unfit: Some("adapters alone"), ..one("/s/demo/runs/lora/checkpoint-9", "run lora, step 9") },
        one(RUN, "run pi_sft, step 225"),
        one("/s/demo/runs/pi_sft/checkpoint-150", "run pi_sft, step 150"),
        one("micro", "comes with the program"),
    ]
}

#[test]
fn models_are_chosen_from_what_the_session_knows_or_by_path() {
    let mut state = ChatState::default();
    state.set_ascii(false);
    resize(&mut state, 80, 21);
    update(&mut state, ChatAction::Write);
    typed(&mut state, "Hi");
    assert_eq!(press(&mut state, KeyCode::Enter), []);
    assert!(refusal(&state).contains("no model is chosen"));
    told(&mut state, ChatTold::Models(known()));
    assert_eq!(state.models, [RUN], "the first that can be talked with");
    let first = question(press(&mut state, KeyCode::Enter));
    answered(&mut state, &first, "Hi");
    update(&mut state, ChatAction::Against);
    for letter in "micro".chars() {
        press(&mut state, KeyCode::Char(letter));
    }
    assert_eq!(
        press(&mut state, KeyCode::Enter),
        [Effect::Chat(ChatWish::Load(vec![RUN.to_owned(), "micro".to_owned()]))]
    );
    assert!(state.conversation.exchanges.is_empty() && state.draft.editor.text() == "Hi", "it can be sent to both");
    update(&mut state, ChatAction::Against);
    press(&mut state, KeyCode::Home);
    press(&mut state, KeyCode::PageUp);
    assert_eq!(press(&mut state, KeyCode::Enter), [Effect::Chat(ChatWish::Load(vec![RUN.to_owned()]))]);
    update(&mut state, ChatAction::Model);
    press(&mut state, KeyCode::Up);
    assert_eq!(press(&mut state, KeyCode::Enter), [], "adapters alone are no model");
    assert_eq!(refusal(&state), "adapters alone");
    assert!(state.capturing());
    paste(&mut state, "/models/own.gguf\n");
    assert_eq!(press(&mut state, KeyCode::Enter), [Effect::Chat(ChatWish::Load(vec!["/models/own.gguf".to_owned()]))]);
    update(&mut state, ChatAction::Model);
    assert_eq!(press(&mut state, KeyCode::Esc), []);
    assert!(!state.capturing());
}

#[test]
fn settings_are_checked_and_the_next_question_has_them() {
    let mut state = fresh(&["micro"]);
    update(&mut state, ChatAction::Settings);
    typed(&mut state, "-1");
    press(&mut state, KeyCode::Enter);
    assert!(state.capturing() && drawn(&mut state, 80, 21, false).contains("! 0 or more"));
    press(&mut state, KeyCode::BackTab);
    press(&mut state, KeyCode::Backspace);
    press(&mut state, KeyCode::Backspace);
    typed(&mut state, "0");
    for value in ["1", "64", "9", "Be brief."] {
        press(&mut state, KeyCode::Tab);
        typed(&mut state, value);
    }
    press(&mut state, KeyCode::Enter);
    assert!(!state.capturing());
    let asked = sent(&mut state, "Hi");
    let sampling = &asked.sampling;
    assert_eq!((sampling.temperature, sampling.top_p, sampling.max_tokens, asked.seed), (0.0, 1.0, 64, 9));
    assert_eq!(asked.sides[0].messages[0], Said::new(Role::System, "Be brief."));
    answered(&mut state, &asked, "4");
    // A system prompt of several lines is not flattened by a form that was only looked at.
    state.conversation.system = "one\ntwo".into();
    update(&mut state, ChatAction::Settings);
    press(&mut state, KeyCode::Enter);
    assert_eq!(state.conversation.system, "one\ntwo");
    update(&mut state, ChatAction::Settings);
    press(&mut state, KeyCode::Tab);
    typed(&mut state, "7");
    press(&mut state, KeyCode::Esc);
    assert_eq!(state.settings.sampling.top_p, 1.0, "left as it was");
    update(&mut state, ChatAction::New);
    assert_eq!(state.conversation.system, "Be brief.", "and the person's own begins the next conversation");
}

#[test]
fn stopping_copying_freeing_and_a_job_beside_it() {
    let mut state = fresh(&["micro"]);
    assert_eq!(update(&mut state, ChatAction::Stop), []);
    assert_eq!(update(&mut state, ChatAction::Copy), []);
    assert_eq!(update(&mut state, ChatAction::Free), []);
    ready(&mut state);
    let asked = sent(&mut state, "Hi");
    assert_eq!(update(&mut state, ChatAction::Free), [], "not while it writes");
    says(&mut state, asked.id, 0, "so far");
    assert_eq!(update(&mut state, ChatAction::Stop), [Effect::Chat(ChatWish::Stop)]);
    ends(&mut state, asked.id, 0, End::Stopped, None);
    assert!(drawn(&mut state, 80, 21, false).contains("stopped by you"));
    assert_eq!(update(&mut state, ChatAction::Copy), [Effect::Copy("so far".into())]);
    assert_eq!(update(&mut state, ChatAction::Free), [Effect::Chat(ChatWish::Free)]);
    let board = |live| Message::Live(Arc::new(LiveBoard { state: live, ..LiveBoard::default() }));
    receive(&mut state, &board(LiveState::Running));
    state.notice = None;
    assert!(drawn(&mut state, 80, 21, false).contains("a job is at work"));
    receive(&mut state, &board(LiveState::Done));
    assert!(!drawn(&mut state, 80, 21, false).contains("a job is at work"));
}

#[test]
fn several_lines_are_written_and_hostile_text_reaches_no_cell() {
    let mut state = fresh(&["micro"]);
    update(&mut state, ChatAction::Write);
    typed(&mut state, "a");
    key(&mut state, KeyEvent::new(KeyCode::Enter, KeyModifiers::ALT));
    typed(&mut state, "b");
    paste(&mut state, "\u{1b}]0;x\u{7}");
    let asked = question(key(&mut state, KeyEvent::new(KeyCode::Char('s'), KeyModifiers::CONTROL)));
    assert!(asked.sides[0].messages[0].content.starts_with("a\nb"));
    says(&mut state, asked.id, 0, "\u{1b}[2Jred\u{202e}\nnext");
    ends(&mut state, asked.id, 0, End::Ended, None);
    for (width, height) in [(80, 21), (60, 13), (160, 45), (20, 5), (3, 2)] {
        for ascii in [false, true] {
            let shown = drawn(&mut state, width, height, ascii);
            assert!(!shown.chars().any(|c| c.is_control() && c != '\n'), "{shown:?}");
        }
    }
}

const LONG: &str = "There are 7 stamps and one of them costs 5 coins.\nSo all of them cost 5 times 7.\n5*7=35.\nLet me check: \
                    35/7=5, which is the price of one stamp.\nThe answer is \\boxed{35}.";

/// Two models that answered a problem, the second one wrong, with another question on its way.
fn two() -> ChatState {
    let mut state = fresh(&["micro", RUN]);
    ready(&mut state);
    told(&mut state, ChatTold::Posed(Box::new(posed())));
    let asked = question(press(&mut state, KeyCode::Enter));
    says(&mut state, asked.id, 0, LONG);
    says(&mut state, asked.id, 1, "5+7=12. The answer is \\boxed{12}.");
    ends(&mut state, asked.id, 0, End::Ended, checked(Some("35"), Some(true)));
    ends(&mut state, asked.id, 1, End::Ended, checked(Some("12"), Some(false)));
    state
}

#[test]
fn looks() {
    let mut state = fresh(&["micro"]);
    insta::assert_snapshot!("empty_80x21", drawn(&mut state, 80, 21, false));
    let asked = sent(&mut state, "What is 12 + 30?");
    news(&mut state, News::Loading { model: "micro".into() });
    insta::assert_snapshot!("loading_80x21", drawn(&mut state, 80, 21, false));
    ready(&mut state);
    says(&mut state, asked.id, 0, "12 + 30 = 42");
    update(&mut state, ChatAction::Write);
    typed(&mut state, "Are you sure?");
    insta::assert_snapshot!("writing_80x21", drawn(&mut state, 80, 21, false));
    let mut state = two();
    insta::assert_snapshot!("two_80x21", drawn(&mut state, 80, 21, false));
    insta::assert_snapshot!("two_160x45", drawn(&mut state, 160, 45, false));
    insta::assert_snapshot!("two_ascii_60x13", drawn(&mut state, 60, 13, true));
    let asked = sent(&mut state, "Check that again.");
    says(&mut state, asked.id, 0, "35/7=5.");
    insta::assert_snapshot!("two_asked_160x45", drawn(&mut state, 160, 45, false));
    told(&mut state, ChatTold::Models(known()));
    update(&mut state, ChatAction::Against);
    insta::assert_snapshot!("models_80x21", drawn(&mut state, 80, 21, false));
    press(&mut state, KeyCode::Esc);
    update(&mut state, ChatAction::Problem);
    let found = (0..30).map(|at| Found { id: format!("micro-test-{at}"), text: posed().text, held_out: at < 4 });
    told(&mut state, ChatTold::Problems { words: String::new(), found: found.collect() });
    insta::assert_snapshot!("problems_80x21", drawn(&mut state, 80, 21, false));
    press(&mut state, KeyCode::Esc);
    update(&mut state, ChatAction::Settings);
    insta::assert_snapshot!("settings_80x21", drawn(&mut state, 80, 21, false));
    insta::assert_snapshot!("settings_160x45", drawn(&mut state, 160, 45, false));
}

#[test]
fn a_frame_of_a_long_talk_is_drawn_in_little_time() {
    let mut state = fresh(&["micro", RUN]);
    for round in 0..50 {
        let asked = sent(&mut state, &format!("Question {round}"));
        answered(&mut state, &asked, &LONG.repeat(20));
    }
    let begun = std::time::Instant::now();
    for _ in 0..20 {
        drawn(&mut state, 160, 45, false);
    }
    let each = begun.elapsed() / 20;
    assert!(each < std::time::Duration::from_millis(25), "{each:?} a frame, in a build that is not the fastest");
}

#[test]
fn asking_for_the_same_talk_lets_its_answer_go_on_and_another_one_ends_it() {
    let mut state = fresh(&["micro"]);
    sent(&mut state, "What is 2 + 2?");
    offer(&mut state, &["micro".to_owned()]);
    let stop = Effect::Chat(ChatWish::Stop);
    assert!(!enter(&mut state).contains(&stop));
    offer(&mut state, &[RUN.to_owned()]);
    assert!(enter(&mut state).contains(&stop));
}
