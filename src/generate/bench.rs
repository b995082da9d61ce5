//! How fast the engine decodes, and what it says of given tokens: for `cribble bench` and for parity checks.

use std::sync::Arc;
use std::time::Instant;

use color_eyre::eyre::{Context, ensure, eyre};
use serde::Serialize;

use super::local::{ChatText, LocalBackend, LocalOptions, TokenText, load_decoder};
use super::{Backend, Event, Request, StreamKey};
use crate::model::{ComputeChoice, Decoder, ModelFiles, Segment, Wanted, Workspace, device_name, ops, process_memory};
use crate::records::{Message, Role, Sampling};

/// Rows of one forward pass where every row's logits are wanted.
const LOSS_ROWS: usize = 64;

/// What a decode benchmark measured.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DecodeReport {
    pub model: String,
    pub compute: String,
    pub device: String,
    /// Instruction set of the kernels, where they run.
    pub kernels: String,
    pub threads: usize,
    pub batch: usize,
    pub prompt_tokens: usize,
    pub new_tokens: usize,
    /// New tokens of all sequences together per second, sampling and scheduling included, the prompt not.
    pub tokens_per_second: f64,
    /// Tokens of one prompt per second.
    pub prefill_tokens_per_second: f64,
    pub decode_seconds: f64,
    pub prefill_seconds: f64,
    pub load_seconds: f64,
    /// Most memory that the process ever held, loading included; 0 where the system does not tell.
    pub peak_rss_mib: u64,
}

/// What a model says of given tokens.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ReferenceReport {
    pub ids: Vec<u32>,
    /// First logits of the last position.
    pub logits16: Vec<f32>,
    /// Best tokens at the last position, best first.
    pub top5: Vec<u32>,
    /// Mean next-token loss over the ids, in nats.
    pub loss: f64,
    /// Greedy continuation.
    pub greedy: Vec<u32>,
    pub compute: String,
}

/// A chat that is always the same tokens, and never ends by itself: every sequence writes all it may.
struct FixedPrompt(Vec<u32>);

struct Silent;

impl ChatText for FixedPrompt {
    fn encode_chat(&self, _: &[Message]) -> color_eyre::Result<Vec<u32>> {
        Ok(self.0.clone())
    }

    fn render(&self, _: &[Message]) -> color_eyre::Result<String> {
        Ok(String::new())
    }

    fn stop_ids(&self) -> &[u32] {
        &[]
    }

    fn stream(&self) -> Box<dyn TokenText> {
        Box::new(Silent)
    }
}

impl TokenText for Silent {
    fn push(&mut self, _: u32) -> Option<String> {
        None
    }

    fn finish(&mut self) -> Option<String> {
        None
    }
}

/// [`decode_with`] on a model that is loaded first.
///
/// # Errors
/// If the model cannot be loaded, or as [`decode_with`].
pub fn decode(
    spec: &str,
    batch: usize,
    prompt_tokens: usize,
    new_tokens: usize,
    compute: ComputeChoice,
) -> color_eyre::Result<DecodeReport> {
    let started = Instant::now();
    let files = ModelFiles::open(spec)?;
    let decoder = Arc::new(load_decoder(&files, compute, &LocalOptions::default())?);
    let load_seconds = started.elapsed().as_secs_f64();
    let report = decode_with(decoder, &files.name, batch, prompt_tokens, new_tokens)?;
    Ok(DecodeReport { load_seconds, ..report })
}

/// [`reference_with`] on a model that is loaded first.
///
/// # Errors
/// If the model cannot be loaded, or as [`reference_with`].
pub fn reference(
    spec: &str,
    ids: &[u32],
    new_tokens: usize,
    compute: ComputeChoice,
) -> color_eyre::Result<ReferenceReport> {
    let files = ModelFiles::open(spec)?;
    reference_with(&load_decoder(&files, compute, &LocalOptions::default())?, ids, new_tokens)
}

/// Decodes `new_tokens` on `batch` sequences that share a prompt of `prompt_tokens`, with the default sampling values.
///
/// # Errors
/// If the sequences do not fit the model's context, or decoding fails.
pub fn decode_with(
    decoder: Arc<Decoder>,
    model: &str,
    batch: usize,
    prompt_tokens: usize,
    new_tokens: usize,
) -> color_eyre::Result<DecodeReport> {
    let context = decoder.architecture().max_position_embeddings;
    ensure!(
        batch > 0 && prompt_tokens > 0 && new_tokens > 1,
        "give at least 1 sequence, 1 prompt token and 2 new tokens"
    );
    ensure!(
        prompt_tokens + new_tokens <= context,
        "{prompt_tokens} + {new_tokens} tokens do not fit the model's context of {context}"
    );
    let vocab = decoder.architecture().vocab_size;
    let prompt: Vec<u32> = (0..prompt_tokens).map(|index| (index * 7919 % vocab) as u32).collect();
    let prefill_seconds = time_prefill(&decoder, &prompt)?;
    // No guesses at tokens: what they save depends on the text, and this one says nothing.
    let options = LocalOptions { slots: Some(batch), lookup: false, ..LocalOptions::default() };
    let names = (model.to_owned(), String::new(), String::new());
    let mut backend = LocalBackend::new(decoder.clone(), Box::new(FixedPrompt(prompt)), names, &options);
    for id in 0..batch as u64 {
        backend.submit(Request {
            id,
            messages: vec![Message::new(Role::User, "")],
            sampling: Sampling { max_tokens: new_tokens, ..Sampling::default() },
            stream: StreamKey { seed: 0, problem_id: "bench".to_owned(), draw: id as u32, turn: 0 },
            dialogue: id,
        })?;
    }
    let mut events = Vec::new();
    let failure = |events: &[Event]| match events.iter().find(|event| matches!(event, Event::Failed { .. })) {
        Some(Event::Failed { error, .. }) => Err(eyre!("{error}")),
        _ => Ok(()),
    };
    while backend.decoding() < batch {
        backend.step(&mut events)?;
        failure(&events)?;
        ensure!(
            backend.in_flight() == batch,
            "{new_tokens} new tokens are too few: a sequence ended before all {batch} had begun"
        );
    }
    // What came before the clock started does not count.
    let (started, before) = (Instant::now(), backend.written());
    while backend.in_flight() > 0 {
        backend.step(&mut events)?;
    }
    let decode_seconds = started.elapsed().as_secs_f64();
    failure(&events)?;
    let counted = backend.written() - before;
    Ok(DecodeReport {
        model: model.to_owned(),
        compute: decoder.compute().name().to_owned(),
        device: device_name(decoder.device()).to_owned(),
        kernels: if decoder.runs_kernels() { ops::Isa::detect().name() } else { "composed" }.to_owned(),
        threads: ops::pool().map_or(1, rayon::ThreadPool::current_num_threads),
        batch,
        prompt_tokens,
        new_tokens,
        tokens_per_second: counted as f64 / decode_seconds.max(1e-9),
        prefill_tokens_per_second: prompt_tokens as f64 / prefill_seconds.max(1e-9),
        decode_seconds,
        prefill_seconds,
        load_seconds: 0.0,
        peak_rss_mib: process_memory().peak >> 20,
    })
}

fn time_prefill(decoder: &Decoder, prompt: &[u32]) -> color_eyre::Result<f64> {
    let mut workspace = Workspace::default();
    let mut seconds = Vec::new();
    // The first pass also warms memory; the quicker one counts.
    for _ in 0..2 {
        let mut cache = decoder.new_cache();
        let started = Instant::now();
        for chunk in prompt.chunks(256) {
            let segment = Segment { cache: &mut cache, tokens: chunk, wanted: Wanted::Last };
            decoder.forward(&mut workspace, &mut [segment]).wrap_err("prefill failed")?;
        }
        seconds.push(started.elapsed().as_secs_f64());
    }
    Ok(seconds.into_iter().fold(f64::INFINITY, f64::min))
}

/// Logits, loss and greedy continuation of `ids`.
///
/// # Errors
/// If `ids` is empty or holds a token outside the vocabulary, or decoding fails.
pub fn reference_with(decoder: &Decoder, ids: &[u32], new_tokens: usize) -> color_eyre::Result<ReferenceReport> {
    ensure!(!ids.is_empty(), "give at least one token id");
    let (mut cache, mut workspace) = (decoder.new_cache(), Workspace::default());
    let (mut loss, mut last) = (0.0, Vec::new());
    for (index, chunk) in ids.chunks(LOSS_ROWS).enumerate() {
        let segment = Segment { cache: &mut cache, tokens: chunk, wanted: Wanted::All };
        let mut logits = decoder.forward(&mut workspace, &mut [segment])?;
        let after = &ids[index * LOSS_ROWS + 1..];
        for (row, target) in logits.rows().zip(after) {
            loss += negative_log_probability(row, *target);
        }
        last = logits.row(chunk.len() - 1).to_vec();
    }
    let logits16 = last.iter().take(16).copied().collect();
    let top5 = best(&last, 5);
    let mut greedy = Vec::new();
    while greedy.len() < new_tokens {
        let Some(&next) = best(&last, 1).first() else { break };
        greedy.push(next);
        let segment = Segment { cache: &mut cache, tokens: &[next], wanted: Wanted::Last };
        last = decoder.forward(&mut workspace, &mut [segment])?.row(0).to_vec();
    }
    Ok(ReferenceReport {
        ids: ids.to_vec(),
        logits16,
        top5,
        loss: loss / (ids.len() - 1).max(1) as f64,
        greedy,
        compute: decoder.compute().name().to_owned(),
    })
}

fn negative_log_probability(logits: &[f32], target: u32) -> f64 {
    let largest = f64::from(logits.iter().copied().fold(f32::NEG_INFINITY, f32::max));
    let sum: f64 = logits.iter().map(|&logit| (f64::from(logit) - largest).exp()).sum();
    sum.ln() + largest - f64::from(logits[target as usize])
}

/// The `count` best tokens, best first; of equals the lower id.
fn best(logits: &[f32], count: usize) -> Vec<u32> {
    let order = |a: &u32, b: &u32| logits[*b as usize].total_cmp(&logits[*a as usize]).then(a.cmp(b));
    let mut tokens: Vec<u32> = (0..logits.len() as u32).collect();
    if count < tokens.len() {
        tokens.select_nth_unstable_by(count, order);
        tokens.truncate(count);
    }
    tokens.sort_unstable_by(order);
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Family, tiny_decoder};

    #[test]
    fn counts_every_token_that_was_decoded_under_the_clock() {
        let report = decode_with(Arc::new(tiny_decoder(Family::Qwen2, 97)), "tiny", 5, 40, 9).unwrap();
        let counted = report.tokens_per_second * report.decode_seconds;
        // 5 sequences of 9 tokens; not under the clock are the first of each, and the second of the one that the others waited for.
        assert!((counted - 39.0).abs() < 0.01, "{counted}");
        assert!(report.prefill_tokens_per_second > 0.0);
        assert!(decode_with(Arc::new(tiny_decoder(Family::Qwen2, 97)), "tiny", 5, 510, 9).is_err());
        let error = decode_with(Arc::new(tiny_decoder(Family::Qwen2, 97)), "tiny", 5, 100, 2).unwrap_err().to_string();
        assert!(error.contains("too few"), "{error}");
    }

    #[test]
    fn a_reference_does_not_depend_on_its_chunks() {
        let decoder = tiny_decoder(Family::Llama, 97);
        let ids: Vec<u32> = (0..150).map(|index| index * 13 % 97).collect();
        let whole = reference_with(&decoder, &ids, 4).unwrap();
        let continued = reference_with(&decoder, &[ids.as_slice(), &whole.greedy[..2]].concat(), 2).unwrap();
        assert_eq!(continued.greedy, whole.greedy[2..]);
        assert_eq!(whole.top5[0], whole.greedy[0]);
        let composed = reference_with(&decoder.composed(), &ids, 4).unwrap();
        assert!((composed.loss - whole.loss).abs() < 1e-5);
        assert!(reference_with(&tiny_decoder(Family::Llama, 97), &[], 4).is_err());
    }
}
