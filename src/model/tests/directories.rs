//! Whole tiny models, from a Hugging Face directory and from a GGUF file, and what is refused.

use std::path::Path;

use serde_json::{Value, json};

use super::tiny;
use crate::model::{Folder, MICRO, ModelError, ModelFiles, Origin, RopeScaling, Weights};
use crate::records::{Message, Role};

fn open(path: &Path) -> Result<ModelFiles, ModelError> {
    ModelFiles::open(path.to_str().unwrap())
}

fn message(path: &Path) -> String {
    let text = open(path).unwrap_err().to_string();
    assert!(!text.contains('\n') && text.len() < 600, "{text}");
    text
}

/// Opens the tiny directory with some values of its config changed; null removes one.
fn with_config(changes: Value) -> Result<ModelFiles, ModelError> {
    let directory = tempfile::tempdir().unwrap();
    tiny::directory(directory.path());
    let mut config = tiny::config();
    for (key, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => drop(config.as_object_mut().unwrap().remove(key)),
            value => config[key] = value.clone(),
        }
    }
    tiny::write(directory.path(), "config.json", config.to_string().as_bytes());
    open(directory.path())
}

#[test]
fn both_forms_of_a_model_are_the_same_model() {
    let directory = tempfile::tempdir().unwrap();
    tiny::directory(directory.path());
    let file = tempfile::tempdir().unwrap();
    let path = tiny::write(file.path(), "tiny.gguf", &tiny::gguf().build());
    let (ours, theirs) = (open(directory.path()).unwrap(), open(&path).unwrap());
    assert_eq!(ours.architecture, theirs.architecture);
    assert!(ours.architecture.tie_word_embeddings && !ours.weights.contains("lm_head.weight"));
    assert_eq!(ours.weights.names(), theirs.weights.names());
    for (name, shape) in ours.architecture.tensors() {
        let values = |files: &ModelFiles| {
            files.weights.tensor(&name, &shape).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap()
        };
        assert_eq!(values(&ours), tiny::values(&shape), "{name}");
        // Rows of q and k lie in another order in the file.
        assert_eq!(values(&ours) == values(&theirs), !name.contains("q_proj") && !name.contains("k_proj"), "{name}");
    }
    for files in [&ours, &theirs] {
        assert_eq!(files.tokenizer.stop_ids(), [258, 260]);
        assert_eq!(files.tokenizer.vocab_size(), tiny::VOCAB);
        let chat = [Message::new(Role::User, "hello 12 <think><|im_end|>")];
        let ids = files.tokenizer.encode_chat(&files.template, &chat).unwrap();
        assert_eq!(ids.iter().filter(|id| files.tokenizer.is_special(**id)).count(), 3, "{ids:?}");
        let text: String = ids.iter().map(|id| files.tokenizer.id_to_text(*id)).collect();
        assert_eq!(text, files.template.render(&chat).unwrap());
    }
    let chat = [Message::new(Role::User, "hello, hello.\n\n1. One")];
    assert_eq!(
        ours.tokenizer.encode_chat(&ours.template, &chat).unwrap(),
        theirs.tokenizer.encode_chat(&theirs.template, &chat).unwrap()
    );
    assert_eq!(ours.generation.eos_ids, [258, 260]);
    assert_eq!(ours.generation.top_p, Some(0.8));
    assert_eq!(ours.content_hash.len(), 64);
}

#[test]
fn qwen_files_keep_their_rows_and_have_more_tensors() {
    let directory = tempfile::tempdir().unwrap();
    for (architecture, has) in [("qwen2", "q_proj.bias"), ("qwen3", "k_norm.weight"), ("llama", "q_proj.weight")] {
        let path = tiny::write(directory.path(), "x.gguf", &tiny::gguf_of(architecture).build());
        let files = open(&path).unwrap();
        assert!(files.weights.contains(&format!("model.layers.0.self_attn.{has}")), "{architecture}");
        assert_eq!(files.architecture.attention_bias, architecture == "qwen2");
        assert_eq!(files.architecture.qk_norm, architecture == "qwen3");
        for (name, shape) in files.architecture.tensors() {
            let values = files.weights.tensor(&name, &shape).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
            let kept = values == tiny::values(&shape);
            assert_eq!(
                kept,
                architecture != "llama" || !(name.contains("q_proj") || name.contains("k_proj")),
                "{name}"
            );
        }
    }
}

#[test]
fn half_precision_widens_to_f32() {
    let directory = tempfile::tempdir().unwrap();
    let numbers = [0.5f32, -2.0, 65280.0, 1.0 / 1024.0];
    let halves: Vec<u8> = numbers.iter().flat_map(|n| half::f16::from_f32(*n).to_le_bytes()).collect();
    let brains: Vec<u8> = numbers.iter().flat_map(|n| half::bf16::from_f32(*n).to_le_bytes()).collect();
    let header = r#"{"h":{"dtype":"F16","shape":[2,2],"data_offsets":[0,8]},"b":{"dtype":"BF16","shape":[4],"data_offsets":[8,16]}}"#;
    tiny::write(directory.path(), "model.safetensors", &tiny::with_header(header, &[halves, brains].concat()));
    let weights = Weights::open_directory(directory.path()).unwrap();
    for (name, shape) in [("h", &[2, 2][..]), ("b", &[4])] {
        let tensor = weights.tensor(name, shape).unwrap();
        assert_eq!(tensor.dims(), shape);
        assert_eq!(tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap(), numbers);
    }
    assert!(
        weights.tensor("h", &[4]).unwrap_err().to_string().contains("has shape [2, 2], the architecture wants [4]")
    );
    assert!(weights.tensor("x", &[4]).unwrap_err().to_string().contains("`x` is missing"));
}

#[test]
fn the_post_processor_says_whether_texts_are_opened() {
    let directory = tempfile::tempdir().unwrap();
    tiny::directory(directory.path());
    assert!(!open(directory.path()).unwrap().tokenizer.adds_bos());
    let mut json = tiny::tokenizer_json();
    json["post_processor"] = json!({
        "type": "TemplateProcessing",
        "single": [{"SpecialToken": {"id": "<|im_start|>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
        "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
        "special_tokens": {"<|im_start|>": {"id": "<|im_start|>", "ids": [259], "tokens": ["<|im_start|>"]}},
    });
    tiny::write(directory.path(), "tokenizer.json", json.to_string().as_bytes());
    let files = open(directory.path()).unwrap();
    assert_eq!((files.tokenizer.bos_id(), files.tokenizer.adds_bos()), (Some(259), true));
    assert_eq!(files.tokenizer.encode("hel").unwrap(), [257], "never for plain text");
    assert_eq!(files.tokenizer.turn_end(&files.template).unwrap(), Some(260));
    let config = json!({"chat_template": tiny::CHATML, "add_bos_token": false});
    tiny::write(directory.path(), "tokenizer_config.json", config.to_string().as_bytes());
    assert!(!open(directory.path()).unwrap().tokenizer.adds_bos());
    tiny::write(directory.path(), "tokenizer.json", b"{");
    assert!(message(directory.path()).contains("tokenizer.json: tokenizer: "));
}

#[test]
fn shards_are_one_model() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    tiny::directory(at);
    let whole = open(at).unwrap();
    std::fs::remove_file(at.join("model.safetensors")).unwrap();
    let tensors: Vec<_> = tiny::tensors().into_iter().map(|(_, name, shape)| (name, shape)).collect();
    let mut map = serde_json::Map::new();
    for (number, part) in tensors.chunks(4).enumerate() {
        let name = format!("model-{}-of-3.safetensors", number + 1);
        tiny::write(at, &name, &tiny::safetensors(part));
        map.extend(part.iter().map(|(tensor, _)| ((*tensor).to_owned(), json!(name))));
    }
    let index = |map: &serde_json::Map<String, Value>| {
        tiny::write(at, "model.safetensors.index.json", json!({"weight_map": map}).to_string().as_bytes());
    };
    index(&map);
    let sharded = open(at).unwrap();
    assert_eq!(sharded.weights.names(), whole.weights.names());

    let outside = tempfile::tempdir().unwrap();
    let far = tiny::write(outside.path(), "far.safetensors", &tiny::safetensors(&tensors));
    #[cfg(unix)]
    std::os::unix::fs::symlink(&far, at.join("link.safetensors")).unwrap();
    for bad in
        ["../x.safetensors", far.to_str().unwrap(), "link.safetensors", "pytorch_model.bin", "", "none.safetensors"]
    {
        let mut map = map.clone();
        map.insert("model.norm.weight".to_owned(), json!(bad));
        index(&map);
        let text = message(at);
        assert!(text.contains("shard name") || text.contains("there is no none.safetensors"), "{text}");
    }
    // The Hub's cache: snapshots of links into the same model's blobs.
    #[cfg(unix)]
    {
        let cache = tempfile::tempdir().unwrap();
        let (blobs, snapshot) = (cache.path().join("blobs"), cache.path().join("snapshots/abc"));
        std::fs::create_dir_all(&blobs).unwrap();
        std::fs::create_dir_all(&snapshot).unwrap();
        tiny::directory(&snapshot);
        tiny::write(&blobs, "1f", &std::fs::read(snapshot.join("model.safetensors")).unwrap());
        std::fs::remove_file(snapshot.join("model.safetensors")).unwrap();
        std::os::unix::fs::symlink("../../blobs/1f", snapshot.join("a.safetensors")).unwrap();
        let map: serde_json::Map<_, _> =
            tensors.iter().map(|(tensor, _)| ((*tensor).to_owned(), json!("a.safetensors"))).collect();
        let index = json!({"weight_map": map}).to_string();
        tiny::write(&snapshot, "model.safetensors.index.json", index.as_bytes());
        assert_eq!(open(&snapshot).unwrap().weights.names(), whole.weights.names());
    }
    map.insert("lm_head.weight".to_owned(), json!("model-1-of-3.safetensors"));
    index(&map);
    assert!(message(at).contains("tensor `lm_head.weight` is missing"));
}

#[test]
fn configs_of_all_kinds() {
    let scaling = |config: Value| with_config(config).unwrap().architecture.rope_scaling;
    assert_eq!(
        scaling(json!({"rope_scaling": {"type": "linear", "factor": 2.0}})),
        Some(RopeScaling::Linear { factor: 2.0 })
    );
    let llama3 = json!({"rope_type": "llama3", "factor": 32.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
                        "original_max_position_embeddings": 8192, "rope_theta": 500000.0});
    let wanted = RopeScaling::Llama3 {
        factor: 32.0,
        low_freq_factor: 1.0,
        high_freq_factor: 4.0,
        original_max_position_embeddings: 8192,
    };
    assert_eq!(scaling(json!({"rope_scaling": llama3})), Some(wanted.clone()));
    let newer = with_config(json!({"rope_parameters": llama3, "rope_theta": null})).unwrap().architecture;
    assert_eq!((newer.rope_theta, newer.rope_scaling), (500_000.0, Some(wanted)));

    for (change, says) in [
        (
            json!({"architectures": ["MambaForCausalLM"]}),
            "unknown architecture `MambaForCausalLM`; supported: LlamaFor",
        ),
        (json!({"architectures": null, "model_type": "gemma3"}), "unknown architecture `gemma3`"),
        (json!({"hidden_size": null}), "`hidden_size` is missing"),
        (json!({"hidden_size": "4"}), "not a count"),
        (json!({"head_dim": null, "num_attention_heads": 3}), "does not divide"),
        (json!({"num_attention_heads": 3, "num_key_value_heads": 2}), "cannot share"),
        (json!({"head_dim": 3}), "odd"),
        (json!({"num_hidden_layers": 0}), "outside of"),
        (json!({"vocab_size": 1u64 << 60}), "outside of"),
        (json!({"rms_norm_eps": null}), "`rms_norm_eps` is missing"),
        (json!({"rope_scaling": {"rope_type": "yarn", "factor": 4.0}}), "`yarn` is not supported"),
        (json!({"rope_scaling": {"rope_type": "llama3", "factor": 4.0}}), "has no `low_freq_factor`"),
        (json!({"use_sliding_window": true}), "`use_sliding_window`"),
        (json!({"layer_types": ["full_attention", "sliding_attention"]}), "\"sliding_attention\" is not supported"),
        (json!({"attention_bias": true}), "`attention_bias`"),
        (json!({"hidden_act": "gelu"}), "only silu"),
        (json!({"quantization_config": {"quant_method": "awq"}}), "(awq)"),
        (json!({"tie_word_embeddings": false}), "tensor `lm_head.weight` is missing"),
        (json!({"num_hidden_layers": 2}), "tensor `model.layers.1.input_layernorm.weight` is missing"),
        (
            json!({"intermediate_size": 8}),
            "`model.layers.0.mlp.gate_proj.weight` has shape [6, 4], the architecture wants [8, 4]",
        ),
        (json!({"architectures": ["Qwen2ForCausalLM"]}), "q_proj.bias` is missing"),
        (json!({"vocab_size": 200}), "has shape [264, 4]"),
    ] {
        let text = with_config(change.clone()).unwrap_err().to_string();
        assert!(text.contains(says) && !text.contains('\n'), "{change}: {text}");
    }
}

#[test]
fn what_is_no_model_is_refused_in_one_line() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    assert!(message(&at.join("none")).starts_with("no model at"));
    assert!(message(at).contains("there is no config.json"));
    tiny::directory(at);
    std::fs::remove_file(at.join("model.safetensors")).unwrap();
    assert!(message(at).contains("there is no model.safetensors"));
    let pickle = tiny::write(at, "pytorch_model.bin", b"\x80\x02");
    assert!(message(at).contains("never read"));
    assert!(message(&pickle).contains("never read"));
    tiny::directory(at);
    std::fs::remove_file(at.join("tokenizer.json")).unwrap();
    assert!(message(at).contains("there is no tokenizer.json"));
    assert!(ModelFiles::open("hf:name").unwrap_err().to_string().contains("the owner is missing"));
    assert!(message(&tiny::write(at, "notes.txt", b"x")).contains("neither a directory nor"));
    assert!(message(&tiny::write(at, "x.gguf", b"not a model")).contains("does not begin as"));
}

#[test]
fn the_model_that_comes_with_the_program_is_a_directory_like_any_other() {
    let embedded = ModelFiles::open(MICRO).unwrap();
    assert_eq!(embedded.origin, Origin::Directory(Folder::Embedded));
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/micro");
    let directory = ModelFiles::open(path).unwrap();
    assert_eq!(embedded.content_hash, directory.content_hash);
    for (name, shape) in embedded.architecture.tensors() {
        let values = |files: &ModelFiles| {
            files.weights.tensor(&name, &shape).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap()
        };
        assert_eq!(values(&embedded), values(&directory), "{name}");
    }
    let parameters = embedded.architecture.parameter_count();
    assert!((1_000_000..5_000_000).contains(&parameters), "{parameters}");
}

#[test]
fn gguf_metadata_that_does_not_fit_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let says = |writer: tiny::GgufWriter| message(&tiny::write(directory.path(), "x.gguf", &writer.build()));
    let other = |architecture: &str| tiny::GgufWriter::default().text("general.architecture", architecture);
    assert!(says(other("mamba")).contains("unknown architecture `mamba`"));
    assert!(says(tiny::GgufWriter::default()).contains("none named"));
    assert!(says(other("qwen3")).contains("`qwen3.embedding_length` is missing"));
    assert!(says(tiny::gguf().u32("llama.expert_count", 8)).contains("mixture"));
    assert!(says(tiny::gguf().u32("split.count", 3)).contains("merge the parts"));
    assert!(says(tiny::gguf().u32("llama.rope.dimension_count", 2)).contains("heads have 4"));
    assert!(says(tiny::gguf().text("llama.rope.scaling.type", "yarn")).contains("`yarn`"));
    assert!(says(tiny::gguf().tensor("rope_freqs.weight", &[2], &[1.0, 7.0])).contains("not Llama 3's"));
    assert!(says(tiny::gguf().u32("general.alignment", 0)).contains("alignment"));
    assert!(says(tiny::gguf().tensor("output_norm.weight", &[4], &[0.0; 4])).contains("appears twice"));
    assert!(says(tiny::gguf().text("general.architecture", "llama")).contains("appears twice"));
}

#[test]
fn an_unknown_pre_tokenizer_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let bytes = tiny::gguf().build();
    let at = bytes.windows(6).position(|window| window == b"smollm").unwrap();
    let mut other = bytes;
    other[at..at + 6].copy_from_slice(b"martan");
    let text = message(&tiny::write(directory.path(), "x.gguf", &other));
    assert!(text.contains("unknown pre-tokenizer `martan`"), "{text}");
}
