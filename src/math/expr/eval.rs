//! The value of an expression where its names have values.
//!
//! Two domains: over the reals a square root or logarithm of a negative number has no value and the cube root of -8 is
//! -2; over the complex numbers everything takes its principal branch. Work is bounded by the budget of the place.

use std::cell::Cell;

use super::complex::Complex;
use super::real::Real;
use super::{Constant, Expr, Function};
use crate::math::limits;

/// There is no value, or the budget is spent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Undefined;

type Value<F> = Result<Complex<F>, Undefined>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Domain {
    Real,
    Complex,
}

/// Where an expression is evaluated.
pub struct Place<'a, F> {
    pub names: Vec<(String, Complex<F>)>,
    pub domain: Domain,
    /// `\log` is to the base 10 (e otherwise).
    pub log_ten: bool,
    /// Nodes that may still be evaluated.
    pub budget: &'a Cell<usize>,
    /// What rounding may have done to the last value, in units of one operation's relative error: at least its size, and
    /// more where large terms cancelled.
    pub error: f64,
}

impl<'a, F: Real> Place<'a, F> {
    pub fn new(domain: Domain, budget: &'a Cell<usize>) -> Self {
        Self { names: Vec::new(), domain, log_ten: true, budget, error: 0.0 }
    }

    /// Finite, or `Undefined`.
    pub fn value(&mut self, expr: &Expr) -> Value<F> {
        let left = self.budget.get();
        if left == 0 {
            return Err(Undefined);
        }
        self.budget.set(left - 1);
        self.error = 0.0;
        let value = self.node(expr)?;
        if !value.is_finite() || (self.domain == Domain::Real && !value.is_real()) {
            return Err(Undefined);
        }
        self.error = self.error.max(value.size());
        Ok(value)
    }

    fn name(&self, name: &str) -> Option<Complex<F>> {
        self.names.iter().rev().find(|(known, _)| known == name).map(|(_, value)| *value)
    }

    fn node(&mut self, expr: &Expr) -> Value<F> {
        Ok(match expr {
            Expr::Number(number) => Complex::real(F::ratio(&number.value)),
            Expr::Constant(constant) => match constant {
                Constant::Pi => self.name("pi").unwrap_or_else(|| Complex::real(F::pi())),
                Constant::E => self.name("e").unwrap_or_else(|| Complex::real(F::one().exp())),
                Constant::I => match self.name("i") {
                    Some(value) => value,
                    None => Complex::i(),
                },
                Constant::Infinity => return Err(Undefined),
            },
            Expr::Symbol(name) => self.name(name).ok_or(Undefined)?,
            Expr::Add(parts) => {
                let mut sum = Complex::of(0.0);
                let mut error = 0.0;
                for part in parts {
                    sum = sum + self.value(part)?;
                    error += self.error;
                }
                self.error = error;
                sum
            }
            Expr::Mul(parts) => {
                let mut product = Complex::of(1.0);
                let mut error = 0.0;
                for part in parts {
                    let value = self.value(part)?;
                    error = error * value.size() + product.size() * self.error;
                    product = product * value;
                }
                self.error = error;
                product
            }
            Expr::Neg(inner) => -self.value(inner)?,
            Expr::Div(above, below) => {
                let below = self.divisor(below)?;
                let off = self.error / below.size();
                let quotient = self.value(above)? / below;
                self.error = self.error / below.size() + quotient.size() * off;
                quotient
            }
            Expr::Pow(base, exponent) => return self.power(base, exponent),
            Expr::Call(function, arguments) => return self.call(*function, arguments),
            Expr::Opaque(name, arguments) => return self.opaque(name, arguments),
            Expr::Series(product, index, parts) => return self.series(*product, index, parts),
            Expr::Percent(inner) => {
                let value = self.value(inner)?.scaled(F::one() / F::of(100.0));
                self.error /= 100.0;
                value
            }
            Expr::Degrees(inner) => {
                let value = self.value(inner)?.scaled(F::pi() / F::of(180.0));
                self.error /= 57.0;
                value
            }
            Expr::Measured(inner, _) => self.value(inner)?,
            Expr::Set(parts) | Expr::Group(_, parts, _) if parts.len() == 1 => self.value(&parts[0])?,
            _ => return Err(Undefined),
        })
    }

    fn divisor(&mut self, expr: &Expr) -> Value<F> {
        let value = self.value(expr)?;
        // What is zero but for rounding.
        if value.size() <= 1e3 * F::UNIT * self.error {
            return Err(Undefined);
        }
        Ok(value)
    }

    fn power(&mut self, base: &Expr, exponent: &Expr) -> Value<F> {
        let above = self.value(exponent)?;
        let above_error = self.error;
        let below = self.value(base)?;
        let size = below.size();
        let relative = above.size() * self.error / size + size.ln().abs() * above_error;
        let value = self.raised(exponent, above, below)?;
        self.error = if size > 0.0 { value.size() * (1.0 + relative) } else { 0.0 };
        Ok(value)
    }

    fn raised(&self, exponent: &Expr, above: Complex<F>, below: Complex<F>) -> Value<F> {
        if below.is_zero() {
            return if above.re > F::zero() { Ok(below) } else { Err(Undefined) };
        }
        if above.integer().is_none() && self.domain == Domain::Real && below.re < F::zero() {
            // An odd root, if the exponent is written as a fraction.
            let ratio = super::exact(exponent).ok_or(Undefined)?;
            let odd = |value: &num_bigint::BigInt| value.bit(0);
            if !odd(ratio.denom()) {
                return Err(Undefined);
            }
            let size = (-below).pow(above);
            return Ok(if odd(ratio.numer()) { -size } else { size });
        }
        Ok(below.pow(above))
    }

    fn call(&mut self, function: Function, arguments: &[Expr]) -> Value<F> {
        let weight = match function {
            Function::Factorial | Function::Binomial => 40,
            Function::Abs | Function::Floor | Function::Ceiling | Function::Min | Function::Max => 1,
            _ => 5,
        };
        self.budget.set(self.budget.get().saturating_sub(weight));
        // An overlined name may have a value of its own: the mean of x.
        if let (Function::Conjugate, [Expr::Symbol(name)]) = (function, arguments)
            && let Some(value) = self.name(&format!("{name}bar"))
        {
            return Ok(value);
        }
        if let (Function::Gcd | Function::Lcm, true) = (function, arguments.iter().all(|part| matches!(part, Expr::Symbol(_))))
            && !arguments.iter().all(|part| matches!(part, Expr::Symbol(name) if self.name(name).is_some_and(|value| value.integer().is_some())))
        {
            // Different letters, as polynomials, have nothing in common.
            return if function == Function::Gcd { Ok(Complex::of(1.0)) } else { self.value(&Expr::Mul(arguments.to_vec())) };
        }
        let mut values = Vec::with_capacity(arguments.len());
        let mut errors = Vec::with_capacity(arguments.len());
        for argument in arguments {
            values.push(self.value(argument)?);
            errors.push(self.error);
        }
        let value = self.applied(function, &values)?;
        // Of the other arguments (a base, an index) the relative error counts.
        let others =
            values.iter().zip(&errors).skip(1).map(|(other, error)| value.size() * error / other.size().max(1e-300));
        self.error = errors.first().map_or(0.0, |error| error * slope(function, &values, value)) + others.sum::<f64>();
        Ok(value)
    }

    fn applied(&self, function: Function, values: &[Complex<F>]) -> Value<F> {
        let real = self.domain == Domain::Real;
        let one = Complex::of(1.0);
        let Some(&z) = values.first() else { return Err(Undefined) };
        let inverse = |value: Complex<F>| if value.size() < 1e-12 { Err(Undefined) } else { Ok(one / value) };
        let tangent = |z: Complex<F>| Ok(z.sin() * inverse(z.cos())?);
        let logarithm = |z: Complex<F>| {
            if z.is_zero() || (real && z.re < F::zero()) { Err(Undefined) } else { Ok(z.ln()) }
        };
        let whole = |at: usize| values.get(at).and_then(|value| value.integer()).ok_or(Undefined);
        Ok(match function {
            Function::Sin => z.sin(),
            Function::Cos => z.cos(),
            Function::Tan => tangent(z)?,
            Function::Cot => z.cos() * inverse(z.sin())?,
            Function::Sec => inverse(z.cos())?,
            Function::Csc => inverse(z.sin())?,
            Function::Asin => z.asin(),
            Function::Acos => z.acos(),
            Function::Atan => z.atan(),
            Function::Acot => Complex::real(F::pi() * F::of(0.5)) - z.atan(),
            Function::Asec => inverse(z)?.acos(),
            Function::Acsc => inverse(z)?.asin(),
            Function::Sinh => z.sinh(),
            Function::Cosh => z.cosh(),
            Function::Tanh => z.sinh() * inverse(z.cosh())?,
            Function::Coth => z.cosh() * inverse(z.sinh())?,
            Function::Sech => inverse(z.cosh())?,
            Function::Csch => inverse(z.sinh())?,
            Function::Asinh => z.asinh(),
            Function::Acosh => z.acosh(),
            Function::Atanh => z.atanh(),
            Function::Exp => z.exp(),
            Function::Ln => logarithm(z)?,
            Function::Log if self.log_ten => logarithm(z)? / Complex::real(F::of(10.0).ln()),
            Function::Log => logarithm(z)?,
            Function::LogBase => {
                let base = logarithm(*values.get(1).ok_or(Undefined)?)?;
                logarithm(z)? * inverse(base)?
            }
            Function::Root => return self.root(z, *values.get(1).ok_or(Undefined)?),
            Function::Abs => Complex::real(z.abs()),
            Function::Floor => Complex::real(floor(z)?),
            Function::Ceiling => Complex::real(-floor(-z)?),
            Function::Factorial => (z + one).gamma().ok_or(Undefined)?,
            Function::DoubleFactorial => {
                let last = whole(0)?;
                if !(0..=300).contains(&last) {
                    return Err(Undefined);
                }
                (1..=last).rev().step_by(2).fold(one, |product, factor| product * Complex::of(factor as f64))
            }
            Function::Binomial => binomial(z, *values.get(1).ok_or(Undefined)?)?,
            Function::Gcd | Function::Lcm => {
                let mut result = whole(0)?;
                for at in 1..values.len() {
                    let next = whole(at)?;
                    let common = num_integer::gcd(result, next);
                    result = if function == Function::Gcd {
                        common
                    } else if common == 0 {
                        0
                    } else {
                        (result / common).checked_mul(next).ok_or(Undefined)?
                    };
                }
                Complex::of(result as f64)
            }
            Function::Min | Function::Max => {
                let mut best = z;
                for value in values {
                    if !value.is_real() {
                        return Err(Undefined);
                    }
                    if (value.re < best.re) == (function == Function::Min) && value.re != best.re {
                        best = *value;
                    }
                }
                best
            }
            Function::Mod => {
                let modulus = *values.get(1).ok_or(Undefined)?;
                if modulus.size() == 0.0 || !z.is_real() || !modulus.is_real() {
                    return Err(Undefined);
                }
                z - modulus.scaled(floor(z / modulus)?)
            }
            Function::Conjugate => z.conjugate(),
            Function::Re => Complex::real(z.re),
            Function::Im => Complex::real(z.im),
            Function::Arg => Complex::real(z.im.atan2(z.re)),
            Function::Determinant => return Err(Undefined),
        })
    }

    fn root(&self, z: Complex<F>, index: Complex<F>) -> Value<F> {
        if z.is_zero() {
            return Ok(z);
        }
        let whole = index.integer();
        if whole == Some(2) {
            return Ok(z.sqrt());
        }
        if self.domain == Domain::Real && z.re < F::zero() {
            return match whole {
                Some(odd) if odd % 2 != 0 => Ok(-((-z).pow(Complex::of(1.0) / index))),
                _ => Err(Undefined),
            };
        }
        if index.size() < 1e-12 {
            return Err(Undefined);
        }
        Ok(z.pow(Complex::of(1.0) / index))
    }

    /// A value for a function of which only the name is known: the same for the same name and arguments, and otherwise
    /// unrelated.
    fn opaque(&mut self, name: &str, arguments: &[Expr]) -> Value<F> {
        if let (Some(value), [argument]) = (self.name(name), arguments) {
            // f(x) where f is a number.
            return Ok(value * self.value(argument)?);
        }
        if let (Some(stem), [Expr::Symbol(index)]) = (name.strip_suffix('_'), arguments)
            && let Some(value) = self.name(&format!("{stem}_{index}"))
        {
            return Ok(value);
        }
        self.budget.set(self.budget.get().saturating_sub(10));
        let mut hash = 0xcbf2_9ce4_8422_2325u64;
        let mut add = |byte: u64| hash = (hash ^ byte).wrapping_mul(0x0100_0000_01b3).rotate_left(23);
        name.bytes().for_each(|byte| add(u64::from(byte)));
        for argument in arguments {
            let value = self.value(argument)?;
            // Ten digits, so that rounding does not make another argument of it.
            let mut digits = |part: f64| {
                add(format!("{:.9e}", if part.abs() < 1e-12 { 0.0 } else { part })
                    .bytes()
                    .fold(7, |sum: u64, byte| sum.wrapping_mul(131) + u64::from(byte)))
            };
            digits(value.re.value());
            digits(value.im.value());
        }
        let mut next = || {
            hash = hash.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            F::of(((hash >> 40) as f64) / (1u64 << 23) as f64 - 1.0)
        };
        let (re, im) = (next(), next());
        self.error = 0.0;
        Ok(if self.domain == Domain::Real { Complex::real(re) } else { Complex::new(re, im) })
    }

    fn series(&mut self, product: bool, index: &str, parts: &[Expr; 3]) -> Value<F> {
        let [from, to, term] = parts;
        let first = self.value(from)?;
        let endless = to.infinite() == Some(true);
        // A constant factor needs no steps, and no whole number of them.
        if !endless && !term.variables().iter().any(|name| name == index) {
            let times = self.value(to)? - first + Complex::of(1.0);
            let value = self.value(term)?;
            self.error *=
                if product { value.pow(times - Complex::of(1.0)).size() * times.size() } else { times.size() };
            return Ok(if product { value.pow(times) } else { value * times });
        }
        if !term.variables().iter().any(|name| name == index) {
            // Endlessly the same.
            return Err(Undefined);
        }
        let first = first.integer().ok_or(Undefined)?;
        let last = if endless { i64::MAX } else { self.value(to)?.integer().ok_or(Undefined)? };
        let count = last.saturating_sub(first).saturating_add(1);
        if !endless && count > limits::TERMS as i64 {
            return Err(Undefined);
        }
        let mut result = Complex::of(if product { 1.0 } else { 0.0 });
        let mut small = 0;
        let mut error = 0.0;
        for step in 0..count.min(limits::TERMS as i64) {
            self.names.push((index.to_owned(), Complex::of((first + step) as f64)));
            let value = self.value(term);
            self.names.pop();
            let value = value?;
            let before = result;
            error = if product { error * value.size() + result.size() * self.error } else { error + self.error };
            result = if product { result * value } else { result + value };
            if endless {
                // Geometric convergence at least: ten terms in a row that change nothing.
                small = if (result - before).size() <= 1e-33 * result.size() { small + 1 } else { 0 };
                if small >= 10 {
                    self.error = error;
                    return Ok(result);
                }
            }
        }
        self.error = error;
        if endless { Err(Undefined) } else { Ok(result) }
    }
}

/// How much a function magnifies an error of its argument, roughly.
fn slope<F: Real>(function: Function, values: &[Complex<F>], value: Complex<F>) -> f64 {
    let size = value.size();
    let argument = values.first().map_or(0.0, |value| value.size()).max(1e-300);
    match function {
        Function::Sin | Function::Cos | Function::Exp | Function::Sinh | Function::Cosh => 1.0 + size,
        Function::Asin | Function::Acos | Function::Acosh | Function::Atanh => {
            let near = values.first().map_or(1.0, |z| (*z * *z - Complex::of(1.0)).size());
            1.0 + 1.0 / near.sqrt().max(1e-12)
        }
        Function::Ln | Function::Log => 1.0 / argument,
        Function::LogBase => {
            let base = values.get(1).map_or(1.0, |base| base.ln().size()).max(1e-12);
            1.0 / (argument * base)
        }
        Function::Root => size / argument,
        Function::Factorial | Function::Binomial => 10.0 * (1.0 + size),
        Function::Abs
        | Function::Conjugate
        | Function::Re
        | Function::Im
        | Function::Atan
        | Function::Min
        | Function::Max => 1.0,
        _ => 1.0 + size * size,
    }
}

fn floor<F: Real>(z: Complex<F>) -> Result<F, Undefined> {
    if !z.is_real() {
        return Err(Undefined);
    }
    // A value that is whole but for rounding is whole.
    Ok(match z.integer() {
        Some(whole) if (z.re - F::of(whole as f64)).value().abs() < F::NOISE => F::of(whole as f64),
        _ => z.re.floor(),
    })
}

fn binomial<F: Real>(n: Complex<F>, k: Complex<F>) -> Value<F> {
    if let Some(times) = k.integer() {
        if !(0..=400).contains(&times) {
            return if times < 0 { Ok(Complex::of(0.0)) } else { Err(Undefined) };
        }
        let mut product = Complex::of(1.0);
        for step in 0..times {
            product = product * (n - Complex::of(step as f64)) / Complex::of((step + 1) as f64);
        }
        return Ok(product);
    }
    let one = Complex::of(1.0);
    let gamma = |z: Complex<F>| (z + one).gamma().ok_or(Undefined);
    Ok(gamma(n)? / (gamma(k)? * gamma(n - k)?))
}
