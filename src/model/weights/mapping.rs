//! A file mapped read-only, and the hash of its content.

use std::fs::File;
use std::path::{Path, PathBuf};

use memmap2::Mmap;
use rayon::prelude::*;
use sha2::{Digest, Sha256};

use crate::model::ModelError;

/// A whole file in memory by mapping, or one that is in the program. An empty file maps to no bytes.
pub(in crate::model) struct Mapping {
    path: PathBuf,
    map: Option<Mmap>,
    embedded: &'static [u8],
}

impl Mapping {
    pub fn open(path: &Path) -> Result<Self, ModelError> {
        let file = File::open(path).map_err(|error| ModelError::read(path, &error))?;
        let facts = file.metadata().map_err(|error| ModelError::read(path, &error))?;
        if !facts.is_file() {
            return Err(ModelError::format(path, "not a regular file"));
        }
        if facts.len() == 0 {
            return Ok(Self::embedded(path, &[]));
        }
        // SAFETY: the mapping is read-only and private to this value, which hands out slices no longer than itself. What
        // cannot be ruled out is another process that rewrites the file meanwhile: weights are replaced by rename, here
        // and by every tool that fetches them, and a rename leaves a mapped file as it was.
        let map = unsafe { Mmap::map(&file) }.map_err(|error| ModelError::read(path, &error))?;
        Ok(Self { path: path.to_path_buf(), map: Some(map), embedded: &[] })
    }

    /// A file that is part of the program; `path` is what messages call it.
    pub fn embedded(path: &Path, bytes: &'static [u8]) -> Self {
        Self { path: path.to_path_buf(), map: None, embedded: bytes }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn bytes(&self) -> &[u8] {
        self.map.as_deref().unwrap_or(self.embedded)
    }

    /// Says that a part of [`Mapping::bytes`] is not needed for now: it stops counting as memory of this process, and comes
    /// back from the file when it is looked at again. Without this a model once read would count twice.
    pub fn release(&self, part: &[u8]) {
        #[cfg(unix)]
        if let Some(map) = &self.map
            && let Some(offset) = (part.as_ptr() as usize).checked_sub(map.as_ptr() as usize)
            && offset + part.len() <= map.len()
        {
            // SAFETY: the mapping is of a file, read-only and never written, so dropping its pages loses nothing: reading
            // them again, here or in another thread, reads the file.
            let advised = unsafe { map.unchecked_advise_range(memmap2::UncheckedAdvice::DontNeed, offset, part.len()) };
            // Only advice: where it is not taken, memory is freed later.
            let _ = advised;
        }
        #[cfg(not(unix))]
        let _ = part;
    }
}

/// One name for the content of some files, whatever they are called: the SHA-256 of the SHA-256 of every 4 MiB block, in
/// order. Every byte counts; blocks are hashed on all cores, since hashing gigabytes on one would delay every start.
pub(in crate::model) fn content_hash(files: &[&Mapping]) -> String {
    const BLOCK: usize = 4 << 20;
    let mut whole = Sha256::new();
    for file in files {
        whole.update((file.bytes().len() as u64).to_le_bytes());
        let hash_block = |block: &[u8]| {
            let digest = Sha256::digest(block);
            file.release(block);
            digest
        };
        let digests: Vec<_> = file.bytes().par_chunks(BLOCK).map(hash_block).collect();
        for digest in digests {
            whole.update(digest);
        }
    }
    whole.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_what_the_file_holds() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x");
        for content in [&b""[..], b"a", &vec![7u8; 70_000]] {
            std::fs::write(&path, content).unwrap();
            let mapping = Mapping::open(&path).unwrap();
            assert_eq!(mapping.bytes(), content);
            let half = &mapping.bytes()[content.len() / 2..];
            mapping.release(half);
            mapping.release(&[1, 2, 3]);
            assert_eq!(mapping.bytes(), content, "released pages come back");
        }
        assert!(Mapping::open(directory.path()).is_err(), "a directory is refused");
        assert!(Mapping::open(&directory.path().join("none")).is_err());
    }

    #[test]
    fn hash_sees_every_byte_and_where_files_end() {
        let directory = tempfile::tempdir().unwrap();
        let hash = |contents: &[Vec<u8>]| {
            let maps: Vec<_> = contents
                .iter()
                .enumerate()
                .map(|(index, content)| {
                    let path = directory.path().join(index.to_string());
                    std::fs::write(&path, content).unwrap();
                    Mapping::open(&path).unwrap()
                })
                .collect();
            content_hash(&maps.iter().collect::<Vec<_>>())
        };
        let big = vec![1u8; (4 << 20) + 5];
        let mut other = big.clone();
        *other.last_mut().unwrap() = 2;
        assert_ne!(hash(std::slice::from_ref(&big)), hash(&[other]));
        assert_ne!(hash(&[vec![1, 2], vec![3]]), hash(&[vec![1], vec![2, 3]]));
        assert_eq!(hash(std::slice::from_ref(&big)), hash(&[big]));
    }
}
