//! Locks. The job lock: one heavy job a session at a time, over all processes. The process lock: one process a session,
//! on network file systems only.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, PoisonError, Weak};
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::{Result, Session, SessionError};
use crate::records::{UnixMillis, now_millis};

const LOCK: &str = "job.lock";
const PROCESS: &str = "process.lock";
const FILTER: &str = "filter.lock";

/// Who holds the job lock.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Holder {
    pub pid: u32,
    pub host: String,
    /// Such as `generate`.
    pub job: String,
    pub since: UnixMillis,
}

/// Held while a session is judged; released when dropped or when the process dies.
#[derive(Debug)]
pub struct FilterLock {
    _file: File,
}

/// Held while a heavy job runs; released when dropped or when the process dies.
#[derive(Debug)]
pub struct JobLock {
    // The kernel lets go of the lock when the last handle is closed, however the process ends.
    _file: File,
}

impl Session {
    /// Takes the job lock, or says who holds it.
    pub fn lock_job(&self, job: &str) -> Result<std::result::Result<JobLock, Holder>> {
        self.writable()?;
        let mut file =
            self.io(OpenOptions::new().create(true).truncate(false).read(true).write(true).open(self.dir.join(LOCK)))?;
        // Those who ask for the holder lock the file for an instant, so one refusal is not yet an answer.
        let mut tries = 0;
        while let Err(error) = flock(&file, FlockOperation::NonBlockingLockExclusive) {
            tries += 1;
            match error {
                Errno::WOULDBLOCK if tries < 10 => std::thread::sleep(Duration::from_millis(15)),
                Errno::WOULDBLOCK => return Ok(Err(named(&mut file))),
                error => return Err(SessionError::other(&self.dir, format!("cannot lock {LOCK}: {error}"))),
            }
        }
        let holder = Holder { pid: std::process::id(), host: host(), job: job.to_owned(), since: now_millis() };
        let json = self.json(&holder)?;
        self.io(file.set_len(0).and_then(|()| file.rewind()).and_then(|()| file.write_all(json.as_bytes())))?;
        Ok(Ok(JobLock { _file: file }))
    }

    /// Takes the right to judge the samples: two that judge at once would leave verdicts of two kinds.
    ///
    /// # Errors
    /// If another process judges, or nothing can be written.
    pub fn lock_filter(&self) -> Result<FilterLock> {
        self.writable()?;
        let path = self.dir.join(FILTER);
        let file = self.io(OpenOptions::new().create(true).truncate(false).read(true).write(true).open(path))?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(FilterLock { _file: file }),
            Err(Errno::WOULDBLOCK) => {
                Err(SessionError::other(&self.dir, "the filter runs here already; try again when it is done"))
            }
            Err(error) => Err(SessionError::other(&self.dir, format!("cannot lock {FILTER}: {error}"))),
        }
    }

    /// Who holds the job lock now, if a living process does.
    pub fn holder(&self) -> Result<Option<Holder>> {
        // Opened for reading only, so that a viewer without the right to write can ask as well.
        let mut file = match File::open(self.dir.join(LOCK)) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(self.io_error(&error)),
        };
        match flock(&file, FlockOperation::NonBlockingLockShared) {
            // Nobody holds it. The lock just taken goes when the file is closed, at the end of this function.
            Ok(()) => Ok(None),
            Err(Errno::WOULDBLOCK) => {
                let mut holder = named(&mut file);
                // For an instant after it took the lock the holder has not written who it is.
                for _ in 0..10 {
                    if holder.pid != 0 {
                        break;
                    }
                    std::thread::sleep(Duration::from_millis(10));
                    holder = named(&mut file);
                }
                Ok(Some(holder))
            }
            Err(error) => Err(SessionError::other(&self.dir, format!("cannot look at {LOCK}: {error}"))),
        }
    }
}

fn named(file: &mut File) -> Holder {
    let mut text = String::new();
    let read = file.rewind().and_then(|()| file.take(4096).read_to_string(&mut text));
    read.ok().and_then(|_| serde_json::from_str(&text).ok()).unwrap_or_else(|| Holder {
        pid: 0,
        host: "unknown".into(),
        job: "job".into(),
        since: 0,
    })
}

/// Held by every handle of this process on one session; the last one lets go.
pub(super) type ProcessLock = Arc<File>;

static HELD: LazyLock<Mutex<HashMap<PathBuf, Weak<File>>>> = LazyLock::new(Mutex::default);

/// Keeps other processes, on this and on other hosts, out of a session on a network file system, or says who has it.
pub(super) fn whole_session(dir: &Path, file_system: &str) -> Result<ProcessLock> {
    let path = dir.join(PROCESS);
    let mut held = HELD.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(lock) = held.get(&path).and_then(Weak::upgrade) {
        return Ok(lock);
    }
    let failed = |error: &dyn std::fmt::Display| SessionError::other(dir, format!("cannot lock {PROCESS}: {error}"));
    let opened = OpenOptions::new().create(true).truncate(false).read(true).write(true).open(&path);
    let mut file = opened.map_err(|error| failed(&error))?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(Errno::WOULDBLOCK) => {
            let holder = named(&mut file);
            return Err(SessionError::other(
                dir,
                format!(
                    "open on {} (pid {}); on {file_system} one process at a time can use a session: set CRIBBLE_DATA_DIR to \
                     a local directory",
                    holder.host, holder.pid
                ),
            ));
        }
        Err(error) => {
            return Err(SessionError::other(
                dir,
                format!("{file_system} does not lock files here ({error}): set CRIBBLE_DATA_DIR to a local directory"),
            ));
        }
    }
    let holder = Holder { pid: std::process::id(), host: host(), job: "open".into(), since: now_millis() };
    let json = serde_json::to_string(&holder).map_err(|error| failed(&error))?;
    file.set_len(0).and_then(|()| file.write_all(json.as_bytes())).map_err(|error| failed(&error))?;
    let lock = Arc::new(file);
    held.insert(path, Arc::downgrade(&lock));
    Ok(lock)
}

fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}
