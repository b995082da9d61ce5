//! What a server answers: a chat completion, whole, in the pieces of a stream, or in a line of a batch.
//!
//! Servers are not trusted: other choices than the first are dropped as they are read, counts are believed within
//! limits only, and what is none of our business is skipped without being kept.

use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::failure::{Failure, FailureKind, cut};
use crate::records::FinishReason;

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
    pub reason: FinishReason,
}

impl Written {
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

/// A text, or anything else, which is read over.
#[derive(Debug, Default)]
struct Word(Option<String>);

impl<'de> Deserialize<'de> for Word {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(WordVisitor)
    }
}

struct WordVisitor;

impl<'de> Visitor<'de> for WordVisitor {
    type Value = Word;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any value")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Word, E> {
        Ok(Word(Some(text.to_owned())))
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Word, E> {
        Ok(Word(None))
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Word, E> {
        Ok(Word(None))
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Word, E> {
        Ok(Word(None))
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Word, E> {
        Ok(Word(None))
    }

    fn visit_unit<E: Error>(self) -> Result<Word, E> {
        Ok(Word(None))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Word, A::Error> {
        while sequence.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Word(None))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Word, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Word(None))
    }
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
        growing.add(self)?;
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
        if data.trim() == "[DONE]" {
            self.done = true;
        } else if !data.trim().is_empty() {
            self.add(Completion::parse(data.as_bytes())?)?;
        }
        Ok(())
    }

    pub(super) fn is_done(&self) -> bool {
        self.done
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Tokens so far: as counted by the server, else pieces.
    pub(super) fn tokens(&self) -> usize {
        let told = self.usage.completion_tokens.and_then(believed);
        told.unwrap_or(if self.token_ids.is_empty() { self.pieces } else { self.token_ids.len() })
    }

    /// Tokens of the prompt; 0 while they are not known.
    pub(super) fn prompt_tokens(&self) -> usize {
        self.usage.prompt_tokens.and_then(believed).unwrap_or(self.prompt_ids)
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
            let content = said.content.unwrap_or_default();
            self.pieces += usize::from(!content.is_empty());
            self.text.push_str(&content);
        }
        self.token_ids.extend(choice.token_ids.unwrap_or_default());
        self.by_stop_string |= text_of(choice.stop_reason) || text_of(choice.matched_stop);
        if let Some(word) = choice.finish_reason.and_then(|word| word.0).filter(|word| !word.is_empty()) {
            self.finish = Some(word);
        }
        Ok(())
    }

    /// No more comes.
    pub(super) fn finish(self) -> Result<Written, Failure> {
        if !self.any {
            return Err(Failure::empty());
        }
        let Some(word) = &self.finish else {
            return Err(Failure::broken("the answer ended before it was finished"));
        };
        let reason = match word.as_str() {
            "stop" if self.by_stop_string => FinishReason::StopString,
            "stop" | "eos" | "eos_token" => FinishReason::Stop,
            "length" => FinishReason::Length,
            other => {
                let words = format!("the server ended the turn with `{}`", cut(other));
                return Err(Failure::new(FailureKind::Unusable, words));
            }
        };
        let (mut tokens, prompt_tokens) = (self.tokens(), self.prompt_tokens());
        if self.usage.completion_tokens.is_none() && self.pieces <= 1 && self.token_ids.is_empty() {
            // One piece is no token: it came whole. About four bytes are one, as in English text.
            tokens = self.text.len().div_ceil(4);
        }
        Ok(Written { text: self.text, token_ids: self.token_ids, tokens, prompt_tokens, reason })
    }
}

fn believed(count: u64) -> Option<usize> {
    usize::try_from(count).ok().filter(|_| count <= MOST_TOKENS)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn whole(json: &str) -> Result<Written, Failure> {
        read_whole(json.as_bytes())
    }

    fn stream(pieces: &[&str]) -> Result<Written, Failure> {
        let mut growing = Growing::default();
        pieces.iter().try_for_each(|piece| growing.take(piece))?;
        growing.finish()
    }

    #[test]
    fn a_whole_answer_as_vllm_gives_it() {
        let written = whole(
            r#"{"id": "x", "object": "chat.completion", "prompt_token_ids": [1, 2, 3], "choices": [{"index": 0, "message":
            {"role": "assistant", "content": "It is 4.", "reasoning_content": null, "tool_calls": []}, "logprobs": null,
            "finish_reason": "stop", "stop_reason": null, "token_ids": [5, 6, 7, 2]}],
            "usage": {"prompt_tokens": 3, "total_tokens": 7, "completion_tokens": 4}, "error": null}"#,
        );
        let expected = Written {
            text: "It is 4.".into(),
            token_ids: vec![5, 6, 7, 2],
            tokens: 4,
            prompt_tokens: 3,
            reason: FinishReason::Stop,
        };
        assert_eq!(written, Ok(expected));
    }

    #[test]
    fn reasons_are_told_apart() {
        let reason = |rest: &str| whole(&format!(r#"{{"choices": [{{"message": {{"content": "a"}}, {rest}}}]}}"#));
        let of = |rest: &str| reason(rest).unwrap().reason;
        assert_eq!(of(r#""finish_reason": "stop""#), FinishReason::Stop);
        assert_eq!(of(r#""finish_reason": "stop", "stop_reason": 151645"#), FinishReason::Stop);
        assert_eq!(of(r#""finish_reason": "stop", "stop_reason": "END""#), FinishReason::StopString);
        assert_eq!(of(r#""finish_reason": "stop", "matched_stop": "END""#), FinishReason::StopString);
        assert_eq!(of(r#""finish_reason": "length""#), FinishReason::Length);
        let other = reason(r#""finish_reason": "content_filter""#).unwrap_err();
        assert_eq!(other.kind, FailureKind::Unusable);
        assert!(other.message.contains("content_filter"));
        assert_eq!(reason(r#""finish_reason": null"#).unwrap_err().kind, FailureKind::Broken);
        assert_eq!(reason(r#""index": 0"#).unwrap_err().kind, FailureKind::Broken);
    }

    #[test]
    fn the_one_choice_may_stand_without_a_list() {
        let written = whole(r#"{"choices": {"index": 3, "message": {"content": "a"}, "finish_reason": "stop"}}"#);
        assert_eq!(written.unwrap().text, "a");
        assert_eq!(whole(r#"{"choices": "a"}"#).unwrap_err().kind, FailureKind::Broken);
    }

    #[test]
    fn a_stop_string_that_was_left_in_is_cut() {
        let mut written =
            whole(r#"{"choices": [{"message": {"content": "a b END c"}, "finish_reason": "length"}]}"#).unwrap();
        written.cut_at(&["".into(), "c".into(), "END".into()]);
        assert_eq!((written.text.as_str(), written.reason), ("a b ", FinishReason::StopString));
    }

    #[test]
    fn a_stream_is_put_together_and_its_tokens_counted() {
        let begin = r#"{"choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}}]}"#;
        let one = r#"{"choices": [{"index": 0, "delta": {"content": "It "}, "finish_reason": null}]}"#;
        let other = r#"{"choices": [{"index": 1, "delta": {"content": "NOT"}, "finish_reason": "length"}]}"#;
        let two = r#"{"choices": [{"index": 0, "delta": {"content": "is 4."}}]}"#;
        let end = r#"{"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}"#;
        let usage = r#"{"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 5}}"#;
        let written = stream(&[begin, one, other, two, end, "[DONE]"]).unwrap();
        assert_eq!((written.text.as_str(), written.tokens, written.reason), ("It is 4.", 2, FinishReason::Stop));
        let written = stream(&[begin, one, two, end, usage, "[DONE]"]).unwrap();
        assert_eq!((written.tokens, written.prompt_tokens), (5, 9));
        assert_eq!(stream(&[begin, one, "[DONE]"]).unwrap_err().kind, FailureKind::Broken);
        let error = stream(&[begin, one, r#"{"error": {"message": "out of memory"}}"#]).unwrap_err();
        assert!(error.message.contains("out of memory") && error.kind == FailureKind::Broken, "{error:?}");
        assert_eq!(stream(&["[DONE]"]).unwrap_err(), Failure::empty());
    }

    #[test]
    fn token_ids_of_a_stream_are_joined() {
        let one = r#"{"prompt_token_ids": [1, 2], "choices": [{"delta": {"content": ""}}]}"#;
        let two = r#"{"choices": [{"delta": {"content": "ab"}, "token_ids": [7, 8]}]}"#;
        let three = r#"{"choices": [{"delta": {"content": ""}, "token_ids": [2], "finish_reason": "stop"}]}"#;
        let written = stream(&[one, two, three]).unwrap();
        assert_eq!((written.token_ids, written.tokens, written.prompt_tokens), (vec![7, 8, 2], 3, 2));
    }

    #[test]
    fn what_would_lose_text_is_no_answer() {
        let split =
            r#"{"choices": [{"message": {"content": "4", "reasoning_content": "2+2"}, "finish_reason": "stop"}]}"#;
        assert_eq!(whole(split).unwrap_err().kind, FailureKind::Unusable);
        for garbage in ["{", "[]", "null", "3", "{}", r#"{"choices": {}}"#, r#"{"choices": []}"#] {
            assert_eq!(whole(garbage).unwrap_err().kind, FailureKind::Broken, "{garbage}");
        }
        assert_eq!(whole(" \n").unwrap_err(), Failure::empty());
    }

    #[test]
    fn counts_that_cannot_be_are_not_believed() {
        let json = r#"{"choices": [{"message": {"content": "12345678"}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 18446744073709551615, "completion_tokens": 99999999999}}"#;
        let written = whole(json).unwrap();
        assert_eq!((written.tokens, written.prompt_tokens), (1, 0));
        let none = r#"{"choices": [{"message": {"content": "123456789"}, "finish_reason": "stop"}]}"#;
        assert_eq!(whole(none).unwrap().tokens, 3);
    }

    #[test]
    fn many_choices_and_deep_nests_do_no_harm() {
        let many = format!(r#"{{"choices": [{}{{}}]}}"#, "{},".repeat(100_000));
        assert_eq!(whole(&many).unwrap_err().kind, FailureKind::Broken);
        let deep = format!(r#"{{"x": {}"#, "[".repeat(100_000));
        assert_eq!(whole(&deep).unwrap_err().kind, FailureKind::Broken);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = read_whole(&bytes);
            let _ = Growing::default().take(&String::from_utf8_lossy(&bytes));
        }
    }
}
