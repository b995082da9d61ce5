//! The long answer of a second turn: the problem once more, digit by digit, in the way that was asked for, with a verdict on
//! the attempt that depends on what was found.

use std::fmt::Write as _;

use rand::Rng;
use rand::seq::IndexedRandom;

use super::problem::Problem;
use super::task::{Calculation, Operand, Operation};
use super::{Attempt, digits};
use crate::filter::behaviours::Behaviour;

/// What the model is shown to write when it is asked to look at `attempt` again.
pub fn write(random: &mut impl Rng, strategy: Behaviour, problem: &Problem, attempt: &Attempt) -> String {
    let Some(made) = problem.task.calculations() else { return String::new() };
    let opening = openings(strategy).choose(random).copied().unwrap_or_default();
    let mut text = opening.to_owned();
    let right = attempt.answer() == problem.answer;
    match strategy {
        Behaviour::Verification => verification(&mut text, &made, attempt),
        Behaviour::Backtracking => backtracking(&mut text, &made, attempt),
        Behaviour::Subgoal => subgoal(&mut text, &made, attempt),
        Behaviour::Backward => {
            backward(&mut text, problem, attempt);
            verdict(&mut text, attempt.answer(), right);
            if !right {
                text.push_str(" Now forward.");
                for made in &made {
                    text.push(' ');
                    calculation(&mut text, made);
                }
            }
        }
    }
    if strategy != Behaviour::Backward {
        verdict(&mut text, attempt.answer(), right);
    }
    let _ = write!(text, " The answer is \\boxed{{{}}}.", problem.answer);
    text
}

fn openings(strategy: Behaviour) -> &'static [&'static str] {
    match strategy {
        Behaviour::Verification => &["I check each step.", "Let me verify each step."],
        Behaviour::Backtracking => {
            &["Let me go back and look for the first wrong step.", "Let me go back to the start."]
        }
        Behaviour::Subgoal => &["Let me break this into parts.", "I break the problem into parts."],
        Behaviour::Backward => &["Let me work backward from the answer.", "I start from the answer and work backward."],
    }
}

fn verdict(text: &mut String, answer: u32, right: bool) {
    let _ = write!(text, " My answer {answer} is {}.", if right { "right" } else { "wrong" });
}

/// `978*5. 8*5=40, 7*5+4=39, 9*5+3=48, so 4890.`
fn calculation(text: &mut String, made: &Calculation) {
    let Calculation { operation, left, right, result, .. } = *made;
    let facts = match operation {
        Operation::Add => digits::add(left, right),
        Operation::Subtract => digits::subtract(left, right),
        Operation::Multiply => digits::multiply(left, right),
        Operation::Divide => digits::divide(left, right).0,
    };
    let _ = write!(text, "{left}{}{right}. {facts}, so {result}.", operation.sign());
}

/// ` I had 4870: 44 88 97`: two numbers side by side, digit by digit from the front up to the first that differs. Whether they
/// are the same then depends on neighbours only, which is what makes it learnable: without it a verdict stays a guess.
fn beside(text: &mut String, said: &str, before: u32, now: u32) -> bool {
    let _ = write!(text, " {said} {before}:");
    let (before, now) = (before.to_string(), now.to_string());
    for column in 0..before.len().max(now.len()) {
        let digit = |number: &str| number.as_bytes().get(column).map_or('x', |byte| char::from(*byte));
        let _ = write!(text, " {}{}", digit(&now), digit(&before));
        if digit(&now) != digit(&before) {
            break;
        }
    }
    text.push('.');
    before == now
}

fn same(text: &mut String, said: &str, before: u32, now: u32) {
    let same = beside(text, said, before, now);
    text.push_str(if same { " The same." } else { " Not the same." });
}

/// Every step again, and whether it comes out as it did.
fn verification(text: &mut String, made: &[Calculation], attempt: &Attempt) {
    for (index, (made, tried)) in made.iter().zip(&attempt.made).enumerate() {
        let _ = write!(text, " Step {}: ", index + 1);
        calculation(text, made);
        same(text, "I had", tried.result, made.result);
    }
}

/// Every step again up to the first that is wrong; from there without looking back.
fn backtracking(text: &mut String, made: &[Calculation], attempt: &Attempt) {
    let mut found = false;
    for (index, (made, tried)) in made.iter().zip(&attempt.made).enumerate() {
        let _ = write!(text, " Step {}: ", index + 1);
        calculation(text, made);
        if found {
            continue;
        }
        if beside(text, "I had", tried.result, made.result) {
            text.push_str(" This step stands.");
        } else {
            found = true;
            let _ = write!(text, " This step is wrong. I go on from here with {}.", made.result);
        }
    }
    if !found {
        text.push_str(" Every step stands.");
    }
}

/// The values that are needed, by name; then each of them; then the last beside the answer.
fn subgoal(text: &mut String, made: &[Calculation], attempt: &Attempt) {
    let letter = |index: usize| char::from(b'A' + index as u8);
    let mut through = None;
    let mut aside = None;
    for (index, made) in made.iter().enumerate() {
        let name = |known: Option<usize>, number: u32| known.map_or(number.to_string(), |at| letter(at).to_string());
        let (left, right) = if made.aside {
            (made.left.to_string(), made.right.to_string())
        } else {
            (name(through, made.left), name(aside.take(), made.right))
        };
        let _ = write!(text, " Part {}: {} is {left}{}{right}.", index + 1, letter(index), made.operation.sign());
        *if made.aside { &mut aside } else { &mut through } = Some(index);
    }
    for (index, made) in made.iter().enumerate() {
        let _ = write!(text, " {}: ", letter(index));
        calculation(text, made);
    }
    text.push_str(" Let me check this.");
    same(text, "I had", attempt.answer(), made.last().map_or(0, |last| last.result));
}

/// From the answer back to the first number of the problem, by the inverse of every step.
fn backward(text: &mut String, problem: &Problem, attempt: &Attempt) {
    let mut value = attempt.answer();
    let _ = write!(text, " Suppose the answer is {value}.");
    for (operation, operand) in problem.task.steps.iter().rev() {
        let right = match *operand {
            Operand::Given(number) => number,
            Operand::Product(left, right) => {
                text.push(' ');
                let made =
                    Calculation { operation: Operation::Multiply, left, right, result: left * right, aside: true };
                calculation(text, &made);
                left * right
            }
        };
        let inverse = operation.inverse();
        if inverse == Operation::Subtract && value < right {
            let _ = write!(text, " {value} is less than {right}. This does not fit.");
            return;
        }
        if inverse == Operation::Divide && !value.is_multiple_of(right) {
            let (facts, left) = digits::divide(value, right);
            let _ = write!(text, " {value}/{right}. {facts}, and {left} is left. This does not fit.");
            return;
        }
        let Some(result) = inverse.apply(value, right) else { return };
        text.push(' ');
        calculation(text, &Calculation { operation: inverse, left: value, right, result, aside: false });
        value = result;
    }
    same(text, "The problem says", problem.task.start, value);
    if value == problem.task.start {
        text.push_str(" This checks out.");
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::filter::Settings;
    use crate::filter::behaviours::Detector;
    use crate::math;
    use crate::micro::problem;
    use crate::micro::task::Task;

    #[test]
    fn a_revision_shows_what_was_asked_for_and_ends_with_the_answer() {
        let detector = Detector::new(&Settings::default());
        let mut random = ChaCha8Rng::seed_from_u64(5);
        for round in 0..400u32 {
            let problem = problem::draw(&mut random, 1 + (round % 5) as u8);
            let right = Attempt::right(&problem.task).unwrap();
            for (attempt, verdict) in [(Attempt::wrong(&mut random, &problem), "wrong"), (right, "right")] {
                for strategy in Behaviour::ALL {
                    let text = write(&mut random, strategy, &problem, &attempt);
                    let hits = detector.hits(&text, &problem.text);
                    assert!(hits.iter().any(|hit| hit.behaviour == strategy), "{strategy:?}: {text}");
                    assert_eq!(math::check(&problem.answer.to_string(), &text).correct, Some(true), "{text}");
                    let said = format!("My answer {} is {verdict}.", attempt.answer());
                    assert!(text.contains(&said), "{text}");
                }
            }
        }
    }

    #[test]
    fn steps_are_compared_one_by_one() {
        let mut random = ChaCha8Rng::seed_from_u64(6);
        let task = Task {
            start: 978,
            steps: vec![(Operation::Multiply, Operand::Given(5)), (Operation::Add, Operand::Product(97, 8))],
        };
        let problem = Problem { text: String::new(), answer: 5666, level: 5, structure: 17, task };
        let mut attempt = Attempt::right(&problem.task).unwrap();
        attempt.made[0].result = 4870;
        attempt.made[2].left = 4870;
        attempt.made[2].result = 5646;
        let text = write(&mut random, Behaviour::Verification, &problem, &attempt);
        assert!(text.ends_with(
            "Step 1: 978*5. 8*5=40, 7*5+4=39, 9*5+3=48, so 4890. I had 4870: 44 88 97. Not the same. \
             Step 2: 97*8. 7*8=56, 9*8+5=77, so 776. I had 776: 77 77 66. The same. \
             Step 3: 4890+776. 0+6=6, 9+7=16, 8+7+1=16, 4+0+1=5, so 5666. I had 5646: 55 66 64. Not the same. \
             My answer 5646 is wrong. The answer is \\boxed{5666}."
        ));
        let text = write(&mut random, Behaviour::Subgoal, &problem, &attempt);
        assert!(text.contains("Part 1: A is 978*5. Part 2: B is 97*8. Part 3: C is A+B. A: 978*5."), "{text}");
        let text = write(&mut random, Behaviour::Backward, &problem, &attempt);
        assert!(text.contains(
            "so 974. The problem says 978: 99 77 48. Not the same. My answer 5646 is wrong. Now forward. 978*5."
        ));
    }
}
