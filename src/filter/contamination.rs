//! Whether a problem stands in a benchmark: shared word n-grams, and the same text but for digits and punctuation.

use std::collections::{HashMap, HashSet};
use std::fmt;

use super::text::{ngrams, words};

/// Shared runs of so many words are taken for the same problem.
pub const SURE: usize = 13;
/// Shared runs of so many words are worth a look: nearly all are boilerplate.
pub const REVIEW: usize = 8;

/// What stands in the chosen benchmarks.
#[derive(Debug, Clone)]
pub struct Benchmarks {
    /// Words of a run that counts, and of one that is worth a look.
    runs: (usize, usize),
    sure: HashMap<u64, u32>,
    review: HashSet<u64>,
    stripped: HashMap<String, u32>,
    names: Vec<String>,
}

/// What a problem shares with benchmarks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Contaminated {
    /// 13-grams that stand in a benchmark.
    pub sure: usize,
    /// 8-grams that stand in a benchmark.
    pub review: usize,
    /// The same text as a benchmark's problem once digits and punctuation are taken out.
    pub stripped: bool,
    /// The benchmark problem found first.
    pub of: Option<String>,
}

impl Contaminated {
    /// What counts against the problem.
    pub fn hits(&self) -> usize {
        self.sure + usize::from(self.stripped)
    }
}

impl fmt::Display for Contaminated {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = self.of.as_deref().unwrap_or("a benchmark");
        match (self.stripped, self.sure, self.review) {
            (true, _, _) => write!(out, "the text of {of} but for digits and punctuation"),
            (false, 1.., _) => write!(out, "{} runs of words as in {of}", self.sure),
            (false, 0, 1..) => write!(out, "{} shorter runs of words as in benchmarks: worth a look", self.review),
            _ => write!(out, "nothing shared with the benchmarks"),
        }
    }
}

impl Default for Benchmarks {
    fn default() -> Self {
        Self::with_runs(SURE, REVIEW)
    }
}

impl Benchmarks {
    /// Runs of other lengths than usual: words of one that counts, and of one that is worth a look.
    pub fn with_runs(sure: usize, review: usize) -> Self {
        Self {
            runs: (sure, review),
            sure: HashMap::new(),
            review: HashSet::new(),
            stripped: HashMap::new(),
            names: Vec::new(),
        }
    }

    /// Adds a problem of a benchmark under a name that a reader knows it by.
    pub fn add(&mut self, name: &str, problem: &str) {
        let number = self.names.len() as u32;
        self.names.push(name.to_owned());
        let words = words(problem);
        for gram in ngrams(&words, self.runs.0) {
            self.sure.entry(gram).or_insert(number);
        }
        self.review.extend(ngrams(&words, self.runs.1));
        let text = stripped(problem);
        if !text.is_empty() {
            self.stripped.entry(text).or_insert(number);
        }
    }

    /// Whether no problem was added.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Problems that were added.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Looks a problem up.
    pub fn look_up(&self, problem: &str) -> Contaminated {
        let words = words(problem);
        let mut found = Contaminated::default();
        let mut of = None;
        for gram in ngrams(&words, self.runs.0) {
            if let Some(number) = self.sure.get(&gram) {
                found.sure += 1;
                of = of.or(Some(*number));
            }
        }
        found.review = ngrams(&words, self.runs.1).iter().filter(|gram| self.review.contains(gram)).count();
        if let Some(number) = self.stripped.get(&stripped(problem)) {
            found.stripped = true;
            of = Some(*number);
        }
        found.of = of.and_then(|number| self.names.get(number as usize)).cloned();
        found
    }
}

/// Letters alone, in lower case and without spaces; the underscore of a subscript stays.
fn stripped(text: &str) -> String {
    text.chars().filter(|letter| letter.is_alphabetic() || *letter == '_').flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: &str =
        "A robe takes 2 bolts of blue fiber and half that much white fiber. How many bolts in total does it take?";

    fn benchmarks() -> Benchmarks {
        let mut benchmarks = Benchmarks::default();
        benchmarks.add("gsm8k/test/1", KNOWN);
        benchmarks
    }

    #[test]
    fn the_same_problem_is_found_whatever_its_case_numbers_and_layout() {
        let found = benchmarks().look_up(&KNOWN.to_uppercase().replace(' ', "\n "));
        assert_eq!((found.sure, found.stripped, found.of.as_deref()), (10, true, Some("gsm8k/test/1")));
        let numbers = benchmarks().look_up(&KNOWN.replace('2', "17"));
        assert!(numbers.stripped && numbers.hits() > 0);
        assert!(numbers.to_string().contains("gsm8k/test/1 but for digits"));
    }

    #[test]
    fn a_shared_phrase_is_for_review_and_a_new_problem_is_clean() {
        let phrase = benchmarks().look_up("How many bolts in total does it take? Say it in one word.");
        assert_eq!((phrase.sure, phrase.review, phrase.hits()), (0, 1, 0));
        let clean = benchmarks().look_up("Find the sum of all primes below 100.");
        assert_eq!(clean, Contaminated::default());
        assert!(Benchmarks::default().is_empty() && benchmarks().len() == 1);
    }
}
