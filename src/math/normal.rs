//! Answers without their clothes: dollar signs, spaces, units, separators.

/// What stands for nothing in an answer.
const NOTHING: &[&str] = &[
    "\\left",
    "\\right",
    "\\!",
    "\\,",
    "\\;",
    "\\:",
    "\\ ",
    "\\$",
    "\\%",
    "^\\circ",
    "^{\\circ}",
    "\\circ",
    "\\mathrm",
    "\\displaystyle",
];

/// Two names for one thing; the second is kept.
const SAME: &[(&str, &str)] =
    &[("\\dfrac", "\\frac"), ("\\tfrac", "\\frac"), ("{,}", ","), ("\\le ", "\\leq "), ("\\ge ", "\\geq ")];

/// The answer as it is compared.
pub fn normalise(answer: &str) -> String {
    let mut text = answer.replace('\u{2212}', "-");
    for (name, kept) in SAME {
        text = text.replace(name, kept);
    }
    for nothing in NOTHING {
        text = text.replace(nothing, "");
    }
    text.retain(|c| !matches!(c, '$' | '%' | '°'));
    let text = without_text(text.trim());
    let text: String = text.split_whitespace().collect();
    let text = text.trim_end_matches('.');
    number(text).unwrap_or_else(|| text.to_owned())
}

/// `\text{...}` alone is the answer itself; after something else it is a unit.
fn without_text(text: &str) -> String {
    let mut kept = text.to_owned();
    while let Some(begin) = kept.rfind("\\text{") {
        let inside = begin + "\\text{".len();
        let Some(length) = kept[inside..].find('}') else { break };
        let word = kept[inside..inside + length].trim().to_owned();
        let unit = begin > 0 && kept[..begin].trim_end().ends_with(|c: char| c.is_ascii_digit() || c == '}');
        kept.replace_range(begin..=inside + length, if unit { "" } else { &word });
    }
    kept
}

/// A plain number without separators, leading zeros, and zeros after the point; anything else is none of it.
fn number(text: &str) -> Option<String> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let grouped: String = whole.replace(',', "");
    if whole.contains(',') && !groups_of_three(whole) {
        return None;
    }
    let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if (grouped.is_empty() && fraction.is_empty()) || !all_digits(&grouped) || !all_digits(fraction) {
        return None;
    }
    let whole = grouped.trim_start_matches('0');
    let whole = if whole.is_empty() { "0" } else { whole };
    let fraction = fraction.trim_end_matches('0');
    let point = if fraction.is_empty() { "" } else { "." };
    let sign = if whole == "0" && fraction.is_empty() { "" } else { sign };
    Some(format!("{sign}{whole}{point}{fraction}"))
}

fn groups_of_three(whole: &str) -> bool {
    let mut groups = whole.split(',');
    groups.next().is_some_and(|first| (1..=3).contains(&first.len())) && groups.all(|group| group.len() == 3)
}

/// The value of a short plain fraction or decimal, for two ways to write one number.
pub(super) fn decimal(text: &str) -> Option<(i128, i128)> {
    if let Some(inside) = text.strip_prefix("\\frac{").and_then(|rest| rest.strip_suffix('}')) {
        let (above, below) = inside.split_once("}{")?;
        return reduced(above.parse().ok()?, below.parse().ok()?);
    }
    if let Some((above, below)) = text.split_once('/') {
        return reduced(above.parse().ok()?, below.parse().ok()?);
    }
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if whole.len() + fraction.len() > 30 || whole.is_empty() || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let scale = 10i128.checked_pow(fraction.len() as u32)?;
    reduced(format!("{whole}{fraction}").parse().ok()?, scale)
}

fn reduced(above: i128, below: i128) -> Option<(i128, i128)> {
    let (mut a, mut b) = (above.checked_abs()?, below.checked_abs()?);
    while b != 0 {
        (a, b) = (b, a % b);
    }
    if below == 0 || a == 0 {
        return None;
    }
    let sign = if below < 0 { -1 } else { 1 };
    Some((above / a * sign, below / a * sign))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_ways_to_write_one_number() {
        assert_eq!(decimal("0.5"), decimal("\\frac{1}{2}"));
        assert_eq!(decimal("-6/4"), decimal("-1.5"));
        assert_eq!(decimal("1/0"), None);
        assert_eq!(decimal("x"), None);
        assert_eq!(decimal("\\frac{1}{-2}"), decimal("-0.5"));
    }

    #[test]
    fn lists_are_not_numbers() {
        assert_eq!(normalise("1,2"), "1,2");
        assert_eq!(normalise("12,345.60"), "12345.6");
        assert_eq!(normalise("-0"), "0");
    }
}
