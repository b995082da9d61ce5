//! Tiny models as files: a GGUF writer, and a Hugging Face directory.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

/// Header bytes of a GGUF file under construction.
#[derive(Default)]
pub struct GgufWriter {
    pairs: Vec<u8>,
    pair_count: u64,
    tensors: Vec<(String, Vec<u64>, u32, Vec<u8>)>,
}

impl GgufWriter {
    fn pair(mut self, key: &str, code: u32, value: &[u8]) -> Self {
        self.pairs.extend(text(key));
        self.pairs.extend(code.to_le_bytes());
        self.pairs.extend(value);
        self.pair_count += 1;
        self
    }

    pub fn u32(self, key: &str, value: u32) -> Self {
        self.pair(key, 4, &value.to_le_bytes())
    }

    pub fn f32(self, key: &str, value: f32) -> Self {
        self.pair(key, 6, &value.to_le_bytes())
    }

    pub fn bool(self, key: &str, value: bool) -> Self {
        self.pair(key, 7, &[u8::from(value)])
    }

    pub fn text(self, key: &str, value: &str) -> Self {
        self.pair(key, 8, &text(value))
    }

    pub fn texts(self, key: &str, values: &[String]) -> Self {
        let mut bytes = array(8, values.len());
        values.iter().for_each(|value| bytes.extend(text(value)));
        self.pair(key, 9, &bytes)
    }

    pub fn i32s(self, key: &str, values: &[i32]) -> Self {
        let mut bytes = array(5, values.len());
        values.iter().for_each(|value| bytes.extend(value.to_le_bytes()));
        self.pair(key, 9, &bytes)
    }

    pub fn f32s(self, key: &str, values: &[f32]) -> Self {
        let mut bytes = array(6, values.len());
        values.iter().for_each(|value| bytes.extend(value.to_le_bytes()));
        self.pair(key, 9, &bytes)
    }

    /// An F32 tensor; `shape` is rows first.
    pub fn tensor(mut self, name: &str, shape: &[usize], values: &[f32]) -> Self {
        let dimensions = shape.iter().rev().map(|d| *d as u64).collect();
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.tensors.push((name.to_owned(), dimensions, 0, bytes));
        self
    }

    pub fn build(&self) -> Vec<u8> {
        let mut out = b"GGUF".to_vec();
        out.extend(3u32.to_le_bytes());
        out.extend((self.tensors.len() as u64).to_le_bytes());
        out.extend(self.pair_count.to_le_bytes());
        out.extend(&self.pairs);
        let mut offset = 0u64;
        for (name, dimensions, code, bytes) in &self.tensors {
            out.extend(text(name));
            out.extend((dimensions.len() as u32).to_le_bytes());
            dimensions.iter().for_each(|d| out.extend(d.to_le_bytes()));
            out.extend(code.to_le_bytes());
            out.extend(offset.to_le_bytes());
            offset += bytes.len().next_multiple_of(32) as u64;
        }
        for (_, _, _, bytes) in &self.tensors {
            out.resize(out.len().next_multiple_of(32), 0);
            out.extend(bytes);
        }
        out
    }
}

fn text(value: &str) -> Vec<u8> {
    let mut bytes = (value.len() as u64).to_le_bytes().to_vec();
    bytes.extend(value.as_bytes());
    bytes
}

fn array(code: u32, length: usize) -> Vec<u8> {
    let mut bytes = code.to_le_bytes().to_vec();
    bytes.extend((length as u64).to_le_bytes());
    bytes
}

pub const VOCAB: usize = 264;

/// All bytes in GPT-2's spelling, two merges, and three control tokens.
pub fn vocabulary() -> (Vec<String>, Vec<i32>, Vec<String>) {
    let mut tokens: Vec<String> =
        ::tokenizers::pre_tokenizers::byte_level::ByteLevel::alphabet().into_iter().map(String::from).collect();
    tokens.sort();
    let merges = vec!["h e".to_owned(), "he l".to_owned()];
    tokens.extend(["he", "hel"].map(str::to_owned));
    let normal = tokens.len();
    tokens.extend(["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<think>"].map(str::to_owned));
    let mut kinds = vec![1; normal];
    kinds.extend([3, 3, 3, 4]);
    while tokens.len() < VOCAB {
        tokens.push(format!("[PAD{}]", tokens.len()));
        kinds.push(5);
    }
    (tokens, kinds, merges)
}

pub const CHATML: &str = "{% for message in messages %}{{ '<|im_start|>' + message.role + '\n' + message.content + \
                          '<|im_end|>' + '\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' \
                          }}{% endif %}";

/// Tensors of a model of one layer: 4 wide, 2 heads, 1 key-value head.
pub fn tensors() -> Vec<(&'static str, &'static str, Vec<usize>)> {
    vec![
        ("token_embd.weight", "model.embed_tokens.weight", vec![VOCAB, 4]),
        ("output_norm.weight", "model.norm.weight", vec![4]),
        ("blk.0.attn_norm.weight", "model.layers.0.input_layernorm.weight", vec![4]),
        ("blk.0.ffn_norm.weight", "model.layers.0.post_attention_layernorm.weight", vec![4]),
        ("blk.0.attn_q.weight", "model.layers.0.self_attn.q_proj.weight", vec![8, 4]),
        ("blk.0.attn_k.weight", "model.layers.0.self_attn.k_proj.weight", vec![4, 4]),
        ("blk.0.attn_v.weight", "model.layers.0.self_attn.v_proj.weight", vec![4, 4]),
        ("blk.0.attn_output.weight", "model.layers.0.self_attn.o_proj.weight", vec![4, 8]),
        ("blk.0.ffn_gate.weight", "model.layers.0.mlp.gate_proj.weight", vec![6, 4]),
        ("blk.0.ffn_up.weight", "model.layers.0.mlp.up_proj.weight", vec![6, 4]),
        ("blk.0.ffn_down.weight", "model.layers.0.mlp.down_proj.weight", vec![4, 6]),
    ]
}

pub fn values(shape: &[usize]) -> Vec<f32> {
    (0..shape.iter().product::<usize>()).map(|i| i as f32 / 8.0).collect()
}

pub fn gguf() -> GgufWriter {
    gguf_of("llama")
}

/// A file of this architecture, with the tensors that its family has besides.
pub fn gguf_of(architecture: &str) -> GgufWriter {
    let (tokens, kinds, merges) = vocabulary();
    let key = |name: &str| format!("{architecture}.{name}");
    let mut writer = GgufWriter::default()
        .text("general.architecture", architecture)
        .u32(&key("block_count"), 1)
        .u32(&key("context_length"), 64)
        .u32(&key("embedding_length"), 4)
        .u32(&key("feed_forward_length"), 6)
        .u32(&key("attention.head_count"), 2)
        .u32(&key("attention.head_count_kv"), 1)
        .u32(&key("attention.key_length"), 4)
        .f32(&key("attention.layer_norm_rms_epsilon"), 1e-5)
        .f32(&key("rope.freq_base"), 10000.0)
        .text("tokenizer.ggml.model", "gpt2")
        .text("tokenizer.ggml.pre", "smollm")
        .texts("tokenizer.ggml.tokens", &tokens)
        .i32s("tokenizer.ggml.token_type", &kinds)
        .texts("tokenizer.ggml.merges", &merges)
        .u32("tokenizer.ggml.eos_token_id", 260)
        .u32("tokenizer.ggml.bos_token_id", 258)
        .bool("tokenizer.ggml.add_bos_token", false)
        .text("tokenizer.chat_template", CHATML);
    for (name, _, shape) in tensors() {
        writer = writer.tensor(name, &shape, &values(&shape));
    }
    let besides: &[(&str, usize)] = match architecture {
        "qwen2" => &[("attn_q.bias", 8), ("attn_k.bias", 4), ("attn_v.bias", 4)],
        "qwen3" => &[("attn_q_norm.weight", 4), ("attn_k_norm.weight", 4)],
        _ => &[],
    };
    for (name, length) in besides {
        writer = writer.tensor(&format!("blk.0.{name}"), &[*length], &values(&[*length]));
    }
    writer
}

pub fn config() -> Value {
    json!({
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": VOCAB, "hidden_size": 4,
        "intermediate_size": 6, "num_hidden_layers": 1, "num_attention_heads": 2, "num_key_value_heads": 1,
        "head_dim": 4, "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "max_position_embeddings": 64,
        "tie_word_embeddings": true, "eos_token_id": 260,
    })
}

pub fn safetensors(tensors: &[(&str, Vec<usize>)]) -> Vec<u8> {
    let mut header = serde_json::Map::new();
    let mut data = Vec::new();
    for (name, shape) in tensors {
        let begin = data.len();
        data.extend(values(shape).iter().flat_map(|value| value.to_le_bytes()));
        header.insert((*name).to_owned(), json!({"dtype": "F32", "shape": shape, "data_offsets": [begin, data.len()]}));
    }
    header.insert("__metadata__".to_owned(), json!({"format": "pt"}));
    with_header(&Value::Object(header).to_string(), &data)
}

pub fn with_header(header: &str, data: &[u8]) -> Vec<u8> {
    let mut out = (header.len() as u64).to_le_bytes().to_vec();
    out.extend(header.as_bytes());
    out.extend(data);
    out
}

pub fn all_safetensors() -> Vec<u8> {
    let tensors: Vec<_> = tensors().into_iter().map(|(_, name, shape)| (name, shape)).collect();
    safetensors(&tensors)
}

pub fn tokenizer_json() -> Value {
    let (tokens, kinds, merges) = vocabulary();
    let vocab: serde_json::Map<_, _> =
        tokens.iter().enumerate().map(|(id, token)| (token.clone(), json!(id))).collect();
    let added: Vec<_> = tokens
        .iter()
        .enumerate()
        .filter(|(id, _)| kinds[*id] == 3 || kinds[*id] == 4)
        .map(|(id, token)| {
            json!({"id": id, "content": token, "single_word": false, "lstrip": false, "rstrip": false,
                   "normalized": false, "special": kinds[id] == 3})
        })
        .collect();
    json!({
        "version": "1.0", "truncation": {"direction": "Right", "max_length": 3, "strategy": "LongestFirst", "stride": 0},
        "padding": null, "added_tokens": added, "normalizer": null,
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
            {"type": "Digits", "individual_digits": true},
            {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true}]},
        "post_processor": null,
        "decoder": {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true},
        "model": {"type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
                  "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false, "vocab": vocab, "merges": merges},
    })
}

/// A whole Hugging Face directory.
pub fn directory(at: &Path) {
    std::fs::write(at.join("config.json"), config().to_string()).unwrap();
    std::fs::write(at.join("generation_config.json"), r#"{"eos_token_id": [258, 260], "top_p": 0.8}"#).unwrap();
    std::fs::write(at.join("tokenizer.json"), tokenizer_json().to_string()).unwrap();
    let config = json!({"chat_template": CHATML, "bos_token": null, "eos_token": {"content": "<|im_end|>"}});
    std::fs::write(at.join("tokenizer_config.json"), config.to_string()).unwrap();
    std::fs::write(at.join("model.safetensors"), all_safetensors()).unwrap();
}

pub fn write(directory: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = directory.join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}
