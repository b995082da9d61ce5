//! What a file says of the model in general, and its hyperparameters under the names that llama.cpp looks for.

use super::pairs::Pairs;
use crate::model::export::{Encoding, ExportError, Source};
use crate::model::{Family, Gguf, Origin, RopeScaling};

/// Version of the block formats (`GGML_QNT_VERSION`).
const QUANTIZATION_VERSION: u32 = 2;

pub(super) fn put(source: &Source, encoding: Encoding, pairs: &mut Pairs) -> Result<(), ExportError> {
    let architecture = &source.files().architecture;
    let prefix = match architecture.family {
        Family::Llama => "llama",
        Family::Qwen2 => "qwen2",
        Family::Qwen3 => "qwen3",
    };
    pairs.text("general.architecture", prefix);
    pairs.text("general.type", "model");
    pairs.text("general.name", &name(source)?);
    pairs.text("general.size_label", &size_label(architecture.parameter_count()));
    pairs.u32("general.file_type", file_type(encoding));
    pairs.u32("general.quantization_version", QUANTIZATION_VERSION);
    let mut count = |key: &str, value: usize| {
        let value = u32::try_from(value).map_err(|_| source.refused(format!("its `{key}` is {value}")))?;
        pairs.u32(&format!("{prefix}.{key}"), value);
        Ok::<(), ExportError>(())
    };
    count("vocab_size", architecture.vocab_size)?;
    count("context_length", architecture.max_position_embeddings)?;
    count("embedding_length", architecture.hidden_size)?;
    count("block_count", architecture.num_hidden_layers)?;
    count("feed_forward_length", architecture.intermediate_size)?;
    count("attention.head_count", architecture.num_attention_heads)?;
    count("attention.head_count_kv", architecture.num_key_value_heads)?;
    count("rope.dimension_count", architecture.head_dim)?;
    // Where it is not said, readers divide.
    if architecture.head_dim.checked_mul(architecture.num_attention_heads) != Some(architecture.hidden_size) {
        count("attention.key_length", architecture.head_dim)?;
        count("attention.value_length", architecture.head_dim)?;
    }
    pairs.f32(&format!("{prefix}.attention.layer_norm_rms_epsilon"), architecture.rms_norm_eps as f32);
    pairs.f32(&format!("{prefix}.rope.freq_base"), architecture.rope_theta as f32);
    // Llama 3's scaling is a tensor of factors.
    if let Some(RopeScaling::Linear { factor }) = &architecture.rope_scaling {
        pairs.text(&format!("{prefix}.rope.scaling.type"), "linear");
        pairs.f32(&format!("{prefix}.rope.scaling.factor"), *factor as f32);
    }
    Ok(())
}

/// A GGUF file's own name stays, unless an adapter makes another model of it.
fn name(source: &Source) -> Result<String, ExportError> {
    match &source.files().origin {
        Origin::Gguf(path) if source.adapter().is_none() => {
            Ok(Gguf::open(path)?.text("general.name").map_or_else(|| source.name(), str::to_owned))
        }
        _ => Ok(source.name()),
    }
}

/// `llama_ftype` (`llama.h`): what most tensors are.
fn file_type(encoding: Encoding) -> u32 {
    match encoding {
        Encoding::F32 => 0,
        Encoding::F16 => 1,
        Encoding::Q8_0 => 7,
        Encoding::Bf16 => 32,
    }
}

/// Parameters in thousands, millions, billions or trillions, with two digits at least: 135M, 1.2B.
pub(super) fn size_label(parameters: usize) -> String {
    let count = parameters as f64;
    let (scaled, unit) = match parameters as u64 {
        1_000_000_000_000.. => (count / 1e12, 'T'),
        1_000_000_000.. => (count / 1e9, 'B'),
        1_000_000.. => (count / 1e6, 'M'),
        _ => (count / 1e3, 'K'),
    };
    if scaled.round() < 10.0 { format!("{scaled:.1}{unit}") } else { format!("{scaled:.0}{unit}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_said_as_people_say_them() {
        for (parameters, says) in [
            (134_515_008, "135M"),
            (1_235_814_400, "1.2B"),
            (8_030_261_248, "8.0B"),
            (9_600_000, "10M"),
            (70_553_706_496, "71B"),
            (55_000, "55K"),
        ] {
            assert_eq!(size_label(parameters), says);
        }
    }
}
