//! trackio's projects: an SQLite file each, with many runs.
//!
//! Nothing is ever made or changed beside the file, which takes some care with SQLite:
//! - While a writer has the file open, or has died, its log (`-wal`) and the shared memory (`-shm`) lie beside it. They are
//!   opened with `mode=ro` and `readonly_shm=1`: SQLite then neither makes nor recovers them, and reads what the log has.
//! - Without a log all is in the file, and it is opened as `immutable`: else SQLite would make both files in order to read a
//!   file that is in WAL mode. What a writer writes meanwhile comes with the next look.
//! - With a log but no shared memory (a copy of the files) only what the log was written back to can be read; that is told
//!   of the first run.
//! - A file with a rollback journal needs no more than `mode=ro`.
//!
//! The connection lives for one look, in which rows come by their rowid after the last one seen. A file that is unchanged is
//! not opened. The schema is not trusted: only plain columns of plain tables are read, no view, no expression.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags, OptionalExtension, Row};
use serde_json::Value as Json;

use super::gathered::Gathered;
use super::json::{self, Fields, Scalar};
use super::tail::{self, Stamp};

/// Rows of a table that are read in one look at most.
const ROWS: u64 = 200_000;
/// A longer object is passed over.
const ROW_BYTES: u64 = 1 << 20;
/// Runs of one project at most.
const RUNS: usize = 5000;
/// How long a writer is waited for.
const PATIENCE: Duration = Duration::from_millis(200);

/// What went wrong with a project.
#[derive(Debug, thiserror::Error)]
pub(super) enum StoreError {
    #[error("{0}")]
    File(#[from] std::io::Error),
    #[error("the trackio project cannot be read: {0}")]
    Store(#[from] rusqlite::Error),
}

/// A project that is followed.
#[derive(Debug)]
pub(super) struct Store {
    path: PathBuf,
    /// Its runs by their ids, or by their names where the schema knows no ids.
    pub runs: BTreeMap<String, StoreRun>,
    stamps: Option<Stamps>,
    place: Option<Stamp>,
    marks: [i64; COUNT],
}

/// One run of a project.
#[derive(Debug, Default)]
pub(super) struct StoreRun {
    pub name: String,
    pub gathered: Gathered,
    /// All of its rows were deleted.
    pub gone: bool,
    /// When points were written, and their steps.
    steps: Vec<(f64, u64)>,
    has_points: bool,
}

/// Of the file and of its log.
#[derive(Debug, Clone, PartialEq)]
struct Stamps {
    file: Stamp,
    log: Option<Stamp>,
}

/// A table with rows of runs, and the columns that are read beside those of every table.
struct Table {
    name: &'static str,
    columns: &'static [&'static str],
    read: fn(&mut StoreRun, &Row<'_>, Option<f64>) -> rusqlite::Result<()>,
}

const COUNT: usize = 4;
/// Settings first, so that a run is known by them before its points; alerts after the steps they belong to.
static TABLES: [Table; COUNT] = [
    Table { name: "configs", columns: &["config", "created_at"], read: read_config },
    Table { name: "metrics", columns: &["metrics", "timestamp", "step"], read: read_metrics },
    Table { name: "system_metrics", columns: &["metrics", "timestamp"], read: read_system },
    Table { name: "alerts", columns: &["text", "timestamp", "step", "title", "level"], read: read_alert },
];
/// The first columns of every query; those of the table follow.
const FIRST: usize = 3;

impl Store {
    pub fn new(path: PathBuf) -> Self {
        Self { path, runs: BTreeMap::new(), stamps: None, place: None, marks: [0; COUNT] }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the rows that are new into the runs' gatherings; whether there is more at once.
    ///
    /// # Errors
    /// If the file cannot be read now.
    pub fn look(&mut self, budget: &mut u64) -> Result<bool, StoreError> {
        let before = self.stamps()?;
        if self.stamps.as_ref() == Some(&before) {
            return Ok(false);
        }
        let Some(way) = self.way(&before)? else {
            self.remember(before);
            return Ok(false);
        };
        let connection = self.connect(way)?;
        let another = self.place.as_ref().is_some_and(|place| !place.same_file(&before.file));
        if another || self.has_shrunk(&connection)? {
            self.restart();
        }
        self.place = Some(before.file.clone());
        let more = self.read(&connection, budget)?;
        self.mark_gone(&connection)?;
        drop(connection);
        if !more {
            self.remember(before);
        }
        if way == Way::Partial {
            for run in self.runs.values_mut().take(1) {
                run.gathered.trouble("the log of the project is there without its -shm file; rows in it are not read");
            }
        }
        Ok(more)
    }

    /// A file like this need not be opened again. Changes meanwhile are for the next look, and so are those of the last moment.
    fn remember(&mut self, stamps: Stamps) {
        let log = stamps.log.map(Stamp::settled);
        if let Some(file) = stamps.file.settled()
            && log != Some(None)
        {
            self.stamps = Some(Stamps { file, log: log.flatten() });
        }
    }

    fn beside(&self, ending: &str) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(ending);
        PathBuf::from(name)
    }

    fn stamps(&self) -> std::io::Result<Stamps> {
        let file = Stamp::of(&std::fs::metadata(&self.path)?);
        let log = std::fs::metadata(self.beside("-wal")).ok().filter(|log| log.len() > 0);
        Ok(Stamps { file, log: log.as_ref().map(Stamp::of) })
    }

    /// How the file is to be opened; `None` if it is no SQLite file (yet).
    fn way(&self, stamps: &Stamps) -> std::io::Result<Option<Way>> {
        let mut header = Vec::new();
        tail::open(&self.path)?.take(20).read_to_end(&mut header)?;
        let [.., write_version, read_version] = header[..] else { return Ok(None) };
        if header.len() < 20 || !header.starts_with(b"SQLite format 3\0") {
            return Ok(None);
        }
        let has_log = write_version == 2 || read_version == 2;
        Ok(Some(match (has_log, stamps.log.is_some(), self.beside("-shm").exists()) {
            (false, ..) => Way::Journal,
            (true, _, true) if self.beside("-wal").exists() => Way::Log,
            (true, false, _) => Way::Frozen,
            (true, true, _) => Way::Partial,
        }))
    }

    fn connect(&self, way: Way) -> rusqlite::Result<Connection> {
        let how = match way {
            Way::Journal => "",
            Way::Log => "&readonly_shm=1",
            Way::Frozen | Way::Partial => "&immutable=1",
        };
        let uri = format!("file:{}?mode=ro{how}", percent(&self.path));
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(uri, flags)?;
        connection.busy_timeout(PATIENCE)?;
        connection.pragma_update(None, "trusted_schema", false)?;
        connection.pragma_update(None, "query_only", true)?;
        Ok(connection)
    }

    /// Whether rows that were read are not there any more at the end of a table: it was made anew.
    fn has_shrunk(&self, connection: &Connection) -> rusqlite::Result<bool> {
        let (at, metrics) = (1, &TABLES[1]);
        if self.marks[at] == 0 || columns(connection, metrics.name)?.is_empty() {
            return Ok(false);
        }
        let query = format!("SELECT max(rowid) FROM {}", metrics.name);
        let last: Option<i64> = connection.query_row(&query, [], |row| row.get(0))?;
        Ok(last.is_none_or(|last| last < self.marks[at]) && !self.sequence_goes_on(connection)?)
    }

    /// Rows of a deleted run may have been the last ones; then the sequence of the table still knows them.
    fn sequence_goes_on(&self, connection: &Connection) -> rusqlite::Result<bool> {
        if columns(connection, "sqlite_sequence")?.is_empty() {
            return Ok(false);
        }
        let query = "SELECT seq FROM sqlite_sequence WHERE name = 'metrics'";
        let sequence: Option<i64> = connection.query_row(query, [], |row| row.get(0)).optional()?;
        Ok(sequence.is_some_and(|sequence| sequence >= self.marks[1]))
    }

    fn restart(&mut self) {
        self.marks = [0; COUNT];
        for run in self.runs.values_mut() {
            run.gathered.restart();
            run.steps.clear();
        }
    }

    fn read(&mut self, connection: &Connection, budget: &mut u64) -> rusqlite::Result<bool> {
        let mut more = false;
        for (at, table) in TABLES.iter().enumerate() {
            let known = columns(connection, table.name)?;
            let wanted = |name: &str| known.iter().any(|column| column == name);
            if !wanted("run_name") || !table.columns.iter().all(|column| wanted(column)) {
                continue;
            }
            let run = if wanted("run_id") { "run_id" } else { "run_name" };
            more |= self.read_table(connection, at, run, budget)?;
        }
        Ok(more)
    }

    fn read_table(
        &mut self,
        connection: &Connection,
        at: usize,
        run: &str,
        budget: &mut u64,
    ) -> rusqlite::Result<bool> {
        let Table { name, columns, read } = &TABLES[at];
        // Names of columns and tables are those of this file; nothing of the store gets into the query.
        let (object, others) = columns.split_first().map_or(("NULL", &[][..]), |(object, others)| (*object, others));
        let others: String = others.iter().map(|column| format!(", {column}")).collect();
        let query = format!(
            "SELECT rowid, {run}, run_name, CASE WHEN octet_length({object}) <= {ROW_BYTES} THEN {object} END{others} \
             FROM {name} WHERE rowid > ?1 ORDER BY rowid LIMIT {ROWS}"
        );
        let mut statement = connection.prepare(&query)?;
        let mut rows = statement.query([self.marks[at]])?;
        let mut count = 0;
        while let Some(row) = rows.next()? {
            if *budget == 0 {
                return Ok(true);
            }
            count += 1;
            *budget = budget.saturating_sub(text(row, FIRST)?.map_or(64, |text| text.len() as u64 + 64));
            let (Some(id), Some(run_name)) = (text(row, 1)?, text(row, 2)?) else {
                self.marks[at] = row.get(0)?;
                continue;
            };
            if let Some(run) = run_of(&mut self.runs, id, run_name) {
                let time = text(row, FIRST + 1)?.and_then(seconds);
                read(run, row, time)?;
            }
            self.marks[at] = row.get(0)?;
        }
        Ok(count == ROWS)
    }

    /// A run whose points were deleted is gone.
    fn mark_gone(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        let known = columns(connection, "metrics")?;
        let Some(run) = ["run_id", "run_name"].into_iter().find(|name| known.iter().any(|column| column == name))
        else {
            return Ok(());
        };
        let mut statement = connection.prepare(&format!("SELECT 1 FROM metrics WHERE {run} = ?1 LIMIT 1"))?;
        for (id, run) in self.runs.iter_mut().filter(|(_, run)| run.has_points) {
            run.gone = !statement.exists([id])?;
        }
        Ok(())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Journal,
    Log,
    Frozen,
    Partial,
}

fn run_of<'a>(runs: &'a mut BTreeMap<String, StoreRun>, id: &str, name: &str) -> Option<&'a mut StoreRun> {
    if !runs.contains_key(id) {
        if runs.len() >= RUNS {
            return None;
        }
        runs.insert(id.to_owned(), StoreRun { name: name.to_owned(), ..StoreRun::default() });
    }
    runs.get_mut(id)
}

/// The plain columns of a plain table; none if there is no such table, or if it is a view or a virtual one.
fn columns(connection: &Connection, table: &str) -> rusqlite::Result<Vec<String>> {
    let query = "SELECT sql FROM sqlite_schema WHERE type = 'table' AND name = ?1";
    let made: Option<String> = connection.query_row(query, [table], |row| row.get(0)).optional()?;
    if !made.is_some_and(|made| made.starts_with("CREATE TABLE")) {
        return Ok(Vec::new());
    }
    let mut statement = connection.prepare("SELECT name FROM pragma_table_xinfo(?1) WHERE hidden = 0")?;
    statement.query_map([table], |row| row.get(0))?.collect()
}

/// A text in a row, if it is one. trackio stores its objects as bytes.
fn text<'a>(row: &'a Row<'_>, at: usize) -> rusqlite::Result<Option<&'a str>> {
    Ok(match row.get_ref(at)? {
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => std::str::from_utf8(bytes).ok(),
        _ => None,
    })
}

fn read_metrics(run: &mut StoreRun, row: &Row<'_>, time: Option<f64>) -> rusqlite::Result<()> {
    let ValueRef::Integer(step) = row.get_ref(FIRST + 2)? else { return Ok(()) };
    let step = step.max(0).cast_unsigned();
    run.steps.extend(time.map(|time| (time, step)));
    run.has_points = true;
    tell(run, "", step, text(row, FIRST)?, time);
    Ok(())
}

fn read_system(run: &mut StoreRun, row: &Row<'_>, time: Option<f64>) -> rusqlite::Result<()> {
    // A reading of the machine has no step: it is that of the last point before it.
    let before = time.map_or(0, |time| run.steps.partition_point(|(at, _)| *at <= time));
    let step = before.checked_sub(1).map_or(0, |at| run.steps[at].1);
    tell(run, "system/", step, text(row, FIRST)?, time);
    Ok(())
}

fn read_config(run: &mut StoreRun, row: &Row<'_>, _time: Option<f64>) -> rusqlite::Result<()> {
    if let Some(config) = text(row, FIRST)?
        && let Ok(config) = json::parse::<Json>(config.as_bytes())
    {
        run.gathered.settings_of("", &config);
    }
    Ok(())
}

fn read_alert(run: &mut StoreRun, row: &Row<'_>, _time: Option<f64>) -> rusqlite::Result<()> {
    let step = match row.get_ref(FIRST + 2)? {
        ValueRef::Integer(step) => Some(step.max(0).cast_unsigned()),
        _ => None,
    };
    let (title, level) = (text(row, FIRST + 3)?.unwrap_or_default(), text(row, FIRST + 4)?.unwrap_or("alert"));
    let more = text(row, FIRST)?.map_or(String::new(), |text| format!(": {text}"));
    run.gathered.note(step, &format!("{level}: {title}{more}"));
    Ok(())
}

fn tell(run: &mut StoreRun, prefix: &str, step: u64, object: Option<&str>, time: Option<f64>) {
    let Some(Fields(fields)) = object.and_then(|object| json::parse::<Fields>(object.as_bytes()).ok()) else { return };
    for (tag, value) in fields {
        if let Scalar::Number(number) = value {
            run.gathered.point(&format!("{prefix}{tag}"), step, number, time);
        }
    }
}

/// A time as Python's `isoformat` writes it; without a zone it is that of this machine.
fn seconds(text: &str) -> Option<f64> {
    let stamp = text.parse::<jiff::Timestamp>().ok().or_else(|| {
        let local: jiff::civil::DateTime = text.parse().ok()?;
        jiff::tz::TimeZone::system().to_timestamp(local).ok()
    })?;
    Some(stamp.as_microsecond() as f64 / 1e6)
}

/// A path as it must be written in a URI.
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
