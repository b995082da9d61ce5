//! Tables: classes of difficulty before and after the rule, levels and subjects, problems that were never solved.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::histogram::look;
use super::plan::{Counts, Plan};
use super::state::{DifficultyState, Tab};
use crate::difficulty::Bin;
use crate::pipeline::difficulty::{Grouped, Survey};
use crate::tui::theme::Look;
use crate::tui::view::ViewContext;
use crate::tui::widgets::paint::{cells, fit, fit_tail, one_line, part, put_clean, put_spans, signs, tint};

/// A column: its head, its width, and its place among those that are left out when there is no room, the highest first.
pub(super) struct Column {
    head: &'static str,
    width: u16,
    rank: u8,
}

pub(super) const fn column(head: &'static str, width: u16, rank: u8) -> Column {
    Column { head, width, rank }
}

/// The columns that fit, with where they begin. The first one is to the left, the others to the right of their cells.
fn fitting(columns: &[Column], width: u16) -> Vec<(usize, u16)> {
    let mut kept: Vec<usize> = (0..columns.len()).collect();
    let wide = |kept: &[usize]| kept.iter().map(|&at| columns[at].width).sum::<u16>();
    while kept.len() > 1 && wide(&kept) > width {
        let last = kept.iter().copied().max_by_key(|&at| columns[at].rank);
        kept.retain(|at| Some(*at) != last);
    }
    let mut x = 0;
    kept.into_iter()
        .map(|at| {
            let from = x;
            x += columns[at].width;
            (at, from)
        })
        .collect()
}

/// Draws one row of texts into columns; returns the cell after them.
pub(super) fn row(
    columns: &[Column],
    texts: &[String],
    looks: (Style, Style),
    context: &ViewContext,
    area: Rect,
    buffer: &mut Buffer,
) -> u16 {
    let mut end = area.x;
    for (at, x) in fitting(columns, area.width) {
        let place = part(area, x, 0, columns[at].width, 1);
        let text = fit(&texts[at], usize::from(place.width), context.ascii);
        let (style, x) = match at {
            0 => (looks.0, place.x),
            _ => (looks.1, place.right().saturating_sub(cells(&text) as u16)),
        };
        put_clean(buffer, x, place.y, place.width, &text, style);
        end = place.right();
    }
    end
}

fn heads(columns: &[Column]) -> Vec<String> {
    columns.iter().map(|column| column.head.to_owned()).collect()
}

pub(super) fn head(columns: &[Column], context: &ViewContext, area: Rect, buffer: &mut Buffer) -> u16 {
    let dim = context.theme.style(Look::Dim);
    row(columns, &heads(columns), (dim, dim), context, inner(area, 0), buffer)
}

/// A row of a table, beside the cell of the mark.
pub(super) fn inner(area: Rect, y: u16) -> Rect {
    part(area, 2, y, area.width.saturating_sub(2), 1)
}

/// Marks a row as the selected one.
pub(super) fn mark(context: &ViewContext, area: Rect, y: u16, buffer: &mut Buffer) {
    let style = |look| context.theme.style(look);
    put_clean(buffer, area.x, area.y + y, 1, signs(context.ascii).cursor, style(Look::Key));
    tint(buffer, part(area, 1, y, area.width, 1), style(Look::Selection));
}

fn percent(share: Option<f64>) -> String {
    share.map_or_else(|| "-".to_owned(), |share| format!("{:.1}%", 100.0 * share))
}

/// Classes: before the filter, before the rule, after it.
pub(super) fn bins(state: &DifficultyState, plan: &Plan, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
    const COLUMNS: [Column; 9] = [
        column("class", 10, 0),
        column("problems", 9, 1),
        column("drawn", 8, 3),
        column("right", 7, 8),
        column("rate", 7, 7),
        column("accepted", 9, 4),
        column("wanted", 8, 6),
        column("selected", 9, 2),
        column("fill", 5, 5),
    ];
    let style = |look| context.theme.style(look);
    let texts = |name: &str, counts: &Counts| {
        let rate = (counts.problems > 0).then(|| counts.interval().0);
        let fill = counts.fill().map_or_else(|| "-".to_owned(), |fill| format!("{:.0}%", 100.0 * fill));
        let number = |number: u64| number.to_string();
        vec![
            name.to_owned(),
            number(counts.problems),
            number(counts.samples),
            number(counts.right),
            percent(rate),
            number(counts.accepted),
            number(counts.wanted),
            number(counts.selected),
            fill,
        ]
    };
    head(&COLUMNS, context, area, buffer);
    let shown = state.tab == Tab::Bins;
    for (at, (class, counts)) in Bin::ALL.into_iter().zip(&plan.classes).enumerate() {
        let y = at as u16 + 1;
        let looks = (style(look(class)), style(Look::Text));
        row(&COLUMNS, &texts(class.name(), counts), looks, context, inner(area, y), buffer);
        if shown && at == state.class && y < area.height {
            mark(context, area, y, buffer);
        }
    }
    let title = style(Look::Title);
    row(&COLUMNS, &texts("all", &plan.all), (title, title), context, inner(area, 6), buffer);
    budgets(plan, context, inner(area, 7), buffer);
    shares(plan, context, part(area, 2, 8, area.width.saturating_sub(2), area.height.saturating_sub(8)), buffer);
}

/// What fewer samples of each problem would have filled.
fn budgets(plan: &Plan, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
    if plan.budgets.is_empty() || plan.all.wanted == 0 {
        return;
    }
    let style = |look| context.theme.style(look);
    let mut spans = vec![("filled by the first ".to_owned(), style(Look::Dim))];
    for (size, share) in plan.budgets.iter().skip(plan.budgets.len().saturating_sub(5)) {
        spans.push((format!("{size}: "), style(Look::Dim)));
        spans.push((format!("{:.1}%  ", 100.0 * share), style(Look::Text)));
    }
    put_spans(buffer, area, &spans, context.ascii);
}

/// What part of all each class is, before and after.
fn shares(plan: &Plan, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
    if area.height < 6 || area.width < 40 {
        return;
    }
    let style = |look| context.theme.style(look);
    let half = (area.width - 10) / 2;
    let title = |x: u16, text: &str, buffer: &mut Buffer| {
        put_clean(buffer, area.x + x, area.y, half, text, style(Look::Dim));
    };
    title(10, "share of accepted", buffer);
    title(10 + half, "share of selected", buffer);
    for (at, (class, counts)) in Bin::ALL.into_iter().zip(&plan.classes).enumerate() {
        let y = area.y + 1 + at as u16;
        put_clean(buffer, area.x, y, 10, class.name(), style(look(class)));
        let sides = [(10, counts.accepted, plan.all.accepted), (10 + half, counts.selected, plan.all.selected)];
        for (x, count, of) in sides {
            let share = if of > 0 { count as f64 / of as f64 } else { 0.0 };
            let room = half.saturating_sub(8);
            let filled = (share * f64::from(room)).round() as u16;
            for cell in 0..filled {
                put_clean(buffer, area.x + x + cell, y, 1, signs(context.ascii).full, style(look(class)));
            }
            let text = if count > 0 { format!(" {:.1}%", 100.0 * share) } else { " -".to_owned() };
            put_clean(buffer, area.x + x + filled, y, 8, &text, style(Look::Text));
        }
    }
}

/// Cells that the rates of levels are drawn in, at least.
const SCALE: u16 = 16;

/// Levels and subjects: the pass rate of their problems as a number and against the others.
pub(super) fn levels(
    state: &DifficultyState,
    (survey, plan): (&Survey, &Plan),
    context: &ViewContext,
    area: Rect,
    buffer: &mut Buffer,
) {
    let columns = [
        column("level, subject", if area.width >= 100 { 26 } else { 16 }, 0),
        column("problems", 9, 2),
        column("pass rate", 18, 1),
        column("drawn", 8, 5),
        column("accepted", 9, 4),
        column("selected", 9, 3),
    ];
    let style = |look| context.theme.style(look);
    // Rates against each other say more than the last columns.
    let drawing = if area.width >= 60 { SCALE } else { 0 };
    let table = part(area, 0, 0, area.width.saturating_sub(drawing), area.height);
    let end = head(&columns, context, table, buffer);
    let scale = area.right().saturating_sub(end + 2).min(60);
    if scale >= 12 {
        put_clean(buffer, end + 2, area.y, scale, "0%", style(Look::Dim));
        put_clean(buffer, end + 2 + scale - 4, area.y, 4, "100%", style(Look::Dim));
    }
    let shown = state.tab == Tab::Levels;
    let height = usize::from(area.height.saturating_sub(1));
    let rows = if shown { state.groups.rows(survey.groups.len()) } else { 0..survey.groups.len().min(height) };
    for (y, at) in rows.take(height).enumerate() {
        let (group, counts) = (&survey.groups[at], &plan.groups[at]);
        let name = match &group.of {
            Grouped::Level(level) => format!("level {level}"),
            Grouped::Subject(subject) => one_line(subject),
            Grouped::Unmarked => "(neither is known)".into(),
        };
        let rate = group.rate;
        let number = |number: u64| number.to_string();
        let texts = [
            name,
            number(counts.problems),
            format!("{:.1}% [{:.0}-{:.0}]", 100.0 * rate.value, 100.0 * rate.low, 100.0 * rate.high),
            number(counts.samples),
            number(counts.accepted),
            number(counts.selected),
        ];
        let y = y as u16 + 1;
        let text = style(Look::Text);
        let end = row(&columns, &texts, (text, text), context, inner(table, y), buffer);
        if shown && at == state.groups.selected {
            mark(context, area, y, buffer);
        }
        if scale >= 12 {
            let place = Rect { x: end + 2, y: area.y + y, width: scale, height: 1 };
            whisker(rate.value, (rate.low, rate.high), context, place, buffer);
        }
    }
}

/// A rate with its interval on a line from 0 to 1.
fn whisker(rate: f64, (low, high): (f64, f64), context: &ViewContext, area: Rect, buffer: &mut Buffer) {
    let signs = if context.ascii { [".", "-", "*"] } else { ["·", "─", "●"] };
    let x = |rate: f64| area.x + (rate.clamp(0.0, 1.0) * f64::from(area.width.saturating_sub(1))).round() as u16;
    for at in area.left()..area.right() {
        let within = (x(low)..=x(high)).contains(&at);
        let (sign, look) = if within { (signs[1], Look::Text) } else { (signs[0], Look::Dim) };
        put_clean(buffer, at, area.y, 1, sign, context.theme.style(look));
    }
    put_clean(buffer, x(rate), area.y, 1, signs[2], context.theme.style(Look::Info));
}

/// Problems without a right sample: how many samples, what went wrong with them, and how the problem begins.
pub(super) fn unsolved(
    state: &DifficultyState,
    survey: &Survey,
    context: &ViewContext,
    area: Rect,
    buffer: &mut Buffer,
) {
    const COLUMNS: [Column; 7] = [
        column("problem", 20, 0),
        column("samples", 8, 1),
        column("below", 7, 5),
        column("wrong", 7, 2),
        column("no answer", 10, 4),
        column("cut off", 9, 3),
        column("looped", 8, 6),
    ];
    let style = |look| context.theme.style(look);
    if state.unsolved.is_empty() {
        let line = "Every problem that was sampled has a right sample.";
        put_clean(buffer, area.x + 1, area.y + 1, area.width, line, style(Look::Dim));
        return;
    }
    let end = head(&COLUMNS, context, area, buffer) + 2;
    let room = area.right().saturating_sub(end);
    for (y, at) in state.unsolved_window.rows(state.unsolved.len()).enumerate() {
        let index = state.unsolved[at];
        let (problem, tally) = (&survey.pool[index], survey.pool[index].tally());
        let failures = tally.failures;
        let number = |number: u32| if number > 0 { number.to_string() } else { "-".to_owned() };
        let texts = [
            fit_tail(&one_line(problem.id()), 20, context.ascii).into_owned(),
            number(tally.samples),
            format!("{:.0}%", 100.0 * tally.wilson().1),
            number(failures.wrong),
            number(failures.no_answer),
            number(failures.truncated),
            number(failures.looped),
        ];
        let y = y as u16 + 1;
        let text = style(Look::Text);
        row(&COLUMNS, &texts, (text, text), context, inner(area, y), buffer);
        if room >= 8 {
            let text = one_line(&survey.problems[index].head);
            let text = fit(&text, usize::from(room), context.ascii);
            put_clean(buffer, end, area.y + y, room, &text, style(Look::Dim));
        }
        if at == state.unsolved_window.selected {
            mark(context, area, y, buffer);
        }
    }
}
