//! Answers: finding one in a text, and telling whether two are equal. Pure.
//!
//! A first check: it compares normalised strings and plain numbers. It says nothing of expressions that are equal in
//! other ways, so a `Some(false)` here means "not seen to be equal".

mod extract;
mod groups;
mod normal;

pub const GRADER_VERSION: u32 = 1;
pub use extract::{Boxed, Extracted, boxes, extract};
pub use groups::box_groups;
pub use normal::normalise;

/// What became of a text's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// As the text writes it.
    pub answer: Option<String>,
    /// `None` when there is no answer.
    pub correct: Option<bool>,
}

/// Finds the answer of a text and compares it with the gold one.
pub fn check(gold: &str, text: &str) -> Check {
    let answer = extract(text).map(|found| found.text);
    let correct = answer.as_deref().map(|answer| equal(gold, answer));
    Check { answer, correct }
}

/// Whether two answers are equal, as strings or as plain numbers.
pub fn equal(one: &str, other: &str) -> bool {
    let (one, other) = (normalise(one), normalise(other));
    if one == other {
        return !one.is_empty();
    }
    match (normal::decimal(&one), normal::decimal(&other)) {
        (Some(one), Some(other)) => one == other,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn plain_answers() {
        for (gold, answer) in [
            ("18", "18"),
            ("18", "$18.00$"),
            ("1200", "1,200"),
            ("1200", "\\$1{,}200"),
            ("25", "025"),
            ("-3", "- 3"),
            ("\\frac{1}{2}", "\\dfrac{1}{2}"),
            ("\\left( 3, \\frac{\\pi}{2} \\right)", "(3,\\frac{\\pi}{2})"),
            ("90", "90^\\circ"),
            ("28", "28\\%"),
            ("5", "5\\text{ apples}"),
            ("\\text{Evelyn}", "Evelyn"),
            ("0.5", ".5"),
            ("7", "7."),
        ] {
            assert!(equal(gold, answer), "{gold} and {answer}: {} and {}", normalise(gold), normalise(answer));
        }
        for (gold, answer) in [("18", "19"), ("1.5", "15"), ("\\frac{1}{2}", "\\frac{1}{3}"), ("", ""), ("10", "100")] {
            assert!(!equal(gold, answer), "{gold} and {answer}");
        }
    }

    #[test]
    fn the_check_tells_no_answer_from_a_wrong_one() {
        assert_eq!(check("4", "So \\boxed{4}."), Check { answer: Some("4".into()), correct: Some(true) });
        assert_eq!(check("4", "So \\boxed{5}.").correct, Some(false));
        assert_eq!(check("4", "I do not know."), Check { answer: None, correct: None });
    }

    proptest! {
        #[test]
        fn any_text_is_taken(text in "\\PC{0,200}") {
            check(&text, &text);
            if let Some(found) = extract(&text) {
                prop_assert!(text.get(found.span.0..found.span.1).is_some());
            }
        }

        #[test]
        fn pieces_of_answers_are_taken(parts in prop::collection::vec(
            prop::sample::select(vec!["\\boxed", "{", "}", "####", "answer is", "<think>", "</think>", "\\text{", "1,", "-", ".", "$", "数"]), 0..40)
        ) {
            let text = parts.concat();
            check(&text, &text);
            prop_assert!(equal(&text, &text) || normalise(&text).is_empty());
        }
    }
}

pub struct Grade {
    pub equal: Option<bool>,
}
pub fn grade(gold: &str, prediction: &str) -> Grade {
    Grade { equal: Some(equal(gold, prediction)) }
}
pub fn candidates(text: &str) -> Vec<Extracted> {
    extract(text).into_iter().collect()
}
