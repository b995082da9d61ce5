//! What the model can and cannot do, from two sessions that it wrote: one of single turns, one of two turns. Rates with 95%
//! intervals by bootstrap, problems as units.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;

use cribble::filter::{Appraisal, appraisal};
use cribble::math;
use cribble::records::{Sample, Turn, TurnKind};
use cribble::session::Session;
use cribble::stats::{Bootstrap, Interval};

/// What counts, and what it counts among, by problem.
#[derive(Default)]
struct Rate(BTreeMap<String, (f64, f64)>);

impl Rate {
    fn add(&mut self, problem: &str, hit: bool) {
        self.add_value(problem, f64::from(u8::from(hit)));
    }

    fn add_value(&mut self, problem: &str, value: f64) {
        let (sum, all) = self.0.entry(problem.to_owned()).or_default();
        *sum += value;
        *all += 1.0;
    }

    fn interval(&self) -> Interval {
        let counts: Vec<(f64, f64)> = self.0.values().copied().collect();
        Bootstrap::over(counts.len()).ratio(&counts)
    }

    fn show(&self) -> String {
        let Interval { value, low, high } = self.interval();
        format!("{:.1}% [{:.1}, {:.1}]", 100.0 * value, 100.0 * low, 100.0 * high)
    }
}

/// Prints the table of the model card.
pub fn run(single: &Path, dialogues: &Path) -> Result<(), Box<dyn Error + Send + Sync>> {
    let (mut all, mut levels) = (Rate::default(), BTreeMap::<i64, Rate>::new());
    let mut tokens = 0;
    let samples = read(single)?;
    for (sample, _, level) in &samples {
        let right = sample.correct == Some(true);
        all.add(&sample.problem_id, right);
        levels.entry(*level).or_default().add(&sample.problem_id, right);
        tokens += sample.tokens;
    }
    println!("single turn, {} samples: {}", samples.len(), all.show());
    for (level, rate) in &levels {
        println!("  level {level}: {}", rate.show());
    }
    println!("  tokens: {:.1} in the mean", tokens as f64 / samples.len().max(1) as f64);
    second_turns(&read(dialogues)?);
    Ok(())
}

/// What came of asking for one strategy: verdicts that fit, on wrong and on right attempts, and right second answers.
#[derive(Default)]
struct Asked {
    of_wrong: Rate,
    of_right: Rate,
    after: Rate,
}

fn second_turns(samples: &[Read]) {
    let mut gain = Rate::default();
    let mut moves: BTreeMap<(bool, bool), Rate> = BTreeMap::new();
    let mut verdicts: BTreeMap<bool, Rate> = BTreeMap::new();
    let mut strategies: BTreeMap<String, Asked> = BTreeMap::new();
    for (sample, gold, _) in samples {
        let said = |kind: TurnKind| sample.turns.iter().find(|turn| turn.kind == kind);
        let (Some(attempt), Some(revision)) = (said(TurnKind::Attempt), said(TurnKind::Revision)) else { continue };
        let is_right = |turn: &Turn| math::check(gold, &turn.text).correct == Some(true);
        let (before, after) = (is_right(attempt), is_right(revision));
        gain.add_value(&sample.problem_id, f64::from(u8::from(after)) - f64::from(u8::from(before)));
        for first in [false, true] {
            for last in [false, true] {
                moves.entry((first, last)).or_default().add(&sample.problem_id, (before, after) == (first, last));
            }
        }
        // A verdict that does not come is a wrong one.
        let fits = appraisal(&revision.text) == Some(if before { Appraisal::Right } else { Appraisal::Wrong });
        verdicts.entry(before).or_default().add(&sample.problem_id, fits);
        let by = strategies.entry(sample.strategies().next().unwrap_or_default().to_owned()).or_default();
        if before { &mut by.of_right } else { &mut by.of_wrong }.add(&sample.problem_id, fits);
        by.after.add(&sample.problem_id, after);
    }
    println!("two turns, {} samples, attempt to second answer:", samples.len());
    for ((before, after), rate) in &moves {
        let letter = |right: &bool| if *right { 'T' } else { 'F' };
        println!("  {} to {}: {}", letter(before), letter(after), rate.show());
    }
    println!("  gain: {}", gain.show());
    for (right, rate) in &verdicts {
        println!("verdict on a {} attempt fits: {}", if *right { "right" } else { "wrong" }, rate.show());
    }
    let balanced = |rates: [&Rate; 2]| rates.iter().map(|rate| rate.interval().value).sum::<f64>() / 2.0;
    if let (Some(wrong), Some(right)) = (verdicts.get(&false), verdicts.get(&true)) {
        println!("balanced accuracy of verdicts: {:.1}%", 100.0 * balanced([wrong, right]));
    }
    for (strategy, asked) in &strategies {
        let fits = 100.0 * balanced([&asked.of_wrong, &asked.of_right]);
        println!("  {strategy}: verdicts {fits:.1}%, second answer right {}", asked.after.show());
    }
}

/// A sample with its gold answer and level.
type Read = (Sample, String, i64);

fn read(dir: &Path) -> Result<Vec<Read>, Box<dyn Error + Send + Sync>> {
    let session = Session::open(dir)?;
    let mut samples = Vec::new();
    for row in session.sample_rows()? {
        if let (Some(sample), Some(problem)) = (session.sample(row.id)?, session.problem(&row.problem_id)?) {
            samples.push((sample, problem.answer, problem.level.unwrap_or_default()));
        }
    }
    Ok(samples)
}
