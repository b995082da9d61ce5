//! The operations of a pass and their derivatives, composed of candle's tensors.
//!
//! Derivatives are written out and no graph is recorded: candle's would keep a gradient for every frozen weight, and its
//! fused operations cut a graph without an error, so here they can be used. Nothing is as large as positions times positions, or as rows
//! times vocabulary: both are worked on in blocks.

use std::collections::HashMap;

use candle_core::{D, DType, Device, Result, Tensor};

/// Scores of attention that exist at once, in each of a few tensors.
const SCORES: usize = if cfg!(test) { 100 << 10 } else { 16 << 20 };
/// Logits that exist at once.
const LOGITS: usize = if cfg!(test) { 20 << 10 } else { 32 << 20 };

/// Floats that blocks of scores and logits take at most, with what is made of them.
pub const WORK: u64 = 6 * (SCORES + LOGITS) as u64;

/// `x` is f32, `[.., dim]`; so is the result.
pub(super) fn rms_norm(x: &Tensor, weight: &Tensor, eps: f64) -> Result<Tensor> {
    candle_nn::ops::rms_norm(x, weight, eps as f32)
}

fn inverse_rms(x: &Tensor, eps: f64) -> Result<Tensor> {
    (x.sqr()?.mean_keepdim(D::Minus1)? + eps)?.sqrt()?.recip()
}

/// Gradients of the input and of the weight.
pub(super) fn rms_norm_backward(x: &Tensor, weight: &Tensor, eps: f64, d_out: &Tensor) -> Result<(Tensor, Tensor)> {
    let inverse = inverse_rms(x, eps)?;
    let unit = x.broadcast_mul(&inverse)?;
    let dim = weight.dim(0)?;
    let d_weight = (d_out * &unit)?.reshape(((), dim))?.sum(0)?;
    let slope = d_out.broadcast_mul(weight)?;
    let along = (&slope * &unit)?.mean_keepdim(D::Minus1)?;
    let d_x = (slope - unit.broadcast_mul(&along)?)?.broadcast_mul(&inverse)?;
    Ok((d_x, d_weight))
}

/// Turns pairs of dimensions: `x` is f32, `[rows, heads, dim]`; cosines and sines are `[rows, dim / 2]`.
pub(super) fn rope(x: &Tensor, cos: &Tensor, sin: &Tensor) -> Result<Tensor> {
    candle_nn::rotary_emb::rope_thd(&x.contiguous()?.unsqueeze(0)?, cos, sin)?.squeeze(0)
}

/// `silu(gate) * up`, in the inputs' format.
pub(super) fn gated(gate: &Tensor, up: &Tensor) -> Result<Tensor> {
    gate.silu()? * up
}

/// Gradients of gate and up.
pub(super) fn gated_backward(gate: &Tensor, up: &Tensor, d_out: &Tensor) -> Result<(Tensor, Tensor)> {
    let dtype = gate.dtype();
    let (gate, up, d_out) = (gate.to_dtype(DType::F32)?, up.to_dtype(DType::F32)?, d_out.to_dtype(DType::F32)?);
    let sigmoid = (gate.neg()?.exp()? + 1.0)?.recip()?;
    let silu = (&gate * &sigmoid)?;
    let d_up = (&d_out * &silu)?;
    // silu' = s + g s (1 - s) = s + silu - silu s
    let slope = ((&sigmoid + &silu)? - (silu * &sigmoid)?)?;
    let d_gate = ((d_out * up)? * slope)?;
    Ok((d_gate.to_dtype(dtype)?, d_up.to_dtype(dtype)?))
}

/// Beginnings and numbers of the rows of queries that are worked on at once.
fn blocks(total: usize, heads: usize) -> impl Iterator<Item = (usize, usize)> {
    let block = (SCORES / (total * heads).max(1)).max(1);
    (0..total).step_by(block).map(move |begin| (begin, block.min(total - begin)))
}

/// Causal attention of one sequence after another, grouped heads sharing keys.
pub(super) struct Attention {
    device: Device,
    /// Additive masks by (rows, positions seen).
    masks: HashMap<(usize, usize), Tensor>,
}

/// Queries, keys and values of one sequence, heads first.
struct Heads {
    /// `[kv heads, group, rows, dim]`
    q: Tensor,
    /// `[kv heads, rows, dim]`
    k: Tensor,
    v: Tensor,
    scale: f64,
}

impl Heads {
    /// From `[rows, heads, dim]`.
    fn new(q: &Tensor, k: &Tensor, v: &Tensor) -> Result<Self> {
        let (_, kv_heads, dim) = k.dims3()?;
        let first = |x: &Tensor| x.transpose(0, 1)?.contiguous();
        Ok(Self { q: grouped(q, kv_heads)?, k: first(k)?, v: first(v)?, scale: 1.0 / (dim as f64).sqrt() })
    }

    /// Of queries.
    fn count(&self) -> Result<usize> {
        let (kv_heads, group, _, _) = self.q.dims4()?;
        Ok(kv_heads * group)
    }
}

/// `[rows, heads, dim]` as `[kv heads, group, rows, dim]`.
fn grouped(x: &Tensor, kv_heads: usize) -> Result<Tensor> {
    let (rows, heads, dim) = x.dims3()?;
    x.reshape((rows, kv_heads, heads / kv_heads, dim))?.permute((1, 2, 0, 3))?.contiguous()
}

/// The other way round.
fn ungrouped(x: &Tensor) -> Result<Tensor> {
    let (kv_heads, group, rows, dim) = x.dims4()?;
    x.permute((2, 0, 1, 3))?.contiguous()?.reshape((rows, kv_heads * group, dim))
}

impl Attention {
    pub(super) fn new(device: &Device) -> Self {
        Self { device: device.clone(), masks: HashMap::new() }
    }

    fn mask(&mut self, rows: usize, seen: usize) -> Result<Tensor> {
        if let Some(mask) = self.masks.get(&(rows, seen)) {
            return Ok(mask.clone());
        }
        let first = seen - rows;
        let values: Vec<f32> = (0..rows)
            .flat_map(|row| (0..seen).map(move |at| if at <= first + row { 0.0 } else { f32::NEG_INFINITY }))
            .collect();
        let mask = Tensor::from_vec(values, (rows, seen), &self.device)?;
        self.masks.insert((rows, seen), mask.clone());
        Ok(mask)
    }

    /// Shares of attention of a block of rows, f32, `[kv heads, group * rows, seen]`, with the queries they are of.
    fn shares(&mut self, heads: &Heads, begin: usize, rows: usize) -> Result<(Tensor, Tensor)> {
        let (kv_heads, group, _, dim) = heads.q.dims4()?;
        let seen = begin + rows;
        let q = heads.q.narrow(2, begin, rows)?.contiguous()?.reshape((kv_heads, group * rows, dim))?;
        let keys = heads.k.narrow(1, 0, seen)?;
        let scores = (q.matmul(&keys.transpose(1, 2)?)?.to_dtype(DType::F32)? * heads.scale)?;
        let scores = scores.reshape((kv_heads, group, rows, seen))?.broadcast_add(&self.mask(rows, seen)?)?;
        let shares = candle_nn::ops::softmax_last_dim(&scores)?;
        Ok((shares.reshape((kv_heads, group * rows, seen))?, q))
    }

    /// Of one sequence; everything is `[rows, heads, dim]`.
    pub(super) fn forward(&mut self, q: &Tensor, k: &Tensor, v: &Tensor) -> Result<Tensor> {
        let (total, heads, dim) = q.dims3()?;
        let kv_heads = k.dim(1)?;
        let group = heads / kv_heads;
        let heads = Heads::new(q, k, v)?;
        let mut outputs = Vec::new();
        for (begin, rows) in blocks(total, heads.count()?) {
            let (shares, _) = self.shares(&heads, begin, rows)?;
            let values = heads.v.narrow(1, 0, begin + rows)?;
            let out = shares.to_dtype(v.dtype())?.matmul(&values)?;
            outputs.push(out.reshape((kv_heads, group, rows, dim))?);
        }
        ungrouped(&Tensor::cat(&outputs, 2)?)
    }

    /// Gradients of queries, keys and values of one sequence, f32, `[rows, heads, dim]`.
    pub(super) fn backward(
        &mut self,
        q: &Tensor,
        k: &Tensor,
        v: &Tensor,
        d_out: &Tensor,
    ) -> Result<(Tensor, Tensor, Tensor)> {
        let (total, heads, dim) = q.dims3()?;
        let kv_heads = k.dim(1)?;
        let group = heads / kv_heads;
        let dtype = q.dtype();
        let d_out = grouped(&d_out.to_dtype(dtype)?, kv_heads)?;
        let heads = Heads::new(q, k, v)?;
        let (mut d_keys, mut d_values) = (None, None);
        let mut d_queries = Vec::new();
        for (begin, rows) in blocks(total, heads.count()?) {
            let seen = begin + rows;
            let (shares, q) = self.shares(&heads, begin, rows)?;
            let d_out = d_out.narrow(2, begin, rows)?.contiguous()?.reshape((kv_heads, group * rows, dim))?;
            let (keys, values) = (heads.k.narrow(1, 0, seen)?, heads.v.narrow(1, 0, seen)?);
            let d_value = shares.to_dtype(dtype)?.transpose(1, 2)?.matmul(&d_out)?;
            add_front(&mut d_values, &d_value, total)?;
            let d_shares = d_out.matmul(&values.transpose(1, 2)?)?.to_dtype(DType::F32)?;
            let along = (&d_shares * &shares)?.sum_keepdim(D::Minus1)?;
            let d_scores = (d_shares.broadcast_sub(&along)? * shares)?.affine(heads.scale, 0.0)?.to_dtype(dtype)?;
            let d_query = d_scores.matmul(&keys)?.to_dtype(DType::F32)?;
            d_queries.push(d_query.reshape((kv_heads, group, rows, dim))?);
            add_front(&mut d_keys, &d_scores.transpose(1, 2)?.matmul(&q)?, total)?;
        }
        let last = |x: Option<Tensor>| match x {
            Some(x) => x.transpose(0, 1)?.contiguous(),
            None => candle_core::bail!("a sequence without rows"),
        };
        Ok((ungrouped(&Tensor::cat(&d_queries, 2)?)?, last(d_keys)?, last(d_values)?))
    }
}

/// Adds `x`, `[kv heads, seen, dim]`, onto the first positions of a sum of `total` positions, f32.
fn add_front(sum: &mut Option<Tensor>, x: &Tensor, total: usize) -> Result<()> {
    let x = x.to_dtype(DType::F32)?;
    let x = x.pad_with_zeros(1, 0, total - x.dim(1)?)?;
    *sum = Some(match sum.take() {
        Some(sum) => (sum + x)?,
        None => x,
    });
    Ok(())
}

/// The cross-entropy of each row.
pub(super) struct CrossEntropy {
    pub losses: Vec<f32>,
    /// Gradients of the weighted sum with respect to rows and head, if wanted.
    pub d_rows: Option<Tensor>,
    pub d_head: Option<Tensor>,
}

/// What [`cross_entropy`] is to find besides the losses.
#[derive(Clone, Copy)]
pub(super) struct Wanted {
    pub rows: bool,
    pub head: bool,
}

/// `rows` `[n, hidden]` and `head` `[vocab, hidden]` in one format.
pub(super) fn cross_entropy(
    rows: &Tensor,
    head: &Tensor,
    targets: &[u32],
    weights: &[f32],
    wanted: Wanted,
) -> Result<CrossEntropy> {
    let (count, vocab) = (rows.dim(0)?, head.dim(0)?);
    let (device, dtype) = (rows.device(), rows.dtype());
    let block = (LOGITS / vocab).clamp(1, count.max(1));
    let mut out = CrossEntropy { losses: Vec::with_capacity(count), d_rows: None, d_head: None };
    let mut d_rows = Vec::new();
    for begin in (0..count).step_by(block) {
        let here = begin..(begin + block).min(count);
        let rows = rows.narrow(0, begin, here.len())?;
        let targets = Tensor::new(&targets[here.clone()], device)?.unsqueeze(1)?;
        let logits = rows.matmul(&head.t()?)?.to_dtype(DType::F32)?;
        let most = logits.max_keepdim(1)?;
        let picked = (logits.gather(&targets, 1)? - &most)?;
        let powers = logits.broadcast_sub(&most)?.exp()?;
        drop(logits);
        let sum = powers.sum_keepdim(1)?;
        out.losses.extend((sum.log()? - picked)?.flatten_all()?.to_vec1::<f32>()?);
        if !(wanted.rows || wanted.head) {
            continue;
        }
        let weights = Tensor::new(&weights[here], device)?.unsqueeze(1)?;
        let minus = weights.neg()?;
        let d_logits = powers.broadcast_mul(&(weights / sum)?)?.scatter_add(&targets, &minus, 1)?.to_dtype(dtype)?;
        if wanted.rows {
            d_rows.push(d_logits.matmul(head)?);
        }
        if wanted.head {
            let more = d_logits.t()?.matmul(&rows)?.to_dtype(DType::F32)?;
            out.d_head = Some(match out.d_head.take() {
                Some(sum) => (sum + more)?,
                None => more,
            });
        }
    }
    if !d_rows.is_empty() {
        out.d_rows = Some(Tensor::cat(&d_rows, 0)?);
    }
    Ok(out)
}
