//! Parts of the real line: unions of intervals and points with known ends.

use std::cell::Cell;
use std::cmp::Ordering;
use std::fmt::{Display, Formatter};

use crate::math::expr::complex::Complex;
use crate::math::expr::eval::{Domain, Place};
use crate::math::expr::real::{Double, Real};
use crate::math::expr::{Comparison, Expr, SetOperation, Space};
use crate::math::limits;

/// An end of an interval.
#[derive(Debug, Clone, PartialEq)]
pub struct End {
    /// Infinite ends are plus and minus infinity.
    pub value: f64,
    /// The same with 31 digits; zero where infinite.
    precise: Double,
    pub expr: Option<Expr>,
    pub closed: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Interval {
    pub low: End,
    pub high: End,
}

/// Disjoint intervals in order, none touching the next.
#[derive(Debug, Clone, PartialEq)]
pub struct Region {
    pub parts: Vec<Interval>,
}

impl End {
    fn infinite(positive: bool) -> Self {
        let value = if positive { f64::INFINITY } else { f64::NEG_INFINITY };
        Self { value, precise: Double::zero(), expr: None, closed: false }
    }

    fn of(expr: &Expr, closed: bool) -> Option<Self> {
        if let Some(positive) = expr.infinite() {
            return Some(Self::infinite(positive));
        }
        let budget = Cell::new(2000);
        let value = Place::<Double>::new(Domain::Real, &budget).value(expr).ok()?;
        Some(Self { value: value.re.value(), precise: value.re, expr: Some(expr.clone()), closed })
    }

    /// Order on the line, equal up to rounding.
    pub fn compare(&self, other: &End) -> Ordering {
        if self.value.is_infinite() || other.value.is_infinite() {
            return self.value.partial_cmp(&other.value).unwrap_or(Ordering::Equal);
        }
        let difference = (self.precise - other.precise).value();
        if difference.abs() <= 1e-24 * self.value.abs().max(1.0) {
            Ordering::Equal
        } else if difference < 0.0 {
            Ordering::Less
        } else {
            Ordering::Greater
        }
    }
}

impl Interval {
    fn is_empty(&self) -> bool {
        match self.low.compare(&self.high) {
            Ordering::Less => false,
            Ordering::Equal => !(self.low.closed && self.high.closed) || self.low.value.is_infinite(),
            Ordering::Greater => true,
        }
    }
}

impl Region {
    fn new(mut parts: Vec<Interval>) -> Option<Self> {
        if parts.len() > limits::ITEMS {
            return None;
        }
        parts.retain(|part| !part.is_empty());
        parts.sort_by(|one, other| one.low.compare(&other.low).then(other.low.closed.cmp(&one.low.closed)));
        let mut merged: Vec<Interval> = Vec::new();
        for part in parts {
            if let Some(last) = merged.last_mut() {
                let touches = match part.low.compare(&last.high) {
                    Ordering::Less => true,
                    Ordering::Equal => part.low.closed || last.high.closed,
                    Ordering::Greater => false,
                };
                if touches {
                    match part.high.compare(&last.high) {
                        Ordering::Greater => last.high = part.high,
                        Ordering::Equal => last.high.closed |= part.high.closed,
                        Ordering::Less => {}
                    }
                    continue;
                }
            }
            merged.push(part);
        }
        Some(Self { parts: merged })
    }

    pub fn all() -> Self {
        Self { parts: vec![Interval { low: End::infinite(false), high: End::infinite(true) }] }
    }

    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// Two ends and their brackets, the lower first.
    pub fn interval(open: char, low: &Expr, high: &Expr, close: char) -> Option<Self> {
        let part = Interval { low: End::of(low, open == '[')?, high: End::of(high, close == ']')? };
        if part.low.compare(&part.high) == Ordering::Greater || !matches!((open, close), ('(' | '[', ')' | ']')) {
            return None;
        }
        Self::new(vec![part])
    }

    fn point(value: &Expr) -> Option<Interval> {
        let end = End::of(value, true)?;
        end.value.is_finite().then(|| Interval { low: end.clone(), high: end })
    }

    /// The region that a tree of intervals, sets and set operations describes.
    pub fn of(expr: &Expr) -> Option<Self> {
        match expr {
            Expr::Group(open, items, close) => match items.as_slice() {
                [low, high] => Self::interval(*open, low, high, *close),
                _ => None,
            },
            Expr::Set(items) => Self::new(items.iter().map(Self::point).collect::<Option<_>>()?),
            Expr::Space(Space::Reals) => Some(Self::all()),
            Expr::Space(Space::Empty) => Some(Self { parts: Vec::new() }),
            Expr::SetOf(operation, left, right) => {
                let (left, right) = (Self::of(left)?, Self::of(right)?);
                match operation {
                    SetOperation::Union => left.union(&right),
                    SetOperation::Intersection => left.intersection(&right),
                    SetOperation::Difference => left.intersection(&right.complement()?),
                }
            }
            Expr::Builder(of, conditions) => {
                let variable = match &**of {
                    Expr::Symbol(name) => name.clone(),
                    // x in R
                    Expr::Relation(first, rest) => match (&**first, rest.as_slice()) {
                        (Expr::Symbol(name), [(Comparison::Element, Expr::Space(Space::Reals))]) => name.clone(),
                        _ => return None,
                    },
                    _ => return None,
                };
                let mut region = Self::all();
                for condition in conditions {
                    let next = match condition {
                        Expr::Relation(first, rest) => match (&**first, rest.as_slice()) {
                            (Expr::Symbol(name), [(Comparison::Element, set)]) if *name == variable => Self::of(set)?,
                            _ => {
                                let (found, next) = Self::of_relation(condition)?;
                                if found != variable {
                                    return None;
                                }
                                next
                            }
                        },
                        _ => return None,
                    };
                    region = region.intersection(&next)?;
                }
                Some(region)
            }
            _ => None,
        }
    }

    /// `\mathbb{R} - \{0\}`, with a minus sign for the difference.
    pub fn of_difference(parts: &[Expr]) -> Option<Self> {
        let [first, rest @ ..] = parts else { return None };
        if !matches!(first, Expr::Space(Space::Reals) | Expr::Group(..)) || rest.is_empty() {
            return None;
        }
        let mut region = Self::of(first)?;
        for part in rest {
            let Expr::Neg(taken) = part else { return None };
            if !matches!(**taken, Expr::Set(_)) {
                return None;
            }
            region = region.intersection(&Self::of(taken)?.complement()?)?;
        }
        Some(region)
    }

    /// A chain of inequalities in one variable that is a side of it, or linear in it.
    pub fn of_relation(expr: &Expr) -> Option<(String, Self)> {
        let Expr::Relation(first, rest) = expr else { return None };
        let mut region = Self::all();
        let mut variable: Option<String> = None;
        let mut left = &**first;
        for (comparison, right) in rest {
            let (name, next) = half_line(left, *comparison, right)?;
            if *variable.get_or_insert_with(|| name.clone()) != name {
                return None;
            }
            region = region.intersection(&next)?;
            left = right;
        }
        Some((variable?, region))
    }

    pub fn union(&self, other: &Self) -> Option<Self> {
        Self::new(self.parts.iter().chain(&other.parts).cloned().collect())
    }

    pub fn intersection(&self, other: &Self) -> Option<Self> {
        if self.parts.len() * other.parts.len() > limits::ITEMS * limits::ITEMS {
            return None;
        }
        let mut parts = Vec::new();
        for one in &self.parts {
            for two in &other.parts {
                let low = match one.low.compare(&two.low) {
                    Ordering::Less => two.low.clone(),
                    Ordering::Greater => one.low.clone(),
                    Ordering::Equal => End { closed: one.low.closed && two.low.closed, ..one.low.clone() },
                };
                let high = match one.high.compare(&two.high) {
                    Ordering::Less => one.high.clone(),
                    Ordering::Greater => two.high.clone(),
                    Ordering::Equal => End { closed: one.high.closed && two.high.closed, ..one.high.clone() },
                };
                parts.push(Interval { low, high });
            }
        }
        Self::new(parts)
    }

    pub fn complement(&self) -> Option<Self> {
        let mut parts = Vec::new();
        let mut low = End::infinite(false);
        for part in &self.parts {
            if part.low.value.is_finite() {
                parts.push(Interval { low, high: End { closed: !part.low.closed, ..part.low.clone() } });
            }
            if part.high.value.is_infinite() {
                return Self::new(parts);
            }
            low = End { closed: !part.high.closed, ..part.high.clone() };
        }
        parts.push(Interval { low, high: End::infinite(true) });
        Self::new(parts)
    }

    pub fn contains(&self, value: f64) -> bool {
        self.parts.iter().any(|part| {
            let above = value > part.low.value || (part.low.closed && value == part.low.value);
            let below = value < part.high.value || (part.high.closed && value == part.high.value);
            above && below
        })
    }
}

/// One inequality as a part of the line of its variable.
fn half_line(left: &Expr, comparison: Comparison, right: &Expr) -> Option<(String, Region)> {
    let variable = |side: &Expr| match side {
        Expr::Symbol(name) => Some(name.clone()),
        // 0 < f(x) < 1 speaks of f(x) as of a variable.
        Expr::Opaque(..) => Some(side.to_string()),
        _ => None,
    };
    let constant = |side: &Expr| side.variables().is_empty() && !side.any(&|part| matches!(part, Expr::Opaque(..)));
    if let (Some(name), true) = (variable(left), constant(right)) {
        return Some((name, side_of(comparison, right)?));
    }
    if let (Some(name), true) = (variable(right), constant(left)) {
        return Some((name, side_of(flipped(comparison), left)?));
    }
    // Linear: the difference at 0 and 1 gives the slope, three other points prove it.
    let difference = left.clone().minus(right.clone());
    let names = difference.variables();
    let [name] = names.as_slice() else { return None };
    if !difference.is_scalar() || difference.any(&|part| matches!(part, Expr::Opaque(..))) {
        return None;
    }
    let budget = Cell::new(4000);
    let at = |value: f64| {
        let mut place = Place::<Double>::new(Domain::Real, &budget);
        place.names.push((name.clone(), Complex::of(value)));
        place.value(&difference).ok().map(|value| value.re)
    };
    let (zero, one) = (at(0.0)?, at(1.0)?);
    let slope = one - zero;
    for value in [-3.0, 7.0, 0.5] {
        let off = (at(value)? - (zero + slope * Double::of(value))).value();
        if off.abs() > 1e-24 * zero.value().abs().max(1.0) {
            return None;
        }
    }
    if slope.value() == 0.0 {
        return None;
    }
    let root = -(zero / slope);
    // A bound that is a short fraction is shown as one.
    let expr = (1..=1000i64).find_map(|below| {
        let above = (root * Double::of(below as f64)).value().round();
        let off = (root * Double::of(below as f64) - Double::of(above)).value();
        (off.abs() < 1e-22 * above.abs().max(1.0) && above.abs() < 1e12).then(|| {
            if below == 1 {
                Expr::integer(above as i64)
            } else {
                Expr::integer(above as i64).over(Expr::integer(below))
            }
        })
    });
    let end = End { value: root.value(), precise: root, expr, closed: true };
    let comparison = if slope.value() > 0.0 { comparison } else { flipped(comparison) };
    Some((name.clone(), bounded(comparison, end)?))
}

pub fn flipped(comparison: Comparison) -> Comparison {
    match comparison {
        Comparison::Less => Comparison::Greater,
        Comparison::LessEqual => Comparison::GreaterEqual,
        Comparison::Greater => Comparison::Less,
        Comparison::GreaterEqual => Comparison::LessEqual,
        other => other,
    }
}

fn side_of(comparison: Comparison, bound: &Expr) -> Option<Region> {
    bounded(comparison, End::of(bound, true)?)
}

fn bounded(comparison: Comparison, end: End) -> Option<Region> {
    let open = End { closed: false, ..end.clone() };
    let closed = if end.value.is_finite() { end } else { open.clone() };
    let (minus, plus) = (End::infinite(false), End::infinite(true));
    match comparison {
        Comparison::Less => Region::new(vec![Interval { low: minus, high: open }]),
        Comparison::LessEqual => Region::new(vec![Interval { low: minus, high: closed }]),
        Comparison::Greater => Region::new(vec![Interval { low: open, high: plus }]),
        Comparison::GreaterEqual => Region::new(vec![Interval { low: closed, high: plus }]),
        Comparison::NotEqual => Region::new(vec![Interval { low: closed.clone(), high: closed }])?.complement(),
        _ => None,
    }
}

impl Display for Region {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        if self.parts.is_empty() {
            return f.write_str("{}");
        }
        for (at, part) in self.parts.iter().enumerate() {
            if at > 0 {
                f.write_str(" u ")?;
            }
            let end = |end: &End| match &end.expr {
                Some(expr) => match crate::math::expr::exact(expr) {
                    Some(value) => value.to_string(),
                    None => expr.to_string(),
                },
                None if end.value.is_infinite() => if end.value > 0.0 { "oo" } else { "-oo" }.to_owned(),
                None => end.value.to_string(),
            };
            if part.low.compare(&part.high) == Ordering::Equal {
                write!(f, "{{{}}}", end(&part.low))?;
                continue;
            }
            let (open, close) = (if part.low.closed { '[' } else { '(' }, if part.high.closed { ']' } else { ')' });
            write!(f, "{open}{}, {}{close}", end(&part.low), end(&part.high))?;
        }
        Ok(())
    }
}
