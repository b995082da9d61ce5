//! Problems: a task in words, of a level, drawn at random.

use rand::Rng;
use rand::seq::IndexedRandom;

use super::story::{self, Story};
use super::task::{Operand, Operation, Task};

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
pub const WORK: [u32; 5] = [4, 8, 12, 16, 21];

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

/// A number of a problem: of three or four digits mostly, of one or two sometimes.
fn number(random: &mut impl Rng) -> u32 {
    let digits = [1, 2, 3, 3, 4, 4].choose(random).copied().unwrap_or(2);
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
