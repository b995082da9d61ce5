//! What turns chats into tokens and back: tokenizer, chat template, what ends a turn. Not: numbers and weights, which need not be
//! there for it.

use std::borrow::Cow;

use serde_json::Value;

use super::{ChatTemplate, Folder, Gguf, ModelError, ModelFiles, Origin, Tokenizer};
use crate::hub;

/// The opened part of a model that knows of text. Cheap to clone.
#[derive(Debug, Clone)]
pub struct TextFiles {
    /// As the person named it.
    pub name: String,
    pub tokenizer: Tokenizer,
    pub template: ChatTemplate,
    pub generation: GenerationDefaults,
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

impl TextFiles {
    /// Opens it wherever [`ModelFiles::open`] opens a model, and in a directory that has `tokenizer.json` and no weights. Of a
    /// repository on the Hub no weights are fetched; a `.gguf` file there, which is named by itself, comes whole.
    ///
    /// # Errors
    /// One line: what is missing, damaged or not supported, and what to do.
    pub fn open(spec: &str) -> Result<Self, ModelError> {
        match Origin::find(spec, hub::text_path)? {
            Origin::Directory(folder) => {
                let config = read_json(&folder, "config.json")?.unwrap_or_default();
                Ok(DirectoryText::open(spec, &folder, &config)?.files)
            }
            Origin::Gguf(path) => Self::from_gguf(spec, &Gguf::open(&path)?),
        }
    }

    /// Of a GGUF file, from its metadata.
    pub(super) fn from_gguf(name: &str, file: &Gguf) -> Result<Self, ModelError> {
        let tokenizer = Tokenizer::from_gguf(file)?;
        let (bos, eos) = tokenizer.end_texts();
        let template = ChatTemplate::from_gguf(file)?.with_tokens(bos, eos);
        let generation = GenerationDefaults { eos_ids: tokenizer.eos_id().into_iter().collect(), ..Default::default() };
        Ok(Self { name: name.to_owned(), tokenizer, template, generation })
    }
}

impl From<&ModelFiles> for TextFiles {
    fn from(files: &ModelFiles) -> Self {
        Self {
            name: files.name.clone(),
            tokenizer: files.tokenizer.clone(),
            template: files.template.clone(),
            generation: files.generation.clone(),
        }
    }
}

/// That of a directory, with what it was made of.
pub(super) struct DirectoryText {
    pub files: TextFiles,
    pub tokenizer_json: Cow<'static, [u8]>,
    /// Null where there is none.
    pub tokenizer_config: Value,
}

impl DirectoryText {
    /// `config` is the parsed `config.json`, or null.
    pub(super) fn open(name: &str, folder: &Folder, config: &Value) -> Result<Self, ModelError> {
        let generation_config = read_json(folder, "generation_config.json")?.unwrap_or_default();
        let tokenizer_config = read_json(folder, "tokenizer_config.json")?.unwrap_or_default();
        let generation = generation_defaults(config, &generation_config);
        let path = folder.path().join("tokenizer.json");
        let tokenizer_json = folder
            .read("tokenizer.json")?
            .ok_or_else(|| missing(folder, "tokenizer.json", "save the tokenizer in its fast form"))?;
        let tokenizer = Tokenizer::from_json(&tokenizer_json, &tokenizer_config, &generation.eos_ids, &path)?;
        let template = ChatTemplate::from_directory(folder, &tokenizer_config)?;
        let files = TextFiles { name: name.to_owned(), tokenizer, template, generation };
        Ok(Self { files, tokenizer_json, tokenizer_config })
    }
}

pub(super) fn missing(folder: &Folder, file: &str, advice: &str) -> ModelError {
    ModelError::MissingFile { directory: folder.path().to_path_buf(), file: file.to_owned(), advice: advice.to_owned() }
}

/// `None` where there is no such file.
pub(super) fn read_json(folder: &Folder, name: &str) -> Result<Option<Value>, ModelError> {
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
