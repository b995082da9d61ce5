//! How a sample was made: messages, sampling values, the model's identity, and the hash that names the whole.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    System,
    User,
    Assistant,
}

/// One message of a chat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    pub role: Role,
    pub content: String,
}

impl Message {
    pub fn new(role: Role, content: impl Into<String>) -> Self {
        Self { role, content: content.into() }
    }
}

/// Why a generation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FinishReason {
    /// The model ended its turn.
    Stop,
    /// One of [`Sampling::stop`] was written.
    StopString,
    /// [`Sampling::max_tokens`] was reached.
    Length,
    /// The model's context had no room for the turn.
    ContextFull,
}

impl FinishReason {
    /// Whether the turn did not end by itself.
    pub fn is_cut(self) -> bool {
        matches!(self, Self::Length | Self::ContextFull)
    }
}

/// Sampling values of one turn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Sampling {
    /// 0 is greedy.
    pub temperature: f32,
    /// In (0, 1]; 1 is off.
    pub top_p: f32,
    /// 0 is off.
    pub top_k: usize,
    /// In [0, 1); 0 is off. Keeps tokens with at least this share of the best token's probability.
    pub min_p: f32,
    /// 1 is off.
    pub repetition_penalty: f32,
    /// Texts that end a turn; they are cut from it.
    pub stop: Vec<String>,
    /// Most new tokens a turn.
    pub max_tokens: usize,
}

impl Default for Sampling {
    fn default() -> Self {
        Self {
            temperature: 0.7,
            top_p: 0.95,
            top_k: 0,
            min_p: 0.0,
            repetition_penalty: 1.0,
            stop: Vec::new(),
            max_tokens: 512,
        }
    }
}

impl Sampling {
    /// Whether every value is one that means something; else which is not, and what would be.
    pub fn validate(&self) -> Result<(), String> {
        let checks = [
            (self.temperature.is_finite() && self.temperature >= 0.0, "temperature", "0 (greedy) or more"),
            (self.top_p > 0.0 && self.top_p <= 1.0, "top-p", "more than 0 and at most 1 (off)"),
            (self.min_p >= 0.0 && self.min_p < 1.0, "min-p", "0 (off) or more, and below 1"),
            (
                self.repetition_penalty.is_finite() && self.repetition_penalty > 0.0,
                "repetition-penalty",
                "more than 0; 1 is off",
            ),
            (self.max_tokens > 0, "max-tokens", "at least 1"),
            (self.stop.iter().all(|stop| !stop.is_empty()), "stop", "not empty"),
        ];
        match checks.into_iter().find(|(fine, _, _)| !fine) {
            Some((_, name, range)) => Err(format!("{name}: must be {range}")),
            None => Ok(()),
        }
    }
}

/// What a model is, for provenance: two models with the same `content` write the same tokens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelIdentity {
    /// As the person named it: a path, `hf:org/name`, or a server's model id.
    pub name: String,
    /// Hash of the weights' content (or the server's model id where only that is known).
    pub content: String,
    /// Hash of the chat template, or `plain` for the built-in plain template.
    pub template: String,
    /// Where it runs: `f32`, `bf16`, `q8`, or `http`.
    pub compute: String,
    /// Most tokens of prompt and completion together.
    pub context_length: usize,
}

/// Everything that decides what a sample says, apart from the problem and the draw index.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SampleSettings {
    pub model: ModelIdentity,
    /// Number of assistant turns, 1 to 6.
    pub turns: usize,
    pub sampling: Sampling,
    pub seed: u64,
    /// The policy's name and weights and the text of every strategy it may choose, as they were read.
    pub dialogue: serde_json::Value,
}

impl SampleSettings {
    /// A short hash that names these settings: samples are unique by (problem, draw, this). A model's `name` is left
    /// out, since the same weights under another path make the same samples.
    pub fn hash(&self) -> String {
        let value = serde_json::json!({
            "content": self.model.content, "template": self.model.template, "compute": self.model.compute,
            "turns": self.turns, "sampling": self.sampling, "seed": self.seed, "dialogue": self.dialogue,
        });
        let digest = Sha256::digest(value.to_string().as_bytes());
        digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> SampleSettings {
        SampleSettings {
            model: ModelIdentity {
                name: "a.gguf".into(),
                content: "c".into(),
                template: "t".into(),
                compute: "f32".into(),
                context_length: 64,
            },
            turns: 2,
            sampling: Sampling::default(),
            seed: 0,
            dialogue: serde_json::Value::Null,
        }
    }

    #[test]
    fn the_hash_is_of_what_decides_the_text() {
        let first = settings();
        let mut moved = settings();
        moved.model.name = "elsewhere/a.gguf".into();
        assert_eq!(first.hash(), moved.hash());
        let mut seeded = settings();
        seeded.seed = 1;
        assert_ne!(first.hash(), seeded.hash());
        let mut warmer = settings();
        warmer.sampling.temperature = 0.8;
        assert_ne!(first.hash(), warmer.hash());
    }

    #[test]
    fn values_that_mean_nothing_are_named() {
        assert_eq!(Sampling::default().validate(), Ok(()));
        for (sampling, name) in [
            (Sampling { temperature: f32::NAN, ..Sampling::default() }, "temperature"),
            (Sampling { top_p: 0.0, ..Sampling::default() }, "top-p"),
            (Sampling { min_p: 1.0, ..Sampling::default() }, "min-p"),
            (Sampling { max_tokens: 0, ..Sampling::default() }, "max-tokens"),
        ] {
            assert!(sampling.validate().unwrap_err().starts_with(name));
        }
    }
}
