//! What models are asked: a chat for each, and how they are to answer it.

use super::MOST;
use crate::pipeline::OrderError;
use crate::records::{Message, Role, Sampling};

/// One model and its side of the conversation.
#[derive(Debug, Clone, PartialEq)]
pub struct Side {
    /// Directory, `.gguf` file, or name.
    pub model: String,
    /// The chat so far, ending with what is asked now, or with the beginning of the answer, from which the model goes on.
    /// Empty where this side is not asked: its model stays in memory and writes nothing.
    pub messages: Vec<Message>,
}

impl Side {
    /// What is there of the answer already.
    pub fn begun(&self) -> &str {
        match self.messages.last() {
            Some(Message { role: Role::Assistant, content }) => content,
            _ => "",
        }
    }
}

/// What is asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// Chosen by who asks; each is larger than those before.
    pub id: u64,
    pub sides: Vec<Side>,
    pub sampling: Sampling,
    pub seed: u64,
    /// Index of the answer in its conversation, from 0.
    pub turn: u32,
    /// How often the answer was gone on with before; each part has a random stream of its own.
    pub part: u32,
    /// Id and gold answer of the problem that is asked about: the answers are graded, and drawn as an evaluation draws the
    /// first sample of this problem.
    pub problem: Option<(String, String)>,
}

impl Question {
    /// Whether it can be asked at all.
    ///
    /// # Errors
    /// One line: what is wrong.
    pub fn check(&self) -> Result<(), OrderError> {
        let wrong = |line: &str| Err(OrderError(line.to_owned()));
        match self.sides.len() {
            0 => wrong("no model is chosen"),
            count if count > MOST => wrong("two models at most can be talked with at once"),
            _ if self.sides.iter().all(|side| side.messages.is_empty()) => wrong("nothing is asked"),
            _ => self.sampling.validate().map_err(OrderError),
        }
    }
}
