//! Real numbers in two precisions: `f64`, and pairs of them with about 31 digits.
//!
//! The second decides what the first cannot: whether a difference of 1e-12 is a difference or rounding.

use std::cmp::Ordering;
use std::ops::{Add, Div, Mul, Neg, Sub};

use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::{FromPrimitive, ToPrimitive};

pub trait Real:
    Copy
    + PartialOrd
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
{
    /// Relative error that a few hundred operations stay under.
    const NOISE: f64;
    /// Relative error of one operation.
    const UNIT: f64;
    fn of(value: f64) -> Self;
    fn whole(value: &BigInt) -> Self;
    fn value(self) -> f64;
    fn pi() -> Self;
    fn sqrt(self) -> Self;
    fn exp(self) -> Self;
    fn ln(self) -> Self;
    fn sin_cos(self) -> (Self, Self);
    fn atan2(self, x: Self) -> Self;
    fn floor(self) -> Self;

    fn ratio(value: &BigRational) -> Self {
        Self::whole(value.numer()) / Self::whole(value.denom())
    }

    fn zero() -> Self {
        Self::of(0.0)
    }

    fn one() -> Self {
        Self::of(1.0)
    }

    fn abs(self) -> Self {
        if self < Self::zero() { -self } else { self }
    }
}

impl Real for f64 {
    const NOISE: f64 = 1e-11;
    const UNIT: f64 = 1.2e-16;

    fn of(value: f64) -> Self {
        value
    }

    fn whole(value: &BigInt) -> Self {
        value.to_f64().unwrap_or(f64::NAN)
    }

    fn value(self) -> f64 {
        self
    }

    fn pi() -> Self {
        std::f64::consts::PI
    }

    fn sqrt(self) -> Self {
        f64::sqrt(self)
    }

    fn exp(self) -> Self {
        f64::exp(self)
    }

    fn ln(self) -> Self {
        f64::ln(self)
    }

    fn sin_cos(self) -> (Self, Self) {
        f64::sin_cos(self)
    }

    fn atan2(self, x: Self) -> Self {
        f64::atan2(self, x)
    }

    fn floor(self) -> Self {
        f64::floor(self)
    }
}

/// An unevaluated sum of two doubles, the second under half a unit in the last place of the first (T. J. Dekker,
/// "A floating-point technique for extending the available precision", 1971).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Double {
    high: f64,
    low: f64,
}

fn sum(a: f64, b: f64) -> Double {
    let high = a + b;
    let part = high - a;
    Double { high, low: (a - (high - part)) + (b - part) }
}

/// As `sum`, where `a` is the larger.
fn ordered_sum(a: f64, b: f64) -> Double {
    let high = a + b;
    Double { high, low: b - (high - a) }
}

fn product(a: f64, b: f64) -> Double {
    let split = |value: f64| {
        let scaled = 134_217_729.0 * value;
        let high = scaled - (scaled - value);
        (high, value - high)
    };
    let high = a * b;
    let ((a1, a2), (b1, b2)) = (split(a), split(b));
    Double { high, low: ((a1 * b1 - high) + a1 * b2 + a2 * b1) + a2 * b2 }
}

const PI: Double = Double { high: std::f64::consts::PI, low: 1.224_646_799_147_353_2e-16 };
const LN_2: Double = Double { high: std::f64::consts::LN_2, low: 2.319_046_813_846_299_6e-17 };

impl Double {
    fn scaled(self, factor: f64) -> Self {
        Self { high: self.high * factor, low: self.low * factor }
    }

    /// Sine and cosine by their series, for |self| <= pi/4.
    fn series(self) -> (Self, Self) {
        let square = self * self;
        let (mut sine, mut cosine) = (self, Self::one());
        let (mut odd, mut even) = (self, Self::one());
        for step in 1..15 {
            let n = 2.0 * f64::from(step);
            even = -(even * square) / Self::of(n * (n - 1.0));
            odd = -(odd * square) / Self::of(n * (n + 1.0));
            cosine = cosine + even;
            sine = sine + odd;
        }
        (sine, cosine)
    }
}

impl PartialOrd for Double {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        match self.high.partial_cmp(&other.high)? {
            Ordering::Equal => self.low.partial_cmp(&other.low),
            order => Some(order),
        }
    }
}

impl Neg for Double {
    type Output = Self;
    fn neg(self) -> Self {
        Self { high: -self.high, low: -self.low }
    }
}

impl Add for Double {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        let (high, low) = (sum(self.high, other.high), sum(self.low, other.low));
        let first = ordered_sum(high.high, high.low + low.high);
        ordered_sum(first.high, first.low + low.low)
    }
}

impl Sub for Double {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        self + -other
    }
}

impl Mul for Double {
    type Output = Self;
    fn mul(self, other: Self) -> Self {
        let part = product(self.high, other.high);
        ordered_sum(part.high, part.low + (self.high * other.low + self.low * other.high))
    }
}

impl Div for Double {
    type Output = Self;
    fn div(self, other: Self) -> Self {
        let first = self.high / other.high;
        let rest = self - other * Self::of(first);
        let second = rest.high / other.high;
        let rest = rest - other * Self::of(second);
        ordered_sum(first, second) + Self::of(rest.high / other.high)
    }
}

impl Real for Double {
    const NOISE: f64 = 1e-24;
    const UNIT: f64 = 1e-31;

    fn of(value: f64) -> Self {
        Self { high: value, low: 0.0 }
    }

    fn whole(value: &BigInt) -> Self {
        let high = value.to_f64().unwrap_or(f64::NAN);
        if high.abs() < 9e15 {
            return Self::of(high);
        }
        match BigInt::from_f64(high) {
            Some(near) => ordered_sum(high, (value - near).to_f64().unwrap_or(f64::NAN)),
            None => Self::of(f64::NAN),
        }
    }

    fn value(self) -> f64 {
        self.high
    }

    fn pi() -> Self {
        PI
    }

    fn sqrt(self) -> Self {
        if self.high <= 0.0 {
            return Self::of(if self.high == 0.0 { 0.0 } else { f64::NAN });
        }
        // One step of Newton's method from the root in double precision.
        let near = Self::of(self.high.sqrt());
        near + (self - near * near) / near.scaled(2.0)
    }

    fn exp(self) -> Self {
        if self.high.abs() > 700.0 {
            return Self::of(if self.high < 0.0 { 0.0 } else { f64::INFINITY });
        }
        let times = (self.high / std::f64::consts::LN_2).round();
        // e^r - 1 for a small r, and then squared nine times as (1 + s)^2 - 1 = 2 s + s^2, which keeps the small digits.
        let r = (self - LN_2 * Self::of(times)).scaled(1.0 / 512.0);
        let (mut term, mut less_one) = (r, r);
        for step in 2..11 {
            term = term * r / Self::of(f64::from(step));
            less_one = less_one + term;
        }
        for _ in 0..9 {
            less_one = less_one.scaled(2.0) + less_one * less_one;
        }
        (less_one + Self::one()).scaled(2f64.powi(times as i32))
    }

    fn ln(self) -> Self {
        if self.high <= 0.0 || !self.high.is_finite() {
            return Self::of(f64::NAN);
        }
        let near = Self::of(self.high.ln());
        near + self * (-near).exp() - Self::one()
    }

    fn sin_cos(self) -> (Self, Self) {
        let quarter = (self / PI.scaled(0.5)).high.round();
        if !quarter.is_finite() || quarter.abs() > 1e9 {
            return (Self::of(f64::NAN), Self::of(f64::NAN));
        }
        let (sine, cosine) = (self - PI.scaled(0.5) * Self::of(quarter)).series();
        match (quarter as i64).rem_euclid(4) {
            0 => (sine, cosine),
            1 => (cosine, -sine),
            2 => (-sine, -cosine),
            _ => (-cosine, sine),
        }
    }

    fn atan2(self, x: Self) -> Self {
        let length = (self * self + x * x).sqrt();
        if length.high == 0.0 || !length.high.is_finite() {
            return Self::of(if length.high == 0.0 { 0.0 } else { f64::NAN });
        }
        if self == Self::zero() {
            return if x.high > 0.0 { Self::zero() } else { PI };
        }
        let near = Self::of(self.high.atan2(x.high));
        let (sine, cosine) = near.sin_cos();
        near + (self * cosine - x * sine) / length
    }

    fn floor(self) -> Self {
        let high = self.high.floor();
        if high == self.high { ordered_sum(high, self.low.floor()) } else { Self::of(high) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(one: Double, other: Double) {
        let difference = (one - other).value().abs();
        assert!(difference <= 1e-28 * (1.0 + one.value().abs()), "{one:?} and {other:?}: {difference:e}");
    }

    #[test]
    fn functions_keep_thirty_digits() {
        for value in [0.1, 0.5, 1.0, 2.0, 3.7, 11.0, 30.0] {
            let x = Double::of(value) / Double::of(7.0);
            close(x.sqrt() * x.sqrt(), x);
            close(x.exp().ln(), x);
            let (sine, cosine) = x.sin_cos();
            close(sine * sine + cosine * cosine, Double::one());
            close((x + x).sin_cos().0, (sine * cosine).scaled(2.0));
            if value < 20.0 {
                close(sine.atan2(cosine), x);
            }
        }
        // pi to 32 digits, from its decimal expansion.
        let digits: BigInt = "31415926535897932384626433832795".parse().expect("digits");
        close(Double::whole(&digits) / Double::of(10f64.powi(16)) / Double::of(10f64.powi(15)), PI);
        close(
            Double::one().exp(),
            Double::whole(&"2718281828459045235360287471352".parse().expect("digits"))
                / Double::of(1e15)
                / Double::of(1e15),
        );
    }
}
