//! The pane over made-up records.

use std::sync::Arc;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::*;
use crate::tui::effect::{Effect, Message};
use crate::tui::theme::Theme;
use crate::tui::view::ViewContext;
use crate::tui::widgets::paint::testing::lines;
use crate::watch::{Kind, Look, News, Point};

const BEGAN: f64 = 1_800_000_000.0;
const NOW: i64 = 1_800_000_300_000;

fn news(run: &str, kind: Kind, names: [&str; 3], steps: u64) -> News {
    let mut points = Vec::new();
    for step in 1..=steps {
        let mut add = |tag: &str, value: f64| {
            points.push(Point { tag: Arc::from(tag), step, value, time: Some(BEGAN + 2.0 * step as f64) });
        };
        add(names[0], 2.0 / (step as f64).sqrt() + if run.contains('b') { 0.2 } else { 0.0 });
        add(names[1], 1e-4 * (1.0 - step as f64 / 200.0));
        if step % 20 == 0 {
            add(names[2], 1.0 / (step as f64).sqrt());
        }
        add("rewards/accuracies", 0.5 + step as f64 / 400.0);
    }
    let settings = [("learning_rate", "1e-4"), ("seed", if run.contains('b') { "2" } else { "1" })];
    News {
        run: run.into(),
        path: format!("/runs/{run}").into(),
        kind,
        afresh: false,
        gone: false,
        total_steps: Some(200),
        points,
        notes: vec![(Some(7), "a spike".into())],
        settings: settings.map(|(name, value)| (name.into(), value.into())).into(),
        written: None,
        finished: None,
    }
}

fn look(news: Vec<News>) -> Message {
    Message::Watched(Box::new(Look { news, more: false, troubles: Vec::new() }))
}

fn watched() -> WatchState {
    let mut state = WatchState::default();
    resize(&mut state, 80, 21);
    receive(&mut state, &Message::Watching(vec!["/runs".into()]));
    let first = news("trl/a", Kind::TrainerState, ["loss", "learning_rate", "eval_loss"], 100);
    let second = news("board/b", Kind::TensorBoard, ["train/loss", "train/learning_rate", "eval/loss"], 80);
    receive(&mut state, &look(vec![first, second]));
    state
}

/// What is drawn, with moments that do not depend on where the machine stands.
fn drawn(state: &mut WatchState, (width, height): (u16, u16), ascii: bool) -> String {
    resize(state, width, height);
    let theme = Theme::terminal();
    let context = ViewContext::plain(&theme, NOW, ascii);
    let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
    view(state, &context, buffer.area, &mut buffer);
    let moment = regex::Regex::new(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d").unwrap();
    moment.replace_all(&lines(&buffer), "2026-02-03 04:05:06").into_owned()
}

#[test]
fn runs_of_two_writers_over_one_another() {
    let mut state = watched();
    insta::assert_snapshot!("one_80x21", drawn(&mut state, (80, 21), false));
    insta::assert_snapshot!("many_160x45", drawn(&mut state, (160, 45), false));
    update(&mut state, WatchAction::OverlayAll);
    update(&mut state, WatchAction::Grid);
    insta::assert_snapshot!("beside_the_quantities_160x45", drawn(&mut state, (160, 45), false));
    // What both mean by the loss is one plot, whatever they call it.
    assert_eq!(state.charts().iter().map(|chart| chart.name().to_owned()).collect::<Vec<_>>().len(), 4);
    update(&mut state, WatchAction::Axis);
    update(&mut state, WatchAction::NextChart);
    insta::assert_snapshot!("overlay_ascii_80x21", drawn(&mut state, (80, 21), true));
}

#[test]
fn nothing_watched_and_nothing_found() {
    let mut state = WatchState::default();
    assert!(!state.watches());
    insta::assert_snapshot!("nothing_80x21", drawn(&mut state, (80, 21), false));
    receive(&mut state, &Message::Watching(vec!["/runs".into()]));
    assert!(drawn(&mut state, (80, 21), false).contains("Looking for trainings under /runs"));
    receive(&mut state, &look(Vec::new()));
    assert!(drawn(&mut state, (60, 13), true).contains("No training under /runs so far"));
}

#[test]
fn settings_that_differ_are_seen() {
    let mut state = watched();
    update(&mut state, WatchAction::OverlayAll);
    update(&mut state, WatchAction::NextTab);
    let all = drawn(&mut state, (80, 21), false);
    assert!(all.contains("learning_rate: 1e-4") && all.contains("trl/a: 1") && all.contains("board/b: 2"), "{all}");
    update(&mut state, WatchAction::Differences);
    let some = drawn(&mut state, (80, 21), false);
    assert!(!some.contains("learning_rate") && some.contains("trl/a: 1"), "{some}");
    update(&mut state, WatchAction::NextTab);
    assert!(drawn(&mut state, (80, 21), false).contains("step 7: a spike"));
}

#[test]
fn a_run_comes_goes_begins_afresh_and_falls_quiet() {
    let mut state = watched();
    // The one that was selected first stays selected while others come in before it.
    let name = state.selected().unwrap().name.clone();
    receive(&mut state, &look(vec![news("a first one", Kind::Wandb, ["loss", "lr", "val_loss"], 3)]));
    assert_eq!((state.runs.len(), state.selected().unwrap().name == name), (3, true));
    let again = News { afresh: true, ..news(&name, Kind::TensorBoard, ["train/loss", "lr", "eval/loss"], 5) };
    receive(&mut state, &look(vec![again]));
    assert_eq!((state.selected().unwrap().step, state.selected().unwrap().notes.len()), (5, 1));
    let gone = News { gone: true, points: Vec::new(), ..news(&name, Kind::TensorBoard, ["", "", ""], 0) };
    receive(&mut state, &look(vec![gone]));
    assert!(state.runs.len() == 2 && state.runs.iter().all(|run| run.name != name));
    assert!(drawn(&mut state, (100, 30), false).contains("at work"));
    // One whose points have no time is at work while its file is written to.
    let mut timeless = news("trl/a", Kind::TrainerLog, ["loss", "lr", "val_loss"], 0);
    timeless.written = Some(NOW as f64 / 1e3 + 500.0);
    receive(&mut state, &look(vec![timeless]));
    assert_eq!(state.runs.iter().find(|run| run.name == "trl/a").unwrap().last, Some(NOW as f64 / 1e3 + 500.0));
    assert!(!state.went_quiet(NOW));
    let then = state.quiet_changes(NOW).unwrap();
    assert!(then > NOW && !state.went_quiet(then - 2));
    assert!(state.went_quiet(then + 1_000_000) && state.quiet_changes(then + 1_000_000).is_none());
}

#[test]
fn numbers_that_are_none_wide_names_and_hostile_text() {
    let mut state = WatchState::default();
    resize(&mut state, 80, 21);
    let mut bad = news("訓練/\u{1b}[31m\u{202e}x", Kind::Trackio, ["損失\u{1b}]52;c;AAAA\u{7}", "lr", "eval_loss"], 40);
    bad.points.iter_mut().step_by(3).for_each(|point| point.value = f64::NAN);
    bad.notes.push((None, "\u{1b}[2J".into()));
    bad.settings.push(("\u{9b}31m".into(), "\u{200b}".into()));
    receive(&mut state, &look(vec![bad]));
    for tab in 0..3 {
        for size in [(60, 13), (80, 21), (160, 45)] {
            let seen = drawn(&mut state, size, tab % 2 == 0);
            let hostile = |c: char| c.is_control() && c != '\n' || matches!(c, '\u{202e}' | '\u{200b}');
            assert!(!seen.contains(hostile), "{seen}");
        }
        update(&mut state, WatchAction::NextTab);
    }
}

#[test]
fn another_directory_and_the_mouse() {
    let mut state = watched();
    update(&mut state, WatchAction::Directory);
    assert!(state.capturing());
    paste(&mut state, "/elsewhere");
    assert_eq!(key(&mut state, KeyEvent::from(KeyCode::Enter)), [Effect::Watch(vec!["/elsewhere".into()])]);
    assert!(!state.capturing());
    resize(&mut state, 160, 45);
    let at = |kind, column| MouseEvent { kind, column, row: 12, modifiers: KeyModifiers::NONE };
    let before = state.chart.clone();
    mouse(&mut state, at(MouseEventKind::Moved, 60));
    assert!(state.hand.view.cursor().is_some() && state.chart == before);
    mouse(&mut state, at(MouseEventKind::Down(MouseButton::Left), 60));
    assert!(state.chart.is_some());
    mouse(&mut state, at(MouseEventKind::Down(MouseButton::Right), 60));
    assert!(state.hand.view.cursor().is_none());
}
