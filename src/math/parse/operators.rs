//! Operators with limits and environments: sums, products, integrals, limits, matrices and systems.

use super::Refused;
use super::commands::greek;
use super::lexer::Token;
use super::parser::{Inside, Parsed, Parser, times};
use super::words;
use crate::math::expr::{Comparison, Constant, Expr, Function};
use crate::math::limits;

impl Parser<'_> {
    /// Limits below and above, in either order.
    pub(super) fn bounds(&mut self) -> Result<(Option<Expr>, Option<Expr>), Refused> {
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
    pub(super) fn bound(&mut self) -> Parsed {
        let single = match self.peek() {
            Some(Token::Number(_, number)) => Expr::Number(number.clone()),
            Some(Token::Letter(letter)) => Expr::Symbol(letter.to_string()),
            _ => return self.script(),
        };
        self.at += 1;
        Ok(single)
    }

    pub(super) fn series(&mut self, product: bool) -> Parsed {
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
    pub(super) fn term(&mut self) -> Parsed {
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

    pub(super) fn integral(&mut self) -> Parsed {
        let (below, above) = self.bounds()?;
        self.integrals += 1;
        let body = self.nested(Self::sum);
        self.integrals -= 1;
        let mut parts = vec![body?];
        parts.extend(below);
        parts.extend(above);
        Ok(Expr::Opaque(if parts.len() > 1 { "integral from to" } else { "integral" }.to_owned(), parts))
    }

    pub(super) fn limit(&mut self) -> Parsed {
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

    pub(super) fn environment(&mut self, name: &str) -> Parsed {
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
pub(super) fn absolute(inner: Expr) -> Expr {
    match inner {
        matrix @ Expr::Matrix(_) => Expr::Call(Function::Determinant, vec![matrix]),
        inner => Expr::Call(Function::Abs, vec![inner]),
    }
}
