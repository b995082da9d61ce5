//! From values to places on an axis, and the numbers beside it.

/// How an axis runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Scale {
    #[default]
    Linear,
    /// Only what is above 0 has a place.
    Log,
}

impl Scale {
    /// The place of a value between `low` (0) and `high` (1); `None` where it has none.
    pub fn place(self, value: f64, low: f64, high: f64) -> Option<f64> {
        let of = |value: f64| match self {
            Self::Linear => Some(value),
            Self::Log => (value > 0.0).then(|| value.ln()),
        };
        let (value, low, high) = (of(value)?, of(low)?, of(high)?);
        let place = (value - low) / (high - low);
        place.is_finite().then_some(place)
    }

    /// Bounds around what is to be seen, with a little room.
    pub fn around(self, low: f64, high: f64) -> (f64, f64) {
        match self {
            Self::Linear if low == high => {
                let room = if low == 0.0 { 1.0 } else { low.abs() * 0.1 };
                (low - room, high + room)
            }
            Self::Linear => (low - (high - low) * 0.05, high + (high - low) * 0.05),
            Self::Log if low == high => (low / 2.0, high * 2.0),
            Self::Log => {
                let room = (high / low).powf(0.05);
                (low / room, high * room)
            }
        }
    }

    /// About `count` round values from `low` to `high`, with how they are written.
    pub fn ticks(self, low: f64, high: f64, count: usize) -> Vec<(f64, String)> {
        let decades = if low > 0.0 { (high / low).log10() } else { 0.0 };
        if self == Self::Log && decades >= 1.0 {
            let step = (decades / count.max(1) as f64).ceil().max(1.0) as i32;
            let first = low.log10().ceil() as i32;
            let powers = (first..).step_by(step as usize).take_while(|power| 10f64.powi(*power) <= high * 1.000_001);
            return powers.map(|power| (10f64.powi(power), number(10f64.powi(power), 10f64.powi(power)))).collect();
        }
        let step = round_step((high - low) / count.max(1) as f64);
        if !step.is_finite() || step <= 0.0 {
            return Vec::new();
        }
        // A bound that is a tick itself is one, whatever the last bit says.
        let first = (low / step - 1e-9).ceil() as i64;
        (first..)
            .map(|at| at as f64 * step)
            .take_while(|value| *value <= high + step * 1e-6)
            .take(4 * count + 4)
            .map(|value| (value, number(value, step)))
            .collect()
    }
}

/// The next of 1, 2 and 5 times a power of ten.
fn round_step(step: f64) -> f64 {
    let power = 10f64.powf(step.log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0].map(|by| by * power);
    steps.into_iter().find(|round| *round >= step * 0.999_999).unwrap_or(step)
}

/// A number as short as `step` needs it.
pub fn number(value: f64, step: f64) -> String {
    if value == 0.0 {
        return "0".into();
    }
    let size = value.abs().max(step.abs());
    // Digits behind the point that tell two neighbours of this step apart.
    let digits = |step: f64| (-(step * 1.000_001).log10().floor()).clamp(0.0, 6.0) as usize;
    if size < 1e-3 {
        let power = 10f64.powf(value.abs().log10().floor());
        return format!("{value:.*e}", digits(step / power));
    }
    let (unit, name) = match size {
        size if size >= 1e6 => (1e6, "M"),
        size if size >= 1e4 => (1e3, "k"),
        _ => (1.0, ""),
    };
    format!("{:.*}{name}", digits(step / unit), value / unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(scale: Scale, low: f64, high: f64, count: usize) -> Vec<String> {
        scale.ticks(low, high, count).into_iter().map(|(_, word)| word).collect()
    }

    #[test]
    fn ticks_are_round_and_inside() {
        assert_eq!(words(Scale::Linear, 0.0, 1.0, 5), ["0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!(words(Scale::Linear, 0.37, 2.9, 4), ["1", "2"]);
        assert_eq!(words(Scale::Linear, 0.0, 1_000_000.0, 4), ["0", "500k", "1.0M"]);
        // Neighbours differ however far out they are.
        assert_eq!(words(Scale::Linear, 20_000.0, 20_040.0, 4), ["20.00k", "20.01k", "20.02k", "20.03k", "20.04k"]);
        assert_eq!(words(Scale::Linear, 1e-5, 2e-5, 2), ["1.0e-5", "1.5e-5", "2.0e-5"]);
        assert_eq!(words(Scale::Linear, 1e-5, 4e-5, 3), ["1e-5", "2e-5", "3e-5", "4e-5"]);
        assert_eq!(words(Scale::Log, 0.001, 12.0, 6), ["0.001", "0.01", "0.1", "1", "10"]);
        for (low, high) in [(f64::NAN, 1.0), (1.0, 1.0), (0.0, f64::INFINITY)] {
            assert!(Scale::Linear.ticks(low, high, 4).len() < 40, "{low} {high}");
        }
    }

    #[test]
    fn a_log_axis_has_no_place_for_zero_and_less() {
        assert_eq!(Scale::Log.place(0.0, 0.1, 10.0), None);
        assert_eq!(Scale::Log.place(-1.0, 0.1, 10.0), None);
        assert!((Scale::Log.place(1.0, 0.1, 10.0).unwrap() - 0.5).abs() < 1e-9);
        assert_eq!(Scale::Linear.place(f64::NAN, 0.0, 1.0), None);
    }

    #[test]
    fn a_single_value_has_room_around_it() {
        for scale in [Scale::Linear, Scale::Log] {
            let (low, high) = scale.around(3.0, 3.0);
            assert!(low < 3.0 && high > 3.0);
        }
        assert_eq!(Scale::Linear.around(0.0, 0.0), (-1.0, 1.0));
    }
}
