//! Two evaluations against each other on the problems that both answered, with the problems that flipped and their samples.

use std::collections::HashMap;

use color_eyre::Result;

use super::EvalKey;
use crate::eval::{Answered, Comparison, Flip, compare};
use crate::session::Session;

/// A problem whose pass rate rose or fell by a half or more.
#[derive(Debug, Clone, PartialEq)]
pub struct Flipped {
    pub problem: String,
    /// The question.
    pub text: String,
    /// Right samples of all, in the first evaluation and in the second.
    pub before: (usize, usize),
    pub after: (usize, usize),
    /// Rows of all samples of both, one of the second evaluation to begin with: a right one where it gained, else a wrong one.
    pub samples: Vec<i64>,
    /// A sample of the first evaluation that came out the other way.
    pub beside: Option<i64>,
}

/// The second evaluation against the first.
#[derive(Debug, Clone, PartialEq)]
pub struct Paired {
    pub first: EvalKey,
    pub second: EvalKey,
    /// Problems that only one of them answered.
    pub only_first: usize,
    pub only_second: usize,
    /// `None` where no problem is common.
    pub comparison: Option<Comparison>,
    /// The flips of the comparison, in its order.
    pub gained: Vec<Flipped>,
    pub lost: Vec<Flipped>,
}

type Read = [(Answered, Vec<i64>)];

impl Paired {
    pub(super) fn of(
        session: &Session,
        (first, one): (EvalKey, &Read),
        (second, other): (EvalKey, &Read),
    ) -> Result<Self> {
        let answered = |read: &Read| -> Vec<Answered> { read.iter().map(|(answered, _)| answered.clone()).collect() };
        let comparison = compare(&answered(one), &answered(other));
        let common = comparison.as_ref().map_or(0, |comparison| comparison.problems);
        let count = |read: &Read| read.iter().filter(|(answered, _)| !answered.samples.is_empty()).count() - common;
        let (only_first, only_second) = (count(one), count(other));
        let (one, other) = (by_problem(one), by_problem(other));
        let flipped = |flips: &[Flip], gained: bool| -> Result<Vec<Flipped>> {
            let mut found = Vec::with_capacity(flips.len());
            for flip in flips {
                let id = flip.problem.as_str();
                let (Some(before), Some(after)) = (one.get(id), other.get(id)) else { continue };
                let text = session.problem(id)?.map(|problem| problem.text).unwrap_or_default();
                found.push(flipped(id, text, before, after, gained));
            }
            Ok(found)
        };
        let flips = |of: fn(&Comparison) -> &Vec<Flip>| comparison.as_ref().map_or(&[][..], |found| of(found));
        let gained = flipped(flips(|found| &found.gained), true)?;
        let lost = flipped(flips(|found| &found.lost), false)?;
        Ok(Self { first, second, only_first, only_second, gained, lost, comparison })
    }
}

fn by_problem(read: &Read) -> HashMap<&str, &(Answered, Vec<i64>)> {
    read.iter().map(|one| (one.0.problem.as_str(), one)).collect()
}

fn flipped(
    problem: &str,
    text: String,
    (before, rows_before): &(Answered, Vec<i64>),
    (after, rows_after): &(Answered, Vec<i64>),
    gained: bool,
) -> Flipped {
    let count =
        |answered: &Answered| (answered.samples.iter().filter(|sample| sample.correct).count(), answered.samples.len());
    let with = |answered: &Answered, rows: &[i64], right: bool| {
        answered.samples.iter().zip(rows).find(|(sample, _)| sample.correct == right).map(|(_, row)| *row)
    };
    let begin = with(after, rows_after, gained);
    let mut samples: Vec<i64> = begin.into_iter().collect();
    samples.extend(rows_after.iter().chain(rows_before).filter(|row| Some(**row) != begin));
    Flipped {
        problem: problem.to_owned(),
        text,
        before: count(before),
        after: count(after),
        samples,
        beside: with(before, rows_before, !gained),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::Graded;

    fn read(right: &[bool], rows: std::ops::Range<i64>) -> (Answered, Vec<i64>) {
        let sample = |correct: &bool| Graded {
            correct: *correct,
            answer: None,
            tokens: 1,
            truncated: false,
            transition: None,
            behaviours: Vec::new(),
            verdict: None,
        };
        let samples = right.iter().map(sample).collect();
        (Answered { problem: "p".into(), gold: "1".into(), level: None, samples }, rows.collect())
    }

    #[test]
    fn the_sample_that_tells_comes_first_and_its_opposite_beside_it() {
        let (t, f) = (true, false);
        let (before, after) = (read(&[t, f, f], 1..4), read(&[f, t, t], 4..7));
        let gained = flipped("p", String::new(), &before, &after, true);
        assert_eq!((gained.samples, gained.beside), (vec![5, 4, 6, 1, 2, 3], Some(2)));
        assert_eq!((gained.before, gained.after), ((1, 3), (2, 3)));
        let lost = flipped("p", String::new(), &after, &before, false);
        assert_eq!((lost.samples, lost.beside), (vec![2, 1, 3, 4, 5, 6], Some(5)));
    }
}
