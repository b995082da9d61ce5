//! The recipe that a session's pass is run by: kept in the session, so that no other one goes on with it.

use serde::{Deserialize, Serialize};

use super::place::Place;
use super::{Recipe, RecipeError};
use crate::pipeline::OrderError;
use crate::session::{Session, StoredStep};

/// Under which a session keeps its recipe.
const STEP: &str = "recipe";

/// A recipe in a session.
#[derive(Serialize, Deserialize)]
struct StoredRecipe {
    name: String,
    toml: String,
    /// Tells the models that this pass makes from those of others, which have the same names. It stays as long as the session.
    mark: Option<String>,
}

impl StoredRecipe {
    fn of(session: &Session) -> color_eyre::Result<Option<Self>> {
        let Some(step) = session.step(STEP)? else { return Ok(None) };
        Ok(Some(serde_json::from_str(&step.outcome)?))
    }

    fn recipe(&self) -> Result<Recipe, RecipeError> {
        Recipe::parse(&self.name, &Place { file: "the recipe in the session", text: &self.toml })
    }
}

impl Recipe {
    /// The recipe of the pass in a session, as it was run.
    ///
    /// # Errors
    /// If the session cannot be read, or holds a recipe of another version of this program.
    pub fn of_session(session: &Session) -> color_eyre::Result<Option<Self>> {
        let stored = StoredRecipe::of(session)?;
        Ok(stored.map(|stored| stored.recipe()).transpose()?)
    }

    /// Makes a session this recipe's, or refuses another one's. Returns the mark of its pass: a few digits by which
    /// the models that it makes are told from those that other passes make under the same names.
    ///
    /// # Errors
    /// If another recipe's pass is here, or the session cannot be written.
    pub fn own(&self, session: &Session) -> color_eyre::Result<String> {
        self.may_run(session)?;
        let before = StoredRecipe::of(session)?;
        if let Some(before) = &before
            && let Some(mark) = &before.mark
            && before.recipe()?.to_toml() == self.to_toml()
        {
            return Ok(mark.clone());
        }
        let mark = before.and_then(|before| before.mark).unwrap_or_else(fresh_mark);
        let mine = StoredRecipe { name: self.name.clone(), toml: self.to_toml(), mark: Some(mark.clone()) };
        let outcome = serde_json::to_string(&mine)?;
        session.put_step(&StoredStep { name: STEP.into(), outcome, seconds: 0.0 })?;
        Ok(mark)
    }

    /// Whether a session is this recipe's already; false where it is nobody's yet.
    ///
    /// # Errors
    /// If another recipe's pass is here, or the session cannot be read.
    pub fn may_run(&self, session: &Session) -> color_eyre::Result<bool> {
        // Compared as read, so that a setting which came with a later version of the program is its default here.
        let Some(before) = Self::of_session(session)? else { return Ok(false) };
        let (before, mine) = (before.lasting().to_toml(), self.lasting().to_toml());
        if before == mine {
            return Ok(true);
        }
        let differs = before.lines().zip(mine.lines()).find(|(was, is)| was != is);
        let (was, is) = differs.unwrap_or(("fewer settings", "more"));
        Err(OrderError(format!(
            "{}: another recipe's pass is here (`{was}`, now `{is}`); take another session for this one",
            session.dir().display()
        ))
        .into())
    }
}

fn fresh_mark() -> String {
    format!("{:04x}", rand::random::<u16>())
}
