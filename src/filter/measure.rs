//! Measuring one sample: for every rule a value and the places that show it, whatever the thresholds.

use regex::{Regex, RegexSet};
use serde::{Deserialize, Serialize};

use super::RuleId;
use super::behaviours::{Behaviour, Detector, Hit};
use super::rules::{arithmetic, dialogue, duplicate, form, repetition};
use super::settings::{Settings, compile};
use super::text::{self, Word};
use super::transitions::{self, Transition};
use crate::math;
use crate::records::{FinishReason, Segment, SegmentKind};

/// More places than this of one rule are not kept: they say nothing new.
const MOST_SPANS: usize = 50;

/// A sample to be judged, by reference.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// As it was asked.
    pub problem: &'a str,
    /// The answer that counts as right.
    pub gold: &'a str,
    /// What is learnt from: the whole text of the answer. Byte ranges here and in what is measured are into it.
    pub chain: &'a str,
    /// Where the chain came from; empty when that is not known.
    pub segments: &'a [Segment],
    /// Answers that stood in a box before the chain was stitched.
    pub opened: &'a [(usize, usize)],
    pub finish: FinishReason,
    /// Tokens of the chain; estimated from its words where they are not known.
    pub tokens: Option<usize>,
    /// Texts of the guidance turns.
    pub guidance: &'a [&'a str],
}

impl<'a> Subject<'a> {
    /// A chain that ended by itself, and of which nothing else is known.
    pub fn new(problem: &'a str, gold: &'a str, chain: &'a str) -> Self {
        let finish = FinishReason::Stop;
        Self { problem, gold, chain, segments: &[], opened: &[], finish, tokens: None, guidance: &[] }
    }
}

/// What a rule found in one sample.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Measure {
    /// One or more numbers; what they are is the rule's business.
    pub values: Vec<f64>,
    /// Byte ranges in the chain that show it, the first fifty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub spans: Vec<(usize, usize)>,
    /// Words for the reason, where numbers do not say it all.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
}

impl Measure {
    pub(super) fn of(values: impl Into<Vec<f64>>) -> Self {
        Self { values: values.into(), ..Self::default() }
    }

    pub(super) fn at(mut self, spans: impl IntoIterator<Item = (usize, usize)>) -> Self {
        self.spans = spans.into_iter().take(MOST_SPANS).collect();
        self
    }

    pub(super) fn saying(mut self, note: impl Into<String>) -> Self {
        self.note = note.into();
        self
    }

    /// The value of this index; 0 where there is none.
    pub(super) fn value(&self, index: usize) -> f64 {
        self.values.get(index).copied().unwrap_or(0.0)
    }
}

/// All that was measured of one sample.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// In the order of [`RuleId::ALL`], those across samples left out.
    pub measures: Vec<Measure>,
    /// Places that show a behaviour, but for what a strategy's bridge says.
    pub hits: Vec<Hit>,
    /// The answer that was graded, as the chain writes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
    /// `None` where there is no answer or it cannot be graded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correct: Option<bool>,
    /// Answers in the chain, in order, graded.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub candidates: Vec<transitions::Candidate>,
    /// From the first of them to the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transition: Option<Transition>,
    /// Tokens of the chain.
    #[serde(default)]
    pub tokens: usize,
    /// Earlier samples of the same problem that are alike: the caller's key, and the similarity.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alike: Vec<(i64, f64)>,
}

impl Measured {
    /// Words that a list of samples can be asked for: behaviours shown, and what became of the answer.
    pub fn traits(&self) -> Vec<&'static str> {
        let shown = |kind: &Behaviour| self.hits.iter().any(|hit| hit.behaviour == *kind);
        let behaviours = Behaviour::ALL.into_iter().filter(shown).map(Behaviour::name);
        behaviours.chain(self.transition.map(Transition::word)).collect()
    }

    /// What a rule measured; nothing for those that look across samples.
    pub fn of(&self, rule: RuleId) -> Option<&Measure> {
        let at = RuleId::ALL.iter().position(|known| *known == rule)?;
        self.measures.get(at).filter(|_| at < WITHIN)
    }
}

/// How many of [`RuleId::ALL`] look at one sample alone.
const WITHIN: usize = 11;

/// Everything compiled that measuring needs. Cheap to share between threads.
#[derive(Debug, Clone)]
pub struct Instruments {
    pub(super) detector: Detector,
    pub(super) meta: Patterns,
    pub(super) leaks: Patterns,
    pub(super) retraction: Option<Regex>,
    pub(super) tail: (usize, usize),
    pub(super) guidance_words: usize,
    pub(super) tolerance: f64,
}

/// Patterns of which most texts match none: a set says so in one pass.
#[derive(Debug, Clone)]
pub(super) struct Patterns {
    set: Option<RegexSet>,
    each: Vec<Regex>,
}

impl Patterns {
    fn new(patterns: &[String]) -> Self {
        let set = regex::RegexSetBuilder::new(patterns).case_insensitive(true).build().ok();
        Self { set, each: patterns.iter().filter_map(|pattern| compile(pattern).ok()).collect() }
    }

    /// Every match of any pattern, in order.
    pub(super) fn find(&self, text: &str) -> Vec<(usize, usize)> {
        let candidates: Vec<usize> = match &self.set {
            Some(set) => set.matches(text).into_iter().collect(),
            None => (0..self.each.len()).collect(),
        };
        let mut spans: Vec<(usize, usize)> = candidates
            .into_iter()
            .filter_map(|at| self.each.get(at))
            .flat_map(|pattern| pattern.find_iter(text).map(|found| (found.start(), found.end())))
            .filter(|(begin, end)| begin < end)
            .collect();
        spans.sort_unstable();
        spans.dedup();
        spans
    }
}

impl Instruments {
    /// Compiles what these settings measure by.
    pub fn new(settings: &Settings) -> Self {
        Self {
            detector: Detector::new(settings),
            meta: Patterns::new(settings.patterns(RuleId::MetaReference)),
            leaks: Patterns::new(settings.patterns(RuleId::TemplateLeak)),
            retraction: compile(settings.behaviour(Behaviour::Backtracking)).ok(),
            tail: (settings.whole(RuleId::Loops, "tail_words"), settings.whole(RuleId::Loops, "tail_period")),
            guidance_words: settings.whole(RuleId::MetaReference, "guidance_words"),
            tolerance: settings.number(RuleId::Arithmetic, "tolerance"),
        }
    }

    /// Measures all but what looks across samples. Linear in the text.
    pub fn measure(&self, subject: &Subject) -> Measured {
        let words = text::words(subject.chain);
        // What a strategy's bridge says is not the model's doing.
        let bridges = subject.segments.iter().filter(|segment| segment.kind == SegmentKind::Bridge);
        let bridges: Vec<&Segment> = bridges.collect();
        let mut hits = self.detector.hits(subject.chain, subject.problem);
        hits.retain(|hit| !bridges.iter().any(|bridge| (bridge.begin..bridge.end).contains(&hit.begin)));
        let tokens = subject.tokens.unwrap_or_else(|| estimated_tokens(&words));
        let check = math::check(subject.gold, subject.chain);
        let measures = vec![
            form::empty(&words),
            form::truncated(subject.finish),
            form::boxes(subject.chain),
            form::length(tokens, subject.tokens.is_some()),
            repetition::loops(&words, subject.segments, self.tail),
            form::language(subject),
            dialogue::meta(self, subject, &words),
            dialogue::leaks(self, subject.chain),
            arithmetic::measure(self, subject),
            answer(subject, &check),
            behaviour(&hits),
        ];
        let (candidates, transition) = transitions::candidates(subject.chain, subject.opened, subject.gold);
        let (answer, correct) = (check.answer, check.correct);
        Measured { measures, hits, answer, correct, candidates, transition, tokens, alike: Vec::new() }
    }
}

/// What a chain is compared by with others of its problem: hashes of its runs of five words, sorted, each once.
pub fn shingles(chain: &str) -> Vec<u64> {
    duplicate::shingles(&text::words(chain))
}

/// English text of reasoning has about 1.3 tokens a word.
fn estimated_tokens(words: &[Word]) -> usize {
    (words.len() as f64 * 1.3).round() as usize
}

/// Values: graded (1 right, 0 wrong, -1 no answer), weak (1 when only the last number was found).
fn answer(subject: &Subject, check: &math::Check) -> Measure {
    let found = math::extract(subject.chain);
    let graded = match check.correct {
        Some(true) => 1.0,
        Some(false) => 0.0,
        None => -1.0,
    };
    let weak = found.as_ref().is_some_and(|found| found.weak);
    let note: String = check.answer.as_deref().unwrap_or_default().chars().take(80).collect();
    Measure::of([graded, f64::from(u8::from(weak))]).at(found.map(|found| found.span)).saying(note)
}

/// Values: hits of each behaviour, in the order of `Behaviour::ALL`.
fn behaviour(hits: &[Hit]) -> Measure {
    let count = |kind| hits.iter().filter(|hit| hit.behaviour == kind).count() as f64;
    let counts: Vec<f64> = Behaviour::ALL.into_iter().map(count).collect();
    Measure::of(counts).at(hits.iter().map(|hit| (hit.begin, hit.end)))
}
