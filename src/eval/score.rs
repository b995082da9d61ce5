//! What a model scores on a set of problems, with how sure that is. Problems are the units: their samples have them in common.

use serde::{Deserialize, Serialize};

use super::{Ballot, majority_at_k, pass_at_k};
use crate::filter::Transition;
use crate::filter::behaviours::Behaviour;
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
    /// Behaviours that the chain shows.
    pub behaviours: Vec<Behaviour>,
    /// Where the chain calls its first answer right or wrong: whether it is right, and whether the chain says so.
    pub verdict: Option<(bool, bool)>,
}

/// A problem with its samples under one model and setting.
#[derive(Debug, Clone, PartialEq)]
pub struct Answered {
    pub problem: String,
    pub gold: String,
    pub level: Option<i64>,
    pub samples: Vec<Graded>,
}

impl Answered {
    /// The chance that one of `k` of its samples is right, without bias.
    pub fn pass_at(&self, k: u32) -> f64 {
        let right = self.samples.iter().filter(|sample| sample.correct).count();
        pass_at_k(self.samples.len() as u32, right as u32, k)
    }

    /// Share of right samples.
    pub fn pass_rate(&self) -> f64 {
        share(&self.samples, |sample| sample.correct)
    }
}

/// What a chain says of its first answer, against the truth.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Verdicts {
    /// Chains that say anything of it.
    pub said: usize,
    /// Of those with a wrong first answer, the share that call it wrong; and of those with a right one, right. `None` of none.
    pub on_wrong: Option<f64>,
    pub on_right: Option<f64>,
}

impl Verdicts {
    /// The mean of both, which no constant answer can raise above a half.
    pub fn balanced(&self) -> Option<f64> {
        Some((self.on_wrong? + self.on_right?) / 2.0)
    }
}

/// Shares are of all samples, unless something else is said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Score {
    pub problems: usize,
    /// Samples of a problem, at most.
    pub n: usize,
    /// Mean over problems of the share of right samples (avg@n), with its 95% interval.
    pub pass_at_1: Interval,
    /// The chance that one of k samples is right, without bias: (k, mean over problems), k doubling up to n.
    pub pass_at_k: Vec<(u32, f64)>,
    /// Accuracy of a majority of all samples of a problem, with its 95% interval.
    pub maj_at_k: Interval,
    /// pass@1 of each level, where problems have one.
    pub by_level: Vec<(i64, Interval)>,
    /// Tokens of a completion: mean and median.
    pub mean_tokens: f64,
    pub median_tokens: f64,
    /// Means of those that ended by themselves, of right ones, and of wrong ones that ended.
    pub mean_tokens_ended: f64,
    pub mean_tokens_right: f64,
    pub mean_tokens_wrong: f64,
    pub truncated: f64,
    /// In the chain: the first answer wrong and the last right, and the other way round.
    pub f_to_t: f64,
    pub t_to_f: f64,
    /// The first answer of the chain right.
    pub first_right: f64,
    /// Share of chains that show each behaviour.
    pub behaviours: Vec<(Behaviour, f64)>,
    pub verdicts: Verdicts,
}

impl Score {
    /// `None` where there is no sample.
    pub fn of(answered: &[Answered]) -> Option<Self> {
        let answered: Vec<&Answered> = answered.iter().filter(|answered| !answered.samples.is_empty()).collect();
        let n = answered.iter().map(|answered| answered.samples.len()).max()?;
        let resample = Bootstrap::over(answered.len());
        let majority = |answered: &&Answered| {
            let answers: Vec<Option<&str>> = answered.samples.iter().map(|sample| sample.answer.as_deref()).collect();
            majority_at_k(&Ballot::new(&answered.gold, &answers), answers.len(), 0)
        };
        let all: Vec<&Graded> = answered.iter().flat_map(|answered| &answered.samples).collect();
        let moved = |wanted: &[Transition]| {
            share(&all, |sample| sample.transition.is_some_and(|transition| wanted.contains(&transition)))
        };
        let tokens = |counts: fn(&Graded) -> bool| {
            mean(all.iter().filter(|sample| counts(sample)).map(|sample| sample.tokens as f64))
        };
        Some(Self {
            problems: answered.len(),
            n,
            pass_at_1: resample.proportion(&rates(&answered)),
            pass_at_k: std::iter::successors(Some(1), |k| Some(2 * k))
                .take_while(|k| *k as usize <= n)
                .map(|k| (k, mean(answered.iter().map(|answered| answered.pass_at(k)))))
                .collect(),
            maj_at_k: resample.proportion(&answered.iter().map(majority).collect::<Vec<_>>()),
            by_level: by_level(&answered),
            mean_tokens: tokens(|_| true),
            median_tokens: median(all.iter().map(|sample| sample.tokens).collect()),
            mean_tokens_ended: tokens(|sample| !sample.truncated),
            mean_tokens_right: tokens(|sample| sample.correct),
            mean_tokens_wrong: tokens(|sample| !sample.correct && !sample.truncated),
            truncated: share(&all, |sample| sample.truncated),
            f_to_t: moved(&[Transition::FalseTrue]),
            t_to_f: moved(&[Transition::TrueFalse]),
            first_right: moved(&[Transition::TrueTrue, Transition::TrueFalse]),
            behaviours: Behaviour::ALL
                .into_iter()
                .map(|behaviour| (behaviour, share(&all, |sample| sample.behaviours.contains(&behaviour))))
                .collect(),
            verdicts: verdicts(&all),
        })
    }
}

fn rates(answered: &[&Answered]) -> Vec<f64> {
    answered.iter().map(|answered| answered.pass_rate()).collect()
}

fn by_level(answered: &[&Answered]) -> Vec<(i64, Interval)> {
    let mut levels: Vec<i64> = answered.iter().filter_map(|answered| answered.level).collect();
    levels.sort_unstable();
    levels.dedup();
    let of = |level: i64| {
        let there: Vec<&Answered> = answered.iter().copied().filter(|answered| answered.level == Some(level)).collect();
        (level, Bootstrap::over(there.len()).proportion(&rates(&there)))
    };
    levels.into_iter().map(of).collect()
}

fn verdicts(all: &[&Graded]) -> Verdicts {
    let said: Vec<(bool, bool)> = all.iter().filter_map(|sample| sample.verdict).collect();
    let fits = |right: bool| {
        let of: Vec<bool> = said.iter().filter(|(is, _)| *is == right).map(|(is, says)| is == says).collect();
        (!of.is_empty()).then(|| share(&of, |fits| *fits))
    };
    Verdicts { said: said.len(), on_wrong: fits(false), on_right: fits(true) }
}

fn share<T>(of: &[T], counts: impl Fn(&T) -> bool) -> f64 {
    if of.is_empty() { 0.0 } else { of.iter().filter(|one| counts(one)).count() as f64 / of.len() as f64 }
}

/// 0 of nothing.
pub(super) fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
    if count == 0.0 { 0.0 } else { sum / count }
}

fn median(mut values: Vec<usize>) -> f64 {
    values.sort_unstable();
    match values.len() {
        0 => 0.0,
        even if even % 2 == 0 => (values[even / 2 - 1] + values[even / 2]) as f64 / 2.0,
        odd => values[odd / 2] as f64,
    }
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
            behaviours: if answer == "1" { vec![Behaviour::Verification] } else { Vec::new() },
            verdict: (answer != "3").then_some((answer == "1", true)),
        }
    }

    #[test]
    fn every_problem_counts_the_same() {
        use Transition::{FalseOther, FalseTrue, TrueFalse, TrueTrue};
        let of =
            |problem: &str, samples| Answered { problem: problem.into(), gold: "1".into(), level: Some(1), samples };
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
        let near = |(at, wanted): (usize, (u32, f64))| {
            score.pass_at_k[at].0 == wanted.0 && (score.pass_at_k[at].1 - wanted.1).abs() < 1e-12
        };
        assert!([(1, 0.25), (2, 5.0 / 12.0), (4, 0.5)].into_iter().enumerate().all(near), "{:?}", score.pass_at_k);
        assert_eq!(score.pass_at_k.len(), 3);
        assert_eq!((score.median_tokens, score.by_level[0].1.value), (10.0, 0.25));
        assert_eq!(score.behaviours[0], (Behaviour::Verification, 0.4));
        assert_eq!(score.verdicts, Verdicts { said: 4, on_wrong: Some(0.0), on_right: Some(1.0) });
        assert_eq!(score.verdicts.balanced(), Some(0.5));
        assert!(score.pass_at_1.low >= 0.0 && score.pass_at_1.high <= 0.5);
        assert_eq!(Score::of(&[]), None);
    }
}
