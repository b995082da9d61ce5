//! Expressions that agree wherever they are evaluated.
//!
//! Points are positive reals, reals of both signs, complex numbers where no branch could be in the way, and whole
//! numbers where only those make sense. At each the difference has to vanish in double precision, and at some of them
//! in twice that. Fewer than five points where both sides have a value say nothing.

use std::cell::Cell;

use super::super::expr::complex::Complex;
use super::super::expr::eval::{Domain, Place};
use super::super::expr::real::{Double, Real};
use super::super::expr::{Expr, Function, exact};
use super::Comparer;

/// Points at which both sides must have a value.
pub const FEWEST: usize = 5;

/// A number sequence that is the same in every run (Steele, Lea and Flood's SplitMix64).
pub struct Sequence(u64);

impl Sequence {
    pub fn new() -> Self {
        Self(0x005e_ed0f_c41b_b1e5)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// In [0, 1), with 20 bits: exact in both precisions.
    pub fn unit(&mut self) -> f64 {
        (self.next() >> 44) as f64 / (1u64 << 20) as f64
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Positive,
    Real,
    Complex,
    Whole,
}

/// One point: a value for every name, and the domain in which to evaluate.
pub struct Point {
    pub values: Vec<(f64, f64)>,
    pub domain: Domain,
}

/// Points for so many names, of the kinds that fit the expressions.
pub fn points(names: usize, kinds: &[Kind]) -> Vec<Point> {
    let mut sequence = Sequence::new();
    let mut points = Vec::new();
    for kind in kinds {
        let count = match kind {
            Kind::Positive => 12,
            Kind::Real | Kind::Complex => 6,
            Kind::Whole => 12,
        };
        for at in 0..count {
            let mut values = Vec::with_capacity(names);
            for _ in 0..names {
                let unit = sequence.unit();
                values.push(match kind {
                    // Below one, around two, and large: roots and logarithms have their domains there.
                    Kind::Positive => (
                        match at % 3 {
                            0 => 0.05 + 0.9 * unit,
                            1 => 0.5 + 3.0 * unit,
                            _ => 4.0 + 20.0 * unit,
                        },
                        0.0,
                    ),
                    Kind::Real => (4.0 * unit - 2.0, 0.0),
                    Kind::Complex => (2.0 * unit - 0.7, 2.0 * sequence.unit() - 1.0),
                    Kind::Whole => ((1.0 + 9.0 * unit).floor(), 0.0),
                });
            }
            points.push(Point { values, domain: if *kind == Kind::Complex { Domain::Complex } else { Domain::Real } });
        }
    }
    points
}

/// The kinds of points at which expressions like these can be compared.
pub fn kinds(parts: &[&Expr]) -> Vec<Kind> {
    let any = |test: &dyn Fn(&Expr) -> bool| parts.iter().any(|part| part.any(test));
    let fixed = |part: &Expr| part.variables().is_empty();
    let whole = any(&|part| match part {
        Expr::Series(_, _, ends) => !fixed(&ends[0]) || !fixed(&ends[1]),
        Expr::Call(Function::Gcd | Function::Lcm | Function::Mod | Function::DoubleFactorial, arguments) => {
            !arguments.iter().all(fixed)
        }
        Expr::Pow(base, exponent) => {
            !fixed(exponent) && exact(base).is_some_and(|base| base < num_rational::BigRational::from_integer(0.into()))
        }
        _ => false,
    });
    if whole {
        return vec![Kind::Whole];
    }
    let imaginary = any(&|part| matches!(part, Expr::Constant(super::super::expr::Constant::I)));
    let branches = any(&|part| match part {
        Expr::Call(function, arguments) => {
            !arguments.iter().all(fixed)
                && !matches!(
                    function,
                    Function::Sin
                        | Function::Cos
                        | Function::Tan
                        | Function::Cot
                        | Function::Sec
                        | Function::Csc
                        | Function::Sinh
                        | Function::Cosh
                        | Function::Tanh
                        | Function::Exp
                        | Function::Factorial
                        | Function::Binomial
                )
        }
        Expr::Pow(base, exponent) => !fixed(base) && !exact(exponent).is_some_and(|value| value.is_integer()),
        _ => false,
    });
    match (imaginary, branches) {
        (true, _) => vec![Kind::Complex, Kind::Complex],
        (false, true) => vec![Kind::Positive, Kind::Real],
        (false, false) => vec![Kind::Positive, Kind::Real, Kind::Complex],
    }
}

impl Comparer<'_> {
    /// Whether both have the same value at every point, within a relative tolerance if one is given. `None` if there
    /// are too few points where both have one.
    pub fn identical(&self, one: &Expr, other: &Expr, tolerance: Option<f64>) -> Option<bool> {
        if one == other {
            return Some(true);
        }
        let mut names = one.variables();
        for name in other.variables() {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        if names.len() > 16 {
            return None;
        }
        let kinds = kinds(&[one, other]);
        let points = points(names.len(), &kinds);
        let mut agreeing = Vec::new();
        for point in &points {
            let (Some((left, scale)), Some((right, other_scale))) =
                (value::<f64>(one, &names, point, &self.budget), value::<f64>(other, &names, point, &self.budget))
            else {
                continue;
            };
            let difference = (left - right).size();
            let largest = left.size().max(right.size());
            match tolerance {
                Some(tolerance) if difference > tolerance * largest => return Some(false),
                None if difference > 1e-7 * largest && difference > 1e-11 * (scale + other_scale) => {
                    return Some(false);
                }
                _ => agreeing.push(point),
            }
        }
        if agreeing.len() < FEWEST {
            return None;
        }
        if tolerance.is_some() {
            return Some(true);
        }
        // Every third point, so that all kinds are among them.
        let mut confirmed = 0;
        let wanted = agreeing.len().min(8);
        for at in 0..wanted {
            let point = agreeing[at * agreeing.len() / wanted];
            let (Some((left, scale)), Some((right, other_scale))) = (
                value::<Double>(one, &names, point, &self.budget),
                value::<Double>(other, &names, point, &self.budget),
            ) else {
                continue;
            };
            let allowed = 1e-24 * (scale + other_scale);
            if (left - right).size() > allowed {
                return Some(false);
            }
            confirmed += 1;
        }
        (confirmed >= FEWEST).then_some(true)
    }
}

/// The value at a point, and its error in units of one rounding.
pub fn value<F: Real>(expr: &Expr, names: &[String], point: &Point, budget: &Cell<usize>) -> Option<(Complex<F>, f64)> {
    let mut place = Place::<F>::new(point.domain, budget);
    place.names = names
        .iter()
        .zip(&point.values)
        .map(|(name, (re, im))| (name.clone(), Complex::new(F::of(*re), F::of(*im))))
        .collect();
    let value = place.value(expr).ok()?;
    Some((value, place.error))
}
