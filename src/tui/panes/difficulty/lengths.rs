//! Lengths of what was written: base model, dialogues, trained model, above each other on one axis of tokens.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::state::{DifficultyState, Tab};
use super::view::source_words;
use crate::pipeline::difficulty::{Lengths, Survey};
use crate::tui::theme::Look;
use crate::tui::view::ViewContext;
use crate::tui::widgets::paint::{cells, compact, fit, part, put_clean, put_spans, signs, tint};
use crate::tui::widgets::plot::Scale;

/// Cells before the bars.
const LEFT: u16 = 2;
/// Cells of a bar.
const WIDE: u16 = 2;

/// Bars on so many columns.
pub(super) fn bars(width: u16) -> usize {
    usize::from(width.saturating_sub(LEFT + 1) / WIDE).max(1)
}

/// Tokens of a bar: round, and all samples have a place.
fn bar_tokens(survey: &Survey, width: u16) -> u32 {
    let longest = survey.lengths.iter().filter_map(|lengths| lengths.samples.last()).map(|last| last.0).max();
    let least = (longest.unwrap_or_default() + 1).div_ceil(bars(width) as u32).max(1);
    let mut unit = 1;
    loop {
        for factor in [1, 2, 5] {
            if factor * unit >= least || unit >= 1 << 24 {
                return factor * unit;
            }
        }
        unit *= 10;
    }
}

/// The samples of a bar, shortest first, with the tokens from and to.
pub(super) fn of_bar<'a>(
    survey: &Survey,
    lengths: &'a Lengths,
    bar: usize,
    width: u16,
) -> (u32, u32, &'a [(u32, i64)]) {
    let tokens = bar_tokens(survey, width);
    let (from, to) = (bar as u32 * tokens, (bar as u32 + 1) * tokens);
    let at = |tokens: u32| lengths.samples.partition_point(|(length, _)| *length < tokens);
    (from, to - 1, &lengths.samples[at(from)..at(to)])
}

/// The bar of the first histogram that has most samples.
pub(super) fn fullest(survey: &Survey, width: u16) -> usize {
    let Some(lengths) = survey.lengths.first() else { return 0 };
    (0..bars(width)).max_by_key(|&bar| of_bar(survey, lengths, bar, width).2.len()).unwrap_or_default()
}

/// Rows of one histogram with its title, where so many stand above each other over an axis and a line of words.
pub(super) fn block(area: Rect, count: usize) -> u16 {
    area.height.saturating_sub(2) / count.max(1) as u16
}

pub(super) fn view(state: &DifficultyState, survey: &Survey, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
    let style = |look| context.theme.style(look);
    let rows = block(area, survey.lengths.len());
    for (at, lengths) in survey.lengths.iter().enumerate() {
        let place = part(area, 0, rows * at as u16, area.width, rows);
        let selected = state.tab == Tab::Lengths && at == state.stage;
        title(survey, lengths, selected, context, part(place, 0, 0, place.width, 1), buffer);
        let plot = part(place, LEFT, 1, place.width.saturating_sub(LEFT), rows.saturating_sub(1));
        histogram(state, survey, lengths, selected, context, plot, buffer);
    }
    let below = rows * survey.lengths.len() as u16;
    axis(survey, context, part(area, LEFT, below, area.width.saturating_sub(LEFT), 1), buffer);
    let Some(lengths) = survey.lengths.get(state.stage).filter(|_| state.tab == Tab::Lengths) else { return };
    let (from, to, samples) = of_bar(survey, lengths, state.length_bar, area.width);
    let share = 100.0 * samples.len() as f64 / lengths.samples.len().max(1) as f64;
    let spans = [
        (format!("{from}-{to} tokens "), style(Look::Title)),
        (format!(" {}: {} samples, {share:.1}%", lengths.stage.name(), samples.len()), style(Look::Text)),
    ];
    put_spans(buffer, part(area, 0, below + 1, area.width, 1), &spans, context.ascii);
}

fn title(survey: &Survey, lengths: &Lengths, selected: bool, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
    let style = |look| context.theme.style(look);
    let mark = if selected { signs(context.ascii).cursor } else { " " };
    let ratio = lengths.ratio.map_or_else(String::new, |ratio| match ratio.shared {
        0 => format!("  x{:.2} base (other problems)", ratio.to_base),
        shared => format!("  x{:.2} base ({shared} problems)", ratio.to_base),
    });
    let cut = 100.0 * lengths.truncated as f64 / lengths.samples.len().max(1) as f64;
    let numbers = format!("  mean {:.0}  median {:.0}  cut off {cut:.1}%", lengths.mean, lengths.median);
    let samples = format!("  {} samples", compact(lengths.samples.len()));
    let spans = [
        (mark.to_owned(), style(Look::Key)),
        (format!(" {:<8}", lengths.stage.name()), style(Look::Title)),
        (numbers, style(Look::Text)),
        (ratio, style(Look::Info)),
        (samples, style(Look::Dim)),
        (format!("  {}", source_words(&survey.sources[lengths.source])), style(Look::Dim)),
    ];
    put_spans(buffer, area, &spans, context.ascii);
}

fn histogram(
    state: &DifficultyState,
    survey: &Survey,
    lengths: &Lengths,
    selected: bool,
    context: &ViewContext,
    area: Rect,
    buffer: &mut Buffer,
) {
    // Bars are laid out for the whole width of the pane's part.
    let width = area.width + LEFT;
    let counts: Vec<usize> = (0..bars(width)).map(|bar| of_bar(survey, lengths, bar, width).2.len()).collect();
    let most = counts.iter().copied().max().unwrap_or_default().max(1);
    let scale = state.scale.unwrap_or(Scale::Linear);
    let low = if scale == Scale::Log { 0.5 } else { 0.0 };
    let style = context.theme.style(Look::Info);
    for (bar, count) in counts.into_iter().enumerate() {
        let share = if count > 0 { scale.place(count as f64, low, most as f64).unwrap_or_default() } else { 0.0 };
        let eighths = (share * f64::from(area.height) * 8.0).round().max(f64::from(u8::from(count > 0))) as u16;
        for up in 0..area.height {
            let sign = partial(eighths.saturating_sub(8 * up).min(8), context.ascii);
            let x = area.x + WIDE * bar as u16;
            for cell in 0..WIDE {
                put_clean(buffer, x + cell, area.bottom() - 1 - up, 1, sign, style);
            }
        }
        if selected && bar == state.length_bar {
            let place = Rect { x: area.x + WIDE * bar as u16, width: WIDE, ..area };
            tint(buffer, place.intersection(area), context.theme.style(Look::Selection));
        }
    }
}

/// A cell that is filled by so many eighths from below.
fn partial(eighths: u16, ascii: bool) -> &'static str {
    const BLOCKS: [&str; 9] = [" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];
    match (ascii, eighths) {
        (false, _) => BLOCKS[usize::from(eighths.min(8))],
        (true, 0) => " ",
        (true, 1..=3) => ".",
        (true, 4..=6) => ":",
        (true, _) => "#",
    }
}

/// Tokens below the bars.
fn axis(survey: &Survey, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
    let tokens = bar_tokens(survey, area.width + LEFT);
    let style = context.theme.style(Look::Dim);
    let mut free = area.x;
    for bar in (0..bars(area.width + LEFT)).step_by(10) {
        let text = compact(bar * tokens as usize);
        let x = area.x + WIDE * bar as u16;
        if x >= free && x + cells(&text) as u16 <= area.right() {
            free = put_clean(buffer, x, area.y, area.width, &text, style) + 1;
        }
    }
    let unit = fit("tokens", usize::from(area.right().saturating_sub(free)), context.ascii);
    let x = area.right().saturating_sub(cells(&unit) as u16);
    if x >= free && unit.len() == 6 {
        put_clean(buffer, x, area.y, 6, &unit, style);
    }
}

/// Which histogram and which of its bars is at a place.
pub(super) fn at(survey: &Survey, area: Rect, column: u16, row: u16) -> Option<(usize, usize)> {
    let stage = usize::from(row.checked_sub(area.y)? / block(area, survey.lengths.len()).max(1));
    let bar = usize::from(column.checked_sub(area.x + LEFT)? / WIDE);
    (stage < survey.lengths.len() && bar < bars(area.width)).then_some((stage, bar))
}
