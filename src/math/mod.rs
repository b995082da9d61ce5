//! Answers: finding one in a text, and telling whether two are equal, with reasons. Pure: text in, verdict out.
//!
//! An answer is read into a tree ([`parse`]), the tree gets a kind ([`answer`]: value, tuple, interval, equation, words),
//! and two kinds are compared tier by tier ([`compare`]): same text, same exact number, same decimal, same parts, same
//! values at random points, same words. There is no computer algebra here and no timeout: all work is bounded by
//! [`limits`]. What mathematics does not decide is a switch of [`Policy`].

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

/// Finds the answer of a text and compares it with the gold one.
pub fn check(gold: &str, text: &str) -> Check {
    let answer = extract(text).map(|found| found.text);
    let correct = answer.as_deref().and_then(|answer| grade(gold, answer).equal);
    Check { answer, correct }
}

/// Whether two answers are seen to be equal.
pub fn equal(one: &str, other: &str) -> bool {
    grade(one, other).equal == Some(true)
}
