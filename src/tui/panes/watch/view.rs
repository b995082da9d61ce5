//! Draws the pane: the runs above, what the selected one is at, and its curves, settings or notes.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::layout::Layout;
use super::plots;
use super::run::{Chart, Run};
use super::state::{Tab, WatchState};
use crate::tui::theme::Look;
use crate::tui::view::ViewContext;
use crate::tui::widgets::paint::{cells, duration, fit, fit_tail, one_line, part, put, put_spans};
use crate::tui::widgets::tabs::tabs;
use crate::watch::Quantity;

pub fn view(state: &WatchState, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
    let layout = Layout::of(area, state.runs.len());
    let Some(run) = state.selected() else {
        none(state, context, area, buffer);
        return foot(state, &[], context, layout.foot, buffer);
    };
    let charts = state.charts();
    list(state, context, layout.list, buffer);
    tabs(&run.name, tabs_of(state, run), context, layout.rule, buffer);
    status(run, context, layout.status, buffer);
    let words = match state.tab {
        Tab::Curves => {
            plots::view(state, &charts, context, layout.body, buffer);
            None
        }
        Tab::Settings if state.text.is_empty() && state.differences => Some("The shown runs have the same settings."),
        Tab::Settings if state.text.is_empty() => Some("Its records say nothing of its settings."),
        Tab::Notes if state.text.is_empty() => Some("Nothing but numbers so far."),
        Tab::Settings | Tab::Notes => {
            state.text.view(context, layout.body, buffer);
            None
        }
    };
    if let Some(words) = words {
        let place = part(layout.body, 1, 1, layout.body.width.saturating_sub(1), 1);
        put(buffer, place.x, place.y, place.width, words, context.theme.style(Look::Dim));
    }
    foot(state, &charts, context, layout.foot, buffer);
}

/// There is no run.
fn none(state: &WatchState, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
    let roots = state.roots.iter().map(|root| root.display().to_string()).collect::<Vec<_>>().join(", ");
    let mut lines = match (state.watches(), state.looked) {
        (false, _) => vec!["Nothing is watched yet.".to_owned(), String::new()],
        (true, false) => vec![format!("Looking for trainings under {roots} ...")],
        (true, true) => vec![format!("No training under {roots} so far; new ones show by themselves."), String::new()],
    };
    if !state.watches() || state.looked {
        lines.extend(
            [
                "Trainings that anybody started are seen here while they run, whatever trains:",
                "  TRL, axolotl, HF Trainer   trainer_state.json",
                "  LLaMA-Factory              trainer_log.jsonl",
                "  TensorBoard                events.out.tfevents.*",
                "  Weights & Biases           offline runs, *.wandb",
                "  trackio                    its databases",
                "  cribble                    metrics.jsonl",
                "Nothing is written there.",
            ]
            .map(str::to_owned),
        );
    }
    for (row, line) in lines.iter().enumerate() {
        let look = if row == 0 { Look::Title } else { Look::Text };
        let place = part(area, 1, row as u16, area.width.saturating_sub(2), 1);
        let line = one_line(line);
        let line = fit(&line, usize::from(place.width), context.ascii);
        put(buffer, place.x, place.y, place.width, &line, context.theme.style(look));
    }
}

fn list(state: &WatchState, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
    let style = |look| context.theme.style(look);
    let now = context.now as f64 / 1e3;
    for (row, at) in state.window.rows(state.runs.len()).enumerate().take(usize::from(area.height)) {
        let run = &state.runs[at];
        let selected = at == state.window.selected;
        let mark = match (selected, context.ascii) {
            (true, true) => ">",
            (true, false) => "▸",
            _ => " ",
        };
        let laid = if state.overlaid.contains(&run.name) { "+" } else { " " };
        let value = |known| run.value(&Chart::Known(known)).map_or("-".to_owned(), |value| format!("{value:.4}"));
        let of = run.total_steps.map_or(String::new(), |total| format!("/{total}"));
        let word = match run.finished {
            Some(true) => "done",
            Some(false) => "failed",
            None if WatchState::at_work(run, now) => "at work",
            None => "quiet",
        };
        // Where there is little room the name is worth more than what wrote it.
        let kind = if area.width >= 100 { format!("  {:<13}", run.kind.to_string()) } else { String::new() };
        let right = format!(
            "{kind}  {word:<7} step {:>13}  loss {:>8}  val {:>8}",
            format!("{}{of}", run.step),
            value(Quantity::Loss),
            value(Quantity::ValidationLoss)
        );
        let room = usize::from(area.width).saturating_sub(cells(&right) + 2);
        let name = one_line(&run.name);
        let name = fit_tail(&name, room, context.ascii);
        let line = format!("{mark}{laid}{name}{}{right}", " ".repeat(room.saturating_sub(cells(&name))));
        let look = if selected { Look::Selection } else { Look::Text };
        let line = fit(&line, usize::from(area.width), context.ascii);
        put(buffer, area.x, area.y + row as u16, area.width, &line, style(look));
    }
}

/// What of the run can be looked at.
fn tabs_of(state: &WatchState, run: &Run) -> impl Iterator<Item = (String, bool)> {
    Tab::ALL.into_iter().map(move |tab| {
        let text = match tab {
            Tab::Curves => "Curves".to_owned(),
            Tab::Settings => format!("Settings {}", run.settings.len()),
            Tab::Notes => format!("Notes {}", run.notes.len()),
        };
        (text, tab == state.tab)
    })
}

/// Where the run is, when it was written to last, and how long it will take.
fn status(run: &Run, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
    let style = |look| context.theme.style(look);
    let now = context.now as f64 / 1e3;
    let share = run.total_steps.filter(|total| *total > 0).map(|total| run.step as f64 / total as f64);
    let share = share.map_or(String::new(), |share| format!("{:.0}%  ", 100.0 * share.min(1.0)));
    let left = run.left().filter(|_| WatchState::at_work(run, now));
    let left = left.map_or(String::new(), |left| format!("{} left  ", duration(left)));
    let last = run.last.map_or(String::new(), |last| format!("last point {}  ", clock(last)));
    let spans =
        [(format!("{}  {share}{left}{last}", run.kind), style(Look::Text)), (one_line(&run.path), style(Look::Dim))];
    put_spans(buffer, area, &spans, context.ascii);
}

/// A moment as people write it, where they are.
fn clock(unix: f64) -> String {
    let zone = jiff::tz::TimeZone::system();
    let at = jiff::Timestamp::from_second(unix as i64).map(|at| at.to_zoned_datetime(zone.clone()));
    at.map_or_else(|_| "-".to_owned(), |at| at.strftime("%Y-%m-%d %H:%M:%S").to_string())
}

/// What is asked, or was said, or the last note; and how the plots are drawn.
fn foot(state: &WatchState, charts: &[&Chart], context: &ViewContext, area: Rect, buffer: &mut Buffer) {
    let style = |look| context.theme.style(look);
    if let Some(input) = &state.ask {
        let x = put(buffer, area.x, area.y, area.width / 2, "directory to watch: ", style(Look::Title));
        return input.view(true, context, Rect { x, width: area.right().saturating_sub(x), ..area }, buffer);
    }
    if let Some(notice) = &state.notice {
        return notice.view(context, area, buffer);
    }
    let Some(run) = state.selected().filter(|_| state.tab == Tab::Curves) else { return };
    let Some(chart) = state.chart(charts) else { return };
    let at = charts.iter().position(|one| *one == chart).unwrap_or_default();
    let along = if state.hours { ", along hours" } else { "" };
    let words = state.hand.words(chart.is_noisy());
    let left = format!("{} {}/{}{along}{words}  ", one_line(chart.name()), at + 1, charts.len());
    let note = run.notes.last().map_or(String::new(), |note| one_line(note));
    put_spans(buffer, area, &[(left, style(Look::Dim)), (note, style(Look::Warn))], context.ascii);
}
