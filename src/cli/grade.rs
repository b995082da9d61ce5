//! `cribble grade`: compares answers with their gold answers, from a file.

use std::io::BufRead;
use std::path::{Path, PathBuf};

use clap::Args;
use color_eyre::Result;
use rayon::prelude::*;
use serde::Deserialize;
use serde_json::{Value, json};

use super::failure::BadInput;
use crate::math::{Policy, grade_with};

#[derive(Debug, Args)]
pub struct Arguments {
    /// JSONL, one {"id","gold","prediction"} a line; - is standard input. A prediction is an answer or a whole
    /// completion. A line may say how its case is compared: "float_rounding" (digits after the point to which decimals are
    /// rounded, under 6), "strict": false (names of variables do not matter)
    #[arg(long, short = 'i', value_name = "FILE")]
    input: PathBuf,
    /// Accepted for uniformity: the output is always JSON lines
    #[arg(long)]
    json: bool,
}

/// One line of the input.
#[derive(Debug)]
pub struct Case {
    id: Value,
    pub gold: String,
    pub prediction: String,
    policy: Policy,
}

#[derive(Debug, Deserialize)]
struct Line {
    id: Value,
    gold: Value,
    prediction: Value,
    float_rounding: Option<u32>,
    strict: Option<bool>,
}

/// Lines that are graded and printed at a time.
const BATCH: usize = 4096;

pub fn run(arguments: &Arguments) -> Result<()> {
    // All lines are read before the first is printed: a bad one leaves no half of an output.
    let cases = read(&arguments.input)?;
    for batch in cases.chunks(BATCH) {
        let lines: Vec<String> = batch.par_iter().map(graded).collect();
        super::out::text(&lines.concat())?;
    }
    Ok(())
}

fn graded(case: &Case) -> String {
    let grade = grade_with(&case.policy, &case.gold, &case.prediction);
    let line = json!({
        "id": case.id, "equal": grade.equal, "tier": grade.tier, "gold_form": grade.gold_form,
        "prediction_form": grade.prediction_form,
    });
    format!("{line}\n")
}

pub fn read(path: &Path) -> Result<Vec<Case>> {
    let name = path.display();
    let mut reader: Box<dyn BufRead> = if path.as_os_str() == "-" {
        Box::new(std::io::stdin().lock())
    } else {
        let file = std::fs::File::open(path).map_err(|error| BadInput(format!("{name}: {error}")))?;
        Box::new(std::io::BufReader::new(file))
    };
    let mut cases = Vec::new();
    let mut bytes = Vec::new();
    for number in 1.. {
        bytes.clear();
        if reader.read_until(b'\n', &mut bytes).map_err(|error| BadInput(format!("{name}:{number}: {error}")))? == 0 {
            break;
        }
        if bytes.trim_ascii().is_empty() {
            continue;
        }
        let line: Line = serde_json::from_slice(&bytes)
            .map_err(|error| BadInput(format!("{name}:{number}: not a line with id, gold and prediction: {error}")))?;
        let policy = Policy {
            // Six digits and more are what a decimal has to state anyway.
            rounding: line.float_rounding.filter(|digits| *digits < 6),
            variables_matter: line.strict.unwrap_or(true),
            ..Policy::default()
        };
        // Answers are often numbers in JSON.
        let text = |value: Value, field: &str| match value {
            Value::String(text) => Ok(text),
            Value::Number(number) => Ok(number.to_string()),
            Value::Null => Ok(String::new()),
            other => Err(BadInput(format!("{name}:{number}: {field} is neither text nor a number: {other}"))),
        };
        cases.push(Case {
            gold: text(line.gold, "gold")?,
            prediction: text(line.prediction, "prediction")?,
            id: line.id,
            policy,
        });
    }
    Ok(cases)
}
