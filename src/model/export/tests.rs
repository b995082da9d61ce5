//! What is written is read back: by the program's own readers, and its layout by a few lines that know nothing of them.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;

use serde_json::{Value, json};

use super::safetensors::{Named, header};
use super::{Encoding, ExportError, Progress, Source, directory, gguf, write_adapter, write_directory};
use crate::model::tests::tiny;
use crate::model::{MICRO, ModelFiles, RopeScaling};
use crate::records::{Message, Role};

const TINY_CHAT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/tiny-chat");
const TEXTS: [&str; 6] = ["hello, hello.\n\n1. One", "12 + 345", "hel hel<think>", "  é 😀\t", "<|im_end|>", ""];

fn go_on(_: Progress) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

fn open(path: &Path) -> Source {
    Source::open(path.to_str().unwrap(), None).unwrap()
}

/// Writes a GGUF file and opens it.
fn through_gguf(source: &Source, path: &Path, encoding: Encoding) -> ModelFiles {
    let summary = gguf::write(source, path, encoding, &mut go_on).unwrap();
    assert_eq!(summary.bytes, std::fs::metadata(path).unwrap().len());
    ModelFiles::open(path.to_str().unwrap()).unwrap()
}

fn values(files: &ModelFiles, name: &str, shape: &[usize]) -> Vec<f32> {
    files.weights.tensor(name, shape).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap()
}

fn merged(source: &Source, name: &str, shape: &[usize]) -> Vec<f32> {
    source.tensor(name, shape, |values| Ok(values.to_vec())).unwrap()
}

/// Everything but the weights is the same.
fn alike(found: &ModelFiles, wanted: &ModelFiles) {
    assert_eq!(found.architecture, wanted.architecture);
    let (ours, theirs) = (&found.tokenizer, &wanted.tokenizer);
    assert_eq!(ours.vocab_size(), theirs.vocab_size());
    assert_eq!((ours.bos_id(), ours.eos_id(), ours.adds_bos()), (theirs.bos_id(), theirs.eos_id(), theirs.adds_bos()));
    assert_eq!(ours.stop_ids(), theirs.stop_ids());
    assert_eq!(found.template.source(), wanted.template.source());
    for text in TEXTS {
        let ids = ours.encode(text).unwrap();
        assert_eq!(ids, theirs.encode(text).unwrap(), "{text:?}");
        assert_eq!(ours.decode(&ids), text);
        let chat = [Message::new(Role::User, text)];
        let ids = ours.encode_chat(&found.template, &chat).unwrap();
        assert_eq!(ids, theirs.encode_chat(&wanted.template, &chat).unwrap(), "{text:?}");
    }
}

/// A directory of one of the families, every tensor that it has with values that differ.
fn family(at: &Path, name: &str, changes: &Value) {
    tiny::directory(at);
    let mut tensors: Vec<(&str, Vec<usize>)> =
        tiny::tensors().into_iter().map(|(_, name, shape)| (name, shape)).collect();
    let mut config = tiny::config();
    match name {
        "qwen2" => {
            config["architectures"] = json!(["Qwen2ForCausalLM"]);
            tensors.push(("model.layers.0.self_attn.q_proj.bias", vec![8]));
            tensors.push(("model.layers.0.self_attn.k_proj.bias", vec![4]));
            tensors.push(("model.layers.0.self_attn.v_proj.bias", vec![4]));
        }
        "qwen3" => {
            config["architectures"] = json!(["Qwen3ForCausalLM"]);
            tensors.push(("model.layers.0.self_attn.q_norm.weight", vec![4]));
            tensors.push(("model.layers.0.self_attn.k_norm.weight", vec![4]));
            config["tie_word_embeddings"] = json!(false);
            tensors.push(("lm_head.weight", vec![tiny::VOCAB, 4]));
        }
        _ => {}
    }
    for (key, value) in changes.as_object().unwrap() {
        config[key] = value.clone();
    }
    tiny::write(at, "config.json", config.to_string().as_bytes());
    tiny::write(at, "model.safetensors", &tiny::safetensors(&tensors));
}

#[test]
fn every_family_comes_back_from_gguf() {
    for name in ["llama", "qwen2", "qwen3"] {
        let directory = tempfile::tempdir().unwrap();
        family(directory.path(), name, &json!({}));
        let source = open(directory.path());
        let found = through_gguf(&source, &directory.path().join("x.gguf"), Encoding::F32);
        alike(&found, source.files());
        for (tensor, shape) in found.architecture.tensors() {
            assert_eq!(values(&found, &tensor, &shape), tiny::values(&shape), "{name} {tensor}");
        }
    }
}

#[test]
fn a_gguf_file_goes_to_gguf_and_to_a_directory() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    for name in ["llama", "qwen2", "qwen3"] {
        let first = tiny::write(at, "first.gguf", &tiny::gguf_of(name).build());
        let source = open(&first);
        let again = through_gguf(&source, &at.join("again.gguf"), Encoding::F32);
        let out = at.join(name);
        write_directory(&source, &out, Encoding::F32, &mut go_on).unwrap();
        let whole = ModelFiles::open(out.to_str().unwrap()).unwrap();
        alike(&again, source.files());
        assert_eq!(whole.architecture, source.files().architecture);
        for (tensor, shape) in source.files().architecture.tensors() {
            let wanted = values(source.files(), &tensor, &shape);
            assert_eq!(values(&again, &tensor, &shape), wanted, "{name} {tensor}");
            assert_eq!(values(&whole, &tensor, &shape), wanted, "{name} {tensor}");
        }
        for text in TEXTS {
            assert_eq!(whole.tokenizer.encode(text).unwrap(), again.tokenizer.encode(text).unwrap());
        }
    }
}

#[test]
fn scaled_positions_come_back() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let llama3 = json!({"rope_theta": 5e7, "rope_scaling": {"rope_type": "llama3", "factor": 32.0, "low_freq_factor": 1.0,
                        "high_freq_factor": 4.0, "original_max_position_embeddings": 8192}});
    let linear = json!({"rope_scaling": {"rope_type": "linear", "factor": 2.5}});
    for changes in [&llama3, &linear] {
        family(at, "llama", changes);
        let source = open(at);
        assert!(source.files().architecture.rope_scaling.is_some());
        let found = through_gguf(&source, &at.join("x.gguf"), Encoding::F16);
        assert_eq!(found.architecture, source.files().architecture);
    }
    assert!(matches!(open(at).files().architecture.rope_scaling, Some(RopeScaling::Linear { .. })));
    family(at, "qwen2", &llama3);
    let error = gguf::write(&open(at), &at.join("y.gguf"), Encoding::F16, &mut go_on).unwrap_err().to_string();
    assert!(error.contains("cannot be said in GGUF for this architecture") && !at.join("y.gguf").exists(), "{error}");
}

#[test]
fn values_are_within_the_formats_rounding() {
    let directory = tempfile::tempdir().unwrap();
    let source = open(Path::new(TINY_CHAT));
    for encoding in [Encoding::F32, Encoding::F16, Encoding::Bf16, Encoding::Q8_0] {
        let found = through_gguf(&source, &directory.path().join("x.gguf"), encoding);
        alike(&found, source.files());
        for (name, shape) in found.architecture.tensors() {
            let (found, wanted) = (values(&found, &name, &shape), values(source.files(), &name, &shape));
            for (found, wanted) in found.chunks(32).zip(wanted.chunks(32)) {
                let largest = wanted.iter().fold(0.0f32, |largest, value| largest.max(value.abs()));
                for (found, wanted) in found.iter().zip(wanted) {
                    let most = match encoding {
                        // The weights are bf16.
                        Encoding::F32 | Encoding::Bf16 => 0.0,
                        Encoding::F16 => wanted.abs() / 2048.0 + 3e-8,
                        // Half a step, and what the scale loses as f16.
                        Encoding::Q8_0 => largest * (0.5 / 127.0 + 1.0 / 2048.0) + 1e-7,
                    };
                    assert!((found - wanted).abs() <= most, "{encoding} {name}: {found} and {wanted}");
                }
            }
        }
    }
}

/// A GGUF file as its bytes say it: keys with their type's code; name, dimensions, type and offset of every tensor; where
/// the data begins.
struct Plain {
    keys: BTreeMap<String, u32>,
    tensors: Vec<(String, Vec<u64>, u32, u64)>,
    data: u64,
}

struct Reader<'a>(&'a [u8], usize);

impl Reader<'_> {
    fn u32(&mut self) -> u32 {
        self.1 += 4;
        u32::from_le_bytes(self.0[self.1 - 4..self.1].try_into().unwrap())
    }

    fn u64(&mut self) -> u64 {
        self.1 += 8;
        u64::from_le_bytes(self.0[self.1 - 8..self.1].try_into().unwrap())
    }

    fn text(&mut self) -> String {
        let length = self.u64() as usize;
        self.1 += length;
        String::from_utf8(self.0[self.1 - length..self.1].to_vec()).unwrap()
    }

    fn skip(&mut self, kind: u32) {
        match kind {
            7 => self.1 += 1,
            4..=6 => self.1 += 4,
            8 => drop(self.text()),
            9 => {
                let (kind, length) = (self.u32(), self.u64());
                (0..length).for_each(|_| self.skip(kind));
            }
            other => panic!("type {other}"),
        }
    }
}

fn plain(bytes: &[u8]) -> Plain {
    let mut reader = Reader(bytes, 0);
    assert_eq!(&bytes[..4], b"GGUF");
    reader.1 = 4;
    assert_eq!(reader.u32(), 3);
    let (tensor_count, pair_count) = (reader.u64(), reader.u64());
    let mut keys = BTreeMap::new();
    for _ in 0..pair_count {
        let (key, kind) = (reader.text(), reader.u32());
        reader.skip(kind);
        assert!(keys.insert(key, kind).is_none());
    }
    let tensors = (0..tensor_count)
        .map(|_| {
            let name = reader.text();
            let rank = reader.u32();
            let dimensions = (0..rank).map(|_| reader.u64()).collect::<Vec<_>>();
            (name, dimensions, reader.u32(), reader.u64())
        })
        .collect();
    Plain { keys, tensors, data: (reader.1 as u64).next_multiple_of(32) }
}

#[test]
fn the_layout_is_what_the_format_says() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("x.gguf");
    gguf::write(&open(Path::new(TINY_CHAT)), &path, Encoding::Q8_0, &mut go_on).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    let Plain { keys, tensors, data } = plain(&bytes);
    for (key, kind) in [
        ("general.architecture", 8),
        ("general.file_type", 4),
        ("general.quantization_version", 4),
        ("llama.vocab_size", 4),
        ("llama.context_length", 4),
        ("llama.attention.head_count_kv", 4),
        ("llama.attention.layer_norm_rms_epsilon", 6),
        ("llama.rope.freq_base", 6),
        ("llama.rope.dimension_count", 4),
        ("tokenizer.ggml.tokens", 9),
        ("tokenizer.ggml.token_type", 9),
        ("tokenizer.ggml.merges", 9),
        ("tokenizer.ggml.eos_token_id", 4),
        ("tokenizer.ggml.add_bos_token", 7),
        ("tokenizer.chat_template", 8),
    ] {
        assert_eq!(keys.get(key), Some(&kind), "{key}");
    }
    // 32 of hidden size are 4 heads of 8, so nothing need be said of them.
    assert!(!keys.contains_key("llama.attention.key_length"));
    let mut reached = 0;
    for (name, dimensions, kind, offset) in &tensors {
        assert_eq!(*offset, reached, "{name}");
        let values: u64 = dimensions.iter().product();
        let size = match (dimensions.len(), kind) {
            (1, 0) => 4 * values,
            (2, 8) => values / 32 * 34,
            other => panic!("{name}: {other:?}"),
        };
        reached = (reached + size).next_multiple_of(32);
    }
    assert_eq!(data + reached, bytes.len() as u64);
    let embedding = tensors.iter().find(|(name, ..)| name == "token_embd.weight").unwrap();
    assert_eq!(embedding.1, [32, 258]);
    assert!(!tensors.iter().any(|(name, ..)| name == "output.weight"), "the head is tied");
    assert_eq!(tensors.len(), 2 + 2 * 9);
}

#[test]
fn rows_that_fill_no_blocks_are_halves() {
    let directory = tempfile::tempdir().unwrap();
    family(directory.path(), "qwen2", &json!({}));
    let path = directory.path().join("x.gguf");
    let summary = gguf::write(&open(directory.path()), &path, Encoding::Q8_0, &mut go_on).unwrap();
    assert!(summary.notes[0].contains("8 tensors") && summary.notes[0].contains("f16"), "{:?}", summary.notes);
    let Plain { keys, tensors, .. } = plain(&std::fs::read(&path).unwrap());
    assert_eq!(keys.get("qwen2.attention.key_length"), Some(&4));
    assert!(tensors.iter().all(|(_, dimensions, kind, _)| *kind == u32::from(dimensions.len() == 2)));
}

#[test]
fn the_embedded_models_words_cannot_be_said_in_gguf_but_in_a_directory() {
    let directory = tempfile::tempdir().unwrap();
    let source = Source::open(MICRO, None).unwrap();
    let path = directory.path().join("x.gguf");
    let error = gguf::write(&source, &path, Encoding::F16, &mut go_on).unwrap_err().to_string();
    assert!(error.contains("no name for the way in which it cuts text") && !error.contains('\n'), "{error}");
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
    let out = directory.path().join("out");
    write_directory(&source, &out, Encoding::Bf16, &mut go_on).unwrap();
    let found = ModelFiles::open(out.to_str().unwrap()).unwrap();
    assert_eq!(found.architecture, source.files().architecture);
    for (name, shape) in found.architecture.tensors() {
        assert_eq!(values(&found, &name, &shape), values(source.files(), &name, &shape), "{name}");
    }
}

/// A PEFT adapter of rank 2 for [`TINY_CHAT`], its configuration changed (null removes a key).
fn adapter(at: &Path, changes: &Value, tensors: &[Named]) {
    let mut config = json!({
        "peft_type": "LORA", "base_model_name_or_path": TINY_CHAT, "r": 2, "lora_alpha": 4, "bias": "none",
        "target_modules": ["q_proj", "down_proj"], "modules_to_save": null, "rank_pattern": {}, "use_dora": false,
    });
    for (key, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => drop(config.as_object_mut().unwrap().remove(key)),
            value => config[key] = value.clone(),
        }
    }
    std::fs::create_dir_all(at).unwrap();
    tiny::write(at, "adapter_config.json", config.to_string().as_bytes());
    let mut bytes = header(tensors, Encoding::F32).unwrap();
    for (_, shape) in tensors {
        bytes.extend(factors(shape).iter().flat_map(|value| value.to_le_bytes()));
    }
    tiny::write(at, "adapter_model.safetensors", &bytes);
}

fn factors(shape: &[usize]) -> Vec<f32> {
    (0..shape.iter().product::<usize>()).map(|i| ((i * 7 + 3) % 11) as f32 / 16.0 - 0.25).collect()
}

fn adapter_tensors() -> Vec<Named> {
    let name = |module: &str, part: &str| format!("base_model.model.model.layers.{module}.lora_{part}.weight");
    vec![
        (name("0.self_attn.q_proj", "A"), vec![2, 32]),
        (name("0.self_attn.q_proj", "B"), vec![32, 2]),
        (name("1.mlp.down_proj", "A"), vec![2, 64]),
        (name("1.mlp.down_proj", "B"), vec![32, 2]),
    ]
}

#[test]
fn an_adapter_is_merged_everywhere_alike() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path().join("adapter");
    for (changes, scale) in [(json!({}), 2.0), (json!({"use_rslora": true}), 4.0 / 2.0f64.sqrt())] {
        adapter(&at, &changes, &adapter_tensors());
        let source = open(&at);
        assert_eq!(source.name(), "adapter");
        for (name, shape) in source.files().architecture.tensors() {
            let (found, base) = (merged(&source, &name, &shape), values(source.files(), &name, &shape));
            let changed =
                name == "model.layers.0.self_attn.q_proj.weight" || name == "model.layers.1.mlp.down_proj.weight";
            assert_eq!(found != base, changed, "{name}");
            if !changed {
                continue;
            }
            let (a, b) = (factors(&[2, shape[1]]), factors(&[shape[0], 2]));
            for (at, (found, base)) in found.iter().zip(&base).enumerate() {
                let (row, column) = (at / shape[1], at % shape[1]);
                let sum: f64 = (0..2).map(|r| f64::from(b[row * 2 + r]) * f64::from(a[r * shape[1] + column])).sum();
                let wanted = f64::from(*base) + scale * sum;
                assert!((f64::from(*found) - wanted).abs() < 1e-6, "{name} {at}: {found} and {wanted}");
            }
        }
    }
    let source = open(&at);
    let (whole, alone) = (directory.path().join("whole"), directory.path().join("alone"));
    let summary = directory::write_shards(&source, &whole, Encoding::F32, 20_000, &mut go_on).unwrap();
    assert!(summary.notes.is_empty());
    assert!(whole.join("model.safetensors.index.json").is_file() && !whole.join("model.safetensors").exists());
    assert!(std::fs::read_to_string(whole.join("README.md")).unwrap().contains("base_model: \""));
    write_adapter(&source, &alone, Encoding::F32, &mut go_on).unwrap();
    let whole = ModelFiles::open(whole.to_str().unwrap()).unwrap();
    let file = through_gguf(&source, &directory.path().join("x.gguf"), Encoding::F32);
    let again = Source::open(alone.to_str().unwrap(), Some(TINY_CHAT)).unwrap();
    alike(&whole, source.files());
    for (name, shape) in whole.architecture.tensors() {
        let wanted = merged(&source, &name, &shape);
        assert_eq!(values(&whole, &name, &shape), wanted, "{name}");
        assert_eq!(values(&file, &name, &shape), wanted, "{name}");
        assert_eq!(merged(&again, &name, &shape), wanted, "{name}");
    }
}

#[test]
fn adapters_that_cannot_be_merged_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let refused = |changes: Value, tensors: &[Named]| {
        let at = directory.path().join("adapter");
        adapter(&at, &changes, tensors);
        let error = Source::open(at.to_str().unwrap(), None).unwrap_err().to_string();
        assert!(!error.contains('\n') && error.len() < 600, "{error}");
        error
    };
    let good = adapter_tensors();
    for (changes, says) in [
        (json!({"peft_type": "IA3"}), "`IA3`"),
        (json!({"r": null}), "`r` is no rank"),
        (json!({"r": 0}), "`r` is no rank"),
        (json!({"r": 8}), "has rank 2, but `r` is 8"),
        (json!({"lora_alpha": "x"}), "`lora_alpha`"),
        (json!({"use_dora": true}), "`use_dora`"),
        (json!({"fan_in_fan_out": true}), "`fan_in_fan_out`"),
        (json!({"modules_to_save": ["lm_head"]}), "`modules_to_save`"),
        (json!({"alpha_pattern": {"q_proj": 3}}), "`alpha_pattern`"),
        (json!({"bias": "all"}), "`bias` is `all`"),
        (json!({"init_lora_weights": "pissa"}), "changes the base model"),
        (json!({"base_model_name_or_path": null}), "names no base model"),
        (json!({"base_model_name_or_path": "org/nowhere\nat all"}), "is not on this machine"),
    ] {
        let error = refused(changes, &good);
        assert!(error.contains(says), "{error}");
    }
    let with = |name: &str, shape: &[usize]| [good.clone(), vec![(name.to_owned(), shape.to_vec())]].concat();
    let prefix = "base_model.model.model.";
    for (tensors, says) in [
        (Vec::new(), "no tensors"),
        (good[..3].to_vec(), "only one of lora_A and lora_B"),
        (with(&format!("{prefix}layers.2.self_attn.q_proj.lora_A.weight"), &[2, 32]), "has no place"),
        (with(&format!("{prefix}embed_tokens.lora_A.weight"), &[2, 258]), "has no place"),
        (with(&format!("{prefix}layers.0.self_attn.q_proj.lora_magnitude_vector"), &[32]), "has no place"),
        (with("other", &[1]), "has no place"),
    ] {
        let error = refused(json!({}), &tensors);
        assert!(error.contains(says), "{error}");
    }
    let mut shapes = good.clone();
    shapes[0].1 = vec![2, 16];
    assert!(refused(json!({}), &shapes).contains("has shapes [2, 16] and [32, 2] for a weight of [32, 32]"));
    shapes[0].1 = vec![64];
    assert!(refused(json!({}), &shapes).contains("are no matrices"));
    assert!(Source::open(TINY_CHAT, Some(TINY_CHAT)).unwrap_err().to_string().contains("it is no adapter"));
}

#[test]
fn a_stop_leaves_nothing_and_keeps_what_was() {
    let directory = tempfile::tempdir().unwrap();
    let source = open(Path::new(TINY_CHAT));
    let path = tiny::write(directory.path(), "x.gguf", b"old");
    let mut told = Vec::new();
    let mut stop = |progress: Progress| {
        told.push(progress);
        if told.len() > 5 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let error = gguf::write(&source, &path, Encoding::F16, &mut stop).unwrap_err();
    assert!(matches!(error, ExportError::Stopped));
    assert!(told.windows(2).all(|pair| pair[0].done <= pair[1].done) && told[5].done < told[5].total);
    let mut stop = |_: Progress| ControlFlow::Break(());
    let out = directory.path().join("out");
    assert!(matches!(write_directory(&source, &out, Encoding::F32, &mut stop), Err(ExportError::Stopped)));
    assert_eq!(std::fs::read(&path).unwrap(), b"old");
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
    // All of it is counted.
    let mut last = Progress { done: 0, total: 1 };
    let mut follow = |progress: Progress| {
        last = progress;
        ControlFlow::Continue(())
    };
    gguf::write(&source, &path, Encoding::Q8_0, &mut follow).unwrap();
    assert_eq!(last.done, last.total);
    assert!(write_directory(&source, &out, Encoding::Q8_0, &mut go_on).unwrap_err().to_string().contains("q8_0"));
    assert!(write_adapter(&source, &out, Encoding::F32, &mut go_on).unwrap_err().to_string().contains("no adapter"));
    assert_eq!(gguf::file_name(&source, Encoding::Q8_0), "tiny-chat-27K-Q8_0.gguf");
}
