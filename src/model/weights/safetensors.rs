//! The header of a safetensors file, read without believing it.
//!
//! Facts of the format: the README of the `safetensors` repository. The crate's own reader adds an offset of the file's
//! choosing to the header's length unchecked, so the few checks are made here.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use super::mapping::Mapping;
use crate::model::ModelError;

/// The format's own limit.
const LONGEST_HEADER: u64 = 100_000_000;

/// How numbers are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Number {
    F32,
    F16,
    BF16,
    /// Not read; the size of one in bits is known, so that the header can be checked.
    Other,
}

#[derive(Debug)]
pub(super) struct SafeTensor {
    pub shape: Vec<usize>,
    pub number: Number,
    pub dtype: String,
    start: usize,
    end: usize,
}

pub(super) struct SafeTensorsFile {
    pub mapping: Mapping,
    pub tensors: BTreeMap<String, SafeTensor>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Entry {
    Tensor { dtype: String, shape: Vec<usize>, data_offsets: (usize, usize) },
    Metadata(BTreeMap<String, serde_json::Value>),
}

impl SafeTensorsFile {
    pub fn open(path: &Path) -> Result<Self, ModelError> {
        Self::of(Mapping::open(path)?)
    }

    pub fn of(mapping: Mapping) -> Result<Self, ModelError> {
        let tensors = read_header(mapping.bytes()).map_err(|reason| ModelError::damaged(mapping.path(), reason))?;
        Ok(Self { mapping, tensors })
    }

    pub fn data(&self, tensor: &SafeTensor) -> &[u8] {
        &self.mapping.bytes()[tensor.start..tensor.end]
    }
}

fn read_header(bytes: &[u8]) -> Result<BTreeMap<String, SafeTensor>, String> {
    let length = bytes.first_chunk::<8>().map(|length| u64::from_le_bytes(*length)).ok_or("no header")?;
    if length > LONGEST_HEADER || length > (bytes.len() - 8) as u64 {
        return Err(format!("a header of {length} bytes in a file of {}", bytes.len()));
    }
    let data = 8 + length as usize;
    let entries: BTreeMap<String, Entry> =
        serde_json::from_slice(&bytes[8..data]).map_err(|error| format!("header: {error}"))?;
    let mut tensors = BTreeMap::new();
    for (name, entry) in entries {
        match entry {
            Entry::Tensor { dtype, shape, data_offsets } => {
                let tensor = check(&name, dtype, shape, data_offsets, data, bytes.len())?;
                tensors.insert(name, tensor);
            }
            Entry::Metadata(values) if name == "__metadata__" && values.values().all(|value| value.is_string()) => {}
            Entry::Metadata(_) => return Err(format!("entry `{name}` is not a tensor")),
        }
    }
    check_cover(&tensors, data, bytes.len())?;
    Ok(tensors)
}

fn check(
    name: &str,
    dtype: String,
    shape: Vec<usize>,
    (begin, end): (usize, usize),
    data: usize,
    file: usize,
) -> Result<SafeTensor, String> {
    let (number, bits) = match dtype.as_str() {
        "F32" => (Number::F32, 32),
        "F16" => (Number::F16, 16),
        "BF16" => (Number::BF16, 16),
        "F64" | "I64" | "U64" | "C64" => (Number::Other, 64),
        "I32" | "U32" => (Number::Other, 32),
        "I16" | "U16" => (Number::Other, 16),
        "I8" | "U8" | "BOOL" | "F8_E4M3" | "F8_E5M2" | "F8_E8M0" => (Number::Other, 8),
        "F6_E2M3" | "F6_E3M2" => (Number::Other, 6),
        "F4" => (Number::Other, 4),
        other => return Err(format!("tensor `{name}` has unknown type `{other}`")),
    };
    let bytes = shape
        .iter()
        .try_fold(1usize, |product, &dimension| product.checked_mul(dimension))
        .and_then(|elements| elements.checked_mul(bits))
        .filter(|bits| bits % 8 == 0)
        .map(|bits| bits / 8)
        .ok_or_else(|| format!("tensor `{name}` has an impossible shape"))?;
    let start = data.checked_add(begin);
    let stop = data.checked_add(end).filter(|stop| *stop <= file);
    match (start, stop) {
        (Some(start), Some(stop)) if start <= stop && stop - start == bytes => {
            Ok(SafeTensor { shape, number, dtype, start, end: stop })
        }
        (Some(_), Some(_)) => Err(format!("tensor `{name}` has offsets {begin} to {end} and a shape of {bytes} bytes")),
        _ => Err(format!("tensor `{name}` ends behind the end of the file")),
    }
}

/// Tensors must cover the data with no hole, no overlap and nothing left over.
fn check_cover(tensors: &BTreeMap<String, SafeTensor>, data: usize, file: usize) -> Result<(), String> {
    let mut spans: Vec<_> = tensors.iter().map(|(name, tensor)| (tensor.start, tensor.end, name)).collect();
    spans.sort_unstable();
    let mut reached = data;
    for (start, end, name) in spans {
        if start != reached {
            return Err(format!("tensor `{name}` does not begin where the one before it ends"));
        }
        reached = end;
    }
    if reached != file {
        return Err(format!("{} bytes behind the last tensor", file - reached));
    }
    Ok(())
}
