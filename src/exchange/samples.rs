//! Samples that people have already, from files in the shapes of other tools: read row by row, so that a person can look at them
//! here. What becomes of them in a session: [`store`](super::store).

use std::ops::ControlFlow;
use std::path::Path;

use sha2::{Digest, Sha256};

use super::formats::{Detokenizer, SampleFormat};
use super::table::{self, ColumnMap, Container, ImportError, Row};
use crate::records::{FinishReason, Role};

/// What a file says of a sample's problem.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImportedProblem {
    /// What was asked first.
    pub text: String,
    /// The right answer, if the file has one.
    pub answer: Option<String>,
    /// What the file calls it.
    pub id: Option<String>,
}

/// A sample as a file has it.
#[derive(Debug, Clone, PartialEq)]
pub struct ImportedSample {
    pub problem: ImportedProblem,
    pub system: Option<String>,
    /// User and assistant in alternation: a question first, an answer last.
    pub turns: Vec<(Role, String)>,
    /// How the last turn ended, if the file says so.
    pub finish: Option<FinishReason>,
    /// Whether the file says that it is wanted, or that it is not.
    pub chosen: Option<bool>,
    /// All columns that the fields above do not hold, as they are.
    pub extra: Row,
}

impl ImportedSample {
    /// Names all that was said: two samples with this in common are told apart by nothing in their turns.
    pub fn said(&self) -> [u8; 32] {
        self.digest(&self.turns)
    }

    /// Names all that was said before the last answer: samples with this in common were asked alike.
    pub fn asked(&self) -> [u8; 32] {
        self.digest(self.turns.split_last().map_or(&[][..], |(_, asked)| asked))
    }

    fn digest(&self, turns: &[(Role, String)]) -> [u8; 32] {
        let mut digest = Sha256::new();
        for (who, text) in
            self.system.iter().map(|text| (Role::System, text)).chain(turns.iter().map(|turn| (turn.0, &turn.1)))
        {
            digest.update([who as u8]);
            digest.update((text.len() as u64).to_le_bytes());
            digest.update(text);
        }
        digest.finalize().into()
    }
}

/// How the rows of a file are read.
#[derive(Debug, Clone, Default)]
pub struct Reading {
    /// What every row is; left out, the first one tells.
    pub format: Option<SampleFormat>,
    pub map: ColumnMap,
    /// Makes text of tokens.
    pub detokenizer: Option<Detokenizer>,
}

/// What a file is taken for.
#[derive(Debug, Clone, PartialEq)]
pub struct Guess {
    pub container: Container,
    pub format: SampleFormat,
    /// Of the first row, by the names that `--map` gives them.
    pub columns: Vec<String>,
    pub first: Row,
}

/// Looks at the first row of a file.
///
/// # Errors
/// If there is none, or it is not clear what it is.
pub fn guess(path: &Path, reading: &Reading) -> Result<Guess, ImportError> {
    let mut found = None;
    let container = table::each(path, &mut |line, row| {
        let row = reading.map.apply(row, true).map_err(|what| ImportError::line(path, line, what))?;
        let format = reading.format.map_or_else(|| SampleFormat::guess(&row), Ok);
        found = Some((format.map_err(|what| ImportError::line(path, line, what))?, row));
        Ok(ControlFlow::Break(()))
    })?;
    let (format, first) = found.ok_or_else(|| ImportError::file(path, "holds no rows"))?;
    Ok(Guess { container, format, columns: first.keys().cloned().collect(), first })
}

/// Tells of every sample with the line or row that it stands in. The first row says what all of them are, where the reading does
/// not.
///
/// # Errors
/// The first row that is no sample of the format, or what the visitor said of one.
pub fn each(
    path: &Path,
    reading: &Reading,
    visit: &mut dyn FnMut(usize, ImportedSample) -> Result<(), ImportError>,
) -> Result<(Container, SampleFormat), ImportError> {
    let mut settled = reading.format;
    let mut first = true;
    let container = table::each(path, &mut |line, row| {
        let wrong = |what: String| ImportError::line(path, line, what);
        let row = reading.map.apply(row, std::mem::take(&mut first)).map_err(wrong)?;
        let format = match settled {
            Some(format) => format,
            None => *settled.insert(SampleFormat::guess(&row).map_err(wrong)?),
        };
        let samples = format.parse(row, reading.detokenizer.as_ref());
        for sample in samples.map_err(|what| wrong(format!("{format}: {what}")))? {
            visit(line, sample)?;
        }
        Ok(ControlFlow::Continue(()))
    })?;
    let format = settled.ok_or_else(|| ImportError::file(path, "holds no rows"))?;
    Ok((container, format))
}
