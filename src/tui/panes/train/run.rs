//! A run as its record tells it: curves, events, and what the model in training answered.

use std::collections::BTreeMap;

use crate::train::runs::follow::{LookedAt, Reading};
use crate::train::steer::Drawn;
use crate::tui::widgets::plot::{Series, Smoothed};

/// What is plotted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Quantity {
    #[default]
    Loss,
    Rate,
    Norm,
    Speed,
}

impl Quantity {
    pub fn name(self) -> &'static str {
        match self {
            Self::Loss => "loss",
            Self::Rate => "learning rate",
            Self::Norm => "gradient norm",
            Self::Speed => "tokens/s",
        }
    }

    pub fn next(self) -> Self {
        match self {
            Self::Loss => Self::Rate,
            Self::Rate => Self::Norm,
            Self::Norm => Self::Speed,
            Self::Speed => Self::Loss,
        }
    }
}

/// Events that are kept of a run.
const EVENTS: usize = 1000;

#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Run {
    pub name: String,
    pub total_steps: Option<u64>,
    pub loss: Smoothed,
    pub validation: Series,
    pub rate: Series,
    pub norm: Series,
    pub speed: Series,
    pub epoch: f64,
    pub tokens: u64,
    /// What happened besides steps, newest last.
    pub events: Vec<String>,
    pub looks: Looks,
}

impl Run {
    pub fn new(name: &str, weight: f32) -> Self {
        Self { name: name.to_owned(), loss: Smoothed::new(weight), ..Self::default() }
    }

    pub fn take(&mut self, reading: &Reading) {
        match reading {
            Reading::Step { step, loss, lr, grad_norm, tokens_per_second, epoch, tokens } => {
                let x = *step as f64;
                self.loss.push(x, *loss as f32);
                self.rate.push(x, *lr as f32);
                self.norm.push(x, *grad_norm as f32);
                self.speed.push(x, *tokens_per_second as f32);
                (self.epoch, self.tokens) = (*epoch, *tokens);
                if !loss.is_finite() {
                    self.note(format!("step {step}: the loss is no number"));
                }
            }
            Reading::Validation { step, loss } => self.validation.push(*step as f64, *loss as f32),
            // That a run began is seen by its points.
            Reading::Event { what, .. } if what == "started" => {}
            Reading::Event { step, what } => self.note(format!("step {step}: {what}")),
        }
    }

    fn note(&mut self, line: String) {
        self.events.push(line);
        if self.events.len() > EVENTS {
            self.events.remove(0);
        }
    }

    pub fn series(&self, quantity: Quantity) -> &Series {
        match quantity {
            Quantity::Loss => &self.loss.points,
            Quantity::Rate => &self.rate,
            Quantity::Norm => &self.norm,
            Quantity::Speed => &self.speed,
        }
    }

    pub fn step(&self) -> u64 {
        self.loss.points.last().map_or(0, |(x, _)| x as u64)
    }
}

/// Answers of the model in training to a few problems, by step; at step 0 it is the model that the training began with.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Looks {
    /// In the order in which they were asked first.
    pub problems: Vec<String>,
    by_step: BTreeMap<u64, BTreeMap<String, Drawn>>,
}

impl Looks {
    pub fn take(&mut self, look: &LookedAt) {
        let id = &look.drawn.problem_id;
        if !self.problems.contains(id) {
            self.problems.push(id.clone());
        }
        // A run that went back to a checkpoint looks again.
        self.by_step.entry(look.step).or_default().insert(id.clone(), look.drawn.clone());
    }

    pub fn is_empty(&self) -> bool {
        self.by_step.is_empty()
    }

    pub fn steps(&self) -> Vec<u64> {
        self.by_step.keys().copied().collect()
    }

    pub fn answer(&self, step: u64, problem: &str) -> Option<&Drawn> {
        self.by_step.get(&step)?.get(problem)
    }

    /// Right answers of a step.
    pub fn right(&self, step: u64) -> usize {
        let answers = self.by_step.get(&step).into_iter().flatten();
        answers.filter(|(_, drawn)| drawn.correct == Some(true)).count()
    }
}
