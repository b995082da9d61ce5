//! Values for every whole number: pi/4 + n pi.

use super::super::expr::Expr;
use super::super::expr::complex::Complex;
use super::super::expr::eval::{Domain, Place};
use super::Comparer;

impl Comparer<'_> {
    /// Whether both run through the same values, whatever the parameter is called and where it begins.
    pub(super) fn families(&self, one: &Expr, parameter: &str, other: &Expr, other_parameter: &str) -> Option<bool> {
        if one.variables().len() != 1 || other.variables().len() != 1 {
            let renamed = other.renamed(other_parameter, parameter);
            return self.identical(one, &renamed, None);
        }
        let values = |expr: &Expr, parameter: &str, reach: i32| -> Option<Vec<f64>> {
            (-reach..=reach)
                .map(|at| {
                    let mut place = Place::<f64>::new(Domain::Real, &self.budget);
                    place.names.push((parameter.to_owned(), Complex::of(f64::from(at))));
                    place.value(expr).ok().map(|value| value.re)
                })
                .collect()
        };
        let covers = |few: &[f64], many: &[f64]| {
            few.iter().all(|value| many.iter().any(|other| (value - other).abs() <= 1e-9 * value.abs().max(1.0)))
        };
        let (few, many) = (values(one, parameter, 4)?, values(one, parameter, 20)?);
        let (other_few, other_many) = (values(other, other_parameter, 4)?, values(other, other_parameter, 20)?);
        Some(covers(&few, &other_many) && covers(&other_few, &many))
    }
}
