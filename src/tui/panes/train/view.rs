//! Draws the pane: runs at the left (above on a narrow screen), what the selected one is at, and the plot.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::state::{Quantity, Run, TrainState};
use crate::records::LiveState;
use crate::tui::theme::Look;
use crate::tui::view::ViewContext;
use crate::tui::widgets::meter::meter;
use crate::tui::widgets::paint::{compact, duration, fit, one_line, part, put, put_spans, rule};
use crate::tui::widgets::plot::{Draw, Line, Scale, Series, number, plot};

/// Signs of overlaid runs, in their order.
const SIGNS: [char; 6] = ['a', 'b', 'c', 'd', 'e', 'f'];
const LOOKS: [Look; 4] = [Look::Warn, Look::Info, Look::Marker, Look::Bad];
/// Rows of the list of runs.
pub(super) const LIST: u16 = 4;
/// Rows that say what the run is at.
const STATUS: u16 = 3;

pub fn view(state: &TrainState, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
    let style = |look| context.theme.style(look);
    if state.runs.is_empty() {
        let lines: &[&str] = if state.read {
            &[
                "No training yet.",
                "",
                "cribble train --session SESSION --model MODEL",
                "",
                "trains on the accepted chains of this session, and is watched and steered here.",
            ]
        } else {
            &["Open a session to see its trainings."]
        };
        for (row, line) in lines.iter().enumerate() {
            let look = if row == 0 { Look::Title } else { Look::Text };
            put(buffer, area.x + 1, area.y + row as u16, area.width.saturating_sub(2), line, style(look));
        }
        return;
    }
    list(state, context, part(area, 0, 0, area.width, LIST), buffer);
    let title = state.selected().map_or(String::new(), |run| one_line(&run.name));
    let line = style(if context.focused { Look::BorderFocus } else { Look::Border });
    rule(buffer, part(area, 0, LIST, area.width, 1), &title, line, style(Look::Title), context.ascii);
    let below = part(area, 0, LIST + 1, area.width, area.height.saturating_sub(LIST + 1));
    if let Some(run) = state.selected() {
        status(state, run, context, part(below, 0, 0, below.width, STATUS), buffer);
    }
    let field = part(below, 0, STATUS, below.width, below.height.saturating_sub(STATUS + 1));
    lines(state, context, field, buffer);
    foot(state, context, part(below, 0, below.height.saturating_sub(1), below.width, 1), buffer);
}

fn list(state: &TrainState, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
    let style = |look| context.theme.style(look);
    for (row, at) in state.window.rows(state.runs.len()).enumerate().take(usize::from(area.height)) {
        let run = &state.runs[at];
        let selected = at == state.window.selected;
        let mark = match (selected, context.ascii) {
            (true, true) => ">",
            (true, false) => "▸",
            _ => " ",
        };
        let laid = if state.overlaid.contains(&run.name) { "+" } else { " " };
        let last = |series: &Series| series.last().map_or("-".to_owned(), |(_, y)| format!("{y:.4}"));
        let of = run.total_steps.map_or(String::new(), |total| format!("/{total}"));
        let name = one_line(&run.name);
        let line = format!(
            "{mark}{laid}{:<24} step {:>9}  loss {:>8}  validation {:>8}",
            fit(&name, 24, context.ascii),
            format!("{}{of}", run.step()),
            last(&run.loss.points),
            last(&run.validation),
        );
        let look = if selected { Look::Selection } else { Look::Text };
        let line = fit(&line, usize::from(area.width), context.ascii);
        put(buffer, area.x, area.y + row as u16, area.width, &line, style(look));
    }
}

fn status(state: &TrainState, run: &Run, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
    let style = |look| context.theme.style(look);
    // The board is of one run only.
    let board = state.board_of(run);
    let (word, look) = match board.map(|board| board.state) {
        Some(LiveState::Starting) => ("Starting", Look::Info),
        Some(LiveState::Running) => ("Running", Look::Good),
        Some(LiveState::Paused) => ("Paused", Look::Warn),
        Some(LiveState::Stopping) => ("Stopping", Look::Warn),
        Some(LiveState::Failed) => ("Failed", Look::Bad),
        Some(LiveState::Done) => ("Done", Look::Good),
        None if run.total_steps == Some(run.step()) => ("Done", Look::Good),
        None => ("At rest", Look::Dim),
    };
    let message = board.map_or(String::new(), |board| format!("  {}", one_line(&board.message)));
    let spans = [(word.to_owned(), style(look)), (message, style(Look::Dim))];
    put_spans(buffer, part(area, 0, 0, area.width, 1), &spans, context.ascii);
    let value = |series: &Series, step: f64| {
        series.last().map_or("-".to_owned(), |(_, y)| number(f64::from(y), f64::from(y).abs() * step))
    };
    let speed = run.speed.last().map_or(0.0, |(_, y)| f64::from(y));
    let eta = run.total_steps.filter(|_| board.is_some() && state.running()).and_then(|total| {
        let a_step = run.tokens as f64 / run.step().max(1) as f64 / speed.max(1e-9);
        let left = total.saturating_sub(run.step()) as f64 * a_step;
        left.is_finite().then(|| format!("  {} left", duration(left)))
    });
    let line = format!(
        "epoch {:.2}  lr {}  gradient norm {}  {} tok/s  {} tokens{}",
        run.epoch,
        value(&run.rate, 0.01),
        value(&run.norm, 0.01),
        compact(speed.round() as usize),
        compact(run.tokens as usize),
        eta.unwrap_or_default(),
    );
    put(buffer, area.x, area.y + 1, area.width, &fit(&line, usize::from(area.width), context.ascii), style(Look::Text));
    let total = run.total_steps.unwrap_or_else(|| run.step()) as usize;
    meter(0, run.step() as usize, total, context, part(area, 0, 2, area.width, 1), buffer);
}

fn lines(state: &TrainState, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
    let shown = state.shown();
    let alone = shown.len() == 1;
    let mut lines = Vec::new();
    for (at, run) in shown.iter().enumerate() {
        let selected = at + 1 == shown.len();
        let look = if selected { Look::Good } else { LOOKS[at % LOOKS.len()] };
        let sign = if alone { '*' } else { SIGNS[at % SIGNS.len()] };
        let own = if alone { Draw::Line } else { Draw::Signed };
        let line = |series, look, draw, sign, label| Line { series, look, draw, sign, label };
        if state.quantity == Quantity::Loss && !run.loss.mean.is_empty() {
            // The points themselves are pale behind their mean.
            lines.push(line(&run.loss.points, Look::Dim, Draw::Line, '.', if selected { "loss" } else { "" }));
            lines.push(line(&run.loss.mean, look, own, sign, if alone { "mean" } else { &run.name }));
        } else {
            let label = if alone { state.quantity.name() } else { &run.name };
            lines.push(line(run.series(state.quantity), look, own, sign, label));
        }
        if state.quantity == Quantity::Loss && selected && !run.validation.is_empty() {
            lines.push(line(&run.validation, Look::Key, Draw::Marks, 'o', "validation"));
        }
    }
    plot(&lines, &state.view, context, area, buffer);
}

/// The last thing that happened besides steps, and how the plot is drawn.
fn foot(state: &TrainState, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
    let style = |look| context.theme.style(look);
    let log = if state.view.scale == Scale::Log { ", log axis" } else { "" };
    let mean = match state.weight() {
        weight if weight > 0.0 && state.quantity == Quantity::Loss => format!(", mean {weight}"),
        _ => String::new(),
    };
    let follows = if state.view.follows() { "" } else { ", earlier steps" };
    let left = format!("{}{log}{mean}{follows}  ", state.quantity.name());
    let event = state.selected().and_then(|run| run.events.last()).map_or(String::new(), |line| one_line(line));
    let spans = [(left, style(Look::Dim)), (event, style(Look::Warn))];
    put_spans(buffer, area, &spans, context.ascii);
}
