//! The parts of a chain that a model wrote in one turn: an attempt, a short paragraph that announces a check or another way, and
//! what follows. In a stitched chain the segments tell; here the words do.

use std::ops::Range;

use super::behaviours::Detector;

/// Most words of a paragraph that only says what comes next.
const SHORT: usize = 14;

/// Where short paragraphs stand that only announce a check or another way.
pub fn announcements(detector: &Detector, chain: &str) -> Vec<Range<usize>> {
    let (mut at, mut found) = (0, Vec::new());
    for paragraph in chain.split("\n\n") {
        let end = at + paragraph.len();
        let announces = at > 0
            && paragraph.split_whitespace().count() <= SHORT
            && !paragraph.contains(|letter: char| letter.is_ascii_digit() || letter == '=')
            && (opens(paragraph) || !detector.hits(paragraph, "").is_empty());
        if announces {
            found.push(at..end);
        }
        at = end + 2;
    }
    found
}

/// Whether a paragraph begins by saying what the writer does next, in whatever words it goes on.
fn opens(paragraph: &str) -> bool {
    const OPENINGS: [&str; 10] =
        ["wait", "hmm", "let me ", "let us ", "let's ", "i will ", "i'll ", "i should ", "now let me ", "now i will "];
    let paragraph = paragraph.trim_start().to_lowercase();
    OPENINGS.iter().any(|opening| paragraph.starts_with(opening))
}
