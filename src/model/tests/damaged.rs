//! Damaged and lying files: never a panic, never a huge allocation, always an error.

use proptest::prelude::*;

use super::tiny;
use crate::model::{Gguf, ModelFiles, Weights};

/// Opens bytes as a GGUF model, reads all of it, and says whether that went well.
fn gguf_opens(directory: &std::path::Path, bytes: &[u8]) -> Result<(), String> {
    let path = tiny::write(directory, "x.gguf", bytes);
    let files = ModelFiles::open(path.to_str().unwrap()).map_err(|error| error.to_string())?;
    for (name, shape) in files.architecture.tensors() {
        files.weights.tensor(&name, &shape).map_err(|error| error.to_string())?;
    }
    Ok(())
}

/// Opens bytes as `model.safetensors` and reads every tensor.
fn safetensors_opens(directory: &std::path::Path, bytes: &[u8]) -> Result<(), String> {
    tiny::write(directory, "model.safetensors", bytes);
    let weights = Weights::open_directory(directory).map_err(|error| error.to_string())?;
    for name in weights.names() {
        let shape = weights.shape(&name).unwrap().to_vec();
        weights.tensor(&name, &shape).map_err(|error| error.to_string())?;
    }
    Ok(())
}

fn one_line(error: &str) {
    assert!(!error.contains('\n') && error.len() < 800, "{error}");
}

#[test]
fn a_truncated_gguf_is_an_error_wherever_it_ends() {
    let directory = tempfile::tempdir().unwrap();
    let bytes = tiny::gguf().build();
    gguf_opens(directory.path(), &bytes).unwrap();
    for length in (0..bytes.len()).filter(|length| *length < 900 || length % 7 == 0 || *length + 40 > bytes.len()) {
        one_line(&gguf_opens(directory.path(), &bytes[..length]).expect_err(&length.to_string()));
    }
}

#[test]
fn versions_2_and_3_are_read_and_others_named() {
    let directory = tempfile::tempdir().unwrap();
    let mut bytes = tiny::gguf().build();
    bytes[4] = 2;
    gguf_opens(directory.path(), &bytes).unwrap();
    for (version, says) in [([1, 0, 0, 0], "version 1"), ([0, 0, 0, 3], "big-endian"), ([4, 0, 0, 0], "version 4;")] {
        bytes[4..8].copy_from_slice(&version);
        let error = gguf_opens(directory.path(), &bytes).unwrap_err();
        assert!(error.contains(says), "{error}");
    }
}

#[test]
fn a_truncated_safetensors_is_an_error_wherever_it_ends() {
    let directory = tempfile::tempdir().unwrap();
    let bytes = tiny::all_safetensors();
    safetensors_opens(directory.path(), &bytes).unwrap();
    for length in (0..bytes.len()).filter(|length| *length < 1200 || length % 7 == 0 || *length + 40 > bytes.len()) {
        one_line(&safetensors_opens(directory.path(), &bytes[..length]).expect_err(&length.to_string()));
    }
    let longer = [bytes, vec![0]].concat();
    assert!(safetensors_opens(directory.path(), &longer).unwrap_err().contains("behind the last tensor"));
}

#[test]
fn lying_gguf_counts_are_refused_before_anything_is_made() {
    let directory = tempfile::tempdir().unwrap();
    let bytes = tiny::gguf().build();
    let key = b"general.architecture";
    let at = bytes.windows(key.len()).position(|window| window == key).unwrap();
    let tokens = b"tokenizer.ggml.tokens";
    let list = bytes.windows(tokens.len()).position(|window| window == tokens).unwrap() + tokens.len() + 4 + 4;
    let name = b"token_embd.weight";
    let tensor = bytes.windows(name.len()).position(|window| window == name).unwrap() + name.len();
    // Tensor count, pair count, a key's length, an array's length, two dimensions, an offset.
    for place in [8, 16, at - 8, list, tensor + 4, tensor + 12, tensor + 24] {
        for lie in [u64::MAX, 1 << 63, 1 << 40, (1 << 61) + 1, 1 << 30, 123_456_789] {
            let mut bytes = bytes.clone();
            bytes[place..place + 8].copy_from_slice(&lie.to_le_bytes());
            one_line(&gguf_opens(directory.path(), &bytes).expect_err(&format!("{place} {lie}")));
        }
    }
    // Arrays in arrays, without end.
    let mut nested = b"GGUF\x03\0\0\0".to_vec();
    nested.extend(0u64.to_le_bytes());
    nested.extend(1u64.to_le_bytes());
    nested.extend([1, 0, 0, 0, 0, 0, 0, 0, b'k']);
    for _ in 0..10_000 {
        nested.extend(9u32.to_le_bytes());
        nested.extend(1u64.to_le_bytes());
    }
    assert!(gguf_opens(directory.path(), &nested).unwrap_err().contains("array"));
}

#[test]
fn lying_safetensors_headers_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let tensor = |dtype: &str, shape: &str, begin: &str, end: &str| {
        format!(r#"{{"dtype":"{dtype}","shape":{shape},"data_offsets":[{begin},{end}]}}"#)
    };
    let max = u64::MAX.to_string();
    let headers = [
        format!(r#"{{"a":{}}}"#, tensor("F32", "[4]", "0", "16")) + " ",
        format!(r#"{{"a":{},"b":{}}}"#, tensor("F32", "[2]", "0", "8"), tensor("F32", "[2]", "4", "12")),
        format!(r#"{{"a":{},"b":{}}}"#, tensor("F32", "[2]", "0", "8"), tensor("F32", "[1]", "12", "16")),
        format!(r#"{{"a":{}}}"#, tensor("F32", "[5]", "0", "16")),
        format!(r#"{{"a":{}}}"#, tensor("F32", "[4294967296,4294967296,4]", "0", "16")),
        format!(r#"{{"a":{}}}"#, tensor("F32", "[4]", "16", "0")),
        format!(r#"{{"a":{}}}"#, tensor("F32", "[4]", &max, &max)),
        format!(r#"{{"a":{}}}"#, tensor("F32", "[4]", "0", &max)),
        format!(r#"{{"a":{}}}"#, tensor("Q7", "[4]", "0", "16")),
        format!(r#"{{"a":{}}}"#, tensor("I32", "[4]", "0", "16")),
        format!(r#"{{"a":{}}}"#, tensor("F4", "[31]", "0", "16")),
        r#"{"__metadata__":{"a":1}}"#.to_owned(),
        r#"{"a":{"b":"c"}}"#.to_owned(),
        "[".repeat(5000),
        "{}".to_owned(),
        "\u{FFFD}".to_owned(),
    ];
    let (good, bad) = headers.split_at(1);
    safetensors_opens(directory.path(), &tiny::with_header(&good[0], &[0; 16])).unwrap();
    for header in bad {
        one_line(&safetensors_opens(directory.path(), &tiny::with_header(header, &[0; 16])).expect_err(header));
    }
    for length in [u64::MAX, 1 << 63, 100_000_001, 1 << 20] {
        let mut bytes = tiny::with_header(&good[0], &[0; 16]);
        bytes[..8].copy_from_slice(&length.to_le_bytes());
        assert!(safetensors_opens(directory.path(), &bytes).unwrap_err().contains("header"));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn flipped_bytes_never_panic(flips in proptest::collection::vec((0.0f64..1.0, any::<u8>()), 1..6), header in any::<bool>()) {
        let directory = tempfile::tempdir().unwrap();
        let mut bytes = tiny::gguf().build();
        // Half of the cases hit the numbers at the front, where most of the structure is.
        let range = if header { 700 } else { bytes.len() };
        for (at, byte) in &flips {
            bytes[(at * range as f64) as usize] = *byte;
        }
        if let Err(error) = gguf_opens(directory.path(), &bytes) {
            one_line(&error);
        }
    }

    #[test]
    fn flipped_safetensors_never_panic(flips in proptest::collection::vec((0.0f64..1.0, any::<u8>()), 1..6)) {
        let directory = tempfile::tempdir().unwrap();
        let mut bytes = tiny::all_safetensors();
        for (at, byte) in &flips {
            bytes[(at * 1300.0) as usize] = *byte;
        }
        if let Err(error) = safetensors_opens(directory.path(), &bytes) {
            one_line(&error);
        }
    }

    #[test]
    fn any_bytes_behind_the_magic_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400), counts in (0u64..4, 0u64..4)) {
        let directory = tempfile::tempdir().unwrap();
        let mut file = b"GGUF\x03\0\0\0".to_vec();
        file.extend(counts.0.to_le_bytes());
        file.extend(counts.1.to_le_bytes());
        file.extend(bytes);
        let path = tiny::write(directory.path(), "x.gguf", &file);
        let _ = Gguf::open(&path).map(|file| file.tensors().len());
    }
}
