//! Painting text into a buffer so that nothing hostile reaches a cell and nothing runs over its place.

use std::borrow::Cow;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use unicode_segmentation::UnicodeSegmentation;

use super::wrap::{grapheme_width, wrap};
use crate::tui::text::clean;

/// The signs that differ between a Unicode and an ASCII screen.
#[derive(Debug, PartialEq, Eq)]
pub struct Signs {
    pub right: &'static str,
    pub wrong: &'static str,
    pub cut: &'static str,
    pub column: &'static str,
    pub rule: &'static str,
    pub full: &'static str,
    pub empty: &'static str,
    pub user: &'static str,
    pub bridge: &'static str,
    pub cursor: &'static str,
    /// Points from a column's edge to the selected row beside it.
    pub here: &'static str,
    pub down: &'static str,
    pub dot: &'static str,
    /// What the filter accepts and rejects.
    pub kept: &'static str,
    pub dropped: &'static str,
    /// Around what has a loss.
    pub open: &'static str,
    pub close: &'static str,
    pub line_break: &'static str,
}

static UNICODE: Signs = Signs {
    right: "✓",
    wrong: "✗",
    cut: "…",
    column: "│",
    rule: "─",
    full: "█",
    empty: "░",
    user: "▌",
    bridge: "┊",
    cursor: "▸",
    here: "◂",
    down: "↓",
    dot: "·",
    kept: "●",
    dropped: "○",
    open: "⟦",
    close: "⟧",
    line_break: "⏎",
};

static ASCII: Signs = Signs {
    right: "v",
    wrong: "x",
    cut: "~",
    column: "|",
    rule: "-",
    full: "#",
    empty: ".",
    user: ">",
    bridge: ":",
    cursor: ">",
    here: "<",
    down: "v",
    dot: "-",
    kept: "*",
    dropped: "o",
    open: "[[",
    close: "]]",
    line_break: "\\n",
};

pub fn signs(ascii: bool) -> &'static Signs {
    if ascii { &ASCII } else { &UNICODE }
}

/// Cleaned, on one line: newlines and tabs become spaces.
pub fn one_line(text: &str) -> String {
    clean(text).replace(['\n', '\t'], " ")
}

/// Cells that a text takes on one line.
pub fn cells(text: &str) -> usize {
    text.graphemes(true).map(grapheme_width).sum()
}

/// Fits a text into `width` cells, cut at its end with a sign where it is too long.
pub fn fit(text: &str, width: usize, ascii: bool) -> Cow<'_, str> {
    if cells(text) <= width {
        return Cow::Borrowed(text);
    }
    if width == 0 {
        return Cow::Borrowed("");
    }
    let mut fitted = String::new();
    let mut used = 1;
    for grapheme in text.graphemes(true) {
        used += grapheme_width(grapheme);
        if used > width {
            break;
        }
        fitted.push_str(grapheme);
    }
    fitted.push_str(signs(ascii).cut);
    Cow::Owned(fitted)
}

/// As [`fit`], but keeps the end, which is what tells ids apart.
pub fn fit_tail(text: &str, width: usize, ascii: bool) -> Cow<'_, str> {
    if cells(text) <= width {
        return Cow::Borrowed(text);
    }
    if width == 0 {
        return Cow::Borrowed("");
    }
    let mut kept = Vec::new();
    let mut used = 1;
    for grapheme in text.graphemes(true).rev() {
        used += grapheme_width(grapheme);
        if used > width {
            break;
        }
        kept.push(grapheme);
    }
    kept.push(signs(ascii).cut);
    kept.reverse();
    Cow::Owned(kept.concat())
}

/// Paints a text, cleaned, on one line from (x, y) in at most `width` cells. Returns the x after it.
pub fn put(buffer: &mut Buffer, x: u16, y: u16, width: u16, text: &str, style: Style) -> u16 {
    put_clean(buffer, x, y, width, &one_line(text), style)
}

/// As [`put`], for a text that was cleaned before.
pub fn put_clean(buffer: &mut Buffer, x: u16, y: u16, width: u16, text: &str, style: Style) -> u16 {
    let area = buffer.area;
    if y < area.top() || y >= area.bottom() || x < area.left() {
        return x;
    }
    let limit = x.saturating_add(width).min(area.right());
    let mut at = x;
    for grapheme in text.graphemes(true) {
        let wide = grapheme_width(grapheme) as u16;
        if wide == 0 || grapheme.chars().any(char::is_control) {
            continue;
        }
        if at + wide > limit {
            break;
        }
        buffer[(at, y)].set_symbol(grapheme).set_style(style);
        for covered in at + 1..at + wide {
            buffer[(covered, y)].reset();
            buffer[(covered, y)].set_style(style);
        }
        at += wide;
    }
    at
}

/// Paints spans one after the other on one line, cut with a sign where they do not fit. Returns the x after them.
pub fn put_spans(buffer: &mut Buffer, area: Rect, spans: &[(String, Style)], ascii: bool) -> u16 {
    let mut at = area.x;
    for (text, style) in spans {
        let left = area.right().saturating_sub(at);
        if left == 0 {
            break;
        }
        let line = one_line(text);
        at = put_clean(buffer, at, area.y, left, &fit(&line, usize::from(left), ascii), *style);
    }
    at
}

/// Paints a text, cleaned and wrapped, in as many lines as the area has.
pub fn put_lines(buffer: &mut Buffer, area: Rect, text: &str, style: Style) {
    let text = one_line(text);
    for (y, line) in (area.top()..area.bottom()).zip(wrap(&text, area.width)) {
        put_clean(buffer, area.x, y, area.width, &text[line.begin..line.end], style);
    }
}

/// Styles a whole area without changing its text.
pub fn tint(buffer: &mut Buffer, area: Rect, style: Style) {
    buffer.set_style(area.intersection(buffer.area), style);
}

/// Empties an area.
pub fn blank(buffer: &mut Buffer, area: Rect) {
    let area = area.intersection(buffer.area);
    for y in area.top()..area.bottom() {
        for x in area.left()..area.right() {
            buffer[(x, y)].reset();
        }
    }
}

/// A vertical line.
pub fn column(buffer: &mut Buffer, area: Rect, style: Style, ascii: bool) {
    for y in area.top()..area.bottom() {
        put_clean(buffer, area.x, y, 1, signs(ascii).column, style);
    }
}

/// A horizontal line with a title in it.
pub fn rule(buffer: &mut Buffer, area: Rect, title: &str, line: Style, text: Style, ascii: bool) {
    for x in area.left()..area.right() {
        put_clean(buffer, x, area.y, 1, signs(ascii).rule, line);
    }
    if !title.is_empty() && area.width > 4 {
        let title = one_line(title);
        let title = format!(" {} ", fit(&title, usize::from(area.width) - 4, ascii));
        put_clean(buffer, area.x + 1, area.y, area.width - 1, &title, text);
    }
}

/// A part of an area given by offset and size, cut to it.
pub fn part(area: Rect, x: u16, y: u16, width: u16, height: u16) -> Rect {
    Rect { x: area.x.saturating_add(x), y: area.y.saturating_add(y), width, height }.intersection(area)
}

/// A large number in few cells: `999`, `12.3k`, `4.56M`.
pub fn compact(number: usize) -> String {
    let value = number as f64;
    match number {
        0..=9_999 => number.to_string(),
        10_000..=99_949 => format!("{:.1}k", value / 1e3),
        99_950..=999_499 => format!("{:.0}k", value / 1e3),
        999_500..=999_499_999 => format!("{:.1}M", value / 1e6),
        _ => format!("{:.1}G", value / 1e9),
    }
}

/// A span of time in few cells: `42s`, `3m05s`, `2h07m`, `4d03h`.
pub fn duration(seconds: f64) -> String {
    if !seconds.is_finite() || seconds < 0.0 {
        return "?".into();
    }
    let whole = seconds.round() as u64;
    match whole {
        0..60 => format!("{whole}s"),
        60..3_600 => format!("{}m{:02}s", whole / 60, whole % 60),
        3_600..86_400 => format!("{}h{:02}m", whole / 3_600, whole % 3_600 / 60),
        _ => format!("{}d{:02}h", whole / 86_400, whole % 86_400 / 3_600),
    }
}

#[cfg(test)]
pub mod testing {
    //! Buffers as text, for snapshots.

    use ratatui::buffer::Buffer;
    use unicode_width::UnicodeWidthStr;

    /// One line a row, trailing spaces cut.
    pub fn lines(buffer: &Buffer) -> String {
        let area = buffer.area;
        let mut text = String::new();
        for y in area.top()..area.bottom() {
            let mut row = String::new();
            let mut x = area.left();
            while x < area.right() {
                let symbol = buffer[(x, y)].symbol();
                row.push_str(symbol);
                x += (symbol.width() as u16).max(1);
            }
            text.push_str(row.trim_end());
            text.push('\n');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_runs_over_its_place_and_no_control_reaches_a_cell() {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 6, 1));
        let after = put(&mut buffer, 0, 0, 5, "a\u{1b}[31m漢字漢", Style::new());
        assert!(after <= 5);
        let shown = testing::lines(&buffer);
        assert!(!shown.trim_end_matches('\n').contains(char::is_control), "{shown:?}");
        assert_eq!(buffer[(5, 0)].symbol(), " ");
    }

    #[test]
    fn fitting_keeps_the_width() {
        assert_eq!(fit("abcdef", 4, false), "abc…");
        assert_eq!(fit("abcdef", 4, true), "abc~");
        assert_eq!(fit("漢字漢", 4, false), "漢…");
        assert_eq!(fit_tail("gsm8k-00123", 6, false), "…00123");
        assert_eq!(fit("abc", 3, false), "abc");
        assert_eq!(fit_tail("abc", 0, false), "");
    }

    #[test]
    fn numbers_and_times_are_short() {
        assert_eq!([compact(0), compact(9_999), compact(12_345)], ["0", "9999", "12.3k"]);
        assert_eq!([compact(99_950), compact(999_999), compact(4_560_000)], ["100k", "1.0M", "4.6M"]);
        assert_eq!([duration(42.4), duration(185.0), duration(7_620.0)], ["42s", "3m05s", "2h07m"]);
        assert_eq!([duration(f64::NAN), duration(-1.0), duration(360_000.0)], ["?", "?", "4d04h"]);
    }
}
