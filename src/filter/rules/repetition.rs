//! Loops: a text that says the same again and again.

use super::super::measure::Measure;
use super::super::text::{Word, repeated_share};
use crate::records::{Segment, SegmentKind};

/// Values: share of repeated 10-grams, of 20-grams, how often the tail repeats its period, that period in words.
/// The shares are those of the worst of the turns that the chain was stitched from: a revision that says the attempt's
/// sentences again is no loop.
pub fn loops(words: &[Word], segments: &[Segment], (window, longest): (usize, usize)) -> Measure {
    let (repeats, period) = periodic_tail(words, window, longest);
    let span = (repeats >= 2).then(|| {
        let first = &words[words.len() - repeats * period];
        (first.begin, words[words.len() - 1].end)
    });
    let mut shares = [0.0f64; 2];
    let whole = Segment { kind: SegmentKind::Attempt, turn: 0, begin: 0, end: usize::MAX };
    let parts = if segments.is_empty() { std::slice::from_ref(&whole) } else { segments };
    for part in parts.iter().filter(|part| part.kind != SegmentKind::Bridge) {
        let from = words.partition_point(|word| word.begin < part.begin);
        let to = words.partition_point(|word| word.begin < part.end);
        for (share, n) in shares.iter_mut().zip([10, 20]) {
            *share = share.max(repeated_share(&words[from..to.max(from)], n));
        }
    }
    let values = [shares[0], shares[1], repeats as f64, period as f64];
    Measure::of(values).at(span)
}

/// How often the end of the text repeats a piece of at most `longest` words within its last `window` words, and how long
/// that piece is. The most repeated piece wins.
fn periodic_tail(words: &[Word], window: usize, longest: usize) -> (usize, usize) {
    let tail = &words[words.len().saturating_sub(window)..];
    let mut best = (1, 0);
    for period in 1..=longest.min(tail.len() / 2) {
        let same = tail.iter().rev().zip(tail.iter().rev().skip(period)).take_while(|(a, b)| a.hash == b.hash).count();
        let repeats = same / period + 1;
        // A single word said thrice is no loop; three words or a longer run are.
        if repeats > best.0 && repeats * period >= 9 {
            best = (repeats, period);
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::super::super::text::words;
    use super::*;

    #[test]
    fn a_loop_at_the_end_is_found_with_its_place() {
        let text = format!("Some beginning of its own. {}", "and then again. ".repeat(20));
        let measure = loops(&words(&text), &[], (200, 60));
        assert_eq!(measure.value(3), 3.0);
        assert_eq!(measure.value(2), 20.0);
        assert_eq!(&text[measure.spans[0].0..measure.spans[0].1][..9], "and then ");
        assert!(measure.value(0) > 0.5 && measure.value(1) > 0.5);
    }

    #[test]
    fn a_text_without_loops_has_none() {
        let text: Vec<String> = (0..500).map(|at| format!("word{at}")).collect();
        let measure = loops(&words(&text.join(" ")), &[], (200, 60));
        assert_eq!(measure.values, [0.0, 0.0, 1.0, 0.0]);
        assert_eq!(loops(&words(""), &[], (200, 60)).values, [0.0, 0.0, 1.0, 0.0]);
        assert_eq!(loops(&words("no no no"), &[], (200, 60)).value(2), 1.0);
    }

    #[test]
    fn a_revision_that_says_the_attempt_again_is_no_loop() {
        let turn: String = (0..60).map(|at| format!("word{at} ")).collect();
        let text = format!("{turn}{turn}");
        let part = |turn, begin, end| Segment { kind: SegmentKind::Revision, turn, begin, end };
        let segments = [part(1, 0, turn.len()), part(3, turn.len(), text.len())];
        assert_eq!(loops(&words(&text), &segments, (200, 60)).values[..2], [0.0, 0.0]);
        assert!(loops(&words(&text), &[], (200, 60)).value(0) > 0.4);
        let looping = turn.replace("word", "w0 w1 w2 w3 w4 w5 w6 w7 w8 w9 w10 ");
        let segments = [part(1, 0, text.len()), part(3, text.len(), text.len() + looping.len())];
        assert!(loops(&words(&format!("{text}{looping}")), &segments, (200, 60)).value(0) > 0.4);
    }

    #[test]
    fn a_megabyte_of_one_word_takes_no_time() {
        let text = "a ".repeat(500_000);
        assert!(loops(&words(&text), &[], (200, 60)).value(2) > 100.0);
    }
}
