//! Decoding id by id.

use super::Tokenizer;

/// Turns ids into text as they come. What is kept between ids is at most the first bytes of one character.
pub struct TokenStream {
    tokenizer: Tokenizer,
    /// Bytes of a character whose end has not come yet.
    pending: Vec<u8>,
    begun: bool,
}

impl TokenStream {
    pub(super) fn new(tokenizer: Tokenizer) -> Self {
        Self { tokenizer, pending: Vec::new(), begun: false }
    }

    /// The text that this id completes; `None` where it completes none (a special token, part of a character).
    pub fn push(&mut self, id: u32) -> Option<String> {
        let mut text = String::new();
        self.push_into(id, &mut text);
        (!text.is_empty()).then_some(text)
    }

    pub(super) fn push_into(&mut self, id: u32, text: &mut String) {
        let pieces = &self.tokenizer.inner.pieces;
        let mut bytes = pieces.bytes(id);
        if bytes.is_empty() {
            return;
        }
        if !self.begun {
            self.begun = true;
            if pieces.strips_first_space() {
                bytes = bytes.strip_prefix(b" ").unwrap_or(bytes);
            }
        }
        self.pending.extend_from_slice(bytes);
        let kept = take_text(&self.pending, text);
        self.pending.drain(..self.pending.len() - kept);
    }

    /// What is left of an unfinished character, as U+FFFD.
    pub fn finish(self) -> Option<String> {
        (!self.pending.is_empty()).then(|| String::from_utf8_lossy(&self.pending).into_owned())
    }
}

/// Appends what is complete, with U+FFFD for what can be no character, and says how many bytes at the end may still become
/// one. In sum the same as `String::from_utf8_lossy` on the whole.
fn take_text(mut bytes: &[u8], text: &mut String) -> usize {
    loop {
        match std::str::from_utf8(bytes) {
            Ok(valid) => {
                text.push_str(valid);
                return 0;
            }
            Err(error) => {
                let (valid, rest) = bytes.split_at(error.valid_up_to());
                text.push_str(&String::from_utf8_lossy(valid));
                let Some(bad) = error.error_len() else { return rest.len() };
                text.push(char::REPLACEMENT_CHARACTER);
                bytes = &rest[bad..];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_cut_of_any_bytes_gives_the_lossy_text(bytes in proptest::collection::vec(any::<u8>(), 0..40), cut in 1usize..5) {
            let mut text = String::new();
            let mut pending: Vec<u8> = Vec::new();
            for chunk in bytes.chunks(cut) {
                pending.extend_from_slice(chunk);
                let kept = take_text(&pending, &mut text);
                prop_assert!(kept <= 3);
                pending.drain(..pending.len() - kept);
            }
            text.push_str(&String::from_utf8_lossy(&pending));
            prop_assert_eq!(text, String::from_utf8_lossy(&bytes).into_owned());
        }
    }
}
