//! A rate with its interval, in few cells.

/// The 95% interval of Wilson's score for `hits` of `of`: the bounds that a rate of a small sample honestly has.
pub fn interval(hits: usize, of: usize) -> (f64, f64) {
    const Z: f64 = 1.959_963_984_540_054;
    if of == 0 {
        return (0.0, 1.0);
    }
    let n = of as f64;
    let p = hits.min(of) as f64 / n;
    let middle = p + Z * Z / (2.0 * n);
    let half = Z * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
    let scale = 1.0 + Z * Z / n;
    (((middle - half) / scale).max(0.0), ((middle + half) / scale).min(1.0))
}

/// `62% [48-74]`, or `-` where there is nothing to take a rate of.
pub fn rate(hits: usize, of: usize) -> String {
    if of == 0 {
        return "-".into();
    }
    let (low, high) = interval(hits, of);
    format!("{:.0}% [{:.0}-{:.0}]", 100.0 * hits as f64 / of as f64, 100.0 * low, 100.0 * high)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_wilsons() {
        for (hits, of, low, high) in [(3, 30, 0.034_600, 0.256_211), (12, 64, 0.110_646, 0.299_744)] {
            let found = interval(hits, of);
            assert!((found.0 - low).abs() < 1e-6 && (found.1 - high).abs() < 1e-6, "{found:?}");
        }
        assert_eq!(interval(0, 5).0, 0.0);
        assert_eq!(interval(0, 0), (0.0, 1.0));
        assert_eq!(rate(3, 30), "10% [3-26]");
        assert_eq!(rate(0, 0), "-");
    }
}
