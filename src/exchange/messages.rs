//! Training data as JSON lines of chat messages: `{"messages":[{"role","content"}, …], "problem_id", …}`.

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use serde_json::json;

use crate::records::{DecisionVerb, Message, Role, Sample, TurnKind};
use crate::session::{SampleRow, Session, SessionError};

/// Which samples to write.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Which {
    /// Accepted by the person
    #[default]
    Accepted,
    /// What is trained on: accepted by the filter, unless the person decided otherwise
    Training,
    /// With a right answer, unless the person rejected them
    Correct,
    /// All but what the person rejected
    NotRejected,
    /// All
    All,
}

impl Which {
    fn takes(self, row: &SampleRow) -> bool {
        let rejected = row.standing.verb == Some(DecisionVerb::Reject);
        match self {
            // What was drawn for a problem to be scored on is no training data, whoever accepted it.
            Which::Accepted | Which::Training | Which::Correct | Which::NotRejected if row.held_out => false,
            Which::Accepted => row.standing.verb == Some(DecisionVerb::Accept),
            Which::Training => row.trained_on(),
            Which::Correct => row.correct == Some(true) && !rejected,
            Which::NotRejected => !rejected,
            Which::All => true,
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    #[error(transparent)]
    Session(#[from] SessionError),
    #[error("{path}: {source}; nothing was replaced")]
    Io { path: PathBuf, source: std::io::Error },
}

/// Writes the samples, to a file that is replaced whole or to standard output. Returns how many.
pub fn export(session: &Session, output: Option<&Path>, which: Which, dialogue: bool) -> Result<usize, ExportError> {
    let Some(path) = output else {
        let io = |source| ExportError::Io { path: PathBuf::from("standard output"), source };
        let mut out = BufWriter::new(std::io::stdout().lock());
        let written = write(session, &mut out, which, dialogue, &io)?;
        out.flush().map_err(io)?;
        return Ok(written);
    };
    let io = |source| ExportError::Io { path: path.to_path_buf(), source };
    // A pipe or a device is written to, not replaced.
    if std::fs::metadata(path).is_ok_and(|data| !data.is_file()) {
        let mut out = BufWriter::new(std::fs::OpenOptions::new().write(true).open(path).map_err(io)?);
        let written = write(session, &mut out, which, dialogue, &io)?;
        out.flush().map_err(io)?;
        return Ok(written);
    }
    let mut fresh = path.as_os_str().to_owned();
    fresh.push(format!(".{}", std::process::id()));
    let fresh = PathBuf::from(fresh);
    let written = write_file(session, &fresh, which, dialogue, &io).and_then(|written| {
        std::fs::rename(&fresh, path).map_err(io)?;
        Ok(written)
    });
    if written.is_err() {
        // Nothing half-written stays behind; that it cannot be removed changes nothing of the error.
        let _ = std::fs::remove_file(&fresh);
    }
    written
}

fn write_file(
    session: &Session,
    path: &Path,
    which: Which,
    dialogue: bool,
    io: &dyn Fn(std::io::Error) -> ExportError,
) -> Result<usize, ExportError> {
    let mut out = BufWriter::new(std::fs::File::create(path).map_err(io)?);
    let written = write(session, &mut out, which, dialogue, io)?;
    out.into_inner().map_err(|error| io(error.into_error()))?.sync_all().map_err(io)?;
    Ok(written)
}

fn write(
    session: &Session,
    out: &mut dyn Write,
    which: Which,
    dialogue: bool,
    io: &dyn Fn(std::io::Error) -> ExportError,
) -> Result<usize, ExportError> {
    let mut written = 0;
    for row in session.sample_rows()?.iter().filter(|row| which.takes(row)) {
        let Some(sample) = session.sample(row.id)? else { continue };
        let messages = if dialogue { turns(&sample) } else { chain(&sample) };
        let line = json!({
            "messages": messages, "problem_id": sample.problem_id, "draw": sample.draw, "settings": sample.settings,
            "answer": sample.answer, "correct": sample.correct, "strategies": sample.strategies().collect::<Vec<_>>(),
            "tags": sample.tags,
        });
        writeln!(out, "{line}").map_err(io)?;
        written += 1;
    }
    Ok(written)
}

/// The single-turn form: what was asked first, and the chain as the answer.
fn chain(sample: &Sample) -> Vec<Message> {
    let asked = sample.turns.iter().filter(|turn| matches!(turn.kind, TurnKind::System | TurnKind::Problem));
    let mut messages: Vec<Message> = asked.map(message).collect();
    messages.push(Message::new(Role::Assistant, &sample.chain.text));
    messages
}

/// The dialogue as it was held.
fn turns(sample: &Sample) -> Vec<Message> {
    sample.turns.iter().map(message).collect()
}

fn message(turn: &crate::records::Turn) -> Message {
    let role = match turn.kind {
        TurnKind::System => Role::System,
        TurnKind::Problem | TurnKind::Guidance => Role::User,
        TurnKind::Attempt | TurnKind::Revision => Role::Assistant,
    };
    Message::new(role, &turn.text)
}
