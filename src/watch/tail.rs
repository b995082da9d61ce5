//! A file that grows: what is new since the last look, and whether it is still the same file. Nothing here knows a format.
//!
//! A file is taken as made anew when it is shorter than what was read, or when its first bytes or the bytes before the place
//! that was reached have changed. Names and inodes say nothing: a copy that is replaced by a longer copy goes on.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// Bytes that are read at one time. Parsers lean on it: a record of a mebibyte always fits.
pub(super) const PIECE: usize = 4 << 20;
/// Bytes at the beginning, and before what is new, that tell a file from another.
const MARK: usize = 256;
/// Clocks of file systems are coarse: a file that was written just now may be written again without a trace.
const FRESH: Duration = Duration::from_secs(2);

/// What tells that a file has not been written to.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Stamp {
    len: u64,
    modified: Option<SystemTime>,
    place: (u64, u64),
}

impl Stamp {
    pub fn of(metadata: &Metadata) -> Self {
        Self { len: metadata.len(), modified: metadata.modified().ok(), place: (metadata.dev(), metadata.ino()) }
    }

    /// The stamp of a file that can be trusted to change when the file does; `None` while it is being written.
    pub fn settled(self) -> Option<Self> {
        let age = self.modified.and_then(|modified| modified.elapsed().ok());
        age.is_some_and(|age| age > FRESH).then_some(self)
    }

    pub fn same_file(&self, other: &Self) -> bool {
        self.place == other.place
    }
}

/// Opens a file and never waits for one: a pipe in its place would block.
pub(super) fn open(path: &Path) -> io::Result<File> {
    let flags = rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOCTTY;
    let file = OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("not a plain file")) }
}

/// A piece of a file.
pub(super) struct Piece<'a> {
    pub bytes: &'a [u8],
    /// Where it begins.
    pub at: u64,
    /// Where the file ends, as far as is known.
    pub end: u64,
}

impl Piece<'_> {
    /// Whether the piece reaches the end of the file.
    pub fn is_last(&self) -> bool {
        self.at + self.bytes.len() as u64 >= self.end
    }
}

/// How much of a piece was understood, and how much after it is of no interest.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Taken {
    pub bytes: usize,
    pub skip: u64,
}

/// How far a file has been read.
#[derive(Debug)]
pub(super) struct Tail {
    path: PathBuf,
    read: u64,
    head: Vec<u8>,
    last: Vec<u8>,
    stamp: Option<Stamp>,
}

/// An open file that may have something new.
pub(super) struct Grown {
    file: File,
    stamp: Stamp,
    /// It is another one than before; the tail has gone back to its beginning.
    pub afresh: bool,
}

impl Tail {
    pub fn new(path: PathBuf) -> Self {
        Self { path, read: 0, head: Vec::new(), last: Vec::new(), stamp: None }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn rewind(&mut self) {
        *self = Self::new(std::mem::take(&mut self.path));
    }

    /// Opens the file if it may have something new.
    ///
    /// # Errors
    /// Of the file system; `NotFound` where it has vanished.
    pub fn grown(&mut self) -> io::Result<Option<Grown>> {
        if self.stamp.is_some() && self.stamp == Some(Stamp::of(&std::fs::metadata(&self.path)?)) {
            return Ok(None);
        }
        let mut file = open(&self.path)?;
        let stamp = Stamp::of(&file.metadata()?);
        let afresh = stamp.len < self.read || !self.is_same(&mut file)?;
        if afresh {
            self.rewind();
        }
        Ok(Some(Grown { file, stamp, afresh }))
    }

    fn is_same(&self, file: &mut File) -> io::Result<bool> {
        let last = self.last.len();
        Ok(bytes_at(file, 0, self.head.len())? == self.head
            && bytes_at(file, self.read.saturating_sub(last as u64), last)? == self.last)
    }

    /// Hands what is new to a parser, piece by piece, until it takes nothing more or the budget is used up; whether there is
    /// more to read at once. A parser must take something of a piece that is not the last.
    ///
    /// # Errors
    /// Of the file system.
    pub fn follow(
        &mut self,
        grown: &mut Grown,
        budget: &mut u64,
        mut parse: impl FnMut(&Piece<'_>) -> Taken,
    ) -> io::Result<bool> {
        while self.read < grown.stamp.len {
            if *budget == 0 {
                return Ok(true);
            }
            let bytes = bytes_at(&mut grown.file, self.read, PIECE)?;
            if bytes.is_empty() {
                break;
            }
            *budget = budget.saturating_sub(bytes.len() as u64);
            let end = grown.stamp.len.max(self.read.saturating_add(bytes.len() as u64));
            let taken = parse(&Piece { bytes: &bytes, at: self.read, end });
            self.take(&bytes, taken);
            if taken == Taken::default() {
                break;
            }
        }
        self.stamp = grown.stamp.clone().settled();
        Ok(false)
    }

    fn take(&mut self, bytes: &[u8], taken: Taken) {
        let taken_bytes = &bytes[..taken.bytes.min(bytes.len())];
        if self.head.len() < MARK && self.head.len() as u64 == self.read {
            let missing = (MARK - self.head.len()).min(taken_bytes.len());
            self.head.extend_from_slice(&taken_bytes[..missing]);
        }
        self.read = self.read.saturating_add(taken_bytes.len() as u64).saturating_add(taken.skip);
        if taken.skip > 0 {
            // What was not read marks nothing.
            self.last.clear();
            return;
        }
        self.last.extend_from_slice(&taken_bytes[taken_bytes.len().saturating_sub(MARK)..]);
        self.last.drain(..self.last.len().saturating_sub(MARK));
    }
}

/// So many bytes of a file from a place on, or as many as there are.
fn bytes_at(file: &mut File, from: u64, len: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if len > 0 {
        file.seek(SeekFrom::Start(from))?;
        file.by_ref().take(len as u64).read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}

/// A whole small file.
///
/// # Errors
/// Of the file system, and if it is longer than the limit.
pub(super) fn whole(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open(path)?.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(io::Error::other(format!("longer than {} MiB; it is not read", limit >> 20)));
    }
    Ok(bytes)
}
