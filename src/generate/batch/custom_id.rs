//! The name of a request in the files of a batch.

use std::fmt;

use sha2::{Digest, Sha256};

use crate::generate::StreamKey;
use crate::generate::http::body::stream_digest;

const PREFIX: &str = "cribble-";
/// Hexadecimal digits after the prefix. With it no name is longer than the 64 characters that services take.
const DIGITS: usize = 32;

/// Says what is asked, for which turn, and for which time: 15 bytes of a hash and the number of the attempt. The same
/// request has the same name whenever it is asked, and no other one has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct CustomId([u8; DIGITS / 2]);

impl CustomId {
    /// Names the first attempt at a request. `body` is the JSON that is asked with.
    pub fn new(body: &str, stream: &StreamKey) -> Self {
        let mut hash = Sha256::new();
        hash.update(b"cribble batch request 1");
        // The body has a seed, which is short: two streams could share it.
        hash.update(stream_digest(b"cribble batch stream 1", stream));
        hash.update(body.as_bytes());
        let digest: [u8; 32] = hash.finalize().into();
        let mut name = [0; DIGITS / 2];
        name.copy_from_slice(&digest[..DIGITS / 2]);
        Self(name).attempt(1)
    }

    /// The name of another attempt at the same request.
    pub fn attempt(mut self, attempt: u8) -> Self {
        self.0[DIGITS / 2 - 1] = attempt;
        self
    }

    /// Reads a name; `None` if it is not one of ours.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix(PREFIX)?.as_bytes();
        if digits.len() != DIGITS {
            return None;
        }
        let mut name = [0; DIGITS / 2];
        for (byte, pair) in name.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = (value(pair[0])? << 4) | value(pair[1])?;
        }
        Some(Self(name))
    }
}

impl fmt::Display for CustomId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(PREFIX)?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

fn value(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(draw: u32) -> StreamKey {
        StreamKey { seed: 7, problem_id: "p".into(), draw, turn: 0 }
    }

    #[test]
    fn a_name_is_of_body_stream_and_attempt() {
        let first = CustomId::new("{}", &key(0));
        assert_eq!(first, CustomId::new("{}", &key(0)));
        let others = [
            CustomId::new("{} ", &key(0)),
            CustomId::new("{}", &key(1)),
            CustomId::new("{}", &StreamKey { turn: 1, ..key(0) }),
            first.attempt(2),
        ];
        for other in others {
            assert_ne!(first, other);
        }
        assert_eq!(first.attempt(2).attempt(1), first);
    }

    #[test]
    fn a_name_is_read_as_it_was_written() {
        let name = CustomId::new("{}", &key(0)).attempt(3);
        let text = name.to_string();
        assert_eq!(CustomId::parse(&text), Some(name));
        assert!(text.starts_with("cribble-") && text.ends_with("03") && text.len() == 40, "{text}");
        for foreign in ["", "request-1", "cribble-", &text[..39], &format!("{text}0"), &text.to_uppercase()] {
            assert_eq!(CustomId::parse(foreign), None, "{foreign}");
        }
        // What a reader of numbers would take for digits.
        assert_eq!(CustomId::parse(&format!("cribble-{}", "+1".repeat(16))), None);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(cribble-)?\\PC{0,40}") {
            if let Some(name) = CustomId::parse(&text) {
                prop_assert_eq!(name.to_string(), text);
            }
        }
    }
}
