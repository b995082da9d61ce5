//! What a text says of an answer that it looks at again: right, or wrong. Not: whether that is so.
//!
//! Read from phrases, sentence by sentence. One that finds something wrong decides, for a text that mends what it found ends by
//! calling the new answer right. Questions and announcements ("let me check if it is right") say nothing. A reconstruction: a
//! person may say it in other words, and then there is no appraisal.

use std::sync::LazyLock;

use regex::Regex;
use serde::{Deserialize, Serialize};

/// What is said of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Appraisal {
    Right,
    Wrong,
}

static WRONG: LazyLock<Regex> = LazyLock::new(|| {
    compile(
        r"(?i)\b(?:is|was|are|were|seems|looks) (?:clearly |also |indeed |actually )?(?:wrong|incorrect|mistaken|not (?:right|correct))\b|\b(?:is|was)n['’]t (?:right|correct)\b|\b(?:do|does|did)(?: not|n['’]t) (?:match|agree|fit|hold|check out)\b|\b(?:made|found|contains|there (?:is|was)) (?:a|an) (?:\w+ )?(?:mistake|error)\b|\[verify\] wrong",
    )
});
static RIGHT: LazyLock<Regex> = LazyLock::new(|| {
    compile(
        r"(?i)\b(?:is|was|are|were|seems|looks) (?:clearly |also |indeed |actually )?(?:right|correct|not wrong|not incorrect)\b|\bchecks? out\b|\b(?:every|all)(?: the)? (?:steps?|checks?) (?:stands?|holds?|pass(?:es)?|agrees?)\b|\bno (?:mistakes?|errors?)\b|\[verify\] correct",
    )
});

fn compile(pattern: &str) -> Regex {
    Regex::new(pattern).unwrap_or_else(|_| unreachable!("the patterns compile: a test does so"))
}

static ANNOUNCES: LazyLock<Regex> =
    LazyLock::new(|| compile(r"(?i)\?\s*$|\b(?:if|whether)\b|\b(?:check|see|verify|sure) that\b"));

/// What `text` says of the answer it looks at.
pub fn appraisal(text: &str) -> Option<Appraisal> {
    let mut right = false;
    for sentence in text.split_inclusive(['.', '!', '?', '\n']).filter(|sentence| !ANNOUNCES.is_match(sentence)) {
        if WRONG.is_match(sentence) {
            return Some(Appraisal::Wrong);
        }
        right |= RIGHT.is_match(sentence);
    }
    right.then_some(Appraisal::Right)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_and_what_is_only_asked() {
        for (text, wanted) in [
            ("My answer 41 is wrong. The answer is \\boxed{42}.", Some(Appraisal::Wrong)),
            ("Step 1 is right. So the answer is correct.", Some(Appraisal::Right)),
            ("That is not right. I redo it. Now the result checks out.", Some(Appraisal::Wrong)),
            ("My answer is not wrong.", Some(Appraisal::Right)),
            ("Is this right? Let me check if it is wrong.", None),
            ("Let me see whether my answer is correct. It is.", None),
            ("I make sure that nothing is wrong. All steps hold.", Some(Appraisal::Right)),
            ("The result isn't correct.", Some(Appraisal::Wrong)),
            ("I made a small mistake in step 2.", Some(Appraisal::Wrong)),
            ("Every step stands.", Some(Appraisal::Right)),
            ("This doesn’t match the 12 given", Some(Appraisal::Wrong)),
            ("[VERIFY] correct.", Some(Appraisal::Right)),
            ("There were no errors.", Some(Appraisal::Right)),
            ("He turns right. The answer is \\boxed{42}.", None),
            ("", None),
        ] {
            assert_eq!(appraisal(text), wanted, "{text}");
        }
    }
}
