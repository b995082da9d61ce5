//! One request in work: its prompt, its cache, what was written, and when it ends.

use super::lookup::Said;
use super::stop::StopFilter;
use super::{ChatText, TokenText};
use crate::generate::random::TokenRandom;
use crate::generate::{Event, Request};
use crate::model::{Cache, Segment, Wanted};
use crate::records::{FinishReason, Role};

/// How far a request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// Has a slot; nothing computed yet.
    Waiting,
    /// Part of the prompt is in the cache.
    Prefilling,
    /// The whole prompt is; a step gives a token, and more where a guess holds.
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
    /// The token sampled last, which is not in the cache yet, and a guess at those after it.
    next: Vec<u32>,
    pub(super) said: Said,
    text: StopFilter,
    stream: Box<dyn TokenText>,
    /// Tokens that the context has room for behind the prompt.
    room: usize,
}

impl Slot {
    pub(super) fn new(request: Request, prompt: Vec<u32>, cache: Cache, text: &dyn ChatText, context: usize) -> Self {
        let mut stream = text.stream();
        if request.messages.last().is_some_and(|last| last.role == Role::Assistant)
            && let Some(token) = prompt.last()
        {
            // What is written stands behind a text, of which the stream has to have seen the end: some vocabularies give the first
            // token of a text a space that is not part of it.
            stream.push(*token);
        }
        Self {
            room: context.saturating_sub(prompt.len()),
            prompt,
            cache,
            progress: Progress::Waiting,
            random: TokenRandom::new(&request.stream),
            generated: Vec::new(),
            next: Vec::new(),
            said: Said::default(),
            text: StopFilter::new(&request.sampling.stop),
            stream,
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

    /// Looks for a guess at what follows; its length.
    pub(super) fn guess(&mut self) -> usize {
        if self.said.is_empty() {
            self.said.say(&self.prompt);
            self.said.say(&self.generated);
        }
        // The guess's tokens and one behind them have to have room.
        let most = self.request.sampling.max_tokens.min(self.room).saturating_sub(self.generated.len() + 1);
        self.next.clear();
        self.next.extend(self.generated.last());
        self.next.extend(self.said.guess(most));
        self.next.len() - 1
    }

    /// Tokens before the one that is chosen from row `row` of this step's logits.
    pub(super) fn before(&self, row: usize) -> &[u32] {
        let tokens = self.cache.tokens();
        &tokens[..tokens.len() - (self.looked_at() - row)]
    }

    /// Guessed tokens in this step.
    fn looked_at(&self) -> usize {
        if self.progress == Progress::Decoding { self.next.len().saturating_sub(1) } else { 0 }
    }

    /// Whether `token`, chosen from row `row`, is what was guessed there.
    pub(super) fn guessed(&self, row: usize, token: u32) -> bool {
        row < self.looked_at() && self.next.get(row + 1) == Some(&token)
    }

    /// Keeps of the step's rows those of `chosen` tokens.
    pub(super) fn keep_rows(&mut self, chosen: usize) {
        let wrong = (self.looked_at() + 1).saturating_sub(chosen);
        self.cache.truncate(self.cache.len() - wrong);
    }

    /// This slot's part of a step: at most `budget` tokens of its prompt, or behind the last token as many of the guess.
    pub(super) fn segment(&mut self, budget: usize) -> Segment<'_> {
        let Self { prompt, cache, generated, next, progress, .. } = self;
        if *progress == Progress::Decoding {
            if budget == 0 || next.is_empty() {
                next.clear();
                next.extend(generated.last());
            }
            next.truncate(1 + budget);
            return Segment { cache, tokens: next, wanted: Wanted::All };
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
        if !self.said.is_empty() {
            self.said.say(&[token]);
        }
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
            // The probabilities of a step are gone once its tokens are chosen.
            logprob: None,
            reason,
        });
        self.cache
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::{Value, json};

    use super::*;
    use crate::generate::StreamKey;
    use crate::generate::local::ModelText;
    use crate::model::{ChatTemplate, Family, GenerationDefaults, TextFiles, Tokenizer, tiny_decoder};
    use crate::records::{Message, Sampling};

    /// As Llama 2 and Mistral spell: a word brings the space before it, and that of a text's first word is not meant.
    fn spaced() -> ModelText {
        let metaspace = json!({"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": false});
        let end = json!({
            "id": 0, "content": "</s>", "special": true, "single_word": false, "lstrip": false, "rstrip": false,
            "normalized": false,
        });
        let json = json!({
            "version": "1.0", "truncation": null, "padding": null, "added_tokens": [end], "normalizer": null,
            "pre_tokenizer": metaspace, "post_processor": null, "decoder": metaspace,
            "model": {
                "type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
                "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false,
                "vocab": {"</s>": 0, "▁": 1, "a": 2, "b": 3, "▁b": 4}, "merges": ["▁ b"],
            },
        });
        let tokenizer =
            Tokenizer::from_json(json.to_string().as_bytes(), &Value::Null, &[0], Path::new("spaced")).unwrap();
        let template = ChatTemplate::new("bare", "{% for m in messages %}{{ m.content }}{% endfor %}").unwrap();
        let generation = GenerationDefaults::default();
        ModelText::new(TextFiles { name: "spaced".into(), tokenizer, template, generation })
    }

    /// What is told of an answer to `messages` of which these tokens are written.
    fn written(text: &dyn ChatText, messages: Vec<Message>, tokens: &[u32]) -> String {
        let prompt = text.encode_chat(&messages).unwrap();
        let stream = StreamKey { seed: 0, problem_id: "p".into(), draw: 0, turn: 0 };
        let request = Request { id: 1, messages, sampling: Sampling::default(), stream, dialogue: 1 };
        let cache = tiny_decoder(Family::Llama, 97).new_cache();
        let mut slot = Slot::new(request, prompt, cache, text, 100);
        let mut events = Vec::new();
        for token in tokens {
            slot.accept(*token, &[], &mut events);
        }
        slot.finish(FinishReason::Length, &mut events);
        let deltas = events.iter().filter_map(|event| match event {
            Event::Text { delta, .. } => Some(delta.as_str()),
            _ => None,
        });
        deltas.collect()
    }

    #[test]
    fn the_first_space_belongs_to_an_answer_that_is_gone_on_with() {
        let text = spaced();
        let asked = Message::new(Role::User, "a");
        assert_eq!(written(&text, vec![asked.clone()], &[4, 4]), "b b");
        assert_eq!(written(&text, vec![asked, Message::new(Role::Assistant, "a")], &[4, 4]), " b b");
    }
}
