//! The composed engine against the kernels, which are checked against PyTorch: on the GPU where this build and machine have
//! one, else on the CPU.

use super::*;
use crate::model::{Family, fastest_device, tiny};
use crate::train::engine::Kernels;
use crate::train::{AdamWSettings, LoraSettings};

fn network(family: Family, lora: Option<&LoraSettings>) -> Network {
    let (architecture, tensors) = tiny(family, 96);
    let mut network = Network::load(&architecture, &tensors, lora, 3).unwrap();
    if lora.is_some() {
        // Fresh B are zero, and with them every gradient of an A.
        for (index, x) in network.trainable_mut().iter_mut().enumerate() {
            *x += 0.05 * ((index * 7919 % 101) as f32 / 101.0 - 0.5);
        }
    }
    network
}

/// Sequences of several blocks of queries, of one, and of one token.
fn batch(seed: u64) -> Batch {
    let mut batch = Batch { seed, ..Batch::default() };
    for (length, stride) in [(300, 7), (35, 11), (256, 3), (1, 5)] {
        let tokens: Vec<u32> = (0..length).map(|i| (i * i * stride + i * 5 + 3) % 96).collect();
        let weights: Vec<f32> = (0..length).map(|i| 0.01 * ((i + stride) % 3) as f32).collect();
        batch.push(&tokens, &weights);
    }
    batch
}

fn near(what: &str, found: &[f32], wanted: &[f32], bound: f32) {
    assert_eq!(found.len(), wanted.len(), "{what}");
    let scale = wanted.iter().fold(0.0f32, |most, x| most.max(x.abs()));
    for (a, b) in found.iter().zip(wanted) {
        assert!((a - b).abs() <= bound * scale, "{what}: {a} and {b}, scale {scale}");
    }
}

/// Losses, norms, weights and moments of three steps, every other one of two passes.
fn steps(network: &mut Network, engine: &mut dyn Engine) -> (Vec<f32>, Vec<f64>, AdamW) {
    let settings = AdamWSettings { weight_decay: 0.1, ..AdamWSettings::default() };
    let mut optimizer = AdamW::new(&network.trainable_places(), settings);
    let (mut losses, mut norms) = (Vec::new(), Vec::new());
    for step in 0..3 {
        engine.clear();
        for pass in 0..=step % 2 {
            losses.extend(engine.gradient(network, &batch(step * 10 + pass)).unwrap().losses);
        }
        let norm = engine.grad_norm(&optimizer).unwrap();
        norms.push(norm);
        engine.step(network, &mut optimizer, norm, 1e-3).unwrap();
    }
    losses.extend(engine.losses(network, &batch(0)).unwrap().losses);
    engine.pull(network, &mut optimizer).unwrap();
    (losses, norms, optimizer)
}

#[test]
fn three_steps_are_those_of_the_kernels() {
    let dropping = LoraSettings { rank: 3, alpha: 6.0, dropout: 0.2, target_modules: Vec::new() };
    let some = LoraSettings { target_modules: vec!["v_proj".into(), "down_proj".into()], ..dropping.clone() };
    for family in [Family::Llama, Family::Qwen2, Family::Qwen3] {
        for (lora, checkpoint) in [(None, false), (None, true), (Some(&dropping), true), (Some(&some), false)] {
            let what = format!("{family:?}, {lora:?}, {checkpoint}");
            let mut theirs = network(family, lora);
            let mut kernels = Kernels::new(&theirs, checkpoint);
            let wanted = steps(&mut theirs, &mut kernels);
            let mut ours = network(family, lora);
            let mut composed = Composed::new(&ours, &fastest_device().unwrap(), Compute::F32, checkpoint).unwrap();
            let found = steps(&mut ours, &mut composed);
            near(&what, &found.0, &wanted.0, 1e-4);
            for (a, b) in found.1.iter().zip(&wanted.1) {
                assert!((a - b).abs() < 1e-3 * b, "{what}: norms {a} and {b}");
            }
            for place in ours.trainable_places() {
                let range = place.range.clone();
                let name = format!("{what} {}", place.name);
                near(&name, &found.2.first[range.clone()], &wanted.2.first[range.clone()], 2e-3);
                near(&name, &found.2.second[range.clone()], &wanted.2.second[range.clone()], 4e-3);
                assert!(found.2.first[range].iter().any(|x| *x != 0.0), "{name} has no gradient");
            }
            assert_eq!(found.2.steps, wanted.2.steps);
        }
    }
}

#[test]
fn what_was_saved_goes_on() {
    let mut ours = network(Family::Qwen2, None);
    let mut engine = Composed::new(&ours, &fastest_device().unwrap(), Compute::F32, false).unwrap();
    let (_, _, mut optimizer) = steps(&mut ours, &mut engine);
    let mut fresh =
        Composed::new(&network(Family::Qwen2, None), &fastest_device().unwrap(), Compute::F32, false).unwrap();
    fresh.put(&ours, &optimizer).unwrap();
    let mut copies = (ours.clone(), optimizer.clone());
    for (engine, (network, optimizer)) in
        [(&mut engine, (&mut ours, &mut optimizer)), (&mut fresh, (&mut copies.0, &mut copies.1))]
    {
        engine.gradient(network, &batch(4)).unwrap();
        engine.step(network, optimizer, 1.0, 1e-3).unwrap();
        engine.pull(network, optimizer).unwrap();
    }
    assert_eq!(ours.trainable(), copies.0.trainable());
}

#[test]
fn out_of_memory_is_told_apart() {
    let error = |text: &str| TrainError::from(candle_core::Error::Msg(text.to_owned()));
    assert!(matches!(error("DriverError(CUDA_ERROR_OUT_OF_MEMORY, \"out of memory\")"), TrainError::DeviceMemory(_)));
    assert!(matches!(error("no kernel"), TrainError::Device(_)));
}
