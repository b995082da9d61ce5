//! Majority voting: answers that the grader holds equal are one vote.

use rand::SeedableRng;
use rand::seq::index;
use rand_chacha::ChaCha8Rng;

use crate::math;

/// Subsets that are looked at, at most; all of them where there are no more.
const SUBSETS: u64 = 2_000;

/// The answers of one problem's samples, put together by the grader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ballot {
    /// For each sample the party that it votes for; `None` where it has no answer that can be graded.
    votes: Vec<Option<usize>>,
    /// Whether each party is right.
    right: Vec<bool>,
}

impl Ballot {
    /// Of answers as they were extracted. One that the grader cannot read at all has no vote; one that it can read but not
    /// compare with the gold one is a wrong vote, or votes would depend on what the gold answer is.
    pub fn new(gold: &str, answers: &[Option<&str>]) -> Self {
        let mut parties: Vec<&str> = Vec::new();
        let mut right = Vec::new();
        let votes = answers
            .iter()
            .map(|answer| {
                let answer = (*answer)?;
                let same = |party: &&str| *party == answer || math::grade(party, answer).equal == Some(true);
                if let Some(at) = parties.iter().position(same) {
                    return Some(at);
                }
                math::grade(answer, answer).equal?;
                right.push(math::grade(gold, answer).equal == Some(true));
                parties.push(answer);
                Some(parties.len() - 1)
            })
            .collect();
        Self { votes, right }
    }

    /// What a vote of these samples is worth: right parties over all that have most votes, so that a tie is broken at random in
    /// expectation. 0 where nobody votes.
    fn credit(&self, samples: impl Iterator<Item = usize>) -> f64 {
        let mut counts = vec![0u32; self.right.len()];
        for vote in samples.filter_map(|sample| self.votes[sample]) {
            counts[vote] += 1;
        }
        let most = counts.iter().copied().max().filter(|most| *most > 0);
        let Some(most) = most else { return 0.0 };
        let tied = || (0..counts.len()).filter(|&party| counts[party] == most);
        tied().filter(|&party| self.right[party]).count() as f64 / tied().count() as f64
    }
}

/// Accuracy of a majority of `k` samples of one problem: the mean over all subsets of that size, or over 2,000 drawn from
/// `seed` where there are more. `k` above the number of samples takes all.
pub fn majority_at_k(ballot: &Ballot, k: usize, seed: u64) -> f64 {
    let samples = ballot.votes.len();
    if k >= samples {
        return ballot.credit(0..samples);
    }
    if subsets(samples as u64, k as u64).is_none_or(|count| count > SUBSETS) {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let sum: f64 = (0..SUBSETS).map(|_| ballot.credit(index::sample(&mut random, samples, k).into_iter())).sum();
        return sum / SUBSETS as f64;
    }
    let mut chosen: Vec<usize> = (0..k).collect();
    let (mut sum, mut count) = (0.0, 0.0);
    loop {
        sum += ballot.credit(chosen.iter().copied());
        count += 1.0;
        // The next subset in order: the last place that can move on does, and those behind it follow.
        let Some(at) = (0..k).rev().find(|&at| chosen[at] < samples - k + at) else { return sum / count };
        chosen[at] += 1;
        for behind in at + 1..k {
            chosen[behind] = chosen[behind - 1] + 1;
        }
    }
}

/// C(n, k), unless it is beyond counting.
fn subsets(n: u64, k: u64) -> Option<u64> {
    (0..k.min(n - k)).try_fold(1u64, |product, at| Some(product.checked_mul(n - at)? / (at + 1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ballot(answers: &[&str]) -> Ballot {
        let answers: Vec<Option<&str>> = answers.iter().map(|answer| Some(*answer).filter(|a| !a.is_empty())).collect();
        Ballot::new("1/2", &answers)
    }

    #[test]
    fn equal_answers_are_one_party_and_ties_are_shared() {
        assert_eq!(majority_at_k(&ballot(&["0.5", "\\frac{1}{2}", "3"]), 3, 0), 1.0);
        assert_eq!(majority_at_k(&ballot(&["0.5", "3"]), 2, 0), 0.5);
        assert_eq!(majority_at_k(&ballot(&["4", "3", "0.5", ""]), 4, 0), 1.0 / 3.0);
        assert_eq!(majority_at_k(&ballot(&["", ""]), 2, 0), 0.0);
        assert_eq!(majority_at_k(&ballot(&["(1, 2)", "(1, 2)", "0.5"]), 3, 0), 0.0, "another kind of answer votes too");
    }

    #[test]
    fn a_vote_of_one_is_a_sample() {
        let ballot = ballot(&["0.5", "3", "3", "1/2", "7"]);
        assert!((majority_at_k(&ballot, 1, 0) - 0.4).abs() < 1e-12);
        // Of the five subsets of 4, two have most votes for 1/2, two for 3, and one has a tie.
        assert!((majority_at_k(&ballot, 4, 0) - 2.5 / 5.0).abs() < 1e-12);
    }

    #[test]
    fn many_subsets_are_sampled() {
        let answers: Vec<&str> = (0..40).map(|at| if at % 3 == 0 { "3" } else { "1/2" }).collect();
        let ballot = ballot(&answers);
        let found = majority_at_k(&ballot, 15, 9);
        assert!(found > 0.9 && found < 1.0, "{found}");
        assert_eq!(found, majority_at_k(&ballot, 15, 9));
        assert_eq!(subsets(40, 15), Some(40_225_345_056));
    }
}
