//! The log probabilities that come with an answer. They are added up as they are read: neither the texts of tokens nor
//! the lists of what else might have stood there are kept.
//!
//! Two forms: `content`, a list of objects with a `logprob` each (chat completions; llama-server everywhere, which adds
//! the `id` of the token), and `token_logprobs`, a list of numbers (completions).

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess};

use super::loose::{self, Loose, Number};

/// No logarithm of a probability is more, but for rounding.
const MOST: f64 = 0.001;
/// llama-server writes this, the least number of its format, for the logarithm of nothing.
const LEAST: f64 = f32::MIN as f64;

/// What was told of tokens, those of a turn or of a piece of one.
#[derive(Debug, Default)]
pub(super) struct Logprobs {
    tokens: usize,
    /// Natural logarithms, of those that have one.
    sum: f64,
    /// Tokens without one that can be believed.
    without: usize,
    /// Of the tokens that have one.
    ids: Vec<u32>,
}

impl Logprobs {
    /// How many tokens were told of.
    pub(super) fn tokens(&self) -> usize {
        self.tokens
    }

    /// Adds those of the next piece.
    pub(super) fn join(&mut self, more: Self) {
        self.tokens = self.tokens.saturating_add(more.tokens);
        self.sum += more.sum;
        self.without = self.without.saturating_add(more.without);
        self.ids.extend(more.ids);
    }

    /// The log probability of a turn of `counted` tokens, if each has one; some servers leave out the token that ends it.
    pub(super) fn sum(&self, counted: usize) -> Option<f64> {
        let all = self.tokens > 0 && self.without == 0 && self.tokens.abs_diff(counted) <= 1;
        Some(self.sum).filter(|sum| all && sum.is_finite())
    }

    /// The ids of a turn of `counted` tokens, where they are told of every one.
    pub(super) fn into_ids(self, counted: usize) -> Vec<u32> {
        if self.ids.len() == self.tokens && self.tokens == counted { self.ids } else { Vec::new() }
    }

    fn add(&mut self, token: &Token) {
        self.tokens = self.tokens.saturating_add(1);
        match token.logprob.filter(|value| *value > LEAST && *value <= MOST) {
            Some(value) => self.sum += value,
            None => self.without = self.without.saturating_add(1),
        }
        self.ids.extend(token.id);
    }
}

impl Loose for Logprobs {
    fn of_list<'de, A: SeqAccess<'de>>(mut list: A) -> Result<Self, A::Error> {
        let mut told = Self::default();
        while let Some(token) = list.next_element::<Token>()? {
            told.add(&token);
        }
        Ok(told)
    }

    fn of_object<'de, A: MapAccess<'de>>(mut object: A) -> Result<Self, A::Error> {
        let mut told = Self::default();
        while let Some(key) = object.next_key::<Key>()? {
            match key {
                // Who writes both forms tells the same twice.
                Key::Content | Key::TokenLogprobs if told.tokens == 0 => told = object.next_value()?,
                _ => {
                    object.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(told)
    }
}

impl<'de> Deserialize<'de> for Logprobs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        loose::read(deserializer)
    }
}

/// What is read of one token.
#[derive(Default)]
struct Token {
    logprob: Option<f64>,
    id: Option<u32>,
}

impl Loose for Token {
    fn of_number(number: f64) -> Self {
        Self { logprob: Some(number), id: None }
    }

    fn of_object<'de, A: MapAccess<'de>>(mut object: A) -> Result<Self, A::Error> {
        let mut token = Self::default();
        while let Some(key) = object.next_key::<Key>()? {
            match key {
                Key::Logprob => token.logprob = object.next_value::<Number>()?.0,
                Key::Id => token.id = object.next_value::<Number>()?.0.and_then(id),
                _ => {
                    object.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(token)
    }
}

impl<'de> Deserialize<'de> for Token {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        loose::read(deserializer)
    }
}

/// The names of what is read.
#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "snake_case")]
enum Key {
    Content,
    TokenLogprobs,
    Logprob,
    Id,
    #[serde(other)]
    Other,
}

/// A number as the id of a token, if it can be one.
fn id(number: f64) -> Option<u32> {
    let id = number as u32;
    (f64::from(id) == number).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Logprobs {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn both_forms_are_added_up() {
        let chat = read(
            r#"{"content": [{"token": "a", "logprob": -0.5, "bytes": [97], "top_logprobs": [{"logprob": -9}]},
            {"token": "b", "logprob": -1, "top_logprobs": []}], "refusal": null}"#,
        );
        assert_eq!((chat.tokens(), chat.sum(2), chat.sum(3)), (2, Some(-1.5), Some(-1.5)));
        assert_eq!((chat.sum(4), chat.sum(0)), (None, None), "some are missing");
        let plain = read(
            r#"{"text_offset": [0, 1], "token_logprobs": [-0.25, 0.0], "tokens": ["a", "b"], "top_logprobs": [null]}"#,
        );
        assert_eq!((plain.tokens(), plain.sum(2)), (2, Some(-0.25)));
        assert_eq!(read(r#"{"content": [{"logprob": -1}], "token_logprobs": [-1]}"#).sum(1), Some(-1.0));
    }

    #[test]
    fn pieces_join() {
        let mut told = read(r#"{"content": [{"logprob": -0.5, "id": 7}]}"#);
        told.join(read("null"));
        told.join(read(r#"{"content": [{"logprob": -0.25, "id": 2}, {"logprob": -0.25, "id": 3}]}"#));
        assert_eq!(told.sum(3), Some(-1.0));
        assert_eq!(told.into_ids(3), [7, 2, 3]);
    }

    #[test]
    fn ids_are_those_of_all_tokens_or_none() {
        let of = |json: &str, counted| read(json).into_ids(counted);
        assert_eq!(of(r#"{"content": [{"id": 4294967295, "logprob": -1}]}"#, 1), [u32::MAX]);
        assert!(of(r#"{"content": [{"id": 1, "logprob": -1}]}"#, 2).is_empty(), "the ending token is missing");
        for id in ["4294967296", "-1", "1.5", "\"7\"", "null"] {
            assert!(of(&format!(r#"{{"content": [{{"id": {id}, "logprob": -1}}]}}"#), 1).is_empty(), "{id}");
        }
    }

    #[test]
    fn what_cannot_be_a_logarithm_of_a_probability_spoils_the_sum() {
        assert_eq!(read(r#"{"token_logprobs": [0.0009]}"#).sum(1), Some(0.0009));
        for value in ["null", "0.5", "1e300", "-3.4028234663852886e+38", "-1e300", "\"-1\"", "{}", "[]", "true"] {
            assert_eq!(read(&format!(r#"{{"token_logprobs": [-1, {value}]}}"#)).sum(2), None, "{value}");
        }
        for other in
            ["null", "3", "true", "\"a\"", "[]", "{}", r#"{"content": null}"#, r#"{"content": {"content": 1}}"#]
        {
            assert_eq!((read(other).tokens(), read(other).sum(0)), (0, None), "{other}");
        }
        assert!(serde_json::from_str::<Logprobs>(&"{\"content\":".repeat(10_000)).is_err());
    }
}
