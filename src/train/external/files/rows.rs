//! The chains of a training as the lines that a trainer reads: messages, or tokens with their labels.

use serde_json::{Value, json};

use super::super::Trainer;
use crate::records::{Message, Role};
use crate::train::dataset::{Example, Item};

/// What is learnt from, and what is held out.
#[derive(Debug, Clone, Copy)]
pub enum Data<'a> {
    /// As messages: the trainer makes tokens of them, and learns whole answers.
    Messages { train: &'a [&'a Example], validation: &'a [&'a Example] },
    /// As tokens with their labels: nothing else tells every trainer which parts of an answer have no loss.
    Tokens { train: &'a [Item], validation: &'a [Item] },
}

impl Data<'_> {
    /// Chains that are learnt from.
    pub fn chains(&self) -> usize {
        match self {
            Self::Messages { train, .. } => train.len(),
            Self::Tokens { train, .. } => train.len(),
        }
    }

    pub fn held_out(&self) -> usize {
        match self {
            Self::Messages { validation, .. } => validation.len(),
            Self::Tokens { validation, .. } => validation.len(),
        }
    }

    pub(super) fn is_tokenized(&self) -> bool {
        matches!(self, Self::Tokens { .. })
    }

    /// The lines of both files.
    pub(super) fn lines(&self, trainer: &Trainer) -> (Vec<u8>, Vec<u8>) {
        match *self {
            Self::Messages { train, validation } => {
                let of = |chains: &[&Example]| lines(chains.iter().map(|chain| messages(chain, trainer)));
                (of(train), of(validation))
            }
            Self::Tokens { train, validation } => {
                (lines(train.iter().map(tokens)), lines(validation.iter().map(tokens)))
            }
        }
    }
}

fn lines(rows: impl Iterator<Item = Value>) -> Vec<u8> {
    let mut lines = Vec::new();
    for row in rows {
        lines.extend_from_slice(row.to_string().as_bytes());
        lines.push(b'\n');
    }
    lines
}

/// For axolotl as messages, of which it learns the answers; else as prompt and completion, so that a trainer learns from the
/// completion alone.
fn messages(example: &Example, trainer: &Trainer) -> Value {
    let answer = Message::new(Role::Assistant, &example.answer);
    match trainer {
        Trainer::Axolotl => {
            let messages: Vec<&Message> = example.prompt.iter().chain([&answer]).collect();
            json!({ "messages": messages, "key": example.key, "problem_id": example.problem_id })
        }
        Trainer::Trl | Trainer::Command(_) => json!({
            "prompt": example.prompt, "completion": [answer], "key": example.key, "problem_id": example.problem_id,
        }),
    }
}

/// With a mask of what is attended to, by which axolotl sees that there is nothing left to make of a row.
fn tokens(item: &Item) -> Value {
    json!({
        "input_ids": item.tokens, "attention_mask": vec![1; item.tokens.len()], "labels": item.labels(),
        "key": item.key, "problem_id": item.problem_id,
    })
}
