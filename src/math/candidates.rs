//! Every answer that a text proposes on its way, in order: for transitions inside a chain (right to wrong, wrong to
//! right) and for the place of the first right one. Which of them is right is for the grader.

use super::extract::{boxes, phrase, trimmed};

/// How a candidate is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    Boxed,
    /// After "answer is" or "answer:".
    Worded,
    /// After the last equal sign of a line.
    Equated,
}

/// A proposed answer, with its byte range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    pub text: String,
    /// Byte range in the text that it was found in.
    pub span: (usize, usize),
    pub style: Style,
}

/// Bytes of what may stand behind an equal sign as an answer.
const LONGEST: usize = 80;
/// Candidates of one text; a chain has tens.
const MOST: usize = 4096;

/// Every candidate in order of appearance, none inside another. Linear in the length of the text.
pub fn candidates(text: &str) -> Vec<Candidate> {
    let mut spans: Vec<((usize, usize), Style)> = boxes(text)
        .iter()
        .take(MOST)
        .filter_map(|found| Some((trimmed(text, found.inside.0, found.inside.1)?, Style::Boxed)))
        .collect();
    let taken = spans.len();
    let mut next_box = 0;
    let mut begin = 0;
    for line in text.split_inclusive('\n') {
        let end = begin + line.len();
        if spans.len() > MOST {
            break;
        }
        while next_box < taken && spans[next_box].0.1 <= begin {
            next_box += 1;
        }
        // A line with a box states its answer there.
        let boxed = next_box < taken && spans[next_box].0.0 < end;
        if !boxed {
            let worded = worded(text, begin, line);
            match worded.is_empty() {
                false => spans.extend(worded.into_iter().map(|span| (span, Style::Worded))),
                true => spans.extend(equated(text, begin, line).map(|span| (span, Style::Equated))),
            }
        }
        begin = end;
    }
    spans.sort_by_key(|(span, _)| *span);
    let mut out: Vec<Candidate> = Vec::with_capacity(spans.len());
    for (span, style) in spans {
        if out.last().is_none_or(|last| span.0 >= last.span.1) {
            out.push(Candidate { text: text[span.0..span.1].to_owned(), span, style });
        }
    }
    out
}

fn worded(text: &str, begin: usize, line: &str) -> Vec<(usize, usize)> {
    let lower = line.to_ascii_lowercase();
    let mut found = Vec::new();
    let mut from = 0;
    let mut tries = 0;
    while let Some(at) = lower[from..].find("answer") {
        let after = from + at + "answer".len();
        from = after;
        let rest = &lower[after..];
        let said = rest.starts_with(" is") || rest.starts_with(':') || rest.starts_with("**:");
        if said {
            tries += 1;
            if tries > 16 {
                break;
            }
            let skip = if rest.starts_with(" is") { 3 } else { rest.find(':').map_or(0, |at| at + 1) };
            found.extend(phrase(text, begin + after + skip));
        }
    }
    found
}

/// What follows the last equal sign, where it ends the line.
fn equated(text: &str, begin: usize, line: &str) -> Option<(usize, usize)> {
    let at = line.rfind('=')?;
    if at > 0 && matches!(line.as_bytes()[at - 1], b'<' | b'>' | b'!') {
        return None;
    }
    let rest = line[at + 1..]
        .trim_end()
        .trim_end_matches(['.', ',', '$', '*', ' ', '|'])
        .trim_end_matches("\\]")
        .trim_end_matches("\\)")
        .trim_end_matches(['.', ',', ' ', '$']);
    let (from, to) = trimmed(text, begin + at + 1, begin + at + 1 + rest.len())?;
    let short = to - from <= LONGEST;
    // A sentence is no value.
    let words = text[from..to]
        .split_whitespace()
        .filter(|word| word.len() > 3 && word.bytes().all(|byte| byte.is_ascii_alphabetic()))
        .count();
    (short && words <= 2).then_some((from, to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn candidates_come_in_order_with_their_places() {
        let text =
            "First 3 + 4 = 7.\nSo the answer is 8. Wait, that is wrong.\n$x = \\frac{1}{2}$\nThus \\boxed{9}, = 10";
        let found = candidates(text);
        let seen: Vec<_> = found.iter().map(|one| (one.text.as_str(), one.style)).collect();
        assert_eq!(
            seen,
            [("7", Style::Equated), ("8", Style::Worded), ("\\frac{1}{2}", Style::Equated), ("9", Style::Boxed)]
        );
        for one in &found {
            assert_eq!(&text[one.span.0..one.span.1], one.text);
        }
        assert!(candidates("no sums here").is_empty());
    }
}
