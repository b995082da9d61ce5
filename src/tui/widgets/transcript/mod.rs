//! A long text of several pieces: wrapped once, scrolled by lines, searched, and cheap to append to.
//!
//! The text is cleaned as it comes in; what was wrapped is kept. Appending wraps the last line again, a new width wraps
//! all. It does not know what the pieces mean: panes say it by look and gutter.

#[cfg(test)]
mod tests;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Modifier;
use unicode_segmentation::UnicodeSegmentation;

use super::paint::{put_clean, signs};
use super::wrap::{LineSpan, extend, grapheme_width, wrap};
use crate::tui::text::clean;
use crate::tui::theme::Look;
use crate::tui::view::ViewContext;

/// Cells before every line that say by shape, not by colour, who speaks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Gutter {
    #[default]
    Plain,
    /// The user side of a dialogue.
    User,
    /// A bridge between two turns of a chain.
    Bridge,
}

const GUTTER_CELLS: u16 = 2;

/// One piece of a transcript.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Piece {
    /// As it came; it is cleaned when it is taken in.
    pub text: String,
    pub look: Option<Look>,
    pub gutter: Gutter,
    /// An empty line before it.
    pub apart: bool,
    /// Says what comes next and is no part of the text: a search passes over it.
    pub heading: bool,
    /// Byte ranges of `text` that are to be seen, in order; where two overlap the later one wins.
    pub marks: Vec<(usize, usize, Look)>,
}

#[derive(Debug, Clone)]
struct Block {
    /// Places in the cleaned text that are to be seen, in order.
    marks: Vec<(usize, usize, Look)>,
    look: Look,
    gutter: Gutter,
    heading: bool,
    /// Lines of space before the text.
    space: usize,
    /// Cleaned.
    text: String,
    lines: Vec<LineSpan>,
    /// Number of this block's first line (its space, where it has one) in the transcript.
    first: usize,
}

impl Block {
    fn height(&self) -> usize {
        self.space + self.lines.len()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Hit {
    block: usize,
    begin: usize,
    end: usize,
}

/// Wrapped pieces, the part of them in sight, and the hits of a search.
#[derive(Debug, Clone, Default)]
pub struct Transcript {
    width: u16,
    height: usize,
    blocks: Vec<Block>,
    top: usize,
    /// Stay at the end while the text grows. Left by scrolling up, taken up again at the end.
    following: bool,
    unseen: usize,
    query: String,
    hits: Vec<Hit>,
    current: Option<usize>,
}

impl Transcript {
    /// One that stays at its end while it grows.
    pub fn following() -> Self {
        Self { following: true, ..Self::default() }
    }

    /// Empties it and goes to the top; the size, the search and whether it follows stay.
    pub fn clear(&mut self) {
        self.blocks.clear();
        self.hits.clear();
        self.current = None;
        self.top = 0;
        self.unseen = 0;
    }

    /// Takes a new size in cells. The text at the top stays at the top.
    pub fn resize(&mut self, width: u16, height: u16) {
        self.height = usize::from(height);
        if width != self.width {
            self.width = width;
            let anchor = self.anchor();
            let cells = self.text_width();
            for block in &mut self.blocks {
                block.lines = wrap(&block.text, cells);
            }
            self.number();
            if let Some((block, byte)) = anchor {
                self.top = self.line_of(block, byte);
            }
        }
        self.settle();
    }

    fn text_width(&self) -> u16 {
        self.width.saturating_sub(GUTTER_CELLS).max(1)
    }

    /// Block and byte of the first line in sight.
    fn anchor(&self) -> Option<(usize, usize)> {
        let (block, line) = self.locate(self.top)?;
        Some((block, line.map_or(0, |line| self.blocks[block].lines[line].begin)))
    }

    /// Adds a piece at the end; its number.
    pub fn push(&mut self, piece: Piece) -> usize {
        let text = tidy(&piece.text);
        let lines = wrap(&text, self.text_width());
        let before = self.len();
        let marks = tidy_marks(&piece.text, &piece.marks);
        self.blocks.push(Block {
            marks,
            look: piece.look.unwrap_or(Look::Text),
            gutter: piece.gutter,
            heading: piece.heading,
            space: usize::from(piece.apart),
            text,
            lines,
            first: before,
        });
        self.grown(before, self.blocks.len() - 1, 0);
        self.blocks.len() - 1
    }

    /// Appends to a piece what it grew by.
    pub fn append(&mut self, piece: usize, more: &str) {
        let cells = self.text_width();
        let before = self.len();
        let Some(block) = self.blocks.get_mut(piece) else { return };
        let from = block.text.len();
        block.text.push_str(&tidy(more));
        extend(&block.text, cells, &mut block.lines);
        self.grown(before, piece, from);
    }

    /// Replaces the text of a piece.
    pub fn replace(&mut self, piece: usize, text: &str) {
        let cells = self.text_width();
        let before = self.len();
        let Some(block) = self.blocks.get_mut(piece) else { return };
        let text = tidy(text);
        if block.text == text {
            return;
        }
        block.lines = wrap(&text, cells);
        block.text = text;
        self.hits.retain(|hit| hit.block != piece);
        self.grown(before, piece, 0);
    }

    /// Numbers lines, finds hits in what is new, and follows or counts what is not in sight.
    fn grown(&mut self, before: usize, block: usize, from: usize) {
        self.number();
        if !self.query.is_empty() {
            self.find_in(block, from);
        }
        if !self.following {
            self.unseen += self.len().saturating_sub(before);
        }
        self.settle();
    }

    fn number(&mut self) {
        let mut first = 0;
        for block in &mut self.blocks {
            block.first = first;
            first += block.height();
        }
    }

    fn settle(&mut self) {
        let end = self.last_top();
        self.top = if self.following { end } else { self.top.min(end) };
        if self.at_end() {
            self.unseen = 0;
        }
    }

    /// Lines in all.
    pub fn len(&self) -> usize {
        self.blocks.last().map_or(0, |block| block.first + block.height())
    }

    pub fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    pub fn pieces(&self) -> usize {
        self.blocks.len()
    }

    fn last_top(&self) -> usize {
        self.len().saturating_sub(self.height)
    }

    /// First line in sight.
    pub fn top(&self) -> usize {
        self.top
    }

    /// First and last line in sight, from 1, and how many there are.
    pub fn position(&self) -> (usize, usize, usize) {
        let len = self.len();
        ((self.top + 1).min(len), (self.top + self.height).min(len), len)
    }

    pub fn at_end(&self) -> bool {
        self.top >= self.last_top()
    }

    pub fn is_following(&self) -> bool {
        self.following
    }

    /// Lines that came below what is in sight since it stopped following.
    pub fn unseen(&self) -> usize {
        self.unseen
    }

    /// Scrolls by lines. One that follows stops when it leaves the end and goes on when it is there again.
    pub fn scroll(&mut self, by: isize, follows: bool) {
        self.top = self.top.saturating_add_signed(by).min(self.last_top());
        self.following = follows && self.at_end();
        self.settle();
    }

    pub fn page(&self) -> isize {
        self.height.saturating_sub(2).max(1) as isize
    }

    pub fn to_top(&mut self) {
        self.following = false;
        self.top = 0;
        self.settle();
    }

    /// Goes to the end, and stays there when `follows`.
    pub fn to_end(&mut self, follows: bool) {
        self.following = follows;
        self.top = self.last_top();
        self.settle();
    }

    /// The block of a line and the line in it, `None` for a line of space.
    fn locate(&self, line: usize) -> Option<(usize, Option<usize>)> {
        let block = self.blocks.partition_point(|block| block.first <= line).checked_sub(1)?;
        let inside = line - self.blocks[block].first;
        (inside < self.blocks[block].height()).then(|| (block, inside.checked_sub(self.blocks[block].space)))
    }

    fn line_of(&self, block: usize, byte: usize) -> usize {
        let block = &self.blocks[block];
        let line = block.lines.partition_point(|line| line.begin <= byte).saturating_sub(1);
        block.first + block.space + line
    }

    /// Searches, case of ASCII letters aside, and goes to the first hit at or after the top. An empty query ends it.
    pub fn search(&mut self, query: &str) {
        self.query = tidy(query);
        self.hits.clear();
        self.current = None;
        if self.query.is_empty() {
            return;
        }
        for block in 0..self.blocks.len() {
            self.find_in(block, 0);
        }
        let after = self.hits.iter().position(|hit| self.line_of(hit.block, hit.begin) >= self.top);
        self.current = after.or(if self.hits.is_empty() { None } else { Some(0) });
        self.show_current();
    }

    fn find_in(&mut self, block: usize, from: usize) {
        if self.blocks[block].heading {
            return;
        }
        let needle = self.query.to_ascii_lowercase();
        let text = &self.blocks[block].text;
        // A hit may straddle what was there and what was appended.
        let mut from = from.saturating_sub(needle.len());
        while !text.is_char_boundary(from) {
            from -= 1;
        }
        if let Some(last) = self.hits.iter().rev().find(|hit| hit.block == block) {
            from = from.max(last.end);
        }
        let folded = text[from..].to_ascii_lowercase();
        let found =
            folded.match_indices(&needle).map(|(at, _)| Hit { block, begin: from + at, end: from + at + needle.len() });
        self.hits.extend(found.collect::<Vec<_>>());
        self.hits.sort_by_key(|hit| (hit.block, hit.begin));
    }

    pub fn query(&self) -> &str {
        &self.query
    }

    /// Number of the hit in focus, from 1, and how many there are.
    pub fn hit(&self) -> (usize, usize) {
        (self.current.map_or(0, |current| current + 1), self.hits.len())
    }

    /// Goes to the next hit (or, with -1, to the one before), round the ends.
    pub fn next_hit(&mut self, by: isize) {
        if self.hits.is_empty() {
            return;
        }
        let len = self.hits.len() as isize;
        let at = self.current.map_or(if by > 0 { -1 } else { 0 }, |current| current as isize);
        self.current = Some((at + by).rem_euclid(len) as usize);
        self.show_current();
    }

    fn show_current(&mut self) {
        let Some(hit) = self.current.and_then(|current| self.hits.get(current)) else { return };
        let line = self.line_of(hit.block, hit.begin);
        if line < self.top || line >= self.top + self.height {
            self.following = false;
            self.top = line.saturating_sub(self.height / 3);
            self.settle();
        }
    }

    /// Draws the lines in sight.
    pub fn view(&self, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
        for row in 0..area.height {
            let Some((block, line)) = self.locate(self.top + usize::from(row)) else { break };
            let Some(line) = line else { continue };
            self.view_line(block, line, context, Rect { y: area.y + row, height: 1, ..area }, buffer);
        }
    }

    fn view_line(&self, index: usize, line: usize, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
        let block = &self.blocks[index];
        let span = block.lines[line];
        let (sign, look) = match block.gutter {
            Gutter::Plain => ("", Look::Text),
            Gutter::User => (signs(context.ascii).user, Look::Info),
            Gutter::Bridge => (signs(context.ascii).bridge, Look::Bridge),
        };
        put_clean(buffer, area.x, area.y, area.width, sign, context.theme.style(look));
        let base = context.theme.style(block.look);
        let mark = context.theme.style(Look::Marker);
        let mut hit = self.hits.partition_point(|hit| (hit.block, hit.end) <= (index, span.begin));
        let mut at = area.x + GUTTER_CELLS.min(area.width);
        for (offset, grapheme) in block.text[span.begin..span.end].grapheme_indices(true) {
            let byte = span.begin + offset;
            while self.hits.get(hit).is_some_and(|found| found.block == index && found.end <= byte) {
                hit += 1;
            }
            let found = self.hits.get(hit).is_some_and(|found| found.block == index && found.begin <= byte);
            let mut style = if is_mark(grapheme) { mark } else { base };
            let marked = block.marks.iter().rev().find(|(begin, end, _)| (*begin..*end).contains(&byte));
            if let Some((_, _, look)) = marked {
                style = style.patch(context.theme.style(*look));
            }
            if found {
                style = style.patch(context.theme.style(Look::Match));
                if self.current == Some(hit) {
                    style = style.add_modifier(Modifier::UNDERLINED);
                }
            }
            if at + grapheme_width(grapheme) as u16 > area.right() {
                break;
            }
            let shown = if context.ascii && is_mark(grapheme) { "?" } else { grapheme };
            at = put_clean(buffer, at, area.y, area.right() - at, shown, style);
        }
    }
}

/// Cleaned, with tabs as spaces, since a cell has no tab.
fn tidy(text: &str) -> String {
    clean(text).replace('\t', "    ")
}

/// Where byte ranges of a text lie once it is tidied.
fn tidy_marks(text: &str, marks: &[(usize, usize, Look)]) -> Vec<(usize, usize, Look)> {
    if marks.is_empty() {
        return Vec::new();
    }
    // Places of all borders, walked through once in order.
    let mut borders: Vec<usize> = marks.iter().flat_map(|(begin, end, _)| [*begin, *end]).collect();
    borders.sort_unstable();
    borders.dedup();
    let mut placed = std::collections::HashMap::with_capacity(borders.len());
    let (mut at, mut done) = (0, 0);
    for border in borders {
        let mut border_here = border.min(text.len());
        while !text.is_char_boundary(border_here) {
            border_here -= 1;
        }
        done += tidy(&text[at.min(border_here)..border_here]).len();
        at = at.max(border_here);
        placed.insert(border, done);
    }
    let place = |border: &usize| placed.get(border).copied().unwrap_or(0);
    marks
        .iter()
        .map(|(begin, end, look)| (place(begin), place(end), *look))
        .filter(|(begin, end, _)| begin < end)
        .collect()
}

/// Whether [`clean`] put this in the place of something that must not reach a terminal.
fn is_mark(grapheme: &str) -> bool {
    grapheme.starts_with(|first: char| ('\u{2400}'..='\u{2426}').contains(&first) || first == '\u{fffd}')
}
