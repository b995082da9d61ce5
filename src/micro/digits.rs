//! Column arithmetic written out: facts about single digits, units first (division: from the front).

use std::fmt::Write as _;

/// The facts of `a + b`, such as `8+7=15, 3+2+1=6`.
pub fn add(a: u32, b: u32) -> String {
    let mut facts = Facts::default();
    let mut carry = 0;
    for column in 0..columns(a).max(columns(b)) {
        let (x, y) = (digit(a, column), digit(b, column));
        let sum = x + y + carry;
        facts.push(format_args!("{x}+{y}{}={sum}", if carry > 0 { "+1" } else { "" }));
        carry = sum / 10;
    }
    facts.0
}

/// The facts of `a - b` for `b` not above `a`, such as `12-8=4, 15-7-1=7`.
pub fn subtract(a: u32, b: u32) -> String {
    let mut facts = Facts::default();
    let mut borrowed = 0;
    for column in 0..columns(a) {
        let (x, y) = (digit(a, column), digit(b, column));
        let lent = u32::from(x < y + borrowed);
        let x = x + 10 * lent;
        facts.push(format_args!("{x}-{y}{}={}", if borrowed > 0 { "-1" } else { "" }, x - y - borrowed));
        borrowed = lent;
    }
    facts.0
}

/// The facts of `a * b` for a `b` of one digit, such as `8*5=40, 7*5+4=39`.
pub fn multiply(a: u32, b: u32) -> String {
    let mut facts = Facts::default();
    let mut carry = 0;
    for column in 0..columns(a) {
        let x = digit(a, column);
        let product = x * b + carry;
        match carry {
            0 => facts.push(format_args!("{x}*{b}={product}")),
            _ => facts.push(format_args!("{x}*{b}+{carry}={product}")),
        }
        carry = product / 10;
    }
    facts.0
}

/// The facts of `a / b` for a `b` of one digit, such as `48: 5*9=45, 48-45=3, so 9, 39: 5*7=35, 39-35=4`, and what is left at the
/// end. Before each step stands what is divided in it, and after it the quotient so far, up to the last: else to choose a digit of
/// the quotient, and to put the digits together, would be leaps.
pub fn divide(a: u32, b: u32) -> (String, u32) {
    let mut facts = Facts::default();
    let (mut left, mut so_far) = (0, 0);
    for column in (0..columns(a)).rev() {
        left = left * 10 + digit(a, column);
        let quotient = left / b;
        so_far = so_far * 10 + quotient;
        if so_far > 0 || column == 0 {
            facts.push(format_args!("{left}: {b}*{quotient}={}, {left}-{}={}", b * quotient, b * quotient, left % b));
            if column > 0 {
                facts.push(format_args!("so {so_far}"));
            }
        }
        left %= b;
    }
    (facts.0, left)
}

/// Digits of a number; 0 has one.
pub fn columns(number: u32) -> u32 {
    number.checked_ilog10().unwrap_or_default() + 1
}

fn digit(number: u32, column: u32) -> u32 {
    number / 10u32.pow(column) % 10
}

#[derive(Default)]
struct Facts(String);

impl Facts {
    fn push(&mut self, fact: std::fmt::Arguments<'_>) {
        let joint = if self.0.is_empty() { "" } else { ", " };
        let _ = write!(self.0, "{joint}{fact}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_are_those_of_the_columns() {
        assert_eq!(add(97, 8), "7+8=15, 9+0+1=10");
        assert_eq!(subtract(452, 178), "12-8=4, 15-7-1=7, 4-1-1=2");
        assert_eq!(subtract(105, 98), "15-8=7, 10-9-1=0, 1-0-1=0");
        assert_eq!(multiply(978, 5), "8*5=40, 7*5+4=39, 9*5+3=48");
        assert_eq!(
            divide(4890, 5),
            ("48: 5*9=45, 48-45=3, so 9, 39: 5*7=35, 39-35=4, so 97, 40: 5*8=40, 40-40=0".into(), 0)
        );
        assert_eq!(divide(4870, 9).1, 4870 % 9);
        assert_eq!(divide(3, 7), ("3: 7*0=0, 3-0=3".into(), 3));
    }

    /// Every fact is true, and the digits they end in give the result.
    #[test]
    fn facts_are_true_and_complete() {
        for (a, b) in (1..400u32).flat_map(|a| [2, 3, 7, 9].map(|b| (a * 37 % 9_000 + 1, b))) {
            let c = a * 7 % (a + 1);
            for (facts, result) in [(multiply(a, b), a * b), (add(a, c), a + c), (subtract(a, c), a - c)] {
                let values: Vec<u32> = facts.split(", ").map(truth).collect();
                let (last, lower) = values.split_last().unwrap();
                let digits = lower.iter().rev().fold(*last, |number, value| number * 10 + value % 10);
                assert_eq!(digits, result, "{facts}");
            }
            let (facts, left) = divide(a, b);
            let quotient = facts.split(", ").collect::<Vec<_>>().chunks(3).fold(0, |number, step| {
                let (divided, fact) = step[0].split_once(": ").unwrap();
                assert!(step[1].starts_with(&format!("{divided}-{}=", truth(fact))), "{facts}");
                assert!(truth(step[1]) < b, "{facts}");
                let (_, rest) = fact.split_once('*').unwrap();
                let number = number * 10 + rest.split_once('=').unwrap().0.parse::<u32>().unwrap();
                assert!(step.get(2).is_none_or(|so| *so == format!("so {number}")), "{facts}");
                number
            });
            assert_eq!((quotient, left), (a / b, a % b), "{a}/{b}: {facts}");
        }
    }

    fn truth(fact: &str) -> u32 {
        let (left, right) = fact.split_once('=').unwrap();
        let value = evaluate(left);
        assert_eq!(value, right.parse::<u32>().unwrap(), "{fact}");
        value
    }

    /// `a*b+c`, `a+b+c` or `a-b-c`.
    fn evaluate(text: &str) -> u32 {
        if let Some((rest, term)) = text.rsplit_once('+') {
            return evaluate(rest) + term.parse::<u32>().unwrap();
        }
        if let Some((rest, term)) = text.rsplit_once('-') {
            return evaluate(rest) - term.parse::<u32>().unwrap();
        }
        text.split('*').map(|factor| factor.parse::<u32>().unwrap()).product()
    }
}
