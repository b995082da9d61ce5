//! Where a text states its answer.
//!
//! In order: "final answer is x" behind all boxes, the last brace-matched `\boxed{}` or `\fbox{}` with those right before it, `#### x`, "answer is x" or
//! "answer: x", and at last the last number, which is *weak*: it may be anything. What stands inside `<think>` is not
//! looked at when something follows it.

use super::limits;

/// An answer as a text writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extracted {
    /// As it is written, or as boxes side by side make it.
    pub text: String,
    /// Only the last number of the text: not good enough for training data.
    pub weak: bool,
    /// Byte range of the answer in the text.
    pub span: (usize, usize),
}

/// Finds the answer of a text, in its last mebibyte. Linear in its length.
pub fn extract(text: &str) -> Option<Extracted> {
    let begin = after_thinking(text);
    let rest = &text[begin..];
    let boxed = boxes(rest);
    if let Some(span) = after_boxes(rest, &boxed) {
        let span = (begin + span.0, begin + span.1);
        return Some(Extracted { text: text[span.0..span.1].to_owned(), weak: false, span });
    }
    if let Some((answer, span)) = last_boxes(rest, &boxed, false) {
        return Some(Extracted { text: answer, weak: false, span: (begin + span.0, begin + span.1) });
    }
    let (span, weak) = None
        .or_else(|| after_hashes(rest).map(|span| (span, false)))
        .or_else(|| after_words(rest).map(|span| (span, false)))
        .or_else(|| last_number(rest).map(|span| (span, true)))?;
    let span = (begin + span.0, begin + span.1);
    Some(Extracted { text: text[span.0..span.1].trim().to_owned(), weak, span })
}

/// Where the text behind the thoughts begins; its beginning where nothing follows them, or the last stretch of a long one.
pub(super) fn after_thinking(text: &str) -> usize {
    let mut first = text.len().saturating_sub(limits::COMPLETION_BYTES);
    while !text.is_char_boundary(first) {
        first += 1;
    }
    let begin = text[first..].rfind("</think>").map_or(first, |at| first + at + "</think>".len());
    if text[begin..].trim().is_empty() { first } else { begin }
}

/// A box in a text, as byte ranges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Boxed {
    /// With `\boxed` and its braces.
    pub whole: (usize, usize),
    /// What stands in it.
    pub inside: (usize, usize),
}

/// Boxes that may be open at once, and unmatched ones that are remembered.
const OPEN_BOXES: usize = 4096;

/// Every outermost `\boxed` and `\fbox` whose braces match, in order. `\boxed 4` counts as well. One pass.
pub fn boxes(text: &str) -> Vec<Boxed> {
    let bytes = text.as_bytes();
    let mut found: Vec<Boxed> = Vec::new();
    // Where the name, and the depth and place of the brace, of boxes that are open.
    let mut open: Vec<(usize, usize, usize)> = Vec::new();
    let mut depth = 0usize;
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => {
                let name = ["\\boxed", "\\fbox"].iter().find(|name| bytes[at..].starts_with(name.as_bytes()));
                let Some(name) = name else {
                    // A brace behind a backslash is a sign, not a brace.
                    at += if bytes.get(at + 1).is_some_and(|next| matches!(next, b'{' | b'}')) { 2 } else { 1 };
                    continue;
                };
                let after = at + name.len();
                let brace = after + spaces(&text[after..]);
                if bytes.get(brace) == Some(&b'{') {
                    depth += 1;
                    if open.len() < OPEN_BOXES {
                        open.push((at, depth, brace));
                    }
                    at = brace + 1;
                    continue;
                }
                if let Some(inside) = bare(text, after, brace) {
                    found.push(Boxed { whole: (at, inside.1), inside });
                    at = inside.1;
                    continue;
                }
                at = after;
            }
            b'{' => {
                depth += 1;
                at += 1;
            }
            b'}' => {
                while open.last().is_some_and(|(_, level, _)| *level > depth) {
                    open.pop();
                }
                if let Some(&(begin, level, brace)) = open.last()
                    && level == depth
                {
                    open.pop();
                    // Boxes inside this one are parts of its answer.
                    while found.last().is_some_and(|last| last.whole.0 > begin) {
                        found.pop();
                    }
                    found.push(Boxed { whole: (begin, at + 1), inside: (brace + 1, at) });
                }
                depth = depth.saturating_sub(1);
                at += 1;
            }
            _ => at += 1,
        }
    }
    found
}

/// The content of the last box, joined with that of the boxes before it where only commas, "and", dollar signs and
/// spaces stand between them. With `loosely` a few words with a connective may stand there as well.
pub(super) fn last_boxes(text: &str, boxes: &[Boxed], loosely: bool) -> Option<(String, (usize, usize))> {
    let full = |found: &Boxed| !text[found.inside.0..found.inside.1].trim().is_empty();
    // An empty box says nothing.
    let boxes = &boxes[..boxes.iter().rposition(full)? + 1];
    let last = boxes.last()?;
    let mut first = boxes.len() - 1;
    while first > 0 && boxes.len() - first < 64 {
        let between = &text[boxes[first - 1].whole.1..boxes[first].whole.0];
        if !(adjacent(between) || loosely && nearly_adjacent(between)) {
            break;
        }
        first -= 1;
    }
    if first == boxes.len() - 1 {
        return Some((text[last.inside.0..last.inside.1].trim().to_owned(), last.inside));
    }
    let parts: Vec<&str> = boxes[first..].iter().map(|found| text[found.inside.0..found.inside.1].trim()).collect();
    // The same answer boxed twice is one answer.
    let same = parts.iter().all(|part| *part == parts[0]);
    let joined = if same { parts[0].to_owned() } else { parts.join(", ") };
    Some((joined, (boxes[first].inside.0, last.inside.1)))
}

/// "The final answer is 5" said behind the last box takes the box back.
pub(super) fn after_boxes(text: &str, boxes: &[Boxed]) -> Option<(usize, usize)> {
    let end = boxes.last()?.whole.1;
    let rest = &text[end..];
    let words = "inal answer is";
    let at = rest.rfind(words)?;
    let span = phrase(text, end + at + words.len())?;
    text[span.0..span.1].bytes().any(|byte| byte.is_ascii_digit() || byte == b'$').then_some(span)
}

/// Nothing but separators.
fn adjacent(between: &str) -> bool {
    if between.len() > 60 {
        return false;
    }
    let mut rest = between.to_owned();
    for word in [
        "\\text{ and }",
        "\\text{and}",
        "\\text{ or }",
        "\\text{or}",
        "\\quad",
        "\\qquad",
        "\\,",
        "\\;",
        "\\ ",
        "\\(",
        "\\)",
        "\\[",
        "\\]",
        "\\text",
        "and",
        "or",
    ] {
        rest = rest.replace(word, " ");
    }
    rest.chars().all(|c| c.is_whitespace() || "$,;&{}".contains(c))
}

/// A short stretch on one line with "and", "or" or a comma in it, or without any letter.
fn nearly_adjacent(between: &str) -> bool {
    let short = between.len() <= 48 && !between.contains('\n');
    let joins =
        between.contains(',') || between.split(|c: char| !c.is_alphabetic()).any(|word| word == "and" || word == "or");
    short && (joins || !between.contains(char::is_alphabetic))
}

/// Bytes of spaces and tabs that a text begins with.
fn spaces(text: &str) -> usize {
    text.len() - text.trim_start_matches([' ', '\t']).len()
}

/// The number after `\boxed` where there are no braces, as in `\boxed 4`.
fn bare(text: &str, after: usize, begin: usize) -> Option<(usize, usize)> {
    let word = &text[begin..];
    let length = word.find(|c: char| !(c.is_ascii_digit() || "+-./,".contains(c))).unwrap_or(word.len());
    let number = word[..length].trim_end_matches(['.', ',']);
    (begin > after && number.bytes().any(|byte| byte.is_ascii_digit())).then_some((begin, begin + number.len()))
}

pub(super) fn after_hashes(text: &str) -> Option<(usize, usize)> {
    let begin = text.rfind("####")? + "####".len();
    let end = text[begin..].find('\n').map_or(text.len(), |length| begin + length);
    trimmed(text, begin, end)
}

/// After the last "answer is" or "answer:", to the end of the sentence or line.
pub(super) fn after_words(text: &str) -> Option<(usize, usize)> {
    let mut end = text.len();
    // A text may speak of answers without giving one, but not for ever.
    for _ in 0..1000 {
        let before = &text[..end];
        end = ["answer", "Answer", "ANSWER"].iter().filter_map(|word| before.rfind(word)).max()?;
        let after = end + "answer".len();
        let rest = &text[after..];
        let word = rest.get(..3).is_some_and(|word| word.eq_ignore_ascii_case(" is"));
        let skip = if word {
            3
        } else {
            ["**:", ":**", ":"].iter().find(|mark| rest.starts_with(**mark)).map_or(0, |mark| mark.len())
        };
        if skip > 0 {
            return phrase(text, after + skip);
        }
    }
    None
}

/// Bytes in which the answer after its announcement is looked for.
const PHRASE: usize = 4096;

/// The answer that begins here: to the end of its sentence or line, or the next line where this one is spent.
pub(super) fn phrase(text: &str, begin: usize) -> Option<(usize, usize)> {
    let mut last = text.len().min(begin + PHRASE);
    while !text.is_char_boundary(last) {
        last -= 1;
    }
    let text = &text[..last];
    let lead = |from: usize| {
        let rest = &text[from..];
        from + rest.len() - rest.trim_start_matches([':', '*', ' ', '\t']).len()
    };
    let mut begin = lead(begin);
    if text[begin..].starts_with(['\n', '\r']) {
        begin = lead(begin + text[begin..].len() - text[begin..].trim_start().len());
    }
    // A display stands on lines of its own.
    for (open, close) in [("\\[", "\\]"), ("$$", "$$")] {
        if let Some(rest) = text[begin..].strip_prefix(open)
            && let Some(length) = rest.find(close).filter(|length| *length <= 1000)
        {
            return trimmed(text, begin + open.len(), begin + open.len() + length);
        }
    }
    let rest = &text[begin..];
    let mut end = rest.find('\n').unwrap_or(rest.len());
    if let Some(stop) = sentence_end(&rest[..end]) {
        end = stop;
    }
    let (begin, end) = trimmed(text, begin, begin + end)?;
    let rest = &text[begin..end];
    let tail = rest.len() - rest.trim_end_matches(['.', '*', ' ']).len();
    let end = end - tail;
    // A whole sentence is no answer: take the number in it, if there is one.
    if begin < end && text[begin..end].split_whitespace().count() > 6 && !text[begin..end].contains(['$', '\\']) {
        return last_number(&text[begin..end]).map(|span| (begin + span.0, begin + span.1));
    }
    (begin < end).then_some((begin, end))
}

/// A full stop and a space, outside of dollar signs; the one of "p.m." ends nothing.
fn sentence_end(line: &str) -> Option<usize> {
    let mut from = 0;
    while let Some(at) = line[from..].find(". ") {
        let stop = from + at;
        let dollars = line[..stop].bytes().filter(|byte| *byte == b'$').count();
        let word = line[..stop].rsplit(|c: char| !c.is_alphanumeric() && c != '.').next().unwrap_or("");
        if dollars.is_multiple_of(2) && !matches!(word, "a.m" | "p.m" | "sq" | "Oct" | "Nov" | "Dec" | "Jan" | "Feb") {
            return Some(stop);
        }
        from = stop + 2;
    }
    None
}

/// The last number that is no part of a word, with its sign and, where it is a plain fraction, its denominator.
pub(super) fn last_number(text: &str) -> Option<(usize, usize)> {
    let bytes = text.as_bytes();
    let mut search = bytes.len();
    loop {
        let end = bytes[..search].iter().rposition(u8::is_ascii_digit)? + 1;
        let mut begin = end;
        while begin > 0 {
            let byte = bytes[begin - 1];
            let inner = (byte == b',' || byte == b'.') && begin >= 2 && bytes[begin - 2].is_ascii_digit();
            if !(byte.is_ascii_digit() || inner) {
                break;
            }
            begin -= 1;
        }
        // "A2" and "x_2" are names.
        if begin > 0 && (bytes[begin - 1].is_ascii_alphabetic() || bytes[begin - 1] == b'_') {
            search = begin;
            continue;
        }
        if begin > 1 && bytes[begin - 1] == b'/' && bytes[begin - 2].is_ascii_digit() {
            let digits = bytes[..begin - 1].iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
            let before = begin - 1 - digits;
            // 3/4, but not the date 1/2/3.
            if before == 0 || !matches!(bytes[before - 1], b'/' | b'.' | b',') {
                begin = before;
            }
        }
        // A point without digits before it, and a sign that is no subtraction.
        if begin > 0 && bytes[begin - 1] == b'.' && (begin < 2 || bytes[begin - 2] != b'.') {
            begin -= 1;
        }
        if begin > 0
            && bytes[begin - 1] == b'-'
            && (begin == 1 || !(bytes[begin - 2].is_ascii_alphanumeric() || bytes[begin - 2] == b')'))
        {
            begin -= 1;
        }
        return Some((begin, end));
    }
}

pub(super) fn trimmed(text: &str, begin: usize, end: usize) -> Option<(usize, usize)> {
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
        assert_eq!(found("\\boxed{a \\boxed{b} c}"), strong("a \\boxed{b} c"));
        assert_eq!(found("\\boxed{a \\boxed{4}"), strong("4"));
    }

    #[test]
    fn boxes_next_to_each_other_are_one_answer() {
        assert_eq!(found("$\\boxed{1}, \\boxed{2}$"), strong("1, 2"));
        assert_eq!(found("\\(\\boxed{1}\\) and \\(\\boxed{-2}\\)."), strong("1, -2"));
        assert_eq!(found("\\boxed{1} no \\boxed{2}"), strong("2"));
        assert_eq!(found("\\boxed{7} \\boxed{7}"), strong("7"));
    }

    #[test]
    fn a_final_answer_behind_the_boxes_is_the_answer() {
        assert_eq!(found("\\boxed{255} so 10,455. The final answer is $10,455$. I hope so."), strong("$10,455$"));
        assert_eq!(found("The final answer is \\boxed{5}."), strong("5"));
        assert_eq!(found("\\boxed{5}. The final answer is correct."), strong("5"));
    }

    #[test]
    fn hashes_words_and_numbers() {
        assert_eq!(found("48/2 = 24\n#### 24\n"), strong("24"));
        assert_eq!(found("The final answer is: **42**."), strong("42"));
        assert_eq!(found("the answer is $x^2$. I hope it is right."), strong("$x^2$"));
        assert_eq!(found("The answer is:\n\\[ 12 \\]\nas wanted"), strong("12"));
        assert_eq!(found("**Final Answer:**\n\n7 apples"), strong("7 apples"));
        assert_eq!(found("He pays 3 and gets -1,250.5 back"), Some(("-1,250.5".into(), true)));
        assert_eq!(found("from 7-3"), Some(("3".into(), true)));
        assert_eq!(found("the chance is 2/3 for x_4 and AZYUK2A"), Some(("2/3".into(), true)));
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
