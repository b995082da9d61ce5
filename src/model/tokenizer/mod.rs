//! Text to token ids and back.
//!
//! Text that people or models wrote is *data*: a special token's string inside it is encoded as text, never as the token,
//! so no message can forge the structure of a chat ([`Tokenizer::encode_chat`]). Only what the chat template itself writes
//! becomes special tokens.

mod chat;
mod gguf;
mod pieces;
pub(super) mod pre;
mod shared_model;
mod spm;
mod stream;

use std::collections::{BTreeSet, HashSet};
use std::path::Path;
use std::sync::Arc;

use serde_json::Value;
use sha2::{Digest, Sha256};
use tokenizers::{
    AddedToken, DecoderWrapper, NormalizerWrapper, PostProcessorWrapper, PreTokenizerWrapper, TokenizerImpl,
};

pub use stream::TokenStream;

use self::pieces::Pieces;
use self::shared_model::SharedModel;
use super::error::one_line;
use super::{Gguf, ModelError};

type Engine = TokenizerImpl<SharedModel, NormalizerWrapper, PreTokenizerWrapper, PostProcessorWrapper, DecoderWrapper>;

/// Tokens that end a turn in the families at hand. One of them counts only where the vocabulary has it as a special token.
const TURN_ENDS: [&str; 6] = ["<|im_end|>", "<|eot_id|>", "<|eom_id|>", "<|end_of_text|>", "<|endoftext|>", "</s>"];

/// A vocabulary with its rules. Cheap to clone.
#[derive(Clone)]
pub struct Tokenizer {
    inner: Arc<Inner>,
}

struct Inner {
    /// Special tokens in the text become the tokens.
    structured: Engine,
    /// Special tokens in the text stay text.
    plain: Engine,
    pieces: Pieces,
    special: HashSet<u32>,
    special_texts: Vec<String>,
    bos: Option<u32>,
    add_bos: bool,
    eos: Option<u32>,
    stop: Vec<u32>,
}

/// What both kinds of source say of the tokens that open and close.
struct Ends {
    bos: Option<u32>,
    eos: Option<u32>,
    add_bos: bool,
    stop: BTreeSet<u32>,
}

impl std::fmt::Debug for Tokenizer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokenizer").field("vocab_size", &self.vocab_size()).finish_non_exhaustive()
    }
}

impl Tokenizer {
    /// From `tokenizer.json`. `config` is the parsed `tokenizer_config.json` or null; `stop` the ids that other files name.
    pub fn from_json(json: &[u8], config: &Value, stop: &[u32], path: &Path) -> Result<Self, ModelError> {
        let fail = |reason: String| ModelError::tokenizer(path, reason);
        let mut loaded = tokenizers::Tokenizer::from_bytes(json).map_err(|error| fail(error.to_string()))?.into_inner();
        // A file saved in training may cut or pad every text.
        loaded.with_padding(None);
        loaded.with_truncation(None).map_err(|error| fail(error.to_string()))?;
        let named = |key: &str| token_text(config.get(key)).and_then(|text| loaded.token_to_id(text));
        let opener = opening_token(&loaded);
        let ends = Ends {
            bos: named("bos_token").or(opener),
            eos: named("eos_token"),
            add_bos: config.get("add_bos_token").and_then(Value::as_bool).unwrap_or(opener.is_some()),
            stop: stop.iter().copied().chain(named("eos_token")).collect(),
        };
        Self::assemble(loaded, ends).map_err(fail)
    }

    /// Rebuilt from the metadata of a GGUF file.
    pub fn from_gguf(file: &Gguf) -> Result<Self, ModelError> {
        let (loaded, ends) = gguf::rebuild(file)?;
        Self::assemble(loaded, ends).map_err(|reason| ModelError::tokenizer(file.path(), reason))
    }

    /// `tokenizer.json` for the tokenizer of a GGUF file.
    ///
    /// # Errors
    /// As [`Tokenizer::from_gguf`].
    pub fn json_from_gguf(file: &Gguf) -> Result<String, ModelError> {
        let (mut loaded, ends) = gguf::rebuild(file)?;
        let fail = |reason: String| ModelError::tokenizer(file.path(), reason);
        loaded.add_special_tokens(structure(&loaded, &ends.stop, ends.bos)).map_err(|error| fail(error.to_string()))?;
        loaded.to_string(false).map_err(|error| fail(error.to_string()))
    }

    fn assemble(loaded: gguf::Loaded, ends: Ends) -> Result<Self, String> {
        let mut loaded = loaded;
        let Ends { bos, eos, add_bos, mut stop } = ends;
        for text in TURN_ENDS {
            if let Some(id) = loaded.token_to_id(text)
                && loaded.get_added_vocabulary().is_special_token(text)
            {
                stop.insert(id);
            }
        }
        loaded.add_special_tokens(structure(&loaded, &stop, bos)).map_err(|error| error.to_string())?;

        let added = loaded.get_added_tokens_decoder();
        let special: HashSet<u32> = added.iter().filter(|(_, token)| token.special).map(|(id, _)| *id).collect();
        let mut special_texts: Vec<_> =
            added.values().filter(|token| token.special).map(|token| token.content.clone()).collect();
        special_texts.sort_unstable();
        let pieces = Pieces::of(&loaded, &special)?;
        let (structured, plain) = shared_model::split(loaded).map_err(|error| one_line(&error.to_string()))?;
        Ok(Self {
            inner: Arc::new(Inner {
                structured,
                plain,
                pieces,
                special,
                special_texts,
                bos,
                add_bos,
                eos,
                stop: stop.into_iter().collect(),
            }),
        })
    }

    /// The ids of plain text. No opening token is added, and special tokens' strings are encoded as text.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>, ModelError> {
        encode_with(&self.inner.plain, text)
    }

    /// The text of ids, special tokens left out. Bytes that are not UTF-8 become U+FFFD.
    pub fn decode(&self, ids: &[u32]) -> String {
        let mut stream = self.stream();
        let mut text = String::new();
        for id in ids {
            stream.push_into(*id, &mut text);
        }
        text.extend(stream.finish());
        text
    }

    /// Decodes id by id. The joined pieces are what [`Tokenizer::decode`] gives.
    pub fn stream(&self) -> TokenStream {
        TokenStream::new(self.clone())
    }

    /// Ids that end a turn, sorted.
    pub fn stop_ids(&self) -> &[u32] {
        &self.inner.stop
    }

    /// One more than the greatest id. The model's own `vocab_size` may be padded beyond it.
    pub fn vocab_size(&self) -> usize {
        self.inner.pieces.len()
    }

    /// A short hash of what every id stands for.
    pub fn hash(&self) -> String {
        let mut content = Sha256::new();
        content.update([u8::from(self.inner.pieces.strips_first_space())]);
        for id in 0..self.vocab_size() as u32 {
            let name = if self.is_special(id) { self.id_to_text(id) } else { String::new() };
            for part in [name.as_bytes(), self.inner.pieces.bytes(id)] {
                content.update((part.len() as u64).to_le_bytes());
                content.update(part);
            }
        }
        content.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    }

    /// What a token stands for, special ones by their name; empty for an id that no token has.
    pub fn id_to_text(&self, id: u32) -> String {
        if self.is_special(id) {
            return self.inner.structured.id_to_token(id).unwrap_or_default();
        }
        String::from_utf8_lossy(self.inner.pieces.bytes(id)).into_owned()
    }

    pub fn is_special(&self, id: u32) -> bool {
        self.inner.special.contains(&id)
    }

    /// The id of a token by its name in the vocabulary, such as `<|im_end|>`.
    pub fn token_to_id(&self, token: &str) -> Option<u32> {
        self.inner.structured.token_to_id(token)
    }

    /// The token that opens a text, and whether it is added to every prompt that does not begin with it.
    pub fn bos_id(&self) -> Option<u32> {
        self.inner.bos
    }

    pub fn adds_bos(&self) -> bool {
        self.inner.add_bos && self.inner.bos.is_some()
    }

    pub fn eos_id(&self) -> Option<u32> {
        self.inner.eos
    }

    /// The names of the opening and the ending token, which templates write.
    pub(super) fn end_texts(&self) -> (Option<String>, Option<String>) {
        let text = |id: Option<u32>| id.and_then(|id| self.inner.structured.id_to_token(id));
        (text(self.inner.bos), text(self.inner.eos))
    }
}

/// A token that ends a turn is structure, even where a file forgot to mark it.
fn structure(loaded: &gguf::Loaded, stop: &BTreeSet<u32>, bos: Option<u32>) -> Vec<AddedToken> {
    let marked = |text: &String| loaded.get_added_vocabulary().is_special_token(text);
    let texts = stop.iter().chain(&bos).filter_map(|id| loaded.id_to_token(*id));
    texts
        .filter(|text| !text.is_empty() && !marked(text))
        .map(|text| AddedToken::from(text, true).normalized(false))
        .collect()
}

fn encode_with(engine: &Engine, text: &str) -> Result<Vec<u32>, ModelError> {
    let encoding =
        engine.encode_fast(text, false).map_err(|error| ModelError::Encode { reason: one_line(&error.to_string()) })?;
    Ok(encoding.get_ids().to_vec())
}

/// A token in `tokenizer_config.json`: its text, or an object that holds it.
pub(super) fn token_text(value: Option<&Value>) -> Option<&str> {
    let value = value?;
    value.as_str().or_else(|| value.get("content").and_then(Value::as_str))
}

/// The token that the file's own post-processor puts before a text.
fn opening_token(loaded: &gguf::Loaded) -> Option<u32> {
    let with = loaded.encode_fast("a", true).ok()?.get_ids().to_vec();
    let without = loaded.encode_fast("a", false).ok()?.get_ids().to_vec();
    (with.len() > without.len() && with.first() != without.first()).then(|| with[0])
}
