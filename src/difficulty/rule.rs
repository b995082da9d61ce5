//! How samples are chosen for training, as a recipe or a person says it.

use serde::{Deserialize, Serialize};

use super::{Shape, Target};

/// The shape of a target, by name; its numbers stand beside it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ShapeName {
    /// [`Shape::Vanilla`]
    Vanilla,
    /// [`Shape::Uniform`]
    Uniform,
    /// [`Shape::Prop2diff`]
    #[default]
    Prop2diff,
    /// [`Shape::Tempered`]
    Tempered,
    /// [`Shape::Band`]
    Band,
}

impl ShapeName {
    pub const ALL: [ShapeName; 5] =
        [ShapeName::Vanilla, ShapeName::Uniform, ShapeName::Prop2diff, ShapeName::Tempered, ShapeName::Band];

    pub fn name(self) -> &'static str {
        match self {
            ShapeName::Vanilla => "vanilla",
            ShapeName::Uniform => "uniform",
            ShapeName::Prop2diff => "prop2diff",
            ShapeName::Tempered => "tempered",
            ShapeName::Band => "band",
        }
    }
}

/// Which samples of a problem go before others. Never the longest: that would reward loops.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pick {
    /// As they were drawn; without bias.
    #[default]
    First,
    /// Each the one least like those before it.
    MostDiverse,
    /// Those whose tokens lie in [`Rule::length`] first, as they were drawn.
    Length,
}

impl Pick {
    pub const ALL: [Pick; 3] = [Pick::First, Pick::MostDiverse, Pick::Length];

    pub fn name(self) -> &'static str {
        match self {
            Pick::First => "first",
            Pick::MostDiverse => "most_diverse",
            Pick::Length => "length",
        }
    }
}

/// A rule of choice: a target distribution, caps, and what goes first inside a problem.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rule {
    /// Which pass rates get how much.
    pub shape: ShapeName,
    /// K of the target; 0 is the smallest whole one that reaches `samples` or `tokens`, and takes all there is without those.
    pub k: f64,
    /// Of the tempered shape.
    pub tau: f64,
    /// Of the band: pass rates between these, both ends left out.
    pub low: f64,
    pub high: f64,
    /// Fewest of a problem that has a right sample, and most.
    pub least: u32,
    pub most: u32,
    /// Most samples of all; 0 is no limit.
    pub samples: u32,
    /// Most tokens of all; 0 is no limit.
    pub tokens: u64,
    /// Which samples of a problem go first.
    pub pick: Pick,
    /// Tokens from, to; for the pick of that name.
    pub length: (u32, u32),
    /// Where a problem falls short of its target, its samples count for more, up to so many times; 1 leaves it short.
    pub most_weight: f32,
    /// Largest share of chains whose first answer was right already, 0 to 1: so that chains which mend a mistake are not
    /// swamped by those that only confirm.
    pub most_confirming: f64,
}

impl Default for Rule {
    fn default() -> Self {
        Self {
            shape: ShapeName::Prop2diff,
            k: 0.0,
            tau: 0.5,
            low: 0.0,
            high: 1.0,
            least: 1,
            most: 1_000_000,
            samples: 0,
            tokens: 0,
            pick: Pick::First,
            length: (0, u32::MAX),
            most_weight: 1.0,
            most_confirming: 1.0,
        }
    }
}

impl Rule {
    /// # Errors
    /// Which value means nothing, and what would.
    pub fn validate(&self) -> Result<(), String> {
        let band = self.shape != ShapeName::Band || (0.0..=1.0).contains(&self.low) && self.low < self.high;
        let checks = [
            (self.k.is_finite() && self.k >= 0.0, "k", "0 (as the limits allow) or more"),
            (self.tau.is_finite() && self.tau.abs() <= 100.0, "tau", "-100 to 100"),
            (band && self.high <= 1.0, "low, high", "pass rates, low below high"),
            (self.most >= 1 && self.most >= self.least, "most", "1 or more, and no less than `least`"),
            (self.length.0 <= self.length.1, "length", "tokens from, to"),
            ((1.0..=100.0).contains(&self.most_weight), "most_weight", "1 (off) to 100"),
            ((0.0..=1.0).contains(&self.most_confirming), "most_confirming", "0 to 1 (no limit)"),
        ];
        match checks.into_iter().find(|(fine, _, _)| !fine) {
            Some((_, name, range)) => Err(format!("{name}: must be {range}")),
            None => Ok(()),
        }
    }

    /// The target with this K.
    pub fn target(&self, k: f64) -> Target {
        let shape = match self.shape {
            ShapeName::Vanilla => Shape::Vanilla,
            ShapeName::Uniform => Shape::Uniform,
            ShapeName::Prop2diff => Shape::Prop2diff,
            ShapeName::Tempered => Shape::Tempered { tau: self.tau },
            ShapeName::Band => Shape::Band { low: self.low, high: self.high },
        };
        Target { shape, k, least: self.least, most: self.most }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_come_from_toml_and_mistakes_are_named() {
        let rule: Rule = toml::from_str("shape = \"band\"\nlow = 0.1\nhigh = 0.6\nsamples = 200").unwrap();
        assert_eq!((rule.shape, rule.samples, rule.validate()), (ShapeName::Band, 200, Ok(())));
        assert!(toml::from_str::<Rule>("shape = \"bands\"").is_err() && toml::from_str::<Rule>("K = 3").is_err());
        for (rule, name) in [
            (Rule { k: f64::NAN, ..Rule::default() }, "k"),
            (Rule { most: 0, ..Rule::default() }, "most"),
            (Rule { shape: ShapeName::Band, low: 0.6, high: 0.1, ..Rule::default() }, "low, high"),
            (Rule { most_weight: 0.5, ..Rule::default() }, "most_weight"),
            (Rule { most_confirming: 1.5, ..Rule::default() }, "most_confirming"),
        ] {
            assert!(rule.validate().unwrap_err().starts_with(name), "{name}");
        }
    }
}
