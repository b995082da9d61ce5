//! Judging: thresholds for each sample, then what looks across the samples of a problem, in order of draw.

use std::collections::HashMap;

use rayon::prelude::*;

use super::contamination::Contaminated;
use super::measure::{Measured, shingles};
use super::rules::{decide, duplicate};
use super::{RuleId, Settings, Verdict};

/// A measured sample among others of its problem.
#[derive(Debug, Clone, Copy)]
pub struct Candidate<'a> {
    /// The caller's name for it, as in [`Measured::alike`].
    pub key: i64,
    pub measured: &'a Measured,
    /// What the problem shares with benchmarks; `None` where none was asked for.
    pub contaminated: Option<&'a Contaminated>,
}

/// All verdicts on one sample.
#[derive(Debug, Clone, PartialEq)]
pub struct Judgement {
    /// That of the candidate.
    pub key: i64,
    /// Whether every rule that is switched on passes.
    pub accepted: bool,
    /// In the order of [`RuleId::ALL`].
    pub verdicts: Vec<Verdict>,
}

/// Judges the samples of each problem; they must be in order of draw. Problems do not know of each other. What comes back is in the
/// same order. Duplicates are found by [`Measured::alike`], which [`alike`] works out.
pub fn judge(problems: &[Vec<Candidate>], settings: &Settings) -> Vec<Vec<Judgement>> {
    problems.par_iter().map(|samples| judge_problem(samples, settings)).collect()
}

fn judge_problem(samples: &[Candidate], settings: &Settings) -> Vec<Judgement> {
    // Samples that pass up to the duplicate rule: only those make a later one a duplicate.
    let mut originals: HashMap<i64, usize> = HashMap::new();
    let mut kept = 0usize;
    let mut judgements = Vec::with_capacity(samples.len());
    for (place, sample) in samples.iter().enumerate() {
        let mut verdicts = decide::within(sample.measured, settings);
        let mut passes = verdicts.iter().all(|verdict| verdict.pass || !settings.enabled(verdict.rule));
        let alike = duplicate_verdict(sample, &originals, settings);
        if passes && alike.pass {
            originals.insert(sample.key, place);
        }
        passes &= alike.pass || !settings.enabled(RuleId::Duplicate);
        verdicts.push(alike);
        let contaminated = contamination_verdict(sample.contaminated, settings);
        passes &= contaminated.pass || !settings.enabled(RuleId::Contamination);
        verdicts.push(contaminated);
        let cap = settings.number(RuleId::Cap, "max_per_problem");
        let verdict = Verdict {
            rule: RuleId::Cap,
            pass: (kept as f64) < cap,
            value: kept as f64,
            threshold: Some(cap),
            spans: Vec::new(),
            reason: format!("{kept} accepted before it, {cap} at most"),
        };
        passes &= verdict.pass || !settings.enabled(RuleId::Cap);
        verdicts.push(verdict);
        kept += usize::from(passes);
        judgements.push(Judgement { key: sample.key, accepted: passes, verdicts });
    }
    judgements
}

fn duplicate_verdict(sample: &Candidate, originals: &HashMap<i64, usize>, settings: &Settings) -> Verdict {
    let most = settings.number(RuleId::Duplicate, "max_similarity");
    let earlier = sample.measured.alike.iter().filter(|(key, _)| originals.contains_key(key));
    let nearest = earlier.max_by(|one, other| one.1.total_cmp(&other.1));
    let (value, reason) = match nearest {
        Some((key, likeness)) => {
            (*likeness, format!("{:.0}% like the one at place {}", likeness * 100.0, originals[key] + 1))
        }
        None => (0.0, "unlike those before it".to_owned()),
    };
    let pass = value <= most && value < 1.0;
    Verdict { rule: RuleId::Duplicate, pass, value, threshold: Some(most), spans: Vec::new(), reason }
}

fn contamination_verdict(found: Option<&Contaminated>, settings: &Settings) -> Verdict {
    let most = settings.number(RuleId::Contamination, "max_hits");
    let (value, reason) = match found {
        Some(found) if found.hits() > 0 => (found.hits() as f64, found.to_string()),
        Some(found) if found.review > 0 => (0.0, found.to_string()),
        Some(_) => (0.0, "nothing shared with the benchmarks".to_owned()),
        None => (0.0, "no benchmark was named".to_owned()),
    };
    Verdict {
        rule: RuleId::Contamination,
        pass: value <= most,
        value,
        threshold: Some(most),
        spans: Vec::new(),
        reason,
    }
}

/// Finds for each chain of one problem the earlier ones that are alike. Each chain with the caller's key, in order of draw.
pub fn alike(chains: &[(i64, &str)]) -> Vec<Vec<(i64, f64)>> {
    let sets: Vec<Vec<u64>> = chains.iter().map(|(_, chain)| shingles(chain)).collect();
    (0..sets.len())
        .map(|at| {
            let earlier = (0..at).map(|before| (chains[before].0, duplicate::similarity(&sets[before], &sets[at])));
            earlier.filter(|(_, likeness)| *likeness >= duplicate::FLOOR).collect()
        })
        .collect()
}
