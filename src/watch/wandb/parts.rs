//! The folders that runs are written to offline, `offline-run-<time>-<id>`: one for each time that a run was begun or gone on
//! with. Parts of one run have its id in common.

use std::fs::OpenOptions;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::blocks::Assembly;
use super::record;
use crate::watch::tail::Tail;

const PREFIX: &str = "offline-run-";
/// When a part was begun, in UTC.
const STAMP: &str = "%Y%m%d_%H%M%S";
const STAMP_BYTES: usize = 15;
/// A longer id is none.
const ID_BYTES: usize = 64;
/// Folders of a directory that are looked at.
const FOLDERS: usize = 10_000;
/// Seconds that are tried for a part, if others have their folders already.
const SECONDS: u32 = 1000;

/// A part of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    pub id: String,
    /// In seconds since the Unix epoch.
    pub begun: i64,
    /// Its record.
    pub file: PathBuf,
}

/// The parts in a directory by their times. Whatever else lies there is passed over; a missing directory has none.
///
/// # Errors
/// Of the file system.
pub fn parts(directory: &Path) -> io::Result<Vec<Part>> {
    let entries = match std::fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut parts: Vec<Part> = entries.take(FOLDERS).filter_map(|entry| Part::of(&entry.ok()?.path())).collect();
    parts.sort_by(|a, b| (a.begun, &a.id).cmp(&(b.begun, &b.id)));
    Ok(parts)
}

impl Part {
    /// What the name of a folder says.
    fn of(folder: &Path) -> Option<Self> {
        let name = folder.file_name()?.to_str()?.strip_prefix(PREFIX)?;
        let (stamp, id) = name.split_at_checked(STAMP_BYTES)?;
        let id = id.strip_prefix('-')?;
        let is_id = (1..=ID_BYTES).contains(&id.len()) && id.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        let begun = DateTime::strptime(STAMP, stamp).and_then(|time| TimeZone::UTC.to_timestamp(time)).ok()?;
        is_id.then(|| Self { id: id.to_owned(), begun: begun.as_second(), file: file_in(folder, id) })
    }

    /// Makes the folder of another part: of this second, or of the first one after it whose folder is not there yet.
    ///
    /// # Errors
    /// Of the file system.
    pub(super) fn create(directory: &Path, id: &str, begun: i64) -> io::Result<Self> {
        std::fs::create_dir_all(directory)?;
        for begun in (0..SECONDS).map(|late| begun.saturating_add(i64::from(late))) {
            let time = Timestamp::from_second(begun).map_err(io::Error::other)?;
            let folder = directory.join(format!("{PREFIX}{}-{id}", time.strftime(STAMP)));
            match std::fs::create_dir(&folder) {
                Ok(()) => return Ok(Self { id: id.to_owned(), begun, file: file_in(&folder, id) }),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        Err(io::Error::other("too many parts of a run were begun at one time"))
    }

    /// Cuts off what a writer that is gone left half-written, since W&B uploads nothing that comes after it; a part without a row is
    /// removed. The highest step of the others.
    ///
    /// # Errors
    /// Of the file system.
    pub fn mend(&self) -> io::Result<Option<u64>> {
        let (last_step, whole) = self.read()?;
        if last_step.is_some() {
            let file = OpenOptions::new().write(true).open(&self.file)?;
            if file.metadata()?.len() > whole {
                file.set_len(whole)?;
            }
            return Ok(last_step);
        }
        match std::fs::remove_file(&self.file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        if let Some(folder) = self.file.parent() {
            // One that holds something else stays.
            let _ = std::fs::remove_dir(folder);
        }
        Ok(None)
    }

    /// The highest step, and where the last whole record ends.
    fn read(&self) -> io::Result<(Option<u64>, u64)> {
        let mut tail = Tail::new(self.file.clone());
        let mut grown = match tail.grown() {
            Ok(Some(grown)) => grown,
            Ok(None) => return Ok((None, 0)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((None, 0)),
            Err(error) => return Err(error),
        };
        let (mut assembly, mut budget) = (Assembly::default(), u64::MAX);
        let mut last: Option<u64> = None;
        tail.follow(&mut grown, &mut budget, |piece| {
            // What is damaged has no step; who watches the run is told.
            let mut troubles = Vec::new();
            assembly.take(piece, &mut troubles, |record| last = last.max(record::step(record)))
        })?;
        Ok((last, assembly.whole()))
    }
}

fn file_in(folder: &Path, id: &str) -> PathBuf {
    folder.join(format!("run-{id}.wandb"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_found_by_their_names_and_a_new_one_takes_no_others_place() {
        let dir = tempfile::tempdir().unwrap();
        let place = dir.path().join("wandb");
        assert_eq!(parts(&place).unwrap(), []);
        let begun = 1_767_225_600;
        let made: Vec<Part> = (0..3).map(|_| Part::create(&place, "abcd1234", begun).unwrap()).collect();
        assert_eq!(made.iter().map(|part| part.begun - begun).collect::<Vec<_>>(), [0, 1, 2]);
        assert!(made[0].file.ends_with("offline-run-20260101_000000-abcd1234/run-abcd1234.wandb"));
        for other in
            ["latest-run", "offline-run-20260101_000000-", "offline-run-20261301_000000-x", "offline-run-€€€€€-x"]
        {
            std::fs::create_dir(place.join(other)).unwrap();
        }
        assert_eq!(parts(&place).unwrap(), made);
        // Parts without a record, and with an empty one.
        std::fs::write(&made[1].file, b"").unwrap();
        assert_eq!((made[0].mend().unwrap(), made[1].mend().unwrap()), (None, None));
        assert_eq!(parts(&place).unwrap(), made[2..]);
        assert!(Part::create(&place, "abcd1234", i64::MAX).is_err());
    }
}
