//! Greedy wrapping to a display width, made so that a text that only grows needs just its last line wrapped again.
//!
//! A word is a run of narrow graphemes, or one wide grapheme (CJK breaks anywhere). A word that does not fit goes to the
//! next line; one wider than the whole line is cut at the width. So where a line ends never depends on what follows
//! its successor's start, and [`extend`] may begin at the last line's first byte.

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// A wrapped line: a byte range of the text, without its newline; spaces that hang over the end are inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LineSpan {
    pub begin: usize,
    pub end: usize,
}

/// Cells that a grapheme takes.
pub fn grapheme_width(grapheme: &str) -> usize {
    grapheme.width()
}

/// Wraps a whole text. There is always at least one line.
pub fn wrap(text: &str, width: u16) -> Vec<LineSpan> {
    let mut lines = Vec::new();
    extend(text, width, &mut lines);
    lines
}

/// Brings `lines`, the wrapping of a beginning of `text`, up to date with the whole of it. Costs the last line and what
/// is new.
pub fn extend(text: &str, width: u16, lines: &mut Vec<LineSpan>) {
    let width = usize::from(width.max(1));
    let from = lines.pop().map_or(0, |line| line.begin);
    let mut begin = from;
    for paragraph in text[from..].split('\n') {
        wrap_paragraph(paragraph, begin, width, lines);
        begin += paragraph.len() + 1;
    }
}

fn wrap_paragraph(paragraph: &str, offset: usize, width: usize, lines: &mut Vec<LineSpan>) {
    let mut line = LineSpan { begin: offset, end: offset };
    let mut used = 0;
    let mut word = Word { begin: offset, width: 0 };
    for (index, grapheme) in paragraph.grapheme_indices(true) {
        let at = offset + index;
        let cells = grapheme_width(grapheme);
        let space = grapheme.chars().all(char::is_whitespace);
        // The class is the first character's alone: what joins it later cannot move a break that was already made.
        let wide = grapheme.chars().next().is_some_and(|first| first.width() == Some(2));
        if space || wide || word.width == 0 {
            word = Word { begin: at, width: 0 };
        }
        while !space && used + cells > width && at > line.begin {
            let cut = if word.begin > line.begin { word.begin } else { at };
            lines.push(LineSpan { begin: line.begin, end: cut });
            line.begin = cut;
            used = if cut == at { 0 } else { word.width };
            if cut == at {
                word = Word { begin: at, width: 0 };
            }
        }
        used += cells;
        word.width = if space || wide { 0 } else { word.width + cells };
        if space || wide {
            word.begin = at + grapheme.len();
        }
        line.end = at + grapheme.len();
    }
    lines.push(line);
}

struct Word {
    begin: usize,
    width: usize,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn lines(text: &str, width: u16) -> Vec<&str> {
        wrap(text, width).into_iter().map(|line| &text[line.begin..line.end]).collect()
    }

    #[test]
    fn words_wrap_and_spaces_hang() {
        assert_eq!(lines("the cat sat", 7), ["the cat ", "sat"]);
        assert_eq!(lines("a    b", 2), ["a    ", "b"]);
        assert_eq!(lines("", 5), [""]);
        assert_eq!(lines("a\n\nb\n", 5), ["a", "", "b", ""]);
    }

    #[test]
    fn a_word_wider_than_the_line_is_cut() {
        assert_eq!(lines("ab cdefghijk", 4), ["ab ", "cdef", "ghij", "k"]);
        assert_eq!(lines("abcdef", 0), ["a", "b", "c", "d", "e", "f"], "width 0 is taken as 1");
    }

    #[test]
    fn cjk_breaks_between_characters_and_counts_two_cells() {
        assert_eq!(lines("漢字かな", 5), ["漢字", "かな"]);
        assert_eq!(lines("ab漢字", 3), ["ab", "漢", "字"]);
    }

    #[test]
    fn combining_marks_stay_with_their_letter() {
        assert_eq!(lines("e\u{301}e\u{301}e\u{301}", 2), ["e\u{301}e\u{301}", "e\u{301}"]);
    }

    proptest! {
        #[test]
        fn growing_wraps_as_the_whole(pieces in prop::collection::vec("[a-d 漢字\\n\u{301}]{0,9}", 0..12), width in 1u16..14) {
            let mut text = String::new();
            let mut grown = wrap("", width);
            for piece in pieces {
                text.push_str(&piece);
                extend(&text, width, &mut grown);
                prop_assert_eq!(&grown, &wrap(&text, width), "{:?}", text);
            }
        }

        #[test]
        fn lines_cover_the_text_and_fit(text in "[a-z 漢字\\n\u{301}]{0,80}", width in 2u16..14) {
            let mut joined = String::new();
            for line in wrap(&text, width) {
                let shown = &text[line.begin..line.end];
                let visible: usize = shown.trim_end().graphemes(true).map(grapheme_width).sum();
                prop_assert!(visible <= usize::from(width), "{:?}", shown);
                joined.push_str(shown);
            }
            prop_assert_eq!(joined, text.replace('\n', ""));
        }
    }
}
