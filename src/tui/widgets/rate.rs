//! A rate with its interval, in few cells.

use crate::stats::wilson;

/// `62% [48-74]`, or `-` where there is nothing to take a rate of.
pub fn rate(hits: usize, of: usize) -> String {
    if of == 0 {
        return "-".into();
    }
    let (low, high) = wilson(hits as f64, of as f64);
    format!("{:.0}% [{:.0}-{:.0}]", 100.0 * hits as f64 / of as f64, 100.0 * low, 100.0 * high)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_says_how_sure_it_is() {
        assert_eq!(rate(3, 30), "10% [3-26]");
        assert_eq!(rate(0, 0), "-");
    }
}
