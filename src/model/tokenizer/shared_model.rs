//! Two tokenizers over one vocabulary: one that sees special tokens in a text and one that does not.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokenizers::models::{ModelWrapper, TrainerWrapper};
use tokenizers::{Model, Result, Token};

use super::Engine;
use super::gguf::Loaded;

/// A vocabulary with its merges, shared: it is by far the largest part of a tokenizer.
#[derive(Clone)]
pub(super) struct SharedModel(Arc<ModelWrapper>);

impl Model for SharedModel {
    type Trainer = TrainerWrapper;

    fn tokenize(&self, sequence: &str) -> Result<Vec<Token>> {
        self.0.tokenize(sequence)
    }

    fn token_to_id(&self, token: &str) -> Option<u32> {
        self.0.token_to_id(token)
    }

    fn id_to_token(&self, id: u32) -> Option<String> {
        self.0.id_to_token(id)
    }

    fn get_vocab(&self) -> HashMap<String, u32> {
        self.0.get_vocab()
    }

    fn get_vocab_size(&self) -> usize {
        self.0.get_vocab_size()
    }

    fn save(&self, folder: &Path, prefix: Option<&str>) -> Result<Vec<PathBuf>> {
        self.0.save(folder, prefix)
    }

    fn get_trainer(&self) -> TrainerWrapper {
        self.0.get_trainer()
    }
}

/// The tokenizer that parses special tokens, and the one that takes them for text.
pub(super) fn split(loaded: Loaded) -> Result<(Engine, Engine)> {
    let normalizer = loaded.get_normalizer().cloned();
    let pre_tokenizer = loaded.get_pre_tokenizer().cloned();
    let added = loaded.get_added_vocabulary().clone();
    let model = SharedModel(Arc::new(loaded.get_model().clone()));
    drop(loaded);
    let build = |added| -> Result<Engine> {
        let mut engine = Engine::new(model.clone());
        engine.with_normalizer(normalizer.clone())?;
        engine.with_pre_tokenizer(pre_tokenizer.clone());
        engine.with_added_vocabulary(added);
        Ok(engine)
    };
    let structured = build(added.clone())?;
    let mut plain = build(added)?;
    plain.set_encode_special_tokens(true);
    Ok((structured, plain))
}
