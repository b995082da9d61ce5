//! The pane as a whole: form to order, steering, following, and what it looks like.

use std::sync::Arc;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::*;
use crate::jobs::Steer;
use crate::records::{
    Heavy, LiveBoard, LiveSample, LiveServer, LiveState, LiveTotals, LiveTurn, PassPlace, ServerState, Spent,
};
use crate::session::Counts;
use crate::tui::effect::{Effect, Message};
use crate::tui::theme::Theme;
use crate::tui::widgets::notice::Notice;
use crate::tui::widgets::paint::testing::lines;

fn opened(read_only: Option<&str>) -> GenerateState {
    let mut state = GenerateState::default();
    resize(&mut state, 80, 24);
    state.set_default_prompt("Solve the problem step by step.\n\n{{ problem }}\n\nPut the answer in \\boxed{}.");
    let read_only = read_only.map(str::to_owned);
    let counts = Counts::default();
    receive(&mut state, &Message::Opened { dir: "s".into(), read_only, counts, rows: Vec::new(), problems: 120 });
    state
}

fn press(state: &mut GenerateState, code: KeyCode) {
    assert!(state.capturing());
    assert_eq!(key(state, KeyEvent::new(code, KeyModifiers::NONE)), []);
}

fn typed(state: &mut GenerateState, text: &str) {
    text.chars().for_each(|letter| press(state, KeyCode::Char(letter)));
}

fn turn(label: &str, prompt: &str, text: &str, finished: bool) -> LiveTurn {
    let tokens = text.split_whitespace().count();
    LiveTurn { label: label.into(), prompt: prompt.into(), text: text.into(), tokens, finished }
}

fn running(key: u64, text: &str) -> LiveSample {
    let turns = vec![
        turn("attempt", "Janet has 16 eggs and eats 3.", "16 - 3 = 13.", true),
        turn("verification", "Check every step.", text, false),
    ];
    LiveSample {
        key,
        problem_id: format!("gsm8k-{:05}", key / 4),
        draw: (key % 4) as u32,
        turns,
        turns_wanted: 2,
        tokens: 100 + key as usize,
        tokens_per_second: 12.34,
    }
}

fn board(version: u64, state: LiveState, running: Vec<LiveSample>) -> LiveBoard {
    LiveBoard {
        version,
        job: "generate".into(),
        state,
        message: String::new(),
        run: String::new(),
        pass: None,
        model: "micro".into(),
        compute: "q8".into(),
        totals: LiveTotals {
            problems: 120,
            samples_wanted: 480,
            existing: 40,
            finished: 60,
            correct: 33,
            truncated: 2,
            failed: 0,
            postponed: 0,
            tokens: 45_678,
            tokens_per_second: 123.4,
            elapsed_seconds: 370.0,
            eta_seconds: Some(1_234.0),
            spent: Spent { calls: 7, prompt_tokens: 12_345, completion_tokens: 4_500 },
            cost: None,
        },
        running,
        ended: Vec::new(),
        servers: Vec::new(),
        memory: None,
        updated_at: 0,
    }
}

fn server(url: &str, state: ServerState, last_error: Option<&str>) -> LiveServer {
    LiveServer {
        url: url.into(),
        state,
        in_flight: 3,
        allowed: 8,
        done: 120,
        failed: 4,
        retried: 4,
        tokens_per_second: 310.0,
        last_error: last_error.map(str::to_owned),
    }
}

/// Those that are not well come first, each with why; a job in this process has no such lines.
#[test]
fn servers_that_are_sick_are_told_with_why() {
    let mut state = GenerateState::default();
    resize(&mut state, 160, 45);
    let servers = vec![
        server("http://one:8000/v1", ServerState::Healthy, Some("an old error")),
        server("http://two:8000/v1", ServerState::Sick, Some("no JSON\u{1b}[31m: <html>")),
        server("http://three:8000/v1", ServerState::Resting { until: 9_000 }, Some("HTTP 503")),
    ];
    show(&mut state, LiveBoard { servers, ..board(1, LiveState::Running, Vec::new()) });
    let seen = drawn(&mut state, 160, 45, false);
    let at = |text: &str| seen.find(text).unwrap_or_else(|| panic!("{text} is not in\n{seen}"));
    assert!(at("sick") < at("resting") && at("resting") < at("healthy"), "{seen}");
    assert!(seen.contains("<html>") && seen.contains("HTTP 503") && seen.contains("last: an old error"), "{seen}");
    let small = drawn(&mut state, 80, 21, false);
    assert!(small.contains("<html>") && small.contains("HTTP 503") && !small.contains("an old error"), "{small}");
    show(&mut state, board(2, LiveState::Running, Vec::new()));
    assert!(!drawn(&mut state, 160, 45, false).contains("healthy"));
}

#[test]
fn what_servers_have_counted_is_told_and_what_it_costs_where_that_is_known() {
    let mut state = GenerateState::default();
    resize(&mut state, 120, 30);
    let mut board = LiveBoard {
        servers: vec![server("http://one:8000/v1", ServerState::Healthy, None)],
        ..board(1, LiveState::Running, Vec::new())
    };
    show(&mut state, board.clone());
    let seen = drawn(&mut state, 120, 30, false);
    assert!(seen.contains("in 12.3k out 4500 ") && !seen.contains('$'), "{seen}");
    (board.version, board.totals.cost) = (2, Some(0.01234));
    show(&mut state, board.clone());
    let seen = drawn(&mut state, 120, 30, false);
    assert!(seen.contains("in 12.3k out 4500 $0.0123"), "{seen}");
    (board.version, board.servers) = (3, Vec::new());
    show(&mut state, board);
    assert!(!drawn(&mut state, 120, 30, false).contains("out 4500"), "this process is not paid");
}

/// An answer may come whole, after the last board with its dialogue.
#[test]
fn the_sample_in_focus_is_read_to_its_end_when_it_has_left_the_board() {
    let mut state = opened(None);
    let mut whole = running(1, "a");
    let turn = whole.turns.last_mut().unwrap();
    (turn.text, turn.finished, turn.tokens) = (format!("{}{}", turn.text, " and so it ends."), true, 77);
    for (version, ended) in [(1, vec![]), (2, vec![running(9, "another")]), (3, vec![running(9, "another"), whole])] {
        let told = !ended.is_empty();
        let running = if told { Vec::new() } else { vec![running(1, "a")] };
        show(&mut state, LiveBoard { ended, ..board(version, LiveState::Running, running) });
        let seen = drawn(&mut state, 120, 30, false);
        assert_eq!(seen.contains("and so it ends."), version == 3, "{seen}");
        assert_eq!(seen.contains("finished"), told, "{seen}");
    }
    assert!(drawn(&mut state, 120, 30, false).contains("77 tokens"));
}

#[test]
fn the_end_of_a_sample_is_seen_before_the_next_one_is_shown() {
    let mut state = opened(None);
    let mut told = |version, running: Vec<LiveSample>, ended: Vec<LiveSample>| {
        show(&mut state, LiveBoard { ended, ..board(version, LiveState::Running, running) });
        focused(&state)
    };
    let others = || vec![running(2, "b"), running(3, "c")];
    assert_eq!(told(1, vec![running(1, "a"), running(2, "b")], vec![]), (1, false));
    assert_eq!(told(2, others(), vec![running(1, "a")]), (1, true));
    assert_eq!(told(3, others(), vec![running(1, "a")]), (1, true));
    assert_eq!(told(4, others(), vec![]), (2, false));
    assert_eq!(told(5, vec![running(3, "c")], vec![running(2, "b")]), (2, true));
    update(&mut state, GenerateAction::Follow);
    assert_eq!(focused(&state), (3, false), "who asks for the next one does not wait");
}

/// The job is told at once what is looked at first, and then no oftener than once a second.
#[test]
fn servers_are_told_which_sample_is_looked_at() {
    let told = |version, at, keys: &[u64]| {
        let servers = vec![server("http://one:8000/v1", ServerState::Healthy, None)];
        let samples = keys.iter().map(|key| running(*key, "a")).collect();
        let board = LiveBoard { servers, updated_at: at, ..board(version, LiveState::Running, samples) };
        Message::Live(Arc::new(board))
    };
    let look = |key| [Effect::SteerJob { steer: Steer::Look(key), of: Heavy::Sampling }];
    let mut state = opened(None);
    assert_eq!(receive(&mut state, &told(1, 5_000, &[1, 2, 3])), look(1));
    assert_eq!(receive(&mut state, &told(2, 7_000, &[1, 2, 3])), [], "it is known");
    assert_eq!(update(&mut state, GenerateAction::Next), look(2));
    assert_eq!(update(&mut state, GenerateAction::Next), []);
    assert_eq!(receive(&mut state, &told(3, 7_900, &[1, 2, 3])), []);
    assert_eq!(receive(&mut state, &told(4, 8_000, &[1, 2, 3])), look(3), "the last one is told in the end");
    assert_eq!(receive(&mut state, &told(5, 9_500, &[1, 2])), [], "it is finished, and stays in sight");
    assert_eq!(receive(&mut state, &told(1, 100, &[3])), look(3), "of another job");
    update(&mut state, GenerateAction::Form);
    assert_eq!(receive(&mut state, &told(2, 9_000, &[4])), [], "nobody looks");
    let mut viewing = opened(Some("another host has it"));
    assert_eq!(receive(&mut viewing, &told(1, 5_000, &[1])), []);
}

fn show(state: &mut GenerateState, board: LiveBoard) {
    assert_eq!(receive(state, &Message::Live(Arc::new(board))), []);
}

fn many(count: usize) -> String {
    (0..count).map(|line| format!("line {line}\n")).collect()
}

fn focused(state: &GenerateState) -> (u64, bool) {
    let focus = state.live.focus.as_ref().unwrap();
    (focus.sample.key, focus.finished)
}

#[test]
fn a_form_that_is_right_starts_and_shows_the_job() {
    let mut state = opened(None);
    update(&mut state, GenerateAction::Activate);
    typed(&mut state, "micro");
    press(&mut state, KeyCode::Enter);
    assert!(!state.capturing());
    update(&mut state, GenerateAction::Next);
    update(&mut state, GenerateAction::Next);
    update(&mut state, GenerateAction::Activate);
    press(&mut state, KeyCode::Backspace);
    typed(&mut state, "8");
    press(&mut state, KeyCode::Tab);
    press(&mut state, KeyCode::Backspace);
    typed(&mut state, "3");
    press(&mut state, KeyCode::Enter);
    update(&mut state, GenerateAction::Follow);
    let effects = update(&mut state, GenerateAction::Activate);
    let [Effect::StartGenerate(order)] = effects.as_slice() else { panic!("{effects:?}") };
    assert_eq!((order.model.as_str(), order.samples, order.turns), ("micro", 8, 3));
    assert!(!state.shows_form());
    assert!(drawn(&mut state, 80, 24, false).starts_with("Starting"));
    assert_eq!(update(&mut state, GenerateAction::Start), [], "one at a time");
}

/// Servers are named beside the model, which is theirs from then on.
#[test]
fn servers_are_set_up_in_the_form() {
    let mut state = opened(None);
    assert_eq!(state.model(), "micro");
    update(&mut state, GenerateAction::Next);
    update(&mut state, GenerateAction::Activate);
    typed(&mut state, "http://localhost:8000 localhost");
    press(&mut state, KeyCode::Enter);
    assert_eq!(state.model(), "", "it is not offered to a training");
    let seen = drawn(&mut state, 80, 24, false);
    assert!(seen.contains("not used: slots, compute") && seen.contains("of servers the one"), "{seen}");
    update(&mut state, GenerateAction::Previous);
    let seen = drawn(&mut state, 80, 24, false);
    assert!(seen.contains("localhost: not an address of a server"), "{seen}");
    assert_eq!(update(&mut state, GenerateAction::Start), []);
    assert_eq!(state.form.field(), form::Field::Servers);
    state.set_value("servers", "http://localhost:8000");
    // So that nothing depends on the environment: a key that cannot be read is told before anybody is asked.
    state.set_value("key_file", "/no/such/key");
    assert_eq!(update(&mut state, GenerateAction::Start), []);
    assert!(drawn(&mut state, 80, 24, false).contains("/no/such/key: no key can be read here"));
}

#[test]
fn what_cannot_start_says_why() {
    let mut state = GenerateState::default();
    assert_eq!(update(&mut state, GenerateAction::Start), []);
    assert!(matches!(&state.notice, Some(Notice::Refused(text)) if text.contains("no session")));
    let mut state = opened(Some("another host has it"));
    assert_eq!(update(&mut state, GenerateAction::Start), []);
    assert!(matches!(&state.notice, Some(Notice::Refused(text)) if text.contains("another host")));
    let mut state = opened(None);
    state.set_value("model", "");
    state.set_value("turns", "9");
    assert_eq!(update(&mut state, GenerateAction::Start), []);
    let shown = drawn(&mut state, 80, 24, false);
    assert!(shown.contains("! 1 to 6") && shown.contains("2 fields to put right"), "{shown}");
}

#[test]
fn a_start_that_fails_outside_comes_back_to_the_form() {
    let mut state = opened(None);
    state.set_value("model", "nowhere");
    assert_eq!(update(&mut state, GenerateAction::Start).len(), 1);
    receive(&mut state, &Message::Error("nowhere: no such model".into()));
    assert!(state.shows_form());
    assert!(drawn(&mut state, 80, 24, false).contains("not started: nowhere: no such model"));
}

#[test]
fn escape_puts_a_field_back_and_checks_come_when_it_is_left() {
    let mut state = opened(None);
    state.form.fields.go_to(form::Field::Samples as usize);
    update(&mut state, GenerateAction::Activate);
    paste(&mut state, "00\nx");
    press(&mut state, KeyCode::Esc);
    assert!(state.values().contains(&("samples", "4".into())));
    update(&mut state, GenerateAction::Activate);
    typed(&mut state, "x");
    press(&mut state, KeyCode::Enter);
    assert!(drawn(&mut state, 80, 24, false).contains("! 1 or more"));
}

#[test]
fn the_prompt_is_edited_over_lines_and_can_be_put_back() {
    let mut state = opened(None);
    state.form.fields.go_to(form::Field::Prompt as usize);
    update(&mut state, GenerateAction::Activate);
    press(&mut state, KeyCode::Enter);
    paste(&mut state, "Think.\r\nTwice.");
    press(&mut state, KeyCode::Esc);
    assert!(state.form.prompt_text().starts_with("\nThink.\nTwice.Solve"));
    update(&mut state, GenerateAction::Activate);
    key(&mut state, KeyEvent::new(KeyCode::Char('r'), KeyModifiers::CONTROL));
    press(&mut state, KeyCode::Tab);
    assert!(!state.capturing() && state.form.field() == form::Field::Start);
    assert!(state.form.prompt_text().starts_with("Solve"));
}

#[test]
fn steering_follows_the_board() {
    let mut state = opened(None);
    assert_eq!(update(&mut state, GenerateAction::Pause), []);
    assert_eq!(update(&mut state, GenerateAction::Stop), []);
    show(&mut state, board(1, LiveState::Running, vec![running(1, "a")]));
    assert!(!state.shows_form(), "a job that begins comes to the front");
    assert_eq!(
        update(&mut state, GenerateAction::Pause),
        [Effect::SteerJob { steer: Steer::Pause, of: Heavy::Sampling }]
    );
    assert!(drawn(&mut state, 80, 24, false).contains("(pausing)"));
    show(&mut state, board(2, LiveState::Paused, vec![running(1, "a")]));
    assert!(drawn(&mut state, 80, 24, false).starts_with("Paused\n"));
    assert_eq!(
        update(&mut state, GenerateAction::Pause),
        [Effect::SteerJob { steer: Steer::Resume, of: Heavy::Sampling }]
    );
    assert_eq!(
        update(&mut state, GenerateAction::Stop),
        [Effect::SteerJob { steer: Steer::Stop, of: Heavy::Sampling }]
    );
    show(&mut state, board(3, LiveState::Stopping, vec![running(1, "a")]));
    assert_eq!(
        update(&mut state, GenerateAction::Stop),
        [Effect::SteerJob { steer: Steer::Stop, of: Heavy::Sampling }],
        "what is under way is left too"
    );
    assert_eq!(update(&mut state, GenerateAction::Pause), []);
    show(&mut state, board(4, LiveState::Done, Vec::new()));
    assert_eq!(update(&mut state, GenerateAction::Stop), []);
    update(&mut state, GenerateAction::Form);
    assert!(state.shows_form());
}

#[test]
fn the_form_stays_in_front_while_a_job_that_was_left_goes_on() {
    let mut state = opened(None);
    show(&mut state, board(1, LiveState::Running, vec![running(1, "a")]));
    update(&mut state, GenerateAction::Form);
    show(&mut state, board(2, LiveState::Running, vec![running(1, "a b")]));
    assert!(state.shows_form());
    let mut state = opened(None);
    show(&mut state, board(9, LiveState::Done, Vec::new()));
    assert!(state.shows_form(), "a job that was over before is not put in front");
}

#[test]
fn text_grows_at_its_end_and_is_followed() {
    let mut state = opened(None);
    let mut text = String::new();
    for version in 0..50 {
        text.push_str(&format!("line {version}\n"));
        show(&mut state, board(version, LiveState::Running, vec![running(1, &text), running(2, "other")]));
    }
    assert!(state.live.stream.is_following());
    let shown = drawn(&mut state, 80, 24, false);
    assert!(shown.contains("line 49") && !shown.contains("line 3\n"));
    let mut whole = opened(None);
    show(&mut whole, board(49, LiveState::Running, vec![running(1, &text), running(2, "other")]));
    assert_eq!(drawn(&mut whole, 80, 24, false), shown);
}

#[test]
fn scrolling_up_stops_following_counts_new_lines_and_end_returns() {
    let mut state = opened(None);
    show(&mut state, board(1, LiveState::Running, vec![running(1, &many(50))]));
    update(&mut state, GenerateAction::PageUp);
    show(&mut state, board(2, LiveState::Running, vec![running(1, &many(53))]));
    assert!(drawn(&mut state, 80, 24, false).contains("↓ 3 new lines"));
    assert_eq!(hints(&state)[0], "generate.follow");
    update(&mut state, GenerateAction::Follow);
    let shown = drawn(&mut state, 80, 24, false);
    assert!(shown.contains("line 52") && !shown.contains("new lines"));
}

#[test]
fn a_finished_sample_is_left_only_by_one_who_follows() {
    let mut state = opened(None);
    show(&mut state, board(1, LiveState::Running, vec![running(1, "a"), running(2, "b")]));
    assert_eq!(focused(&state), (1, false));
    show(&mut state, board(2, LiveState::Running, vec![running(2, "b"), running(3, "c")]));
    assert_eq!(focused(&state), (2, false), "moved on");
    update(&mut state, GenerateAction::Next);
    assert_eq!(focused(&state), (3, false));
    show(&mut state, board(3, LiveState::Running, vec![running(2, "b"), running(4, "d")]));
    assert_eq!(focused(&state), (3, true), "chosen, so it stays");
    let shown = drawn(&mut state, 80, 24, false);
    assert!(shown.contains("finished") && !shown.contains(", writing"), "{shown}");
    assert_eq!(state.live.rows(), 3);
    update(&mut state, GenerateAction::Previous);
    assert_eq!(focused(&state), (4, false));
    update(&mut state, GenerateAction::Follow);
    show(&mut state, board(4, LiveState::Running, vec![running(5, "e")]));
    assert_eq!(focused(&state), (5, false));
    show(&mut state, board(5, LiveState::Done, Vec::new()));
    assert_eq!(focused(&state), (5, true), "the last one stays to be read");
}

/// Of servers most samples come whole, and one is told as it is written.
#[test]
fn one_that_is_told_is_shown_before_those_that_come_whole_until_one_is_chosen() {
    let blank = |key| LiveSample { turns: vec![turn("attempt", "2 + 2?", "", false)], ..running(key, "") };
    let mut state = opened(None);
    show(&mut state, board(1, LiveState::Running, vec![blank(1), blank(2), running(3, "a")]));
    assert_eq!(focused(&state), (3, false));
    show(&mut state, board(2, LiveState::Running, vec![blank(1), blank(2), blank(4)]));
    assert_eq!(focused(&state), (4, false), "in its place, as none is told");
    show(&mut state, board(3, LiveState::Running, vec![blank(1), running(2, "b"), blank(4)]));
    assert_eq!(focused(&state), (2, false));
    show(&mut state, board(4, LiveState::Running, vec![running(1, "a"), running(2, ""), blank(4)]));
    assert_eq!(focused(&state), (2, false), "there is something to read");
    update(&mut state, GenerateAction::Next);
    show(&mut state, board(5, LiveState::Running, vec![running(1, "a"), running(2, "b"), blank(4)]));
    assert_eq!(focused(&state), (4, false), "chosen, so it stays");
    let seen = drawn(&mut state, 120, 30, false);
    assert_eq!(
        (seen.matches(" writing").count(), seen.matches(" asked").count()),
        (2, 2),
        "rows and the turn's head: {seen}"
    );
}

#[test]
fn a_reader_is_not_torn_away_when_the_sample_is_finished() {
    let mut state = opened(None);
    show(&mut state, board(1, LiveState::Running, vec![running(1, &many(50)), running(2, "b")]));
    update(&mut state, GenerateAction::ScrollUp);
    show(&mut state, board(2, LiveState::Running, vec![running(2, "b")]));
    assert_eq!(focused(&state), (1, true));
}

#[test]
fn a_mirror_that_carries_only_tails_is_shown_as_it_is() {
    let mut state = opened(None);
    show(&mut state, board(1, LiveState::Running, vec![running(1, "one two three")]));
    show(&mut state, board(2, LiveState::Running, vec![running(1, "two three four")]));
    let shown = drawn(&mut state, 80, 24, false);
    assert!(shown.contains("  two three four") && !shown.contains("one two"));
}

#[test]
fn another_job_begins_anew() {
    let mut state = opened(None);
    show(&mut state, board(7, LiveState::Failed, Vec::new()));
    state.set_value("model", "micro");
    assert_eq!(update(&mut state, GenerateAction::Start).len(), 1);
    show(&mut state, board(7, LiveState::Failed, Vec::new()));
    assert!(state.starting, "the old board, told once more, is not the new job's");
    show(&mut state, board(1, LiveState::Starting, Vec::new()));
    assert!(!state.starting && state.live.outcome.is_empty());
    show(&mut state, board(2, LiveState::Running, vec![running(1, "x")]));
    assert_eq!(focused(&state), (1, false));
}

#[test]
fn every_action_is_taken_in_every_state() {
    for (action, spec) in ACTIONS {
        assert!(spec.name.starts_with("generate.") && spec.desc.ends_with('.'));
        for state in [
            LiveState::Starting,
            LiveState::Running,
            LiveState::Paused,
            LiveState::Stopping,
            LiveState::Done,
            LiveState::Failed,
        ] {
            let mut pane = opened(None);
            show(&mut pane, board(1, state, vec![running(1, "x")]));
            pane.watching = true;
            update(&mut pane, *action);
            drawn(&mut pane, 80, 24, false);
            drawn(&mut pane, 5, 3, true);
            drawn(&mut pane, 0, 0, true);
            assert!(hints(&pane).into_iter().all(|hint| crate::tui::keymap::spec_of(hint).is_some()));
        }
        let mut empty = GenerateState::default();
        assert_eq!(update(&mut empty, *action), []);
        drawn(&mut empty, 7, 4, false);
    }
}

fn drawn(state: &mut GenerateState, width: u16, height: u16, ascii: bool) -> String {
    resize(state, width, height);
    let theme = Theme::terminal();
    let context = ViewContext::plain(&theme, 0, ascii);
    let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
    view(state, &context, buffer.area, &mut buffer);
    lines(&buffer)
}

#[test]
fn looks_as_a_form() {
    insta::assert_snapshot!("form_empty", drawn(&mut GenerateState::default(), 80, 24, false));
    let mut state = opened(None);
    state.set_value("model", "/data/models/SmolLM2-135M-Instruct");
    insta::assert_snapshot!("form_80x24", drawn(&mut state, 80, 24, false));
    insta::assert_snapshot!("form_160x48", drawn(&mut state, 160, 48, false));
    insta::assert_snapshot!("form_50x12", drawn(&mut state, 50, 12, true));
    state.set_value("turns", "9");
    state.set_value("temperature", "warm");
    state.set_value("prompt", "\u{1b}[2J問題を解いてください。");
    update(&mut state, GenerateAction::Start);
    insta::assert_snapshot!("form_wrong", drawn(&mut state, 80, 24, false));
}

#[test]
fn looks_while_running() {
    let mut state = opened(None);
    show(&mut state, board(1, LiveState::Running, vec![running(1, "16 - 3 is 13, and 13 + 3 is")]));
    insta::assert_snapshot!("one_80x24", drawn(&mut state, 80, 24, false));
    let samples = (0..32).map(|key| running(key, &many(60))).collect();
    show(&mut state, board(2, LiveState::Running, samples));
    update(&mut state, GenerateAction::ScrollUp);
    insta::assert_snapshot!("many_80x24", drawn(&mut state, 80, 24, false));
    insta::assert_snapshot!("many_160x48", drawn(&mut state, 160, 48, false));
    insta::assert_snapshot!("many_ascii", drawn(&mut state, 80, 24, true));
}

#[test]
fn looks_with_hostile_and_wide_text() {
    let mut sample =
        running(1, "漢字かな交じり文を\u{1b}[31m書いている\u{7}モデルの文章がここで折り返される。🦀\r\n\tok");
    sample.problem_id = "問題\u{1b}]0;x\u{7}一".into();
    sample.turns[1].label = "\u{1b}[5mblink".into();
    let mut hostile = board(1, LiveState::Running, vec![sample]);
    hostile.message = "watching generate of pid 12\u{1b}[2J on gpu-1".into();
    hostile.model = "モデル\u{1b}c".into();
    let mut state = opened(None);
    show(&mut state, hostile);
    let narrow = drawn(&mut state, 80, 24, false);
    assert!(!narrow.chars().any(|c| c.is_control() && c != '\n'));
    insta::assert_snapshot!("hostile_80x24", narrow);
    insta::assert_snapshot!("hostile_160x48", drawn(&mut state, 160, 48, false));
}

#[test]
fn looks_when_it_is_over() {
    let mut state = opened(None);
    show(&mut state, board(1, LiveState::Running, vec![running(1, "13.")]));
    show(&mut state, board(2, LiveState::Done, Vec::new()));
    insta::assert_snapshot!("done_80x24", drawn(&mut state, 80, 24, false));
    let mut failed = board(3, LiveState::Failed, Vec::new());
    failed.message = "model.safetensors: the header says 12 GB, the file has 3 GB; download it again".into();
    show(&mut state, failed);
    insta::assert_snapshot!("failed_80x24", drawn(&mut state, 80, 24, false));
}

#[test]
fn a_training_ends_what_was_shown_where_it_is_the_next_step_of_a_pass() {
    let mut state = opened(None);
    show(&mut state, board(1, LiveState::Running, vec![running(1, "a")]));
    let training = LiveBoard { job: "train".into(), state: LiveState::Running, ..LiveBoard::default() };
    receive(&mut state, &Message::Live(Arc::new(training.clone())));
    assert!(state.live.active(), "it runs beside this one");
    receive(&mut state, &Message::Live(Arc::new(LiveBoard { pass: Some(PassPlace::default()), ..training })));
    assert!(!state.live.active() && !state.live.board.as_ref().unwrap().running.iter().any(|_| true));
    assert_eq!(update(&mut state, GenerateAction::Stop), [], "it is not this pane's to stop");
}
