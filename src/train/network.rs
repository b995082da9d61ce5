//! The model as training sees it: flat weights, and adapters where the weights are frozen.
//!
//! Passes over it are in [`super::pass`]; what moves it is in [`super::optimizer`]. Generation keeps its own
//! [`Decoder`](crate::model::Decoder); [`Network::tensor`] hands it weights with the adapters merged.

use candle_core::{Device, Tensor};

use super::layout::{Layout, Place};
use super::lora::{LoraLayout, LoraSettings};
use super::{Gradients, TrainError};
use crate::model::ops::gemm::{Onto, Precision, View, ViewMut, product};
use crate::model::ops::{Floats, Isa};
use crate::model::{Architecture, Compute, Rope, TensorSource};

/// Adapters and their weights.
#[derive(Debug, Clone)]
pub struct Lora {
    pub layout: LoraLayout,
    pub weights: Vec<f32>,
}

/// A model with everything that training needs to know of it.
#[derive(Debug, Clone)]
pub struct Network {
    pub(super) architecture: Architecture,
    pub(super) layout: Layout,
    pub(super) rope: Rope,
    pub(super) isa: Isa,
    pub(super) precision: Precision,
    pub(super) weights: Floats,
    pub(super) lora: Option<Lora>,
}

impl Network {
    /// Takes every weight from `source`, as f32. With `lora` the weights are frozen and fresh adapters, drawn from `seed`,
    /// are trained.
    ///
    /// # Errors
    /// If a weight is missing or misshapen, or the adapters' settings mean nothing.
    pub fn load(
        architecture: &Architecture,
        source: &dyn TensorSource,
        lora: Option<&LoraSettings>,
        seed: u64,
    ) -> Result<Self, TrainError> {
        let lora = lora.map(|settings| LoraLayout::new(architecture, settings)).transpose()?;
        if architecture.head_dim > 256 {
            return Err(TrainError::Settings(format!(
                "heads of {} dimensions cannot be trained here; 256 is the most",
                architecture.head_dim
            )));
        }
        let layout = Layout::new(architecture);
        let mut weights = Floats::zeros(layout.len);
        for place in &layout.places {
            let tensor = source.tensor(&place.name, &place.shape).map_err(TrainError::Weight)?;
            copy_tensor(&tensor, &mut weights[place.range.clone()])?;
        }
        let lora = lora.map(|layout| Lora { weights: layout.init(seed), layout });
        Ok(Self {
            architecture: architecture.clone(),
            rope: Rope::new(architecture),
            isa: Isa::detect(),
            precision: Precision::F32,
            layout,
            weights,
            lora,
        })
    }

    /// The same with the factors of the gradients' large products rounded to what `compute` says, where the kernels run it.
    /// Losses, weights and sums stay f32, as do attention and adapters.
    #[must_use]
    pub fn computing_in(mut self, compute: Compute) -> Self {
        self.precision = if compute == Compute::Bf16 { Precision::Bf16 } else { Precision::F32 };
        self
    }

    pub fn architecture(&self) -> &Architecture {
        &self.architecture
    }

    pub fn lora(&self) -> Option<&Lora> {
        self.lora.as_ref()
    }

    /// The weights that are trained: the adapters' if there are any, else all.
    pub fn trainable(&self) -> &[f32] {
        self.lora.as_ref().map_or(&*self.weights, |lora| &lora.weights)
    }

    pub fn trainable_mut(&mut self) -> &mut [f32] {
        self.lora.as_mut().map_or(&mut *self.weights, |lora| &mut lora.weights)
    }

    /// The model's own weights, whether they are trained or not.
    pub(super) fn own_weights(&self) -> &[f32] {
        &self.weights
    }

    /// Name, shape and range of each trained tensor, in order.
    pub fn trainable_places(&self) -> Vec<Place> {
        self.lora.as_ref().map_or_else(|| self.layout.places.clone(), |lora| lora.layout.places())
    }

    /// Room for the gradients of what is trained, and of nothing else.
    pub fn gradients(&self) -> Gradients {
        Gradients { data: Floats::zeros(self.trainable().len()), fresh: true }
    }

    /// Name, shape and range of each of the model's own tensors, in order.
    pub fn places(&self) -> &[Place] {
        &self.layout.places
    }

    /// One of the model's own tensors, the adapters merged into it.
    pub fn merged(&self, place: &Place) -> Vec<f32> {
        let mut values = self.weights[place.range.clone()].to_vec();
        let Some(lora) = &self.lora else { return values };
        let Some((layer, module)) = layer_and_module(&place.name) else { return values };
        let Some(sites) = lora.layout.layers.get(layer) else { return values };
        for site in sites.all() {
            for adapter in site.adapters.iter().filter(|adapter| adapter.module == module) {
                let (outputs, rank) = (adapter.columns.len(), lora.layout.settings.rank);
                let a = View::new(&lora.weights[adapter.a.clone()], rank, site.inputs, site.inputs);
                let b = View::new(&lora.weights[adapter.b.clone()], outputs, rank, rank);
                let onto = ViewMut::new(&mut values, outputs, site.inputs, site.inputs);
                product(self.isa, b, a, onto, lora.layout.settings.scale(), Onto::Sum);
            }
        }
        values
    }
}

/// So that a decoder can be made of the model in training.
impl TensorSource for Network {
    fn tensor(&self, name: &str, shape: &[usize]) -> Result<Tensor, Box<dyn std::error::Error + Send + Sync>> {
        let place = self.layout.place(name).ok_or_else(|| format!("no tensor `{name}`"))?;
        if place.shape != shape {
            return Err(format!("tensor `{name}` has shape {:?}, expected {shape:?}", place.shape).into());
        }
        Ok(Tensor::from_vec(self.merged(place), shape, &Device::Cpu)?)
    }

    fn contains(&self, name: &str) -> bool {
        self.layout.place(name).is_some()
    }
}

/// Layer and module of the weight of a linear map.
fn layer_and_module(name: &str) -> Option<(usize, &str)> {
    let (layer, rest) = name.strip_prefix("model.layers.")?.split_once('.')?;
    let module = rest.strip_suffix(".weight")?.rsplit_once('.')?.1;
    Some((layer.parse().ok()?, module))
}

fn copy_tensor(tensor: &Tensor, to: &mut [f32]) -> Result<(), TrainError> {
    let (storage, layout) = tensor.storage_and_layout();
    if let (candle_core::Storage::Cpu(storage), Some((begin, end))) = (&*storage, layout.contiguous_offsets())
        && let Ok(values) = storage.as_slice::<f32>()
        && end - begin == to.len()
    {
        to.copy_from_slice(&values[begin..end]);
        return Ok(());
    }
    drop(storage);
    let values = tensor
        .flatten_all()
        .and_then(|tensor| tensor.to_dtype(candle_core::DType::F32)?.to_vec1::<f32>())
        .map_err(|error| TrainError::Weight(error.into()))?;
    to.copy_from_slice(&values);
    Ok(())
}
