//! The forward pass on `ops`' kernels: in main memory, f32 but for matrices that are packed in a smaller format.

use candle_core::{CpuStorage, Storage, StorageRef, Tensor};
use rayon::prelude::*;

use super::{Decoder, DecoderError, Layer, Linear, Segment, Weight, Workspace};
use crate::model::cache::{Cache, Store};
use crate::model::ops::attention::{Rows, attention};
use crate::model::ops::linear::{Product, linear_many};
use crate::model::ops::packed::{self, Packed, PackedRows, bf16, q8};
use crate::model::ops::{Isa, rows};

/// A tensor's floats, readable while this lives. They are read where candle keeps them: no copy.
struct Held<'a> {
    storage: StorageRef<'a>,
    begin: usize,
    len: usize,
}

impl<'a> Held<'a> {
    fn new(tensor: &'a Tensor) -> Result<Self, DecoderError> {
        let (storage, layout) = tensor.storage_and_layout();
        let (begin, end) = layout
            .contiguous_offsets()
            .ok_or_else(|| candle_core::Error::Msg("a weight is not contiguous".to_owned()))?;
        match &*storage {
            Storage::Cpu(CpuStorage::F32(data)) if end <= data.len() => {}
            _ => return Err(candle_core::Error::Msg("a weight is not f32 in main memory".to_owned()).into()),
        }
        Ok(Self { storage, begin, len: end - begin })
    }

    fn slice(&self) -> &[f32] {
        match &*self.storage {
            Storage::Cpu(CpuStorage::F32(data)) => &data[self.begin..self.begin + self.len],
            // Ruled out by `new`.
            _ => &[],
        }
    }
}

/// Lets `work` read a tensor's floats.
pub(super) fn with_floats<R>(tensor: &Tensor, work: impl FnOnce(&[f32]) -> R) -> Result<R, DecoderError> {
    Ok(work(Held::new(tensor)?.slice()))
}

/// Multiplies rows `x` with several maps of one kind, each into its own memory.
fn multiply<const N: usize>(
    isa: Isa,
    x: &[f32],
    inputs: usize,
    rounded: &mut Rounded,
    maps: [(&Linear, &mut [f32]); N],
) -> Result<(), DecoderError> {
    let mut held = Vec::with_capacity(N);
    let (mut eights, mut halves) = (Vec::new(), Vec::new());
    for (map, out) in maps {
        let bias = map.bias.as_ref().map(Held::new).transpose()?;
        match &map.weight {
            Weight::Dense(weight) => held.push((Held::new(weight)?, bias, map.weight.outputs()?, out)),
            Weight::Bf16(matrix) => halves.push((&**matrix, bias, out)),
            Weight::Q8(matrix) => eights.push((&**matrix, bias, out)),
        }
    }
    if !held.is_empty() {
        let products = held.iter_mut().map(|(weight, bias, outputs, out)| Product {
            weight: weight.slice(),
            bias: bias.as_ref().map(Held::slice),
            out,
            outputs: *outputs,
        });
        linear_many(isa, x, inputs, &mut products.collect::<Vec<_>>());
    }
    multiply_packed(isa, x, inputs, &mut rounded.eights, &mut eights);
    multiply_packed(isa, x, inputs, &mut rounded.halves, &mut halves);
    Ok(())
}

fn multiply_packed<M: Packed>(
    isa: Isa,
    x: &[f32],
    inputs: usize,
    rows: &mut M::Rows,
    maps: &mut [(&M, Option<Held<'_>>, &mut [f32])],
) {
    if maps.is_empty() {
        return;
    }
    rows.take(isa, x, inputs);
    let products = maps.iter_mut().map(|(weight, bias, out)| {
        let bias = bias.as_ref().map(Held::slice);
        packed::Product { weight: *weight, bias, out }
    });
    packed::multiply(isa, rows, &mut products.collect::<Vec<_>>());
}

/// Rows in the formats of packed matrices.
#[derive(Debug, Default)]
pub(super) struct Rounded {
    eights: q8::Rows,
    halves: bf16::Rows,
}

impl Decoder {
    /// Leaves the logits of the rows `wanted` in the workspace.
    pub(super) fn forward_fused(
        &self,
        workspace: &mut Workspace,
        segments: &mut [Segment<'_>],
        wanted: &[usize],
    ) -> Result<(), DecoderError> {
        let (isa, a) = (Isa::detect(), &self.architecture);
        if segments.iter().any(|segment| !self.owns(segment.cache)) {
            return Err(DecoderError::ForeignCache);
        }
        let total: usize = segments.iter().map(|segment| segment.tokens.len()).sum();
        let (hidden, pairs) = (a.hidden_size, self.rope.pairs());
        let x = workspace.x.get(total * hidden);
        self.embed(segments, x)?;
        let cos = workspace.cos.get(total * pairs);
        let sin = workspace.sin.get(total * pairs);
        let mut row = 0;
        for segment in segments.iter_mut() {
            for offset in 0..segment.tokens.len() {
                let here = row * pairs..(row + 1) * pairs;
                self.rope.angles(segment.cache.len() + offset, &mut cos[here.clone()], &mut sin[here]);
                row += 1;
            }
            segment.cache.reserve(segment.tokens.len());
        }
        let eps = a.rms_norm_eps as f32;
        for (index, layer) in self.layers.iter().enumerate() {
            self.attend(isa, workspace, segments, index, layer, total)?;
            let x = workspace.x.get(total * hidden);
            let normed = workspace.normed.get(total * hidden);
            let mixed = workspace.mixed.get(total * hidden);
            rows::rms_norm(isa, x, Some(mixed), Held::new(&layer.mlp_norm)?.slice(), eps, normed);
            let gate = workspace.gate.get(total * a.intermediate_size);
            let up = workspace.up.get(total * a.intermediate_size);
            let rounded = &mut workspace.rounded;
            multiply(isa, normed, hidden, rounded, [(&layer.gate, gate), (&layer.up, up)])?;
            rows::swiglu(isa, gate, up);
            multiply(isa, gate, a.intermediate_size, rounded, [(&layer.down, mixed)])?;
        }
        self.project(isa, workspace, wanted, total)
    }

    fn owns(&self, cache: &Cache) -> bool {
        matches!(&cache.store, Store::Blocks { layout, .. } if *layout == self.layout())
    }

    fn embed(&self, segments: &[Segment<'_>], x: &mut [f32]) -> Result<(), DecoderError> {
        let hidden = self.architecture.hidden_size;
        let table = Held::new(&self.embedding)?;
        let tokens = segments.iter().flat_map(|segment| segment.tokens);
        for (row, &token) in x.chunks_exact_mut(hidden).zip(tokens) {
            row.copy_from_slice(&table.slice()[token as usize * hidden..][..hidden]);
        }
        Ok(())
    }

    /// The attention half of a layer. What the layer before left in `mixed` is added to `x` first; the output, not yet added,
    /// is left there too.
    fn attend(
        &self,
        isa: Isa,
        workspace: &mut Workspace,
        segments: &mut [Segment<'_>],
        index: usize,
        layer: &Layer,
        total: usize,
    ) -> Result<(), DecoderError> {
        let a = &self.architecture;
        let (hidden, dim, pairs) = (a.hidden_size, a.head_dim, self.rope.pairs());
        let (q_width, kv_width) = (a.num_attention_heads * dim, a.num_key_value_heads * dim);
        let eps = a.rms_norm_eps as f32;
        let x = workspace.x.get(total * hidden);
        let normed = workspace.normed.get(total * hidden);
        let before = if index > 0 { Some(&*workspace.mixed.get(total * hidden)) } else { None };
        rows::rms_norm(isa, x, before, Held::new(&layer.attention_norm)?.slice(), eps, normed);
        let q = workspace.q.get(total * q_width);
        let k = workspace.k.get(total * kv_width);
        let v = workspace.v.get(total * kv_width);
        multiply(isa, normed, hidden, &mut workspace.rounded, [(&layer.q, q), (&layer.k, k), (&layer.v, v)])?;

        let (q_norm, k_norm) =
            (layer.q_norm.as_ref().map(Held::new).transpose()?, layer.k_norm.as_ref().map(Held::new).transpose()?);
        let (q_norm, k_norm) = (q_norm.as_ref().map(Held::slice), k_norm.as_ref().map(Held::slice));
        let (cos, sin) = (&*workspace.cos.get(total * pairs), &*workspace.sin.get(total * pairs));
        let turn = |row: usize, heads: &mut [f32], norm: Option<&[f32]>| {
            let here = row * pairs..(row + 1) * pairs;
            for head in heads.chunks_exact_mut(dim) {
                if let Some(norm) = norm {
                    rows::rms_norm_in_place(isa, head, norm, eps);
                }
                rows::rope(isa, head, &cos[here.clone()], &sin[here.clone()]);
            }
        };
        let heads = q.par_chunks_exact_mut(q_width).zip(k.par_chunks_exact_mut(kv_width)).with_min_len(4).enumerate();
        heads.for_each(|(row, (q, k))| {
            turn(row, q, q_norm);
            turn(row, k, k_norm);
        });
        let mut row = 0;
        let mut writing: Vec<_> = segments
            .iter_mut()
            .map(|segment| {
                row += segment.tokens.len();
                (segment, row)
            })
            .collect();
        writing.par_iter_mut().with_min_len(4).for_each(|(segment, end)| {
            let count = segment.tokens.len();
            for (offset, row) in (*end - count..*end).enumerate() {
                let here = row * kv_width..(row + 1) * kv_width;
                segment.cache.write(index, segment.cache.len() + offset, &k[here.clone()], &v[here]);
            }
        });

        let blocks: Vec<Vec<&[f32]>> = segments
            .iter()
            .map(|segment| match &segment.cache.store {
                Store::Blocks { blocks, .. } => blocks.iter().map(|block| block.as_slice()).collect(),
                Store::Pages(_) => Vec::new(),
            })
            .collect();
        let mut row = 0;
        let sequences: Vec<Rows<'_>> = segments
            .iter()
            .zip(&blocks)
            .map(|(segment, blocks)| {
                let rows = Rows { blocks, row, rows: segment.tokens.len(), first: segment.cache.len() };
                row += rows.rows;
                rows
            })
            .collect();
        // The gate's memory is free until the second half of the layer.
        let heads = workspace.gate.get(total * q_width);
        attention(isa, &self.layout(), index, &sequences, q, heads);
        let mixed = workspace.mixed.get(total * hidden);
        multiply(isa, heads, q_width, &mut workspace.rounded, [(&layer.o, mixed)])
    }

    /// Final norm and head, on the wanted rows alone.
    fn project(&self, isa: Isa, workspace: &mut Workspace, wanted: &[usize], total: usize) -> Result<(), DecoderError> {
        let (hidden, vocab) = (self.architecture.hidden_size, self.architecture.vocab_size);
        let x = workspace.x.get(total * hidden);
        // What the last layer left is added where it is wanted; rows come in order, so nothing is overwritten unread.
        let mixed = workspace.mixed.get(total * hidden);
        for (at, &row) in wanted.iter().enumerate() {
            x.copy_within(row * hidden..(row + 1) * hidden, at * hidden);
            mixed.copy_within(row * hidden..(row + 1) * hidden, at * hidden);
        }
        let (chosen, left) = (&mut x[..wanted.len() * hidden], &mixed[..wanted.len() * hidden]);
        let normed = workspace.normed.get(wanted.len() * hidden);
        rows::rms_norm(
            isa,
            chosen,
            Some(left).filter(|_| !self.layers.is_empty()),
            Held::new(&self.norm)?.slice(),
            self.architecture.rms_norm_eps as f32,
            normed,
        );
        let logits = workspace.logits.get(wanted.len() * vocab);
        multiply(isa, normed, hidden, &mut workspace.rounded, [(&self.head, logits)])
    }
}
