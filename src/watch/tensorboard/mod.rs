//! TensorBoard event files: the scalars of a directory, and a writer of them.
//!
//! All event files of one directory are one run, in the order of the times in their names; a training that went on wrote
//! another file. Steps may therefore go back from one file to the next, and points stay in the order in which they were
//! written. Images, audio, histograms and graphs are passed over, mostly without being read.

mod event;
mod records;
mod writer;

use std::io;
use std::path::{Path, PathBuf};

use super::gathered::Gathered;
use super::tail::{Grown, Tail};

pub use writer::Writer;

/// How the names of event files begin.
pub(super) const PREFIX: &str = "events.out.tfevents.";

/// Whether a file of this name has events.
pub(super) fn is_event_file(name: &str) -> bool {
    name.starts_with(PREFIX) && !name.ends_with(".profile-empty")
}

/// The seconds since the Unix epoch in the name of an event file.
pub(super) fn begun(path: &Path) -> Option<u64> {
    let name = path.file_name()?.to_str()?.strip_prefix(PREFIX)?;
    name.split('.').next()?.parse().ok()
}

/// The event files of one directory.
#[derive(Debug)]
pub(super) struct Events {
    files: Vec<EventFile>,
    /// A file that was read is gone.
    lost: bool,
}

#[derive(Debug)]
struct EventFile {
    tail: Tail,
    /// Looking for the next record behind damage.
    adrift: bool,
}

impl EventFile {
    fn new(path: PathBuf) -> Self {
        Self { tail: Tail::new(path), adrift: false }
    }

    fn follow(&mut self, grown: &mut Grown, budget: &mut u64, gathered: &mut Gathered) -> io::Result<bool> {
        let adrift = &mut self.adrift;
        let name = self.tail.path().file_name().unwrap_or_default().to_string_lossy().into_owned();
        self.tail.follow(grown, budget, |piece| {
            let mut troubles = Vec::new();
            let taken = records::take(piece, adrift, &mut troubles, |record| event::read(record, gathered));
            for trouble in troubles {
                gathered.trouble(format!("{name}: {trouble}"));
            }
            taken
        })
    }
}

impl Events {
    pub fn new(files: Vec<PathBuf>) -> Self {
        let mut events = Self { files: Vec::new(), lost: false };
        events.set_files(files);
        events
    }

    /// The files that there are now.
    pub fn set_files(&mut self, mut files: Vec<PathBuf>) {
        files.sort_by_key(|path| (begun(path), path.clone()));
        let before = std::mem::take(&mut self.files);
        self.lost |= before.iter().any(|file| !files.iter().any(|path| path == file.tail.path()));
        let mut before: Vec<Option<EventFile>> = before.into_iter().map(Some).collect();
        for path in files {
            let known = before.iter_mut().find(|file| file.as_ref().is_some_and(|file| file.tail.path() == path));
            let known = known.and_then(Option::take);
            self.files.push(known.unwrap_or_else(|| EventFile::new(path)));
        }
    }

    /// # Errors
    /// Of the file system.
    pub fn look(&mut self, budget: &mut u64, gathered: &mut Gathered) -> io::Result<bool> {
        if std::mem::take(&mut self.lost) {
            self.rewind(gathered);
        }
        // Files made anew: once from the beginning, and if that happens again meanwhile the next look sees it.
        for _ in 0..2 {
            match self.read(budget, gathered)? {
                Read::Done { more } => return Ok(more),
                Read::MadeAnew => self.rewind(gathered),
            }
        }
        Ok(true)
    }

    fn rewind(&mut self, gathered: &mut Gathered) {
        for file in &mut self.files {
            file.tail.rewind();
            file.adrift = false;
        }
        gathered.restart();
    }

    fn read(&mut self, budget: &mut u64, gathered: &mut Gathered) -> io::Result<Read> {
        for file in &mut self.files {
            let mut grown = match file.tail.grown() {
                Ok(Some(grown)) => grown,
                Ok(None) => continue,
                // The next scan of the directories tells what is left.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            if grown.afresh {
                return Ok(Read::MadeAnew);
            }
            if file.follow(&mut grown, budget, gathered)? {
                return Ok(Read::Done { more: true });
            }
        }
        Ok(Read::Done { more: false })
    }
}

enum Read {
    Done { more: bool },
    MadeAnew,
}
