//! Sums, products and determinants of matrices, worked out entry by entry.

use crate::math::expr::{Expr, Function};
use crate::math::limits;

/// A matrix or a scalar, `None` where sizes do not fit.
pub fn fold(expr: &Expr) -> Option<Expr> {
    let scalar = |part: &Expr| !part.any(&|inner| matches!(inner, Expr::Matrix(_)));
    match expr {
        Expr::Matrix(_) => Some(expr.clone()),
        Expr::Neg(inner) => scaled(&fold(inner)?, &Expr::integer(-1)),
        Expr::Add(parts) => {
            let mut parts = parts.iter().map(fold);
            let first = parts.next()??;
            parts.try_fold(first, |sum, part| added(&sum, &part?))
        }
        Expr::Mul(parts) => {
            let mut parts = parts.iter().map(fold);
            let first = parts.next()??;
            parts.try_fold(first, |product, part| multiplied(&product, &part?))
        }
        Expr::Div(above, below) if scalar(below) => scaled(&fold(above)?, &Expr::integer(1).over((**below).clone())),
        Expr::Call(Function::Determinant, parts) => match parts.as_slice() {
            [matrix] => match fold(matrix)? {
                Expr::Matrix(rows) => determinant(&rows),
                _ => None,
            },
            _ => None,
        },
        Expr::Group(_, parts, _) | Expr::Set(parts) if parts.len() == 1 => fold(&parts[0]),
        Expr::Measured(inner, _) => fold(inner),
        other if scalar(other) => Some(other.clone()),
        _ => None,
    }
}

fn scaled(matrix: &Expr, factor: &Expr) -> Option<Expr> {
    multiplied(factor, matrix)
}

fn added(left: &Expr, right: &Expr) -> Option<Expr> {
    match (left, right) {
        (Expr::Matrix(left), Expr::Matrix(right)) => {
            if left.len() != right.len() || left[0].len() != right[0].len() {
                return None;
            }
            let row = |(one, other): (&Vec<Expr>, &Vec<Expr>)| {
                one.iter().zip(other).map(|(one, other)| Expr::Add(vec![one.clone(), other.clone()])).collect()
            };
            Some(Expr::Matrix(left.iter().zip(right).map(row).collect()))
        }
        (Expr::Matrix(_), _) | (_, Expr::Matrix(_)) => None,
        _ => Some(Expr::Add(vec![left.clone(), right.clone()])),
    }
}

fn multiplied(left: &Expr, right: &Expr) -> Option<Expr> {
    let product = |one: &Expr, other: &Expr| Expr::Mul(vec![one.clone(), other.clone()]);
    match (left, right) {
        (Expr::Matrix(left), Expr::Matrix(right)) => {
            let inner = right.len();
            if left[0].len() != inner || left.len() * inner * right[0].len() > limits::ITEMS * 8 {
                return None;
            }
            let entry = |row: &Vec<Expr>, column: usize| {
                Expr::Add(row.iter().zip(right).map(|(one, other)| product(one, &other[column])).collect())
            };
            let rows = left.iter().map(|row| (0..right[0].len()).map(|column| entry(row, column)).collect());
            Some(Expr::Matrix(rows.collect()))
        }
        (Expr::Matrix(rows), factor) | (factor, Expr::Matrix(rows)) => {
            Some(Expr::Matrix(rows.iter().map(|row| row.iter().map(|cell| product(factor, cell)).collect()).collect()))
        }
        _ => Some(product(left, right)),
    }
}

fn determinant(rows: &[Vec<Expr>]) -> Option<Expr> {
    let size = rows.len();
    if size > 4 || rows.iter().any(|row| row.len() != size) {
        return None;
    }
    if size == 1 {
        return Some(rows[0][0].clone());
    }
    let mut terms = Vec::new();
    for (column, cell) in rows[0].iter().enumerate() {
        let without = |row: &Vec<Expr>| {
            row.iter().enumerate().filter(|(at, _)| *at != column).map(|(_, cell)| cell.clone()).collect::<Vec<_>>()
        };
        let minor: Vec<Vec<Expr>> = rows[1..].iter().map(without).collect();
        let term = Expr::Mul(vec![cell.clone(), determinant(&minor)?]);
        terms.push(if column % 2 == 0 { term } else { term.negated() });
    }
    Some(Expr::Add(terms))
}
