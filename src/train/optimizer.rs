//! AdamW with f32 moments, in place, and the clip of the gradient's norm.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::layout::Place;
use super::{Gradients, TrainError};
use crate::model::ops::training::adamw;
use crate::model::ops::{self, Floats, Isa};

/// The optimiser's constants.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AdamWSettings {
    pub beta1: f32,
    pub beta2: f32,
    pub eps: f32,
    /// Decoupled; never on norms and biases.
    pub weight_decay: f32,
    /// Most that the global norm of the gradient may be; 0 is off.
    pub max_grad_norm: f32,
}

impl Default for AdamWSettings {
    fn default() -> Self {
        Self { beta1: 0.9, beta2: 0.999, eps: 1e-8, weight_decay: 0.0, max_grad_norm: 1.0 }
    }
}

impl AdamWSettings {
    /// # Errors
    /// Which value means nothing, and what would.
    pub fn validate(&self) -> Result<(), TrainError> {
        let share = |value: f32| (0.0..1.0).contains(&value);
        let least = |value: f32| value.is_finite() && value >= 0.0;
        let checks = [
            (share(self.beta1), "beta1", "0 to below 1"),
            (share(self.beta2), "beta2", "0 to below 1"),
            (self.eps.is_finite() && self.eps > 0.0, "eps", "more than 0"),
            (least(self.weight_decay), "weight_decay", "0 (off) or more"),
            (least(self.max_grad_norm), "max_grad_norm", "0 (off) or more"),
        ];
        match checks.into_iter().find(|(fine, _, _)| !fine) {
            Some((_, name, range)) => Err(TrainError::Settings(format!("{name}: must be {range}"))),
            None => Ok(()),
        }
    }
}

/// The numbers of one step, whoever takes it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clipped {
    pub lr: f64,
    /// What the gradient is multiplied with first: the clip of its norm.
    pub scale: f64,
    /// 1 - beta1^t and 1 - beta2^t.
    pub corrections: (f64, f64),
}

/// Both moments of everything that is trained, and the steps taken.
#[derive(Debug, Clone)]
pub struct AdamW {
    pub settings: AdamWSettings,
    pub steps: u64,
    pub(super) first: Floats,
    pub(super) second: Floats,
    /// Neighbouring weights that are treated alike, and whether they decay.
    groups: Vec<(Range<usize>, bool)>,
    isa: Isa,
}

impl AdamW {
    /// Moments of zero for the trained tensors.
    pub fn new(places: &[Place], settings: AdamWSettings) -> Self {
        let len = places.iter().map(|place| place.range.end).max().unwrap_or_default();
        let mut sorted: Vec<&Place> = places.iter().collect();
        sorted.sort_by_key(|place| place.range.start);
        let mut groups: Vec<(Range<usize>, bool)> = Vec::new();
        for place in sorted {
            let decays = place.decays() && settings.weight_decay > 0.0;
            match groups.last_mut() {
                Some((range, alike)) if *alike == decays && range.end == place.range.start => {
                    range.end = place.range.end;
                }
                _ => groups.push((place.range.clone(), decays)),
            }
        }
        Self { settings, steps: 0, first: Floats::zeros(len), second: Floats::zeros(len), groups, isa: Isa::detect() }
    }

    /// The global norm of the gradients. Not finite if any of them is not.
    pub fn grad_norm(&self, gradients: &Gradients) -> f64 {
        ops::run(|| adamw::sum_of_squares(self.isa, &gradients.data)).sqrt()
    }

    /// Counts a step and says what it is to be multiplied with.
    pub(super) fn advance(&mut self, grad_norm: f64, lr: f64) -> Clipped {
        self.steps += 1;
        let limit = f64::from(self.settings.max_grad_norm);
        // The small number is PyTorch's, in `clip_grad_norm_`.
        let scale = if limit > 0.0 { (limit / (grad_norm + 1e-6)).min(1.0) } else { 1.0 };
        let power = |beta: f32| 1.0 - f64::from(beta).powf(self.steps as f64);
        Clipped { lr, scale, corrections: (power(self.settings.beta1), power(self.settings.beta2)) }
    }

    /// One step at the learning rate `lr`, the gradients scaled down if their norm is over the limit. The caller looks at
    /// the norm first: a step along a gradient that is not finite spoils the weights.
    ///
    /// # Panics
    /// If the lengths differ.
    pub fn step(&mut self, weights: &mut [f32], gradients: &Gradients, grad_norm: f64, lr: f64) {
        assert!(weights.len() == self.first.len() && gradients.data.len() == self.first.len(), "what is trained");
        let Clipped { lr, scale, corrections } = self.advance(grad_norm, lr);
        let settings = &self.settings;
        let step = adamw::Step {
            lr: lr as f32,
            beta1: settings.beta1,
            beta2: settings.beta2,
            eps: settings.eps,
            decay: 0.0,
            corrections: (corrections.0 as f32, corrections.1 as f32),
            scale: scale as f32,
        };
        let (first, second) = (&mut self.first, &mut self.second);
        ops::run(|| {
            for (range, decays) in &self.groups {
                let here = range.clone();
                let step = adamw::Step { decay: if *decays { settings.weight_decay } else { 0.0 }, ..step };
                adamw::step(
                    self.isa,
                    &mut weights[here.clone()],
                    &gradients.data[here.clone()],
                    &mut first[here.clone()],
                    &mut second[here],
                    &step,
                );
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(name: &str, shape: &[usize], begin: usize) -> Place {
        Place { name: name.into(), shape: shape.to_vec(), range: begin..begin + shape.iter().product::<usize>() }
    }

    #[test]
    fn matrices_decay_and_norms_and_biases_do_not() {
        let places = [place("w", &[2, 3], 0), place("v", &[1, 2], 6), place("norm", &[4], 8), place("u", &[1, 1], 12)];
        let settings = AdamWSettings { weight_decay: 0.1, ..AdamWSettings::default() };
        let mut optimizer = AdamW::new(&places, settings);
        assert_eq!(optimizer.groups, [(0..8, true), (8..12, false), (12..13, true)]);
        let mut weights = vec![1.0; 13];
        let gradients = Gradients { data: Floats::zeros(13), fresh: false };
        optimizer.step(&mut weights, &gradients, 0.0, 0.5);
        assert!(weights[..8].iter().all(|x| (x - 0.95).abs() < 1e-6), "{weights:?}");
        assert!(weights[8..12].iter().all(|x| *x == 1.0));
    }

    #[test]
    fn a_long_gradient_is_cut_to_the_limit() {
        let places = [place("w", &[1, 2], 0)];
        let mut gradients = Gradients { data: Floats::zeros(2), fresh: false };
        gradients.data.copy_from_slice(&[3.0, 4.0]);
        let mut optimizer = AdamW::new(&places, AdamWSettings::default());
        let norm = optimizer.grad_norm(&gradients);
        assert!((norm - 5.0).abs() < 1e-9);
        let mut weights = vec![0.0; 2];
        optimizer.step(&mut weights, &gradients, norm, 1e-3);
        assert!((optimizer.first[0] - 0.1 * 0.6).abs() < 1e-6 && (optimizer.first[1] - 0.1 * 0.8).abs() < 1e-6);
        // The first step of Adam is the learning rate against the sign.
        assert!(weights.iter().all(|x| (x + 1e-3).abs() < 1e-6), "{weights:?}");
    }

    #[test]
    fn constants_that_mean_nothing_are_named() {
        assert!(AdamWSettings::default().validate().is_ok());
        let error = AdamWSettings { beta2: 1.0, ..AdamWSettings::default() }.validate().unwrap_err();
        assert!(error.to_string().starts_with("beta2: must be"));
    }
}
