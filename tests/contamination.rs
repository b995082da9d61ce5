//! Contamination between the usual training and test files, against counts made by a plain script over the same files
//! (word n-grams, lower case, split at whitespace; the last column: equal but for digits and punctuation).
//!
//! The files are not part of the project: set `CRIBBLE_BENCHMARK_DATA` to a folder with gsm8k_{train,test}.jsonl,
//! math_train.jsonl, math500.jsonl, aime24.jsonl and aime_1983_2023.jsonl.

use std::path::{Path, PathBuf};

use cribble::exchange::problems;
use cribble::filter::contamination::Benchmarks;

/// Training file, test file, rows hit by any n-gram of 8, 10, 13, 20, 32 words, rows equal but for digits.
const TABLE: &[(&str, &str, [usize; 6])] = &[
    ("gsm8k_train", "gsm8k_test", [70, 10, 4, 1, 0, 0]),
    ("gsm8k_train", "math500", [0, 0, 0, 0, 0, 0]),
    ("gsm8k_train", "aime24", [0, 0, 0, 0, 0, 0]),
    ("math_train", "math500", [619, 200, 74, 34, 7, 117]),
    ("math_train", "aime24", [105, 78, 6, 2, 0, 0]),
    ("math_train", "gsm8k_test", [2, 0, 0, 0, 0, 0]),
    ("aime_1983_2023", "math500", [216, 26, 7, 6, 3, 6]),
    ("aime_1983_2023", "aime24", [227, 188, 8, 2, 0, 0]),
];

fn texts(folder: &Path, name: &str) -> Vec<String> {
    let path = folder.join(format!("{name}.jsonl"));
    problems::read_questions(&path).unwrap().into_iter().map(|problem| problem.text).collect()
}

#[test]
fn the_table_of_shared_runs_is_reproduced() {
    let Some(folder) = std::env::var_os("CRIBBLE_BENCHMARK_DATA").map(PathBuf::from) else {
        println!("skipped: $CRIBBLE_BENCHMARK_DATA is not set");
        return;
    };
    let mut wrong = Vec::new();
    for (train, test, expected) in TABLE {
        let (rows, known) = (texts(&folder, train), texts(&folder, test));
        let mut found = [0; 6];
        for (column, n) in [8, 10, 13, 20, 32].into_iter().enumerate() {
            let mut benchmarks = Benchmarks::with_runs(n, n);
            known.iter().for_each(|text| benchmarks.add(test, text));
            found[column] = rows.iter().filter(|text| benchmarks.look_up(text).sure > 0).count();
            found[5] = rows.iter().filter(|text| benchmarks.look_up(text).stripped).count();
        }
        println!("{train} {test}: {found:?}");
        if found != *expected {
            wrong.push(format!("{train} against {test}: {found:?}, not {expected:?}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
