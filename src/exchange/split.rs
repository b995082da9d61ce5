//! Which problems are held out to validate: the same for the same problems and seed, whatever order samples come in, and the same
//! that a training here holds out.

use std::collections::BTreeSet;

use sha2::{Digest, Sha256};

/// The problems held out of some.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Split {
    held_out: BTreeSet<String>,
}

impl Split {
    /// Holds out this share of the problems, to the nearest problem: those whose hash with the seed is lowest. One at least
    /// stays to train on.
    pub fn of<'a>(problems: impl IntoIterator<Item = &'a str>, share: f64, seed: u64) -> Self {
        let problems: BTreeSet<&str> = problems.into_iter().collect();
        let count = (problems.len() as f64 * share.clamp(0.0, 1.0)).round() as usize;
        let count = count.min(problems.len().saturating_sub(1));
        let mut ranked: Vec<(Vec<u8>, &str)> =
            problems.into_iter().map(|problem| (digest(problem, seed), problem)).collect();
        ranked.sort_unstable();
        Self { held_out: ranked.into_iter().take(count).map(|(_, problem)| problem.to_owned()).collect() }
    }

    /// A split that was made elsewhere.
    pub fn known<'a>(held_out: impl IntoIterator<Item = &'a str>) -> Self {
        Self { held_out: held_out.into_iter().map(str::to_owned).collect() }
    }

    pub fn holds_out(&self, problem: &str) -> bool {
        self.held_out.contains(problem)
    }
}

fn digest(problem: &str, seed: u64) -> Vec<u8> {
    Sha256::new().chain_update(seed.to_le_bytes()).chain_update(problem).finalize().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_split_follows_problems_and_seed_alone() {
        let names: Vec<String> = (0..200).map(|at| format!("p-{at}")).collect();
        let split = |seed| Split::of(names.iter().map(String::as_str), 0.1, seed);
        assert_eq!(split(3), Split::of(names.iter().rev().chain(&names).map(String::as_str), 0.1, 3));
        assert_ne!(split(3), split(4));
        assert_eq!(names.iter().filter(|name| split(3).holds_out(name)).count(), 20);
    }

    #[test]
    fn something_stays_to_train_on() {
        assert!(!Split::of(["a"], 0.9, 0).holds_out("a"));
        assert_eq!(Split::of(["a", "b"], 0.0, 0), Split::default());
    }
}
