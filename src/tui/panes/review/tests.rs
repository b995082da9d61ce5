//! The pane as a whole: decisions to effects, moving on, filter and sort, prompts, and what it looks like.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::state::Notice;
use super::*;
use crate::records::{
    Chain, DecisionVerb, FinishReason, Problem, Sample, Segment, SegmentKind, Standing, Turn, TurnKind,
};
use crate::session::{Counts, SampleRow};
use crate::tui::effect::{Effect, Message};
use crate::tui::theme::Theme;
use crate::tui::view::ViewContext;
use crate::tui::widgets::paint::testing::lines;

pub(super) fn row(id: i64) -> SampleRow {
    let strategies = ["verification", "backtracking", "subgoal decomposition", "backward reasoning"];
    SampleRow {
        id,
        problem_id: format!("gsm8k-{:05}", (id - 1) / 4),
        source: "gsm8k".into(),
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
    receive(state, &Message::Stands { sample, standing, counts: counts(8) })
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
    receive(&mut state, &Message::Stands { sample: 1, standing, counts: counts(4) });
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
    let theme = Theme::terminal();
    let context = ViewContext { theme: &theme, focused: true, now: 0, ascii };
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
    receive(&mut state, &Message::Stands { sample: 1, standing, counts });
    state
}

#[test]
fn looks_empty() {
    insta::assert_snapshot!(drawn(&mut ReviewState::default(), 80, 24, false));
    insta::assert_snapshot!(drawn(&mut opened(0, None), 80, 24, false));
}

#[test]
fn looks_with_a_few() {
    let mut state = mixed(with_text(8, ordinary()));
    insta::assert_snapshot!("few_80x24", drawn(&mut state, 80, 24, false));
    insta::assert_snapshot!("few_160x48", drawn(&mut state, 160, 48, false));
    insta::assert_snapshot!("few_ascii", drawn(&mut state, 80, 24, true));
    update(&mut state, ReviewAction::Chain);
    insta::assert_snapshot!("chain_80x24", drawn(&mut state, 80, 24, false));
    update(&mut state, ReviewAction::Reject);
    insta::assert_snapshot!("reasons_80x24", drawn(&mut state, 80, 24, false));
    press(&mut state, KeyCode::Esc);
    update(&mut state, ReviewAction::Note);
    insta::assert_snapshot!("note_80x24", drawn(&mut state, 80, 24, false));
}

#[test]
fn looks_with_a_hundred_thousand() {
    let mut state = opened(100_000, None);
    receive(&mut state, &Message::Sample { id: 1, sample: Box::new(ordinary()), problem: None, judged: None });
    update(&mut state, ReviewAction::Last);
    let long = sample(&"The quick brown fox counts 12 hens. ".repeat(3_000), "So 12.");
    receive(&mut state, &Message::Sample { id: 100_000, sample: Box::new(long), problem: None, judged: None });
    update(&mut state, ReviewAction::PageDown);
    insta::assert_snapshot!("many_80x24", drawn(&mut state, 80, 24, false));
    insta::assert_snapshot!("many_160x48", drawn(&mut state, 160, 48, false));
}

#[test]
fn looks_with_hostile_and_wide_text() {
    let mut hostile = sample(
        "\u{1b}]0;owned\u{7}漢字かな交じり文、全角の文字が並ぶ。\t\u{202e}reversed\u{200b} e\u{301}\r\n🦀 crab",
        "\u{1b}[2J\u{1b}[Hgone? 答えは \\boxed{13}",
    );
    hostile.turns[2].strategy = Some("\u{1b}[31mred".into());
    hostile.chain.segments[2].end = 1 << 40;
    let mut state = with_text(4, hostile);
    state.rows[0].problem_id = "問題\u{1b}[0m\n第一".into();
    state.rows[0].answer = Some("\u{7}十三".into());
    let narrow = drawn(&mut state, 80, 24, false);
    let wide = drawn(&mut state, 160, 48, false);
    update(&mut state, ReviewAction::Chain);
    let chain = drawn(&mut state, 80, 24, false);
    for shown in [&narrow, &wide, &chain] {
        assert!(!shown.chars().any(|c| c.is_control() && c != '\n'));
    }
    insta::assert_snapshot!("hostile_80x24", narrow);
    insta::assert_snapshot!("hostile_160x48", wide);
    insta::assert_snapshot!("hostile_chain", chain);
}

/// A verdict of a failed rule on the first words of the chain.
fn verdict(rule: crate::filter::RuleId, pass: bool, reason: &str) -> crate::filter::Verdict {
    crate::filter::Verdict { rule, pass, value: 0.0, threshold: None, spans: vec![(0, 4)], reason: reason.into() }
}

fn judged() -> Box<crate::tui::effect::Judged> {
    use crate::filter::behaviours::{Behaviour, Hit};
    use crate::filter::{AnswerCandidate, RuleId};
    let verdicts = vec![
        (verdict(RuleId::Empty, true, "24 words"), true),
        (verdict(RuleId::Answer, false, "17 is wrong"), true),
        (verdict(RuleId::Cap, false, "12 accepted before it, 10 at most"), false),
    ];
    let hits = vec![Hit { behaviour: Behaviour::Verification, begin: 10, end: 14 }];
    let measured = crate::filter::Measured {
        hits,
        candidates: vec![AnswerCandidate { begin: 0, end: 2, correct: Some(false) }],
        transition: Some(crate::filter::Transition::FalseSame),
        tokens: 250,
        ..Default::default()
    };
    Box::new(crate::tui::effect::Judged { verdicts, measured })
}

/// A pane with eight samples of two problems, the first judged and open.
fn with_verdicts() -> ReviewState {
    let mut rows: Vec<SampleRow> = (1..=8).map(row).collect();
    for row in &mut rows {
        row.accepted = Some(row.id % 2 == 0);
        row.failed = if row.id % 2 == 0 { Vec::new() } else { vec!["answer".into()] };
    }
    let mut state = opened(8, None);
    receive(&mut state, &Message::Rows { counts: counts(8), rows });
    let sample = Message::Sample { id: 1, sample: Box::new(ordinary()), problem: None, judged: Some(judged()) };
    receive(&mut state, &sample);
    state
}

fn outcome() -> Box<crate::pipeline::FilterOutcome> {
    use crate::filter::{RuleId, Step};
    let step = |rule, dropped| Step { rule, dropped, sole: dropped / 2, failed: dropped * 2 };
    Box::new(crate::pipeline::FilterOutcome {
        judged: 8,
        accepted: 4,
        rejected: 4,
        funnel: vec![step(RuleId::Truncated, 1), step(RuleId::Loops, 0), step(RuleId::Answer, 3)],
        measured: 8,
        changed: 8,
        to_review: Vec::new(),
        overruled: [0, 0],
        settings: "5f2c".into(),
        sources: crate::pipeline::FilterSources::default(),
    })
}

#[test]
fn verdicts_stand_beside_the_text_and_in_its_place() {
    let mut state = with_verdicts();
    insta::assert_snapshot!("verdicts_160x48", drawn(&mut state, 160, 48, false));
    update(&mut state, ReviewAction::Verdicts);
    insta::assert_snapshot!("verdicts_80x24", drawn(&mut state, 80, 24, false));
    update(&mut state, ReviewAction::Changes);
    let changes = drawn(&mut state, 80, 24, false);
    assert!(changes.contains("changes") && changes.contains("{+"), "{changes}");
}

#[test]
fn the_funnel_opens_the_samples_of_a_rule() {
    let mut state = with_verdicts();
    update(&mut state, ReviewAction::Funnel);
    assert!(!state.capturing(), "nothing was judged as far as it knows");
    receive(&mut state, &Message::Judged { rows: Vec::new(), outcome: Some(outcome()) });
    update(&mut state, ReviewAction::Funnel);
    insta::assert_snapshot!("funnel_80x24", drawn(&mut state, 80, 24, false));
    for code in [KeyCode::Char('j'), KeyCode::Char('j'), KeyCode::Enter] {
        key(&mut state, KeyEvent::new(code, KeyModifiers::NONE));
    }
    assert_eq!(state.filter.text(), "rule:answer");
    assert_eq!(state.listed.len(), 4);
}

#[test]
fn a_spot_check_is_blind_until_each_is_decided_and_then_tells() {
    let mut state = with_verdicts();
    assert_eq!(
        update(&mut state, ReviewAction::SpotCheck),
        [Effect::PlanAudit(crate::filter::audit::Order::Stratified)]
    );
    assert_eq!(receive(&mut state, &Message::Audit(vec![3, 1])), [Effect::LoadSample(3)]);
    let sample = Message::Sample { id: 3, sample: Box::new(ordinary()), problem: None, judged: Some(judged()) };
    receive(&mut state, &sample);
    let blind = drawn(&mut state, 160, 48, false);
    assert!(
        blind.contains("hidden until you decide") && !blind.contains("is wrong") && !blind.contains('✗'),
        "{blind}"
    );
    let effects = update(&mut state, ReviewAction::Accept);
    assert_eq!(effects.len(), 2, "decided, and the next one is read: {effects:?}");
    let standing = Standing { verb: Some(DecisionVerb::Accept), ..Standing::default() };
    receive(&mut state, &Message::Stands { sample: 3, standing, counts: Default::default() });
    assert_eq!(
        state.notice,
        Some(Notice::Said("#2 of gsm8k-00000: the filter rejected it (answer): you overrule it".into()))
    );
    update(&mut state, ReviewAction::SpotCheck);
    let table = drawn(&mut state, 160, 48, false);
    assert!(table.contains("this spot check") && table.contains("1 decided"), "{table}");
    key(&mut state, KeyEvent::new(KeyCode::Char('e'), KeyModifiers::NONE));
    assert_eq!(state.listed.len(), 8);
    assert!(state.audit.is_none());
}

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
    let effects = key(&mut state, KeyEvent::new(KeyCode::Char('y'), KeyModifiers::NONE));
    assert_eq!(effects, [Effect::DecideAll { samples: vec![1, 3, 5, 7], verb: DecisionVerb::Reject }]);
}

#[test]
fn two_samples_of_a_problem_stand_side_by_side() {
    let mut state = with_verdicts();
    assert_eq!(update(&mut state, ReviewAction::Beside), [Effect::LoadSample(2)]);
    let mut other = ordinary();
    other.chain.text = "Quite another way to seventeen.".into();
    other.chain.segments.clear();
    receive(&mut state, &Message::Sample { id: 2, sample: Box::new(other), problem: None, judged: None });
    for (width, height) in [(80, 24), (160, 48)] {
        let shown = drawn(&mut state, width, height, false);
        assert!(shown.contains("Quite another way") && shown.contains("beside #1"), "{shown}");
    }
    update(&mut state, ReviewAction::Next);
    assert!(state.beside.is_none());
}

#[test]
fn an_edited_chain_is_asked_to_be_stored_as_a_new_sample() {
    let mut state = with_verdicts();
    update(&mut state, ReviewAction::Edit);
    assert!(state.capturing());
    key(&mut state, KeyEvent::new(KeyCode::Char('Z'), KeyModifiers::NONE));
    let effects = key(&mut state, KeyEvent::new(KeyCode::Char('s'), KeyModifiers::CONTROL));
    let [Effect::Edit { sample: 1, text }] = &effects[..] else { panic!("{effects:?}") };
    assert_eq!(*text, format!("Z{}", ordinary().chain.text));
    update(&mut state, ReviewAction::Edit);
    assert_eq!(key(&mut state, KeyEvent::new(KeyCode::Esc, KeyModifiers::NONE)), []);
    assert!(!state.capturing());
}

#[test]
fn tab_completes_a_filter() {
    let mut state = with_verdicts();
    update(&mut state, ReviewAction::Filter);
    for code in [KeyCode::Char('v'), KeyCode::Tab, KeyCode::Char('r'), KeyCode::Tab, KeyCode::Enter] {
        key(&mut state, KeyEvent::new(code, KeyModifiers::NONE));
    }
    assert_eq!(state.filter.text(), "verdict:rejected");
}
