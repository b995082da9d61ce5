//! The report of a pass: what was done with what settings, and what came of it. Gathered from the session alone, so that it can
//! be written again at any time. Numbers without an interval that a person could take for more than they are have none here.

mod gather;
mod markdown;
mod svg;

use std::path::{Path, PathBuf};

use color_eyre::Result;
use color_eyre::eyre::WrapErr;
use serde::{Deserialize, Serialize};

use super::filter::FilterOutcome;
use super::recipe::Recipe;
use super::run::{Ablation, RunOutcome};
use crate::difficulty::{Bin, TENTHS, Tally};
use crate::eval::Comparison;
use crate::session::Session;
use crate::stats::Interval;

/// A training of the pass.
#[derive(Debug, Clone, Serialize)]
pub struct Trained {
    pub run: String,
    pub from: String,
    /// The program that trained in the place of this one.
    pub trainer: Option<String>,
    /// Chains trained on, held out to validate, and left out as too long.
    pub chains: (usize, usize, usize),
    pub steps: u64,
    /// Seen in all, prompts included.
    pub tokens: u64,
    pub validation_loss: Option<f64>,
    pub seconds: f64,
    /// (step, loss), and the same of validation.
    pub loss: Vec<(u64, f64)>,
    pub validation: Vec<(u64, f64)>,
}

/// Problems of one bin, and what was drawn, accepted and chosen of them.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct BinRow {
    pub bin: Bin,
    pub problems: usize,
    pub drawn: u64,
    pub accepted: u64,
    pub selected: u64,
}

/// How hard the pool was in one round of the second stage.
#[derive(Debug, Clone, Serialize)]
pub struct DifficultyOf {
    pub stage: String,
    /// Model and sampling, by the hash of the settings.
    pub settings: String,
    pub bins: Vec<BinRow>,
    /// Problems by share of right samples, in tenths: `[0], (0, .1], ... (.9, 1), [1]`.
    pub histogram: [usize; TENTHS],
    pub unsolved: Vec<String>,
    /// (level, problems, tally of all their samples).
    pub levels: Vec<(i64, usize, Tally)>,
}

/// One problem answered by the first and the last model.
#[derive(Debug, Clone, Serialize)]
pub struct Chains {
    pub problem: String,
    pub gold: String,
    pub before: String,
    pub before_right: bool,
    pub after: String,
    pub after_right: bool,
}

/// A step with its time.
#[derive(Debug, Clone, Serialize)]
pub struct StepTime {
    pub step: String,
    pub seconds: f64,
    /// One line on what came of it.
    pub came: String,
}

/// All of it.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    pub recipe: String,
    pub about: String,
    pub seed: u64,
    /// The whole recipe, as TOML.
    pub settings: String,
    pub program: String,
    pub machine: String,
    pub steps: Vec<StepTime>,
    /// (stage, what the filter came to).
    pub funnels: Vec<(String, FilterOutcome)>,
    pub training: Vec<Trained>,
    pub difficulty: Vec<DifficultyOf>,
    /// As `run --json` prints it.
    pub outcome: serde_json::Value,
    /// (later, earlier, comparison).
    pub paired: Vec<(String, String, Comparison)>,
    /// Tokens of completions, model by model.
    pub lengths: Vec<(String, Vec<usize>)>,
    /// Variants that were run after the pass.
    pub ablations: Vec<Ablation>,
    pub chains: Vec<Chains>,
    /// Which choices are ours.
    pub reconstruction: Vec<&'static str>,
    #[serde(skip)]
    scores: RunOutcome,
}

impl Report {
    /// The scores that it tells of.
    pub fn into_outcome(self) -> RunOutcome {
        self.scores
    }
}

/// The report of the pass in this session; `None` where nothing was scored yet.
///
/// # Errors
/// If the session cannot be read.
pub fn report(session: &Session, recipe: &Recipe) -> Result<Option<Report>> {
    gather::report(session, recipe)
}

/// The differences in pass@1 that the report in a directory tells of: (later, earlier, difference). What cannot be read is none:
/// the report can be written again.
pub fn paired(directory: &Path) -> Vec<(String, String, Interval)> {
    #[derive(Deserialize)]
    struct Told {
        paired: Vec<(String, String, Difference)>,
    }
    #[derive(Deserialize)]
    struct Difference {
        delta: Interval,
    }
    let text = std::fs::read(directory.join("report.json")).unwrap_or_default();
    let told = serde_json::from_slice(&text).unwrap_or(Told { paired: Vec::new() });
    told.paired.into_iter().map(|(later, earlier, Difference { delta })| (later, earlier, delta)).collect()
}

/// Writes `report.md`, `report.json` and the plots into a directory, each file whole or not at all. Returns the first's path.
///
/// # Errors
/// Of the file system.
pub fn write(report: &Report, directory: &Path) -> Result<PathBuf> {
    std::fs::create_dir_all(directory).wrap_err_with(|| directory.display().to_string())?;
    let put = |name: &str, text: &str| -> Result<PathBuf> {
        let (path, fresh) = (directory.join(name), directory.join(format!(".{name}.new")));
        std::fs::write(&fresh, text)
            .and_then(|()| std::fs::rename(&fresh, &path))
            .wrap_err_with(|| path.display().to_string())?;
        Ok(path)
    };
    put("report.json", &format!("{}\n", serde_json::to_string_pretty(report)?))?;
    put("difficulty.svg", &svg::difficulty(report))?;
    put("lengths.svg", &svg::lengths(report))?;
    put("loss.svg", &svg::loss(report))?;
    put("report.md", &markdown::markdown(report))
}
