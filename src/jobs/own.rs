//! The job of this process, whichever it is: what steers a job and waits for it needs to know no more.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::{Control, EvalJob, GenerateJob, TrainJob};
use crate::records::LiveBoard;

/// A running or finished job of this process.
pub enum OwnJob {
    Generate(GenerateJob),
    Train(TrainJob),
    Eval(EvalJob),
}

impl OwnJob {
    pub fn control(&self) -> &Control {
        match self {
            Self::Generate(job) => job.control(),
            Self::Train(job) => job.control(),
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
            Self::Eval(job) => job.watch(),
        }
    }

    pub fn finished(&self) -> bool {
        match self {
            Self::Generate(job) => job.finished(),
            Self::Train(job) => job.finished(),
            Self::Eval(job) => job.finished(),
        }
    }

    /// Waits for the end, at most so long.
    pub fn wait(&self, limit: Duration) {
        match self {
            Self::Generate(job) => job.wait(limit),
            Self::Train(job) => job.wait(limit),
            Self::Eval(job) => job.wait(limit),
        }
    }
}
