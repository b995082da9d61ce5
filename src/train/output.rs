//! What training leaves for others: a Hugging Face model directory, or a PEFT adapter.
//!
//! File names, keys and fields are those that transformers and peft read. Companion files come from the model that training
//! began with ([`Companions`]).

use serde_json::{Value, json};

use super::checkpoint::store::Fresh;
use super::checkpoint::tensors;
use super::{Network, TrainError};
use crate::model::ModelFiles;
use crate::model::export::{Companions, Encoding};

/// peft's prefix of every key.
const PREFIX: &str = "base_model.model.";

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
    companions: Companions,
    facts: CardFacts,
}

impl Output {
    /// Collects the companion files of a model.
    ///
    /// # Errors
    /// If one cannot be read.
    pub fn new(files: &ModelFiles, facts: CardFacts) -> Result<Self, TrainError> {
        // The weights are written as they were trained.
        Ok(Self { companions: Companions::of(files, Encoding::F32)?, facts })
    }

    /// Writes all files of the model, or of the adapter if there is one.
    ///
    /// # Errors
    /// Of the file system.
    pub fn write(&self, fresh: &mut Fresh, network: &Network) -> std::io::Result<()> {
        for (name, content) in &self.companions.files {
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
        for (name, content) in &self.companions.files {
            fresh.content(name, content)?;
        }
        fresh.content("README.md", self.card(network).as_bytes())?;
        self.write_whole(fresh, network)
    }

    fn write_whole(&self, fresh: &mut Fresh, network: &Network) -> std::io::Result<()> {
        fresh.content("config.json", &serde_json::to_vec_pretty(&self.companions.config)?)?;
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
