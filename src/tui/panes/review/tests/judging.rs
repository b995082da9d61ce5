//! Verdicts, the funnel and spot checks.

use super::*;

/// A verdict of a failed rule on the first words of the chain.
fn verdict(rule: crate::filter::RuleId, pass: bool, reason: &str) -> crate::filter::Verdict {
    crate::filter::Verdict { rule, pass, value: 0.0, threshold: None, spans: vec![(0, 4)], reason: reason.into() }
}

pub fn judged() -> Box<crate::tui::effect::Judged> {
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
pub fn with_verdicts() -> ReviewState {
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

pub fn outcome() -> Box<crate::pipeline::FilterOutcome> {
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
    insta::assert_snapshot!("funnel_160x48", drawn(&mut state, 160, 48, false));
    drawn(&mut state, 80, 24, false);
    for code in [KeyCode::Char('j'), KeyCode::Char('j'), KeyCode::Enter] {
        key(&mut state, KeyEvent::new(code, KeyModifiers::NONE));
    }
    assert_eq!(state.filter.text(), "dropped:answer");
    assert_eq!(state.listed.len(), 4);
}

fn keys(state: &mut ReviewState, codes: &[KeyCode]) {
    for code in codes {
        key(state, KeyEvent::new(*code, KeyModifiers::NONE));
    }
}

#[test]
fn coming_back_from_the_funnel_brings_ones_own_filter() {
    let mut state = with_verdicts();
    receive(&mut state, &Message::Judged { rows: Vec::new(), outcome: Some(outcome()) });
    state.filter = super::filter::Filter::parse("problem:00000").unwrap();
    state.rearrange();
    let (down, alone, all) = (KeyCode::Char('j'), KeyCode::Char('a'), KeyCode::Char('f'));
    update(&mut state, ReviewAction::Funnel);
    keys(&mut state, &[down, down, alone]);
    assert_eq!(state.filter.text(), "alone:answer");
    // Back to the funnel, where it was; from there to another list, and back to the own one.
    update(&mut state, ReviewAction::Back);
    assert!(matches!(state.mode, mode::Mode::Funnel(2)) && state.filter.text() == "problem:00000");
    keys(&mut state, &[all]);
    assert_eq!(state.filter.text(), "rule:answer");
    update(&mut state, ReviewAction::Funnel);
    keys(&mut state, &[KeyCode::Esc]);
    assert_eq!((state.filter.text(), state.listed.len()), ("problem:00000", 4));
    update(&mut state, ReviewAction::Funnel);
    keys(&mut state, &[KeyCode::Enter]);
    update(&mut state, ReviewAction::ClearFilter);
    assert_eq!(state.filter.text(), "problem:00000", "first the own filter");
    update(&mut state, ReviewAction::ClearFilter);
    assert_eq!(state.listed.len(), 8);
    assert_eq!(update(&mut state, ReviewAction::Back), [], "nowhere to go back to");
}

#[test]
fn the_table_opens_what_was_overruled_and_counts_towards_a_width() {
    let mut state = with_verdicts();
    let verb = |verb| Standing { verb: Some(verb), ..Standing::default() };
    let standings =
        vec![(1, verb(DecisionVerb::Accept)), (2, verb(DecisionVerb::Accept)), (3, verb(DecisionVerb::Reject))];
    receive(&mut state, &Message::Stood { standings, counts: counts(8) });
    update(&mut state, ReviewAction::Report);
    insta::assert_snapshot!("report_80x24", drawn(&mut state, 80, 24, false));
    insta::assert_snapshot!("report_160x48", drawn(&mut state, 160, 48, false));
    keys(&mut state, &[KeyCode::Char('-'), KeyCode::Char('-')]);
    assert!(drawn(&mut state, 80, 24, false).contains("to 5 points"));
    keys(&mut state, &[KeyCode::Char('o')]);
    assert_eq!((state.filter.text(), state.listed.len()), ("overruled:yes", 1));
    update(&mut state, ReviewAction::Back);
    assert!(matches!(state.mode, mode::Mode::Report(0)) && state.listed.len() == 8);
}

/// A blind check of the third and the first sample, the third open.
fn blind() -> ReviewState {
    let mut state = with_verdicts();
    update(&mut state, ReviewAction::SpotCheck);
    receive(&mut state, &Message::Audit(vec![3, 1]));
    let sample = Message::Sample { id: 3, sample: Box::new(ordinary()), problem: None, judged: Some(judged()) };
    receive(&mut state, &sample);
    state
}

#[test]
fn a_blind_check_takes_no_filter_that_would_tell() {
    let mut state = blind();
    for word in ["verdict:rejected", "alone:answer", "-correct:yes", "overruled:yes"] {
        update(&mut state, ReviewAction::Filter);
        typed(&mut state, word);
        press(&mut state, KeyCode::Enter);
        assert!(drawn(&mut state, 80, 24, false).contains(&format!("{word}: a blind check hides this")));
        press(&mut state, KeyCode::Esc);
        assert!(state.filter.is_empty() && state.listed.len() == 2);
    }
    update(&mut state, ReviewAction::Filter);
    typed(&mut state, "problem:00000");
    press(&mut state, KeyCode::Enter);
    assert_eq!(state.filter.text(), "problem:00000");
    receive(&mut state, &Message::Judged { rows: Vec::new(), outcome: Some(outcome()) });
    update(&mut state, ReviewAction::Funnel);
    press(&mut state, KeyCode::Enter);
    assert_eq!(state.filter.text(), "problem:00000", "nor does the funnel choose one");
}

#[test]
fn a_skip_in_a_blind_check_tells_nothing() {
    let mut state = blind();
    update(&mut state, ReviewAction::Advance);
    update(&mut state, ReviewAction::Skip);
    state.notice = None;
    stands(&mut state, 3, Some(DecisionVerb::Skip));
    assert_eq!(state.notice, None);
    let shown = drawn(&mut state, 160, 48, false);
    assert!(shown.contains("hidden until you accept or") && !shown.contains("is wrong"), "{shown}");
    stands(&mut state, 3, Some(DecisionVerb::Reject));
    assert!(matches!(&state.notice, Some(Notice::Said(text)) if text.contains("the filter rejected it")));
    assert!(drawn(&mut state, 160, 48, false).contains("17 is wrong"));
}

#[test]
fn a_check_goes_on_when_its_session_is_opened_again() {
    let mut state = blind();
    let again = |dir: &str| Message::Opened {
        dir: dir.into(),
        read_only: None,
        counts: counts(8),
        rows: (1..=8).map(row).collect(),
        problems: 10,
    };
    receive(&mut state, &again("s"));
    assert!(state.audit.is_some() && state.listed.len() == 2);
    receive(&mut state, &again("other"));
    assert!(state.audit.is_none() && state.listed.len() == 8);
}

#[test]
fn progress_of_the_filter_is_that_of_the_open_session_and_ends() {
    let mut state = with_verdicts();
    let judging = |dir: &str| Message::Judging { dir: dir.into(), done: 1, all: 8 };
    receive(&mut state, &judging("elsewhere"));
    assert_eq!(state.judging, None);
    receive(&mut state, &judging("s"));
    assert!(drawn(&mut state, 80, 24, false).contains("judging: 1/8"));
    receive(&mut state, &Message::Error("something else".into()));
    receive(&mut state, &Message::JudgingOver { dir: "elsewhere".into() });
    assert!(state.judging.is_some());
    receive(&mut state, &Message::JudgingOver { dir: "s".into() });
    assert_eq!(state.judging, None);
}

#[test]
fn answers_and_faults_show_in_the_chain_without_colour() {
    let mut state = with_verdicts();
    update(&mut state, ReviewAction::Chain);
    assert!(drawn(&mut state, 80, 24, false).contains("16✗ - 3 = 13"));
    let plain = drawn(&mut state, 160, 48, true);
    assert!(plain.contains("16[x] - 3 = 13") && plain.is_ascii(), "{plain}");
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
        blind.contains("hidden until you accept or") && !blind.contains("is wrong") && !blind.contains('✗'),
        "{blind}"
    );
    let effects = update(&mut state, ReviewAction::Accept);
    assert_eq!(effects.len(), 2, "decided, and the next one is read: {effects:?}");
    let standing = Standing { verb: Some(DecisionVerb::Accept), ..Standing::default() };
    receive(&mut state, &Message::Stood { standings: vec![(3, standing)], counts: Default::default() });
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
fn tab_completes_a_filter() {
    let mut state = with_verdicts();
    update(&mut state, ReviewAction::Filter);
    for code in [KeyCode::Char('v'), KeyCode::Tab, KeyCode::Char('r'), KeyCode::Tab, KeyCode::Enter] {
        key(&mut state, KeyEvent::new(code, KeyModifiers::NONE));
    }
    assert_eq!(state.filter.text(), "verdict:rejected");
}

/// The first line: a person's decisions, what the rules say, and what comes of both.
#[test]
fn the_person_and_the_rules_are_counted_apart() {
    let mut state = with_verdicts();
    let verb = |verb| Standing { verb: Some(verb), ..Standing::default() };
    let (accept, reject) = (verb(DecisionVerb::Accept), verb(DecisionVerb::Reject));
    let standings = vec![(1, accept), (2, reject.clone()), (4, reject)];
    let counts = crate::session::Counts { accepted: 1, rejected: 2, ..counts(8) };
    receive(&mut state, &Message::Stood { standings, counts });
    let said = "5 undecided · you accept 1, reject 2 · rules accept 4 · to train on 3";
    let narrow = drawn(&mut state, 80, 24, false);
    assert!(narrow.starts_with(said), "{narrow}");
    let wide = drawn(&mut state, 160, 48, false);
    assert!(wide.starts_with(&format!("8 samples · {said} · 75% [41-93] right")), "{wide}");
    assert!(narrow.contains("you accept  rules ○ answer"), "{narrow}");
    // What the sum would tell of a sample that is skipped is what a blind check hides.
    assert!(!drawn(&mut blind(), 160, 48, false).contains("to train on"));
}

#[test]
fn digits_lead_from_the_funnel_and_the_report_to_other_panes() {
    let mut state = with_verdicts();
    receive(&mut state, &Message::Judged { rows: Vec::new(), outcome: Some(outcome()) });
    let pressed = |code| KeyEvent::new(code, KeyModifiers::NONE);
    let (two, own) = (pressed(KeyCode::Char('2')), pressed(KeyCode::Char('a')));
    assert!(!passes_on(&state, two), "nothing lies over the pane");
    for action in [ReviewAction::Funnel, ReviewAction::Report] {
        update(&mut state, action);
        assert!(passes_on(&state, two) && passes_on(&state, pressed(KeyCode::F(4))) && !passes_on(&state, own));
        press(&mut state, KeyCode::Esc);
    }
    update(&mut state, ReviewAction::Reject);
    assert!(state.capturing() && !passes_on(&state, two), "it is a reason");
}
