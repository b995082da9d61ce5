//! Factors: numbers, names, brackets, functions, fractions, roots, sums, integrals, matrices, and what stands behind
//! them (powers, factorials, signs of degrees and percent).

use super::Refused;
use super::lexer::Token;
use super::parser::{Inside, Parsed, Parser, times};
use super::words;
use crate::math::expr::{Comparison, Constant, Expr, Function, Number};
use crate::math::limits;

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
    pub fn power(&mut self) -> Parsed {
        self.nested(|parser| {
            let atom = parser.atom()?;
            parser.behind(atom)
        })
    }

    /// Powers and signs behind an atom.
    pub fn behind(&mut self, atom: Expr) -> Parsed {
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

    fn raised(&mut self, left: Expr) -> Parsed {
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
    fn ordinal(&self) -> Option<usize> {
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
    fn script(&mut self) -> Parsed {
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
    fn braces(&mut self) -> Parsed {
        self.expect('{')?;
        let inner = self.bracketed(Inside::Braces, |parser| parser.list())?;
        self.expect('}')?;
        Ok(inner)
    }

    /// The argument of a command: a group, or one digit, or one atom.
    fn group(&mut self) -> Parsed {
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

    pub fn atom(&mut self) -> Parsed {
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
                Ok(absolute(inner))
            }
            Token::Begin(name) => self.environment(name),
            Token::Command(name) => self.command(name),
            _ => Err(Refused),
        }
    }

    /// The base behind `_`: a number, or "eight", or "base 8".
    fn base(&mut self) -> Result<u32, Refused> {
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

    fn text(&mut self, text: &str) -> Parsed {
        let lower = text.to_ascii_lowercase();
        if let Some(value) = words::number(&lower) {
            return Ok(Expr::integer(value.into()));
        }
        Ok(Expr::Text(text.to_owned()))
    }

    fn letter(&mut self, letter: char) -> Parsed {
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

    fn indexed(&self) -> bool {
        matches!(self.peek(), Some(Token::Mark('_' | '\'')))
    }

    /// A name with its index and primes, applied to arguments where it is a function.
    fn named(&mut self, name: String) -> Parsed {
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

    fn primes(&mut self) -> String {
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
    fn index(&mut self) -> Result<Result<String, Expr>, Refused> {
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
    fn applies(&self, name: &str) -> bool {
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
    fn round(&mut self, open: char) -> Parsed {
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
    fn set(&mut self) -> Parsed {
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

    fn command(&mut self, name: &str) -> Parsed {
        match name {
            "frac" | "dfrac" | "tfrac" | "cfrac" => self.fraction(),
            "binom" | "dbinom" | "tbinom" => {
                let above = self.digit_or_group()?;
                let below = self.digit_or_group()?;
                Ok(Expr::Call(Function::Binomial, vec![above, below]))
            }
            "pi" => Ok(Expr::Constant(Constant::Pi)),
            "infty" => Ok(Expr::Constant(Constant::Infinity)),
            "imath" => Ok(Expr::Constant(Constant::I)),
            "Re" | "Im" => {
                let inner = self.function_argument()?;
                Ok(Expr::Call(if name == "Re" { Function::Re } else { Function::Im }, vec![inner]))
            }
            "lfloor" | "lceil" => {
                let inner = self.bracketed(Inside::Round, Self::sum)?;
                let (close, function) =
                    if name == "lfloor" { ("rfloor", Function::Floor) } else { ("rceil", Function::Ceiling) };
                if !self.is_command(&[close]) {
                    return Err(Refused);
                }
                self.at += 1;
                Ok(Expr::Call(function, vec![inner]))
            }
            "langle" => {
                let inner = self.bracketed(Inside::Bars, Self::list)?;
                if self.is_command(&["rangle"]) {
                    self.at += 1;
                    return Ok(match inner {
                        Expr::List(_, items) => Expr::Group('<', items, '>'),
                        one => Expr::Group('<', vec![one], '>'),
                    });
                }
                self.expect('|')?;
                Ok(Expr::Opaque("bra".to_owned(), vec![inner]))
            }
            "overline" | "bar" | "widehat" | "hat" | "tilde" | "widetilde" | "vec" | "overrightarrow"
            | "overleftrightarrow" | "overarc" | "dot" => self.accent(name),
            "sum" | "prod" => self.series(name == "prod"),
            "int" | "iint" | "oint" => self.integral(),
            "lim" => self.limit(),
            "sqrt" => self.root(),
            _ => {
                if let Some(function) = words::function(name) {
                    return self.function(name, function);
                }
                if matches!(
                    name,
                    "cdot"
                        | "times"
                        | "div"
                        | "cup"
                        | "cap"
                        | "mod"
                        | "rangle"
                        | "rfloor"
                        | "rceil"
                        | "circ"
                        | "pm"
                        | "mp"
                        | "to"
                        | "rightarrow"
                ) {
                    return Err(Refused);
                }
                self.named(name.to_owned())
            }
        }
    }

    /// A digit of a number that LaTeX splits, as in `\frac12`, or a group.
    fn digit_or_group(&mut self) -> Parsed {
        let Some(Token::Number(raw, number)) = self.peek() else { return self.group() };
        let _ = raw;
        self.at += 1;
        Ok(Expr::Number(number.clone()))
    }

    fn fraction(&mut self) -> Parsed {
        // `\frac12`: one token of digits holds both, and perhaps a factor behind them.
        if let Some(Token::Number(raw, _)) = self.peek() {
            let digits = raw.as_bytes();
            let split = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
            let space_next = self.tokens.get(self.at + 1).is_none_or(|next| next.space);
            let group_next =
                matches!(self.after(1), Some(Token::Mark('{')) | Some(Token::Command(_)) | Some(Token::Letter(_)));
            if split >= 2
                && !(digits.len() > 2 && space_next && matches!(self.after(1), Some(Token::Number(..))))
                && !(group_next && digits.len() == 1)
            {
                let digit = |at: usize| Expr::integer(i64::from(digits[at] - b'0'));
                let fraction = digit(0).over(digit(1));
                self.at += 1;
                if digits.len() == 2 {
                    return Ok(fraction);
                }
                // `\frac1234` is a half times 34.
                let rest: num_bigint::BigInt = raw[2..].parse().map_err(|_| Refused)?;
                let rest = Number { value: num_rational::BigRational::from_integer(rest), decimal: None };
                return Ok(times(fraction, Expr::Number(rest)));
            }
        }
        if let Some(derivative) = self.derivative()? {
            return Ok(derivative);
        }
        let above = self.digit_or_group()?;
        // `\frac9{19}`, `\frac{270}7`, `\frac{1}23`: the lower part of two digits or more is one digit and a factor.
        if let Some(Token::Number(raw, _)) = self.peek() {
            let digits = raw.as_bytes();
            if digits.len() >= 2 && digits.iter().all(u8::is_ascii_digit) && !self.tokens[self.at].space {
                let below = Expr::integer(i64::from(digits[0] - b'0'));
                let rest: num_bigint::BigInt = raw[1..].parse().map_err(|_| Refused)?;
                let rest = Number { value: num_rational::BigRational::from_integer(rest), decimal: None };
                self.at += 1;
                return Ok(times(above.over(below), Expr::Number(rest)));
            }
        }
        let below = self.digit_or_group()?;
        Ok(above.over(below))
    }

    /// `\frac{d}{dx}` and `\frac{d f}{dx}`: the derivative of what follows, or of what stands in it.
    fn derivative(&mut self) -> Result<Option<Expr>, Refused> {
        let begin = self.at;
        let differential = |token: Option<&Token>| match token {
            Some(Token::Letter('d')) => true,
            Some(Token::Command(name)) => name == "partial",
            _ => false,
        };
        if self.peek() != Some(&Token::Mark('{')) || !differential(self.after(1)) {
            return Ok(None);
        }
        // The lower group has to be d and a name.
        let mut depth = 0usize;
        let mut close = None;
        for (offset, lexeme) in self.tokens[self.at..].iter().enumerate() {
            match lexeme.token {
                Token::Mark('{') => depth += 1,
                Token::Mark('}') => {
                    depth = depth.saturating_sub(1);
                    if depth == 0 {
                        close = Some(self.at + offset);
                        break;
                    }
                }
                _ => {}
            }
        }
        let Some(close) = close else { return Err(Refused) };
        let token = |at: usize| self.tokens.get(at).map(|lexeme| &lexeme.token);
        let variable = match (token(close + 1), token(close + 2), token(close + 3), token(close + 4)) {
            (Some(Token::Mark('{')), first, Some(variable), Some(Token::Mark('}'))) if differential(first) => {
                match variable {
                    Token::Letter(letter) => letter.to_string(),
                    Token::Command(name) if greek(name) => name.clone(),
                    _ => return Ok(None),
                }
            }
            _ => return Ok(None),
        };
        let body = if close == begin + 2 {
            self.at = close + 5;
            // `\frac{d}{dx}` needs something to be taken of.
            match self.peek() {
                None | Some(Token::Mark('+' | '-' | ')' | '}' | ']' | ',')) => return Err(Refused),
                _ => self.nested(Self::power)?,
            }
        } else {
            self.at = begin + 2;
            let body = self.bracketed(Inside::Braces, Self::sum)?;
            if self.at != close {
                self.at = begin;
                return Ok(None);
            }
            self.at = close + 5;
            body
        };
        Ok(Some(Expr::Opaque(format!("d/d{variable}"), vec![body])))
    }

    fn root(&mut self) -> Parsed {
        let index = if self.eat_mark('[') {
            let index = self.bracketed(Inside::Round, Self::sum)?;
            self.expect(']')?;
            index
        } else {
            Expr::integer(2)
        };
        let space = self.tokens.get(self.at).is_some_and(|next| next.space);
        let radicand = match self.peek() {
            // `\sqrt23` is the root of 2 times 3.
            Some(Token::Number(raw, _))
                if !space && raw.len() > 1 && raw.bytes().all(|byte| byte.is_ascii_digit()) && self.latex_before() =>
            {
                let first = Expr::integer(i64::from(raw.as_bytes()[0] - b'0'));
                let rest: num_bigint::BigInt = raw[1..].parse().map_err(|_| Refused)?;
                self.at += 1;
                let root = Expr::Call(Function::Root, vec![first, index]);
                let rest = Number { value: num_rational::BigRational::from_integer(rest), decimal: None };
                return Ok(times(root, Expr::Number(rest)));
            }
            _ => self.group()?,
        };
        Ok(Expr::Call(Function::Root, vec![radicand, index]))
    }

    fn latex_before(&self) -> bool {
        true
    }

    fn accent(&mut self, name: &str) -> Parsed {
        let inner = self.group()?;
        if name == "vec" || name == "overrightarrow" {
            return Ok(inner);
        }
        let Expr::Symbol(letter) = &inner else {
            return Ok(match name {
                "overline" | "bar" => Expr::Call(Function::Conjugate, vec![inner]),
                _ => Expr::Opaque(name.to_owned(), vec![inner]),
            });
        };
        let short = if name == "overline" { "bar" } else { name };
        if self.peek() == Some(&Token::Mark('_')) {
            return self.named(format!("{letter}{short}"));
        }
        Ok(match short {
            "bar" => Expr::Call(Function::Conjugate, vec![inner]),
            _ => Expr::Symbol(format!("{letter}{short}")),
        })
    }

    /// A function with its power, base and argument.
    fn function(&mut self, name: &str, function: Function) -> Parsed {
        let mut function = function;
        let mut exponent = None;
        let mut base = if name == "lg" { Some(Expr::integer(10)) } else { None };
        for _ in 0..2 {
            if self.peek() == Some(&Token::Mark('_')) && matches!(function, Function::Log | Function::Ln) {
                self.at += 1;
                base = Some(self.log_base()?);
            } else if self.peek() == Some(&Token::Mark('^')) && exponent.is_none() {
                self.at += 1;
                let power = self.script()?;
                match words::inverse(function) {
                    Some(inverse) if power == Expr::Neg(Box::new(Expr::integer(1))) => function = inverse,
                    _ => exponent = Some(power),
                }
            }
        }
        let several = matches!(function, Function::Gcd | Function::Lcm | Function::Min | Function::Max);
        let mut arguments = if several { self.arguments()? } else { vec![self.function_argument()?] };
        if function == Function::Root {
            arguments.push(Expr::integer(2));
        }
        if let Some(base) = base {
            function = Function::LogBase;
            arguments.push(base);
        }
        let value = Expr::Call(function, arguments);
        Ok(match exponent {
            Some(exponent) => Expr::Pow(Box::new(value), Box::new(exponent)),
            None => value,
        })
    }

    /// `\log_28` is the logarithm of 8 to the base 2.
    fn log_base(&mut self) -> Parsed {
        self.group()
    }

    fn arguments(&mut self) -> Result<Vec<Expr>, Refused> {
        let set = self.peek() == Some(&Token::SetOpen);
        if !set && self.peek() != Some(&Token::Mark('(')) {
            return Err(Refused);
        }
        self.at += 1;
        let inner = self.bracketed(Inside::Round, Self::list)?;
        let closed = if set { self.eat(&Token::SetClose) } else { self.eat_mark(')') };
        if !closed {
            return Err(Refused);
        }
        Ok(match inner {
            Expr::List(_, items) => items,
            one => vec![one],
        })
    }

    /// In brackets, or up to the next sum, sign or function.
    fn function_argument(&mut self) -> Parsed {
        self.nested(|parser| match parser.peek() {
            Some(Token::Mark('{')) => {
                let inner = parser.braces()?;
                Ok(inner)
            }
            Some(Token::Mark('(' | '[')) => {
                let inner = parser.atom()?;
                if matches!(&inner, Expr::Group(_, items, _) if items.len() > 1) { Err(Refused) } else { Ok(inner) }
            }
            _ => {
                let outer = std::mem::replace(&mut parser.argument, true);
                let inner = parser.argument_product();
                parser.argument = outer;
                inner
            }
        })
    }

    fn argument_product(&mut self) -> Parsed {
        let mut left = self.power()?;
        let mut length = 0;
        loop {
            length += 1;
            if length > 64 {
                return Err(Refused);
            }
            match self.peek() {
                Some(Token::Letter(_) | Token::Name(_)) => {}
                Some(Token::Number(..)) if !matches!(left, Expr::Number(_)) => {}
                Some(Token::Command(name))
                    if greek(name)
                        || matches!(name.as_str(), "pi" | "frac" | "dfrac" | "tfrac" | "sqrt")
                            && !matches!(left, Expr::Call(..)) => {}
                // A slash binds as in "sin x/2" only to what stands before the function.
                _ => return Ok(left),
            }
            let right = self.power()?;
            left = times(left, right);
        }
    }

    /// Limits below and above, in either order.
    fn bounds(&mut self) -> Result<(Option<Expr>, Option<Expr>), Refused> {
        let (mut below, mut above) = (None, None);
        for _ in 0..2 {
            let empty = |parser: &Self| {
                parser.after(1) == Some(&Token::Mark('{')) && parser.after(2) == Some(&Token::Mark('}'))
            };
            match self.peek() {
                Some(Token::Mark('_')) if empty(self) => self.at += 3,
                Some(Token::Mark('^')) if empty(self) => self.at += 3,
                Some(Token::Mark('_')) => {
                    self.at += 1;
                    below = Some(self.group()?);
                }
                Some(Token::Mark('^')) => {
                    self.at += 1;
                    above = Some(self.bound()?);
                }
                _ => {}
            }
        }
        Ok((below, above))
    }

    /// An upper limit without braces is one sign; an index behind it belongs to the sum.
    fn bound(&mut self) -> Parsed {
        let single = match self.peek() {
            Some(Token::Number(_, number)) => Expr::Number(number.clone()),
            Some(Token::Letter(letter)) => Expr::Symbol(letter.to_string()),
            _ => return self.script(),
        };
        self.at += 1;
        Ok(single)
    }

    fn series(&mut self, product: bool) -> Parsed {
        let (below, above) = self.bounds()?;
        let term = self.nested(Self::term)?;
        let name = if product { "prod" } else { "sum" };
        let Some(Expr::Relation(index, rest)) = below else {
            return Ok(Expr::Opaque(name.to_owned(), below.into_iter().chain(above).chain([term]).collect()));
        };
        let (Some(above), [(Comparison::Equal, from)]) = (&above, rest.as_slice()) else {
            return Ok(Expr::Opaque(
                name.to_owned(),
                above.into_iter().chain([Expr::Relation(index, rest), term]).collect(),
            ));
        };
        let index = match *index {
            Expr::Symbol(name) => name,
            Expr::Constant(Constant::I) => "i".to_owned(),
            _ => return Err(Refused),
        };
        // The index may be called i, which is no imaginary unit then.
        let term = term.map(&|part| match part {
            Expr::Constant(Constant::I) if index == "i" => Expr::Symbol("i".to_owned()),
            other => other,
        });
        Ok(Expr::Series(product, index, Box::new([from.clone(), above.clone(), term])))
    }

    /// A product without sums: what `\sum` and `\lim` take.
    fn term(&mut self) -> Parsed {
        let mut negative = false;
        while self.eat_mark('-') {
            negative = !negative;
        }
        let mut left = self.power()?;
        let mut length = 0;
        loop {
            length += 1;
            if length > 64 {
                return Err(Refused);
            }
            let divides = match self.peek() {
                Some(Token::Mark('/')) => true,
                Some(Token::Mark('*')) => false,
                Some(Token::Command(name)) if name == "cdot" || name == "times" => false,
                Some(Token::Letter(_) | Token::Mark('(' | '{') | Token::Number(..) | Token::BarOpen) => {
                    let right = self.power()?;
                    left = times(left, right);
                    continue;
                }
                Some(Token::Command(name))
                    if greek(name)
                        || words::function(name).is_some()
                        || matches!(
                            name.as_str(),
                            "frac" | "dfrac" | "tfrac" | "binom" | "sqrt" | "pi" | "sum" | "prod"
                        ) =>
                {
                    let right = self.power()?;
                    left = times(left, right);
                    continue;
                }
                _ => break,
            };
            self.at += 1;
            let right = self.power()?;
            left = if divides { left.over(right) } else { times(left, right) };
        }
        Ok(if negative { left.negated() } else { left })
    }

    fn integral(&mut self) -> Parsed {
        let (below, above) = self.bounds()?;
        self.integrals += 1;
        let body = self.nested(Self::sum);
        self.integrals -= 1;
        let mut parts = vec![body?];
        parts.extend(below);
        parts.extend(above);
        Ok(Expr::Opaque(if parts.len() > 1 { "integral from to" } else { "integral" }.to_owned(), parts))
    }

    fn limit(&mut self) -> Parsed {
        self.expect('_')?;
        self.expect('{')?;
        let variable = self.nested(Self::atom)?;
        if !self.is_command(&["to", "rightarrow", "Rightarrow", "longrightarrow", "Longrightarrow"]) {
            return Err(Refused);
        }
        self.at += 1;
        let negative = self.eat_mark('-');
        let mut point = self.nested(Self::atom)?;
        if negative {
            point = point.negated();
        }
        let mut side = "";
        if self.eat_mark('^') {
            let braces = self.eat_mark('{');
            side = match self.next() {
                Some(Token::Mark('+')) => "+",
                Some(Token::Mark('-')) => "-",
                _ => return Err(Refused),
            };
            if braces {
                self.expect('}')?;
            }
        }
        self.expect('}')?;
        let body = self.nested(Self::term)?;
        Ok(Expr::Opaque(format!("limit{side} {variable}"), vec![point, body]))
    }

    fn environment(&mut self, name: &str) -> Parsed {
        let system =
            matches!(name, "cases" | "aligned" | "align" | "gathered" | "gather" | "split" | "equation" | "alignedat");
        if !system
            && !matches!(
                name,
                "matrix" | "pmatrix" | "bmatrix" | "Bmatrix" | "vmatrix" | "Vmatrix" | "smallmatrix" | "array"
            )
        {
            return Err(Refused);
        }
        let mut rows: Vec<Vec<Expr>> = vec![Vec::new()];
        let mut cells = 0;
        self.inside.push(Inside::Round);
        loop {
            match self.peek() {
                Some(Token::End(end)) if end == name => {
                    self.at += 1;
                    break;
                }
                Some(Token::Row) => {
                    self.at += 1;
                    rows.push(Vec::new());
                }
                Some(Token::Mark('&')) => {
                    self.at += 1;
                }
                None => return Err(Refused),
                _ => {
                    let argument = std::mem::replace(&mut self.argument, false);
                    let cell = self.nested(Self::relation)?;
                    self.argument = argument;
                    let _ = system && self.eat_mark(',');
                    cells += 1;
                    if cells > limits::ITEMS * 2 {
                        return Err(Refused);
                    }
                    if let Some(row) = rows.last_mut() {
                        row.push(cell);
                    }
                }
            }
        }
        self.inside.pop();
        rows.retain(|row| !row.is_empty());
        let width = rows.first().map_or(0, Vec::len);
        if width == 0 || rows.iter().any(|row| row.len() != width) {
            return Err(Refused);
        }
        if system {
            if width != 1 {
                return Err(Refused);
            }
            let mut items: Vec<Expr> = rows.into_iter().flatten().collect();
            return Ok(if items.len() == 1 {
                items.remove(0)
            } else {
                Expr::List(crate::math::expr::Separator::Comma, items)
            });
        }
        let matrix = Expr::Matrix(rows);
        Ok(if name == "vmatrix" { Expr::Call(Function::Determinant, vec![matrix]) } else { matrix })
    }
}

/// Bars around a matrix are its determinant.
fn absolute(inner: Expr) -> Expr {
    match inner {
        matrix @ Expr::Matrix(_) => Expr::Call(Function::Determinant, vec![matrix]),
        inner => Expr::Call(Function::Abs, vec![inner]),
    }
}

fn greek(name: &str) -> bool {
    const NAMES: &[&str] = &[
        "alpha",
        "beta",
        "gamma",
        "delta",
        "epsilon",
        "varepsilon",
        "zeta",
        "eta",
        "theta",
        "vartheta",
        "iota",
        "kappa",
        "lambda",
        "mu",
        "nu",
        "xi",
        "rho",
        "sigma",
        "tau",
        "upsilon",
        "phi",
        "varphi",
        "chi",
        "psi",
        "omega",
        "Gamma",
        "Delta",
        "Theta",
        "Lambda",
        "Xi",
        "Pi",
        "Sigma",
        "Phi",
        "Psi",
        "Omega",
        "ell",
        "pi",
    ];
    NAMES.contains(&name)
}
