//! The order in which samples are trained: a pure function of seed, epoch and step, so that going on needs one number.

use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

/// How the samples of a step are chosen from a shuffled epoch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Grouping {
    /// As they come.
    #[default]
    Shuffled,
    /// Samples of like length in one step: steps take more even time and memory, at the price of a less random order.
    Length,
}

/// Batches whose samples are sorted by length among themselves.
const POOL: usize = 50;

/// The order of a data set of `lengths.len()` samples.
#[derive(Debug, Clone)]
pub struct Order {
    pub seed: u64,
    pub batch_size: usize,
    pub grouping: Grouping,
    lengths: Vec<usize>,
}

impl Order {
    /// # Panics
    /// If there is no sample or the batch size is 0.
    pub fn new(seed: u64, batch_size: usize, grouping: Grouping, lengths: Vec<usize>) -> Self {
        assert!(!lengths.is_empty() && batch_size > 0, "something to order");
        Self { seed, batch_size, grouping, lengths }
    }

    pub fn steps_per_epoch(&self) -> u64 {
        self.lengths.len().div_ceil(self.batch_size) as u64
    }

    /// The samples of step `step`, counted from 0 over all epochs. The last step of an epoch may have fewer.
    pub fn step(&self, step: u64) -> Vec<usize> {
        let (epoch, at) = (step / self.steps_per_epoch(), (step % self.steps_per_epoch()) as usize);
        self.epoch(epoch).swap_remove(at)
    }

    /// All batches of an epoch.
    pub fn epoch(&self, epoch: u64) -> Vec<Vec<usize>> {
        let mut random = ChaCha8Rng::seed_from_u64(self.seed);
        random.set_stream(epoch);
        let mut order: Vec<usize> = (0..self.lengths.len()).collect();
        order.shuffle(&mut random);
        if self.grouping == Grouping::Length {
            for pool in order.chunks_mut(self.batch_size * POOL) {
                // Equal lengths keep their shuffled order.
                pool.sort_by_key(|sample| self.lengths[*sample]);
            }
        }
        let mut batches: Vec<Vec<usize>> = order.chunks(self.batch_size).map(<[usize]>::to_vec).collect();
        if self.grouping == Grouping::Length {
            // The short batch stays last, so that only an epoch's end is uneven.
            let whole = self.lengths.len() / self.batch_size;
            for at in (1..whole).rev() {
                batches.swap(at, random.random_range(0..=at));
            }
        }
        batches
    }
}

/// Cuts the samples of a step into passes of at most `most` tokens, in order; a longer sample has a pass of its own.
pub fn pack(samples: &[usize], lengths: impl Fn(usize) -> usize, most: usize) -> Vec<Vec<usize>> {
    let mut passes: Vec<Vec<usize>> = Vec::new();
    let mut room = 0;
    for &sample in samples {
        let length = lengths(sample);
        match passes.last_mut() {
            Some(pass) if length <= room => {
                pass.push(sample);
                room -= length;
            }
            _ => {
                passes.push(vec![sample]);
                room = most.saturating_sub(length);
            }
        }
    }
    passes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lengths() -> Vec<usize> {
        (0..103).map(|at| 10 + at * 37 % 101).collect()
    }

    #[test]
    fn each_epoch_has_every_sample_once_in_an_order_of_its_own() {
        for grouping in [Grouping::Shuffled, Grouping::Length] {
            let order = Order::new(3, 10, grouping, lengths());
            assert_eq!(order.steps_per_epoch(), 11);
            let flat = |epoch| order.epoch(epoch).concat();
            let mut sorted = flat(0);
            sorted.sort_unstable();
            assert_eq!(sorted, (0..103).collect::<Vec<_>>());
            assert_eq!(flat(0), flat(0));
            assert_ne!(flat(0), flat(1));
            assert_ne!(flat(0), Order::new(4, 10, grouping, lengths()).epoch(0).concat());
            assert_eq!(order.step(13), order.epoch(1)[2]);
            assert_eq!(order.step(10).len(), 3);
        }
    }

    #[test]
    fn grouped_batches_are_of_like_length() {
        let lengths = lengths();
        let spread = |grouping| -> usize {
            let order = Order::new(3, 10, grouping, lengths.clone());
            order
                .epoch(0)
                .iter()
                .map(|batch| {
                    let of = |sample: &usize| lengths[*sample];
                    batch.iter().map(of).max().unwrap_or(0) - batch.iter().map(of).min().unwrap_or(0)
                })
                .sum()
        };
        assert!(spread(Grouping::Length) * 4 < spread(Grouping::Shuffled));
    }

    #[test]
    fn passes_hold_what_fits() {
        let lengths = [5, 5, 9, 30, 1, 2];
        let passes = pack(&[0, 1, 2, 3, 4, 5], |sample| lengths[sample], 12);
        assert_eq!(passes, [vec![0, 1], vec![2], vec![3], vec![4, 5]]);
    }
}
