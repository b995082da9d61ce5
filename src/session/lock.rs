//! Locks. The job locks: of what is heavy one at a time in a session, over all processes. The process lock: one process a session,
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
use crate::records::{Heavy, UnixMillis, now_millis};

/// Held by who draws samples, and by who trains; by who stands alone both, in this order.
const JOBS: [&str; 2] = ["job.lock", "train.lock"];
const PROCESS: &str = "process.lock";
const FILTER: &str = "filter.lock";

/// Who holds a job lock.
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
    // The kernel lets go of a lock when the last handle is closed, however the process ends.
    _files: Vec<File>,
}

impl Session {
    /// Takes the locks of a job that is heavy with this, or says who holds one of them.
    pub fn lock_job(&self, job: &str, heavy: Heavy) -> Result<std::result::Result<JobLock, Holder>> {
        self.writable()?;
        let mut files = Vec::new();
        for name in locks(heavy) {
            match self.lock(name)? {
                Ok(file) => files.push(file),
                Err(other) => return Ok(Err(other)),
            }
        }
        // Only now: what was asked of a job before it, while these were waited for, is not asked of this one.
        let holder = Holder { pid: std::process::id(), host: host(), job: job.to_owned(), since: now_millis() };
        let json = self.json(&holder)?;
        for file in &mut files {
            self.io(file.rewind().and_then(|()| file.write_all(json.as_bytes())))?;
        }
        Ok(Ok(JobLock { _files: files }))
    }

    fn lock(&self, name: &str) -> Result<std::result::Result<File, Holder>> {
        let path = self.dir.join(name);
        let mut file = self.io(OpenOptions::new().create(true).truncate(false).read(true).write(true).open(path))?;
        // Those who ask for the holder lock the file for an instant, so one refusal is not yet an answer.
        let mut tries = 0;
        while let Err(error) = flock(&file, FlockOperation::NonBlockingLockExclusive) {
            tries += 1;
            match error {
                Errno::WOULDBLOCK if tries < 10 => std::thread::sleep(Duration::from_millis(15)),
                Errno::WOULDBLOCK => return Ok(Err(named(&mut file))),
                error => return Err(SessionError::other(&self.dir, format!("cannot lock {name}: {error}"))),
            }
        }
        // Who held it before is not taken for its holder.
        self.io(file.set_len(0))?;
        Ok(Ok(file))
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

    /// Who holds job locks now, of living processes; at most two.
    pub fn holders(&self) -> Result<Vec<Holder>> {
        let mut holders: Vec<Holder> = Vec::new();
        for name in JOBS {
            // Who stands alone holds both.
            holders.extend(self.holder_of(name)?.filter(|holder| holders.last() != Some(holder)));
        }
        Ok(holders)
    }

    fn holder_of(&self, name: &str) -> Result<Option<Holder>> {
        // Opened for reading only, so that a viewer without the right to write can ask as well.
        let mut file = match File::open(self.dir.join(name)) {
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
                // Who has not said it by now waits for the other lock, and may not get it.
                Ok(Some(holder).filter(|holder| holder.pid != 0))
            }
            Err(error) => Err(SessionError::other(&self.dir, format!("cannot look at {name}: {error}"))),
        }
    }
}

fn locks(heavy: Heavy) -> &'static [&'static str] {
    match heavy {
        Heavy::Sampling => &JOBS[..1],
        Heavy::Training => &JOBS[1..],
        Heavy::Both => &JOBS,
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
