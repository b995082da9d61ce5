//! The forward pass composed of candle's operations: for every device and number format, and the kernels' witness.
//!
//! A launch on a GPU costs as much as its work here, so sequences with one new token are one batch, whatever their number
//! and lengths: their keys are gathered from the pool by one index that all layers share.

use candle_core::{DType, Tensor};

use super::{Decoder, DecoderError, Layer, Linear, Segment, Workspace};
use crate::model::cache::{Cache, Pages, Store};

/// Rows of a prompt whose scores exist at once.
const QUERY_BLOCK: usize = 256;

/// What all layers of a step share.
struct Plan {
    /// `[rows, pairs]`, f32.
    cos: Tensor,
    sin: Tensor,
    /// Rows of the pool that the new keys and values go to, `[rows * kv heads, head_dim]`.
    write: Tensor,
    /// Sequences with one new token, all at once.
    single: Option<Seen>,
    /// Blocks of rows of the other sequences.
    blocks: Vec<Seen>,
    /// For each row of the step, where its result lies behind those of `single` and `blocks`; `None` if that is in order.
    order: Option<Tensor>,
}

/// Rows that attend together.
struct Seen {
    /// Their numbers in the step; `None` if they are all rows of it.
    rows: Option<Tensor>,
    sequences: usize,
    /// Rows of each sequence.
    each: usize,
    /// Most positions that a sequence sees.
    positions: usize,
    /// Rows of the pool with what they see, `[sequences * kv heads * positions]`.
    read: Tensor,
    /// Added to the scores, f32, `[sequences * kv heads, each, positions]` or with sizes of 1.
    mask: Tensor,
}

impl Decoder {
    /// Leaves the logits of the rows `wanted` in the workspace.
    pub(super) fn forward_composed(
        &self,
        workspace: &mut Workspace,
        segments: &mut [Segment<'_>],
        wanted: &[usize],
    ) -> Result<(), DecoderError> {
        for segment in segments.iter_mut() {
            let (len, more) = (segment.cache.len(), segment.tokens.len());
            self.pages_mut(segment.cache)?.reserve(len, more)?;
        }
        let plan = self.plan(segments)?;
        let tokens: Vec<u32> = segments.iter().flat_map(|segment| segment.tokens.iter().copied()).collect();
        let eps = self.architecture.rms_norm_eps as f32;
        let mut x = self.embedding.index_select(&Tensor::new(tokens, &self.device)?, 0)?;
        for (index, layer) in self.layers.iter().enumerate() {
            let normed = candle_nn::ops::rms_norm(&x, &layer.attention_norm, eps)?;
            x = (x + self.attend_together(layer, index, &normed, &plan)?)?;
            let normed = candle_nn::ops::rms_norm(&x, &layer.mlp_norm, eps)?;
            let gate = apply(&layer.gate, &normed)?.silu()?;
            x = (x + apply(&layer.down, &(gate * apply(&layer.up, &normed)?)?)?)?;
        }
        if wanted.is_empty() {
            return Ok(());
        }
        let wanted: Vec<u32> = wanted.iter().map(|&row| row as u32).collect();
        let rows = x.index_select(&Tensor::new(wanted, &self.device)?, 0)?;
        let logits = candle_nn::ops::rms_norm(&rows, &self.norm, eps)?.matmul(&self.head.weight.dense()?.t()?)?;
        let values = logits.flatten_all()?.to_dtype(DType::F32)?.to_vec1::<f32>()?;
        workspace.logits.get(values.len()).copy_from_slice(&values);
        Ok(())
    }

    fn pages_mut<'c>(&self, cache: &'c mut Cache) -> Result<&'c mut Pages, DecoderError> {
        match &mut cache.store {
            Store::Pages(pages) if std::sync::Arc::ptr_eq(&pages.pool, &self.pool) => Ok(pages),
            _ => Err(DecoderError::ForeignCache),
        }
    }

    /// Room for every new token is there.
    fn plan(&self, segments: &mut [Segment<'_>]) -> Result<Plan, DecoderError> {
        let a = &self.architecture;
        let (kv_heads, dim, pairs) = (a.num_key_value_heads, a.head_dim, self.rope.pairs());
        let total: usize = segments.iter().map(|segment| segment.tokens.len()).sum();
        let (mut cos, mut sin) = (vec![0.0; total * pairs], vec![0.0; total * pairs]);
        let mut write = Vec::with_capacity(total * kv_heads);
        // Slots of everything that a sequence sees, and its first row and number of rows.
        let mut sequences: Vec<(Vec<u32>, usize, usize)> = Vec::with_capacity(segments.len());
        let mut row = 0;
        for segment in segments.iter_mut() {
            let (len, rows) = (segment.cache.len(), segment.tokens.len());
            let pages = self.pages_mut(segment.cache)?;
            let slots: Option<Vec<u32>> = (0..len + rows).map(|at| pages.slot(at).map(|slot| slot as u32)).collect();
            let slots = slots.ok_or(DecoderError::ForeignCache)?;
            for at in 0..rows {
                let here = (row + at) * pairs..(row + at + 1) * pairs;
                self.rope.angles(len + at, &mut cos[here.clone()], &mut sin[here]);
                write.extend((0..kv_heads as u32).map(|head| slots[len + at] * kv_heads as u32 + head));
            }
            sequences.push((slots, row, rows));
            row += rows;
        }
        let singles: Vec<_> = sequences.iter().filter(|(_, _, rows)| *rows == 1).collect();
        let mut order: Vec<u32> = singles.iter().map(|(_, row, _)| *row as u32).collect();
        let single = match singles.len() {
            0 => None,
            count => {
                let positions = singles.iter().map(|(slots, _, _)| slots.len()).max().unwrap_or_default();
                let mut read = Vec::with_capacity(count * kv_heads * positions);
                let mut mask = Vec::with_capacity(count * kv_heads * positions);
                for (slots, _, _) in &singles {
                    for head in 0..kv_heads {
                        // Where a sequence has ended its first position stands in: a number, and masked.
                        let at = |position: usize| slots.get(position).unwrap_or(&slots[0]);
                        read.extend((0..positions).map(|position| at(position) * kv_heads as u32 + head as u32));
                        mask.extend((0..positions).map(|at| if at < slots.len() { 0.0 } else { f32::NEG_INFINITY }));
                    }
                }
                Some(Seen {
                    rows: if count == total { None } else { Some(Tensor::new(order.as_slice(), &self.device)?) },
                    sequences: count,
                    each: 1,
                    positions,
                    read: Tensor::new(read, &self.device)?,
                    mask: Tensor::from_vec(mask, (count * kv_heads, 1, positions), &self.device)?,
                })
            }
        };
        let mut blocks = Vec::new();
        for (slots, first, rows) in sequences.iter().filter(|(_, _, rows)| *rows > 1) {
            let len = slots.len() - rows;
            for begin in (0..*rows).step_by(QUERY_BLOCK) {
                let each = QUERY_BLOCK.min(rows - begin);
                let positions = len + begin + each;
                let read: Vec<u32> = (0..kv_heads as u32)
                    .flat_map(|head| slots[..positions].iter().map(move |slot| slot * kv_heads as u32 + head))
                    .collect();
                let mask: Vec<f32> = (0..each)
                    .flat_map(|row| {
                        let last = len + begin + row;
                        (0..positions).map(move |at| if at <= last { 0.0 } else { f32::NEG_INFINITY })
                    })
                    .collect();
                let numbers: Vec<u32> = (0..each).map(|row| (first + begin + row) as u32).collect();
                order.extend(&numbers);
                blocks.push(Seen {
                    rows: Some(Tensor::new(numbers, &self.device)?),
                    sequences: 1,
                    each,
                    positions,
                    read: Tensor::new(read, &self.device)?,
                    mask: Tensor::from_vec(mask, (1, each, positions), &self.device)?,
                });
            }
        }
        let order = if order.is_sorted() {
            None
        } else {
            let mut places = vec![0u32; total];
            order.iter().enumerate().for_each(|(place, &row)| places[row as usize] = place as u32);
            Some(Tensor::new(places, &self.device)?)
        };
        let angles = |values: Vec<f32>| Tensor::from_vec(values, (total, pairs), &self.device);
        let write = Tensor::new(write, &self.device)?.unsqueeze(1)?.expand((total * kv_heads, dim))?.contiguous()?;
        Ok(Plan { cos: angles(cos)?, sin: angles(sin)?, write, single, blocks, order })
    }

    fn attend_together(
        &self,
        layer: &Layer,
        index: usize,
        normed: &Tensor,
        plan: &Plan,
    ) -> Result<Tensor, DecoderError> {
        let a = &self.architecture;
        let (total, dim, kv_heads, heads) = (normed.dim(0)?, a.head_dim, a.num_key_value_heads, a.num_attention_heads);
        let turned = |linear: &Linear, heads: usize, norm: Option<&Tensor>| -> Result<Tensor, DecoderError> {
            let mut x = apply(linear, normed)?.reshape((total, heads, dim))?;
            if let Some(norm) = norm {
                x = candle_nn::ops::rms_norm(&x, norm, a.rms_norm_eps as f32)?;
            }
            rope(&x, &plan.cos, &plan.sin)
        };
        let q = turned(&layer.q, heads, layer.q_norm.as_ref())?;
        let (keys, values) = self.pool.layer(index)?;
        let new = |x: Tensor| x.reshape((total * kv_heads, dim));
        keys.scatter_set(&plan.write, &new(turned(&layer.k, kv_heads, layer.k_norm.as_ref())?)?, 0)?;
        values.scatter_set(&plan.write, &new(apply(&layer.v, normed)?)?, 0)?;
        let mut outputs = Vec::with_capacity(1 + plan.blocks.len());
        for seen in plan.single.iter().chain(&plan.blocks) {
            outputs.push(seen.attend(&q, &keys, &values, kv_heads)?);
        }
        let mut mixed = if outputs.len() == 1 { outputs.remove(0) } else { Tensor::cat(&outputs, 0)? };
        if let Some(order) = &plan.order {
            mixed = mixed.index_select(order, 0)?;
        }
        apply(&layer.o, &mixed)
    }
}

impl Seen {
    /// `q` is `[rows of the step, heads, dim]`, the result `[rows of these, heads * dim]`.
    fn attend(&self, q: &Tensor, keys: &Tensor, values: &Tensor, kv_heads: usize) -> candle_core::Result<Tensor> {
        let (_, heads, dim) = q.dims3()?;
        let (count, each, group) = (self.sequences, self.each, heads / kv_heads);
        let q = match &self.rows {
            Some(rows) => q.index_select(rows, 0)?,
            None => q.clone(),
        };
        let q = q.reshape((count, each, kv_heads, group, dim))?.permute((0, 2, 3, 1, 4))?.contiguous()?;
        let q = q.reshape((count * kv_heads, group * each, dim))?;
        let gather = |pool: &Tensor| pool.index_select(&self.read, 0)?.reshape((count * kv_heads, self.positions, dim));
        let scores = q.matmul(&gather(keys)?.transpose(1, 2)?)?.to_dtype(DType::F32)?;
        let scores = (scores * (1.0 / (dim as f64).sqrt()))?;
        let scores = if each == 1 {
            scores.broadcast_add(&self.mask)?
        } else {
            let apart = scores.reshape((kv_heads * group, each, self.positions))?.broadcast_add(&self.mask)?;
            apart.reshape((kv_heads, group * each, self.positions))?
        };
        let shares = candle_nn::ops::softmax_last_dim(&scores)?.to_dtype(values.dtype())?;
        let mixed = shares.matmul(&gather(values)?)?;
        let mixed = mixed.reshape((count, kv_heads, group, each, dim))?.permute((0, 3, 1, 2, 4))?.contiguous()?;
        mixed.reshape((count * each, heads * dim))
    }
}

fn apply(linear: &Linear, x: &Tensor) -> Result<Tensor, DecoderError> {
    let y = x.matmul(&linear.weight.dense()?.t()?)?;
    Ok(match &linear.bias {
        Some(bias) => y.broadcast_add(bias)?,
        None => y,
    })
}

/// `x` is `[rows, heads, dim]`. Turned in f32: angles of late positions are too coarse in less.
fn rope(x: &Tensor, cos: &Tensor, sin: &Tensor) -> Result<Tensor, DecoderError> {
    let wide = x.to_dtype(DType::F32)?.unsqueeze(0)?;
    Ok(candle_nn::rotary_emb::rope_thd(&wide, cos, sin)?.squeeze(0)?.to_dtype(x.dtype())?)
}
