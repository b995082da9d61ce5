//! Which tags of which writers mean the same quantity, so that runs of different writers can be laid over one another.

use std::fmt;

/// What a curve shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Quantity {
    Loss,
    ValidationLoss,
    LearningRate,
    GradNorm,
    Epoch,
    Tokens,
    TokensPerSecond,
    Reward,
    Entropy,
    TokenAccuracy,
}

/// The one table: each quantity, its name, and what writers call it. The first is our own.
const TABLE: &[(Quantity, &str, &[&str])] = &[
    (
        Quantity::Loss,
        "loss",
        &[
            "loss",
            "train/loss",
            "train_loss",
            "training_loss",
            "training/loss",
            "Loss/train",
            "loss/train",
            "train_loss_step",
            "train/train_loss",
        ],
    ),
    (
        Quantity::ValidationLoss,
        "validation loss",
        &[
            "validation_loss",
            "eval_loss",
            "eval/loss",
            "val_loss",
            "val/loss",
            "validation/loss",
            "valid_loss",
            "valid/loss",
            "Loss/val",
            "Loss/validation",
            "loss/val",
            "loss/validation",
            "Loss/test",
            "train/eval_loss",
            "test_loss",
            "test/loss",
        ],
    ),
    (
        Quantity::LearningRate,
        "learning rate",
        &[
            "lr",
            "learning_rate",
            "train/learning_rate",
            "train/lr",
            "optim/lr",
            "lr-AdamW",
            "lr-Adam",
            "lr-SGD",
            "lr-AdamW/pg1",
            "training/learning_rate",
            "optimizer/lr",
        ],
    ),
    (
        Quantity::GradNorm,
        "gradient norm",
        &[
            "grad_norm",
            "train/grad_norm",
            "grad_2.0_norm_total",
            "gradient_norm",
            "train/gradient_norm",
            "grad-norm",
            "optim/grad_norm",
        ],
    ),
    (Quantity::Epoch, "epoch", &["epoch", "train/epoch", "trainer/epoch"]),
    (
        Quantity::Tokens,
        "tokens",
        &[
            "tokens",
            "num_tokens",
            "train/num_tokens",
            "num_input_tokens_seen",
            "train/num_input_tokens_seen",
            "total_tokens",
            "train/total_tokens",
            "tokens/total",
            "train/tokens/total",
        ],
    ),
    (
        Quantity::TokensPerSecond,
        "tokens per second",
        &[
            "tokens_per_second",
            "throughput",
            "train/tokens_per_second",
            "train_tokens_per_second",
            "tokens_per_second_per_gpu",
            "train/tokens_per_second_per_gpu",
            "tokens/train_per_sec_per_gpu",
            "train/tokens/train_per_sec_per_gpu",
        ],
    ),
    (Quantity::Reward, "reward", &["reward", "train/reward", "rewards/mean", "objective/rlhf_reward"]),
    (Quantity::Entropy, "entropy", &["entropy", "train/entropy", "objective/entropy"]),
    (Quantity::TokenAccuracy, "token accuracy", &["mean_token_accuracy", "train/mean_token_accuracy"]),
];

/// The quantity that a writer's tag means; `None` where the table has no such tag.
pub fn quantity(tag: &str) -> Option<Quantity> {
    TABLE.iter().find(|(_, _, tags)| tags.contains(&tag)).map(|(quantity, _, _)| *quantity)
}

impl Quantity {
    /// What people call it.
    pub fn name(self) -> &'static str {
        self.row().map(|(_, name, _)| *name).unwrap_or_default()
    }

    fn row(self) -> Option<&'static (Quantity, &'static str, &'static [&'static str])> {
        TABLE.iter().find(|(quantity, _, _)| *quantity == self)
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn writers_are_understood_and_no_tag_means_two_things() {
        for (tag, expected) in [
            ("train/loss", Quantity::Loss),
            ("eval/loss", Quantity::ValidationLoss),
            ("val_loss", Quantity::ValidationLoss),
            ("train/learning_rate", Quantity::LearningRate),
            ("train/grad_norm", Quantity::GradNorm),
            ("num_tokens", Quantity::Tokens),
        ] {
            assert_eq!(quantity(tag), Some(expected), "{tag}");
        }
        assert_eq!(quantity("lossy"), None);
        let mut seen = HashSet::new();
        for (quantity, name, tags) in TABLE {
            assert!(tags.iter().all(|tag| seen.insert(*tag)), "{name}");
            assert_eq!(quantity.to_string(), *name);
        }
    }
}
