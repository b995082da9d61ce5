//! Full fine-tuning of a real model against PyTorch, loss by loss (see `fixtures/make/training_losses.py`). Runs where the
//! model's file is.

use std::path::{Path, PathBuf};

use cribble::model::ModelFiles;
use cribble::train::{AdamW, AdamWSettings, Batch, Network, Workspace};
use serde_json::Value;

const MODEL: &str = "SmolLM2-135M-Instruct.Q4_1";

fn model() -> Option<PathBuf> {
    let home = std::env::var_os("HOME")?;
    let path = Path::new(&home).join(".cache/cribble-test-models").join(format!("{MODEL}.gguf"));
    path.exists().then_some(path)
}

#[test]
fn twenty_steps_are_pytorchs() {
    let Some(path) = model() else {
        eprintln!("no {MODEL}.gguf here; nothing compared");
        return;
    };
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/fixtures/training/{MODEL}.losses.json"));
    let golden: Value = serde_json::from_str(&std::fs::read_to_string(golden).unwrap()).unwrap();
    let numbers = |key: &str| -> Vec<f64> {
        golden[key].as_array().unwrap().iter().map(|value| value.as_f64().unwrap()).collect()
    };
    let (losses, norms) = (numbers("losses"), numbers("grad_norms"));
    assert_eq!(losses.len(), 20);
    let files = ModelFiles::open(path.to_str().unwrap()).unwrap();
    let mut network = Network::load(&files.architecture, &files.weights, None, 0).unwrap();
    let mut optimizer = AdamW::new(&network.trainable_places(), AdamWSettings::default());
    let (mut gradients, mut workspace) = (network.gradients(), Workspace::default());
    for (step, (wanted, norm)) in losses.iter().zip(&norms).enumerate() {
        let tokens: Vec<u32> = (0..24).map(|at| (7919 * at + 104_729 * step as u32) % 49_000).collect();
        let mut batch = Batch::default();
        batch.push(&tokens, &[1.0 / 23.0; 24]);
        gradients.clear();
        let outcome = network.gradient(&mut workspace, &batch, &mut gradients).unwrap();
        let found = optimizer.grad_norm(&gradients);
        optimizer.step(network.trainable_mut(), &gradients, found, 1e-4);
        println!("step {step}: loss {:.6} and {wanted:.6}, norm {found:.4} and {norm:.4}", outcome.loss);
        assert!((outcome.loss - wanted).abs() < 1e-3, "step {step}: loss {} and {wanted}", outcome.loss);
        assert!((found - norm).abs() < 1e-2 * norm, "step {step}: norm {found} and {norm}");
    }
}
