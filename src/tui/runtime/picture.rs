//! A frame as text, as text with its colours, or as a picture: for replays, for the README, and to show somebody else
//! what was seen. Not: what is on it.

use std::collections::BTreeMap;
use std::fmt::Write;

use clap::ValueEnum;
use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier, Style};
use unicode_width::UnicodeWidthStr;

use super::super::theme::check::DARK;
use super::super::theme::colour::{Rgb, seen};
use super::super::theme::preview::painted;
use super::super::widgets::paint::one_line;

/// What a frame is printed as.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum PrintAs {
    /// Lines of text
    #[default]
    Text,
    /// Lines with the escapes that colour them on a terminal
    Ansi,
    /// A picture
    Svg,
}

/// A frame, printed.
pub fn printed(buffer: &Buffer, print_as: PrintAs) -> String {
    match print_as {
        PrintAs::Text => text(buffer),
        PrintAs::Ansi => ansi(buffer),
        PrintAs::Svg => svg(buffer),
    }
}

/// A frame as lines of text, without blanks at their ends.
pub fn text(buffer: &Buffer) -> String {
    let line = |y| {
        let line: String = cells(buffer, y).into_iter().map(|(_, _, cell)| cell.symbol()).collect();
        line.trim_end().to_owned()
    };
    lines(buffer, line)
}

fn lines(buffer: &Buffer, line: impl Fn(u16) -> String) -> String {
    let area = buffer.area;
    (area.top()..area.bottom()).map(line).collect::<Vec<_>>().join("\n")
}

/// The cells of a row, each with its column and how many it takes. What a wide character covers has no symbol of its
/// own to show.
fn cells(buffer: &Buffer, y: u16) -> Vec<(u16, u16, &Cell)> {
    let area = buffer.area;
    let mut cells = Vec::with_capacity(usize::from(area.width));
    let mut x = area.left();
    while x < area.right() {
        let cell = &buffer[(x, y)];
        let columns = (cell.symbol().width() as u16).clamp(1, area.right() - x);
        cells.push((x - area.left(), columns, cell));
        x += columns;
    }
    cells
}

/// What a cell shows, whatever is in it.
fn shown(cell: &Cell) -> String {
    let symbol = one_line(cell.symbol());
    if symbol.is_empty() { " ".to_owned() } else { symbol }
}

fn ansi(buffer: &Buffer) -> String {
    let line = |y| {
        let mut runs: Vec<(Style, String)> = Vec::new();
        for (_, _, cell) in cells(buffer, y) {
            match runs.last_mut().filter(|(style, _)| *style == cell.style()) {
                Some((_, text)) => text.push_str(&shown(cell)),
                None => runs.push((cell.style(), shown(cell))),
            }
        }
        if let Some((_, text)) = runs.last_mut().filter(|(style, _)| !seen_where_blank(style)) {
            let end = text.trim_end().len();
            text.truncate(end);
        }
        let inked = runs.iter().filter(|(_, text)| !text.is_empty());
        inked.map(|(style, text)| painted(text, *style)).collect::<String>()
    };
    lines(buffer, line)
}

/// Lines under and through a text.
const LINED: Modifier = Modifier::UNDERLINED.union(Modifier::CROSSED_OUT);

/// Whether a style shows on a blank.
fn seen_where_blank(style: &Style) -> bool {
    let ground = style.bg.is_some_and(|ground| ground != Color::Reset);
    ground || style.add_modifier.intersects(LINED.union(Modifier::REVERSED))
}

/// Pixels of a cell, across and down. Fonts draw the lines of boxes about 1.15 times as high as letters are large: rows
/// further apart would tear them.
const CELL: (u16, u16) = (9, 17);
/// Size of letters, and how far below the top of a row they stand.
const LETTERS: u16 = 15;
const BASE: u16 = 13;
/// Around the screen.
const MARGIN: u16 = 9;
const FONTS: &str = "ui-monospace,'SF Mono',Menlo,Consolas,'DejaVu Sans Mono','Liberation Mono',monospace";

/// How a cell looks: the terminal's own colours, reverse and dim are worked out.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Ink {
    text: Rgb,
    ground: Rgb,
    modifier: Modifier,
}

impl Ink {
    fn of(cell: &Cell) -> Self {
        let (mut text, mut ground) = (seen(cell.fg).unwrap_or(DARK.0), seen(cell.bg).unwrap_or(DARK.1));
        if cell.modifier.contains(Modifier::REVERSED) {
            std::mem::swap(&mut text, &mut ground);
        }
        if cell.modifier.contains(Modifier::DIM) {
            text = dimmed(text, ground);
        }
        if cell.modifier.contains(Modifier::HIDDEN) {
            text = ground;
        }
        let kept = LINED.union(Modifier::BOLD).union(Modifier::ITALIC);
        Self { text, ground, modifier: cell.modifier.intersection(kept) }
    }
}

/// A third of the way to what is under it.
fn dimmed(text: Rgb, ground: Rgb) -> Rgb {
    std::array::from_fn(|at| ((2 * u16::from(text[at]) + u16::from(ground[at])) / 3) as u8)
}

/// Characters that a viewer may take from different fonts do not share a run: a run is made as wide as its columns as a
/// whole, and what is in it is moved alike.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Letters,
    Lines,
    Dots,
    Alone,
}

/// A character in its place.
struct Glyph {
    column: u16,
    columns: u16,
    symbol: String,
    ink: Ink,
}

impl Glyph {
    fn kind(&self) -> Kind {
        let mut letters = self.symbol.chars();
        match (letters.next(), letters.next()) {
            (Some(' '..='~'), None) => Kind::Letters,
            (Some('\u{2500}'..='\u{259f}'), None) => Kind::Lines,
            (Some('\u{2800}'..='\u{28ff}'), None) => Kind::Dots,
            _ => Kind::Alone,
        }
    }

    /// Whether the next one belongs to the same run of text.
    fn goes_on(&self, next: &Self) -> bool {
        let alike = self.ink.text == next.ink.text && self.ink.modifier == next.ink.modifier;
        alike && self.kind() == next.kind() && self.kind() != Kind::Alone
    }
}

fn svg(buffer: &Buffer) -> String {
    let area = buffer.area;
    let glyphs = |y| -> Vec<Glyph> {
        let cells = cells(buffer, y).into_iter();
        cells
            .map(|(column, columns, cell)| Glyph { column, columns, symbol: shown(cell), ink: Ink::of(cell) })
            .collect()
    };
    let rows: Vec<Vec<Glyph>> = (area.top()..area.bottom()).map(glyphs).collect();
    let ground = commonest(&rows);
    let (width, height) = (area.width * CELL.0 + 2 * MARGIN, area.height * CELL.1 + 2 * MARGIN);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" font-family=\"{FONTS}\" font-size=\"{LETTERS}\" xml:space=\"preserve\">\n\
         <rect width=\"{width}\" height=\"{height}\" rx=\"6\" fill=\"{}\"/>\n",
        hex(ground)
    );
    for (row, glyphs) in rows.iter().enumerate() {
        let top = MARGIN + row as u16 * CELL.1;
        put_grounds(glyphs, ground, top, &mut svg);
        put_texts(glyphs, top + BASE, &mut svg);
    }
    svg.push_str("</svg>");
    svg
}

/// The ground that most cells have: it is painted once, under all others.
fn commonest(rows: &[Vec<Glyph>]) -> Rgb {
    let mut cells: BTreeMap<Rgb, usize> = BTreeMap::new();
    for glyph in rows.iter().flatten() {
        *cells.entry(glyph.ink.ground).or_default() += usize::from(glyph.columns);
    }
    cells.into_iter().max_by_key(|(_, count)| *count).map_or(DARK.1, |(ground, _)| ground)
}

/// Where a run begins and how wide it is, in pixels.
fn extent(run: &[Glyph]) -> (u16, u16) {
    let columns: u16 = run.iter().map(|glyph| glyph.columns).sum();
    (MARGIN + run[0].column * CELL.0, columns * CELL.0)
}

fn put_grounds(glyphs: &[Glyph], around: Rgb, top: u16, svg: &mut String) {
    let runs = glyphs.chunk_by(|one, next| one.ink.ground == next.ink.ground);
    for run in runs.filter(|run| run[0].ink.ground != around) {
        let (x, width) = extent(run);
        let fill = hex(run[0].ink.ground);
        let _ = writeln!(svg, "<rect x=\"{x}\" y=\"{top}\" width=\"{width}\" height=\"{}\" fill=\"{fill}\"/>", CELL.1);
    }
}

fn put_texts(glyphs: &[Glyph], line: u16, svg: &mut String) {
    for run in glyphs.chunk_by(Glyph::goes_on) {
        let ink = run[0].ink;
        let seen = |glyph: &Glyph| ink.modifier.intersects(LINED) || glyph.symbol != " ";
        let (Some(first), Some(last)) = (run.iter().position(seen), run.iter().rposition(seen)) else { continue };
        let run = &run[first..=last];
        let (x, width) = extent(run);
        let _ = write!(
            svg,
            "<text x=\"{x}\" y=\"{line}\" textLength=\"{width}\" lengthAdjust=\"spacingAndGlyphs\" fill=\"{}\"{}>",
            hex(ink.text),
            attributes(ink.modifier)
        );
        run.iter().for_each(|glyph| put_escaped(&glyph.symbol, svg));
        svg.push_str("</text>\n");
    }
}

fn attributes(modifier: Modifier) -> String {
    let mut said = String::new();
    if modifier.contains(Modifier::BOLD) {
        said.push_str(" font-weight=\"bold\"");
    }
    if modifier.contains(Modifier::ITALIC) {
        said.push_str(" font-style=\"italic\"");
    }
    let lines = match (modifier.contains(Modifier::UNDERLINED), modifier.contains(Modifier::CROSSED_OUT)) {
        (false, false) => return said,
        (true, false) => "underline",
        (false, true) => "line-through",
        (true, true) => "underline line-through",
    };
    let _ = write!(said, " text-decoration=\"{lines}\"");
    said
}

fn put_escaped(text: &str, svg: &mut String) {
    for letter in text.chars() {
        match letter {
            '&' => svg.push_str("&amp;"),
            '<' => svg.push_str("&lt;"),
            '>' => svg.push_str("&gt;"),
            // XML has no way to write these.
            '\u{fffe}' | '\u{ffff}' => svg.push(char::REPLACEMENT_CHARACTER),
            letter => svg.push(letter),
        }
    }
}

fn hex([r, g, b]: Rgb) -> String {
    format!("#{r:02x}{g:02x}{b:02x}")
}

#[cfg(test)]
mod tests {
    use ratatui::layout::Rect;

    use super::*;

    fn row(width: u16, spans: &[(&str, Style)]) -> Buffer {
        let mut buffer = Buffer::empty(Rect::new(0, 0, width, 1));
        let mut x = 0;
        for (text, style) in spans {
            (x, _) = buffer.set_stringn(x, 0, text, usize::from(width), *style);
        }
        buffer
    }

    /// The elements of a picture of one row, without its frame.
    fn inside(buffer: &Buffer) -> Vec<String> {
        let svg = svg(buffer);
        let lines: Vec<String> = svg.lines().map(str::to_owned).collect();
        assert!(lines[0].starts_with("<svg ") && lines[1].starts_with("<rect ") && lines.last().unwrap() == "</svg>");
        lines[2..lines.len() - 1].to_vec()
    }

    #[test]
    fn text_has_no_blanks_at_its_ends_and_wide_characters_once() {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 8, 2));
        buffer.set_string(0, 0, "数学 x", Style::new());
        buffer.set_string(0, 1, " y", Style::new());
        assert_eq!(printed(&buffer, PrintAs::Text), "数学 x\n y");
    }

    #[test]
    fn colours_are_those_of_a_terminal() {
        let bad = Style::new().fg(Color::LightRed).add_modifier(Modifier::BOLD);
        let ground = Style::new().bg(Color::Rgb(1, 2, 3));
        assert_eq!(ansi(&row(9, &[("no", bad), (" yes", Style::new())])), "\x1b[1;38;5;9mno\x1b[0m yes");
        assert_eq!(ansi(&row(4, &[("a ", ground)])), "\x1b[48;2;1;2;3ma \x1b[0m", "a ground is seen on blanks");
    }

    #[test]
    fn what_looks_the_same_is_one_run() {
        let good = Style::new().fg(Color::Rgb(0, 255, 0));
        let lines = inside(&row(20, &[("two words", Style::new()), ("  good", good)]));
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert!(lines[0].starts_with("<text x=\"9\" y=\"22\" textLength=\"81\" "), "{lines:?}");
        assert!(lines[0].ends_with(" fill=\"#e5e5e5\">two words</text>"), "{lines:?}");
        assert!(lines[1].contains("x=\"108\"") && lines[1].contains("fill=\"#00ff00\">good<"), "{lines:?}");
        // Lines, dots and what else a viewer may have no glyph for in its font stand for themselves.
        let lines = inside(&row(20, &[("a──│⠁⠂é✓b", Style::new())]));
        let texts: Vec<&str> = lines.iter().filter_map(|line| line.split(['>', '<']).nth(2)).collect();
        assert_eq!(texts, ["a", "──│", "⠁⠂", "é", "✓", "b"]);
        assert!(lines[1].contains("x=\"18\"") && lines[1].contains("textLength=\"27\""), "{lines:?}");
    }

    #[test]
    fn what_xml_would_take_for_its_own_is_escaped_and_nothing_controls() {
        let mut buffer = row(12, &[("<b> & \"c\"", Style::new())]);
        buffer[(10, 0)].set_symbol("\u{1b}");
        buffer[(11, 0)].set_symbol("\n");
        let svg = svg(&buffer);
        assert!(svg.contains(">&lt;b&gt; &amp; \"c\"<") && svg.contains(">\u{241b}<"), "{svg}");
        assert!(!svg.chars().any(|letter| letter.is_control() && letter != '\n'));
        assert!(ansi(&buffer).ends_with("\u{241b}"));
    }

    #[test]
    fn reverse_dim_and_lines_are_as_on_a_terminal() {
        let red = Color::Rgb(255, 0, 0);
        let reverse = Style::new().fg(red).add_modifier(Modifier::REVERSED | Modifier::UNDERLINED);
        let lines = inside(&row(9, &[("x ", reverse), ("y", Style::new().add_modifier(Modifier::DIM))]));
        assert_eq!(lines[0], "<rect x=\"9\" y=\"9\" width=\"18\" height=\"17\" fill=\"#ff0000\"/>");
        assert!(lines[1].contains("textLength=\"18\"") && lines[1].contains("text-decoration=\"underline\">x <"));
        assert!(lines[1].contains("fill=\"#000000\""), "{lines:?}");
        assert!(lines[2].contains("fill=\"#989898\">y<"), "{lines:?}");
        let all = Modifier::BOLD | Modifier::ITALIC | LINED;
        assert_eq!(
            attributes(all),
            " font-weight=\"bold\" font-style=\"italic\" text-decoration=\"underline line-through\""
        );
    }

    #[test]
    fn a_wide_character_takes_two_columns_and_what_it_covers_is_not_drawn() {
        let mut buffer = row(8, &[("数x", Style::new().bg(Color::Indexed(196)))]);
        buffer[(1, 0)].set_symbol("z");
        let lines = inside(&buffer);
        assert_eq!(lines[0], "<rect x=\"9\" y=\"9\" width=\"27\" height=\"17\" fill=\"#ff0000\"/>");
        assert!(lines[1].contains("x=\"9\"") && lines[1].contains("textLength=\"18\"") && lines[1].contains(">数<"));
        assert!(lines[2].contains("x=\"27\"") && lines[2].contains(">x<"), "{lines:?}");
        assert_eq!(lines.len(), 3);
    }

    #[test]
    fn the_ground_that_most_cells_have_is_under_all() {
        let ground = Style::new().bg(Color::Rgb(0x16, 0x19, 0x1f));
        let picture = svg(&row(6, &[("     ", ground)]));
        assert!(picture.lines().nth(1).unwrap().contains("fill=\"#16191f\""), "{picture}");
        assert!(picture.lines().nth(2).unwrap().contains("width=\"9\"") && picture.contains("fill=\"#000000\""));
        assert!(svg(&Buffer::empty(Rect::new(0, 0, 0, 0))).ends_with("</svg>"));
    }
}
