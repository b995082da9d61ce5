//! Training data as a directory that other tools load as it is: `data/train-00000-of-00001.jsonl` or `.parquet`, the same for
//! `validation`, `dataset_info.json` for LLaMA-Factory, a card (`README.md`), and `cribble.json`, which says what is in it.
//!
//! The directory is made beside its place and moved there whole (`place`). One that is there already is replaced only if cribble made
//! it, nothing was added to it, and the person says so.

mod place;

use std::collections::HashSet;
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::PathBuf;

use clap::ValueEnum;
use serde_json::{Value, json};

use self::place::Place;
use super::card::Card;
use super::columns;
use super::formats::{self, SampleFormat};
use super::messages::ExportError;
use super::parquet::shape::MOST_COLUMNS;
use super::parquet::write::{self as parquet_file, Shape};
use super::rows::{self, DataFormat, Wanted};
use super::split::Split;
use super::table::Row;
use crate::session::{SampleRow, Session};
use crate::train::dataset::Dataset;

/// What holds the rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum FileKind {
    /// JSON lines
    #[default]
    Jsonl,
    /// Parquet, compressed with zstd
    Parquet,
}

impl FileKind {
    fn extension(self) -> &'static str {
        match self {
            FileKind::Jsonl => "jsonl",
            FileKind::Parquet => "parquet",
        }
    }
}

/// A directory to be written.
#[derive(Debug, Clone)]
pub struct DatasetOrder {
    pub directory: PathBuf,
    pub wanted: Wanted,
    pub kind: FileKind,
    /// Share of the problems that is held out, 0 to below 1.
    pub validation_share: f64,
    pub seed: u64,
    /// Replaces a directory that cribble made.
    pub force: bool,
}

impl DatasetOrder {
    /// # Errors
    /// Which value means nothing.
    fn check(&self) -> Result<(), ExportError> {
        if !(self.validation_share >= 0.0 && self.validation_share < 1.0) {
            return Err(ExportError::Refused("validation share: must be 0 (none) to below 1".into()));
        }
        if self.directory.file_name().is_none() {
            let directory = self.directory.display();
            return Err(ExportError::Refused(format!("{directory}: name a directory that can be made")));
        }
        Ok(())
    }

    fn name(&self) -> String {
        self.directory.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
    }
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatasetReport {
    pub train: usize,
    pub validation: usize,
}

/// Writes the samples of a session.
///
/// # Errors
/// If there is nothing to write, the directory is not ours to replace, or the session or the disk fails. Nothing is left behind.
pub fn export(session: &Session, order: &DatasetOrder) -> Result<DatasetReport, ExportError> {
    order.check()?;
    let place = Place::beside(&order.directory, order.force)?;
    let format = order.wanted.format.read_as();
    let mut all = session.sample_rows()?;
    all.sort_by(|a, b| (&a.problem_id, a.draw, &a.settings).cmp(&(&b.problem_id, b.draw, &b.settings)));
    let mut taken: Vec<&SampleRow> = all.iter().filter(|row| order.wanted.takes(row)).collect();
    if order.wanted.format == DataFormat::Preference {
        // Not every chain that is taken has one to stand against: what has no row is neither held out nor told of.
        let paired = rows::problems(session, &all, order.wanted)?;
        taken.retain(|row| paired.contains(&row.problem_id));
    }
    let split = Split::of(taken.iter().map(|row| row.problem_id.as_str()), order.validation_share, order.seed);
    let mut parts = Parts::new(&place, order.kind)?;
    rows::each(session, &all, order.wanted, &mut |problem, row| parts.push(split.holds_out(problem), &row))?;
    let (report, shape) = parts.finish(format)?;
    if report.train == 0 {
        let what = match order.wanted.format {
            DataFormat::Preference => {
                "no problem has both a chain that is taken and another one, asked alike, that is rejected"
            }
            _ => "no sample to write; accept some, or choose others with --which",
        };
        return Err(ExportError::Refused(what.into()));
    }
    let card = Card::of(session, &all, &taken, &split)?.with_order(order.wanted.format.name(), order);
    let card = card.with_columns(&shape, format);
    place.write("README.md", &card.markdown(&order.name(), &report))?;
    let info = info(order, &report, &shape);
    if let Some(info) = &info {
        place.write("dataset_info.json", &pretty(info))?;
    }
    let described = info.map(|_| "dataset_info.json".to_owned());
    place.appear(&card.json(&report), described.into_iter().chain(data_files(order.kind, &report)))?;
    Ok(report)
}

/// Writes chains as tokens with the masks that they are trained with. The split is that of the data set.
///
/// # Errors
/// As [`export`].
pub fn export_tokens(
    session: &Session,
    data: &Dataset,
    model: &str,
    order: &DatasetOrder,
) -> Result<DatasetReport, ExportError> {
    order.check()?;
    let place = Place::beside(&order.directory, order.force)?;
    let mut parts = Parts::new(&place, order.kind)?;
    for (held_out, items) in [(false, &data.train), (true, &data.validation)] {
        for item in items {
            parts.push(held_out, &formats::token_row(item))?;
        }
    }
    let (report, shape) = parts.finish(SampleFormat::Tokens)?;
    if report.train == 0 {
        return Err(ExportError::Refused("no chain to write".into()));
    }
    let all = session.sample_rows()?;
    let items = || data.train.iter().chain(&data.validation);
    let keys: HashSet<&str> = items().map(|item| item.key.as_str()).collect();
    let key = |row: &SampleRow| format!("{}/{}/{}", row.problem_id, row.draw, row.settings);
    let taken: Vec<&SampleRow> = all.iter().filter(|row| keys.contains(key(row).as_str())).collect();
    let split = Split::known(data.validation.iter().map(|item| item.problem_id.as_str()));
    let card = Card::of(session, &all, &taken, &split)?.with_order("tokens", order);
    let card = card.with_tokens(model, data).with_columns(&shape, SampleFormat::Tokens);
    place.write("README.md", &card.markdown(&order.name(), &report))?;
    place.appear(&card.json(&report), data_files(order.kind, &report))?;
    Ok(report)
}

/// What LLaMA-Factory wants to know of the files; it reads neither pairs nor prompts as messages the way that TRL does.
fn info(order: &DatasetOrder, report: &DatasetReport, shape: &Shape) -> Option<Value> {
    let mut described = match order.wanted.format {
        DataFormat::Messages => json!({
            "formatting": "sharegpt", "columns": {"messages": "messages"},
            "tags": {
                "role_tag": "role", "content_tag": "content", "user_tag": "user", "assistant_tag": "assistant",
                "system_tag": "system",
            },
        }),
        DataFormat::ShareGpt => json!({
            "formatting": "sharegpt", "columns": {"messages": "conversations"},
            "tags": {
                "role_tag": "from", "content_tag": "value", "user_tag": "human", "assistant_tag": "gpt",
                "system_tag": "system",
            },
        }),
        DataFormat::Alpaca => json!({
            "formatting": "alpaca", "columns": {"prompt": "instruction", "query": "input", "response": "output"},
        }),
        DataFormat::PromptCompletion | DataFormat::Preference | DataFormat::Unpaired => return None,
    };
    // Columns that some rows have; one that is named and in no row is an error there.
    for column in ["system", "history"] {
        if order.wanted.format == DataFormat::Alpaca && shape.has(column) {
            described["columns"][column] = Value::from(column);
        }
    }
    let mut info = Row::new();
    for (part, suffix, count) in [("train", "", report.train), ("validation", "_validation", report.validation)] {
        if count > 0 {
            let mut entry = json!({"file_name": file_name(part, order.kind)});
            if let (Value::Object(entry), Value::Object(described)) = (&mut entry, &described) {
                entry.extend(described.clone());
            }
            info.insert(format!("{}{suffix}", order.name()), entry);
        }
    }
    Some(Value::Object(info))
}

fn file_name(part: &str, kind: FileKind) -> String {
    format!("data/{part}-00000-of-00001.{}", kind.extension())
}

/// Those that have rows.
fn data_files(kind: FileKind, report: &DatasetReport) -> impl Iterator<Item = String> {
    let parts = [("train", report.train), ("validation", report.validation)];
    parts.into_iter().filter(|(_, rows)| *rows > 0).map(move |(part, _)| file_name(part, kind))
}

fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}

/// The files of rows while they are written.
struct Parts {
    kind: FileKind,
    /// Of both files: a column has one kind in all of a data set, or nobody can load it.
    shape: Shape,
    files: [Part; 2],
}

impl Parts {
    fn new(place: &Place, kind: FileKind) -> Result<Self, ExportError> {
        std::fs::create_dir(place.path("data")).map_err(|error| place.io(error))?;
        let files = [Part::new(place, "train")?, Part::new(place, "validation")?];
        Ok(Self { kind, shape: Shape::default(), files })
    }

    fn push(&mut self, held_out: bool, row: &Row) -> Result<(), ExportError> {
        self.shape.take_in(row);
        self.files[usize::from(held_out)].push(row)
    }

    fn finish(self, format: SampleFormat) -> Result<(DatasetReport, Shape), ExportError> {
        let Self { kind, mut shape, files: [train, validation] } = self;
        if kind == FileKind::Parquet && shape.overflows() {
            let what = format!("more than {MOST_COLUMNS} columns; write JSON lines, or import files with fewer");
            return Err(ExportError::Refused(what));
        }
        shape.settle(&columns::known(format));
        let report = DatasetReport { train: train.finish(kind, &shape)?, validation: validation.finish(kind, &shape)? };
        Ok((report, shape))
    }
}

/// One file of rows. All are written as JSON lines first: what kinds the columns of a Parquet file have follows from all rows.
struct Part {
    lines: PathBuf,
    out: BufWriter<File>,
    rows: usize,
}

impl Part {
    fn new(place: &Place, part: &str) -> Result<Self, ExportError> {
        let lines = place.path(&file_name(part, FileKind::Jsonl));
        let out = BufWriter::new(File::create(&lines).map_err(|error| place.io(error))?);
        Ok(Self { lines, out, rows: 0 })
    }

    fn io(&self, source: std::io::Error) -> ExportError {
        ExportError::Io { path: self.lines.clone(), source }
    }

    fn push(&mut self, row: &Row) -> Result<(), ExportError> {
        self.rows += 1;
        let line = serde_json::to_string(row).map_err(|error| self.io(error.into()))?;
        writeln!(self.out, "{line}").map_err(|source| ExportError::Io { path: self.lines.clone(), source })
    }

    /// Brings the file to the disk, or where it is empty away. Returns how many rows it has.
    fn finish(mut self, kind: FileKind, shape: &Shape) -> Result<usize, ExportError> {
        self.out.flush().and_then(|()| self.out.get_ref().sync_all()).map_err(|error| self.io(error))?;
        if self.rows == 0 {
            std::fs::remove_file(&self.lines).map_err(|error| self.io(error))?;
        } else if kind == FileKind::Parquet {
            self.convert(shape)?;
            std::fs::remove_file(&self.lines).map_err(|error| self.io(error))?;
        }
        Ok(self.rows)
    }

    fn convert(&self, shape: &Shape) -> Result<(), ExportError> {
        let path = self.lines.with_extension(FileKind::Parquet.extension());
        let io = |source| ExportError::Io { path: path.clone(), source };
        let rows = BufReader::new(File::open(&self.lines).map_err(io)?).lines().map(|line| {
            let line = line.map_err(|error| error.to_string())?;
            serde_json::from_str::<Row>(&line).map_err(|error| error.to_string())
        });
        let written = parquet_file::write(File::create(&path).map_err(io)?, shape, rows);
        written.map(|_| ()).map_err(|error| ExportError::Data { path: path.clone(), message: error.to_string() })
    }
}
