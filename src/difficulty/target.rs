//! How many samples of each problem are wanted: one family of distributions over pass rates.
//!
//! `t_i = clamp(ceil(K * g(p_i)), least, most)` for every problem that has a right sample, 0 for the others. Shapes `g`: vanilla
//! rejection tuning `p`, uniform `1`, DART-Math's Prop2Diff `1 - p`, tempered `p^tau`, and a band of pass rates.

use super::Tally;

/// The shape g.
#[derive(Debug, Clone, Copy, PartialEq)]
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
}

/// A target distribution.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Target {
    pub shape: Shape,
    /// K.
    pub k: f64,
    /// Fewest of a problem that has a right sample. A band leaves those outside of it out all the same.
    pub least: u32,
    /// Most of a problem.
    pub most: u32,
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

    /// A K from which on every problem with a weight above 0 wants `most` samples or more.
    pub fn saturating(shape: Shape, tallies: impl Iterator<Item = Tally>, most: u32) -> f64 {
        let least_weight = tallies
            .filter(|tally| tally.correct > 0)
            .map(|tally| shape.weight(tally.pass_rate()))
            .filter(|weight| *weight > 0.0)
            .fold(f64::INFINITY, f64::min);
        if least_weight.is_finite() { (f64::from(most) / least_weight).ceil().max(1.0) } else { 1.0 }
    }
}

/// The smallest whole K from 1 to `most` at which `enough` holds, which must go on holding; `most` where it never does.
pub fn smallest(most: f64, enough: impl Fn(f64) -> bool) -> f64 {
    let (mut low, mut high) = (1u64, most.max(1.0) as u64);
    while low < high {
        let middle = low + (high - low) / 2;
        if enough(middle as f64) { high = middle } else { low = middle + 1 }
    }
    low as f64
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
        // DART-Math's rule: at least one of each, in proportion to the fail rate, rounded up.
        assert_eq!(counts(Shape::Prop2diff), [0, 4, 2, 1, 1]);
        assert_eq!(counts(Shape::Tempered { tau: 1.0 }), counts(Shape::Vanilla));
        assert_eq!(counts(Shape::Tempered { tau: 0.0 }), counts(Shape::Uniform));
        assert_eq!(counts(Shape::Tempered { tau: -1.0 }), [0, 8, 8, 5, 4]);
        assert_eq!(counts(Shape::Band { low: 0.1, high: 0.6 }), [0, 4, 4, 0, 0]);
    }

    #[test]
    fn the_smallest_k_that_is_enough() {
        assert_eq!(smallest(100.0, |k| k >= 17.0), 17.0);
        assert_eq!(smallest(100.0, |_| false), 100.0);
        assert_eq!(smallest(100.0, |_| true), 1.0);
        let tallies = || (0..=8).map(|correct| of(correct, 8));
        for shape in [Shape::Vanilla, Shape::Uniform, Shape::Prop2diff, Shape::Tempered { tau: 0.5 }] {
            let k = Target::saturating(shape, tallies(), 8);
            let target = Target { shape, k, least: 1, most: 8 };
            assert!(
                tallies().filter(|tally| tally.correct > 0 && tally.correct < 8).all(|tally| target.of(&tally) == 8)
            );
        }
    }
}
