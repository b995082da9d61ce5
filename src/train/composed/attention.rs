//! Causal attention over the sequences of a pass and its derivative, composed of candle's tensors.
//!
//! Sequences of about the same length go together, the shorter ones padded behind: no earlier query sees a padded key, and
//! what padded queries give is left behind and has no gradient. Queries are worked on in blocks, each against the keys
//! up to its end, so that the scores of all pairs never exist together. Rows of heads are brought together and back by lists
//! of their places, worked out once a pass.

use std::collections::HashMap;
use std::ops::Range;

use candle_core::{D, DType, Device, Result, Tensor};

use super::ops::{repeated, row_sums};

/// Scores that exist at once, in each of a few tensors.
const SCORES: usize = if cfg!(test) { 100 << 10 } else { 16 << 20 };

/// Floats that a block of scores takes at most, with what is made of it.
pub(super) const WORK: u64 = 6 * SCORES as u64;

/// A sequence goes with longer ones of at most this many times its length.
const STRETCH: f64 = 1.25;

/// Columns that are put beside the values in the backward pass: two are used, eight keep rows aligned.
const BESIDE: usize = 8;

/// What a masked score is lowered by: its share is exactly 0.
const FAR: f32 = -1e30;

/// The sequences of one pass, brought in order.
pub(super) struct Attention {
    device: Device,
    rows: usize,
    heads: usize,
    kv_heads: usize,
    groups: Vec<Group>,
    /// Places of `[rows * heads]` in what the blocks give one after another, and of `[rows * kv heads]` in the groups.
    back: Tensor,
    back_kv: Tensor,
    /// `[rows * rows]` by rows.
    masks: HashMap<usize, Tensor>,
}

/// Sequences that are worked on together.
struct Group {
    count: usize,
    /// Of the longest.
    len: usize,
    blocks: Vec<Block>,
    /// Places of `[count, kv heads, len]` among `[rows * kv heads]`.
    kv: Tensor,
}

/// Some queries of each sequence of a group.
struct Block {
    begin: usize,
    rows: usize,
    /// Places of `[count, heads, rows]` among `[rows * heads]`; a padded row repeats the last one.
    queries: Tensor,
    /// The same, but that a padded row has the place behind all others.
    gradients: Tensor,
}

/// Beginnings and numbers of the queries of `len` that are worked on at once, `wide` of each position.
fn blocks(len: usize, wide: usize) -> Vec<(usize, usize)> {
    let room = (SCORES / wide.max(1)) as f64;
    let (mut blocks, mut begin) = (Vec::new(), 0);
    while begin < len {
        // rows * (begin + rows) = room
        let half = begin as f64 / 2.0;
        let rows = ((half * half + room).sqrt() - half) as usize;
        let rows = rows.clamp(1, len - begin);
        blocks.push((begin, rows));
        begin += rows;
    }
    blocks
}

impl Attention {
    /// For a pass over these sequences, which cover `rows` rows one after another.
    pub(super) fn new(device: &Device, spans: &[Range<usize>], heads: usize, kv_heads: usize) -> Result<Self> {
        let rows = spans.last().map_or(0, |span| span.end);
        let mut order: Vec<&Range<usize>> = spans.iter().filter(|span| !span.is_empty()).collect();
        order.sort_by_key(|span| std::cmp::Reverse(span.len()));
        let (mut groups, mut back, mut back_kv) = (Vec::new(), vec![0; rows * heads], vec![0; rows * kv_heads]);
        let (mut queries, mut keys) = (0, 0);
        let last = |span: &Range<usize>, at: usize| span.start + at.min(span.len() - 1);
        let none = |span: &Range<usize>, at: usize| if at < span.len() { span.start + at } else { rows };
        while let Some(longest) = order.first() {
            let len = longest.len();
            let count = order.iter().take_while(|span| span.len() as f64 * STRETCH >= len as f64).count();
            let members: Vec<&Range<usize>> = order.drain(..count).collect();
            let kv = places(&members, kv_heads, 0..len, last);
            came_from(&members, kv_heads, 0..len, keys, &mut back_kv);
            keys += kv.len();
            let mut of_group = Vec::new();
            for (begin, here) in blocks(len, count * heads) {
                let range = begin..begin + here;
                let of_queries = places(&members, heads, range.clone(), last);
                came_from(&members, heads, range.clone(), queries, &mut back);
                queries += of_queries.len();
                // There is one row of zeros behind all others, for all heads.
                let gradients = places(&members, heads, range, none);
                let gradients = gradients.into_iter().map(|at| at.min((rows * heads) as u32)).collect::<Vec<_>>();
                of_group.push(Block {
                    begin,
                    rows: here,
                    queries: Tensor::new(of_queries, device)?,
                    gradients: Tensor::new(gradients, device)?,
                });
            }
            groups.push(Group { count, len, blocks: of_group, kv: Tensor::new(kv, device)? });
        }
        let (back, back_kv) = (Tensor::new(back, device)?, Tensor::new(back_kv, device)?);
        Ok(Self { device: device.clone(), rows, heads, kv_heads, groups, back, back_kv, masks: HashMap::new() })
    }

    /// Shares of attention of a block's queries `[batch, group * rows, dim]`: `[batch, group * rows, seen]`.
    fn shares(&mut self, q: &Tensor, keys: &Tensor, (begin, rows): (usize, usize)) -> Result<Tensor> {
        let (batch, wide, _) = q.dims3()?;
        let score = |begin: usize, count: usize| q.matmul(&keys.narrow(1, begin, count)?.transpose(1, 2)?);
        let mask = self.mask(rows, q.dtype())?;
        let mask = repeated(&mask, batch * wide / rows)?.reshape((batch, wide, rows))?;
        let mut scores = (score(begin, rows)? + mask)?;
        if begin > 0 {
            scores = Tensor::cat(&[score(0, begin)?, scores], 2)?;
        }
        candle_nn::ops::softmax_last_dim(&scores)
    }

    /// What is added to the scores of queries and keys of the same positions.
    fn mask(&mut self, rows: usize, dtype: DType) -> Result<Tensor> {
        if let Some(mask) = self.masks.get(&rows) {
            return Ok(mask.clone());
        }
        let of_row = |row: usize| (0..rows).map(move |at| if at <= row { 0.0 } else { FAR });
        let values: Vec<f32> = (0..rows).flat_map(of_row).collect();
        let mask = Tensor::from_vec(values, rows * rows, &self.device)?.to_dtype(dtype)?;
        self.masks.insert(rows, mask.clone());
        Ok(mask)
    }

    /// `q` is `[rows, heads, dim]`, divided by the root of `dim` before it was rounded; keys and values are
    /// `[rows, kv heads, dim]`. Scores and shares are in the same format.
    pub(super) fn forward(&mut self, q: &Tensor, k: &Tensor, v: &Tensor) -> Result<Tensor> {
        let dim = q.dim(2)?;
        let (flat_q, flat_k, flat_v) = (flat(q)?, flat(k)?, flat(v)?);
        let mut outputs = Vec::new();
        let groups = std::mem::take(&mut self.groups);
        for group in &groups {
            let (batch, wide) = (group.count * self.kv_heads, self.heads / self.kv_heads);
            let of = |x: &Tensor| x.index_select(&group.kv, 0)?.reshape((batch, group.len, dim));
            let (keys, values) = (of(&flat_k)?, of(&flat_v)?);
            for block in &group.blocks {
                let q = flat_q.index_select(&block.queries, 0)?.reshape((batch, wide * block.rows, dim))?;
                let shares = self.shares(&q, &keys, (block.begin, block.rows))?;
                let out = shares.matmul(&values.narrow(1, 0, block.begin + block.rows)?)?;
                outputs.push(flat(&out)?);
            }
        }
        self.groups = groups;
        Tensor::cat(&outputs, 0)?.index_select(&self.back, 0)?.reshape(q.shape())
    }

    /// Gradients of queries (as they were divided), keys and values, f32. `out` is what [`Attention::forward`] gave, `[rows, heads * dim]`.
    pub(super) fn backward(
        &mut self,
        (q, k, v): (&Tensor, &Tensor, &Tensor),
        out: &Tensor,
        d_out: &Tensor,
    ) -> Result<(Tensor, Tensor, Tensor)> {
        let (dim, dtype) = (q.dim(2)?, q.dtype());
        let (flat_q, flat_k) = (flat(q)?, flat(k)?);
        let d_out = d_out.reshape(flat_q.shape())?;
        // The gradient of a score is its share times (that of the share - the mean of those under the shares). The mean is the
        // product of output and gradient; its two halves stand beside the gradient, and ones beside the values, so that one
        // product of matrices has the difference.
        let mean = (d_out.to_dtype(DType::F32)? * out.reshape(flat_q.shape())?.to_dtype(DType::F32)?)?;
        let mean = row_sums(&mean)?.neg()?;
        let coarse = mean.to_dtype(dtype)?;
        let fine = (mean - coarse.to_dtype(DType::F32)?)?.to_dtype(dtype)?;
        let zeros = |rows, columns| Tensor::zeros((rows, columns), dtype, &self.device);
        let wide = Tensor::cat(&[&d_out, &coarse, &fine, &zeros(d_out.dim(0)?, BESIDE - 2)?], 1)?;
        let wide = Tensor::cat(&[&wide, &zeros(1, dim + BESIDE)?], 0)?;
        let places = self.rows * self.kv_heads;
        let ones = Tensor::ones((places, 2), dtype, &self.device)?;
        let wide_v = Tensor::cat(&[&flat(v)?, &ones, &zeros(places, BESIDE - 2)?], 1)?;

        let (mut d_queries, mut d_keys, mut d_values) = (Vec::new(), Vec::new(), Vec::new());
        let groups = std::mem::take(&mut self.groups);
        for group in &groups {
            let (batch, heads) = (group.count * self.kv_heads, self.heads / self.kv_heads);
            let keys = flat_k.index_select(&group.kv, 0)?.reshape((batch, group.len, dim))?;
            let values = wide_v.index_select(&group.kv, 0)?.reshape((batch, group.len, dim + BESIDE))?;
            let (mut of_keys, mut of_values) = (None, None);
            for block in &group.blocks {
                let seen = block.begin + block.rows;
                let q = flat_q.index_select(&block.queries, 0)?.reshape((batch, heads * block.rows, dim))?;
                let slope = wide.index_select(&block.gradients, 0)?;
                let slope = slope.reshape((batch, heads * block.rows, dim + BESIDE))?;
                let shares = self.shares(&q, &keys, (block.begin, block.rows))?;
                let d_value = shares.transpose(1, 2)?.matmul(&slope)?;
                add_front(&mut of_values, &d_value, group.len)?;
                let d_shares = slope.matmul(&values.narrow(1, 0, seen)?.transpose(1, 2)?)?;
                let d_scores = (d_shares * shares)?;
                d_queries.push(flat(&d_scores.matmul(&keys.narrow(1, 0, seen)?)?)?);
                add_front(&mut of_keys, &d_scores.transpose(1, 2)?.matmul(&q)?, group.len)?;
            }
            d_keys.extend(of_keys);
            d_values.extend(of_values);
        }
        self.groups = groups;
        let together = |parts: &[Tensor]| Tensor::cat(&parts.iter().map(flat).collect::<Result<Vec<_>>>()?, 0);
        let d_q = together(&d_queries)?.index_select(&self.back, 0)?.to_dtype(DType::F32)?;
        let d_k = together(&d_keys)?.index_select(&self.back_kv, 0)?;
        let d_v = together(&d_values)?.index_select(&self.back_kv, 0)?.narrow(1, 0, dim)?.contiguous()?;
        Ok((d_q.reshape(q.shape())?, d_k.reshape(k.shape())?, d_v.reshape(v.shape())?))
    }
}

/// `[.., dim]` as `[rows, dim]`.
fn flat(x: &Tensor) -> Result<Tensor> {
    x.reshape(((), x.dim(D::Minus1)?))
}

/// Places, in the order of sequence, head and position, of positions whose rows `row` finds.
fn places(
    spans: &[&Range<usize>],
    heads: usize,
    positions: Range<usize>,
    row: impl Fn(&Range<usize>, usize) -> usize,
) -> Vec<u32> {
    let mut places = Vec::with_capacity(spans.len() * heads * positions.len());
    for span in spans {
        for head in 0..heads {
            places.extend(positions.clone().map(|at| (row(span, at) * heads + head) as u32));
        }
    }
    places
}

/// Notes for each row and head where it is found again in what [`places`] brought together behind `offset` others.
fn came_from(spans: &[&Range<usize>], heads: usize, positions: Range<usize>, offset: usize, back: &mut [u32]) {
    for (number, span) in spans.iter().enumerate() {
        for head in 0..heads {
            for at in positions.start..positions.end.min(span.len()) {
                let place = offset + (number * heads + head) * positions.len() + at - positions.start;
                back[(span.start + at) * heads + head] = place as u32;
            }
        }
    }
}

/// Adds `x`, `[batch, seen, dim]`, onto the first positions of a sum of `total` positions, f32.
fn add_front(sum: &mut Option<Tensor>, x: &Tensor, total: usize) -> Result<()> {
    let x = x.to_dtype(DType::F32)?;
    let x = if x.dim(1)? < total { x.pad_with_zeros(1, 0, total - x.dim(1)?)? } else { x };
    *sum = Some(match sum.take() {
        Some(sum) => (sum + x)?,
        None => x,
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_cover_all_and_keep_to_the_room() {
        for (len, wide) in [(1, 9), (700, 36), (5000, 1), (64, 100 << 10)] {
            let mut at = 0;
            for (begin, rows) in blocks(len, wide) {
                assert_eq!(begin, at);
                assert!(rows == 1 || rows * (begin + rows) * wide <= SCORES, "{begin} {rows}");
                at += rows;
            }
            assert_eq!(at, len);
        }
    }
}
