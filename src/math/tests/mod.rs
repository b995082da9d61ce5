//! Tests of the whole room on cases from elsewhere (see tests/fixtures/math/README.md for sources and licences).

use std::cell::Cell;

use serde_json::Value;

use super::expr::complex::Complex;
use super::expr::eval::{Domain, Place};
use super::*;

mod fuzz;
mod properties;

const LATEX: &str = include_str!("../../../tests/fixtures/math/latex_parse_cases.jsonl");
const MATH_VERIFY: &str = include_str!("../../../tests/fixtures/math/math_verify_cases.jsonl");
const MATH_500: &str = include_str!("../../../tests/fixtures/math/math500.jsonl");
const GSM8K: &str = include_str!("../../../tests/fixtures/math/gsm8k_300.jsonl");
const PAIRS: &str = include_str!("../../../tests/fixtures/math/pairs.tsv");

fn rows(text: &str) -> Vec<Value> {
    text.lines()
        .filter(|line| !line.trim().is_empty())
        .map(|line| serde_json::from_str(line).expect("a JSON line"))
        .collect()
}

fn text<'a>(row: &'a Value, key: &str) -> &'a str {
    row[key].as_str().unwrap_or("")
}

/// The name of a fixture as the parser writes it.
fn plain_name(name: &str) -> String {
    name.chars().filter(|c| !matches!(c, '{' | '}' | '\\')).collect()
}

/// SymPy's `\log` is the natural logarithm, latex2sympy's is to the base 10.
fn parsed_values_agree(row: &Value) -> Result<(), String> {
    let id = text(row, "id");
    let tree = parse::parse(text(row, "latex"));
    if row["ok"] == false {
        return match tree {
            Ok(tree) => Err(format!("{id}: {} is read as {tree}", text(row, "latex"))),
            Err(_) => Ok(()),
        };
    }
    let tree = tree.map_err(|_| format!("{id}: {} is refused", text(row, "latex")))?;
    for sample in row["samples"].as_array().into_iter().flatten() {
        let expected = match &sample["value"] {
            Value::Array(parts) => (parts[0].as_f64().expect("a number"), parts[1].as_f64().expect("a number")),
            Value::Number(number) => (number.as_f64().expect("a number"), 0.0),
            Value::String(infinite) => {
                let positive = tree.infinite().or_else(|| match answer::Form::of(&tree) {
                    answer::Form::Infinity(positive) => Some(positive),
                    _ => None,
                });
                if positive != Some(!infinite.starts_with('-')) {
                    return Err(format!("{id}: {tree} is not {infinite}"));
                }
                continue;
            }
            _ => return Err(format!("{id}: no value")),
        };
        let budget = Cell::new(100_000);
        let mut place = Place::<f64>::new(Domain::Complex, &budget);
        place.log_ten = id.starts_with("l2s");
        for (name, value) in sample["at"].as_object().into_iter().flatten() {
            place.names.push((plain_name(name), Complex::of(value.as_f64().expect("a number"))));
        }
        let value = place
            .value(&tree)
            .map_err(|_| format!("{id}: {} read as {tree} has no value at {}", text(row, "latex"), sample["at"]))?;
        let off = (value.re - expected.0).hypot(value.im - expected.1);
        if off > 1e-9 * expected.0.hypot(expected.1).max(1.0) {
            return Err(format!("{id}: {} read as {tree} is {value:?}, not {expected:?}", text(row, "latex")));
        }
    }
    Ok(())
}

#[test]
fn formulas_are_read_as_sympy_and_latex2sympy_read_them() {
    let rows = rows(LATEX);
    assert_eq!(rows.len(), 433);
    let wrong: Vec<String> = rows.iter().filter_map(|row| parsed_values_agree(row).err()).collect();
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// Rows whose expected verdict is not ours, and why.
const CONTRADICTIONS: &[(&str, &str)] = &[
    ("mv-test_all-test_latex_notation-5", "a line break inside of dollar signs is no reason to find no answer"),
    ("mv-test_all-test_latex_notation-6", "the same in round brackets"),
    (
        "mv-test_all-test_set_rel_assymetry-3",
        "x in [-2,7] and -2 <= x <= 7 are equal from both sides: equality is symmetric",
    ),
    ("mv-test_yujianll-test_string_extraction-9", "suspect: 1 - 1/e is not 1 + 1/e"),
];

#[test]
fn verdicts_are_those_that_math_verify_expects() {
    let rows = rows(MATH_VERIFY);
    assert_eq!(rows.len(), 270);
    let mut wrong = Vec::new();
    let mut differing = Vec::new();
    for row in &rows {
        let policy = Policy {
            rounding: row["float_rounding"].as_u64().map(|digits| digits as u32).filter(|digits| *digits < 6),
            variables_matter: row["strict"] != false,
            ..Policy::default()
        };
        let grade = grade_with(&policy, text(row, "gold"), text(row, "prediction"));
        if (grade.equal == Some(true)) != (row["expected"] == true) {
            let id = text(row, "id");
            if CONTRADICTIONS.iter().any(|(known, _)| *known == id) {
                differing.push(id);
            } else {
                wrong.push(format!("{id}: {grade:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(differing.len(), CONTRADICTIONS.len(), "a row no longer differs: {differing:?}");
}

/// The pairs written for this project: expected verdict, gold, prediction.
fn pairs() -> Vec<(bool, String, String)> {
    PAIRS
        .lines()
        .filter_map(|line| {
            let mut parts = line.split('\t');
            let (verdict, gold, prediction) = (parts.next()?, parts.next()?, parts.next()?);
            Some((verdict == "=", gold.to_owned(), prediction.replace("\\n####", "\n####")))
        })
        .collect()
}

#[test]
fn pairs_are_told_apart_in_both_directions() {
    let pairs = pairs();
    assert!(pairs.len() >= 300);
    let mut wrong = Vec::new();
    for (equal, gold, prediction) in &pairs {
        let (grade, back) = (grade(gold, prediction), grade(prediction, gold));
        if (grade.equal == Some(true)) != *equal || back.equal != grade.equal {
            wrong.push(format!("{gold} and {prediction}, expected {equal}: {grade:?}; turned {:?}", back.equal));
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn reference_solutions_of_math_are_right() {
    let rows = rows(MATH_500);
    assert_eq!(rows.len(), 500);
    let wrong: Vec<_> = rows
        .iter()
        .filter(|row| check(text(row, "answer"), text(row, "solution")).correct != Some(true))
        .map(|row| text(row, "id"))
        .collect();
    assert!(wrong.is_empty(), "{wrong:?}");
}

/// Right verdicts on full solutions, right ones on bare solutions, and how many of those are weak.
fn gsm8k(rows: &[Value]) -> (usize, usize, usize) {
    let mut counts = (0, 0, 0);
    for row in rows {
        let (answer, solution) = (text(row, "answer"), text(row, "solution"));
        let full = format!("{solution}\n#### {}", text(row, "answer_raw"));
        counts.0 += usize::from(check(answer, &full).correct == Some(true));
        counts.1 += usize::from(check(answer, solution).correct == Some(true));
        counts.2 += usize::from(extract(solution).is_some_and(|found| found.weak));
    }
    counts
}

#[test]
fn solutions_of_gsm8k_are_right_and_weak_without_their_mark() {
    let rows = rows(GSM8K);
    let (full, bare, weak) = gsm8k(&rows);
    assert_eq!(full, rows.len());
    assert!(bare * 100 >= rows.len() * 97, "{bare} of {}", rows.len());
    assert_eq!(weak, rows.len());
}

/// All of GSM8K, where CRIBBLE_MATH_DATA names a directory with gsm8k_train.jsonl.
#[test]
#[ignore = "needs data that is not in the repository"]
fn all_of_gsm8k() {
    let directory = std::env::var("CRIBBLE_MATH_DATA").expect("CRIBBLE_MATH_DATA names a directory");
    let file =
        std::fs::read_to_string(std::path::Path::new(&directory).join("gsm8k_train.jsonl")).expect("gsm8k_train.jsonl");
    let rows = rows(&file);
    let (full, bare, weak) = gsm8k(&rows);
    println!("{} rows: {full} right, {bare} without the mark, {weak} weak", rows.len());
    assert_eq!(full, rows.len());
    assert!(bare * 100 >= rows.len() * 97);
}

#[test]
fn the_check_tells_no_answer_from_a_wrong_one() {
    assert_eq!(check("4", "So \\boxed{4}."), Check { answer: Some("4".into()), correct: Some(true) });
    assert_eq!(check("4", "So \\boxed{5}.").correct, Some(false));
    assert_eq!(check("4", "I do not know."), Check { answer: None, correct: None });
    assert_eq!(grade("", "5").equal, None);
    assert_eq!(grade("5", " ").equal, None);
    // No value within the bounds: not told, unless the texts agree.
    assert_eq!(grade("9^{9^{9^9}}", "9^{9^{9^8}}").equal, None);
    assert_eq!(grade("9^{9^{9^9}}", "9^{9^{9^9}}").equal, Some(true));
}

#[test]
fn a_grade_says_how_both_sides_were_read() {
    let grade = grade("\\frac{1}{2}", "So it is \\boxed{0.50}.");
    assert_eq!((grade.equal, grade.tier), (Some(true), Some(Tier::Exact)));
    assert_eq!((grade.gold_form.as_str(), grade.prediction_form.as_str()), ("1/2", "1/2"));
    let tiers = [
        ("5", "5", Tier::String),
        ("1/4", "0.25", Tier::Exact),
        ("1/3", "0.33333333", Tier::Decimal),
        ("(1,2)", "(1,3)", Tier::Structure),
        ("2x", "x+x", Tier::Identity),
        ("\\text{red}", "the red", Tier::Text),
    ];
    for (gold, prediction, tier) in tiers {
        assert_eq!(super::grade(gold, prediction).tier, Some(tier), "{gold} and {prediction}");
    }
}

#[test]
fn switches_change_what_mathematics_leaves_open() {
    let graded = |policy: Policy, gold, prediction| grade_with(&policy, gold, prediction).equal;
    assert_eq!(graded(Policy { percent_is_unit: false, ..Policy::default() }, "28\\%", "0.28"), Some(true));
    assert_eq!(graded(Policy { units_optional: false, ..Policy::default() }, "5\\text{ cm}", "5"), Some(false));
    assert_eq!(graded(Policy { base_required: false, ..Policy::default() }, "52_8", "52"), Some(true));
    assert_eq!(graded(Policy { names_optional: false, ..Policy::default() }, "x=5", "5"), Some(false));
    assert_eq!(graded(Policy { rounding: Some(2), ..Policy::default() }, "1/3", "0.33"), Some(true));
    assert_eq!(graded(Policy { variables_matter: false, ..Policy::default() }, "x^2", "t^2"), Some(true));
    assert_eq!(graded(Policy { text_any_case: false, ..Policy::default() }, "\\text{East}", "east"), Some(false));
}

#[test]
fn every_sign_is_read_or_refused() {
    // Without cleaning first: the lexer has to move on from whatever it meets.
    for code in (0..0x2_0000u32).filter_map(char::from_u32) {
        for formula in [format!("{code}"), format!("x{code}2"), format!("\\{code}")] {
            let _ = parse::parse(&formula);
            let _ = grade(&formula, "1");
        }
    }
}
