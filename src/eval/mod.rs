//! Scores of a model from graded samples: pure formulas. Not: the drawing of the samples, nor how scores are shown.

pub mod compare;
pub mod moves;
pub mod score;
pub mod vote;

pub use compare::{Comparison, Flip, compare, pooled};
pub use moves::Moves;
pub use score::{Answered, Graded, Score};
pub use vote::{Ballot, majority_at_k};

/// The chance that at least one of `k` samples is right, from `correct` of `samples`, without bias (Chen et al. 2021):
/// 1 - C(n - c, k)/C(n, k), as the product of 1 - k/j for j from n - c + 1 to n. `k` above `samples` is taken as `samples`.
pub fn pass_at_k(samples: u32, correct: u32, k: u32) -> f64 {
    let (correct, k) = (correct.min(samples), k.min(samples));
    if samples - correct < k {
        return 1.0;
    }
    1.0 - (samples - correct + 1..=samples).map(|j| 1.0 - f64::from(k) / f64::from(j)).product::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pass_at_k_as_published() {
        for (samples, correct, k, wanted) in [
            (10, 3, 1, 0.3),
            (10, 3, 5, 0.916_667),
            (8, 1, 4, 0.5),
            (64, 5, 8, 0.499_008),
            (4, 0, 2, 0.0),
            (5, 2, 5, 1.0),
        ] {
            let found = pass_at_k(samples, correct, k);
            assert!((found - wanted).abs() < 1e-6, "{samples} {correct} {k}: {found}");
        }
    }
}
