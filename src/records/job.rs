//! The jobs by name, and which of them may be at work in one session at the same time.

use super::LiveBoard;

/// As the session and boards name them.
pub const GENERATION: &str = "generate";
pub const TRAINING: &str = "train";
pub const EVALUATION: &str = "eval";
/// Boards of its steps may be those of a generation or a training.
pub const PASS: &str = "run";
pub const FORECAST: &str = "forecast";

/// What a job is heavy with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heavy {
    /// It draws samples. Two that do would draw the same ones.
    Sampling,
    Training,
    /// Both in turn: it stands alone.
    Both,
}

impl Heavy {
    /// Of a job by its name.
    pub fn of(job: &str) -> Self {
        match job {
            TRAINING => Self::Training,
            PASS | FORECAST => Self::Both,
            _ => Self::Sampling,
        }
    }

    /// What a job keeps others out of where a person allows so many at once: all of them, where it is one.
    pub fn among(self, most: u32) -> Self {
        if most > 1 { self } else { Self::Both }
    }

    /// Whether the two cannot be at work at once, whatever a person allows.
    pub fn excludes(self, other: Self) -> bool {
        self == other || self == Self::Both || other == Self::Both
    }
}

impl LiveBoard {
    /// Of the job that shows it: that of a step of a pass is the pass's.
    pub fn heavy(&self) -> Heavy {
        if self.pass.is_some() { Heavy::Both } else { Heavy::of(&self.job) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::PassPlace;

    #[test]
    fn a_pass_stands_alone_and_a_training_beside_a_generation() {
        let heavy = |job: &str| LiveBoard { job: job.into(), ..LiveBoard::default() }.heavy();
        assert!(!heavy(TRAINING).excludes(heavy(GENERATION)) && !heavy(EVALUATION).excludes(heavy(TRAINING)));
        assert!(heavy(EVALUATION).excludes(heavy(GENERATION)) && heavy(TRAINING).excludes(heavy(TRAINING)));
        assert!([GENERATION, TRAINING, PASS].iter().all(|job| heavy(PASS).excludes(heavy(job))));
        let step = LiveBoard { job: TRAINING.into(), pass: Some(PassPlace::default()), ..LiveBoard::default() };
        assert_eq!(step.heavy(), Heavy::Both);
    }
}
