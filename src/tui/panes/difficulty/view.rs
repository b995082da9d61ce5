//! Draws the pane: whose samples, what the rule selects of them, what is looked at, the numbers of the rule.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::layout::{Layout, Overview};
use super::plan::Plan;
use super::state::{Ask, Asked, DifficultyState, Tab};
use super::{histogram, lengths, problems, strip, tables};
use crate::difficulty::Rule;
use crate::pipeline::difficulty::{Source, Survey};
use crate::records::{LiveBoard, LiveState};
use crate::tui::theme::Look;
use crate::tui::view::ViewContext;
use crate::tui::widgets::paint::{cells, compact, duration, fit, one_line, part, put, put_spans, rule};

pub fn view(state: &DifficultyState, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
    let layout = state.layout_in(area);
    let Some((survey, plan)) = state.known() else {
        none(state, context, area, buffer);
        return foot(state, context, layout.foot, buffer);
    };
    head(state, survey, plan, context, &layout, buffer);
    if let Some(board) = &state.board {
        live(board, plan, context, layout.live, buffer);
    }
    tabs(state, survey, context, layout.tabs, buffer);
    let body = layout.body;
    match state.tab {
        Tab::Histogram => overview(state, survey, plan, context, body, buffer),
        Tab::Bins => tables::bins(state, plan, context, body, buffer),
        Tab::Lengths => lengths::view(state, survey, context, body, buffer),
        Tab::Levels => tables::levels(state, (survey, plan), context, body, buffer),
        Tab::Problems => problems::view(state, (survey, plan), context, body, buffer),
        Tab::Unsolved => tables::unsolved(state, survey, context, body, buffer),
    }
    strip::view(state, context, layout.strip, buffer);
    foot(state, context, layout.foot, buffer);
}

/// The histogram, and beside and below it what else there is room for.
fn overview(
    state: &DifficultyState,
    survey: &Survey,
    plan: &Plan,
    context: &ViewContext,
    body: Rect,
    buffer: &mut Buffer,
) {
    let place = Overview::of(body);
    histogram::view(state, (survey, plan), context, place.histogram, buffer);
    if !place.bins.is_empty() {
        tables::bins(state, plan, context, place.bins, buffer);
    }
    if !place.lengths.is_empty() {
        let style = |look| context.theme.style(look);
        rule(buffer, place.rule, "Lengths", style(Look::Border), style(Look::Dim), context.ascii);
        let right = Rect { x: place.levels.x, width: place.levels.width, ..place.rule };
        rule(buffer, right, "Levels", style(Look::Border), style(Look::Dim), context.ascii);
        lengths::view(state, survey, context, place.lengths, buffer);
        tables::levels(state, (survey, plan), context, place.levels, buffer);
    }
}

/// There is nothing to show.
fn none(state: &DifficultyState, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
    let lines: &[&str] = match (state.opened, state.empty) {
        (false, _) => &["Open a session to see how hard its problems are."],
        (true, false) => &["Reading the session."],
        (true, true) => &[
            "No samples to learn from yet.",
            "",
            "`cribble sample` draws single-turn samples in rounds, more of the problems that promise more;",
            "the Generate pane draws dialogues. How often each problem is solved is seen here as they come.",
        ],
    };
    for (row, line) in lines.iter().enumerate() {
        let look = if row == 0 { Look::Title } else { Look::Text };
        let place = part(area, 1, row as u16, area.width.saturating_sub(2), 1);
        let line = fit(line, usize::from(place.width), context.ascii);
        put(buffer, place.x, place.y, place.width, &line, context.theme.style(look));
    }
}

/// How settings are called: the model, turns, temperature.
pub(super) fn source_words(source: &Source) -> String {
    let name = one_line(&source.model);
    // Of a model that was trained here its run says most.
    let short = match name.split_once("/runs/") {
        Some((_, run)) => run.to_owned(),
        None => name.rsplit('/').find(|part| !part.is_empty()).unwrap_or("(unknown model)").to_owned(),
    };
    let turns = if source.turns == 1 { "1 turn".to_owned() } else { format!("{} turns", source.turns) };
    format!("{short}  {turns}  T {}", source.temperature)
}

fn head(
    state: &DifficultyState,
    survey: &Survey,
    plan: &Plan,
    context: &ViewContext,
    layout: &Layout,
    buffer: &mut Buffer,
) {
    let style = |look| context.theme.style(look);
    let row = |at: u16| part(layout.head, 0, at, layout.head.width, 1);
    if layout.head.height > 1 {
        let source = &survey.sources[survey.source];
        let with: Vec<usize> = (0..survey.sources.len()).filter(|&at| survey.sources[at].samples > 0).collect();
        let place = with.iter().position(|&at| at == survey.source).unwrap_or_default() + 1;
        let mut spans = vec![(source_words(source), style(Look::Title))];
        if with.len() > 1 {
            spans.push((format!(" ({place} of {})", with.len()), style(Look::Dim)));
        }
        spans.push((format!("  {} samples", source.samples), style(Look::Text)));
        if source.unjudged > 0 {
            spans.push((format!(", {} not judged", source.unjudged), style(Look::Warn)));
        }
        spans.push((format!(", {} problems", source.problems), style(Look::Text)));
        if survey.unsampled > 0 {
            spans.push((format!(", {} not sampled", survey.unsampled), style(Look::Dim)));
        }
        put_spans(buffer, row(0), &spans, context.ascii);
    }
    let mut spans = vec![
        ("selects ".to_owned(), style(Look::Dim)),
        (plan.all.selected.to_string(), style(Look::Title)),
        (
            format!(
                " of {} accepted, {} problems, K {}, fill {:.1}%",
                plan.all.accepted,
                plan.selection.problems(),
                plan.selection.k,
                100.0 * plan.selection.fill_rate(),
            ),
            style(Look::Text),
        ),
    ];
    if plan.all.accepted == 0 && survey.sources[survey.source].unjudged > 0 {
        spans.push(("  R in Review judges them".into(), style(Look::Warn)));
    } else if !state.ranked() {
        spans.push(("  being ranked anew".into(), style(Look::Warn)));
    } else if let Some(line) = changed(survey, &state.rule, state.base()) {
        spans.push((line, style(Look::Info)));
    }
    spans.push((format!("  {} tokens", compact(plan.selection.tokens as usize)), style(Look::Text)));
    if (plan.effective - plan.all.selected as f64).abs() >= 0.5 {
        spans.push((format!("  worth {:.0}", plan.effective), style(Look::Dim)));
    }
    put_spans(buffer, row(layout.head.height.saturating_sub(1)), &spans, context.ascii);
}

/// What the rule was changed from.
fn changed(survey: &Survey, rule: &Rule, base: Rule) -> Option<String> {
    let name = survey.stored().map(|stored| one_line(&stored.name));
    match (*rule == base, name) {
        (true, Some(name)) => Some(format!("  as `{name}`")),
        (true, None) => None,
        (false, Some(name)) => Some(format!("  changed from `{name}`")),
        (false, None) => Some("  not stored".into()),
    }
}

/// How far a sampling is, and what the target lacks.
fn live(board: &LiveBoard, plan: &Plan, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
    let style = |look| context.theme.style(look);
    let totals = &board.totals;
    let word = match board.state {
        LiveState::Starting => "starting",
        LiveState::Paused => "paused",
        LiveState::Waiting => "waiting",
        LiveState::Stopping => "stopping",
        LiveState::Running | LiveState::Done | LiveState::Failed => "sampling",
    };
    let mut spans = vec![(format!("{word} "), style(Look::Info))];
    let drawn = totals.existing + totals.finished;
    if let Some(percent) = (100 * drawn).checked_div(totals.samples_wanted) {
        let left = totals.eta_seconds.map_or_else(String::new, |eta| format!("  {} left", duration(eta)));
        let line = format!("{drawn} of {} drawn, {percent}%{left}", totals.samples_wanted);
        spans.push((line, style(Look::Text)));
    }
    if plan.all.wanted > 0 {
        spans.push((format!("  right ones fill {:.1}%", 100.0 * plan.met.share), style(Look::Text)));
    }
    let rate = if totals.elapsed_seconds > 0.0 { totals.finished as f64 / totals.elapsed_seconds } else { 0.0 };
    if plan.met.draws > 0.0 {
        let time = if rate > 0.0 { format!(", {}", duration(plan.met.draws / rate)) } else { String::new() };
        let draws = compact(plan.met.draws.ceil() as usize);
        spans.push((format!("  about {draws} draws{time} to the target"), style(Look::Dim)));
    }
    put_spans(buffer, area, &spans, context.ascii);
}

/// What a tab is called; where they would not all fit, in fewer words.
fn title(tab: Tab, state: &DifficultyState, survey: &Survey, whole: bool) -> String {
    match tab {
        Tab::Histogram => "Histogram".to_owned(),
        Tab::Bins => "Bins".to_owned(),
        Tab::Lengths => "Lengths".to_owned(),
        Tab::Levels if whole => format!("Levels {}", survey.groups.len()),
        Tab::Levels => "Levels".to_owned(),
        Tab::Problems => "Problems".to_owned(),
        Tab::Unsolved if whole => format!("Never solved {}", state.unsolved.len()),
        Tab::Unsolved => "Unsolved".to_owned(),
    }
}

fn tabs(state: &DifficultyState, survey: &Survey, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
    let style = |look| context.theme.style(look);
    let line = style(if context.focused { Look::BorderFocus } else { Look::Border });
    rule(buffer, area, "", line, style(Look::Title), context.ascii);
    let mut x = area.x + 1;
    // A gap before each, and brackets or what stands for them.
    let all: usize = Tab::ALL.iter().map(|tab| cells(&title(*tab, state, survey, true)) + 3).sum();
    for tab in Tab::ALL {
        let text = title(tab, state, survey, all <= usize::from(area.width));
        let chosen = tab == state.tab;
        let text = if chosen { format!("[{text}]") } else { format!(" {text} ") };
        let room = area.right().saturating_sub(x);
        if cells(&text) > usize::from(room) {
            break;
        }
        x = put(buffer, x, area.y, room, &text, style(if chosen { Look::Title } else { Look::Dim })) + 1;
    }
}

/// What is asked, or was said, or what the selected number of the rule means.
fn foot(state: &DifficultyState, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
    if let Some(ask) = &state.ask {
        return ask_line(ask, context, area, buffer);
    }
    if let Some(notice) = &state.notice {
        return notice.view(context, area, buffer);
    }
    if state.plan.is_some() {
        let help = fit(state.selected_parameter().help(), usize::from(area.width), context.ascii);
        put(buffer, area.x, area.y, area.width, &help, context.theme.style(Look::Dim));
    }
}

fn ask_line(ask: &Ask, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
    let style = |look| context.theme.style(look);
    let label = match &ask.what {
        Asked::Value(parameter) => format!("{}: ", parameter.label()),
        Asked::Name => "the selection is to be called: ".to_owned(),
    };
    let x = put(buffer, area.x, area.y, area.width / 2, &label, style(Look::Title));
    let error = ask.error.as_deref().map_or(String::new(), |error| format!("! {error}"));
    let taken = (cells(&error) as u16).min(area.width / 2);
    let room = area.right().saturating_sub(x + taken + 1);
    ask.input.view(true, context, Rect { x, width: room, ..area }, buffer);
    put(buffer, area.right() - taken, area.y, taken, &error, style(Look::Bad));
}
