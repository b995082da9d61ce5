//! The boards of running jobs, mirrored for other processes, and the sign that one of them looks.

use std::path::PathBuf;
use std::time::Duration;

use super::{Result, Session};
use crate::records::LiveBoard;

/// A viewer counts as gone when it has not touched the watch for so long.
const WATCH: Duration = Duration::from_secs(3);

impl Session {
    /// Tells the holder that somebody watches (call about once a second).
    pub fn touch_watch(&self) -> Result<()> {
        self.writable()?;
        let directory = self.live()?;
        self.io(std::fs::write(directory.join("watch"), b""))
    }

    /// Whether somebody touched the watch within the last three seconds.
    pub fn watched(&self) -> bool {
        std::fs::metadata(self.dir.join("live").join("watch"))
            .and_then(|data| data.modified())
            .is_ok_and(|touched| touched.elapsed().is_ok_and(|age| age < WATCH))
    }

    /// Replaces `live/<job>.json` in one rename. `job`: what the holder of its lock is called; the board may be of a step of it.
    pub fn write_live(&self, job: &str, board: &LiveBoard) -> Result<()> {
        self.writable()?;
        let directory = self.live()?;
        let json = self.json(board)?;
        let fresh = directory.join(format!("{job}.json.{}", std::process::id()));
        self.io(std::fs::write(&fresh, json))?;
        self.io(std::fs::rename(&fresh, directory.join(format!("{job}.json"))))
    }

    /// The last board that was mirrored, if any.
    pub fn read_live(&self, job: &str) -> Result<Option<LiveBoard>> {
        match std::fs::read_to_string(self.dir.join("live").join(format!("{job}.json"))) {
            Ok(json) => self.parse(&json).map(Some),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.io_error(&error)),
        }
    }

    fn live(&self) -> Result<PathBuf> {
        let directory = self.dir.join("live");
        self.io(std::fs::create_dir_all(&directory))?;
        Ok(directory)
    }
}
