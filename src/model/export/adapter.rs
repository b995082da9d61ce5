//! A PEFT adapter of low rank (`adapter_config.json`, `adapter_model.safetensors`), read without believing it, and merged:
//! `W += scale B A` (Hu et al. 2021, as peft does it).
//!
//! Whatever of the configuration would make the merged weights other ones is refused, and so is a tensor that has no place:
//! a merged model that silently lacks a part of its adapter is worse than none.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::ExportError;
use super::source::with_values;
use crate::model::error::one_line;
use crate::model::ops::Isa;
use crate::model::ops::gemm::{Onto, View, ViewMut, product};
use crate::model::{Architecture, ModelError, Weights};

const CONFIG: &str = "adapter_config.json";
const WEIGHTS: &str = "adapter_model.safetensors";
/// peft's prefix of every key.
const PREFIX: &str = "base_model.model.";
/// A configuration is a page of text.
const LONGEST_CONFIG: u64 = 1 << 20;
const LARGEST_RANK: usize = 1 << 14;

/// What `adapter_config.json` says.
#[derive(Debug)]
pub(super) struct Config {
    pub directory: PathBuf,
    pub object: Map<String, Value>,
    /// The model that it belongs to, as its maker named it.
    pub base: Option<String>,
    rank: usize,
    alpha: f64,
}

/// One linear map's adapter. `a` is `[rank, inputs]`, `b` `[outputs, rank]`.
#[derive(Debug)]
struct Target {
    a: String,
    b: String,
    rank: usize,
    outputs: usize,
    inputs: usize,
    scale: f32,
}

/// An opened adapter that fits its base.
#[derive(Debug)]
pub struct Adapter {
    config: Config,
    weights: Weights,
    /// By the name of the weight that changes.
    targets: BTreeMap<String, Target>,
}

impl Config {
    pub fn refused(&self, reason: impl Into<String>) -> ExportError {
        ExportError::Adapter { path: self.directory.join(CONFIG), reason: reason.into() }
    }

    /// Alpha over the rank, or over its root.
    fn scale(&self, rank: usize) -> f32 {
        let rooted = self.object.get("use_rslora").and_then(Value::as_bool).unwrap_or(false);
        if rooted {
            return (self.alpha / (rank as f64).sqrt()) as f32;
        }
        self.alpha as f32 / rank as f32
    }

    fn has_rank_pattern(&self) -> bool {
        self.object.get("rank_pattern").and_then(Value::as_object).is_some_and(|pattern| !pattern.is_empty())
    }
}

/// Reads the configuration in a directory and refuses what cannot be merged.
pub(super) fn read_config(directory: &Path) -> Result<Config, ExportError> {
    let path = directory.join(CONFIG);
    let refused = |reason: String| ExportError::Adapter { path: path.clone(), reason };
    let file = std::fs::File::open(&path).map_err(|error| ModelError::read(&path, &error))?;
    let mut text = Vec::new();
    file.take(LONGEST_CONFIG + 1).read_to_end(&mut text).map_err(|error| ModelError::read(&path, &error))?;
    if text.len() as u64 > LONGEST_CONFIG {
        return Err(refused("it is over a megabyte, which no configuration is".to_owned()));
    }
    let object: Map<String, Value> =
        serde_json::from_slice(&text).map_err(|error| refused(one_line(&format!("not a JSON object: {error}"))))?;
    refuse_other_kinds(&object).map_err(refused)?;
    let rank = object.get("r").and_then(Value::as_u64).and_then(|rank| usize::try_from(rank).ok());
    let rank = rank
        .filter(|rank| (1..=LARGEST_RANK).contains(rank))
        .ok_or_else(|| refused(format!("`r` is no rank from 1 to {LARGEST_RANK}")))?;
    let alpha = object.get("lora_alpha").and_then(Value::as_f64).filter(|alpha| alpha.is_finite());
    let alpha = alpha.ok_or_else(|| refused("`lora_alpha` is missing or no number".to_owned()))?;
    let base = object.get("base_model_name_or_path").and_then(Value::as_str);
    let base = base.filter(|base| !base.is_empty()).map(str::to_owned);
    Ok(Config { directory: directory.to_path_buf(), base, rank, alpha, object })
}

/// Settings with which `W + scale B A` is not the model that was trained.
fn refuse_other_kinds(config: &Map<String, Value>) -> Result<(), String> {
    let kind = config.get("peft_type").and_then(Value::as_str).unwrap_or("none");
    if kind != "LORA" {
        return Err(one_line(&format!("an adapter of type `{kind}` is not supported; only LORA is")));
    }
    let switches = ["use_dora", "fan_in_fan_out", "lora_bias", "use_qalora"];
    if let Some(key) = switches.iter().find(|key| config.get(**key).and_then(Value::as_bool) == Some(true)) {
        return Err(format!("`{key}` is not supported"));
    }
    let empty = |value: &Value| match value {
        Value::Null => true,
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.is_empty(),
        _ => false,
    };
    let lists =
        ["modules_to_save", "alpha_pattern", "trainable_token_indices", "target_parameters", "layer_replication"];
    if let Some(key) = lists.iter().find(|key| config.get(**key).is_some_and(|value| !empty(value))) {
        return Err(format!("`{key}` is not supported"));
    }
    if let Some(bias) = config.get("bias").and_then(Value::as_str).filter(|bias| *bias != "none") {
        return Err(one_line(&format!("`bias` is `{bias}`; trained biases are not supported")));
    }
    // These begin by changing the base, which is then not the model that the configuration names.
    match config.get("init_lora_weights") {
        Some(Value::String(name)) if !["gaussian", "orthogonal", "eva"].contains(&name.as_str()) => Err(one_line(
            &format!("`init_lora_weights` is `{name}`, which changes the base model; convert it with peft"),
        )),
        _ => Ok(()),
    }
}

impl Adapter {
    pub(super) fn open(config: Config, architecture: &Architecture) -> Result<Self, ExportError> {
        let directory = &config.directory;
        let path = directory.join(WEIGHTS);
        if !path.is_file() {
            let pickle = directory.join("adapter_model.bin");
            if pickle.is_file() {
                return Err(ModelError::Pickle { path: pickle }.into());
            }
            let advice = "save the adapter as safetensors".to_owned();
            let (directory, file) = (directory.clone(), WEIGHTS.to_owned());
            return Err(ModelError::MissingFile { directory, file, advice }.into());
        }
        let weights = Weights::open_file(&path)?;
        let targets = targets(&config, &weights, architecture)
            .map_err(|reason| ExportError::Adapter { path: path.clone(), reason: one_line(&reason) })?;
        Ok(Self { config, weights, targets })
    }

    pub fn directory(&self) -> &Path {
        &self.config.directory
    }

    /// `adapter_config.json` as it was read.
    pub(super) fn config(&self) -> &Map<String, Value> {
        &self.config.object
    }

    /// The adapter's own tensors, by the names in its file.
    pub(super) fn weights(&self) -> &Weights {
        &self.weights
    }

    /// Whether a weight of the base changes.
    pub fn changes(&self, name: &str) -> bool {
        self.targets.contains_key(name)
    }

    /// Adds this adapter's part of a weight onto it.
    pub(super) fn merge(&self, name: &str, values: &mut [f32]) -> Result<(), ExportError> {
        let Some(target) = self.targets.get(name) else { return Ok(()) };
        let Target { rank, outputs, inputs, .. } = *target;
        if outputs.checked_mul(inputs) != Some(values.len()) {
            return Err(ExportError::Tensor { name: name.to_owned(), reason: "has another size than its adapter" });
        }
        let a = self.values(&target.a, &[rank, inputs])?;
        let b = self.values(&target.b, &[outputs, rank])?;
        let (a, b) = (View::new(&a, rank, inputs, inputs), View::new(&b, outputs, rank, rank));
        product(Isa::detect(), b, a, ViewMut::new(values, outputs, inputs, inputs), target.scale, Onto::Sum);
        Ok(())
    }

    fn values(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, ExportError> {
        let tensor = self.weights.tensor(name, shape)?;
        with_values(&tensor, name, |values| Ok(values.to_vec()))
    }
}

/// Pairs the tensors of the file and finds the weights that they belong to.
fn targets(
    config: &Config,
    weights: &Weights,
    architecture: &Architecture,
) -> Result<BTreeMap<String, Target>, String> {
    let linear: BTreeMap<String, Vec<usize>> = architecture
        .tensors()
        .into_iter()
        .filter(|(name, shape)| shape.len() == 2 && name != "model.embed_tokens.weight")
        .collect();
    let mut targets = BTreeMap::new();
    for name in weights.names() {
        let homeless = || format!("tensor `{name}` has no place in the base model; is it the adapter of another one?");
        let key = name.strip_prefix(PREFIX).ok_or_else(homeless)?;
        let module = key.strip_suffix(".lora_A.weight").or_else(|| key.strip_suffix(".lora_B.weight"));
        let module = module.ok_or_else(homeless)?;
        let target = format!("{module}.weight");
        let wanted = linear.get(&target).ok_or_else(homeless)?;
        let (a, b) = (format!("{PREFIX}{module}.lora_A.weight"), format!("{PREFIX}{module}.lora_B.weight"));
        let (Some(shape_a), Some(shape_b)) = (weights.shape(&a), weights.shape(&b)) else {
            return Err(format!("`{PREFIX}{module}` has only one of lora_A and lora_B"));
        };
        let (&[rank, inputs], &[outputs, rank_b]) = (shape_a, shape_b) else {
            return Err(format!("`{PREFIX}{module}` has adapters that are no matrices"));
        };
        if *wanted != [outputs, inputs] || rank != rank_b {
            return Err(format!(
                "`{PREFIX}{module}` has shapes {shape_a:?} and {shape_b:?} for a weight of {wanted:?}"
            ));
        }
        if rank == 0 || rank > LARGEST_RANK || (rank != config.rank && !config.has_rank_pattern()) {
            return Err(format!("tensor `{a}` has rank {rank}, but `r` is {}", config.rank));
        }
        targets.insert(target, Target { a, b, rank, outputs, inputs, scale: config.scale(rank) });
    }
    if targets.is_empty() {
        return Err("it has no tensors".to_owned());
    }
    Ok(targets)
}
