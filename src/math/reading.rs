//! From what a person or model wrote to the answers it may mean, each with its kind.
//!
//! Mostly there is one. There are more where a text could be read in two ways (`12,34`), where a letter stands before
//! the answer it names, and where prose gives nothing better than its last formula or number.

use super::answer::Form;
use super::expr::Expr;
use super::extract::{after_boxes, after_hashes, after_thinking, after_words, boxes, last_boxes, last_number};
use super::limits;
use super::normal::normalise;
use super::parse::clean::clean;
use super::parse::lexer::Commas;
use super::parse::words::number;
use super::parse::{parse, parse_with};

/// One way to read an answer.
#[derive(Debug, Clone)]
pub struct Reading {
    /// The normalised text.
    pub text: String,
    /// What it may mean, the likeliest first; never empty.
    pub forms: Vec<Form>,
    /// Boxes with words between them, read as one list: only for comparison with a list.
    pub joined: bool,
    /// The last formula or number of prose: never compared with another of its sort.
    pub weak: bool,
}

/// The readings of a bare answer or of a completion, the likeliest first. Empty where there is no answer.
pub fn readings(text: &str) -> Vec<Reading> {
    let rest = text[after_thinking(text)..].trim();
    let mut out = Vec::new();
    let boxed = boxes(rest);
    if let Some(span) = after_boxes(rest, &boxed) {
        answered(&rest[span.0..span.1], false, &mut out);
        return out;
    }
    if let Some((answer, _)) = last_boxes(rest, &boxed, false) {
        answered(&answer, false, &mut out);
        if let Some((joined, _)) = last_boxes(rest, &boxed, true).filter(|(joined, _)| *joined != answer) {
            answered(&joined, true, &mut out);
        }
        return out;
    }
    if let Some(span) = after_hashes(rest).or_else(|| after_words(rest)) {
        answered(&rest[span.0..span.1], false, &mut out);
        return out;
    }
    // A box that is never closed, in an answer that is short.
    let open = ["\\boxed{", "\\fbox{"].iter().filter_map(|name| rest.rfind(name).map(|at| at + name.len())).max();
    if let Some(begin) = open.filter(|begin| rest.len() - begin < 500 && boxed.is_empty()) {
        answered(rest[begin..].trim_end_matches(['$', ' ']), false, &mut out);
        return out;
    }
    answered(rest, false, &mut out);
    out
}

fn answered(answer: &str, joined: bool, out: &mut Vec<Reading>) {
    if answer.trim().is_empty() {
        return;
    }
    if answer.len() > limits::ANSWER_BYTES {
        prose(answer, joined, out);
        return;
    }
    let (bare, dollars) = undelimited(answer);
    let cleaned = unbraced(clean(&bare));
    if cleaned.is_empty() {
        return;
    }
    let mut forms = parsed(&cleaned, dollars);
    let understood = !forms.is_empty();
    labelled(&cleaned, &mut forms);
    small_unit(&cleaned, &mut forms);
    if understood {
        out.push(Reading { text: normalise(answer), forms, joined, weak: false });
        return;
    }
    let sentence = is_sentence(&cleaned, dollars);
    forms.push(Form::Text(cleaned));
    out.push(Reading { text: normalise(answer), forms, joined, weak: false });
    if sentence {
        prose(answer, joined, out);
    }
}

/// Without braces around the whole, which print nothing; around a list they may mean a set.
fn unbraced(cleaned: String) -> String {
    let inner = cleaned.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
    match inner.filter(|inner| !inner.contains(['{', '}', ',']) && !inner.ends_with('\\')) {
        Some(inner) => clean(inner),
        None => cleaned,
    }
}

/// Every tree that the text may stand for.
fn parsed(cleaned: &str, dollars: bool) -> Vec<Form> {
    if let Some(clock) = half_day(cleaned) {
        return vec![clock];
    }
    // 0xFF
    if let Some(digits) = cleaned
        .strip_prefix("0x")
        .filter(|digits| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
    {
        return vec![Form::Based(digits.to_ascii_uppercase(), 16)];
    }
    let lower = cleaned.to_ascii_lowercase();
    if let Some(value) = number(&lower) {
        return vec![Form::value(Expr::integer(value.into()))];
    }
    // "CBAD" is an order and no product; a sentence with an article is no formula.
    let capitals = cleaned.len() >= 3 && cleaned.bytes().all(|byte| byte.is_ascii_uppercase());
    let article = ["a ", "an ", "the "].iter().any(|article| {
        lower.strip_prefix(article).is_some_and(|rest| rest.bytes().take_while(u8::is_ascii_alphabetic).count() >= 3)
    });
    if capitals || article {
        return Vec::new();
    }
    // {1,2} typed without backslashes is a set; inside of dollar signs the braces are not printed.
    let inner = cleaned.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
    let set = inner
        .filter(|inner| !dollars && inner.contains(',') && !inner.contains(['{', '}']))
        .map(|inner| format!("\\{{{inner}\\}}"));
    // "all real numbers except 2 and 3"
    let except = ["all real numbers except ", "all reals except ", "all real numbers other than "]
        .iter()
        .find_map(|words| lower.strip_prefix(words).map(|rest| &cleaned[cleaned.len() - rest.len()..]))
        .map(|rest| {
            format!("\\mathbb{{R}}\\setminus\\{{{}\\}}", rest.trim_start_matches("x =").trim_start_matches("x="))
        });
    let source = except.as_deref().or(set.as_deref()).unwrap_or(cleaned);
    let bytes = source.as_bytes();
    let tight =
        bytes.windows(3).any(|three| three[0].is_ascii_digit() && three[1] == b',' && three[2].is_ascii_digit());
    let commas: &[Commas] =
        if tight { &[Commas::Thousands, Commas::Decimal, Commas::List] } else { &[Commas::Thousands] };
    let mut trees: Vec<Expr> = Vec::new();
    for commas in commas {
        if let Ok(tree) = parse_with(source, *commas)
            && !trees.contains(&tree)
        {
            trees.push(tree);
        }
    }
    trees.iter().map(Form::of).collect()
}

/// "8:34 p.m.", "3 pm": a time with its half of the day.
fn half_day(cleaned: &str) -> Option<Form> {
    if cleaned.len() > 60 || !cleaned.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let mut bare = cleaned.to_ascii_lowercase();
    for name in ["\\text", "\\mathrm", "\\mbox", "\\!", "\\,", "\\ ", "{", "}", "~", "."] {
        bare = bare.replace(name, "");
    }
    let bare: String = bare.split_whitespace().collect();
    let (time, afternoon) = match bare.strip_suffix('m').unwrap_or(&bare) {
        time if time.ends_with('p') => (time.strip_suffix('p')?, true),
        time if time.ends_with('a') && bare.ends_with('m') => (time.strip_suffix('a')?, false),
        _ => return None,
    };
    if !bare.ends_with('m') && !time.contains(':') {
        return None;
    }
    let mut seconds = 0;
    let mut parts = 0;
    for (part, size) in time.split(':').zip([3600, 60, 1]) {
        let value: u32 = part.parse().ok()?;
        if (parts == 0 && !(1..=12).contains(&value)) || (parts > 0 && value > 59) {
            return None;
        }
        seconds += if parts == 0 { value % 12 } else { value } * size;
        parts += 1;
    }
    (parts >= 1 && time.split(':').count() <= 3).then_some(Form::Clock(seconds, afternoon))
}

/// "(C) 12", "C. 12", "option C": the letter and what it names.
fn labelled(cleaned: &str, forms: &mut Vec<Form>) {
    let mut bare = cleaned.to_owned();
    for name in ["\\textbf", "\\textrm", "\\text", "\\mathrm", "\\mathbf", "\\quad", "\\ ", "\\,", "{", "}", "~"] {
        bare = bare.replace(name, " ");
    }
    let bare = bare.replace("\\left", "").replace("\\right", "");
    let bare = bare.trim();
    let lower = bare.to_ascii_lowercase();
    let named = ["option ", "choice ", "answer "]
        .iter()
        .find(|word| lower.starts_with(**word))
        .map(|word| bare[word.len()..].trim());
    let rest = named.unwrap_or(bare);
    let open = rest.starts_with('(');
    let after = rest.trim_start_matches('(');
    let Some(letter) = after.chars().next().filter(|letter| ('A'..='J').contains(letter)) else { return };
    let after = &after[1..];
    let closed = after.starts_with(')') || (!open && after.starts_with(['.', ':']));
    let rest = after.trim_start_matches([')', '.', ':']);
    let spaced = rest.starts_with(' ') && !rest.trim().is_empty();
    if named.is_some() && rest.trim().is_empty() {
        forms.push(Form::value(Expr::Symbol(letter.to_string())));
    } else if closed && spaced {
        forms.insert(0, Form::value(Expr::Symbol(letter.to_string())));
        match parse(rest.trim()) {
            Ok(tree) => forms.push(Form::of(&tree)),
            Err(_) => forms.push(Form::Text(rest.trim().to_owned())),
        }
    }
}

/// "5 m" and "9.8 m/s^2" in plain text: a quantity, if not a product of letters.
fn small_unit(cleaned: &str, forms: &mut Vec<Form>) {
    let Some((number, unit)) = cleaned.split_once(' ') else { return };
    let plain = number.bytes().all(|byte| byte.is_ascii_digit() || b"-.,/".contains(&byte));
    let mut names = unit.split(|c: char| !c.is_ascii_alphabetic()).filter(|name| !name.is_empty()).peekable();
    let small = |name: &str| matches!(name, "m" | "s" | "g" | "h" | "L" | "l" | "cm" | "km" | "mm" | "ft" | "kg");
    let written = unit.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/^{}".contains(&byte));
    if !plain || !written || names.peek().is_none() || !names.all(small) {
        return;
    }
    if let Ok(tree) = parse(number)
        && let Form::Value(expr, None) = Form::of(&tree)
    {
        forms.push(Form::Value(expr, Some(unit.replace('/', " per "))));
    }
}

/// Whether a text is prose that states a number or formula in passing, and not an answer in words such as a date.
fn is_sentence(cleaned: &str, dollars: bool) -> bool {
    let plain =
        [")", "\\text", "\\mathrm", "\\mbox"].iter().fold(cleaned.to_owned(), |text, name| text.replace(name, " "));
    let words = plain
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| word.len() > 1 && word.chars().all(char::is_alphabetic))
        .count();
    dollars || words >= 3 || cleaned.contains(':') && words >= 1
}

/// The last formula of a text in words, or its last number.
fn prose(text: &str, joined: bool, out: &mut Vec<Reading>) {
    let formula = last_formula(text);
    let number = last_number(text);
    let span = match (formula, number) {
        (Some(formula), Some(number)) => {
            if number.0 >= formula.1 {
                number
            } else {
                formula
            }
        }
        (Some(one), None) | (None, Some(one)) => one,
        (None, None) => return,
    };
    if hedged(&text[..span.0]) {
        return;
    }
    let (bare, dollars) = undelimited(&text[span.0..span.1]);
    let cleaned = clean(&bare);
    let forms = parsed(&cleaned, dollars || formula == Some(span));
    if !forms.is_empty() {
        out.push(Reading { text: normalise(&cleaned), forms, joined, weak: true });
    }
}

/// Words right before a number that make another answer of it.
fn hedged(before: &str) -> bool {
    let from = before.char_indices().rev().nth(40).map_or(0, |(at, _)| at);
    let words: Vec<String> = before[from..]
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_ascii_lowercase)
        .collect();
    let tail: Vec<&str> = words.iter().rev().take(3).map(String::as_str).collect();
    let last = tail.first().copied().unwrap_or("");
    matches!(last, "not" | "except" | "minus" | "negative" | "or" | "mod" | "modulo" | "to")
        || matches!(last, "than" | "least" | "most")
        || (last == "and" && tail.get(1).is_some_and(|word| word.bytes().all(|byte| byte.is_ascii_digit())))
}

/// The last stretch between dollar signs or display brackets that is mathematics and not the price of something.
fn last_formula(text: &str) -> Option<(usize, usize)> {
    let mut begin = text.len().saturating_sub(4 * limits::ANSWER_BYTES);
    while !text.is_char_boundary(begin) {
        begin += 1;
    }
    let bytes = text.as_bytes();
    let mut found = None;
    let mut open: Option<(usize, &str)> = None;
    let mut at = begin;
    while at < bytes.len() {
        let rest = &bytes[at..];
        let mark = if rest.starts_with(b"\\\\") || rest.starts_with(b"\\$") {
            at += 2;
            continue;
        } else if rest.starts_with(b"$$") {
            "$$"
        } else if rest.starts_with(b"$") {
            "$"
        } else if rest.starts_with(b"\\(") || rest.starts_with(b"\\[") {
            "\\"
        } else if rest.starts_with(b"\\)") || rest.starts_with(b"\\]") {
            "/"
        } else {
            at += 1;
            continue;
        };
        let length = if mark == "$" { 1 } else { 2 };
        match open {
            Some((from, opener)) if opener == mark || (opener == "\\" && mark == "/") => {
                if is_formula(&text[from..at]) {
                    found = Some((from, at));
                    open = None;
                } else {
                    open = Some((at + length, mark));
                }
            }
            _ if mark != "/" => open = Some((at + length, mark)),
            _ => {}
        }
        at += length;
    }
    found
}

fn is_formula(inner: &str) -> bool {
    let bare = inner.trim();
    if bare.is_empty() || bare.len() > limits::ANSWER_BYTES {
        return false;
    }
    let mut outside = bare.to_owned();
    for name in ["\\text", "\\mbox", "\\textbf", "\\mathrm"] {
        while let Some(at) = outside.find(name) {
            let end = outside[at..].find('}').map_or(outside.len(), |length| at + length + 1);
            outside.replace_range(at..end, " ");
        }
    }
    // Runs of letters that are no commands.
    let mut words = 0;
    for word in outside.split(|c: char| c.is_whitespace()) {
        if word.len() > 3 && word.bytes().all(|byte| byte.is_ascii_alphabetic()) {
            words += 1;
        }
    }
    words == 0 || words * 4 < outside.split_whitespace().count() && bare.contains('\\')
}

/// Without the marks of mathematics, and whether there were any. A lone dollar sign is money.
fn undelimited(answer: &str) -> (String, bool) {
    let bytes = answer.as_bytes();
    let mut marks = 0;
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 1,
            b'$' => marks += 1,
            _ => {}
        }
        at += 1;
    }
    let money = marks % 2 == 1;
    let mut out = String::with_capacity(answer.len());
    let mut delimited = marks > 0 && !money;
    let mut letters = answer.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => match letters.peek() {
                Some('(' | ')' | '[' | ']') => {
                    letters.next();
                    out.push(' ');
                    delimited = true;
                }
                Some(next) => {
                    let next = *next;
                    letters.next();
                    out.push('\\');
                    out.push(next);
                }
                None => out.push('\\'),
            },
            '$' if money => out.push_str("\\$"),
            '$' => out.push(' '),
            other => out.push(other),
        }
    }
    (out, delimited)
}
