//! One evaluation in detail: every score with its interval, and which samples each of them counts.

use std::collections::BTreeMap;

use super::EvalKey;
use crate::eval::{Answered, Graded, Moves, Score};
use crate::filter::Transition;
use crate::filter::behaviours::Behaviour;
use crate::stats::{Bootstrap, Interval};

/// Samples that a line of the detail counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    All,
    Right,
    /// Wrong, and ended by itself.
    Wrong,
    Truncated,
    Level(i64),
    Moved(Transition),
    NoAnswer,
    Shows(Behaviour),
    /// What the chain says of its first answer does not fit, by whether that one is right.
    Misjudged(bool),
}

/// An evaluation in detail, as its samples say now.
#[derive(Debug, Clone, PartialEq)]
pub struct Detail {
    pub key: EvalKey,
    pub score: Score,
    /// Samples that it was scored by and the session does not hold, of problems times draws.
    pub missing: usize,
    pub pass_at_k: Vec<(u32, Interval)>,
    pub behaviours: Vec<(Behaviour, Interval)>,
    pub truncated: Interval,
    pub moves: Moves,
    /// Tokens written for each right answer; `None` where none is right.
    pub tokens_per_right: Option<f64>,
    /// Rows of the samples.
    pub groups: BTreeMap<Group, Vec<i64>>,
}

impl Detail {
    /// `None` where there is no sample.
    pub(super) fn of(key: EvalKey, problems: usize, read: &[(Answered, Vec<i64>)]) -> Option<Self> {
        let answered: Vec<Answered> = read.iter().map(|(answered, _)| answered.clone()).collect();
        let score = Score::of(&answered)?;
        let there: Vec<&Answered> = answered.iter().filter(|one| !one.samples.is_empty()).collect();
        let resample = Bootstrap::over(there.len());
        let share = |counts: &dyn Fn(&Graded) -> bool| {
            let unit = |one: &&Answered| {
                (one.samples.iter().filter(|sample| counts(sample)).count() as f64, one.samples.len() as f64)
            };
            resample.ratio_or_wilson(&there.iter().map(unit).collect::<Vec<_>>())
        };
        let passes = |k: u32| resample.proportion(&there.iter().map(|one| one.pass_at(k)).collect::<Vec<_>>());
        let transitions: Vec<Vec<Option<Transition>>> =
            there.iter().map(|one| one.samples.iter().map(|sample| sample.transition).collect()).collect();
        let all = || there.iter().flat_map(|one| &one.samples);
        let right = all().filter(|sample| sample.correct).count();
        let tokens: usize = all().map(|sample| sample.tokens).sum();
        Some(Self {
            missing: (problems * key.samples as usize).saturating_sub(all().count()),
            pass_at_k: score.pass_at_k.iter().map(|(k, _)| (*k, passes(*k))).collect(),
            behaviours: Behaviour::ALL
                .into_iter()
                .map(|behaviour| (behaviour, share(&|sample| sample.behaviours.contains(&behaviour))))
                .collect(),
            truncated: share(&|sample| sample.truncated),
            moves: Moves::of(&transitions)?,
            tokens_per_right: (right > 0).then(|| tokens as f64 / right as f64),
            groups: groups(read),
            key,
            score,
        })
    }
}

fn groups(read: &[(Answered, Vec<i64>)]) -> BTreeMap<Group, Vec<i64>> {
    let mut groups: BTreeMap<Group, Vec<i64>> = BTreeMap::new();
    for (answered, rows) in read {
        for (sample, row) in answered.samples.iter().zip(rows) {
            let mut put = |group| groups.entry(group).or_default().push(*row);
            put(Group::All);
            match (sample.correct, sample.truncated) {
                (true, _) => put(Group::Right),
                (false, true) => put(Group::Truncated),
                (false, false) => put(Group::Wrong),
            }
            if let Some(level) = answered.level {
                put(Group::Level(level));
            }
            put(sample.transition.map_or(Group::NoAnswer, Group::Moved));
            sample.behaviours.iter().for_each(|behaviour| put(Group::Shows(*behaviour)));
            if let Some((right, _)) = sample.verdict.filter(|(right, said)| right != said) {
                put(Group::Misjudged(right));
            }
        }
    }
    groups
}
