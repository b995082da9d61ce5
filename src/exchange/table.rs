//! Rows of a file, whatever holds them: JSON lines, a JSON array, Parquet. Knows containers and no format of problems or chats.
//!
//! Rows are handed out one by one, so that memory does not depend on the size of a file.

use std::cell::Cell;
use std::collections::HashMap;
use std::fmt;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use serde::de::{Error, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::parquet;
use crate::hub::{self, HubError};

/// Longer lines are refused, so that a wrong file costs bounded memory. A row of Parquet may hold as much text.
pub const LONGEST_LINE: u64 = 16 << 20;
/// An array is one value to whoever wrote it; a larger one is a slip.
const LARGEST_ARRAY: u64 = 512 << 20;
/// Numbers from here on lose digits when JSON is read.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// The columns of one row, in the order of the file.
pub type Row = Map<String, Value>;

/// Who is told of each row, with its line (in an array or a Parquet file its number, from 1). It may say that it has seen enough.
pub type Visit<'v> = dyn FnMut(usize, Row) -> Result<ControlFlow<()>, ImportError> + 'v;

/// A file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// It is on the Hub, or should be.
    #[error(transparent)]
    Hub(#[from] HubError),
    #[error("{path}: {message}")]
    File { path: PathBuf, message: String },
    #[error("{path}:{line}: {message}")]
    Line { path: PathBuf, line: usize, message: String },
}

impl ImportError {
    pub(super) fn file(path: &Path, message: impl Into<String>) -> Self {
        Self::File { path: path.to_path_buf(), message: message.into() }
    }

    pub(super) fn line(path: &Path, line: usize, message: impl Into<String>) -> Self {
        Self::Line { path: path.to_path_buf(), line, message: message.into() }
    }
}

/// What holds the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Container {
    Lines,
    Array,
    Parquet,
}

impl fmt::Display for Container {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Container::Lines => "JSON lines",
            Container::Array => "a JSON array",
            Container::Parquet => "Parquet",
        })
    }
}

/// Tells of every row of a file, or of the files of a data set on the Hub (`hf:org/name`), until the end or until the visitor has
/// seen enough. Numbers of rows are those of each file.
///
/// # Errors
/// The first row that cannot be read, or what the visitor said of one; a data set that cannot be had.
pub fn each(path: &Path, visit: &mut Visit<'_>) -> Result<Container, ImportError> {
    let Some(name) = path.to_str().filter(|name| hub::is_hub_name(name)) else { return each_of(path, visit) };
    let (mut container, mut enough) = (Container::Parquet, false);
    for file in hub::dataset_paths(name)? {
        container = each_of(&file, &mut |line, row| {
            let flow = visit(line, row)?;
            enough = flow.is_break();
            Ok(flow)
        })?;
        if enough {
            break;
        }
    }
    Ok(container)
}

fn each_of(path: &Path, visit: &mut Visit<'_>) -> Result<Container, ImportError> {
    let at_file = |message: String| ImportError::file(path, message);
    let mut file = File::open(path).map_err(|error| at_file(format!("cannot be opened: {error}")))?;
    let known = file.metadata().map_err(|error| at_file(error.to_string()))?;
    if known.is_dir() {
        return Err(at_file("is a directory; name a JSONL or Parquet file".into()));
    }
    // What cannot be gone back in (a pipe) is taken for text.
    if known.is_file() && begins_as_parquet(&mut file).map_err(|error| at_file(error.to_string()))? {
        parquet::read::each(path, file, visit)?;
        return Ok(Container::Parquet);
    }
    let mut reader = BufReader::new(file);
    skip_byte_order_mark(&mut reader).map_err(|error| at_file(error.to_string()))?;
    if !starts_an_array(&mut reader).map_err(|error| at_file(error.to_string()))? {
        lines(path, reader, visit)?;
        return Ok(Container::Lines);
    }
    if known.len() > LARGEST_ARRAY {
        return Err(at_file("an array of more than 512 MiB; write it as JSONL".into()));
    }
    array(path, reader.take(LARGEST_ARRAY), visit)?;
    Ok(Container::Array)
}

fn begins_as_parquet(file: &mut File) -> std::io::Result<bool> {
    let mut begin = Vec::with_capacity(4);
    file.by_ref().take(4).read_to_end(&mut begin)?;
    file.rewind()?;
    Ok(begin == parquet::MAGIC)
}

fn skip_byte_order_mark(reader: &mut impl BufRead) -> std::io::Result<()> {
    if reader.fill_buf()?.starts_with(b"\xef\xbb\xbf") {
        reader.consume(3);
    }
    Ok(())
}

fn starts_an_array(reader: &mut impl BufRead) -> std::io::Result<bool> {
    Ok(reader.fill_buf()?.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'['))
}

/// Tells of every line that is not empty.
pub(super) fn lines(path: &Path, mut reader: impl BufRead, visit: &mut Visit<'_>) -> Result<(), ImportError> {
    let mut bytes = Vec::new();
    for line in 1.. {
        let error = |message: String| ImportError::line(path, line, message);
        bytes.clear();
        let read = (&mut reader)
            .take(LONGEST_LINE + 1)
            .read_until(b'\n', &mut bytes)
            .map_err(|problem| error(problem.to_string()))?;
        if read == 0 {
            break;
        }
        if bytes.len() as u64 > LONGEST_LINE {
            return Err(error("a line of more than 16 MiB; is this a JSONL file?".into()));
        }
        let text = std::str::from_utf8(&bytes)
            .map_err(|problem| error(format!("no UTF-8 at byte {}", problem.valid_up_to() + 1)))?;
        if text.trim().is_empty() {
            continue;
        }
        let value: Value = serde_json::from_str(text)
            .map_err(|problem| error(format!("no JSON object: {}", without_position(&problem))))?;
        let Value::Object(row) = value else { return Err(not_an_object(path, line)) };
        if visit(line, row)?.is_break() {
            break;
        }
    }
    Ok(())
}

/// Tells of the items of an array, which has no lines of its own: they are counted.
fn array(path: &Path, reader: impl Read, visit: &mut Visit<'_>) -> Result<(), ImportError> {
    let room = Cell::new(LONGEST_LINE);
    let mut items = Items { path, visit, room: &room, read: 0, ended: None };
    let mut json = serde_json::Deserializer::from_reader(Metered { reader, room: &room });
    let read = serde::Deserializer::deserialize_seq(&mut json, &mut items).and_then(|()| json.end());
    if let Some(ended) = items.ended {
        return ended;
    }
    read.map_err(|error| {
        // What the reader says has no place in the text, wherever it was then.
        let place = if error.is_io() { items.read + 1 } else { error.line() };
        ImportError::line(path, place, without_position(&error))
    })
}

/// Gives up where an item is longer than a line may be: it would be in memory whole, at many times its length.
struct Metered<'a, R> {
    reader: R,
    /// Bytes that the item under way may still have.
    room: &'a Cell<u64>,
}

impl<R: Read> Read for Metered<'_, R> {
    fn read(&mut self, bytes: &mut [u8]) -> std::io::Result<usize> {
        let read = self.reader.read(bytes)?;
        let room = self.room.get().checked_sub(read as u64);
        self.room.set(room.ok_or_else(|| std::io::Error::other("an item of more than 16 MiB; leave it out"))?);
        Ok(read)
    }
}

struct Items<'a, 'v> {
    path: &'a Path,
    visit: &'a mut Visit<'v>,
    room: &'a Cell<u64>,
    /// Items so far.
    read: usize,
    /// What ended the walk before the end of the array.
    ended: Option<Result<(), ImportError>>,
}

impl<'de> Visitor<'de> for &mut Items<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of objects")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while let Some(item) = items.next_element::<Value>()? {
            self.read += 1;
            self.room.set(LONGEST_LINE);
            let said = match item {
                Value::Object(row) => (self.visit)(self.read, row),
                _ => Err(not_an_object(self.path, self.read)),
            };
            let ended = match said {
                Ok(ControlFlow::Continue(())) => continue,
                Ok(ControlFlow::Break(())) => Ok(()),
                Err(error) => Err(error),
            };
            self.ended = Some(ended);
            return Err(A::Error::custom("seen enough"));
        }
        Ok(())
    }
}

fn not_an_object(path: &Path, line: usize) -> ImportError {
    ImportError::line(path, line, "not a JSON object")
}

/// A number as text; one that lost digits when it was read is refused.
pub(super) fn number_text(name: &str, number: &Number) -> Result<String, String> {
    if number.is_f64() && number.as_f64().is_some_and(|value| value.abs() >= EXACT) {
        return Err(format!("`{name}` is a number too long to keep its digits; write it in quotes"));
    }
    Ok(number.to_string())
}

/// serde_json's message without its own line and column, which count within one line here.
fn without_position(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.rfind(" at line ").map_or(text.clone(), |end| text[..end].to_owned())
}

/// Columns under other names: `problem=question_text,answer=final`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ColumnMap {
    /// The name to read a column by, and the name that it has.
    pairs: Vec<(String, String)>,
}

impl std::str::FromStr for ColumnMap {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut pairs: Vec<(String, String)> = Vec::new();
        for part in text.split(',').filter(|part| !part.trim().is_empty()) {
            let named = part.split_once('=').map(|(to, from)| (to.trim().to_owned(), from.trim().to_owned()));
            let Some((to, from)) = named.filter(|(to, from)| !to.is_empty() && !from.is_empty()) else {
                return Err(format!("`{}`: write it as problem=COLUMN", part.trim()));
            };
            if pairs.iter().any(|(known, column)| *known == to || *column == from) {
                return Err(format!("`{to}={from}`: names something twice"));
            }
            pairs.push((to, from));
        }
        Ok(Self { pairs })
    }
}

impl ColumnMap {
    /// A name for what a file is read by, so that two readings of it are not taken for one.
    pub fn record(&self) -> Value {
        self.pairs.iter().map(|(to, from)| (to.clone(), Value::from(from.as_str()))).collect::<Row>().into()
    }

    /// Gives the columns of a row their names. `first`: the first row of a file, in which every column must be.
    ///
    /// # Errors
    /// A column that is not there, or a name that is taken.
    pub fn apply(&self, row: Row, first: bool) -> Result<Row, String> {
        if self.pairs.is_empty() {
            return Ok(row);
        }
        if first && let Some((_, missing)) = self.pairs.iter().find(|(_, from)| !row.contains_key(from)) {
            let there: Vec<&str> = row.keys().map(String::as_str).collect();
            return Err(format!("no column `{missing}`; there are: {}", there.join(", ")));
        }
        let names: HashMap<&str, &str> = self.pairs.iter().map(|(to, from)| (from.as_str(), to.as_str())).collect();
        let mut named = Row::new();
        for (column, value) in row {
            let name = names.get(column.as_str()).map_or(column, |name| (*name).to_owned());
            if named.insert(name.clone(), value).is_some() {
                return Err(format!("two columns would be `{name}`; give the other one another name with --map"));
            }
        }
        Ok(named)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rows(bytes: impl AsRef<[u8]>, most: usize) -> Result<(Container, Vec<(usize, Value)>), String> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        std::fs::write(&path, bytes).unwrap();
        let mut found = Vec::new();
        let container = each(&path, &mut |line, row| {
            found.push((line, Value::Object(row)));
            Ok(if found.len() < most { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
        });
        container.map(|container| (container, found)).map_err(|error| error.to_string())
    }

    #[test]
    fn lines_and_arrays_are_told_apart() {
        let (container, found) = rows("\u{feff}{\"a\":1}\n\n{\"a\":2}", 9).unwrap();
        assert_eq!((container, found), (Container::Lines, vec![(1, json!({"a": 1})), (3, json!({"a": 2}))]));
        let (container, found) = rows("\n [{\"a\":1},\n{\"a\":2}] ", 9).unwrap();
        assert_eq!((container, found), (Container::Array, vec![(1, json!({"a": 1})), (2, json!({"a": 2}))]));
    }

    #[test]
    fn a_visitor_may_stop_before_what_is_wrong() {
        assert_eq!(rows("[{\"a\":1}, oops", 1).unwrap().1.len(), 1);
        assert_eq!(rows("{\"a\":1}\noops", 1).unwrap().1.len(), 1);
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        assert!(rows("[{\"a\":1},\n 2]", 9).unwrap_err().ends_with("file:2: not a JSON object"));
        assert!(rows("[{\"a\":1},\n oops]", 9).unwrap_err().contains("file:2: "));
        assert!(rows("[{\"a\":1}] x", 9).unwrap_err().contains("file:1: trailing characters"));
        assert!(rows("{\"a\":1}\n3", 9).unwrap_err().ends_with("file:2: not a JSON object"));
        assert!(rows(b"{\"a\":\"\xff\"}", 9).unwrap_err().ends_with("file:1: no UTF-8 at byte 7"));
        assert!(rows(b"[{\"a\":\"\xff\"}]", 9).unwrap_err().contains("file:1: "));
        for begin in ["{\"a\":", "[{\"a\":", "["] {
            let deep = format!("{begin}{}", "[".repeat(10_000));
            assert!(rows(deep, 9).unwrap_err().contains("recursion limit"), "{begin}");
        }
        assert!(rows("PAR1", 9).unwrap_err().contains("cut off"));
    }

    #[test]
    fn no_line_and_no_item_is_read_beyond_its_limit() {
        // As a file of 200 MB that is one line would come.
        let endless = |begin: &'static str| {
            let bytes = Read::chain(begin.as_bytes(), std::io::repeat(b'1').take(200 << 20));
            let read = Cell::new(0);
            (bytes, read)
        };
        struct Counted<'a, R>(R, &'a Cell<u64>);
        impl<R: Read> Read for Counted<'_, R> {
            fn read(&mut self, bytes: &mut [u8]) -> std::io::Result<usize> {
                let read = self.0.read(bytes)?;
                self.1.set(self.1.get() + read as u64);
                Ok(read)
            }
        }
        let path = Path::new("file");
        let mut none = |_: usize, _: Row| -> Result<ControlFlow<()>, ImportError> { Ok(ControlFlow::Continue(())) };
        let (bytes, read) = endless("{\"a\":\"");
        let said = lines(path, BufReader::new(Counted(bytes, &read)), &mut none).unwrap_err().to_string();
        assert_eq!(said, "file:1: a line of more than 16 MiB; is this a JSONL file?");
        assert!(read.get() <= LONGEST_LINE + (1 << 20));
        let (bytes, read) = endless("[{\"a\":1},{\"a\":\"");
        let said = array(path, BufReader::new(Counted(bytes, &read)), &mut none).unwrap_err().to_string();
        assert_eq!(said, "file:2: an item of more than 16 MiB; leave it out");
        assert!(read.get() <= LONGEST_LINE + (1 << 20));
    }

    #[test]
    fn columns_are_renamed() {
        let row = || json!({"q": "p", "a": 1, "problem": 2}).as_object().unwrap().clone();
        let map: ColumnMap = "problem=q, old=problem".parse().unwrap();
        assert_eq!(Value::from(map.apply(row(), true).unwrap()), json!({"problem": "p", "a": 1, "old": 2}));
        let taken: ColumnMap = "problem=q".parse().unwrap();
        assert!(taken.apply(row(), true).unwrap_err().contains("two columns would be `problem`"));
        let missing: ColumnMap = "problem=none".parse().unwrap();
        assert!(missing.apply(row(), true).unwrap_err().contains("no column `none`; there are: q, a, problem"));
        assert!(missing.apply(row(), false).is_ok());
        for bad in ["problem", "=q", "problem=", "a=q,b=q"] {
            assert!(bad.parse::<ColumnMap>().is_err(), "{bad}");
        }
    }
}
