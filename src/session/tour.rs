//! The recorded session that comes with the program: put where it can be read, and copied to be the person's own.
//!
//! It is never changed where it lies. Who wants to change it gets a copy first ([`adopt`]).

use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::store::STORE;
use super::{Result, Session, SessionError};

static RECORDED: &[u8] = include_bytes!("../../sessions/tour/session.db");

/// Opens the tour for viewing. Its file is put under `shelf`, a directory of the program's own, unless it is there.
///
/// # Errors
/// If the shelf cannot be written, or holds another file in its place.
pub fn view(shelf: &Path) -> Result<Session> {
    let dir = shelf.join(name(RECORDED));
    let file = dir.join(STORE);
    if std::fs::read(&file).map_or(true, |found| found != RECORDED) {
        let put = put(&dir, &file).and_then(|()| {
            // Who opens it by its path looks at it too.
            let mut rights = std::fs::metadata(&file)?.permissions();
            rights.set_readonly(true);
            std::fs::set_permissions(&file, rights)
        });
        put.map_err(|error| SessionError::other(&dir, format!("the tour cannot be put here: {error}")))?;
    }
    Session::open_for_viewing(&dir, "the tour; a copy is made before anything is changed".into())
}

/// Makes the person's own session of the tour in the first free of `tour`, `tour-2`, ... under `sessions`.
///
/// # Errors
/// If it cannot be written there.
pub fn adopt(sessions: &Path) -> Result<PathBuf> {
    let failed = |dir: &Path, error: std::io::Error| {
        SessionError::other(dir, format!("no copy of the tour can be made here: {error}"))
    };
    for number in 1.. {
        let dir = sessions.join(if number == 1 { "tour".to_owned() } else { format!("tour-{number}") });
        std::fs::create_dir_all(sessions).map_err(|error| failed(sessions, error))?;
        match std::fs::create_dir(&dir) {
            Ok(()) => {
                put(&dir, &dir.join(STORE)).map_err(|error| {
                    let _ = std::fs::remove_dir(&dir);
                    failed(&dir, error)
                })?;
                return Ok(dir);
            }
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(failed(&dir, error)),
        }
    }
    unreachable!("there are more numbers than directories")
}

/// Writes the recorded store, whole or not at all.
fn put(dir: &Path, file: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(dir)?;
    // A log beside the store belongs to the file that lay there before.
    for log in ["session.db-wal", "session.db-shm"] {
        match std::fs::remove_file(dir.join(log)) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    let fresh = dir.join(format!("session.db.{}", std::process::id()));
    let written = std::fs::File::create(&fresh)
        .and_then(|mut out| out.write_all(RECORDED).and_then(|()| out.sync_all()))
        .and_then(|()| std::fs::rename(&fresh, file));
    if written.is_err() {
        let _ = std::fs::remove_file(&fresh);
    }
    written
}

/// Another recording, another directory: two versions of the program do not disturb each other.
fn name(recorded: &[u8]) -> String {
    let digest = Sha256::digest(recorded);
    let hex: String = digest.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    format!("tour-{hex}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::DecisionVerb;

    #[test]
    fn the_tour_is_viewed_in_place_and_copied_to_be_changed() {
        let root = tempfile::tempdir().unwrap();
        let (shelf, sessions) = (root.path().join("shelf"), root.path().join("sessions"));
        let tour = view(&shelf).unwrap();
        let rows = tour.sample_rows().unwrap();
        assert!(rows.len() >= 50, "there is something to look at");
        assert!(tour.decide(rows[0].id, DecisionVerb::Accept, None, None).is_err(), "it is not written to");
        let own = adopt(&sessions).unwrap();
        assert_eq!(own, sessions.join("tour"));
        let session = Session::open(&own).unwrap();
        assert_eq!(session.sample_rows().unwrap().len(), rows.len());
        session.decide(rows[0].id, DecisionVerb::Reject, None, None).unwrap();
        assert_eq!(adopt(&sessions).unwrap(), sessions.join("tour-2"));
        assert_eq!(view(&shelf).unwrap().counts().unwrap(), tour.counts().unwrap(), "the tour itself is as it was");
    }

    #[test]
    fn a_damaged_copy_on_the_shelf_is_put_right() {
        let root = tempfile::tempdir().unwrap();
        drop(view(root.path()).unwrap());
        let file = root.path().join(name(RECORDED)).join(STORE);
        assert!(std::fs::metadata(&file).unwrap().permissions().readonly());
        std::fs::remove_file(&file).unwrap();
        std::fs::write(&file, b"half").unwrap();
        std::fs::write(file.with_extension("db-wal"), b"of another").unwrap();
        assert!(view(root.path()).is_ok());
    }
}
