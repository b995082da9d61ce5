//! The outer form of a chain: whether there is one, whole, of a fit length, in one language, with one final box.

use super::super::measure::{Measure, Subject};
use super::super::text::{Word, foreign_letters};
use crate::math;
use crate::records::FinishReason;

/// Value: words.
pub fn empty(words: &[Word]) -> Measure {
    Measure::of([words.len() as f64])
}

/// Value: 1 when the last turn was cut off.
pub fn truncated(finish: FinishReason) -> Measure {
    let note = match finish {
        FinishReason::Length => "a turn was cut off at the token limit",
        FinishReason::ContextFull => "a turn had no room in the context",
        _ => "",
    };
    Measure::of([f64::from(u8::from(!note.is_empty()))]).saying(note)
}

/// Values: boxed answers (boxes side by side are one), characters after the last one, 1 when the last one is empty.
pub fn boxes(chain: &str) -> Measure {
    let groups = math::box_groups(chain);
    let last = groups.last().and_then(|group| group.last());
    let after = last.map_or(0, |last| chain[last.whole.1..].trim().chars().count());
    let empty = last.is_some_and(|last| chain[last.inside.0..last.inside.1].trim().is_empty());
    Measure::of([groups.len() as f64, after as f64, f64::from(u8::from(empty))])
        .at(groups.iter().flatten().map(|found| found.whole))
}

/// Value: tokens.
pub fn length(tokens: usize, counted: bool) -> Measure {
    Measure::of([tokens as f64]).saying(if counted { "" } else { "estimated from words" })
}

/// Value: share of letters in another script than Latin and Greek; 0 where the problem itself is written in one.
pub fn language(subject: &Subject) -> Measure {
    let (share, first) = foreign_letters(subject.chain);
    let own = foreign_letters(subject.problem).0;
    let share = if own > 0.05 { 0.0 } else { share };
    Measure::of([share]).at(first.filter(|_| share > 0.0))
}
