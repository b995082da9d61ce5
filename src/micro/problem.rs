//! What a problem asks: a number that goes through a few operations, and how much work that is.

use rand::Rng;
use rand::seq::IndexedRandom;

use super::digits;
use super::story::{self, Story};

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

/// A problem in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub text: String,
    pub task: Task,
    pub answer: u32,
    /// 1 to 5, by work.
    pub level: u8,
    /// Which of [`story::STRUCTURES`] it is told from.
    pub structure: usize,
}

/// What makes two problems the same, however they are told: operations and numbers. `x - 82 = 41` and "41 shells and 82
/// more" are one.
pub type Key = (Vec<(Operation, bool)>, Vec<u32>);

impl Problem {
    pub fn key(&self) -> Key {
        let steps = self.task.steps.iter();
        let operations = steps.map(|(operation, with)| (*operation, matches!(with, Operand::Product(..)))).collect();
        (operations, self.task.numbers())
    }
}

/// The most work of each level.
pub const WORK: [u32; 5] = [3, 6, 9, 13, 18];

/// The level of so much work; `None` above the highest.
pub fn level(work: u32) -> Option<u8> {
    WORK.iter().position(|most| work <= *most).map(|index| index as u8 + 1)
}

/// Largest number that occurs anywhere in a solution.
const LARGEST: u32 = 99_999;

/// A problem of the given level.
pub fn draw(random: &mut impl Rng, wanted: u8) -> Problem {
    loop {
        let structure = random.random_range(0..story::STRUCTURES.len());
        let Some(task) = fill(random, &story::STRUCTURES[structure]) else { continue };
        let Some(made) = task.calculations() else { continue };
        let small = made.iter().all(|made| (1..=LARGEST).contains(&made.result) && made.left <= LARGEST);
        if !small || level(task.work()) != Some(wanted) {
            continue;
        }
        let Some(answer) = task.answer() else { continue };
        let text = story::tell(random, &story::STRUCTURES[structure], &task);
        return Problem { text, task, answer, level: wanted, structure };
    }
}

/// Numbers for a structure. Quotients are made whole by construction: what is divided is a product first.
fn fill(random: &mut impl Rng, story: &Story) -> Option<Task> {
    let factor = |random: &mut _| Rng::random_range(random, 2..=9u32);
    let start = number(random);
    let mut task = Task { start, steps: Vec::with_capacity(story.shape.len()) };
    for shape in story.shape {
        let operand = match shape.1 {
            story::Part::Number => match shape.0 {
                Operation::Multiply | Operation::Divide => Operand::Given(factor(random)),
                _ => Operand::Given(number(random)),
            },
            story::Part::Product => Operand::Product(number(random), factor(random)),
        };
        task.steps.push((shape.0, operand));
    }
    // A start that divides out: go back from a whole result.
    if let Some(at) = task.steps.iter().position(|(operation, _)| *operation == Operation::Divide) {
        let mut value = number(random);
        for (operation, operand) in task.steps[..=at].iter().rev() {
            let right = match *operand {
                Operand::Given(number) => number,
                Operand::Product(left, right) => left * right,
            };
            value = operation.inverse().apply(value, right)?;
        }
        task.start = value;
    }
    (task.start > 1).then_some(task)
}

/// A number of a problem: of two or three digits mostly, of one or four sometimes.
fn number(random: &mut impl Rng) -> u32 {
    let digits = [1, 2, 2, 3, 3, 4].choose(random).copied().unwrap_or(2);
    random.random_range(10u32.pow(digits - 1).max(3)..10u32.pow(digits))
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    #[test]
    fn every_level_is_drawn_and_every_problem_is_sound() {
        let mut random = ChaCha8Rng::seed_from_u64(1);
        for wanted in 1..=5 {
            for _ in 0..500 {
                let problem = draw(&mut random, wanted);
                assert_eq!(problem.task.answer(), Some(problem.answer), "{problem:?}");
                assert_eq!(level(problem.task.work()), Some(wanted));
                assert!(problem.answer > 0 && problem.answer <= LARGEST);
                // Every number of the task stands in the text.
                let told: Vec<u32> = problem
                    .text
                    .split(|c: char| !c.is_ascii_digit())
                    .filter_map(|digits| digits.parse().ok())
                    .collect();
                let mut sorted = told.clone();
                sorted.sort_unstable();
                assert_eq!(sorted, problem.task.numbers(), "{problem:?}");
            }
        }
    }

    #[test]
    fn a_key_does_not_depend_on_the_telling() {
        let mut random = ChaCha8Rng::seed_from_u64(2);
        let problem = draw(&mut random, 2);
        let again = Problem { text: "told otherwise".into(), ..problem.clone() };
        assert_eq!(problem.key(), again.key());
    }
}
