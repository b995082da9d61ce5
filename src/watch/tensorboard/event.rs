//! What an event says: scalars in the spellings of TensorFlow 1 and 2, and texts.
//!
//! Field numbers are those of tensorflow's event.proto, summary.proto and tensor.proto.

use serde_json::Value as Json;

use crate::watch::gathered::Gathered;
use crate::watch::json;
use crate::watch::wire::{Message, Value};

const FLOAT: u64 = 1;
const DOUBLE: u64 = 2;
const INT32: u64 = 3;
const STRING: u64 = 7;
const INT64: u64 = 9;
const BFLOAT16: u64 = 14;
const HALF: u64 = 19;

/// Reads one event.
pub(super) fn read(data: &[u8], gathered: &mut Gathered) {
    let event = Message::new(data);
    let time = event.field(1).and_then(Value::double).filter(|time| time.is_finite());
    // A step is an i64, and steps before the beginning are none.
    let step = event.field(2).and_then(Value::varint).map_or(0, |step| step.cast_signed().max(0).cast_unsigned());
    for summary in event.all(5) {
        for value in Message::new(summary).all(1) {
            read_value(&Message::new(value), step, time, gathered);
        }
    }
}

fn read_value(value: &Message<'_>, step: u64, time: Option<f64>, gathered: &mut Gathered) {
    let Some(tag) = value.field(1).and_then(Value::text) else { return };
    if let Some(number) = value.field(2).and_then(Value::float) {
        gathered.point(tag, step, number, time);
        return;
    }
    let Some(tensor) = value.field(8).and_then(Value::bytes) else { return };
    let tensor = Message::new(tensor);
    let plugin = plugin(value);
    match tensor.field(1).and_then(Value::varint) {
        Some(STRING) if plugin.is_none_or(|plugin| plugin == "text") => read_text(tag, &tensor, step, gathered),
        Some(dtype) if plugin.is_none_or(|plugin| plugin == "scalars") => {
            if let Some(number) = single(&tensor, dtype) {
                gathered.point(tag, step, number, time);
            }
        }
        _ => {}
    }
}

/// The plugin that is meant to show a value: metadata, plugin data, name.
fn plugin<'a>(value: &Message<'a>) -> Option<&'a str> {
    let metadata = Message::new(value.field(9)?.bytes()?);
    let data = Message::new(metadata.field(1)?.bytes()?);
    data.field(1)?.text().filter(|name| !name.is_empty())
}

/// Texts are notes, but the arguments that the Hugging Face trainer writes down are settings.
fn read_text(tag: &str, tensor: &Message<'_>, step: u64, gathered: &mut Gathered) {
    let Some(text) = tensor.field(8).and_then(Value::text) else { return };
    let name = tag.strip_suffix("/text_summary").unwrap_or(tag);
    if let Ok(object @ Json::Object(_)) = json::parse::<Json>(text.as_bytes()) {
        // The arguments of the training are settings of the run as they are; those of the model are the model's.
        gathered.settings_of(if name == "args" { "" } else { name }, &object);
    } else {
        gathered.note(Some(step), &format!("{name}: {text}"));
    }
}

/// The number in a tensor of one number.
fn single(tensor: &Message<'_>, dtype: u64) -> Option<f64> {
    let content = tensor.field(4).and_then(Value::bytes).filter(|content| !content.is_empty());
    if let Some(content) = content {
        return of_content(content, dtype);
    }
    match dtype {
        FLOAT => one(tensor, 5, 4, |bytes| of_content(bytes, FLOAT), Value::float),
        DOUBLE => one(tensor, 6, 8, |bytes| of_content(bytes, DOUBLE), Value::double),
        INT32 => one_integer(tensor, 7),
        INT64 => one_integer(tensor, 10),
        HALF | BFLOAT16 => {
            let bits = u16::try_from(one_varint(tensor, 13)?).ok()?;
            Some(of_half(bits, dtype))
        }
        _ => None,
    }
}

/// A number as it lies in memory.
fn of_content(bytes: &[u8], dtype: u64) -> Option<f64> {
    Some(match dtype {
        FLOAT => f64::from(f32::from_le_bytes(bytes.try_into().ok()?)),
        DOUBLE => f64::from_le_bytes(bytes.try_into().ok()?),
        INT32 => f64::from(i32::from_le_bytes(bytes.try_into().ok()?)),
        INT64 => i64::from_le_bytes(bytes.try_into().ok()?) as f64,
        HALF | BFLOAT16 => of_half(u16::from_le_bytes(bytes.try_into().ok()?), dtype),
        _ => return None,
    })
}

fn of_half(bits: u16, dtype: u64) -> f64 {
    if dtype == HALF { half::f16::from_bits(bits).to_f64() } else { half::bf16::from_bits(bits).to_f64() }
}

/// The only number of a repeated field of fixed width, packed or not.
fn one<'a>(
    tensor: &Message<'a>,
    field: u64,
    width: usize,
    packed: impl Fn(&[u8]) -> Option<f64>,
    plain: impl Fn(Value<'a>) -> Option<f64>,
) -> Option<f64> {
    let mut numbers = tensor.clone().filter(|(number, _)| *number == field).map(|(_, value)| value);
    let first = numbers.next()?;
    if numbers.next().is_some() {
        return None;
    }
    match first {
        Value::Bytes(bytes) if bytes.len() == width => packed(bytes),
        value => plain(value),
    }
}

fn one_integer(tensor: &Message<'_>, field: u64) -> Option<f64> {
    one_varint(tensor, field).map(|number| number.cast_signed() as f64)
}

/// The only number of a repeated field of varints, packed or not.
fn one_varint(tensor: &Message<'_>, field: u64) -> Option<u64> {
    let mut numbers = tensor.clone().filter(|(number, _)| *number == field).map(|(_, value)| value);
    let first = numbers.next()?;
    if numbers.next().is_some() {
        return None;
    }
    match first {
        Value::Varint(number) => Some(number),
        Value::Bytes(mut bytes) => {
            let number = crate::watch::wire::varint(&mut bytes)?;
            bytes.is_empty().then_some(number)
        }
        _ => None,
    }
}
