//! What came of the samples of one problem.

use serde::{Deserialize, Serialize};

use crate::stats::{jeffreys, jeffreys_mean, wilson};

/// Columns of a histogram of pass rates: no sample right, ten tenths, every sample right.
pub const TENTHS: usize = 12;

/// What came of a sample. All but the first count as wrong for the pass rate, and are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Right,
    Wrong,
    /// No answer, or one that cannot be graded.
    NoAnswer,
    /// Cut off at its limit.
    Truncated,
    /// It went round in circles.
    Looped,
}

/// Samples that were not right, by kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failures {
    pub wrong: u32,
    pub no_answer: u32,
    pub truncated: u32,
    pub looped: u32,
}

/// Graded samples of one problem under one model and setting.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// All of them.
    pub samples: u32,
    /// Right ones among them.
    pub correct: u32,
    /// The others, as far as they are told apart.
    pub failures: Failures,
}

impl Tally {
    /// Counts one more sample.
    pub fn add(&mut self, outcome: Outcome) {
        self.samples += 1;
        *match outcome {
            Outcome::Right => &mut self.correct,
            Outcome::Wrong => &mut self.failures.wrong,
            Outcome::NoAnswer => &mut self.failures.no_answer,
            Outcome::Truncated => &mut self.failures.truncated,
            Outcome::Looped => &mut self.failures.looped,
        } += 1;
    }

    /// Right samples over all; 0 where there is none.
    pub fn pass_rate(&self) -> f64 {
        if self.samples == 0 { 0.0 } else { f64::from(self.correct) / f64::from(self.samples) }
    }

    /// Place in a histogram of pass rates by tenths: 0, (0, .1], ... (.9, 1), 1.
    pub fn tenth(&self) -> usize {
        match self.correct {
            0 => 0,
            all if all == self.samples => TENTHS - 1,
            correct => (10 * correct).div_ceil(self.samples).clamp(1, 10) as usize,
        }
    }

    /// 1 - pass rate, the fail rate of DART-Math.
    pub fn difficulty(&self) -> f64 {
        1.0 - self.pass_rate()
    }

    /// Mean of the posterior of the pass rate, Jeffreys' prior.
    pub fn expected(&self) -> f64 {
        jeffreys_mean(self.correct, self.samples)
    }

    /// The middle 90% of that posterior: from, to.
    pub fn credible(&self) -> (f64, f64) {
        jeffreys(self.correct, self.samples, 0.9)
    }

    /// Wilson's 95% interval.
    pub fn wilson(&self) -> (f64, f64) {
        wilson(f64::from(self.correct), f64::from(self.samples))
    }
}
