//! The composed training engine, on the CPU, keeps its peak memory within bounds: scores and logits are never whole. Alone in its
//! file, because it reads the peak of the whole process.

use std::collections::HashMap;

use candle_core::{Device, Tensor};
use cribble::model::{Architecture, Compute, Family};
use cribble::train::{AdamW, AdamWSettings, Batch, Composed, Engine, Network};

const VOCAB: usize = 60_000;
const ROWS: usize = 3072;

fn peak_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or_default() / 1024
}

fn architecture() -> Architecture {
    Architecture {
        family: Family::Llama,
        vocab_size: VOCAB,
        hidden_size: 32,
        intermediate_size: 64,
        num_hidden_layers: 1,
        num_attention_heads: 8,
        num_key_value_heads: 2,
        head_dim: 4,
        rms_norm_eps: 1e-5,
        rope_theta: 10_000.0,
        rope_scaling: None,
        max_position_embeddings: 4096,
        tie_word_embeddings: true,
        attention_bias: false,
        qk_norm: false,
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_long_sequence_over_a_large_vocabulary_stays_small() {
    let architecture = architecture();
    let tensors: HashMap<String, Tensor> = architecture
        .tensors()
        .into_iter()
        .map(|(name, shape)| {
            let count: usize = shape.iter().product();
            let values: Vec<f32> = (0..count).map(|at| ((at * 7919 % 1009) as f32 / 1009.0 - 0.5) * 0.2).collect();
            (name, Tensor::from_vec(values, shape, &Device::Cpu).unwrap())
        })
        .collect();
    let mut network = Network::load(&architecture, &tensors, None, 0).unwrap();
    drop(tensors);
    let mut engine = Composed::new(&network, &Device::Cpu, Compute::F32, false).unwrap();
    let mut batch = Batch::default();
    let tokens: Vec<u32> = (0..ROWS as u32).map(|at| at * 7919 % VOCAB as u32).collect();
    batch.push(&tokens, &vec![1.0 / ROWS as f32; ROWS]);
    let before = peak_mib();
    let outcome = engine.gradient(&network, &batch).unwrap();
    let mut optimizer = AdamW::new(&network.trainable_places(), AdamWSettings::default());
    let norm = engine.grad_norm(&optimizer).unwrap();
    engine.step(&mut network, &mut optimizer, norm, 1e-3).unwrap();
    assert!(outcome.loss.is_finite() && norm > 0.0);
    let grown = peak_mib() - before;
    // Whole logits alone are 703 MiB, whole scores 288 MiB, and there would be several of each.
    assert!(grown < 900, "the peak grew by {grown} MiB");
}
