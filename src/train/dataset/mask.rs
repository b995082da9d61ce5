//! Which tokens of a chat are trained: found twice, by what the template writes around the answer and by how the ids of the
//! whole differ from those of the prompt. The two must agree; a wrong mask teaches the wrong thing without a word.

use std::ops::Range;

use crate::model::{ChatTemplate, ModelError, Tokenizer};
use crate::records::{Message, Role};

/// A prompt and its answer as tokens.
#[derive(Debug, Clone, PartialEq)]
pub struct Rendered {
    pub ids: Vec<u32>,
    /// The bytes of `text` that each token stands for.
    pub places: Vec<Range<usize>>,
    /// The chat as the template writes it.
    pub text: String,
    /// The bytes of `text` that are the answer.
    pub answer: Range<usize>,
    /// The tokens with a loss: the answer and the token that ends its turn.
    pub trained: Range<usize>,
}

/// Why a mask could not be made.
#[derive(Debug, thiserror::Error)]
pub enum MaskError {
    #[error(transparent)]
    Model(#[from] ModelError),
    #[error(
        "the chat template writes something else before an answer than before the model's own turn (ids differ from token \
         {at}); use a template without that, or the plain one"
    )]
    Prefix { at: usize },
    #[error(
        "the chat template writes something else before an answer than before the model's own turn (from byte {at})"
    )]
    Text { at: usize },
    #[error("the chat template leaves the answer out or writes it twice; use another template")]
    NoAnswer,
    #[error("the two ways to find the trained tokens disagree ({spans:?} by spans, {prefix:?} by prefix)")]
    Disagree { spans: Range<usize>, prefix: Range<usize> },
}

/// Renders and encodes a prompt with its answer.
///
/// # Errors
/// If the template fails, or the two ways to find the mask disagree.
pub fn render(
    tokenizer: &Tokenizer,
    template: &ChatTemplate,
    prompt: &[Message],
    answer: &str,
) -> Result<Rendered, MaskError> {
    let mut chat = prompt.to_vec();
    chat.push(Message::new(Role::Assistant, answer));
    let (text, tokens) = tokenizer.encode_chat_offsets(template, &chat, false)?;
    let (ids, places): (Vec<u32>, Vec<Range<usize>>) = tokens.into_iter().unzip();
    let prefix = by_prefix(tokenizer, template, prompt, &ids)?;
    let inside = answer_in(template, prompt, &text)?;
    let spans = by_spans(tokenizer, &ids, &places, turn_begin(template, prompt, &text[..inside.start])?, inside.end);
    if spans != prefix {
        return Err(MaskError::Disagree { spans, prefix });
    }
    Ok(Rendered { ids, places, text, answer: inside, trained: spans })
}

/// The bytes between what the template writes before an answer and what it writes after it, found with a stand-in answer.
fn answer_in(template: &ChatTemplate, prompt: &[Message], text: &str) -> Result<Range<usize>, MaskError> {
    let stand_in = ('\u{e000}'..='\u{f8ff}')
        .find(|c| !text.contains(*c) && prompt.iter().all(|message| !message.content.contains(*c)))
        .ok_or(MaskError::NoAnswer)?;
    let mut chat = prompt.to_vec();
    chat.push(Message::new(Role::Assistant, stand_in));
    let around = template.render_with(&chat, false)?;
    let mut parts = around.split(stand_in);
    let (Some(before), Some(after), None) = (parts.next(), parts.next(), parts.next()) else {
        return Err(MaskError::NoAnswer);
    };
    if text.len() < before.len() + after.len() || !text.starts_with(before) || !text.ends_with(after) {
        return Err(MaskError::NoAnswer);
    }
    Ok(before.len()..text.len() - after.len())
}

/// The byte where the model's own turn begins: what the template writes before an answer may be a space longer than what it
/// writes before the model's turn, and that space is then the model's to write.
fn turn_begin(template: &ChatTemplate, prompt: &[Message], before: &str) -> Result<usize, MaskError> {
    let opened = template.render_with(prompt, true)?;
    if before.get(..opened.len()) == Some(opened.as_str()) {
        return Ok(opened.len());
    }
    let at = before.bytes().zip(opened.bytes()).take_while(|(a, b)| a == b).count();
    Err(MaskError::Text { at })
}

/// From the first token of the turn to the first behind the answer that ends a turn.
fn by_spans(tokenizer: &Tokenizer, ids: &[u32], places: &[Range<usize>], begin: usize, end: usize) -> Range<usize> {
    let begin = places.iter().position(|place| place.start >= begin && place.end > begin).unwrap_or(ids.len());
    let behind = places.iter().position(|place| place.start >= end && !place.is_empty()).unwrap_or(ids.len());
    let stop = (behind..ids.len()).find(|&at| tokenizer.stop_ids().contains(&ids[at]));
    begin.min(behind)..stop.map_or(behind, |stop| stop + 1)
}

/// From where the ids leave those of the prompt to the last that ends a turn; where none does, to the last that is not space.
fn by_prefix(
    tokenizer: &Tokenizer,
    template: &ChatTemplate,
    prompt: &[Message],
    ids: &[u32],
) -> Result<Range<usize>, MaskError> {
    let before = tokenizer.encode_chat_with(template, prompt, true)?;
    let common = before.iter().zip(ids).take_while(|(a, b)| a == b).count();
    if common < before.len() {
        return Err(MaskError::Prefix { at: common });
    }
    let own = &ids[common..];
    let stop = own.iter().rposition(|id| tokenizer.stop_ids().contains(id));
    let end = stop.or_else(|| own.iter().rposition(|id| !tokenizer.id_to_text(*id).trim().is_empty()));
    Ok(common..common + end.map_or(0, |end| end + 1))
}
