//! An interval as a bar with whiskers, in one row: how far it surely reaches, its value, and how far it may reach. It is told
//! apart by signs, not by colours alone.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::paint::put_clean;
use crate::stats::Interval;
use crate::tui::theme::Look;
use crate::tui::view::ViewContext;

/// A share of 0 to 1: full up to the interval's lower end, shaded up to the value, a whisker up to the upper end.
pub fn share(of: &Interval, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
    let empty = empty(context);
    let marks = if context.ascii { ["#", "=", "-", "|"] } else { ["█", "▓", "─", "┤"] };
    let (low, value, high) = (place(of.low, area.width), place(of.value, area.width), place(of.high, area.width));
    for at in 0..area.width {
        let (sign, look) = match at {
            at if at < low => (marks[0], Look::Info),
            at if at < value => (marks[1], Look::Info),
            at if at + 1 == high => (marks[3], Look::Text),
            at if at < high => (marks[2], Look::Text),
            _ => (empty, Look::Dim),
        };
        put_clean(buffer, area.x + at, area.y, 1, sign, context.theme.style(look));
    }
}

/// A change of -`scale` to `scale`: whiskers around the value, on an axis with 0 in its middle.
pub fn change(of: &Interval, scale: f64, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
    let [begin, line, value_sign, end, zero] =
        if context.ascii { ["<", "-", "o", ">", "|"] } else { ["├", "─", "●", "┤", "│"] };
    let empty = empty(context);
    let cell = |value: f64| {
        let share = (value / scale.max(f64::MIN_POSITIVE) + 1.0) / 2.0;
        place(share, area.width).min(area.width.saturating_sub(1))
    };
    let (low, value, high, middle) = (cell(of.low), cell(of.value), cell(of.high), cell(0.0));
    for at in 0..area.width {
        let (sign, look) = match at {
            at if at == value => (value_sign, Look::Title),
            at if at == low => (begin, Look::Text),
            at if at == high => (end, Look::Text),
            at if at > low && at < high => (line, Look::Text),
            at if at == middle => (zero, Look::Text),
            _ => (empty, Look::Dim),
        };
        put_clean(buffer, area.x + at, area.y, 1, sign, context.theme.style(look));
    }
}

/// Where there is nothing of it; another sign than a whisker's.
fn empty(context: &ViewContext) -> &'static str {
    if context.ascii { "." } else { "·" }
}

/// Cells that a share of a width fills, to the nearest.
fn place(share: f64, width: u16) -> u16 {
    (share.clamp(0.0, 1.0) * f64::from(width)).round() as u16
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::theme::Theme;
    use crate::tui::widgets::paint::testing::lines;

    fn drawn(draw: impl Fn(&ViewContext, Rect, &mut Buffer), width: u16, ascii: bool) -> String {
        let theme = Theme::terminal();
        let context = ViewContext::plain(&theme, 0, ascii);
        let mut buffer = Buffer::empty(Rect::new(0, 0, width, 1));
        draw(&context, buffer.area, &mut buffer);
        lines(&buffer)
    }

    #[test]
    fn a_bar_ends_at_its_value_and_its_whisker_at_the_upper_end() {
        let of = |low, value, high| Interval { value, low, high };
        let share_of = |of: Interval| drawn(|c, a, b| share(&of, c, a, b), 10, true);
        assert_eq!(share_of(of(0.4, 0.6, 0.8)), "####==-|..\n");
        assert_eq!(share_of(of(0.0, 0.0, 0.0)), "..........\n");
        assert_eq!(share_of(of(1.0, 1.0, 1.0)), "##########\n");
        assert_eq!(share_of(of(0.0, 0.0, 0.3)), "--|.......\n");
        let wide = drawn(|c, a, b| share(&of(0.5, 0.7, 0.9), c, a, b), 10, false);
        assert_eq!(wide, "█████▓▓─┤·\n");
    }

    #[test]
    fn a_change_shows_on_which_side_of_zero_it_lies() {
        let of = |low, value, high| Interval { value, low, high };
        let change_of = |of: Interval| drawn(|c, a, b| change(&of, 1.0, c, a, b), 11, true);
        assert_eq!(change_of(of(0.4, 0.6, 0.8)), "......|.<o>\n");
        assert_eq!(change_of(of(-2.0, 0.0, 2.0)), "<-----o--->\n");
    }
}
