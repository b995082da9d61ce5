//! How long a key takes to its frame while every core is busy: update and drawing over a long session.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use color_eyre::Result;
use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use serde::Serialize;

use super::app::{App, view};
use super::effect::Message;
use super::keymap::Keymap;
use super::theme::Theme;
use crate::records::{FinishReason, Standing, now_millis};
use crate::session::{Counts, SampleRow};

/// Rows of the session that is scrolled through.
const ROWS: usize = 10_000;

/// What a frame benchmark measured. Milliseconds from a key to its finished frame, in memory.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FrameReport {
    pub frames: usize,
    pub rows: usize,
    pub columns: u16,
    pub lines: u16,
    /// Threads that compute beside it, at a lower priority.
    pub busy_threads: usize,
    pub p50_ms: f64,
    pub p99_ms: f64,
    pub max_ms: f64,
}

/// Presses `frames` keys in the Review pane and draws each frame.
pub fn frame(frames: usize) -> Result<FrameReport> {
    let (columns, lines) = (160, 48);
    let mut app = App::new(Keymap::load(None)?, Theme::terminal(), false);
    let mut terminal = Terminal::new(TestBackend::new(columns, lines))?;
    app.resize(columns, lines);
    app.message(&opened(), now_millis());
    let busy_threads = std::thread::available_parallelism().map_or(1, usize::from);
    let stop = Arc::new(AtomicBool::new(false));
    let burners: Vec<_> = (0..busy_threads).map(|_| burn(stop.clone())).collect();
    let mut times: Vec<f64> = Vec::with_capacity(frames);
    for press in 0..frames.max(1) {
        let letter = if press % 8 < 6 { 'j' } else { 'k' };
        let key = Event::Key(KeyEvent::new(KeyCode::Char(letter), KeyModifiers::NONE));
        // People press keys with time between them, in which the others get the cores.
        std::thread::sleep(std::time::Duration::from_millis(4));
        let begun = Instant::now();
        app.event(&key, now_millis());
        terminal.draw(|frame| view(&app, now_millis(), frame.area(), frame.buffer_mut()))?;
        times.push(begun.elapsed().as_secs_f64() * 1e3);
    }
    stop.store(true, Ordering::Relaxed);
    for burner in burners {
        let _ = burner.join();
    }
    times.sort_by(f64::total_cmp);
    let at = |share: f64| times[((times.len() - 1) as f64 * share).round() as usize];
    let (p50_ms, p99_ms, max_ms) = (at(0.5), at(0.99), at(1.0));
    Ok(FrameReport { frames: times.len(), rows: ROWS, columns, lines, busy_threads, p50_ms, p99_ms, max_ms })
}

fn burn(stop: Arc<AtomicBool>) -> std::thread::JoinHandle<()> {
    std::thread::spawn(move || {
        crate::jobs::yield_to_the_screen();
        let mut value = 1.0001f64;
        while !stop.load(Ordering::Relaxed) {
            for _ in 0..10_000 {
                value = std::hint::black_box(value * 1.000_000_1);
            }
        }
    })
}

fn opened() -> Message {
    let rows: Vec<SampleRow> = (0..ROWS)
        .map(|index| SampleRow {
            id: index as i64 + 1,
            problem_id: format!("gsm8k/test/{}", index / 8),
            source: "gsm8k".into(),
            level: None,
            subject: None,
            draw: (index % 8) as u32,
            settings: "0".into(),
            strategies: vec!["verification".into()],
            tags: Vec::new(),
            answer: Some("18".into()),
            correct: Some(index % 3 == 0),
            finish: FinishReason::Stop,
            tokens: 200 + index % 300,
            seconds: 3.0,
            created_at: 0,
            standing: Standing::default(),
            accepted: None,
            failed: Vec::new(),
            traits: Vec::new(),
        })
        .collect();
    let counts = Counts { problems: ROWS / 8, samples: ROWS, ..Counts::default() };
    Message::Opened { dir: PathBuf::from("bench"), read_only: None, counts, rows, problems: ROWS / 8 }
}
