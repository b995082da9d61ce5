//! JSON as Python's `json` module writes it, read without building a tree: of an object only its flat fields count here.
//!
//! Python writes `NaN`, `Infinity` and `-Infinity` as bare words, which are no JSON, or (trackio, W&B) as strings.

use std::fmt;

use serde::de::{DeserializeOwned, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// A longer string is of no interest.
const TEXT_BYTES: usize = 16 << 10;

/// A flat field.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Scalar {
    Number(f64),
    Text(String),
    Null,
    /// A truth value, a list, an object, a long text.
    Other,
}

/// The fields of an object, in their order.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Fields(pub Vec<(String, Scalar)>);

impl Fields {
    pub fn number(&self, name: &str) -> Option<f64> {
        self.0.iter().find_map(|(key, value)| match value {
            Scalar::Number(number) if key == name => Some(*number),
            _ => None,
        })
    }

    /// A number that can be a step.
    pub fn count(&self, name: &str) -> Option<u64> {
        self.number(name).and_then(count)
    }

    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.iter().find_map(|(key, value)| match value {
            Scalar::Text(text) if key == name => Some(text.as_str()),
            _ => None,
        })
    }
}

/// A number as a count, if it is one.
pub(super) fn count(number: f64) -> Option<u64> {
    (number.is_finite() && (0.0..=9e15).contains(&number)).then_some(number as u64)
}

/// Parses what Python wrote.
///
/// # Errors
/// If it is not what is wanted even with Python's words for what is not a number.
pub(super) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> serde_json::Result<T> {
    serde_json::from_slice(bytes).or_else(|error| match with_quoted_words(bytes) {
        Some(quoted) => serde_json::from_slice(&quoted),
        None => Err(error),
    })
}

/// The same with quotes around bare `NaN` and `Infinity`; `None` where there are none.
fn with_quoted_words(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut quoted = Vec::new();
    let (mut from, mut at, mut in_text) = (0, 0, false);
    while at < bytes.len() {
        match bytes[at] {
            b'\\' if in_text => at += 1,
            b'"' => in_text = !in_text,
            b'N' | b'I' | b'-' if !in_text => {
                let word =
                    [&b"NaN"[..], b"Infinity", b"-Infinity"].into_iter().find(|word| bytes[at..].starts_with(word));
                if let Some(word) = word {
                    quoted.extend_from_slice(&bytes[from..at]);
                    quoted.push(b'"');
                    quoted.extend_from_slice(word);
                    quoted.push(b'"');
                    at += word.len();
                    from = at;
                    continue;
                }
            }
            _ => {}
        }
        at += 1;
    }
    if from == 0 {
        return None;
    }
    quoted.extend_from_slice(&bytes[from..]);
    Some(quoted)
}

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(ScalarVisitor)
    }
}

struct ScalarVisitor;

impl<'de> Visitor<'de> for ScalarVisitor {
    type Value = Scalar;

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("a value")
    }

    fn visit_f64<E>(self, number: f64) -> Result<Scalar, E> {
        Ok(Scalar::Number(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Scalar, E> {
        Ok(Scalar::Number(number as f64))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Scalar, E> {
        Ok(Scalar::Number(number as f64))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Scalar, E> {
        Ok(Scalar::Other)
    }

    fn visit_unit<E>(self) -> Result<Scalar, E> {
        Ok(Scalar::Null)
    }

    fn visit_str<E>(self, text: &str) -> Result<Scalar, E> {
        Ok(match text {
            "NaN" => Scalar::Number(f64::NAN),
            "Infinity" => Scalar::Number(f64::INFINITY),
            "-Infinity" => Scalar::Number(f64::NEG_INFINITY),
            text if text.len() <= TEXT_BYTES => Scalar::Text(text.to_owned()),
            _ => Scalar::Other,
        })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Scalar, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Scalar::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Scalar, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Scalar::Other)
    }
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(FieldsVisitor)
    }
}

struct FieldsVisitor;

impl<'de> Visitor<'de> for FieldsVisitor {
    type Value = Fields;

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
        let mut fields = Vec::new();
        while let Some(field) = map.next_entry::<String, Scalar>()? {
            fields.push(field);
        }
        Ok(Fields(fields))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_a_number_is_read_in_every_spelling() {
        let line = br#"{"a": NaN, "b": "-Infinity", "c": [1, {"d": -Infinity}], "e": "say \"NaN\" twice", "f": -2e3, "g": null}"#;
        let Fields(fields) = parse::<Fields>(line).unwrap();
        assert!(matches!(fields[0].1, Scalar::Number(number) if number.is_nan()));
        assert_eq!(fields[1].1, Scalar::Number(f64::NEG_INFINITY));
        assert_eq!(fields[2].1, Scalar::Other);
        assert_eq!(fields[3].1, Scalar::Text("say \"NaN\" twice".to_owned()));
        assert_eq!((&fields[4].1, &fields[5].1), (&Scalar::Number(-2000.0), &Scalar::Null));
        assert!(parse::<Fields>(b"{\"a\": Na").is_err());
        assert!(parse::<Fields>(b"[1]").is_err());
    }

    #[test]
    fn only_what_can_be_a_step_counts() {
        assert_eq!([3.0, -1.0, f64::NAN, 1e300].map(count), [Some(3), None, None, None]);
    }
}
