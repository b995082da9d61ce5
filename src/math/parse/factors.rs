//! Products: factors with and without a sign between them, mixed numbers, and the units behind a value.

use super::Refused;
use super::lexer::Token;
use super::parser::{Inside, Parsed, Parser, times};
use super::words;
use crate::math::expr::{Expr, Function, SetOperation, Space};

impl Parser<'_> {
    pub(super) fn product(&mut self) -> Parsed {
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
    pub(super) fn currency(&mut self) -> Parsed {
        if !self.eat(&Token::Currency) {
            return self.power();
        }
        while self.eat(&Token::Currency) {}
        let amount = self.power()?;
        Ok(Expr::Measured(Box::new(amount), "dollars".to_owned()))
    }

    /// A factor without a sign before it, or a unit. `Err` in the value hands the left side back: nothing follows.
    pub(super) fn implied(&mut self, left: Expr) -> Result<Result<Expr, Expr>, Refused> {
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
    pub(super) fn mixed_fraction(&mut self, whole: &num_bigint::BigInt) -> Result<Option<Expr>, Refused> {
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

    pub(super) fn mixed(&mut self, left: Expr, space: bool) -> Parsed {
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
    pub(super) fn unit(&mut self, left: &Expr) -> Option<Expr> {
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
}

pub(super) fn is_number(expr: &Expr) -> bool {
    matches!(expr, Expr::Number(_))
}

pub(super) fn natural(expr: &Expr) -> Option<num_bigint::BigInt> {
    match expr {
        Expr::Number(number) if number.decimal.is_none() && number.value.is_integer() => {
            Some(number.value.to_integer())
        }
        _ => None,
    }
}
