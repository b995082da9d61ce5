//! Answers of which there is a beginning: those that are gone on with, and those that an evaluation begins.

use super::*;

#[test]
fn an_answer_that_was_cut_off_goes_on_where_it_ended_and_the_other_one_stays() {
    let mut state = fresh(&["micro", RUN]);
    update(&mut state, ChatAction::Continue);
    assert!(matches!(&state.notice, Some(Notice::Said(text)) if text == "nothing was asked yet"));
    let first = sent(&mut state, "Count.");
    says(&mut state, first.id, 0, "1 2 3");
    says(&mut state, first.id, 1, "all");
    ends(&mut state, first.id, 0, End::Length, None);
    assert_eq!(update(&mut state, ChatAction::Continue), [], "the other one writes still");
    assert!(refusal(&state).contains("still being written"));
    ends(&mut state, first.id, 1, End::Ended, None);
    assert!(hints(&state).contains(&"chat.continue"));
    let more = question(update(&mut state, ChatAction::Continue));
    assert_eq!((more.seed, more.turn, more.part, more.problem.as_ref()), (first.seed, first.turn, 1, None));
    let chat = [Said::new(Role::User, "Count."), Said::new(Role::Assistant, "1 2 3")];
    assert_eq!(more.sides[0].messages, chat);
    assert!(more.sides[1].messages.is_empty());
    assert_eq!(more.sides[1].model, RUN, "it stays in memory");
    says(&mut state, more.id, 0, " 4 5");
    let answer = state.conversation.answer(0).unwrap().clone();
    assert_eq!((answer.text.as_str(), answer.tokens, answer.end), ("1 2 3 4 5", 122, None));
    let shown = drawn(&mut state, 160, 45, false);
    assert!(shown.contains("1 2 3 4 5") && shown.contains("120 tokens, ended"), "{shown}");
    ends(&mut state, more.id, 0, End::Stopped, None);
    let even_more = question(update(&mut state, ChatAction::Continue));
    assert_eq!(even_more.part, 2, "drawn anew");
    says(&mut state, even_more.id, 0, " 6");
    ends(&mut state, even_more.id, 0, End::Ended, None);
    assert!(drawn(&mut state, 160, 45, false).contains("360 tokens, ended"));
    assert!(!hints(&state).contains(&"chat.continue"));
    assert_eq!(update(&mut state, ChatAction::Continue), [], "it ended by itself");
    let next = sent(&mut state, "And back.");
    assert_eq!(next.part, 0);
    assert_eq!((next.sides[0].messages[1].content.as_str(), next.sides[1].messages.len()), ("1 2 3 4 5 6", 3));
}

#[test]
fn an_answer_that_could_not_be_gone_on_with_is_what_it_was() {
    let mut state = fresh(&["micro"]);
    told(&mut state, ChatTold::Posed(Box::new(posed())));
    let first = question(press(&mut state, KeyCode::Enter));
    says(&mut state, first.id, 0, "5*7=35");
    ends(&mut state, first.id, 0, End::Length, checked(Some("35"), Some(true)));
    let before = state.conversation.clone();
    let more = question(update(&mut state, ChatAction::Continue));
    assert!(more.problem.is_some(), "it is graded again, as a whole");
    assert!(!drawn(&mut state, 80, 21, false).contains("wrong"), "nothing is told before the end");
    news(&mut state, News::Refused { question: Some(more.id), error: "no room".into() });
    assert_eq!(refusal(&state), "not asked: no room");
    assert_eq!(state.asked, None);
    assert_eq!(state.conversation, before);
    assert!(state.draft.is_empty());
    assert!(drawn(&mut state, 80, 21, false).contains("cut off, though it says 35"));
    // What goes on is the try in sight; another try is whole again.
    let second = question(update(&mut state, ChatAction::Again));
    assert_eq!((second.part, second.sides[0].messages.len()), (0, 2));
    answered(&mut state, &second, "36");
    update(&mut state, ChatAction::PreviousTry);
    let more = question(update(&mut state, ChatAction::Continue));
    assert_eq!((more.seed, more.part), (first.seed, 1));
    says(&mut state, more.id, 0, ", so 35.");
    ends(&mut state, more.id, 0, End::Ended, checked(Some("35"), Some(true)));
    let tries = &state.conversation.exchanges[0].tries;
    assert_eq!((tries[0].answers[0].text.as_str(), tries[1].answers[0].text.as_str()), ("5*7=35, so 35.", "36"));
    assert!(drawn(&mut state, 80, 21, false).contains("right: 35"));
}

#[test]
fn an_answer_that_failed_on_its_way_is_no_dead_end() {
    let mut state = fresh(&["micro"]);
    let first = sent(&mut state, "Count.");
    says(&mut state, first.id, 0, "1 2");
    ends(&mut state, first.id, 0, End::Stopped, None);
    let more = question(update(&mut state, ChatAction::Continue));
    says(&mut state, more.id, 0, " 3");
    ends(&mut state, more.id, 0, End::Failed("a logit is NaN".into()), None);
    assert!(hints(&state).contains(&"chat.continue"));
    let again = question(update(&mut state, ChatAction::Continue));
    assert_eq!((again.part, again.sides[0].messages.last()), (2, Some(&Said::new(Role::Assistant, "1 2 3"))));
    // Of one that failed before its first word there is nothing to go on with.
    ends(&mut state, again.id, 0, End::Ended, None);
    let next = sent(&mut state, "And back.");
    ends(&mut state, next.id, 0, End::Failed("no room".into()), None);
    assert_eq!(update(&mut state, ChatAction::Continue), []);
}

#[test]
fn an_answer_is_begun_where_the_evaluation_begins_it() {
    let mut state = fresh(&["micro"]);
    let begun = |begin: &str| Posed { begin: begin.into(), ..posed() };
    told(&mut state, ChatTold::Posed(Box::new(begun("5*7"))));
    let asked = question(press(&mut state, KeyCode::Enter));
    assert_eq!(asked.sides[0].messages.last(), Some(&Said::new(Role::Assistant, "5*7")));
    says(&mut state, asked.id, 0, "=35");
    assert_eq!(state.conversation.answer(0).map(|answer| answer.text.as_str()), Some("5*7=35"));
    ends(&mut state, asked.id, 0, End::Ended, None);
    // In other words it is another question.
    update(&mut state, ChatAction::TakeBack);
    typed(&mut state, " Now.");
    let asked = question(press(&mut state, KeyCode::Enter));
    assert_eq!(asked.sides[0].messages.last().map(|message| message.role), Some(Role::User));
}
