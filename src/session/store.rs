//! Opening a session: making one, following an older one up, falling back to viewing.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags, Transaction, TransactionBehavior};

use super::lock::{self, ProcessLock};
use super::schema::{self, Fit};
use super::{Counts, Result, SessionError};
use crate::records::UnixMillis;

pub(super) const STORE: &str = "session.db";
const BUSY: Duration = Duration::from_secs(5);

/// An open session. Cheap to open again on another thread; not shared between threads.
#[derive(Debug)]
pub struct Session {
    pub(super) dir: PathBuf,
    pub(super) connection: Connection,
    read_only: Option<String>,
    /// On a network file system: what keeps other processes out.
    _process: Option<ProcessLock>,
}

/// How the file system under a session behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FileSystem {
    Local,
    /// Shared memory and locks of several hosts do not meet: no write-ahead log.
    Network(&'static str),
}

impl Session {
    /// Makes a new session directory; fails if there is one.
    pub fn create(dir: &Path) -> Result<Session> {
        if dir.join(STORE).exists() {
            return Err(SessionError::other(dir, "there is a session here already; `cribble open` opens it"));
        }
        std::fs::create_dir_all(dir)
            .map_err(|error| SessionError::other(dir, format!("cannot make the directory: {error}")))?;
        Self::open_for_writing(dir)
    }

    /// Opens for writing; falls back to viewing where the directory cannot be written (see [`Session::read_only`]).
    pub fn open(dir: &Path) -> Result<Session> {
        if !dir.join(STORE).is_file() {
            return Err(SessionError::Missing { path: dir.to_path_buf() });
        }
        match unwritable(dir) {
            Some(reason) => Self::open_for_viewing(dir, reason),
            None => Self::open_for_writing(dir),
        }
    }

    /// Opens beside a session that is open already, to read alone.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn open_to_read(dir: &Path) -> Result<Session> {
        Self::open_for_viewing(dir, "it is being read only".into())
    }

    pub fn open_or_create(dir: &Path) -> Result<Session> {
        match Self::open(dir) {
            Err(SessionError::Missing { .. }) => Self::create(dir),
            opened => opened,
        }
    }

    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Why the session can only be viewed, or `None`.
    pub fn read_only(&self) -> Option<&str> {
        self.read_only.as_deref()
    }

    /// Changes whenever any process wrote to the store.
    pub fn data_version(&self) -> Result<i64> {
        // `data_version` is silent about this connection's own writes, `total_changes` counts just those.
        let others: i64 = self.read(self.connection.query_row("PRAGMA data_version", [], |row| row.get(0)))?;
        Ok(others.wrapping_shl(32).wrapping_add(self.connection.total_changes() as i64))
    }

    /// When the newest sample, setting or decision was made, in milliseconds since 1970; `None` in an empty session.
    pub fn last_change(&self) -> Result<Option<UnixMillis>> {
        self.read(self.connection.query_row(
            "SELECT max(at) FROM (SELECT max(created_at) AS at FROM samples UNION ALL SELECT max(at) FROM settings \
             UNION ALL SELECT max(at) FROM decisions)",
            [],
            |row| row.get(0),
        ))
    }

    /// SQLite's own integrity check.
    pub fn check(&self) -> Result<()> {
        let said: String = self.read(self.connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)))?;
        if said == "ok" { Ok(()) } else { Err(SessionError::other(&self.dir, format!("the store is damaged: {said}"))) }
    }

    pub fn counts(&self) -> Result<Counts> {
        let count = |sql: &str| -> Result<usize> {
            self.read(self.connection.query_row(sql, [], |row| row.get::<_, i64>(0))).map(|count| count as usize)
        };
        // Standings of samples that are not here (a recovered log) are not counted.
        let standing = |test: &str| {
            count(&format!(
                "SELECT count(*) FROM standings s JOIN samples USING (problem_id, draw, settings) WHERE s.{test}"
            ))
        };
        Ok(Counts {
            problems: count("SELECT count(*) FROM problems")?,
            samples: count("SELECT count(*) FROM samples")?,
            correct: count("SELECT count(*) FROM samples WHERE correct = 1")?,
            accepted: standing("verb = 'accept'")?,
            rejected: standing("verb = 'reject'")?,
            skipped: standing("verb = 'skip'")?,
            flagged: standing("flagged = 1")?,
        })
    }

    fn open_for_writing(dir: &Path) -> Result<Session> {
        Self::open_on(dir, file_system(dir))
    }

    pub(super) fn open_on(dir: &Path, file_system: FileSystem) -> Result<Session> {
        let process = match file_system {
            FileSystem::Local => None,
            FileSystem::Network(name) => Some(lock::whole_session(dir, name)?),
        };
        let path = dir.join(STORE);
        let connection = Connection::open(&path).map_err(|error| SessionError::of_sqlite(dir, &error))?;
        let mut session = Session { dir: dir.to_path_buf(), connection, read_only: None, _process: process };
        session.prepare(file_system).map_err(|error| SessionError::of_sqlite(dir, &error))?;
        match schema::fit(&session.connection).map_err(|error| SessionError::of_sqlite(dir, &error))? {
            Fit::Current => {}
            Fit::Older => {
                schema::migrate(&mut session.connection).map_err(|error| SessionError::of_sqlite(dir, &error))?;
            }
            Fit::Newer(version) => return Err(newer(dir, version)),
        }
        session.recover_decisions()?;
        Ok(session)
    }

    fn prepare(&self, file_system: FileSystem) -> rusqlite::Result<()> {
        self.connection.busy_timeout(BUSY)?;
        self.connection.pragma_update(None, "foreign_keys", true)?;
        let journal = match file_system {
            FileSystem::Local => "WAL",
            // Not SQLite's exclusive locking: it would shut out the other threads of this very process.
            FileSystem::Network(_) => "DELETE",
        };
        self.connection.pragma_update_and_check(None, "journal_mode", journal, |_| Ok(()))?;
        self.connection.pragma_update(None, "synchronous", "NORMAL")
    }

    pub(super) fn open_for_viewing(dir: &Path, reason: String) -> Result<Session> {
        // A store with a log needs its shared memory file, which cannot be made here if it is missing; without a log the
        // file can be taken as it is. That is the last resort: what another process writes later is then not seen.
        let log = std::fs::metadata(dir.join("session.db-wal")).map_or(0, |data| data.len());
        let opened = match Self::connect_for_viewing(dir, false, BUSY) {
            Err(_) if log == 0 => Self::connect_for_viewing(dir, true, BUSY),
            opened => opened,
        };
        let (connection, fit) = opened.map_err(|error| SessionError::of_sqlite(dir, &error))?;
        match fit {
            Fit::Current => Ok(Session { dir: dir.to_path_buf(), connection, read_only: Some(reason), _process: None }),
            Fit::Older => Err(SessionError::other(dir, "an older store in a place that cannot be written; copy it")),
            Fit::Newer(version) => Err(newer(dir, version)),
        }
    }

    /// A connection that writes nothing, and how the store fits this program. `frozen`: nobody else writes either.
    fn connect_for_viewing(dir: &Path, frozen: bool, patience: Duration) -> rusqlite::Result<(Connection, Fit)> {
        let frozen = if frozen { "&immutable=1" } else { "" };
        let uri = format!("file:{}?mode=ro{frozen}", percent(&dir.join(STORE)));
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(uri, flags)?;
        connection.busy_timeout(patience)?;
        let fit = schema::fit(&connection)?;
        Ok((connection, fit))
    }

    /// Looks into a session without changing anything: no migration, no lock, no long wait. Good for its counts only.
    ///
    /// # Errors
    /// If it cannot be read now, or was made by a newer program.
    pub fn peek(dir: &Path) -> Result<Session> {
        let frozen = unwritable(dir).is_some() && !dir.join("session.db-shm").exists();
        let opened = Self::connect_for_viewing(dir, frozen, Duration::from_millis(200));
        let (connection, fit) = opened.map_err(|error| SessionError::of_sqlite(dir, &error))?;
        match fit {
            Fit::Current | Fit::Older => {
                let read_only = Some("looked into only".to_owned());
                Ok(Session { dir: dir.to_path_buf(), connection, read_only, _process: None })
            }
            Fit::Newer(version) => Err(newer(dir, version)),
        }
    }

    pub(super) fn writable(&self) -> Result<&Connection> {
        match &self.read_only {
            None => Ok(&self.connection),
            Some(reason) => Err(SessionError::ReadOnly { path: self.dir.clone(), reason: reason.clone() }),
        }
    }

    /// A transaction that takes its turn to write at once: one that began by reading could not wait for another writer.
    pub(super) fn begin(&self) -> Result<Transaction<'_>> {
        self.read(Transaction::new_unchecked(self.writable()?, TransactionBehavior::Immediate))
    }

    pub(super) fn read<T>(&self, result: rusqlite::Result<T>) -> Result<T> {
        result.map_err(|error| SessionError::of_sqlite(&self.dir, &error))
    }
}

impl SessionError {
    pub(super) fn other(path: &Path, message: impl Into<String>) -> Self {
        SessionError::Other { path: path.to_path_buf(), message: message.into() }
    }

    pub(super) fn of_sqlite(dir: &Path, error: &rusqlite::Error) -> Self {
        let message = match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => "the disk is full; what was stored is safe, make room and start again".into(),
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                return SessionError::Busy { path: dir.to_path_buf() };
            }
            Some(ErrorCode::NotADatabase) => "session.db is not a store of cribble".into(),
            Some(ErrorCode::DatabaseCorrupt) => "the store is damaged; decisions.jsonl still has every decision".into(),
            Some(ErrorCode::SystemIoFailure) => format!("reading or writing the store failed: {error}"),
            _ => error.to_string(),
        };
        Self::other(dir, message)
    }
}

fn newer(dir: &Path, version: i64) -> SessionError {
    let known = schema::VERSION;
    SessionError::other(
        dir,
        format!("made by a newer cribble (store version {version}, known {known}); update cribble"),
    )
}

/// Why nothing can be written here, if so. Asks the kernel, since file modes say nothing of read-only mounts.
fn unwritable(dir: &Path) -> Option<String> {
    use rustix::fs::{Access, access};
    for path in [dir.to_path_buf(), dir.join(STORE)] {
        if let Err(error) = access(&path, Access::WRITE_OK) {
            return Some(format!("{} cannot be written ({error})", path.display()));
        }
    }
    None
}

/// The path as SQLite's URIs want it.
fn percent(path: &Path) -> String {
    use std::os::unix::ffi::OsStrExt;
    let mut uri = String::new();
    for byte in path.as_os_str().as_bytes() {
        if byte.is_ascii_alphanumeric() || b"/._-~".contains(byte) {
            uri.push(char::from(*byte));
        } else {
            uri.push_str(&format!("%{byte:02X}"));
        }
    }
    uri
}

/// The kind of network file system that a directory lies on; `None` for a local one.
pub fn network_file_system(dir: &Path) -> Option<&'static str> {
    match file_system(dir) {
        FileSystem::Local => None,
        FileSystem::Network(name) => Some(name),
    }
}

#[cfg(target_os = "linux")]
fn file_system(dir: &Path) -> FileSystem {
    let magic = rustix::fs::statfs(dir).map_or(0, |found| found.f_type as u64 & 0xffff_ffff);
    if magic != FUSE {
        return of_magic(magic);
    }
    // Anything may be behind FUSE, a local disk too: the table of mounts says what.
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    if dir.canonicalize().is_ok_and(|dir| remote_fuse(&mounts, &dir)) {
        FileSystem::Network("a remote FUSE mount")
    } else {
        FileSystem::Local
    }
}

#[cfg(target_os = "linux")]
const FUSE: u64 = 0x6573_5546;
#[cfg(target_os = "linux")]
const REMOTE_FUSE: &[&str] =
    &["sshfs", "s3fs", "gcsfuse", "rclone", "glusterfs", "juicefs", "ceph", "davfs", "mfs", "lustre"];

/// Whether the mount that holds `dir` is a FUSE type that reaches over a network. `mounts` is in the form of proc(5).
#[cfg(target_os = "linux")]
fn remote_fuse(mounts: &str, dir: &Path) -> bool {
    let mount = |line: &str| {
        let (left, right) = line.split_once(" - ")?;
        let point = left.split(' ').nth(4)?.replace("\\040", " ");
        let kind = right.split(' ').next()?.to_owned();
        dir.starts_with(&point).then_some((point.len(), kind))
    };
    let holds = mounts.lines().filter_map(mount).max_by_key(|(length, _)| *length);
    holds.is_some_and(|(_, kind)| {
        kind.strip_prefix("fuse.").is_some_and(|kind| REMOTE_FUSE.iter().any(|remote| kind.contains(remote)))
    })
}

#[cfg(not(target_os = "linux"))]
fn file_system(_dir: &Path) -> FileSystem {
    FileSystem::Local
}

/// Magic numbers from Linux's `magic.h` and from Lustre's and BeeGFS's own headers.
fn of_magic(magic: u64) -> FileSystem {
    match magic {
        0x6969 => FileSystem::Network("NFS"),
        0x517b | 0xfe53_4d42 | 0xff53_4d42 => FileSystem::Network("SMB"),
        0x0bd0_0bd0 => FileSystem::Network("Lustre"),
        0x00c3_6400 => FileSystem::Network("Ceph"),
        0x1983_0326 => FileSystem::Network("BeeGFS"),
        0x4750_4653 => FileSystem::Network("GPFS"),
        0x0102_1997 => FileSystem::Network("9P"),
        _ => FileSystem::Local,
    }
}
