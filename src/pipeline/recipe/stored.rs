//! The recipe that a session's pass is run by: kept in the session, so that no other one goes on with it.

use serde::{Deserialize, Serialize};

use super::Recipe;
use crate::pipeline::OrderError;
use crate::session::{Session, StoredStep};

/// Under which a session keeps its recipe.
const STEP: &str = "recipe";

/// A recipe in a session.
#[derive(Serialize, Deserialize)]
struct StoredRecipe {
    name: String,
    toml: String,
}

impl Recipe {
    /// The recipe of the pass in a session, as it was run.
    ///
    /// # Errors
    /// If the session cannot be read, or holds a recipe of another version of this program.
    pub fn of_session(session: &Session) -> color_eyre::Result<Option<Self>> {
        let Some(step) = session.step(STEP)? else { return Ok(None) };
        let stored: StoredRecipe = serde_json::from_str(&step.outcome)?;
        Ok(Some(Self::read(&stored.name, "the recipe in the session", &stored.toml)?))
    }

    /// Makes a session this recipe's, or refuses another one's.
    ///
    /// # Errors
    /// If another recipe's pass is here, or the session cannot be written.
    pub fn own(&self, session: &Session) -> color_eyre::Result<()> {
        let before = self.may_run(session)?.then(|| Self::of_session(session)).transpose()?.flatten();
        if before.is_some_and(|before| before.to_toml() == self.to_toml()) {
            return Ok(());
        }
        let mine = StoredRecipe { name: self.name.clone(), toml: self.to_toml() };
        let outcome = serde_json::to_string(&mine)?;
        Ok(session.put_step(&StoredStep { name: STEP.into(), outcome, seconds: 0.0 })?)
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
