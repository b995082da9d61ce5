//! Draws the pane: the runs above, what the selected one is at, and its curves, samples or events; or the form, or tokens.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::layout::Layout;
use super::run::{Quantity, Run};
use super::state::{Ask, Asked, Screen, Tab, TrainState};
use super::{curves, form_view, looks_view, preview};
use crate::records::LiveState;
use crate::tui::theme::Look;
use crate::tui::view::ViewContext;
use crate::tui::widgets::meter::meter;
use crate::tui::widgets::paint::{compact, duration, fit, one_line, part, put, put_spans};
use crate::tui::widgets::plot::{Series, number};
use crate::tui::widgets::tabs::tabs;

pub fn view(state: &TrainState, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
    match (state.screen, &state.tokens) {
        (Screen::Setup, _) => return form_view::view(state, context, area, buffer),
        (Screen::Tokens { .. }, Some(tokens)) => return preview::view(tokens, context, area, buffer),
        (Screen::Runs | Screen::Tokens { .. }, _) => {}
    }
    let layout = Layout::of(area, state.runs.len());
    let Some(run) = state.selected() else {
        none(state, context, area, buffer);
        return foot(state, context, layout.foot, buffer);
    };
    list(state, context, layout.list, buffer);
    tabs(&run.name, tabs_of(state, run), context, layout.rule, buffer);
    status(state, run, context, layout.status, buffer);
    match state.tab {
        Tab::Curves => curves::view(state, context, layout.body, buffer),
        Tab::Samples => looks_view::view(state, run, context, layout.body, buffer),
        Tab::Events if run.events.is_empty() => {
            let place = part(layout.body, 1, 1, layout.body.width, 1);
            put(buffer, place.x, place.y, place.width, "Nothing but steps so far.", context.theme.style(Look::Dim));
        }
        Tab::Events => state.events.view(context, layout.body, buffer),
    }
    foot(state, context, layout.foot, buffer);
}

/// There is no run.
fn none(state: &TrainState, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
    let lines: &[&str] = match (state.opened || state.read, &state.board) {
        (false, _) => &["Open a session to see its trainings."],
        (true, Some(_)) if state.running() => &["The training begins."],
        (true, _) => &[
            "No training yet.",
            "",
            "n sets one up: the accepted chains of this session teach a model, in the background.",
            "It is watched and steered here, as is one that `cribble train` began elsewhere.",
        ],
    };
    for (row, line) in lines.iter().enumerate() {
        let look = if row == 0 { Look::Title } else { Look::Text };
        let place = part(area, 1, row as u16, area.width.saturating_sub(2), 1);
        put(
            buffer,
            place.x,
            place.y,
            place.width,
            &fit(line, usize::from(place.width), context.ascii),
            context.theme.style(look),
        );
    }
}

/// What of the run can be looked at.
fn tabs_of(state: &TrainState, run: &Run) -> impl Iterator<Item = (String, bool)> {
    Tab::ALL.into_iter().map(move |tab| {
        let text = match tab {
            Tab::Curves => "Curves".to_owned(),
            Tab::Samples => match (run.looks.steps().last(), run.looks.problems.len()) {
                (Some(step), of) => format!("Samples {}/{of}", run.looks.right(*step)),
                (None, _) => "Samples".to_owned(),
            },
            Tab::Events => format!("Events {}", run.events.len()),
        };
        (text, tab == state.tab)
    })
}

/// Bytes in MiB, or GiB where there are many.
fn bytes(bytes: u64) -> String {
    let mib = bytes as f64 / f64::from(1 << 20);
    if mib < 10_000.0 { format!("{mib:.0} MiB") } else { format!("{:.1} GiB", mib / 1024.0) }
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
        Some(LiveState::Waiting) => ("Waiting", Look::Warn),
        Some(LiveState::Paused) => ("Paused", Look::Warn),
        Some(LiveState::Stopping) => ("Stopping", Look::Warn),
        Some(LiveState::Failed) => ("Failed", Look::Bad),
        Some(LiveState::Done) => ("Done", Look::Good),
        None if run.total_steps == Some(run.step()) => ("Done", Look::Good),
        None => ("At rest", Look::Dim),
    };
    let message = board.map_or(String::new(), |board| format!("  {}", one_line(&board.message)));
    let memory = board
        .and_then(|board| board.memory)
        .map_or(String::new(), |(taken, planned)| format!("  memory {} of {} planned", bytes(taken), bytes(planned)));
    let spans = [(word.to_owned(), style(look)), (message, style(Look::Dim)), (memory, style(Look::Text))];
    put_spans(buffer, part(area, 0, 0, area.width, 1), &spans, context.ascii);
    let value = |series: &Series, step: f64| {
        series.last().map_or("-".to_owned(), |(_, y)| number(f64::from(y), f64::from(y).abs() * step))
    };
    let speed = run.speed.last().map_or(0.0, |(_, y)| f64::from(y));
    let eta = run.total_steps.filter(|_| board.is_some() && state.running() && speed > 0.0).and_then(|total| {
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

/// What is asked, or was said, or the last thing that happened besides steps; and how the plot is drawn.
fn foot(state: &TrainState, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
    let style = |look| context.theme.style(look);
    if let Some(ask) = &state.ask {
        return ask_line(ask, context, area, buffer);
    }
    if let Some(notice) = &state.notice {
        return notice.view(context, area, buffer);
    }
    let Some(run) = state.selected().filter(|_| state.tab == Tab::Curves) else { return };
    let smoothed = state.quantity == Quantity::Loss;
    let left = format!("{}{}  ", state.quantity.name(), state.hand.words(smoothed));
    let event = run.events.last().map_or(String::new(), |line| one_line(line));
    let spans = [(left, style(Look::Dim)), (event, style(Look::Warn))];
    put_spans(buffer, area, &spans, context.ascii);
}

fn ask_line(ask: &Ask, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
    let style = |look| context.theme.style(look);
    let label = match &ask.what {
        Asked::Rate => "highest learning rate from the next step on: ".to_owned(),
        Asked::Rename(from) => format!("{from} is to be called: "),
    };
    let x = put(buffer, area.x, area.y, area.width / 2, &label, style(Look::Title));
    let error = ask.error.as_deref().map_or(String::new(), |error| format!("! {error}"));
    let taken = (crate::tui::widgets::paint::cells(&error) as u16).min(area.width / 3);
    let room = area.right().saturating_sub(x + taken + 1);
    ask.input.view(true, context, Rect { x, width: room, ..area }, buffer);
    put(buffer, area.right() - taken, area.y, taken, &error, style(Look::Bad));
}
