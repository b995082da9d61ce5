//! A GGUF file, version 3 (ggml's `docs/gguf.md`), as llama.cpp's own converter would lay it out: the header, then each
//! tensor on a multiple of 32 bytes, in the order of the header, with no holes but the padding.

mod keys;
mod pairs;
mod vocabulary;

use std::path::Path;

use super::encoding::write_rows;
use super::place::NewFile;
use super::{Encoding, ExportError, Meter, Source, Summary, Watch};
use crate::model::weights::{gguf_name, is_permuted};
use crate::model::{Architecture, Family, RopeScaling};

use self::pairs::{Pairs, put_text};

/// The format's default, which therefore no key says.
const ALIGNMENT: u64 = 32;
const VERSION: u32 = 3;

/// A tensor of the file to be.
struct Entry {
    /// As the file has it.
    name: String,
    /// Rows first; the file has it the other way round.
    shape: Vec<usize>,
    encoding: Encoding,
    /// Where it begins, from the beginning of the data.
    offset: u64,
    content: Content,
}

enum Content {
    /// Values that are worked out here.
    Values(Vec<f32>),
    /// A weight by its Hugging Face name; with the size of a head where its rows go into llama.cpp's order.
    Weight { name: String, head_dim: Option<usize> },
}

/// Writes a model, an adapter merged. A file of that name is replaced when the new one is whole.
///
/// # Errors
/// Something of the model cannot be said in GGUF, a value does not fit the number format, the disk is full, or `watch`
/// said to stop.
pub fn write(source: &Source, place: &Path, encoding: Encoding, watch: Watch<'_>) -> Result<Summary, ExportError> {
    let architecture = &source.files().architecture;
    let entries = entries(architecture, encoding).map_err(|reason| source.refused(reason))?;
    let mut pairs = Pairs::default();
    keys::put(source, encoding, &mut pairs)?;
    let mut notes = vocabulary::put(source, &mut pairs)?;
    let narrow = entries.iter().filter(|entry| entry.shape.len() > 1 && entry.encoding != encoding).count();
    if narrow > 0 {
        notes.push(format!("{narrow} tensors have rows that do not fill blocks of 32 and are f16"));
    }
    let total: u64 = entries.iter().map(|entry| entry.encoding.bytes(entry.shape.iter().product())).sum();
    let mut meter = Meter::new(watch, total);
    let mut file = NewFile::begin(place)?;
    file.write(&header(&pairs, &entries))?;
    file.pad(ALIGNMENT)?;
    for entry in &entries {
        write_entry(source, entry, &mut file, &mut meter)?;
        file.pad(ALIGNMENT)?;
    }
    Ok(Summary {
        path: place.to_path_buf(),
        bytes: file.finish()?,
        tensors: entries.len(),
        parameters: architecture.parameter_count(),
        encoding,
        notes,
    })
}

/// A name in the form that the community knows: `<name>-<size>-<encoding>.gguf`.
pub fn file_name(source: &Source, encoding: Encoding) -> String {
    let plain = |c: char| if c.is_alphanumeric() || matches!(c, '.' | '-' | '_') { c } else { '-' };
    let name: String = source.name().chars().map(plain).collect();
    let size = keys::size_label(source.files().architecture.parameter_count());
    format!("{}-{size}-{}.gguf", name.trim_start_matches('.'), encoding.name().to_uppercase())
}

fn write_entry(source: &Source, entry: &Entry, file: &mut NewFile, meter: &mut Meter<'_>) -> Result<(), ExportError> {
    // A vector is a column: its rows are single values, so that those of a bias can be put in order too.
    let row: usize = entry.shape.iter().skip(1).product();
    let encoding = entry.encoding;
    match &entry.content {
        Content::Values(values) => {
            write_rows(file, meter, encoding, (entry.name.as_str(), values.as_slice()), row, |row| row)
        }
        Content::Weight { name, head_dim } => source.tensor(name, &entry.shape, |values| {
            let values = (name.as_str(), values);
            match *head_dim {
                None => write_rows(file, meter, encoding, values, row, |row| row),
                Some(head_dim) => write_rows(file, meter, encoding, values, row, |row| unpermuted_row(row, head_dim)),
            }
        }),
    }
}

/// Where a row of the file lies in Hugging Face order. Within each head the file has the pairs (i, i + half) side by side,
/// for RoPE over neighbours; Hugging Face has the two halves one after the other.
fn unpermuted_row(row: usize, head_dim: usize) -> usize {
    let (head, place) = (row / head_dim, row % head_dim);
    let (pair, side) = (place / 2, place % 2);
    head * head_dim + side * (head_dim / 2) + pair
}

/// Every tensor with its place.
fn entries(architecture: &Architecture, encoding: Encoding) -> Result<Vec<Entry>, String> {
    let mut entries = Vec::new();
    let mut offset = 0u64;
    let mut push = |name: String, shape: Vec<usize>, content: Content| {
        let encoding = encoding.in_gguf(&shape);
        let bytes = encoding.bytes(shape.iter().product());
        entries.push(Entry { name, shape, encoding, offset, content });
        offset = (offset + bytes).next_multiple_of(ALIGNMENT);
    };
    if let Some(factors) = rope_factors(architecture)? {
        push("rope_freqs.weight".to_owned(), vec![factors.len()], Content::Values(factors));
    }
    for (name, shape) in architecture.tensors() {
        let in_file = gguf_name(&name).ok_or_else(|| format!("tensor `{name}` has no name in GGUF"))?;
        let head_dim = is_permuted(&name, architecture.family).then_some(architecture.head_dim);
        push(in_file, shape, Content::Weight { name, head_dim });
    }
    Ok(entries)
}

/// What llama.cpp divides each frequency by, for Llama 3's scaling: the file keeps the factors, not their formula.
fn rope_factors(architecture: &Architecture) -> Result<Option<Vec<f32>>, String> {
    let Some(RopeScaling::Llama3 { factor, low_freq_factor, high_freq_factor, original_max_position_embeddings }) =
        &architecture.rope_scaling
    else {
        return Ok(None);
    };
    if architecture.family != Family::Llama {
        return Err("Llama 3's frequency scaling cannot be said in GGUF for this architecture".to_owned());
    }
    let (original, dim) = (*original_max_position_embeddings as f64, architecture.head_dim);
    let factors = (0..dim / 2).map(|pair| {
        let wavelength = std::f64::consts::TAU * architecture.rope_theta.powf(2.0 * pair as f64 / dim as f64);
        if wavelength < original / high_freq_factor {
            return 1.0;
        }
        if wavelength > original / low_freq_factor {
            return *factor as f32;
        }
        let smooth = (original / wavelength - low_freq_factor) / (high_freq_factor - low_freq_factor);
        (1.0 / ((1.0 - smooth) / factor + smooth)) as f32
    });
    Ok(Some(factors.collect()))
}

/// Everything before the data.
fn header(pairs: &Pairs, entries: &[Entry]) -> Vec<u8> {
    let mut out = b"GGUF".to_vec();
    out.extend_from_slice(&VERSION.to_le_bytes());
    out.extend_from_slice(&(entries.len() as u64).to_le_bytes());
    out.extend_from_slice(&pairs.count().to_le_bytes());
    out.extend_from_slice(pairs.bytes());
    for entry in entries {
        put_text(&mut out, &entry.name);
        out.extend_from_slice(&(entry.shape.len() as u32).to_le_bytes());
        // The fastest dimension comes first.
        entry.shape.iter().rev().for_each(|size| out.extend_from_slice(&(*size as u64).to_le_bytes()));
        out.extend_from_slice(&type_code(entry.encoding).to_le_bytes());
        out.extend_from_slice(&entry.offset.to_le_bytes());
    }
    out
}

/// ggml's code of a type (`ggml.h`).
fn type_code(encoding: Encoding) -> u32 {
    match encoding {
        Encoding::F32 => 0,
        Encoding::F16 => 1,
        Encoding::Q8_0 => 8,
        Encoding::Bf16 => 30,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// llama.cpp's converter: `reshape(heads, 2, half, row).swapaxes(1, 2)`.
    #[test]
    fn rows_go_where_the_converter_puts_them() {
        let (heads, head_dim) = (3, 8);
        let half = head_dim / 2;
        for head in 0..heads {
            for side in 0..2 {
                for i in 0..half {
                    let from = (head * 2 + side) * half + i;
                    let to = (head * half + i) * 2 + side;
                    assert_eq!(unpermuted_row(to, head_dim), from);
                }
            }
        }
    }
}
