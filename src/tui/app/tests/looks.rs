//! Every pane at every size, in every theme and with any number of colours: what it says is the same, and nothing but what the terminal
//! has is used.

use ratatui::style::Color;

use super::*;
use crate::records::{Chain, FinishReason, LiveSample, LiveTurn, Sample, Turn, TurnKind};
use crate::train::runs::follow::{Reading, RunNews};
use crate::tui::panes::review::tests::row;
use crate::tui::theme::{Depth, Shelf};

const SIZES: [(u16, u16); 3] = [(60, 16), (80, 24), (160, 48)];
const WIDE: &str = "小明有5個蘋果，又買了3個。他一共有多少個？ e\u{301}";

fn tabs() -> impl Iterator<Item = char> {
    '1'..='9'
}

fn draw(app: &mut App, (width, height): (u16, u16)) -> Buffer {
    app.resize(width, height);
    let area = Rect::new(0, 0, width, height);
    let mut buffer = Buffer::empty(area);
    view(app, NOW, area, &mut buffer);
    buffer
}

fn session(samples: i64) -> App {
    let mut app = app();
    let rows: Vec<_> = (1..=samples)
        .map(|id| {
            let mut row = row(id);
            row.problem_id = format!("問題/{id}");
            row.accepted = (id % 2 == 0).then_some(id % 4 == 0);
            row.correct = [None, Some(true), Some(false)][id as usize % 3];
            row
        })
        .collect();
    let counts = Counts { samples: rows.len(), problems: rows.len(), ..Counts::default() };
    app.message(&Message::Opened { dir: "/s/數學".into(), read_only: None, counts, problems: rows.len(), rows }, NOW);
    app
}

/// A sample in wide characters is open, another one is being written, a training came to nothing, and something failed.
fn full() -> App {
    let mut app = session(3000);
    let turn = |kind, text: &str| Turn {
        kind,
        strategy: None,
        text: text.into(),
        token_ids: Vec::new(),
        tokens: 9,
        finish: Some(FinishReason::Stop),
        logprob: None,
    };
    let sample = Sample {
        problem_id: "問題/1".into(),
        draw: 0,
        settings: "5f2c".into(),
        turns: vec![turn(TurnKind::Problem, WIDE), turn(TurnKind::Attempt, WIDE)],
        chain: Chain { text: WIDE.into(), ..Chain::default() },
        tags: Vec::new(),
        finish: FinishReason::Stop,
        answer: Some("八".into()),
        correct: None,
        tokens: 9,
        seconds: 0.0,
        created_at: NOW,
    };
    app.message(&Message::Sample { id: 1, sample: Box::new(sample), problem: None, judged: None }, NOW);
    let step = |step: u64| Reading::Step {
        step,
        loss: if step > 20 { f64::NAN } else { 2.0 / step as f64 },
        lr: 1e-5,
        grad_norm: f64::INFINITY,
        tokens_per_second: f64::NAN,
        epoch: 0.0,
        tokens: step * 512,
    };
    let readings = (1..=40).map(step).collect();
    app.message(&Message::Runs(vec![RunNews { name: "訓練".into(), readings, ..RunNews::default() }]), NOW);
    let attempt = LiveTurn { label: "attempt".into(), text: WIDE.repeat(9), tokens: 99, ..LiveTurn::default() };
    let running = LiveSample {
        key: 1,
        problem_id: "問題/7".into(),
        turns: vec![attempt],
        turns_wanted: 2,
        tokens_per_second: f64::NAN,
        ..LiveSample::default()
    };
    let totals = LiveTotals { samples_wanted: 3, tokens_per_second: f64::NAN, ..LiveTotals::default() };
    let job = GENERATION.to_owned();
    let board = LiveBoard {
        job,
        state: LiveState::Running,
        running: vec![running],
        totals,
        updated_at: NOW,
        ..LiveBoard::default()
    };
    app.message(&Message::Live(Arc::new(board)), NOW);
    app.message(&Message::Error(format!("cannot write /s/{WIDE}: no space left")), NOW);
    app
}

/// Whether a terminal of this depth has the colour.
fn has(depth: Depth, colour: Color) -> bool {
    match colour {
        Color::Reset => true,
        Color::Rgb(..) => depth == Depth::True,
        Color::Indexed(_) => matches!(depth, Depth::True | Depth::Indexed),
        _ => depth != Depth::None,
    }
}

#[test]
fn what_a_pane_says_is_the_same_in_every_theme_with_any_number_of_colours() {
    for mut app in [session(0), session(1), full()] {
        for tab in tabs() {
            press(&mut app, KeyCode::Char(tab));
            for size in SIZES {
                app.theme = Theme::terminal();
                let said = lines(&draw(&mut app, size));
                assert!(!said.chars().any(|letter| letter.is_control() && letter != '\n'), "{said}");
                for (name, _) in Shelf::default().names() {
                    for depth in [Depth::None, Depth::Ansi, Depth::Indexed, Depth::True] {
                        app.theme = Theme::load(&name, depth, false, Shelf::default()).unwrap();
                        let buffer = draw(&mut app, size);
                        assert_eq!(lines(&buffer), said, "{name} {depth:?} {tab} {size:?}");
                        let foreign = buffer.content.iter().find(|cell| !has(depth, cell.fg) || !has(depth, cell.bg));
                        assert_eq!(foreign, None, "{name} {depth:?} {tab} {size:?}");
                    }
                }
            }
        }
    }
}

#[test]
fn every_pane_on_the_smallest_screen() {
    for (state, mut app) in [("empty", session(0)), ("full", full())] {
        for tab in tabs() {
            press(&mut app, KeyCode::Char(tab));
            insta::assert_snapshot!(format!("{state}_{tab}_60x16"), lines(&draw(&mut app, SIZES[0])));
        }
    }
}
