//! One file from the Hub into the cache: goes on where it stopped, and gets its name only when its content is what the Hub said.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use reqwest::Url;
use sha2::{Digest, Sha256};

use super::error::bytes;
use super::listing::RemoteFile;
use super::progress::Meter;
use super::transport::{Answer, Client, Failure};

/// Attempts in all. Each of them may bring a byte and so count as none of those that bring nothing.
const MOST_ATTEMPTS: u32 = 1000;

/// Why a file did not come.
#[derive(Debug)]
pub(super) enum Trouble {
    Failure(Failure),
    Io(PathBuf, io::Error),
    /// What came is not what was promised.
    Damaged(String),
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

/// What is fetched, and where to.
pub(super) struct Download<'a> {
    pub client: &'a Client,
    pub url: Url,
    pub file: &'a RemoteFile,
    pub commit: &'a str,
    /// Where it grows.
    pub partial: PathBuf,
    /// Its name in the end.
    pub blob: PathBuf,
}

impl Download<'_> {
    /// Fetches the file, or what is missing of it.
    pub(super) fn run(&self, meter: &mut Meter<'_>) -> Result<(), Trouble> {
        let mut partial = Partial::open(&self.partial, self.file.size, meter)?;
        let mut resumed = partial.length > 0;
        let mut expected = self.file.sha256.clone();
        let (mut tried, mut attempts) = (0, 0);
        loop {
            let before = partial.length;
            let outcome =
                if partial.length < self.file.size { self.attempt(&mut partial, &mut expected, meter) } else { Ok(()) };
            let failure = match outcome {
                Ok(()) if partial.length < self.file.size => Failure::Broken("the connection was cut".to_owned()),
                Ok(()) if partial.is(expected.as_deref()) => return partial.finish(&self.blob),
                Ok(()) => {
                    // An old beginning may be of another program's making; what came now is the server's.
                    partial.restart()?;
                    if !std::mem::take(&mut resumed) {
                        return Err(Trouble::Damaged("its SHA-256 is not the one that the Hub says".to_owned()));
                    }
                    continue;
                }
                Err(Trouble::Failure(failure)) if failure.may_pass() => failure,
                Err(other) => return Err(other),
            };
            attempts += 1;
            tried = if partial.length > before { 0 } else { tried + 1 };
            if tried > self.client.pace().tries || attempts > MOST_ATTEMPTS {
                return Err(failure.into());
            }
            self.client.wait(tried.saturating_sub(1), &failure, meter)?;
        }
    }

    /// One request, read to the end of the file or of the connection.
    fn attempt(
        &self,
        partial: &mut Partial,
        expected: &mut Option<String>,
        meter: &mut Meter<'_>,
    ) -> Result<(), Trouble> {
        let mut answer = match self.client.open(&self.url, partial.length, meter) {
            Err(Failure::Status { code: 416, .. }) => {
                partial.restart()?;
                return Err(Failure::Broken("the server does not go on where it stopped".to_owned()).into());
            }
            answer => answer?,
        };
        self.check(&answer, partial, expected)?;
        while let Some(piece) = self.client.piece(&mut answer, meter)? {
            if piece.len() as u64 > self.file.size - partial.length {
                partial.restart()?;
                return Err(Trouble::Damaged(format!("the server sends more than its {}", bytes(self.file.size))));
            }
            partial.append(&piece)?;
            if meter.at(partial.length).is_break() {
                return Err(Failure::Interrupted.into());
            }
        }
        Ok(())
    }

    /// Whether the answer can be the file that was listed; a server that begins anew is followed.
    fn check(&self, answer: &Answer, partial: &mut Partial, expected: &mut Option<String>) -> Result<(), Trouble> {
        if answer.commit.as_deref().is_some_and(|commit| commit != self.commit) {
            return Err(Trouble::Damaged("the server sends it from another commit".to_owned()));
        }
        if let Some(etag) = &answer.linked_etag
            && super::listing::is_hash(etag, 64)
        {
            let known = expected.get_or_insert_with(|| etag.clone());
            if *known != *etag {
                return Err(Trouble::Damaged("the server says two hashes of it".to_owned()));
            }
        }
        let size = match (answer.status, answer.range) {
            (206, Some((first, size))) if first == partial.length => size,
            (206, _) => {
                partial.restart()?;
                return Err(Failure::Broken("the server sends another part than was asked for".to_owned()).into());
            }
            _ => {
                if partial.length > 0 {
                    partial.restart()?;
                }
                answer.length
            }
        };
        match size {
            Some(size) if size != self.file.size => {
                let (said, listed) = (bytes(size), bytes(self.file.size));
                Err(Trouble::Damaged(format!("the server sends {said} ({size} bytes) where {listed} are listed")))
            }
            _ => Ok(()),
        }
    }
}

/// The beginning of a file, with the hash of what is there.
struct Partial {
    file: File,
    path: PathBuf,
    length: u64,
    hash: Sha256,
}

impl Partial {
    /// Opens what an earlier attempt left, at most `size` bytes of it being of use.
    fn open(path: &Path, size: u64, meter: &mut Meter<'_>) -> Result<Self, Trouble> {
        let wrong = |error| Trouble::Io(path.to_path_buf(), error);
        super::cache::make_parent(path).map_err(wrong)?;
        let file = OpenOptions::new().create(true).truncate(false).read(true).append(true).open(path).map_err(wrong)?;
        let mut partial = Self { file, path: path.to_path_buf(), length: 0, hash: Sha256::new() };
        if partial.file.metadata().map_err(wrong)?.len() > size {
            partial.restart()?;
        }
        let mut buffer = vec![0; 1 << 20];
        loop {
            let count = partial.file.read(&mut buffer).map_err(wrong)?;
            if count == 0 {
                return Ok(partial);
            }
            partial.hash.update(&buffer[..count]);
            partial.length += count as u64;
            if meter.at(partial.length).is_break() {
                return Err(Failure::Interrupted.into());
            }
        }
    }

    fn append(&mut self, piece: &[u8]) -> Result<(), Trouble> {
        self.file.write_all(piece).map_err(|error| Trouble::Io(self.path.clone(), error))?;
        self.hash.update(piece);
        self.length += piece.len() as u64;
        Ok(())
    }

    /// Forgets what is there.
    fn restart(&mut self) -> Result<(), Trouble> {
        self.file.set_len(0).map_err(|error| Trouble::Io(self.path.clone(), error))?;
        self.length = 0;
        self.hash = Sha256::new();
        Ok(())
    }

    /// Whether its content is the expected one. Of small files the Hub says no hash of this kind, and their size must do.
    fn is(&self, sha256: Option<&str>) -> bool {
        let Some(expected) = sha256 else { return true };
        let found: String = self.hash.clone().finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        found == expected
    }

    /// Gives the file its name.
    fn finish(self, blob: &Path) -> Result<(), Trouble> {
        let wrong = |error| Trouble::Io(self.path.clone(), error);
        self.file.sync_all().map_err(wrong)?;
        std::fs::rename(&self.path, blob).map_err(wrong)
    }
}
