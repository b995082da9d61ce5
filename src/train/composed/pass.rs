//! Forward and backward passes on a device, written out as the kernels' are in `train::pass`.

use std::time::Instant;

use candle_core::{DType, Device, Result, Tensor};

use super::attention::Attention;
use super::ops::{self, Wanted};
use super::weights::{Id, Layer, Map, Weights};
use crate::model::{Architecture, Rope};
use crate::train::lora::Dropout;
use crate::train::{Batch, LoraSettings, Outcome};

/// What a pass needs to know of the model besides its weights.
pub(super) struct Model {
    pub architecture: Architecture,
    pub rope: Rope,
    pub lora: Option<LoraSettings>,
    pub device: Device,
    pub dtype: DType,
    /// Keep each layer's input alone and make the rest again in the backward pass.
    pub checkpoint: bool,
}

/// What one layer keeps for the backward pass. Normalised rows and the gated product are made again.
struct Kept {
    /// Queries and keys before their normalisation, f32, where the family has one.
    raw: Option<(Tensor, Tensor)>,
    /// Turned, `[rows, heads, dim]`; queries are divided by the root of `dim`.
    q: Tensor,
    k: Tensor,
    v: Tensor,
    attended: Tensor,
    /// The residual stream between the layer's halves, f32.
    middle: Tensor,
    gate: Tensor,
    up: Tensor,
}

/// What all layers of one pass share.
struct Shared<'a> {
    batch: &'a Batch,
    cos: Tensor,
    sin: Tensor,
    attention: Attention,
    training: bool,
}

impl Model {
    /// The losses of a batch; with `training` their gradients are added to those in `weights`.
    pub(super) fn pass(&self, weights: &mut Weights, batch: &Batch, training: bool) -> Result<Outcome> {
        let began = Instant::now();
        let tokens = Tensor::new(batch.tokens.as_slice(), &self.device)?;
        let (cos, sin) = self.angles(batch)?;
        let a = &self.architecture;
        let attention = Attention::new(&self.device, &batch.spans, a.num_attention_heads, a.num_key_value_heads)?;
        let mut shared = Shared { batch, cos, sin, attention, training };
        let mut stream = weights.value(weights.embedding).index_select(&tokens, 0)?.to_dtype(DType::F32)?;
        let (mut streams, mut kept) = (Vec::new(), Vec::new());
        for layer in 0..weights.layers.len() {
            let (out, of_layer) = self.layer_forward(weights, layer, &stream, &mut shared)?;
            if training {
                streams.push(stream);
                if !self.checkpoint {
                    kept.push(of_layer);
                }
            }
            stream = out;
        }
        let mut outcome = Outcome::default();
        let d_stream = self.loss(weights, &stream, &mut shared, &mut outcome)?;
        drop(stream);
        outcome.forward = began.elapsed();
        let Some(mut d_stream) = d_stream else { return Ok(outcome) };
        for layer in (0..weights.layers.len()).rev() {
            let Some(x) = streams.pop() else { candle_core::bail!("a layer kept nothing") };
            let of_layer = match kept.pop() {
                Some(of_layer) => of_layer,
                None => self.layer_forward(weights, layer, &x, &mut shared)?.1,
            };
            d_stream = self.layer_backward(weights, layer, &x, &of_layer, d_stream, &mut shared)?;
        }
        weights.add_rows(weights.embedding, &tokens, &d_stream)?;
        self.device.synchronize()?;
        outcome.backward = began.elapsed().saturating_sub(outcome.forward);
        Ok(outcome)
    }

    /// Cosines and sines of every row's position in its sequence, `[rows, pairs]`.
    fn angles(&self, batch: &Batch) -> Result<(Tensor, Tensor)> {
        let (rows, pairs) = (batch.tokens.len(), self.rope.pairs());
        let (mut cos, mut sin) = (vec![0.0; rows * pairs], vec![0.0; rows * pairs]);
        for span in &batch.spans {
            for row in span.clone() {
                let here = row * pairs..(row + 1) * pairs;
                self.rope.angles(row - span.start, &mut cos[here.clone()], &mut sin[here]);
            }
        }
        let tensor = |values: Vec<f32>| Tensor::from_vec(values, (rows, pairs), &self.device);
        Ok((tensor(cos)?, tensor(sin)?))
    }

    /// Leaves the losses in `outcome`; the gradient of the stream if it is a training pass.
    fn loss(
        &self,
        weights: &mut Weights,
        stream: &Tensor,
        shared: &mut Shared<'_>,
        outcome: &mut Outcome,
    ) -> Result<Option<Tensor>> {
        let batch = shared.batch;
        let eps = self.architecture.rms_norm_eps;
        let rows: Vec<u32> = batch.rows.iter().map(|&row| row as u32).collect();
        let rows = Tensor::new(rows, &self.device)?;
        let chosen = stream.index_select(&rows, 0)?;
        let norm = weights.value(weights.norm).clone();
        let normed = ops::rms_norm(&chosen, &norm, eps)?.to_dtype(self.dtype)?;
        let wanted = Wanted { rows: shared.training, head: shared.training && weights.is_trained(weights.head) };
        let head = weights.value(weights.head);
        let found = ops::cross_entropy(&normed, head, &batch.targets, &batch.weights, wanted)?;
        outcome.loss =
            found.losses.iter().zip(&batch.weights).map(|(loss, weight)| f64::from(*loss) * f64::from(*weight)).sum();
        outcome.losses = found.losses;
        if let Some(d_head) = found.d_head {
            weights.add(weights.head, || Ok(d_head))?;
        }
        let Some(d_normed) = found.d_rows else { return Ok(None) };
        let d_chosen = self.norm_backward(weights, weights.norm, &chosen, &d_normed)?;
        // Each row at its place, and a row of zeros at all others.
        let mut places = vec![batch.rows.len() as u32; batch.tokens.len()];
        for (place, &row) in batch.rows.iter().enumerate() {
            places[row] = place as u32;
        }
        let places = Tensor::new(places, &self.device)?;
        Ok(Some(d_chosen.pad_with_zeros(0, 0, 1)?.index_select(&places, 0)?))
    }

    fn layer_forward(
        &self,
        weights: &Weights,
        index: usize,
        x: &Tensor,
        shared: &mut Shared<'_>,
    ) -> Result<(Tensor, Kept)> {
        let (a, layer) = (&self.architecture, &weights.layers[index]);
        let normed = self.normed(weights, layer.input_norm, x)?;
        let apply = |map: &Map, x: &Tensor, shared: &Shared<'_>| -> Result<Tensor> {
            self.apply(weights, index, map, x, shared)
        };
        let heads = |x: Tensor, heads: usize| x.reshape((x.dim(0)?, heads, a.head_dim));
        let q = heads(apply(&layer.q, &normed, shared)?.to_dtype(DType::F32)?, a.num_attention_heads)?;
        let k = heads(apply(&layer.k, &normed, shared)?.to_dtype(DType::F32)?, a.num_key_value_heads)?;
        let v = heads(apply(&layer.v, &normed, shared)?, a.num_key_value_heads)?;
        let (turned_q, turned_k, raw) = match layer.head_norms {
            None => (q, k, None),
            Some((of_q, of_k)) => {
                let norm = |x: &Tensor, id| ops::rms_norm(x, weights.value(id), a.rms_norm_eps);
                (norm(&q, of_q)?, norm(&k, of_k)?, Some((q, k)))
            }
        };
        let turn = |x: &Tensor| ops::rope(x, &shared.cos, &shared.sin);
        let (q, k) =
            ((turn(&turned_q)? * self.divisor())?.to_dtype(self.dtype)?, turn(&turned_k)?.to_dtype(self.dtype)?);
        let attended = shared.attention.forward(&q, &k, &v)?;
        let attended = attended.reshape((x.dim(0)?, a.num_attention_heads * a.head_dim))?;
        let middle = (x + apply(&layer.o, &attended, shared)?.to_dtype(DType::F32)?)?;
        let normed = self.normed(weights, layer.mlp_norm, &middle)?;
        let (gate, up) = (apply(&layer.gate, &normed, shared)?, apply(&layer.up, &normed, shared)?);
        let down = apply(&layer.down, &ops::gated(&gate, &up)?, shared)?;
        let out = (&middle + down.to_dtype(DType::F32)?)?;
        Ok((out, Kept { raw, q, k, v, attended, middle, gate, up }))
    }

    /// Adds the layer's gradients to those in `weights` and hands back that of its input.
    fn layer_backward(
        &self,
        weights: &mut Weights,
        index: usize,
        x: &Tensor,
        kept: &Kept,
        d_out: Tensor,
        shared: &mut Shared<'_>,
    ) -> Result<Tensor> {
        let a = &self.architecture;
        let layers = std::mem::take(&mut weights.layers);
        let layer: &Layer = &layers[index];
        let back = |weights: &mut Weights, map: &Map, x: &Tensor, d_out: &Tensor, shared: &Shared<'_>| {
            self.apply_backward(weights, index, map, x, d_out, shared)
        };
        let mut work = || -> Result<Tensor> {
            let slope = d_out.to_dtype(self.dtype)?;
            let d_gated = back(weights, &layer.down, &ops::gated(&kept.gate, &kept.up)?, &slope, shared)?;
            let (d_gate, d_up) = ops::gated_backward(&kept.gate, &kept.up, &d_gated)?;
            let normed = self.normed(weights, layer.mlp_norm, &kept.middle)?;
            let d_normed = (back(weights, &layer.gate, &normed, &d_gate, shared)?.to_dtype(DType::F32)?
                + back(weights, &layer.up, &normed, &d_up, shared)?.to_dtype(DType::F32)?)?;
            let d_middle = (&d_out + self.norm_backward(weights, layer.mlp_norm, &kept.middle, &d_normed)?)?;

            let d_attended = back(weights, &layer.o, &kept.attended, &d_middle.to_dtype(self.dtype)?, shared)?;
            let of_heads = (&kept.q, &kept.k, &kept.v);
            let (d_q, d_k, d_v) = shared.attention.backward(of_heads, &kept.attended, &d_attended)?;
            // Turned back.
            let minus = shared.sin.neg()?;
            let mut d_q = ops::rope(&(d_q * self.divisor())?, &shared.cos, &minus)?;
            let mut d_k = ops::rope(&d_k, &shared.cos, &minus)?;
            if let (Some((of_q, of_k)), Some((raw_q, raw_k))) = (layer.head_norms, &kept.raw) {
                for (d, raw, id) in [(&mut d_q, raw_q, of_q), (&mut d_k, raw_k, of_k)] {
                    *d = self.norm_backward(weights, id, raw, d)?;
                }
            }
            let rows = x.dim(0)?;
            let flat = |x: &Tensor, heads: usize| x.reshape((rows, heads * a.head_dim))?.to_dtype(self.dtype);
            let normed = self.normed(weights, layer.input_norm, x)?;
            let (heads, kv_heads) = (a.num_attention_heads, a.num_key_value_heads);
            let d_normed = (back(weights, &layer.q, &normed, &flat(&d_q, heads)?, shared)?.to_dtype(DType::F32)?
                + back(weights, &layer.k, &normed, &flat(&d_k, kv_heads)?, shared)?.to_dtype(DType::F32)?)?;
            let d_normed =
                (d_normed + back(weights, &layer.v, &normed, &flat(&d_v, kv_heads)?, shared)?.to_dtype(DType::F32)?)?;
            d_middle + self.norm_backward(weights, layer.input_norm, x, &d_normed)?
        };
        let done = work();
        weights.layers = layers;
        done
    }

    /// What queries are multiplied with.
    fn divisor(&self) -> f64 {
        1.0 / (self.architecture.head_dim as f64).sqrt()
    }

    /// Normalised rows in the format of the passes.
    fn normed(&self, weights: &Weights, norm: Id, x: &Tensor) -> Result<Tensor> {
        ops::rms_norm(x, weights.value(norm), self.architecture.rms_norm_eps)?.to_dtype(self.dtype)
    }

    /// The gradient of a normalisation's input `x`; adds that of its weight.
    fn norm_backward(&self, weights: &mut Weights, norm: Id, x: &Tensor, d_out: &Tensor) -> Result<Tensor> {
        let (eps, trained) = (self.architecture.rms_norm_eps, weights.is_trained(norm));
        let (d_x, d_norm) = ops::rms_norm_backward(x, weights.value(norm), eps, d_out, trained)?;
        if let Some(d_norm) = d_norm {
            weights.add(norm, || Ok(d_norm))?;
        }
        Ok(d_x)
    }

    /// `x W^T + b + (alpha / r) dropout(x) A^T B^T`.
    fn apply(&self, weights: &Weights, layer: usize, map: &Map, x: &Tensor, shared: &Shared<'_>) -> Result<Tensor> {
        let mut out = x.matmul(&weights.value(map.weight).t()?)?;
        if let Some(bias) = map.bias {
            out = ops::add_bias(&out, weights.value(bias))?;
        }
        if let (Some((a, b)), Some(lora)) = (map.adapter, &self.lora) {
            let dropped = self.dropped(x, layer, map, shared)?.0;
            let inner = dropped.matmul(&weights.value(a).t()?)?;
            out = (out + (inner.matmul(&weights.value(b).t()?)? * f64::from(lora.scale()))?)?;
        }
        Ok(out)
    }

    /// Adds the map's gradients to those in `weights` and hands back that of its input.
    fn apply_backward(
        &self,
        weights: &mut Weights,
        layer: usize,
        map: &Map,
        x: &Tensor,
        d_out: &Tensor,
        shared: &Shared<'_>,
    ) -> Result<Tensor> {
        let mut d_x = d_out.matmul(weights.value(map.weight))?;
        weights.add(map.weight, || d_out.t()?.matmul(x))?;
        if let Some(bias) = map.bias {
            weights.add(bias, || ops::sum_of_rows(&d_out.to_dtype(DType::F32)?))?;
        }
        if let (Some((a, b)), Some(lora)) = (map.adapter, &self.lora) {
            let (dropped, mask) = self.dropped(x, layer, map, shared)?;
            let inner = dropped.matmul(&weights.value(a).t()?)?;
            let d_out = (d_out * f64::from(lora.scale()))?;
            let d_inner = d_out.matmul(weights.value(b))?;
            let d_dropped = d_inner.matmul(weights.value(a))?;
            weights.add(b, || d_out.t()?.matmul(&inner))?;
            weights.add(a, || d_inner.t()?.matmul(&dropped))?;
            d_x = (d_x
                + match mask {
                    Some(mask) => (d_dropped * mask)?,
                    None => d_dropped,
                })?;
        }
        Ok(d_x)
    }

    /// The adapter's input, and what it was multiplied with where something is dropped.
    fn dropped(&self, x: &Tensor, layer: usize, map: &Map, shared: &Shared<'_>) -> Result<(Tensor, Option<Tensor>)> {
        let dropout = self.lora.as_ref().filter(|_| shared.training);
        let Some(dropout) = dropout.and_then(|lora| Dropout::of(lora, shared.batch.seed, layer, map.module)) else {
            return Ok((x.clone(), None));
        };
        // Drawn on the host: candle's generators cannot be set to draw the same again everywhere.
        let ones = vec![1.0; x.elem_count()];
        let mut mask = vec![0.0; ones.len()];
        dropout.apply(&ones, &mut mask);
        let mask = Tensor::from_vec(mask, x.shape(), &self.device)?.to_dtype(self.dtype)?;
        Ok(((x * &mask)?, Some(mask)))
    }
}
