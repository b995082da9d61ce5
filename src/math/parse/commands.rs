//! Commands that stand for a factor: fractions, roots, accents, functions with their powers and arguments.

use super::Refused;
use super::lexer::Token;
use super::parser::{Inside, Parsed, Parser, times};
use super::words;
use crate::math::expr::{Constant, Expr, Function, Number};

impl Parser<'_> {
    pub(super) fn command(&mut self, name: &str) -> Parsed {
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
    pub(super) fn digit_or_group(&mut self) -> Parsed {
        let Some(Token::Number(raw, number)) = self.peek() else { return self.group() };
        let _ = raw;
        self.at += 1;
        Ok(Expr::Number(number.clone()))
    }

    pub(super) fn fraction(&mut self) -> Parsed {
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
    pub(super) fn derivative(&mut self) -> Result<Option<Expr>, Refused> {
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

    pub(super) fn root(&mut self) -> Parsed {
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
            Some(Token::Number(raw, _)) if !space && raw.len() > 1 && raw.bytes().all(|byte| byte.is_ascii_digit()) => {
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

    pub(super) fn accent(&mut self, name: &str) -> Parsed {
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
    pub(super) fn function(&mut self, name: &str, function: Function) -> Parsed {
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
    pub(super) fn log_base(&mut self) -> Parsed {
        self.group()
    }

    pub(super) fn arguments(&mut self) -> Result<Vec<Expr>, Refused> {
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
    pub(super) fn function_argument(&mut self) -> Parsed {
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

    pub(super) fn argument_product(&mut self) -> Parsed {
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
}

pub(super) fn greek(name: &str) -> bool {
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
