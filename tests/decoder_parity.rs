//! The decoder against transformers, on the small random models of `tests/fixtures` (see `make/tiny_models.py`).

use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor};
use cribble::model::{Architecture, Compute, Decoder, Family, RopeScaling, Segment, Wanted, Workspace};
use serde_json::Value;

struct Fixture {
    config: Value,
    expected: Value,
    decoder: Decoder,
}

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

fn json(path: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// Reads the fixture by itself, so that a mistake in the model loader cannot hide one in the decoder.
fn fixture(name: &str, family: Family) -> Fixture {
    let folder = folder(name);
    let config = json(&folder.join("config.json"));
    let number = |key: &str| config[key].as_u64().unwrap() as usize;
    let scaling = &config["rope_scaling"];
    let architecture = Architecture {
        family,
        vocab_size: number("vocab_size"),
        hidden_size: number("hidden_size"),
        intermediate_size: number("intermediate_size"),
        num_hidden_layers: number("num_hidden_layers"),
        num_attention_heads: number("num_attention_heads"),
        num_key_value_heads: number("num_key_value_heads"),
        head_dim: config["head_dim"].as_u64().unwrap_or(8) as usize,
        rms_norm_eps: config["rms_norm_eps"].as_f64().unwrap(),
        rope_theta: config["rope_theta"].as_f64().unwrap(),
        rope_scaling: (!scaling.is_null()).then(|| RopeScaling::Llama3 {
            factor: scaling["factor"].as_f64().unwrap(),
            low_freq_factor: scaling["low_freq_factor"].as_f64().unwrap(),
            high_freq_factor: scaling["high_freq_factor"].as_f64().unwrap(),
            original_max_position_embeddings: scaling["original_max_position_embeddings"].as_u64().unwrap() as usize,
        }),
        max_position_embeddings: number("max_position_embeddings"),
        tie_word_embeddings: config["tie_word_embeddings"].as_bool().unwrap(),
        attention_bias: family == Family::Qwen2,
        qk_norm: family == Family::Qwen3,
    };
    let tensors = candle_core::safetensors::load(folder.join("model.safetensors"), &Device::Cpu).unwrap();
    let decoder = Decoder::load(&architecture, &tensors, Compute::F32, &Device::Cpu).unwrap();
    Fixture { config, expected: json(&folder.join("expected.json")), decoder }
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

fn ids(value: &Value) -> Vec<u32> {
    numbers(value).into_iter().map(|id| id as u32).collect()
}

fn best(logits: &[f32]) -> u32 {
    (0..logits.len()).max_by(|&a, &b| logits[a].total_cmp(&logits[b])).unwrap() as u32
}

fn compare(name: &str, decoder: &Decoder, expected: &Value) {
    let tokens = ids(&expected["ids"]);
    let vocab = decoder.architecture().vocab_size;
    let (mut cache, mut workspace) = (decoder.new_cache(), Workspace::default());
    let segment = Segment { cache: &mut cache, tokens: &tokens, wanted: Wanted::All };
    let mut logits = decoder.forward(&mut workspace, &mut [segment]).unwrap();
    let rows = Tensor::from_slice(
        &logits.rows().flat_map(|row| row.to_vec()).collect::<Vec<_>>(),
        (tokens.len(), vocab),
        &Device::Cpu,
    )
    .unwrap();
    let last = rows.get(tokens.len() - 1).unwrap().to_vec1::<f32>().unwrap();
    for (ours, theirs) in last.iter().zip(numbers(&expected["logits"])) {
        assert!((f64::from(*ours) - theirs).abs() < 1e-4, "{name}: logit {ours}, expected {theirs}");
    }
    let targets = Tensor::new(&tokens[1..], &Device::Cpu).unwrap();
    let rows = rows.narrow(0, 0, tokens.len() - 1).unwrap();
    let loss = candle_nn::loss::cross_entropy(&rows, &targets).unwrap().to_dtype(DType::F64).unwrap();
    let (ours, theirs) = (loss.to_scalar::<f64>().unwrap(), expected["loss"].as_f64().unwrap());
    assert!((ours - theirs).abs() < 1e-4, "{name}: loss {ours}, expected {theirs}");

    let mut next = best(&last);
    let mut greedy = Vec::new();
    for _ in 0..32 {
        greedy.push(next);
        let segment = Segment { cache: &mut cache, tokens: &[next], wanted: Wanted::Last };
        next = best(decoder.forward(&mut workspace, &mut [segment]).unwrap().row(0));
    }
    assert_eq!(greedy, ids(&expected["greedy"]), "{name}: greedy continuation");
}

#[test]
fn each_family_agrees_with_transformers() {
    for (name, family) in [("tiny-llama", Family::Llama), ("tiny-qwen2", Family::Qwen2), ("tiny-qwen3", Family::Qwen3)]
    {
        let Fixture { decoder, expected, .. } = fixture(name, family);
        compare(name, &decoder, &expected);
        compare(&format!("{name}, composed"), &decoder.composed(), &expected);
    }
}

/// A second witness: candle-transformers' own Llama, written by other hands.
#[test]
fn llama_agrees_with_candle_transformers() {
    use candle_transformers::models::llama::{Cache, Llama, LlamaConfig};
    let Fixture { config, expected, decoder } = fixture("tiny-llama", Family::Llama);
    let config: LlamaConfig = serde_json::from_value(config).unwrap();
    let config = config.into_config(false);
    let path = folder("tiny-llama").join("model.safetensors");
    let tensors = candle_core::safetensors::load(path, &Device::Cpu).unwrap();
    let builder = candle_nn::VarBuilder::from_tensors(tensors, DType::F32, &Device::Cpu);
    let theirs = Llama::load(builder, &config).unwrap();
    let mut their_cache = Cache::new(true, DType::F32, &config, &Device::Cpu).unwrap();
    let tokens = ids(&expected["ids"]);
    let input = Tensor::new(tokens.as_slice(), &Device::Cpu).unwrap().unsqueeze(0).unwrap();
    let theirs = theirs.forward(&input, 0, &mut their_cache).unwrap().squeeze(0).unwrap().to_vec1::<f32>().unwrap();
    let (mut cache, mut workspace) = (decoder.new_cache(), Workspace::default());
    let segment = Segment { cache: &mut cache, tokens: &tokens, wanted: Wanted::Last };
    let mut ours = decoder.forward(&mut workspace, &mut [segment]).unwrap();
    for (ours, theirs) in ours.row(0).iter().zip(theirs) {
        assert!((*ours - theirs).abs() < 1e-4, "{ours} and {theirs}");
    }
}
