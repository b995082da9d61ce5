//! From `config.json`. Names and defaults are those of transformers' `LlamaConfig`, `Qwen2Config` and `Qwen3Config`.

use std::path::Path;

use serde_json::{Map, Value};

use super::{Architecture, Family, RopeScaling, SUPPORTED};
use crate::model::{ModelError, Weights};

impl Architecture {
    /// Reads a parsed `config.json`; `path` is for messages. The weights tell whether there is a head of its own where the
    /// config does not say.
    pub fn from_config(config: &Value, weights: &Weights, path: &Path) -> Result<Self, ModelError> {
        let fail = |reason: String| ModelError::config(path, reason);
        let object = config.as_object().ok_or_else(|| fail("not a JSON object".to_owned()))?;
        let family = family(object).map_err(|found| ModelError::UnknownArchitecture {
            path: path.to_path_buf(),
            found,
            supported: SUPPORTED.to_owned(),
        })?;
        refuse_unsupported(object, family).map_err(fail)?;
        let architecture = read(object, family, weights.contains("lm_head.weight")).map_err(fail)?;
        if !architecture.tie_word_embeddings && !weights.contains("lm_head.weight") {
            return Err(ModelError::MissingTensor {
                path: weights.path().to_path_buf(),
                name: "lm_head.weight".to_owned(),
            });
        }
        Ok(architecture)
    }
}

fn family(config: &Map<String, Value>) -> Result<Family, String> {
    let named = config.get("architectures").and_then(|list| list.get(0)).and_then(Value::as_str);
    match named {
        Some("LlamaForCausalLM") => return Ok(Family::Llama),
        Some("Qwen2ForCausalLM") => return Ok(Family::Qwen2),
        Some("Qwen3ForCausalLM") => return Ok(Family::Qwen3),
        Some(other) => return Err(other.to_owned()),
        None => {}
    }
    match config.get("model_type").and_then(Value::as_str) {
        Some("llama") => Ok(Family::Llama),
        Some("qwen2") => Ok(Family::Qwen2),
        Some("qwen3") => Ok(Family::Qwen3),
        Some(other) => Err(other.to_owned()),
        None => Err("none named".to_owned()),
    }
}

/// Settings that change the forward pass in ways that the decoder does not follow.
fn refuse_unsupported(config: &Map<String, Value>, family: Family) -> Result<(), String> {
    let on = |key: &str| config.get(key).and_then(Value::as_bool).unwrap_or(false);
    if on("use_sliding_window") {
        return Err("`use_sliding_window` is not supported; set it to false where texts are short".to_owned());
    }
    let kinds = config.get("layer_types").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if let Some(kind) = kinds.iter().find(|kind| kind.as_str() != Some("full_attention")) {
        return Err(format!("a layer of type {kind} is not supported; only full attention is"));
    }
    if on("mlp_bias") {
        return Err("`mlp_bias` is not supported".to_owned());
    }
    // In these families it gives the output projection a bias too. Qwen2 always has q, k and v biases and none there.
    if family != Family::Qwen2 && on("attention_bias") {
        return Err("`attention_bias` is not supported for this architecture".to_owned());
    }
    if let Some(act) = config.get("hidden_act").and_then(Value::as_str)
        && act != "silu"
        && act != "swish"
    {
        return Err(format!("`hidden_act` is `{act}`; only silu is supported"));
    }
    if let Some(quantization) = config.get("quantization_config").filter(|value| !value.is_null()) {
        let method = quantization.get("quant_method").and_then(Value::as_str).unwrap_or("unnamed");
        return Err(format!("weights are quantised ({method}); use the unquantised model or a GGUF file"));
    }
    if let Some(share) = config.get("partial_rotary_factor").and_then(Value::as_f64)
        && share != 1.0
    {
        return Err(format!("`partial_rotary_factor` {share} is not supported"));
    }
    Ok(())
}

fn read(config: &Map<String, Value>, family: Family, has_head: bool) -> Result<Architecture, String> {
    let optional = |key: &str| match config.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => {
            value.as_u64().map(|value| Some(value as usize)).ok_or_else(|| format!("`{key}` is {value}, not a count"))
        }
    };
    let count = |key: &str| optional(key)?.ok_or_else(|| format!("`{key}` is missing"));
    let hidden_size = count("hidden_size")?;
    let num_attention_heads = count("num_attention_heads")?;
    let head_dim = match optional("head_dim")? {
        Some(head_dim) => head_dim,
        // Qwen3's own default; its published configs all say it.
        None if family == Family::Qwen3 => 128,
        None if num_attention_heads == 0 || !hidden_size.is_multiple_of(num_attention_heads) => {
            return Err(format!(
                "`hidden_size` {hidden_size} does not divide into {num_attention_heads} attention heads"
            ));
        }
        None => hidden_size / num_attention_heads,
    };
    let rms_norm_eps =
        config.get("rms_norm_eps").and_then(Value::as_f64).ok_or("`rms_norm_eps` is missing".to_owned())?;
    let (rope_theta, rope_scaling) = rope(config)?;
    let stated_tie = config.get("tie_word_embeddings").and_then(Value::as_bool);
    Architecture {
        family,
        vocab_size: count("vocab_size")?,
        hidden_size,
        intermediate_size: count("intermediate_size")?,
        num_hidden_layers: count("num_hidden_layers")?,
        num_attention_heads,
        num_key_value_heads: optional("num_key_value_heads")?.unwrap_or(num_attention_heads),
        head_dim,
        rms_norm_eps,
        rope_theta,
        rope_scaling,
        max_position_embeddings: count("max_position_embeddings")?,
        tie_word_embeddings: stated_tie.unwrap_or(!has_head),
        attention_bias: family == Family::Qwen2,
        qk_norm: family == Family::Qwen3,
    }
    .validate()
}

/// Theta and scaling: `rope_theta` beside `rope_scaling`, or both inside the newer `rope_parameters`.
fn rope(config: &Map<String, Value>) -> Result<(f64, Option<RopeScaling>), String> {
    let parameters = config.get("rope_parameters").filter(|value| !value.is_null());
    let scaling = parameters.or_else(|| config.get("rope_scaling").filter(|value| !value.is_null()));
    let theta = parameters
        .and_then(|parameters| parameters.get("rope_theta"))
        .or_else(|| config.get("rope_theta"))
        .filter(|value| !value.is_null());
    let theta = match theta {
        None => 10_000.0,
        Some(value) => value.as_f64().ok_or_else(|| format!("`rope_theta` is {value}"))?,
    };
    let Some(scaling) = scaling else { return Ok((theta, None)) };
    let kind = scaling.get("rope_type").or_else(|| scaling.get("type")).and_then(Value::as_str).unwrap_or("default");
    let number =
        |key: &str| scaling.get(key).and_then(Value::as_f64).ok_or_else(|| format!("rope scaling has no `{key}`"));
    let scaling = match kind {
        "default" => None,
        "linear" => Some(RopeScaling::Linear { factor: number("factor")? }),
        "llama3" => Some(RopeScaling::Llama3 {
            factor: number("factor")?,
            low_freq_factor: number("low_freq_factor")?,
            high_freq_factor: number("high_freq_factor")?,
            original_max_position_embeddings: number("original_max_position_embeddings")? as usize,
        }),
        other => {
            return Err(format!("rope scaling of type `{other}` is not supported; known: default, linear, llama3"));
        }
    };
    Ok((theta, scaling))
}
