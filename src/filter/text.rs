//! Words and n-grams of a text, as hashes.

/// A word's place in the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Word {
    pub begin: usize,
    pub end: usize,
    /// Of the word in lower case.
    pub hash: u64,
}

/// Words between whitespace, hashed in lower case.
pub fn words(text: &str) -> Vec<Word> {
    let mut words = Vec::with_capacity(text.len() / 5);
    let mut begin = None;
    for (at, character) in text.char_indices() {
        match (character.is_whitespace(), begin) {
            (true, Some(from)) => {
                words.push(word(text, from, at));
                begin = None;
            }
            (false, None) => begin = Some(at),
            _ => {}
        }
    }
    if let Some(from) = begin {
        words.push(word(text, from, text.len()));
    }
    words
}

fn word(text: &str, begin: usize, end: usize) -> Word {
    let piece = &text[begin..end];
    let mut hash = Hash::default();
    if piece.is_ascii() {
        piece.bytes().for_each(|byte| hash.byte(byte.to_ascii_lowercase()));
    } else {
        piece.chars().flat_map(char::to_lowercase).for_each(|letter| {
            u32::from(letter).to_le_bytes().into_iter().for_each(|byte| hash.byte(byte));
        });
    }
    Word { begin, end, hash: hash.done() }
}

/// Hashes of all runs of `n` words, in order; empty for a shorter text.
pub fn ngrams(words: &[Word], n: usize) -> Vec<u64> {
    if n == 0 || words.len() < n {
        return Vec::new();
    }
    words.windows(n).map(|run| run.iter().fold(0x9e37_79b9_7f4a_7c15, |hash, word| mix(hash, word.hash))).collect()
}

/// Share of n-grams that occurred before, 0 to 1.
pub fn repeated_share(words: &[Word], n: usize) -> f64 {
    let mut grams = ngrams(words, n);
    if grams.is_empty() {
        return 0.0;
    }
    let all = grams.len();
    grams.sort_unstable();
    grams.dedup();
    1.0 - grams.len() as f64 / all as f64
}

/// Depends on the order of its arguments, so that "a b" is not "b a".
fn mix(hash: u64, value: u64) -> u64 {
    let mixed = (hash.rotate_left(23) ^ value).wrapping_mul(0xff51_afd7_ed55_8ccd);
    mixed ^ (mixed >> 32)
}

/// FNV-1a of 64 bits with a last mixing step; stable over versions and machines.
#[derive(Debug)]
struct Hash(u64);

impl Default for Hash {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Hash {
    fn byte(&mut self, byte: u8) {
        self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }

    fn done(self) -> u64 {
        mix(self.0, 0)
    }
}

/// Share of letters that are neither Latin nor Greek (mathematics writes in both), 0 to 1.
pub fn foreign_letters(text: &str) -> (f64, Option<(usize, usize)>) {
    let (mut letters, mut foreign, mut first) = (0usize, 0usize, None);
    for (at, letter) in text.char_indices() {
        if letter.is_ascii() {
            letters += usize::from(letter.is_ascii_alphabetic());
        } else if letter.is_alphabetic() {
            letters += 1;
            // Latin with its extensions, Greek, letter-like symbols and mathematical alphabets.
            let usual =
                matches!(u32::from(letter), 0x00c0..=0x03ff | 0x1e00..=0x1fff | 0x2100..=0x214f | 0x1d400..=0x1d7ff);
            if !usual {
                foreign += 1;
                first = first.or(Some((at, at + letter.len_utf8())));
            }
        }
    }
    (if letters == 0 { 0.0 } else { foreign as f64 / letters as f64 }, first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_lower_cased_and_placed() {
        let found = words("  Two\tWORDS two ");
        assert_eq!(found.iter().map(|word| (word.begin, word.end)).collect::<Vec<_>>(), [(2, 5), (6, 11), (12, 15)]);
        assert_eq!(found[0].hash, found[2].hash);
        assert_ne!(found[0].hash, found[1].hash);
        assert_eq!(words("ÄB")[0].hash, words("äb")[0].hash);
    }

    #[test]
    fn ngrams_know_their_order_and_repeats_are_counted() {
        assert_ne!(ngrams(&words("a b"), 2), ngrams(&words("b a"), 2));
        assert!(ngrams(&words("a"), 2).is_empty());
        assert_eq!(repeated_share(&words("a b a b a b"), 2), 1.0 - 2.0 / 5.0);
        assert_eq!(repeated_share(&words("a b c"), 2), 0.0);
    }

    #[test]
    fn mathematics_in_greek_is_not_foreign() {
        assert_eq!(foreign_letters("angle α = β/2, 𝑥 ∈ ℝ").0, 0.0);
        let (share, first) = foreign_letters("ab 因为");
        assert_eq!((share, first), (0.5, Some((3, 6))));
    }
}
