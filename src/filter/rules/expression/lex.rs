//! Text in pieces: numbers, signs and brackets as they stand in prose or LaTeX, and what between them keeps its silence or spoils
//! what it touches. Not: what they come to.

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Token {
    Number(f64, u32),
    Operator(char),
    Open,
    Close,
    OpenBrace,
    CloseBrace,
    Fraction,
    Equals,
    /// What says nothing: spaces, currency, marks of mathematics.
    Nothing,
    /// The end of a line.
    Break,
    /// A word of letters with space around it.
    Word,
    /// The word that joins a number to another as well as a sentence to another.
    And,
    /// Anything else; what stands beside it is not taken.
    Other,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Piece {
    pub token: Token,
    pub begin: usize,
    pub end: usize,
}

/// Words that change what the number beside them means.
const SPOILERS: &[&str] = &[
    "mod",
    "sqrt",
    "log",
    "ln",
    "sin",
    "cos",
    "tan",
    "times",
    "plus",
    "minus",
    "of",
    "by",
    "percent",
    "hundred",
    "thousand",
    "million",
    "billion",
    "dozen",
    "remainder",
    "r",
    "or",
    "choose",
    "over",
    "base",
    "half",
    "twice",
    "double",
    "triple",
    // "4 less than 3 * 5 = 11", "the sum of 3 and 4 + 5 = 12"
    "than",
    "sum",
    "product",
    "difference",
    // "Step 2 - 3 = 5"
    "step",
    "case",
    "part",
    "problem",
    "question",
    "equation",
];
const COMMANDS: &[(&str, Token)] = &[
    ("times", Token::Operator('*')),
    ("cdot", Token::Operator('*')),
    ("div", Token::Operator('/')),
    ("frac", Token::Fraction),
    ("dfrac", Token::Fraction),
    ("tfrac", Token::Fraction),
    ("left", Token::Nothing),
    ("right", Token::Nothing),
    ("quad", Token::Nothing),
    ("qquad", Token::Nothing),
    ("displaystyle", Token::Nothing),
];

/// The pieces of a text, in order; a run of what says nothing is one.
pub(super) fn lex(text: &str) -> Vec<Piece> {
    let bytes = text.as_bytes();
    let mut pieces: Vec<Piece> = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let (token, length) = next(text, at, pieces.last());
        let piece = Piece { token, begin: at, end: at + length };
        at += length;
        // Runs of spaces are one.
        if token == Token::Nothing && pieces.last().is_some_and(|last| last.token == Token::Nothing) {
            continue;
        }
        pieces.push(piece);
    }
    pieces
}

fn next(text: &str, at: usize, before: Option<&Piece>) -> (Token, usize) {
    let bytes = text.as_bytes();
    let rest = &text[at..];
    let Some(first) = rest.chars().next() else { return (Token::Nothing, 1) };
    let follows = |token: Token| (token, first.len_utf8());
    match first {
        '\n' => follows(Token::Break),
        ' ' | '\t' | '\r' | '$' | '&' => follows(Token::Nothing),
        '*' if rest.starts_with("**") => (Token::Nothing, 2),
        '*' | '×' | '·' => follows(Token::Operator('*')),
        '/' | '÷' => follows(Token::Operator('/')),
        '+' | '-' | '^' => follows(Token::Operator(first)),
        '−' => follows(Token::Operator('-')),
        '(' => follows(Token::Open),
        ')' => follows(Token::Close),
        '{' => follows(Token::OpenBrace),
        '}' => follows(Token::CloseBrace),
        '=' if rest.starts_with("==") => (Token::Other, 2),
        '=' if at > 0 && matches!(bytes[at - 1], b'<' | b'>' | b'!' | b':') => follows(Token::Other),
        '=' => follows(Token::Equals),
        '0'..='9' => number(rest),
        // Punctuation that ends a clause stands between a word and what follows, as a word does.
        '.' | ',' | ';' | ':' if rest[1..].starts_with(char::is_whitespace) || rest.len() == 1 => follows(Token::Word),
        '\\' => command(rest),
        'x' | 'X' if times(text, at, before) => follows(Token::Operator('*')),
        letter if letter.is_alphabetic() => word(text, at),
        _ => follows(Token::Other),
    }
}

fn number(rest: &str) -> (Token, usize) {
    let bytes = rest.as_bytes();
    let digits = |from: usize| bytes[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let mut end = digits(0);
    // 1,000,000 but not 1,2 or 12,3456.
    while end > 0 && bytes.get(end) == Some(&b',') && digits(end + 1) == 3 {
        end += 4;
    }
    let mut decimals = 0;
    if bytes.get(end) == Some(&b'.') && digits((end + 1).min(bytes.len())) > 0 {
        decimals = digits(end + 1);
        end += 1 + decimals;
    }
    match rest[..end].replace(',', "").parse() {
        // Beyond this a double no longer tells neighbours apart.
        Ok(value) if end <= 17 => (Token::Number(value, decimals as u32), end),
        _ => (Token::Other, end),
    }
}

fn command(rest: &str) -> (Token, usize) {
    let name = rest[1..].bytes().take_while(u8::is_ascii_alphabetic).count();
    if name == 0 {
        let second = rest[1..].chars().next().map_or(0, char::len_utf8);
        let token = match &rest[1..1 + second] {
            "\\" => Token::Break,
            "," | "!" | ";" | ":" | " " | "$" | "(" | ")" | "[" | "]" => Token::Nothing,
            _ => Token::Other,
        };
        return (token, 1 + second);
    }
    if ["text", "mathrm", "mbox", "textrm"].contains(&&rest[1..=name])
        && let Some((words, length)) = braced(&rest[1 + name..])
    {
        return (if plain_words(words) { Token::Word } else { Token::Other }, 1 + name + length);
    }
    let known = COMMANDS.iter().find(|(known, _)| *known == &rest[1..=name]);
    (known.map_or(Token::Other, |(_, token)| *token), 1 + name)
}

/// What stands in the braces that a text begins with, and how long all of it is.
fn braced(text: &str) -> Option<(&str, usize)> {
    let inside = text.strip_prefix('{')?;
    let end = inside.find(['{', '}']).filter(|end| inside[*end..].starts_with('}'))?;
    Some((&inside[..end], end + 2))
}

/// Words of prose, such as a unit, none of which changes a number.
fn plain_words(text: &str) -> bool {
    let plain = |word: &str| {
        word.len() >= 2 && word.chars().all(char::is_alphabetic) && !SPOILERS.contains(&word.to_lowercase().as_str())
    };
    !text.trim().is_empty() && text.split_whitespace().all(|word| plain(word.trim_end_matches(['.', ','])))
}

/// A lone `x` between two numbers is a sign of multiplication.
fn times(text: &str, at: usize, before: Option<&Piece>) -> bool {
    let numeric = |token: Token| matches!(token, Token::Number(..) | Token::Close | Token::Nothing);
    let after = text[at + 1..].trim_start_matches([' ', '$']);
    let spaced = at > 0 && text.as_bytes()[at - 1] == b' ';
    before.is_some_and(|piece| numeric(piece.token))
        && after.starts_with(|next: char| next.is_ascii_digit() || next == '(')
        && (spaced == text[at + 1..].starts_with([' ', '$']) || text[at + 1..].starts_with('$'))
}

/// A word in prose stands apart from what is around it and changes no number.
fn word(text: &str, at: usize) -> (Token, usize) {
    let rest = &text[at..];
    let length =
        rest.find(|letter: char| !letter.is_alphabetic() && letter != '\'' && letter != '’').unwrap_or(rest.len());
    let apart = |next: Option<char>| next.is_none_or(|next| next.is_whitespace() || ".,;:!?)*".contains(next));
    let before = text[..at].chars().next_back().is_none_or(|last| last.is_whitespace() || "(*\"".contains(last));
    let plain = length >= 2
        && before
        && apart(rest[length..].chars().next())
        && !SPOILERS.contains(&rest[..length].to_lowercase().as_str());
    // A single letter is a variable, but for the article.
    let article = &rest[..length] == "a" && before && apart(rest[length..].chars().next());
    let token = match (plain || article, &rest[..length]) {
        (true, "and") => Token::And,
        (true, _) => Token::Word,
        (false, _) => Token::Other,
    };
    (token, length)
}
