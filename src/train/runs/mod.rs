//! The runs of a session seen from outside, whatever process trains them: their names, their settings, moving them about, and
//! (`follow`) what their records say. Training itself is `trainer`'s.

pub mod follow;

use std::path::{Path, PathBuf};

use super::external::{self, External};
use super::{TrainError, TrainSettings, checkpoint};

/// Directory beside the runs that screens pass over.
const ARCHIVE: &str = ".archive";

/// Whether a run may be called so: its directory has the name, and screens show it.
pub fn is_run_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    !name.is_empty() && !name.starts_with('.') && name.chars().all(plain)
}

/// Where the runs of a session are.
pub fn place(session: &Path) -> PathBuf {
    session.join("runs")
}

/// The settings that a run was last trained with, from its newest whole checkpoint, or from what another trainer was given, which is
/// then named too.
///
/// # Errors
/// If there are none, or they cannot be read.
pub fn settings(runs: &Path, name: &str) -> Result<(TrainSettings, Option<External>), TrainError> {
    let run = runs.join(name);
    let elsewhere = external::kept(&run).map_err(|error| TrainError::Checkpoint(error.to_string()))?;
    if let Some(external::Kept { settings, external }) = elsewhere {
        return Ok((settings, Some(external)));
    }
    let Some(step) = checkpoint::newest(&run) else {
        return Err(TrainError::Checkpoint(format!("{}: no checkpoint yet", run.display())));
    };
    Ok((checkpoint::state(&checkpoint::place(&run, step))?.settings, None))
}

/// Gives a run another name. It must not be in training.
///
/// # Errors
/// If the name is no name of a run or is taken, or of the file system.
pub fn rename(runs: &Path, from: &str, to: &str) -> std::io::Result<()> {
    if !is_run_name(to) {
        return Err(refused(format!("`{to}` is no name of a run: letters, digits, `-`, `_` and `.` are possible")));
    }
    move_to(&runs.join(from), &runs.join(to))
}

/// Puts a run away; [`restore`] brings it back. It must not be in training.
///
/// # Errors
/// Of the file system, or if one of this name was put away before.
pub fn archive(runs: &Path, name: &str) -> std::io::Result<()> {
    let archive = runs.join(ARCHIVE);
    std::fs::create_dir_all(&archive)?;
    move_to(&runs.join(name), &archive.join(name))
}

/// Brings a run back that was put away.
///
/// # Errors
/// Of the file system, or if there is another run of this name.
pub fn restore(runs: &Path, name: &str) -> std::io::Result<()> {
    move_to(&runs.join(ARCHIVE).join(name), &runs.join(name))
}

fn move_to(from: &Path, to: &Path) -> std::io::Result<()> {
    // An empty directory would be replaced without a word.
    if std::fs::symlink_metadata(to).is_ok() {
        return Err(refused(format!("{} is there already", to.display())));
    }
    std::fs::rename(from, to)
}

fn refused(why: String) -> std::io::Error {
    std::io::Error::new(std::io::ErrorKind::InvalidInput, why)
}

#[cfg(test)]
mod tests {
    use super::super::external::PLACE;
    use super::super::metrics::METRICS;
    use super::*;
    use crate::watch::{Kind, Watcher};

    /// Who watches knows the folder by its name, which is this one.
    #[test]
    fn a_training_by_another_program_is_one_run_to_who_watches_the_session() {
        let dir = tempfile::tempdir().unwrap();
        let run = place(dir.path()).join("sft");
        let output = run.join(PLACE).join("output");
        std::fs::create_dir_all(&output).unwrap();
        std::fs::write(run.join(METRICS), "{\"step\":1,\"loss\":2.0}\n").unwrap();
        std::fs::write(output.join("trainer_log.jsonl"), "{\"current_steps\":1,\"loss\":2.0}\n").unwrap();
        let look = Watcher::new(vec![dir.path().to_path_buf()]).look();
        assert_eq!(
            look.news.iter().map(|news| (news.run.as_str(), news.kind)).collect::<Vec<_>>(),
            [("runs/sft", Kind::Cribble)]
        );
    }

    #[test]
    fn runs_are_renamed_put_away_and_brought_back_and_never_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let runs = dir.path();
        for name in ["sft", "lora"] {
            std::fs::create_dir(runs.join(name)).unwrap();
            std::fs::write(runs.join(name).join("metrics.jsonl"), name).unwrap();
        }
        assert!(rename(runs, "sft", "lora").unwrap_err().to_string().contains("there already"));
        for wrong in ["", "../x", ".archive", "a b"] {
            assert!(rename(runs, "sft", wrong).is_err(), "{wrong}");
        }
        rename(runs, "sft", "first").unwrap();
        archive(runs, "first").unwrap();
        assert!(!runs.join("first").exists());
        // Another one of the name does not push out the one that was put away, nor does that one come back over it.
        rename(runs, "lora", "first").unwrap();
        assert!(archive(runs, "first").is_err());
        assert!(restore(runs, "first").is_err());
        rename(runs, "first", "second").unwrap();
        restore(runs, "first").unwrap();
        assert_eq!(std::fs::read_to_string(runs.join("first/metrics.jsonl")).unwrap(), "sft");
        assert!(settings(runs, "first").unwrap_err().to_string().contains("no checkpoint yet"));
    }
}
