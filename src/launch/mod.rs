//! Programs of another make that we start: trainers, and servers of models. A command is a template; it goes behind a launcher, runs
//! in a process group of its own, prints into a file, and is found again by whoever comes after the one who started it.
//!
//! Not: which program it is, what it is to do, and how it is asked to do it.
//!
//! | file | holds |
//! |---|---|
//! | `template` | command and launcher as words; quoting for a POSIX shell |
//! | `process` | a program at work: started, found again, signalled |
//! | `log` | what it prints, and why it ended |

pub mod log;
pub mod process;
pub mod template;

use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Puts a file in its place, whole or not at all.
///
/// # Errors
/// Of the file system; then the file is as it was.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut fresh = path.as_os_str().to_owned();
    fresh.push(format!(".tmp-{}", std::process::id()));
    let fresh = PathBuf::from(fresh);
    let write = || {
        let mut file = std::fs::File::create(&fresh)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&fresh, path)
    };
    write().inspect_err(|_| {
        // Nothing half-written stays; that it cannot be removed changes nothing of the error.
        let _ = std::fs::remove_file(&fresh);
    })
}
