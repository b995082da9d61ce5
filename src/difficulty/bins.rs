//! Classes of difficulty by pass rate. With 8 samples "none right" says only that the rate is below a third.

use serde::{Deserialize, Serialize};

use super::Tally;

/// A class of problems.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bin {
    /// No sample is right.
    Unsolved,
    /// Some are, up to [`Bins::hard`].
    Hard,
    /// Up to [`Bins::medium`].
    Medium,
    /// Above it.
    Easy,
    /// Every sample is right.
    Saturated,
}

impl Bin {
    pub const ALL: [Bin; 5] = [Bin::Unsolved, Bin::Hard, Bin::Medium, Bin::Easy, Bin::Saturated];

    pub fn name(self) -> &'static str {
        match self {
            Bin::Unsolved => "unsolved",
            Bin::Hard => "hard",
            Bin::Medium => "medium",
            Bin::Easy => "easy",
            Bin::Saturated => "saturated",
        }
    }
}

/// Where the classes end, as pass rates. Between 0 and 1 exclusive of both ends: `(0, hard]`, `(hard, medium]`, `(medium, 1)`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Bins {
    pub hard: f64,
    pub medium: f64,
}

impl Default for Bins {
    fn default() -> Self {
        Self { hard: 0.25, medium: 0.75 }
    }
}

impl Bins {
    /// # Errors
    /// What is wrong with them.
    pub fn validate(&self) -> Result<(), String> {
        let fine = 0.0 < self.hard && self.hard < self.medium && self.medium < 1.0;
        if fine { Ok(()) } else { Err("hard, medium: must be pass rates between 0 and 1, hard below medium".into()) }
    }

    /// The class of a problem; `None` where it has no sample.
    pub fn of(&self, tally: &Tally) -> Option<Bin> {
        let rate = tally.pass_rate();
        Some(match tally {
            Tally { samples: 0, .. } => return None,
            Tally { correct: 0, .. } => Bin::Unsolved,
            Tally { correct, samples, .. } if correct == samples => Bin::Saturated,
            _ if rate <= self.hard => Bin::Hard,
            _ if rate <= self.medium => Bin::Medium,
            _ => Bin::Easy,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_meet_at_their_ends() {
        let bins = Bins::default();
        let of = |correct, samples| bins.of(&Tally { samples, correct, ..Tally::default() });
        assert_eq!(of(0, 0), None);
        for (correct, bin) in [
            (0, Bin::Unsolved),
            (1, Bin::Hard),
            (2, Bin::Hard),
            (3, Bin::Medium),
            (6, Bin::Medium),
            (7, Bin::Easy),
            (8, Bin::Saturated),
        ] {
            assert_eq!(of(correct, 8), Some(bin), "{correct} of 8");
        }
    }
}
