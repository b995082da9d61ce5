//! What is told of answers while they are written, and where it goes.

use super::conversation::{Answer, Try, answer_head, verdict_piece};
use super::picker::short;
use super::state::{ChatState, Draft};
use crate::pipeline::chat::News;

/// Takes what is told while models are loaded and answer.
pub(super) fn take(state: &mut ChatState, news: &News) {
    match news {
        News::Loading { model } => state.loading = Some(model.clone()),
        News::Loaded(ready) => {
            state.loading = None;
            state.ready.clone_from(ready);
        }
        News::Refused { question: None, error } => state.refuse(error),
        News::Refused { question: Some(question), error } => refused(state, *question, error),
        News::Started { question, side, prompt_tokens } => {
            if let Some(answer) = answer(state, *question, *side) {
                answer.starts(*prompt_tokens);
            }
        }
        News::Text { question, side, delta, tokens, tokens_per_second } => {
            let Some(answer) = answer(state, *question, *side) else { return };
            answer.text.push_str(delta);
            answer.grows(*tokens, *tokens_per_second);
            if let Some(transcript) = state.transcripts.get_mut(*side) {
                transcript.append(transcript.pieces().saturating_sub(1), delta);
            }
        }
        News::Ended { question, side, end, tokens, tokens_per_second, check } => {
            let Some(answer) = answer(state, *question, *side) else { return };
            answer.grows(*tokens, *tokens_per_second);
            answer.ends(end, check.as_ref());
            ended(state, *question, *side);
        }
    }
}

fn answer(state: &mut ChatState, question: u64, side: usize) -> Option<&mut Answer> {
    state.answered(question)?.shown_mut()?.answers.get_mut(side)
}

/// The head of an answer says how it ended, and its verdict goes below it. What is in sight stays where it is.
fn ended(state: &mut ChatState, question: u64, side: usize) {
    let ascii = state.ascii;
    let model = state.models.get(side).map(|model| short(model)).unwrap_or_default();
    let Some(exchange) = state.answered(question) else { return };
    let (head, verdict) = (answer_head(exchange, side, &model), verdict_piece(exchange, side, ascii));
    let over = exchange.shown().is_none_or(Try::ended);
    if let Some(transcript) = state.transcripts.get_mut(side) {
        transcript.replace(transcript.pieces().saturating_sub(2), &head);
        if let Some(verdict) = verdict {
            transcript.push(verdict);
        }
    }
    if over {
        state.asked = None;
        state.notice = None;
    }
}

/// Nothing was asked: the prompt comes back, in front of what was begun since. Answers that were to go on are what they were.
fn refused(state: &mut ChatState, question: u64, error: &str) {
    let Some(exchange) = state.answered(question) else { return };
    let mut stays = false;
    for answer in exchange.shown_mut().into_iter().flat_map(|shown| &mut shown.answers) {
        stays |= answer.stays();
    }
    if !stays {
        exchange.tries.pop();
        exchange.shown = exchange.tries.len().saturating_sub(1);
    }
    if exchange.tries.is_empty()
        && let Some(exchange) = state.conversation.exchanges.pop()
    {
        let begun = state.draft.editor.text();
        let text = if begun.trim().is_empty() { exchange.text } else { format!("{}\n\n{begun}", exchange.text) };
        state.draft = Draft::new(&text, exchange.problem);
    }
    state.asked = None;
    state.rewrite();
    state.refuse(format!("not asked: {error}"));
}
