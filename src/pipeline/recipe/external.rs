//! Another program that does the trainings of a pass: what a recipe must not ask of it, and how it is started for each run.
//! Starting it is the host's business.

use super::place::Place;
use super::{Recipe, RecipeError};
use crate::train::external::{External, Trainer};

/// Stands for a run's name in `directory`: every training of a pass has a folder of its own.
const RUN: &str = "{run}";

impl Recipe {
    /// The program that trains a run of the pass in the place of this one.
    pub fn trainer_of(&self, run: &str) -> Option<External> {
        let mut external = self.external.clone()?;
        external.directory = external.directory.map(|directory| directory.replace(RUN, run));
        Some(external)
    }

    pub(super) fn check_external(&self, at: &Place<'_>) -> Result<(), RecipeError> {
        let Some(external) = &self.external else { return Ok(()) };
        external.validate().map_err(|error| at.wrong_in("external", error.to_string()))?;
        for (key, train) in [("stage1.train", &self.stage1.train), ("stage2.train", &self.stage2.train)] {
            external.check(train).map_err(|error| at.wrong_in(key, error.to_string()))?;
        }
        if external.directory.as_ref().is_some_and(|directory| !directory.contains(RUN)) {
            let line = format!(
                "external.directory: every training has a folder of its own; write {RUN} where its name stands, as in \
                 /work/demo/runs/{RUN}/external"
            );
            return Err(at.wrong("external.directory", line));
        }
        Ok(())
    }

    pub(super) fn trainer_opens_model(&self) -> Result<(), RecipeError> {
        if self.external.is_none() || !self.model.to_ascii_lowercase().ends_with(".gguf") {
            return Ok(());
        }
        let line = format!(
            "model {}: other trainers open no GGUF file; `cribble export-model` makes a directory of it",
            self.model
        );
        Err(RecipeError::File(self.name.clone(), line))
    }

    /// What must stay the same as long as a pass lasts. How another trainer is started may be mended after hours of sampling; which
    /// one it is may not.
    pub(super) fn lasting(&self) -> Self {
        let mut lasting = self.clone();
        lasting.servers = self.lasting_servers();
        lasting.external = self.external.as_ref().map(|external| {
            let trainer = match &external.trainer {
                Trainer::Command(_) => Trainer::Command("{config}".into()),
                known => known.clone(),
            };
            External { trainer, ..External::default() }
        });
        // What is written beside the record changes nothing in it.
        for train in [&mut lasting.stage1.train, &mut lasting.stage2.train] {
            train.wandb = false;
        }
        lasting
    }
}
