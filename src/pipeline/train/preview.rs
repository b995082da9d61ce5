//! The samples of a training as the model will see them: tokens, and which of them have a loss. Wrong masks are silent
//! in a loss curve and plain here.

use color_eyre::Result;
use serde::Serialize;

use super::{TrainOrder, accepted};
use crate::model::ModelFiles;
use crate::session::Session;
use crate::train::dataset;

/// One token of a sample.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PreviewToken {
    pub id: u32,
    /// What it stands for, special ones by their name.
    pub text: String,
    pub special: bool,
    /// How much its loss counts; 0 is not at all.
    pub weight: f32,
}

/// One sample.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Preview {
    /// Problem, draw and settings.
    pub sample: String,
    pub tokens: Vec<PreviewToken>,
    pub trained: usize,
    /// Longer than `data.max_length`: it would be left out.
    pub too_long: bool,
}

/// The first `count` samples that would be trained on, in the order of the data set, and how many there are.
///
/// # Errors
/// If there is none, the model cannot be opened, or a mask cannot be made.
pub fn preview(session: &Session, order: &TrainOrder, count: usize) -> Result<(Vec<Preview>, usize)> {
    let examples = accepted(session, order)?;
    let files = ModelFiles::open(&order.settings.model)?;
    let mut previews = Vec::new();
    for example in examples.iter().take(count) {
        let item = dataset::item(example, &files.tokenizer, &files.template)?;
        let token = |(id, weight): (&u32, &f32)| PreviewToken {
            id: *id,
            text: files.tokenizer.id_to_text(*id),
            special: files.tokenizer.is_special(*id),
            weight: *weight,
        };
        previews.push(Preview {
            tokens: item.tokens.iter().zip(&item.weights).map(token).collect(),
            trained: item.trained(),
            too_long: item.tokens.len() > order.settings.data.max_length,
            sample: item.key,
        });
    }
    Ok((previews, examples.len()))
}
