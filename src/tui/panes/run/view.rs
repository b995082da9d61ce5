//! Draws the pane: the pass at work with its steps and one or four views beside them; or the form, the plan, the report.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::layout::Layout;
use super::state::{RunState, Screen, Tab};
use super::{form_view, funnel, plan, scores, steps};
use crate::pipeline::run::Flow;
use crate::records::{LiveBoard, LiveState};
use crate::tui::theme::Look;
use crate::tui::view::ViewContext;
use crate::tui::widgets::meter::meter;
use crate::tui::widgets::paint::{compact, duration, fit, one_line, part, put, put_lines, put_spans, rule, signs};

pub fn view(state: &RunState, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
    match (state.shown(), &state.plan) {
        (Screen::Setup, _) => return form_view::view(state, context, area, buffer),
        (Screen::Plan, Some(shown)) => return plan::view(state, shown, context, area, buffer),
        (Screen::Report, _) => return report(state, context, area, buffer),
        (Screen::Pass | Screen::Plan, _) => {}
    }
    let layout = state.layout(area);
    title(state, context, layout.title, buffer);
    head(state, context, &layout, buffer);
    flow(state, context, layout.flow, buffer);
    steps::view(state, context, layout.steps, buffer);
    if layout.grid {
        for (tab, (above, body)) in
            [state.first_view(), Tab::Filter, Tab::Difficulty, Tab::Loss].into_iter().zip(layout.views)
        {
            let line = context.theme.style(Look::Border);
            rule(buffer, above, tab.title(), line, context.theme.style(Look::Title), context.ascii);
            one(state, tab, context, body, buffer);
        }
    } else {
        tabs(state, context, layout.tabs, buffer);
        one(state, state.tab(), context, layout.views[0].1, buffer);
    }
    if let Some(notice) = &state.notice {
        notice.view(context, layout.foot, buffer);
    }
}

fn one(state: &RunState, tab: Tab, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
    match tab {
        Tab::Writing => state.writing.view(context, area, buffer),
        Tab::Filter => funnel::view(state, context, area, buffer),
        Tab::Difficulty => state.hardness.view(state.drawn_under(), context, area, buffer),
        Tab::Loss => state.losses.view(state.trained(), context, area, buffer),
        Tab::Scores => scores::view(state.progress.as_deref(), context, area, buffer),
    }
}

fn title(state: &RunState, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
    let style = |look| context.theme.style(look);
    let Some(progress) = &state.progress else {
        put(buffer, area.x, area.y, area.width, "A pass begins.", style(Look::Title));
        return;
    };
    let recipe = &progress.recipe;
    let spans = [
        (format!("{}, seed {}", recipe.name, recipe.seed), style(Look::Title)),
        (format!("  {} of {} steps done", progress.done(), progress.steps.len()), style(Look::Text)),
        (format!("  {}", recipe.about), style(Look::Dim)),
    ];
    put_spans(buffer, area, &spans, context.ascii);
}

/// What is at work, how fast, and how far.
fn head(state: &RunState, context: &ViewContext, layout: &Layout, buffer: &mut Buffer) {
    let style = |look| context.theme.style(look);
    let board = state.board.as_deref();
    let (word, look) = match board.map(|board| board.state) {
        _ if state.starting => ("Starting", Look::Info),
        Some(LiveState::Starting) => ("Starting", Look::Info),
        Some(LiveState::Running) => ("Running", Look::Good),
        Some(LiveState::Paused) => ("Paused", Look::Warn),
        Some(LiveState::Waiting) => ("Waiting", Look::Warn),
        Some(LiveState::Stopping) => ("Stopping", Look::Warn),
        Some(LiveState::Failed) => ("Failed", Look::Bad),
        _ if state.waiting().is_some() => ("Waiting", Look::Warn),
        _ if state.whole() => ("Done", Look::Good),
        Some(LiveState::Done) => ("Stopped", Look::Warn),
        None => ("At rest", Look::Dim),
    };
    if let Some(board) = board.filter(|board| board.state == LiveState::Failed) {
        let rows = part(layout.state, 0, 0, layout.state.width, 1).union(layout.numbers);
        return put_lines(buffer, rows, &format!("{word}: {}", board.message), style(look));
    }
    let active = board.filter(|_| state.active());
    let said = match (active, state.waits_for()) {
        (_, Some(waits)) => waits,
        (Some(board), None) => match &board.pass {
            Some(pass) => format!("step {} of {}, {}", pass.at, pass.of, pass.step),
            None => board.message.clone(),
        },
        (None, None) if state.whole() => "all steps are done".into(),
        (None, None) => "what is done is kept; it goes on from there".into(),
    };
    let more = active.map_or(String::new(), |_| format!("  {}", one_line(&state.doing())));
    let more = if state.waiting().is_some() { String::new() } else { more };
    let spans = [(word.to_owned(), style(look)), (format!("  {said}"), style(Look::Text)), (more, style(Look::Dim))];
    put_spans(buffer, layout.state, &spans, context.ascii);
    match active {
        Some(board) if board.totals.samples_wanted > 0 => {
            numbers(board, context, layout.numbers, buffer);
            let totals = &board.totals;
            bar(totals.existing, totals.finished, totals.samples_wanted, context, layout.meter, buffer);
        }
        _ => {
            let progress = state.progress.as_ref();
            let (done, all) = progress.map_or((0, 0), |progress| (progress.done(), progress.steps.len()));
            let seconds = progress.map_or(0.0, |progress| progress.seconds());
            let line = format!("{} of work in {done} steps", duration(seconds));
            put(buffer, layout.numbers.x, layout.numbers.y, layout.numbers.width, &line, style(Look::Dim));
            bar(0, done, all, context, layout.meter, buffer);
        }
    }
}

/// The meter, where there is a row for it.
fn bar(before: usize, now: usize, total: usize, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
    if !area.is_empty() {
        meter(before, now, total, context, area, buffer);
    }
}

fn numbers(board: &LiveBoard, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
    let style = |look| context.theme.style(look);
    let totals = &board.totals;
    let dot = format!(" {} ", signs(context.ascii).dot);
    let done = totals.existing + totals.finished;
    let unit = if board.job == crate::records::TRAINING { "steps" } else { "samples" };
    let mut spans = vec![
        (format!("{}/{} {unit}", compact(done), compact(totals.samples_wanted)), style(Look::Title)),
        (format!("{dot}{} tok/s", compact(totals.tokens_per_second.max(0.0).round() as usize)), style(Look::Text)),
    ];
    if let Some(left) = totals.eta_seconds {
        spans.push((format!("{dot}{} left in this step", duration(left)), style(Look::Text)));
    }
    if totals.finished > 0 && board.job != crate::records::TRAINING {
        let right = 100.0 * totals.correct as f64 / totals.finished as f64;
        spans.push((format!("{dot}{right:.0}% right"), style(Look::Text)));
    }
    spans.push((format!("{dot}{} tokens", compact(totals.tokens)), style(Look::Dim)));
    put_spans(buffer, area, &spans, context.ascii);
}

/// How many chains came how far, the newest stage first where not all fits.
fn flow(state: &RunState, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
    let Some(progress) = &state.progress else { return };
    let stages: Vec<String> = progress.flow.iter().rev().filter_map(|flow| words(flow, context.ascii)).collect();
    let mut kept: Vec<&str> = Vec::new();
    let mut room = usize::from(area.width);
    for stage in &stages {
        let wide = stage.chars().count() + 3;
        if wide > room && !kept.is_empty() {
            break;
        }
        room = room.saturating_sub(wide);
        kept.push(stage);
    }
    kept.reverse();
    let line = kept.join("   ");
    let line = fit(&line, usize::from(area.width), context.ascii);
    put(buffer, area.x, area.y, area.width, &line, context.theme.style(Look::Text));
}

fn words(flow: &Flow, ascii: bool) -> Option<String> {
    let then = if ascii { " > " } else { " → " };
    let part = |count: Option<usize>, word: &str| count.map(|count| format!("{count} {word}"));
    let parts = [
        part(Some(flow.drawn?), "drawn"),
        part(flow.accepted, "accepted"),
        part(flow.chosen, "chosen"),
        part(flow.trained, "trained on"),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    Some(format!("{}: {}", flow.stage, parts.join(then)))
}

fn tabs(state: &RunState, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
    let style = |look| context.theme.style(look);
    let line = style(if context.focused { Look::BorderFocus } else { Look::Border });
    rule(buffer, area, "", line, line, context.ascii);
    let mut x = area.x + 1;
    for tab in Tab::ALL {
        let chosen = tab == state.tab();
        let text = if chosen { format!("[{}]", tab.title()) } else { format!(" {} ", tab.title()) };
        let look = if chosen { Look::Title } else { Look::Dim };
        x = put(buffer, x, area.y, area.right().saturating_sub(x), &text, style(look)) + 1;
    }
}

fn report(state: &RunState, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
    let style = |look| context.theme.style(look);
    let (first, last, of) = state.report.position();
    let title = format!("report  {first}-{last}/{of}");
    let line = style(if context.focused { Look::BorderFocus } else { Look::Border });
    rule(buffer, part(area, 0, 0, area.width, 1), &title, line, style(Look::Title), context.ascii);
    let body = part(area, 0, 1, area.width, area.height.saturating_sub(1));
    state.report.view(context, body, buffer);
}
