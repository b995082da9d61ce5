//! Factors: numbers, names, brackets, functions, fractions, roots, sums, integrals, matrices, and what stands behind
//! them (powers, factorials, signs of degrees and percent).

use super::Refused;
use super::commands::greek;
use super::lexer::Token;
use super::parser::{Inside, Parsed, Parser};
use super::words;
use crate::math::expr::{Comparison, Constant, Expr, Function, Number};

/// Digits in a base, if they are digits of it. Base ten is how numbers are written anyway.
pub(super) fn based(digits: &str, base: u32) -> Option<Expr> {
    if base == 10 {
        let value = digits.parse::<num_bigint::BigInt>().ok()?;
        return Some(Expr::Number(Number { value: num_rational::BigRational::from_integer(value), decimal: None }));
    }
    let valid = (2..=36).contains(&base) && !digits.is_empty() && digits.len() <= 400;
    (valid && digits.chars().all(|digit| digit.is_digit(base))).then(|| Expr::Based(digits.to_owned(), base))
}

impl Parser<'_> {
    /// An atom with its powers and signs.
    pub(super) fn power(&mut self) -> Parsed {
        self.nested(|parser| {
            let atom = parser.atom()?;
            parser.behind(atom)
        })
    }

    /// Powers and signs behind an atom.
    pub(super) fn behind(&mut self, atom: Expr) -> Parsed {
        self.nested(|parser| {
            let mut left = atom;
            let mut length = 0;
            loop {
                length += 1;
                if length > 64 {
                    return Err(Refused);
                }
                match parser.peek() {
                    Some(Token::Mark('^')) => {
                        parser.at += 1;
                        left = parser.raised(left)?;
                    }
                    Some(Token::Degree) => {
                        parser.at += 1;
                        left = Expr::Degrees(Box::new(left));
                    }
                    Some(Token::Mark('!')) => {
                        parser.at += 1;
                        let double = !parser.tokens.get(parser.at).is_none_or(|next| next.space)
                            && parser.peek() == Some(&Token::Mark('!'))
                            && parser.after(1) != Some(&Token::Mark('!'))
                            && matches!(left, Expr::Number(_));
                        if double {
                            parser.at += 1;
                        }
                        let function = if double { Function::DoubleFactorial } else { Function::Factorial };
                        left = Expr::Call(function, vec![left]);
                    }
                    Some(Token::Mark('%')) => {
                        parser.at += 1;
                        left = Expr::Percent(Box::new(left));
                    }
                    Some(Token::Mark('_')) if matches!(left, Expr::Group(..) | Expr::Number(_)) => {
                        // A base behind brackets is read in `atom`, where the digits are.
                        return Err(Refused);
                    }
                    _ => return Ok(left),
                }
            }
        })
    }

    pub(super) fn raised(&mut self, left: Expr) -> Parsed {
        let circle = |token: Option<&Token>| match token {
            Some(Token::Command(name)) => name == "circ" || name == "o",
            Some(Token::Degree) => true,
            _ => false,
        };
        if circle(self.peek()) {
            self.at += 1;
            return Ok(Expr::Degrees(Box::new(left)));
        }
        if self.peek() == Some(&Token::Mark('{')) && circle(self.after(1)) && self.after(2) == Some(&Token::Mark('}')) {
            self.at += 3;
            return Ok(Expr::Degrees(Box::new(left)));
        }
        if let Some(length) = self.ordinal() {
            self.at += length;
            return Ok(left);
        }
        let exponent = self.script()?;
        Ok(Expr::Pow(Box::new(left), Box::new(exponent)))
    }

    /// The tokens of "th" and the like.
    pub(super) fn ordinal(&self) -> Option<usize> {
        let braces = usize::from(self.peek() == Some(&Token::Mark('{')));
        let close = |length: usize| {
            (braces == 0 || self.after(braces + length) == Some(&Token::Mark('}'))).then_some(2 * braces + length)
        };
        match (self.after(braces)?, self.after(braces + 1)) {
            (Token::Text(text), _) if ["th", "st", "nd", "rd"].contains(&text.as_str()) => close(1),
            (Token::Letter('t'), Some(Token::Letter('h'))) if braces == 1 => close(2),
            _ => None,
        }
    }

    /// What stands behind `^`: a group, or a signed atom.
    pub(super) fn script(&mut self) -> Parsed {
        match self.peek() {
            Some(Token::Mark('{')) => self.braces(),
            Some(Token::Mark('-')) => {
                self.at += 1;
                Ok(self.script()?.negated())
            }
            Some(Token::Mark('+')) => {
                self.at += 1;
                self.nested(Self::script)
            }
            // 2^3^4, in plain text, is 2^(3^4).
            _ => self.nested(|parser| {
                let base = parser.atom()?;
                if parser.eat_mark('^') {
                    let exponent = parser.script()?;
                    return Ok(Expr::Pow(Box::new(base), Box::new(exponent)));
                }
                Ok(base)
            }),
        }
    }

    /// `{...}`: a group of one expression.
    pub(super) fn braces(&mut self) -> Parsed {
        self.expect('{')?;
        let inner = self.bracketed(Inside::Braces, |parser| parser.list())?;
        self.expect('}')?;
        Ok(inner)
    }

    /// The argument of a command: a group, or one digit, or one atom.
    pub(super) fn group(&mut self) -> Parsed {
        match self.peek() {
            Some(Token::Mark('{')) => self.braces(),
            Some(Token::Number(raw, number)) => {
                self.at += 1;
                Ok(Expr::Number(Number { value: number.value.clone(), decimal: number.decimal }))
                    .and_then(|whole| if raw.is_empty() { Err(Refused) } else { Ok(whole) })
            }
            _ => self.nested(Self::atom),
        }
    }

    pub(super) fn atom(&mut self) -> Parsed {
        if self.steps == 0 {
            return Err(Refused);
        }
        self.steps -= 1;
        let Some(token) = self.next() else { return Err(Refused) };
        match token {
            Token::Number(raw, number) => {
                if self.peek() == Some(&Token::Mark('_')) {
                    self.at += 1;
                    return based(raw, self.base()?).ok_or(Refused);
                }
                Ok(Expr::Number(number.clone()))
            }
            Token::Based(digits, base) => based(digits, *base).ok_or(Refused),
            Token::Letter(letter) => self.letter(*letter),
            Token::Name(name) => {
                // Only digits in the clothes of text become a name before an index.
                let digits =
                    name.len() > 1 && name.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase());
                if self.peek() == Some(&Token::Mark('_')) && digits {
                    self.at += 1;
                    return based(name, self.base()?).ok_or(Refused);
                }
                self.named(name.clone())
            }
            Token::Space(space) => Ok(Expr::Space(*space)),
            Token::Text(text) => self.text(text),
            Token::Word(word) => {
                // A word is a name only where something is said of it.
                if matches!(self.peek(), Some(Token::Relation(Comparison::Equal | Comparison::Approximately))) {
                    return Ok(Expr::Text(word.clone()));
                }
                Err(Refused)
            }
            Token::Mark('(') => self.round('('),
            Token::Mark('[') => self.round('['),
            Token::Mark('{') => {
                self.at -= 1;
                let inner = match self.braces()? {
                    // Braces around a list are not printed: it may be a set or a tuple.
                    Expr::List(_, items) => Expr::Group('{', items, '}'),
                    other => other,
                };
                if self.peek() == Some(&Token::Mark('_')) {
                    self.at += 1;
                    return Ok(Expr::Opaque(format!("({inner})_"), vec![self.group()?]));
                }
                Ok(inner)
            }
            Token::SetOpen => self.set(),
            Token::Mark('|') => {
                if self.opening.is_some_and(|opening| {
                    self.at -= 1;
                    let index = self.bar();
                    self.at += 1;
                    opening >> index & 1 == 0
                }) {
                    return Err(Refused);
                }
                let inner = self.bracketed(Inside::Bars, Self::sum)?;
                if self.is_command(&["rangle"]) {
                    self.at += 1;
                    return Ok(Expr::Opaque("ket".to_owned(), vec![inner]));
                }
                self.expect('|')?;
                Ok(Expr::Call(Function::Abs, vec![inner]))
            }
            Token::BarOpen => {
                let inner = self.bracketed(Inside::Bars, Self::sum)?;
                if self.is_command(&["rangle"]) {
                    self.at += 1;
                    return Ok(Expr::Opaque("ket".to_owned(), vec![inner]));
                }
                if !self.eat(&Token::BarClose) {
                    return Err(Refused);
                }
                Ok(super::operators::absolute(inner))
            }
            Token::Begin(name) => self.environment(name),
            Token::Command(name) => self.command(name),
            _ => Err(Refused),
        }
    }

    /// The base behind `_`: a number, or "eight", or "base 8".
    pub(super) fn base(&mut self) -> Result<u32, Refused> {
        let braces = self.eat_mark('{');
        let round = self.eat_mark('(');
        let mut base = None;
        while let Some(token) = self.peek() {
            match token {
                Token::Number(raw, _) => base = raw.parse().ok(),
                Token::Text(text) | Token::Word(text) => {
                    for word in text.split_whitespace() {
                        base = base.or_else(|| words::number(&word.to_ascii_lowercase())).or_else(|| word.parse().ok());
                    }
                }
                _ => break,
            }
            self.at += 1;
            if !braces {
                break;
            }
        }
        if (round && !self.eat_mark(')')) || (braces && !self.eat_mark('}')) {
            return Err(Refused);
        }
        base.ok_or(Refused)
    }

    pub(super) fn text(&mut self, text: &str) -> Parsed {
        let lower = text.to_ascii_lowercase();
        if let Some(value) = words::number(&lower) {
            return Ok(Expr::integer(value.into()));
        }
        Ok(Expr::Text(text.to_owned()))
    }

    pub(super) fn letter(&mut self, letter: char) -> Parsed {
        if self.integrals > 0 && letter == 'd' {
            let variable = match self.peek() {
                Some(Token::Letter(variable)) => Some(variable.to_string()),
                Some(Token::Command(name)) if greek(name) => Some(name.clone()),
                _ => None,
            };
            if let Some(variable) = variable {
                self.at += 1;
                return Ok(Expr::Symbol(format!("d{variable}")));
            }
        }
        match letter {
            'e' if !self.indexed() => Ok(Expr::Constant(Constant::E)),
            'i' | 'I' if !self.indexed() => Ok(Expr::Constant(Constant::I)),
            _ => self.named(letter.to_string()),
        }
    }

    pub(super) fn indexed(&self) -> bool {
        matches!(self.peek(), Some(Token::Mark('_' | '\'')))
    }

    /// A name with its index and primes, applied to arguments where it is a function.
    pub(super) fn named(&mut self, name: String) -> Parsed {
        let mut primes = self.primes();
        let mut name = name;
        let mut index = None;
        if self.eat_mark('_') {
            let inner = self.index()?;
            match inner {
                Ok(text) => name = format!("{name}_{text}"),
                Err(expr) => index = Some(expr),
            }
        }
        primes.push_str(&self.primes());
        name.push_str(&primes);
        if let Some(index) = index {
            return Ok(Expr::Opaque(format!("{name}_"), vec![index]));
        }
        if self.peek() == Some(&Token::Mark('(')) && !self.argument && self.applies(&name) {
            let begin = self.at;
            self.at += 1;
            if let Ok(inner) = self.bracketed(Inside::Round, Self::list)
                && self.eat_mark(')')
            {
                let arguments = match inner {
                    Expr::List(_, items) => items,
                    one => vec![one],
                };
                return Ok(Expr::Opaque(name, arguments));
            }
            self.at = begin;
        }
        // f^{-1}(x)
        Ok(Expr::Symbol(name))
    }

    pub(super) fn primes(&mut self) -> String {
        let mut primes = String::new();
        loop {
            let raised = self.peek() == Some(&Token::Mark('^')) && self.after(1) == Some(&Token::Mark('\''));
            if raised {
                self.at += 1;
            }
            if !self.eat_mark('\'') {
                return primes;
            }
            primes.push('\'');
        }
    }

    /// An index that is a plain name or number becomes part of the name; one that is to be worked out stays a tree.
    pub(super) fn index(&mut self) -> Result<Result<String, Expr>, Refused> {
        let expr = match self.peek() {
            Some(Token::Text(text)) => {
                self.at += 1;
                return Ok(Ok(text.clone()));
            }
            Some(Token::Mark('{')) if matches!(self.after(1), Some(Token::Text(_))) => {
                let Some(Token::Text(text)) = self.after(1) else { return Err(Refused) };
                self.at += 2;
                self.expect('}')?;
                return Ok(Ok(text.clone()));
            }
            _ => self.group()?,
        };
        Ok(match expr {
            Expr::Number(number) => Ok(number.value.to_string()),
            Expr::Symbol(name) if name.len() > 1 => Ok(name),
            // MBCN in S_{MBCN} names something.
            Expr::Mul(parts)
                if parts
                    .iter()
                    .all(|part| matches!(part, Expr::Symbol(name) if name.chars().all(char::is_uppercase))) =>
            {
                Ok(parts.iter().map(ToString::to_string).collect())
            }
            other => Err(other),
        })
    }

    /// Whether a name before a bracket is a function: f, g, h always, other usual names where the argument is one letter
    /// or number.
    pub(super) fn applies(&self, name: &str) -> bool {
        let stem = name.trim_end_matches('\'').split('_').next().unwrap_or(name);
        if name.ends_with('\'') || ["f", "g", "h", "F", "G", "H"].contains(&stem) {
            return true;
        }
        let usual = ["P", "Q", "W", "T", "S", "R", "p", "q", "u", "v", "a", "b", "theta", "phi"].contains(&stem)
            || name.contains('_');
        let simple = match (self.after(1), self.after(2)) {
            (Some(Token::Letter(_) | Token::Number(..)), Some(Token::Mark(')'))) => true,
            (Some(Token::Letter(_)), Some(Token::Mark(','))) => true,
            _ => {
                name.contains('_') && matches!(self.after(1), Some(Token::Letter(_))) && {
                    // h_theta(x_0, x_1)
                    self.tokens[self.at..].iter().take(12).any(|lexeme| lexeme.token == Token::Mark(','))
                }
            }
        };
        usual && simple
    }

    /// `(` or `[` has been read: brackets around one expression, or a tuple or interval.
    pub(super) fn round(&mut self, open: char) -> Parsed {
        let begin = self.at;
        let inner = self.bracketed(Inside::Round, Self::list)?;
        let close = match self.next() {
            Some(Token::Mark(close @ (')' | ']'))) => *close,
            _ => return Err(Refused),
        };
        let matched = (open == '(') == (close == ')');
        if self.peek() == Some(&Token::Mark('_')) && matched && self.at == begin + 2 {
            // (52)_8
            let digits = match &self.tokens[begin].token {
                Token::Number(raw, _) => raw.clone(),
                _ => return Err(Refused),
            };
            self.at += 1;
            return based(&digits, self.base()?).ok_or(Refused);
        }
        match inner {
            Expr::List(_, items) => Ok(Expr::Group(open, items, close)),
            one if matched && open == '(' => Ok(one),
            one if matched => Ok(match one {
                Expr::Matrix(_) => one,
                one => Expr::Group('[', vec![one], ']'),
            }),
            _ => Err(Refused),
        }
    }

    /// `\{` has been read.
    pub(super) fn set(&mut self) -> Parsed {
        if self.eat(&Token::SetClose) {
            return Ok(Expr::Space(crate::math::expr::Space::Empty));
        }
        let inner = self.bracketed(Inside::Set, Self::list)?;
        if self.eat(&Token::SetClose) {
            return Ok(match inner {
                Expr::List(_, items) => Expr::Set(items),
                one => Expr::Set(vec![one]),
            });
        }
        if !(self.eat_mark(':') || self.eat_mark('|')) {
            return Err(Refused);
        }
        let conditions = self.bracketed(Inside::Braces, Self::list)?;
        if !self.eat(&Token::SetClose) {
            return Err(Refused);
        }
        let conditions = match conditions {
            Expr::List(_, items) => items,
            one => vec![one],
        };
        Ok(Expr::Builder(Box::new(inner), conditions))
    }
}
