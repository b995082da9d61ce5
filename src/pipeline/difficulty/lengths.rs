//! How long what models write is: the base model, the dialogues that it was led through, and the model that was trained on them.

use std::collections::HashMap;

use crate::session::SampleRow;

use super::{Source, outcome};
use crate::difficulty::Outcome;

/// Who wrote the samples of one setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Single turns of the model that the dialogues were held with.
    Base,
    /// Dialogues of several turns.
    One,
    /// Single turns of a model that was trained.
    Two,
}

impl Stage {
    pub const ALL: [Stage; 3] = [Stage::Base, Stage::One, Stage::Two];

    pub fn name(self) -> &'static str {
        match self {
            Stage::Base => "base",
            Stage::One => "stage 1",
            Stage::Two => "stage 2",
        }
    }
}

/// Mean length over the base model's.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ratio {
    pub to_base: f64,
    /// Problems that both answered, over which it is taken; with none, it is of all samples of both.
    pub shared: usize,
}

/// The lengths of the samples of one setting.
#[derive(Debug, Clone, PartialEq)]
pub struct Lengths {
    pub stage: Stage,
    /// Index of the setting.
    pub source: usize,
    /// Tokens written over all turns, with the row of the sample; shortest first.
    pub samples: Vec<(u32, i64)>,
    pub mean: f64,
    pub median: f64,
    /// Samples that were cut off at their limit.
    pub truncated: usize,
    /// `None` for the base model, and where it has no samples.
    pub ratio: Option<Ratio>,
}

/// Lengths of each stage that has samples, in the order of stages. Of several settings of a stage it is `shown` if that is one,
/// else the newest whose samples differ (temperature above 0), else the newest.
pub(super) fn lengths(rows: &[SampleRow], sources: &[Source], shown: usize) -> Vec<Lengths> {
    let stages = stages(sources);
    let chosen = Stage::ALL.into_iter().filter_map(|stage| {
        let mut of = (0..sources.len()).filter(|&at| stages[at] == stage);
        let first = of.clone().next()?;
        let varied = of.clone().find(|&at| sources[at].temperature > 0.0);
        Some((stage, of.find(|&at| at == shown).or(varied).unwrap_or(first)))
    });
    let mut lengths: Vec<Lengths> =
        chosen.map(|(stage, source)| of_setting(rows, stage, source, &sources[source].hash)).collect();
    if let Some(base) = lengths.iter().position(|lengths| lengths.stage == Stage::Base) {
        let per_problem = |source: usize| per_problem(rows, &sources[source].hash);
        let (of_base, mean) = (per_problem(lengths[base].source), lengths[base].mean);
        for other in lengths.iter_mut().filter(|lengths| lengths.stage != Stage::Base) {
            other.ratio = ratio(&per_problem(other.source), &of_base, other.mean / mean);
        }
    }
    lengths
}

/// The model that the newest dialogues were held with is the base model; without dialogues, that of the oldest samples.
fn stages(sources: &[Source]) -> Vec<Stage> {
    let base = sources.iter().find(|source| source.turns > 1).or(sources.last());
    let is_base = |source: &Source| base.is_some_and(|base| base.model_content == source.model_content);
    let stage = |source: &Source| match source.turns {
        0 | 1 if is_base(source) => Stage::Base,
        0 | 1 => Stage::Two,
        _ => Stage::One,
    };
    sources.iter().map(stage).collect()
}

fn of_setting(rows: &[SampleRow], stage: Stage, source: usize, settings: &str) -> Lengths {
    let of = || rows.iter().filter(|row| row.settings == settings);
    let mut samples: Vec<(u32, i64)> = of().map(|row| (row.tokens as u32, row.id)).collect();
    samples.sort_unstable();
    let sum: f64 = samples.iter().map(|(tokens, _)| f64::from(*tokens)).sum();
    let count = samples.len();
    let at = |place: usize| samples.get(place).map_or(0.0, |(tokens, _)| f64::from(*tokens));
    let median = (at(count.saturating_sub(1) / 2) + at(count / 2)) / 2.0;
    let truncated = of().filter(|row| outcome(row) == Outcome::Truncated).count();
    Lengths { stage, source, mean: sum / count.max(1) as f64, median, truncated, ratio: None, samples }
}

/// The mean tokens of each problem's samples.
fn per_problem<'a>(rows: &'a [SampleRow], settings: &str) -> HashMap<&'a str, f64> {
    let mut sums: HashMap<&str, (f64, f64)> = HashMap::new();
    for row in rows.iter().filter(|row| row.settings == settings) {
        let sum = sums.entry(&row.problem_id).or_default();
        *sum = (sum.0 + row.tokens as f64, sum.1 + 1.0);
    }
    sums.into_iter().map(|(problem, (tokens, samples))| (problem, tokens / samples)).collect()
}

/// Mean over mean on the problems in common, each counting once; without any, that of all samples.
fn ratio(of: &HashMap<&str, f64>, base: &HashMap<&str, f64>, of_all: f64) -> Option<Ratio> {
    let shared: Vec<(f64, f64)> =
        of.iter().filter_map(|(problem, tokens)| Some((*tokens, *base.get(problem)?))).collect();
    // In one order: sums of a map's values differ in the last bits from one run to another.
    let sum = |mut values: Vec<f64>| {
        values.sort_by(f64::total_cmp);
        values.iter().sum::<f64>()
    };
    let sums = (sum(shared.iter().map(|pair| pair.0).collect()), sum(shared.iter().map(|pair| pair.1).collect()));
    let to_base = if shared.is_empty() { of_all } else { sums.0 / sums.1 };
    to_base.is_finite().then_some(Ratio { to_base, shared: shared.len() })
}
