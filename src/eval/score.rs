//! What a model scores on a set of problems, with how sure that is. Problems are the units: their samples have them in common.

use serde::Serialize;

use super::{Ballot, majority_at_k};
use crate::filter::Transition;
use crate::stats::{Bootstrap, Interval};

/// One graded sample.
#[derive(Debug, Clone, PartialEq)]
pub struct Graded {
    pub correct: bool,
    /// As it was extracted.
    pub answer: Option<String>,
    /// Written by the model.
    pub tokens: usize,
    /// It did not end by itself.
    pub truncated: bool,
    /// From the first answer in the chain to the last.
    pub transition: Option<Transition>,
}

/// A problem with its samples under one model and setting.
#[derive(Debug, Clone, PartialEq)]
pub struct Answered {
    pub problem: String,
    pub gold: String,
    pub samples: Vec<Graded>,
}

/// Shares are of all samples, unless something else is said.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Score {
    pub problems: usize,
    /// Samples of a problem, at most.
    pub n: usize,
    /// Mean over problems of the share of right samples (avg@n), with its 95% interval.
    pub pass_at_1: Interval,
    /// Accuracy of a majority of all samples of a problem, with its 95% interval.
    pub maj_at_k: Interval,
    /// Tokens of a completion, in the mean.
    pub mean_tokens: f64,
    /// The same of those that ended by themselves.
    pub mean_tokens_ended: f64,
    pub truncated: f64,
    /// In the chain: the first answer wrong and the last right, and the other way round.
    pub f_to_t: f64,
    pub t_to_f: f64,
    /// The first answer of the chain right.
    pub first_right: f64,
}

impl Score {
    /// `None` where there is no sample.
    pub fn of(answered: &[Answered]) -> Option<Self> {
        let answered: Vec<&Answered> = answered.iter().filter(|answered| !answered.samples.is_empty()).collect();
        let n = answered.iter().map(|answered| answered.samples.len()).max()?;
        let resample = Bootstrap::over(answered.len());
        let pass = |answered: &&Answered| share(&answered.samples, |sample| sample.correct);
        let majority = |answered: &&Answered| {
            let answers: Vec<Option<&str>> = answered.samples.iter().map(|sample| sample.answer.as_deref()).collect();
            majority_at_k(&Ballot::new(&answered.gold, &answers), answers.len(), 0)
        };
        let all: Vec<&Graded> = answered.iter().flat_map(|answered| &answered.samples).collect();
        let moved = |wanted: &[Transition]| {
            share(&all, |sample| sample.transition.is_some_and(|transition| wanted.contains(&transition)))
        };
        Some(Self {
            problems: answered.len(),
            n,
            pass_at_1: resample.proportion(&answered.iter().map(pass).collect::<Vec<_>>()),
            maj_at_k: resample.proportion(&answered.iter().map(majority).collect::<Vec<_>>()),
            mean_tokens: mean(all.iter().map(|sample| sample.tokens)),
            mean_tokens_ended: mean(all.iter().filter(|sample| !sample.truncated).map(|sample| sample.tokens)),
            truncated: share(&all, |sample| sample.truncated),
            f_to_t: moved(&[Transition::FalseTrue]),
            t_to_f: moved(&[Transition::TrueFalse]),
            first_right: moved(&[Transition::TrueTrue, Transition::TrueFalse]),
        })
    }
}

fn share<T>(of: &[T], counts: impl Fn(&T) -> bool) -> f64 {
    if of.is_empty() { 0.0 } else { of.iter().filter(|one| counts(one)).count() as f64 / of.len() as f64 }
}

fn mean(values: impl Iterator<Item = usize>) -> f64 {
    let (sum, count) = values.fold((0, 0), |(sum, count), value| (sum + value, count + 1));
    if count == 0 { 0.0 } else { sum as f64 / f64::from(count) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(answer: &str, transition: Transition) -> Graded {
        Graded {
            correct: answer == "1",
            answer: Some(answer.into()),
            tokens: 10,
            truncated: answer == "3",
            transition: Some(transition),
        }
    }

    #[test]
    fn every_problem_counts_the_same() {
        use Transition::{FalseOther, FalseTrue, TrueFalse, TrueTrue};
        let of = |problem: &str, samples| Answered { problem: problem.into(), gold: "1".into(), samples };
        let answered = [
            of(
                "a",
                vec![sample("1", FalseTrue), sample("1", TrueTrue), sample("2", TrueFalse), sample("3", FalseOther)],
            ),
            of("b", vec![sample("2", FalseOther)]),
            of("never drawn", Vec::new()),
        ];
        let score = Score::of(&answered).unwrap();
        assert_eq!((score.problems, score.n, score.pass_at_1.value), (2, 4, 0.25));
        assert_eq!(score.maj_at_k.value, 0.5, "a is right by two votes of four");
        assert_eq!((score.truncated, score.f_to_t, score.t_to_f, score.first_right), (0.2, 0.2, 0.2, 0.4));
        assert_eq!((score.mean_tokens, score.mean_tokens_ended), (10.0, 10.0));
        assert!(score.pass_at_1.low >= 0.0 && score.pass_at_1.high <= 0.5);
        assert_eq!(Score::of(&[]), None);
    }
}
