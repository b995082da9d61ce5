//! Two models on the same problems: what one is better by, and where. Paired: each problem is compared with itself.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::Answered;
use super::score::mean;
use crate::stats::{Bootstrap, Interval};

/// A problem on which the models differ much.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Flip {
    pub problem: String,
    /// Pass rates.
    pub before: f64,
    pub after: f64,
}

/// The second model against the first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// Problems that both answered.
    pub problems: usize,
    /// Difference of pass@1 with its 95% interval, problems resampled in pairs.
    pub delta: Interval,
    /// Mean tokens over mean tokens, of completions that ended by themselves; `None` where one has none.
    pub length_ratio: Option<f64>,
    /// The same on the problems that both solve at least once, right completions only.
    pub length_ratio_both_right: Option<f64>,
    /// Problems whose pass rate rose or fell by a half or more, largest change first.
    pub gained: Vec<Flip>,
    pub lost: Vec<Flip>,
}

/// `None` where there is no problem that both answered.
pub fn compare(first: &[Answered], second: &[Answered]) -> Option<Comparison> {
    let pairs = pairs(first, second);
    if pairs.is_empty() {
        return None;
    }
    let deltas: Vec<f64> = pairs.iter().map(|(one, other)| other.pass_rate() - one.pass_rate()).collect();
    let mut flips: Vec<Flip> = pairs
        .iter()
        .map(|(one, other)| Flip { problem: one.problem.clone(), before: one.pass_rate(), after: other.pass_rate() })
        .filter(|flip| (flip.after - flip.before).abs() >= 0.5)
        .collect();
    flips.sort_by(|a, b| (b.after - b.before).abs().total_cmp(&(a.after - a.before).abs()));
    let (gained, lost) = flips.into_iter().partition(|flip| flip.after > flip.before);
    let both: Vec<_> =
        pairs.iter().copied().filter(|(one, other)| one.pass_rate() > 0.0 && other.pass_rate() > 0.0).collect();
    Some(Comparison {
        problems: pairs.len(),
        delta: mean_of(&deltas),
        length_ratio: ratio(&pairs, false),
        length_ratio_both_right: ratio(&both, true),
        gained,
        lost,
    })
}

/// The difference over several pairs of models (seeds of one recipe, say): averaged problem by problem, then resampled. `None`
/// where no problem is common to all.
pub fn pooled(pairs_of_models: &[(&[Answered], &[Answered])]) -> Option<Interval> {
    let mut sums: HashMap<&str, (f64, usize)> = HashMap::new();
    for (first, second) in pairs_of_models {
        for (one, other) in pairs(first, second) {
            let (sum, count) = sums.entry(&one.problem).or_default();
            *sum += other.pass_rate() - one.pass_rate();
            *count += 1;
        }
    }
    let all = pairs_of_models.len();
    let mut means: Vec<(&str, f64)> = sums
        .into_iter()
        .filter(|(_, (_, count))| *count == all)
        .map(|(problem, (sum, count))| (problem, sum / count as f64))
        .collect();
    means.sort_unstable_by_key(|(problem, _)| *problem);
    let deltas: Vec<f64> = means.into_iter().map(|(_, delta)| delta).collect();
    (!deltas.is_empty()).then(|| mean_of(&deltas))
}

fn mean_of(deltas: &[f64]) -> Interval {
    let units: Vec<(f64, f64)> = deltas.iter().map(|delta| (*delta, 1.0)).collect();
    Bootstrap::over(deltas.len()).change(&units)
}

fn pairs<'a>(first: &'a [Answered], second: &'a [Answered]) -> Vec<(&'a Answered, &'a Answered)> {
    let there = |answered: &&Answered| !answered.samples.is_empty();
    let others: HashMap<&str, &Answered> =
        second.iter().filter(there).map(|answered| (answered.problem.as_str(), answered)).collect();
    first.iter().filter(there).filter_map(|one| Some((one, *others.get(one.problem.as_str())?))).collect()
}

fn ratio(pairs: &[(&Answered, &Answered)], right: bool) -> Option<f64> {
    let tokens = |answered: &Answered| {
        let counts = |sample: &&super::Graded| !sample.truncated && (sample.correct || !right);
        let samples: Vec<f64> = answered.samples.iter().filter(counts).map(|sample| sample.tokens as f64).collect();
        (!samples.is_empty()).then(|| mean(samples.into_iter()))
    };
    let known: Vec<(f64, f64)> = pairs.iter().filter_map(|(one, other)| Some((tokens(one)?, tokens(other)?))).collect();
    let before = mean(known.iter().map(|(before, _)| *before));
    (before > 0.0).then(|| mean(known.iter().map(|(_, after)| *after)) / before)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::Graded;

    fn answered(problem: &str, right: &[bool], tokens: usize) -> Answered {
        let sample = |correct: &bool| Graded {
            correct: *correct,
            answer: None,
            tokens,
            truncated: false,
            transition: None,
            behaviours: Vec::new(),
            verdict: None,
        };
        Answered { problem: problem.into(), gold: "1".into(), level: None, samples: right.iter().map(sample).collect() }
    }

    #[test]
    fn each_problem_is_compared_with_itself() {
        let (t, f) = (true, false);
        let before = [answered("a", &[t, f], 10), answered("b", &[t, t], 20), answered("only here", &[t], 1)];
        let after = [answered("b", &[f, f], 60), answered("a", &[t, t], 60), answered("nothing", &[], 0)];
        let found = compare(&before, &after).unwrap();
        assert_eq!((found.problems, found.delta.value), (2, -0.25));
        assert_eq!((found.gained.len(), found.lost.len()), (1, 1));
        assert_eq!(found.lost[0], Flip { problem: "b".into(), before: 1.0, after: 0.0 });
        assert_eq!(found.length_ratio, Some(60.0 / 15.0));
        assert_eq!(found.length_ratio_both_right, Some(6.0), "b is not solved by the second");
        assert_eq!(compare(&before, &[]), None);
    }

    #[test]
    fn seeds_are_averaged_before_problems_are_resampled() {
        let (t, f) = (true, false);
        let base = |right| (0..40).map(|at| answered(&at.to_string(), &[right], 1)).collect::<Vec<_>>();
        let half: Vec<Answered> = (0..40).map(|at| answered(&at.to_string(), &[at % 2 == 0], 1)).collect();
        let (worst, best) = (base(f), base(t));
        let found = pooled(&[(&worst, &best), (&worst, &half)]).unwrap();
        assert!((found.value - 0.75).abs() < 1e-12 && found.low > 0.5 && found.excludes_zero(), "{found:?}");
        let alone = pooled(&[(&worst, &half)]).unwrap();
        assert!((found.high - found.low) * 1.9 < alone.high - alone.low, "each has half the spread");
        assert_eq!(pooled(&[]), None);
    }
}
