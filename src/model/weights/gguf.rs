//! The header of a GGUF file (versions 2 and 3, little endian), read without believing it.
//!
//! Facts of the format: ggml's `docs/gguf.md`. Every count, length and offset is checked against the bytes that are there
//! before anything is kept; arrays stay in the file until somebody asks for them. Decoding of blocks is candle's.

use std::collections::BTreeMap;
use std::path::Path;

use candle_core::quantized::GgmlDType;

use super::mapping::Mapping;
use crate::model::ModelError;

const MAGIC: &[u8; 4] = b"GGUF";
const DEFAULT_ALIGNMENT: u64 = 32;
const MOST_DIMENSIONS: u32 = 4;

/// A metadata value. Integers are widened.
#[derive(Debug, Clone, PartialEq)]
pub enum GgufValue {
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    Bool(bool),
    Text(String),
    Array(GgufArray),
}

/// An array left in the file: its element type and where it lies.
#[derive(Debug, Clone, PartialEq)]
pub struct GgufArray {
    kind: Kind,
    length: usize,
    start: usize,
}

/// Where a tensor lies. `shape` is in Hugging Face order: rows first.
#[derive(Debug, Clone)]
pub struct GgufTensor {
    pub shape: Vec<usize>,
    pub dtype: GgmlDType,
    start: usize,
    bytes: usize,
}

/// An opened GGUF file: metadata and the places of its tensors.
pub struct Gguf {
    mapping: Mapping,
    metadata: BTreeMap<String, GgufValue>,
    tensors: BTreeMap<String, GgufTensor>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    U8,
    I8,
    U16,
    I16,
    U32,
    I32,
    F32,
    Bool,
    Text,
    Array,
    U64,
    I64,
    F64,
}

impl Kind {
    fn of(code: u32) -> Option<Self> {
        const KINDS: [Kind; 13] = [
            Kind::U8,
            Kind::I8,
            Kind::U16,
            Kind::I16,
            Kind::U32,
            Kind::I32,
            Kind::F32,
            Kind::Bool,
            Kind::Text,
            Kind::Array,
            Kind::U64,
            Kind::I64,
            Kind::F64,
        ];
        KINDS.get(code as usize).copied()
    }

    /// Bytes of one value, where that is fixed.
    fn width(self) -> Option<usize> {
        match self {
            Self::U8 | Self::I8 | Self::Bool => Some(1),
            Self::U16 | Self::I16 => Some(2),
            Self::U32 | Self::I32 | Self::F32 => Some(4),
            Self::U64 | Self::I64 | Self::F64 => Some(8),
            Self::Text | Self::Array => None,
        }
    }
}

/// A place in the bytes; every step is checked.
struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

type Step<T> = Result<T, String>;

impl<'a> Cursor<'a> {
    fn take(&mut self, length: u64, what: &str) -> Step<&'a [u8]> {
        let left = self.bytes.len() - self.at;
        let length = usize::try_from(length)
            .ok()
            .filter(|length| *length <= left)
            .ok_or_else(|| format!("{what} at byte {} wants {length} bytes, {left} are left", self.at))?;
        let slice = &self.bytes[self.at..self.at + length];
        self.at += length;
        Ok(slice)
    }

    fn array<const N: usize>(&mut self, what: &str) -> Step<[u8; N]> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N as u64, what)?);
        Ok(array)
    }

    fn u32(&mut self, what: &str) -> Step<u32> {
        Ok(u32::from_le_bytes(self.array(what)?))
    }

    fn u64(&mut self, what: &str) -> Step<u64> {
        Ok(u64::from_le_bytes(self.array(what)?))
    }

    fn text(&mut self, what: &str) -> Step<String> {
        let length = self.u64(what)?;
        Ok(String::from_utf8_lossy(self.take(length, what)?).into_owned())
    }

    /// A count of things that take at least `least` bytes each.
    fn count(&mut self, least: usize, what: &str) -> Step<usize> {
        let count = self.u64(what)?;
        let left = self.bytes.len() - self.at;
        usize::try_from(count)
            .ok()
            .filter(|count| count.checked_mul(least).is_some_and(|needed| needed <= left))
            .ok_or_else(|| format!("{count} {what}, but only {left} bytes are left"))
    }

    fn value(&mut self, kind: Kind) -> Step<GgufValue> {
        let what = "a metadata value";
        Ok(match kind {
            Kind::U8 => GgufValue::Unsigned(u64::from(self.array::<1>(what)?[0])),
            Kind::I8 => GgufValue::Signed(i64::from(i8::from_le_bytes(self.array(what)?))),
            Kind::U16 => GgufValue::Unsigned(u64::from(u16::from_le_bytes(self.array(what)?))),
            Kind::I16 => GgufValue::Signed(i64::from(i16::from_le_bytes(self.array(what)?))),
            Kind::U32 => GgufValue::Unsigned(u64::from(self.u32(what)?)),
            Kind::I32 => GgufValue::Signed(i64::from(i32::from_le_bytes(self.array(what)?))),
            Kind::U64 => GgufValue::Unsigned(self.u64(what)?),
            Kind::I64 => GgufValue::Signed(i64::from_le_bytes(self.array(what)?)),
            Kind::F32 => GgufValue::Float(f64::from(f32::from_le_bytes(self.array(what)?))),
            Kind::F64 => GgufValue::Float(f64::from_le_bytes(self.array(what)?)),
            Kind::Bool => match self.array::<1>(what)?[0] {
                0 => GgufValue::Bool(false),
                1 => GgufValue::Bool(true),
                other => return Err(format!("a boolean is {other}")),
            },
            Kind::Text => GgufValue::Text(self.text(what)?),
            Kind::Array => GgufValue::Array(self.array_value()?),
        })
    }

    fn array_value(&mut self) -> Step<GgufArray> {
        let code = self.u32("an array's type")?;
        let kind = Kind::of(code).ok_or_else(|| format!("array of unknown type {code}"))?;
        let length = match kind {
            Kind::Array => return Err("an array of arrays".to_owned()),
            Kind::Text => self.count(8, "strings in an array")?,
            fixed => self.count(fixed.width().unwrap_or(1), "values in an array")?,
        };
        let start = self.at;
        match kind.width() {
            // `count` has checked that the product fits the file.
            Some(width) => drop(self.take((length * width) as u64, "an array")?),
            None => {
                for _ in 0..length {
                    let bytes = self.u64("a string's length")?;
                    self.take(bytes, "a string")?;
                }
            }
        }
        Ok(GgufArray { kind, length, start })
    }
}

impl Gguf {
    /// Opens and checks a file. Nothing of the tensors is read yet.
    pub fn open(path: &Path) -> Result<Self, ModelError> {
        let mapping = Mapping::open(path)?;
        let bytes = mapping.bytes();
        if bytes.len() < 8 || !bytes.starts_with(MAGIC) {
            return Err(ModelError::format(path, "it does not begin as a GGUF file does"));
        }
        let version = u32::from_le_bytes([bytes[4], bytes[5], bytes[6], bytes[7]]);
        match version {
            2 | 3 => {}
            1 => return Err(ModelError::format(path, "GGUF version 1; convert the model again")),
            swapped if swapped.swap_bytes() == 3 || swapped.swap_bytes() == 2 => {
                return Err(ModelError::format(path, "a big-endian GGUF file"));
            }
            other => return Err(ModelError::format(path, format!("GGUF version {other}; versions 2 and 3 are read"))),
        }
        let (metadata, tensors) = read_header(bytes, path)?;
        Ok(Self { mapping, metadata, tensors })
    }

    pub fn path(&self) -> &Path {
        self.mapping.path()
    }

    pub(in crate::model) fn mapping(&self) -> &Mapping {
        &self.mapping
    }

    pub fn metadata(&self) -> &BTreeMap<String, GgufValue> {
        &self.metadata
    }

    /// Tensors by their names in the file.
    pub fn tensors(&self) -> &BTreeMap<String, GgufTensor> {
        &self.tensors
    }

    /// The tensor's bytes as they lie in the file; `open` has checked that they are there and aligned.
    pub fn data(&self, tensor: &GgufTensor) -> &[u8] {
        &self.mapping.bytes()[tensor.start..tensor.start + tensor.bytes]
    }

    pub fn text(&self, key: &str) -> Option<&str> {
        match self.metadata.get(key)? {
            GgufValue::Text(text) => Some(text),
            _ => None,
        }
    }

    pub fn unsigned(&self, key: &str) -> Option<u64> {
        match self.metadata.get(key)? {
            GgufValue::Unsigned(value) => Some(*value),
            GgufValue::Signed(value) => u64::try_from(*value).ok(),
            _ => None,
        }
    }

    pub fn float(&self, key: &str) -> Option<f64> {
        match self.metadata.get(key)? {
            GgufValue::Float(value) => Some(*value),
            GgufValue::Unsigned(value) => Some(*value as f64),
            GgufValue::Signed(value) => Some(*value as f64),
            _ => None,
        }
    }

    pub fn boolean(&self, key: &str) -> Option<bool> {
        match self.metadata.get(key)? {
            GgufValue::Bool(value) => Some(*value),
            _ => None,
        }
    }

    /// The strings of an array; bytes that are not UTF-8 are replaced.
    pub fn strings(&self, key: &str) -> Option<Vec<String>> {
        let GgufValue::Array(array) = self.metadata.get(key)? else { return None };
        if array.kind != Kind::Text {
            return None;
        }
        let mut cursor = Cursor { bytes: self.mapping.bytes(), at: array.start };
        (0..array.length).map(|_| cursor.text("a string").ok()).collect()
    }

    /// The numbers of an array of numbers.
    pub fn numbers(&self, key: &str) -> Option<Vec<f64>> {
        let GgufValue::Array(array) = self.metadata.get(key)? else { return None };
        array.kind.width()?;
        let mut cursor = Cursor { bytes: self.mapping.bytes(), at: array.start };
        (0..array.length)
            .map(|_| match cursor.value(array.kind).ok()? {
                GgufValue::Unsigned(value) => Some(value as f64),
                GgufValue::Signed(value) => Some(value as f64),
                GgufValue::Float(value) => Some(value),
                _ => None,
            })
            .collect()
    }
}

type Header = (BTreeMap<String, GgufValue>, BTreeMap<String, GgufTensor>);

fn read_header(bytes: &[u8], path: &Path) -> Result<Header, ModelError> {
    let damaged = |reason: String| ModelError::damaged(path, reason);
    let mut cursor = Cursor { bytes, at: 8 };
    // Least sizes: a tensor is a name's length, dimensions, type and offset; a pair a key's length, a type and a byte.
    let tensor_count = cursor.count(8 + 4 + 4 + 8, "tensors").map_err(damaged)?;
    let pair_count = cursor.count(8 + 4 + 1, "metadata entries").map_err(damaged)?;
    let mut metadata = BTreeMap::new();
    for _ in 0..pair_count {
        let (key, value) = read_pair(&mut cursor).map_err(damaged)?;
        if metadata.insert(key.clone(), value).is_some() {
            return Err(damaged(format!("metadata key `{key}` appears twice")));
        }
    }
    let mut tensors = BTreeMap::new();
    for _ in 0..tensor_count {
        let (name, place) = read_tensor(&mut cursor).map_err(damaged)?;
        let Place { dimensions, code, offset } = place;
        let dtype = dtype_of(code).map_err(|found| ModelError::TensorType {
            name: name.clone(),
            found,
            supported: "F32, F16, BF16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q2_K to Q6_K".to_owned(),
        })?;
        let (shape, size) =
            size_of(&dimensions, dtype).map_err(|reason| damaged(format!("tensor `{name}`: {reason}")))?;
        let tensor = GgufTensor { shape, dtype, start: offset, bytes: size };
        if tensors.insert(name.clone(), tensor).is_some() {
            return Err(damaged(format!("tensor `{name}` appears twice")));
        }
    }
    let alignment = match metadata.get("general.alignment") {
        None => DEFAULT_ALIGNMENT,
        Some(GgufValue::Unsigned(value)) if value.is_power_of_two() && (8..=65536).contains(value) => *value,
        Some(_) => return Err(damaged("`general.alignment` is not a power of two from 8 to 65536".to_owned())),
    };
    place_tensors(bytes.len(), cursor.at, alignment as usize, &mut tensors).map_err(damaged)?;
    Ok((metadata, tensors))
}

fn read_pair(cursor: &mut Cursor) -> Step<(String, GgufValue)> {
    let key = cursor.text("a metadata key")?;
    let code = cursor.u32("a metadata type")?;
    let kind = Kind::of(code).ok_or_else(|| format!("metadata `{key}` has unknown type {code}"))?;
    let value = cursor.value(kind).map_err(|reason| format!("metadata `{key}`: {reason}"))?;
    Ok((key, value))
}

struct Place {
    dimensions: Vec<u64>,
    code: u32,
    offset: usize,
}

fn read_tensor(cursor: &mut Cursor) -> Step<(String, Place)> {
    let name = cursor.text("a tensor's name")?;
    let rank = cursor.u32("a tensor's rank")?;
    if rank == 0 || rank > MOST_DIMENSIONS {
        return Err(format!("tensor `{name}` has {rank} dimensions"));
    }
    let dimensions = (0..rank).map(|_| cursor.u64("a dimension")).collect::<Step<Vec<_>>>()?;
    let code = cursor.u32("a tensor's type")?;
    let offset = cursor.u64("a tensor's offset")?;
    let offset = usize::try_from(offset).map_err(|_| format!("tensor `{name}` lies at {offset}"))?;
    Ok((name, Place { dimensions, code, offset }))
}

/// Shape, rows first, and size in bytes. The file's order is the fastest dimension first.
fn size_of(dimensions: &[u64], dtype: GgmlDType) -> Step<(Vec<usize>, usize)> {
    let too_big = || format!("dimensions {dimensions:?} overflow");
    let mut shape = Vec::with_capacity(dimensions.len());
    let mut elements = 1usize;
    for &dimension in dimensions.iter().rev() {
        let dimension = usize::try_from(dimension).map_err(|_| too_big())?;
        if dimension == 0 {
            return Err("a dimension is 0".to_owned());
        }
        elements = elements.checked_mul(dimension).ok_or_else(too_big)?;
        shape.push(dimension);
    }
    let row = shape.last().copied().unwrap_or(1);
    let block = dtype.block_size();
    if row % block != 0 {
        return Err(format!("rows of {row} do not fill blocks of {block}"));
    }
    let bytes = (elements / block).checked_mul(dtype.type_size()).ok_or_else(too_big)?;
    // The f32 form must be countable too.
    elements.checked_mul(4).ok_or_else(too_big)?;
    Ok((shape, bytes))
}

/// Turns offsets into places in the file, and refuses those outside of it or over each other.
fn place_tensors(
    file: usize,
    header_end: usize,
    alignment: usize,
    tensors: &mut BTreeMap<String, GgufTensor>,
) -> Step<()> {
    let data = header_end.checked_next_multiple_of(alignment).ok_or("the header is too long")?;
    let mut spans = Vec::with_capacity(tensors.len());
    for (name, tensor) in tensors.iter_mut() {
        if tensor.start % alignment != 0 {
            return Err(format!("tensor `{name}` is not aligned to {alignment} bytes"));
        }
        let start = data.checked_add(tensor.start);
        let end = start.and_then(|start| start.checked_add(tensor.bytes)).filter(|end| *end <= file);
        let (Some(start), Some(end)) = (start, end) else {
            return Err(format!("tensor `{name}` ends behind the end of the file"));
        };
        tensor.start = start;
        spans.push((start, end, name.as_str()));
    }
    spans.sort_unstable();
    for pair in spans.windows(2) {
        if pair[1].0 < pair[0].1 {
            return Err(format!("tensors `{}` and `{}` lie over each other", pair[0].2, pair[1].2));
        }
    }
    Ok(())
}

/// ggml's type codes (`ggml.h`); the name of one that is not read comes back as the error.
fn dtype_of(code: u32) -> Result<GgmlDType, String> {
    Ok(match code {
        0 => GgmlDType::F32,
        1 => GgmlDType::F16,
        2 => GgmlDType::Q4_0,
        3 => GgmlDType::Q4_1,
        6 => GgmlDType::Q5_0,
        7 => GgmlDType::Q5_1,
        8 => GgmlDType::Q8_0,
        10 => GgmlDType::Q2K,
        11 => GgmlDType::Q3K,
        12 => GgmlDType::Q4K,
        13 => GgmlDType::Q5K,
        14 => GgmlDType::Q6K,
        30 => GgmlDType::BF16,
        16 => return Err("IQ2_XXS".to_owned()),
        17 => return Err("IQ2_XS".to_owned()),
        18 => return Err("IQ3_XXS".to_owned()),
        19 => return Err("IQ1_S".to_owned()),
        20 => return Err("IQ4_NL".to_owned()),
        21 => return Err("IQ3_S".to_owned()),
        22 => return Err("IQ2_S".to_owned()),
        23 => return Err("IQ4_XS".to_owned()),
        29 => return Err("IQ1_M".to_owned()),
        34 => return Err("TQ1_0".to_owned()),
        35 => return Err("TQ2_0".to_owned()),
        39 => return Err("MXFP4".to_owned()),
        40 => return Err("NVFP4".to_owned()),
        other => return Err(format!("ggml type {other}")),
    })
}
