//! Equations and inequalities: the same up to a factor, or with the same solutions.

use super::super::answer::Form;
use super::super::answer::region::{Region, flipped};
use super::super::expr::complex::Complex;
use super::super::expr::eval::{Domain, Place};
use super::super::expr::real::{Double, Real};
use super::super::expr::{Comparison, Expr};
use super::Comparer;
use super::identity::{FEWEST, Kind, Sequence, kinds, points, value};

/// What one side minus the other is a multiple of.
enum Factor {
    /// A number, with its sign where it is real.
    Constant(Option<f64>),
    Varies,
    Unknown,
}

impl Comparer<'_> {
    /// Two equations, or names with their values taken as equations.
    pub(super) fn equations_of(&self, one: &Form, other: &Form) -> Option<bool> {
        let sides = |form: &Form| match form {
            Form::Equation(left, right) => Some(left.clone().minus(right.clone())),
            Form::Named(name, value) => match &**value {
                Form::Value(expr, _) => Some(Expr::Symbol(name.clone()).minus(expr.clone())),
                _ => None,
            },
            _ => None,
        };
        let (Some(one), Some(other)) = (sides(one), sides(other)) else { return Some(false) };
        match self.factor(&one, &other) {
            Factor::Constant(_) => Some(true),
            Factor::Varies => Some(self.same_solutions(&one, &other).unwrap_or(false)),
            Factor::Unknown => None,
        }
    }

    /// The quotient of two differences, where it is the same everywhere.
    fn factor(&self, one: &Expr, other: &Expr) -> Factor {
        let (mut names, mut others) = (one.variables(), other.variables());
        names.sort();
        others.sort();
        if names != others || names.is_empty() || names.len() > 12 {
            return Factor::Varies;
        }
        let points = points(names.len(), &kinds(&[one, other]));
        let mut quotient: Option<Complex<Double>> = None;
        let mut count = 0;
        for point in &points {
            let quick =
                (value::<f64>(one, &names, point, &self.budget), value::<f64>(other, &names, point, &self.budget));
            let (Some((left, scale)), Some((right, other_scale))) = quick else { continue };
            // Zero on both sides says nothing of the factor; on one it says that there is none.
            let (left_zero, right_zero) = (left.size() <= 1e-13 * scale, right.size() <= 1e-13 * other_scale);
            if left_zero && right_zero {
                continue;
            }
            if left_zero || right_zero {
                return Factor::Varies;
            }
            if let Some(known) = quotient {
                let near = left.size() / right.size();
                if (near - known.size()).abs() > 1e-6 * near {
                    return Factor::Varies;
                }
            }
            if count >= 8 {
                continue;
            }
            let (Some((left, _)), Some((right, _))) = (
                value::<Double>(one, &names, point, &self.budget),
                value::<Double>(other, &names, point, &self.budget),
            ) else {
                continue;
            };
            let found = left / right;
            match quotient {
                None => quotient = Some(found),
                Some(known) if (known - found).size() > 1e-14 * known.size() => return Factor::Varies,
                Some(_) => {}
            }
            count += 1;
        }
        match quotient {
            Some(quotient) if count >= FEWEST => {
                let real = quotient.im.value().abs() <= 1e-14 * quotient.size();
                Factor::Constant(real.then(|| quotient.re.value()))
            }
            _ => Factor::Unknown,
        }
    }

    /// Whether each solution of one that is found solves the other, for every unknown in turn: x y = 1 and y = 1/x.
    fn same_solutions(&self, one: &Expr, other: &Expr) -> Option<bool> {
        let (mut names, mut others) = (one.variables(), other.variables());
        names.sort();
        others.sort();
        if names != others || names.len() < 2 || names.len() > 4 || !kinds(&[one, other]).contains(&Kind::Complex) {
            return None;
        }
        let mut sequence = Sequence::new();
        for (solved, tested) in [(one, other), (other, one)] {
            for unknown in 0..names.len() {
                let mut found = 0;
                for _ in 0..32 {
                    if found >= 6 {
                        break;
                    }
                    let start: Vec<Complex<f64>> = names
                        .iter()
                        .map(|_| Complex::new(3.0 * sequence.unit() - 1.3, 2.0 * sequence.unit() - 0.9))
                        .collect();
                    let Some(solution) = self.newton(solved, &names, start, unknown) else { continue };
                    let (residual, scale) = self.at(tested, &names, &solution)?;
                    if residual.size() > 1e-7 * scale.max(1e-3) {
                        return Some(false);
                    }
                    found += 1;
                }
                if found < 4 {
                    return None;
                }
            }
        }
        Some(true)
    }

    fn at(&self, expr: &Expr, names: &[String], values: &[Complex<f64>]) -> Option<(Complex<f64>, f64)> {
        let mut place = Place::<f64>::new(Domain::Complex, &self.budget);
        place.names = names.iter().cloned().zip(values.iter().copied()).collect();
        let value = place.value(expr).ok()?;
        Some((value, place.error))
    }

    /// A root in one unknown by Newton's method, with a difference quotient for the slope.
    fn newton(
        &self,
        expr: &Expr,
        names: &[String],
        mut values: Vec<Complex<f64>>,
        unknown: usize,
    ) -> Option<Vec<Complex<f64>>> {
        for _ in 0..60 {
            let (here, scale) = self.at(expr, names, &values)?;
            if here.size() <= 1e-13 * scale.max(1e-3) {
                return (values[unknown].size() < 1e4).then_some(values);
            }
            let step = Complex::of(1e-6 * values[unknown].size().max(1.0));
            let mut near = values.clone();
            near[unknown] = near[unknown] + step;
            let slope = (self.at(expr, names, &near)?.0 - here) / step;
            if slope.size() < 1e-12 {
                return None;
            }
            values[unknown] = values[unknown] - here / slope;
        }
        None
    }

    /// Two chains of inequalities: side by side equal, in either direction, or single ones up to a factor.
    pub(super) fn inequalities(&self, one: &Expr, other: &Expr) -> Option<bool> {
        let (one, other) = (rising(one)?, rising(other)?);
        let signs = |chain: &(Vec<Expr>, Vec<Comparison>)| chain.1.clone();
        if signs(&one) == signs(&other) {
            let mut all = Some(true);
            for (left, right) in one.0.iter().zip(&other.0) {
                match self.at_depth(&Form::of(left), &Form::of(right), 8).equal {
                    Some(true) => {}
                    Some(false) => {
                        all = Some(false);
                        break;
                    }
                    None => all = None,
                }
            }
            if all == Some(true) {
                return all;
            }
        }
        let ([left, right], [sign]) = (one.0.as_slice(), one.1.as_slice()) else { return Some(false) };
        let ([other_left, other_right], [other_sign]) = (other.0.as_slice(), other.1.as_slice()) else {
            return Some(false);
        };
        let factor = self.factor(&left.clone().minus(right.clone()), &other_left.clone().minus(other_right.clone()));
        Some(match factor {
            Factor::Constant(Some(factor)) => {
                let turned = if factor > 0.0 { *other_sign } else { flipped(*other_sign) };
                *sign == turned
            }
            Factor::Unknown => return None,
            _ => false,
        })
    }

    /// Whether an inequality of one variable holds exactly in a region: at its ends, between them, and at many points.
    pub(super) fn satisfies(&self, variable: Option<&str>, region: &Region, expr: &Expr) -> Option<bool> {
        let names = expr.variables();
        let [name] = names.as_slice() else { return Some(false) };
        if variable.is_some_and(|variable| variable != name) {
            return Some(false);
        }
        let mut ends: Vec<f64> = region
            .parts
            .iter()
            .flat_map(|part| [part.low.value, part.high.value])
            .filter(|end| end.is_finite())
            .collect();
        ends.sort_by(f64::total_cmp);
        ends.dedup();
        let mut tested = ends.clone();
        for pair in ends.windows(2) {
            let width = pair[1] - pair[0];
            tested.extend([0.5, 0.01, 0.99, 1e-4, 1.0 - 1e-4].iter().map(|share| pair[0] + width * share));
        }
        let (first, last) = (ends.first().copied().unwrap_or(0.0), ends.last().copied().unwrap_or(0.0));
        for step in [1e-4, 0.01, 0.1, 0.5, 1.0, 3.0, 10.0, 50.0, 1000.0] {
            tested.extend([first - step, last + step]);
        }
        let mut sequence = Sequence::new();
        let reach = (last - first).abs().max(4.0);
        tested.extend((0..40).map(|_| first - reach + 3.0 * reach * sequence.unit()));
        let mut inside = 0;
        for value in tested {
            let holds = self.holds(expr, name, value)?;
            if holds != region.contains(value) {
                return Some(false);
            }
            inside += usize::from(holds);
        }
        Some(inside > 0 || region.is_empty())
    }

    /// Whether every link of a chain holds at a value. Where a side has no value it does not hold.
    fn holds(&self, expr: &Expr, name: &str, value: f64) -> Option<bool> {
        let Expr::Relation(first, rest) = expr else { return None };
        if self.budget.get() == 0 {
            return None;
        }
        let at = |side: &Expr| {
            if let Some(positive) = side.infinite() {
                return Some(if positive { f64::INFINITY } else { f64::NEG_INFINITY });
            }
            let mut place = Place::<f64>::new(Domain::Real, &self.budget);
            place.names.push((name.to_owned(), Complex::of(value)));
            place.value(side).ok().map(|value| value.re)
        };
        let mut left = match at(first) {
            Some(left) => left,
            None => return Some(false),
        };
        for (comparison, side) in rest {
            let Some(right) = at(side) else { return Some(false) };
            let equal = left == right || (left - right).abs() <= 1e-10 * left.abs().max(right.abs()).max(1.0);
            let holds = match comparison {
                Comparison::Less => left < right && !equal,
                Comparison::LessEqual => left < right || equal,
                Comparison::Greater => left > right && !equal,
                Comparison::GreaterEqual => left > right || equal,
                Comparison::NotEqual => !equal,
                Comparison::Equal => equal,
                _ => return None,
            };
            if !holds {
                return Some(false);
            }
            left = right;
        }
        Some(true)
    }
}

/// A chain with its signs pointing from small to large.
fn rising(expr: &Expr) -> Option<(Vec<Expr>, Vec<Comparison>)> {
    let Expr::Relation(first, rest) = expr else { return None };
    let mut sides = vec![(**first).clone()];
    let mut signs = Vec::new();
    for (comparison, side) in rest {
        signs.push(*comparison);
        sides.push(side.clone());
    }
    if signs.iter().all(|sign| matches!(sign, Comparison::Greater | Comparison::GreaterEqual)) {
        sides.reverse();
        signs.reverse();
        signs = signs.into_iter().map(flipped).collect();
    }
    Some((sides, signs))
}
