//! A directory that appears whole or not at all: written beside its place, synced, then renamed; a manifest of sizes and
//! hashes goes in last.

use std::fs::File;
use std::io::{BufWriter, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The file that makes a checkpoint complete.
pub const MANIFEST: &str = "manifest.json";
const FORMAT: u32 = 1;

/// What a complete directory holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    pub format: u32,
    pub files: Vec<FileEntry>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    pub name: String,
    pub bytes: u64,
    pub sha256: String,
}

/// A directory being written. Dropped without [`Fresh::finish`], it is removed.
pub struct Fresh {
    place: PathBuf,
    fresh: PathBuf,
    files: Vec<FileEntry>,
    done: bool,
}

impl Fresh {
    /// Begins beside `place`.
    ///
    /// # Errors
    /// If the directory cannot be made.
    pub fn begin(place: &Path) -> std::io::Result<Self> {
        let mut fresh = place.as_os_str().to_owned();
        fresh.push(format!(".tmp-{}", std::process::id()));
        let fresh = PathBuf::from(fresh);
        match std::fs::remove_dir_all(&fresh) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        std::fs::create_dir_all(&fresh)?;
        Ok(Self { place: place.to_path_buf(), fresh, files: Vec::new(), done: false })
    }

    /// Where files go that others write; the manifest names only those that are written here.
    pub fn path(&self) -> &Path {
        &self.fresh
    }

    /// Writes one file and syncs it.
    ///
    /// # Errors
    /// Of the file system; also what `write` returns.
    pub fn file(
        &mut self,
        name: &str,
        write: impl FnOnce(&mut dyn Write) -> std::io::Result<()>,
    ) -> std::io::Result<()> {
        let file = File::create(self.fresh.join(name))?;
        let mut out = Hashing { out: BufWriter::with_capacity(1 << 20, file), digest: Sha256::new(), bytes: 0 };
        write(&mut out)?;
        let Hashing { out, digest, bytes } = out;
        out.into_inner().map_err(std::io::IntoInnerError::into_error)?.sync_all()?;
        self.files.push(FileEntry { name: name.to_owned(), bytes, sha256: hex(&digest.finalize()) });
        Ok(())
    }

    /// Writes one file of given content.
    ///
    /// # Errors
    /// As [`Fresh::file`].
    pub fn content(&mut self, name: &str, content: &[u8]) -> std::io::Result<()> {
        self.file(name, |out| out.write_all(content))
    }

    /// Writes the manifest and puts the directory in its place. What was there goes.
    ///
    /// # Errors
    /// Of the file system; then nothing has taken the place.
    pub fn finish(mut self) -> std::io::Result<()> {
        let manifest = Manifest { format: FORMAT, files: std::mem::take(&mut self.files) };
        let text = serde_json::to_vec_pretty(&manifest)?;
        self.file(MANIFEST, |out| out.write_all(&text))?;
        sync_directory(&self.fresh)?;
        let mut old = self.fresh.as_os_str().to_owned();
        old.push("-old");
        let old = PathBuf::from(old);
        if self.place.exists() {
            std::fs::rename(&self.place, &old)?;
        }
        std::fs::rename(&self.fresh, &self.place)?;
        self.done = true;
        if let Some(parent) = self.place.parent() {
            sync_directory(parent)?;
        }
        match std::fs::remove_dir_all(&old) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

impl Drop for Fresh {
    fn drop(&mut self) {
        if !self.done {
            // Nothing half-written stays; that it cannot be removed changes nothing of the error.
            let _ = std::fs::remove_dir_all(&self.fresh);
        }
    }
}

/// Whether a directory is complete: every file of its manifest is there with its size and, if `contents`, its hash.
pub fn complete(directory: &Path, contents: bool) -> bool {
    let Ok(text) = std::fs::read(directory.join(MANIFEST)) else { return false };
    let Ok(manifest) = serde_json::from_slice::<Manifest>(&text) else { return false };
    manifest.format == FORMAT
        && !manifest.files.is_empty()
        && manifest.files.iter().all(|entry| {
            let path = directory.join(&entry.name);
            let inside = Path::new(&entry.name).components().count() == 1;
            let sized = std::fs::metadata(&path).is_ok_and(|data| data.is_file() && data.len() == entry.bytes);
            inside && sized && (!contents || hash_file(&path).is_ok_and(|hash| hash == entry.sha256))
        })
}

/// The SHA-256 of a file, in hexadecimal digits.
///
/// # Errors
/// If it cannot be read.
pub fn hash_file(path: &Path) -> std::io::Result<String> {
    let mut file = File::open(path)?;
    let mut digest = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hex(&digest.finalize())),
            count => digest.update(&buffer[..count]),
        }
    }
}

/// Bytes free for this user on the file system of `path`.
///
/// # Errors
/// If it cannot be asked.
pub fn free_space(path: &Path) -> std::io::Result<u64> {
    let stat = rustix::fs::statvfs(path)?;
    Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
}

/// On some systems a directory cannot be synced; the rename is then as safe as it can be.
fn sync_directory(directory: &Path) -> std::io::Result<()> {
    match File::open(directory)?.sync_all() {
        Err(error) if matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::PermissionDenied) => Ok(()),
        synced => synced,
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

struct Hashing<W: Write> {
    out: W,
    digest: Sha256,
    bytes: u64,
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, data: &[u8]) -> std::io::Result<usize> {
        let written = self.out.write(data)?;
        self.digest.update(&data[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_appears_whole_and_a_torn_one_is_seen() {
        let dir = tempfile::tempdir().unwrap();
        let place = dir.path().join("checkpoint-3");
        let mut fresh = Fresh::begin(&place).unwrap();
        fresh.content("a", b"hello").unwrap();
        assert!(!place.exists());
        fresh.file("b", |out| out.write_all(&[7; 3_000_000])).unwrap();
        fresh.finish().unwrap();
        assert!(complete(&place, true));
        // The same place again.
        let mut fresh = Fresh::begin(&place).unwrap();
        fresh.content("a", b"other").unwrap();
        fresh.finish().unwrap();
        assert_eq!(std::fs::read(place.join("a")).unwrap(), b"other");
        assert!(complete(&place, true) && !place.join("b").exists());
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "nothing else stays");
        std::fs::write(place.join("a"), b"oth3r").unwrap();
        assert!(complete(&place, false) && !complete(&place, true));
        std::fs::write(place.join("a"), b"oth").unwrap();
        assert!(!complete(&place, false));
        std::fs::remove_file(place.join(MANIFEST)).unwrap();
        assert!(!complete(&place, false));
    }

    #[test]
    fn what_fails_leaves_nothing_and_keeps_what_was() {
        let dir = tempfile::tempdir().unwrap();
        let place = dir.path().join("checkpoint-3");
        let mut fresh = Fresh::begin(&place).unwrap();
        fresh.content("a", b"good").unwrap();
        fresh.finish().unwrap();
        let mut fresh = Fresh::begin(&place).unwrap();
        let full = || std::io::Error::from(ErrorKind::StorageFull);
        assert!(fresh.file("a", |_| Err(full())).is_err());
        drop(fresh);
        assert!(complete(&place, true));
        assert_eq!(std::fs::read(place.join("a")).unwrap(), b"good");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
