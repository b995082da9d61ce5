//! Counts over two public sets of graded samples (tests/fixtures/samples, made by tests/fixtures/make/samples.py): grader,
//! tallies, votes and bins must come to what their makers' verdicts come to.

use cribble::difficulty::{Bin, Bins, Outcome, Tally};
use cribble::eval::{Ballot, majority_at_k, pass_at_k};
use cribble::math;
use serde::Deserialize;

#[derive(Deserialize)]
struct Row {
    answer: String,
    answers: Vec<String>,
    correct: Vec<bool>,
}

fn rows(name: &str) -> Vec<Row> {
    let path = format!("{}/tests/fixtures/samples/{name}.jsonl", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(path).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn expected(name: &str) -> (Vec<usize>, f64) {
    let text = include_str!("fixtures/samples/expected.json");
    let all: serde_json::Value = serde_json::from_str(text).unwrap();
    let histogram = all[name]["histogram"].as_array().unwrap().iter().map(|count| count.as_u64().unwrap() as usize);
    (histogram.collect(), all[name]["majority"].as_f64().unwrap())
}

/// By the set's own verdicts.
fn tally(row: &Row) -> Tally {
    let mut tally = Tally::default();
    for right in &row.correct {
        tally.add(if *right { Outcome::Right } else { Outcome::Wrong });
    }
    tally
}

/// Whether our grader says of each answer what the set says.
fn agreed(row: &Row) -> bool {
    let ours = |answer: &String| math::grade(&row.answer, answer).equal == Some(true);
    row.answers.iter().map(ours).eq(row.correct.iter().copied())
}

fn majority(rows: &[Row]) -> f64 {
    let credit = rows.iter().map(|row| {
        let answers: Vec<Option<&str>> =
            row.answers.iter().map(|answer| Some(answer.as_str()).filter(|answer| !answer.is_empty())).collect();
        majority_at_k(&Ballot::new(&row.answer, &answers), answers.len(), 0)
    });
    credit.sum::<f64>() / rows.len() as f64
}

#[test]
fn histograms_of_right_samples_are_those_of_the_sets() {
    for name in ["math100x8", "gsm8k_4models"] {
        let (wanted, _) = expected(name);
        let mut histogram = vec![0; wanted.len()];
        for row in rows(name) {
            histogram[tally(&row).correct as usize] += 1;
        }
        assert_eq!(histogram, wanted, "{name}");
    }
}

/// Where ours says otherwise, it is because equal answers are written differently; those are looked at one by one.
#[test]
fn the_grader_agrees_with_the_sets_but_for_answers_written_otherwise() {
    let differ = |name| -> Vec<(String, Vec<String>)> {
        let rows = rows(name).into_iter().filter(|row| !agreed(row));
        rows.map(|row| (row.answer, row.answers)).collect()
    };
    // A time of day with its half of the day broken off, and a thousand written with a comma of TeX.
    let golds: Vec<String> = differ("math100x8").into_iter().map(|(gold, _)| gold).collect();
    assert_eq!(golds, ["4:30p..", "10{,}000"]);
    assert!(differ("gsm8k_4models").is_empty());
}

#[test]
fn votes_come_to_what_counting_strings_comes_to() {
    for name in ["math100x8", "gsm8k_4models"] {
        let (_, wanted) = expected(name);
        let rows = rows(name);
        let others = rows.iter().filter(|row| !agreed(row)).count() as f64 / rows.len() as f64;
        assert!((majority(&rows) - wanted).abs() <= others + 1e-9, "{name}: {} and {wanted}", majority(&rows));
    }
}

#[test]
fn bins_and_pass_at_k_of_a_whole_set() {
    let tallies: Vec<Tally> = rows("math100x8").iter().map(tally).collect();
    let bins = Bins::default();
    let count = |bin| tallies.iter().filter(|tally| bins.of(tally) == Some(bin)).count();
    // 0 of 8; 1 and 2; 3 to 6; 7; 8.
    assert_eq!(Bin::ALL.map(count), [4, 2, 7, 1, 86]);
    let mean = |k| tallies.iter().map(|tally| pass_at_k(8, tally.correct, k)).sum::<f64>() / 100.0;
    assert!((mean(1) - tallies.iter().map(Tally::pass_rate).sum::<f64>() / 100.0).abs() < 1e-12);
    assert!((mean(8) - 0.96).abs() < 1e-12, "all but the unsolved");
    assert!(mean(1) < mean(2) && mean(2) < mean(4) && mean(4) < mean(8));
}
