//! The tree that an answer is read into, and what can be asked of it: its exact value, its value at a point, its text.

pub mod complex;
pub mod eval;
mod exact;
pub mod real;
mod show;

use num_rational::BigRational;

pub use exact::exact;

/// A number as written.
#[derive(Debug, Clone, PartialEq)]
pub struct Number {
    pub value: BigRational,
    /// Digits after the point and significant digits, where it is written as a decimal.
    pub decimal: Option<Decimal>,
}

/// How precisely a decimal is stated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decimal {
    pub places: i32,
    pub significant: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Constant {
    Pi,
    E,
    I,
    Infinity,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Function {
    Sin,
    Cos,
    Tan,
    Cot,
    Sec,
    Csc,
    Asin,
    Acos,
    Atan,
    Acot,
    Asec,
    Acsc,
    Sinh,
    Cosh,
    Tanh,
    Coth,
    Sech,
    Csch,
    Asinh,
    Acosh,
    Atanh,
    Exp,
    Ln,
    /// `\log` without a base: 10 in competition problems, e to others.
    Log,
    /// `[x, base]`
    LogBase,
    /// `[x, index]`
    Root,
    Abs,
    Floor,
    Ceiling,
    Factorial,
    DoubleFactorial,
    Binomial,
    Gcd,
    Lcm,
    Min,
    Max,
    Mod,
    Conjugate,
    Re,
    Im,
    Arg,
    Determinant,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    Approximately,
    Congruent,
    Element,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SetOperation {
    Union,
    Intersection,
    Difference,
}

/// Sets that have a letter of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Space {
    Reals,
    Integers,
    Naturals,
    Rationals,
    Complexes,
    Empty,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Separator {
    Comma,
    Semicolon,
    /// "and", "or"
    Word,
    /// The rows of a system.
    Row,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Expr {
    Number(Number),
    Constant(Constant),
    Symbol(String),
    Add(Vec<Expr>),
    Mul(Vec<Expr>),
    Neg(Box<Expr>),
    Div(Box<Expr>, Box<Expr>),
    Pow(Box<Expr>, Box<Expr>),
    /// `\pm x`; the flag is set for `\mp`.
    Signs(bool, Box<Expr>),
    Call(Function, Vec<Expr>),
    /// A function that is only a name, an indexed term, an integral, a limit: equal when name and arguments are.
    Opaque(String, Vec<Expr>),
    /// `\sum` or, with the flag, `\prod`: index, first, last, term.
    Series(bool, String, Box<[Expr; 3]>),
    Percent(Box<Expr>),
    Degrees(Box<Expr>),
    /// Digits in a base other than ten.
    Based(String, u32),
    /// A quantity with what is written behind it.
    Measured(Box<Expr>, String),
    /// A tuple or interval with its brackets.
    Group(char, Vec<Expr>, char),
    Set(Vec<Expr>),
    /// `\{ x : conditions \}`
    Builder(Box<Expr>, Vec<Expr>),
    List(Separator, Vec<Expr>),
    SetOf(SetOperation, Box<Expr>, Box<Expr>),
    Space(Space),
    Relation(Box<Expr>, Vec<(Comparison, Expr)>),
    Ratio(Vec<Expr>),
    Matrix(Vec<Vec<Expr>>),
    Text(String),
}

impl Expr {
    pub fn integer(value: i64) -> Self {
        Self::Number(Number { value: BigRational::from_integer(value.into()), decimal: None })
    }

    pub fn negated(self) -> Self {
        match self {
            Self::Neg(inner) => *inner,
            other => Self::Neg(Box::new(other)),
        }
    }

    pub fn over(self, below: Self) -> Self {
        Self::Div(Box::new(self), Box::new(below))
    }

    pub fn minus(self, other: Self) -> Self {
        Self::Add(vec![self, other.negated()])
    }

    /// The parts of which it is made, one level down.
    pub fn children(&self) -> Vec<&Expr> {
        match self {
            Self::Number(_)
            | Self::Constant(_)
            | Self::Symbol(_)
            | Self::Based(..)
            | Self::Space(_)
            | Self::Text(_) => Vec::new(),
            Self::Add(items)
            | Self::Mul(items)
            | Self::Call(_, items)
            | Self::Opaque(_, items)
            | Self::Group(_, items, _)
            | Self::Set(items)
            | Self::List(_, items)
            | Self::Ratio(items) => items.iter().collect(),
            Self::Neg(one) | Self::Signs(_, one) | Self::Percent(one) | Self::Degrees(one) | Self::Measured(one, _) => {
                vec![one]
            }
            Self::Div(one, other) | Self::Pow(one, other) | Self::SetOf(_, one, other) => vec![one, other],
            Self::Series(_, _, parts) => parts.iter().collect(),
            Self::Builder(one, items) => std::iter::once(&**one).chain(items).collect(),
            Self::Relation(first, rest) => std::iter::once(&**first).chain(rest.iter().map(|(_, side)| side)).collect(),
            Self::Matrix(rows) => rows.iter().flatten().collect(),
        }
    }

    /// Whether a part of it, itself included, is so.
    pub fn any(&self, test: &dyn Fn(&Expr) -> bool) -> bool {
        test(self) || self.children().into_iter().any(|child| child.any(test))
    }

    /// The same tree with each part replaced from the leaves up.
    pub fn map(&self, change: &dyn Fn(Expr) -> Expr) -> Expr {
        let each = |items: &[Expr]| items.iter().map(|item| item.map(change)).collect::<Vec<_>>();
        let one = |item: &Expr| Box::new(item.map(change));
        change(match self {
            Self::Add(items) => Self::Add(each(items)),
            Self::Mul(items) => Self::Mul(each(items)),
            Self::Call(function, items) => Self::Call(*function, each(items)),
            Self::Opaque(name, items) => Self::Opaque(name.clone(), each(items)),
            Self::Group(open, items, close) => Self::Group(*open, each(items), *close),
            Self::Set(items) => Self::Set(each(items)),
            Self::List(separator, items) => Self::List(*separator, each(items)),
            Self::Ratio(items) => Self::Ratio(each(items)),
            Self::Neg(inner) => Self::Neg(one(inner)),
            Self::Signs(flipped, inner) => Self::Signs(*flipped, one(inner)),
            Self::Percent(inner) => Self::Percent(one(inner)),
            Self::Degrees(inner) => Self::Degrees(one(inner)),
            Self::Measured(inner, unit) => Self::Measured(one(inner), unit.clone()),
            Self::Div(above, below) => Self::Div(one(above), one(below)),
            Self::Pow(base, exponent) => Self::Pow(one(base), one(exponent)),
            Self::SetOf(operation, left, right) => Self::SetOf(*operation, one(left), one(right)),
            Self::Series(product, index, parts) => {
                let [from, to, term] = &**parts;
                Self::Series(*product, index.clone(), Box::new([from.map(change), to.map(change), term.map(change)]))
            }
            Self::Builder(of, conditions) => Self::Builder(one(of), each(conditions)),
            Self::Relation(first, rest) => Self::Relation(
                one(first),
                rest.iter().map(|(comparison, side)| (*comparison, side.map(change))).collect(),
            ),
            Self::Matrix(rows) => Self::Matrix(rows.iter().map(|row| each(row)).collect()),
            leaf => leaf.clone(),
        })
    }

    /// Free names in order of appearance; the index of a sum is not free.
    pub fn variables(&self) -> Vec<String> {
        let mut found = Vec::new();
        self.collect_variables(&mut Vec::new(), &mut found);
        found
    }

    fn collect_variables(&self, bound: &mut Vec<String>, found: &mut Vec<String>) {
        match self {
            Self::Symbol(name) => {
                if !bound.contains(name) && !found.contains(name) {
                    found.push(name.clone());
                }
            }
            Self::Series(_, index, parts) => {
                let [from, to, term] = &**parts;
                from.collect_variables(bound, found);
                to.collect_variables(bound, found);
                bound.push(index.clone());
                term.collect_variables(bound, found);
                bound.pop();
            }
            other => {
                for child in other.children() {
                    child.collect_variables(bound, found);
                }
            }
        }
    }

    /// The same tree with a name replaced.
    pub fn renamed(&self, from: &str, to: &str) -> Expr {
        self.map(&|part| match part {
            Expr::Symbol(name) if name == from => Expr::Symbol(to.to_owned()),
            other => other,
        })
    }

    /// Number and plus or minus infinity.
    pub fn infinite(&self) -> Option<bool> {
        match self {
            Self::Constant(Constant::Infinity) => Some(true),
            Self::Neg(inner) => inner.infinite().map(|positive| !positive),
            Self::Percent(inner) | Self::Measured(inner, _) => inner.infinite(),
            _ => None,
        }
    }

    /// Something that has a value at a point, as opposed to sets, lists, relations and words.
    pub fn is_scalar(&self) -> bool {
        !self.any(&|part| {
            matches!(
                part,
                Self::Set(_)
                    | Self::Builder(..)
                    | Self::List(..)
                    | Self::SetOf(..)
                    | Self::Space(_)
                    | Self::Relation(..)
                    | Self::Ratio(_)
                    | Self::Matrix(_)
                    | Self::Text(_)
                    | Self::Signs(..)
                    | Self::Based(..)
            ) || matches!(part, Self::Group(..))
                || matches!(part, Self::Constant(Constant::Infinity))
        })
    }
}
