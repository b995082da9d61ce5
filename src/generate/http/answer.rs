//! What a server answers: a completion of a chat or of a prompt, whole, in the pieces of a stream, or in a line of a batch.
//!
//! Servers are not trusted: other choices than the first are dropped as they are read, counts are believed within
//! limits only, and what is none of our business is skipped without being kept.

use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::failure::{Failure, FailureKind, cut};
use super::logprobs::Logprobs;
use super::loose::Word;
use crate::records::{FinishReason, Spent};

/// No turn and no prompt has more tokens than this; who says so is not believed.
const MOST_TOKENS: u64 = 1 << 26;

/// A turn that a server wrote.
#[derive(Debug, Clone, PartialEq)]
pub struct Written {
    /// Without stop string.
    pub text: String,
    /// Empty where the server does not tell.
    pub token_ids: Vec<u32>,
    /// Tokens of the turn, as the server counts; where it does not, about as many.
    pub tokens: usize,
    /// Tokens of the prompt; 0 where the server does not tell.
    pub prompt_tokens: usize,
    /// Sum of the natural logarithms of the tokens' probabilities, where the server tells those of all.
    pub logprob: Option<f64>,
    pub reason: FinishReason,
}

impl Written {
    /// The turn that there was no room for.
    pub fn without_room() -> Self {
        Self {
            text: String::new(),
            token_ids: Vec::new(),
            tokens: 0,
            prompt_tokens: 0,
            logprob: None,
            reason: FinishReason::ContextFull,
        }
    }

    /// Takes off the beginning that was given for the answer and is said again.
    pub fn take_off(&mut self, begun: &str) {
        if let Some(rest) = self.text.strip_prefix(begun) {
            self.text = rest.to_owned();
        }
    }

    /// What it cost.
    pub fn spent(&self) -> Spent {
        Spent { calls: 1, prompt_tokens: self.prompt_tokens as u64, completion_tokens: self.tokens as u64 }
    }

    /// Ends the text before the first of `stops`, should the server have left one in.
    pub fn cut_at(&mut self, stops: &[String]) {
        let stops = stops.iter().filter(|stop| !stop.is_empty());
        if let Some(at) = stops.filter_map(|stop| self.text.find(stop.as_str())).min() {
            self.text.truncate(at);
            self.reason = FinishReason::StopString;
        }
    }
}

/// A completion, or one piece of a stream: what is read of it.
#[derive(Debug, Default, serde::Deserialize)]
pub(in crate::generate) struct Completion {
    #[serde(default, deserialize_with = "first_choice")]
    choices: Option<Choice>,
    #[serde(default)]
    usage: Option<Usage>,
    #[serde(default)]
    prompt_token_ids: Option<Vec<u32>>,
    #[serde(default)]
    error: Option<IgnoredAny>,
    /// `error` where servers put the fields of an error at the top.
    #[serde(default)]
    object: Option<Word>,
}

#[derive(Debug, Default, serde::Deserialize)]
struct Choice {
    #[serde(default)]
    index: Option<u64>,
    /// Of a whole completion.
    #[serde(default)]
    message: Option<Said>,
    /// Of a piece of a stream.
    #[serde(default)]
    delta: Option<Said>,
    /// Of a prompt that was not a chat, whole or a piece.
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    logprobs: Option<Logprobs>,
    #[serde(default)]
    finish_reason: Option<Word>,
    /// vLLM: the stop string that ended the turn.
    #[serde(default)]
    stop_reason: Option<Word>,
    /// SGLang: the same.
    #[serde(default)]
    matched_stop: Option<Word>,
    #[serde(default)]
    token_ids: Option<Vec<u32>>,
}

#[derive(Debug, Default, serde::Deserialize)]
struct Said {
    #[serde(default)]
    content: Option<String>,
    #[serde(default)]
    reasoning_content: Option<Word>,
    #[serde(default)]
    reasoning: Option<Word>,
}

#[derive(Debug, Clone, Copy, Default, serde::Deserialize)]
struct Usage {
    #[serde(default)]
    prompt_tokens: Option<u64>,
    #[serde(default)]
    completion_tokens: Option<u64>,
}

/// The choice with index 0; of several the first. The others are dropped at once, however many they are.
fn first_choice<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Choice>, D::Error> {
    deserializer.deserialize_any(ChoicesVisitor)
}

struct ChoicesVisitor;

impl<'de> Visitor<'de> for ChoicesVisitor {
    type Value = Option<Choice>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list of choices")
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Self::Value, A::Error> {
        let mut first = None;
        while let Some(choice) = sequence.next_element::<Choice>()? {
            if choice.index.unwrap_or(0) == 0 && first.is_none() {
                first = Some(choice);
            }
        }
        Ok(first)
    }

    /// Batches of SGLang hold the choice itself.
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        Choice::deserialize(MapAccessDeserializer::new(map)).map(Some)
    }
}

impl Completion {
    fn parse(json: &[u8]) -> Result<Self, Failure> {
        let completion: Self = serde_json::from_slice(json).map_err(|error| Failure::unreadable(&error))?;
        if completion.is_an_error() {
            return Err(Failure::of_error_object(json));
        }
        Ok(completion)
    }

    fn is_an_error(&self) -> bool {
        let object = self.object.as_ref().and_then(|object| object.0.as_deref());
        self.error.is_some() || object == Some("error")
    }

    /// The turn of a completion that is a part of something else.
    pub(in crate::generate) fn written(self) -> Result<Written, Failure> {
        if self.is_an_error() {
            return Err(Failure::broken("an error stands where the answer should be"));
        }
        let mut growing = Growing::default();
        growing.add(self).map_err(|failure| growing.charged(failure))?;
        growing.finish()
    }
}

/// Reads a completion that came whole.
pub(super) fn read_whole(json: &[u8]) -> Result<Written, Failure> {
    if json.iter().all(u8::is_ascii_whitespace) {
        return Err(Failure::empty());
    }
    Completion::parse(json)?.written()
}

/// A turn whose pieces are coming.
#[derive(Debug, Default)]
pub(super) struct Growing {
    text: String,
    token_ids: Vec<u32>,
    /// Pieces that held text, which servers that stream send one a token.
    pieces: usize,
    logprobs: Logprobs,
    usage: Usage,
    prompt_ids: usize,
    finish: Option<String>,
    by_stop_string: bool,
    /// The server said that nothing follows.
    done: bool,
    any: bool,
}

impl Growing {
    /// Takes the data of one event.
    pub(super) fn take(&mut self, data: &str) -> Result<(), Failure> {
        match data.trim() {
            "[DONE]" => {
                self.done = true;
                Ok(())
            }
            "" => Ok(()),
            json => {
                let taken = Completion::parse(json.as_bytes()).and_then(|completion| self.add(completion));
                taken.map_err(|failure| self.charged(failure))
            }
        }
    }

    pub(super) fn is_done(&self) -> bool {
        self.done
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Tokens so far: as counted by the server, else pieces.
    pub(super) fn tokens(&self) -> usize {
        self.counted().unwrap_or(self.pieces.max(self.logprobs.tokens()))
    }

    /// Tokens so far, if the server counts them or tells which.
    fn counted(&self) -> Option<usize> {
        let ids = Some(self.token_ids.len()).filter(|count| *count > 0);
        self.usage.completion_tokens.and_then(believed).or(ids)
    }

    /// Tokens of the prompt; 0 while they are not known.
    pub(super) fn prompt_tokens(&self) -> usize {
        self.usage.prompt_tokens.and_then(believed).unwrap_or(self.prompt_ids)
    }

    /// A failure of this answer, with what the server says that it cost.
    fn charged(&self, failure: Failure) -> Failure {
        let count = |told: Option<u64>| told.filter(|count| *count <= MOST_TOKENS);
        let (prompt, completion) = (count(self.usage.prompt_tokens), count(self.usage.completion_tokens));
        if prompt.is_none() && completion.is_none() {
            return failure;
        }
        let (prompt_tokens, completion_tokens) = (prompt.unwrap_or(0), completion.unwrap_or(0));
        Failure { spent: Spent { calls: 1, prompt_tokens, completion_tokens }, ..failure }
    }

    fn add(&mut self, completion: Completion) -> Result<(), Failure> {
        self.any = true;
        if let Some(usage) = completion.usage {
            self.usage = usage;
        }
        self.prompt_ids = self.prompt_ids.max(completion.prompt_token_ids.map_or(0, |ids| ids.len()));
        let Some(choice) = completion.choices else { return Ok(()) };
        let text_of = |word: Option<Word>| word.and_then(|word| word.0).is_some_and(|text| !text.is_empty());
        if let Some(said) = choice.message.or(choice.delta) {
            if text_of(said.reasoning_content) || text_of(said.reasoning) {
                let words = "the server splits the reasoning off the text, which would lose it; start it without a \
                             reasoning parser (llama-server: --reasoning-format none)";
                return Err(Failure::new(FailureKind::Unusable, words));
            }
            self.say(&said.content.unwrap_or_default());
        } else {
            self.say(&choice.text.unwrap_or_default());
        }
        self.logprobs.join(choice.logprobs.unwrap_or_default());
        self.token_ids.extend(choice.token_ids.unwrap_or_default());
        self.by_stop_string |= text_of(choice.stop_reason) || text_of(choice.matched_stop);
        if let Some(word) = choice.finish_reason.and_then(|word| word.0).filter(|word| !word.is_empty()) {
            self.finish = Some(word);
        }
        Ok(())
    }

    fn say(&mut self, text: &str) {
        self.pieces += usize::from(!text.is_empty());
        self.text.push_str(text);
    }

    /// No more comes.
    pub(super) fn finish(self) -> Result<Written, Failure> {
        if !self.any {
            return Err(Failure::empty());
        }
        let reason = self.reason().map_err(|failure| self.charged(failure))?;
        let (mut tokens, prompt_tokens) = (self.tokens(), self.prompt_tokens());
        // Where nobody counts, a piece that says nothing of probabilities shows as one more than tokens are told of.
        let holes = self.counted().is_none() && self.pieces > self.logprobs.tokens();
        let logprob = self.logprobs.sum(tokens).filter(|_| !holes);
        if self.usage.completion_tokens.is_none() && tokens <= 1 && self.token_ids.is_empty() && logprob.is_none() {
            // One piece is no token: it came whole. About four bytes are one, as in English text.
            tokens = self.text.len().div_ceil(4);
        }
        let told = !self.token_ids.is_empty();
        let token_ids = if told { self.token_ids } else { self.logprobs.into_ids(tokens) };
        Ok(Written { text: self.text, token_ids, tokens, prompt_tokens, logprob, reason })
    }

    /// How the turn ended.
    fn reason(&self) -> Result<FinishReason, Failure> {
        match self.finish.as_deref() {
            None => Err(Failure::broken("the answer ended before it was finished")),
            Some("stop") if self.by_stop_string => Ok(FinishReason::StopString),
            Some("stop" | "eos" | "eos_token") => Ok(FinishReason::Stop),
            Some("length") => Ok(FinishReason::Length),
            Some(other) => {
                let words = format!("the server ended the turn with `{}`", cut(other));
                Err(Failure::new(FailureKind::Unusable, words))
            }
        }
    }
}

fn believed(count: u64) -> Option<usize> {
    usize::try_from(count).ok().filter(|_| count <= MOST_TOKENS)
}

#[cfg(test)]
mod tests;
