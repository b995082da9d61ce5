//! The bytes that each token stands for.

use std::collections::{HashMap, HashSet};

use tokenizers::DecoderWrapper;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;

use super::gguf::Loaded;

/// Bytes of every token, one after the other. Special tokens stand for none.
pub(super) struct Pieces {
    bytes: Vec<u8>,
    /// `bounds[id]..bounds[id + 1]`.
    bounds: Vec<usize>,
    /// The first space of a text is not part of it (SentencePiece's `▁`).
    strips_first_space: bool,
}

/// How tokens spell bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Spelling {
    /// GPT-2's: every byte has a printable character.
    ByteLevel,
    /// SentencePiece's: `▁` is a space, `<0x0A>` a byte. With the first space stripped or not.
    SentencePiece { strips: bool },
}

impl Pieces {
    pub fn of(tokenizer: &Loaded, special: &HashSet<u32>) -> Result<Self, String> {
        /// A vocabulary is kept by id: an id far beyond the number of tokens is a lie about size.
        const SPARSENESS: usize = 8;
        let spelling = tokenizer.get_decoder().map_or(Ok(Spelling::ByteLevel), spelling_of)?;
        let characters = byte_of_character();
        let vocabulary = tokenizer.get_vocab(true);
        let most = vocabulary.values().copied().max().ok_or("the vocabulary is empty")? as usize;
        if most / SPARSENESS > vocabulary.len() + 1024 {
            return Err(format!("the vocabulary has {} tokens and an id {most}", vocabulary.len()));
        }
        let mut texts: Vec<Option<&str>> = vec![None; most + 1];
        for (text, id) in &vocabulary {
            texts[*id as usize] = Some(text);
        }
        let mut bytes = Vec::new();
        let mut bounds = Vec::with_capacity(texts.len() + 1);
        bounds.push(0);
        for (id, text) in texts.iter().enumerate() {
            if let Some(text) = text
                && !special.contains(&(id as u32))
            {
                spell(text, spelling, &characters, &mut bytes);
            }
            bounds.push(bytes.len());
        }
        let strips_first_space = spelling == Spelling::SentencePiece { strips: true };
        Ok(Self { bytes, bounds, strips_first_space })
    }

    pub fn len(&self) -> usize {
        self.bounds.len() - 1
    }

    pub fn bytes(&self, id: u32) -> &[u8] {
        match self.bounds.get(id as usize..id as usize + 2) {
            Some(&[begin, end]) => &self.bytes[begin..end],
            _ => &[],
        }
    }

    pub fn strips_first_space(&self) -> bool {
        self.strips_first_space
    }
}

fn spelling_of(decoder: &DecoderWrapper) -> Result<Spelling, String> {
    match decoder {
        DecoderWrapper::ByteLevel(_) => Ok(Spelling::ByteLevel),
        DecoderWrapper::Metaspace(_) => Ok(Spelling::SentencePiece { strips: true }),
        DecoderWrapper::Sequence(sequence) => {
            let parts = sequence.get_decoders();
            if parts.iter().any(|part| matches!(part, DecoderWrapper::ByteLevel(_))) {
                return Ok(Spelling::ByteLevel);
            }
            let has_bytes =
                parts.iter().any(|part| matches!(part, DecoderWrapper::ByteFallback(_) | DecoderWrapper::Metaspace(_)));
            if !has_bytes {
                return Err("its decoder is of no known kind".to_owned());
            }
            let strips =
                parts.iter().any(|part| matches!(part, DecoderWrapper::Strip(_) | DecoderWrapper::Metaspace(_)));
            Ok(Spelling::SentencePiece { strips })
        }
        _ => Err("its decoder is neither byte-level nor SentencePiece's".to_owned()),
    }
}

fn spell(text: &str, spelling: Spelling, characters: &HashMap<char, u8>, bytes: &mut Vec<u8>) {
    match spelling {
        Spelling::ByteLevel => match text.chars().map(|c| characters.get(&c).copied()).collect::<Option<Vec<u8>>>() {
            Some(spelled) => bytes.extend(spelled),
            // An added token in plain text.
            None => bytes.extend(text.as_bytes()),
        },
        Spelling::SentencePiece { .. } => match byte_name(text) {
            Some(byte) => bytes.push(byte),
            None => bytes.extend(text.replace('▁', " ").as_bytes()),
        },
    }
}

/// `<0x0A>` and the like.
pub(super) fn byte_name(text: &str) -> Option<u8> {
    let hex = text.strip_prefix("<0x")?.strip_suffix('>')?;
    (hex.len() == 2).then(|| u8::from_str_radix(hex, 16).ok())?
}

/// GPT-2's table: printable Latin-1 stands for itself, the other bytes follow from U+0100 in order.
fn byte_of_character() -> HashMap<char, u8> {
    let mut next = 0x100;
    let table: HashMap<char, u8> = (0..=255u8)
        .map(|byte| {
            let itself = matches!(byte, b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF);
            let code = if itself {
                u32::from(byte)
            } else {
                next += 1;
                next - 1
            };
            (char::from_u32(code).unwrap_or_default(), byte)
        })
        .collect();
    debug_assert!(ByteLevel::alphabet().iter().all(|c| table.contains_key(c)));
    table
}
