//! Plain arithmetic inside prose: `expression = number` as people and models write it, LaTeX or not.
//!
//! Careful rather than complete: where a letter, a unit, a percent sign or a function stands next to an expression, nothing is
//! said of it, since it may mean something else.

mod evaluate;
mod lex;

use evaluate::evaluate;
use lex::{Piece, Token, lex};

/// An equation of which both sides are plain arithmetic.
#[derive(Debug, Clone, PartialEq)]
pub struct Equation {
    pub begin: usize,
    pub end: usize,
    pub left: f64,
    pub right: f64,
    /// Digits after the point of a right side that is one number.
    pub decimals: Option<u32>,
    /// Numbers that the left side is made of.
    pub operands: Vec<f64>,
}

impl Equation {
    /// Whether the sides agree, to a relative tolerance or, for a rounded or cut decimal, to its last digit.
    pub fn holds(&self, tolerance: f64) -> bool {
        let apart = (self.left - self.right).abs();
        let scale = self.left.abs().max(self.right.abs());
        let digit = self.decimals.filter(|digits| *digits > 0).map_or(0.0, |digits| 10f64.powi(-(digits as i32)));
        apart <= tolerance * scale || apart < digit * (1.0 + 1e-9)
    }
}

/// All equations of plain arithmetic in a text, in order. Linear in its length but for runs longer than any real one.
pub fn equations(text: &str) -> Vec<Equation> {
    let pieces = lex(text);
    let mut found = Vec::new();
    for (at, piece) in pieces.iter().enumerate() {
        if piece.token == Token::Equals
            && let Some(equation) = equation(&pieces, at)
        {
            found.push(equation);
        }
    }
    found
}

/// A run longer than this is not arithmetic that somebody wrote.
const LONGEST: usize = 200;

fn equation(pieces: &[Piece], at: usize) -> Option<Equation> {
    let from = left_begin(pieces, at)?;
    let to = right_end(pieces, at)?;
    let left = evaluate(&pieces[from..at])?;
    let right = evaluate(&pieces[at + 1..to])?;
    let chained = pieces[..from].iter().rev().find(|piece| piece.token != Token::Nothing);
    let chained = chained.is_some_and(|piece| piece.token == Token::Equals);
    if left.operators == 0 && (right.operators == 0 || !chained) {
        return None;
    }
    // "16 - 3 = 13 - 4 = 9" runs on from each result: there the first number is what is said to be equal.
    let runs_on = right.operators > 0 && pieces.get(to).is_some_and(|piece| piece.token == Token::Equals);
    let first = right.operands.first().copied().filter(|first| runs_on && near(*first, left.value));
    Some(Equation {
        begin: left.begin,
        end: right.end,
        left: left.value,
        right: first.unwrap_or(right.value),
        decimals: (right.operators == 0).then_some(right.decimals),
        operands: left.operands,
    })
}

fn near(one: f64, other: f64) -> bool {
    (one - other).abs() <= 1e-9 * one.abs().max(other.abs())
}

/// Where the expression left of the sign begins, if what stands before it leaves it its meaning.
fn left_begin(pieces: &[Piece], at: usize) -> Option<usize> {
    let (mut from, mut depth) = (at, 0i32);
    while from > 0 && at - from < LONGEST {
        match pieces[from - 1].token {
            Token::Close | Token::CloseBrace => depth += 1,
            Token::Open | Token::OpenBrace if depth == 0 => break,
            Token::Open | Token::OpenBrace => depth -= 1,
            Token::Equals | Token::Break | Token::Word | Token::And | Token::Other => break,
            _ => {}
        }
        from -= 1;
    }
    let skip = |mut from: usize| {
        while from < at && pieces[from].token == Token::Nothing {
            from += 1;
        }
        from
    };
    from = skip(from);
    // A dash at the beginning of a line, with space after it, is the mark of a list and no sign.
    let before = pieces[..from].iter().rev().find(|piece| piece.token != Token::Nothing);
    if before.is_none_or(|piece| piece.token == Token::Break)
        && pieces.get(from).is_some_and(|piece| matches!(piece.token, Token::Operator('-' | '+' | '*')))
        && pieces.get(from + 1).is_some_and(|piece| piece.token == Token::Nothing)
    {
        from = skip(from + 1);
    }
    let first = pieces.get(from).filter(|_| from < at)?;
    let fits = match before.map(|piece| piece.token) {
        None | Some(Token::Equals | Token::Break) => true,
        // An opening bracket around the whole equation; one that a function or product belongs to stands beside something.
        Some(Token::Open | Token::OpenBrace) => !matches!(first.token, Token::Operator(sign) if sign != '-'),
        // "The sum of 3 and 4 + 5": what stands before it may belong to it. The result of an equation does not.
        Some(Token::And) if !follows_a_result(&pieces[..from]) => false,
        Some(Token::Word | Token::And) => matches!(first.token, Token::Number(..) | Token::Open | Token::Fraction),
        _ => false,
    };
    fits.then_some(from)
}

/// Whether the "and" that these pieces end with follows words, or a number that an equation ends with.
fn follows_a_result(pieces: &[Piece]) -> bool {
    let mut before = pieces.iter().rev().map(|piece| piece.token).filter(|token| *token != Token::Nothing).skip(1);
    match before.next() {
        Some(Token::Number(..)) => before.next() == Some(Token::Equals),
        Some(Token::Close | Token::CloseBrace | Token::Other) => false,
        _ => true,
    }
}

fn right_end(pieces: &[Piece], at: usize) -> Option<usize> {
    let (mut to, mut depth) = (at + 1, 0i32);
    while to < pieces.len() && to - at < LONGEST {
        match pieces[to].token {
            Token::Open | Token::OpenBrace => depth += 1,
            Token::Close | Token::CloseBrace if depth == 0 => break,
            Token::Close | Token::CloseBrace => depth -= 1,
            Token::Equals | Token::Break | Token::Word | Token::And | Token::Other => break,
            _ => {}
        }
        to += 1;
    }
    match pieces.get(to).map(|piece| piece.token) {
        Some(Token::Other) => None,
        _ => Some(to),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sides(text: &str) -> Vec<(f64, f64)> {
        equations(text).into_iter().map(|found| (found.left, found.right)).collect()
    }

    #[test]
    fn arithmetic_in_prose_and_in_latex() {
        assert_eq!(sides("So 3 + 4 = 7 apples."), [(7.0, 7.0)]);
        assert_eq!(sides("Total: $5 * 3 = $15."), [(15.0, 15.0)]);
        assert_eq!(sides("He has 2 x 3 = 6 and 2x3=7."), [(6.0, 6.0), (6.0, 7.0)]);
        assert_eq!(sides("\\(7 \\times 1.5 = 10.5\\)"), [(10.5, 10.5)]);
        assert_eq!(sides("$\\frac{10}{4} = 2.5$"), [(2.5, 2.5)]);
        assert_eq!(sides("x = 3 + 4 = 7"), [(7.0, 7.0)]);
        assert_eq!(sides("1,200 / 3 = 400"), [(400.0, 400.0)]);
        assert_eq!(sides("(2 + 3) * 4 = 20"), [(20.0, 20.0)]);
        assert_eq!(sides("which is (3 + 4 = 7)"), [(7.0, 7.0)]);
        assert_eq!(sides("2^{3} + 1 = 9"), [(9.0, 9.0)]);
        assert_eq!(sides("2 + 3 = 5 = 10 / 2"), [(5.0, 5.0), (5.0, 5.0)]);
        assert_eq!(sides("**12 - 5 = 7**"), [(7.0, 7.0)]);
        assert_eq!(sides("2 + 3 * 4 - -1 = 15"), [(15.0, 15.0)]);
        assert_eq!(sides("Then:\n- 5 + 3 = 8\n- 3 * 4 = 12\n- \\(2^2 = 4\\)"), [(8.0, 8.0), (12.0, 12.0), (4.0, 4.0)]);
        assert_eq!(sides("-3 + 5 = 2"), [(2.0, 2.0)]);
        assert_eq!(sides("12 \\times 3 = 35 \\text{ dollars}"), [(36.0, 35.0)]);
        assert_eq!(sides("16 - 3 = 13 - 4 = 9"), [(13.0, 13.0), (9.0, 9.0)]);
        assert_eq!(sides("2 * 3 + 1 = 6 + 1 = 7"), [(7.0, 7.0), (7.0, 7.0)]);
    }

    #[test]
    fn what_may_mean_something_else_is_left_alone() {
        for text in [
            "x + 2 = 5",
            "2x = 4",
            "apples - 3 + 5 = 2",
            "3 + 4 = 7x",
            "20% of 50 = 10",
            "50 * 20% = 10",
            "\\sqrt{16} + 2 = 6",
            "5! + 3 = 123",
            "1010_2 + 1 = 11",
            "17 + 5 = 10 \\pmod{12}",
            "9:00 + 3 = 12",
            "|3-5| = 2",
            "f(3) = 9",
            "f(3) + 1 = 10",
            "Day 1 = 5 + 3",
            "3 hours = 180 minutes",
            "2 1/2 + 1 = 3",
            "2 and 1/2 + 1 = 3.5",
            "a >= 3 + 4",
            "3 + 4 == 8",
            "\\binom{5}{2} = 10",
            "half of 6 + 2 = 5",
            "3 + 4 million = 7",
            "90^\\circ + 10 = 100",
            "5 + 3 = 8 thousand 2x",
            "4 less than 3 * 5 = 11",
            "5 more than 2 * 10 = 25",
            "the sum of 3 and 4 + 5 = 12",
            "Step 2 - 3 = 5",
            "25 / 1/3 = 75",
            "60 / 3/4 = 80",
            "3 \\times 4 = 1 \\text{ dozen}",
            "",
        ] {
            let found: Vec<_> = equations(text).into_iter().filter(|found| !found.holds(1e-4)).collect();
            assert!(found.is_empty(), "{text}: {found:?}");
        }
    }

    #[test]
    fn rounded_and_cut_decimals_hold_and_wrong_ones_do_not() {
        let holds = |text: &str| equations(text)[0].holds(1e-4);
        assert!(holds("10 / 3 = 3.33") && holds("2 / 3 = 0.66") && holds("2 / 3 = 0.67"));
        assert!(!holds("10 / 3 = 3.5") && !holds("7 / 2 = 3") && !holds("3 + 4 = 8") && !holds("2 / 3 = 0.7 + 0.1"));
        assert!(holds("100000 + 1 = 100001") && !holds("120 * 3 = 350"));
    }

    #[test]
    fn places_are_those_of_the_equation() {
        let text = "We get 3 + 4 = 8 here";
        let found = &equations(text)[0];
        assert_eq!(&text[found.begin..found.end], "3 + 4 = 8");
        assert_eq!(found.operands, [3.0, 4.0]);
    }

    #[test]
    fn deep_and_long_texts_are_taken() {
        equations(&"(".repeat(100_000));
        equations(&format!("{}1{} = 1", "(".repeat(90), ")".repeat(90)));
        equations(&"1+".repeat(100_000));
        equations(&"=".repeat(100_000));
        equations(&"1=".repeat(50_000));
    }

    proptest! {
        #[test]
        fn any_text_is_taken(text in "[-0-9+*/^=(){}\\\\a-z .,$%x×−\n]{0,80}") {
            for found in equations(&text) {
                prop_assert!(text.get(found.begin..found.end).is_some());
            }
        }
    }
}
