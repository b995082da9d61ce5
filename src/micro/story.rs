//! Problems in words: structures, and a few ways to tell each.

use rand::Rng;
use rand::seq::IndexedRandom;

use super::task::{Operand, Operation, Task};

/// What an operation of a structure is done with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    Number,
    /// A product of two numbers.
    Product,
}

/// A structure: its operations, and the ways to tell it. In a telling `{a}` is the first number, `{b}` to `{f}` are those
/// of the steps in order, `{n}` a name, `{o}` things, `{k}` what holds them.
pub struct Story {
    pub shape: &'static [(Operation, Part)],
    pub tellings: &'static [&'static str],
}

use Operation::{Add, Divide, Multiply, Subtract};
use Part::{Number, Product};

/// All structures. Algebra is told as an equation or as a story that runs backward.
pub const STRUCTURES: [Story; 23] = [
    Story {
        shape: &[(Add, Number)],
        tellings: &[
            "{n} has {a} {o} and gets {b} more. How many {o} does {n} have now?",
            "There are {a} {o} in one box and {b} in another. How many {o} are there in all?",
            "{n} counts {a} {o} on one day and {b} on the next. How many is that in all?",
        ],
    },
    Story {
        shape: &[(Subtract, Number)],
        tellings: &[
            "{n} has {a} {o} and gives {b} of them away. How many {o} are left?",
            "A shop has {a} {o} and sells {b} of them. How many {o} are left?",
            "There are {a} {o}, and {b} of them are lost. How many {o} are left?",
        ],
    },
    Story {
        shape: &[(Multiply, Number)],
        tellings: &[
            "There are {a} {o} in each of {b} {k}. How many {o} are there in all?",
            "{n} makes {a} {o} a day. How many {o} does {n} make in {b} days?",
            "One of the {o} costs {a} coins. How many coins do {b} of them cost?",
        ],
    },
    Story {
        shape: &[(Divide, Number)],
        tellings: &[
            "{a} {o} are shared by {b} friends. How many {o} does each one get?",
            "{n} puts {a} {o} into {b} {k}, the same number in each. How many are in each?",
        ],
    },
    Story {
        shape: &[(Subtract, Number)],
        tellings: &[
            "x + {b} = {a}. What is x?",
            "{n} had some {o}, got {b} more and now has {a}. How many {o} did {n} have at first?",
        ],
    },
    Story {
        shape: &[(Add, Number)],
        tellings: &[
            "x - {b} = {a}. What is x?",
            "{n} had some {o}, gave {b} away and now has {a}. How many {o} did {n} have at first?",
        ],
    },
    Story {
        shape: &[(Multiply, Number), (Add, Number)],
        tellings: &[
            "{n} buys {b} {k} with {a} {o} each and gets {c} more. How many {o} does {n} have?",
            "There are {a} {o} in each of {b} {k} and {c} on the floor. How many {o} are there?",
        ],
    },
    Story {
        shape: &[(Multiply, Number), (Subtract, Number)],
        tellings: &[
            "{n} buys {b} {k} with {a} {o} each and gives {c} of the {o} away. How many are left?",
            "A shop gets {b} {k} with {a} {o} each and sells {c} of the {o}. How many are left?",
        ],
    },
    Story {
        shape: &[(Add, Number), (Multiply, Number)],
        tellings: &[
            "Each of {c} {k} holds {a} red and {b} blue {o}. How many {o} are there?",
            "{n} reads {a} pages in the morning and {b} in the evening. How many pages is that in {c} days?",
        ],
    },
    Story {
        shape: &[(Subtract, Number), (Multiply, Number)],
        tellings: &[
            "Each of {c} {k} held {a} {o}, and {b} were taken out of each. How many {o} are left in all?",
            "{n} gets {a} coins a day and spends {b} of them. How many coins are left after {c} days?",
        ],
    },
    Story {
        shape: &[(Add, Number), (Subtract, Number)],
        tellings: &[
            "{n} has {a} {o}, gets {b} more and then gives {c} away. How many {o} are left?",
            "A shop has {a} red and {b} blue {o} and sells {c} of them. How many {o} are left?",
        ],
    },
    Story {
        shape: &[(Subtract, Number), (Subtract, Number)],
        tellings: &[
            "{n} has {a} {o}, gives {b} to a friend and loses {c}. How many {o} are left?",
            "A shop has {a} {o} and sells {b} on one day and {c} on the next. How many {o} are left?",
        ],
    },
    Story {
        shape: &[(Divide, Number), (Add, Number)],
        tellings: &[
            "{n} shares {a} {o} with friends, {b} people in all, and then gets {c} more. How many {o} does {n} have?",
            "{a} {o} are put into {b} {k}, the same number in each, and then {c} more into the first. How many are in the first?",
        ],
    },
    Story {
        shape: &[(Subtract, Number), (Divide, Number)],
        tellings: &[
            "{c} * x + {b} = {a}. What is x?",
            "{n} had {a} coins, kept {b} and bought {c} {o} for all the rest. How many coins did one cost?",
        ],
    },
    Story {
        shape: &[(Add, Number), (Divide, Number)],
        tellings: &[
            "{c} * x - {b} = {a}. What is x?",
            "{n} has {a} {o} and gets {b} more. They are shared by {c} friends. How many does each one get?",
        ],
    },
    Story {
        shape: &[(Multiply, Number), (Add, Number)],
        tellings: &[
            "(x - {c}) / {b} = {a}. What is x?",
            "{n} gave {c} {o} away and shared the rest with friends: each of {b} people got {a}. How many {o} were there at first?",
        ],
    },
    Story {
        shape: &[(Multiply, Number), (Subtract, Number)],
        tellings: &[
            "(x + {c}) / {b} = {a}. What is x?",
            "{n} got {c} more {o} and then put all into {b} {k} with {a} in each. How many {o} did {n} have at first?",
        ],
    },
    Story {
        shape: &[(Multiply, Number), (Add, Product)],
        tellings: &[
            "{n} buys {b} {k} with {a} {o} each and {d} {k} with {c} {o} each. How many {o} are there?",
            "One cup costs {a} coins and one lamp {c} coins. How many coins do {b} cups and {d} lamps cost?",
        ],
    },
    Story {
        shape: &[(Multiply, Number), (Subtract, Product)],
        tellings: &[
            "{n} has {b} {k} with {a} {o} each and gives {d} friends {c} {o} each. How many {o} are left?",
            "A shop gets {a} {o} a day for {b} days and sells {c} a day for {d} days. How many {o} are left?",
        ],
    },
    Story {
        shape: &[(Add, Number), (Multiply, Number), (Subtract, Number)],
        tellings: &[
            "Each of {c} {k} holds {a} red and {b} blue {o}. {d} of the {o} are sold. How many are left?",
            "{n} makes {a} {o} in the morning and {b} in the evening for {c} days and sells {d}. How many are left?",
        ],
    },
    Story {
        shape: &[(Multiply, Number), (Add, Number), (Subtract, Number)],
        tellings: &[
            "{n} buys {b} {k} with {a} {o} each, gets {c} more and gives {d} away. How many {o} are left?",
            "There were {a} {o} in each of {b} {k} and {c} on the floor. {d} were lost. How many {o} are left?",
        ],
    },
    Story {
        shape: &[(Subtract, Number), (Divide, Number), (Add, Number)],
        tellings: &[
            "Of {a} {o}, {b} are sold and the rest shared by {c} friends. {n} is one of them and had {d} before. How many {o} does {n} have?",
            "{c} * (x - {d}) + {b} = {a}. What is x?",
        ],
    },
    Story {
        shape: &[(Multiply, Number), (Add, Product), (Subtract, Number)],
        tellings: &[
            "{n} buys {b} {k} with {a} {o} each and {d} {k} with {c} {o} each, and sells {e} of the {o}. How many are left?",
            "A shop gets {a} {o} a day for {b} days and {c} a day for {d} days. It sells {e}. How many {o} are left?",
        ],
    },
];

const NAMES: [&str; 10] = ["Ada", "Ben", "Cleo", "Dan", "Eva", "Finn", "Gina", "Hugo", "Ida", "Jon"];
const THINGS: [&str; 12] =
    ["apples", "shells", "stamps", "pens", "cards", "stones", "nuts", "books", "beads", "plums", "keys", "buttons"];
const HOLDERS: [&str; 6] = ["bags", "boxes", "baskets", "jars", "rows", "crates"];

/// A telling of `task`, which has the structure's shape.
pub fn tell(random: &mut impl Rng, story: &Story, task: &Task) -> String {
    let pick = |random: &mut _, from: &[&'static str]| from.choose(random).copied().unwrap_or_default();
    let telling = pick(random, story.tellings);
    let mut text = telling
        .replace("{n}", pick(random, &NAMES))
        .replace("{o}", pick(random, &THINGS))
        .replace("{k}", pick(random, &HOLDERS));
    let mut numbers = vec![task.start];
    for (_, operand) in &task.steps {
        match *operand {
            Operand::Given(number) => numbers.push(number),
            Operand::Product(left, right) => numbers.extend([left, right]),
        }
    }
    for (letter, number) in ('a'..).zip(numbers) {
        text = text.replace(&format!("{{{letter}}}"), &number.to_string());
    }
    text
}
