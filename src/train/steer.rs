//! What stands between a run and those who watch and steer it. The trainer asks between passes; it never waits unasked.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Network;
use super::plan::MemoryPlan;
use super::settings::SpikeAction;

/// What a person can ask of a run. `jobs` has the switches; tests have their own.
pub trait Steering {
    /// Finish the step, save, end.
    fn stopping(&self) -> bool;

    fn paused(&self) -> bool;

    /// The run pauses itself: something is wrong that a person must see.
    fn pause(&self);

    /// Sleeps while paused and not stopping, at most `limit`.
    fn wait_while_paused(&self, limit: Duration);

    /// Whether a checkpoint was asked for; asked once.
    fn take_checkpoint(&self) -> bool {
        false
    }

    /// Another learning rate, if one was asked for; asked once.
    fn take_rate(&self) -> Option<f64> {
        None
    }

    /// What a person chose at a spike, if they did; asked once.
    fn take_choice(&self) -> Option<SpikeAction> {
        None
    }
}

/// One step, as reported.
#[derive(Debug, Clone, PartialEq)]
pub struct StepReport {
    /// Counted from 1.
    pub step: u64,
    pub total_steps: u64,
    pub epoch: f64,
    /// Mean over the trained tokens, in nats.
    pub loss: f64,
    pub lr: f64,
    pub grad_norm: f64,
    pub tokens_per_second: f64,
    /// Tokens seen in all.
    pub tokens: u64,
}

/// What a run tells.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// What the run will take of the memory; told once, before it begins.
    Plan(MemoryPlan),
    Step(StepReport),
    /// Validation loss after so many steps.
    Validation {
        step: u64,
        loss: f64,
    },
    /// What a look at the model brought: right answers of all.
    Looked {
        step: u64,
        right: usize,
        of: usize,
    },
    Saved {
        step: u64,
        path: PathBuf,
    },
    Paused,
    Resumed,
    /// Something that a person should see, in one line.
    Alert(String),
}

/// Who is told.
pub trait Report {
    fn tell(&mut self, event: &Event);
}

impl<F: FnMut(&Event)> Report for F {
    fn tell(&mut self, event: &Event) {
        self(event);
    }
}

/// What the model in training wrote for a problem.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Drawn {
    pub problem_id: String,
    pub text: String,
    pub tokens: usize,
    /// `None` where the answer cannot be graded.
    pub correct: Option<bool>,
}

/// Who draws from the model in training.
pub trait Look: Send {
    /// # Errors
    /// One line; the run goes on.
    fn look(&mut self, network: &Network) -> Result<Vec<Drawn>, String>;
}

/// Nobody steers.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unsteered;

impl Steering for Unsteered {
    fn stopping(&self) -> bool {
        false
    }

    fn paused(&self) -> bool {
        false
    }

    fn pause(&self) {}

    fn wait_while_paused(&self, _: Duration) {}
}
