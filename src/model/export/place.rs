//! Files and directories that appear whole or not at all: written beside their place, synced, then renamed.
//!
//! A checkpoint's directory (`train::checkpoint`) replaces the one before it and has a manifest; what is exported goes where a
//! person said, so nothing that is there is removed but a file of the same name.

use std::fs::File;
use std::io::{BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};

use super::ExportError;

/// A file being written. Dropped without [`NewFile::finish`], it is removed.
pub(super) struct NewFile {
    place: PathBuf,
    fresh: PathBuf,
    out: BufWriter<File>,
    written: u64,
    done: bool,
}

impl NewFile {
    /// Begins beside `place`, which a directory must not have taken.
    pub fn begin(place: &Path) -> Result<Self, ExportError> {
        if place.is_dir() {
            return Err(ExportError::Place { path: place.to_path_buf(), reason: "is a directory; name a file in it" });
        }
        let fresh = beside(place)?;
        let file = File::create(&fresh).map_err(|source| io(&fresh, source))?;
        let out = BufWriter::with_capacity(1 << 18, file);
        Ok(Self { place: place.to_path_buf(), fresh, out, written: 0, done: false })
    }

    pub fn write(&mut self, bytes: &[u8]) -> Result<(), ExportError> {
        self.out.write_all(bytes).map_err(|source| io(&self.place, source))?;
        self.written += bytes.len() as u64;
        Ok(())
    }

    /// Zeros up to a multiple of `alignment` bytes.
    pub fn pad(&mut self, alignment: u64) -> Result<(), ExportError> {
        let missing = self.written.next_multiple_of(alignment) - self.written;
        self.write(&vec![0; missing as usize])
    }

    /// Syncs the file, puts it in its place, and gives its size in bytes.
    pub fn finish(mut self) -> Result<u64, ExportError> {
        let synced = self.out.flush().and_then(|()| self.out.get_ref().sync_all());
        synced.and_then(|()| std::fs::rename(&self.fresh, &self.place)).map_err(|source| io(&self.place, source))?;
        self.done = true;
        sync_parent(&self.place)?;
        Ok(self.written)
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if !self.done {
            // Nothing half-written stays; that it cannot be removed changes nothing of the error.
            let _ = std::fs::remove_file(&self.fresh);
        }
    }
}

/// A directory being written. Dropped without [`NewDirectory::finish`], it is removed.
pub(super) struct NewDirectory {
    place: PathBuf,
    fresh: PathBuf,
    bytes: u64,
    done: bool,
}

impl NewDirectory {
    /// Begins beside `place`, where nothing or an empty directory may be.
    pub fn begin(place: &Path) -> Result<Self, ExportError> {
        // Without the slash that may end it.
        let place = place.components().as_path();
        let taken = match std::fs::read_dir(place) {
            Ok(mut entries) => entries.next().is_some(),
            Err(error) => error.kind() != ErrorKind::NotFound,
        };
        if taken {
            let reason = "is there already and not empty; name a new directory";
            return Err(ExportError::Place { path: place.to_path_buf(), reason });
        }
        let fresh = beside(place)?;
        match std::fs::remove_dir_all(&fresh) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(io(&fresh, error)),
            _ => {}
        }
        std::fs::create_dir_all(&fresh).map_err(|source| io(&fresh, source))?;
        Ok(Self { place: place.to_path_buf(), fresh, bytes: 0, done: false })
    }

    /// Begins a file in it; [`NewDirectory::close`] ends it.
    pub fn file(&self, name: &str) -> Result<NewFile, ExportError> {
        NewFile::begin(&self.fresh.join(name))
    }

    pub fn close(&mut self, file: NewFile) -> Result<(), ExportError> {
        self.bytes += file.finish()?;
        Ok(())
    }

    /// Writes a file of given content.
    pub fn content(&mut self, name: &str, content: &[u8]) -> Result<(), ExportError> {
        let mut file = self.file(name)?;
        file.write(content)?;
        self.close(file)
    }

    /// Puts the directory in its place, and gives the bytes of all its files.
    pub fn finish(mut self) -> Result<u64, ExportError> {
        // An empty directory may be there.
        match std::fs::remove_dir(&self.place) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(io(&self.place, error)),
            _ => {}
        }
        std::fs::rename(&self.fresh, &self.place).map_err(|source| io(&self.place, source))?;
        self.done = true;
        sync_parent(&self.place)?;
        Ok(self.bytes)
    }
}

impl Drop for NewDirectory {
    fn drop(&mut self) {
        if !self.done {
            let _ = std::fs::remove_dir_all(&self.fresh);
        }
    }
}

fn io(path: &Path, source: std::io::Error) -> ExportError {
    ExportError::Io { path: path.to_path_buf(), source }
}

/// Where it is written first: on the same file system, so that a rename suffices.
fn beside(place: &Path) -> Result<PathBuf, ExportError> {
    let no_name = || ExportError::Place { path: place.to_path_buf(), reason: "is no name for a file or directory" };
    let mut name = place.file_name().ok_or_else(no_name)?.to_owned();
    name.push(format!(".tmp-{}", std::process::id()));
    Ok(place.with_file_name(name))
}

/// On some systems a directory cannot be synced; the rename is then as safe as it can be.
fn sync_parent(place: &Path) -> Result<(), ExportError> {
    let parent = match place.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    match File::open(parent).and_then(|directory| directory.sync_all()) {
        Err(error) if !matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::PermissionDenied) => {
            Err(io(parent, error))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(directory: &Path) -> usize {
        std::fs::read_dir(directory).unwrap().count()
    }

    #[test]
    fn a_file_appears_whole_and_replaces_one() {
        let directory = tempfile::tempdir().unwrap();
        let place = directory.path().join("a.gguf");
        std::fs::write(&place, b"old").unwrap();
        let mut file = NewFile::begin(&place).unwrap();
        file.write(b"new").unwrap();
        file.pad(8).unwrap();
        file.pad(8).unwrap();
        assert_eq!(std::fs::read(&place).unwrap(), b"old");
        assert_eq!(file.finish().unwrap(), 8);
        assert_eq!(std::fs::read(&place).unwrap(), b"new\0\0\0\0\0");
        let mut file = NewFile::begin(&place).unwrap();
        file.write(b"half").unwrap();
        drop(file);
        assert_eq!(std::fs::read(&place).unwrap(), b"new\0\0\0\0\0");
        assert_eq!(entries(directory.path()), 1, "nothing else stays");
        assert!(matches!(NewFile::begin(directory.path()), Err(ExportError::Place { .. })));
        assert!(matches!(NewFile::begin(&directory.path().join("no/x")), Err(ExportError::Io { .. })));
    }

    #[test]
    fn a_directory_takes_only_an_empty_place() {
        let directory = tempfile::tempdir().unwrap();
        let place = directory.path().join("out/");
        let mut fresh = NewDirectory::begin(&place).unwrap();
        fresh.content("a", b"hello").unwrap();
        drop(fresh);
        assert_eq!(entries(directory.path()), 0);
        std::fs::create_dir(&place).unwrap();
        let mut fresh = NewDirectory::begin(&place).unwrap();
        fresh.content("a", b"hello").unwrap();
        assert_eq!(entries(&place), 0);
        assert_eq!(fresh.finish().unwrap(), 5);
        assert_eq!(std::fs::read(place.join("a")).unwrap(), b"hello");
        assert_eq!((entries(directory.path()), entries(&place)), (1, 1));
        assert!(NewDirectory::begin(&place).err().unwrap().to_string().contains("not empty"));
        assert!(NewDirectory::begin(&place.join("a")).is_err(), "a file is no place for a directory");
        assert!(NewDirectory::begin(Path::new("..")).is_err());
    }
}
