//! What a pass came to, from what the session keeps: scores of the models, paired comparisons, selections.

use std::collections::BTreeMap;

use color_eyre::Result;
use serde::Serialize;
use serde_json::{Value, json};

use super::plan::{self, plan, round_of};
use super::review::is_review;
use crate::eval::{Answered, Comparison, Score, compare};
use crate::pipeline::eval;
use crate::pipeline::recipe::Recipe;
use crate::pipeline::select::SelectOutcome;
use crate::session::Session;

/// A model with its scores.
#[derive(Debug, Clone)]
pub struct ModelScores {
    /// `base`, `pi_sft`, `pi_rej`.
    pub name: String,
    /// Directory, file or name.
    pub model: String,
    /// Number format that its samples were drawn in.
    pub compute: String,
    pub score: Score,
    /// Of greedy answers, where the recipe has them.
    pub greedy: Option<Score>,
    pub answered: Vec<Answered>,
}

/// A selection that was trained on.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SelectionMade {
    pub stage: String,
    #[serde(flatten)]
    pub made: SelectOutcome,
}

/// All of it.
#[derive(Debug, Clone)]
pub struct RunOutcome {
    pub recipe: String,
    pub seed: u64,
    /// Base, then the others as they were made.
    pub models: Vec<ModelScores>,
    /// Each model against the one before, and the last against the base: (later, earlier, comparison).
    pub paired: Vec<(String, String, Comparison)>,
    pub selections: Vec<SelectionMade>,
    /// Of all steps but those that wait for a person; of one that was interrupted, its last call.
    pub wall_seconds: f64,
}

impl RunOutcome {
    pub fn model(&self, name: &str) -> Option<&ModelScores> {
        self.models.iter().find(|model| model.name == name)
    }

    /// As `run --json` prints it: every value of one line.
    pub fn json(&self) -> Value {
        let models: BTreeMap<&str, Value> = self
            .models
            .iter()
            .map(|model| {
                let mut value = eval::summary(&model.model, &model.compute, &model.score);
                value["greedy"] = json!(model.greedy.as_ref().map(|greedy| greedy.pass_at_1.value));
                (model.name.as_str(), value)
            })
            .collect();
        let ratios: BTreeMap<&str, Option<f64>> = self
            .paired
            .iter()
            .filter(|(_, earlier, _)| earlier == "base")
            .map(|(later, _, comparison)| (later.as_str(), comparison.length_ratio))
            .collect();
        let paired: BTreeMap<String, Value> = self
            .paired
            .iter()
            .map(|(later, earlier, comparison)| {
                let Comparison { delta, length_ratio, length_ratio_both_right, .. } = comparison;
                let value = json!({
                    "delta": delta.value, "ci95": [delta.low, delta.high], "length_ratio": length_ratio,
                    "length_ratio_both_right": length_ratio_both_right,
                });
                (format!("{later}-{earlier}"), value)
            })
            .collect();
        json!({
            "recipe": self.recipe, "seed": self.seed, "models": models, "length_ratio": ratios, "paired": paired,
            "selections": self.selections, "wall_seconds": self.wall_seconds,
        })
    }
}

/// What the pass in this session came to so far; `None` where not even the base model was scored.
///
/// # Errors
/// If the session cannot be read.
pub fn outcome(session: &Session, recipe: &Recipe) -> Result<Option<RunOutcome>> {
    let mut models = Vec::new();
    for name in plan::models(recipe) {
        models.extend(scores(session, &name)?);
    }
    if models.is_empty() {
        return Ok(None);
    }
    // With several rounds the last one is what the pass made.
    let mut pairs: Vec<(usize, usize)> = (1..models.len()).map(|later| (later, later - 1)).collect();
    pairs.extend((2..models.len()).map(|later| (later, 0)));
    let paired = pairs
        .into_iter()
        .filter_map(|(later, earlier)| {
            let comparison = compare(&models[earlier].answered, &models[later].answered)?;
            Some((models[later].name.clone(), models[earlier].name.clone(), comparison))
        })
        .collect();
    let mut stages = vec!["stage 1".to_owned()];
    stages.extend((1..=recipe.stage2.rounds).map(|round| round_of(recipe, round)));
    let mut selections = Vec::new();
    for stage in stages {
        if let Some(step) = session.step(&format!("{stage} select"))? {
            selections.push(SelectionMade { stage, made: serde_json::from_str(&step.outcome)? });
        }
    }
    let mut wall_seconds = 0.0;
    for planned in plan(recipe, None)?.into_iter().filter(|planned| !is_review(&planned.name)) {
        wall_seconds += session.step(&planned.name)?.map_or(0.0, |step| step.seconds);
    }
    Ok(Some(RunOutcome { recipe: recipe.name.clone(), seed: recipe.seed, models, paired, selections, wall_seconds }))
}

/// A model that was scored, by its name in the pass.
pub(super) fn scores(session: &Session, name: &str) -> Result<Option<ModelScores>> {
    let Some(kept) = session.eval(name)? else { return Ok(None) };
    let greedy = session.eval(&format!("{name} greedy"))?;
    let settings = session.settings(&kept.settings)?;
    Ok(Some(ModelScores {
        name: name.to_owned(),
        compute: settings.map(|settings| settings.model.compute).unwrap_or_default(),
        score: serde_json::from_str(&kept.summary)?,
        greedy: greedy.map(|greedy| serde_json::from_str(&greedy.summary)).transpose()?,
        answered: eval::kept(session, &kept)?,
        model: kept.model,
    }))
}
