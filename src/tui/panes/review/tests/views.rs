//! The whole list at once, two samples side by side, and the panel.

use super::judging::{judged, with_verdicts};
use super::*;

#[test]
fn the_whole_list_is_decided_on_after_a_question_only() {
    let mut state = with_verdicts();
    state.filter = super::filter::Filter::parse("verdict:rejected").unwrap();
    state.rearrange();
    update(&mut state, ReviewAction::RejectAll);
    let asked = drawn(&mut state, 80, 24, false);
    assert!(
        asked.contains("Reject the whole list?") && asked.contains("4 samples (filter verdict:rejected)"),
        "{asked}"
    );
    assert_eq!(key(&mut state, KeyEvent::new(KeyCode::Enter, KeyModifiers::NONE)), []);
    update(&mut state, ReviewAction::RejectAll);
    insta::assert_snapshot!("bulk_80x24", drawn(&mut state, 80, 24, false));
    insta::assert_snapshot!("bulk_160x48", drawn(&mut state, 160, 48, false));
    // What comes into the list while the question is open was not asked about.
    let late = SampleRow { accepted: Some(false), failed: vec!["answer".into()], ..row(9) };
    receive(&mut state, &Message::Rows { counts: counts(9), rows: vec![late] });
    assert_eq!(state.listed.len(), 5);
    let effects = key(&mut state, KeyEvent::new(KeyCode::Char('y'), KeyModifiers::NONE));
    assert_eq!(effects, [Effect::DecideAll { samples: vec![1, 3, 5, 7], verb: DecisionVerb::Reject }]);
}

#[test]
fn two_samples_of_a_problem_stand_side_by_side() {
    let mut state = with_verdicts();
    assert_eq!(update(&mut state, ReviewAction::Beside), [Effect::LoadBeside(2)]);
    let mut other = ordinary();
    other.chain.text = "Quite another way to seventeen.".into();
    other.chain.segments.clear();
    receive(&mut state, &Message::Sample { id: 2, sample: Box::new(other), problem: None, judged: None });
    for (width, height) in [(80, 24), (160, 48)] {
        let shown = drawn(&mut state, width, height, false);
        assert!(shown.contains("Quite another way") && shown.contains("#1  gold"), "{shown}");
    }
    update(&mut state, ReviewAction::Next);
    assert!(state.beside.is_none());
}

#[test]
fn many_standings_at_once_arrange_the_list_once() {
    let mut state = with_verdicts();
    state.filter = super::filter::Filter::parse("decision:none").unwrap();
    state.rearrange();
    let rejected = Standing { verb: Some(DecisionVerb::Reject), ..Standing::default() };
    let standings = (1..=7).map(|id| (id, rejected.clone())).collect();
    assert_eq!(receive(&mut state, &Message::Stood { standings, counts: counts(8) }), [Effect::LoadSample(8)]);
    assert_eq!(state.listed.len(), 1);
}

/// Long chains of the first two samples side by side.
fn beside() -> ReviewState {
    let mut state = with_verdicts();
    let long = |word: &str| {
        let text: String = (0..40).map(|line| format!("{word} {line}\n")).collect();
        Sample { chain: Chain { text, ..Chain::default() }, ..ordinary() }
    };
    let problem = || Some(Box::new(problem("How many are left?")));
    update(&mut state, ReviewAction::Beside);
    for (id, word) in [(1, "first"), (2, "second")] {
        let sample = Box::new(long(word));
        receive(&mut state, &Message::Sample { id, sample, problem: problem(), judged: Some(judged()) });
    }
    state
}

#[test]
fn two_side_by_side_have_heads_verdicts_and_marks_and_scroll_together() {
    let mut state = beside();
    insta::assert_snapshot!("beside_80x24", drawn(&mut state, 80, 24, false));
    insta::assert_snapshot!("beside_160x48", drawn(&mut state, 160, 48, false));
    drawn(&mut state, 80, 24, false);
    for _ in 0..5 {
        update(&mut state, ReviewAction::ScrollDown);
    }
    assert_eq!((state.transcript.top(), state.side.top()), (5, 5));
    update(&mut state, ReviewAction::Bottom);
    let end = drawn(&mut state, 80, 24, false);
    assert!(end.contains("first 39") && end.contains("second 39"), "{end}");
    update(&mut state, ReviewAction::Top);
    update(&mut state, ReviewAction::SideDown);
    assert!(state.transcript.top() == 0 && state.side.top() > 0, "the right one alone");
    update(&mut state, ReviewAction::Verdicts);
    assert_eq!(drawn(&mut state, 80, 24, false).matches("answer: 17 is wrong").count(), 2);
    assert_eq!(update(&mut state, ReviewAction::Back), []);
    assert!(state.beside.is_none());
}

#[test]
fn the_panel_shows_the_problem_first_and_scrolls() {
    let mut state = with_verdicts();
    let long = problem(&"a long question ".repeat(200));
    let sample =
        Message::Sample { id: 1, sample: Box::new(ordinary()), problem: Some(Box::new(long)), judged: Some(judged()) };
    receive(&mut state, &sample);
    let top = drawn(&mut state, 160, 48, false);
    assert!(top.contains("│  problem") && top.contains("more lines"), "{top}");
    for _ in 0..9 {
        update(&mut state, ReviewAction::SideDown);
    }
    let end = drawn(&mut state, 160, 48, false);
    assert!(end.contains("gold answer") && end.contains("answer: 17 is wrong"), "{end}");
    assert!(!end.contains("empty: 24 words") && !end.contains("more lines"), "only what fails, {end}");
    drawn(&mut state, 80, 24, false);
    update(&mut state, ReviewAction::SideUp);
    assert!(matches!(&state.notice, Some(Notice::Said(text)) if text.contains("120 columns")));
}

#[test]
fn a_list_from_another_pane_is_shown_until_the_own_filter_is_asked_for() {
    let mut state = opened(8, None);
    state.filter = super::filter::Filter::parse("problem:00000").unwrap();
    state.rearrange();
    let effects = show_only(&mut state, &[7, 2], Some(2), "hard problems");
    assert_eq!(effects.last(), Some(&Effect::LoadBeside(2)));
    assert_eq!((state.selected, state.listed.len(), state.filter.text()), (Some(7), 2, "hard problems"));
    assert!(drawn(&mut state, 160, 48, false).contains("hard"), "{}", drawn(&mut state, 160, 48, false));
    // The heading is no text to go on from.
    update(&mut state, ReviewAction::Filter);
    assert!(matches!(&state.mode, mode::Mode::Filter { input, .. } if input.text().is_empty()));
    press(&mut state, KeyCode::Esc);
    update(&mut state, ReviewAction::Back);
    assert_eq!(state.filter.text(), "hard problems", "first out of two side by side");
    update(&mut state, ReviewAction::Back);
    assert_eq!(state.filter.text(), "problem:00000");
}
