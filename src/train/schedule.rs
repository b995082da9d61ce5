//! The learning rate of each step.

use serde::{Deserialize, Serialize};

use super::TrainError;

/// How the rate falls after the warm-up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScheduleKind {
    /// Half a cosine down to 0.
    #[default]
    Cosine,
    /// A straight line down to 0.
    Linear,
    Constant,
}

impl std::str::FromStr for ScheduleKind {
    type Err = TrainError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "cosine" => Ok(Self::Cosine),
            "linear" => Ok(Self::Linear),
            "constant" => Ok(Self::Constant),
            other => Err(TrainError::Settings(format!("unknown schedule `{other}`; use cosine, linear or constant"))),
        }
    }
}

/// Rate over steps, a pure function: it has no state to save but these numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Schedule {
    pub kind: ScheduleKind,
    /// The highest rate.
    pub lr: f64,
    pub warmup_steps: u64,
    pub total_steps: u64,
}

impl Schedule {
    /// The rate of step `step`, counted from 0. The warm-up ends at its last step with the highest rate; unlike the Hugging
    /// Face schedules its first step moves too.
    pub fn rate(&self, step: u64) -> f64 {
        if step < self.warmup_steps {
            return self.lr * (step + 1) as f64 / self.warmup_steps as f64;
        }
        let left = self.total_steps.saturating_sub(self.warmup_steps).max(1) as f64;
        let progress = ((step - self.warmup_steps) as f64 / left).min(1.0);
        self.lr
            * match self.kind {
                ScheduleKind::Constant => 1.0,
                ScheduleKind::Linear => 1.0 - progress,
                ScheduleKind::Cosine => 0.5 * (1.0 + (std::f64::consts::PI * progress).cos()),
            }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rises_then_falls() {
        let schedule = |kind| Schedule { kind, lr: 2.0, warmup_steps: 4, total_steps: 14 };
        let cosine = schedule(ScheduleKind::Cosine);
        assert_eq!((cosine.rate(0), cosine.rate(3), cosine.rate(4)), (0.5, 2.0, 2.0));
        assert!((cosine.rate(9) - 1.0).abs() < 1e-12 && cosine.rate(13) > 0.0 && cosine.rate(14) < 1e-12);
        assert!((schedule(ScheduleKind::Linear).rate(9) - 1.0).abs() < 1e-12);
        assert_eq!(schedule(ScheduleKind::Constant).rate(1000), 2.0);
        let none = Schedule { warmup_steps: 0, ..schedule(ScheduleKind::Linear) };
        assert_eq!((none.rate(0), none.rate(7)), (2.0, 1.0));
    }
}
