//! A file that grows: what is new since the last look, and whether it is still the same file. Nothing here knows a format, but
//! that some have lines.
//!
//! A file is taken as made anew when it is shorter than what was read, or when its first bytes or the bytes before the place
//! that was reached have changed. Names and inodes say nothing: a copy that is replaced by a longer copy goes on.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// Bytes that are read at one time. Parsers lean on it: a record of a mebibyte always fits.
const PIECE: usize = 4 << 20;
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
    /// Bytes that are read at one time.
    piece: usize,
    read: u64,
    head: Vec<u8>,
    last: Vec<u8>,
    stamp: Option<Stamp>,
}

/// An open file that may have something new.
pub(crate) struct Grown {
    file: File,
    stamp: Stamp,
    /// It is another one than before; the tail has gone back to its beginning.
    pub afresh: bool,
}

impl Tail {
    pub fn new(path: PathBuf) -> Self {
        Self::in_pieces(path, PIECE)
    }

    /// The same, so many bytes at one time.
    fn in_pieces(path: PathBuf, piece: usize) -> Self {
        Self { path, piece, read: 0, head: Vec::new(), last: Vec::new(), stamp: None }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn rewind(&mut self) {
        *self = Self::in_pieces(std::mem::take(&mut self.path), self.piece);
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
        let (last, mut bytes) = (self.last.len(), Vec::new());
        read_at(file, 0, self.head.len(), &mut bytes)?;
        if bytes != self.head {
            return Ok(false);
        }
        read_at(file, self.read.saturating_sub(last as u64), last, &mut bytes)?;
        Ok(bytes == self.last)
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
        let mut bytes = Vec::new();
        while self.read < grown.stamp.len {
            if *budget == 0 {
                return Ok(true);
            }
            read_at(&mut grown.file, self.read, self.piece, &mut bytes)?;
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
fn read_at(file: &mut File, from: u64, len: usize, bytes: &mut Vec<u8>) -> io::Result<()> {
    bytes.clear();
    if len > 0 {
        file.seek(SeekFrom::Start(from))?;
        file.by_ref().take(len as u64).read_to_end(bytes)?;
    }
    Ok(())
}

/// A file of lines that grows. A line that is not whole yet waits for the next look; one that is longer than a piece is none.
#[derive(Debug)]
pub(crate) struct LineTail {
    tail: Tail,
    in_long_line: bool,
}

impl LineTail {
    pub fn new(path: PathBuf) -> Self {
        Self::in_pieces(path, PIECE)
    }

    /// The same, so many bytes at one time: who reads lines with several threads wants many at once.
    pub fn in_pieces(path: PathBuf, piece: usize) -> Self {
        Self { tail: Tail::in_pieces(path, piece), in_long_line: false }
    }

    /// How many bytes of it have been read.
    pub fn read(&self) -> u64 {
        self.tail.read
    }

    /// As [`Tail::grown`].
    ///
    /// # Errors
    /// Of the file system; `NotFound` where it has vanished.
    pub fn grown(&mut self) -> io::Result<Option<Grown>> {
        let grown = self.tail.grown()?;
        if grown.as_ref().is_some_and(|grown| grown.afresh) {
            self.in_long_line = false;
        }
        Ok(grown)
    }

    /// Hands over the lines that are new, those of a piece together, until the budget is used up; whether there is more to read at
    /// once.
    ///
    /// # Errors
    /// Of the file system.
    pub fn follow(&mut self, grown: &mut Grown, budget: &mut u64, mut each: impl FnMut(&[&[u8]])) -> io::Result<bool> {
        let (most, in_long_line) = (self.tail.piece, &mut self.in_long_line);
        self.tail.follow(grown, budget, |piece| take_lines(piece.bytes, most, in_long_line, &mut each))
    }
}

/// Hands over the whole lines of a piece, which has `most` bytes if there are more after it.
fn take_lines(bytes: &[u8], most: usize, in_long_line: &mut bool, each: &mut impl FnMut(&[&[u8]])) -> Taken {
    let Some(last) = bytes.iter().rposition(|byte| *byte == b'\n') else {
        let all = bytes.len();
        if *in_long_line || all >= most {
            *in_long_line = true;
            return Taken { bytes: all, skip: 0 };
        }
        return Taken::default();
    };
    let lines: Vec<&[u8]> = bytes[..last].split(|byte| *byte == b'\n').collect();
    // The first of them is the end of the long one.
    each(&lines[usize::from(std::mem::take(in_long_line))..]);
    Taken { bytes: last + 1, skip: 0 }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(tail: &mut LineTail) -> (Vec<String>, bool) {
        let mut all = Vec::new();
        let (mut grown, mut budget) = (tail.grown().unwrap().unwrap(), u64::MAX);
        let each = |lines: &[&[u8]]| all.extend(lines.iter().map(|line| String::from_utf8(line.to_vec()).unwrap()));
        assert!(!tail.follow(&mut grown, &mut budget, each).unwrap());
        (all, grown.afresh)
    }

    #[test]
    fn lines_come_once_and_one_that_is_longer_than_a_piece_is_none() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lines");
        let mut tail = LineTail::in_pieces(path.clone(), 16);
        assert_eq!(tail.grown().map(|_| ()).unwrap_err().kind(), io::ErrorKind::NotFound);
        let long = "x".repeat(40);
        std::fs::write(&path, format!("short\n{long}\nagain\ntorn")).unwrap();
        assert_eq!(lines(&mut tail), (vec!["short".to_owned(), "again".to_owned()], false));
        assert_eq!(lines(&mut tail), (vec![], false));
        std::fs::write(&path, format!("short\n{long}\nagain\ntorn!\n")).unwrap();
        assert_eq!(lines(&mut tail), (vec!["torn!".to_owned()], false));
        // A long line without an end is no beginning of the file that comes in its place.
        std::fs::write(&path, &long).unwrap();
        assert_eq!(lines(&mut tail), (vec![], true));
        std::fs::write(&path, "new\n").unwrap();
        assert_eq!(lines(&mut tail), (vec!["new".to_owned()], true));
    }

    #[test]
    fn a_budget_ends_a_look_and_the_next_one_goes_on() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lines");
        std::fs::write(&path, "one\ntwo\nsix\n").unwrap();
        let mut tail = LineTail::in_pieces(path, 4);
        let (mut budget, mut count) = (4, 0);
        let mut grown = tail.grown().unwrap().unwrap();
        assert!(tail.follow(&mut grown, &mut budget, |lines| count += lines.len()).unwrap());
        assert_eq!((count, tail.read()), (1, 4));
        assert_eq!(lines(&mut tail).0, ["two", "six"]);
    }
}
