//! Rotary position embedding: the angles. Applying them is `ops`' work.

use super::{Architecture, RopeScaling};

/// The frequency of each pair of dimensions.
#[derive(Debug, Clone)]
pub struct Rope {
    frequencies: Vec<f32>,
}

impl Rope {
    pub fn new(architecture: &Architecture) -> Self {
        let dim = architecture.head_dim;
        let frequencies = (0..dim / 2)
            .map(|pair| {
                let plain = (1.0 / architecture.rope_theta.powf(2.0 * pair as f64 / dim as f64)) as f32;
                scale(f64::from(plain), architecture.rope_scaling.as_ref()) as f32
            })
            .collect();
        Self { frequencies }
    }

    /// Pairs of dimensions: half of a head.
    pub fn pairs(&self) -> usize {
        self.frequencies.len()
    }

    /// Writes the cosines and sines of one position, one a pair.
    ///
    /// # Panics
    /// If a slice is not [`Rope::pairs`] long.
    pub fn angles(&self, position: usize, cos: &mut [f32], sin: &mut [f32]) {
        assert!(cos.len() == self.pairs() && sin.len() == self.pairs(), "one angle a pair");
        for ((frequency, cos), sin) in self.frequencies.iter().zip(cos).zip(sin) {
            // The product is rounded to f32 as the reference implementations do; the functions are not.
            let angle = f64::from(position as f32 * frequency);
            *cos = angle.cos() as f32;
            *sin = angle.sin() as f32;
        }
    }
}

/// Llama 3's scaling leaves short wavelengths alone, divides long ones, and blends between (Llama 3.1 model card and
/// transformers' `modeling_rope_utils`).
fn scale(frequency: f64, scaling: Option<&RopeScaling>) -> f64 {
    match scaling {
        None => frequency,
        Some(RopeScaling::Linear { factor }) => frequency / factor,
        Some(RopeScaling::Llama3 { factor, low_freq_factor, high_freq_factor, original_max_position_embeddings }) => {
            let original = *original_max_position_embeddings as f64;
            let wavelength = 2.0 * std::f64::consts::PI / frequency;
            if wavelength < original / high_freq_factor {
                frequency
            } else if wavelength > original / low_freq_factor {
                frequency / factor
            } else {
                let smooth = (original / wavelength - low_freq_factor) / (high_freq_factor - low_freq_factor);
                (1.0 - smooth) * frequency / factor + smooth * frequency
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn llama3_scaling_keeps_short_waves_and_divides_long_ones() {
        let scaling = RopeScaling::Llama3 {
            factor: 8.0,
            low_freq_factor: 1.0,
            high_freq_factor: 4.0,
            original_max_position_embeddings: 8192,
        };
        let wave = |length: f64| 2.0 * std::f64::consts::PI / length;
        assert_eq!(scale(wave(100.0), Some(&scaling)), wave(100.0));
        assert_eq!(scale(wave(10_000.0), Some(&scaling)), wave(10_000.0) / 8.0);
        let between = scale(wave(4096.0), Some(&scaling));
        assert!(between > wave(4096.0) / 8.0 && between < wave(4096.0));
        assert_eq!(scale(0.5, Some(&RopeScaling::Linear { factor: 4.0 })), 0.125);
    }
}
