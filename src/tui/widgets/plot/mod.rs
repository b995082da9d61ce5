//! A plot of lines over steps, for runs of any length: every spike shows at any zoom, what is no number is a gap.
//!
//! `series` holds points, `view` says what part is seen, `scale` makes axes, `raster` draws dots. What the lines are
//! and which key moves the view belong to the pane.

mod hand;
mod raster;
mod runs;
mod scale;
mod series;
mod view;

#[cfg(test)]
mod tests;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

pub use hand::{Hand, Turn};
pub use raster::Dots;
pub use runs::OfRun;
pub use scale::{Scale, number};
pub use series::{Series, Smoothed};
pub use view::PlotView;

use self::raster::Raster;
use super::paint::{cells, fit, one_line, part, put_clean};
use crate::tui::theme::Look;
use crate::tui::view::ViewContext;

/// How a line is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Draw {
    Line,
    /// A line with its sign at its last point, so that several of fine dots are told apart without colours.
    Signed,
    /// A sign at each point: for few.
    Marks,
}

/// One line of a plot.
#[derive(Debug, Clone, Copy)]
pub struct Line<'a> {
    pub series: &'a Series,
    pub look: Look,
    pub draw: Draw,
    /// Its sign in the legend, at its marks, and everywhere where there are no fine dots: lines are told apart without
    /// colours.
    pub sign: char,
    /// Empty: not in the legend.
    pub label: &'a str,
}

/// First and last x of the lines.
pub fn reach(lines: &[Line<'_>]) -> Option<(f64, f64)> {
    let ends = lines.iter().filter_map(|line| Some((line.series.point(0)?.0, line.series.last()?.0)));
    ends.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
}

/// Where the parts of a plot are, and what it shows.
struct Layout {
    field: Rect,
    from: f64,
    to: f64,
    low: f64,
    high: f64,
    ticks: Vec<(f64, String)>,
}

/// What stands in place of a plot.
enum Nothing {
    NoRoom,
    Words(&'static str),
}

impl Layout {
    fn of(lines: &[Line<'_>], view: &PlotView, area: Rect) -> Result<Self, Nothing> {
        if area.width < 16 || area.height < 5 {
            return Err(Nothing::NoRoom);
        }
        let (first, last) = reach(lines).ok_or(Nothing::Words("no point yet"))?;
        let (from, to) = view.window(first, last);
        // One point has a place too.
        let to = if to > from { to } else { from + 1.0 };
        let (low, high) = bounds(lines, view.scale, from, to).ok_or(Nothing::Words(match view.scale {
            Scale::Log => "nothing above 0 to show",
            Scale::Linear => "no number in view",
        }))?;
        let rows = area.height - 2;
        let ticks = view.scale.ticks(low, high, usize::from(rows / 3).max(2));
        let left = ticks.iter().map(|(_, word)| cells(word)).max().unwrap_or(0).clamp(4, 10) as u16 + 1;
        let field = part(area, left, 1, area.width - left, rows);
        Ok(Self { field, from, to, low, high, ticks })
    }
}

/// The x under a column of the screen, if it is one of the plot's.
pub fn step_at(lines: &[Line<'_>], view: &PlotView, area: Rect, column: u16) -> Option<f64> {
    let layout = Layout::of(lines, view, area).ok()?;
    let along = column.checked_sub(layout.field.x).filter(|along| *along < layout.field.width)?;
    let share = f64::from(along) / f64::from((layout.field.width - 1).max(1));
    Some(layout.from + share * (layout.to - layout.from))
}

/// Draws the lines, the later ones over the earlier.
pub fn plot(lines: &[Line<'_>], view: &PlotView, dots: Dots, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
    let dim = context.theme.style(Look::Dim);
    let Layout { field, from, to, low, high, ticks } = match Layout::of(lines, view, area) {
        Ok(layout) => layout,
        Err(Nothing::NoRoom) => return,
        Err(Nothing::Words(words)) => {
            let y = area.y + area.height / 2;
            put_clean(buffer, area.x + 1, y, area.width.saturating_sub(2), words, dim);
            return;
        }
    };
    let (left, rows) = (field.x - area.x, field.height);
    legend(lines, view, context, part(area, left, 0, area.width - left, 1), buffer);
    let vertical = if context.ascii { "|" } else { "│" };
    for y in field.top()..field.bottom() {
        put_clean(buffer, field.x - 1, y, 1, vertical, dim);
    }
    for (value, word) in &ticks {
        let Some(place) = view.scale.place(*value, low, high) else { continue };
        let y = field.bottom() - 1 - (place * f64::from(rows - 1)).round() as u16;
        let word = fit(word, usize::from(left) - 1, context.ascii);
        put_clean(buffer, field.x - 1 - cells(&word) as u16, y, left, &word, dim);
    }
    steps(field, (from, to), context, buffer);

    let mut raster = Raster::new(field.width, field.height, dots);
    let frame = Frame { from, to, low, high, scale: view.scale, size: raster.size() };
    for (number, line) in lines.iter().enumerate().filter(|(_, line)| line.draw != Draw::Marks) {
        draw(line.series, &frame, &mut raster, number.min(usize::from(u8::MAX)) as u8);
    }
    raster.paint(field, buffer, |number| {
        let line = &lines[usize::from(number)];
        (context.theme.style(line.look), line.sign)
    });
    gaps(lines, &frame, context, field, buffer);
    for line in lines.iter().filter(|line| line.draw != Draw::Line) {
        marks(line, &frame, context, field, buffer);
    }
    if let Some(cursor) = view.cursor() {
        crosshair(lines, cursor, &frame, context, field, buffer);
    }
}

/// What maps points to dots.
struct Frame {
    from: f64,
    to: f64,
    low: f64,
    high: f64,
    scale: Scale,
    size: (usize, usize),
}

impl Frame {
    fn x(&self, x: f64) -> usize {
        let share = (x - self.from) / (self.to - self.from);
        (share * (self.size.0 - 1) as f64).round().clamp(0.0, (self.size.0 - 1) as f64) as usize
    }

    fn y(&self, y: f32) -> Option<usize> {
        let place = self.scale.place(f64::from(y), self.low, self.high)?;
        let top = (self.size.1 - 1) as f64;
        Some((top - place * top).round().clamp(0.0, top) as usize)
    }
}

/// Smallest and largest value in view, with room around them.
fn bounds(lines: &[Line<'_>], scale: Scale, from: f64, to: f64) -> Option<(f64, f64)> {
    let mut found: Option<(f64, f64)> = None;
    for line in lines {
        let reached = line.series.extremes(line.series.between(from, to.next_up()));
        let Some((low, high)) = reached.numbers() else { continue };
        let low = if scale == Scale::Log { reached.above } else { low };
        if !low.is_finite() {
            continue;
        }
        let (low, high) = (f64::from(low), f64::from(high));
        found = Some(found.map_or((low, high), |(a, b)| (a.min(low), b.max(high))));
    }
    found.map(|(low, high)| scale.around(low, high))
}

fn draw(series: &Series, frame: &Frame, raster: &mut Raster, number: u8) {
    let width = frame.size.0;
    let range = series.between(frame.from, frame.to.next_up());
    if range.len() <= 2 * width {
        // Few points: straight lines between them, a neighbour outside of the window included.
        let mut before = None;
        for at in range.start.saturating_sub(1)..(range.end + 1).min(series.len()) {
            let Some((x, y)) = series.point(at) else { continue };
            let here = frame.y(y).map(|y| (frame.x(x), y));
            match (before, here) {
                (Some(before), Some(here)) => raster.line(before, here, number),
                (None, Some((x, y))) => raster.dot(x, y, number),
                _ => {}
            }
            before = here;
        }
        return;
    }
    let step = (frame.to - frame.from) / width as f64;
    let mut before: Option<(usize, usize)> = None;
    for column in 0..width {
        let begin = frame.from + column as f64 * step;
        let end = if column + 1 == width { frame.to.next_up() } else { begin + step };
        let found = series.extremes(series.between(begin, end));
        let bar = found.numbers().and_then(|(low, high)| {
            // On a log axis what has no place is drawn at the foot.
            let low = frame.y(low).unwrap_or(frame.size.1 - 1);
            Some((frame.y(high)?, low))
        });
        if let Some((top, foot)) = bar {
            // Up to the bar before, so that the line tears at gaps alone.
            let (mut from, mut to) = (top, foot);
            if let Some((top_before, foot_before)) = before.filter(|_| !found.gap) {
                if top_before > foot {
                    to = top_before;
                } else if foot_before < top {
                    from = foot_before;
                }
            }
            raster.bar(column, from, to, number);
        }
        before = bar;
    }
}

/// Cell of a point, if it is in view.
fn cell(frame: &Frame, field: Rect, (x, y): (f64, f32)) -> Option<(u16, u16)> {
    let dots = (frame.size.0 / usize::from(field.width), frame.size.1 / usize::from(field.height));
    let seen = x >= frame.from && x <= frame.to;
    let y = frame.y(y).filter(|_| seen)?;
    Some((field.x + (frame.x(x) / dots.0) as u16, field.y + (y / dots.1) as u16))
}

/// Cells that steps of the frame fall into, with those steps.
fn columns(frame: &Frame, field: Rect) -> impl Iterator<Item = (u16, f64, f64)> {
    let (from, to, width) = (frame.from, frame.to, field.width);
    let step = (to - from) / f64::from(width);
    (0..width).map(move |column| {
        let begin = from + f64::from(column) * step;
        (field.x + column, begin, if column + 1 == width { to.next_up() } else { begin + step })
    })
}

/// A sign at the foot where a line has a gap: among many points to a column the gap alone would not show.
fn gaps(lines: &[Line<'_>], frame: &Frame, context: &ViewContext, field: Rect, buffer: &mut Buffer) {
    for (x, begin, end) in columns(frame, field) {
        if lines.iter().any(|line| line.series.extremes(line.series.between(begin, end)).gap) {
            put_clean(buffer, x, field.bottom() - 1, 1, "x", context.theme.style(Look::Bad));
        }
    }
}

/// The sign of a line at its points, or at the last one in view.
fn marks(line: &Line<'_>, frame: &Frame, context: &ViewContext, field: Rect, buffer: &mut Buffer) {
    let mut range = line.series.between(frame.from, frame.to.next_up());
    if line.draw == Draw::Signed {
        range = range.end.saturating_sub(1).max(range.start)..range.end;
    }
    for at in range {
        let place = line.series.point(at).and_then(|point| cell(frame, field, point));
        if let Some((x, y)) = place {
            put_clean(buffer, x, y, 1, line.sign.encode_utf8(&mut [0; 4]), context.theme.style(line.look));
        }
    }
}

/// Signs, names, and values at the crosshair, or the last ones.
fn legend(lines: &[Line<'_>], view: &PlotView, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
    let mut x = area.x;
    for line in lines.iter().filter(|line| !line.label.is_empty()) {
        let value = match view.cursor() {
            // What was measured now and then holds until it is measured again.
            Some(cursor) if line.draw == Draw::Marks => line.series.until(cursor),
            Some(cursor) => line.series.nearest(cursor),
            None => line.series.last(),
        };
        let value = value.map_or(" -".to_owned(), |(_, y)| format!(" {}", precise(f64::from(y))));
        let text = format!("{} {}{value}", line.sign, one_line(line.label));
        let room = area.right().saturating_sub(x);
        let text = fit(&text, usize::from(room), context.ascii);
        put_clean(buffer, x, area.y, room, &text, context.theme.style(line.look));
        x += cells(&text) as u16 + 2;
        if x >= area.right() {
            return;
        }
    }
}

/// Four digits.
fn precise(value: f64) -> String {
    match value.abs() {
        _ if !value.is_finite() => "no number".into(),
        size if (size > 0.0 && size < 1e-3) || size >= 1e4 => number(value, size / 1e3),
        _ => format!("{value:.4}"),
    }
}

/// Numbers under the field.
fn steps(field: Rect, (from, to): (f64, f64), context: &ViewContext, buffer: &mut Buffer) {
    let dim = context.theme.style(Look::Dim);
    let mut free = field.x;
    for (value, word) in Scale::Linear.ticks(from, to, usize::from(field.width / 12).max(1)) {
        let place = (value - from) / (to - from);
        let middle = field.x + (place * f64::from(field.width - 1)).round() as u16;
        let x = middle.saturating_sub(cells(&word) as u16 / 2).max(field.x);
        if x >= free && x + cells(&word) as u16 <= field.right() {
            put_clean(buffer, x, field.bottom(), field.right() - x, &word, dim);
            free = x + cells(&word) as u16 + 1;
        }
    }
}

/// A line through the nearest point of the last line that has one there, and its step under it. The values are in the
/// legend.
fn crosshair(lines: &[Line<'_>], cursor: f64, frame: &Frame, context: &ViewContext, field: Rect, buffer: &mut Buffer) {
    let lines = lines.iter().rev().filter(|line| line.draw != Draw::Marks);
    let found = lines.filter_map(|line| line.series.nearest(cursor)).find(|(x, _)| *x >= frame.from && *x <= frame.to);
    let Some((x, _)) = found else { return };
    let column = frame.x(x) / (frame.size.0 / usize::from(field.width));
    let at = field.x + column as u16;
    let style = context.theme.style(Look::Key);
    let sign = if context.ascii { ":" } else { "┊" };
    for y in field.top()..field.bottom() {
        if buffer[(at, y)].symbol() == " " {
            put_clean(buffer, at, y, 1, sign, style);
        }
    }
    let word = format!(" {x} ");
    let begin =
        at.saturating_sub(cells(&word) as u16 / 2).clamp(field.x, field.right().saturating_sub(cells(&word) as u16));
    put_clean(buffer, begin, field.bottom(), field.right() - begin, &word, style);
}
