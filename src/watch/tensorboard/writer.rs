//! Writes an event file with scalars, which TensorBoard and everything that imports from it reads.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use super::PREFIX;
use super::records::masked;
use crate::watch::wire::{put_bytes, put_varint};

/// So many files may be begun in one second by one process.
const FILES: u32 = 1000;

/// An event file that is being written. What was not flushed is flushed when it is dropped.
#[derive(Debug)]
pub struct Writer {
    file: BufWriter<File>,
    path: PathBuf,
}

impl Writer {
    /// Begins an event file of its own in a directory, which is made if it is missing. No file that is there is touched.
    ///
    /// # Errors
    /// Of the file system.
    pub fn create(directory: &Path) -> io::Result<Self> {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        std::fs::create_dir_all(directory)?;
        let host: String = rustix::system::uname().nodename().to_string_lossy().chars().map(plain).collect();
        let (file, path) = new_file(directory, &format!("{PREFIX}{}.{host}.{}", now.as_secs(), std::process::id()))?;
        let mut writer = Self { file: BufWriter::new(file), path };
        let mut event = Vec::new();
        put_time(&mut event, now.as_secs_f64());
        put_bytes(&mut event, 3, b"brain.Event:2");
        writer.record(&event)?;
        writer.flush()?;
        Ok(writer)
    }

    /// The file that is written.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes one point; the format keeps it as an `f32`.
    ///
    /// # Errors
    /// Of the file system.
    pub fn scalar(&mut self, tag: &str, step: u64, value: f64, unix_seconds: f64) -> io::Result<()> {
        let mut point = Vec::new();
        put_bytes(&mut point, 1, tag.as_bytes());
        put_varint(&mut point, (2 << 3) | 5);
        point.extend_from_slice(&(value as f32).to_le_bytes());
        let mut summary = Vec::new();
        put_bytes(&mut summary, 1, &point);
        let mut event = Vec::new();
        put_time(&mut event, unix_seconds);
        put_varint(&mut event, 2 << 3);
        put_varint(&mut event, step);
        put_bytes(&mut event, 5, &summary);
        self.record(&event)
    }

    /// What was written is in the file, where others can read it.
    ///
    /// # Errors
    /// Of the file system.
    pub fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }

    fn record(&mut self, data: &[u8]) -> io::Result<()> {
        let length = (data.len() as u64).to_le_bytes();
        self.file.write_all(&length)?;
        self.file.write_all(&masked(&length).to_le_bytes())?;
        self.file.write_all(data)?;
        self.file.write_all(&masked(data).to_le_bytes())
    }
}

fn put_time(event: &mut Vec<u8>, unix_seconds: f64) {
    put_varint(event, (1 << 3) | 1);
    event.extend_from_slice(&unix_seconds.to_le_bytes());
}

fn new_file(directory: &Path, name: &str) -> io::Result<(File, PathBuf)> {
    for number in 0..FILES {
        let path = directory.join(format!("{name}.{number}"));
        match OpenOptions::new().write(true).create_new(true).open(&path) {
            Ok(file) => return Ok((file, path)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::other("too many event files were begun in this second"))
}

/// A host's name is a part of a file's name.
fn plain(character: char) -> char {
    if character.is_ascii_alphanumeric() || character == '-' || character == '_' { character } else { '-' }
}
