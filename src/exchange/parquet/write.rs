//! From rows of JSON values to a Parquet file.
//!
//! What kind a column is follows from all its values ([`Shape`]), so the rows are gone through twice. Lists and structures become
//! what they are in Parquet; a column whose values have no kind in common (a number here, a text there; objects with different
//! keys) is written as JSON texts and marked so. Every column may be empty in a row.

use std::fs::File;
use std::sync::Arc;

use ::parquet::basic::{Compression, LogicalType, Repetition, Type as Physical, ZstdLevel};
use ::parquet::data_type::{BoolType, ByteArray, ByteArrayType, DoubleType, Int64Type};
use ::parquet::errors::ParquetError;
use ::parquet::file::properties::WriterProperties;
use ::parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use ::parquet::schema::types::{Type, TypePtr};
use serde_json::Value;

use super::shape::Kind;
pub use super::shape::Shape;
use crate::exchange::table::Row;

/// A row group is written when it has so many rows or about so many bytes: each is in memory at once, here and at its reader.
const MOST_ROWS: usize = 10_000;
const MOST_BYTES: usize = 32 << 20;

impl Kind {
    fn leaves(&self) -> usize {
        match self {
            Kind::List(inner) => inner.leaves(),
            Kind::Struct(fields) => fields.iter().map(|(_, kind)| kind.leaves()).sum(),
            _ => 1,
        }
    }

    fn schema(&self, name: &str) -> Result<TypePtr, ParquetError> {
        let group = |fields: Vec<TypePtr>, repetition: Repetition, logical: Option<LogicalType>, name: &str| {
            let group = Type::group_type_builder(name).with_repetition(repetition).with_logical_type(logical);
            group.with_fields(fields).build().map(Arc::new)
        };
        let leaf = |physical: Physical, logical: Option<LogicalType>| {
            let leaf = Type::primitive_type_builder(name, physical).with_repetition(Repetition::OPTIONAL);
            leaf.with_logical_type(logical).build().map(Arc::new)
        };
        match self {
            Kind::Bool => leaf(Physical::BOOLEAN, None),
            Kind::Whole | Kind::Large => leaf(Physical::INT64, None),
            Kind::Decimal => leaf(Physical::DOUBLE, None),
            Kind::Unknown | Kind::Text => leaf(Physical::BYTE_ARRAY, Some(LogicalType::String)),
            Kind::Json => leaf(Physical::BYTE_ARRAY, Some(LogicalType::Json)),
            Kind::List(inner) => {
                let items = group(vec![inner.schema("element")?], Repetition::REPEATED, None, "list")?;
                group(vec![items], Repetition::OPTIONAL, Some(LogicalType::List), name)
            }
            Kind::Struct(fields) => {
                let fields = fields.iter().map(|(name, kind)| kind.schema(name)).collect::<Result<Vec<_>, _>>()?;
                group(fields, Repetition::OPTIONAL, None, name)
            }
        }
    }

    /// Empty columns for what this kind is made of.
    fn columns(&self, repeated: bool, columns: &mut Vec<Column>) {
        let values = match self {
            Kind::List(inner) => return inner.columns(true, columns),
            Kind::Struct(fields) => return fields.iter().for_each(|(_, kind)| kind.columns(repeated, columns)),
            Kind::Bool => Values::Bool(Vec::new()),
            Kind::Whole | Kind::Large => Values::Whole(Vec::new()),
            Kind::Decimal => Values::Decimal(Vec::new()),
            Kind::Unknown | Kind::Text | Kind::Json => Values::Text(Vec::new()),
        };
        columns.push(Column { repeated, defined: Vec::new(), repeats: Vec::new(), values });
    }
}

impl Shape {
    fn schema(&self) -> Result<TypePtr, ParquetError> {
        let fields = self.columns.iter().map(|(name, kind)| kind.schema(name)).collect::<Result<Vec<_>, _>>()?;
        Type::group_type_builder("schema").with_fields(fields).build().map(Arc::new)
    }
}

/// Writes the rows, which must be those that the shape was made of. Returns how many.
///
/// # Errors
/// Of the file, or the first of the rows'.
pub fn write<E>(file: File, shape: &Shape, rows: impl Iterator<Item = Result<Row, E>>) -> Result<usize, WriteError<E>> {
    let compression = Compression::ZSTD(ZstdLevel::default());
    let made_by = format!("cribble {}", env!("CARGO_PKG_VERSION"));
    let properties = WriterProperties::builder().set_compression(compression).set_created_by(made_by).build();
    let mut writer = SerializedFileWriter::new(file, shape.schema()?, Arc::new(properties))?;
    let mut columns = Vec::new();
    shape.columns.iter().for_each(|(_, kind)| kind.columns(false, &mut columns));
    let (mut written, mut waiting, mut bytes) = (0, 0, 0);
    for row in rows {
        let row = row.map_err(WriteError::Row)?;
        let mut at = 0;
        for (name, kind) in &shape.columns {
            let end = at + kind.leaves();
            bytes += shred(kind, row.get(name).unwrap_or(&Value::Null), Level::default(), &mut columns[at..end]);
            at = end;
        }
        (written, waiting) = (written + 1, waiting + 1);
        if waiting >= MOST_ROWS || bytes >= MOST_BYTES {
            flush(&mut writer, &mut columns)?;
            (waiting, bytes) = (0, 0);
        }
    }
    if waiting > 0 {
        flush(&mut writer, &mut columns)?;
    }
    writer.finish()?;
    writer.inner().sync_all()?;
    Ok(written)
}

/// Why a file was not written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError<E> {
    #[error("{0}")]
    Row(E),
    #[error("{0}")]
    Parquet(#[from] ParquetError),
    #[error("{0}")]
    Io(#[from] std::io::Error),
}

/// Where a value stands: how many of its parents are there, which of its lists it goes on, and how many lists it is in.
#[derive(Debug, Clone, Copy, Default)]
struct Level {
    defined: i16,
    repeats: i16,
    lists: i16,
}

/// Takes a value apart into its columns, as the Dremel paper has it. Returns about how many bytes it takes.
fn shred(kind: &Kind, value: &Value, level: Level, columns: &mut [Column]) -> usize {
    let empty = |level: Level, columns: &mut [Column]| {
        columns.iter_mut().for_each(|column| column.push(level));
        4 * columns.len()
    };
    match (kind, value) {
        (_, Value::Null) => empty(level, columns),
        (Kind::List(_), Value::Array(items)) if items.is_empty() => {
            empty(Level { defined: level.defined + 1, ..level }, columns)
        }
        (Kind::List(inner), Value::Array(items)) => {
            let lists = level.lists + 1;
            let place = |at: usize| Level {
                defined: level.defined + 2,
                repeats: if at == 0 { level.repeats } else { lists },
                lists,
            };
            items.iter().enumerate().map(|(at, item)| shred(inner, item, place(at), columns)).sum()
        }
        (Kind::Struct(fields), Value::Object(values)) => {
            let level = Level { defined: level.defined + 1, ..level };
            let (mut bytes, mut at) = (0, 0);
            for (name, kind) in fields {
                let end = at + kind.leaves();
                let value = values.get(name).unwrap_or(&Value::Null);
                bytes += shred(kind, value, level, &mut columns[at..end]);
                at = end;
            }
            bytes
        }
        // A row that was not taken in has no place for what it holds elsewhere.
        (Kind::List(_) | Kind::Struct(_), _) => empty(level, columns),
        (kind, value) => columns.iter_mut().map(|column| column.put(value, *kind == Kind::Json, level)).sum(),
    }
}

/// One column of a row group that is being gathered.
#[derive(Debug)]
struct Column {
    /// Inside a list.
    repeated: bool,
    defined: Vec<i16>,
    repeats: Vec<i16>,
    values: Values,
}

#[derive(Debug)]
enum Values {
    Bool(Vec<bool>),
    Whole(Vec<i64>),
    Decimal(Vec<f64>),
    Text(Vec<ByteArray>),
}

impl Column {
    fn push(&mut self, level: Level) {
        self.defined.push(level.defined);
        self.repeats.push(level.repeats);
    }

    /// One that is not of the column's kind is left empty; there is none among rows that were taken in.
    fn put(&mut self, value: &Value, json: bool, level: Level) -> usize {
        let size = match (&mut self.values, value) {
            (Values::Bool(values), Value::Bool(value)) => {
                values.push(*value);
                1
            }
            (Values::Whole(values), Value::Number(number)) if number.is_i64() => {
                values.extend(number.as_i64());
                8
            }
            (Values::Decimal(values), Value::Number(number)) => {
                values.extend(number.as_f64());
                8
            }
            (Values::Text(values), value) if json => {
                let text = value.to_string();
                values.push(ByteArray::from(text.as_str()));
                text.len()
            }
            (Values::Text(values), Value::String(text)) => {
                values.push(ByteArray::from(text.as_str()));
                text.len()
            }
            _ => {
                self.push(level);
                return 4;
            }
        };
        self.push(Level { defined: level.defined + 1, ..level });
        size + 4
    }

    fn write(&self, writer: &mut SerializedColumnWriter<'_>) -> Result<(), ParquetError> {
        let (defined, repeats) = (Some(&self.defined[..]), self.repeated.then_some(&self.repeats[..]));
        match &self.values {
            Values::Bool(values) => writer.typed::<BoolType>().write_batch(values, defined, repeats)?,
            Values::Whole(values) => writer.typed::<Int64Type>().write_batch(values, defined, repeats)?,
            Values::Decimal(values) => writer.typed::<DoubleType>().write_batch(values, defined, repeats)?,
            Values::Text(values) => writer.typed::<ByteArrayType>().write_batch(values, defined, repeats)?,
        };
        Ok(())
    }

    fn clear(&mut self) {
        self.defined.clear();
        self.repeats.clear();
        match &mut self.values {
            Values::Bool(values) => values.clear(),
            Values::Whole(values) => values.clear(),
            Values::Decimal(values) => values.clear(),
            Values::Text(values) => values.clear(),
        }
    }
}

/// Writes a row group of what was gathered.
fn flush(writer: &mut SerializedFileWriter<File>, columns: &mut [Column]) -> Result<(), ParquetError> {
    let mut group = writer.next_row_group()?;
    for column in columns {
        let Some(mut open) = group.next_column()? else { break };
        column.write(&mut open)?;
        open.close()?;
        column.clear();
    }
    group.close()?;
    Ok(())
}
