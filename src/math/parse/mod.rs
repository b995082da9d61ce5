//! Reading an answer: clean, lex, parse. LaTeX and plain text share one grammar. Pure and bounded: whatever is too
//! long, too deep or not understood is refused, and then compared as text.

mod atoms;
pub mod clean;
mod commands;
mod factors;
mod latex;
pub mod lexer;
mod numbers;
mod operators;
mod parser;
pub mod words;

use super::expr::Expr;
use lexer::Commas;

/// The text is not mathematics that this grammar knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not understood as mathematics")]
pub struct Refused;

/// Reads a formula as it is, without the licence that `clean` takes.
pub fn parse(formula: &str) -> Result<Expr, Refused> {
    parse_with(formula, Commas::Thousands)
}

pub fn parse_with(formula: &str, commas: Commas) -> Result<Expr, Refused> {
    let tokens = lexer::lex(formula, commas)?;
    parser::Parser::read(&tokens)
}
