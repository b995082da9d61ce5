//! What training leaves for others: a Hugging Face model directory, or a PEFT adapter.
//!
//! File names, keys and fields are those that transformers and peft read. Companion files come from the model that training
//! began with; where that was a GGUF file they are made from its metadata.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Map, Value, json};

use super::checkpoint::store::Fresh;
use super::checkpoint::tensors;
use super::{Network, TrainError};
use crate::model::{Architecture, Family, Folder, Gguf, ModelFiles, Origin, RopeScaling, Tokenizer};

/// peft's prefix of every key.
const PREFIX: &str = "base_model.model.";
/// Small files of a model directory that go along as they are.
const COMPANIONS: [&str; 8] = [
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
    "chat_template.jinja",
];

/// What the card says of the data.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CardFacts {
    pub chains: usize,
    pub held_out: usize,
    pub too_long: usize,
    pub data_hash: String,
    /// Name and content hash of the model that training began with.
    pub model: String,
    pub model_hash: String,
    /// All settings, as TOML.
    pub settings: String,
}

/// Everything of the output but the weights.
#[derive(Debug, Clone)]
pub struct Output {
    /// Of `config.json`.
    config: Value,
    files: BTreeMap<String, Vec<u8>>,
    facts: CardFacts,
}

impl Output {
    /// Collects the companion files of a model.
    ///
    /// # Errors
    /// If one cannot be read.
    pub fn new(files: &ModelFiles, facts: CardFacts) -> Result<Self, TrainError> {
        let (config, companions) = match &files.origin {
            Origin::Directory(folder) => from_directory(folder)?,
            Origin::Gguf(path) => from_gguf(files, path)?,
        };
        Ok(Self { config, files: companions, facts })
    }

    /// Writes all files of the model, or of the adapter if there is one.
    ///
    /// # Errors
    /// Of the file system.
    pub fn write(&self, fresh: &mut Fresh, network: &Network) -> std::io::Result<()> {
        for (name, content) in &self.files {
            if network.lora().is_none() || name != "generation_config.json" {
                fresh.content(name, content)?;
            }
        }
        fresh.content("README.md", self.card(network).as_bytes())?;
        if let Some(lora) = network.lora() {
            let settings = &lora.layout.settings;
            let config = json!({
                "alpha_pattern": {}, "base_model_name_or_path": self.facts.model, "bias": "none", "fan_in_fan_out": false,
                "inference_mode": true, "init_lora_weights": true, "layers_pattern": null, "layers_to_transform": null,
                "lora_alpha": settings.alpha, "lora_dropout": settings.dropout, "modules_to_save": null,
                "peft_type": "LORA", "r": settings.rank, "rank_pattern": {}, "revision": null,
                "target_modules": settings.modules(), "task_type": "CAUSAL_LM", "use_dora": false, "use_rslora": false,
            });
            fresh.content("adapter_config.json", &serde_json::to_vec_pretty(&config)?)?;
            let places = lora.layout.places();
            let shapes: Vec<_> =
                places.iter().map(|place| (format!("{PREFIX}{}", place.name), place.shape.clone())).collect();
            return fresh.file(weights_file(network), |out| {
                tensors::write(out, &shapes, |index| lora.weights[places[index].range.clone()].into())
            });
        }
        self.write_whole(fresh, network)
    }

    /// Writes a model directory, adapters merged into the weights.
    ///
    /// # Errors
    /// Of the file system.
    pub fn write_merged(&self, fresh: &mut Fresh, network: &Network) -> std::io::Result<()> {
        for (name, content) in &self.files {
            fresh.content(name, content)?;
        }
        fresh.content("README.md", self.card(network).as_bytes())?;
        self.write_whole(fresh, network)
    }

    fn write_whole(&self, fresh: &mut Fresh, network: &Network) -> std::io::Result<()> {
        fresh.content("config.json", &serde_json::to_vec_pretty(&self.config)?)?;
        let places = network.places();
        let shapes: Vec<_> = places.iter().map(|place| (place.name.clone(), place.shape.clone())).collect();
        fresh.file("model.safetensors", |out| {
            tensors::write(out, &shapes, |index| match network.lora() {
                None => network.weights[places[index].range.clone()].into(),
                Some(_) => network.merged(&places[index]).into(),
            })
        })
    }

    /// A model card: what it was trained on, by which settings.
    fn card(&self, network: &Network) -> String {
        let facts = &self.facts;
        let (library, kind) = match network.lora() {
            Some(_) => ("peft", "A LoRA adapter"),
            None => ("transformers", "A fully fine-tuned model"),
        };
        format!(
            "---\nlibrary_name: {library}\npipeline_tag: text-generation\nbase_model: {}\ntags:\n- cribble\n- sft\n---\n\n\
             # {kind}\n\nFine-tuned on {} chains of thought ({} more held out, {} left out as too long). The chains were \
             written by a model itself and sieved by rules and a person.\n\n| | |\n|---|---|\n| began with | `{}` |\n\
             | content of its weights | `{}` |\n| data | `{}` |\n\n## Settings\n\n```toml\n{}```\n",
            quoted(&facts.model),
            facts.chains,
            facts.held_out,
            facts.too_long,
            facts.model.replace('`', "'"),
            facts.model_hash,
            facts.data_hash,
            facts.settings,
        )
    }
}

/// The file that holds what was trained.
pub(super) fn weights_file(network: &Network) -> &'static str {
    if network.lora().is_some() { "adapter_model.safetensors" } else { "model.safetensors" }
}

/// Our name of a tensor in such a file.
pub(super) fn own_name(name: &str) -> String {
    name.strip_prefix(PREFIX).unwrap_or(name).to_owned()
}

/// A YAML string.
fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

type Companions = (Value, BTreeMap<String, Vec<u8>>);

fn from_directory(folder: &Folder) -> Result<Companions, TrainError> {
    let config = folder.read("config.json")?.unwrap_or_default();
    let mut config: Map<String, Value> = serde_json::from_slice(&config)
        .map_err(|error| TrainError::Settings(format!("{}: config.json: {error}", folder.path().display())))?;
    // The weights are written as they were trained.
    for key in ["torch_dtype", "dtype"] {
        if config.contains_key(key) {
            config.insert(key.into(), json!("float32"));
        }
    }
    config.remove("quantization_config");
    let mut files = BTreeMap::new();
    for name in COMPANIONS {
        if let Some(content) = folder.read(name)? {
            files.insert(name.to_owned(), content.into_owned());
        }
    }
    Ok((config.into(), files))
}

fn from_gguf(files: &ModelFiles, path: &Path) -> Result<Companions, TrainError> {
    let file = Gguf::open(path)?;
    let tokenizer = &files.tokenizer;
    let mut companions = BTreeMap::new();
    let mut put = |name: &str, value: &Value| {
        companions.insert(name.to_owned(), format!("{value:#}\n").into_bytes());
    };
    let stop = match tokenizer.stop_ids() {
        [one] => json!(one),
        several => json!(several),
    };
    put("generation_config.json", &json!({ "bos_token_id": tokenizer.bos_id(), "eos_token_id": stop }));
    let name = |id: Option<u32>| id.map(|id| tokenizer.id_to_text(id)).filter(|text| !text.is_empty());
    // The token that ends a turn is what generation with the template must stop at.
    let ends = tokenizer.turn_end(&files.template)?.or(tokenizer.eos_id());
    let mut settings = json!({
        "add_bos_token": tokenizer.adds_bos(), "clean_up_tokenization_spaces": false,
        "model_max_length": files.architecture.max_position_embeddings, "tokenizer_class": "PreTrainedTokenizerFast",
    });
    for (key, text) in [("bos_token", name(tokenizer.bos_id())), ("eos_token", name(ends))] {
        if let Some(text) = text {
            settings[key] = text.into();
        }
    }
    put("tokenizer_config.json", &settings);
    companions.insert("tokenizer.json".into(), Tokenizer::json_from_gguf(&file)?.into_bytes());
    if !files.template.is_plain() {
        companions.insert("chat_template.jinja".into(), files.template.source().as_bytes().to_vec());
    }
    Ok((config(&files.architecture, tokenizer, ends), companions))
}

/// `config.json` of an architecture.
fn config(a: &Architecture, tokenizer: &Tokenizer, ends: Option<u32>) -> Value {
    let (kind, model_type) = match a.family {
        Family::Llama => ("LlamaForCausalLM", "llama"),
        Family::Qwen2 => ("Qwen2ForCausalLM", "qwen2"),
        Family::Qwen3 => ("Qwen3ForCausalLM", "qwen3"),
    };
    let mut config = json!({
        "architectures": [kind], "model_type": model_type, "attention_bias": a.attention_bias, "attention_dropout": 0.0,
        "bos_token_id": tokenizer.bos_id(), "eos_token_id": ends, "head_dim": a.head_dim, "hidden_act": "silu",
        "hidden_size": a.hidden_size, "intermediate_size": a.intermediate_size,
        "max_position_embeddings": a.max_position_embeddings, "num_attention_heads": a.num_attention_heads,
        "num_hidden_layers": a.num_hidden_layers, "num_key_value_heads": a.num_key_value_heads,
        "rms_norm_eps": short(a.rms_norm_eps), "rope_theta": a.rope_theta, "rope_scaling": null,
        "tie_word_embeddings": a.tie_word_embeddings, "torch_dtype": "float32", "use_cache": true,
        "vocab_size": a.vocab_size,
    });
    match a.family {
        Family::Llama => config["mlp_bias"] = false.into(),
        // Its biases are part of the architecture, not of the configuration.
        Family::Qwen2 => {
            config.as_object_mut().map(|config| config.shift_remove("attention_bias"));
            config["use_sliding_window"] = false.into();
        }
        Family::Qwen3 => config["use_sliding_window"] = false.into(),
    }
    match &a.rope_scaling {
        None => {}
        Some(RopeScaling::Linear { factor }) => {
            config["rope_scaling"] = json!({ "rope_type": "linear", "factor": factor })
        }
        Some(RopeScaling::Llama3 { factor, low_freq_factor, high_freq_factor, original_max_position_embeddings }) => {
            config["rope_scaling"] = json!({
                "rope_type": "llama3", "factor": factor, "low_freq_factor": low_freq_factor,
                "high_freq_factor": high_freq_factor, "original_max_position_embeddings": original_max_position_embeddings,
            });
        }
    }
    config
}

/// GGUF keeps epsilon as f32: written as the shortest number that means the same.
fn short(value: f64) -> f64 {
    (value as f32).to_string().parse().unwrap_or(value)
}
