//! The four behaviours of the method, found by patterns: where in a chain, how often.

use regex::Regex;
use serde::{Deserialize, Serialize};

use super::settings::{Settings, compile};

/// What a chain does beside computing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Behaviour {
    /// A result is checked.
    Verification,
    /// A way that leads nowhere is left.
    Backtracking,
    /// The problem is taken apart.
    Subgoal,
    /// From what is wanted back to what is given.
    Backward,
}

impl Behaviour {
    pub const ALL: [Behaviour; 4] =
        [Behaviour::Verification, Behaviour::Backtracking, Behaviour::Subgoal, Behaviour::Backward];

    pub fn name(self) -> &'static str {
        match self {
            Behaviour::Verification => "verification",
            Behaviour::Backtracking => "backtracking",
            Behaviour::Subgoal => "subgoal",
            Behaviour::Backward => "backward",
        }
    }

    pub fn named(name: &str) -> Option<Behaviour> {
        Self::ALL.into_iter().find(|behaviour| behaviour.name() == name)
    }
}

/// A place that shows a behaviour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hit {
    pub behaviour: Behaviour,
    /// Bytes in the chain.
    pub begin: usize,
    pub end: usize,
}

/// The compiled patterns.
#[derive(Debug, Clone)]
pub struct Detector {
    patterns: Vec<(Behaviour, Regex)>,
}

impl Detector {
    /// Compiles the settings' patterns.
    pub fn new(settings: &Settings) -> Self {
        // Settings hold only patterns that compile.
        let patterns = Behaviour::ALL
            .into_iter()
            .filter_map(|behaviour| Some((behaviour, compile(settings.behaviour(behaviour)).ok()?)))
            .collect();
        Self { patterns }
    }

    /// Every hit outside verbatim quotes of the problem, in order. An empty match is none.
    pub fn hits(&self, chain: &str, problem: &str) -> Vec<Hit> {
        let quoted = quotes(chain, problem);
        let inside = |begin: usize| quoted.iter().any(|(from, to)| (*from..*to).contains(&begin));
        let mut hits: Vec<Hit> =
            self.patterns
                .iter()
                .flat_map(|(behaviour, pattern)| {
                    pattern
                        .find_iter(chain)
                        .filter(|found| !found.is_empty() && !inside(found.start()))
                        .map(|found| Hit { behaviour: *behaviour, begin: found.start(), end: found.end() })
                })
                .collect();
        hits.sort_by_key(|hit| (hit.begin, hit.behaviour));
        hits
    }
}

/// Hits of one kind for each 1,000 tokens; 0 for a chain without tokens.
pub fn per_thousand(hits: usize, tokens: usize) -> f64 {
    if tokens == 0 { 0.0 } else { hits as f64 * 1000.0 / tokens as f64 }
}

/// Where the chain repeats a sentence of the problem word for word.
fn quotes(chain: &str, problem: &str) -> Vec<(usize, usize)> {
    let sentences = problem.split_inclusive(['.', '?', '!', '\n']).map(str::trim).filter(|text| text.len() >= 20);
    sentences.flat_map(|text| chain.match_indices(text).map(|(at, found)| (at, at + found.len()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(chain: &str) -> Vec<(Behaviour, &str)> {
        let detector = Detector::new(&Settings::default());
        detector.hits(chain, "").into_iter().map(|hit| (hit.behaviour, &chain[hit.begin..hit.end])).collect()
    }

    #[test]
    fn each_behaviour_is_found_where_it_stands() {
        for (text, behaviour) in [
            ("Let me check this.", Behaviour::Verification),
            ("We verify the result.", Behaviour::Verification),
            ("Plugging 3 back into the equation gives 9.", Behaviour::Verification),
            ("Wait, that is 7.", Behaviour::Backtracking),
            ("I made a mistake above.", Behaviour::Backtracking),
            ("Let's try another way.", Behaviour::Backtracking),
            ("Step 1: find the cost.", Behaviour::Subgoal),
            ("Break the problem down.", Behaviour::Subgoal),
            ("Working backwards from 10.", Behaviour::Backward),
            ("Start from what the answer must be: start with the goal.", Behaviour::Backward),
        ] {
            assert!(found(text).iter().any(|hit| hit.0 == behaviour), "{text}: {:?}", found(text));
        }
        assert_eq!(found("He has 3 apples and buys 4. So 3+4=7. \\boxed{7}"), []);
    }

    #[test]
    fn words_of_the_problem_are_no_behaviour() {
        let problem = "Ann must verify 12 forms an hour. How many in 3 hours?";
        let detector = Detector::new(&Settings::default());
        assert_eq!(detector.hits("Ann must verify 12 forms an hour. So 36.", problem), []);
        assert_eq!(detector.hits("Ann must verify 12 forms an hour. I verify: 36.", problem).len(), 1);
        assert_eq!(per_thousand(3, 600), 5.0);
    }
}
