//! From GGUF metadata. Keys are those of ggml's `docs/gguf.md`; a file of the llama family keeps Llama 3's frequency
//! scaling as a tensor of factors.

use candle_core::quantized::GgmlDType;

use super::{Architecture, Family, RopeScaling, SUPPORTED};
use crate::model::{Gguf, ModelError};

impl Architecture {
    /// Reads the metadata of an opened file.
    pub fn from_gguf(file: &Gguf) -> Result<Self, ModelError> {
        let found = file.text("general.architecture").unwrap_or("none named");
        let family = match found {
            "llama" => Family::Llama,
            "qwen2" => Family::Qwen2,
            "qwen3" => Family::Qwen3,
            other => {
                return Err(ModelError::UnknownArchitecture {
                    path: file.path().to_path_buf(),
                    found: other.to_owned(),
                    supported: SUPPORTED.to_owned(),
                });
            }
        };
        read(file, found, family).map_err(|reason| ModelError::config(file.path(), reason))
    }
}

fn read(file: &Gguf, prefix: &str, family: Family) -> Result<Architecture, String> {
    let key = |key: &str| format!("{prefix}.{key}");
    let optional = |name: &str| file.unsigned(&key(name)).and_then(|value| usize::try_from(value).ok());
    let count = |name: &str| optional(name).ok_or_else(|| format!("metadata `{}` is missing or no count", key(name)));
    if optional("expert_count").is_some_and(|count| count > 0) {
        return Err("a mixture of experts is not supported".to_owned());
    }
    let hidden_size = count("embedding_length")?;
    let num_attention_heads = count("attention.head_count")?;
    let head_dim = match optional("attention.key_length") {
        Some(length) => length,
        None if num_attention_heads == 0 || !hidden_size.is_multiple_of(num_attention_heads) => {
            return Err(format!("{hidden_size} does not divide into {num_attention_heads} attention heads"));
        }
        None => hidden_size / num_attention_heads,
    };
    for other in ["attention.value_length", "rope.dimension_count"] {
        if let Some(length) = optional(other)
            && length != head_dim
        {
            return Err(format!("metadata `{}` is {length}, but heads have {head_dim}", key(other)));
        }
    }
    let embedding = file.tensors().get("token_embd.weight").ok_or("tensor `token_embd.weight` is missing")?;
    let vocab_size = *embedding.shape.first().ok_or("tensor `token_embd.weight` has no rows")?;
    let rms_norm_eps = file
        .float(&key("attention.layer_norm_rms_epsilon"))
        .ok_or_else(|| format!("metadata `{}` is missing", key("attention.layer_norm_rms_epsilon")))?;
    Architecture {
        family,
        vocab_size,
        hidden_size,
        intermediate_size: count("feed_forward_length")?,
        num_hidden_layers: count("block_count")?,
        num_attention_heads,
        num_key_value_heads: optional("attention.head_count_kv").unwrap_or(num_attention_heads),
        head_dim,
        rms_norm_eps: shortest(rms_norm_eps),
        rope_theta: file.float(&key("rope.freq_base")).map_or(10_000.0, shortest),
        rope_scaling: scaling(file, prefix, head_dim)?,
        max_position_embeddings: count("context_length")?,
        tie_word_embeddings: !file.tensors().contains_key("output.weight"),
        attention_bias: family == Family::Qwen2,
        qk_norm: family == Family::Qwen3,
    }
    .validate()
}

/// Metadata keeps f32: 1e-5 comes back as 9.999999747378752e-6. The shortest decimal that names that f32 is what was meant.
fn shortest(value: f64) -> f64 {
    (value as f32).to_string().parse().unwrap_or(value)
}

fn scaling(file: &Gguf, prefix: &str, head_dim: usize) -> Result<Option<RopeScaling>, String> {
    if let Some(factors) = file.tensors().get("rope_freqs.weight") {
        if factors.dtype != GgmlDType::F32 {
            return Err("tensor `rope_freqs.weight` is not F32".to_owned());
        }
        let factors: Vec<f32> =
            file.data(factors).as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
        let theta = file.float(&format!("{prefix}.rope.freq_base")).unwrap_or(10_000.0);
        return llama3_of(&factors, theta, head_dim).map(Some);
    }
    let kind = file.text(&format!("{prefix}.rope.scaling.type")).unwrap_or("none");
    match kind {
        "none" => Ok(None),
        "linear" => {
            let factor = file
                .float(&format!("{prefix}.rope.scaling.factor"))
                .ok_or_else(|| format!("metadata `{prefix}.rope.scaling.factor` is missing"))?;
            Ok(Some(RopeScaling::Linear { factor }))
        }
        other => Err(format!("rope scaling of type `{other}` is not supported; known: none, linear, llama3")),
    }
}

/// Finds the llama3 scaling whose factors these are. All published Llama 3 models use 1, 4 and 8192; only `factor` differs,
/// and it is the factor of the lowest frequency.
fn llama3_of(factors: &[f32], theta: f64, head_dim: usize) -> Result<RopeScaling, String> {
    let (low, high, original) = (1.0, 4.0, 8192usize);
    if factors.len() != head_dim / 2 {
        return Err(format!("tensor `rope_freqs.weight` has {} factors for heads of {head_dim}", factors.len()));
    }
    let factor = f64::from(factors.iter().copied().fold(1.0, f32::max));
    for (index, found) in factors.iter().enumerate() {
        let wavelength = std::f64::consts::TAU * theta.powf(2.0 * index as f64 / head_dim as f64);
        let turns = original as f64 / wavelength;
        let smooth = ((turns - low) / (high - low)).clamp(0.0, 1.0);
        let wanted = 1.0 / ((1.0 - smooth) / factor + smooth);
        if (f64::from(*found) - wanted).abs() > 1e-3 * wanted {
            return Err("tensor `rope_freqs.weight` is not Llama 3's frequency scaling".to_owned());
        }
    }
    Ok(RopeScaling::Llama3 {
        factor,
        low_freq_factor: low,
        high_freq_factor: high,
        original_max_position_embeddings: original,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn llama3_scaling_is_found_in_its_factors() {
        let (theta, head_dim, factor) = (500_000.0f64, 64, 32.0);
        let factors: Vec<f32> = (0..head_dim / 2)
            .map(|i| {
                let wavelength = std::f64::consts::TAU * theta.powf(2.0 * f64::from(i) / f64::from(head_dim));
                // As transformers writes it: three ranges of wavelength.
                if wavelength < 8192.0 / 4.0 {
                    1.0
                } else if wavelength > 8192.0 {
                    factor
                } else {
                    let smooth = (8192.0 / wavelength - 1.0) / 3.0;
                    1.0 / ((1.0 - smooth) / factor + smooth)
                }
            })
            .map(|value| value as f32)
            .collect();
        let found = llama3_of(&factors, theta, 64).unwrap();
        assert!(matches!(found, RopeScaling::Llama3 { factor, .. } if factor == 32.0));
        let mut other = factors;
        other[20] *= 1.5;
        assert!(llama3_of(&other, theta, 64).is_err());
        assert!(llama3_of(&other, theta, 128).is_err());
    }

    #[test]
    fn f32_metadata_means_the_short_decimal() {
        assert_eq!(shortest(9.999_999_747_378_752e-6), 1e-5);
        assert_eq!(shortest(1_000_000.0), 1_000_000.0);
    }
}
