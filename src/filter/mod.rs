//! The filter: predefined rules that say of each chain whether it may be trained on, and why.
//!
//! Pure: data in, verdicts out. Judging has two steps. *Measuring* reads the text once and gives, for each rule, a value and the
//! places that show it ([`measure`]); *deciding* compares values with thresholds and looks across the samples of a problem
//! ([`judge`]). A changed threshold decides anew and measures nothing.
//!
//! All rules are evaluated always, so that the [`funnel`] can tell what each alone would drop.

mod appraisal;
pub mod audit;
pub mod behaviours;
pub mod contamination;
mod funnel;
mod judge;
mod measure;
mod parts;
mod rules;
pub mod settings;
mod text;
mod transitions;

use serde::{Deserialize, Serialize};

pub use appraisal::{Appraisal, appraisal};
pub use funnel::{Funnel, Step, funnel};
pub use judge::{Candidate, Judgement, alike, judge};
pub use measure::{Instruments, Measure, Measured, Subject, shingles};
pub use parts::announcements;
pub use rules::decide::within;
pub use rules::duplicate::similarity;
pub use settings::Settings;
pub use transitions::{Candidate as AnswerCandidate, Transition, candidates};

/// Raised when measuring changes: verdicts of another version are made anew.
pub const FILTER_VERSION: u32 = 3;

/// The rules, in the order in which the funnel applies them: cheap ones first, those across samples last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RuleId {
    Empty,
    Truncated,
    Format,
    Length,
    Loops,
    Language,
    MetaReference,
    TemplateLeak,
    Arithmetic,
    Answer,
    Behaviour,
    Duplicate,
    Contamination,
    Cap,
}

impl RuleId {
    pub const ALL: [RuleId; 14] = [
        RuleId::Empty,
        RuleId::Truncated,
        RuleId::Format,
        RuleId::Length,
        RuleId::Loops,
        RuleId::Language,
        RuleId::MetaReference,
        RuleId::TemplateLeak,
        RuleId::Arithmetic,
        RuleId::Answer,
        RuleId::Behaviour,
        RuleId::Duplicate,
        RuleId::Contamination,
        RuleId::Cap,
    ];

    /// As settings and verdicts write it.
    pub fn name(self) -> &'static str {
        match self {
            RuleId::Empty => "empty",
            RuleId::Truncated => "truncated",
            RuleId::Format => "format",
            RuleId::Length => "length",
            RuleId::Loops => "loops",
            RuleId::Language => "language",
            RuleId::MetaReference => "meta_reference",
            RuleId::TemplateLeak => "template_leak",
            RuleId::Arithmetic => "arithmetic",
            RuleId::Answer => "answer",
            RuleId::Behaviour => "behaviour",
            RuleId::Duplicate => "duplicate",
            RuleId::Contamination => "contamination",
            RuleId::Cap => "cap",
        }
    }

    pub fn named(name: &str) -> Option<RuleId> {
        Self::ALL.into_iter().find(|rule| rule.name() == name)
    }
}

/// What one rule says of one sample.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    pub rule: RuleId,
    pub pass: bool,
    /// What was measured, in the unit that `reason` names.
    pub value: f64,
    /// What it was compared with; `None` where the rule has no number to set.
    pub threshold: Option<f64>,
    /// Byte ranges in the chain that show it.
    pub spans: Vec<(usize, usize)>,
    /// One line.
    pub reason: String,
}
