//! From a Parquet file to rows of JSON values.
//!
//! Numbers, texts, lists and structures become what they are in JSON, a column of JSON texts the values that they write, decimals
//! and numbers that are none their text, times the number that is stored, bytes their text or else hexadecimal digits.

use std::any::Any;
use std::collections::HashSet;
use std::fmt::Display;
use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use ::parquet::basic::ConvertedType;
use ::parquet::file::reader::{FileReader, SerializedFileReader};
use ::parquet::record::reader::RowIter;
use ::parquet::record::{Field, Row as Record};
use ::parquet::schema::types::Type;
use serde_json::{Number, Value};

use super::inspect;
use crate::exchange::table::{ImportError, LONGEST_LINE, Row, Visit};

/// Records that a column is read ahead by: a small number, since texts are long.
const AHEAD: usize = 64;
/// Longest message of the reader that is passed on; some quote all of a text.
const LONGEST_MESSAGE: usize = 200;

/// Tells of every row, from 1.
///
/// # Errors
/// What the file claims and cannot hold, a row that cannot be read, or what the visitor said of one.
pub fn each(path: &Path, file: File, visit: &mut Visit<'_>) -> Result<(), ImportError> {
    let at_file = |message: String| ImportError::file(path, message);
    inspect::footer(&file).map_err(at_file)?;
    let looked_at = file.try_clone().map_err(|error| at_file(error.to_string()))?;
    let reader = guarded(|| SerializedFileReader::new(file)).map_err(at_file)?;
    let schema = reader.metadata().file_metadata().schema();
    inspect::columns(schema).map_err(at_file)?;
    inspect::pages(&looked_at, reader.metadata()).map_err(at_file)?;
    let json = json_columns(schema);
    let mut records = guarded(|| RowIter::from_file(None, &reader)).map_err(at_file)?.with_batch_size(AHEAD);
    for at in 1.. {
        let at_row = |message: String| ImportError::line(path, at, message);
        let Some(record) = guarded(|| records.next().transpose()).map_err(at_row)? else { break };
        let row = guarded(|| row(record, &json)).map_err(at_row)?;
        if visit(at, row)?.is_break() {
            break;
        }
    }
    Ok(())
}

/// What the reader gives, or why it does not. It gives up on some files that are damaged inside: that is an error like others.
fn guarded<T, E: Display>(work: impl FnOnce() -> Result<T, E>) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(short(&error.to_string())),
        Err(cause) => Err(format!("damaged inside ({}); fetch it again", short(&message(&*cause)))),
    }
}

fn message(cause: &(dyn Any + Send)) -> String {
    let said = cause.downcast_ref::<&str>().map(|text| (*text).to_owned());
    said.or_else(|| cause.downcast_ref::<String>().cloned()).unwrap_or_else(|| "the reader gave up".into())
}

/// One line, not too long.
fn short(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(LONGEST_MESSAGE) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

/// The columns whose texts are JSON.
fn json_columns(schema: &Type) -> HashSet<String> {
    let fields = schema.get_fields().iter();
    let json = fields.filter(|field| field.get_basic_info().converted_type() == ConvertedType::JSON);
    json.map(|field| field.name().to_owned()).collect()
}

fn row(record: Record, json: &HashSet<String>) -> Result<Row, String> {
    // Each value counts a little, so that a row of a million empty ones is not free.
    let mut room = LONGEST_LINE as usize;
    let mut row = Row::new();
    for (name, field) in record.into_columns() {
        let mut value = value(&field, &mut room)?;
        // A text that is nested too deep to be read in a row of JSON stays one.
        if json.contains(&name)
            && let Value::String(text) = &value
            && let Ok([written]) = serde_json::from_str::<[Value; 1]>(&format!("[{text}]"))
        {
            value = written;
        }
        row.insert(name, value);
    }
    Ok(row)
}

fn take(room: &mut usize, bytes: usize) -> Result<(), String> {
    *room = room.checked_sub(bytes.saturating_add(1)).ok_or("a row of more than 16 MiB; leave it out")?;
    Ok(())
}

fn value(field: &Field, room: &mut usize) -> Result<Value, String> {
    take(room, 0)?;
    Ok(match field {
        Field::Null => Value::Null,
        Field::Bool(value) => Value::from(*value),
        Field::Byte(value) => Value::from(*value),
        Field::Short(value) => Value::from(*value),
        Field::Int(value) | Field::Date(value) | Field::TimeMillis(value) => Value::from(*value),
        Field::Long(value)
        | Field::TimeMicros(value)
        | Field::TimestampMillis(value)
        | Field::TimestampMicros(value) => Value::from(*value),
        Field::UByte(value) => Value::from(*value),
        Field::UShort(value) => Value::from(*value),
        Field::UInt(value) => Value::from(*value),
        Field::ULong(value) => Value::from(*value),
        Field::Float16(value) => single(f32::from(*value)),
        Field::Float(value) => single(*value),
        Field::Double(value) => double(*value),
        Field::Decimal(_) => Value::from(field.to_string()),
        Field::Str(text) => {
            take(room, text.len())?;
            Value::from(text.as_str())
        }
        Field::Bytes(bytes) => {
            take(room, bytes.data().len().saturating_mul(2))?;
            text_or_digits(bytes.data())
        }
        Field::Group(record) => {
            let mut inner = Row::new();
            for (name, field) in record.get_column_iter() {
                take(room, name.len())?;
                inner.insert(name.clone(), value(field, room)?);
            }
            Value::Object(inner)
        }
        Field::ListInternal(list) => {
            Value::Array(list.elements().iter().map(|field| value(field, room)).collect::<Result<_, _>>()?)
        }
        Field::MapInternal(map) => pairs(map.entries(), room)?,
    })
}

/// An object where every key is a text and stands once, else a list of pairs.
fn pairs(entries: &[(Field, Field)], room: &mut usize) -> Result<Value, String> {
    let mut list = Vec::new();
    let mut object = Row::new();
    for (key, field) in entries {
        let (key, value) = (value(key, room)?, value(field, room)?);
        if let Value::String(name) = &key {
            object.insert(name.clone(), value.clone());
        }
        list.push(Value::Array(vec![key, value]));
    }
    Ok(if object.len() == entries.len() { Value::Object(object) } else { Value::Array(list) })
}

/// A single's shortest text is that of the number that was meant: 0.1 and not 0.10000000149.
fn single(value: f32) -> Value {
    value.to_string().parse().map_or_else(|_| Value::from(value.to_string()), double)
}

fn double(value: f64) -> Value {
    Number::from_f64(value).map_or_else(|| Value::from(value.to_string()), Value::Number)
}

/// Many writers leave out that their bytes are a text.
fn text_or_digits(bytes: &[u8]) -> Value {
    match std::str::from_utf8(bytes) {
        Ok(text) => Value::from(text),
        Err(_) => Value::from(bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>()),
    }
}
