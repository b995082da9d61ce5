//! One spelling for texts that differ only in their clothes: layout commands, spaces, names for one fraction.
//!
//! It never joins what is apart: `1 2` stays two numbers, `28\%` keeps its sign. What these mean is for the parser.

use super::limits;
use super::parse::clean::clean;

/// Commands that print nothing of their own.
const NOTHING: &[&str] = &[
    "\\left",
    "\\right",
    "\\bigl",
    "\\bigr",
    "\\big",
    "\\Big",
    "\\!",
    "\\,",
    "\\;",
    "\\:",
    "\\ ",
    "\\displaystyle",
    "\\limits",
    "\\quad",
    "\\qquad",
    "\\(",
    "\\)",
    "\\[",
    "\\]",
];

/// Two names for one thing; the second is kept.
const SAME: &[(&str, &str)] = &[
    ("\\dfrac", "\\frac"),
    ("\\tfrac", "\\frac"),
    ("\\cfrac", "\\frac"),
    ("\\dbinom", "\\binom"),
    ("\\tbinom", "\\binom"),
    ("{,}", ","),
    ("\\leq", "\\le"),
    ("\\geq", "\\ge"),
    ("\\neq", "\\ne"),
    ("\\ldots", "\\dots"),
    ("\\dotsc", "\\dots"),
];

/// The answer as its text is compared; empty where there is nothing in it.
pub fn normalise(answer: &str) -> String {
    let answer = answer.trim();
    if answer.len() > limits::TEXT_BYTES {
        return answer.to_owned();
    }
    let mut text = clean(answer);
    if text.contains('\\') {
        for (name, kept) in SAME {
            text = replaced(&text, name, kept);
        }
        for nothing in NOTHING {
            text = replaced(&text, nothing, " ");
        }
    }
    let text = without_dollars(&text);
    let text = text.trim();
    // Dots that mean "and so on" stay.
    let text = if text.ends_with("..") { text } else { text.trim_end_matches('.').trim() };
    // A space counts only between two letters or digits.
    let mut out = String::with_capacity(text.len());
    let mut pending = false;
    for letter in text.chars() {
        if letter.is_whitespace() {
            pending = true;
            continue;
        }
        let joint = |c: char| c.is_alphanumeric() || c == '\\' || c == '.';
        if pending && joint(letter) && out.chars().next_back().is_some_and(joint) {
            out.push(' ');
        }
        pending = false;
        out.push(letter);
    }
    out
}

/// Replaces a command that is not the beginning of a longer one.
fn replaced(text: &str, name: &str, with: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(name) {
        let after = &rest[at + name.len()..];
        let word = name.as_bytes()[name.len() - 1].is_ascii_alphabetic();
        let longer = word && after.starts_with(|c: char| c.is_ascii_alphabetic());
        // The second half of a line break is no command.
        let broken = rest[..at].ends_with('\\');
        out.push_str(&rest[..at]);
        out.push_str(if longer || broken { name } else { with });
        rest = after;
    }
    out.push_str(rest);
    out
}

/// Pairs of dollar signs enclose mathematics; a single one is money.
fn without_dollars(text: &str) -> String {
    let count = text
        .bytes()
        .zip(std::iter::once(b' ').chain(text.bytes()))
        .filter(|(byte, before)| *byte == b'$' && *before != b'\\')
        .count();
    if count % 2 == 1 || count == 0 {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    let mut before = ' ';
    for letter in text.chars() {
        if letter != '$' || before == '\\' {
            out.push(letter);
        }
        before = letter;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clothes_go_and_meaning_stays() {
        for (one, other) in [
            ("\\dfrac{1}{2}", "\\frac{1}{2}"),
            ("\\left( 3, \\frac{\\pi}{2} \\right)", "(3,\\frac{\\pi}{2})"),
            ("$x + 1$", "x+1"),
            ("5.", "5"),
            ("**12**", "12"),
        ] {
            assert_eq!(normalise(one), normalise(other));
        }
        for (one, other) in [("1 2", "12"), ("28\\%", "28"), ("2 1/2", "21/2"), ("\\pi r", "\\pir"), ("52_8", "52")] {
            assert_ne!(normalise(one), normalise(other));
        }
    }
}
