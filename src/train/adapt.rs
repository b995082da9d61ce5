//! The adapters' part of a pass.

use super::Gradients;
use super::lora::{Dropout, Site};
use super::network::Lora;
use crate::model::ops::gemm::{Onto, View, ViewMut, product};
use crate::model::ops::{Buffer, Isa};

/// Adapters at work.
#[derive(Clone, Copy)]
pub(super) struct Adapting<'a> {
    pub lora: &'a Lora,
    pub isa: Isa,
    pub seed: u64,
    pub training: bool,
}

impl Adapting<'_> {
    /// `None` where nothing is dropped.
    fn dropout(&self, layer: usize, module: &str) -> Option<Dropout> {
        Dropout::of(&self.lora.layout.settings, self.seed, layer, module).filter(|_| self.training)
    }

    fn rank(&self) -> usize {
        self.lora.layout.settings.rank
    }
}

/// Scratch of the backward pass.
pub(super) struct Scratch<'a> {
    pub d_inner: &'a mut Buffer,
    pub dropped: &'a mut Buffer,
}

/// Adds the adapters' outputs onto `out` and leaves their inner values in `inner`, `[rows, inner values of the layer]`.
pub(super) fn forward(
    adapting: Adapting<'_>,
    layer: usize,
    site: &Site,
    x: &[f32],
    inner: &mut [f32],
    out: &mut [f32],
    dropped: &mut Buffer,
) {
    if site.adapters.is_empty() {
        return;
    }
    let (isa, rank, weights) = (adapting.isa, adapting.rank(), &adapting.lora.weights);
    let (step, scale) = (adapting.lora.layout.inner, adapting.lora.layout.settings.scale());
    let rows = x.len() / site.inputs;
    let outputs = out.len() / rows;
    if adapting.dropout(layer, "").is_none() {
        let width = rank * site.adapters.len();
        let a = View::new(&weights[site.a.clone()], width, site.inputs, site.inputs);
        let to = ViewMut::new(&mut inner[site.inner..], rows, width, step);
        product(isa, View::new(x, rows, site.inputs, site.inputs), a.transposed(), to, 1.0, Onto::Nothing);
    }
    for (index, adapter) in site.adapters.iter().enumerate() {
        let at = site.inner + index * rank;
        if let Some(dropout) = adapting.dropout(layer, adapter.module) {
            let dropped = dropped.get(x.len());
            dropout.apply(x, dropped);
            let a = View::new(&weights[adapter.a.clone()], rank, site.inputs, site.inputs);
            let to = ViewMut::new(&mut inner[at..], rows, rank, step);
            product(isa, View::new(dropped, rows, site.inputs, site.inputs), a.transposed(), to, 1.0, Onto::Nothing);
        }
        let b = View::new(&weights[adapter.b.clone()], adapter.columns.len(), rank, rank);
        let to = ViewMut::new(&mut out[adapter.columns.start..], rows, adapter.columns.len(), outputs);
        product(isa, View::new(&inner[at..], rows, rank, step), b.transposed(), to, scale, Onto::Sum);
    }
}

/// Adds the gradient of the adapters' inputs onto `d_x`, after [`inner_gradient`].
pub(super) fn to_inputs(adapting: Adapting<'_>, layer: usize, site: &Site, d_x: &mut [f32], scratch: &mut Scratch<'_>) {
    if site.adapters.is_empty() {
        return;
    }
    let (isa, rank, weights) = (adapting.isa, adapting.rank(), &adapting.lora.weights);
    let rows = d_x.len() / site.inputs;
    let width = rank * site.adapters.len();
    let d_inner = &*scratch.d_inner.get(rows * width);
    if adapting.dropout(layer, "").is_none() {
        let a = View::new(&weights[site.a.clone()], width, site.inputs, site.inputs);
        let to = ViewMut::new(d_x, rows, site.inputs, site.inputs);
        product(isa, View::new(d_inner, rows, width, width), a, to, 1.0, Onto::Sum);
        return;
    }
    let mut whole = vec![0.0; d_x.len()];
    for (index, adapter) in site.adapters.iter().enumerate() {
        let Some(dropout) = adapting.dropout(layer, adapter.module) else { continue };
        let a = View::new(&weights[adapter.a.clone()], rank, site.inputs, site.inputs);
        let to = ViewMut::new(&mut whole, rows, site.inputs, site.inputs);
        product(isa, View::new(&d_inner[index * rank..], rows, rank, width), a, to, 1.0, Onto::Nothing);
        let dropped = scratch.dropped.get(d_x.len());
        dropout.apply(&whole, dropped);
        d_x.iter_mut().zip(&*dropped).for_each(|(to, from)| *to += from);
    }
}

/// Adds the adapters' own gradients, after [`inner_gradient`]. `inner` is what [`forward`] left.
#[allow(clippy::too_many_arguments)]
pub(super) fn to_weights(
    adapting: Adapting<'_>,
    layer: usize,
    site: &Site,
    x: &[f32],
    inner: &[f32],
    d_out: &[f32],
    gradients: &mut Gradients,
    scratch: &mut Scratch<'_>,
) {
    if site.adapters.is_empty() {
        return;
    }
    let (isa, rank, onto) = (adapting.isa, adapting.rank(), gradients.onto());
    let (step, scale) = (adapting.lora.layout.inner, adapting.lora.layout.settings.scale());
    let rows = x.len() / site.inputs;
    let outputs = d_out.len() / rows;
    let width = rank * site.adapters.len();
    for (index, adapter) in site.adapters.iter().enumerate() {
        let slope = View::new(&d_out[adapter.columns.start..], rows, adapter.columns.len(), outputs);
        let inner = View::new(&inner[site.inner + index * rank..], rows, rank, step);
        let to = ViewMut::new(&mut gradients.data[adapter.b.clone()], adapter.columns.len(), rank, rank);
        product(isa, slope.transposed(), inner, to, scale, onto);
    }
    let d_inner = &*scratch.d_inner.get(rows * width);
    if adapting.dropout(layer, "").is_none() {
        let to = ViewMut::new(&mut gradients.data[site.a.clone()], width, site.inputs, site.inputs);
        let x = View::new(x, rows, site.inputs, site.inputs);
        product(isa, View::new(d_inner, rows, width, width).transposed(), x, to, 1.0, onto);
        return;
    }
    for (index, adapter) in site.adapters.iter().enumerate() {
        let Some(dropout) = adapting.dropout(layer, adapter.module) else { continue };
        let dropped = scratch.dropped.get(x.len());
        dropout.apply(x, dropped);
        let to = ViewMut::new(&mut gradients.data[adapter.a.clone()], rank, site.inputs, site.inputs);
        let slope = View::new(&d_inner[index * rank..], rows, rank, width).transposed();
        product(isa, slope, View::new(dropped, rows, site.inputs, site.inputs), to, 1.0, onto);
    }
}

/// Leaves the gradient of the site's inner values, `[rows, rank * adapters]`, in the scratch.
pub(super) fn inner_gradient(
    adapting: Adapting<'_>,
    site: &Site,
    d_out: &[f32],
    rows: usize,
    scratch: &mut Scratch<'_>,
) {
    let (rank, scale) = (adapting.rank(), adapting.lora.layout.settings.scale());
    let (width, outputs) = (rank * site.adapters.len(), d_out.len() / rows);
    let d_inner = scratch.d_inner.get(rows * width);
    for (index, adapter) in site.adapters.iter().enumerate() {
        let slope = View::new(&d_out[adapter.columns.start..], rows, adapter.columns.len(), outputs);
        let b = View::new(&adapting.lora.weights[adapter.b.clone()], adapter.columns.len(), rank, rank);
        let to = ViewMut::new(&mut d_inner[index * rank..], rows, rank, width);
        product(adapting.isa, slope, b, to, scale, Onto::Nothing);
    }
}
