//! The pane as a whole: decisions to effects, moving on, filter and sort, prompts, and what it looks like.

mod judging;
mod looks;
mod views;
mod writing;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::mode::Notice;
use super::*;
use crate::records::{
    Chain, DecisionVerb, FinishReason, Problem, Sample, Segment, SegmentKind, Standing, Turn, TurnKind,
};
use crate::session::{Counts, SampleRow};
use crate::tui::effect::{Effect, Message};
use crate::tui::theme::Theme;
use crate::tui::view::ViewContext;
use crate::tui::widgets::paint::testing::lines;

pub(in crate::tui) fn row(id: i64) -> SampleRow {
    let strategies = ["verification", "backtracking", "subgoal decomposition", "backward reasoning"];
    SampleRow {
        id,
        problem_id: format!("gsm8k-{:05}", (id - 1) / 4),
        source: "gsm8k".into(),
        held_out: false,
        level: None,
        subject: None,
        draw: ((id - 1) % 4) as u32,
        settings: "5f2c".into(),
        strategies: vec![strategies[(id % 4) as usize].into()],
        tags: Vec::new(),
        answer: Some("18".into()),
        correct: Some(id % 3 != 0),
        finish: FinishReason::Stop,
        tokens: 200 + id as usize,
        seconds: 1.5,
        created_at: 0,
        standing: Standing::default(),
        accepted: None,
        failed: Vec::new(),
        traits: Vec::new(),
    }
}

fn turn(kind: TurnKind, strategy: Option<&str>, text: &str) -> Turn {
    Turn {
        kind,
        strategy: strategy.map(str::to_owned),
        text: text.into(),
        token_ids: Vec::new(),
        tokens: text.split_whitespace().count(),
        finish: matches!(kind, TurnKind::Attempt | TurnKind::Revision).then_some(FinishReason::Stop),
        logprob: None,
    }
}

fn sample(attempt: &str, revision: &str) -> Sample {
    let bridge = "\n\nLet me check this.\n\n";
    let text = format!("{attempt}{bridge}{revision}");
    let (cut, joined) = (attempt.len(), attempt.len() + bridge.len());
    let segment = |kind, turn, begin, end| Segment { kind, turn, begin, end };
    Sample {
        problem_id: "gsm8k-00000".into(),
        draw: 0,
        settings: "5f2c".into(),
        turns: vec![
            turn(TurnKind::Problem, None, "Janet has 16 eggs and eats 3. How many are left?"),
            turn(TurnKind::Attempt, None, attempt),
            turn(TurnKind::Guidance, Some("verification"), "Check every step of your solution."),
            turn(TurnKind::Revision, Some("verification"), revision),
        ],
        chain: Chain {
            segments: vec![
                segment(SegmentKind::Attempt, 1, 0, cut),
                segment(SegmentKind::Bridge, 2, cut, joined),
                segment(SegmentKind::Revision, 3, joined, text.len()),
            ],
            opened: Vec::new(),
            text,
        },
        tags: Vec::new(),
        finish: FinishReason::Stop,
        answer: Some("13".into()),
        correct: Some(true),
        tokens: 42,
        seconds: 1.0,
        created_at: 0,
    }
}

fn problem(text: &str) -> Problem {
    Problem {
        id: "gsm8k-00000".into(),
        text: text.into(),
        answer: "13".into(),
        source: "gsm8k".into(),
        split: None,
        level: None,
        subject: None,
        solution: None,
        extra: Default::default(),
    }
}

fn counts(samples: usize) -> Counts {
    Counts { problems: samples.div_ceil(4), samples, correct: samples - samples / 3, ..Counts::default() }
}

fn opened(samples: i64, read_only: Option<&str>) -> ReviewState {
    let mut state = ReviewState::default();
    resize(&mut state, 80, 24);
    let effects = receive(
        &mut state,
        &Message::Opened {
            dir: "s".into(),
            read_only: read_only.map(str::to_owned),
            counts: counts(samples as usize),
            rows: (1..=samples).map(row).collect(),
            problems: 10,
        },
    );
    if samples > 0 {
        assert_eq!(effects, [Effect::LoadSample(1)]);
    }
    state
}

fn with_text(samples: i64, sample: Sample) -> ReviewState {
    let mut state = opened(samples, None);
    let problem = Some(Box::new(problem("Janet has 16 eggs and eats 3. How many are left?")));
    receive(&mut state, &Message::Sample { id: 1, sample: Box::new(sample), problem, judged: None });
    state
}

fn ordinary() -> Sample {
    sample("16 - 3 = 13, so the answer is 13.", "16 - 3 is indeed 13. \\boxed{13}")
}

fn stands(state: &mut ReviewState, sample: i64, verb: Option<DecisionVerb>) -> Vec<Effect> {
    let standing = Standing { verb, ..Standing::default() };
    receive(state, &Message::Stood { standings: vec![(sample, standing)], counts: counts(8) })
}

fn press(state: &mut ReviewState, code: KeyCode) -> Vec<Effect> {
    assert!(state.capturing());
    key(state, KeyEvent::new(code, KeyModifiers::NONE))
}

fn typed(state: &mut ReviewState, text: &str) -> Vec<Effect> {
    text.chars().flat_map(|letter| press(state, KeyCode::Char(letter))).collect()
}

fn decision(sample: i64, verb: DecisionVerb, reason: Option<&str>) -> Effect {
    Effect::Decide { sample, verb, reason: reason.map(str::to_owned), note: None }
}

#[test]
fn a_decision_is_asked_for_moves_on_and_shows_when_it_stands() {
    let mut state = opened(8, None);
    let effects = update(&mut state, ReviewAction::Accept);
    assert_eq!(effects, [decision(1, DecisionVerb::Accept, None), Effect::LoadSample(2)]);
    assert_eq!(state.row(1).unwrap().standing.verb, None, "not before the store says so");
    stands(&mut state, 1, Some(DecisionVerb::Accept));
    assert_eq!(state.row(1).unwrap().standing.verb, Some(DecisionVerb::Accept));
    assert_eq!(state.selected(), Some(2));
}

#[test]
fn moving_on_passes_over_what_is_decided_or_asked_and_goes_round() {
    let mut state = opened(4, None);
    stands(&mut state, 3, Some(DecisionVerb::Reject));
    update(&mut state, ReviewAction::Next);
    assert_eq!(update(&mut state, ReviewAction::Skip)[1], Effect::LoadSample(4), "3 is decided");
    assert_eq!(update(&mut state, ReviewAction::Accept)[1], Effect::LoadSample(1), "round the end");
    let effects = update(&mut state, ReviewAction::Accept);
    assert_eq!(effects, [decision(1, DecisionVerb::Accept, None)], "2 and 4 wait for the store");
    assert!(matches!(&state.notice, Some(Notice::Said(text)) if text.contains("no other undecided")));
    receive(&mut state, &Message::Error("disk full".into()));
    assert_eq!(update(&mut state, ReviewAction::NextUndecided), [Effect::LoadSample(2)]);
}

#[test]
fn it_stays_when_told_to() {
    let mut state = opened(4, None);
    update(&mut state, ReviewAction::Advance);
    assert_eq!(update(&mut state, ReviewAction::Accept), [decision(1, DecisionVerb::Accept, None)]);
    assert_eq!(state.selected(), Some(1));
}

#[test]
fn a_session_for_viewing_refuses_decisions_where_it_can_be_read() {
    let mut state = opened(4, Some("the directory cannot be written"));
    for action in [
        ReviewAction::Accept,
        ReviewAction::Reject,
        ReviewAction::Skip,
        ReviewAction::Flag,
        ReviewAction::Note,
        ReviewAction::Undo,
    ] {
        assert_eq!(update(&mut state, action), [], "{action:?}");
        assert!(!state.capturing());
        assert!(matches!(&state.notice, Some(Notice::Refused(text)) if text.contains("cannot be written")));
    }
    assert!(drawn(&mut state, 80, 24, false).contains("not stored"));
    assert!(!hints(&state).contains(&"review.accept"));
}

#[test]
fn reasons_are_chosen_by_number_by_cursor_or_not_at_all() {
    let reject = |keys: &[KeyCode]| {
        let mut state = opened(4, None);
        assert_eq!(update(&mut state, ReviewAction::Reject), []);
        keys.iter().flat_map(|&code| press(&mut state, code)).next()
    };
    assert_eq!(reject(&[KeyCode::Char('3')]), Some(decision(1, DecisionVerb::Reject, Some("loop or repetition"))));
    assert_eq!(reject(&[KeyCode::Enter]), Some(decision(1, DecisionVerb::Reject, None)));
    let second = [KeyCode::Down, KeyCode::Down, KeyCode::Enter];
    assert_eq!(reject(&second), Some(decision(1, DecisionVerb::Reject, Some("wrong reasoning"))));
    let words = [KeyCode::Char('9'), KeyCode::Char('n'), KeyCode::Char('o'), KeyCode::Enter];
    assert_eq!(reject(&words), Some(decision(1, DecisionVerb::Reject, Some("no"))));
    assert_eq!(reject(&[KeyCode::Esc]), None);
}

#[test]
fn flags_toggle_and_notes_are_kept_only_when_changed() {
    let mut state = opened(4, None);
    assert_eq!(update(&mut state, ReviewAction::Flag), [decision(1, DecisionVerb::Flag, None)]);
    let standing = Standing { flagged: true, note: Some("odd".into()), ..Standing::default() };
    receive(&mut state, &Message::Stood { standings: vec![(1, standing)], counts: counts(4) });
    assert_eq!(update(&mut state, ReviewAction::Flag), [decision(1, DecisionVerb::Unflag, None)]);
    update(&mut state, ReviewAction::Note);
    assert_eq!(press(&mut state, KeyCode::Enter), [], "unchanged");
    update(&mut state, ReviewAction::Note);
    typed(&mut state, " but right");
    key(&mut state, KeyEvent::new(KeyCode::Enter, KeyModifiers::ALT));
    paste(&mut state, "two\r\nlines\u{1b}");
    let Some(Effect::Decide { verb: DecisionVerb::Note, note: Some(note), .. }) =
        press(&mut state, KeyCode::Enter).pop()
    else {
        panic!("a note is asked for");
    };
    assert!(note.starts_with("odd but right\ntwo\nlines") && !note.contains('\u{1b}'), "{note:?}");
}

#[test]
fn an_undo_goes_to_its_sample_even_out_of_a_filter() {
    let mut state = opened(8, None);
    stands(&mut state, 1, Some(DecisionVerb::Accept));
    state.filter = filter::Filter::parse("decision:none").unwrap();
    state.rearrange();
    assert_eq!(state.selected(), Some(2));
    assert_eq!(update(&mut state, ReviewAction::Undo), [Effect::Undo]);
    let effects = receive(&mut state, &Message::Undone { sample: 1, what: "accept".into() });
    assert_eq!((effects, state.selected()), (vec![Effect::LoadSample(1)], Some(1)));
    assert!(state.filter.is_empty());
}

#[test]
fn the_selected_sample_stays_when_rows_come_or_the_order_changes() {
    let mut state = opened(8, None);
    update(&mut state, ReviewAction::Next);
    update(&mut state, ReviewAction::Next);
    for _ in 0..4 {
        assert_eq!(update(&mut state, ReviewAction::Sort), []);
        assert_eq!(state.selected(), Some(3));
        assert_eq!(state.listed[state.window.selected], 2);
    }
    update(&mut state, ReviewAction::Sort);
    update(&mut state, ReviewAction::Sort);
    let rows = (9..=100).map(row).collect();
    assert_eq!(receive(&mut state, &Message::Rows { counts: counts(100), rows }), []);
    assert_eq!((state.selected(), state.listed.len()), (Some(3), 100));
    assert!(state.window.rows(100).contains(&state.window.selected));
}

#[test]
fn a_row_that_leaves_the_filter_gives_its_place_to_the_next() {
    let mut state = opened(4, None);
    update(&mut state, ReviewAction::Filter);
    typed(&mut state, "decision:none");
    press(&mut state, KeyCode::Enter);
    update(&mut state, ReviewAction::Advance);
    update(&mut state, ReviewAction::Accept);
    assert_eq!(stands(&mut state, 1, Some(DecisionVerb::Accept)), [Effect::LoadSample(2)]);
    assert_eq!(state.listed.len(), 3);
}

#[test]
fn a_wrong_filter_stays_open_and_says_why() {
    let mut state = opened(4, None);
    update(&mut state, ReviewAction::Filter);
    typed(&mut state, "sauce:gsm8k");
    press(&mut state, KeyCode::Enter);
    assert!(state.capturing());
    assert!(drawn(&mut state, 80, 24, false).contains("sauce:gsm8k: no such key"));
    press(&mut state, KeyCode::Esc);
    assert!(!state.capturing());
    assert_eq!(state.listed.len(), 4);
}

#[test]
fn search_finds_counts_and_survives_the_next_sample() {
    let mut state = with_text(4, ordinary());
    update(&mut state, ReviewAction::Search);
    paste(&mut state, "13");
    press(&mut state, KeyCode::Enter);
    assert!(drawn(&mut state, 80, 24, false).contains("/13 1/4"));
    update(&mut state, ReviewAction::PreviousHit);
    assert!(drawn(&mut state, 80, 24, false).contains("/13 4/4"));
    update(&mut state, ReviewAction::Chain);
    assert!(drawn(&mut state, 80, 24, false).contains("/13 1/4"));
}

#[test]
fn copying_takes_the_chain_byte_for_byte() {
    let mut state = with_text(4, ordinary());
    assert_eq!(update(&mut state, ReviewAction::Copy), [Effect::Copy(ordinary().chain.text)]);
    update(&mut state, ReviewAction::Next);
    assert_eq!(update(&mut state, ReviewAction::Copy), [], "the next one is not read yet");
}

#[test]
fn text_of_a_sample_that_was_left_is_not_shown() {
    let mut state = opened(4, None);
    update(&mut state, ReviewAction::Next);
    receive(&mut state, &Message::Sample { id: 1, sample: Box::new(ordinary()), problem: None, judged: None });
    assert!(state.open.is_none());
}

#[test]
fn an_empty_pane_takes_every_action() {
    for (action, spec) in ACTIONS {
        let mut state = ReviewState::default();
        assert!(spec.name.starts_with("review.") && spec.desc.ends_with('.'));
        for effect in update(&mut state, *action) {
            assert_eq!(effect, Effect::Undo, "{action:?}");
        }
        drawn(&mut state, 80, 24, false);
        drawn(&mut state, 3, 2, true);
    }
}

#[test]
fn every_hint_is_an_action() {
    let mut state = with_text(4, ordinary());
    state.transcript.search("13");
    let names: Vec<_> = ACTIONS.iter().map(|(_, spec)| spec.name).collect();
    for hint in hints(&state) {
        assert!(names.contains(&hint), "{hint}");
    }
}

fn drawn(state: &mut ReviewState, width: u16, height: u16, ascii: bool) -> String {
    resize(state, width, height);
    if state.ascii != ascii {
        state.set_ascii(ascii);
        state.fill();
    }
    let theme = Theme::terminal();
    let context = ViewContext::plain(&theme, 0, ascii);
    let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
    view(state, &context, buffer.area, &mut buffer);
    lines(&buffer)
}

fn mixed(mut state: ReviewState) -> ReviewState {
    for (sample, verb) in [(2, DecisionVerb::Accept), (3, DecisionVerb::Reject), (4, DecisionVerb::Skip)] {
        stands(&mut state, sample, Some(verb));
    }
    let standing = Standing { verb: None, reason: None, flagged: true, note: Some("is the egg\nstory clear?".into()) };
    let counts = Counts { accepted: 1, rejected: 1, skipped: 1, flagged: 1, ..counts(8) };
    receive(&mut state, &Message::Stood { standings: vec![(1, standing)], counts });
    state
}
