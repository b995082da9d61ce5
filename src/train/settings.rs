//! Every setting of a training run, as a TOML file or a person gives it.

use serde::{Deserialize, Serialize};

use super::dataset::DataSettings;
use super::{AdamWSettings, LoraSettings, ScheduleKind, TrainError};

/// What is trained.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// Every weight.
    #[default]
    Full,
    /// Low-rank adapters beside frozen weights.
    Lora,
}

/// What happens at a step whose loss or gradient is not a number, or far off what came before. The step is not taken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SpikeAction {
    /// Pause and ask the person.
    Ask,
    /// Save and end.
    #[default]
    Stop,
    /// Leave this step's samples out and go on.
    Skip,
    /// Go back to the last checkpoint, and leave this step's samples out when they come again.
    RollBack,
    /// Halve the learning rate, leave this step's samples out and go on.
    LowerRate,
}

/// When a loss counts as a spike.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SpikeSettings {
    /// How many times the smoothed loss; 0 is off (what is not a number counts always).
    pub factor: f64,
    /// Steps before which nothing counts as one.
    pub after: u64,
    pub action: SpikeAction,
}

impl Default for SpikeSettings {
    fn default() -> Self {
        Self { factor: 4.0, after: 10, action: SpikeAction::Stop }
    }
}

/// Looks at the model in training: answers to a few problems, written greedily, graded, and kept beside the run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LookSettings {
    /// Steps between looks; the first is before the first step. 0 is none.
    pub every: u64,
    /// Ids of problems; empty is the first `count` that are held out, or trained on where none is.
    pub problems: Vec<String>,
    pub count: usize,
    /// Most tokens of an answer.
    pub max_tokens: usize,
}

impl Default for LookSettings {
    fn default() -> Self {
        Self { every: 0, problems: Vec::new(), count: 4, max_tokens: 256 }
    }
}

/// All settings of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TrainSettings {
    /// Directory of a model, or a .gguf file.
    pub model: String,
    pub method: Method,
    /// Highest learning rate; 0 is the method's own, see [`TrainSettings::peak_rate`].
    pub lr: f64,
    pub schedule: ScheduleKind,
    /// Share of all steps in which the rate rises.
    pub warmup_share: f64,
    pub epochs: u64,
    /// Most steps; 0 is as many as the epochs have.
    pub max_steps: u64,
    /// Samples of a step.
    pub batch_size: usize,
    /// Most tokens of one pass: the samples of a step are packed into passes and their gradients added up.
    pub pass_tokens: usize,
    pub seed: u64,
    /// Steps between checkpoints; 0 is at the ends of epochs only.
    pub checkpoint_every: u64,
    /// How many of the newest checkpoints are kept, beside the best.
    pub keep_last: usize,
    /// Steps between validations; 0 is at the ends of epochs only.
    pub validate_every: u64,
    /// Validations in a row without a better loss after which the run ends; 0 is never.
    pub early_stop: u64,
    /// Make activations again in the backward pass instead of keeping them.
    pub gradient_checkpointing: bool,
    /// Write an offline run of W&B beside the record, for `wandb sync` to upload.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub wandb: bool,
    pub lora: LoraSettings,
    pub optimizer: AdamWSettings,
    pub data: DataSettings,
    pub spike: SpikeSettings,
    pub look: LookSettings,
}

impl Default for TrainSettings {
    fn default() -> Self {
        Self {
            model: String::new(),
            method: Method::Full,
            lr: 0.0,
            schedule: ScheduleKind::Cosine,
            warmup_share: 0.03,
            epochs: 3,
            max_steps: 0,
            batch_size: 32,
            pass_tokens: 4096,
            seed: 0,
            checkpoint_every: 0,
            keep_last: 2,
            validate_every: 0,
            early_stop: 0,
            gradient_checkpointing: false,
            wandb: false,
            lora: LoraSettings::default(),
            optimizer: AdamWSettings::default(),
            data: DataSettings::default(),
            spike: SpikeSettings::default(),
            look: LookSettings::default(),
        }
    }
}

/// Parameters below which a model is small.
const SMALL: usize = 10_000_000;
/// Above this a learning rate is a typing mistake.
const HIGHEST_RATE: f64 = 1.0;

impl TrainSettings {
    /// # Errors
    /// One line: which value means nothing, and what would.
    pub fn validate(&self) -> Result<(), TrainError> {
        let checks = [
            (self.lr.is_finite() && (0.0..=HIGHEST_RATE).contains(&self.lr), "lr", "0 (the method's own) to 1"),
            ((0.0..1.0).contains(&self.warmup_share), "warmup_share", "0 (none) to below 1"),
            (self.epochs > 0 || self.max_steps > 0, "epochs", "1 or more"),
            (self.batch_size > 0, "batch_size", "1 or more"),
            (self.pass_tokens > 0, "pass_tokens", "1 or more"),
            (self.keep_last > 0, "keep_last", "1 or more"),
            (self.look.every == 0 || self.look.max_tokens > 0, "look.max_tokens", "1 or more"),
            (self.look.every == 0 || self.look.count > 0 || !self.look.problems.is_empty(), "look.count", "1 or more"),
            (self.spike.factor.is_finite() && self.spike.factor >= 0.0, "spike.factor", "0 (off) or more"),
        ];
        if let Some((_, name, range)) = checks.into_iter().find(|(fine, _, _)| !fine) {
            return Err(TrainError::Settings(format!("{name}: must be {range}")));
        }
        self.optimizer.validate()?;
        self.data.validate()?;
        if self.method == Method::Lora {
            self.lora.validate()?;
        }
        Ok(())
    }

    /// The highest learning rate for a model of so many parameters. Unless it is given: 2e-4 for adapters; for every weight 1e-5,
    /// and 1e-3 in a model so small (under ten million) that a thousand steps of 1e-5 would not move it.
    pub fn peak_rate(&self, parameters: usize) -> f64 {
        match self.method {
            _ if self.lr > 0.0 => self.lr,
            Method::Full if parameters < SMALL => 1e-3,
            Method::Full => 1e-5,
            Method::Lora => 2e-4,
        }
    }

    pub fn adapters(&self) -> Option<&LoraSettings> {
        (self.method == Method::Lora).then_some(&self.lora)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_come_from_toml_and_mistakes_are_named() {
        let text = "model = \"m\"\nmethod = \"lora\"\n[lora]\nrank = 8\n[data]\nloss_on = \"last_segment\"\n";
        let settings: TrainSettings = toml::from_str(text).unwrap();
        assert!(settings.validate().is_ok());
        assert_eq!((settings.lora.rank, settings.peak_rate(1_000)), (8, 2e-4));
        let again: TrainSettings = toml::from_str(&toml::to_string(&settings).unwrap()).unwrap();
        assert_eq!(again, settings);
        let full = TrainSettings::default();
        assert!(!toml::to_string(&full).unwrap().contains("wandb"), "what is hashed stays as it was");
        let told = TrainSettings { wandb: true, ..TrainSettings::default() };
        assert_eq!(toml::from_str::<TrainSettings>(&toml::to_string(&told).unwrap()).unwrap(), told);
        assert_eq!((full.peak_rate(1_300_000), full.peak_rate(135_000_000)), (1e-3, 1e-5));
        assert_eq!(TrainSettings { lr: 3e-4, ..full }.peak_rate(1), 3e-4);
        assert!(toml::from_str::<TrainSettings>("learning_rate = 1").is_err());
        for (settings, name) in [
            (TrainSettings { lr: 1e9, ..TrainSettings::default() }, "lr"),
            (TrainSettings { lr: f64::NAN, ..TrainSettings::default() }, "lr"),
            (TrainSettings { batch_size: 0, ..TrainSettings::default() }, "batch_size"),
            (TrainSettings { warmup_share: 1.0, ..TrainSettings::default() }, "warmup_share"),
        ] {
            assert!(settings.validate().unwrap_err().to_string().starts_with(name));
        }
    }
}
