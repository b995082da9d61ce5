//! How numbers are written: as they are, in half the bits, or in blocks of eight bits.

use std::fmt;
use std::str::FromStr;

use half::{bf16, f16};

use super::place::NewFile;
use super::{ExportError, Meter};

/// Values of a block of [`Encoding::Q8_0`].
pub(super) const BLOCK: usize = 32;
/// Its bytes: the scale as f16, then a byte a value.
pub(super) const BLOCK_BYTES: usize = 2 + BLOCK;
/// Bytes that are gathered before they go to the file.
const GATHERED: usize = 1 << 20;

/// A number format of weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    F32,
    F16,
    Bf16,
    /// ggml's blocks: 32 values share a scale and have eight bits each. Only in GGUF files.
    Q8_0,
}

impl Encoding {
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::Bf16 => "bf16",
            Self::Q8_0 => "q8_0",
        }
    }

    /// What a tensor of this shape is written as in a GGUF file: norms and biases stay f32, as llama.cpp wants them, and
    /// rows that do not fill blocks are f16.
    pub(super) fn in_gguf(self, shape: &[usize]) -> Self {
        match shape {
            [] | [_] => Self::F32,
            [.., row] if self == Self::Q8_0 && !row.is_multiple_of(BLOCK) => Self::F16,
            _ => self,
        }
    }

    /// Bytes of so many values; whole blocks of them.
    pub(super) fn bytes(self, values: usize) -> u64 {
        let values = values as u64;
        match self {
            Self::F32 => 4 * values,
            Self::F16 | Self::Bf16 => 2 * values,
            Self::Q8_0 => values / BLOCK as u64 * BLOCK_BYTES as u64,
        }
    }

    /// Appends values; in [`Encoding::Q8_0`] they are whole blocks. The error says what is wrong with one of them.
    pub(super) fn encode(self, values: &[f32], out: &mut Vec<u8>) -> Result<(), &'static str> {
        const TOO_LARGE: &str = "has values that this number format cannot hold; choose bf16 or f32";
        if values.iter().any(|value| !value.is_finite()) {
            return Err("has values that are no finite numbers; the model is damaged");
        }
        match self {
            Self::F32 => values.iter().for_each(|value| out.extend_from_slice(&value.to_le_bytes())),
            Self::F16 => {
                for value in values {
                    let half = f16::from_f32(*value);
                    if half.is_infinite() {
                        return Err(TOO_LARGE);
                    }
                    out.extend_from_slice(&half.to_le_bytes());
                }
            }
            Self::Bf16 => {
                for value in values {
                    let half = bf16::from_f32(*value);
                    if half.is_infinite() {
                        return Err(TOO_LARGE);
                    }
                    out.extend_from_slice(&half.to_le_bytes());
                }
            }
            Self::Q8_0 => {
                let (blocks, rest) = values.as_chunks::<BLOCK>();
                if !rest.is_empty() {
                    return Err("has rows that do not fill blocks of 32");
                }
                for block in blocks {
                    let scale = quantize(block, out);
                    if scale.is_infinite() {
                        return Err(TOO_LARGE);
                    }
                }
            }
        }
        Ok(())
    }
}

/// Appends one block and gives its scale. The largest magnitude becomes 127, the others are rounded to the nearest step,
/// halves away from zero; the scale is rounded to f16 only after that (ggml's reference of `q8_0`).
fn quantize(block: &[f32; BLOCK], out: &mut Vec<u8>) -> f16 {
    let largest = block.iter().fold(0.0f32, |largest, value| largest.max(value.abs()));
    let scale = largest / 127.0;
    let inverse = 1.0 / scale;
    // A scale that is 0, or so small that its inverse is not a number, is 0 as f16 too.
    let inverse = if inverse.is_finite() { inverse } else { 0.0 };
    let stored = f16::from_f32(scale);
    out.extend_from_slice(&stored.to_le_bytes());
    out.extend(block.iter().map(|value| ((value * inverse).round() as i8).to_le_bytes()[0]));
    stored
}

/// Writes the rows of a tensor, `row` values each: the `n`-th row of the file is row `order(n)` of `values`.
pub(super) fn write_rows(
    file: &mut NewFile,
    meter: &mut Meter<'_>,
    encoding: Encoding,
    (name, values): (&str, &[f32]),
    row: usize,
    order: impl Fn(usize) -> usize,
) -> Result<(), ExportError> {
    let unfit = |reason| ExportError::Tensor { name: name.to_owned(), reason };
    let mut gathered = Vec::new();
    for number in 0..values.len().checked_div(row).unwrap_or(0) {
        let begin = order(number) * row;
        let row = values.get(begin..begin + row).ok_or_else(|| unfit("has fewer rows than its shape says"))?;
        // A long row goes in pieces, so that what is gathered stays small.
        for piece in row.chunks(GATHERED / 4) {
            encoding.encode(piece, &mut gathered).map_err(unfit)?;
            if gathered.len() >= GATHERED {
                file.write(&gathered)?;
                meter.add(gathered.len())?;
                gathered.clear();
            }
        }
    }
    file.write(&gathered)?;
    meter.add(gathered.len())
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Encoding {
    type Err = ExportError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "f32" => Ok(Self::F32),
            "f16" => Ok(Self::F16),
            "bf16" => Ok(Self::Bf16),
            "q8_0" => Ok(Self::Q8_0),
            other => Err(ExportError::UnknownEncoding(other.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(encoding: Encoding, values: &[f32]) -> Vec<u8> {
        let mut out = Vec::new();
        encoding.encode(values, &mut out).unwrap();
        assert_eq!(out.len() as u64, encoding.bytes(values.len()));
        out
    }

    /// Worked by hand: the largest magnitude is 254, so a step is 2, which is 0x4000 as f16.
    #[test]
    fn a_block_of_eight_bits_is_what_ggml_writes() {
        let mut block = [0.0f32; BLOCK];
        block[..8].copy_from_slice(&[-254.0, 2.0, 1.0, -1.0, 0.9, 253.0, 252.9, -0.99]);
        let bytes = encoded(Encoding::Q8_0, &block);
        assert_eq!(bytes[..2], [0x00, 0x40]);
        // Halves are rounded away from zero: 1 is half a step.
        assert_eq!(bytes[2..10].iter().map(|byte| *byte as i8).collect::<Vec<_>>(), [-127, 1, 1, -1, 0, 127, 126, 0]);
        assert!(bytes[10..].iter().all(|byte| *byte == 0));
        // The values are divided by the scale before it is rounded to f16: 1/127 is no f16, and 1 is 127 all the same.
        let ones = encoded(Encoding::Q8_0, &[1.0; BLOCK]);
        assert_eq!(ones[..2], f16::from_f32(1.0 / 127.0).to_le_bytes());
        assert!(ones[2..].iter().all(|byte| *byte == 127));
        assert_eq!(encoded(Encoding::Q8_0, &[0.0; BLOCK]), [0; BLOCK_BYTES]);
        assert_eq!(encoded(Encoding::Q8_0, &[1e-44; BLOCK]), [0; BLOCK_BYTES]);
    }

    #[test]
    fn halves_are_rounded_to_even() {
        assert_eq!(encoded(Encoding::F16, &[1.0, -2.0, 1.0 + 1.0 / 2048.0]), [0x00, 0x3c, 0x00, 0xc0, 0x00, 0x3c]);
        assert_eq!(encoded(Encoding::Bf16, &[1.0, 1.0 + 3.0 / 256.0]), [0x80, 0x3f, 0x82, 0x3f]);
        assert_eq!(encoded(Encoding::F32, &[1.5]), 1.5f32.to_le_bytes());
    }

    #[test]
    fn values_that_do_not_fit_are_named() {
        let fails = |encoding: Encoding, value: f32| encoding.encode(&[value; BLOCK], &mut Vec::new()).is_err();
        assert!(fails(Encoding::F16, 70_000.0) && !fails(Encoding::Bf16, 70_000.0) && !fails(Encoding::Q8_0, 70_000.0));
        assert!(fails(Encoding::Q8_0, 1e8) && !fails(Encoding::F32, 1e8));
        for encoding in [Encoding::F32, Encoding::F16, Encoding::Bf16, Encoding::Q8_0] {
            assert!(fails(encoding, f32::NAN) && fails(encoding, f32::INFINITY));
            assert_eq!(encoding.name().parse::<Encoding>().unwrap(), encoding);
        }
        assert!(Encoding::Q8_0.encode(&[1.0; BLOCK + 1], &mut Vec::new()).is_err());
        assert!("q4_k".parse::<Encoding>().unwrap_err().to_string().contains("q8_0"));
    }

    #[test]
    fn small_tensors_stay_f32_and_odd_rows_f16() {
        assert_eq!(Encoding::Q8_0.in_gguf(&[64]), Encoding::F32);
        assert_eq!(Encoding::Q8_0.in_gguf(&[3, 64]), Encoding::Q8_0);
        assert_eq!(Encoding::Q8_0.in_gguf(&[64, 48]), Encoding::F16);
        assert_eq!(Encoding::Bf16.in_gguf(&[64, 48]), Encoding::Bf16);
    }
}
