//! What an evaluation is to do. Pure data; the form on the screen and the command line both fill it in.

use crate::pipeline::{GenerateOrder, OrderError};

/// An evaluation: what is drawn, and what it is called.
#[derive(Debug, Clone, PartialEq)]
pub struct EvalOrder {
    pub generate: GenerateOrder,
    /// `None` is called as the model that answers.
    pub name: Option<String>,
}

impl EvalOrder {
    /// An order to answer problems that are held out, in single turns. Greedy answers are all alike: one of each problem.
    pub fn new(name: Option<String>, generate: GenerateOrder) -> Self {
        let samples = if generate.sampling.temperature == 0.0 { 1 } else { generate.samples };
        Self { name, generate: GenerateOrder { samples, turns: 1, held_out: true, ..generate } }
    }

    /// What it is called where this model answers.
    pub fn called<'a>(&'a self, model: &'a str) -> &'a str {
        self.name.as_deref().unwrap_or(model)
    }

    /// Whether it can be done at all; looked at before anything is opened or made.
    ///
    /// # Errors
    /// What is wrong.
    pub fn check(&self) -> Result<(), OrderError> {
        if self.name.as_ref().is_some_and(|name| name.trim().is_empty()) {
            return Err(OrderError("an evaluation needs a name".into()));
        }
        if self.generate.problems.is_none() {
            return Err(OrderError(
                "an evaluation needs a problem file: those of the session are to be learnt from".into(),
            ));
        }
        self.generate.check()
    }
}
