//! Where a text states its answer.
//!
//! In order: the last brace-matched `\boxed{}` or `\fbox{}`, `#### x`, "answer is x" or "answer: x", and at last the
//! last number, which is *weak*: it may be anything. What stands inside `<think>` is not looked at when something follows it.

/// An answer as a text writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extracted {
    pub text: String,
    /// Only the last number of the text: not good enough for training data.
    pub weak: bool,
    /// Byte range of the answer in the text.
    pub span: (usize, usize),
}

/// Finds the answer of a text. Linear in its length.
pub fn extract(text: &str) -> Option<Extracted> {
    let begin = text.rfind("</think>").map_or(0, |at| at + "</think>".len());
    let begin = if text[begin..].trim().is_empty() { 0 } else { begin };
    let rest = &text[begin..];
    let (span, weak) = None
        .or_else(|| boxes(rest).last().map(|found| (found.inside, false)))
        .or_else(|| after_hashes(rest).map(|span| (span, false)))
        .or_else(|| after_words(rest).map(|span| (span, false)))
        .or_else(|| last_number(rest).map(|span| (span, true)))?;
    let span = (begin + span.0, begin + span.1);
    Some(Extracted { text: text[span.0..span.1].trim().to_owned(), weak, span })
}

/// A box in a text, as byte ranges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Boxed {
    /// With `\boxed` and its braces.
    pub whole: (usize, usize),
    /// What stands in it.
    pub inside: (usize, usize),
}

/// Every outermost `\boxed` and `\fbox` whose braces match, in order. `\boxed 4` counts as well.
pub fn boxes(text: &str) -> Vec<Boxed> {
    let mut found = Vec::new();
    let mut at = 0;
    // A box that does not close is looked for to the end of the text; after so many no other is taken for closed, which
    // keeps the whole linear.
    let mut unclosed = 0;
    for (begin, _) in text.match_indices('\\') {
        if begin < at {
            continue;
        }
        let Some(name) = ["\\boxed", "\\fbox"].iter().find(|name| text[begin..].starts_with(**name)) else { continue };
        let after = begin + name.len();
        let open = after + spaces(&text[after..]);
        if text[open..].starts_with('{') {
            let end = if unclosed < 64 { matching(text, open) } else { None };
            match end {
                Some(end) => {
                    found.push(Boxed { whole: (begin, end + 1), inside: (open + 1, end) });
                    at = end + 1;
                }
                None => unclosed += 1,
            }
        } else if let Some(inside) = bare(text, after, open) {
            found.push(Boxed { whole: (begin, inside.1), inside });
            at = inside.1;
        }
    }
    found
}

/// Bytes of spaces and tabs that a text begins with.
fn spaces(text: &str) -> usize {
    text.len() - text.trim_start_matches([' ', '\t']).len()
}

/// The brace that closes the one at `open`; escaped braces do not count.
fn matching(text: &str, open: usize) -> Option<usize> {
    let mut depth = 0usize;
    let mut escaped = false;
    for (offset, byte) in text.as_bytes()[open..].iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'{' => depth += 1,
            b'}' => {
                depth -= 1;
                if depth == 0 {
                    return Some(open + offset);
                }
            }
            _ => {}
        }
    }
    None
}

/// The number after `\boxed` where there are no braces, as in `\boxed 4`.
fn bare(text: &str, after: usize, begin: usize) -> Option<(usize, usize)> {
    let word = &text[begin..];
    let length = word.find(|c: char| !(c.is_ascii_digit() || "+-./,".contains(c))).unwrap_or(word.len());
    let number = word[..length].trim_end_matches(['.', ',']);
    (begin > after && number.bytes().any(|byte| byte.is_ascii_digit())).then_some((begin, begin + number.len()))
}

fn after_hashes(text: &str) -> Option<(usize, usize)> {
    let begin = text.rfind("####")? + "####".len();
    let end = text[begin..].find('\n').map_or(text.len(), |length| begin + length);
    trimmed(text, begin, end)
}

/// After the last "answer is" or "answer:", to the end of the sentence or line.
fn after_words(text: &str) -> Option<(usize, usize)> {
    // Only ASCII letters change length-preservingly, and the words looked for have no others.
    let lower = text.to_ascii_lowercase();
    let begin =
        ["answer is", "answer:"].iter().filter_map(|words| lower.rfind(words).map(|at| at + words.len())).max()?;
    let rest = &text[begin..];
    let mut end = rest.find('\n').unwrap_or(rest.len());
    if let Some(stop) = rest[..end].find(". ") {
        end = stop;
    }
    let (begin, end) = trimmed(text, begin, begin + end)?;
    let rest = &text[begin..end];
    let lead = rest.len() - rest.trim_start_matches([':', '*', ' ']).len();
    let tail = rest.len() - rest.trim_end_matches(['.', '*', ' ']).len();
    let (begin, end) = (begin + lead, end - tail);
    // A whole sentence is no answer: take the number in it, if there is one.
    if begin < end && text[begin..end].split_whitespace().count() > 6 {
        return last_number(&text[begin..end]).map(|span| (begin + span.0, begin + span.1));
    }
    (begin < end).then_some((begin, end))
}

fn last_number(text: &str) -> Option<(usize, usize)> {
    let bytes = text.as_bytes();
    let end = bytes.iter().rposition(u8::is_ascii_digit)? + 1;
    let mut begin = end;
    while begin > 0 {
        let byte = bytes[begin - 1];
        let inner = (byte == b',' || byte == b'.') && begin >= 2 && bytes[begin - 2].is_ascii_digit();
        if !(byte.is_ascii_digit() || inner) {
            break;
        }
        begin -= 1;
    }
    // A point without digits before it, and a sign that is no subtraction.
    if begin > 0 && bytes[begin - 1] == b'.' {
        begin -= 1;
    }
    if begin > 0 && bytes[begin - 1] == b'-' && (begin == 1 || !bytes[begin - 2].is_ascii_alphanumeric()) {
        begin -= 1;
    }
    Some((begin, end))
}

fn trimmed(text: &str, begin: usize, end: usize) -> Option<(usize, usize)> {
    let inside = &text[begin..end];
    let lead = inside.len() - inside.trim_start().len();
    let word = inside.trim();
    (!word.is_empty()).then(|| (begin + lead, begin + lead + word.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Option<(String, bool)> {
        extract(text).map(|found| (found.text, found.weak))
    }

    fn strong(answer: &str) -> Option<(String, bool)> {
        Some((answer.to_owned(), false))
    }

    #[test]
    fn the_last_box_wins_and_braces_match() {
        assert_eq!(found("\\boxed{1} then \\boxed{\\frac{1}{2}}."), strong("\\frac{1}{2}"));
        assert_eq!(found("\\fbox{ 7 }"), strong("7"));
        assert_eq!(found("\\boxed 4."), strong("4"));
        assert_eq!(found("\\boxed{\\{1,2\\}}"), strong("\\{1,2\\}"));
        assert_eq!(found("\\boxed{3} and \\boxed{4"), strong("3"));
    }

    #[test]
    fn hashes_words_and_numbers() {
        assert_eq!(found("48/2 = 24\n#### 24\n"), strong("24"));
        assert_eq!(found("The final answer is: **42**."), strong("42"));
        assert_eq!(found("the answer is $x^2$. I hope it is right."), strong("$x^2$"));
        assert_eq!(found("He pays 3 and gets -1,250.5 back"), Some(("-1,250.5".into(), true)));
        assert_eq!(found("from 7-3"), Some(("3".into(), true)));
        assert_eq!(found("nothing"), None);
    }

    #[test]
    fn thinking_is_not_the_answer() {
        assert_eq!(found("<think>\\boxed{1}</think>It is \\boxed{2}"), strong("2"));
        assert_eq!(found("<think>\\boxed{1}</think>  "), strong("1"));
    }

    #[test]
    fn many_open_boxes_take_no_time() {
        let text = "\\boxed{".repeat(200_000) + "}";
        extract(&text);
    }
}
