//! The pane over made-up records.

use std::sync::Arc;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::*;
use crate::jobs::Steer;
use crate::pipeline::train::{Preview, PreviewToken};
use crate::records::{Heavy, LiveBoard, LiveState, PassPlace};
use crate::train::TrainSettings;
use crate::train::external::External;
use crate::train::runs::follow::{LookedAt, Reading, RunNews};
use crate::train::steer::Drawn;
use crate::tui::effect::{Effect, Message, PreviewOf};
use crate::tui::learnt::Learnt;
use crate::tui::theme::Theme;
use crate::tui::view::ViewContext;
use crate::tui::widgets::paint::testing::lines;
use crate::tui::widgets::plot::{Dots, Turn};

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
    RunNews { name: name.into(), total_steps: Some(120), readings, ..RunNews::default() }
}

fn board(state: LiveState) -> Message {
    let board = LiveBoard {
        job: "train".into(),
        run: "sft".into(),
        state,
        message: "step 80/120, loss 0.2".into(),
        ..LiveBoard::default()
    };
    Message::Live(Arc::new(board))
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
    let context = ViewContext::plain(&theme, 0, ascii);
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
    update(&mut state, TrainAction::Plot(Turn::CursorLeft));
    insta::assert_snapshot!("overlay_ascii_80x21", drawn(&state, (80, 21), true));
    insta::assert_snapshot!("nothing", drawn(&TrainState::default(), (80, 21), true));
}

/// A state is that of the run which runs, and of no other.
#[test]
fn the_board_is_of_its_own_run() {
    let mut state = watched();
    let of = |state: &TrainState| drawn(state, (80, 21), true).lines().nth(3).unwrap().to_owned();
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
    update(&mut state, TrainAction::Plot(Turn::CursorLeft));
    let text = drawn(&state, (80, 21), true);
    assert!(text.contains("a short -") && text.contains(" 19600"), "{text}");
    let mut state = watched();
    for _ in 0..3 {
        update(&mut state, TrainAction::Plot(Turn::Smooth));
    }
    assert!(drawn(&state, (80, 21), true).contains(". loss 0.3227  * mean"), "{}", drawn(&state, (80, 21), true));
}

#[test]
fn keys_go_to_the_training_only_while_one_runs() {
    let mut state = watched();
    assert_eq!(update(&mut state, TrainAction::Pause), [Effect::SteerJob { steer: Steer::Pause, of: Heavy::Training }]);
    receive(&mut state, &board(LiveState::Paused));
    assert_eq!(
        update(&mut state, TrainAction::Pause),
        [Effect::SteerJob { steer: Steer::Resume, of: Heavy::Training }]
    );
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

fn look(step: u64, problem: &str, text: &str, correct: Option<bool>) -> LookedAt {
    let drawn = Drawn { problem_id: problem.into(), text: text.into(), tokens: 9, correct };
    LookedAt { step, drawn }
}

/// A session that can be written to, with a run that was looked at.
fn opened() -> TrainState {
    let mut state = TrainState::default();
    resize(&mut state, 80, 21);
    let opened = Message::Opened {
        dir: "/s".into(),
        read_only: None,
        counts: crate::session::Counts::default(),
        rows: Vec::new(),
        problems: 3,
    };
    receive(&mut state, &opened);
    let mut run = news("sft", 80, 2.0);
    for (step, right) in [(0, false), (40, false), (80, true)] {
        let answer = format!("After {step} steps I would say\n\\boxed{{{}}}", if right { 4 } else { 5 });
        run.looks.push(look(step, "gsm8k-1", &answer, Some(right)));
        run.looks.push(look(step, "gsm8k-2", "no answer \u{1b}[2J", None));
    }
    receive(&mut state, &Message::Runs(vec![run]));
    state
}

fn press(state: &mut TrainState, code: KeyCode) -> Vec<Effect> {
    assert!(state.capturing());
    key(state, KeyEvent::new(code, KeyModifiers::NONE))
}

fn typed(state: &mut TrainState, text: &str) {
    text.chars().for_each(|letter| assert_eq!(press(state, KeyCode::Char(letter)), []));
}

#[test]
fn what_the_model_answers_stands_beside_what_it_answered_before() {
    let mut state = opened();
    update(&mut state, TrainAction::NextTab);
    insta::assert_snapshot!("samples_80x21", drawn(&state, (80, 21), false));
    update(&mut state, TrainAction::Plot(Turn::CursorLeft));
    let text = drawn(&state, (80, 21), true);
    assert!(text.contains("After 40 steps") && text.contains("before training"), "{text}");
    update(&mut state, TrainAction::NextProblem);
    let text = drawn(&state, (80, 21), false);
    assert!(text.contains("no answer \u{241b}[2J") && !text.contains('\u{1b}'), "{text}");
    update(&mut state, TrainAction::NextTab);
    assert!(drawn(&state, (80, 21), true).contains("step 37: left out (loss 0.9)"));
    // The newest look is shown as it comes.
    update(&mut state, TrainAction::PreviousTab);
    update(&mut state, TrainAction::Plot(Turn::CursorRight));
    let more = RunNews { name: "sft".into(), looks: vec![look(100, "gsm8k-2", "4", Some(true))], ..RunNews::default() };
    receive(&mut state, &Message::Runs(vec![more]));
    assert!(drawn(&state, (80, 21), true).contains("step 100"));
}

#[test]
fn a_training_is_set_up_checked_and_started() {
    let mut state = opened();
    update(&mut state, TrainAction::New);
    insta::assert_snapshot!("form_80x21", drawn(&state, (80, 21), false));
    insta::assert_snapshot!("form_60x13", drawn(&state, (60, 13), true));
    update(&mut state, TrainAction::Activate);
    press(&mut state, KeyCode::Backspace);
    press(&mut state, KeyCode::Enter);
    assert_eq!(update(&mut state, TrainAction::Start), []);
    assert!(drawn(&state, (80, 21), true).contains("! a model is needed"));
    update(&mut state, TrainAction::Activate);
    typed(&mut state, "micro");
    press(&mut state, KeyCode::Enter);
    assert!(!state.capturing());
    let started = update(&mut state, TrainAction::Start);
    let [Effect::StartTrain(order)] = started.as_slice() else { panic!("{started:?}") };
    assert_eq!((order.run.as_str(), order.settings.model.as_str()), ("sft-2", "micro"), "`sft` is there already");
    // What goes wrong comes back to the form.
    receive(&mut state, &Message::Error("no accepted chain".into()));
    assert!(drawn(&state, (80, 21), true).contains("not started: no accepted chain"));
    update(&mut state, TrainAction::Back);
    assert_eq!(update(&mut state, TrainAction::Activate), [Effect::LoadRunSettings("sft".into())]);
    let settings = TrainSettings { model: "other".into(), epochs: 7, ..TrainSettings::default() };
    receive(&mut state, &Message::RunSettings { run: "sft".into(), settings: Box::new((settings, None)) });
    let text = drawn(&state, (80, 21), true);
    assert!(text.contains("Go on with sft") && text.contains("it is at step 80 of 120"), "{text}");
    let external = External {
        launcher: Some("accelerate launch".into()),
        environment: vec!["HF_TOKEN".into()],
        ..External::default()
    };
    let settings = (TrainSettings { model: "other".into(), ..TrainSettings::default() }, Some(external.clone()));
    receive(&mut state, &Message::RunSettings { run: "sft".into(), settings: Box::new(settings) });
    let started = update(&mut state, TrainAction::Start);
    let [Effect::StartExternal(order)] = started.as_slice() else { panic!("{started:?}") };
    assert_eq!(
        (order.train.run.as_str(), &order.external),
        ("sft", &external),
        "another trainer goes on with what it has begun"
    );
}

#[test]
fn tokens_are_shown_and_left_again() {
    let mut state = opened();
    assert_eq!(update(&mut state, TrainAction::Preview), [Effect::PreviewTraining(PreviewOf::Run("sft".into()))]);
    let token = |text: &str, special, weight| PreviewToken { id: 1, text: text.into(), special, weight };
    let mut tokens = vec![token("<|user|>", true, 0.0), token("What", false, 0.0), token(" is\n", false, 0.0)];
    tokens.push(token("<|assistant|>", true, 0.0));
    tokens.extend((0..30).map(|number| token(&format!(" {number}"), false, 1.0)));
    tokens.push(token("<|end|>", true, 1.0));
    let of = |sample: &str, too_long| Preview { sample: sample.into(), tokens: tokens.clone(), trained: 31, too_long };
    let previews = vec![of("gsm8k-1/0/ab", false), of("gsm8k-2/1/ab", true)];
    receive(&mut state, &Message::Previews { previews: previews.clone(), of: 845 });
    insta::assert_snapshot!("tokens_80x21", drawn(&state, (80, 21), false));
    state.set_dots(Dots::Signs);
    update(&mut state, TrainAction::Back);
    receive(&mut state, &Message::Previews { previews, of: 845 });
    resize(&mut state, 60, 13);
    update(&mut state, TrainAction::Next);
    update(&mut state, TrainAction::Borders);
    insta::assert_snapshot!("tokens_ascii_60x13", drawn(&state, (60, 13), true));
    update(&mut state, TrainAction::Back);
    resize(&mut state, 80, 21);
    assert!(drawn(&state, (80, 21), true).contains("[Curves]"));
}

#[test]
fn a_rate_and_a_name_are_asked_for() {
    let mut state = opened();
    update(&mut state, TrainAction::Rate);
    assert!(!state.capturing(), "no training runs");
    receive(&mut state, &board(LiveState::Running));
    update(&mut state, TrainAction::Rate);
    typed(&mut state, "x");
    assert_eq!(press(&mut state, KeyCode::Enter), []);
    assert!(drawn(&state, (80, 21), true).contains("! a number above 0, to 1"));
    press(&mut state, KeyCode::Backspace);
    typed(&mut state, "2e-6");
    let to = Effect::SteerTraining { verb: "rate", arguments: serde_json::json!({ "to": 2e-6 }) };
    assert_eq!(press(&mut state, KeyCode::Enter), [to]);
    update(&mut state, TrainAction::Rename);
    typed(&mut state, "-a");
    let rename = Effect::RenameRun { from: "sft".into(), to: "sft-a".into() };
    assert_eq!(press(&mut state, KeyCode::Enter), [rename]);
    let moved = [RunNews { name: "sft".into(), gone: true, ..RunNews::default() }, news("sft-a", 80, 2.0)];
    receive(&mut state, &Message::Runs(moved.to_vec()));
    assert_eq!(update(&mut state, TrainAction::Archive), [Effect::ArchiveRun("sft-a".into())]);
    receive(&mut state, &Message::RunArchived("sft-a".into()));
    assert_eq!(update(&mut state, TrainAction::Restore), [Effect::RestoreRun("sft-a".into())]);
    receive(&mut state, &Message::RunRestored("sft-a".into()));
    assert_eq!(update(&mut state, TrainAction::Restore), []);
}

#[test]
fn who_only_views_changes_nothing() {
    let mut state = opened();
    state.read_only = Some("it is in use by process 7".into());
    for action in [TrainAction::New, TrainAction::Activate, TrainAction::Rename, TrainAction::Archive] {
        assert_eq!(update(&mut state, action), []);
        assert!(!state.capturing());
        assert!(drawn(&state, (80, 21), true).contains("viewing only: it is in use by process 7"));
    }
}

#[test]
fn the_mouse_puts_the_crosshair_where_it_is() {
    let mut state = opened();
    let at = |column, row, kind| MouseEvent { kind, column, row, modifiers: KeyModifiers::NONE };
    mouse(&mut state, at(79, 14, MouseEventKind::Moved));
    assert!(
        drawn(&state, (80, 21), true).lines().nth(19).unwrap().ends_with("80"),
        "{}",
        drawn(&state, (80, 21), true)
    );
    mouse(&mut state, at(40, 14, MouseEventKind::ScrollUp));
    assert!(drawn(&state, (80, 21), true).contains(':'));
    mouse(&mut state, at(40, 14, MouseEventKind::Down(MouseButton::Right)));
    assert!(state.hand.view.cursor().is_none());
    mouse(&mut state, at(40, 2, MouseEventKind::Moved));
    assert!(state.hand.view.cursor().is_none(), "over the list of runs");
}

#[test]
fn the_next_step_of_a_pass_ends_its_training() {
    let mut state = watched();
    assert!(state.running());
    let next = LiveBoard { job: "generate".into(), state: LiveState::Running, ..LiveBoard::default() };
    receive(&mut state, &Message::Live(Arc::new(next.clone())));
    assert!(state.running(), "a generation of its own may stand beside it");
    receive(&mut state, &Message::Live(Arc::new(LiveBoard { pass: Some(PassPlace::default()), ..next })));
    assert!(!state.running(), "another training may begin");
}

#[test]
fn the_form_says_what_would_be_learnt_from() {
    let mut state = opened();
    assert_eq!(update(&mut state, TrainAction::New), []);
    let line = |state: &TrainState| drawn(state, (80, 21), true).lines().next().unwrap_or_default().to_owned();
    let of = |samples, waiting, by_rules, to_train_on| Learnt { samples, waiting, by_rules, to_train_on };
    for (told, said) in [
        (of(0, 0, 0, 0), "to train on 0: no sample yet; the Generate pane draws some"),
        (of(9, 9, 0, 0), "to train on 0: 9 not judged; R in Review judges them"),
        (of(9, 0, 0, 0), "to train on 0: the rules accept none; w in Review shows why"),
        (of(9, 2, 4, 0), "to train on 0: you accept none of 4; 2 not judged"),
        (of(9, 2, 4, 5), "to train on 5: all that you or the rules accept; 2 not judged"),
    ] {
        learns(&mut state, told);
        assert_eq!(line(&state), format!("New training  {said}"));
    }
    // A selection is asked for once, when its name is whole.
    state.form.fields.go_to(form::Field::Selection as usize);
    update(&mut state, TrainAction::Activate);
    typed(&mut state, "hard");
    let count = [Effect::CountChains("hard".into())];
    assert_eq!(press(&mut state, KeyCode::Enter), count);
    assert_eq!(line(&state), "New training  on the selection hard");
    let told = |selection: &str, chains| Message::Chains { selection: selection.into(), chains };
    receive(&mut state, &told("easy", Ok(3)));
    receive(&mut state, &told("hard", Ok(779)));
    assert_eq!(line(&state), "New training  to train on 779: the selection hard");
    assert_eq!(update(&mut state, TrainAction::Next), []);
    receive(&mut state, &told("hard", Ok(0)));
    assert_eq!(line(&state), "New training  to train on 0: hard is empty; Difficulty stores another");
    // It is asked for anew when the form is, and what is wrong with it is said.
    update(&mut state, TrainAction::Back);
    assert_eq!(update(&mut state, TrainAction::New), count);
    receive(&mut state, &told("hard", Err("no selection `hard` here;\nthere are: easy".into())));
    assert_eq!(line(&state), "New training  no selection `hard` here; there are: easy");
}
