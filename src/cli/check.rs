//! `cribble check`: judges chains from a file, without a session.

use std::io::BufRead;
use std::path::PathBuf;

use clap::Args;
use color_eyre::Result;
use serde::Deserialize;
use serde_json::json;

use super::failure::BadInput;
use crate::filter::{Candidate, Instruments, Judgement, Measured, Settings, Subject, alike, judge};
use crate::records::{FinishReason, Segment};

#[derive(Debug, Args)]
pub struct Arguments {
    /// JSONL, one {"id","problem","gold","chain"} a line, with "segments", "finish", "tokens" and "guidance" where they are known; - is
    /// standard input
    #[arg(long, short = 'i', value_name = "FILE")]
    input: PathBuf,
    /// Thresholds and switches (TOML)
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,
    /// Problem file of a benchmark that must not be trained on; may be given more than once
    #[arg(long, value_name = "FILE")]
    benchmark: Vec<PathBuf>,
    /// Accepted for uniformity: the output is always JSON lines
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Deserialize)]
struct Line {
    id: serde_json::Value,
    problem: String,
    gold: serde_json::Value,
    chain: String,
    #[serde(default)]
    segments: Vec<Segment>,
    #[serde(default)]
    opened: Vec<(usize, usize)>,
    finish: Option<FinishReason>,
    tokens: Option<usize>,
    #[serde(default)]
    guidance: Vec<String>,
}

pub fn run(arguments: &Arguments) -> Result<()> {
    let settings = super::filter::settings(arguments.settings.as_deref())?;
    let benchmarks = crate::pipeline::benchmarks(&arguments.benchmark)?;
    let lines = read(&arguments.input)?;
    let measured = measure(&lines, &settings);
    // Samples of the same problem are judged together, in the order of the file.
    let mut groups: Vec<Vec<usize>> = Vec::new();
    let mut place = std::collections::HashMap::new();
    for (at, line) in lines.iter().enumerate() {
        let group = *place.entry(line.problem.as_str()).or_insert_with(|| {
            groups.push(Vec::new());
            groups.len() - 1
        });
        groups[group].push(at);
    }
    let measured = with_likeness(&lines, measured, &groups);
    let contaminated: Vec<_> =
        lines.iter().map(|line| (!benchmarks.is_empty()).then(|| benchmarks.look_up(&line.problem))).collect();
    let candidates: Vec<Vec<Candidate>> = groups
        .iter()
        .map(|group| {
            let candidate = |at: &usize| Candidate {
                key: *at as i64,
                measured: &measured[*at],
                contaminated: contaminated[*at].as_ref(),
            };
            group.iter().map(candidate).collect()
        })
        .collect();
    let mut judged: Vec<Judgement> = judge(&candidates, &settings).into_iter().flatten().collect();
    judged.sort_by_key(|judgement| judgement.key);
    let mut out = String::new();
    for (line, judgement) in lines.iter().zip(&judged) {
        let verdicts: Vec<_> = judgement
            .verdicts
            .iter()
            .map(|verdict| {
                json!({
                    "rule": verdict.rule, "pass": verdict.pass, "value": verdict.value, "threshold": verdict.threshold,
                    "spans": verdict.spans, "reason": verdict.reason, "enabled": settings.enabled(verdict.rule),
                })
            })
            .collect();
        out.push_str(&json!({"id": line.id, "accepted": judgement.accepted, "verdicts": verdicts}).to_string());
        out.push('\n');
        if out.len() > 1 << 20 {
            super::out::text(&out)?;
            out.clear();
        }
    }
    super::out::text(&out)
}

fn read(path: &std::path::Path) -> Result<Vec<Line>> {
    let name = path.display();
    let reader: Box<dyn BufRead> = if path.as_os_str() == "-" {
        Box::new(std::io::stdin().lock())
    } else {
        let file = std::fs::File::open(path).map_err(|error| BadInput(format!("{name}: {error}")))?;
        Box::new(std::io::BufReader::new(file))
    };
    let mut lines = Vec::new();
    for (at, line) in reader.lines().enumerate() {
        let line = line.map_err(|error| BadInput(format!("{name}:{}: {error}", at + 1)))?;
        if line.trim().is_empty() {
            continue;
        }
        let parsed: Line = serde_json::from_str(&line).map_err(|error| {
            BadInput(format!("{name}:{}: not a line with id, problem, gold and chain: {error}", at + 1))
        })?;
        let whole = |segment: &Segment| parsed.chain.get(segment.begin..segment.end).is_some();
        let there = |place: &(usize, usize)| parsed.chain.get(place.0..place.1).is_some();
        if !parsed.segments.iter().all(whole) || !parsed.opened.iter().all(there) {
            return Err(BadInput(format!("{name}:{}: a segment lies outside the chain", at + 1)).into());
        }
        lines.push(parsed);
    }
    Ok(lines)
}

fn measure(lines: &[Line], settings: &Settings) -> Vec<Measured> {
    use rayon::prelude::*;
    let instruments = Instruments::new(settings);
    lines
        .par_iter()
        .map(|line| {
            let gold = line.gold.as_str().map_or_else(|| line.gold.to_string(), str::to_owned);
            let guidance: Vec<&str> = line.guidance.iter().map(String::as_str).collect();
            instruments.measure(&Subject {
                problem: &line.problem,
                gold: &gold,
                chain: &line.chain,
                segments: &line.segments,
                opened: &line.opened,
                finish: line.finish.unwrap_or(FinishReason::Stop),
                tokens: line.tokens,
                guidance: &guidance,
            })
        })
        .collect()
}

fn with_likeness(lines: &[Line], mut measured: Vec<Measured>, groups: &[Vec<usize>]) -> Vec<Measured> {
    for group in groups {
        let chains: Vec<(i64, &str)> = group.iter().map(|at| (*at as i64, lines[*at].chain.as_str())).collect();
        for (at, alike) in group.iter().zip(alike(&chains)) {
            measured[*at].alike = alike;
        }
    }
    measured
}
