//! What lies in a batch's directory: which requests were asked, and where their answers are.
//!
//! Only names and places are kept, a few tens of bytes each; an answer is read when it is wanted.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use super::BatchError;
use super::custom_id::CustomId;
use super::line::{Kind, answer_to, kind};
use super::requests::number;
use crate::generate::http::answer::Written;
use crate::generate::http::failure::Failure;

/// Longer lines are neither read nor written, so that a wrong file costs bounded memory.
pub(super) const LONGEST_LINE: u64 = 8 << 20;

/// Where a line is.
#[derive(Debug, Clone, Copy)]
struct Place {
    /// From the beginning of the file.
    offset: u64,
    /// From 1, for messages.
    line: u32,
    /// Which of the files.
    file: u32,
}

/// What there is for a request.
pub(super) enum Found {
    Nothing,
    Written(Written),
    /// Something that is no answer; `at` says where.
    Failed {
        at: String,
        failure: Failure,
    },
}

pub(super) struct Directory {
    path: PathBuf,
    files: Vec<PathBuf>,
    /// Of several answers to a request the first one counts, in the order of names and lines.
    answers: HashMap<CustomId, Place>,
    errors: HashMap<CustomId, Place>,
    asked: HashSet<CustomId>,
    /// The highest number of a file of requests.
    last_requests: u32,
    /// The file that was read last, by its place among `files`.
    reading: Option<(u32, BufReader<File>)>,
}

impl Directory {
    /// Reads the names in all files. A directory that is missing is empty.
    pub fn open(path: &Path) -> Result<Self, BatchError> {
        let mut directory = Self {
            path: path.to_path_buf(),
            files: Vec::new(),
            answers: HashMap::new(),
            errors: HashMap::new(),
            asked: HashSet::new(),
            last_requests: 0,
            reading: None,
        };
        for file in files(path)? {
            directory.add(file)?;
        }
        Ok(directory)
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn last_requests(&self) -> u32 {
        self.last_requests
    }

    pub fn was_asked(&self, id: CustomId) -> bool {
        self.asked.contains(&id)
    }

    pub fn note_asked(&mut self, id: CustomId) {
        self.asked.insert(id);
    }

    fn add(&mut self, path: PathBuf) -> Result<(), BatchError> {
        self.last_requests = self.last_requests.max(number(&path).unwrap_or(0));
        let file = u32::try_from(self.files.len()).unwrap_or(u32::MAX);
        let (asked, answers, errors) = (&mut self.asked, &mut self.answers, &mut self.errors);
        each_line(&path, |offset, line, bytes| {
            let place = Place { offset, line, file };
            match kind(bytes)? {
                Some((id, Kind::Request)) => {
                    asked.insert(id);
                }
                Some((id, Kind::Answer)) => {
                    answers.entry(id).or_insert(place);
                }
                Some((id, Kind::Error)) => {
                    errors.entry(id).or_insert(place);
                }
                None => {}
            }
            Ok(())
        })?;
        self.files.push(path);
        Ok(())
    }

    /// What there is for the request of this name.
    pub fn find(&mut self, id: CustomId) -> Result<Found, BatchError> {
        let Some(place) = self.answers.get(&id).or_else(|| self.errors.get(&id)).copied() else {
            return Ok(Found::Nothing);
        };
        let Some(path) = self.files.get(place.file as usize) else { return Ok(Found::Nothing) };
        let bytes = read(&mut self.reading, place, path).map_err(|source| BatchError::io(path, source))?;
        match answer_to(id, content(&bytes)) {
            Some(Ok(written)) => Ok(Found::Written(written)),
            Some(Err(failure)) => Ok(Found::Failed { at: format!("{}:{}", path.display(), place.line), failure }),
            None => {
                let message = "the file was changed meanwhile; call the same again".to_owned();
                Err(BatchError::Line { path: path.clone(), line: place.line, message })
            }
        }
    }
}

/// The files of a batch in the order of their names.
fn files(directory: &Path) -> Result<Vec<PathBuf>, BatchError> {
    let entries = match std::fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) if error.kind() == ErrorKind::NotADirectory => {
            return Err(BatchError::NoDirectory { path: directory.to_path_buf() });
        }
        Err(error) => return Err(BatchError::io(directory, error)),
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| BatchError::io(directory, error))?.path();
        let hidden = path.file_name().is_none_or(|name| name.as_encoded_bytes().starts_with(b"."));
        // What is no file, such as a pipe, might never end.
        if !hidden && path.extension().is_some_and(|extension| extension == "jsonl") && path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Tells of every line that is not empty, with its offset and its number. A last line that has no end and cannot be
/// read was cut off, or is still being written: it is passed over.
fn each_line(
    path: &Path,
    mut visit: impl FnMut(u64, u32, &[u8]) -> Result<(), serde_json::Error>,
) -> Result<(), BatchError> {
    let wrong = |source| BatchError::io(path, source);
    let mut reader = BufReader::with_capacity(1 << 18, File::open(path).map_err(wrong)?);
    let (mut bytes, mut offset, mut line) = (Vec::new(), 0u64, 0u32);
    loop {
        bytes.clear();
        line = line.saturating_add(1);
        let at_line = |message: String| BatchError::Line { path: path.to_path_buf(), line, message };
        let count = (&mut reader).take(LONGEST_LINE + 1).read_until(b'\n', &mut bytes).map_err(wrong)? as u64;
        if count == 0 {
            return Ok(());
        }
        if count > LONGEST_LINE {
            return Err(at_line("a line of more than 8 MiB; is this a file of the batch?".to_owned()));
        }
        let said = content(&bytes);
        if !said.is_empty()
            && let Err(error) = visit(offset, line, said)
        {
            if bytes.ends_with(b"\n") {
                let why = without_position(&error);
                return Err(at_line(format!("no line of a batch ({why}); keep other files elsewhere")));
            }
            tracing::warn!("{}:{line}: the last line is cut off and not counted", path.display());
        }
        offset = offset.saturating_add(count);
    }
}

/// A line without its end, and without the mark that some programs put before the first one.
fn content(line: &[u8]) -> &[u8] {
    line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line).trim_ascii()
}

/// Reads a line again; less of it where the file was changed.
fn read(reading: &mut Option<(u32, BufReader<File>)>, place: Place, path: &Path) -> std::io::Result<Vec<u8>> {
    let mut reader = match reading.take() {
        Some((file, reader)) if file == place.file => reader,
        _ => BufReader::new(File::open(path)?),
    };
    let mut bytes = Vec::new();
    reader.seek(SeekFrom::Start(place.offset))?;
    (&mut reader).take(LONGEST_LINE).read_until(b'\n', &mut bytes)?;
    *reading = Some((place.file, reader));
    Ok(bytes)
}

/// serde_json's message without its own line and column, which count within one line here.
fn without_position(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.rfind(" at line ").map_or(text.clone(), |end| text[..end].to_owned())
}
