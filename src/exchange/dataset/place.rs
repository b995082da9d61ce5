//! The place of a directory that is written whole or not at all, and is replaced only if cribble made what is there.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::pretty;
use crate::exchange::messages::ExportError;

/// Says that cribble made a directory, and what is in it.
const MANIFEST: &str = "cribble.json";
/// Ends the name of a directory whose place is being taken.
const OLD: &str = ".old";

/// A directory that is made beside its place. What is not brought there is removed.
pub(super) struct Place {
    fresh: PathBuf,
    target: PathBuf,
    /// One that is there is replaced.
    replaces: bool,
    there: bool,
}

impl Place {
    /// # Errors
    /// If what is there already is not ours to replace, or the disk fails.
    pub(super) fn beside(target: &Path, force: bool) -> Result<Self, ExportError> {
        bring_back(target);
        let replaces = is_taken(target);
        if replaces {
            may_replace(target, force)?;
        }
        let (parent, hidden) = (parent(target), hidden(target));
        let fresh = parent.join(format!("{hidden}{}", std::process::id()));
        let io = |source| ExportError::Io { path: target.to_path_buf(), source };
        std::fs::create_dir_all(parent).map_err(io)?;
        match std::fs::remove_dir_all(&fresh) {
            // One that was cut off left it, and had this number.
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(io(error)),
            _ => std::fs::create_dir(&fresh).map_err(io)?,
        }
        Ok(Self { fresh, target: target.to_path_buf(), replaces, there: false })
    }

    /// Of a file in it, while it is made.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.fresh.join(name)
    }

    pub(super) fn io(&self, source: std::io::Error) -> ExportError {
        ExportError::Io { path: self.target.clone(), source }
    }

    pub(super) fn write(&self, name: &str, text: &str) -> Result<(), ExportError> {
        let mut file = File::create(self.path(name)).map_err(|error| self.io(error))?;
        file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(|error| self.io(error))
    }

    /// Names what is in the directory, beside its card these files, and moves it to its place.
    pub(super) fn appear(mut self, facts: &Value, files: impl Iterator<Item = String>) -> Result<(), ExportError> {
        let files: Vec<String> = ["README.md".to_owned(), MANIFEST.to_owned()].into_iter().chain(files).collect();
        let manifest =
            json!({"made_by": "cribble", "version": env!("CARGO_PKG_VERSION"), "files": files, "facts": facts});
        self.write(MANIFEST, &pretty(&manifest))?;
        for directory in [self.path("data"), self.fresh.clone()] {
            File::open(directory).and_then(|directory| directory.sync_all()).map_err(|error| self.io(error))?;
        }
        let replaced = self.exchange().map_err(|error| self.io(error))?;
        self.there = true;
        // The rename is there for everybody; whether it outlives a power cut is up to the disk.
        let _ = File::open(parent(&self.target)).and_then(|parent| parent.sync_all());
        if let Some(old) = replaced
            && let Err(error) = std::fs::remove_dir_all(&old)
        {
            tracing::warn!("{}: what was replaced cannot be removed ({error})", old.display());
        }
        Ok(())
    }

    /// Brings the directory to its place. Returns where the one is now that was there.
    fn exchange(&self) -> std::io::Result<Option<PathBuf>> {
        if !self.replaces {
            return std::fs::rename(&self.fresh, &self.target).map(|()| None);
        }
        if swap(&self.fresh, &self.target) {
            return Ok(Some(self.fresh.clone()));
        }
        let mut old = self.fresh.as_os_str().to_owned();
        old.push(OLD);
        let old = PathBuf::from(old);
        std::fs::rename(&self.target, &old)?;
        if let Err(error) = std::fs::rename(&self.fresh, &self.target) {
            std::fs::rename(&old, &self.target)?;
            return Err(error);
        }
        Ok(Some(old))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if !self.there {
            // Nothing half-written stays behind; that it cannot be removed changes nothing of the error.
            let _ = std::fs::remove_dir_all(&self.fresh);
        }
    }
}

/// Lets two directories change places at once. Not every system and disk can.
#[cfg(target_os = "linux")]
fn swap(one: &Path, other: &Path) -> bool {
    use rustix::fs::{CWD, RenameFlags, renameat_with};

    renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE).is_ok()
}

#[cfg(not(target_os = "linux"))]
fn swap(_: &Path, _: &Path) -> bool {
    false
}

fn parent(target: &Path) -> &Path {
    target.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// How the names of directories begin that are on their way to a place or from it. A number of a process follows.
fn hidden(target: &Path) -> String {
    format!(".{}.", target.file_name().unwrap_or_default().to_string_lossy())
}

/// Brings a directory back to its place that was moved away by who then was killed before the new one was there.
fn bring_back(target: &Path) {
    if target.symlink_metadata().is_ok() {
        return;
    }
    let hidden = hidden(target);
    let is_old = |name: &str| {
        let process = name.strip_prefix(&hidden).and_then(|rest| rest.strip_suffix(OLD));
        process.is_some_and(|process| process.parse::<u32>().is_ok())
    };
    let entries = std::fs::read_dir(parent(target)).into_iter().flatten().flatten();
    let mut old = entries.filter(|entry| entry.file_name().to_str().is_some_and(is_old)).map(|entry| entry.path());
    if let Some(old) = old.find(|old| is_ours(&manifest(old)))
        && let Err(error) = std::fs::rename(&old, target)
    {
        tracing::warn!("{}: what was there before cannot be brought back ({error})", old.display());
    }
}

/// What a directory says of itself; null where it says nothing.
fn manifest(directory: &Path) -> Value {
    let text = std::fs::read_to_string(directory.join(MANIFEST)).ok();
    text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default()
}

fn is_ours(manifest: &Value) -> bool {
    manifest["made_by"] == "cribble"
}

/// Whether something is there that a rename would not just take the place of.
fn is_taken(target: &Path) -> bool {
    match std::fs::read_dir(target) {
        Ok(mut entries) => entries.next().is_some(),
        Err(_) => target.symlink_metadata().is_ok(),
    }
}

/// Whether a directory is one that cribble made and nobody added to.
fn may_replace(target: &Path, force: bool) -> Result<(), ExportError> {
    let place = target.display();
    let refuse = |what: &str| Err(ExportError::Refused(format!("{place}: {what}")));
    let manifest = manifest(target);
    let link = target.symlink_metadata().is_ok_and(|data| data.file_type().is_symlink());
    if link || !is_ours(&manifest) {
        return refuse("is there already and was not made by cribble; name another directory");
    }
    if !force {
        return refuse("is there already; --force replaces it");
    }
    let known = |path: &Path| {
        let name = path.to_string_lossy();
        manifest["files"].as_array().is_some_and(|files| files.iter().any(|file| file.as_str() == Some(&*name)))
    };
    for directory in ["", "data"] {
        let entries = std::fs::read_dir(target.join(directory));
        for entry in entries.map_err(|source| ExportError::Io { path: target.to_path_buf(), source })? {
            let entry = entry.map_err(|source| ExportError::Io { path: target.to_path_buf(), source })?;
            let path = Path::new(directory).join(entry.file_name());
            if path != Path::new("data") && !known(&path) {
                return refuse(&format!("holds `{}`, which cribble did not write; move it away", path.display()));
            }
        }
    }
    Ok(())
}
