//! Training data as one file of JSON lines, replaced whole, or on standard output. By default chat messages:
//! `{"messages":[{"role","content"}, …], "problem_id", …}`.

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use serde_json::Value;

use super::rows::{self, DataFormat, Wanted};
use crate::records::DecisionVerb;
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
    pub(super) fn takes(self, row: &SampleRow) -> bool {
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
    #[error("{path}: {message}; nothing was replaced")]
    Data { path: PathBuf, message: String },
    /// What was asked for cannot be done as it was asked for.
    #[error("{0}")]
    Refused(String),
}

/// Writes the samples as messages, to a file that is replaced whole or to standard output. Returns how many.
pub fn export(session: &Session, output: Option<&Path>, which: Which, dialogue: bool) -> Result<usize, ExportError> {
    export_as(session, output, Wanted { format: DataFormat::Messages, which, dialogue })
}

/// As [`export`], in any shape.
pub fn export_as(session: &Session, output: Option<&Path>, wanted: Wanted) -> Result<usize, ExportError> {
    let Some(path) = output else {
        let io = |source| ExportError::Io { path: PathBuf::from("standard output"), source };
        let mut out = BufWriter::new(std::io::stdout().lock());
        let written = write(session, &mut out, wanted, &io)?;
        out.flush().map_err(io)?;
        return Ok(written);
    };
    let io = |source| ExportError::Io { path: path.to_path_buf(), source };
    // A pipe or a device is written to, not replaced.
    if std::fs::metadata(path).is_ok_and(|data| !data.is_file()) {
        let mut out = BufWriter::new(std::fs::OpenOptions::new().write(true).open(path).map_err(io)?);
        let written = write(session, &mut out, wanted, &io)?;
        out.flush().map_err(io)?;
        return Ok(written);
    }
    let mut fresh = path.as_os_str().to_owned();
    fresh.push(format!(".{}", std::process::id()));
    let fresh = PathBuf::from(fresh);
    let written = write_file(session, &fresh, wanted, &io).and_then(|written| {
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
    wanted: Wanted,
    io: &dyn Fn(std::io::Error) -> ExportError,
) -> Result<usize, ExportError> {
    let mut out = BufWriter::new(std::fs::File::create(path).map_err(io)?);
    let written = write(session, &mut out, wanted, io)?;
    out.into_inner().map_err(|error| io(error.into_error()))?.sync_all().map_err(io)?;
    Ok(written)
}

fn write(
    session: &Session,
    out: &mut dyn Write,
    wanted: Wanted,
    io: &dyn Fn(std::io::Error) -> ExportError,
) -> Result<usize, ExportError> {
    let mut written = 0;
    rows::each(session, &session.sample_rows()?, wanted, &mut |_, row| {
        writeln!(out, "{}", Value::Object(row)).map_err(io)?;
        written += 1;
        Ok(())
    })?;
    Ok(written)
}
