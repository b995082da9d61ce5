//! What a tensor of a GGUF file is called in a Hugging Face directory, and which rows lie in another order.

use crate::model::Family;

/// The file's name of a tensor, for its Hugging Face name. `None` for a name that the supported families do not have.
pub(in crate::model) fn gguf_name(name: &str) -> Option<String> {
    match name {
        "model.embed_tokens.weight" => return Some("token_embd.weight".to_owned()),
        "model.norm.weight" => return Some("output_norm.weight".to_owned()),
        "lm_head.weight" => return Some("output.weight".to_owned()),
        _ => {}
    }
    let (layer, part) = name.strip_prefix("model.layers.")?.split_once('.')?;
    let (module, kind) = part.rsplit_once('.')?;
    let module = MODULES.iter().find(|(theirs, _)| *theirs == module)?.1;
    Some(format!("blk.{layer}.{module}.{kind}"))
}

/// The Hugging Face name of a tensor, for its name in a GGUF file.
pub(super) fn huggingface_name(name: &str) -> Option<String> {
    match name {
        "token_embd.weight" => return Some("model.embed_tokens.weight".to_owned()),
        "output_norm.weight" => return Some("model.norm.weight".to_owned()),
        "output.weight" => return Some("lm_head.weight".to_owned()),
        _ => {}
    }
    let (layer, part) = name.strip_prefix("blk.")?.split_once('.')?;
    let (module, kind) = part.rsplit_once('.')?;
    let module = MODULES.iter().find(|(_, ours)| *ours == module)?.0;
    Some(format!("model.layers.{layer}.{module}.{kind}"))
}

const MODULES: [(&str, &str); 11] = [
    ("input_layernorm", "attn_norm"),
    ("self_attn.q_proj", "attn_q"),
    ("self_attn.k_proj", "attn_k"),
    ("self_attn.v_proj", "attn_v"),
    ("self_attn.o_proj", "attn_output"),
    ("self_attn.q_norm", "attn_q_norm"),
    ("self_attn.k_norm", "attn_k_norm"),
    ("post_attention_layernorm", "ffn_norm"),
    ("mlp.gate_proj", "ffn_gate"),
    ("mlp.up_proj", "ffn_up"),
    ("mlp.down_proj", "ffn_down"),
];

/// Whether the rows of this tensor lie in llama.cpp's order for interleaved RoPE (only in files of the llama family).
pub(in crate::model) fn is_permuted(name: &str, family: Family) -> bool {
    family == Family::Llama && (name.contains(".self_attn.q_proj.") || name.contains(".self_attn.k_proj."))
}

/// Puts rows back: within each head the file holds the pairs (i, i + half) side by side, Hugging Face the two halves one
/// after the other. `row` is the length of a row (1 for a bias).
pub(super) fn unpermute(values: &[f32], row: usize, head_dim: usize) -> Vec<f32> {
    let half = head_dim / 2;
    let mut out = Vec::with_capacity(values.len());
    for head in values.chunks_exact(head_dim * row) {
        for side in 0..2 {
            for i in 0..half {
                let from = (2 * i + side) * row;
                out.extend_from_slice(&head[from..from + row]);
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_both_ways() {
        for name in [
            "model.embed_tokens.weight",
            "model.norm.weight",
            "lm_head.weight",
            "model.layers.0.self_attn.q_proj.weight",
            "model.layers.11.self_attn.k_proj.bias",
            "model.layers.3.self_attn.q_norm.weight",
            "model.layers.7.mlp.down_proj.weight",
            "model.layers.7.post_attention_layernorm.weight",
        ] {
            let theirs = gguf_name(name).unwrap();
            assert_eq!(huggingface_name(&theirs).as_deref(), Some(name), "{theirs}");
        }
        assert_eq!(gguf_name("model.layers.7.mlp.down_proj.weight").unwrap(), "blk.7.ffn_down.weight");
        assert_eq!(gguf_name("model.layers.7.mlp.experts.weight"), None);
        assert_eq!(huggingface_name("rope_freqs.weight"), None);
    }

    /// llama.cpp's converter: `reshape(heads, 2, half, row).swapaxes(1, 2)`.
    #[test]
    fn unpermute_undoes_the_converters_order() {
        let (heads, head_dim, row) = (3, 8, 5);
        let half = head_dim / 2;
        let original: Vec<f32> = (0..heads * head_dim * row).map(|i| i as f32).collect();
        let mut file = vec![0.0; original.len()];
        for head in 0..heads {
            for side in 0..2 {
                for i in 0..half {
                    for column in 0..row {
                        let from = ((head * 2 + side) * half + i) * row + column;
                        let to = ((head * half + i) * 2 + side) * row + column;
                        file[to] = original[from];
                    }
                }
            }
        }
        assert_ne!(file, original);
        assert_eq!(unpermute(&file, row, head_dim), original);
    }
}
