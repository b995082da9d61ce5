//! What the model is taught, and what is kept from it: the mix of single turns and dialogues, the pool, the test set.

use std::collections::BTreeSet;

use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::problem::{self, Key, Problem};
use super::{Attempt, revision};
use crate::dialogue::Policy;
use crate::filter::behaviours::Behaviour;
use crate::records::{self, Message, Role};
use crate::train::dataset::Example;

/// Problems of each level in the pool and in the test set.
pub const POOL_PER_LEVEL: usize = 400;
pub const TEST_PER_LEVEL: usize = 80;

/// Share of the examples that are single turns; the rest are dialogues.
const SINGLE: f64 = 0.5;
/// How much a token of a single turn counts beside one of a dialogue: there are a quarter as many, and a leap is harder to
/// learn than a fact about single digits.
const SINGLE_WEIGHT: f32 = 2.0;
/// Share of the dialogues whose attempt is right.
const RIGHT: f64 = 0.5;
/// Share of the prompts and guidances that are in the words of the default policy; the rest are shorter ones.
const DEFAULT_WORDS: f64 = 0.7;

/// Ways to ask for a second look besides those of the default policy.
fn requests(strategy: Behaviour) -> [&'static str; 3] {
    match strategy {
        Behaviour::Verification => {
            ["Please check your answer.", "Can you verify each step?", "Check every step again."]
        }
        Behaviour::Backtracking => [
            "Go back and find the step with a mistake.",
            "Look for the first wrong step and go on from there.",
            "Go back over your steps.",
        ],
        Behaviour::Subgoal => [
            "Split it into parts and solve each part.",
            "Solve it again in smaller parts.",
            "Which values are needed? Find them one at a time.",
        ],
        Behaviour::Backward => [
            "Start from your answer and work backward.",
            "Does your answer lead back to the numbers given?",
            "Work backward from the answer.",
        ],
    }
}

/// The problems that no example of the corpus shares operations and numbers with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sets {
    /// For training by the method.
    pub pool: Vec<Problem>,
    /// For evaluation only.
    pub test: Vec<Problem>,
}

impl Sets {
    /// The test set and the pool of a seed, levels in turn, so that the first so many are of every level. No two problems in both
    /// have the same key.
    pub fn draw(seed: u64) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        random.set_stream(1);
        let mut taken = BTreeSet::new();
        let mut level = |level: u8, count: usize| {
            let mut set = Vec::with_capacity(count);
            while set.len() < count {
                let problem = problem::draw(&mut random, level);
                if taken.insert(problem.key()) {
                    set.push(problem);
                }
            }
            set.into_iter()
        };
        let mut fill = |per_level: usize| {
            let mut levels: Vec<_> = (1..=5).map(|number| level(number, per_level)).collect();
            (0..per_level).flat_map(|_| levels.iter_mut().filter_map(Iterator::next).collect::<Vec<_>>()).collect()
        };
        let test = fill(TEST_PER_LEVEL);
        Self { pool: fill(POOL_PER_LEVEL), test }
    }

    pub fn keys(&self) -> BTreeSet<Key> {
        self.pool.iter().chain(&self.test).map(Problem::key).collect()
    }
}

/// A problem as sessions and files know it.
pub fn record(problem: &Problem, split: &str) -> records::Problem {
    records::Problem {
        id: format!("micro-{split}-{}", &records::Problem::id_of_text(&problem.text)[2..10]),
        text: problem.text.clone(),
        answer: problem.answer.to_string(),
        source: "micro".into(),
        split: Some(split.into()),
        level: Some(i64::from(problem.level)),
        subject: None,
        solution: None,
        extra: serde_json::Map::new(),
    }
}

/// An example of the corpus, and the problem that it is about.
#[derive(Debug, Clone, PartialEq)]
pub struct Taught {
    pub problem: Problem,
    pub example: Example,
}

/// `count` examples of a seed: what is shown, and the last assistant turn, which alone is learnt. Nothing that is wrong is
/// ever learnt. No problem has a key among `kept`.
pub fn taught(seed: u64, count: usize, kept: &BTreeSet<Key>, policy: &Policy) -> impl Iterator<Item = Taught> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    random.set_stream(2);
    (0..count).map(move |index| {
        let problem = loop {
            let level = random.random_range(1..=5);
            let problem = problem::draw(&mut random, level);
            if !kept.contains(&problem.key()) {
                break problem;
            }
        };
        let (prompt, answer, weight) = if random.random_bool(SINGLE) {
            let attempt = Attempt::right(&problem.task).map(|attempt| attempt.text()).unwrap_or_default();
            (vec![Message::new(Role::User, asked(&mut random, policy, &problem))], attempt, SINGLE_WEIGHT)
        } else {
            let (prompt, answer) = dialogue(&mut random, policy, &problem);
            (prompt, answer, 1.0)
        };
        let example = Example {
            key: format!("corpus/{index}"),
            problem_id: index.to_string(),
            prompt,
            answer,
            untrained: Vec::new(),
            weight,
        };
        Taught { problem, example }
    })
}

/// The first user turn.
fn asked(random: &mut impl Rng, policy: &Policy, problem: &Problem) -> String {
    if random.random_bool(DEFAULT_WORDS) {
        // The policy's prompt with the problem in it, as the dialogue renders it.
        policy.prompt.replace("{{ problem }}", &problem.text)
    } else {
        problem.text.clone()
    }
}

/// A dialogue of two turns, and the second answer.
fn dialogue(random: &mut impl Rng, policy: &Policy, problem: &Problem) -> (Vec<Message>, String) {
    let right = Attempt::right(&problem.task).filter(|_| random.random_bool(RIGHT));
    let attempt = right.unwrap_or_else(|| Attempt::wrong(random, problem));
    let strategy = Behaviour::ALL.choose(random).copied().unwrap_or(Behaviour::Verification);
    let named = policy.choices.iter().find(|(choice, _)| choice.name == strategy.name());
    let defaults: &[String] = named.map_or(&[], |(choice, _)| &choice.guidance);
    let request = match defaults.choose(random) {
        Some(guidance) if random.random_bool(DEFAULT_WORDS) => guidance.clone(),
        _ => requests(strategy).choose(random).copied().unwrap_or_default().to_owned(),
    };
    let messages = vec![
        Message::new(Role::User, asked(random, policy, problem)),
        Message::new(Role::Assistant, attempt.text()),
        Message::new(Role::User, request),
    ];
    (messages, revision::write(random, strategy, problem, &attempt))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialogue::Library;
    use crate::micro::recipe::Recipe;

    #[test]
    fn no_test_problem_is_in_the_pool_or_the_corpus() {
        let sets = Sets::draw(1);
        assert_eq!((sets.pool.len(), sets.test.len()), (5 * POOL_PER_LEVEL, 5 * TEST_PER_LEVEL));
        let pool: BTreeSet<Key> = sets.pool.iter().map(Problem::key).collect();
        let test: BTreeSet<Key> = sets.test.iter().map(Problem::key).collect();
        assert_eq!((pool.len(), test.len()), (sets.pool.len(), sets.test.len()));
        assert!(pool.is_disjoint(&test));
        // All of the corpus that the model was taught.
        let recipe: Recipe = toml::from_str(include_str!("../../assets/micro/recipe.toml")).unwrap();
        let policy = Library::load(None).unwrap().policy(Some("default")).unwrap();
        let kept = Sets::draw(recipe.seed).keys();
        for Taught { problem, example } in taught(recipe.seed, recipe.examples, &kept, &policy) {
            assert!(!kept.contains(&problem.key()), "{problem:?}");
            assert!(example.prompt[0].content.starts_with(&problem.text), "the example is about it");
        }
    }

    #[test]
    fn the_corpus_is_the_seeds() {
        let library = Library::load(None).unwrap();
        let policy = library.policy(Some("default")).unwrap();
        let kept = Sets::draw(1).keys();
        let draw = |seed| taught(seed, 50, &kept, &policy).map(|taught| taught.example).collect::<Vec<_>>();
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
        let some = draw(1);
        assert!(
            some.iter().any(|example| example.prompt.len() == 1)
                && some.iter().any(|example| example.prompt.len() == 3)
        );
    }
}
