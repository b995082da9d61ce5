//! What lies beside the weights in a Hugging Face directory: `config.json`, tokenizer files, chat template.
//!
//! They come from the model's own directory; for a GGUF file they are made from its metadata. File names, keys and fields
//! are those that transformers reads.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Map, Value, json};

use super::Encoding;
use crate::model::{Architecture, Family, Folder, Gguf, ModelError, ModelFiles, Origin, RopeScaling, Tokenizer};

/// Small files of a model directory that go along as they are.
pub const COMPANIONS: [&str; 8] = [
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
    "chat_template.jinja",
];

/// Everything of a model directory but weights and card.
#[derive(Debug, Clone)]
pub struct Companions {
    /// Of `config.json`.
    pub config: Value,
    /// By their names.
    pub files: BTreeMap<String, Vec<u8>>,
}

impl Companions {
    /// Collects the companions of a model whose weights will be written in `encoding`.
    ///
    /// # Errors
    /// If one cannot be read.
    pub fn of(files: &ModelFiles, encoding: Encoding) -> Result<Self, ModelError> {
        let dtype = torch_name(encoding);
        match &files.origin {
            Origin::Directory(folder) => from_directory(folder, dtype),
            Origin::Gguf(path) => from_gguf(files, path, dtype),
        }
    }
}

fn torch_name(encoding: Encoding) -> &'static str {
    match encoding {
        // A Hugging Face directory is never written in blocks.
        Encoding::F32 | Encoding::Q8_0 => "float32",
        Encoding::F16 => "float16",
        Encoding::Bf16 => "bfloat16",
    }
}

fn from_directory(folder: &Folder, dtype: &str) -> Result<Companions, ModelError> {
    let config = folder.read("config.json")?.unwrap_or_default();
    let mut config: Map<String, Value> = serde_json::from_slice(&config)
        .map_err(|error| ModelError::config(&folder.path().join("config.json"), error.to_string()))?;
    for key in ["torch_dtype", "dtype"] {
        if config.contains_key(key) {
            config.insert(key.into(), json!(dtype));
        }
    }
    config.remove("quantization_config");
    let mut files = BTreeMap::new();
    for name in COMPANIONS {
        if let Some(content) = folder.read(name)? {
            files.insert(name.to_owned(), content.into_owned());
        }
    }
    Ok(Companions { config: config.into(), files })
}

fn from_gguf(files: &ModelFiles, path: &Path, dtype: &str) -> Result<Companions, ModelError> {
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
    Ok(Companions { config: config(&files.architecture, tokenizer, ends, dtype), files: companions })
}

/// `config.json` of an architecture.
fn config(a: &Architecture, tokenizer: &Tokenizer, ends: Option<u32>, dtype: &str) -> Value {
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
        "tie_word_embeddings": a.tie_word_embeddings, "torch_dtype": dtype, "use_cache": true,
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
