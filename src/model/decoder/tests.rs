//! Random small models of each family: kernels against candle's operations, and independence of the batch.

use std::collections::HashMap;

use candle_core::{Device, Tensor};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::model::fastest_device;
use crate::model::{Family, RopeScaling};

/// A random model with all of its family's details.
pub(crate) fn tiny(family: Family, vocab_size: usize) -> (Architecture, HashMap<String, Tensor>) {
    let architecture = Architecture {
        family,
        vocab_size,
        hidden_size: 48,
        intermediate_size: 72,
        num_hidden_layers: 2,
        num_attention_heads: 6,
        num_key_value_heads: 2,
        head_dim: if family == Family::Qwen3 { 12 } else { 8 },
        rms_norm_eps: 1e-5,
        rope_theta: 10_000.0,
        rope_scaling: (family == Family::Llama).then_some(RopeScaling::Llama3 {
            factor: 4.0,
            low_freq_factor: 1.0,
            high_freq_factor: 4.0,
            original_max_position_embeddings: 64,
        }),
        max_position_embeddings: 512,
        tie_word_embeddings: family != Family::Qwen3,
        attention_bias: family == Family::Qwen2,
        qk_norm: family == Family::Qwen3,
    };
    let mut random = ChaCha8Rng::seed_from_u64(7);
    let mut tensors = HashMap::new();
    let mut put = |name: String, shape: &[usize], around: f32, spread: f32| {
        let count: usize = shape.iter().product();
        let values: Vec<f32> = (0..count).map(|_| around + spread * (random.random::<f32>() - 0.5)).collect();
        tensors.insert(name, Tensor::from_vec(values, shape, &Device::Cpu).unwrap());
    };
    let a = &architecture;
    let (hidden, inner) = (a.hidden_size, a.intermediate_size);
    let (q, kv) = (a.num_attention_heads * a.head_dim, a.num_key_value_heads * a.head_dim);
    put("model.embed_tokens.weight".into(), &[vocab_size, hidden], 0.0, 2.0);
    put("model.norm.weight".into(), &[hidden], 1.0, 0.5);
    put("lm_head.weight".into(), &[vocab_size, hidden], 0.0, 1.0);
    for layer in 0..a.num_hidden_layers {
        let at = |rest: &str| format!("model.layers.{layer}.{rest}");
        put(at("input_layernorm.weight"), &[hidden], 1.0, 0.5);
        put(at("post_attention_layernorm.weight"), &[hidden], 1.0, 0.5);
        for (name, outputs, inputs) in [("q_proj", q, hidden), ("k_proj", kv, hidden), ("v_proj", kv, hidden)] {
            put(at(&format!("self_attn.{name}.weight")), &[outputs, inputs], 0.0, 0.8);
            put(at(&format!("self_attn.{name}.bias")), &[outputs], 0.0, 0.5);
        }
        put(at("self_attn.o_proj.weight"), &[hidden, q], 0.0, 0.5);
        put(at("self_attn.q_norm.weight"), &[a.head_dim], 1.0, 0.5);
        put(at("self_attn.k_norm.weight"), &[a.head_dim], 1.0, 0.5);
        put(at("mlp.gate_proj.weight"), &[inner, hidden], 0.0, 0.5);
        put(at("mlp.up_proj.weight"), &[inner, hidden], 0.0, 0.5);
        put(at("mlp.down_proj.weight"), &[hidden, inner], 0.0, 0.5);
    }
    (architecture, tensors)
}

pub(crate) fn tiny_decoder(family: Family, vocab_size: usize) -> Decoder {
    decoder_in(Compute::F32, family, vocab_size)
}

fn decoder_in(compute: Compute, family: Family, vocab_size: usize) -> Decoder {
    let (architecture, tensors) = tiny(family, vocab_size);
    Decoder::load(&architecture, &tensors, compute, &Device::Cpu).unwrap()
}

/// What the kernels run in, for every family.
fn kernel_decoders() -> impl Iterator<Item = (String, Decoder)> {
    let modes = FAMILIES
        .into_iter()
        .flat_map(|family| [Compute::F32, Compute::Bf16, Compute::Q8].map(|compute| (family, compute)));
    modes.map(|(family, compute)| (format!("{family:?} {}", compute.name()), decoder_in(compute, family, 96)))
}

/// On the GPU where this build and machine have one.
fn composed_decoder(family: Family) -> Decoder {
    let (architecture, tensors) = tiny(family, 96);
    Decoder::load(&architecture, &tensors, Compute::F32, &fastest_device().unwrap()).unwrap().composed()
}

const FAMILIES: [Family; 3] = [Family::Llama, Family::Qwen2, Family::Qwen3];

fn ids(seed: u32, count: usize) -> Vec<u32> {
    (0..count as u32).map(|index| (seed * 31 + index * index * 7 + index) % 96).collect()
}

/// Logits of every position, fed in chunks of the given sizes (the last one is repeated).
fn all_logits(decoder: &Decoder, tokens: &[u32], chunks: &[usize]) -> Vec<f32> {
    let (mut cache, mut workspace) = (decoder.new_cache(), Workspace::default());
    let (mut logits, mut begin, mut turn) = (Vec::new(), 0, 0);
    while begin < tokens.len() {
        let end = (begin + chunks[turn.min(chunks.len() - 1)]).min(tokens.len());
        let segment = Segment { cache: &mut cache, tokens: &tokens[begin..end], wanted: Wanted::All };
        logits.extend_from_slice(decoder.forward(&mut workspace, &mut [segment]).unwrap().data);
        (begin, turn) = (end, turn + 1);
    }
    assert_eq!(cache.tokens(), tokens);
    logits
}

#[test]
fn kernels_agree_with_composed_operations() {
    for family in FAMILIES {
        let decoder = tiny_decoder(family, 96);
        let tokens = ids(3, 75);
        let fused = all_logits(&decoder, &tokens, &[75]);
        let composed = all_logits(&composed_decoder(family), &tokens, &[40, 1, 34]);
        let worst = fused.iter().zip(&composed).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        let largest = fused.iter().copied().fold(0.0, f32::max);
        assert!(largest > 1.0, "{family:?}: flat logits prove nothing");
        assert!(worst < 1e-4, "{family:?}: {worst}");
    }
}

/// Rounding moves logits by hundredths of their spread, and no more than that.
#[test]
fn rounded_formats_are_near_f32() {
    let formats = FAMILIES.into_iter().flat_map(|family| [(family, Compute::Bf16, 0.01), (family, Compute::Q8, 0.03)]);
    for (family, compute, most) in formats {
        let tokens = ids(3, 75);
        let exact = all_logits(&tiny_decoder(family, 96), &tokens, &[75]);
        let rounded = all_logits(&decoder_in(compute, family, 96), &tokens, &[75]);
        let spread = (exact.iter().map(|x| x * x).sum::<f32>() / exact.len() as f32).sqrt();
        let off = exact.iter().zip(&rounded).map(|(a, b)| (a - b) * (a - b)).sum::<f32>() / exact.len() as f32;
        assert!(off > 0.0 && off.sqrt() < most * spread, "{family:?} {compute:?}: {} of {spread}", off.sqrt());
    }
}

#[test]
fn logits_do_not_depend_on_chunks() {
    for (what, decoder) in kernel_decoders() {
        let tokens = ids(5, 80);
        let whole = all_logits(&decoder, &tokens, &[80]);
        for chunks in [&[1][..], &[7], &[33, 1, 1, 20], &[64, 3]] {
            assert_eq!(whole, all_logits(&decoder, &tokens, chunks), "{what} {chunks:?}");
        }
    }
}

#[test]
fn logits_do_not_depend_on_company_or_shared_prefix() {
    for (what, decoder) in kernel_decoders() {
        let prompt = ids(1, 45);
        let alone: Vec<Vec<f32>> = (0..9)
            .map(|draw| {
                let tokens = [prompt.clone(), ids(draw + 2, 12)].concat();
                all_logits(&decoder, &tokens, &[tokens.len()])
            })
            .collect();
        let mut workspace = Workspace::default();
        let mut prefix = decoder.new_cache();
        let segment = Segment { cache: &mut prefix, tokens: &prompt, wanted: Wanted::None };
        assert!(decoder.forward(&mut workspace, &mut [segment]).unwrap().is_empty());
        let mut caches = vec![prefix; 9];
        // Slot `draw` starts `draw % 3` steps late, so the batch changes its size and its rows.
        for step in 0..14usize {
            let mut rows = Vec::new();
            let mut segments = Vec::new();
            let conts: Vec<Vec<u32>> = (0..9).map(|draw| ids(draw + 2, 12)).collect();
            for (draw, cache) in caches.iter_mut().enumerate() {
                let Some(at) = step.checked_sub(draw % 3).filter(|&at| at < 12) else { continue };
                rows.push((draw, 45 + at));
                segments.push(Segment { cache, tokens: &conts[draw][at..=at], wanted: Wanted::Last });
            }
            let mut logits = decoder.forward(&mut workspace, &mut segments).unwrap();
            for (index, (draw, position)) in rows.into_iter().enumerate() {
                assert_eq!(logits.row(index), &alone[draw][position * 96..][..96], "{what} {draw} {position}");
            }
        }
    }
}

/// Prompts, chunks and single tokens in one step, in any order, over caches that were shared and cut back.
#[test]
fn composed_steps_of_many_agree_with_kernels_alone() {
    for family in FAMILIES {
        let kernels = tiny_decoder(family, 96);
        let decoder = composed_decoder(family);
        let prompt = ids(1, 290);
        let mut workspace = Workspace::default();
        let mut prefix = decoder.new_cache();
        let segment = Segment { cache: &mut prefix, tokens: &prompt, wanted: Wanted::None };
        assert!(decoder.forward(&mut workspace, &mut [segment]).unwrap().is_empty());
        let mut caches = [prefix.clone(), decoder.new_cache(), prefix.clone(), prefix];
        caches[2].truncate(37);
        let more = [ids(2, 9), ids(3, 9), ids(4, 9), ids(5, 9)];
        let whole = [&prompt[..], &[], &prompt[..37], &prompt].map(<[u32]>::to_vec);
        let wanted: Vec<Vec<f32>> = (0..4)
            .map(|index| {
                let tokens = [whole[index].clone(), more[index].clone()].concat();
                all_logits(&kernels, &tokens, &[tokens.len()])
            })
            .collect();
        for sizes in [[1, 4, 1, 2], [2, 1, 3, 1], [1, 1, 1, 1], [5, 3, 4, 5]] {
            let at: Vec<usize> = (0..4).map(|index| caches[index].len() - whole[index].len()).collect();
            let mut segments: Vec<_> = caches
                .iter_mut()
                .enumerate()
                .map(|(index, cache)| {
                    let tokens = &more[index][at[index]..at[index] + sizes[index]];
                    Segment { cache, tokens, wanted: Wanted::Last }
                })
                .collect();
            let mut logits = decoder.forward(&mut workspace, &mut segments).unwrap();
            for index in 0..4 {
                let row = whole[index].len() + at[index] + sizes[index] - 1;
                let wanted = &wanted[index][row * 96..][..96];
                let worst = logits.row(index).iter().zip(wanted).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
                assert!(worst < 1e-4, "{family:?} {sizes:?} {index}: {worst}");
            }
        }
    }
}

#[test]
fn bad_batches_are_errors_and_leave_the_caches_alone() {
    let decoder = tiny_decoder(Family::Llama, 96);
    let mut workspace = Workspace::default();
    let mut cache = decoder.new_cache();
    let bad = Segment { cache: &mut cache, tokens: &[1, 96], wanted: Wanted::Last };
    assert!(matches!(decoder.forward(&mut workspace, &mut [bad]), Err(DecoderError::Token { id: 96, vocab: 96 })));
    let empty = Segment { cache: &mut cache, tokens: &[], wanted: Wanted::Last };
    assert!(matches!(decoder.forward(&mut workspace, &mut [empty]), Err(DecoderError::NoTokens)));
    let mut foreign = decoder.clone().composed().new_cache();
    let segment = Segment { cache: &mut foreign, tokens: &[1], wanted: Wanted::Last };
    assert!(matches!(decoder.forward(&mut workspace, &mut [segment]), Err(DecoderError::ForeignCache)));
    assert!(cache.is_empty() && foreign.is_empty());
}

#[test]
fn what_does_not_fit_is_refused_with_the_reason() {
    let (mut architecture, mut tensors) = tiny(Family::Llama, 96);
    let load = |architecture: &Architecture, tensors: &HashMap<String, Tensor>| {
        Decoder::load(architecture, tensors, Compute::F32, &Device::Cpu).map(|_| ()).unwrap_err().to_string()
    };
    tensors.remove("model.layers.1.mlp.up_proj.weight");
    assert!(load(&architecture, &tensors).contains("model.layers.1.mlp.up_proj.weight"));
    architecture.num_key_value_heads = 4;
    assert!(load(&architecture, &tensors).contains("heads"));
    let refused = "int4".parse::<ComputeChoice>().unwrap_err().to_string();
    assert!(refused.contains("int4") && refused.contains("f32"), "{refused}");
    assert_eq!(Compute::resolve("auto".parse().unwrap(), &Device::Cpu).unwrap(), Compute::Q8);
}
