//! How the model is made: a vocabulary, weights from nowhere, one pass over the corpus by the program's own trainer, and a
//! directory of bf16 weights.

use std::path::{Path, PathBuf};

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use safetensors::tensor::{Dtype, TensorView};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::corpus::{self, Sets, Taught};
use super::tokenizer;
use crate::dialogue::Policy;
use crate::model::{Architecture, Compute, ModelFiles, fastest_device};
use crate::train::dataset::{self, Example};
use crate::train::output::{CardFacts, Output};
use crate::train::steer::{Report, Steering};
use crate::train::{self, Finished, Network, TrainSettings, Trainer};

type Failed = Box<dyn std::error::Error + Send + Sync>;

/// Longest text in tokens.
pub const CONTEXT: usize = 1024;

/// Everything that decides what comes out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// Of problems, corpus and first weights.
    pub seed: u64,
    /// Examples of the corpus; each is seen once.
    pub examples: usize,
    /// Most tokens of the vocabulary.
    pub vocabulary: usize,
    pub model: Shape,
    pub train: TrainSettings,
}

/// The sizes of the model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shape {
    pub hidden_size: usize,
    pub intermediate_size: usize,
    pub num_hidden_layers: usize,
    pub num_attention_heads: usize,
    pub num_key_value_heads: usize,
}

/// Examples that the vocabulary is learnt from.
const VOCABULARY_FROM: usize = 20_000;

/// So often each bridge is counted for the vocabulary: words that are rarer than others are spelled.
const BRIDGES: usize = 200;

/// Learns the vocabulary and draws the first weights: a model directory that knows nothing.
///
/// # Errors
/// Of the file system.
pub fn begin(recipe: &Recipe, policy: &Policy, directory: &Path) -> Result<(), Failed> {
    std::fs::create_dir_all(directory)?;
    let kept = Sets::draw(recipe.seed).keys();
    let texts = corpus::taught(recipe.seed, VOCABULARY_FROM, &kept, policy).flat_map(|Taught { example, .. }| {
        example.prompt.into_iter().map(|message| message.content).chain([example.answer]).collect::<Vec<_>>()
    });
    // The phrases that will join the turns of its chains occur in nothing that it is taught; their words are words all the same,
    // so that a few steps of fine-tuning need not spell them.
    let bridges = policy.choices.iter().flat_map(|(strategy, _)| strategy.bridge.iter().cloned());
    let often = bridges.flat_map(|bridge| vec![format!("\n\n{bridge}\n\n"); BRIDGES]);
    let texts: Vec<String> = texts.chain(often).collect();
    let tokenizer = tokenizer::learn(texts.into_iter(), recipe.vocabulary)?;
    let value: serde_json::Value = serde_json::from_str(&tokenizer)?;
    let merged = value["model"]["vocab"].as_object().map_or(0, serde_json::Map::len);
    let shape = &recipe.model;
    let config = json!({
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "attention_bias": false, "attention_dropout": 0.0,
        "bos_token_id": null, "eos_token_id": tokenizer::END, "head_dim": shape.hidden_size / shape.num_attention_heads,
        "hidden_act": "silu", "hidden_size": shape.hidden_size, "intermediate_size": shape.intermediate_size,
        "max_position_embeddings": CONTEXT, "mlp_bias": false, "num_attention_heads": shape.num_attention_heads,
        "num_hidden_layers": shape.num_hidden_layers, "num_key_value_heads": shape.num_key_value_heads,
        "rms_norm_eps": 1e-6, "rope_theta": 10_000.0, "rope_scaling": null, "tie_word_embeddings": true,
        "torch_dtype": "float32", "use_cache": true, "vocab_size": merged,
    });
    let write = |name: &str, value: &serde_json::Value| {
        std::fs::write(directory.join(name), format!("{value:#}\n")).map_err(|error| format!("{name}: {error}"))
    };
    write("config.json", &config)?;
    write("generation_config.json", &json!({ "eos_token_id": tokenizer::END, "temperature": 0.8, "do_sample": true }))?;
    write("tokenizer_config.json", &tokenizer::config(CONTEXT))?;
    std::fs::write(directory.join("tokenizer.json"), tokenizer)?;
    // Last, and whole or not at all: where there are weights, all else is there.
    first_weights(recipe, merged, &directory.join("model.safetensors"))
}

/// Every matrix uniform: with a deviation of 0.7 over the root of its inputs, less for those that write to the stream, 0.04 for the
/// embedding. The architecture is that of the `config.json` above.
fn first_weights(recipe: &Recipe, vocabulary: usize, path: &Path) -> Result<(), Failed> {
    let shape = &recipe.model;
    let architecture = Architecture {
        family: crate::model::Family::Llama,
        vocab_size: vocabulary,
        hidden_size: shape.hidden_size,
        intermediate_size: shape.intermediate_size,
        num_hidden_layers: shape.num_hidden_layers,
        num_attention_heads: shape.num_attention_heads,
        num_key_value_heads: shape.num_key_value_heads,
        head_dim: shape.hidden_size / shape.num_attention_heads,
        rms_norm_eps: 1e-6,
        rope_theta: 10_000.0,
        rope_scaling: None,
        max_position_embeddings: CONTEXT,
        tie_word_embeddings: true,
        attention_bias: false,
        qk_norm: false,
    };
    let mut random = ChaCha8Rng::seed_from_u64(recipe.seed);
    random.set_stream(3);
    let into_stream = 1.0 / (2.0 * shape.num_hidden_layers as f32).sqrt();
    let tensors: Vec<(String, Vec<usize>, Vec<u8>)> = architecture
        .tensors()
        .into_iter()
        .map(|(name, shape)| {
            let count: usize = shape.iter().product();
            let values: Vec<f32> = if shape.len() == 1 {
                vec![1.0; count]
            } else {
                let deviation = if name.contains("embed") {
                    0.04
                } else if name.contains("o_proj") || name.contains("down_proj") {
                    into_stream / (shape[1] as f32).sqrt()
                } else {
                    0.7 / (shape[1] as f32).sqrt()
                };
                let most = deviation * 3f32.sqrt();
                (0..count).map(|_| random.random_range(-most..most)).collect()
            };
            (name, shape, values.iter().flat_map(|value| value.to_le_bytes()).collect())
        })
        .collect();
    save(&tensors, Dtype::F32, path)
}

fn save(tensors: &[(String, Vec<usize>, Vec<u8>)], dtype: Dtype, path: &Path) -> Result<(), Failed> {
    let views = tensors
        .iter()
        .map(|(name, shape, bytes)| Ok((name.clone(), TensorView::new(dtype, shape.clone(), bytes)?)))
        .collect::<Result<Vec<_>, safetensors::SafeTensorError>>()?;
    let metadata = Some([("format".to_owned(), "pt".to_owned())].into());
    let fresh = path.with_extension("fresh");
    std::fs::write(&fresh, safetensors::serialize(views, metadata)?)?;
    Ok(std::fs::rename(&fresh, path)?)
}

/// Trains in `run` the model of `directory`, or goes on where it stopped.
///
/// # Errors
/// Of the trainer.
pub fn train(
    recipe: &Recipe,
    policy: &Policy,
    directory: &Path,
    run: &Path,
    steering: &dyn Steering,
    report: &mut dyn Report,
) -> Result<Finished, Failed> {
    let files = ModelFiles::open(&directory.to_string_lossy())?;
    let kept = Sets::draw(recipe.seed).keys();
    let taught = corpus::taught(recipe.seed, recipe.examples, &kept, policy);
    let examples: Vec<Example> = taught.map(|taught| taught.example).collect();
    let data = dataset::build(&examples, &files.tokenizer, &files.template, &recipe.train.data, recipe.train.seed)?;
    drop(examples);
    let facts = CardFacts { data_hash: data.hash.clone(), ..CardFacts::default() };
    let output = Output::new(&files, facts)?;
    let network = Network::load(&files.architecture, &files.weights, None, recipe.train.seed)?;
    let engine = train::engine(&network, &fastest_device()?, Compute::F32, false)?;
    let hash = files.content_hash.clone();
    let mut trainer = Trainer::open(run, recipe.train.clone(), (network, engine), &hash, data, output)?;
    Ok(trainer.run(steering, report)?)
}

/// Writes a trained model's directory with weights in bf16: what comes with the program.
///
/// # Errors
/// Of the file system.
pub fn finish(checkpoint: &Path, to: &Path) -> Result<PathBuf, Failed> {
    let files = ModelFiles::open(&checkpoint.to_string_lossy())?;
    std::fs::create_dir_all(to)?;
    for name in ["generation_config.json", "tokenizer.json", "tokenizer_config.json"] {
        std::fs::copy(checkpoint.join(name), to.join(name))?;
    }
    let mut config: serde_json::Value = serde_json::from_slice(&std::fs::read(checkpoint.join("config.json"))?)?;
    config["torch_dtype"] = "bfloat16".into();
    std::fs::write(to.join("config.json"), format!("{config:#}\n"))?;
    let mut tensors = Vec::new();
    for (name, shape) in files.architecture.tensors() {
        let values = files.weights.tensor(&name, &shape)?.flatten_all()?.to_vec1::<f32>()?;
        let bytes = values.iter().flat_map(|value| half::bf16::from_f32(*value).to_le_bytes()).collect();
        tensors.push((name, shape, bytes));
    }
    let path = to.join("model.safetensors");
    save(&tensors, Dtype::BF16, &path)?;
    Ok(path)
}
