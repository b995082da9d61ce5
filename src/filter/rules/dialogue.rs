//! Traces of the dialogue in the chain: words about it, and marks of a chat template.

use std::collections::HashSet;

use super::super::measure::{Instruments, Measure, Subject};
use super::super::text::{self, Word};
use crate::records::SegmentKind;

/// Value: references to the dialogue, verbatim runs of a guidance's words among them.
pub fn meta(instruments: &Instruments, subject: &Subject, words: &[Word]) -> Measure {
    let mut spans = instruments.meta.find(subject.chain);
    // Words of the problem are no words about the dialogue.
    let problem = subject.problem.to_lowercase();
    spans.retain(|(begin, end)| !problem.contains(&subject.chain[*begin..*end].to_lowercase()));
    let n = instruments.guidance_words;
    let mut asked: HashSet<u64> =
        subject.guidance.iter().flat_map(|guidance| text::ngrams(&text::words(guidance), n)).collect();
    // A guidance may quote the problem and the attempt, which the chain holds of its own.
    for own in text::ngrams(&text::words(subject.problem), n) {
        asked.remove(&own);
    }
    for attempt in subject.segments.iter().filter(|segment| segment.kind == SegmentKind::Attempt) {
        for own in text::ngrams(&text::words(&subject.chain[attempt.begin..attempt.end]), n) {
            asked.remove(&own);
        }
    }
    if !asked.is_empty() {
        for (at, gram) in text::ngrams(words, n).into_iter().enumerate() {
            if asked.contains(&gram) {
                spans.push((words[at].begin, words[at + n - 1].end));
            }
        }
    }
    let spans = merged(spans);
    let note = spans.first().map_or(String::new(), |(begin, end)| quote(&subject.chain[*begin..*end]));
    Measure::of([spans.len() as f64]).at(spans).saying(note)
}

/// Value: marks of a chat template.
pub fn leaks(instruments: &Instruments, chain: &str) -> Measure {
    let spans = merged(instruments.leaks.find(chain));
    let note = spans.first().map_or(String::new(), |(begin, end)| quote(&chain[*begin..*end]));
    Measure::of([spans.len() as f64]).at(spans).saying(note)
}

/// Overlapping places made one.
fn merged(mut spans: Vec<(usize, usize)>) -> Vec<(usize, usize)> {
    spans.sort_unstable();
    let mut out: Vec<(usize, usize)> = Vec::with_capacity(spans.len());
    for (begin, end) in spans {
        match out.last_mut() {
            Some(last) if begin < last.1 => last.1 = last.1.max(end),
            _ => out.push((begin, end)),
        }
    }
    out
}

/// The beginning of a piece of text, on one line.
fn quote(text: &str) -> String {
    let line: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().take(60).collect()
}
