//! The text of a tree, as one would type it: what a screen shows as the normal form of an answer.

use std::fmt::{Display, Formatter, Result};

use num_traits::{One, Signed};

use super::{Comparison, Constant, Expr, Function, Separator, SetOperation, Space};

impl Display for Expr {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write(self, 0, f)
    }
}

/// How tightly the outermost operation of an expression binds.
fn binding(expr: &Expr) -> u8 {
    match expr {
        Expr::List(..) | Expr::Relation(..) => 0,
        Expr::SetOf(..) | Expr::Ratio(_) => 1,
        Expr::Add(_) | Expr::Signs(..) | Expr::Neg(_) => 2,
        Expr::Number(number) if number.value.is_negative() => 2,
        Expr::Number(number) if number.decimal.is_none() && !number.value.denom().is_one() => 3,
        Expr::Mul(_) | Expr::Div(..) => 3,
        Expr::Pow(..) => 4,
        _ => 5,
    }
}

fn write(expr: &Expr, least: u8, f: &mut Formatter<'_>) -> Result {
    let wrapped = binding(expr) < least;
    if wrapped {
        f.write_str("(")?;
    }
    inner(expr, f)?;
    if wrapped {
        f.write_str(")")?;
    }
    Ok(())
}

fn items(parts: &[Expr], between: &str, least: u8, f: &mut Formatter<'_>) -> Result {
    for (at, part) in parts.iter().enumerate() {
        if at > 0 {
            f.write_str(between)?;
        }
        write(part, least, f)?;
    }
    Ok(())
}

fn inner(expr: &Expr, f: &mut Formatter<'_>) -> Result {
    match expr {
        Expr::Number(number) => write!(f, "{}", number.value),
        Expr::Constant(constant) => f.write_str(match constant {
            Constant::Pi => "pi",
            Constant::E => "e",
            Constant::I => "i",
            Constant::Infinity => "oo",
        }),
        Expr::Symbol(name) => f.write_str(name),
        Expr::Add(parts) => {
            for (at, part) in parts.iter().enumerate() {
                match part {
                    Expr::Neg(taken) => {
                        f.write_str(if at > 0 { " - " } else { "-" })?;
                        write(taken, 3, f)?;
                    }
                    Expr::Signs(..) if at > 0 => {
                        f.write_str(" ")?;
                        write(part, 2, f)?;
                    }
                    _ => {
                        f.write_str(if at > 0 { " + " } else { "" })?;
                        write(part, 3, f)?;
                    }
                }
            }
            Ok(())
        }
        Expr::Mul(parts) => items(parts, "*", 4, f),
        Expr::Neg(inner) => {
            f.write_str("-")?;
            write(inner, 3, f)
        }
        Expr::Div(above, below) => {
            write(above, 3, f)?;
            f.write_str("/")?;
            write(below, 4, f)
        }
        Expr::Pow(base, exponent) => {
            write(base, 5, f)?;
            f.write_str("^")?;
            write(exponent, 5, f)
        }
        Expr::Signs(flipped, inner) => {
            f.write_str(if *flipped { "-/+ " } else { "+/- " })?;
            write(inner, 3, f)
        }
        Expr::Call(Function::Root, parts) => match parts.as_slice() {
            [radicand, index] if *index == Expr::integer(2) => write!(f, "sqrt({radicand})"),
            parts => {
                f.write_str("root(")?;
                items(parts, ", ", 1, f)?;
                f.write_str(")")
            }
        },
        Expr::Call(function, parts) => {
            write!(f, "{}(", format!("{function:?}").to_lowercase())?;
            items(parts, ", ", 1, f)?;
            f.write_str(")")
        }
        Expr::Opaque(name, parts) => {
            write!(f, "{name}(")?;
            items(parts, ", ", 1, f)?;
            f.write_str(")")
        }
        Expr::Series(product, index, parts) => {
            let [from, to, term] = &**parts;
            write!(f, "{}({term}, {index} = {from}..{to})", if *product { "prod" } else { "sum" })
        }
        Expr::Percent(inner) => {
            write(inner, 5, f)?;
            f.write_str("%")
        }
        Expr::Degrees(inner) => {
            write(inner, 5, f)?;
            f.write_str("°")
        }
        Expr::Based(digits, base) => write!(f, "{digits}_{base}"),
        Expr::Measured(inner, unit) => {
            write(inner, 3, f)?;
            write!(f, " [{unit}]")
        }
        Expr::Group(open, parts, close) => {
            write!(f, "{open}")?;
            items(parts, ", ", 1, f)?;
            write!(f, "{close}")
        }
        Expr::Set(parts) => {
            f.write_str("{")?;
            items(parts, ", ", 1, f)?;
            f.write_str("}")
        }
        Expr::Builder(of, conditions) => {
            write!(f, "{{{of} : ")?;
            items(conditions, ", ", 0, f)?;
            f.write_str("}")
        }
        Expr::List(separator, parts) => {
            let between = match separator {
                Separator::Comma => ", ",
                Separator::Semicolon | Separator::Row => "; ",
                Separator::Word => " or ",
            };
            items(parts, between, 0, f)
        }
        Expr::SetOf(operation, left, right) => {
            write(left, 1, f)?;
            f.write_str(match operation {
                SetOperation::Union => " u ",
                SetOperation::Intersection => " n ",
                SetOperation::Difference => " \\ ",
            })?;
            write(right, 2, f)
        }
        Expr::Space(space) => f.write_str(match space {
            Space::Reals => "R",
            Space::Integers => "Z",
            Space::Naturals => "N",
            Space::Rationals => "Q",
            Space::Complexes => "C",
            Space::Empty => "{}",
        }),
        Expr::Relation(first, rest) => {
            write(first, 1, f)?;
            for (comparison, side) in rest {
                f.write_str(sign(*comparison))?;
                write(side, 1, f)?;
            }
            Ok(())
        }
        Expr::Ratio(parts) => items(parts, ":", 2, f),
        Expr::Matrix(rows) => {
            f.write_str("[")?;
            for (at, row) in rows.iter().enumerate() {
                f.write_str(if at > 0 { "; " } else { "" })?;
                items(row, ", ", 1, f)?;
            }
            f.write_str("]")
        }
        Expr::Text(text) => write!(f, "\"{text}\""),
    }
}

pub fn sign(comparison: Comparison) -> &'static str {
    match comparison {
        Comparison::Equal => " = ",
        Comparison::NotEqual => " != ",
        Comparison::Less => " < ",
        Comparison::LessEqual => " <= ",
        Comparison::Greater => " > ",
        Comparison::GreaterEqual => " >= ",
        Comparison::Approximately => " ~ ",
        Comparison::Congruent => " == ",
        Comparison::Element => " in ",
    }
}
