//! The network against PyTorch's and peft's gradients of the tiny models, and against itself: packed and apart, kept and
//! made again, at once and in parts.

use std::path::{Path, PathBuf};

use super::*;
use crate::model::{Architecture, Family, ModelError, Weights, tiny};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

fn model(name: &str) -> Result<(Architecture, Weights), ModelError> {
    let directory = fixtures().join(name);
    let config = directory.join("config.json");
    let text = std::fs::read_to_string(&config).unwrap();
    let weights = Weights::open_directory(&directory)?;
    let architecture = Architecture::from_config(&serde_json::from_str(&text).unwrap(), &weights, &config)?;
    Ok((architecture, weights))
}

/// The tensors of a golden file.
fn golden(name: &str) -> std::collections::HashMap<String, Vec<f32>> {
    let bytes = std::fs::read(fixtures().join("training").join(format!("{name}.safetensors"))).unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let values = |data: &[u8]| data.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
    file.tensors().into_iter().map(|(name, view)| (name, values(view.data()))).collect()
}

/// The sequences and weights of `training_gradients.py`.
fn golden_batch() -> Batch {
    let mut batch = Batch::default();
    let first: Vec<u32> = (0..60).map(|i| (i * i * 7 + i * 5 + 3) % 96).collect();
    let second: Vec<u32> = (0..35).map(|i| (i * i * 3 + i * 11 + 50) % 96).collect();
    batch.push(&first, &(0..60).map(|i| 0.5 * ((i + 1) % 3) as f32).collect::<Vec<_>>());
    batch.push(&second, &(0..35).map(|i| if i >= 10 { 1.0 } else { 0.0 }).collect::<Vec<_>>());
    batch
}

/// Largest difference relative to the largest element.
#[track_caller]
fn agree(what: &str, found: &[f32], wanted: &[f32]) {
    assert_eq!(found.len(), wanted.len(), "{what}");
    let scale = wanted.iter().fold(0.0f32, |most, x| most.max(x.abs()));
    assert!(scale > 0.0, "{what}: the wanted gradient is zero");
    for (a, b) in found.iter().zip(wanted) {
        assert!((a - b).abs() <= 1e-3 * scale, "{what}: {a} and {b}, scale {scale}");
    }
}

const TINY: [&str; 3] = ["tiny-llama", "tiny-qwen2", "tiny-qwen3"];

#[test]
fn every_gradient_is_pytorchs() {
    for name in TINY {
        let (architecture, files) = model(name).unwrap();
        let network = Network::load(&architecture, &files, None, 0).unwrap();
        let golden = golden(name);
        let mut gradients = network.gradients();
        let outcome = network.gradient(&mut Workspace::default(), &golden_batch(), &mut gradients).unwrap();
        let loss = f64::from(golden["loss"][0]);
        assert!((outcome.loss - loss).abs() < 1e-5 * loss, "{name}: {} and {loss}", outcome.loss);
        let mut compared = 0;
        for place in network.trainable_places() {
            agree(
                &format!("{name} {}", place.name),
                &gradients.data[place.range.clone()],
                &golden[&format!("full.{}", place.name)],
            );
            compared += 1;
        }
        assert_eq!(compared, golden.keys().filter(|key| key.starts_with("full.")).count(), "{name}: every parameter");
        let alone = network.losses(&mut Workspace::default(), &golden_batch()).unwrap();
        assert_eq!(alone.losses, outcome.losses, "{name}: losses without gradients are the same bits");
    }
}

#[test]
fn every_adapters_gradient_is_pefts() {
    for name in TINY {
        let (architecture, files) = model(name).unwrap();
        let settings = LoraSettings { rank: 4, alpha: 6.0, ..LoraSettings::default() };
        let mut network = Network::load(&architecture, &files, Some(&settings), 0).unwrap();
        let golden = golden(name);
        let places = network.trainable_places();
        for place in &places {
            network.trainable_mut()[place.range.clone()].copy_from_slice(&golden[&format!("lora.{}", place.name)]);
        }
        let mut gradients = network.gradients();
        let adapter_floats: usize = places.iter().map(|place| place.range.len()).sum();
        assert_eq!(gradients.data.len(), adapter_floats, "{name}: frozen weights have no gradient memory");
        let before = network.weights.to_vec();
        let outcome = network.gradient(&mut Workspace::default(), &golden_batch(), &mut gradients).unwrap();
        assert_eq!(*network.weights, before);
        let loss = f64::from(golden["lora_loss"][0]);
        assert!((outcome.loss - loss).abs() < 1e-5 * loss, "{name}: {} and {loss}", outcome.loss);
        for place in &places {
            let wanted = &golden[&format!("lora_grad.{}", place.name)];
            agree(&format!("{name} {}", place.name), &gradients.data[place.range.clone()], wanted);
        }
        assert_eq!(places.len(), golden.keys().filter(|key| key.starts_with("lora_grad.")).count());

        // The merged model says the same.
        let merged = Network::load(&architecture, &network, None, 0).unwrap();
        let alone = merged.losses(&mut Workspace::default(), &golden_batch()).unwrap();
        assert!((alone.loss - loss).abs() < 1e-4 * loss, "{name}: merged {} and {loss}", alone.loss);
    }
}

fn tiny_network(family: Family, lora: Option<&LoraSettings>) -> Network {
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

fn dropping() -> LoraSettings {
    LoraSettings { rank: 3, alpha: 6.0, dropout: 0.2, ..LoraSettings::default() }
}

#[test]
fn what_is_made_again_is_what_was_kept() {
    for family in [Family::Llama, Family::Qwen2, Family::Qwen3] {
        for lora in [None, Some(dropping())] {
            let network = tiny_network(family, lora.as_ref());
            let run = |checkpoint: bool| {
                let mut gradients = network.gradients();
                let mut workspace = Workspace::new(checkpoint);
                let outcome = network.gradient(&mut workspace, &golden_batch(), &mut gradients).unwrap();
                (outcome.losses, gradients.data.to_vec())
            };
            assert_eq!(run(true), run(false), "{family:?}");
        }
    }
}

#[test]
fn packed_is_apart_and_gradients_add_up() {
    for family in [Family::Llama, Family::Qwen3] {
        for lora in [None, Some(LoraSettings { dropout: 0.0, ..dropping() })] {
            let network = tiny_network(family, lora.as_ref());
            let batch = golden_batch();
            let (mut packed, mut workspace) = (network.gradients(), Workspace::default());
            let whole = network.gradient(&mut workspace, &batch, &mut packed).unwrap();
            let mut apart = network.gradients();
            let mut losses = Vec::new();
            for span in &batch.spans {
                let mut weights = vec![0.0; span.len()];
                for (row, weight) in batch.rows.iter().zip(&batch.weights).filter(|(row, _)| span.contains(row)) {
                    weights[row + 1 - span.start] = *weight;
                }
                let mut one = Batch::default();
                one.push(&batch.tokens[span.clone()], &weights);
                losses.extend(network.gradient(&mut workspace, &one, &mut apart).unwrap().losses);
            }
            for (a, b) in whole.losses.iter().zip(&losses) {
                assert!((a - b).abs() < 1e-5, "{family:?}: {a} and {b}");
            }
            for place in network.trainable_places() {
                let range = place.range.clone();
                agree(&place.name, &apart.data[range.clone()], &packed.data[range]);
            }
        }
    }
}

/// Rounded factors turn a tensor's gradient by a few degrees, and leave losses as they are.
#[test]
fn bf16_rounds_gradients_alone() {
    for family in [Family::Llama, Family::Qwen2, Family::Qwen3] {
        for lora in [None, Some(dropping())] {
            let network = tiny_network(family, lora.as_ref());
            let run = |compute: Compute| {
                let network = network.clone().computing_in(compute);
                let mut gradients = network.gradients();
                let outcome = network.gradient(&mut Workspace::default(), &golden_batch(), &mut gradients).unwrap();
                (outcome.losses, gradients.data)
            };
            let ((exact, slopes), (near, rounded)) = (run(Compute::F32), run(Compute::Bf16));
            assert_eq!(exact, near, "{family:?}");
            assert_ne!(slopes[..], rounded[..], "{family:?}: it is rounded at all");
            for place in network.trainable_places() {
                let (a, b) = (&slopes[place.range.clone()], &rounded[place.range.clone()]);
                let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(a * b)).sum::<f64>();
                let cosine = dot(a, b) / (dot(a, a) * dot(b, b)).sqrt().max(1e-30);
                // A bias of keys moves no score against another: its gradient is rounding alone.
                assert!(cosine > 0.99 || dot(a, a) < 1e-9, "{family:?} {}: {cosine}", place.name);
            }
        }
    }
}

/// With dropped inputs there is no golden value; the slope along a random direction must be what the gradient says.
#[test]
fn the_gradient_with_dropout_is_the_slope() {
    let mut network = tiny_network(Family::Llama, Some(&dropping()));
    let batch = Batch { seed: 77, ..golden_batch() };
    let mut gradients = network.gradients();
    let mut workspace = Workspace::default();
    network.gradient(&mut workspace, &batch, &mut gradients).unwrap();
    let direction: Vec<f32> =
        (0..network.trainable().len()).map(|at| ((at * 6007 % 997) as f32 / 997.0 - 0.5) * 0.02).collect();
    let said: f64 = gradients.data.iter().zip(&direction).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
    let at = network.trainable().to_vec();
    let mut loss = |by: f32, seed: u64| {
        for ((x, at), direction) in network.trainable_mut().iter_mut().zip(&at).zip(&direction) {
            *x = at + by * direction;
        }
        let mut spare = network.gradients();
        network.gradient(&mut workspace, &Batch { seed, ..batch.clone() }, &mut spare).unwrap().loss
    };
    let slope = (loss(0.2, 77) - loss(-0.2, 77)) / 0.4;
    assert!((slope - said).abs() < 0.01 * slope.abs() + 1e-3, "{slope} and {said}");
    assert_ne!(loss(0.0, 78), loss(0.0, 77), "another seed drops others");
}

#[test]
fn every_trained_tensor_has_a_gradient() {
    for family in [Family::Llama, Family::Qwen2, Family::Qwen3] {
        for lora in [None, Some(dropping())] {
            let network = tiny_network(family, lora.as_ref());
            let mut gradients = network.gradients();
            network.gradient(&mut Workspace::default(), &golden_batch(), &mut gradients).unwrap();
            for place in network.trainable_places() {
                let gradient = &gradients.data[place.range.clone()];
                assert!(gradient.iter().all(|x| x.is_finite()), "{family:?} {}", place.name);
                assert!(gradient.iter().any(|x| *x != 0.0), "{family:?} {} has no gradient", place.name);
            }
        }
    }
}

#[test]
fn a_batch_that_does_not_fit_is_refused() {
    let network = tiny_network(Family::Llama, None);
    let refuse = |change: fn(&mut Batch)| {
        let mut batch = golden_batch();
        change(&mut batch);
        network.losses(&mut Workspace::default(), &batch).unwrap_err().to_string()
    };
    assert!(refuse(|batch| batch.tokens[3] = 96).contains("token id 96"));
    assert!(refuse(|batch| batch.spans[1].start += 1).contains("gaps"));
    assert!(refuse(|batch| batch.rows[0] = 1000).contains("do not fit"));
    assert!(refuse(|batch| *batch = Batch::default()).contains("do not fit"));
}
