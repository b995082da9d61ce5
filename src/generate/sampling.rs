//! Choosing the next token: penalty, temperature, top-k, top-p, min-p, in this order, as transformers and vLLM do.
//!
//! The vocabulary is never sorted: what can be chosen is found by thresholds, and only that little is put in order.

use crate::model::ops::{Isa, rows};
use crate::records::Sampling;

/// Why no token can be chosen.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SamplingError {
    #[error("the model gave a logit that is no finite number (token {token}); its weights may be damaged")]
    NotFinite { token: usize },
    #[error("the model gave no logits")]
    Empty,
}

/// One token that may be chosen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candidate {
    pub token: u32,
    /// Not normalised; 1 for the likeliest token.
    pub weight: f32,
}

/// Scratch memory for choosing tokens.
#[derive(Debug, Default)]
pub struct TokenSampler {
    weights: Vec<f32>,
    candidates: Vec<Candidate>,
    seen: Vec<bool>,
}

impl TokenSampler {
    /// Chooses a token by `draw`, uniform in [0, 1). `before` is prompt and completion so far, for the repetition penalty.
    /// `logits` are changed.
    ///
    /// # Errors
    /// If a logit is NaN or infinite.
    pub fn choose(
        &mut self,
        logits: &mut [f32],
        before: &[u32],
        sampling: &Sampling,
        draw: f64,
    ) -> Result<u32, SamplingError> {
        self.penalise(logits, before, sampling.repetition_penalty);
        let largest = largest_finite(logits)?;
        if sampling.temperature <= 0.0 {
            let best = logits.iter().position(|&logit| logit == largest);
            return best.map(|index| index as u32).ok_or(SamplingError::Empty);
        }
        self.weigh(logits, largest, sampling.temperature);
        self.keep(sampling);
        let total: f64 = self.candidates.iter().map(|candidate| f64::from(candidate.weight)).sum();
        let mut left = draw * total;
        for candidate in &self.candidates {
            left -= f64::from(candidate.weight);
            if left < 0.0 {
                return Ok(candidate.token);
            }
        }
        // Rounding may leave a crumb behind the last one.
        self.candidates.last().map(|candidate| candidate.token).ok_or(SamplingError::Empty)
    }

    /// The tokens that may be chosen under `sampling`, with their weights; the order is the one that draws walk along.
    ///
    /// # Errors
    /// If a logit is NaN or infinite.
    pub fn candidates(&mut self, logits: &[f32], sampling: &Sampling) -> Result<&[Candidate], SamplingError> {
        let largest = largest_finite(logits)?;
        self.weigh(logits, largest, sampling.temperature.max(f32::MIN_POSITIVE));
        self.keep(sampling);
        Ok(&self.candidates)
    }

    fn penalise(&mut self, logits: &mut [f32], before: &[u32], penalty: f32) {
        if penalty == 1.0 || penalty <= 0.0 {
            return;
        }
        self.seen.resize(logits.len(), false);
        for &token in before {
            let Some(seen) = self.seen.get_mut(token as usize) else { continue };
            if !std::mem::replace(seen, true) {
                let logit = &mut logits[token as usize];
                *logit = if *logit > 0.0 { *logit / penalty } else { *logit * penalty };
            }
        }
        for &token in before {
            if let Some(seen) = self.seen.get_mut(token as usize) {
                *seen = false;
            }
        }
    }

    /// Fills `weights` with exp((logit - largest) / temperature).
    fn weigh(&mut self, logits: &[f32], largest: f32, temperature: f32) {
        self.weights.clear();
        self.weights.extend(logits.iter().map(|logit| (logit - largest) / temperature));
        rows::exp(Isa::detect(), &mut self.weights);
    }

    /// Fills `candidates` with the tokens that top-k, top-p and min-p leave.
    fn keep(&mut self, sampling: &Sampling) {
        // Likeliest first; of equals the lower id, so that every machine keeps the same ones.
        let order = |a: &Candidate, b: &Candidate| b.weight.total_cmp(&a.weight).then(a.token.cmp(&b.token));
        let limited = sampling.top_k > 0 && sampling.top_k < self.weights.len();
        // Min-p may go first: it looks at the likeliest token alone, which the others always keep.
        if limited || sampling.top_p >= 1.0 {
            self.collect(sampling.min_p);
        }
        if limited && self.candidates.len() > sampling.top_k {
            self.candidates.select_nth_unstable_by(sampling.top_k - 1, order);
            self.candidates.truncate(sampling.top_k);
        }
        if sampling.top_p >= 1.0 {
            // In order only where the selection above left them in none.
            if limited {
                self.candidates.sort_unstable_by(order);
            }
            return;
        }
        let wanted = f64::from(sampling.top_p.max(0.0)) * self.mass_after_top_k(limited, sampling.top_k);
        if !limited {
            // Lower the bar until what is above it is enough; only that has to be put in order.
            let mut bar = 1.0f32 / 64.0;
            while bar > sampling.min_p.max(1e-37) {
                self.collect(bar);
                if sum(self.candidates.iter().map(|candidate| candidate.weight)) >= wanted {
                    break;
                }
                bar /= 64.0;
            }
            if bar <= sampling.min_p.max(1e-37) {
                self.collect(sampling.min_p);
            }
        }
        self.candidates.sort_unstable_by(order);
        let mut have = 0.0;
        let enough = self.candidates.iter().position(|candidate| {
            have += f64::from(candidate.weight);
            have >= wanted
        });
        if let Some(last) = enough {
            self.candidates.truncate(last + 1);
        }
    }

    /// What top-p takes its share of: all tokens, or those that top-k leaves. Min-p comes after and does not count.
    fn mass_after_top_k(&self, limited: bool, top_k: usize) -> f64 {
        if limited && self.candidates.len() == top_k {
            sum(self.candidates.iter().map(|candidate| candidate.weight))
        } else if limited {
            // Min-p left fewer than k: the k likeliest have to be found among all.
            let mut all = self.weights.clone();
            all.select_nth_unstable_by(top_k - 1, |a, b| b.total_cmp(a));
            sum(all[..top_k].iter().copied())
        } else {
            let mut lanes = [0.0f64; 8];
            let chunks = self.weights.chunks_exact(8);
            let rest: f64 = chunks.remainder().iter().map(|&weight| f64::from(weight)).sum();
            for chunk in chunks {
                for (lane, &weight) in lanes.iter_mut().zip(chunk) {
                    *lane += f64::from(weight);
                }
            }
            lanes.iter().sum::<f64>() + rest
        }
    }

    fn collect(&mut self, bar: f32) {
        self.candidates.clear();
        let all = self.weights.iter().enumerate();
        self.candidates.extend(
            all.filter(|(_, weight)| **weight >= bar).map(|(token, &weight)| Candidate { token: token as u32, weight }),
        );
    }
}

fn sum(weights: impl Iterator<Item = f32>) -> f64 {
    weights.map(f64::from).sum()
}

/// The largest logit; an error if any is NaN or infinite.
fn largest_finite(logits: &[f32]) -> Result<f32, SamplingError> {
    let mut largest = [f32::NEG_INFINITY; 16];
    let mut unsound = [0.0f32; 16];
    for chunk in logits.chunks(16) {
        for ((value, largest), unsound) in chunk.iter().zip(&mut largest).zip(&mut unsound) {
            *largest = if *value > *largest { *value } else { *largest };
            // 0 for every finite number, NaN for all else.
            *unsound += value * 0.0;
        }
    }
    if unsound.iter().any(|lane| lane.is_nan()) {
        let token = logits.iter().position(|logit| !logit.is_finite()).unwrap_or(0);
        return Err(SamplingError::NotFinite { token });
    }
    let largest = largest.into_iter().fold(f32::NEG_INFINITY, f32::max);
    if largest == f32::NEG_INFINITY { Err(SamplingError::Empty) } else { Ok(largest) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::generate::{StreamKey, random::TokenRandom};

    /// The same by sorting everything, in f64. Returns kept tokens and their probabilities.
    fn plain(logits: &[f32], sampling: &Sampling) -> Vec<(u32, f64)> {
        let temperature = f64::from(sampling.temperature);
        let largest = logits.iter().copied().fold(f32::MIN, f32::max);
        let mut all: Vec<(u32, f64)> = logits
            .iter()
            .enumerate()
            .map(|(token, &logit)| (token as u32, ((f64::from(logit) - f64::from(largest)) / temperature).exp()))
            .collect();
        all.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        if sampling.top_k > 0 {
            all.truncate(sampling.top_k);
        }
        let total: f64 = all.iter().map(|(_, weight)| weight).sum();
        if sampling.top_p < 1.0 {
            let mut have = 0.0;
            let last = all.iter().position(|(_, weight)| {
                have += weight / total;
                have >= f64::from(sampling.top_p)
            });
            all.truncate(last.map_or(all.len(), |last| last + 1));
        }
        all.retain(|(_, weight)| *weight >= f64::from(sampling.min_p));
        let total: f64 = all.iter().map(|(_, weight)| weight).sum();
        all.into_iter().map(|(token, weight)| (token, weight / total)).collect()
    }

    proptest! {
        #[test]
        fn keeps_what_a_full_sort_would_keep(
            logits in proptest::collection::vec(-12.0f32..12.0, 1..400),
            temperature in 0.2f32..3.0,
            top_k in 0usize..60,
            top_p in prop_oneof![Just(1.0f32), 0.05f32..0.999],
            min_p in prop_oneof![Just(0.0f32), 0.001f32..0.5],
        ) {
            let sampling = Sampling { temperature, top_k, top_p, min_p, ..Sampling::default() };
            let expected = plain(&logits, &sampling);
            let mut sampler = TokenSampler::default();
            let mut kept: Vec<(u32, f64)> = sampler.candidates(&logits, &sampling).unwrap().iter()
                .map(|candidate| (candidate.token, f64::from(candidate.weight))).collect();
            let total: f64 = kept.iter().map(|(_, weight)| weight).sum();
            kept.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
            // A token on the border may fall to either side by rounding.
            prop_assert!(kept.len().abs_diff(expected.len()) <= 1, "{} and {}", kept.len(), expected.len());
            for ((_, weight), (_, share)) in kept.iter().zip(&expected) {
                prop_assert!((weight / total - share).abs() < 2e-3 * share + 1e-6 + 1.0 / 400.0 * f64::from(u8::from(kept.len() != expected.len())));
            }
        }

        #[test]
        fn a_chosen_token_is_always_a_candidate(
            logits in proptest::collection::vec(-30.0f32..30.0, 1..200),
            draw in 0.0f64..1.0,
            top_p in 0.1f32..1.0,
        ) {
            let sampling = Sampling { top_p, ..Sampling::default() };
            let mut sampler = TokenSampler::default();
            let token = sampler.choose(&mut logits.clone(), &[], &sampling, draw).unwrap();
            prop_assert!(sampler.candidates(&logits, &sampling).unwrap().iter().any(|c| c.token == token));
        }
    }

    #[test]
    fn tokens_come_as_often_as_they_should() {
        let logits: Vec<f32> = (0..50).map(|token| ((token * 37 % 50) as f32) / 12.0).collect();
        for sampling in [
            Sampling { temperature: 1.0, top_p: 1.0, ..Sampling::default() },
            Sampling { temperature: 0.7, top_p: 0.8, ..Sampling::default() },
            Sampling { temperature: 1.3, top_p: 0.95, top_k: 12, min_p: 0.05, ..Sampling::default() },
        ] {
            let mut sampler = TokenSampler::default();
            let key = StreamKey { seed: 5, problem_id: "p".into(), draw: 0, turn: 0 };
            let mut random = TokenRandom::new(&key);
            let draws = 40_000;
            let mut counts = vec![0usize; logits.len()];
            for index in 0..draws {
                let token = sampler.choose(&mut logits.clone(), &[], &sampling, random.draw(index)).unwrap();
                counts[token as usize] += 1;
            }
            let expected = plain(&logits, &sampling);
            for (token, share) in &expected {
                let sigma = (draws as f64 * share * (1.0 - share)).sqrt();
                let off = counts[*token as usize] as f64 - draws as f64 * share;
                assert!(off.abs() < 5.0 * sigma + 1.0, "token {token}: {off} off, sigma {sigma}");
                counts[*token as usize] = 0;
            }
            assert!(counts.iter().all(|count| *count == 0), "nothing else is ever chosen");
        }
    }

    #[test]
    fn greedy_takes_the_first_of_the_best_and_penalty_counts_a_token_once() {
        let mut sampler = TokenSampler::default();
        let mut sampling = Sampling { temperature: 0.0, ..Sampling::default() };
        assert_eq!(sampler.choose(&mut [1.0, 3.0, 3.0, -1.0], &[], &sampling, 0.9), Ok(1));
        sampling.repetition_penalty = 2.0;
        // 3 / 2 is below 2; a second count would make no difference to the order here, but to the value it would.
        let mut logits = [1.0, 3.0, 2.0, -1.0];
        assert_eq!(sampler.choose(&mut logits, &[1, 1, 3, 99], &sampling, 0.9), Ok(2));
        assert_eq!(logits, [1.0, 1.5, 2.0, -2.0]);
    }

    #[test]
    fn unsound_logits_are_an_error() {
        let mut sampler = TokenSampler::default();
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let mut logits = vec![0.5; 40];
            logits[33] = bad;
            let error = sampler.choose(&mut logits, &[], &Sampling::default(), 0.5).unwrap_err();
            assert_eq!(error, SamplingError::NotFinite { token: 33 });
        }
        assert_eq!(sampler.choose(&mut [], &[], &Sampling::default(), 0.5), Err(SamplingError::Empty));
    }
}
