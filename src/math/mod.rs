//! Answers: finding one in a text, and telling whether two are equal, with reasons. Pure: text in, verdict out.
//!
//! An answer is read into a tree (`parse`), the tree gets a kind (`answer`: value, tuple, interval, equation, words),
//! and two kinds are compared tier by tier (`compare`, [`Tier`]): same text, same exact number, same decimal, same parts,
//! same values at random points, same words. There is no computer algebra here and no timeout: all work is bounded by
//! `limits`. What mathematics does not decide is a switch of [`Policy`].
//!
//! Is this answer equal to that gold answer? [`grade()`] takes a bare answer or a text that states one, and says how it read both:
//!
//! ```
//! use cribble::math::{Policy, Tier, check, grade, grade_with};
//!
//! let verdict = grade(r"\frac{1}{2}", r"So it is \boxed{0.50}.");
//! assert_eq!((verdict.equal, verdict.tier), (Some(true), Some(Tier::Exact)));
//! assert_eq!(verdict.prediction_form, "1/2");
//! assert_eq!(grade("(1,2)", "(1,3)").equal, Some(false));
//! // Of a text without an answer nothing can be told: that is not the same as a wrong one.
//! assert_eq!(check("4", "I do not know.").correct, None);
//!
//! let strict = Policy { units_optional: false, ..Policy::default() };
//! assert_eq!(grade(r"5\text{ cm}", "5").equal, Some(true));
//! assert_eq!(grade_with(&strict, r"5\text{ cm}", "5").equal, Some(false));
//! ```

mod answer;
pub mod bench;
mod candidates;
mod compare;
mod expr;
mod extract;
mod grade;
mod groups;
mod limits;
mod normal;
mod parse;
mod policy;
mod reading;
#[cfg(test)]
mod tests;

pub use candidates::{Candidate, Style, candidates};
pub use compare::Tier;
pub use extract::{Boxed, Extracted, boxes, extract};
pub use grade::{GRADER_VERSION, Grade, grade, grade_with};
pub use groups::box_groups;
pub use normal::normalise;
pub use policy::Policy;

/// What became of a text's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// As the text writes it.
    pub answer: Option<String>,
    /// `None` when there is no answer, or none that can be graded.
    pub correct: Option<bool>,
}

/// Finds the answer of a text ([`extract()`]) and compares it with the gold one, by the default [`Policy`].
pub fn check(gold: &str, text: &str) -> Check {
    let answer = extract(text).map(|found| found.text);
    let correct = answer.as_deref().and_then(|answer| grade(gold, answer).equal);
    Check { answer, correct }
}

/// Whether two answers are seen to be equal: false too where it cannot be told.
pub fn equal(one: &str, other: &str) -> bool {
    grade(one, other).equal == Some(true)
}
