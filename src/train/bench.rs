//! How fast training runs here: the whole step over made-up tokens, for `cribble bench train`.

use std::time::{Duration, Instant};

use serde::Serialize;

use super::{AdamW, AdamWSettings, Batch, LoraSettings, MemoryPlan, Network, PlanFor, TrainError, compute, engine};
use crate::model::{ComputeChoice, ModelFiles, device_memory, device_name, fastest_device, ops, process_memory};

/// What to measure.
#[derive(Debug, Clone)]
pub struct BenchOrder {
    pub model: String,
    /// Tokens of a sequence.
    pub seq: usize,
    /// Sequences of a step.
    pub batch: usize,
    /// Steps that are measured; one more comes before them.
    pub steps: usize,
    /// Rank of adapters on every linear map; `None` trains every weight.
    pub lora: Option<usize>,
    pub compute: ComputeChoice,
    /// Make activations again in the backward pass.
    pub checkpoint: bool,
}

/// What was measured: medians over the steps.
#[derive(Debug, Clone, Serialize)]
pub struct BenchReport {
    /// Tokens of the batch over the time of a whole step.
    pub tokens_per_second: f64,
    /// Most memory that the process ever held, loading included; 0 where the system does not tell.
    pub peak_rss_mib: u64,
    pub forward_ms: f64,
    pub backward_ms: f64,
    pub optimizer_ms: f64,
    /// What the plan said before the run.
    pub planned_mib: u64,
    /// Memory in use on the device after the last step, whoever uses it; 0 on a CPU.
    pub device_mib: u64,
    pub device: &'static str,
    pub compute: &'static str,
    pub kernels: &'static str,
    pub threads: usize,
    pub loss: f64,
    pub trained_parameters: usize,
}

/// Runs it. The tokens are those of the PyTorch script that it is compared with: token i is 7919 i modulo 49000.
///
/// # Errors
/// If the model cannot be opened or trained.
pub fn bench(order: &BenchOrder) -> Result<BenchReport, TrainError> {
    let device = fastest_device()?;
    let compute = compute(order.compute, &device)?;
    let files = ModelFiles::open(&order.model)?;
    let lora = order.lora.map(|rank| LoraSettings { rank, alpha: 2.0 * rank as f32, ..LoraSettings::default() });
    let mut network = Network::load(&files.architecture, &files.weights, lora.as_ref(), 0)?.computing_in(compute);
    let vocab = files.architecture.vocab_size;
    drop(files);
    let mut batch = Batch::default();
    let weight = 1.0 / (order.batch * order.seq.saturating_sub(1)).max(1) as f32;
    for sequence in 0..order.batch {
        let tokens: Vec<u32> =
            (0..order.seq).map(|at| (((sequence * order.seq + at) * 7919) % 49_000 % vocab) as u32).collect();
        batch.push(&tokens, &vec![weight; tokens.len()]);
    }
    let mut optimizer = AdamW::new(&network.trainable_places(), AdamWSettings::default());
    let plan = MemoryPlan::new(PlanFor {
        architecture: network.architecture(),
        trained: network.trainable().len(),
        adapters: network.lora().is_some(),
        compute,
        kernels: device.is_cpu(),
        checkpoint: order.checkpoint,
        pass_tokens: order.seq * order.batch,
        look_tokens: None,
    });
    let mut engine = engine(&network, &device, compute, order.checkpoint)?;
    let (mut whole, mut forward, mut backward, mut moved) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut loss = 0.0;
    for step in 0..=order.steps.max(1) {
        let began = Instant::now();
        engine.clear();
        let outcome = engine.gradient(&network, &batch)?;
        let passed = began.elapsed();
        let norm = engine.grad_norm(&optimizer)?;
        engine.step(&mut network, &mut optimizer, norm, 1e-5)?;
        device.synchronize()?;
        loss = outcome.loss;
        if step > 0 {
            whole.push(began.elapsed());
            forward.push(outcome.forward);
            backward.push(outcome.backward);
            moved.push(began.elapsed().saturating_sub(passed));
        }
    }
    let ms = |times: Vec<Duration>| round(median(times) * 1e3);
    Ok(BenchReport {
        tokens_per_second: round(batch.tokens.len() as f64 / median(whole).max(1e-9)),
        peak_rss_mib: process_memory().peak >> 20,
        forward_ms: ms(forward),
        backward_ms: ms(backward),
        optimizer_ms: ms(moved),
        planned_mib: plan.total() >> 20,
        device_mib: device_memory(&device).map_or(0, |(free, total)| (total - free) >> 20),
        device: device_name(&device),
        compute: compute.name(),
        kernels: ops::instruction_set(),
        threads: ops::pool().map_or(1, rayon::ThreadPool::current_num_threads),
        loss: (loss * 1e4).round() / 1e4,
        trained_parameters: network.trainable().len(),
    })
}

/// Seconds.
fn median(mut times: Vec<Duration>) -> f64 {
    times.sort();
    let middle = times.len() / 2;
    match times.len() {
        0 => 0.0,
        even if even % 2 == 0 => (times[middle - 1] + times[middle]).as_secs_f64() / 2.0,
        _ => times[middle].as_secs_f64(),
    }
}

fn round(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}
