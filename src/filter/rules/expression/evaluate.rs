//! The value of an expression, from its pieces. Not: where it begins and ends in the text.

use super::lex::{Piece, Token};

/// What an expression comes to, and what it is made of.
pub(super) struct Value {
    pub value: f64,
    pub operators: usize,
    /// Digits after the point of its last number.
    pub decimals: u32,
    pub operands: Vec<f64>,
    pub begin: usize,
    pub end: usize,
}

/// `None` where it is no whole expression, or has no finite value.
pub(super) fn evaluate(pieces: &[Piece]) -> Option<Value> {
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
