//! The arithmetic of a problem: a number that goes through a few operations, and how much work that is.

use super::digits;

/// Something done to a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operation {
    Add,
    Subtract,
    Multiply,
    Divide,
}

impl Operation {
    pub fn sign(self) -> char {
        match self {
            Operation::Add => '+',
            Operation::Subtract => '-',
            Operation::Multiply => '*',
            Operation::Divide => '/',
        }
    }

    pub fn inverse(self) -> Self {
        match self {
            Operation::Add => Operation::Subtract,
            Operation::Subtract => Operation::Add,
            Operation::Multiply => Operation::Divide,
            Operation::Divide => Operation::Multiply,
        }
    }

    /// `None` where there is no result among the numbers from 0 up.
    pub fn apply(self, a: u32, b: u32) -> Option<u32> {
        match self {
            Operation::Add => a.checked_add(b),
            Operation::Subtract => a.checked_sub(b),
            Operation::Multiply => a.checked_mul(b),
            Operation::Divide => (b > 0 && a.is_multiple_of(b)).then(|| a / b),
        }
    }

    /// Facts about single digits that the operation takes.
    pub fn work(self, a: u32, b: u32) -> u32 {
        match self {
            Operation::Add | Operation::Subtract => digits::columns(a).max(digits::columns(b)),
            Operation::Multiply => digits::columns(a),
            Operation::Divide => digits::columns(a / b.max(1)),
        }
    }
}

/// What an operation is done with: a number of the problem, or the product of two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operand {
    Given(u32),
    Product(u32, u32),
}

/// The arithmetic of a problem: `start` goes through `steps`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Task {
    pub start: u32,
    pub steps: Vec<(Operation, Operand)>,
}

/// One operation on two numbers, as a solution writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Calculation {
    pub operation: Operation,
    pub left: u32,
    pub right: u32,
    pub result: u32,
    /// A product that a later step needs, beside the number that goes through the steps.
    pub aside: bool,
}

impl Task {
    /// Every calculation in the order in which it is made, or `None` if one has no result. A product beside the first
    /// number's way comes just before the step that needs it.
    pub fn calculations(&self) -> Option<Vec<Calculation>> {
        let mut made = Vec::with_capacity(self.steps.len() + 1);
        let mut value = self.start;
        for (operation, operand) in &self.steps {
            let right = match *operand {
                Operand::Given(number) => number,
                Operand::Product(left, right) => {
                    let operation = Operation::Multiply;
                    let result = operation.apply(left, right)?;
                    made.push(Calculation { operation, left, right, result, aside: true });
                    result
                }
            };
            let result = operation.apply(value, right)?;
            made.push(Calculation { operation: *operation, left: value, right, result, aside: false });
            value = result;
        }
        Some(made)
    }

    pub fn answer(&self) -> Option<u32> {
        Some(self.calculations()?.last()?.result)
    }

    /// Facts about single digits that the whole takes.
    pub fn work(&self) -> u32 {
        let made = self.calculations().unwrap_or_default();
        made.iter().map(|made| made.operation.work(made.left, made.right)).sum()
    }

    /// All numbers of the problem, sorted: with the kind of story they name it, whatever the order in which they stand.
    pub fn numbers(&self) -> Vec<u32> {
        let mut numbers = vec![self.start];
        for (_, operand) in &self.steps {
            match *operand {
                Operand::Given(number) => numbers.push(number),
                Operand::Product(left, right) => numbers.extend([left, right]),
            }
        }
        numbers.sort_unstable();
        numbers
    }
}
