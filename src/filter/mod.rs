//! The filter: predefined rules that say of each chain whether it may be trained on, and why.
//!
//! Pure: data in, verdicts out. Judging has two steps. *Measuring* reads the text once and gives, for each rule, a value and the
//! places that show it ([`Instruments::measure`]); *deciding* compares values with thresholds and looks across the samples of a
//! problem ([`judge()`]). A changed threshold decides anew and measures nothing.
//!
//! All rules are evaluated always, so that the [`funnel()`] can tell what each alone would drop.
//!
//! Two chains for one problem, one of which is learnt from:
//!
//! ```
//! use cribble::filter::{Candidate, Instruments, RuleId, Settings, Subject, funnel, judge};
//!
//! let problem = "Ann has 3 boxes of 4 pens and gets 5 more pens from Ben. How many pens does she have now?";
//! let right = "First, I find the pens in the boxes: there are 3 boxes with 4 pens each, so 3 * 4 = 12 pens. \
//!     Next, we must add the 5 pens that Ben gives her, so 12 + 5 = 17.\n\nLet me check this. Taking the 5 pens away \
//!     leaves 12, and 12 pens in 3 boxes are 4 in each, as the problem says. The answer is \\boxed{17}.";
//! let wrong = right.replace("boxed{17}", "boxed{18}");
//!
//! let settings = Settings::default();
//! let instruments = Instruments::new(&settings);
//! let measured = [right, &wrong].map(|chain| instruments.measure(&Subject::new(problem, "17", chain)));
//! let samples = [0, 1].map(|key| Candidate { key, measured: &measured[key as usize], contaminated: None });
//! let judged = judge(&[samples.to_vec()], &settings).remove(0);
//! assert!(judged[0].accepted && !judged[1].accepted);
//!
//! let failed = judged[1].verdicts.iter().find(|verdict| !verdict.pass && settings.enabled(verdict.rule)).unwrap();
//! assert_eq!((failed.rule, failed.reason.as_str()), (RuleId::Answer, "18 is wrong"));
//! let funnel = funnel(&judged, &settings);
//! assert_eq!((funnel.judged, funnel.accepted), (2, 1));
//! ```

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
    /// Next to nothing was written.
    Empty,
    /// Cut off at its limit.
    Truncated,
    /// One final box, at the end.
    Format,
    /// Tokens of the chain.
    Length,
    /// It goes round in circles.
    Loops,
    /// Letters of another script than the problem's.
    Language,
    /// It speaks of the dialogue that it was stitched from.
    MetaReference,
    /// Marks of a chat template as text.
    TemplateLeak,
    /// A false equation in what the chain ends with.
    Arithmetic,
    /// The final answer is the gold one.
    Answer,
    /// It checks itself, and shows several behaviours.
    Behaviour,
    /// Nearly the same as an earlier chain of its problem.
    Duplicate,
    /// The problem stands in a benchmark.
    Contamination,
    /// Most accepted chains of a problem.
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

    /// The rule of that name.
    pub fn named(name: &str) -> Option<RuleId> {
        Self::ALL.into_iter().find(|rule| rule.name() == name)
    }
}

/// What one rule says of one sample.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    pub rule: RuleId,
    /// Whether the sample passes it, were it switched on: see [`Settings::enabled`].
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
