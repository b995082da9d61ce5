//! The samples of a session as rows of training data.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};

use clap::ValueEnum;
use serde_json::{Value, json};

use super::columns;
use super::formats::{self, SampleFormat};
use super::messages::{ExportError, Which};
use super::samples::{ImportedProblem, ImportedSample};
use super::store::IMPORTED;
use super::table::Row;
use crate::records::{DecisionVerb, EDITED, Role, Sample, TurnKind};
use crate::session::{Extras, SampleRow, Session};

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
    /// `prompt`, `completion`, `label`: chains that were taken, and those that were rejected
    Unpaired,
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
            DataFormat::Unpaired => "unpaired",
        }
    }

    /// What it is read as.
    pub(super) fn read_as(self) -> SampleFormat {
        match self {
            DataFormat::Messages => SampleFormat::Messages,
            DataFormat::PromptCompletion => SampleFormat::PromptCompletion,
            DataFormat::ShareGpt => SampleFormat::ShareGpt,
            DataFormat::Alpaca => SampleFormat::Alpaca,
            DataFormat::Preference => SampleFormat::Preference,
            DataFormat::Unpaired => SampleFormat::Unpaired,
        }
    }
}

/// What is written, and how.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wanted {
    pub format: DataFormat,
    pub which: Which,
    /// The whole dialogue instead of the stitched chain. Chats that were imported are always written whole.
    pub dialogue: bool,
}

impl Wanted {
    /// Whether a chain goes out as one that was taken, or where rows have labels as one that was rejected.
    pub(super) fn takes(&self, row: &SampleRow) -> bool {
        self.which.takes(row) || self.format == DataFormat::Unpaired && !row.held_out && is_rejected(row)
    }
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
    let read = |row: &SampleRow| -> Result<Option<Outgoing>, ExportError> {
        let gold = golds.get(&row.problem_id).map_or("", String::as_str);
        let Some(sample) = session.sample(row.id)? else { return Ok(None) };
        let dialogue = wanted.dialogue || is_their_chat(&sample);
        Ok(Some(Outgoing { sample: talk(&sample, gold, dialogue), theirs: session.extras(row.id)? }))
    };
    let format = wanted.format.read_as();
    if format == SampleFormat::Preference {
        return pairs(rows, wanted.which, &read, visit);
    }
    for row in rows.iter().filter(|row| wanted.takes(row)) {
        let Some(Outgoing { sample, theirs }) = read(row)? else { continue };
        // A person's word goes before what was asked for, as all samples may be.
        let chosen = wanted.which.takes(row) && row.standing.verb != Some(DecisionVerb::Reject);
        if let Some(mut written) = format.render(&ImportedSample { chosen: Some(chosen), ..sample }) {
            columns::append(format, &mut written, theirs);
            visit(&row.problem_id, written)?;
        }
    }
    Ok(())
}

/// A sample on its way out, and the columns of others that it came with.
struct Outgoing {
    sample: ImportedSample,
    theirs: Extras,
}

/// What reads the sample of a row.
type Read<'r> = dyn Fn(&SampleRow) -> Result<Option<Outgoing>, ExportError> + 'r;

/// Problems that have rows of this shape.
///
/// # Errors
/// As [`each`].
pub fn problems(session: &Session, rows: &[SampleRow], wanted: Wanted) -> Result<BTreeSet<String>, ExportError> {
    let mut problems = BTreeSet::new();
    each(session, rows, wanted, &mut |problem, _| {
        problems.insert(problem.to_owned());
        Ok(())
    })?;
    Ok(problems)
}

/// Pairs of chains of one problem that were asked alike: the first that is taken with the first that is not, and so on. None is in two
/// pairs, and none says what another of its side said: who reads the pairs could not tell the two apart.
fn pairs(rows: &[SampleRow], which: Which, read: &Read<'_>, visit: &mut VisitRow<'_>) -> Result<(), ExportError> {
    let mut problems: BTreeMap<&str, (Vec<&SampleRow>, Vec<&SampleRow>)> = BTreeMap::new();
    for row in rows.iter().filter(|row| !row.held_out) {
        let (chosen, rejected) = problems.entry(&row.problem_id).or_default();
        if which.takes(row) {
            chosen.push(row);
        } else if is_rejected(row) {
            rejected.push(row);
        }
    }
    problems.retain(|_, (chosen, rejected)| !chosen.is_empty() && !rejected.is_empty());
    for (problem, (mut chosen, mut rejected)) in problems {
        for side in [&mut chosen, &mut rejected] {
            side.sort_by(|a, b| (a.draw, &a.settings).cmp(&(b.draw, &b.settings)));
        }
        let (mut chosen, mut against) = (Distinct::of(chosen), Against::of(Distinct::of(rejected), read)?);
        while let Some((_, chosen)) = chosen.next(read)? {
            let Some(rejected) = against.take(&chosen.sample) else { continue };
            let Some(rejected) = read(rejected)? else { continue };
            let Some(mut row) = formats::pair(&chosen.sample, &rejected.sample) else { continue };
            row.insert("problem_id".into(), Value::from(problem));
            row.insert("gold".into(), chosen.sample.extra.get("gold").cloned().unwrap_or(Value::Null));
            // What only one of the two came with says nothing of the pair.
            let mut theirs = chosen.theirs;
            theirs.retain(|name, value| rejected.theirs.get(name) == Some(&*value));
            columns::append(SampleFormat::Preference, &mut row, theirs);
            visit(problem, row)?;
        }
    }
    Ok(())
}

/// Samples of a problem that are not taken, by how they were asked, in their order. A problem may have any number of them: they are
/// known by what names their texts, and read anew.
struct Against<'r> {
    asked: HashMap<[u8; 32], VecDeque<([u8; 32], &'r SampleRow)>>,
}

impl<'r> Against<'r> {
    fn of(mut rejected: Distinct<'r>, read: &Read<'_>) -> Result<Self, ExportError> {
        let mut asked: HashMap<_, VecDeque<_>> = HashMap::new();
        while let Some((row, Outgoing { sample, .. })) = rejected.next(read)? {
            asked.entry(sample.asked()).or_default().push_back((sample.said(), row));
        }
        Ok(Self { asked })
    }

    /// The next that was asked as this sample was and says something else.
    fn take(&mut self, chosen: &ImportedSample) -> Option<&'r SampleRow> {
        let alike = self.asked.get_mut(&chosen.asked())?;
        let said = chosen.said();
        let at = alike.iter().position(|(other, _)| *other != said)?;
        alike.remove(at).map(|(_, row)| row)
    }
}

/// Samples of some rows, each of which says something else.
struct Distinct<'r> {
    rows: std::vec::IntoIter<&'r SampleRow>,
    said: HashSet<[u8; 32]>,
}

impl<'r> Distinct<'r> {
    fn of(rows: Vec<&'r SampleRow>) -> Self {
        Self { rows: rows.into_iter(), said: HashSet::new() }
    }

    fn next(&mut self, read: &Read<'_>) -> Result<Option<(&'r SampleRow, Outgoing)>, ExportError> {
        for row in self.rows.by_ref() {
            if let Some(outgoing) = read(row)?
                && self.said.insert(outgoing.sample.said())
            {
                return Ok(Some((row, outgoing)));
            }
        }
        Ok(None)
    }
}

/// What a person, else the filter, else the grader says against a chain.
fn is_rejected(row: &SampleRow) -> bool {
    match row.standing.verb {
        Some(DecisionVerb::Reject) => true,
        Some(_) => false,
        None => row.accepted == Some(false) || row.correct == Some(false),
    }
}

/// Whether a sample is a chat of others with several questions. Its earlier turns are what was asked: a chain stitched of them would
/// put answers to one question into that to another. A chain that a person edited is its own text.
fn is_their_chat(sample: &Sample) -> bool {
    let tagged = |name: &str| sample.tags.iter().any(|tag| tag == name);
    tagged(IMPORTED) && !tagged(EDITED) && sample.turns.iter().any(|turn| turn.kind == TurnKind::Guidance)
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
    ImportedSample { problem, system, turns, finish: Some(sample.finish), chosen: None, extra: facts(sample, gold) }
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
