//! Imported samples into a session: under settings that name the file, each graded where there is a right answer.
//!
//! The settings' hash is made of the content of the file and of how it was read, and the draws of a problem are counted in the
//! order of the file. So a file that is stored twice adds nothing. What a file says is wanted or not is stored as a person's
//! decision: somebody made it, and a decision of this session goes before it. What else a file says is kept beside the sample
//! (`columns`), whatever its size: no row has more than the reader of tables takes.

mod found;

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::columns;
use super::formats::{SampleFormat, peek_text};
use super::samples::{self, ImportedSample, Reading};
use super::table::{ImportError, Row};
use crate::dialogue;
use crate::hub;
use crate::math;
use crate::records::{
    DecisionVerb, FinishReason, ModelIdentity, Problem, Role, Sample, SampleSettings, Sampling, Turn, TurnKind,
    now_millis,
};
use crate::session::{Session, SessionError};
use crate::train::checkpoint::store::hash_file;

pub use found::Found;

/// Tag of a sample that came from a file, and the reason of a decision that did.
pub const IMPORTED: &str = "imported";
/// Samples stored in one transaction, and about how many bytes of theirs wait for it.
const CHUNK: usize = 256;
const MOST_WAITING: usize = 32 << 20;

/// Why samples were not stored.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error(transparent)]
    Import(#[from] ImportError),
    #[error(transparent)]
    Session(#[from] SessionError),
}

/// What was stored.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Stored {
    pub added: usize,
    /// There already, from the same file.
    pub unchanged: usize,
    /// In several pairs, word for word: one sample, with the columns of the first.
    pub repeated: usize,
    /// Decisions that the file made.
    pub accepted: usize,
    pub rejected: usize,
    pub problems_added: usize,
    /// Of all samples of the file: those that could be graded, and the right ones.
    pub graded: usize,
    pub correct: usize,
    /// Samples whose right answer differs from the one that the session has for their problem, which is the one that counts.
    pub other_gold: usize,
    /// Names the settings that they are stored under.
    pub settings: String,
}

/// A file that was read to its end and can be stored.
#[derive(Debug)]
pub struct Readable {
    pub found: Found,
    path: PathBuf,
    reading: Reading,
    /// The right answer of each problem, by [`Problem::id_of_text`]: the first that the file gives.
    golds: HashMap<String, Option<String>>,
    content: String,
}

/// Reads a file to its end, so that it is stored whole or not at all.
///
/// # Errors
/// The first row that is no sample.
pub fn look(path: &Path, reading: &Reading) -> Result<Readable, ImportError> {
    let content = content(path)?;
    let mut golds: HashMap<String, Option<String>> = HashMap::new();
    let (mut samples, mut with_gold, mut chosen, mut rejected) = (0, 0, 0, 0);
    let (container, format) = samples::each(path, reading, &mut |_, sample| {
        samples += 1;
        with_gold += usize::from(sample.problem.answer.is_some());
        chosen += usize::from(sample.chosen == Some(true));
        rejected += usize::from(sample.chosen == Some(false));
        let known = golds.entry(Problem::id_of_text(&sample.problem.text)).or_default();
        if known.is_none() {
            *known = sample.problem.answer;
        }
        Ok(())
    })?;
    let found = Found { container, format, samples, problems: golds.len(), with_gold, chosen, rejected };
    let reading = Reading { format: Some(format), ..reading.clone() };
    Ok(Readable { found, path: path.to_path_buf(), reading, golds, content })
}

/// Stores the samples of a file.
///
/// # Errors
/// If the file cannot be read any more, or the session cannot be written.
pub fn store(session: &Session, readable: &Readable) -> Result<Stored, StoreError> {
    let settings = settings(readable);
    let provenance = json!({
        "cribble": env!("CARGO_PKG_VERSION"), "imported_at": now_millis(), "file": readable.path.display().to_string(),
        "tokens": "estimated from the length of the text",
    });
    let hash = session.put_settings(&settings, &provenance)?;
    let mut storing = Storing::new(session, readable, hash);
    // The visitor speaks of files; what the session says is kept aside.
    let mut failed = None;
    let read = samples::each(&readable.path, &readable.reading, &mut |line, sample| {
        storing.take(sample).map_err(|error| {
            failed = Some(error);
            ImportError::line(&readable.path, line, "could not be stored")
        })
    });
    match (read, failed) {
        (Err(_), Some(error)) => return Err(error.into()),
        (Err(error), None) => return Err(error.into()),
        (Ok(_), _) => storing.finish()?,
    }
    Ok(storing.stored)
}

/// The settings that say where these samples came from. No model of this machine has them.
fn settings(readable: &Readable) -> SampleSettings {
    let format = readable.found.format.to_string();
    let file = readable.path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let mut dialogue = json!({"name": IMPORTED, "format": format, "columns": readable.reading.map.record()});
    if readable.found.format == SampleFormat::Tokens
        && let Some(detokenizer) = &readable.reading.detokenizer
    {
        dialogue["model"] = Value::from(detokenizer.identity());
    }
    SampleSettings {
        model: ModelIdentity {
            name: format!("imported from {file} ({format})"),
            content: readable.content.clone(),
            template: IMPORTED.into(),
            compute: IMPORTED.into(),
            context_length: 0,
        },
        turns: 1,
        sampling: Sampling::default(),
        seed: 0,
        dialogue,
    }
}

/// Hash of what a file holds; of a data set on the Hub, of the hashes of its files.
fn content(path: &Path) -> Result<String, ImportError> {
    let of = |file: &Path| hash_file(file).map_err(|error| ImportError::file(path, format!("cannot be read: {error}")));
    let Some(name) = path.to_str().filter(|name| hub::is_hub_name(name)) else { return of(path) };
    let hashes = hub::dataset_paths(name)?.iter().map(|file| of(file)).collect::<Result<Vec<_>, _>>()?;
    Ok(Sha256::digest(hashes.join(" ")).iter().map(|byte| format!("{byte:02x}")).collect())
}

/// A problem of the session that samples belong to.
#[derive(Debug, Clone)]
struct Known {
    id: String,
    gold: String,
}

struct Storing<'a> {
    session: &'a Session,
    readable: &'a Readable,
    settings: String,
    /// The problem of each text and of each id that a file gives it.
    known: HashMap<(String, Option<String>), Known>,
    draws: HashMap<String, u32>,
    /// What was said in samples that are wanted or not, and whether they are.
    said: HashSet<([u8; 32], bool)>,
    /// Whether a draw of a problem is wanted.
    decided: HashMap<(String, u32), bool>,
    problems: Vec<Problem>,
    samples: Vec<(Sample, Row)>,
    /// About how many bytes these have.
    waiting: usize,
    stored: Stored,
}

impl<'a> Storing<'a> {
    fn new(session: &'a Session, readable: &'a Readable, settings: String) -> Self {
        let stored = Stored { settings: settings.clone(), ..Stored::default() };
        Self {
            session,
            readable,
            settings,
            known: HashMap::new(),
            draws: HashMap::new(),
            said: HashSet::new(),
            decided: HashMap::new(),
            problems: Vec::new(),
            samples: Vec::new(),
            waiting: 0,
            stored,
        }
    }

    fn take(&mut self, mut imported: ImportedSample) -> Result<(), SessionError> {
        // One that is wanted in one pair and not in another is two: each pair keeps what it says.
        if let Some(chosen) = imported.chosen
            && !self.said.insert((imported.said(), chosen))
        {
            self.stored.repeated += 1;
            return Ok(());
        }
        let Known { id, gold } = self.problem_of(&imported)?;
        let other =
            imported.problem.answer.as_deref().is_some_and(|answer| answer != gold && !math::equal(answer, &gold));
        self.stored.other_gold += usize::from(other);
        let draw = self.draws.entry(id.clone()).or_default();
        if let Some(chosen) = imported.chosen {
            self.decided.insert((id.clone(), *draw), chosen);
        }
        let theirs = columns::theirs(self.readable.found.format, std::mem::take(&mut imported.extra));
        let sample = sample(imported, (id, *draw, self.settings.clone()), &gold);
        *draw += 1;
        self.stored.graded += usize::from(sample.correct.is_some());
        self.stored.correct += usize::from(sample.correct == Some(true));
        self.waiting += weight(&sample, &theirs);
        self.samples.push((sample, theirs));
        if self.samples.len() >= CHUNK || self.waiting >= MOST_WAITING { self.flush() } else { Ok(()) }
    }

    /// The problem of the session with this text, else a new one.
    fn problem_of(&mut self, imported: &ImportedSample) -> Result<Known, SessionError> {
        let by_text = Problem::id_of_text(&imported.problem.text);
        let key = (by_text.clone(), imported.problem.id.clone());
        if let Some(known) = self.known.get(&key) {
            return Ok(known.clone());
        }
        let known = self.find_or_make(imported, by_text)?;
        self.known.insert(key, known.clone());
        Ok(known)
    }

    fn find_or_make(&mut self, imported: &ImportedSample, by_text: String) -> Result<Known, SessionError> {
        let text = &imported.problem.text;
        let same = |one: &str| one.split_whitespace().eq(text.split_whitespace());
        // An id with another text is a row's and not a problem's.
        for id in imported.problem.id.iter().chain([&by_text]) {
            let waiting = self.problems.iter().find(|problem| problem.id == *id).cloned();
            let there = match waiting {
                Some(problem) => Some(problem),
                None => self.session.problem(id)?,
            };
            match there {
                Some(problem) if same(&problem.text) => return Ok(Known { id: problem.id, gold: problem.answer }),
                Some(_) => {}
                None => {
                    let gold = self.readable.golds.get(&by_text).cloned().flatten().unwrap_or_default();
                    let problem = self.new_problem(imported, id, &gold);
                    self.problems.push(problem);
                    return Ok(Known { id: id.clone(), gold });
                }
            }
        }
        // Two texts with one hash: as good as impossible, and then one more word tells them apart.
        let id = format!("{by_text}-{}", text.len());
        let gold = imported.problem.answer.clone().unwrap_or_default();
        let problem = self.new_problem(imported, &id, &gold);
        self.problems.push(problem);
        Ok(Known { id, gold })
    }

    fn new_problem(&self, imported: &ImportedSample, id: &str, gold: &str) -> Problem {
        let extra = &imported.extra;
        let file = self.readable.path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
        Problem {
            id: id.to_owned(),
            text: imported.problem.text.clone(),
            answer: gold.to_owned(),
            source: peek_text(extra, &["source"]).unwrap_or(file),
            split: peek_text(extra, &["split"]),
            level: extra.get("level").and_then(super::problems::level),
            subject: peek_text(extra, &["subject", "type", "problem_type"]),
            solution: peek_text(extra, &["solution"]),
            extra: serde_json::Map::new(),
        }
    }

    fn finish(&mut self) -> Result<(), SessionError> {
        self.flush()?;
        self.decide()
    }

    /// Decides as the file does on what nobody has decided on yet.
    fn decide(&mut self) -> Result<(), SessionError> {
        if self.decided.is_empty() {
            return Ok(());
        }
        let mut wanted = Vec::new();
        for row in self.session.sample_rows()?.into_iter().filter(|row| row.settings == self.settings) {
            if let Some(chosen) = self.decided.get(&(row.problem_id, row.draw)) {
                wanted.push((row.id, if *chosen { DecisionVerb::Accept } else { DecisionVerb::Reject }));
            }
        }
        let decided = self.session.decide_where_open(&wanted, Some(IMPORTED))?;
        self.stored.accepted = decided.iter().filter(|verb| **verb == DecisionVerb::Accept).count();
        self.stored.rejected = decided.len() - self.stored.accepted;
        Ok(())
    }

    fn flush(&mut self) -> Result<(), SessionError> {
        if !self.problems.is_empty() {
            self.stored.problems_added += self.session.add_problems(&self.problems)?.added;
            self.problems.clear();
        }
        let added = self.session.add_samples_with(self.samples.iter().map(|(sample, theirs)| (sample, theirs)))?;
        self.stored.added += added;
        self.stored.unchanged += self.samples.len() - added;
        self.samples.clear();
        self.waiting = 0;
        Ok(())
    }
}

fn sample(imported: ImportedSample, (problem_id, draw, settings): (String, u32, String), gold: &str) -> Sample {
    let finish = imported.finish.unwrap_or(FinishReason::Stop);
    let mut turns: Vec<Turn> = Vec::new();
    turns.extend(imported.system.map(|text| turn(TurnKind::System, text)));
    for (at, (role, text)) in imported.turns.into_iter().enumerate() {
        let kind = match (role, at) {
            (Role::Assistant, 1) => TurnKind::Attempt,
            (Role::Assistant, _) => TurnKind::Revision,
            (_, 0) => TurnKind::Problem,
            _ => TurnKind::Guidance,
        };
        turns.push(turn(kind, text));
    }
    if let Some(last) = turns.last_mut() {
        last.finish = Some(finish);
    }
    let revisions = turns.iter().filter(|turn| turn.kind == TurnKind::Revision).count();
    let chain = dialogue::stitch(&turns, &vec![String::new(); revisions]);
    let check = math::check(gold, &chain.text);
    Sample {
        problem_id,
        draw,
        settings,
        tokens: turns.iter().map(|turn| turn.tokens).sum(),
        turns,
        chain,
        tags: vec![IMPORTED.to_owned()],
        finish,
        answer: check.answer,
        // Without a right answer nothing can be right or wrong.
        correct: check.correct.filter(|_| !gold.trim().is_empty()),
        seconds: 0.0,
        created_at: now_millis(),
    }
}

/// About how many bytes a sample has.
fn weight(sample: &Sample, theirs: &Row) -> usize {
    let said: usize = sample.turns.iter().map(|turn| turn.text.len()).sum();
    said + serde_json::to_string(theirs).map_or(0, |json| json.len())
}

/// No file says how many tokens a turn had: English text has about one for each four bytes.
fn turn(kind: TurnKind, text: String) -> Turn {
    let wrote = matches!(kind, TurnKind::Attempt | TurnKind::Revision);
    let finish = wrote.then_some(FinishReason::Stop);
    let tokens = if wrote { text.len().div_ceil(4) } else { 0 };
    Turn { kind, strategy: None, text, token_ids: Vec::new(), tokens, finish, logprob: None }
}
