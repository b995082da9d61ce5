//! Complex numbers over either precision, with the functions that answers use. Principal branches throughout.

use std::ops::{Add, Div, Mul, Neg, Sub};

use super::real::Real;

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Complex<F> {
    pub re: F,
    pub im: F,
}

impl<F: Real> Complex<F> {
    pub fn new(re: F, im: F) -> Self {
        Self { re, im }
    }

    pub fn real(re: F) -> Self {
        Self { re, im: F::zero() }
    }

    pub fn of(value: f64) -> Self {
        Self::real(F::of(value))
    }

    pub fn i() -> Self {
        Self { re: F::zero(), im: F::one() }
    }

    pub fn is_real(self) -> bool {
        self.im == F::zero()
    }

    pub fn is_zero(self) -> bool {
        self.is_real() && self.re == F::zero()
    }

    pub fn is_finite(self) -> bool {
        self.re.value().is_finite() && self.im.value().is_finite()
    }

    /// Length as a double, for scales and tolerances.
    pub fn size(self) -> f64 {
        self.re.value().hypot(self.im.value())
    }

    /// The whole number that it is, up to rounding.
    pub fn integer(self) -> Option<i64> {
        let near = self.re.value().round();
        let off = (self.re - F::of(near)).value().abs() + self.im.value().abs();
        (near.abs() < 1e15 && off <= 1e-9 * near.abs().max(1.0)).then_some(near as i64)
    }

    pub fn abs(self) -> F {
        if self.is_real() { self.re.abs() } else { (self.re * self.re + self.im * self.im).sqrt() }
    }

    pub fn conjugate(self) -> Self {
        Self { re: self.re, im: -self.im }
    }

    pub fn scaled(self, by: F) -> Self {
        Self { re: self.re * by, im: self.im * by }
    }

    pub fn exp(self) -> Self {
        let length = self.re.exp();
        if self.is_real() {
            return Self::real(length);
        }
        let (sine, cosine) = self.im.sin_cos();
        Self { re: length * cosine, im: length * sine }
    }

    pub fn ln(self) -> Self {
        if self.is_real() && self.re > F::zero() {
            return Self::real(self.re.ln());
        }
        Self { re: self.abs().ln(), im: self.im.atan2(self.re) }
    }

    pub fn sqrt(self) -> Self {
        if self.is_real() {
            return if self.re < F::zero() {
                Self { re: F::zero(), im: (-self.re).sqrt() }
            } else {
                Self::real(self.re.sqrt())
            };
        }
        let half = F::of(0.5);
        let length = self.abs();
        let re = ((length + self.re.abs()) * half).sqrt();
        let im = self.im.abs() * half / re;
        let (re, im) = if self.re < F::zero() { (im, re) } else { (re, im) };
        Self { re, im: if self.im < F::zero() { -im } else { im } }
    }

    /// A whole power by squaring.
    pub fn powi(self, times: i64) -> Self {
        let (mut result, mut square, mut rest) = (Self::of(1.0), self, times.unsigned_abs());
        while rest > 0 {
            if rest % 2 == 1 {
                result = result * square;
            }
            square = square * square;
            rest /= 2;
        }
        if times < 0 { Self::of(1.0) / result } else { result }
    }

    pub fn pow(self, exponent: Self) -> Self {
        if let Some(times) = exponent.integer().filter(|times| times.abs() <= 4096) {
            return self.powi(times);
        }
        if exponent.is_real() && exponent.re == F::of(0.5) {
            return self.sqrt();
        }
        (exponent * self.ln()).exp()
    }

    pub fn sin(self) -> Self {
        let (sine, cosine) = self.re.sin_cos();
        if self.is_real() {
            return Self::real(sine);
        }
        let (sinh, cosh) = hyperbolic(self.im);
        Self { re: sine * cosh, im: cosine * sinh }
    }

    pub fn cos(self) -> Self {
        let (sine, cosine) = self.re.sin_cos();
        if self.is_real() {
            return Self::real(cosine);
        }
        let (sinh, cosh) = hyperbolic(self.im);
        Self { re: cosine * cosh, im: -(sine * sinh) }
    }

    pub fn sinh(self) -> Self {
        (self.exp() - (-self).exp()).scaled(F::of(0.5))
    }

    pub fn cosh(self) -> Self {
        (self.exp() + (-self).exp()).scaled(F::of(0.5))
    }

    pub fn asin(self) -> Self {
        if self.is_real() && self.re.abs() <= F::one() {
            return Self::real(self.re.atan2((F::one() - self.re * self.re).sqrt()));
        }
        // -i ln(i z + sqrt(1 - z^2))
        let inner = Self::i() * self + (Self::of(1.0) - self * self).sqrt();
        -(Self::i() * inner.ln())
    }

    pub fn acos(self) -> Self {
        if self.is_real() && self.re.abs() <= F::one() {
            return Self::real((F::one() - self.re * self.re).sqrt().atan2(self.re));
        }
        Self::real(F::pi() * F::of(0.5)) - self.asin()
    }

    pub fn atan(self) -> Self {
        if self.is_real() {
            return Self::real(self.re.atan2(F::one()));
        }
        let turned = Self::i() * self;
        let inner = (Self::of(1.0) - turned).ln() - (Self::of(1.0) + turned).ln();
        (Self::i() * inner).scaled(F::of(0.5))
    }

    pub fn asinh(self) -> Self {
        (self + (self * self + Self::of(1.0)).sqrt()).ln()
    }

    pub fn acosh(self) -> Self {
        (self + (self + Self::of(1.0)).sqrt() * (self - Self::of(1.0)).sqrt()).ln()
    }

    pub fn atanh(self) -> Self {
        ((Self::of(1.0) + self).ln() - (Self::of(1.0) - self).ln()).scaled(F::of(0.5))
    }

    /// The gamma function: Stirling's series (NIST DLMF 5.11.1) after a shift to the right, where it is precise.
    pub fn gamma(self) -> Option<Self> {
        if self.re.value() < 0.5 {
            // Reflection (DLMF 5.5.3).
            let sine = self.scaled(F::pi()).sin();
            if sine.size() < 1e-13 || self.re.value() < -170.0 {
                return None;
            }
            return Some(Self::real(F::pi()) / (sine * (Self::of(1.0) - self).gamma()?));
        }
        if self.size() > 171.0 {
            return None;
        }
        let (mut z, mut product) = (self, Self::of(1.0));
        while z.re.value() < 32.0 {
            product = product * z;
            z = z + Self::of(1.0);
        }
        let half_ln_tau = (F::pi() * F::of(2.0)).ln() * F::of(0.5);
        let mut sum = (z - Self::of(0.5)) * z.ln() - z + Self::real(half_ln_tau);
        let square = z * z;
        let mut power = z;
        // B(2k) / (2k (2k - 1))
        let coefficients = [
            (1.0, 12.0),
            (-1.0, 360.0),
            (1.0, 1260.0),
            (-1.0, 1680.0),
            (1.0, 1188.0),
            (-691.0, 360_360.0),
            (1.0, 156.0),
            (-3617.0, 122_400.0),
            (43_867.0, 244_188.0),
            (-174_611.0, 125_400.0),
            (77_683.0, 5796.0),
            (-236_364_091.0, 1_506_960.0),
        ];
        for (above, below) in coefficients {
            sum = sum + Self::real(F::of(above) / F::of(below)) / power;
            power = power * square;
        }
        Some(sum.exp() / product)
    }
}

fn hyperbolic<F: Real>(x: F) -> (F, F) {
    let (up, down) = (x.exp(), (-x).exp());
    ((up - down) * F::of(0.5), (up + down) * F::of(0.5))
}

impl<F: Real> Neg for Complex<F> {
    type Output = Self;
    fn neg(self) -> Self {
        Self { re: -self.re, im: -self.im }
    }
}

impl<F: Real> Add for Complex<F> {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self { re: self.re + other.re, im: self.im + other.im }
    }
}

impl<F: Real> Sub for Complex<F> {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self { re: self.re - other.re, im: self.im - other.im }
    }
}

impl<F: Real> Mul for Complex<F> {
    type Output = Self;
    fn mul(self, other: Self) -> Self {
        if self.is_real() && other.is_real() {
            return Self::real(self.re * other.re);
        }
        Self { re: self.re * other.re - self.im * other.im, im: self.re * other.im + self.im * other.re }
    }
}

impl<F: Real> Div for Complex<F> {
    type Output = Self;
    fn div(self, other: Self) -> Self {
        if other.is_real() {
            return Self { re: self.re / other.re, im: self.im / other.re };
        }
        let square = other.re * other.re + other.im * other.im;
        let turned = self * other.conjugate();
        Self { re: turned.re / square, im: turned.im / square }
    }
}

#[cfg(test)]
mod tests {
    use super::super::real::Double;
    use super::*;

    fn close(one: Complex<Double>, other: Complex<Double>) {
        assert!((one - other).size() < 1e-26 * (1.0 + one.size()), "{one:?} and {other:?}");
    }

    #[test]
    fn functions_undo_their_inverses() {
        for (re, im) in [(0.3, 0.4), (1.7, -0.6), (-0.8, 0.9), (0.25, 0.0)] {
            let z = Complex::new(Double::of(re), Double::of(im));
            close(z.asin().sin(), z);
            close(z.acos().cos(), z);
            close(z.atan().sin() / z.atan().cos(), z);
            close(z.sqrt() * z.sqrt(), z);
            close(z.ln().exp(), z);
            close(z.asinh().sinh(), z);
            close(z.acosh().cosh(), z);
        }
    }

    #[test]
    fn gamma_steps_up_by_its_argument() {
        for (re, im) in [(0.37, 0.0), (2.5, 0.0), (1.2, 0.7), (-0.4, 0.0)] {
            let z = Complex::new(Double::of(re), Double::of(im));
            let (one, next) = (z.gamma().expect("no pole"), (z + Complex::of(1.0)).gamma().expect("no pole"));
            close(next, z * one);
        }
        let root = Complex::<Double>::of(0.5).gamma().expect("no pole");
        close(root * root, Complex::real(Double::pi()));
        assert!(Complex::<f64>::of(-2.0).gamma().is_none());
    }
}
