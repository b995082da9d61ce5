//! The pane over made-up records.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::*;
use crate::records::{LiveBoard, LiveState};
use crate::train::follow::{Reading, RunNews};
use crate::tui::effect::{Effect, Message};
use crate::tui::theme::Theme;
use crate::tui::view::ViewContext;
use crate::tui::widgets::paint::testing::lines;

fn news(name: &str, steps: u64, base: f64) -> RunNews {
    let step = |step: u64| Reading::Step {
        step,
        loss: base / (step as f64).sqrt() + if step == 37 { 0.8 } else { 0.0 },
        lr: 1e-5,
        grad_norm: 1.0 + 1.0 / step as f64,
        tokens_per_second: 120.0,
        epoch: step as f64 / 40.0,
        tokens: step * 512,
    };
    let mut readings: Vec<Reading> = (1..=steps).map(step).collect();
    readings.push(Reading::Validation { step: 40, loss: base / 5.0 });
    readings.push(Reading::Event { step: 37, what: "left out (loss 0.9)".into() });
    RunNews { name: name.into(), afresh: false, total_steps: Some(120), readings }
}

fn board(state: LiveState) -> Message {
    let board = LiveBoard {
        job: "train".into(),
        run: "sft".into(),
        state,
        message: "step 80/120, loss 0.2".into(),
        ..LiveBoard::default()
    };
    Message::Live(Box::new(board))
}

fn watched() -> TrainState {
    let mut state = TrainState::default();
    resize(&mut state, 80, 21);
    receive(&mut state, &Message::Runs(vec![news("sft", 80, 2.0), news("lora", 60, 2.5)]));
    receive(&mut state, &board(LiveState::Running));
    state
}

fn drawn(state: &TrainState, (width, height): (u16, u16), ascii: bool) -> String {
    let theme = Theme::terminal();
    let context = ViewContext { theme: &theme, focused: true, now: 0, ascii };
    let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
    view(state, &context, buffer.area, &mut buffer);
    lines(&buffer)
}

#[test]
fn runs_status_and_curve() {
    let mut state = watched();
    insta::assert_snapshot!("pane_80x21", drawn(&state, (80, 21), false));
    insta::assert_snapshot!("pane_160x45", drawn(&state, (160, 45), false));
    update(&mut state, TrainAction::Overlay);
    update(&mut state, TrainAction::Next);
    update(&mut state, TrainAction::CursorLeft);
    insta::assert_snapshot!("overlay_ascii_80x21", drawn(&state, (80, 21), true));
    insta::assert_snapshot!("nothing", drawn(&TrainState::default(), (80, 21), true));
}

/// A state is that of the run which runs, and of no other.
#[test]
fn the_board_is_of_its_own_run() {
    let mut state = watched();
    let of = |state: &TrainState| drawn(state, (80, 21), true).lines().nth(5).unwrap().to_owned();
    assert!(of(&state).starts_with("At rest"), "{}", of(&state));
    update(&mut state, TrainAction::Next);
    assert!(of(&state).starts_with("Running"), "{}", of(&state));
}

/// What the curve says at the crosshair is what the run wrote there, and nothing where it wrote nothing.
#[test]
fn the_crosshair_reads_the_selected_run() {
    let mut state = TrainState::default();
    resize(&mut state, 80, 21);
    receive(&mut state, &Message::Runs(vec![news("long", 20_000, 9.0), news("short", 50, 2.0)]));
    update(&mut state, TrainAction::Overlay);
    update(&mut state, TrainAction::Previous);
    update(&mut state, TrainAction::CursorLeft);
    let text = drawn(&state, (80, 21), true);
    assert!(text.contains("a short -") && text.contains(" 19600"), "{text}");
    let mut state = watched();
    for _ in 0..3 {
        update(&mut state, TrainAction::Smooth);
    }
    assert!(drawn(&state, (80, 21), true).contains(". loss 0.3227  * mean"), "{}", drawn(&state, (80, 21), true));
}

#[test]
fn keys_go_to_the_training_only_while_one_runs() {
    let mut state = watched();
    assert_eq!(update(&mut state, TrainAction::Pause), [Effect::PauseJob]);
    receive(&mut state, &board(LiveState::Paused));
    assert_eq!(update(&mut state, TrainAction::Pause), [Effect::ResumeJob]);
    let choice = Effect::SteerTraining { verb: "choose", arguments: serde_json::json!({ "to": "lower_rate" }) };
    assert_eq!(update(&mut state, TrainAction::Slower), [choice]);
    receive(&mut state, &board(LiveState::Done));
    for action in [TrainAction::Pause, TrainAction::Stop, TrainAction::Checkpoint, TrainAction::Skip] {
        assert_eq!(update(&mut state, action), []);
    }
}

#[test]
fn a_record_made_anew_replaces_the_curve_and_another_session_all() {
    let mut state = watched();
    let again = RunNews { afresh: true, ..news("sft", 3, 9.0) };
    receive(&mut state, &Message::Runs(vec![again]));
    let text = drawn(&state, (80, 21), true);
    assert!(text.contains("sft") && text.contains("3/120"), "{text}");
    for action in ACTIONS.iter().map(|(action, _)| *action) {
        update(&mut state, action);
        drawn(&state, (60, 13), true);
        drawn(&state, (160, 45), false);
    }
}
