//! The operations of a pass and their derivatives, composed of candle's tensors.
//!
//! Derivatives are written out and no graph is recorded: candle's would keep a gradient for every frozen weight, and its
//! fused operations cut a graph without an error, so here they can be used. Nothing is as large as rows times vocabulary: that is
//! worked on in blocks. On a GPU candle's broadcasts and sums find the place of every element by divisions and take many times as
//! long as the memory would need: vectors are spread, and rows added up, by products of matrices instead.

use candle_core::{DType, Result, Tensor};

/// Logits that exist at once.
const LOGITS: usize = if cfg!(test) { 20 << 10 } else { 32 << 20 };

/// Floats that a block of logits takes at most, with what is made of it.
pub(super) const WORK: u64 = 6 * LOGITS as u64;

/// A column `[rows, 1]`, f32, beside itself `width` times.
fn widened(column: &Tensor, width: usize) -> Result<Tensor> {
    column.matmul(&Tensor::ones((1, width), DType::F32, column.device())?)
}

/// A vector `[width]` below itself `count` times.
pub(super) fn repeated(row: &Tensor, count: usize) -> Result<Tensor> {
    Tensor::ones((count, 1), row.dtype(), row.device())?.matmul(&row.flatten_all()?.unsqueeze(0)?)
}

/// The sum of the rows of `[rows, width]`, f32.
pub(super) fn sum_of_rows(x: &Tensor) -> Result<Tensor> {
    Tensor::ones((1, x.dim(0)?), DType::F32, x.device())?.matmul(x)?.squeeze(0)
}

/// The sum of each row of `[rows, width]`, f32, as a column.
pub(super) fn row_sums(x: &Tensor) -> Result<Tensor> {
    x.matmul(&Tensor::ones((x.dim(1)?, 1), DType::F32, x.device())?)
}

/// Adds a bias to each row.
pub(super) fn add_bias(x: &Tensor, bias: &Tensor) -> Result<Tensor> {
    x + repeated(bias, x.dim(0)?)?
}

/// `x` is f32, `[.., dim]`; so is the result.
pub(super) fn rms_norm(x: &Tensor, weight: &Tensor, eps: f64) -> Result<Tensor> {
    candle_nn::ops::rms_norm(x, weight, eps as f32)
}

/// Gradients of the input and, if it is wanted, of the weight.
pub(super) fn rms_norm_backward(
    x: &Tensor,
    weight: &Tensor,
    eps: f64,
    d_out: &Tensor,
    of_weight: bool,
) -> Result<(Tensor, Option<Tensor>)> {
    let dim = weight.dim(0)?;
    let rows = |x: &Tensor| x.reshape(((), dim));
    let (flat, d_out) = (rows(x)?, rows(d_out)?);
    let per = 1.0 / dim as f64;
    let inverse = row_sums(&flat.sqr()?)?.affine(per, eps)?.sqrt()?.recip()?;
    let wide = widened(&inverse, dim)?;
    let unit = (flat * &wide)?;
    let d_weight = if of_weight { Some(sum_of_rows(&(&d_out * &unit)?)?) } else { None };
    let slope = (&d_out * repeated(weight, d_out.dim(0)?)?)?;
    let along = ((row_sums(&(&slope * &unit)?)? * per)? * inverse)?;
    let d_x = ((slope * wide)? - (unit * widened(&along, dim)?)?)?;
    Ok((d_x.reshape(x.shape())?, d_weight))
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

/// The cross-entropy of each row.
pub(super) struct CrossEntropy {
    pub losses: Vec<f32>,
    /// Gradients of the weighted sum with respect to rows and head, f32, if wanted.
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
    let (count, hidden) = rows.dims2()?;
    let (device, dtype) = (rows.device(), rows.dtype());
    let block = (LOGITS / head.dim(0)?).clamp(1, count.max(1));
    let mut out = CrossEntropy { losses: Vec::new(), d_rows: None, d_head: None };
    let (mut losses, mut d_rows) = (Vec::new(), Vec::new());
    for begin in (0..count).step_by(block) {
        let here = begin..(begin + block).min(count);
        let rows = rows.narrow(0, begin, here.len())?;
        let targets = Tensor::new(&targets[here.clone()], device)?.unsqueeze(1)?;
        let logits = rows.matmul(&head.t()?)?.to_dtype(DType::F32)?;
        let shares = candle_nn::ops::softmax_last_dim(&logits)?;
        // A target's own share may be too small to be a number: the largest one tells the sum of the powers.
        let most = shares.argmax_keepdim(1)?;
        let under = (logits.gather(&most, 1)? - logits.gather(&targets, 1)?)?;
        drop(logits);
        losses.push((under - shares.gather(&most, 1)?.log()?)?);
        if !(wanted.rows || wanted.head) {
            continue;
        }
        let minus = Tensor::new(-1.0f32, device)?.expand((here.len(), 1))?.contiguous()?;
        let d_logits = shares.scatter_add(&targets, &minus, 1)?.to_dtype(dtype)?;
        // Each row's weight is a factor of what the row gives, and not of its many logits.
        let weights = widened(&Tensor::new(&weights[here], device)?.unsqueeze(1)?, hidden)?;
        if wanted.rows {
            d_rows.push((d_logits.matmul(head)?.to_dtype(DType::F32)? * &weights)?);
        }
        if wanted.head {
            let weighted = (rows.to_dtype(DType::F32)? * &weights)?.to_dtype(dtype)?;
            let more = d_logits.t()?.matmul(&weighted)?.to_dtype(DType::F32)?;
            out.d_head = Some(match out.d_head.take() {
                Some(sum) => (sum + more)?,
                None => more,
            });
        }
    }
    if !losses.is_empty() {
        out.losses = Tensor::cat(&losses, 0)?.flatten_all()?.to_vec1::<f32>()?;
    }
    if !d_rows.is_empty() {
        out.d_rows = Some(Tensor::cat(&d_rows, 0)?);
    }
    Ok(out)
}
