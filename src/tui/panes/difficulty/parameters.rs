//! The numbers of a rule as they are changed by hand: which of them a shape has, how they read, how far a key moves them, and
//! what may be typed.

use crate::difficulty::{Pick, Rule, ShapeName};

/// What can be changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Parameter {
    Shape,
    K,
    Tau,
    Low,
    High,
    Least,
    Most,
    Samples,
    Tokens,
    Pick,
    From,
    To,
    Weight,
    Confirming,
}

/// What a key needs to know of the plan that it starts from.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Found {
    /// K of the target, found or given.
    pub k: f64,
    pub samples: u64,
    pub tokens: u64,
    /// Accepted samples of the problem that has most.
    pub most: u32,
}

/// From here on `most` is no limit.
const NO_LIMIT: u32 = 1_000_000;

impl Parameter {
    /// Those that mean something under this rule.
    pub fn of(rule: &Rule) -> Vec<Self> {
        let mut all = vec![Self::Shape, Self::K];
        match rule.shape {
            ShapeName::Tempered => all.push(Self::Tau),
            ShapeName::Band => all.extend([Self::Low, Self::High]),
            ShapeName::Vanilla | ShapeName::Uniform | ShapeName::Prop2diff => {}
        }
        all.extend([Self::Least, Self::Most, Self::Samples, Self::Tokens, Self::Pick]);
        if rule.pick == Pick::Length {
            all.extend([Self::From, Self::To]);
        }
        all.extend([Self::Weight, Self::Confirming]);
        all
    }

    pub fn label(self) -> &'static str {
        match self {
            Self::Shape => "shape",
            Self::K => "K",
            Self::Tau => "tau",
            Self::Low => "low",
            Self::High => "high",
            Self::Least => "least",
            Self::Most => "most",
            Self::Samples => "samples",
            Self::Tokens => "tokens",
            Self::Pick => "pick",
            Self::From => "from",
            Self::To => "to",
            Self::Weight => "weight",
            Self::Confirming => "confirming",
        }
    }

    pub fn help(self) -> &'static str {
        match self {
            Self::Shape => "Worth of a pass rate p: vanilla p, uniform 1, prop2diff 1-p, tempered p^tau.",
            Self::K => "Samples of the problem that gets most; auto: the smallest that reaches samples or tokens.",
            Self::Tau => "Power of the pass rate: 1 is vanilla, 0 uniform, below 0 against the easy ones.",
            Self::Low => "Only problems with a pass rate above this.",
            Self::High => "Only problems with a pass rate below this.",
            Self::Least => "Fewest samples of a problem that has a right one.",
            Self::Most => "Most samples of a problem.",
            Self::Samples => "Most samples of all.",
            Self::Tokens => "Most tokens of all.",
            Self::Pick => "Which samples of a problem go first: as drawn, the most diverse, or by length.",
            Self::From => "Fewest tokens of a sample that goes first.",
            Self::To => "Most tokens of a sample that goes first.",
            Self::Weight => "Where a problem falls short, its samples count for more, up to so many times.",
            Self::Confirming => "Largest share of chains whose first answer was right already.",
        }
    }

    /// As it reads; `k` is the one that was found.
    pub fn value(self, rule: &Rule, k: Option<f64>) -> String {
        let or_none = |number: u64, none: u64| if number == none { "no limit".to_owned() } else { number.to_string() };
        match self {
            Self::Shape => rule.shape.name().into(),
            Self::K => match k {
                Some(k) if rule.k == 0.0 => format!("auto {k}"),
                _ if rule.k == 0.0 => "auto".into(),
                _ => rule.k.to_string(),
            },
            Self::Tau => rounded(rule.tau).to_string(),
            Self::Low => rounded(rule.low).to_string(),
            Self::High => rounded(rule.high).to_string(),
            Self::Least => rule.least.to_string(),
            Self::Most if rule.most >= NO_LIMIT => "no limit".into(),
            Self::Most => rule.most.to_string(),
            Self::Samples => or_none(rule.samples.into(), 0),
            Self::Tokens => or_none(rule.tokens, 0),
            Self::Pick => rule.pick.name().into(),
            Self::From => rule.length.0.to_string(),
            Self::To => or_none(rule.length.1.into(), u32::MAX.into()),
            Self::Weight => format!("{}", rounded(rule.most_weight.into())),
            Self::Confirming => rounded(rule.most_confirming).to_string(),
        }
    }

    /// Whether it is one of a few words and not a number.
    pub fn chosen(self) -> bool {
        matches!(self, Self::Shape | Self::Pick)
    }

    /// The rule with this moved by so many steps; what has no end goes round or stops.
    pub fn moved(self, rule: &Rule, steps: i32, found: &Found) -> Rule {
        let mut rule = *rule;
        let count = |value: u32| stepped(value.into(), steps).min(u32::MAX.into()) as u32;
        match self {
            Self::Shape => rule.shape = turned(&ShapeName::ALL, rule.shape, steps),
            Self::Pick => rule.pick = turned(&Pick::ALL, rule.pick, steps),
            // From `auto` it goes on at what was found; below 1 it is `auto` again.
            Self::K => rule.k = stepped(if rule.k > 0.0 { rule.k } else { found.k }.ceil() as u64, steps) as f64,
            Self::Tau => rule.tau = rounded(rule.tau + 0.1 * f64::from(steps)),
            Self::Low => rule.low = rounded(rule.low + 0.05 * f64::from(steps)).clamp(0.0, 1.0),
            Self::High => rule.high = rounded(rule.high + 0.05 * f64::from(steps)).clamp(0.0, 1.0),
            Self::Least => rule.least = count(rule.least),
            Self::Most if rule.most >= NO_LIMIT && steps > 0 => {}
            Self::Most if rule.most >= NO_LIMIT => rule.most = found.most.max(rule.least).max(1),
            Self::Most => {
                let most = count(rule.most).max(1);
                rule.most = if steps > 0 && rule.most >= found.most { NO_LIMIT } else { most };
            }
            Self::Samples if rule.samples == 0 => rule.samples = stepped(found.samples, steps.min(0)) as u32,
            Self::Samples => rule.samples = count(rule.samples),
            Self::Tokens if rule.tokens == 0 => rule.tokens = stepped(found.tokens, steps.min(0)),
            Self::Tokens => rule.tokens = stepped(rule.tokens, steps),
            Self::From => rule.length.0 = count(rule.length.0).min(rule.length.1),
            Self::To if rule.length.1 == u32::MAX => rule.length.1 = rule.length.0.max(512),
            Self::To => rule.length.1 = count(rule.length.1).max(rule.length.0),
            Self::Weight => {
                let weight = rounded(f64::from(rule.most_weight) + 0.5 * f64::from(steps));
                rule.most_weight = weight.clamp(1.0, 100.0) as f32;
            }
            Self::Confirming => {
                rule.most_confirming = rounded(rule.most_confirming + 0.05 * f64::from(steps)).clamp(0.0, 1.0);
            }
        }
        rule
    }

    /// The rule with what was typed.
    ///
    /// # Errors
    /// What is needed instead.
    pub fn typed(self, rule: &Rule, text: &str) -> Result<Rule, String> {
        let mut rule = *rule;
        let text = text.trim();
        let none = matches!(text, "" | "-" | "auto" | "no limit");
        let number =
            || text.parse::<f64>().ok().filter(|n| n.is_finite()).ok_or_else(|| "a number is needed".to_owned());
        let whole = |none_is: Option<u64>| match (none, none_is) {
            (true, Some(value)) => Ok(value),
            _ => text.parse::<u64>().map_err(|_| "a whole number is needed".to_owned()),
        };
        let small = |value: u64| u32::try_from(value).map_err(|_| "a smaller number is needed".to_owned());
        match self {
            Self::Shape | Self::Pick => {}
            Self::K => rule.k = if none { 0.0 } else { number()? },
            Self::Tau => rule.tau = number()?,
            Self::Low => rule.low = number()?,
            Self::High => rule.high = number()?,
            Self::Least => rule.least = small(whole(None)?)?,
            Self::Most => rule.most = small(whole(Some(NO_LIMIT.into()))?)?,
            Self::Samples => rule.samples = small(whole(Some(0))?)?,
            Self::Tokens => rule.tokens = whole(Some(0))?,
            Self::From => rule.length.0 = small(whole(Some(0))?)?,
            Self::To => rule.length.1 = small(whole(Some(u32::MAX.into()))?)?,
            Self::Weight => rule.most_weight = number()? as f32,
            Self::Confirming => rule.most_confirming = number()?,
        }
        rule.validate().map(|()| rule)
    }
}

/// Without the last bits that sums of tenths leave.
fn rounded(value: f64) -> f64 {
    let value = (value * 1e4).round() / 1e4;
    if value == 0.0 { 0.0 } else { value }
}

/// A count moved by steps of about a twentieth of it, to round numbers: 1 below 20, 5 below 100, 10 below 200 and so on.
fn stepped(value: u64, steps: i32) -> u64 {
    let mut value = value;
    for _ in 0..steps.unsigned_abs() {
        // Going down from a round number the step is that of the numbers below.
        let size = step(if steps < 0 { value.saturating_sub(1) } else { value });
        value = if steps < 0 {
            value.saturating_sub(1) / size * size
        } else {
            (value / size).saturating_add(1).saturating_mul(size)
        };
    }
    value
}

fn step(value: u64) -> u64 {
    let mut unit = 1;
    loop {
        for factor in [1, 2, 5] {
            let size: u64 = factor * unit;
            if value < size.saturating_mul(20) || size >= 1 << 40 {
                return size;
            }
        }
        unit *= 10;
    }
}

fn turned<T: Copy + PartialEq>(all: &[T], now: T, steps: i32) -> T {
    let at = all.iter().position(|one| *one == now).unwrap_or_default() as i32;
    all[(at + steps).rem_euclid(all.len() as i32) as usize]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_move_by_round_steps_and_come_back() {
        let up = |value, steps| stepped(value, steps);
        assert_eq!([up(0, 1), up(19, 1), up(20, 1), up(112, 1), up(1950, 1)], [1, 20, 22, 120, 2000]);
        assert_eq!([up(0, -1), up(1, -1), up(22, -1), up(20, -1), up(2000, -1)], [0, 0, 20, 19, 1900]);
        assert_eq!(up(up(300, 7), -7), 300);
    }

    #[test]
    fn no_limit_is_left_where_the_samples_end_and_found_again() {
        let found = Found { k: 112.0, samples: 1950, tokens: 341_071, most: 30 };
        let rule = Rule::default();
        let moved = |parameter: Parameter, rule: &Rule, steps| parameter.moved(rule, steps, &found);
        assert_eq!(moved(Parameter::K, &rule, 1).k, 120.0);
        assert_eq!(moved(Parameter::K, &Rule { k: 1.0, ..rule }, -1).k, 0.0, "auto");
        let capped = moved(Parameter::Most, &rule, -1);
        assert_eq!(capped.most, 30);
        assert_eq!(moved(Parameter::Most, &capped, 1).most, NO_LIMIT);
        assert_eq!(moved(Parameter::Most, &rule, 1), rule);
        assert_eq!(moved(Parameter::Samples, &rule, -1).samples, 1900);
        assert_eq!(moved(Parameter::Samples, &rule, 1).samples, 1950);
        assert_eq!(moved(Parameter::Tau, &Rule { tau: 0.1, ..rule }, -1).tau.to_string(), "0");
        assert_eq!(moved(Parameter::Shape, &rule, 3).shape, ShapeName::Vanilla, "it goes round");
    }

    #[test]
    fn what_is_typed_is_checked() {
        let rule = Rule::default();
        assert_eq!(Parameter::K.typed(&rule, " 7.5 ").unwrap().k, 7.5);
        assert_eq!(Parameter::K.typed(&Rule { k: 3.0, ..rule }, "auto").unwrap().k, 0.0);
        assert_eq!(Parameter::Most.typed(&rule, "").unwrap().most, NO_LIMIT);
        assert!(Parameter::K.typed(&rule, "-1").unwrap_err().starts_with('k'));
        assert!(Parameter::Least.typed(&Rule { most: 4, ..rule }, "5").unwrap_err().starts_with("most"));
        assert!(Parameter::Confirming.typed(&rule, "x").unwrap_err().contains("number"));
        assert!(Parameter::Samples.typed(&rule, "99999999999").unwrap_err().contains("smaller"));
    }

    #[test]
    fn a_shape_has_the_parameters_that_it_uses() {
        let of = |shape| Parameter::of(&Rule { shape, ..Rule::default() });
        assert!(of(ShapeName::Tempered).contains(&Parameter::Tau) && !of(ShapeName::Uniform).contains(&Parameter::Tau));
        assert!(of(ShapeName::Band).contains(&Parameter::High));
        assert!(Parameter::of(&Rule { pick: Pick::Length, ..Rule::default() }).contains(&Parameter::To));
    }
}
