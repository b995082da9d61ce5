//! From tokens to a tree: lists, relations, sets, sums and products. What a factor may be is in `atoms`.

use super::Refused;
use super::lexer::{Lexeme, Token};
use super::words;
use crate::math::expr::{Comparison, Expr, Separator, SetOperation};
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
    pub(super) fn read(tokens: &'a [Lexeme]) -> Parsed {
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

    pub(super) fn attempt(tokens: &'a [Lexeme], opening: Option<u32>, steps: &mut usize) -> Parsed {
        let mut parser =
            Self { tokens, at: 0, depth: 0, steps: *steps, integrals: 0, inside: Vec::new(), opening, argument: false };
        let found = parser.whole();
        *steps = parser.steps;
        found
    }

    pub(super) fn peek(&self) -> Option<&'a Token> {
        self.tokens.get(self.at).map(|lexeme| &lexeme.token)
    }

    pub(super) fn after(&self, ahead: usize) -> Option<&'a Token> {
        self.tokens.get(self.at + ahead).map(|lexeme| &lexeme.token)
    }

    pub(super) fn next(&mut self) -> Option<&'a Token> {
        let token = self.peek();
        self.at += 1;
        token
    }

    pub(super) fn eat(&mut self, token: &Token) -> bool {
        let found = self.peek() == Some(token);
        self.at += usize::from(found);
        found
    }

    pub(super) fn eat_mark(&mut self, mark: char) -> bool {
        self.eat(&Token::Mark(mark))
    }

    pub(super) fn expect(&mut self, mark: char) -> Result<(), Refused> {
        if self.eat_mark(mark) { Ok(()) } else { Err(Refused) }
    }

    pub(super) fn is_command(&self, names: &[&str]) -> bool {
        matches!(self.peek(), Some(Token::Command(name)) if names.contains(&name.as_str()))
    }

    /// Goes one level down, within the bound.
    pub(super) fn nested<T>(&mut self, parse: impl FnOnce(&mut Self) -> Result<T, Refused>) -> Result<T, Refused> {
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
    pub(super) fn bracketed<T>(
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

    pub(super) fn whole(&mut self) -> Parsed {
        let found = self.list()?;
        if self.at < self.tokens.len() { Err(Refused) } else { Ok(found) }
    }

    /// Items between commas, semicolons, connectives and line breaks; one item stands for itself.
    pub(super) fn list(&mut self) -> Parsed {
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
    pub(super) fn skip_annotations(&mut self) {
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
    pub(super) fn separator(&mut self) -> Option<Separator> {
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

    pub(super) fn relation(&mut self) -> Parsed {
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

    pub(super) fn sets(&mut self) -> Parsed {
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

    pub(super) fn ratio(&mut self) -> Parsed {
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

    pub(super) fn sign(&mut self) -> Option<char> {
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

    pub(super) fn sum(&mut self) -> Parsed {
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

    /// The number of this bar among all bars of the text.
    pub(super) fn bar(&self) -> usize {
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

/// Lists of lists: semicolons and line breaks part groups of commas; so does a word, where the groups are systems.
pub(super) fn grouped(mut items: Vec<(Option<Separator>, Expr)>) -> Expr {
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
