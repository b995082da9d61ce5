//! Forward and backward passes of the network, written out layer by layer over flat slices.
//!
//! In bf16 the products of the backward pass are rounded, those of the forward pass are not. On SmolLM2-135M, 200 steps of two
//! chains, rounding both moved the losses by 0.45% (root mean square), rounding gradients alone by 0.03%, at two thirds of the gain.

use std::ops::Range;
use std::time::{Duration, Instant};

use super::adapt::{self, Adapting};
use super::batch::Batch;
use super::network::Network;
use super::workspace::{Kept, Shared, Workspace};
use super::{Gradients, TrainError};
use crate::model::ops::gemm::{Onto, View, ViewMut, product, product_in};
use crate::model::ops::training::attention::Heads;
use crate::model::ops::training::loss::{Gradients as LossGradients, Rows, linear_cross_entropy};
use crate::model::ops::training::rows::{self as row_ops, Turn};
use crate::model::ops::training::{attention, embedding};
use crate::model::ops::{self, rows};

/// What came of a pass.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// The sum of the weighted losses, in nats.
    pub loss: f64,
    /// The cross-entropy of each of the batch's rows, unweighted.
    pub losses: Vec<f32>,
    pub forward: Duration,
    pub backward: Duration,
}

/// What a pass does besides the losses.
enum Aim<'a> {
    Losses,
    Gradients(&'a mut Gradients),
}

impl Network {
    /// The losses of a batch, nothing dropped, nothing recorded.
    ///
    /// # Errors
    /// If a token is outside of the vocabulary or the sequences do not cover the tokens.
    pub fn losses(&self, workspace: &mut Workspace, batch: &Batch) -> Result<Outcome, TrainError> {
        self.check(batch)?;
        Ok(ops::run(|| self.pass(workspace, batch, Aim::Losses)))
    }

    /// The losses of a batch and the gradients of their weighted sum, which are written if `gradients` are fresh, else added.
    ///
    /// # Errors
    /// As [`Network::losses`].
    pub fn gradient(
        &self,
        workspace: &mut Workspace,
        batch: &Batch,
        gradients: &mut Gradients,
    ) -> Result<Outcome, TrainError> {
        self.check(batch)?;
        let outcome = ops::run(|| self.pass(workspace, batch, Aim::Gradients(gradients)));
        gradients.fresh = false;
        Ok(outcome)
    }

    /// Whether a batch fits the model and itself.
    pub(super) fn check(&self, batch: &Batch) -> Result<(), TrainError> {
        let vocab = self.architecture.vocab_size;
        if let Some(&id) = batch.tokens.iter().chain(&batch.targets).find(|&&id| id as usize >= vocab) {
            return Err(TrainError::Batch(format!("token id {id} is outside the vocabulary of {vocab}")));
        }
        let mut reached = 0;
        for span in &batch.spans {
            if span.start != reached || span.end <= span.start {
                return Err(TrainError::Batch("sequences with gaps or out of order".into()));
            }
            reached = span.end;
        }
        let rows_fit = batch.rows.iter().all(|&row| row < batch.tokens.len());
        let lengths_fit = batch.rows.len() == batch.targets.len() && batch.rows.len() == batch.weights.len();
        if reached != batch.tokens.len() || reached == 0 || !rows_fit || !lengths_fit {
            return Err(TrainError::Batch("sequences and rows that do not fit the tokens".into()));
        }
        Ok(())
    }

    pub(super) fn heads(&self) -> Heads {
        let a = &self.architecture;
        Heads { query: a.num_attention_heads, key_value: a.num_key_value_heads, dim: a.head_dim }
    }

    fn pass(&self, workspace: &mut Workspace, batch: &Batch, mut aim: Aim<'_>) -> Outcome {
        let began = Instant::now();
        let layers = self.layout.layers.len();
        let training = matches!(aim, Aim::Gradients(_));
        let keeping = training && !workspace.checkpoint;
        let Workspace { streams, kept, shared, .. } = workspace;
        streams.resize_with(if training { layers + 1 } else { 2 }.max(streams.len()), Default::default);
        kept.resize_with(if keeping { layers } else { 1 }.max(kept.len()), Default::default);
        let at = |layer: usize| if training { layer } else { layer % 2 };
        let size = batch.tokens.len() * self.architecture.hidden_size;
        self.angles(shared, &batch.spans);
        let table = &self.weights[self.layout.embedding.clone()];
        embedding::forward(table, self.architecture.hidden_size, &batch.tokens, streams[0].get(size));
        let adapting = self.adapting(batch.seed, training);
        for layer in 0..layers {
            let (x, out) = two(streams, at(layer), at(layer + 1));
            let kept = &mut kept[if keeping { layer } else { 0 }];
            self.layer_forward(layer, &batch.spans, x.get(size), Some(out.get(size)), kept, shared, adapting);
        }
        let mut outcome = Outcome::default();
        let spent = self.loss(streams[at(layers)].get(size), batch, shared, &mut aim, &mut outcome);
        outcome.forward = began.elapsed().saturating_sub(spent);
        let Aim::Gradients(gradients) = aim else { return outcome };
        for layer in (0..layers).rev() {
            let kept = &mut kept[if keeping { layer } else { 0 }];
            let x = streams[layer].get(size);
            if !keeping {
                self.layer_forward(layer, &batch.spans, x, None, kept, shared, adapting);
            }
            self.layer_backward(layer, &batch.spans, x, kept, shared, gradients, adapting);
        }
        if self.lora.is_none() {
            let range = self.layout.embedding.clone();
            if gradients.fresh && self.layout.head != range {
                gradients.data[range.clone()].fill(0.0);
            }
            let d_stream = shared.d_stream.get(size);
            embedding::backward(d_stream, self.architecture.hidden_size, &batch.tokens, &mut gradients.data[range]);
        }
        outcome.backward = began.elapsed().saturating_sub(outcome.forward);
        outcome
    }

    fn adapting(&self, seed: u64, training: bool) -> Option<Adapting<'_>> {
        self.lora.as_ref().map(|lora| Adapting { lora, isa: self.isa, seed, training })
    }

    /// Cosines and sines of every row's position in its sequence.
    fn angles(&self, shared: &mut Shared, spans: &[Range<usize>]) {
        let (rows, pairs) = (spans.last().map_or(0, |span| span.end), self.rope.pairs());
        let (cos, sin) = (shared.cos.get(rows * pairs), shared.sin.get(rows * pairs));
        for span in spans {
            for row in span.clone() {
                let here = row * pairs..(row + 1) * pairs;
                self.rope.angles(row - span.start, &mut cos[here.clone()], &mut sin[here]);
            }
        }
    }

    /// One layer. Without `out` it stops before the last map, whose output the backward pass does not need.
    #[allow(clippy::too_many_arguments)]
    fn layer_forward(
        &self,
        layer: usize,
        spans: &[Range<usize>],
        x: &mut [f32],
        out: Option<&mut [f32]>,
        kept: &mut Kept,
        shared: &mut Shared,
        adapting: Option<Adapting<'_>>,
    ) {
        let (isa, a, places) = (self.isa, &self.architecture, &self.layout.layers[layer]);
        let (hidden, wide, heads) = (a.hidden_size, a.intermediate_size, self.heads());
        let count = x.len() / hidden;
        let eps = a.rms_norm_eps as f32;
        let normed = shared.normed.get(x.len());
        let Kept { qkv, raw, attended, log_sums, middle, gate_up, inner } = kept;
        let inner = inner.get(count * adapting.map_or(0, |adapting| adapting.lora.layout.inner));
        let sites = adapting.map(|adapting| (adapting, &adapting.lora.layout.layers[layer]));

        rows::rms_norm(isa, x, None, &self.weights[places.input_norm.clone()], eps, normed);
        let qkv = qkv.get(count * heads.width());
        self.linear(count, normed, places.qkv.clone(), qkv, Onto::Nothing);
        if let Some(bias) = &places.qkv_bias {
            row_ops::add_bias(qkv, &self.weights[bias.clone()]);
        }
        if let Some((adapting, sites)) = sites {
            adapt::forward(adapting, layer, &sites.qkv, normed, inner, qkv, &mut shared.dropped);
        }
        let cos = &*shared.cos.get(count * self.rope.pairs());
        let sin = &*shared.sin.get(count * self.rope.pairs());
        let turn = self.turn(layer, cos, sin);
        if places.head_norms.is_some() {
            let turned = turn.turned();
            for (to, from) in raw.get(count * turned).chunks_exact_mut(turned).zip(qkv.chunks_exact(heads.width())) {
                to.copy_from_slice(&from[..turned]);
            }
        }
        row_ops::turn(isa, &turn, qkv);
        let attended = attended.get(count * heads.out_width());
        attention::forward(isa, heads, spans, qkv, attended, log_sums.get(count * heads.query));

        let middle = middle.get(x.len());
        middle.copy_from_slice(x);
        self.linear(count, attended, places.o.clone(), middle, Onto::Sum);
        if let Some((adapting, sites)) = sites {
            adapt::forward(adapting, layer, &sites.o, attended, inner, middle, &mut shared.dropped);
        }
        rows::rms_norm(isa, middle, None, &self.weights[places.mlp_norm.clone()], eps, normed);
        let gate_up = gate_up.get(count * 2 * wide);
        self.linear(count, normed, places.gate_up.clone(), gate_up, Onto::Nothing);
        if let Some((adapting, sites)) = sites {
            adapt::forward(adapting, layer, &sites.gate_up, normed, inner, gate_up, &mut shared.dropped);
        }
        // The inner values of the last map's adapters are kept too, so only without adapters may this end here.
        if out.is_none() && sites.is_none_or(|(_, sites)| sites.down.adapters.is_empty()) {
            return;
        }
        let gated = shared.gated.get(count * wide);
        row_ops::swiglu(isa, gate_up, wide, gated);
        let out = match out {
            Some(out) => {
                out.copy_from_slice(middle);
                self.linear(count, gated, places.down.clone(), out, Onto::Sum);
                out
            }
            None => shared.d_normed.get(x.len()),
        };
        if let Some((adapting, sites)) = sites {
            adapt::forward(adapting, layer, &sites.down, gated, inner, out, &mut shared.dropped);
        }
    }

    fn turn<'a>(&'a self, layer: usize, cos: &'a [f32], sin: &'a [f32]) -> Turn<'a> {
        let norms = self.layout.layers[layer]
            .head_norms
            .as_ref()
            .map(|(query, key)| (&self.weights[query.clone()], &self.weights[key.clone()]));
        Turn { heads: self.heads(), cos, sin, norms, eps: self.architecture.rms_norm_eps as f32 }
    }

    /// `out (+)= x W^T`, in f32 whatever the precision.
    fn linear(&self, rows: usize, x: &[f32], weight: Range<usize>, out: &mut [f32], onto: Onto) {
        let weight = &self.weights[weight];
        let (inputs, outputs) = (x.len() / rows, out.len() / rows);
        let weight = View::new(weight, outputs, inputs, inputs).transposed();
        let x = View::new(x, rows, inputs, inputs);
        product(self.isa, x, weight, ViewMut::new(out, rows, outputs, outputs), 1.0, onto);
    }

    /// `d_x (+)= d_out W`, and the weight's gradient where it is trained.
    fn linear_backward(
        &self,
        rows: usize,
        x: &[f32],
        weight: Range<usize>,
        d_out: &[f32],
        d_x: Option<&mut [f32]>,
        gradients: &mut Gradients,
    ) {
        if self.lora.is_none() {
            let (inputs, outputs) = (x.len() / rows, d_out.len() / rows);
            let (x, slope) = (View::new(x, rows, inputs, inputs), View::new(d_out, rows, outputs, outputs));
            let onto = gradients.onto();
            let to = ViewMut::new(&mut gradients.data[weight.clone()], outputs, inputs, inputs);
            product_in(self.precision, self.isa, slope.transposed(), x, to, 1.0, onto);
        }
        if let Some(d_x) = d_x {
            self.input_gradient(rows, weight, d_out, d_x);
        }
    }

    /// Final norm, head and cross-entropy of the rows that have a loss. Leaves the stream's gradient in `shared.d_stream`.
    /// Returns the time that gradients took.
    fn loss(
        &self,
        stream: &mut [f32],
        batch: &Batch,
        shared: &mut Shared,
        aim: &mut Aim<'_>,
        outcome: &mut Outcome,
    ) -> Duration {
        let (isa, hidden) = (self.isa, self.architecture.hidden_size);
        let eps = self.architecture.rms_norm_eps as f32;
        let size = batch.rows.len() * hidden;
        let norm = &self.weights[self.layout.norm.clone()];
        let (chosen, normed) = (shared.chosen.get(size), shared.normed.get(size));
        for (to, &row) in chosen.chunks_exact_mut(hidden).zip(&batch.rows) {
            to.copy_from_slice(&stream[row * hidden..][..hidden]);
        }
        rows::rms_norm(isa, chosen, None, norm, eps, normed);
        let losses = shared.losses.get(batch.rows.len());
        let given = Rows { x: normed, targets: &batch.targets, weights: &batch.weights };
        let head = &self.weights[self.layout.head.clone()];
        let scratch = &mut shared.logits;
        let spent = match aim {
            Aim::Losses => linear_cross_entropy((isa, self.precision), given, head, hidden, losses, None, scratch),
            Aim::Gradients(gradients) => {
                let d_normed = shared.d_normed.get(size);
                let onto = gradients.onto();
                let weight = self.lora.is_none().then(|| (&mut gradients.data[self.layout.head.clone()], onto));
                let wanted = LossGradients { x: d_normed, weight };
                let spent =
                    linear_cross_entropy((isa, self.precision), given, head, hidden, losses, Some(wanted), scratch);
                let began = Instant::now();
                let d_chosen = shared.d_chosen.get(size);
                d_chosen.fill(0.0);
                let d_norm = self.vector(gradients, &self.layout.norm);
                row_ops::rms_norm_backward(isa, chosen, norm, eps, d_normed, d_chosen, d_norm);
                let d_stream = shared.d_stream.get(stream.len());
                d_stream.fill(0.0);
                for (from, &row) in d_chosen.chunks_exact(hidden).zip(&batch.rows) {
                    let to = &mut d_stream[row * hidden..][..hidden];
                    to.iter_mut().zip(from).for_each(|(to, from)| *to += from);
                }
                spent + began.elapsed()
            }
        };
        outcome.loss =
            losses.iter().zip(&batch.weights).map(|(loss, weight)| f64::from(*loss) * f64::from(*weight)).sum();
        outcome.losses = losses.to_vec();
        spent
    }

    /// The gradient of a norm or bias, ready to be added to; `None` where it is frozen.
    fn vector<'g>(&self, gradients: &'g mut Gradients, range: &Range<usize>) -> Option<&'g mut [f32]> {
        self.lora.is_none().then(|| {
            let vector = &mut gradients.data[range.clone()];
            if gradients.fresh {
                vector.fill(0.0);
            }
            vector
        })
    }

    /// Takes the gradient of a layer's output in `shared.d_stream` to that of its input, and adds the weights' gradients.
    /// What the layer has kept is used up.
    #[allow(clippy::too_many_arguments)]
    fn layer_backward(
        &self,
        layer: usize,
        spans: &[Range<usize>],
        x: &mut [f32],
        kept: &mut Kept,
        shared: &mut Shared,
        gradients: &mut Gradients,
        adapting: Option<Adapting<'_>>,
    ) {
        let (isa, a, places) = (self.isa, &self.architecture, &self.layout.layers[layer]);
        let (hidden, wide, heads) = (a.hidden_size, a.intermediate_size, self.heads());
        let count = x.len() / hidden;
        let eps = a.rms_norm_eps as f32;
        let Kept { qkv, raw, attended, log_sums, middle, gate_up, inner } = kept;
        let inner = inner.get(count * adapting.map_or(0, |adapting| adapting.lora.layout.inner));
        let sites = adapting.map(|adapting| (adapting, &adapting.lora.layout.layers[layer]));
        let d_stream = shared.d_stream.get(x.len());
        let normed = shared.normed.get(x.len());
        let d_normed = shared.d_normed.get(x.len());
        let mut scratch = adapt::Scratch { d_inner: &mut shared.d_inner, dropped: &mut shared.dropped };

        // The gated product's gradient comes first, the product itself is made again on the way back through the gate.
        let gate_up = gate_up.get(count * 2 * wide);
        let gated = shared.gated.get(count * wide);
        self.input_gradient(count, places.down.clone(), d_stream, gated);
        if let Some((adapting, sites)) = sites {
            adapt::inner_gradient(adapting, &sites.down, d_stream, count, &mut scratch);
            adapt::to_inputs(adapting, layer, &sites.down, gated, &mut scratch);
        }
        row_ops::swiglu_backward(isa, gate_up, wide, gated);
        self.linear_backward(count, gated, places.down.clone(), d_stream, None, gradients);
        if let Some((adapting, sites)) = sites {
            adapt::to_weights(adapting, layer, &sites.down, gated, inner, d_stream, gradients, &mut scratch);
        }

        let middle = middle.get(x.len());
        let norm = &self.weights[places.mlp_norm.clone()];
        rows::rms_norm(isa, middle, None, norm, eps, normed);
        self.linear_backward(count, normed, places.gate_up.clone(), gate_up, Some(d_normed), gradients);
        if let Some((adapting, sites)) = sites {
            adapt::inner_gradient(adapting, &sites.gate_up, gate_up, count, &mut scratch);
            adapt::to_inputs(adapting, layer, &sites.gate_up, d_normed, &mut scratch);
            adapt::to_weights(adapting, layer, &sites.gate_up, normed, inner, gate_up, gradients, &mut scratch);
        }
        let d_norm = self.vector(gradients, &places.mlp_norm);
        row_ops::rms_norm_backward(isa, middle, norm, eps, d_normed, d_stream, d_norm);

        let attended = attended.get(count * heads.out_width());
        let d_attended = shared.d_attended.get(attended.len());
        self.linear_backward(count, attended, places.o.clone(), d_stream, Some(d_attended), gradients);
        if let Some((adapting, sites)) = sites {
            adapt::inner_gradient(adapting, &sites.o, d_stream, count, &mut scratch);
            adapt::to_inputs(adapting, layer, &sites.o, d_attended, &mut scratch);
            adapt::to_weights(adapting, layer, &sites.o, attended, inner, d_stream, gradients, &mut scratch);
        }
        let qkv = qkv.get(count * heads.width());
        let d_qkv = shared.d_qkv.get(qkv.len());
        let log_sums = log_sums.get(count * heads.query);
        attention::backward(isa, heads, spans, qkv, attended, log_sums, d_attended, d_qkv, &mut shared.partial);
        let cos = &*shared.cos.get(count * self.rope.pairs());
        let sin = &*shared.sin.get(count * self.rope.pairs());
        let turn = self.turn(layer, cos, sin);
        let raw = places.head_norms.as_ref().map(|_| &*raw.get(count * turn.turned()));
        let d_norms = places.head_norms.as_ref().filter(|_| self.lora.is_none()).map(|(query, key)| {
            let both = &mut gradients.data[query.start..key.end];
            if gradients.fresh {
                both.fill(0.0);
            }
            both.split_at_mut(query.len())
        });
        row_ops::turn_backward(isa, &turn, raw, d_qkv, d_norms);
        if let Some(bias) = &places.qkv_bias
            && let Some(d_bias) = self.vector(gradients, bias)
        {
            row_ops::add_bias_backward(d_qkv, d_bias);
        }
        let norm = &self.weights[places.input_norm.clone()];
        rows::rms_norm(isa, x, None, norm, eps, normed);
        // Below the first layer's adapters nothing is trained.
        let wanted = layer > 0 || self.lora.is_none();
        self.linear_backward(count, normed, places.qkv.clone(), d_qkv, wanted.then_some(&mut *d_normed), gradients);
        if let Some((adapting, sites)) = sites {
            adapt::inner_gradient(adapting, &sites.qkv, d_qkv, count, &mut scratch);
            if wanted {
                adapt::to_inputs(adapting, layer, &sites.qkv, d_normed, &mut scratch);
            }
            adapt::to_weights(adapting, layer, &sites.qkv, normed, inner, d_qkv, gradients, &mut scratch);
        }
        if wanted {
            let d_norm = self.vector(gradients, &places.input_norm);
            row_ops::rms_norm_backward(isa, x, norm, eps, d_normed, d_stream, d_norm);
        }
    }

    /// `d_x = d_out W`.
    fn input_gradient(&self, rows: usize, weight: Range<usize>, d_out: &[f32], d_x: &mut [f32]) {
        let weight = &self.weights[weight];
        let (inputs, outputs) = (d_x.len() / rows, d_out.len() / rows);
        let d_out = View::new(d_out, rows, outputs, outputs);
        let weight = View::new(weight, outputs, inputs, inputs);
        product_in(
            self.precision,
            self.isa,
            d_out,
            weight,
            ViewMut::new(d_x, rows, inputs, inputs),
            1.0,
            Onto::Nothing,
        );
    }
}

/// Two different buffers of a list.
fn two<T>(list: &mut [T], first: usize, second: usize) -> (&mut T, &mut T) {
    assert_ne!(first, second, "two buffers");
    if first < second {
        let (left, right) = list.split_at_mut(second);
        (&mut left[first], &mut right[0])
    } else {
        let (left, right) = list.split_at_mut(first);
        (&mut right[0], &mut left[second])
    }
}
