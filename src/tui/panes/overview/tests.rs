//! The pane over made-up sessions.

use std::sync::Arc;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::next::next;
use super::*;
use crate::records::{LiveBoard, LiveState, PassPlace};
use crate::session::Counts;
use crate::stats::Interval;
use crate::train::runs::follow::{Reading, RunNews};
use crate::tui::action::Scope;
use crate::tui::effect::{Effect, Message};
use crate::tui::learnt::Learnt;
use crate::tui::theme::Theme;
use crate::tui::view::ViewContext;
use crate::tui::widgets::paint::testing::lines;

fn opened() -> OverviewState {
    let mut state = OverviewState::default();
    let counts = Counts { problems: 2400, ..Counts::default() };
    let dir = "/home/me/sessions/micro-0".into();
    receive(&mut state, &Message::Opened { dir, read_only: None, counts, rows: Vec::new(), problems: 2000 });
    state
}

/// With samples, judged but for so many.
fn judged(waiting: usize) -> OverviewState {
    let mut state = opened();
    let by_rules = 2883 - waiting;
    learns(&mut state, Learnt { samples: 3200, waiting, by_rules, to_train_on: by_rules });
    state
}

fn trained() -> OverviewState {
    let mut state = judged(0);
    let step = |step, loss| Reading::Step {
        step,
        loss,
        lr: 1e-3,
        grad_norm: 1.0,
        tokens_per_second: 15_000.0,
        epoch: 1.0,
        tokens: 1000,
    };
    let readings = vec![step(1, 2.0), step(228, 0.0913), Reading::Validation { step: 228, loss: 0.2 }];
    let news = RunNews { name: "pi_sft".into(), total_steps: Some(228), readings, ..RunNews::default() };
    receive(&mut state, &Message::Runs(vec![news]));
    state
}

fn drawn(state: &OverviewState, width: u16, height: u16) -> String {
    let theme = Theme::terminal();
    let context = ViewContext::plain(&theme, 0, false);
    let area = Rect::new(0, 0, width, height);
    let mut buffer = Buffer::empty(area);
    view(state, &context, area, &mut buffer);
    lines(&buffer)
}

#[test]
fn what_is_next_is_the_first_part_that_waits_for_somebody() {
    let scope = |state: &OverviewState| next(state).scope;
    assert_eq!(scope(&opened()), Scope::Generate);
    assert_eq!((scope(&judged(7)), next(&judged(7)).action), (Scope::Review, Some("review.judge")));
    assert_eq!(scope(&judged(0)), Scope::Train);
    let mut state = trained();
    assert_eq!(scope(&state), Scope::Eval);
    state.evals.push(("base".into(), Interval { value: 0.425, low: 0.4, high: 0.45 }));
    assert_eq!(scope(&state), Scope::Difficulty);
    let pass = Some(PassPlace { step: "train pi_sft".into(), at: 6, of: 13, since: 0 });
    let board = LiveBoard { job: "train".into(), state: LiveState::Running, pass, ..LiveBoard::default() };
    receive(&mut state, &Message::Live(Arc::new(board)));
    assert_eq!(update(&mut state, OverviewAction::DoNext), [Effect::GoTo { scope: Scope::Run, action: None }]);
}

/// What is offered can be done there.
#[test]
fn every_next_step_is_an_action_of_its_pane() {
    let mut waiting = trained();
    waiting.pass = Some(super::state::Passed { waiting: Some((3, 20)), ..Default::default() });
    for state in [opened(), judged(7), judged(0), trained(), waiting] {
        let next = next(&state);
        let known = |name: &str| crate::tui::action::actions(next.scope).iter().any(|(_, spec)| spec.name == name);
        assert!(next.action.is_none_or(known), "{next:?}");
    }
}

/// A person's decisions stand beside what the rules say, and what is trained on comes of both.
#[test]
fn rules_and_person_are_told_apart() {
    let mut state = judged(0);
    let line = |state: &OverviewState, width| drawn(state, width, 21).lines().nth(4).unwrap_or_default().to_owned();
    assert!(
        line(&state, 60).ends_with("Review      rules accept 2883 of 3200; to train on 2883"),
        "{}",
        line(&state, 60)
    );
    let counts = Counts { problems: 2400, accepted: 12, rejected: 3, ..Counts::default() };
    receive(&mut state, &Message::Stood { standings: Vec::new(), counts });
    let told = state.learnt;
    learns(&mut state, Learnt { to_train_on: 2890, ..told });
    let both = "rules accept 2883; you accept 12, reject 3; to train on 2890";
    assert!(line(&state, 80).ends_with(both), "{}", line(&state, 80));
    learns(&mut state, Learnt { waiting: 12, by_rules: 2871, ..told });
    let waits = "rules accept 2871, 12 not judged yet; you accept 12, reject 3";
    assert!(line(&state, 80).ends_with(waits), "{}", line(&state, 80));
    // What a person accepts can be trained on where the rules accept nothing.
    learns(&mut state, Learnt { by_rules: 0, to_train_on: 12, ..told });
    assert_eq!(next(&state).scope, Scope::Train);
    learns(&mut state, Learnt { to_train_on: 0, ..told });
    assert_eq!((next(&state).scope, next(&state).action), (Scope::Review, None));
}

#[test]
fn a_copy_has_its_own_name() {
    let mut state = judged(7);
    receive(&mut state, &Message::Adopted("/home/me/sessions/tour-2".into()));
    assert!(drawn(&state, 80, 21).starts_with(" tour-2"));
}

#[test]
fn lines_lead_to_their_panes() {
    let mut state = trained();
    update(&mut state, OverviewAction::Previous);
    assert_eq!(update(&mut state, OverviewAction::Open), [Effect::GoTo { scope: Scope::Generate, action: None }]);
    for _ in 0..9 {
        update(&mut state, OverviewAction::Next);
    }
    assert_eq!(update(&mut state, OverviewAction::Open), [Effect::GoTo { scope: Scope::Run, action: None }]);
    receive(&mut state, &Message::Runs(vec![RunNews { name: "pi_sft".into(), gone: true, ..RunNews::default() }]));
    assert_eq!(next(&state).scope, Scope::Train);
}

#[test]
fn the_pane_in_every_stand() {
    insta::assert_snapshot!("new_80x21", drawn(&opened(), 80, 21));
    insta::assert_snapshot!("unjudged_60x13", drawn(&judged(12), 60, 13));
    insta::assert_snapshot!("trained_80x21", drawn(&trained(), 80, 21));
    insta::assert_snapshot!("none_60x13", drawn(&OverviewState::default(), 60, 13));
    for (width, height) in [(1, 1), (10, 3), (60, 13), (200, 60)] {
        drawn(&trained(), width, height);
    }
}
