//! Exact rational values, within a bound on their size.

use num_bigint::{BigInt, BigUint};
use num_integer::Integer;
use num_rational::BigRational;
use num_traits::{One, Signed, ToPrimitive, Zero};

use super::super::limits;
use super::{Expr, Function};

/// The rational value of an expression without names, `None` when it has none or it takes too many bits.
pub fn exact(expr: &Expr) -> Option<BigRational> {
    let value = match expr {
        Expr::Number(number) => number.value.clone(),
        Expr::Add(parts) => {
            let mut sum = BigRational::zero();
            for part in parts {
                sum = bounded(sum + exact(part)?)?;
            }
            sum
        }
        Expr::Mul(parts) => {
            let mut product = BigRational::one();
            for part in parts {
                product = bounded(product * exact(part)?)?;
            }
            product
        }
        Expr::Neg(inner) => -exact(inner)?,
        Expr::Div(above, below) => {
            let below = exact(below)?;
            if below.is_zero() {
                return None;
            }
            exact(above)? / below
        }
        Expr::Pow(base, exponent) => power(&exact(base)?, &exact(exponent)?)?,
        Expr::Percent(inner) => exact(inner)? / BigRational::from_integer(100.into()),
        Expr::Measured(inner, _) => exact(inner)?,
        Expr::Set(parts) | Expr::Group(_, parts, _) if parts.len() == 1 => exact(&parts[0])?,
        Expr::Call(function, arguments) => {
            let values = arguments.iter().map(exact).collect::<Option<Vec<_>>>()?;
            call(*function, &values)?
        }
        _ => return None,
    };
    bounded(value)
}

fn bounded(value: BigRational) -> Option<BigRational> {
    (value.numer().bits() <= limits::BITS && value.denom().bits() <= limits::BITS).then_some(value)
}

fn power(base: &BigRational, exponent: &BigRational) -> Option<BigRational> {
    if exponent.is_integer() {
        let times = exponent.to_integer().to_i32()?;
        if base.is_zero() {
            return (times > 0).then(BigRational::zero);
        }
        if base.is_one() {
            return Some(BigRational::one());
        }
        let bits = base.numer().bits().max(base.denom().bits());
        if bits.checked_mul(u64::from(times.unsigned_abs()))? > limits::BITS + bits {
            return (base.abs().is_one()).then(|| if times % 2 == 0 { BigRational::one() } else { base.clone() });
        }
        return Some(num_traits::Pow::pow(base, times));
    }
    root(&power(base, &BigRational::from_integer(exponent.numer().clone()))?, exponent.denom().to_u32()?)
}

/// An exact root, where there is one.
fn root(value: &BigRational, index: u32) -> Option<BigRational> {
    if index == 0 || index > 64 || (value.is_negative() && index.is_multiple_of(2)) {
        return None;
    }
    let (above, below) = (value.numer().nth_root(index), value.denom().nth_root(index));
    let found = BigRational::new(above.clone(), below.clone());
    let raised = BigRational::new(num_traits::Pow::pow(above, index), num_traits::Pow::pow(below, index));
    (raised == *value).then_some(found)
}

fn call(function: Function, values: &[BigRational]) -> Option<BigRational> {
    let whole = |at: usize| values.get(at).filter(|value| value.is_integer()).map(BigRational::to_integer);
    let of = |value: BigInt| Some(BigRational::from_integer(value));
    match (function, values) {
        (Function::Abs, [value]) => Some(value.abs()),
        (Function::Floor, [value]) => Some(value.floor()),
        (Function::Ceiling, [value]) => Some(value.ceil()),
        (Function::Root, [value, index]) if index.is_integer() => root(value, index.to_integer().to_u32()?),
        (Function::Factorial, [_]) => {
            let last = whole(0)?.to_u32().filter(|last| *last <= limits::FACTORIAL)?;
            of(BigInt::from((1..=last).fold(BigUint::one(), |product, factor| product * factor)))
        }
        (Function::DoubleFactorial, [_]) => {
            let last = whole(0)?.to_u32().filter(|last| *last <= limits::FACTORIAL)?;
            let factors = (1..=last).rev().step_by(2);
            of(BigInt::from(factors.fold(BigUint::one(), |product, factor| product * factor)))
        }
        (Function::Binomial, [_, _]) => binomial(&whole(0)?, &whole(1)?),
        (Function::Gcd, [_, _, ..]) => of(fold(values, |one, other| one.gcd(other))?),
        (Function::Lcm, [_, _, ..]) => of(fold(values, |one, other| one.lcm(other))?),
        (Function::Min, [_, ..]) => values.iter().min().cloned(),
        (Function::Max, [_, ..]) => values.iter().max().cloned(),
        (Function::Mod, [value, modulus]) if modulus.is_positive() => Some(value - modulus * (value / modulus).floor()),
        (Function::Conjugate | Function::Re, [value]) => Some(value.clone()),
        (Function::Im, [_]) => Some(BigRational::zero()),
        (Function::LogBase, [value, base]) => logarithm(value, base),
        (Function::Log, [value]) => logarithm(value, &BigRational::from_integer(10.into())),
        _ => None,
    }
}

fn fold(values: &[BigRational], join: impl Fn(&BigInt, &BigInt) -> BigInt) -> Option<BigInt> {
    let mut whole = values.iter().map(|value| value.is_integer().then(|| value.to_integer()));
    let mut result = whole.next()??;
    for next in whole {
        result = join(&result, &next?);
        if result.bits() > limits::BITS {
            return None;
        }
    }
    Some(result)
}

fn binomial(n: &BigInt, k: &BigInt) -> Option<BigRational> {
    if k.is_negative() || (n.is_positive() && k > n) {
        return Some(BigRational::zero());
    }
    let k = if n.is_negative() { k.clone() } else { k.clone().min(n - k) };
    let k = k.to_u32().filter(|k| *k <= limits::FACTORIAL)?;
    let mut product = BigInt::one();
    for step in 0..k {
        // Each product is a binomial coefficient itself, so the division leaves nothing.
        product = product * (n - step) / (step + 1);
        if product.bits() > limits::BITS {
            return None;
        }
    }
    Some(BigRational::from_integer(product))
}

/// A whole or half exponent that gives exactly this value.
fn logarithm(value: &BigRational, base: &BigRational) -> Option<BigRational> {
    let rough = value.to_f64()?.ln() / base.to_f64()?.ln();
    for below in 1..=6i64 {
        let above = (rough * below as f64).round();
        if !above.is_finite() || above.abs() > 512.0 {
            return None;
        }
        let exponent = BigRational::new(BigInt::from(above as i64), BigInt::from(below));
        // Raised by the denominator, so that no root is needed.
        let raised = power(base, &BigRational::from_integer(exponent.numer().clone()))?;
        if raised == power(value, &BigRational::from_integer(exponent.denom().clone()))? {
            return Some(exponent);
        }
    }
    None
}
