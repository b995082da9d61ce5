//! The whole screen: what keys and messages do to it, and what it looks like.

mod dashboard;
mod looks;

use std::path::PathBuf;
use std::sync::Arc;

use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{App, Pane, view};
use crate::config::SessionInfo;
use crate::records::{GENERATION, Heavy, LiveBoard, LiveState, LiveTotals, TRAINING};
use crate::session::Counts;
use crate::tui::effect::{Effect, Message};
use crate::tui::keymap::Keymap;
use crate::tui::theme::Theme;
use crate::tui::widgets::paint::testing::lines;
use crate::tui::widgets::plot::Dots;

const NOW: i64 = 1_800_000_000_000;

fn app() -> App {
    App::new(Keymap::load(None).unwrap(), Theme::terminal(), Dots::Braille)
}

fn press(app: &mut App, code: KeyCode) -> Vec<Effect> {
    app.event(&Event::Key(KeyEvent::new(code, KeyModifiers::NONE)), NOW)
}

fn control(app: &mut App, letter: char) -> Vec<Effect> {
    app.event(&Event::Key(KeyEvent::new(KeyCode::Char(letter), KeyModifiers::CONTROL)), NOW)
}

fn typed(app: &mut App, text: &str) -> Vec<Effect> {
    text.chars().flat_map(|letter| press(app, KeyCode::Char(letter))).collect()
}

fn screen(app: &mut App, width: u16, height: u16) -> String {
    app.resize(width, height);
    let area = Rect::new(0, 0, width, height);
    let mut buffer = Buffer::empty(area);
    view(app, NOW, area, &mut buffer);
    lines(&buffer)
}

fn sessions() -> Message {
    let info = |name: &str, age: i64| SessionInfo {
        name: name.into(),
        path: PathBuf::from("/s").join(name),
        problems: 500,
        samples: 2000,
        accepted: 31,
        rejected: 7,
        modified: NOW - age * 1000,
        error: None,
    };
    Message::Sessions(vec![info("math500", 30), info("gsm8k-qwen", 7300), info("a\u{1b}[31mname", 400_000)])
}

fn opened(samples: usize) -> Message {
    Message::Opened {
        dir: "/s/math500".into(),
        read_only: None,
        counts: Counts { problems: 500, samples, ..Counts::default() },
        problems: 500,
        rows: Vec::new(),
    }
}

fn board(state: LiveState) -> Message {
    Message::Live(Arc::new(LiveBoard { state, updated_at: NOW, ..LiveBoard::default() }))
}

#[test]
fn the_start_screen() {
    let mut app = app();
    insta::assert_snapshot!("start_empty_80x24", screen(&mut app, 80, 24));
    app.message(&sessions(), NOW);
    insta::assert_snapshot!("start_80x24", screen(&mut app, 80, 24));
    insta::assert_snapshot!("start_160x48", screen(&mut app, 160, 48));
    press(&mut app, KeyCode::Char('n'));
    typed(&mut app, "demo");
    insta::assert_snapshot!("start_new_80x24", screen(&mut app, 80, 24));
}

#[test]
fn the_help() {
    let mut app = app();
    app.message(&opened(3), NOW);
    press(&mut app, KeyCode::Char('?'));
    insta::assert_snapshot!("help_80x24", screen(&mut app, 80, 24));
    insta::assert_snapshot!("help_160x48", screen(&mut app, 160, 48));
    typed(&mut app, "undo");
    let filtered = screen(&mut app, 80, 24);
    assert!(filtered.contains("Take back") || filtered.to_lowercase().contains("undo"), "{filtered}");
    // The first Esc empties the filter, the second leaves.
    press(&mut app, KeyCode::Esc);
    assert!(screen(&mut app, 80, 24).contains("Accept the sample"));
    press(&mut app, KeyCode::Esc);
    assert!(!screen(&mut app, 80, 24).contains("esc leaves"));
}

#[test]
fn no_size_is_too_small_to_be_told_so() {
    let mut app = app();
    app.message(&sessions(), NOW);
    insta::assert_snapshot!("too_small_20x6", screen(&mut app, 20, 6));
    for (width, height) in [(1, 1), (2, 3), (0, 0), (300, 1), (1, 100), (39, 9)] {
        screen(&mut app, width, height);
    }
}

#[test]
fn every_pane_draws_at_every_size() {
    let mut app = app();
    app.message(&opened(0), NOW);
    for pane in ['0', '1', '2', '3', '4', '5', '6', '7', '8', ':'] {
        press(&mut app, KeyCode::Char(pane));
        for width in [40, 41, 57, 80, 121, 400] {
            for height in [10, 11, 13, 24, 90] {
                screen(&mut app, width, height);
            }
        }
    }
}

#[test]
fn a_pane_asked_for_while_the_session_opens_is_shown_then() {
    let mut app = app();
    app.set_opening();
    press(&mut app, KeyCode::Char('2'));
    app.message(&opened(10), NOW);
    assert_eq!(app.pane, Pane::Generate);
    let mut app = self::app();
    press(&mut app, KeyCode::Char('3'));
    assert_eq!(app.pane, Pane::Start);
    assert!(screen(&mut app, 80, 24).contains("open a session first"));
}

#[test]
fn a_session_with_samples_opens_on_review_and_an_empty_one_on_generate() {
    for (samples, pane) in [(0, Pane::Generate), (4, Pane::Review)] {
        let mut app = app();
        app.message(&opened(samples), NOW);
        assert_eq!(app.pane, pane);
    }
}

#[test]
fn watching_needs_no_session_and_has_a_tab_while_it_watches() {
    let mut app = app();
    app.message(&opened(1), NOW);
    assert!(!screen(&mut app, 100, 24).contains("9 Watch"));
    let mut app = self::app();
    assert!(press(&mut app, KeyCode::Char('9')).is_empty());
    assert!(screen(&mut app, 100, 24).contains("Nothing is watched yet"));
    assert!(press(&mut app, KeyCode::Char('o')).is_empty());
    typed(&mut app, "/runs");
    assert_eq!(press(&mut app, KeyCode::Enter), [Effect::Watch(vec!["/runs".into()])]);
    app.message(&Message::Watching(vec!["/runs".into()]), NOW);
    app.message(&opened(1), NOW);
    let elsewhere = screen(&mut app, 100, 24);
    assert!(elsewhere.contains("9 Watch") && !elsewhere.contains("Looking for trainings"), "{elsewhere}");
    press(&mut app, KeyCode::Char('9'));
    assert!(screen(&mut app, 100, 24).contains("Looking for trainings under /runs"));
}

/// From a view that takes keys and no text, digits lead to the other panes; a field takes them.
#[test]
fn digits_lead_out_of_a_view_over_review() {
    let mut app = app();
    app.message(&opened(3), NOW);
    press(&mut app, KeyCode::Char('r'));
    assert!(app.pane == Pane::Review && app.capturing());
    press(&mut app, KeyCode::Char('4'));
    assert!(app.pane == Pane::Train && !app.capturing());
    press(&mut app, KeyCode::Char('3'));
    assert!(app.pane == Pane::Review && app.capturing(), "it is as it was left");
    press(&mut app, KeyCode::F(5));
    assert_eq!(app.pane, Pane::Difficulty);
    press(&mut app, KeyCode::Char('3'));
    press(&mut app, KeyCode::Esc);
    press(&mut app, KeyCode::Char('/'));
    press(&mut app, KeyCode::Char('4'));
    assert!(app.pane == Pane::Review && app.capturing());
}

#[test]
fn what_there_is_to_learn_from_is_told_to_every_pane() {
    let mut app = app();
    let rows: Vec<_> = (1..=4).map(crate::tui::panes::review::tests::row).collect();
    let rows = rows.into_iter().map(|row| crate::session::SampleRow { accepted: Some(row.id > 1), ..row }).collect();
    let counts = Counts { problems: 1, samples: 4, ..Counts::default() };
    let opened = Message::Opened { dir: "/s/a".into(), read_only: None, counts, problems: 1, rows };
    app.message(&opened, NOW);
    assert!(screen(&mut app, 80, 24).contains("rules accept 3 · to train on 3"));
    press(&mut app, KeyCode::Char('1'));
    assert!(screen(&mut app, 80, 24).contains("rules accept 3 of 4; to train on 3"));
    press(&mut app, KeyCode::Char('4'));
    press(&mut app, KeyCode::Char('n'));
    assert!(screen(&mut app, 80, 24).contains("to train on 3: all that you or the rules accept"));
}

#[test]
fn leaving_asks_only_while_a_job_of_this_process_runs() {
    let mut app = app();
    app.message(&opened(1), NOW);
    app.message(&board(LiveState::Running), NOW);
    app.set_own_job(Heavy::Sampling, false);
    assert_eq!(press(&mut app.clone(), KeyCode::Char('q')), [Effect::Quit]);
    app.set_own_job(Heavy::Sampling, true);
    assert_eq!(press(&mut app, KeyCode::Char('q')), []);
    assert!(screen(&mut app, 80, 24).contains("A generation runs here"));
    assert_eq!(press(&mut app, KeyCode::Char('n')), []);
    for other in [KeyCode::Char('q'), KeyCode::Enter, KeyCode::Esc] {
        press(&mut app, KeyCode::Char('q'));
        assert_eq!(press(&mut app, other), [], "only y leaves");
    }
    press(&mut app, KeyCode::Char('q'));
    assert_eq!(control(&mut app, 'c'), []);
    press(&mut app, KeyCode::Char('q'));
    assert_eq!(press(&mut app, KeyCode::Char('y')), [Effect::Quit]);
    assert!(screen(&mut app, 80, 24).contains("stopping ..."));
    assert_eq!(press(&mut app, KeyCode::Char('a')), []);
    assert_eq!(press(&mut app, KeyCode::Char('q')), [Effect::Quit], "once more does not wait");
    let mut done = self::app();
    done.message(&opened(1), NOW);
    done.set_own_job(Heavy::Sampling, true);
    done.message(&board(LiveState::Done), NOW);
    assert_eq!(press(&mut done, KeyCode::Char('q')), [Effect::Quit]);
}

#[test]
fn two_jobs_are_told_of_side_by_side() {
    let mut app = app();
    app.message(&opened(1), NOW);
    let board = |job: &str, state, finished| {
        let totals = LiveTotals { samples_wanted: 90, finished, ..LiveTotals::default() };
        Message::Live(Arc::new(LiveBoard { job: job.into(), state, totals, ..LiveBoard::default() }))
    };
    app.message(&board(TRAINING, LiveState::Running, 7), NOW);
    app.message(&board(GENERATION, LiveState::Paused, 30), NOW);
    app.set_own_job(Heavy::Sampling, true);
    assert!(screen(&mut app, 80, 24).contains("generate paused at 30  train 7/90"));
    // The training is another process's: it goes on.
    assert_eq!(press(&mut app, KeyCode::Char('q')), []);
    let asked = screen(&mut app, 80, 24);
    assert!(asked.contains("A generation runs here") && !asked.contains("A training runs here"), "{asked}");
    press(&mut app, KeyCode::Char('n'));
    app.message(&board(GENERATION, LiveState::Done, 90), NOW);
    assert_eq!(press(&mut app, KeyCode::Char('q')), [Effect::Quit]);
}

#[test]
fn a_paste_outside_a_field_decides_nothing() {
    let mut app = app();
    app.message(&opened(5), NOW);
    assert_eq!(app.event(&Event::Paste("aaaxq".into()), NOW), []);
    assert_eq!(app.pane, Pane::Review);
}

#[test]
fn what_was_said_is_kept_and_hostile_words_reach_no_cell() {
    let mut app = app();
    app.message(&Message::Error("cannot read \u{1b}]0;pwned\u{7} it".into()), NOW);
    let shown = screen(&mut app, 80, 24);
    assert!(shown.contains("! cannot read") && !shown.contains('\u{1b}') && !shown.contains('\u{7}'), "{shown}");
    app.event(&Event::Key(KeyEvent::new(KeyCode::Char('n'), KeyModifiers::CONTROL)), NOW);
    let history = screen(&mut app, 80, 24);
    assert!(history.contains("cannot read") && !history.contains('\u{1b}'), "{history}");
}

#[test]
fn leaving_while_the_filter_runs_asks() {
    let mut app = app();
    app.message(&opened(1), NOW);
    app.message(&Message::Judging { dir: "/s/other".into(), done: 0, all: 9 }, NOW);
    assert_eq!(press(&mut app, KeyCode::Char('q')), []);
    assert!(screen(&mut app, 80, 24).contains("The filter runs here"));
    press(&mut app, KeyCode::Char('n'));
    app.message(&Message::JudgingOver { dir: "/s/other".into() }, NOW);
    assert_eq!(press(&mut app, KeyCode::Char('q')), [Effect::Quit]);
}

#[test]
fn ctrl_c_in_a_field_leaves_the_field_and_not_the_program() {
    let mut app = app();
    press(&mut app, KeyCode::Char('n'));
    typed(&mut app, "demo");
    assert_eq!(control(&mut app, 'c'), []);
    assert!(!app.capturing());
    assert_eq!(control(&mut app, 'c'), [Effect::Quit]);
}

#[test]
fn on_a_screen_too_small_only_harmless_keys_do_anything() {
    let mut app = app();
    app.message(&opened(1), NOW);
    app.message(&board(LiveState::Running), NOW);
    app.resize(20, 6);
    for letter in "123?anuS ".chars() {
        assert_eq!(press(&mut app, KeyCode::Char(letter)), [], "{letter}");
    }
    assert_eq!(app.pane, Pane::Review);
    assert_eq!(control(&mut app, 'l'), [Effect::Redraw]);
    assert_eq!(control(&mut app, 'z'), [Effect::Suspend]);
    app.set_own_job(Heavy::Sampling, true);
    assert_eq!(press(&mut app, KeyCode::Char('q')), []);
    assert!(screen(&mut app, 40, 12).contains("y leave"));
    assert_eq!(press(&mut app, KeyCode::Char('q')), []);
    press(&mut app, KeyCode::Char('q'));
    assert_eq!(press(&mut app, KeyCode::Char('y')), [Effect::Quit]);
}

#[test]
fn a_silent_job_is_told_as_time_goes_by() {
    let mut app = app();
    app.message(&opened(0), NOW);
    assert_eq!(app.next_change(NOW), None);
    app.message(&board(LiveState::Running), NOW);
    assert_eq!(app.next_change(NOW), Some(NOW + 15_001));
    assert!(!app.tick(NOW + 15_000) && app.tick(NOW + 15_001));
    assert_eq!(app.next_change(NOW + 15_001), Some(NOW + 16_000));
    assert_eq!(app.next_change(NOW + 16_000), Some(NOW + 17_000));
    app.message(&board(LiveState::Failed), NOW);
    assert_eq!(app.next_change(NOW), None);
    press(&mut app, KeyCode::Char('3'));
    app.message(&board(LiveState::Running), NOW);
    assert_eq!(app.next_change(NOW), None, "where it is not shown nothing changes");
}

#[test]
fn a_blind_check_goes_on_after_a_look_at_another_pane() {
    let mut app = app();
    let rows = (1..=4).map(crate::tui::panes::review::tests::row).collect();
    let counts = Counts { samples: 4, ..Counts::default() };
    let opened = Message::Opened { dir: "/s/a".into(), read_only: None, counts, problems: 1, rows };
    app.message(&opened, NOW);
    app.message(&Message::Audit(vec![3, 1]), NOW);
    assert!(screen(&mut app, 80, 24).contains("1/2 spot check"));
    press(&mut app, KeyCode::Char('2'));
    press(&mut app, KeyCode::Char('3'));
    assert!(screen(&mut app, 80, 24).contains("1/2 spot check"));
}

#[test]
fn the_form_is_given_back_as_it_was() {
    let mut app = app();
    app.set_form_values(&[("model".into(), "micro".into()), ("no such field".into(), "1".into())]);
    assert!(app.form_values().contains(&("model", "micro".into())));
}
