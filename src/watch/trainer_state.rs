//! `trainer_state.json` of the Hugging Face trainer, and of everything built on it: TRL, axolotl, LLaMA-Factory.
//!
//! It is rewritten whole, at the end and in each checkpoint, so the newest one that parses is read again when it has changed,
//! and only the entries of its history that are new are told. One that is being written does not parse yet and waits.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::gathered::Gathered;
use super::json::{self, Fields, Scalar, count};
use super::tail::{Stamp, whole};

/// A larger one is not read: it is read whole.
const LIMIT: u64 = 32 << 20;
/// So long after it was written a file that does not parse is damaged.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(30);

/// The states of one run that are followed, the newest first.
#[derive(Debug)]
pub(super) struct TrainerState {
    files: Vec<PathBuf>,
    /// What has been read, or found wanting, already.
    stamps: HashMap<PathBuf, Stamp>,
    entries: usize,
    hash: u64,
}

/// What is of interest in it.
#[derive(Debug, Deserialize)]
struct State {
    #[serde(default)]
    log_history: Vec<Fields>,
    #[serde(default)]
    global_step: Option<f64>,
    #[serde(default)]
    max_steps: Option<f64>,
}

impl TrainerState {
    pub fn new(files: Vec<PathBuf>) -> Self {
        Self { files, stamps: HashMap::new(), entries: 0, hash: hash_of(&[]) }
    }

    /// The files that there are now, the newest first.
    pub fn set_files(&mut self, files: Vec<PathBuf>) {
        self.stamps.retain(|path, _| files.contains(path));
        self.files = files;
    }

    /// # Errors
    /// Of the file system, for the newest file.
    pub fn look(&mut self, budget: &mut u64, gathered: &mut Gathered) -> io::Result<bool> {
        for file in self.files.clone() {
            let metadata = match std::fs::metadata(&file) {
                // A checkpoint that was rotated away meanwhile.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                metadata => metadata?,
            };
            let stamp = Stamp::of(&metadata);
            if self.stamps.get(&file) == Some(&stamp) {
                return Ok(false);
            }
            if *budget == 0 {
                return Ok(true);
            }
            let bytes = whole(&file, LIMIT)?;
            *budget = budget.saturating_sub(bytes.len() as u64);
            match json::parse::<State>(&bytes) {
                Ok(state) => {
                    self.tell(&state, gathered);
                    if let Some(stamp) = stamp.settled() {
                        self.stamps.insert(file, stamp);
                    }
                    return Ok(false);
                }
                Err(error) => complain(&file, &metadata, &error, gathered),
            }
        }
        Ok(false)
    }

    fn tell(&mut self, state: &State, gathered: &mut Gathered) {
        let history = &state.log_history;
        let known = history.get(..self.entries).is_some_and(|known| hash_of(known) == self.hash);
        if !known {
            gathered.restart();
            self.entries = 0;
        }
        for entry in &history[self.entries..] {
            tell_entry(entry, gathered);
        }
        let total = state.max_steps.and_then(count).filter(|total| *total > 0);
        if (history.len() > self.entries || !known)
            && let Some(total) = total
        {
            gathered.total_steps = Some(total);
            if state.global_step.and_then(count).is_some_and(|step| step >= total) {
                gathered.finished = Some(true);
            }
        }
        self.entries = history.len();
        self.hash = hash_of(history);
    }
}

/// A file that does not parse is torn while it is young, and damaged later.
fn complain(file: &Path, metadata: &std::fs::Metadata, error: &serde_json::Error, gathered: &mut Gathered) {
    let age = metadata.modified().ok().and_then(|modified| modified.elapsed().ok());
    if age.is_some_and(|age| age > PATIENCE) {
        let place = file.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy().into_owned();
        gathered.trouble(format!("trainer_state.json in {place} is damaged ({error}); an older one is read"));
    }
}

fn tell_entry(entry: &Fields, gathered: &mut Gathered) {
    let Some(step) = entry.count("step") else { return };
    for (tag, value) in &entry.0 {
        if let Scalar::Number(number) = value
            && tag != "step"
        {
            gathered.point(tag, step, *number, None);
        }
    }
}

/// Entries by what they say.
fn hash_of(entries: &[Fields]) -> u64 {
    let mut hasher = DefaultHasher::new();
    for Fields(fields) in entries {
        fields.len().hash(&mut hasher);
        for (key, value) in fields {
            key.hash(&mut hasher);
            match value {
                Scalar::Number(number) => number.to_bits().hash(&mut hasher),
                Scalar::Text(text) => text.hash(&mut hasher),
                Scalar::Null | Scalar::Other => {}
            }
        }
    }
    hasher.finish()
}
