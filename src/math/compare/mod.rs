//! Whether two answers are the same, by their kinds. Symmetric: the order of the two never matters.

mod equations;
mod families;
pub mod identity;
mod lists;
mod units;
mod values;

use std::cell::Cell;

use super::answer::Form;
use super::answer::form::{clock, seconds_of};
use super::answer::region::Region;
use super::answer::words;
use super::expr::{Comparison, Expr, Function};
use super::limits;
use super::policy::Policy;

/// By what the answers were seen to be equal or different.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Tier {
    /// The normalised texts are the same.
    String,
    /// Exact rational numbers.
    Exact,
    /// A decimal, within the digits it states.
    Decimal,
    /// Tuples, lists, sets, intervals, matrices, equations: part by part.
    Structure,
    /// Values at random points, in two precisions.
    Identity,
    /// Words.
    Text,
}

/// What came of one comparison. `None`: it could not be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    pub equal: Option<bool>,
    pub tier: Tier,
}

impl Verdict {
    pub fn new(equal: impl Into<Option<bool>>, tier: Tier) -> Self {
        Self { equal: equal.into(), tier }
    }

    fn structure(equal: impl Into<Option<bool>>) -> Self {
        Self::new(equal, Tier::Structure)
    }

    fn is_true(self) -> bool {
        self.equal == Some(true)
    }
}

/// One comparison with its switches and what is left of its budget.
pub struct Comparer<'a> {
    pub policy: &'a Policy,
    pub budget: Cell<usize>,
}

impl<'a> Comparer<'a> {
    pub fn new(policy: &'a Policy) -> Self {
        Self { policy, budget: Cell::new(limits::EVALUATIONS) }
    }

    pub fn compare(&self, one: &Form, other: &Form) -> Verdict {
        self.at_depth(one, other, 0)
    }

    pub(super) fn at_depth(&self, one: &Form, other: &Form, depth: usize) -> Verdict {
        if depth > 12 {
            return Verdict::structure(None);
        }
        // Each pair of kinds is written once; the arguments are turned where that fits.
        match self.ordered(one, other, depth).or_else(|| self.ordered(other, one, depth)) {
            Some(verdict) => verdict,
            None if one == other => Verdict::structure(true),
            None => Verdict::structure(false),
        }
    }

    fn ordered(&self, one: &Form, other: &Form, depth: usize) -> Option<Verdict> {
        let next = |one: &Form, other: &Form| self.at_depth(one, other, depth + 1);
        Some(match (one, other) {
            (Form::Named(name, value), Form::Named(other_name, other_value)) => {
                match self.same_name(name, other_name, other_value) {
                    Some(renamed) => next(value, &renamed),
                    None => Verdict::structure(self.equations_of(one, other)),
                }
            }
            (Form::Named(..), Form::Equation(..)) => Verdict::structure(self.equations_of(one, other)),
            (Form::Named(name, value), Form::Region(Some(variable), region)) => {
                if name != variable {
                    return Some(Verdict::structure(false));
                }
                next(value, &Form::Region(None, region.clone()))
            }
            (Form::Named(name, value), Form::Inequality(_)) => match &**value {
                Form::Region(..) | Form::Tuple(..) => next(value, other),
                _ => Verdict::structure(name.is_empty()),
            },
            (Form::Named(name, value), other) if self.policy.names_optional => {
                // An equation between coordinates is a curve, and not a name for a value.
                let curve = matches!(name.as_str(), "x" | "y" | "z")
                    && matches!(&**value, Form::Value(expr, _) if expr.variables().iter().any(|variable| matches!(variable.as_str(), "x" | "y" | "z")));
                if curve { Verdict::structure(false) } else { next(value, other) }
            }
            (Form::Record(_), Form::Record(_) | Form::Tuple(..) | Form::List(_)) => self.records(one, other, depth),
            (Form::List(one), Form::List(other)) => self.lists(one, other, depth),
            (Form::List(one) | Form::Set(one), Form::Set(other)) => self.sets(one, other, depth),
            (Form::List(items) | Form::Set(items), Form::Tuple('{', others, _)) => self.lists(items, others, depth),
            (Form::Tuple('{', items, _), Form::Tuple('{', others, _)) => self.lists(items, others, depth),
            (Form::Tuple('{', items, _), Form::Tuple('(', others, ')')) => self.row(items, others, depth),
            (Form::Tuple('{', ..), Form::Tuple(..)) => Verdict::structure(false),
            (Form::Tuple(..), Form::Tuple('{', ..)) => return None,
            (Form::Tuple(open, items, close), Form::Tuple(other_open, others, other_close)) => {
                if (open, close) != (other_open, other_close) {
                    return Some(Verdict::structure(false));
                }
                self.row(items, others, depth)
            }
            (Form::Set(items) | Form::List(items), Form::Region(_, region)) => match region_of_points(items) {
                Some(points) => Verdict::structure(same_region(&points, region)),
                None => Verdict::structure(false),
            },
            // {{1}, 2} is not {1, 2}.
            (Form::Set(_), Form::Value(..) | Form::Infinity(_)) if depth >= lists::INNER => Verdict::structure(false),
            (Form::List(items) | Form::Set(items), other @ (Form::Value(..) | Form::Infinity(_))) => {
                // The same value written twice, 15 39/40 or 639/40, is one value.
                match self.distinct(items, depth).as_slice() {
                    [single] => next(single, other),
                    _ => Verdict::structure(false),
                }
            }
            (Form::Region(variable, one), Form::Region(other_variable, other)) => {
                let named = variable.is_some() && other_variable.is_some() && variable != other_variable;
                Verdict::structure(!named && same_region(one, other))
            }
            (Form::Region(_, region), Form::Tuple(open, items, close)) => {
                match (region_of_tuple(*open, items, *close), *open) {
                    (Some(other), _) => Verdict::structure(same_region(region, &other)),
                    _ => Verdict::structure(false),
                }
            }
            (Form::Region(variable, region), Form::Inequality(expr)) => {
                Verdict::structure(self.satisfies(variable.as_deref(), region, expr))
            }
            (Form::Inequality(expr), Form::Tuple(open, items, close)) => match region_of_tuple(*open, items, *close) {
                Some(region) => Verdict::structure(self.satisfies(None, &region, expr)),
                None => Verdict::structure(false),
            },
            (Form::Inequality(one), Form::Inequality(other)) => Verdict::structure(self.inequalities(one, other)),
            (Form::Equation(..), Form::Equation(..)) => Verdict::structure(self.equations_of(one, other)),
            (Form::Matrix(one), Form::Matrix(other)) => self.matrices(one, other),
            (Form::Ratio(one), Form::Ratio(other)) => self.ratios(one, other),
            (Form::Ratio(parts), Form::Value(value, unit)) => match parts.as_slice() {
                [above, below] if unit.is_none() && !clock(parts) => {
                    let quotient = above.clone().over(below.clone());
                    self.values(&quotient, None, value, None)
                }
                _ => Verdict::structure(false),
            },
            (Form::Family(one, parameter), Form::Family(other, other_parameter)) => {
                Verdict::structure(self.families(one, parameter, other, other_parameter))
            }
            (Form::Based(digits, base), Form::Based(other_digits, other_base)) => {
                Verdict::new(base == other_base && bare(digits) == bare(other_digits), Tier::Exact)
            }
            (Form::Based(digits, _), Form::Value(value, _)) if !self.policy.base_required => {
                let plain = digits.parse().ok().map(num_rational::BigRational::from_integer);
                Verdict::new(plain.is_some() && plain == super::expr::exact(value), Tier::Exact)
            }
            (Form::Clock(one, afternoon), Form::Clock(other, other_afternoon)) => {
                Verdict::structure(one == other && afternoon == other_afternoon)
            }
            (Form::Clock(seconds, afternoon), Form::Ratio(parts)) => match (clock(parts), seconds_of(parts)) {
                // A clock without "p.m." may count to twelve or to twenty-four.
                (true, Some(other)) => Verdict::structure(
                    *seconds == other || seconds + 43_200 * u32::from(*afternoon) == other && other >= 46_800,
                ),
                _ => Verdict::structure(false),
            },
            (Form::Infinity(one), Form::Infinity(other)) => Verdict::new(one == other, Tier::Exact),
            (Form::Value(one, unit), Form::Value(other, other_unit)) => {
                self.values(one, unit.as_deref(), other, other_unit.as_deref())
            }
            (Form::Text(one), Form::Text(other)) => {
                let any_case = self.policy.text_any_case;
                let (one, other) = (words::normal(one, any_case), words::normal(other, any_case));
                let none = words::says_none(&one) && words::says_none(&other);
                Verdict::new(!one.is_empty() && one == other || none, Tier::Text)
            }
            (Form::Text(text), Form::Set(items)) => {
                Verdict::new(items.is_empty() && words::says_none(&words::normal(text, true)), Tier::Text)
            }
            (Form::Text(text), Form::Region(None, region)) if words::says_all(&words::normal(text, true)) => {
                Verdict::structure(same_region(region, &Region::all()))
            }
            (Form::Text(text), Form::Value(Expr::Mul(parts), None))
                if parts.iter().all(|part| matches!(part, Expr::Symbol(_))) =>
            {
                // CBAD is a word where the other side says so.
                let spelled: String = parts.iter().map(ToString::to_string).collect();
                Verdict::new(words::normal(text, false) == words::normal(&spelled, false), Tier::Text)
            }
            (Form::Text(text), other) => {
                let any_case = self.policy.text_any_case;
                let (one, other) = (words::normal(text, any_case), words::normal(&other.to_string(), any_case));
                Verdict::new(!one.is_empty() && one == other, Tier::Text)
            }
            (Form::Family(one, _), Form::Value(other, _)) => self.values(one, None, other, None),
            (Form::Other(one), Form::Other(other)) => self.others(one, other),
            _ => return None,
        })
    }

    /// The value of the second name under the first: the same name, or the same function of another letter.
    fn same_name(&self, one: &str, other: &str, value: &Form) -> Option<Form> {
        if one == other {
            return Some(value.clone());
        }
        let split = |name: &str| -> Option<(String, String)> {
            let (stem, argument) = name.split_once('(')?;
            let argument = argument.strip_suffix(')')?;
            (argument.chars().all(char::is_alphanumeric) && argument.chars().next()?.is_alphabetic())
                .then(|| (stem.to_owned(), argument.to_owned()))
        };
        let ((stem, argument), (other_stem, other_argument)) = (split(one)?, split(other)?);
        if stem != other_stem {
            return None;
        }
        match value {
            Form::Value(expr, unit) => Some(Form::Value(expr.renamed(&other_argument, &argument), unit.clone())),
            other => Some(other.clone()),
        }
    }

    fn matrices(&self, one: &[Vec<Expr>], other: &[Vec<Expr>]) -> Verdict {
        if one.len() != other.len() || one[0].len() != other[0].len() {
            return Verdict::structure(false);
        }
        self.all(one.iter().flatten().zip(other.iter().flatten()).map(|(one, other)| {
            let (one, other) = (Form::of(one), Form::of(other));
            self.at_depth(&one, &other, 8)
        }))
    }

    /// True when every part is, false when one is not.
    fn all(&self, parts: impl Iterator<Item = Verdict>) -> Verdict {
        let mut equal = Some(true);
        for part in parts {
            match part.equal {
                Some(false) => return Verdict::structure(false),
                Some(true) => {}
                None => equal = None,
            }
        }
        Verdict::structure(equal)
    }

    fn ratios(&self, one: &[Expr], other: &[Expr]) -> Verdict {
        if one.len() != other.len() {
            return Verdict::structure(false);
        }
        let pairs = || one.iter().zip(other);
        let same = self.all(pairs().map(|(one, other)| self.values(one, None, other, None)));
        // 12:00 is a time and not a ratio.
        if same.is_true() || clock(one) || clock(other) {
            return same;
        }
        // a : b = c : d where a d = b c
        self.all(pairs().skip(1).map(|(left, right)| {
            let cross = Expr::Mul(vec![one[0].clone(), right.clone()]);
            let turned = Expr::Mul(vec![other[0].clone(), left.clone()]);
            self.values(&cross, None, &turned, None)
        }))
    }

    /// Trees of no kind: equal where they are built alike from equal values.
    fn others(&self, one: &Expr, other: &Expr) -> Verdict {
        if one == other {
            return Verdict::structure(true);
        }
        if std::mem::discriminant(one) != std::mem::discriminant(other) {
            return Verdict::structure(false);
        }
        if let (Some((left, residue, modulus)), Some((other_left, other_residue, other_modulus))) =
            (congruence(one), congruence(other))
        {
            // The same remainder: the difference is a multiple of the same modulus.
            let difference =
                Expr::Call(Function::Mod, vec![residue.clone().minus(other_residue.clone()), modulus.clone()]);
            return self.all(
                [
                    self.at_depth(&Form::of(left), &Form::of(other_left), 8),
                    self.values(modulus, None, other_modulus, None),
                    self.values(&difference, None, &Expr::integer(0), None),
                ]
                .into_iter(),
            );
        }
        let same_signs = match (one, other) {
            (Expr::Relation(_, one), Expr::Relation(_, other)) => {
                one.len() == other.len() && one.iter().zip(other).all(|((one, _), (other, _))| one == other)
            }
            (Expr::SetOf(one, ..), Expr::SetOf(other, ..)) => one == other,
            (Expr::Group(one, _, one_close), Expr::Group(other, _, other_close)) => {
                (one, one_close) == (other, other_close)
            }
            (Expr::Opaque(one, _), Expr::Opaque(other, _)) => one == other,
            (Expr::List(..), Expr::List(..)) | (Expr::Builder(..), Expr::Builder(..)) => true,
            (Expr::Mul(_), Expr::Mul(_)) | (Expr::Add(_), Expr::Add(_)) => true,
            _ => false,
        };
        let (parts, others) = (one.children(), other.children());
        if !same_signs || parts.len() != others.len() {
            return Verdict::structure(false);
        }
        self.all(parts.into_iter().zip(others).map(|(one, other)| self.at_depth(&Form::of(one), &Form::of(other), 8)))
    }
}

/// Left side, right side and modulus of `a \equiv b \pmod m`.
fn congruence(expr: &Expr) -> Option<(&Expr, &Expr, &Expr)> {
    let Expr::Relation(left, rest) = expr else { return None };
    match rest.as_slice() {
        [(Comparison::Congruent, Expr::Call(Function::Mod, parts))] => Some((left, parts.first()?, parts.get(1)?)),
        _ => None,
    }
}

fn bare(digits: &str) -> String {
    let (sign, digits) = match digits.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", digits),
    };
    format!("{sign}{}", digits.trim_start_matches('0'))
}

fn region_of_tuple(open: char, items: &[Form], close: char) -> Option<Region> {
    let expr = |form: &Form| match form {
        Form::Value(expr, None) => Some(expr.clone()),
        Form::Infinity(true) => Some(Expr::Constant(super::expr::Constant::Infinity)),
        Form::Infinity(false) => Some(Expr::Constant(super::expr::Constant::Infinity).negated()),
        _ => None,
    };
    match items {
        [low, high] => Region::interval(open, &expr(low)?, &expr(high)?, close),
        _ => None,
    }
}

fn region_of_points(items: &[Form]) -> Option<Region> {
    let points = items.iter().map(|item| match item {
        Form::Value(expr, None) => Some(expr.clone()),
        _ => None,
    });
    Region::of(&Expr::Set(points.collect::<Option<_>>()?))
}

fn same_region(one: &Region, other: &Region) -> bool {
    let end = |one: &super::answer::region::End, other: &super::answer::region::End| {
        one.closed == other.closed && one.compare(other).is_eq()
    };
    one.parts.len() == other.parts.len()
        && one
            .parts
            .iter()
            .zip(&other.parts)
            .all(|(one, other)| end(&one.low, &other.low) && end(&one.high, &other.high))
}
