//! The histogram of pass rates: what was drawn, what of it is accepted and what is selected lie over each other in each bar, told
//! apart by signs; classes are named below and coloured.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::plan::{Axis, Counts, Plan};
use super::state::{DifficultyState, Unit};
use crate::difficulty::Bin;
use crate::pipeline::difficulty::Survey;
use crate::tui::theme::Look;
use crate::tui::view::ViewContext;
use crate::tui::widgets::paint::{cells, compact, fit, part, put_clean, put_spans, rule, tint};
use crate::tui::widgets::plot::Scale;

/// Cells of the numbers beside the bars.
const NUMBERS: u16 = 6;
/// A bar is no wider.
const WIDEST: u16 = 12;

/// Where bars are.
pub(super) struct Place {
    /// Bars alone.
    pub bars: Rect,
    /// Cells from one bar to the next.
    pub step: u16,
    count: usize,
    classes: bool,
    whisker: bool,
    words: u16,
}

impl Place {
    pub fn of(area: Rect, axis: Axis) -> Self {
        let count = axis.bars();
        let room = area.width.saturating_sub(NUMBERS + 1);
        let step = (room / count.max(1) as u16).clamp(1, WIDEST);
        // Above: the key. Below: the axis, its labels, one line of words; and as there is room, classes, interval, more words.
        let spare = area.height.saturating_sub(1 + 2 + 1);
        let classes = spare > 4;
        let whisker = spare > 5;
        let words = if spare > 9 { 2 } else { 1 };
        let height = spare.saturating_sub(u16::from(classes) + u16::from(whisker) + words - 1);
        let bars = part(area, NUMBERS, 1, (step * count as u16).min(room), height);
        Self { bars, step, count, classes, whisker, words }
    }

    /// The bar at a column.
    pub fn bar_at(&self, column: u16) -> Option<usize> {
        let at = usize::from(column.checked_sub(self.bars.x)? / self.step);
        (at < self.count).then_some(at)
    }

    /// Cells of a bar that are painted.
    fn cells(&self) -> u16 {
        if self.step >= 3 { self.step - 1 } else { self.step }
    }

    fn x(&self, bar: usize) -> u16 {
        self.bars.x + self.step * bar as u16
    }
}

/// How a class looks.
pub(super) fn look(class: Bin) -> Look {
    match class {
        Bin::Unsolved => Look::Bad,
        Bin::Hard => Look::Warn,
        Bin::Medium => Look::Info,
        Bin::Easy => Look::Good,
        Bin::Saturated => Look::Text,
    }
}

/// Signs of what was drawn, is accepted, is selected.
fn layers(ascii: bool) -> [&'static str; 3] {
    if ascii { [".", "+", "#"] } else { ["░", "▒", "█"] }
}

fn counts(unit: Unit, of: &Counts) -> [u64; 3] {
    match unit {
        Unit::Samples => [of.samples, of.accepted, of.selected],
        Unit::Problems => [of.problems, of.with_accepted, of.with_selected],
    }
}

/// Rows that a count takes of so many; at least one if it is any at all.
fn height(count: u64, most: u64, scale: Scale, rows: u16) -> u16 {
    if count == 0 || rows == 0 {
        return 0;
    }
    let (low, most) = if scale == Scale::Log { (0.5, most.max(1) as f64) } else { (0.0, most.max(1) as f64) };
    let share = scale.place(count as f64, low, most).unwrap_or_default();
    ((share * f64::from(rows)).round() as u16).clamp(1, rows)
}

pub(super) fn view(
    state: &DifficultyState,
    (survey, plan): (&Survey, &Plan),
    context: &ViewContext,
    area: Rect,
    buffer: &mut Buffer,
) {
    let style = |look| context.theme.style(look);
    let place = Place::of(area, plan.axis);
    if place.bars.is_empty() {
        return;
    }
    let scale = state.scale();
    key(state, scale, context, part(area, 0, 0, area.width, 1), buffer);
    let most = plan.bars.iter().map(|bar| counts(state.unit, bar)[0]).max().unwrap_or_default();
    numbers(scale, most, context, area, &place, buffer);
    let signs = layers(context.ascii);
    for (at, bar) in plan.bars.iter().enumerate() {
        let colour = style(look(plan.axis.class(at, &survey.bins)));
        let heights = counts(state.unit, bar).map(|count| height(count, most, scale, place.bars.height));
        for up in 0..place.bars.height {
            let sign = (0..3).rev().find(|layer| heights[*layer] > up).map(|layer| signs[layer]);
            let Some(sign) = sign else { break };
            for x in 0..place.cells() {
                put_clean(buffer, place.x(at) + x, place.bars.bottom() - 1 - up, 1, sign, colour);
            }
        }
        tops(bar, state.unit, heights[0], &place, place.x(at), context, buffer);
    }
    below(state, survey, plan, context, area, &place, buffer);
}

/// How many stand over a bar, where there is room for the number.
fn tops(of: &Counts, unit: Unit, rows: u16, place: &Place, x: u16, context: &ViewContext, buffer: &mut Buffer) {
    let text = compact(counts(unit, of)[0] as usize);
    // Numbers over narrow bars would be taken for bars.
    let room = place.step >= 5 && cells(&text) <= usize::from(place.cells());
    if rows > 0 && rows < place.bars.height && room {
        let y = place.bars.bottom() - 1 - rows;
        put_clean(buffer, x, y, place.cells(), &text, context.theme.style(Look::Dim));
    }
}

/// What is counted and what the signs mean.
fn key(state: &DifficultyState, scale: Scale, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
    let style = |look| context.theme.style(look);
    let unit = if state.unit == Unit::Samples { "samples" } else { "problems" };
    let log = if scale == Scale::Log { ", log" } else { "" };
    let mut spans = vec![(format!("{unit} by pass rate{log}   "), style(Look::Dim))];
    let words = match state.unit {
        Unit::Samples => ["drawn", "accepted", "selected"],
        Unit::Problems => ["all", "with accepted", "with selected"],
    };
    for (sign, word) in layers(context.ascii).into_iter().zip(words) {
        spans.push((format!("{sign}{sign} "), style(Look::Text)));
        spans.push((format!("{word}  "), style(Look::Dim)));
    }
    put_spans(buffer, area, &spans, context.ascii);
}

fn numbers(scale: Scale, most: u64, context: &ViewContext, area: Rect, place: &Place, buffer: &mut Buffer) {
    let style = context.theme.style(Look::Dim);
    let low = if scale == Scale::Log { 0.5 } else { 0.0 };
    let ticks = scale.ticks(
        if scale == Scale::Log { 1.0 } else { 0.0 },
        most.max(1) as f64,
        usize::from(place.bars.height / 3).max(1),
    );
    let mut last = u16::MAX;
    for (value, _) in ticks {
        let Some(share) = scale.place(value, low, most.max(1) as f64) else { continue };
        if value.fract() != 0.0 {
            continue;
        }
        let up = (share * f64::from(place.bars.height)).round() as u16;
        let y = (place.bars.bottom() - up.max(1)).max(place.bars.y);
        if value <= 0.0 || y == last {
            continue;
        }
        last = y;
        let text = compact(value as usize);
        let x = area.x + (NUMBERS - 1).saturating_sub(cells(&text) as u16);
        put_clean(buffer, x, y, NUMBERS - 1, &text, style);
    }
}

/// The axis, its labels, the classes, the selected bar's interval and its counts.
fn below(
    state: &DifficultyState,
    survey: &Survey,
    plan: &Plan,
    context: &ViewContext,
    area: Rect,
    place: &Place,
    buffer: &mut Buffer,
) {
    let style = |look| context.theme.style(look);
    let mut y = place.bars.bottom();
    rule(buffer, Rect { y, height: 1, ..place.bars }, "", style(Look::Border), style(Look::Text), context.ascii);
    labels(state.bar, plan.axis, context, place, y + 1, buffer);
    y += 2;
    if place.classes {
        classes(survey, plan, context, place, y, buffer);
        y += 1;
    }
    let Some(bar) = plan.bars.get(state.bar) else { return };
    if place.whisker {
        whisker(bar, plan.axis, context, place, y, buffer);
        y += 1;
    }
    let class = plan.axis.class(state.bar, &survey.bins);
    let first = vec![
        (format!("{} ", plan.axis.label(state.bar)), style(Look::Title)),
        (class.name().to_owned(), style(look(class))),
        (
            format!(
                "  {} problems  {} drawn  {} accepted  {} selected of {} wanted  {} right",
                bar.problems, bar.samples, bar.accepted, bar.selected, bar.wanted, bar.right
            ),
            style(Look::Text),
        ),
    ];
    put_spans(buffer, part(area, 0, y - area.y, area.width, 1), &first, context.ascii);
    if place.words > 1 && bar.problems > 0 {
        let (rate, low, high) = bar.interval();
        let line = format!(
            "rate of one of these problems {:.1}% [{:.0}-{:.0}] (mean of their 95% intervals)",
            100.0 * rate,
            100.0 * low,
            100.0 * high
        );
        put_spans(buffer, part(area, 0, y + 1 - area.y, area.width, 1), &[(line, style(Look::Dim))], context.ascii);
    }
}

/// Names below the bars: of each where they fit, else of some; the selected bar is marked.
fn labels(selected: usize, axis: Axis, context: &ViewContext, place: &Place, y: u16, buffer: &mut Buffer) {
    let style = |look| context.theme.style(look);
    let short = |bar: usize| match axis {
        Axis::Whole(_) => bar.to_string(),
        Axis::Shares => match bar {
            0 => "0".into(),
            _ if bar + 1 == axis.bars() => "all".into(),
            _ => format!("{:.0}", 100.0 * axis.rates(bar).1),
        },
    };
    let unit = match axis {
        Axis::Whole(samples) => format!("of {samples}"),
        Axis::Shares => "%".into(),
    };
    let unit = fit(&unit, usize::from(NUMBERS) - 1, context.ascii).into_owned();
    let x = place.bars.x.saturating_sub(cells(&unit) as u16 + 1);
    put_clean(buffer, x, y, NUMBERS, &unit, style(Look::Dim));
    // Every bar, every second, every fifth: as many as have room with a space between.
    let widest = (0..place.count).map(|bar| cells(&short(bar))).max().unwrap_or(1) as u16;
    let every = [1u16, 2, 5, 10].into_iter().find(|every| place.step * every > widest).unwrap_or(20);
    for bar in (0..place.count).filter(|bar| bar % usize::from(every) == 0 || bar + 1 == place.count) {
        let text = short(bar);
        let last = bar + 1 == place.count;
        // The last one may have more room than the bar, and takes the place of what would touch it.
        if !last && place.x(bar) + cells(&text) as u16 + 1 > place.x(place.count - 1) {
            continue;
        }
        put_clean(buffer, place.x(bar), y, NUMBERS, &text, style(Look::Dim));
    }
    let mark = if context.ascii { "^" } else { "▲" };
    for x in 0..place.cells() {
        put_clean(buffer, place.x(selected) + x, y - 1, 1, mark, style(Look::Key));
    }
    tint(buffer, Rect { x: place.x(selected), y, width: place.cells(), height: 1 }, style(Look::Selection));
}

/// The names of the classes under their bars.
fn classes(survey: &Survey, plan: &Plan, context: &ViewContext, place: &Place, y: u16, buffer: &mut Buffer) {
    let of = |class: Bin| {
        let mut bars = (0..place.count).filter(|&bar| plan.axis.class(bar, &survey.bins) == class);
        let first = bars.next()?;
        Some((place.x(first), place.x(bars.next_back().unwrap_or(first)) + place.step))
    };
    let (left, mut right) = (place.bars.x, place.bars.right());
    let mut free = left;
    let write = |buffer: &mut Buffer, x: u16, room: u16, class: Bin| {
        let name = fit(class.name(), usize::from(room), context.ascii);
        put_clean(buffer, x, y, room, &name, context.theme.style(look(class))) + 1
    };
    // The ends have the room they need; those between have what is left of their bars.
    if of(Bin::Unsolved).is_some() {
        free = write(buffer, left, right - left, Bin::Unsolved);
    }
    if of(Bin::Saturated).is_some() {
        let wide = (cells(Bin::Saturated.name()) as u16).min(right.saturating_sub(free));
        right -= wide;
        write(buffer, right, wide, Bin::Saturated);
    }
    for class in [Bin::Hard, Bin::Medium, Bin::Easy] {
        let Some((from, to)) = of(class) else { continue };
        let (from, to) = (from.max(free), to.min(right.saturating_sub(1)));
        let wide = cells(class.name()) as u16;
        if to >= from + wide {
            free = write(buffer, from + (to - from - wide) / 2, wide, class);
        }
    }
}

/// Where the pass rate of one of the bar's problems may lie, on the axis of the bars.
fn whisker(bar: &Counts, axis: Axis, context: &ViewContext, place: &Place, y: u16, buffer: &mut Buffer) {
    if bar.problems == 0 {
        return;
    }
    let style = context.theme.style(Look::Text);
    let (rate, low, high) = bar.interval();
    let x = |rate: f64| {
        let cell = (axis.place(rate) * f64::from(place.step)).floor() as u16;
        (place.bars.x + cell).min(place.bars.right().saturating_sub(1))
    };
    let ends = if context.ascii { ["|", "-", "|", "*"] } else { ["├", "─", "┤", "●"] };
    for at in x(low)..=x(high) {
        put_clean(buffer, at, y, 1, ends[1], style);
    }
    put_clean(buffer, x(low), y, 1, ends[0], style);
    put_clean(buffer, x(high), y, 1, ends[2], style);
    put_clean(buffer, x(rate), y, 1, ends[3], style);
    let name = "95%";
    let label = place.bars.x.saturating_sub(cells(name) as u16 + 1);
    put_clean(buffer, label, y, NUMBERS, name, context.theme.style(Look::Dim));
}
