//! SentencePiece vocabularies (`tokenizer.ggml.model = llama`: Llama 2, TinyLlama, Mistral) as BPE with byte fallback.
//!
//! The file has scores and no merges. Every way to put a token together from two others is a merge, the better token's
//! first; that is how transformers converts such a vocabulary.

use std::cmp::Reverse;
use std::collections::HashMap;

use tokenizers::decoders::byte_fallback::ByteFallback;
use tokenizers::decoders::fuse::Fuse;
use tokenizers::decoders::sequence::Sequence as DecoderSequence;
use tokenizers::decoders::strip::Strip;
use tokenizers::models::bpe::BPE;
use tokenizers::normalizers::utils::Sequence as NormalizerSequence;
use tokenizers::normalizers::{Prepend, Replace};

use super::gguf::{BYTE, CONTROL, Loaded, UNKNOWN, Vocabulary};
use crate::model::Gguf;

pub(super) fn rebuild(file: &Gguf, vocabulary: &Vocabulary) -> Result<Loaded, String> {
    let scores = file.numbers("tokenizer.ggml.scores").ok_or("`tokenizer.ggml.scores` is missing")?;
    if scores.len() != vocabulary.tokens.len() {
        return Err(format!("{} scores for {} tokens", scores.len(), vocabulary.tokens.len()));
    }
    let unknown = vocabulary.kinds.iter().position(|kind| *kind == UNKNOWN).map(|id| vocabulary.tokens[id].clone());
    let mut builder = BPE::builder()
        .vocab_and_merges(vocabulary.ids(), merges(vocabulary, &scores))
        .byte_fallback(true)
        .fuse_unk(true);
    if let Some(unknown) = unknown {
        builder = builder.unk_token(unknown);
    }
    let mut loaded = Loaded::new(builder.build().map_err(|error| error.to_string())?.into());
    let prefix = file.boolean("tokenizer.ggml.add_space_prefix").unwrap_or(true);
    let spaces = Replace::new(" ", "▁").map_err(|error| error.to_string())?;
    let mut normalizers = Vec::new();
    if prefix {
        normalizers.push(Prepend::new("▁".to_owned()).into());
    }
    normalizers.push(spaces.into());
    loaded.with_normalizer(Some(NormalizerSequence::new(normalizers))).map_err(|error| error.to_string())?;
    let back = Replace::new("▁", " ").map_err(|error| error.to_string())?;
    let mut decoders = vec![back.into(), ByteFallback::new().into(), Fuse::new().into()];
    if prefix {
        decoders.push(Strip::new(' ', 1, 0).into());
    }
    loaded.with_decoder(Some(DecoderSequence::new(decoders)));
    Ok(loaded)
}

fn merges(vocabulary: &Vocabulary, scores: &[f64]) -> Vec<(String, String)> {
    /// Longer tokens are rows of spaces or rules at most; their cuts would cost the square of their length.
    const LONGEST: usize = 256;
    let text_tokens: HashMap<&str, f64> = vocabulary
        .tokens
        .iter()
        .zip(&vocabulary.kinds)
        .zip(scores)
        .filter(|((_, kind), _)| ![CONTROL, UNKNOWN, BYTE].contains(kind))
        .map(|((token, _), score)| (token.as_str(), *score))
        .collect();
    let mut found: Vec<(f64, usize, usize, usize, &str, &str)> = Vec::new();
    for (id, token) in vocabulary.tokens.iter().enumerate() {
        let Some(score) = text_tokens.get(token.as_str()).filter(|_| token.len() <= LONGEST) else { continue };
        for (cut, _) in token.char_indices().skip(1) {
            let (left, right) = token.split_at(cut);
            if text_tokens.contains_key(left) && text_tokens.contains_key(right) {
                found.push((*score, left.chars().count(), right.chars().count(), id, left, right));
            }
        }
    }
    found.sort_by(|a, b| {
        b.0.total_cmp(&a.0).then_with(|| (Reverse(a.1), Reverse(a.2), a.3).cmp(&(Reverse(b.1), Reverse(b.2), b.3)))
    });
    found.into_iter().map(|(_, _, _, _, left, right)| (left.to_owned(), right.to_owned())).collect()
}
