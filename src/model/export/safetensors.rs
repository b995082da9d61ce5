//! Safetensors files, written without a copy of the whole (the README of the `safetensors` repository).

use serde_json::{Map, Value, json};

use super::encoding::write_rows;
use super::place::NewFile;
use super::{Encoding, ExportError, Meter};

/// A tensor's name, and its shape with rows first.
pub type Named = (String, Vec<usize>);

/// What a tensor's values are put with.
pub(super) type Put<'p> = &'p mut dyn FnMut(&[f32]) -> Result<(), ExportError>;

/// The bytes before the data, with the metadata that transformers wants. `None` for [`Encoding::Q8_0`], which this format
/// does not have.
pub fn header(tensors: &[Named], encoding: Encoding) -> Option<Vec<u8>> {
    let dtype = match encoding {
        Encoding::F32 => "F32",
        Encoding::F16 => "F16",
        Encoding::Bf16 => "BF16",
        Encoding::Q8_0 => return None,
    };
    let mut header = Map::new();
    header.insert("__metadata__".into(), json!({ "format": "pt" }));
    let mut at = 0u64;
    for (name, shape) in tensors {
        let end = at + encoding.bytes(shape.iter().product());
        header.insert(name.clone(), json!({ "dtype": dtype, "shape": shape, "data_offsets": [at, end] }));
        at = end;
    }
    let mut text = Value::Object(header).to_string().into_bytes();
    // Data begins on eight bytes, as readers that map the file like it.
    text.resize(text.len().next_multiple_of(8), b' ');
    let mut bytes = (text.len() as u64).to_le_bytes().to_vec();
    bytes.append(&mut text);
    Some(bytes)
}

/// Writes a whole file. `read` is asked for each tensor in order, and puts its values once.
pub(super) fn write(
    file: &mut NewFile,
    meter: &mut Meter<'_>,
    tensors: &[Named],
    encoding: Encoding,
    mut read: impl FnMut(&Named, Put<'_>) -> Result<(), ExportError>,
) -> Result<(), ExportError> {
    let header = header(tensors, encoding).ok_or_else(|| ExportError::UnknownEncoding(encoding.to_string()))?;
    file.write(&header)?;
    for tensor in tensors {
        let (name, shape) = tensor;
        let row: usize = shape.iter().skip(1).product();
        read(tensor, &mut |values: &[f32]| {
            if values.len() != shape.iter().product::<usize>() {
                return Err(ExportError::Tensor { name: name.clone(), reason: "has another size than its shape says" });
            }
            write_rows(file, meter, encoding, (name.as_str(), values), row, |number| number)
        })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_is_read_by_the_formats_own_crate() {
        let tensors = vec![("a".to_owned(), vec![2, 3]), ("b.c".to_owned(), vec![5])];
        for (encoding, width) in [(Encoding::F32, 4), (Encoding::F16, 2), (Encoding::Bf16, 2)] {
            let mut bytes = header(&tensors, encoding).unwrap();
            assert_eq!(bytes.len() % 8, 0);
            bytes.resize(bytes.len() + 11 * width, 7);
            let theirs = ::safetensors::SafeTensors::deserialize(&bytes).unwrap();
            assert_eq!(theirs.tensor("a").unwrap().shape(), [2, 3]);
            assert_eq!(theirs.tensor("b.c").unwrap().data().len(), 5 * width);
        }
        assert!(header(&tensors, Encoding::Q8_0).is_none());
    }
}
