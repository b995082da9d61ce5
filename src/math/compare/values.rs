//! Single values: exact rationals, decimals within what they state, and everything else by evaluation.

use std::cell::Cell;

use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::{Signed, ToPrimitive, Zero};

use super::super::expr::complex::Complex;
use super::super::expr::eval::{Domain, Place};
use super::super::expr::real::{Double, Real};
use super::super::expr::{Decimal, Expr, Function, exact};
use super::super::policy::Policy;
use super::{Comparer, Tier, Verdict, units};

impl Comparer<'_> {
    pub(super) fn values(&self, one: &Expr, unit: Option<&str>, other: &Expr, other_unit: Option<&str>) -> Verdict {
        let (one, other) = (&self.shares(one, unit), &self.shares(other, other_unit));
        match units::relate(unit, other_unit, self.policy.units_optional) {
            units::Relation::Same => self.scalars(one, other),
            units::Relation::Scaled(factor) => {
                let value = |expr: &Expr| exact(expr).and_then(|value| value.to_f64());
                match (value(one), value(other)) {
                    (Some(one), Some(other)) => {
                        let (one, other) = (one * factor, other);
                        Verdict::new((one - other).abs() <= 1e-9 * one.abs().max(other.abs()), Tier::Exact)
                    }
                    _ => Verdict::structure(false),
                }
            }
            units::Relation::Different => Verdict::structure(false),
        }
    }

    fn shares(&self, expr: &Expr, unit: Option<&str>) -> Expr {
        if unit == Some("%") && !self.policy.percent_is_unit {
            Expr::Percent(Box::new(expr.clone()))
        } else {
            expr.clone()
        }
    }

    fn scalars(&self, one: &Expr, other: &Expr) -> Verdict {
        // 3 mod 7 and 3 mod 5 are different answers.
        if let (Expr::Call(Function::Mod, left), Expr::Call(Function::Mod, right)) = (one, other)
            && left[1] != right[1]
        {
            return Verdict::structure(false);
        }
        let decimals = (decimal(one), decimal(other));
        let any_decimal = has_decimal(one) || has_decimal(other);
        if let (Some(left), Some(right)) = (exact(one), exact(other)) {
            if left == right {
                return Verdict::new(true, Tier::Exact);
            }
            if !any_decimal {
                return Verdict::new(false, Tier::Exact);
            }
            return Verdict::new(self.decimals(&left, decimals.0, &right, decimals.1), Tier::Decimal);
        }
        if one.variables().is_empty() && other.variables().is_empty() {
            return self.constants(one, other, decimals, any_decimal);
        }
        let same = self.identical(one, other, None);
        if same != Some(true) && stated(one).max(stated(other)) >= Policy::SIGNIFICANT {
            let near = self.identical(one, other, Some(Policy::RELATIVE));
            return Verdict::new(near, Tier::Decimal);
        }
        if same != Some(true) && !self.policy.variables_matter {
            return Verdict::new(self.renamed(one, other).or(same), Tier::Identity);
        }
        Verdict::new(same, Tier::Identity)
    }

    /// The same with the one variable of each side called alike.
    fn renamed(&self, one: &Expr, other: &Expr) -> Option<bool> {
        match (one.variables().as_slice(), other.variables().as_slice()) {
            ([name], [other_name]) => self.identical(one, &other.renamed(other_name, name), None),
            _ => None,
        }
    }

    fn constants(
        &self,
        one: &Expr,
        other: &Expr,
        decimals: (Option<Decimal>, Option<Decimal>),
        any_decimal: bool,
    ) -> Verdict {
        if one == other {
            return Verdict::new(true, Tier::Identity);
        }
        for domain in [Domain::Real, Domain::Complex] {
            let (Some((left, scale)), Some((right, other_scale))) =
                (self.constant(one, domain), self.constant(other, domain))
            else {
                continue;
            };
            let difference = (left - right).size();
            let largest = left.size().max(right.size());
            if difference <= 1e-24 * (scale + other_scale) {
                return Verdict::new(true, Tier::Identity);
            }
            if !any_decimal {
                return Verdict::new(false, Tier::Identity);
            }
            if let Some(places) = self.policy.rounding {
                let scale = 10f64.powi(places as i32);
                let near =
                    |value: Complex<Double>| ((value.re.value() * scale).round(), (value.im.value() * scale).round());
                return Verdict::new(near(left) == near(right), Tier::Decimal);
            }
            let close = match decimals {
                (Some(stated), None) | (None, Some(stated)) => agrees(stated, difference, largest),
                _ => difference <= Policy::RELATIVE * largest && stated(one).max(stated(other)) >= Policy::SIGNIFICANT,
            };
            return Verdict::new(close, Tier::Decimal);
        }
        // No value: a function of a name only, or too large.
        Verdict::new(self.identical(one, other, None), Tier::Identity)
    }

    fn constant(&self, expr: &Expr, domain: Domain) -> Option<(Complex<Double>, f64)> {
        // The quick precision first: it tells whether there is a value at all.
        let budget = Cell::new(self.budget.get().min(20_000));
        let quick = Place::<f64>::new(domain, &budget).value(expr);
        let result = quick.ok().and_then(|_| {
            let mut place = Place::<Double>::new(domain, &budget);
            let value = place.value(expr).ok()?;
            Some((value, place.error))
        });
        self.budget.set(self.budget.get().saturating_sub(20_000 - budget.get().min(20_000)));
        result
    }

    /// Two rationals of which at least one is written as a decimal.
    fn decimals(
        &self,
        one: &BigRational,
        stated: Option<Decimal>,
        other: &BigRational,
        other_stated: Option<Decimal>,
    ) -> bool {
        if let Some(places) = self.policy.rounding {
            let scale = BigRational::from_integer(num_traits::Pow::pow(BigInt::from(10), places.min(30)));
            return (one * &scale).round() == (other * &scale).round();
        }
        let difference = (one - other).abs();
        let size = one.abs().max(other.abs());
        let relative = if size.is_zero() { 0.0 } else { (&difference / &size).to_f64().unwrap_or(1.0) };
        match (stated, other_stated) {
            // The coarser is the other one rounded.
            (Some(left), Some(right)) => {
                let coarse = if left.places <= right.places { left } else { right };
                left.places != right.places && coarse.significant >= Policy::SIGNIFICANT && rounds(coarse, &difference)
            }
            (Some(stated), None) | (None, Some(stated)) => {
                let value = if other_stated.is_none() { other } else { one };
                if terminates(value) {
                    // Float noise, as 2.9999999996 for 3.
                    return relative <= 1e-9 && stated.significant > 9;
                }
                stated.significant >= Policy::SIGNIFICANT
                    && (rounds(stated, &difference) || relative <= Policy::RELATIVE)
            }
            (None, None) => false,
        }
    }
}

/// Whether a value that far from a decimal is stated by it: rounded, or cut off after many digits.
fn agrees(stated: Decimal, difference: f64, size: f64) -> bool {
    let unit = 10f64.powi(-stated.places);
    stated.significant >= Policy::SIGNIFICANT
        && (difference <= 0.5 * unit * (1.0 + 1e-9)
            || (stated.significant >= 9 && difference < unit)
            || difference <= Policy::RELATIVE * size)
}

fn rounds(stated: Decimal, difference: &BigRational) -> bool {
    let unit = num_traits::Pow::pow(BigInt::from(10), stated.places.unsigned_abs().min(2000));
    let half = if stated.places >= 0 {
        BigRational::new(BigInt::from(1), unit * 2)
    } else {
        BigRational::new(unit, BigInt::from(2))
    };
    *difference <= half
}

/// A denominator of twos and fives only.
fn terminates(value: &BigRational) -> bool {
    let mut rest = value.denom().clone();
    for prime in [2, 5] {
        let prime = BigInt::from(prime);
        while (&rest % &prime).is_zero() && !rest.is_zero() {
            rest /= &prime;
        }
    }
    rest == BigInt::from(1)
}

/// The digits of an answer that is one decimal.
fn decimal(expr: &Expr) -> Option<Decimal> {
    match expr {
        Expr::Number(number) => number.decimal,
        Expr::Neg(inner) | Expr::Measured(inner, _) | Expr::Percent(inner) => decimal(inner),
        // 6.02 \times 10^{23}
        Expr::Mul(parts) => match parts.as_slice() {
            [Expr::Number(number), Expr::Pow(base, exponent)] if **base == Expr::integer(10) => {
                let stated = number.decimal?;
                let exponent = exact(exponent)?.to_i32()?;
                Some(Decimal { places: stated.places.checked_sub(exponent)?, significant: stated.significant })
            }
            _ => None,
        },
        _ => None,
    }
}

fn has_decimal(expr: &Expr) -> bool {
    expr.any(&|part| matches!(part, Expr::Number(number) if number.decimal.is_some()))
}

/// Most digits that a decimal in it states.
fn stated(expr: &Expr) -> usize {
    let own = match expr {
        Expr::Number(number) => number.decimal.map_or(0, |decimal| decimal.significant),
        _ => 0,
    };
    expr.children().into_iter().map(stated).max().unwrap_or(0).max(own)
}
