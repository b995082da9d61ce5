//! A tokenizer rebuilt from the metadata of a GGUF file (keys of ggml's `docs/gguf.md`).

use std::collections::BTreeSet;

use tokenizers::decoders::byte_level::ByteLevel as ByteLevelDecoder;
use tokenizers::models::ModelWrapper;
use tokenizers::models::bpe::{BPE, Vocab};
use tokenizers::normalizers::NFC;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::{
    AddedToken, DecoderWrapper, NormalizerWrapper, PostProcessorWrapper, PreTokenizerWrapper, SplitDelimiterBehavior,
    TokenizerImpl,
};

use super::{Ends, pre, spm};
use crate::model::{Gguf, ModelError};

/// A tokenizer as the crate reads it from a file.
pub(super) type Loaded =
    TokenizerImpl<ModelWrapper, NormalizerWrapper, PreTokenizerWrapper, PostProcessorWrapper, DecoderWrapper>;

/// `tokenizer.ggml.token_type`.
pub(super) const UNKNOWN: u32 = 2;
pub(super) const CONTROL: u32 = 3;
pub(super) const USER_DEFINED: u32 = 4;
pub(super) const NORMAL: u32 = 1;
pub(super) const BYTE: u32 = 6;

/// The vocabulary as the file has it.
pub(super) struct Vocabulary {
    pub tokens: Vec<String>,
    /// As long as `tokens`.
    pub kinds: Vec<u32>,
}

pub(super) fn rebuild(file: &Gguf) -> Result<(Loaded, Ends), ModelError> {
    let fail = |reason: String| ModelError::tokenizer(file.path(), reason);
    let vocabulary = read_vocabulary(file).map_err(fail)?;
    let kind = file.text("tokenizer.ggml.model").ok_or_else(|| fail("`tokenizer.ggml.model` is missing".to_owned()))?;
    let (mut loaded, add_bos) = match kind {
        "gpt2" => byte_level(file, &vocabulary)?,
        "llama" => (spm::rebuild(file, &vocabulary).map_err(fail)?, true),
        other => {
            return Err(fail(format!(
                "vocabulary of kind `{other}` is not supported (known: gpt2, llama); use the Hugging Face directory"
            )));
        }
    };
    add_tokens(&mut loaded, &vocabulary).map_err(fail)?;
    let id = |key: &str| {
        let id = file.unsigned(&format!("tokenizer.ggml.{key}"))?;
        u32::try_from(id).ok().filter(|id| (*id as usize) < vocabulary.tokens.len())
    };
    let stop: BTreeSet<u32> = ["eos_token_id", "eot_token_id", "eom_token_id"].into_iter().filter_map(id).collect();
    let add_bos = file.boolean("tokenizer.ggml.add_bos_token").unwrap_or(add_bos);
    Ok((loaded, Ends { bos: id("bos_token_id"), eos: id("eos_token_id"), add_bos, stop }))
}

fn read_vocabulary(file: &Gguf) -> Result<Vocabulary, String> {
    let tokens =
        file.strings("tokenizer.ggml.tokens").ok_or("`tokenizer.ggml.tokens` is missing or no list of strings")?;
    if tokens.is_empty() || u32::try_from(tokens.len()).is_err() {
        return Err(format!("a vocabulary of {} tokens", tokens.len()));
    }
    let kinds = match file.numbers("tokenizer.ggml.token_type") {
        None => vec![NORMAL; tokens.len()],
        Some(kinds) if kinds.len() == tokens.len() => kinds.into_iter().map(|kind| kind as u32).collect(),
        Some(kinds) => return Err(format!("{} token types for {} tokens", kinds.len(), tokens.len())),
    };
    Ok(Vocabulary { tokens, kinds })
}

impl Vocabulary {
    pub fn ids(&self) -> Vocab {
        self.tokens.iter().zip(0u32..).map(|(token, id)| (token.clone(), id)).collect()
    }
}

/// Byte-level BPE (GPT-2, Llama 3, Qwen), and whether an opening token is added by default.
fn byte_level(file: &Gguf, vocabulary: &Vocabulary) -> Result<(Loaded, bool), ModelError> {
    let fail = |reason: String| ModelError::tokenizer(file.path(), reason);
    let name = file.text("tokenizer.ggml.pre").unwrap_or("default");
    let pre = pre::by_name(name)
        .ok_or_else(|| ModelError::UnknownPreTokenizer { path: file.path().to_path_buf(), name: name.to_owned() })?;
    let merges = file
        .strings("tokenizer.ggml.merges")
        .ok_or_else(|| fail("`tokenizer.ggml.merges` is missing or no list of strings".to_owned()))?
        .iter()
        .map(|merge| merge.split_once(' ').map(|(left, right)| (left.to_owned(), right.to_owned())))
        .collect::<Option<Vec<_>>>()
        .ok_or_else(|| fail("a merge is not two tokens".to_owned()))?;
    let bpe = BPE::builder()
        .vocab_and_merges(vocabulary.ids(), merges)
        .ignore_merges(pre.ignore_merges)
        .build()
        .map_err(|error| fail(error.to_string()))?;
    let mut loaded = Loaded::new(bpe.into());
    let mut steps: Vec<PreTokenizerWrapper> = Vec::new();
    for expression in pre.expressions {
        let pattern = SplitPattern::Regex((*expression).to_owned());
        let split = Split::new(pattern, SplitDelimiterBehavior::Isolated, false).map_err(|e| fail(e.to_string()))?;
        steps.push(split.into());
    }
    steps.push(ByteLevel::new(false, false, false).into());
    loaded.with_pre_tokenizer(Some(Sequence::new(steps)));
    loaded.with_decoder(Some(ByteLevelDecoder::new(false, false, false)));
    if pre.composes {
        loaded.with_normalizer(Some(NFC)).map_err(|error| fail(error.to_string()))?;
    }
    Ok((loaded, pre.add_bos))
}

/// Control tokens are special; user-defined ones are found in a text but mean themselves.
fn add_tokens(loaded: &mut Loaded, vocabulary: &Vocabulary) -> Result<(), String> {
    let of = |wanted: &'static [u32], special: bool| -> Vec<AddedToken> {
        vocabulary
            .tokens
            .iter()
            .zip(&vocabulary.kinds)
            .filter(|(token, kind)| wanted.contains(kind) && !token.is_empty())
            .map(|(token, _)| AddedToken::from(token.clone(), special).normalized(false))
            .collect()
    };
    loaded.add_special_tokens(of(&[UNKNOWN, CONTROL], true)).map_err(|error| error.to_string())?;
    loaded.add_tokens(of(&[USER_DEFINED], false)).map_err(|error| error.to_string())?;
    Ok(())
}
