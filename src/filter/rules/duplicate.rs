//! Likeness of two chains of one problem: Jaccard's index over their word 5-grams, exact.
//!
//! MinHash estimates the same number; with the few hundred chains that a problem has, comparing sorted sets is as quick and
//! has no error.

use super::super::text::{Word, ngrams};

const WORDS: usize = 5;
/// Pairs less alike than this are not kept.
pub const FLOOR: f64 = 0.5;

/// The set of a chain's 5-grams, sorted. A chain of fewer words is one shingle.
pub fn shingles(words: &[Word]) -> Vec<u64> {
    let mut set = ngrams(words, WORDS.min(words.len().max(1)));
    set.sort_unstable();
    set.dedup();
    set
}

/// Jaccard's index of two sorted sets, 0 to 1; two empty ones are the same.
pub fn similarity(one: &[u64], other: &[u64]) -> f64 {
    if one.is_empty() && other.is_empty() {
        return 1.0;
    }
    // Sets of very different sizes cannot be alike.
    let (small, large) = (one.len().min(other.len()), one.len().max(other.len()));
    if (small as f64) < FLOOR * large as f64 {
        return 0.0;
    }
    let (mut at, mut to, mut both) = (0, 0, 0usize);
    while at < one.len() && to < other.len() {
        match one[at].cmp(&other[to]) {
            std::cmp::Ordering::Less => at += 1,
            std::cmp::Ordering::Greater => to += 1,
            std::cmp::Ordering::Equal => {
                both += 1;
                at += 1;
                to += 1;
            }
        }
    }
    both as f64 / (one.len() + other.len() - both) as f64
}

#[cfg(test)]
mod tests {
    use super::super::super::text::words;
    use super::*;

    fn likeness(one: &str, other: &str) -> f64 {
        similarity(&shingles(&words(one)), &shingles(&words(other)))
    }

    #[test]
    fn likeness_is_one_for_the_same_and_falls_with_changes() {
        let text: String = (0..60).map(|at| format!("word{at} ")).collect();
        assert_eq!(likeness(&text, &text), 1.0);
        assert_eq!(likeness(&text, &text.to_uppercase()), 1.0);
        let changed = text.replace("word30 ", "other ");
        // 56 shingles each, 5 of them hold the changed word: 51 of 61.
        assert_eq!(likeness(&text, &changed), 51.0 / 61.0);
        assert_eq!(likeness(&text, "quite another text of some words"), 0.0);
        assert_eq!(likeness("", ""), 1.0);
        assert_eq!(likeness("two words", "two words"), 1.0);
    }
}
