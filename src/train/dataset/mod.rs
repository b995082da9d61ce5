//! From chains to tokens with a loss: rendering, masks, what is too long, what is held out, order.

pub mod mask;
pub mod order;
pub mod parts;

use std::collections::BTreeSet;
use std::ops::Range;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Batch, TrainError};
use crate::model::{ChatTemplate, Tokenizer};
use crate::records::Message;

pub use mask::{MaskError, Rendered};
pub use order::{Grouping, Order};
pub use parts::LossOn;

/// One chain to learn from.
#[derive(Debug, Clone, PartialEq)]
pub struct Example {
    /// Names it in messages and in the data's hash: problem, draw and settings.
    pub key: String,
    pub problem_id: String,
    /// What was asked: perhaps a system message, then the problem.
    pub prompt: Vec<Message>,
    pub answer: String,
    /// Bytes of `answer` that have no loss.
    pub untrained: Vec<Range<usize>>,
    /// How much it counts; 1 is ordinary.
    pub weight: f32,
}

/// A chain as tokens. `weights[i]` is how much the loss of predicting `tokens[i]` counts.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    pub key: String,
    pub problem_id: String,
    pub tokens: Vec<u32>,
    pub weights: Vec<f32>,
}

impl Item {
    /// Tokens with a loss.
    pub fn trained(&self) -> usize {
        self.weights.iter().skip(1).filter(|weight| **weight != 0.0).count()
    }

    /// The label of each token as other trainers read them, which move labels by one themselves: a label stands where its token
    /// does. The first token is never predicted. Weights are told from none, but not from each other.
    pub fn labels(&self) -> Vec<i64> {
        let counted = self.tokens.iter().zip(&self.weights).enumerate();
        counted
            .map(|(at, (token, weight))| if at > 0 && *weight != 0.0 { i64::from(*token) } else { NO_LOSS })
            .collect()
    }
}

/// The label of a token without a loss.
pub const NO_LOSS: i64 = -100;

/// How a data set is made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DataSettings {
    /// Name or hash of the selection that is learnt from; empty is every accepted chain.
    pub selection: String,
    /// Longest sample in tokens; longer ones are left out, not cut.
    pub max_length: usize,
    pub loss_on: LossOn,
    /// Share of the problems that is held out, 0 to below 1.
    pub validation_share: f64,
    pub grouping: Grouping,
}

impl Default for DataSettings {
    fn default() -> Self {
        Self {
            selection: String::new(),
            max_length: 8192,
            loss_on: LossOn::All,
            validation_share: 0.05,
            grouping: Grouping::Shuffled,
        }
    }
}

impl DataSettings {
    /// # Errors
    /// Which value means nothing, and what would.
    pub fn validate(&self) -> Result<(), TrainError> {
        if self.max_length < 2 {
            return Err(TrainError::Settings("max_length: must be 2 tokens or more".into()));
        }
        if !(self.validation_share >= 0.0 && self.validation_share < 1.0) {
            return Err(TrainError::Settings("validation_share: must be 0 (none) to below 1".into()));
        }
        Ok(())
    }
}

/// Chains ready to be trained on.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Dataset {
    pub train: Vec<Item>,
    /// Held out: no problem is in both.
    pub validation: Vec<Item>,
    /// Samples left out because they are longer than the limit, and the longest of them.
    pub too_long: usize,
    pub longest: usize,
    /// Names keys, tokens and weights of all of it: 16 hexadecimal digits.
    pub hash: String,
}

/// Renders and encodes every example, in order.
///
/// # Errors
/// If a mask cannot be made, or no example is left to train on.
pub fn build(
    examples: &[Example],
    tokenizer: &Tokenizer,
    template: &ChatTemplate,
    settings: &DataSettings,
    seed: u64,
) -> Result<Dataset, TrainError> {
    settings.validate()?;
    let mut set = Dataset::default();
    let held_out = held_out(examples, settings.validation_share, seed);
    for example in examples {
        let item = item(example, tokenizer, template)?;
        if item.tokens.len() > settings.max_length {
            set.too_long += 1;
            set.longest = set.longest.max(item.tokens.len());
        } else if item.trained() == 0 {
            return Err(TrainError::Data(format!("{}: no token has a loss; choose another `loss_on`", example.key)));
        } else if held_out.contains(example.problem_id.as_str()) {
            set.validation.push(item);
        } else {
            set.train.push(item);
        }
    }
    if set.train.is_empty() && !set.validation.is_empty() {
        // Every problem that fits was held out: better to train without validation than not at all.
        set.train = std::mem::take(&mut set.validation);
    }
    if set.train.is_empty() {
        return Err(TrainError::Data(match set.too_long {
            0 => "there is no chain to train on; accept some, or choose others".into(),
            count => format!(
                "all {count} chains are longer than max_length = {} tokens (the longest has {}); raise it",
                settings.max_length, set.longest
            ),
        }));
    }
    set.hash = hash(&set);
    Ok(set)
}

/// One example as tokens.
///
/// # Errors
/// If its mask cannot be made.
pub fn item(example: &Example, tokenizer: &Tokenizer, template: &ChatTemplate) -> Result<Item, TrainError> {
    let fail = |what: String| TrainError::Data(format!("{}: {what}", example.key));
    let rendered =
        mask::render(tokenizer, template, &example.prompt, &example.answer).map_err(|error| fail(error.to_string()))?;
    let weights = weights(&rendered, example).map_err(fail)?;
    let Rendered { ids, .. } = rendered;
    Ok(Item { key: example.key.clone(), problem_id: example.problem_id.clone(), tokens: ids, weights })
}

/// How much each token of a rendered example counts.
///
/// # Errors
/// If the template rewrites the answer, so that its parts cannot be found in it.
pub fn weights(rendered: &Rendered, example: &Example) -> Result<Vec<f32>, String> {
    // A template may trim the answer; then its bytes are counted from where it was cut.
    let written = &rendered.text[rendered.answer.clone()];
    let cut = match example.answer.find(written) {
        Some(cut) => cut,
        None if example.untrained.is_empty() => 0,
        None => return Err("the chat template rewrites the answer; only loss_on = all is possible".into()),
    };
    let mut weights = vec![0.0; rendered.ids.len()];
    for at in rendered.trained.clone() {
        let place = &rendered.places[at];
        let inside = place.end <= rendered.answer.end && place.end > rendered.answer.start;
        let here = |at: usize| (at + cut).saturating_sub(rendered.answer.start);
        let (begin, end) = (here(place.start), here(place.end));
        // A token across a border is trained.
        let spared = inside && example.untrained.iter().any(|part| part.start <= begin && end <= part.end);
        if !spared {
            weights[at] = example.weight;
        }
    }
    Ok(weights)
}

/// The problems that are held out: those whose hash with the seed is lowest.
fn held_out(examples: &[Example], share: f64, seed: u64) -> BTreeSet<&str> {
    let problems: BTreeSet<&str> = examples.iter().map(|example| example.problem_id.as_str()).collect();
    let count = (problems.len() as f64 * share).round() as usize;
    let mut ranked: Vec<([u8; 32], &str)> = problems
        .into_iter()
        .map(|problem| {
            (Sha256::new().chain_update(seed.to_le_bytes()).chain_update(problem).finalize().into(), problem)
        })
        .collect();
    ranked.sort_unstable();
    ranked.into_iter().take(count).map(|(_, problem)| problem).collect()
}

fn hash(set: &Dataset) -> String {
    let mut digest = Sha256::new();
    for (name, items) in [("train", &set.train), ("validation", &set.validation)] {
        digest.update(name);
        for item in items {
            digest.update((item.key.len() as u64).to_le_bytes());
            digest.update(&item.key);
            digest.update((item.tokens.len() as u64).to_le_bytes());
            for (token, weight) in item.tokens.iter().zip(&item.weights) {
                digest.update(token.to_le_bytes());
                digest.update(weight.to_le_bytes());
            }
        }
    }
    digest.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// One pass over some items, their weights divided by `total`.
pub fn batch(items: &[&Item], total: f64, seed: u64) -> Batch {
    let mut batch = Batch { seed, ..Batch::default() };
    for item in items {
        let weights: Vec<f32> = item.weights.iter().map(|weight| (f64::from(*weight) / total) as f32).collect();
        batch.push(&item.tokens, &weights);
    }
    batch
}

/// The sum of the weights of some items.
pub fn total_weight(items: &[&Item]) -> f64 {
    items.iter().flat_map(|item| item.weights.iter().skip(1)).map(|weight| f64::from(*weight)).sum()
}

#[cfg(test)]
mod tests;
