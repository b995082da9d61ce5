//! What the trainer of a run prints, in the run's folder. How logs are kept: `launch::log`.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use crate::launch::log;
pub(super) use crate::launch::log::LONGEST;

/// Where it is in a run's folder.
pub(super) fn path(place: &Path) -> PathBuf {
    place.join("output.log")
}

/// Begins a new log; the one before becomes the older one.
pub(super) fn begin(place: &Path) -> io::Result<File> {
    log::begin(&path(place))
}

/// Makes room where the log is too long.
pub(super) fn keep_short(place: &Path, longest: u64) -> io::Result<()> {
    log::keep_short(&path(place), longest)
}

/// Why the trainer ended, as its last words say; `None` where it has none.
pub(super) fn reason(place: &Path) -> Option<String> {
    log::reason(&path(place))
}
