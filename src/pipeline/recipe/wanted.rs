//! A recipe as a person asks for it: which one, and what of it is to be otherwise. The command line and the form on the screen both
//! fill it in.

use std::path::PathBuf;

use color_eyre::Result;

use super::Recipe;
use crate::model::ComputeChoice;
use crate::pipeline::OrderError;

/// What is left out is as the recipe says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Name of a recipe that comes with the program, or a file.
    pub recipe: String,
    pub model: Option<String>,
    pub problems: Option<PathBuf>,
    pub test: Option<PathBuf>,
    pub seed: Option<u64>,
    pub compute: Option<String>,
}

impl Wanted {
    /// Reads the recipe and puts over it what is to be otherwise. Paths become absolute: the session keeps them.
    ///
    /// # Errors
    /// What is wrong with the recipe in which line, or with what was put over it.
    pub fn open(&self) -> Result<Recipe> {
        let mut recipe = Recipe::open(&self.recipe)?;
        let absolute = |path: &PathBuf| {
            // A set that comes with the program is no file.
            if path.exists() { std::path::absolute(path) } else { Ok(path.clone()) }
        };
        if let Some(model) = &self.model {
            recipe.model = absolute(&PathBuf::from(model))?.to_string_lossy().into_owned();
        }
        if let Some(path) = &self.problems {
            recipe.problems = absolute(path)?;
        }
        if let Some(path) = &self.test {
            recipe.test = absolute(path)?;
        }
        if let Some(seed) = self.seed {
            recipe.seed = seed;
        }
        if let Some(compute) = &self.compute {
            recipe.compute.clone_from(compute);
        }
        recipe.complete()?;
        let _: ComputeChoice = recipe
            .compute
            .parse()
            .map_err(|error: crate::model::DecoderError| OrderError(format!("compute: {error}")))?;
        Ok(recipe)
    }
}
