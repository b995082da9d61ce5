//! Safetensors files of f32, written and read without a copy of the whole.

use std::borrow::Cow;
use std::fs::File;
use std::io::{BufReader, Read, Write};
use std::path::Path;

use serde_json::{Map, Value};

use crate::model::export::{Encoding, safetensors};

/// Most that a header may say of itself, as the format has it.
const HEADER_LIMIT: u64 = 100 << 20;

/// Writes tensors in the given order, with the metadata that transformers wants.
///
/// # Errors
/// Of the writer.
pub fn write<'a>(
    out: &mut dyn Write,
    shapes: &[(String, Vec<usize>)],
    mut values: impl FnMut(usize) -> Cow<'a, [f32]>,
) -> std::io::Result<()> {
    out.write_all(&safetensors::header(shapes, Encoding::F32).unwrap_or_default())?;
    let mut buffer = Vec::with_capacity(1 << 18);
    for (index, (name, shape)) in shapes.iter().enumerate() {
        let values = values(index);
        if values.len() != shape.iter().product::<usize>() {
            return Err(std::io::Error::other(format!("tensor `{name}` has {} values", values.len())));
        }
        for part in values.chunks(1 << 16) {
            buffer.clear();
            part.iter().for_each(|value| buffer.extend_from_slice(&value.to_le_bytes()));
            out.write_all(&buffer)?;
        }
    }
    Ok(())
}

/// What [`read`] hands on with each tensor: fills a slice with its values.
pub type Fill<'f> = &'f mut dyn FnMut(&mut [f32]) -> std::io::Result<()>;

/// Reads a file. Each tensor, in the file's order, is offered with its name and shape; who takes it fills a slice of its
/// size, once.
///
/// # Errors
/// If the file is not what its header says, or what `take` returns.
pub fn read(path: &Path, mut take: impl FnMut(&str, &[usize], Fill<'_>) -> std::io::Result<()>) -> std::io::Result<()> {
    let wrong =
        |what: &str| std::io::Error::new(std::io::ErrorKind::InvalidData, format!("{}: {what}", path.display()));
    let file = File::open(path)?;
    let size = file.metadata()?.len();
    let mut file = BufReader::with_capacity(1 << 20, file);
    let mut length = [0; 8];
    file.read_exact(&mut length)?;
    let length = u64::from_le_bytes(length);
    if length > HEADER_LIMIT || length + 8 > size {
        return Err(wrong("its header is longer than the file"));
    }
    let mut text = vec![0; length as usize];
    file.read_exact(&mut text)?;
    let header: Map<String, Value> = serde_json::from_slice(&text)?;
    let mut tensors: Vec<(u64, u64, &String, Vec<usize>)> = Vec::new();
    for (name, entry) in header.iter().filter(|(name, _)| *name != "__metadata__") {
        let number = |value: &Value| value.as_u64();
        let offsets: Option<Vec<u64>> =
            entry["data_offsets"].as_array().and_then(|list| list.iter().map(number).collect());
        let shape: Option<Vec<u64>> = entry["shape"].as_array().and_then(|list| list.iter().map(number).collect());
        let (Some([begin, end]), Some(shape), Some("F32")) = (offsets.as_deref(), shape, entry["dtype"].as_str())
        else {
            return Err(wrong("its header is damaged"));
        };
        let count = shape.iter().try_fold(4u64, |product, size| product.checked_mul(*size));
        if end.checked_sub(*begin) != count || 8 + length + end > size {
            return Err(wrong("its header is damaged"));
        }
        tensors.push((*begin, *end, name, shape.into_iter().map(|size| size as usize).collect()));
    }
    tensors.sort_unstable();
    let mut reached = 0;
    let mut buffer = vec![0; 1 << 18];
    for (begin, end, name, shape) in tensors {
        if begin != reached {
            return Err(wrong("its tensors overlap or leave holes"));
        }
        reached = end;
        let mut filled = false;
        take(name, &shape, &mut |to: &mut [f32]| {
            if to.len() as u64 * 4 != end - begin {
                return Err(wrong(&format!("tensor `{name}` has another size")));
            }
            filled = true;
            for part in to.chunks_mut(1 << 16) {
                let bytes = &mut buffer[..4 * part.len()];
                file.read_exact(bytes)?;
                for (value, bytes) in part.iter_mut().zip(bytes.as_chunks::<4>().0) {
                    *value = f32::from_le_bytes(*bytes);
                }
            }
            Ok(())
        })?;
        if !filled {
            return Err(wrong(&format!("tensor `{name}` has no place here")));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_bit_for_bit() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.safetensors");
        let first: Vec<f32> = (0..70_000).map(|x| x as f32 * 0.1).collect();
        let second = [f32::MIN_POSITIVE / 8.0, -0.0, f32::INFINITY];
        let shapes = [("first".to_owned(), vec![7, 10_000]), ("second".to_owned(), vec![3])];
        let mut out = Vec::new();
        write(&mut out, &shapes, |index| if index == 0 { first.as_slice().into() } else { second.as_slice().into() })
            .unwrap();
        // Others read it too.
        let theirs = ::safetensors::SafeTensors::deserialize(&out).unwrap();
        assert_eq!(theirs.tensor("first").unwrap().shape(), [7, 10_000]);
        std::fs::write(&path, &out).unwrap();
        let (mut a, mut b) = (vec![0.0; 70_000], vec![0.0; 3]);
        read(&path, |name, _, fill| fill(if name == "first" { &mut a } else { &mut b })).unwrap();
        assert_eq!(a, first);
        assert!(b.iter().zip(second).all(|(x, y)| x.to_bits() == y.to_bits()));
        let refused = read(&path, |_, _, _| Ok(())).unwrap_err().to_string();
        assert!(refused.contains("`first` has no place"), "{refused}");
        for cut in [0, 5, 8, 40, out.len() - 1] {
            std::fs::write(&path, &out[..cut]).unwrap();
            let mut room = vec![0.0; 70_000];
            assert!(read(&path, |_, shape, fill| fill(&mut room[..shape.iter().product()])).is_err(), "{cut}");
        }
    }
}
