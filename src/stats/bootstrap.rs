//! Percentile bootstrap (Efron 1979): the spread of a statistic over resampled units. Units are problems, never samples: the
//! samples of one problem have that problem in common.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::wilson;

/// A value with its 95% interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    pub value: f64,
    pub low: f64,
    pub high: f64,
}

impl Interval {
    /// Whether 0 lies outside.
    pub fn excludes_zero(&self) -> bool {
        self.low > 0.0 || self.high < 0.0
    }

    /// Of a share: `69.5% [65.9, 73.3]`.
    pub fn percent(&self) -> String {
        format!("{:.1}% [{:.1}, {:.1}]", 100.0 * self.value, 100.0 * self.low, 100.0 * self.high)
    }

    /// Of a difference of shares, in points: `+26.4 [+22.4, +30.5]`.
    pub fn points(&self) -> String {
        format!("{:+.1} [{:+.1}, {:+.1}]", 100.0 * self.value, 100.0 * self.low, 100.0 * self.high)
    }
}

/// Resamplings of so many units, the same for every statistic that is asked for, so that paired values stay paired.
#[derive(Debug, Clone)]
pub struct Bootstrap {
    units: usize,
    resamples: usize,
    seed: u64,
}

/// Resamples that are enough for two digits of an interval's ends.
const RESAMPLES: usize = 2_000;

impl Bootstrap {
    /// The usual number of resamplings of so many units.
    pub fn over(units: usize) -> Self {
        Self::new(units, RESAMPLES, 0)
    }

    pub fn new(units: usize, resamples: usize, seed: u64) -> Self {
        Self { units, resamples: resamples.max(1), seed }
    }

    /// The statistic of all units, and the middle 95% of its values over resamplings. It is given each unit's index as often
    /// as the unit was drawn.
    pub fn interval(&self, statistic: impl Fn(&[usize]) -> f64) -> Interval {
        let all: Vec<usize> = (0..self.units).collect();
        let value = statistic(&all);
        if self.units == 0 {
            return Interval { value, low: value, high: value };
        }
        let mut random = ChaCha8Rng::seed_from_u64(self.seed);
        let mut drawn = vec![0; self.units];
        let mut values: Vec<f64> = (0..self.resamples)
            .map(|_| {
                drawn.iter_mut().for_each(|unit| *unit = random.random_range(0..self.units));
                statistic(&drawn)
            })
            .collect();
        values.sort_by(f64::total_cmp);
        Interval { value, low: quantile(&values, 0.025), high: quantile(&values, 0.975) }
    }

    /// The mean of a share of each unit, 0 to 1. Where the units do not differ, resampling shows no spread and would be falsely
    /// sure: then it is Wilson's interval of so many units.
    pub fn proportion(&self, shares: &[f64]) -> Interval {
        let units: Vec<(f64, f64)> = shares.iter().map(|share| (*share, 1.0)).collect();
        self.ratio_or_wilson(&units)
    }

    /// The same of hits over samples, each unit with some.
    pub fn ratio_or_wilson(&self, units: &[(f64, f64)]) -> Interval {
        if !agree(units) {
            return self.ratio(units);
        }
        let (value, count) = (ratio_of(units.iter().copied()), units.len() as f64);
        let (low, high) = wilson(value * count, count);
        Interval { value, low, high }
    }

    /// A difference of shares as a ratio of sums over units. Where the units do not differ, it is as far as so many units
    /// without an exception leave open.
    pub fn change(&self, units: &[(f64, f64)]) -> Interval {
        if !agree(units) {
            return self.ratio(units);
        }
        let (value, open) = (ratio_of(units.iter().copied()), wilson(0.0, units.len() as f64).1);
        Interval { value, low: (value - open).max(-1.0), high: (value + open).min(1.0) }
    }

    /// The same of a ratio of sums over units, such as hits over samples; 0 of nothing.
    pub fn ratio(&self, units: &[(f64, f64)]) -> Interval {
        self.interval(|drawn| ratio_of(drawn.iter().map(|&unit| units[unit])))
    }
}

/// Sum over sum; 0 of nothing.
fn ratio_of(units: impl Iterator<Item = (f64, f64)>) -> f64 {
    let (hits, of) = units.fold((0.0, 0.0), |sum, unit| (sum.0 + unit.0, sum.1 + unit.1));
    if of > 0.0 { hits / of } else { 0.0 }
}

/// Whether all units have the same ratio.
fn agree(units: &[(f64, f64)]) -> bool {
    units.windows(2).all(|pair| pair[0].0 * pair[1].1 == pair[1].0 * pair[0].1)
}

/// Of sorted values, between neighbours by distance.
fn quantile(sorted: &[f64], at: f64) -> f64 {
    let place = at * (sorted.len() - 1) as f64;
    let (below, part) = (place.floor() as usize, place.fract());
    let above = (below + 1).min(sorted.len() - 1);
    sorted[below] + (sorted[above] - sorted[below]) * part
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_of_a_coin_has_the_interval_it_should() {
        // 400 problems with one sample each, half of them right: a standard error of 2.5 points.
        let units: Vec<(f64, f64)> = (0..400).map(|unit| (f64::from(unit % 2), 1.0)).collect();
        let found = Bootstrap::new(400, 4_000, 1).ratio(&units);
        assert_eq!(found.value, 0.5);
        assert!((found.low - 0.451).abs() < 0.006 && (found.high - 0.549).abs() < 0.006, "{found:?}");
        assert!(found.excludes_zero());
    }

    #[test]
    fn units_that_agree_are_no_certainty() {
        let all = Bootstrap::over(5).proportion(&[1.0; 5]);
        assert!(all.value == 1.0 && all.high == 1.0 && (all.low - 0.565_518).abs() < 1e-6, "{all:?}");
        let one = Bootstrap::over(1).proportion(&[0.5]);
        assert!(one.low < 0.1 && one.high > 0.9, "{one:?}");
    }

    #[test]
    fn samples_of_one_problem_are_no_further_evidence() {
        let alone: Vec<(f64, f64)> = (0..100).map(|unit| (f64::from(unit % 2), 1.0)).collect();
        let eightfold: Vec<(f64, f64)> = alone.iter().map(|unit| (8.0 * unit.0, 8.0)).collect();
        let resample = Bootstrap::new(100, 500, 3);
        assert_eq!(resample.ratio(&alone), resample.ratio(&eightfold));
        assert_eq!(Bootstrap::new(0, 10, 0).ratio(&[]).value, 0.0);
    }
}
