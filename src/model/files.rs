//! Everything that a model's files say, opened at once: numbers, weights, tokenizer, chat template.

use std::path::PathBuf;

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::text::{DirectoryText, missing, read_json};
use super::{
    Architecture, ChatTemplate, Folder, GenerationDefaults, Gguf, ModelError, Origin, TextFiles, Tokenizer, Weights,
};
use crate::hub;

/// An opened model. Weights are mapped, not read; [`Weights::tensor`] reads them.
#[derive(Debug)]
pub struct ModelFiles {
    /// As the person named it.
    pub name: String,
    pub origin: Origin,
    pub architecture: Architecture,
    pub weights: Weights,
    pub tokenizer: Tokenizer,
    pub template: ChatTemplate,
    /// Names the weights' content, wherever they lie: 64 hexadecimal digits.
    pub content_hash: String,
    pub generation: GenerationDefaults,
}

impl ModelFiles {
    /// Opens a Hugging Face model directory, a `.gguf` file, the model that comes with the program ([`MICRO`](super::MICRO); a
    /// directory of that name is `./micro`), or one that is on the Hub (`hf:org/name`), after it has been fetched. It keeps the
    /// name that it has there, wherever its files lie here.
    ///
    /// Who wants its text alone opens [`TextFiles`].
    ///
    /// # Errors
    /// One line: what is missing, damaged, contradictory or not supported, and what to do.
    pub fn open(spec: &str) -> Result<Self, ModelError> {
        match Origin::find(spec, hub::model_path)? {
            Origin::Directory(folder) => open_directory(spec, folder),
            Origin::Gguf(path) => open_gguf(spec, path),
        }
    }
}

fn open_gguf(spec: &str, path: PathBuf) -> Result<ModelFiles, ModelError> {
    let file = Gguf::open(&path)?;
    if file.unsigned("split.count").is_some_and(|count| count > 1) {
        return Err(ModelError::format(&path, "one part of a split GGUF file; merge the parts first"));
    }
    let architecture = Architecture::from_gguf(&file)?;
    let text = TextFiles::from_gguf(spec, &file)?;
    let weights = Weights::from_gguf(file, &architecture);
    // A GGUF file is named whole: its metadata is part of it.
    let content_hash = weights.content_hash();
    assemble(Origin::Gguf(path), architecture, weights, text, content_hash)
}

fn open_directory(spec: &str, folder: Folder) -> Result<ModelFiles, ModelError> {
    let config = read_json(&folder, "config.json")?
        .ok_or_else(|| missing(&folder, "config.json", "give the directory of a Hugging Face model"))?;
    let weights = Weights::open(&folder)?;
    let architecture = Architecture::from_config(&config, &weights, &folder.path().join("config.json"))?;
    let text = DirectoryText::open(spec, &folder, &config)?;
    // Beside the weights, what decides which numbers and which tokens come out of them.
    let mut content = Sha256::new();
    content.update(weights.content_hash().as_bytes());
    content.update(format!("{architecture:?} {:?}", text.files.generation.eos_ids).as_bytes());
    content.update(&text.tokenizer_json);
    for key in ["bos_token", "eos_token", "add_bos_token"] {
        content.update(text.tokenizer_config.get(key).unwrap_or(&Value::Null).to_string().as_bytes());
    }
    let content_hash = content.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    assemble(Origin::Directory(folder), architecture, weights, text.files, content_hash)
}

fn assemble(
    origin: Origin,
    architecture: Architecture,
    weights: Weights,
    text: TextFiles,
    content_hash: String,
) -> Result<ModelFiles, ModelError> {
    weights.check_architecture(&architecture)?;
    let TextFiles { name, tokenizer, template, generation } = text;
    if tokenizer.vocab_size() > architecture.vocab_size {
        return Err(ModelError::config(
            origin.path(),
            format!(
                "the tokenizer has {} tokens and the embedding {} rows; the files are of two models",
                tokenizer.vocab_size(),
                architecture.vocab_size
            ),
        ));
    }
    Ok(ModelFiles { name, origin, architecture, weights, tokenizer, template, content_hash, generation })
}
