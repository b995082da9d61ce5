//! The job of this process, whichever it is: what steers a job and waits for it needs to know no more.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::{Control, EvalJob, ForecastJob, GenerateJob, RunJob, TrainJob};
use crate::records::{Heavy, LiveBoard, TRAINING};

/// A running or finished job of this process.
pub enum OwnJob {
    Generate(GenerateJob),
    Train(TrainJob),
    Run(RunJob),
    Forecast(ForecastJob),
    Eval(EvalJob),
}

impl OwnJob {
    pub fn control(&self) -> &Control {
        match self {
            Self::Generate(job) => job.control(),
            Self::Train(job) => job.control(),
            Self::Run(job) => job.control(),
            Self::Forecast(job) => job.control(),
            Self::Eval(job) => job.control(),
        }
    }

    pub fn board(&self) -> Arc<LiveBoard> {
        self.watch().borrow().clone()
    }

    pub fn watch(&self) -> watch::Receiver<Arc<LiveBoard>> {
        match self {
            Self::Generate(job) => job.watch(),
            Self::Train(job) => job.watch(),
            Self::Run(job) => job.watch(),
            Self::Forecast(job) => job.watch(),
            Self::Eval(job) => job.watch(),
        }
    }

    pub fn heavy(&self) -> Heavy {
        match self {
            Self::Generate(_) | Self::Eval(_) => Heavy::Sampling,
            Self::Train(_) => Heavy::Training,
            Self::Run(_) | Self::Forecast(_) => Heavy::Both,
        }
    }

    /// Whether a training is at work, alone or as a step: when it stops it saves what it has learnt.
    pub fn trains(&self) -> bool {
        match self {
            Self::Train(_) => true,
            Self::Run(job) => job.board().job == TRAINING,
            Self::Generate(_) | Self::Forecast(_) | Self::Eval(_) => false,
        }
    }

    pub fn finished(&self) -> bool {
        match self {
            Self::Generate(job) => job.finished(),
            Self::Train(job) => job.finished(),
            Self::Run(job) => job.finished(),
            Self::Forecast(job) => job.finished(),
            Self::Eval(job) => job.finished(),
        }
    }

    /// Waits for the end, at most so long.
    pub fn wait(&self, limit: Duration) {
        match self {
            Self::Generate(job) => job.wait(limit),
            Self::Train(job) => job.wait(limit),
            Self::Run(job) => job.wait(limit),
            Self::Forecast(job) => job.wait(limit),
            Self::Eval(job) => job.wait(limit),
        }
    }
}
