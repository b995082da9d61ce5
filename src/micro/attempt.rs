//! The short answer of a single turn: every operation in one leap, right or with mistakes put in.

use std::fmt::Write as _;

use rand::Rng;
use rand::seq::{IndexedRandom, IteratorRandom};

use super::problem::Problem;
use super::task::{Calculation, Operand, Operation, Task};

/// An attempt at a task: what was written for each calculation, in order. A wrong value goes on into later ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    pub made: Vec<Calculation>,
}

impl Attempt {
    /// Without a mistake; `None` for a task without a result.
    pub fn right(task: &Task) -> Option<Self> {
        Some(Self { made: task.calculations()? })
    }

    /// With one mistake or two, and an answer that is wrong.
    pub fn wrong(random: &mut impl Rng, problem: &Problem) -> Self {
        loop {
            let count = problem.task.calculations().map_or(1, |made| made.len());
            let mistakes = if random.random_bool(0.25) { 2 } else { 1 };
            let at = (0..count).choose_multiple(random, mistakes);
            if let Some(attempt) = with_mistakes(random, &problem.task, &at)
                && attempt.answer() != problem.answer
            {
                return attempt;
            }
        }
    }

    pub fn answer(&self) -> u32 {
        self.made.last().map_or(0, |last| last.result)
    }

    /// As the model writes it.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for made in &self.made {
            let _ = write!(text, "{}{}{}={}. ", made.left, made.operation.sign(), made.right, made.result);
        }
        let _ = write!(text, "The answer is \\boxed{{{}}}.", self.answer());
        text
    }
}

fn with_mistakes(random: &mut impl Rng, task: &Task, at: &[usize]) -> Option<Attempt> {
    let mut made = Vec::new();
    let mut value = task.start;
    let mut calculate = |made: &mut Vec<Calculation>, operation: Operation, left: u32, right: u32, aside| {
        let mut result = match operation {
            // One that does not divide out after a mistake is written as if it did.
            Operation::Divide => left.checked_div(right)?,
            _ => operation.apply(left, right)?,
        };
        if at.contains(&made.len()) {
            result = mistake(random, result);
        }
        made.push(Calculation { operation, left, right, result, aside });
        Some(result)
    };
    for (operation, operand) in &task.steps {
        let right = match *operand {
            Operand::Given(number) => number,
            Operand::Product(left, right) => calculate(&mut made, Operation::Multiply, left, right, true)?,
        };
        value = calculate(&mut made, *operation, value, right, false)?;
    }
    Some(Attempt { made })
}

/// Another number, near in the way of slips: off by a little in one place, one digit for another, two digits swapped.
fn mistake(random: &mut impl Rng, right: u32) -> u32 {
    let digits: Vec<u32> = right.to_string().bytes().map(|byte| u32::from(byte - b'0')).collect();
    loop {
        let at = random.random_range(0..digits.len());
        let place = 10i64.pow((digits.len() - 1 - at) as u32);
        let wrong = match random.random_range(0..100) {
            0..45 => i64::from(right) + place * [-2, -1, 1, 2].choose(random).copied().unwrap_or(1),
            45..90 => {
                let digit = random.random_range(0..10u32);
                i64::from(right) + place * (i64::from(digit) - i64::from(digits[at]))
            }
            _ => {
                let mut swapped = digits.clone();
                if digits.len() > 1 {
                    let first = at.min(digits.len() - 2);
                    swapped.swap(first, first + 1);
                }
                swapped.iter().fold(0, |number, digit| number * 10 + i64::from(*digit))
            }
        };
        if wrong > 0 && wrong != i64::from(right) {
            return u32::try_from(wrong).unwrap_or(right + 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::math;
    use crate::micro::problem;

    #[test]
    fn right_attempts_are_right_and_wrong_ones_wrong() {
        let mut random = ChaCha8Rng::seed_from_u64(3);
        for level in 1..=5 {
            for _ in 0..200 {
                let problem = problem::draw(&mut random, level);
                let right = Attempt::right(&problem.task).unwrap();
                let gold = problem.answer.to_string();
                assert_eq!(math::check(&gold, &right.text()).correct, Some(true), "{}", right.text());
                let wrong = Attempt::wrong(&mut random, &problem);
                assert_eq!(math::check(&gold, &wrong.text()).correct, Some(false), "{}", wrong.text());
                assert_eq!(wrong.made.len(), right.made.len());
            }
        }
    }
}
