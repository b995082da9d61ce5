//! The curves: one plot with the quantities beside it, or many plots beside one another.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::layout::{many, one};
use super::run::Chart;
use super::state::WatchState;
use crate::tui::theme::Look;
use crate::tui::view::ViewContext;
use crate::tui::widgets::paint::{cells, fit, fit_tail, one_line, part, put, rule};
use crate::tui::widgets::plot::{Line, OfRun, number, plot};
use crate::watch::Quantity;

/// What a plot of this quantity holds.
pub(super) fn lines<'a>(state: &'a WatchState, chart: &'a Chart) -> Vec<Line<'a>> {
    let shown = state.shown();
    let of = shown.len();
    let mut lines = Vec::new();
    for (at, run) in shown.into_iter().enumerate() {
        let Some(curve) = run.curve(chart, state.hours) else { continue };
        let own = OfRun { at, of, name: &run.name, quantity: chart.name() };
        if !chart.is_noisy() {
            lines.push(own.line(&curve.points));
            continue;
        }
        lines.extend(own.smoothed(curve));
        if own.selected()
            && *chart == Chart::Known(Quantity::Loss)
            && let Some(validation) = run.curve(&Chart::Known(Quantity::ValidationLoss), state.hours)
        {
            lines.push(OfRun::marks(&validation.points, "validation"));
        }
    }
    lines
}

/// The first of the quantities on the page that has the chosen one, where so many fit on a page.
pub(super) fn page_begin(state: &WatchState, charts: &[&Chart], fit: usize) -> usize {
    let chosen = state.chart(charts).and_then(|chosen| charts.iter().position(|chart| *chart == chosen));
    chosen.unwrap_or_default() / fit.max(1) * fit.max(1)
}

/// The plot in a room whose first row is its title.
pub(super) fn inside(room: Rect) -> Rect {
    part(room, 0, 1, room.width.saturating_sub(1), room.height.saturating_sub(1))
}

pub(super) fn view(state: &WatchState, charts: &[&Chart], context: &ViewContext, body: Rect, buffer: &mut Buffer) {
    let Some(chosen) = state.chart(charts) else {
        let place = part(body, 1, 1, body.width.saturating_sub(2), 1);
        put(buffer, place.x, place.y, place.width, "No number yet.", context.theme.style(Look::Dim));
        return;
    };
    let dots = state.hand.dots(context.dots);
    if !state.shows_many(charts.len()) {
        let (beside, room) = one(body);
        if let Some(beside) = beside {
            quantities(state, charts, chosen, context, beside, buffer);
        }
        return plot(&lines(state, chosen), &state.hand.view, dots, context, room, buffer);
    }
    let rooms = many(body, charts.len());
    let begin = page_begin(state, charts, rooms.len());
    for (chart, room) in charts[begin..].iter().zip(&rooms) {
        let front = *chart == chosen;
        let style = |look| context.theme.style(look);
        let name = one_line(chart.name());
        let name = fit_tail(&name, usize::from(room.width.saturating_sub(6)), context.ascii).into_owned();
        let name = if front { format!("[{name}]") } else { name };
        let head = part(*room, 0, 0, room.width.saturating_sub(1), 1);
        let (line, title) = if front { (Look::BorderFocus, Look::Title) } else { (Look::Border, Look::Text) };
        rule(buffer, head, &name, style(line), style(title), context.ascii);
        plot(&lines(state, chart), &state.hand.view, dots, context, inside(*room), buffer);
    }
}

/// All quantities with their newest values of the selected run, the chosen one in sight.
fn quantities(
    state: &WatchState,
    charts: &[&Chart],
    chosen: &Chart,
    context: &ViewContext,
    area: Rect,
    buffer: &mut Buffer,
) {
    let rows = usize::from(area.height);
    let at = charts.iter().position(|chart| *chart == chosen).unwrap_or_default();
    let top = at.saturating_sub(rows / 2).min(charts.len().saturating_sub(rows));
    for (row, chart) in charts.iter().enumerate().skip(top).take(rows) {
        let selected = *chart == chosen;
        let mark = match (selected, context.ascii) {
            (true, true) => ">",
            (true, false) => "▸",
            _ => " ",
        };
        let value = state.selected().and_then(|run| run.value(chart));
        let value = value.map_or("-".to_owned(), |value| number(value, value.abs() * 1e-3));
        let room = usize::from(area.width).saturating_sub(cells(&value) + 2);
        let name = one_line(chart.name());
        let name = fit(&name, room, context.ascii);
        let line = format!("{mark}{name}{} {value}", " ".repeat(room.saturating_sub(cells(&name))));
        let look = if selected { Look::Selection } else { Look::Text };
        put(buffer, area.x, area.y + (row - top) as u16, area.width, &line, context.theme.style(look));
    }
}
