//! A file of requests being written. It appears whole or not at all, since somebody may be waiting for it.

use std::fs::File;
use std::io::{BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use super::BatchError;

/// How the names of our files begin.
const BEGIN: &str = "requests-";

/// The number in the name of a file of requests.
pub(super) fn number(path: &Path) -> Option<u32> {
    let rest = path.file_name()?.to_str()?.strip_prefix(BEGIN)?;
    let digits = rest.find(|character: char| !character.is_ascii_digit()).map_or(rest, |end| &rest[..end]);
    // A longer one is a date or the like.
    digits.parse().ok().filter(|_| digits.len() <= 6)
}

/// Requests on their way to a file. Dropped without [`NewRequests::finish`], they are gone.
pub(super) struct NewRequests {
    directory: PathBuf,
    fresh: PathBuf,
    out: BufWriter<File>,
    count: usize,
    done: bool,
}

impl NewRequests {
    /// Begins in a directory, which is made if it is missing.
    pub fn begin(directory: &Path) -> Result<Self, BatchError> {
        // Two writers of one process are told apart by a count.
        static NEXT: AtomicU32 = AtomicU32::new(0);
        std::fs::create_dir_all(directory).map_err(|source| BatchError::io(directory, source))?;
        let name = format!(".requests-{}-{}.tmp", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let fresh = directory.join(name);
        let file = File::create(&fresh).map_err(|source| BatchError::io(&fresh, source))?;
        let out = BufWriter::with_capacity(1 << 18, file);
        Ok(Self { directory: directory.to_path_buf(), fresh, out, count: 0, done: false })
    }

    pub fn add(&mut self, line: &str) -> Result<(), BatchError> {
        self.out.write_all(line.as_bytes()).map_err(|source| BatchError::io(&self.fresh, source))?;
        self.count += 1;
        Ok(())
    }

    pub fn count(&self) -> usize {
        self.count
    }

    /// Brings the file to the disk under the first free number that is larger than `last`, and says where it is.
    pub fn finish(mut self, last: u32) -> Result<PathBuf, BatchError> {
        let synced = self.out.flush().and_then(|()| self.out.get_ref().sync_all());
        synced.map_err(|source| BatchError::io(&self.fresh, source))?;
        let place = reserve(&self.directory, last)?;
        if let Err(source) = std::fs::rename(&self.fresh, &place) {
            // The empty file there would say that something was asked.
            let _ = std::fs::remove_file(&place);
            return Err(BatchError::io(&place, source));
        }
        self.done = true;
        sync(&self.directory)?;
        Ok(place)
    }
}

impl Drop for NewRequests {
    fn drop(&mut self) {
        if !self.done {
            // That it cannot be removed changes nothing: nobody reads such a name.
            let _ = std::fs::remove_file(&self.fresh);
        }
    }
}

/// Makes an empty file under the first free number, so that two who write at once do not take the same.
fn reserve(directory: &Path, last: u32) -> Result<PathBuf, BatchError> {
    let mut number = last;
    loop {
        number = number.saturating_add(1);
        let place = directory.join(format!("{BEGIN}{number:03}.jsonl"));
        match File::create_new(&place) {
            Ok(_) => return Ok(place),
            Err(error) if error.kind() == ErrorKind::AlreadyExists && number < u32::MAX => {}
            Err(source) => return Err(BatchError::io(&place, source)),
        }
    }
}

/// On some systems a directory cannot be synced; the rename is then as safe as it can be.
fn sync(directory: &Path) -> Result<(), BatchError> {
    match File::open(directory).and_then(|directory| directory.sync_all()) {
        Err(error) if !matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::PermissionDenied) => {
            Err(BatchError::io(directory, error))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(directory: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(directory).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn numbers_are_read_from_names() {
        for (name, expected) in [
            ("requests-001.jsonl", Some(1)),
            ("requests-012-part-2.jsonl", Some(12)),
            ("requests-1000.jsonl", Some(1000)),
            ("requests-20261231.jsonl", None),
            ("requests-.jsonl", None),
            ("results-001.jsonl", None),
        ] {
            assert_eq!(number(Path::new(name)), expected, "{name}");
        }
    }

    #[test]
    fn a_file_appears_whole_under_a_free_number() {
        let directory = tempfile::tempdir().unwrap();
        let place = directory.path().join("batch");
        let mut one = NewRequests::begin(&place).unwrap();
        let mut two = NewRequests::begin(&place).unwrap();
        one.add("a\n").unwrap();
        two.add("b\n").unwrap();
        two.add("c\n").unwrap();
        assert!(names(&place).iter().all(|name| name.starts_with('.')), "nothing is to be seen yet");
        assert_eq!(two.count(), 2);
        assert_eq!(two.finish(1).unwrap(), place.join("requests-002.jsonl"));
        assert_eq!(one.finish(1).unwrap(), place.join("requests-003.jsonl"));
        assert_eq!(std::fs::read_to_string(place.join("requests-002.jsonl")).unwrap(), "b\nc\n");
        assert_eq!(names(&place), ["requests-002.jsonl", "requests-003.jsonl"]);
    }

    #[test]
    fn what_is_given_up_leaves_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let mut given_up = NewRequests::begin(directory.path()).unwrap();
        given_up.add("a\n").unwrap();
        drop(given_up);
        assert!(names(directory.path()).is_empty());
        std::fs::write(directory.path().join("file"), "").unwrap();
        assert!(NewRequests::begin(&directory.path().join("file")).is_err());
    }
}
