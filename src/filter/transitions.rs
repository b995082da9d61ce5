//! What becomes of a chain's answer on the way: each answer that it commits itself to, in order, graded.
//!
//! The last one is what the answer rule grades. The ones before it tell whether a chain mends its mistakes or makes them.

use serde::{Deserialize, Serialize};

use crate::math;

/// More answers than this in one chain say nothing new: the first ones and the last one are kept.
const MOST: usize = 40;

/// An answer in a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    /// Bytes in the chain.
    pub begin: usize,
    pub end: usize,
    /// `None` where it cannot be graded.
    pub correct: Option<bool>,
}

/// From the first gradable answer of a chain to its last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transition {
    /// Right, and right at the end.
    TrueTrue,
    /// Right, and wrong at the end.
    TrueFalse,
    /// Wrong, and right at the end.
    FalseTrue,
    /// Wrong, and the same wrong answer at the end.
    FalseSame,
    /// Wrong, and another wrong answer at the end.
    FalseOther,
}

impl Transition {
    pub const ALL: [Transition; 5] =
        [Self::TrueTrue, Self::TrueFalse, Self::FalseTrue, Self::FalseSame, Self::FalseOther];

    /// From an answer, right or wrong, to another. `same`: whether two wrong ones are the same.
    pub fn between(first: bool, last: bool, same: impl FnOnce() -> bool) -> Self {
        match (first, last) {
            (true, true) => Self::TrueTrue,
            (true, false) => Self::TrueFalse,
            (false, true) => Self::FalseTrue,
            (false, false) if same() => Self::FalseSame,
            (false, false) => Self::FalseOther,
        }
    }

    /// As a table heads it.
    pub fn name(self) -> &'static str {
        match self {
            Self::TrueTrue => "T>T",
            Self::TrueFalse => "T>F",
            Self::FalseTrue => "F>T",
            Self::FalseSame => "F>F same",
            Self::FalseOther => "F>F other",
        }
    }

    /// As a query writes it; both ways of staying wrong are one.
    pub fn word(self) -> &'static str {
        match self {
            Self::TrueTrue => "tt",
            Self::TrueFalse => "tf",
            Self::FalseTrue => "ft",
            Self::FalseSame | Self::FalseOther => "ff",
        }
    }
}

/// Every answer in a chain, graded, and what became of it; no transition where nothing can be graded.
/// `opened`: answers that were boxed before the chain was stitched.
pub fn candidates(chain: &str, opened: &[(usize, usize)], gold: &str) -> (Vec<Candidate>, Option<Transition>) {
    let apart = |span: (usize, usize)| opened.iter().all(|(begin, end)| span.1 <= *begin || span.0 >= *end);
    let mut found: Vec<(String, (usize, usize))> = math::candidates(chain)
        .into_iter()
        .filter(|answer| apart(answer.span))
        .map(|answer| (answer.text, answer.span))
        .collect();
    found.extend(opened.iter().filter_map(|(begin, end)| Some((chain.get(*begin..*end)?.to_owned(), (*begin, *end)))));
    found.sort_by_key(|(_, span)| *span);
    if found.len() > MOST {
        found.drain(MOST - 1..found.len() - 1);
    }
    let graded: Vec<Candidate> = found
        .iter()
        .map(|(text, (begin, end))| Candidate { begin: *begin, end: *end, correct: math::grade(gold, text).equal })
        .collect();
    let gradable = || graded.iter().zip(&found).filter_map(|(one, answer)| Some((one.correct?, answer)));
    let transition = gradable().next().zip(gradable().next_back()).map(|((first, (one, _)), (last, (other, _)))| {
        Transition::between(first, last, || math::grade(one, other).equal == Some(true))
    });
    (graded, transition)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moved(chain: &str) -> Option<Transition> {
        candidates(chain, &[], "12").1
    }

    #[test]
    fn from_the_first_answer_to_the_last() {
        assert_eq!(moved("So \\boxed{12}. Let me check. Yes, \\boxed{12}."), Some(Transition::TrueTrue));
        assert_eq!(moved("The answer is 13.\n\nWait, \\boxed{12}."), Some(Transition::FalseTrue));
        assert_eq!(moved("The answer is 12.\n\nWait, \\boxed{13}."), Some(Transition::TrueFalse));
        assert_eq!(moved("The answer is 13.\n\nYes, \\boxed{13.0}."), Some(Transition::FalseSame));
        assert_eq!(moved("The answer is 13.\n\nNo, \\boxed{14}."), Some(Transition::FalseOther));
        assert_eq!(moved("\\boxed{12}"), Some(Transition::TrueTrue));
        assert_eq!(moved("I do not know."), None);
    }

    #[test]
    fn an_answer_that_lost_its_box_is_the_first() {
        let chain = "So it is 13.\n\nLet me check this.\n\nIt is \\boxed{12}.";
        assert_eq!(candidates(chain, &[(9, 11)], "12").1, Some(Transition::FalseTrue));
        assert_eq!(candidates(chain, &[], "12").1, Some(Transition::TrueTrue));
    }

    #[test]
    fn places_are_kept_and_a_flood_is_cut() {
        let chain = "The answer is 13.\n\nWait, \\boxed{12}.";
        let (found, _) = candidates(chain, &[], "12");
        let texts: Vec<(&str, Option<bool>)> =
            found.iter().map(|one| (&chain[one.begin..one.end], one.correct)).collect();
        assert_eq!(texts, [("13", Some(false)), ("12", Some(true))]);
        let flood = "The answer is 7.\n".repeat(500) + "\\boxed{12}";
        let (found, moved) = candidates(&flood, &[], "12");
        assert_eq!((found.len(), moved), (MOST, Some(Transition::FalseTrue)));
    }
}
