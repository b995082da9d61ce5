//! The kinds of answers, and how a tree becomes one.

use std::fmt::{Display, Formatter};

use num_traits::ToPrimitive;

use super::region::Region;
use super::{lists, matrix, signs};
use crate::math::expr::{Comparison, Constant, Expr, SetOperation, Space};

/// An answer by its kind.
#[derive(Debug, Clone, PartialEq)]
pub enum Form {
    /// A number or expression, with the unit behind it.
    Value(Expr, Option<String>),
    /// Plus infinity where true.
    Infinity(bool),
    /// Digits in a base other than ten; the digits may have a sign.
    Based(String, u32),
    /// Brackets and what they hold, in order: a point, an interval, a vector. Braces for the order-less `{1,2}` of LaTeX,
    /// where they are not printed.
    Tuple(char, Vec<Form>, char),
    /// Several answers, in any order.
    List(Vec<Form>),
    Set(Vec<Form>),
    /// `x = 5`
    Named(String, Box<Form>),
    /// `x = 1, y = 2`
    Record(Vec<(String, Form)>),
    /// Intervals and points of the real line, of a variable where it is named.
    Region(Option<String>, Region),
    /// Left and right side.
    Equation(Expr, Expr),
    /// An inequality that is no region of one variable.
    Inequality(Expr),
    Matrix(Vec<Vec<Expr>>),
    Ratio(Vec<Expr>),
    /// Seconds since midnight or noon, and whether it is after noon.
    Clock(u32, bool),
    /// A value for every whole number of the parameter.
    Family(Expr, String),
    Text(String),
    /// A tree that has no kind of its own.
    Other(Expr),
}

impl Form {
    pub fn of(expr: &Expr) -> Form {
        of(expr, 0)
    }

    pub fn value(expr: Expr) -> Form {
        Form::Value(expr, None)
    }
}

pub(super) fn of(expr: &Expr, depth: usize) -> Form {
    if depth > 12 {
        return Form::Other(expr.clone());
    }
    // Lists and sets unfold their items one by one, all else as a whole.
    if !matches!(expr, Expr::List(..) | Expr::Set(_) | Expr::SetOf(..)) && signs::has(expr) {
        return match expr {
            Expr::Relation(first, rest) if rest.len() == 1 && !signs::has(first) && rest[0].0 == Comparison::Equal => {
                match name(first) {
                    Some(name) => Form::Named(name, Box::new(of(&rest[0].1, depth + 1))),
                    None => unfolded(expr, depth),
                }
            }
            _ => unfolded(expr, depth),
        };
    }
    match expr {
        Expr::List(separator, items) => lists::of(*separator, items, depth),
        Expr::Group(open, items, close) => match items.as_slice() {
            [one] if *open != '<' => of(one, depth + 1),
            items => Form::Tuple(*open, items.iter().map(|item| of(item, depth + 1)).collect(), *close),
        },
        Expr::Set(items) => Form::Set(lists::flat(items, depth)),
        Expr::Space(Space::Empty) => Form::Set(Vec::new()),
        Expr::SetOf(operation, left, right) => match Region::of(expr) {
            Some(region) => Form::Region(None, region),
            None => match (operation, of(left, depth + 1), of(right, depth + 1)) {
                (SetOperation::Union, Form::Set(mut left), Form::Set(right)) => {
                    left.extend(right);
                    Form::Set(left)
                }
                _ => Form::Other(expr.clone()),
            },
        },
        Expr::Space(_) | Expr::Builder(..) => match Region::of(expr) {
            Some(region) => Form::Region(None, region),
            None => Form::Other(expr.clone()),
        },
        Expr::Relation(first, rest) => relation(expr, first, rest, depth),
        Expr::Ratio(parts) => Form::Ratio(parts.clone()),
        Expr::Text(text) => Form::Text(text.clone()),
        Expr::Based(digits, base) => Form::Based(digits.clone(), *base),
        Expr::Neg(inner) => match &**inner {
            Expr::Based(digits, base) => Form::Based(format!("-{digits}"), *base),
            _ => scalar(expr),
        },
        Expr::Measured(inner, _) => match of(inner, depth + 1) {
            Form::Value(..) => scalar(expr),
            other => other,
        },
        // A(2,3), a point with its name.
        Expr::Mul(parts)
            if matches!(parts.as_slice(), [Expr::Symbol(_), Expr::Group('(', items, ')')] if items.len() > 1)
                && capital(&parts[0]) =>
        {
            Form::Named(parts[0].to_string(), Box::new(of(&parts[1], depth + 1)))
        }
        Expr::Percent(inner) | Expr::Degrees(inner) if !inner.is_scalar() => of(inner, depth + 1),
        Expr::Add(parts) if Region::of_difference(parts).is_some() => match Region::of_difference(parts) {
            Some(region) => Form::Region(None, region),
            None => Form::Other(expr.clone()),
        },
        other => scalar(other),
    }
}

fn unfolded(expr: &Expr, depth: usize) -> Form {
    match signs::unfold(expr) {
        Some(values) => Form::List(values.iter().map(|value| of(value, depth + 1)).collect()),
        None => Form::Other(expr.clone()),
    }
}

fn scalar(expr: &Expr) -> Form {
    if let Some(positive) = expr.infinite() {
        return Form::Infinity(positive);
    }
    if expr.any(&|part| matches!(part, Expr::Matrix(_))) {
        return match matrix::fold(expr) {
            Some(Expr::Matrix(rows)) => Form::Matrix(rows),
            Some(value) => scalar(&value),
            None => Form::Other(expr.clone()),
        };
    }
    let (expr, unit) = stripped(expr);
    Form::Value(expr, unit)
}

/// The value without its unit, percent or degree sign, and the unit.
fn stripped(expr: &Expr) -> (Expr, Option<String>) {
    match expr {
        Expr::Percent(inner) => (stripped(inner).0, Some("%".to_owned())),
        Expr::Degrees(inner) => (stripped(inner).0, Some("degrees".to_owned())),
        Expr::Measured(inner, unit) => (stripped(inner).0, Some(unit.clone())),
        Expr::Neg(inner) => {
            let (inner, unit) = stripped(inner);
            (inner.negated(), unit)
        }
        Expr::Add(parts) => {
            let parts: Vec<_> = parts.iter().map(stripped).collect();
            let unit = parts.iter().rev().find_map(|(_, unit)| unit.clone());
            (Expr::Add(parts.into_iter().map(|(part, _)| part).collect()), unit)
        }
        // A share of something stays a share: 20% of 50 is 10.
        Expr::Mul(parts) if parts.iter().any(|part| matches!(part, Expr::Degrees(_) | Expr::Measured(..))) => {
            let parts: Vec<_> = parts.iter().map(stripped).collect();
            let unit = parts.iter().rev().find_map(|(_, unit)| unit.clone());
            (Expr::Mul(parts.into_iter().map(|(part, _)| part).collect()), unit)
        }
        other => (other.clone(), None),
    }
}

fn relation(expr: &Expr, first: &Expr, rest: &[(Comparison, Expr)], depth: usize) -> Form {
    let equal = |comparison: &Comparison| matches!(comparison, Comparison::Equal | Comparison::Approximately);
    if let [(Comparison::Element, set)] = rest {
        let inner = of(set, depth + 1);
        return match (name(first), inner) {
            (Some(name), Form::Region(None, region)) => Form::Region(Some(name), region),
            (Some(name), inner) => Form::Named(name, Box::new(inner)),
            (None, inner) => inner,
        };
    }
    if rest.iter().all(|(comparison, _)| equal(comparison)) {
        return equality(first, rest, depth);
    }
    if rest.iter().any(|(comparison, _)| matches!(comparison, Comparison::Congruent | Comparison::Element)) {
        return Form::Other(expr.clone());
    }
    match Region::of_relation(expr) {
        Some((variable, region)) => Form::Region(Some(variable), region),
        None => Form::Inequality(expr.clone()),
    }
}

/// A chain of equal signs comes to its last exact member.
fn equality(first: &Expr, rest: &[(Comparison, Expr)], depth: usize) -> Form {
    let exact: Vec<&Expr> = rest
        .iter()
        .enumerate()
        .take_while(|(at, (comparison, _))| *at == 0 || *comparison == Comparison::Equal)
        .map(|(_, (_, side))| side)
        .collect();
    let Some(last) = exact.last() else { return of(first, depth + 1) };
    if let (Expr::Group(_, names, _), Expr::Group(_, values, _)) = (first, *last)
        && let Some(names) = names.iter().map(name).collect::<Option<Vec<_>>>()
        && names.len() == values.len()
    {
        let values = values.iter().map(|value| of(value, depth + 1));
        return Form::Record(names.into_iter().zip(values).collect());
    }
    // 1/3 ~ 0.33: the exact one.
    let numeric = |side: &Expr| side.is_scalar() && side.variables().is_empty();
    if numeric(first) && rest[0].0 == Comparison::Approximately {
        return of(first, depth + 1);
    }
    if let Some(name) = name(first) {
        return Form::Named(name, Box::new(of(last, depth + 1)));
    }
    if exact.len() > 1 || (numeric(first) && numeric(last)) {
        return of(last, depth + 1);
    }
    // 5 = x
    if let (true, Some(name)) = (numeric(first), name(last)) {
        return Form::Named(name, Box::new(of(first, depth + 1)));
    }
    Form::Equation(first.clone(), (*last).clone())
}

/// The name that an equation gives a value to: a letter, a segment, an angle, a function of letters, a ratio of names.
pub fn name(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Symbol(name) => Some(name.clone()),
        Expr::Text(text) => Some(text.clone()),
        Expr::Constant(Constant::E) => Some("e".to_owned()),
        Expr::Opaque(..) => Some(expr.to_string()),
        // AB, |AB|, NO/BO, A:B; lower-case products are equations.
        Expr::Mul(parts) => {
            // The measure of an angle is written with a small m.
            let angle = parts.iter().any(|part| *part == Expr::Symbol("angle".to_owned()));
            let named = |part: &Expr| capital(part) || angle && matches!(part, Expr::Symbol(_));
            parts.iter().all(named).then(|| parts.iter().map(ToString::to_string).collect())
        }
        // [ABC], an area.
        Expr::Group('[', parts, ']') if parts.len() == 1 && matches!(parts[0], Expr::Mul(_)) => {
            name(&parts[0]).map(|name| format!("[{name}]"))
        }
        Expr::Call(function, parts) if *function == crate::math::expr::Function::Abs => {
            // |AB| is the length that AB is as well.
            let inner = match &parts[0] {
                Expr::Mul(parts) => parts.iter().all(capital),
                part => capital(part),
            };
            inner.then(|| name(&parts[0])).flatten()
        }
        Expr::Call(crate::math::expr::Function::Conjugate, parts) => name(&parts[0]).map(|_| expr.to_string()),
        Expr::Div(above, below) => {
            let segment = |part: &Expr| matches!(part, Expr::Mul(_)) && name(part).is_some();
            (segment(above) && segment(below)).then(|| expr.to_string())
        }
        Expr::Ratio(parts) => parts.iter().all(|part| name(part).is_some()).then(|| expr.to_string()),
        _ => None,
    }
}

fn capital(part: &Expr) -> bool {
    matches!(part, Expr::Symbol(name) if name.chars().next().is_some_and(char::is_uppercase) || matches!(name.as_str(), "angle" | "triangle"))
}

/// Seconds that a ratio would be as a time.
pub fn seconds_of(parts: &[Expr]) -> Option<u32> {
    let mut seconds = 0;
    for (part, size) in parts.iter().zip([3600, 60, 1]) {
        seconds += crate::math::expr::exact(part)?.to_integer().to_u32()?.checked_mul(size)?;
    }
    Some(seconds)
}

/// A time of day as the text "3:30" could mean it: hours under 25 and minutes in two digits.
pub fn clock(parts: &[Expr]) -> bool {
    let whole = |part: &Expr| match part {
        Expr::Number(number) if number.value.is_integer() && number.decimal.is_none() => {
            number.value.to_integer().to_u32()
        }
        _ => None,
    };
    let Some(values) = parts.iter().map(whole).collect::<Option<Vec<_>>>() else { return false };
    (2..=3).contains(&values.len())
        && values[0] < 25
        && values[1..].iter().all(|value| *value < 60 && (*value >= 10 || *value == 0))
}

impl Display for Form {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        let items = |items: &[Form]| items.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        match self {
            Form::Value(expr, unit) => {
                match crate::math::expr::exact(expr) {
                    Some(value) => write!(f, "{value}")?,
                    None => write!(f, "{expr}")?,
                }
                match unit {
                    Some(unit) => write!(f, " [{unit}]"),
                    None => Ok(()),
                }
            }
            Form::Infinity(positive) => f.write_str(if *positive { "oo" } else { "-oo" }),
            Form::Based(digits, base) => write!(f, "{digits}_{base}"),
            Form::Tuple(open, parts, close) => write!(f, "{open}{}{close}", items(parts)),
            Form::List(parts) => {
                write!(f, "{}", parts.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or "))
            }
            Form::Set(parts) => write!(f, "{{{}}}", items(parts)),
            Form::Named(name, value) => write!(f, "{name} = {value}"),
            Form::Record(parts) => {
                let parts: Vec<_> = parts.iter().map(|(name, value)| format!("{name} = {value}")).collect();
                f.write_str(&parts.join(", "))
            }
            Form::Region(Some(variable), region) => write!(f, "{variable} in {region}"),
            Form::Region(None, region) => write!(f, "{region}"),
            Form::Equation(left, right) => write!(f, "{left} = {right}"),
            Form::Inequality(expr) | Form::Other(expr) => write!(f, "{expr}"),
            Form::Matrix(rows) => write!(f, "{}", Expr::Matrix(rows.clone())),
            Form::Ratio(parts) => write!(f, "{}", Expr::Ratio(parts.clone())),
            Form::Family(expr, parameter) => write!(f, "{expr}, {parameter} in Z"),
            Form::Clock(seconds, afternoon) => {
                let half = if *afternoon { "p.m." } else { "a.m." };
                write!(f, "{}:{:02}:{:02} {half}", seconds / 3600, seconds / 60 % 60, seconds % 60)
            }
            Form::Text(text) => write!(f, "\"{text}\""),
        }
    }
}
