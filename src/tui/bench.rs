//! How long a key takes to its frame while every core is busy: update and drawing over a long session; and how long a very
//! long training takes to open and to draw; and how long the Difficulty pane takes to choose anew.

use std::io::Write;
use std::path::{Path, PathBuf};
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
use super::widgets::plot::Dots;
use crate::pipeline::difficulty::made_up;
use crate::records::{FinishReason, Standing, now_millis};
use crate::session::{Counts, SampleRow};
use crate::train::metrics::METRICS;
use crate::train::runs::follow::Follower;

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
    let mut app = App::new(Keymap::load(None)?, Theme::terminal(), Dots::Braille);
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

/// What a plot benchmark measured: a record of so many steps, from the file to the first frame, and further frames.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PlotReport {
    pub points: usize,
    pub open_ms: f64,
    pub redraw_p50_ms: f64,
    pub redraw_p99_ms: f64,
}

/// Opens a made-up record and draws it again and again while it is zoomed and moved.
pub fn plot(points: usize) -> Result<PlotReport> {
    let (columns, lines) = (160, 48);
    let directory = std::env::temp_dir().join(format!("cribble-bench-{}", std::process::id()));
    let outcome = plot_in(&directory, points, (columns, lines));
    let _ = std::fs::remove_dir_all(&directory);
    outcome
}

fn plot_in(directory: &Path, points: usize, (columns, lines): (u16, u16)) -> Result<PlotReport> {
    let run = directory.join("long");
    std::fs::create_dir_all(&run)?;
    let mut file = std::io::BufWriter::new(std::fs::File::create(run.join(METRICS))?);
    for step in 1..=points {
        let loss = 4.0 / (step as f64).powf(0.2) + ((step * 7919) % 1000) as f64 / 2000.0;
        writeln!(
            file,
            "{{\"step\":{step},\"t\":1.5,\"loss\":{loss:.6},\"lr\":0.00001,\"grad_norm\":1.25,\"tokens_per_second\":120.5,\
             \"epoch\":0.5,\"tokens\":{}}}",
            step * 512
        )?;
    }
    file.flush()?;
    let mut app = App::new(Keymap::load(None)?, Theme::terminal(), Dots::Braille);
    let mut terminal = Terminal::new(TestBackend::new(columns, lines))?;
    app.resize(columns, lines);
    app.message(&opened(), now_millis());
    let mut press = |app: &mut App, letter: char| -> Result<f64> {
        let key = Event::Key(KeyEvent::new(KeyCode::Char(letter), KeyModifiers::NONE));
        let begun = Instant::now();
        app.event(&key, now_millis());
        terminal.draw(|frame| view(app, now_millis(), frame.area(), frame.buffer_mut()))?;
        Ok(begun.elapsed().as_secs_f64() * 1e3)
    };
    let begun = Instant::now();
    let news = Follower::default().look(directory);
    app.message(&Message::Runs(news), now_millis());
    press(&mut app, '4')?;
    let open_ms = begun.elapsed().as_secs_f64() * 1e3;
    let mut times = Vec::new();
    for letter in "+h+hh[+]-h+--0llh-+".chars().cycle().take(200) {
        times.push(press(&mut app, letter)?);
    }
    times.sort_by(f64::total_cmp);
    Ok(PlotReport {
        points,
        open_ms,
        redraw_p50_ms: times[times.len() / 2],
        redraw_p99_ms: times[times.len() * 99 / 100],
    })
}

/// What a benchmark of the Difficulty pane measured, in milliseconds: a key that changes a number of the rule, from the key to the
/// finished frame; of that the frame; and the first frame after a survey came.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DifficultyReport {
    pub problems: usize,
    pub samples: u32,
    pub columns: u16,
    pub lines: u16,
    pub open_ms: f64,
    pub key_p50_ms: f64,
    pub key_max_ms: f64,
    pub draw_p50_ms: f64,
    pub draw_max_ms: f64,
}

/// Changes the rule over and over on made-up problems of so many samples, with K given and with K to be found, and draws each
/// frame.
pub fn difficulty(problems: usize, samples: u32) -> Result<DifficultyReport> {
    let (columns, lines) = (160, 48);
    let mut app = App::new(Keymap::load(None)?, Theme::terminal(), Dots::Braille);
    let mut terminal = Terminal::new(TestBackend::new(columns, lines))?;
    app.resize(columns, lines);
    app.message(&opened(), now_millis());
    let mut press = |app: &mut App, code: KeyCode| -> Result<(f64, f64)> {
        let begun = Instant::now();
        app.event(&Event::Key(KeyEvent::new(code, KeyModifiers::NONE)), now_millis());
        let updated = Instant::now();
        terminal.draw(|frame| view(app, now_millis(), frame.area(), frame.buffer_mut()))?;
        Ok((begun.elapsed().as_secs_f64() * 1e3, updated.elapsed().as_secs_f64() * 1e3))
    };
    press(&mut app, KeyCode::Char('5'))?;
    let survey = Arc::new(made_up(problems, samples));
    let begun = Instant::now();
    let told = Message::Difficulty { dir: PathBuf::from("bench"), settings: None, survey: Some(survey) };
    app.message(&told, now_millis());
    press(&mut app, KeyCode::Left)?;
    let open_ms = begun.elapsed().as_secs_f64() * 1e3;
    // A limit over all, so that K has to be found.
    for code in ['e', '8', '0', '0', '0', '0'].map(KeyCode::Char) {
        if code == KeyCode::Char('e') {
            (0..4).try_for_each(|_| press(&mut app, KeyCode::Down).map(drop))?;
        }
        press(&mut app, code)?;
    }
    press(&mut app, KeyCode::Enter)?;
    let mut times = Vec::new();
    for letter in "--+-s--+s-+-s]]-+[[[[[+--+-s-+s-+".chars().cycle().take(200) {
        times.push(press(&mut app, KeyCode::Char(letter))?);
    }
    let sorted = |of: fn(&(f64, f64)) -> f64| {
        let mut sorted: Vec<f64> = times.iter().map(of).collect();
        sorted.sort_by(f64::total_cmp);
        (sorted[sorted.len() / 2], sorted[sorted.len() - 1])
    };
    let ((key_p50_ms, key_max_ms), (draw_p50_ms, draw_max_ms)) = (sorted(|time| time.0), sorted(|time| time.1));
    Ok(DifficultyReport {
        problems,
        samples,
        columns,
        lines,
        open_ms,
        key_p50_ms,
        key_max_ms,
        draw_p50_ms,
        draw_max_ms,
    })
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
            held_out: false,
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
