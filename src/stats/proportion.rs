//! Intervals of a proportion.

use statrs::function::beta::inv_beta_reg;

/// Two-sided 95%.
const Z95: f64 = 1.959_963_984_540_054;

/// Wilson's score interval at 95%: centre (p + z²/2n)/(1 + z²/n), half width z·sqrt(p(1-p)/n + z²/4n²)/(1 + z²/n). Of nothing
/// it is everything. Counts may be fractions: of weighted samples.
pub fn wilson(hits: f64, of: f64) -> (f64, f64) {
    if of <= 0.0 {
        return (0.0, 1.0);
    }
    let (p, z2) = ((hits / of).clamp(0.0, 1.0), Z95 * Z95);
    let centre = (p + z2 / (2.0 * of)) / (1.0 + z2 / of);
    let half = Z95 * (p * (1.0 - p) / of + z2 / (4.0 * of * of)).sqrt() / (1.0 + z2 / of);
    ((centre - half).max(0.0), (centre + half).min(1.0))
}

/// The mean of the posterior with Jeffreys' prior, Beta(1/2 + hits, 1/2 + misses).
pub fn jeffreys_mean(hits: u32, of: u32) -> f64 {
    (f64::from(hits) + 0.5) / (f64::from(of) + 1.0)
}

/// The middle `level` (0.9, say) of that posterior. At no hits the lower end is 0, at no misses the upper is 1 (Brown, Cai and
/// DasGupta 2001).
pub fn jeffreys(hits: u32, of: u32, level: f64) -> (f64, f64) {
    let hits = hits.min(of);
    let (a, b) = (f64::from(hits) + 0.5, f64::from(of - hits) + 0.5);
    let tail = (1.0 - level) / 2.0;
    let low = if hits == 0 { 0.0 } else { inv_beta_reg(a, b, tail) };
    let high = if hits == of { 1.0 } else { inv_beta_reg(a, b, 1.0 - tail) };
    (low, high)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near((low, high): (f64, f64), wanted: (f64, f64), by: f64) {
        assert!((low - wanted.0).abs() < by && (high - wanted.1).abs() < by, "({low}, {high}), wanted {wanted:?}");
    }

    #[test]
    fn wilson_as_published() {
        for (hits, of, low, high) in [
            (0, 8, 0.0, 0.324_408),
            (1, 8, 0.022_417, 0.470_888),
            (4, 8, 0.215_216, 0.784_784),
            (8, 8, 0.675_592, 1.0),
            (3, 30, 0.034_600, 0.256_211),
            (12, 64, 0.110_646, 0.299_744),
        ] {
            near(wilson(f64::from(hits), f64::from(of)), (low, high), 1e-6);
        }
        assert_eq!(wilson(0.0, 0.0), (0.0, 1.0));
    }

    /// Against scipy's `beta.ppf([0.05, 0.95], 0.5 + c, 0.5 + n - c)`.
    #[test]
    fn jeffreys_is_the_posteriors_middle() {
        near(jeffreys(1, 8, 0.9), (0.022_464_67, 0.396_673_17), 1e-6);
        near(jeffreys(4, 8, 0.9), (0.239_297_82, 0.760_702_18), 1e-6);
        near(jeffreys(12, 64, 0.9), (0.118_200_34, 0.277_244_35), 1e-6);
        near(jeffreys(0, 8, 0.9), (0.0, 0.207_508_04), 1e-6);
        near(jeffreys(8, 8, 0.9), (0.792_491_96, 1.0), 1e-6);
        assert_eq!(jeffreys_mean(1, 8), 1.5 / 9.0);
        // More samples, a narrower interval.
        let width = |hits, of| jeffreys(hits, of, 0.9).1 - jeffreys(hits, of, 0.9).0;
        assert!(width(8, 16) < width(4, 8) && width(32, 64) < width(8, 16));
    }
}
