//! One request in work: its prompt, its cache, what was written, and when it ends.

use super::stop::StopFilter;
use super::{ChatText, TokenText};
use crate::generate::random::TokenRandom;
use crate::generate::{Event, Request};
use crate::model::{Cache, Segment, Wanted};
use crate::records::FinishReason;

/// How far a request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// Has a slot; nothing computed yet.
    Waiting,
    /// Part of the prompt is in the cache.
    Prefilling,
    /// The whole prompt is; one token a step.
    Decoding,
}

pub(super) struct Slot {
    pub(super) request: Request,
    pub(super) prompt: Vec<u32>,
    pub(super) cache: Cache,
    pub(super) progress: Progress,
    pub(super) random: TokenRandom,
    /// As sampled, the ending token included.
    generated: Vec<u32>,
    text: StopFilter,
    stream: Box<dyn TokenText>,
    /// Tokens that the context has room for behind the prompt.
    room: usize,
}

impl Slot {
    pub(super) fn new(request: Request, prompt: Vec<u32>, cache: Cache, text: &dyn ChatText, context: usize) -> Self {
        Self {
            room: context.saturating_sub(prompt.len()),
            prompt,
            cache,
            progress: Progress::Waiting,
            random: TokenRandom::new(&request.stream),
            generated: Vec::new(),
            text: StopFilter::new(&request.sampling.stop),
            stream: text.stream(),
            request,
        }
    }

    /// Why this request ends before its first token, if it does.
    pub(super) fn ends_at_once(&self) -> Option<FinishReason> {
        if self.room == 0 {
            Some(FinishReason::ContextFull)
        } else {
            (self.request.sampling.max_tokens == 0).then_some(FinishReason::Length)
        }
    }

    /// Tokens of the prompt that are still to be computed.
    pub(super) fn missing(&self) -> usize {
        self.prompt.len().saturating_sub(self.cache.len())
    }

    /// How many tokens of another's `tokens` could serve as the beginning of this prompt. The last token is always
    /// computed, since its logits are wanted.
    pub(super) fn shared_with(&self, tokens: &[u32]) -> usize {
        let common = self.prompt.iter().zip(tokens).take_while(|(a, b)| a == b).count();
        common.min(self.prompt.len().saturating_sub(1))
    }

    /// Index of the token that comes next.
    pub(super) fn next_index(&self) -> usize {
        self.generated.len()
    }

    /// This slot's part of a step with at most `budget` prompt tokens. Whether logits are wanted comes with it.
    pub(super) fn segment(&mut self, budget: usize) -> Segment<'_> {
        let Self { prompt, cache, generated, progress, .. } = self;
        if *progress == Progress::Decoding {
            // The token sampled last is not in the cache yet.
            let last = generated.len().saturating_sub(1);
            return Segment { cache, tokens: &generated[last..], wanted: Wanted::Last };
        }
        let begin = cache.len();
        let end = prompt.len().min(begin + budget);
        let wanted = if end == prompt.len() { Wanted::Last } else { Wanted::None };
        Segment { cache, tokens: &prompt[begin..end], wanted }
    }

    /// Takes the next token; says how the turn ended if it did.
    pub(super) fn accept(&mut self, token: u32, stop_ids: &[u32], events: &mut Vec<Event>) -> Option<FinishReason> {
        self.progress = Progress::Decoding;
        self.generated.push(token);
        if stop_ids.contains(&token) {
            return Some(FinishReason::Stop);
        }
        if let Some(piece) = self.stream.push(token) {
            let (delta, stopped) = self.text.push(&piece);
            self.show(delta, events);
            if stopped {
                return Some(FinishReason::StopString);
            }
        }
        if self.generated.len() >= self.request.sampling.max_tokens {
            Some(FinishReason::Length)
        } else if self.generated.len() >= self.room {
            Some(FinishReason::ContextFull)
        } else {
            None
        }
    }

    fn show(&self, delta: String, events: &mut Vec<Event>) {
        if !delta.is_empty() {
            events.push(Event::Text { id: self.request.id, delta, tokens: self.generated.len() });
        }
    }

    /// Reports the end and gives back the cache for the dialogue's next turn.
    pub(super) fn finish(mut self, mut reason: FinishReason, events: &mut Vec<Event>) -> Cache {
        // A stop token or the last token allowed may leave half a character and held text behind.
        if reason != FinishReason::StopString {
            if let Some(piece) = self.stream.finish() {
                let (delta, stopped) = self.text.push(&piece);
                self.show(delta, events);
                if stopped {
                    reason = FinishReason::StopString;
                }
            }
            let rest = self.text.flush();
            self.show(rest, events);
        }
        events.push(Event::Finished {
            id: self.request.id,
            text: self.text.into_text(),
            tokens: self.generated.len(),
            token_ids: self.generated,
            reason,
        });
        self.cache
    }
}
