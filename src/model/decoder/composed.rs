//! The forward pass composed of candle's operations: for every device and number format, and the kernels' witness.

use candle_core::{D, DType, Tensor};

use super::{Decoder, DecoderError, Layer, Linear, Segment, Workspace};
use crate::model::cache::{Cache, Store};

impl Decoder {
    /// Leaves the logits of the rows `wanted` in the workspace.
    pub(super) fn forward_composed(
        &self,
        workspace: &mut Workspace,
        segments: &mut [Segment<'_>],
        wanted: &[usize],
    ) -> Result<(), DecoderError> {
        let layers = self.layers.len();
        let owned = |cache: &Cache| matches!(&cache.store, Store::Tensors(kept) if kept.len() == layers);
        if segments.iter().any(|segment| !owned(segment.cache)) {
            return Err(DecoderError::ForeignCache);
        }
        let before: Vec<Cache> = segments.iter().map(|segment| segment.cache.clone()).collect();
        let outcome = self.run_composed(segments, wanted).and_then(|logits| {
            let values = logits.flatten_all()?.to_dtype(DType::F32)?.to_vec1::<f32>()?;
            workspace.logits.get(values.len()).copy_from_slice(&values);
            Ok(())
        });
        if outcome.is_err() {
            for (segment, cache) in segments.iter_mut().zip(before) {
                *segment.cache = cache;
            }
        }
        outcome
    }

    fn run_composed(&self, segments: &mut [Segment<'_>], wanted: &[usize]) -> Result<Tensor, DecoderError> {
        let tokens: Vec<u32> = segments.iter().flat_map(|segment| segment.tokens.iter().copied()).collect();
        let total = tokens.len();
        let eps = self.architecture.rms_norm_eps;
        let mut x = self.embedding.index_select(&Tensor::new(tokens, &self.device)?, 0)?;
        let (cos, sin) = self.angles(segments, total)?;
        for (index, layer) in self.layers.iter().enumerate() {
            let normed = rms_norm(&x, &layer.attention_norm, eps)?;
            x = (x + self.attend_composed(layer, index, &normed, segments, &cos, &sin)?)?;
            let normed = rms_norm(&x, &layer.mlp_norm, eps)?;
            let gate = candle_nn::ops::silu(&apply(&layer.gate, &normed)?)?;
            x = (x + apply(&layer.down, &(gate * apply(&layer.up, &normed)?)?)?)?;
        }
        let wanted: Vec<u32> = wanted.iter().map(|&row| row as u32).collect();
        if wanted.is_empty() {
            return Ok(Tensor::zeros(0, DType::F32, &self.device)?);
        }
        let rows = x.index_select(&Tensor::new(wanted, &self.device)?, 0)?;
        Ok(rms_norm(&rows, &self.norm, eps)?.matmul(&self.head.t()?)?)
    }

    /// Cosines and sines of every row, `[rows, 1, pairs]`.
    fn angles(&self, segments: &[Segment<'_>], total: usize) -> Result<(Tensor, Tensor), DecoderError> {
        let pairs = self.rope.pairs();
        let (mut cos, mut sin) = (vec![0.0; total * pairs], vec![0.0; total * pairs]);
        let positions = segments.iter().flat_map(|segment| {
            let first = segment.cache.len();
            first..first + segment.tokens.len()
        });
        for (row, position) in positions.enumerate() {
            let here = row * pairs..(row + 1) * pairs;
            self.rope.angles(position, &mut cos[here.clone()], &mut sin[here]);
        }
        let tensor = |values: Vec<f32>| -> Result<Tensor, DecoderError> {
            Ok(Tensor::from_vec(values, (total, 1, pairs), &self.device)?)
        };
        Ok((tensor(cos)?, tensor(sin)?))
    }

    fn attend_composed(
        &self,
        layer: &Layer,
        index: usize,
        normed: &Tensor,
        segments: &mut [Segment<'_>],
        cos: &Tensor,
        sin: &Tensor,
    ) -> Result<Tensor, DecoderError> {
        let a = &self.architecture;
        let (total, dim, kv_heads) = (normed.dim(0)?, a.head_dim, a.num_key_value_heads);
        let heads = a.num_attention_heads;
        let (eps, group) = (a.rms_norm_eps, heads / kv_heads);
        let turned = |linear: &Linear, heads: usize, norm: Option<&Tensor>| -> Result<Tensor, DecoderError> {
            let mut x = apply(linear, normed)?.reshape((total, heads, dim))?;
            if let Some(norm) = norm {
                x = rms_norm(&x, norm, eps)?;
            }
            rope(&x, cos, sin)
        };
        let q = turned(&layer.q, heads, layer.q_norm.as_ref())?;
        let k = turned(&layer.k, kv_heads, layer.k_norm.as_ref())?;
        let v = apply(&layer.v, normed)?.reshape((total, kv_heads, dim))?;
        let mut outputs = Vec::with_capacity(segments.len());
        let mut row = 0;
        for segment in segments.iter_mut() {
            let rows = segment.tokens.len();
            let first = segment.cache.len();
            let new =
                |x: &Tensor| -> candle_core::Result<Tensor> { x.narrow(0, row, rows)?.transpose(0, 1)?.contiguous() };
            let (mut keys, mut values) = (new(&k)?, new(&v)?);
            if let Store::Tensors(layers) = &mut segment.cache.store {
                if let Some((old_keys, old_values)) = &layers[index] {
                    keys = Tensor::cat(&[old_keys, &keys], 1)?;
                    values = Tensor::cat(&[old_values, &values], 1)?;
                }
                layers[index] = Some((keys.clone(), values.clone()));
            }
            let seen = first + rows;
            // [kv heads, group * rows, dim]: the heads of a group are rows over the same keys.
            let q = q.narrow(0, row, rows)?.reshape((rows, kv_heads, group, dim))?.permute((1, 2, 0, 3))?;
            let q = q.contiguous()?.reshape((kv_heads, group * rows, dim))?;
            let scores = (q.matmul(&keys.t()?.contiguous()?)? / (dim as f64).sqrt())?.to_dtype(DType::F32)?;
            let mask: Vec<f32> = (0..rows)
                .flat_map(|r| (0..seen).map(move |at| if at <= first + r { 0.0 } else { f32::NEG_INFINITY }))
                .collect();
            let mask = Tensor::from_vec(mask, (1, 1, rows, seen), &self.device)?;
            let scores = scores.reshape((kv_heads, group, rows, seen))?.broadcast_add(&mask)?;
            let weights = candle_nn::ops::softmax(&scores, D::Minus1)?.to_dtype(values.dtype())?;
            let mixed = weights.reshape((kv_heads, group * rows, seen))?.matmul(&values.contiguous()?)?;
            let mixed = mixed.reshape((kv_heads, group, rows, dim))?.permute((2, 0, 1, 3))?;
            outputs.push(mixed.contiguous()?.reshape((rows, heads * dim))?);
            row += rows;
        }
        apply(&layer.o, &Tensor::cat(&outputs, 0)?)
    }
}

fn apply(linear: &Linear, x: &Tensor) -> Result<Tensor, DecoderError> {
    let y = x.matmul(&linear.weight.t()?)?;
    Ok(match &linear.bias {
        Some(bias) => y.broadcast_add(bias)?,
        None => y,
    })
}

fn rms_norm(x: &Tensor, weight: &Tensor, eps: f64) -> Result<Tensor, DecoderError> {
    let wide = x.to_dtype(DType::F32)?;
    let scale = ((wide.sqr()?.mean_keepdim(D::Minus1)? + eps)?).sqrt()?;
    Ok(wide.broadcast_div(&scale)?.to_dtype(x.dtype())?.broadcast_mul(weight)?)
}

/// `x` is `[rows, heads, dim]`.
fn rope(x: &Tensor, cos: &Tensor, sin: &Tensor) -> Result<Tensor, DecoderError> {
    let half = x.dim(D::Minus1)? / 2;
    let wide = x.to_dtype(DType::F32)?;
    let (a, b) = (wide.narrow(D::Minus1, 0, half)?, wide.narrow(D::Minus1, half, half)?);
    let first = (a.broadcast_mul(cos)? - b.broadcast_mul(sin)?)?;
    let second = (b.broadcast_mul(cos)? + a.broadcast_mul(sin)?)?;
    Ok(Tensor::cat(&[first, second], D::Minus1)?.to_dtype(x.dtype())?)
}
