//! How many samples of each problem are wanted: one family of distributions over pass rates.
//!
//! `t_i = clamp(ceil(K * g(p_i)), least, most)` for every problem that has a right sample, 0 for the others. Shapes `g`: vanilla
//! rejection tuning `p`, uniform `1`, DART-Math's Prop2Diff `1 - p`, tempered `p^tau`, and a band of pass rates.

use serde::{Deserialize, Serialize};

use super::Tally;

/// The shape g.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "shape", deny_unknown_fields)]
pub enum Shape {
    /// In proportion to the pass rate: what comes of keeping every right sample.
    Vanilla,
    /// The same number of each.
    Uniform,
    /// In proportion to the fail rate (DART-Math).
    Prop2diff,
    /// `p^tau`: 1 is vanilla, 0 uniform, below 0 against the easy ones.
    Tempered { tau: f64 },
    /// As many of each whose pass rate lies between, none of the others.
    Band { low: f64, high: f64 },
}

impl Shape {
    /// g of a pass rate above 0.
    pub fn weight(self, pass_rate: f64) -> f64 {
        match self {
            Shape::Vanilla => pass_rate,
            Shape::Uniform => 1.0,
            Shape::Prop2diff => 1.0 - pass_rate,
            Shape::Tempered { tau } => pass_rate.powf(tau),
            Shape::Band { low, high } => f64::from(u8::from(low < pass_rate && pass_rate < high)),
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Shape::Vanilla => "vanilla",
            Shape::Uniform => "uniform",
            Shape::Prop2diff => "prop2diff",
            Shape::Tempered { .. } => "tempered",
            Shape::Band { .. } => "band",
        }
    }
}

/// A target distribution.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Target {
    #[serde(flatten)]
    pub shape: Shape,
    /// K.
    pub k: f64,
    /// Fewest of a problem that has a right sample. A band leaves those outside of it out all the same.
    pub least: u32,
    /// Most of a problem.
    pub most: u32,
}

impl Default for Target {
    fn default() -> Self {
        Self { shape: Shape::Prop2diff, k: 4.0, least: 1, most: u32::MAX }
    }
}

impl Target {
    /// How many samples of a problem are wanted.
    pub fn of(&self, tally: &Tally) -> u32 {
        if tally.correct == 0 {
            return 0;
        }
        let weight = self.shape.weight(tally.pass_rate());
        if weight <= 0.0 && matches!(self.shape, Shape::Band { .. }) {
            return 0;
        }
        // A product that is whole but for rounding is not to be raised.
        let wanted = (self.k * weight - 1e-9).ceil().max(0.0);
        let wanted = if wanted >= f64::from(u32::MAX) { u32::MAX } else { wanted as u32 };
        wanted.max(self.least).min(self.most.max(self.least))
    }

    /// This target with the smallest K (whole) for which the samples that can be had reach `budget`; the K that gives all
    /// there are, where they never do. `available`: how many samples of each problem could be chosen.
    #[must_use]
    pub fn filling(self, problems: &[(Tally, u32)], budget: u64) -> Self {
        let reached = |k: f64| -> u64 {
            let target = Target { k, ..self };
            problems.iter().map(|(tally, available)| u64::from(target.of(tally).min(*available))).sum()
        };
        // Beyond this K every problem with a weight above 0 gives all it has.
        let least_weight = problems
            .iter()
            .filter(|(tally, _)| tally.correct > 0)
            .map(|(tally, _)| self.shape.weight(tally.pass_rate()))
            .filter(|weight| *weight > 0.0)
            .fold(f64::INFINITY, f64::min);
        let most = problems.iter().map(|(_, available)| *available).max().unwrap_or_default();
        let end = if least_weight.is_finite() { (f64::from(most) / least_weight).ceil().max(1.0) } else { 1.0 };
        let (mut low, mut high) = (1u64, end as u64);
        while low < high {
            let middle = low + (high - low) / 2;
            if reached(middle as f64) >= budget { high = middle } else { low = middle + 1 }
        }
        Self { k: low as f64, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(correct: u32, samples: u32) -> Tally {
        Tally { samples, correct, ..Tally::default() }
    }

    #[test]
    fn the_shapes() {
        let counts = |shape| {
            let target = Target { shape, k: 4.0, least: 1, most: 8 };
            [0, 1, 4, 7, 8].map(|correct| target.of(&of(correct, 8)))
        };
        assert_eq!(counts(Shape::Vanilla), [0, 1, 2, 4, 4]);
        assert_eq!(counts(Shape::Uniform), [0, 4, 4, 4, 4]);
        // MICRO's rule: max(1, ceil((1 - r) K)), 1 where r is 1.
        assert_eq!(counts(Shape::Prop2diff), [0, 4, 2, 1, 1]);
        assert_eq!(counts(Shape::Tempered { tau: 1.0 }), counts(Shape::Vanilla));
        assert_eq!(counts(Shape::Tempered { tau: 0.0 }), counts(Shape::Uniform));
        assert_eq!(counts(Shape::Tempered { tau: -1.0 }), [0, 8, 8, 5, 4]);
        assert_eq!(counts(Shape::Band { low: 0.1, high: 0.6 }), [0, 4, 4, 0, 0]);
    }

    #[test]
    fn filling_takes_the_smallest_k() {
        let problems: Vec<(Tally, u32)> = (0..=8).map(|correct| (of(correct, 8), correct)).collect();
        for shape in [Shape::Vanilla, Shape::Uniform, Shape::Prop2diff, Shape::Tempered { tau: 0.5 }] {
            let target = Target { shape, ..Target::default() };
            let reached = |target: Target| -> u64 {
                problems.iter().map(|(tally, available)| u64::from(target.of(tally).min(*available))).sum()
            };
            let filled = target.filling(&problems, 20);
            assert!(reached(filled) >= 20, "{shape:?}");
            assert!(filled.k <= 1.0 || reached(Target { k: filled.k - 1.0, ..filled }) < 20, "{shape:?}");
        }
        let all = Target { shape: Shape::Uniform, ..Target::default() }.filling(&problems, 1_000);
        assert_eq!(problems.iter().map(|(tally, available)| all.of(tally).min(*available)).sum::<u32>(), 36);
    }
}
