//! From tokens to a tree: lists, relations, sets, sums and products. What a factor may be is in `atoms`.

use super::Refused;
use super::lexer::{Lexeme, Token};
use super::words;
use crate::math::expr::{Comparison, Expr, Function, Separator, SetOperation, Space};
use crate::math::limits;

pub(super) type Parsed = Result<Expr, Refused>;

/// The bracket that is open innermost, for signs that mean different things.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Inside {
    Round,
    Set,
    Bars,
    Braces,
}

pub(super) struct Parser<'a> {
    pub tokens: &'a [Lexeme],
    pub at: usize,
    pub depth: usize,
    pub steps: usize,
    /// Inside how many integrals: there `dx` is one sign.
    pub integrals: usize,
    pub inside: Vec<Inside>,
    /// Which bars open, by their order in the text, where the usual guess failed.
    pub opening: Option<u32>,
    /// Arguments of functions without brackets end at a sum or a bracket.
    pub argument: bool,
}

impl<'a> Parser<'a> {
    pub fn read(tokens: &'a [Lexeme]) -> Parsed {
        if tokens.len() > limits::TOKENS {
            return Err(Refused);
        }
        let mut steps = limits::PARSE_STEPS;
        let first = Self::attempt(tokens, None, &mut steps);
        let bars = tokens.iter().filter(|lexeme| lexeme.token == Token::Mark('|')).count();
        if first.is_ok() || !(4..=8).contains(&bars) || bars % 2 == 1 || tokens.len() > 200 {
            return first;
        }
        for opening in 0..1u32 << bars {
            if opening.count_ones() as usize * 2 == bars && opening & 1 == 1 && steps > 0 {
                let found = Self::attempt(tokens, Some(opening), &mut steps);
                if found.is_ok() {
                    return found;
                }
            }
        }
        first
    }

    fn attempt(tokens: &'a [Lexeme], opening: Option<u32>, steps: &mut usize) -> Parsed {
        let mut parser =
            Self { tokens, at: 0, depth: 0, steps: *steps, integrals: 0, inside: Vec::new(), opening, argument: false };
        let found = parser.whole();
        *steps = parser.steps;
        found
    }

    pub fn peek(&self) -> Option<&'a Token> {
        self.tokens.get(self.at).map(|lexeme| &lexeme.token)
    }

    pub fn after(&self, ahead: usize) -> Option<&'a Token> {
        self.tokens.get(self.at + ahead).map(|lexeme| &lexeme.token)
    }

    pub fn next(&mut self) -> Option<&'a Token> {
        let token = self.peek();
        self.at += 1;
        token
    }

    pub fn eat(&mut self, token: &Token) -> bool {
        let found = self.peek() == Some(token);
        self.at += usize::from(found);
        found
    }

    pub fn eat_mark(&mut self, mark: char) -> bool {
        self.eat(&Token::Mark(mark))
    }

    pub fn expect(&mut self, mark: char) -> Result<(), Refused> {
        if self.eat_mark(mark) { Ok(()) } else { Err(Refused) }
    }

    pub fn is_command(&self, names: &[&str]) -> bool {
        matches!(self.peek(), Some(Token::Command(name)) if names.contains(&name.as_str()))
    }

    /// Goes one level down, within the bound.
    pub fn nested<T>(&mut self, parse: impl FnOnce(&mut Self) -> Result<T, Refused>) -> Result<T, Refused> {
        if self.depth >= limits::DEPTH || self.steps == 0 {
            return Err(Refused);
        }
        self.steps -= 1;
        self.depth += 1;
        let found = parse(self);
        self.depth -= 1;
        found
    }

    /// As `nested`, in brackets of a kind.
    pub fn bracketed<T>(
        &mut self,
        kind: Inside,
        parse: impl FnOnce(&mut Self) -> Result<T, Refused>,
    ) -> Result<T, Refused> {
        self.inside.push(kind);
        let argument = std::mem::replace(&mut self.argument, false);
        let found = self.nested(parse);
        self.argument = argument;
        self.inside.pop();
        found
    }

    fn whole(&mut self) -> Parsed {
        let found = self.list()?;
        if self.at < self.tokens.len() { Err(Refused) } else { Ok(found) }
    }

    /// Items between commas, semicolons, connectives and line breaks; one item stands for itself.
    pub fn list(&mut self) -> Parsed {
        let mut items: Vec<(Option<Separator>, Expr)> = Vec::new();
        let mut separator = None;
        loop {
            self.skip_annotations();
            let item = self.relation()?;
            items.push((separator, item));
            if items.len() > limits::ITEMS {
                return Err(Refused);
            }
            self.skip_annotations();
            separator = self.separator();
            if separator.is_none() || self.at >= self.tokens.len() {
                break;
            }
        }
        if separator.is_some_and(|last| last == Separator::Word) {
            return Err(Refused);
        }
        Ok(grouped(items))
    }

    /// Words between items, as in `\text{ for part (a) and }`.
    fn skip_annotations(&mut self) {
        while let Some(Token::Text(text)) = self.peek() {
            let followed =
                matches!(self.after(1), Some(Token::Connective | Token::Mark(',' | ';') | Token::Row) | None);
            if words::changes_meaning(text) || !followed || self.at == 0 {
                break;
            }
            self.at += 1;
        }
    }

    /// The strongest of the separators here: "x = 1, and y = 2" has a comma and a word.
    fn separator(&mut self) -> Option<Separator> {
        let mut found = None;
        loop {
            let next = match self.peek() {
                Some(Token::Mark(',')) => Separator::Comma,
                Some(Token::Mark(';')) => Separator::Semicolon,
                Some(Token::Connective) => Separator::Word,
                Some(Token::Row) => Separator::Row,
                _ => return found,
            };
            // Two commas have something missing between them.
            if found == Some(next) && next == Separator::Comma {
                return None;
            }
            self.at += 1;
            found = Some(match found {
                None | Some(Separator::Comma) => next,
                Some(before) => before,
            });
        }
    }

    pub fn relation(&mut self) -> Parsed {
        // "= 5" and "approximately 8.2" say no more than the value.
        while matches!(self.peek(), Some(Token::Relation(Comparison::Approximately | Comparison::Equal))) {
            self.at += 1;
        }
        let first = self.sets()?;
        let mut rest = Vec::new();
        loop {
            let mut comparison = match self.peek() {
                Some(Token::Relation(comparison)) => *comparison,
                Some(Token::Command(name)) if name == "notin" => return Err(Refused),
                _ => break,
            };
            self.at += 1;
            // `\not=`
            if comparison == Comparison::NotEqual && self.eat(&Token::Relation(Comparison::Equal)) {
                comparison = Comparison::NotEqual;
            }
            rest.push((comparison, self.sets()?));
            if rest.len() > limits::ITEMS {
                return Err(Refused);
            }
        }
        Ok(if rest.is_empty() { first } else { Expr::Relation(Box::new(first), rest) })
    }

    fn sets(&mut self) -> Parsed {
        let mut left = self.ratio()?;
        let mut length = 0;
        loop {
            let operation = match self.peek() {
                Some(Token::Command(name)) => match name.as_str() {
                    "cup" | "bigcup" => SetOperation::Union,
                    "cap" | "bigcap" => SetOperation::Intersection,
                    "setminus" | "backslash" | "smallsetminus" => SetOperation::Difference,
                    _ => return Ok(left),
                },
                _ => return Ok(left),
            };
            self.at += 1;
            length += 1;
            if length > limits::ITEMS {
                return Err(Refused);
            }
            left = Expr::SetOf(operation, Box::new(left), Box::new(self.ratio()?));
        }
    }

    fn ratio(&mut self) -> Parsed {
        let first = self.sum()?;
        // In a set a colon begins the conditions.
        if self.inside.last() == Some(&Inside::Set) || self.peek() != Some(&Token::Mark(':')) {
            return Ok(first);
        }
        let mut parts = vec![first];
        while self.eat_mark(':') {
            parts.push(self.sum()?);
            if parts.len() > limits::ITEMS {
                return Err(Refused);
            }
        }
        Ok(Expr::Ratio(parts))
    }

    fn sign(&mut self) -> Option<char> {
        let sign = match self.peek()? {
            Token::Mark('+') => '+',
            Token::Mark('-') => '-',
            Token::Command(name) if name == "pm" => '±',
            Token::Command(name) if name == "mp" => '∓',
            _ => return None,
        };
        // "+-" and "+/-" for plus or minus, in plain text.
        let plain = sign == '+' && self.after(1) == Some(&Token::Mark('/')) && self.after(2) == Some(&Token::Mark('-'));
        self.at += if plain { 3 } else { 1 };
        Some(if plain { '±' } else { sign })
    }

    pub fn sum(&mut self) -> Parsed {
        self.nested(|parser| {
            let mut parts = Vec::new();
            let mut sign = parser.sign();
            loop {
                let mut signs = vec![sign.unwrap_or('+')];
                while let Some(more) = parser.sign() {
                    signs.push(more);
                    if signs.len() > 8 {
                        return Err(Refused);
                    }
                }
                let mut part = parser.product()?;
                for sign in signs.into_iter().rev() {
                    part = match sign {
                        '-' => part.negated(),
                        '±' => Expr::Signs(false, Box::new(part)),
                        '∓' => Expr::Signs(true, Box::new(part)),
                        _ => part,
                    };
                }
                parts.push(part);
                sign = parser.sign();
                if sign.is_none() {
                    break;
                }
            }
            Ok(if parts.len() == 1 { parts.remove(0) } else { Expr::Add(parts) })
        })
    }

    fn product(&mut self) -> Parsed {
        let mut left = self.currency()?;
        loop {
            let divides = match self.peek() {
                Some(Token::Mark('*')) => false,
                Some(Token::Mark('/')) => true,
                Some(Token::Command(name)) => match name.as_str() {
                    "cdot" | "times" => false,
                    "div" => true,
                    "mod" | "bmod" | "pmod" | "pod" => {
                        self.at += 1;
                        let modulus = self.power()?;
                        left = Expr::Call(Function::Mod, vec![left, modulus]);
                        continue;
                    }
                    _ => match self.implied(left)? {
                        Ok(more) => {
                            left = more;
                            continue;
                        }
                        Err(done) => return Ok(done),
                    },
                },
                _ => match self.implied(left)? {
                    Ok(more) => {
                        left = more;
                        continue;
                    }
                    Err(done) => return Ok(done),
                },
            };
            if self.argument {
                return Ok(left);
            }
            self.at += 1;
            let mut negative = false;
            while let Some(sign) = self.sign() {
                negative ^= sign == '-';
                if sign != '-' && sign != '+' {
                    return Err(Refused);
                }
            }
            let mut right = self.power()?;
            if negative {
                right = right.negated();
            }
            left = if divides { left.over(right) } else { times(left, right) };
        }
    }

    /// An amount of money may begin with its sign.
    fn currency(&mut self) -> Parsed {
        if !self.eat(&Token::Currency) {
            return self.power();
        }
        while self.eat(&Token::Currency) {}
        let amount = self.power()?;
        Ok(Expr::Measured(Box::new(amount), "dollars".to_owned()))
    }

    /// A factor without a sign before it, or a unit. `Err` in the value hands the left side back: nothing follows.
    fn implied(&mut self, left: Expr) -> Result<Result<Expr, Expr>, Refused> {
        let Some(token) = self.peek() else { return Ok(Err(left)) };
        let begin = self.at;
        if let Some(measured) = self.unit(&left) {
            return Ok(Ok(measured));
        }
        self.at = begin;
        let space = self.tokens[self.at].space;
        match token {
            Token::Currency => {
                self.at += 1;
                return Ok(Ok(Expr::Measured(Box::new(left), "dollars".to_owned())));
            }
            Token::Mark('|') => {
                let closes = match self.opening {
                    Some(opening) => opening >> self.bar() & 1 == 0,
                    None => matches!(self.inside.last(), Some(Inside::Bars | Inside::Set)),
                };
                if closes {
                    return Ok(Err(left));
                }
            }
            Token::Mark('(' | '[') if self.argument => return Ok(Err(left)),
            Token::Mark('(') if matches!(self.after(1), Some(Token::Command(name)) if matches!(name.as_str(), "mod" | "bmod")) =>
            {
                // "3 (mod 7)"
                self.at += 2;
                let modulus = self.power()?;
                self.expect(')')?;
                return Ok(Ok(Expr::Call(Function::Mod, vec![left, modulus])));
            }
            Token::Mark('(') if self.after(1) == Some(&Token::Word("base".to_owned())) => {
                // "101 (base 2)"
                let (Some(Token::Number(digits, _)), Some(Token::Number(base, _)), Some(Token::Mark(')'))) =
                    (self.tokens.get(begin.wrapping_sub(1)).map(|lexeme| &lexeme.token), self.after(2), self.after(3))
                else {
                    return Err(Refused);
                };
                let found = base.parse().ok().and_then(|base| super::atoms::based(digits, base)).ok_or(Refused)?;
                self.at += 4;
                return if is_number(&left) { Ok(Ok(found)) } else { Err(Refused) };
            }
            Token::Mark('(' | '[' | '{')
            | Token::BarOpen
            | Token::SetOpen
            | Token::Letter(_)
            | Token::Name(_)
            | Token::Begin(_) => {}
            Token::Number(..) => {
                // "2 1/2" is a mixed number, "2 3" is nothing.
                if is_number(&left) {
                    return self.mixed(left, space).map(Ok);
                }
                // l2s: "x2" is a product.
            }
            Token::Command(name) => {
                let ends = matches!(
                    name.as_str(),
                    "cup"
                        | "bigcup"
                        | "cap"
                        | "bigcap"
                        | "setminus"
                        | "backslash"
                        | "smallsetminus"
                        | "pm"
                        | "mp"
                        | "notin"
                        | "to"
                        | "rightarrow"
                        | "rangle"
                        | "rfloor"
                        | "rceil"
                );
                if ends || (self.argument && (words::function(name).is_some() || name == "lim" || name == "sum")) {
                    return Ok(Err(left));
                }
                if matches!(name.as_str(), "frac" | "dfrac" | "tfrac" | "cfrac")
                    && let Some(whole) = natural(&left)
                    && let Some(mixed) = self.mixed_fraction(&whole)?
                {
                    return Ok(Ok(mixed));
                }
            }
            _ => return Ok(Err(left)),
        }
        // (2,3) U (4,5), typed with the letter.
        if token == &Token::Letter('U')
            && matches!(left, Expr::Group(..) | Expr::Set(_) | Expr::SetOf(..))
            && matches!(self.after(1), Some(Token::Mark('(' | '[') | Token::SetOpen))
        {
            self.at += 1;
            let right = self.power()?;
            return Ok(Ok(Expr::SetOf(SetOperation::Union, Box::new(left), Box::new(right))));
        }
        // Lists next to each other, or a word: no product.
        let right = self.power()?;
        if matches!(left, Expr::Group(..) | Expr::Space(Space::Empty)) && matches!(right, Expr::Group(..)) {
            return Err(Refused);
        }
        Ok(Ok(times(left, right)))
    }

    /// `2\frac{1}{2}`, with the percent or degree sign behind it; `None` if the fraction is improper or no number.
    fn mixed_fraction(&mut self, whole: &num_bigint::BigInt) -> Result<Option<Expr>, Refused> {
        let begin = self.at;
        if let Expr::Div(above, below) = self.atom()?
            && let (Some(above), Some(below)) = (natural(&above), natural(&below))
            && above > num_bigint::BigInt::from(0)
            && above < below
            && self.peek() != Some(&Token::Mark('!'))
        {
            let value = num_rational::BigRational::new(whole * &below + above, below);
            let mixed = Expr::Number(crate::math::expr::Number { value, decimal: None });
            return self.behind(mixed).map(Some);
        }
        self.at = begin;
        Ok(None)
    }

    fn mixed(&mut self, left: Expr, space: bool) -> Parsed {
        let (Some(whole), true) = (natural(&left), space) else { return Err(Refused) };
        let (Some(Token::Number(_, above)), Some(Token::Mark('/')), Some(Token::Number(_, below))) =
            (self.peek(), self.after(1), self.after(2))
        else {
            return Err(Refused);
        };
        let plain = above.decimal.is_none() && below.decimal.is_none();
        let (above, below) = (above.value.to_integer(), below.value.to_integer());
        if !plain || above >= below || above <= num_bigint::BigInt::from(0) {
            return Err(Refused);
        }
        self.at += 3;
        let value = num_rational::BigRational::new(whole * &below + above, below);
        Ok(Expr::Number(crate::math::expr::Number { value, decimal: None }))
    }

    /// Words behind a value: percent, a base, a unit with its power.
    fn unit(&mut self, left: &Expr) -> Option<Expr> {
        let begin = self.at;
        let word = match self.peek()? {
            Token::Text(text) => text.clone(),
            Token::Word(word) => word.clone(),
            _ => return None,
        };
        let lower = word.to_ascii_lowercase();
        if words::percent(&lower) {
            self.at += 1;
            return Some(Expr::Percent(Box::new(left.clone())));
        }
        if lower == "base" && matches!(left, Expr::Number(_)) {
            self.at += 1;
            let Some(Token::Number(base, _)) = self.next() else {
                self.at = begin;
                return None;
            };
            let Some(Token::Number(digits, _)) = self.tokens.get(begin.checked_sub(1)?).map(|lexeme| &lexeme.token)
            else {
                self.at = begin;
                return None;
            };
            return base.parse().ok().and_then(|base| super::atoms::based(digits, base));
        }
        if let Some(zeros) = words::magnitude(&lower) {
            self.at += 1;
            return Some(times(left.clone(), Expr::integer(zeros)));
        }
        let mut unit = String::new();
        while let Some(token) = self.peek() {
            match token {
                Token::Text(word) | Token::Word(word) => {
                    if words::changes_meaning(word) {
                        break;
                    }
                    unit = format!("{unit} {word}");
                }
                Token::Mark('^') if !unit.is_empty() => {
                    let braces = usize::from(self.after(1) == Some(&Token::Mark('{')));
                    let Some(Token::Number(power, _)) = self.after(1 + braces) else { break };
                    if braces == 1 && self.after(3) != Some(&Token::Mark('}')) {
                        break;
                    }
                    unit = format!("{unit}^{power}");
                    self.at += 1 + 2 * braces;
                }
                Token::Mark('/')
                    if !unit.is_empty() && matches!(self.after(1), Some(Token::Text(_) | Token::Word(_))) =>
                {
                    unit.push_str(" per");
                }
                Token::Mark('\'') if !unit.is_empty() => {}
                _ => break,
            }
            self.at += 1;
        }
        let ends = matches!(
            self.peek(),
            None | Some(
                Token::Mark(',' | ';' | ')' | ']' | '}' | '&' | '=')
                    | Token::Connective
                    | Token::Row
                    | Token::Relation(_)
                    | Token::SetClose
                    | Token::End(_)
            )
        );
        if unit.is_empty() || !ends {
            self.at = begin;
            return None;
        }
        let unit = unit.trim().to_owned();
        Some(match left {
            // "$5 dollars": once is enough.
            Expr::Measured(inner, _) => Expr::Measured(inner.clone(), unit),
            left => Expr::Measured(Box::new(left.clone()), unit),
        })
    }

    /// The number of this bar among all bars of the text.
    pub fn bar(&self) -> usize {
        self.tokens[..self.at].iter().filter(|lexeme| lexeme.token == Token::Mark('|')).count()
    }
}

/// A product, kept flat.
pub(super) fn times(left: Expr, right: Expr) -> Expr {
    match left {
        Expr::Mul(mut parts) => {
            parts.push(right);
            Expr::Mul(parts)
        }
        left => Expr::Mul(vec![left, right]),
    }
}

fn is_number(expr: &Expr) -> bool {
    matches!(expr, Expr::Number(_))
}

fn natural(expr: &Expr) -> Option<num_bigint::BigInt> {
    match expr {
        Expr::Number(number) if number.decimal.is_none() && number.value.is_integer() => {
            Some(number.value.to_integer())
        }
        _ => None,
    }
}

/// Lists of lists: semicolons and line breaks part groups of commas; so does a word, where the groups are systems.
fn grouped(mut items: Vec<(Option<Separator>, Expr)>) -> Expr {
    if items.len() == 1 {
        return items.remove(0).1;
    }
    let has = |wanted: Separator| items.iter().any(|(separator, _)| *separator == Some(wanted));
    let assignments = items.iter().all(|(_, item)| matches!(item, Expr::Relation(..)));
    let outer = if has(Separator::Semicolon) {
        Separator::Semicolon
    } else if has(Separator::Row) {
        Separator::Row
    } else if has(Separator::Word) && has(Separator::Comma) && assignments {
        Separator::Word
    } else {
        let kind = if has(Separator::Word) { Separator::Word } else { Separator::Comma };
        return Expr::List(kind, items.into_iter().map(|(_, item)| item).collect());
    };
    let mut groups: Vec<Vec<Expr>> = vec![Vec::new()];
    for (separator, item) in items {
        if separator == Some(outer) {
            groups.push(Vec::new());
        }
        if let Some(group) = groups.last_mut() {
            group.push(item);
        }
    }
    // "x = 1, y = 2, and z = 3" has no groups.
    if outer == Separator::Word && groups.iter().any(|group| group.len() != groups[0].len()) {
        return Expr::List(Separator::Comma, groups.into_iter().flatten().collect());
    }
    let group =
        |mut items: Vec<Expr>| if items.len() == 1 { items.remove(0) } else { Expr::List(Separator::Comma, items) };
    Expr::List(outer, groups.into_iter().map(group).collect())
}
