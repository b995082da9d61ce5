//! Plain arithmetic inside prose: `expression = number` as people and models write it, LaTeX or not.
//!
//! Careful rather than complete: where a letter, a unit, a percent sign or a function stands next to an expression, nothing is
//! said of it, since it may mean something else.

/// An equation of which both sides are plain arithmetic.
#[derive(Debug, Clone, PartialEq)]
pub struct Equation {
    pub begin: usize,
    pub end: usize,
    pub left: f64,
    pub right: f64,
    /// Digits after the point of a right side that is one number.
    pub decimals: Option<u32>,
    /// Numbers that the left side is made of.
    pub operands: Vec<f64>,
}

impl Equation {
    /// Whether the sides agree, to a relative tolerance or, for a rounded or cut decimal, to its last digit.
    pub fn holds(&self, tolerance: f64) -> bool {
        let apart = (self.left - self.right).abs();
        let scale = self.left.abs().max(self.right.abs());
        let digit = self.decimals.filter(|digits| *digits > 0).map_or(0.0, |digits| 10f64.powi(-(digits as i32)));
        apart <= tolerance * scale || apart < digit * (1.0 + 1e-9)
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Token {
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
struct Piece {
    token: Token,
    begin: usize,
    end: usize,
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

/// All equations of plain arithmetic in a text, in order. Linear in its length but for runs longer than any real one.
pub fn equations(text: &str) -> Vec<Equation> {
    let pieces = lex(text);
    let mut found = Vec::new();
    for (at, piece) in pieces.iter().enumerate() {
        if piece.token == Token::Equals
            && let Some(equation) = equation(&pieces, at)
        {
            found.push(equation);
        }
    }
    found
}

/// A run longer than this is not arithmetic that somebody wrote.
const LONGEST: usize = 200;

fn equation(pieces: &[Piece], at: usize) -> Option<Equation> {
    let from = left_begin(pieces, at)?;
    let to = right_end(pieces, at)?;
    let left = evaluate(&pieces[from..at])?;
    let right = evaluate(&pieces[at + 1..to])?;
    let chained = pieces[..from].iter().rev().find(|piece| piece.token != Token::Nothing);
    let chained = chained.is_some_and(|piece| piece.token == Token::Equals);
    if left.operators == 0 && (right.operators == 0 || !chained) {
        return None;
    }
    // "16 - 3 = 13 - 4 = 9" runs on from each result: there the first number is what is said to be equal.
    let runs_on = right.operators > 0 && pieces.get(to).is_some_and(|piece| piece.token == Token::Equals);
    let first = right.operands.first().copied().filter(|first| runs_on && near(*first, left.value));
    Some(Equation {
        begin: left.begin,
        end: right.end,
        left: left.value,
        right: first.unwrap_or(right.value),
        decimals: (right.operators == 0).then_some(right.decimals),
        operands: left.operands,
    })
}

fn near(one: f64, other: f64) -> bool {
    (one - other).abs() <= 1e-9 * one.abs().max(other.abs())
}

/// Where the expression left of the sign begins, if what stands before it leaves it its meaning.
fn left_begin(pieces: &[Piece], at: usize) -> Option<usize> {
    let (mut from, mut depth) = (at, 0i32);
    while from > 0 && at - from < LONGEST {
        match pieces[from - 1].token {
            Token::Close | Token::CloseBrace => depth += 1,
            Token::Open | Token::OpenBrace if depth == 0 => break,
            Token::Open | Token::OpenBrace => depth -= 1,
            Token::Equals | Token::Break | Token::Word | Token::And | Token::Other => break,
            _ => {}
        }
        from -= 1;
    }
    let skip = |mut from: usize| {
        while from < at && pieces[from].token == Token::Nothing {
            from += 1;
        }
        from
    };
    from = skip(from);
    // A dash at the beginning of a line, with space after it, is the mark of a list and no sign.
    let before = pieces[..from].iter().rev().find(|piece| piece.token != Token::Nothing);
    if before.is_none_or(|piece| piece.token == Token::Break)
        && pieces.get(from).is_some_and(|piece| matches!(piece.token, Token::Operator('-' | '+' | '*')))
        && pieces.get(from + 1).is_some_and(|piece| piece.token == Token::Nothing)
    {
        from = skip(from + 1);
    }
    let first = pieces.get(from).filter(|_| from < at)?;
    let fits = match before.map(|piece| piece.token) {
        None | Some(Token::Equals | Token::Break) => true,
        // An opening bracket around the whole equation; one that a function or product belongs to stands beside something.
        Some(Token::Open | Token::OpenBrace) => !matches!(first.token, Token::Operator(sign) if sign != '-'),
        // "The sum of 3 and 4 + 5": what stands before it may belong to it. The result of an equation does not.
        Some(Token::And) if !follows_a_result(&pieces[..from]) => false,
        Some(Token::Word | Token::And) => matches!(first.token, Token::Number(..) | Token::Open | Token::Fraction),
        _ => false,
    };
    fits.then_some(from)
}

/// Whether the "and" that these pieces end with follows words, or a number that an equation ends with.
fn follows_a_result(pieces: &[Piece]) -> bool {
    let mut before = pieces.iter().rev().map(|piece| piece.token).filter(|token| *token != Token::Nothing).skip(1);
    match before.next() {
        Some(Token::Number(..)) => before.next() == Some(Token::Equals),
        Some(Token::Close | Token::CloseBrace | Token::Other) => false,
        _ => true,
    }
}

fn right_end(pieces: &[Piece], at: usize) -> Option<usize> {
    let (mut to, mut depth) = (at + 1, 0i32);
    while to < pieces.len() && to - at < LONGEST {
        match pieces[to].token {
            Token::Open | Token::OpenBrace => depth += 1,
            Token::Close | Token::CloseBrace if depth == 0 => break,
            Token::Close | Token::CloseBrace => depth -= 1,
            Token::Equals | Token::Break | Token::Word | Token::And | Token::Other => break,
            _ => {}
        }
        to += 1;
    }
    match pieces.get(to).map(|piece| piece.token) {
        Some(Token::Other) => None,
        _ => Some(to),
    }
}

struct Value {
    value: f64,
    operators: usize,
    decimals: u32,
    operands: Vec<f64>,
    begin: usize,
    end: usize,
}

fn evaluate(pieces: &[Piece]) -> Option<Value> {
    let kept: Vec<Piece> = pieces.iter().copied().filter(|piece| piece.token != Token::Nothing).collect();
    let (begin, end) = (kept.first()?.begin, kept.last()?.end);
    let mut parser = Parser { pieces: &kept, at: 0, operators: 0, decimals: 0, operands: Vec::new(), depth: 0 };
    let value = parser.sum()?;
    if parser.at != kept.len() || !value.is_finite() {
        return None;
    }
    let Parser { operators, decimals, operands, .. } = parser;
    Some(Value { value, operators, decimals, operands, begin, end })
}

struct Parser<'a> {
    pieces: &'a [Piece],
    at: usize,
    operators: usize,
    decimals: u32,
    operands: Vec<f64>,
    depth: usize,
}

impl Parser<'_> {
    fn peek(&self) -> Option<Token> {
        self.pieces.get(self.at).map(|piece| piece.token)
    }

    /// Whether what comes next stands apart from what is before it.
    fn spaced(&self) -> bool {
        self.at > 0 && self.pieces[self.at].begin > self.pieces[self.at - 1].end
    }

    fn take(&mut self, token: Token) -> Option<()> {
        (self.peek()? == token).then(|| self.at += 1)
    }

    fn sum(&mut self) -> Option<f64> {
        let mut value = self.product()?;
        while let Some(Token::Operator(sign @ ('+' | '-'))) = self.peek() {
            self.at += 1;
            self.operators += 1;
            let other = self.product()?;
            value = if sign == '+' { value + other } else { value - other };
        }
        Some(value)
    }

    fn product(&mut self) -> Option<f64> {
        let mut value = self.signed()?;
        // "25 / 1/3" divides by a third, "25/1/3" does not: where the signs stand differently nothing is said.
        let mut spaced = None;
        loop {
            match self.peek() {
                Some(Token::Operator(sign @ ('*' | '/'))) => {
                    if sign == '/' && *spaced.get_or_insert(self.spaced()) != self.spaced() {
                        return None;
                    }
                    self.at += 1;
                    self.operators += 1;
                    let other = self.signed()?;
                    value = if sign == '*' { value * other } else { value / other };
                }
                // 2(3) is a product; 2 3 is not known to be anything.
                Some(Token::Open) => {
                    self.operators += 1;
                    value *= self.power()?;
                }
                _ => return Some(value),
            }
        }
    }

    fn signed(&mut self) -> Option<f64> {
        if self.take(Token::Operator('-')).is_some() {
            return self.power().map(|value| -value);
        }
        self.power()
    }

    fn power(&mut self) -> Option<f64> {
        let base = self.atom()?;
        if self.take(Token::Operator('^')).is_none() {
            return Some(base);
        }
        self.operators += 1;
        let exponent = if self.take(Token::OpenBrace).is_some() {
            let value = self.nested(Self::sum)?;
            self.take(Token::CloseBrace)?;
            value
        } else {
            self.nested(Self::signed)?
        };
        Some(base.powf(exponent))
    }

    fn atom(&mut self) -> Option<f64> {
        match self.peek()? {
            Token::Number(value, decimals) => {
                self.at += 1;
                self.decimals = decimals;
                self.operands.push(value);
                Some(value)
            }
            Token::Open => {
                self.at += 1;
                let value = self.nested(Self::sum)?;
                self.take(Token::Close)?;
                Some(value)
            }
            Token::Fraction => {
                self.at += 1;
                self.operators += 1;
                self.take(Token::OpenBrace)?;
                let above = self.nested(Self::sum)?;
                self.take(Token::CloseBrace)?;
                self.take(Token::OpenBrace)?;
                let below = self.nested(Self::sum)?;
                self.take(Token::CloseBrace)?;
                Some(above / below)
            }
            _ => None,
        }
    }

    /// One level deeper, up to a depth that no stack minds.
    fn nested(&mut self, inner: fn(&mut Self) -> Option<f64>) -> Option<f64> {
        self.depth += 1;
        let value = (self.depth < 50).then(|| inner(self)).flatten();
        self.depth -= 1;
        value
    }
}

fn lex(text: &str) -> Vec<Piece> {
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sides(text: &str) -> Vec<(f64, f64)> {
        equations(text).into_iter().map(|found| (found.left, found.right)).collect()
    }

    #[test]
    fn arithmetic_in_prose_and_in_latex() {
        assert_eq!(sides("So 3 + 4 = 7 apples."), [(7.0, 7.0)]);
        assert_eq!(sides("Total: $5 * 3 = $15."), [(15.0, 15.0)]);
        assert_eq!(sides("He has 2 x 3 = 6 and 2x3=7."), [(6.0, 6.0), (6.0, 7.0)]);
        assert_eq!(sides("\\(7 \\times 1.5 = 10.5\\)"), [(10.5, 10.5)]);
        assert_eq!(sides("$\\frac{10}{4} = 2.5$"), [(2.5, 2.5)]);
        assert_eq!(sides("x = 3 + 4 = 7"), [(7.0, 7.0)]);
        assert_eq!(sides("1,200 / 3 = 400"), [(400.0, 400.0)]);
        assert_eq!(sides("(2 + 3) * 4 = 20"), [(20.0, 20.0)]);
        assert_eq!(sides("which is (3 + 4 = 7)"), [(7.0, 7.0)]);
        assert_eq!(sides("2^{3} + 1 = 9"), [(9.0, 9.0)]);
        assert_eq!(sides("2 + 3 = 5 = 10 / 2"), [(5.0, 5.0), (5.0, 5.0)]);
        assert_eq!(sides("**12 - 5 = 7**"), [(7.0, 7.0)]);
        assert_eq!(sides("2 + 3 * 4 - -1 = 15"), [(15.0, 15.0)]);
        assert_eq!(sides("Then:\n- 5 + 3 = 8\n- 3 * 4 = 12\n- \\(2^2 = 4\\)"), [(8.0, 8.0), (12.0, 12.0), (4.0, 4.0)]);
        assert_eq!(sides("-3 + 5 = 2"), [(2.0, 2.0)]);
        assert_eq!(sides("12 \\times 3 = 35 \\text{ dollars}"), [(36.0, 35.0)]);
        assert_eq!(sides("16 - 3 = 13 - 4 = 9"), [(13.0, 13.0), (9.0, 9.0)]);
        assert_eq!(sides("2 * 3 + 1 = 6 + 1 = 7"), [(7.0, 7.0), (7.0, 7.0)]);
    }

    #[test]
    fn what_may_mean_something_else_is_left_alone() {
        for text in [
            "x + 2 = 5",
            "2x = 4",
            "apples - 3 + 5 = 2",
            "3 + 4 = 7x",
            "20% of 50 = 10",
            "50 * 20% = 10",
            "\\sqrt{16} + 2 = 6",
            "5! + 3 = 123",
            "1010_2 + 1 = 11",
            "17 + 5 = 10 \\pmod{12}",
            "9:00 + 3 = 12",
            "|3-5| = 2",
            "f(3) = 9",
            "f(3) + 1 = 10",
            "Day 1 = 5 + 3",
            "3 hours = 180 minutes",
            "2 1/2 + 1 = 3",
            "2 and 1/2 + 1 = 3.5",
            "a >= 3 + 4",
            "3 + 4 == 8",
            "\\binom{5}{2} = 10",
            "half of 6 + 2 = 5",
            "3 + 4 million = 7",
            "90^\\circ + 10 = 100",
            "5 + 3 = 8 thousand 2x",
            "4 less than 3 * 5 = 11",
            "5 more than 2 * 10 = 25",
            "the sum of 3 and 4 + 5 = 12",
            "Step 2 - 3 = 5",
            "25 / 1/3 = 75",
            "60 / 3/4 = 80",
            "3 \\times 4 = 1 \\text{ dozen}",
            "",
        ] {
            let found: Vec<_> = equations(text).into_iter().filter(|found| !found.holds(1e-4)).collect();
            assert!(found.is_empty(), "{text}: {found:?}");
        }
    }

    #[test]
    fn rounded_and_cut_decimals_hold_and_wrong_ones_do_not() {
        let holds = |text: &str| equations(text)[0].holds(1e-4);
        assert!(holds("10 / 3 = 3.33") && holds("2 / 3 = 0.66") && holds("2 / 3 = 0.67"));
        assert!(!holds("10 / 3 = 3.5") && !holds("7 / 2 = 3") && !holds("3 + 4 = 8") && !holds("2 / 3 = 0.7 + 0.1"));
        assert!(holds("100000 + 1 = 100001") && !holds("120 * 3 = 350"));
    }

    #[test]
    fn places_are_those_of_the_equation() {
        let text = "We get 3 + 4 = 8 here";
        let found = &equations(text)[0];
        assert_eq!(&text[found.begin..found.end], "3 + 4 = 8");
        assert_eq!(found.operands, [3.0, 4.0]);
    }

    #[test]
    fn deep_and_long_texts_are_taken() {
        equations(&"(".repeat(100_000));
        equations(&format!("{}1{} = 1", "(".repeat(90), ")".repeat(90)));
        equations(&"1+".repeat(100_000));
        equations(&"=".repeat(100_000));
        equations(&"1=".repeat(50_000));
    }

    proptest! {
        #[test]
        fn any_text_is_taken(text in "[-0-9+*/^=(){}\\\\a-z .,$%x×−\n]{0,80}") {
            for found in equations(&text) {
                prop_assert!(text.get(found.begin..found.end).is_some());
            }
        }
    }
}
