//! The samples of a session as rows of training data.

use std::collections::{BTreeMap, HashMap};

use clap::ValueEnum;
use serde_json::{Value, json};

use super::formats::{self, SampleFormat};
use super::messages::{ExportError, Which};
use super::samples::{ImportedProblem, ImportedSample};
use super::table::Row;
use crate::records::{DecisionVerb, Role, Sample, TurnKind};
use crate::session::{SampleRow, Session};

/// A shape that training data is written in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum DataFormat {
    /// `messages`: [{role, content}]
    #[default]
    Messages,
    /// `prompt` and `completion` as messages: trainers learn from the completion alone
    PromptCompletion,
    /// `conversations`: [{from, value}]
    #[value(name = "sharegpt")]
    ShareGpt,
    /// `instruction`, `input`, `output`
    Alpaca,
    /// `prompt`, `chosen`, `rejected`: a chain that was taken against one of the same problem that was not
    Preference,
}

impl DataFormat {
    /// As the command line and cards call it.
    pub fn name(self) -> &'static str {
        match self {
            DataFormat::Messages => "messages",
            DataFormat::PromptCompletion => "prompt-completion",
            DataFormat::ShareGpt => "sharegpt",
            DataFormat::Alpaca => "alpaca",
            DataFormat::Preference => "preference",
        }
    }

    /// The shape of a single sample; a pair has none.
    fn of_one(self) -> Option<SampleFormat> {
        match self {
            DataFormat::Messages => Some(SampleFormat::Messages),
            DataFormat::PromptCompletion => Some(SampleFormat::PromptCompletion),
            DataFormat::ShareGpt => Some(SampleFormat::ShareGpt),
            DataFormat::Alpaca => Some(SampleFormat::Alpaca),
            DataFormat::Preference => None,
        }
    }
}

/// What is written, and how.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wanted {
    pub format: DataFormat,
    pub which: Which,
    /// The whole dialogue instead of the stitched chain.
    pub dialogue: bool,
}

/// Who is told of each row, with its problem.
pub type VisitRow<'v> = dyn FnMut(&str, Row) -> Result<(), ExportError> + 'v;

/// Tells of every row that `wanted` asks for, in the order of `rows` (pairs: in the order of problems).
///
/// # Errors
/// If the session cannot be read, or what the visitor says.
pub fn each(
    session: &Session,
    rows: &[SampleRow],
    wanted: Wanted,
    visit: &mut VisitRow<'_>,
) -> Result<(), ExportError> {
    let golds: HashMap<String, String> =
        session.problems()?.into_iter().map(|problem| (problem.id, problem.answer)).collect();
    let read = |row: &SampleRow| -> Result<Option<ImportedSample>, ExportError> {
        let gold = golds.get(&row.problem_id).map_or("", String::as_str);
        Ok(session.sample(row.id)?.map(|sample| talk(&sample, gold, wanted.dialogue)))
    };
    let Some(format) = wanted.format.of_one() else { return pairs(rows, wanted.which, &read, visit) };
    for row in rows.iter().filter(|row| wanted.which.takes(row)) {
        if let Some(sample) = read(row)? {
            visit(&row.problem_id, format.render(&sample))?;
        }
    }
    Ok(())
}

/// Pairs of chains of one problem: the first that is taken with the first that is not, and so on; none is in two pairs.
fn pairs(
    rows: &[SampleRow],
    which: Which,
    read: &dyn Fn(&SampleRow) -> Result<Option<ImportedSample>, ExportError>,
    visit: &mut VisitRow<'_>,
) -> Result<(), ExportError> {
    let mut problems: BTreeMap<&str, (Vec<&SampleRow>, Vec<&SampleRow>)> = BTreeMap::new();
    for row in rows.iter().filter(|row| !row.held_out) {
        let (chosen, rejected) = problems.entry(&row.problem_id).or_default();
        if which.takes(row) {
            chosen.push(row);
        } else if is_rejected(row) {
            rejected.push(row);
        }
    }
    for (problem, (mut chosen, mut rejected)) in problems {
        for side in [&mut chosen, &mut rejected] {
            side.sort_by(|a, b| (a.draw, &a.settings).cmp(&(b.draw, &b.settings)));
        }
        for (chosen, rejected) in chosen.into_iter().zip(rejected) {
            let (Some(chosen), Some(rejected)) = (read(chosen)?, read(rejected)?) else { continue };
            let Some(mut row) = formats::pair(&chosen, &rejected) else { continue };
            row.insert("problem_id".into(), Value::from(problem));
            row.insert("gold".into(), chosen.extra.get("gold").cloned().unwrap_or(Value::Null));
            visit(problem, row)?;
        }
    }
    Ok(())
}

/// What a person, else the filter, else the grader says against a chain.
fn is_rejected(row: &SampleRow) -> bool {
    match row.standing.verb {
        Some(DecisionVerb::Reject) => true,
        Some(_) => false,
        None => row.accepted == Some(false) || row.correct == Some(false),
    }
}

/// A sample as turns: the dialogue as it was held, or what was asked first with the chain as the answer.
pub fn talk(sample: &Sample, gold: &str, dialogue: bool) -> ImportedSample {
    let (mut system, mut turns) = (None, Vec::new());
    for turn in &sample.turns {
        match turn.kind {
            TurnKind::System => system = Some(turn.text.clone()),
            TurnKind::Problem => turns.push((Role::User, turn.text.clone())),
            TurnKind::Guidance if dialogue => turns.push((Role::User, turn.text.clone())),
            TurnKind::Attempt | TurnKind::Revision if dialogue => turns.push((Role::Assistant, turn.text.clone())),
            _ => {}
        }
    }
    if !dialogue {
        turns.push((Role::Assistant, sample.chain.text.clone()));
    }
    let text = turns.first().map_or_else(String::new, |(_, text)| text.clone());
    let answer = Some(gold.to_owned()).filter(|gold| !gold.is_empty());
    let problem = ImportedProblem { text, answer, id: Some(sample.problem_id.clone()) };
    ImportedSample { problem, system, turns, finish: Some(sample.finish), extra: facts(sample, gold) }
}

/// What stands beside the turns.
fn facts(sample: &Sample, gold: &str) -> Row {
    let gold = if gold.is_empty() { Value::Null } else { Value::from(gold) };
    let facts = json!({
        "problem_id": sample.problem_id, "draw": sample.draw, "settings": sample.settings, "answer": sample.answer,
        "correct": sample.correct, "strategies": sample.strategies().collect::<Vec<_>>(), "tags": sample.tags,
        "gold": gold,
    });
    match facts {
        Value::Object(facts) => facts,
        _ => Row::new(),
    }
}
