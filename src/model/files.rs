//! Everything that a model's files say, opened at once: numbers, weights, tokenizer, chat template.

use std::path::{Path, PathBuf};

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::folder::{Folder, MICRO};
use super::{Architecture, ChatTemplate, Gguf, ModelError, Tokenizer, Weights};
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

/// What kind of files a model was opened from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    Directory(Folder),
    Gguf(PathBuf),
}

impl Origin {
    fn path(&self) -> &Path {
        match self {
            Origin::Directory(folder) => folder.path(),
            Origin::Gguf(path) => path,
        }
    }
}

/// What `generation_config.json` proposes. Shown to the person; never applied unasked.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct GenerationDefaults {
    pub temperature: Option<f32>,
    pub top_p: Option<f32>,
    pub top_k: Option<usize>,
    pub repetition_penalty: Option<f32>,
    /// Ids that end a turn, as `config.json` and `generation_config.json` name them. [`Tokenizer::stop_ids`] has them too.
    pub eos_ids: Vec<u32>,
}

impl ModelFiles {
    /// Opens a Hugging Face model directory, a `.gguf` file, the model that comes with the program ([`MICRO`]; a directory of
    /// that name is `./micro`), or one that is on the Hub (`hf:org/name`), after it has been fetched.
    ///
    /// # Errors
    /// One line: what is missing, damaged, contradictory or not supported, and what to do.
    pub fn open(spec: &str) -> Result<Self, ModelError> {
        let unsupported = |reason: &str| ModelError::Unsupported { spec: spec.to_owned(), reason: reason.to_owned() };
        if hub::is_hub_name(spec) {
            return open_from_hub(spec);
        }
        if spec == MICRO {
            return open_directory(spec, Folder::Embedded);
        }
        let path = Path::new(spec);
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        if path.is_dir() {
            return open_directory(spec, Folder::Disk(path.to_path_buf()));
        }
        match extension.to_ascii_lowercase().as_str() {
            _ if !path.exists() => Err(ModelError::NotFound { path: path.to_path_buf() }),
            "gguf" => open_gguf(spec, path),
            "bin" | "pt" | "pth" | "ckpt" | "pkl" => Err(ModelError::Pickle { path: path.to_path_buf() }),
            "safetensors" => Err(unsupported("give the directory that holds config.json beside the weights")),
            _ => Err(ModelError::format(path, "neither a directory nor a .gguf file")),
        }
    }
}

/// The model keeps the name that it has on the Hub, wherever its files lie here.
fn open_from_hub(spec: &str) -> Result<ModelFiles, ModelError> {
    let path = hub::model_path(spec)?;
    if path.is_dir() { open_directory(spec, Folder::Disk(path)) } else { open_gguf(spec, &path) }
}

fn open_gguf(spec: &str, path: &Path) -> Result<ModelFiles, ModelError> {
    let file = Gguf::open(path)?;
    if file.unsigned("split.count").is_some_and(|count| count > 1) {
        return Err(ModelError::format(path, "one part of a split GGUF file; merge the parts first"));
    }
    let architecture = Architecture::from_gguf(&file)?;
    let tokenizer = Tokenizer::from_gguf(&file)?;
    let (bos, eos) = tokenizer.end_texts();
    let template = ChatTemplate::from_gguf(&file)?.with_tokens(bos, eos);
    let weights = Weights::from_gguf(file, &architecture);
    // A GGUF file is named whole: its metadata is part of it.
    let content_hash = weights.content_hash();
    let generation = GenerationDefaults { eos_ids: tokenizer.eos_id().into_iter().collect(), ..Default::default() };
    assemble(
        spec,
        Origin::Gguf(path.to_path_buf()),
        architecture,
        weights,
        tokenizer,
        template,
        generation,
        content_hash,
    )
}

fn open_directory(spec: &str, folder: Folder) -> Result<ModelFiles, ModelError> {
    let missing = |file: &str, advice: &str| ModelError::MissingFile {
        directory: folder.path().to_path_buf(),
        file: file.to_owned(),
        advice: advice.to_owned(),
    };
    let config_path = folder.path().join("config.json");
    let config = read_json(&folder, "config.json")?
        .ok_or_else(|| missing("config.json", "give the directory of a Hugging Face model"))?;
    let generation_config = read_json(&folder, "generation_config.json")?.unwrap_or_default();
    let tokenizer_config = read_json(&folder, "tokenizer_config.json")?.unwrap_or_default();
    let weights = Weights::open(&folder)?;
    let architecture = Architecture::from_config(&config, &weights, &config_path)?;
    let generation = generation_defaults(&config, &generation_config);
    let tokenizer_path = folder.path().join("tokenizer.json");
    let json = folder
        .read("tokenizer.json")?
        .ok_or_else(|| missing("tokenizer.json", "save the tokenizer in its fast form"))?;
    let tokenizer = Tokenizer::from_json(&json, &tokenizer_config, &generation.eos_ids, &tokenizer_path)?;
    let template = ChatTemplate::from_directory(&folder, &tokenizer_config)?;
    // Beside the weights, what decides which numbers and which tokens come out of them.
    let mut content = Sha256::new();
    content.update(weights.content_hash().as_bytes());
    content.update(format!("{architecture:?} {:?}", generation.eos_ids).as_bytes());
    content.update(&json);
    content.update(tokenizer_config.get("bos_token").unwrap_or(&Value::Null).to_string().as_bytes());
    content.update(tokenizer_config.get("eos_token").unwrap_or(&Value::Null).to_string().as_bytes());
    content.update(tokenizer_config.get("add_bos_token").unwrap_or(&Value::Null).to_string().as_bytes());
    let content_hash = content.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    assemble(spec, Origin::Directory(folder), architecture, weights, tokenizer, template, generation, content_hash)
}

#[allow(clippy::too_many_arguments, reason = "the parts of a model's files, put together in one place")]
fn assemble(
    spec: &str,
    origin: Origin,
    architecture: Architecture,
    weights: Weights,
    tokenizer: Tokenizer,
    template: ChatTemplate,
    generation: GenerationDefaults,
    content_hash: String,
) -> Result<ModelFiles, ModelError> {
    weights.check_architecture(&architecture)?;
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
    Ok(ModelFiles {
        name: spec.to_owned(),
        origin,
        architecture,
        weights,
        tokenizer,
        template,
        content_hash,
        generation,
    })
}

/// `None` where there is no such file.
fn read_json(folder: &Folder, name: &str) -> Result<Option<Value>, ModelError> {
    let Some(bytes) = folder.read(name)? else { return Ok(None) };
    let wrong = |error| ModelError::config(&folder.path().join(name), format!("not valid JSON: {error}"));
    serde_json::from_slice(&bytes).map(Some).map_err(wrong)
}

fn generation_defaults(config: &Value, generation: &Value) -> GenerationDefaults {
    let number = |key: &str| generation.get(key).and_then(Value::as_f64).map(|value| value as f32);
    let mut eos_ids: Vec<u32> = [config, generation]
        .into_iter()
        .filter_map(|source| source.get("eos_token_id"))
        .flat_map(|value| match value {
            Value::Array(list) => list.clone(),
            single => vec![single.clone()],
        })
        .filter_map(|value| value.as_u64().and_then(|id| u32::try_from(id).ok()))
        .collect();
    eos_ids.sort_unstable();
    eos_ids.dedup();
    GenerationDefaults {
        temperature: number("temperature"),
        top_p: number("top_p"),
        top_k: generation.get("top_k").and_then(Value::as_u64).map(|value| value as usize),
        repetition_penalty: number("repetition_penalty"),
        eos_ids,
    }
}
