//! A progress bar of one line.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::paint::{put_clean, signs};
use crate::tui::theme::Look;
use crate::tui::view::ViewContext;

/// Paints how much of `total` is there: first what was there `before`, then what came `now`, then what is missing.
pub fn meter(before: usize, now: usize, total: usize, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
    let label = format!(" {:>3.0}%", share(before + now, total) * 100.0);
    let bar = area.width.saturating_sub(label.len() as u16);
    let filled = cells(before + now, total, bar);
    let old = cells(before, total, bar).min(filled);
    let signs = signs(context.ascii);
    for offset in 0..bar {
        let (sign, look) = match offset {
            at if at < old => (signs.full, Look::Dim),
            at if at < filled => (signs.full, Look::Good),
            _ => (signs.empty, Look::Dim),
        };
        put_clean(buffer, area.x + offset, area.y, 1, sign, context.theme.style(look));
    }
    put_clean(buffer, area.x + bar, area.y, area.width - bar, &label, context.theme.style(Look::Text));
}

fn share(part: usize, total: usize) -> f64 {
    if total == 0 { 0.0 } else { (part as f64 / total as f64).min(1.0) }
}

/// Full cells; the bar is full only when all is there.
fn cells(part: usize, total: usize, bar: u16) -> u16 {
    (share(part, total) * f64::from(bar)) as u16
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::theme::Theme;
    use crate::tui::widgets::paint::testing::lines;

    fn drawn(before: usize, now: usize, total: usize) -> String {
        let theme = Theme::terminal();
        let context = ViewContext::plain(&theme, 0, true);
        let mut buffer = Buffer::empty(Rect::new(0, 0, 15, 1));
        meter(before, now, total, &context, buffer.area, &mut buffer);
        lines(&buffer)
    }

    #[test]
    fn the_bar_is_full_only_when_all_is_there() {
        assert_eq!(drawn(2, 3, 10), "#####.....  50%\n");
        assert_eq!(drawn(0, 999, 1000), "#########. 100%\n");
        assert_eq!(drawn(0, 10, 10), "########## 100%\n");
        assert_eq!(drawn(0, 0, 0), "..........   0%\n");
        assert_eq!(drawn(9, 9, 10), "########## 100%\n", "more than wanted is still full");
    }
}
