//! The weights on the device: in the format that the passes run in, and beside each trained one its master and moments in f32.

use std::ops::Range;

use candle_core::{DType, Device, Result, Tensor};

use crate::model::Architecture;
use crate::train::lora::{LoraLayout, MODULES};
use crate::train::network::Network;
use crate::train::optimizer::Clipped;
use crate::train::{AdamW, AdamWSettings, Place};

/// A weight by its number.
pub(super) type Id = usize;

/// A linear map with what is added to it.
pub(super) struct Map {
    pub weight: Id,
    pub bias: Option<Id>,
    pub adapter: Option<(Id, Id)>,
    pub module: &'static str,
}

pub(super) struct Layer {
    pub input_norm: Id,
    pub q: Map,
    pub k: Map,
    pub v: Map,
    pub head_norms: Option<(Id, Id)>,
    pub o: Map,
    pub mlp_norm: Id,
    pub gate: Map,
    pub up: Map,
    pub down: Map,
}

/// What is kept of a trained weight.
struct Trained {
    /// Where it lies among the network's trained floats.
    range: Range<usize>,
    master: Tensor,
    first: Tensor,
    second: Tensor,
    gradient: Option<Tensor>,
    decays: bool,
}

pub(super) struct Weights {
    device: Device,
    dtype: DType,
    /// Matrices in the format of the passes, vectors that norms multiply with in f32.
    values: Vec<Tensor>,
    trained: Vec<Option<Trained>>,
    pub embedding: Id,
    pub head: Id,
    pub norm: Id,
    pub layers: Vec<Layer>,
}

impl Weights {
    /// Puts every weight of `network` on the device, and room for the moments of the trained ones.
    pub(super) fn new(network: &Network, device: &Device, dtype: DType) -> Result<Self> {
        let full = network.lora().is_none();
        let mut weights = Self {
            device: device.clone(),
            dtype,
            values: Vec::new(),
            trained: Vec::new(),
            embedding: 0,
            head: 0,
            norm: 0,
            layers: Vec::new(),
        };
        let mut names = std::collections::HashMap::new();
        for place in network.places() {
            let id = weights.push(&network.own_weights()[place.range.clone()], place, full)?;
            names.insert(place.name.clone(), id);
        }
        if let Some(lora) = network.lora() {
            for place in lora.layout.places() {
                let id = weights.push(&lora.weights[place.range.clone()], &place, true)?;
                names.insert(place.name.clone(), id);
            }
        }
        weights.join(network.architecture(), network.lora().map(|lora| &lora.layout), &names)?;
        Ok(weights)
    }

    fn push(&mut self, values: &[f32], place: &Place, trained: bool) -> Result<Id> {
        let master = Tensor::from_slice(values, place.shape.as_slice(), &self.device)?;
        self.values.push(self.cast(&master, &place.name)?);
        let trained = if trained {
            Some(Trained {
                range: place.range.clone(),
                first: master.zeros_like()?,
                second: master.zeros_like()?,
                master,
                gradient: None,
                decays: place.decays(),
            })
        } else {
            None
        };
        self.trained.push(trained);
        Ok(self.values.len() - 1)
    }

    fn cast(&self, master: &Tensor, name: &str) -> Result<Tensor> {
        if name.ends_with("norm.weight") { Ok(master.clone()) } else { master.to_dtype(self.dtype) }
    }

    fn join(
        &mut self,
        a: &Architecture,
        lora: Option<&LoraLayout>,
        names: &std::collections::HashMap<String, Id>,
    ) -> Result<()> {
        let find = |name: &str| match names.get(name) {
            Some(id) => Ok(*id),
            None => candle_core::bail!("no tensor `{name}`"),
        };
        let wanted = lora.map(|lora| lora.settings.modules()).unwrap_or_default();
        self.embedding = find("model.embed_tokens.weight")?;
        self.norm = find("model.norm.weight")?;
        self.head = if a.tie_word_embeddings { self.embedding } else { find("lm_head.weight")? };
        for layer in 0..a.num_hidden_layers {
            let id = |rest: &str| find(&format!("model.layers.{layer}.{rest}.weight"));
            let map = |module: usize, bias: bool| -> Result<Map> {
                let module = MODULES[module];
                let block = if MODULES[..4].contains(&module) { "self_attn" } else { "mlp" };
                let full = format!("model.layers.{layer}.{block}.{module}");
                let adapter = match wanted.contains(&module) {
                    true => Some((find(&format!("{full}.lora_A.weight"))?, find(&format!("{full}.lora_B.weight"))?)),
                    false => None,
                };
                let bias = if bias { Some(find(&format!("{full}.bias"))?) } else { None };
                Ok(Map { weight: find(&format!("{full}.weight"))?, bias, adapter, module })
            };
            let bias = a.attention_bias;
            self.layers.push(Layer {
                input_norm: id("input_layernorm")?,
                q: map(0, bias)?,
                k: map(1, bias)?,
                v: map(2, bias)?,
                o: map(3, false)?,
                gate: map(4, false)?,
                up: map(5, false)?,
                down: map(6, false)?,
                head_norms: if a.qk_norm { Some((id("self_attn.q_norm")?, id("self_attn.k_norm")?)) } else { None },
                mlp_norm: id("post_attention_layernorm")?,
            });
        }
        Ok(())
    }

    pub(super) fn value(&self, id: Id) -> &Tensor {
        &self.values[id]
    }

    pub(super) fn is_trained(&self, id: Id) -> bool {
        self.trained[id].is_some()
    }

    /// Adds to a gradient what `make` makes, which is not asked for a frozen weight.
    pub(super) fn add(&mut self, id: Id, make: impl FnOnce() -> Result<Tensor>) -> Result<()> {
        let Some(trained) = &mut self.trained[id] else { return Ok(()) };
        let more = make()?.to_dtype(DType::F32)?;
        trained.gradient = Some(match trained.gradient.take() {
            Some(sum) => (sum + more)?,
            None => more,
        });
        Ok(())
    }

    /// Adds rows to the gradient of the embedding.
    pub(super) fn add_rows(&mut self, id: Id, tokens: &Tensor, rows: &Tensor) -> Result<()> {
        let Some(trained) = &mut self.trained[id] else { return Ok(()) };
        let sum = match trained.gradient.take() {
            Some(sum) => sum,
            None => trained.master.zeros_like()?,
        };
        trained.gradient = Some(sum.index_add(tokens, rows, 0)?);
        Ok(())
    }

    pub(super) fn clear(&mut self) {
        self.trained.iter_mut().flatten().for_each(|trained| trained.gradient = None);
    }

    /// The global norm of the gradients.
    pub(super) fn grad_norm(&self) -> Result<f64> {
        let squares = self.trained.iter().flatten().filter_map(|trained| trained.gradient.as_ref());
        let squares = squares.map(|gradient| gradient.sqr()?.sum_all()).collect::<Result<Vec<_>>>()?;
        if squares.is_empty() {
            return Ok(0.0);
        }
        let squares = Tensor::stack(&squares, 0)?.to_vec1::<f32>()?;
        Ok(squares.into_iter().map(f64::from).sum::<f64>().sqrt())
    }

    /// One step of AdamW, as [`AdamW::step`] takes it.
    pub(super) fn step(&mut self, settings: &AdamWSettings, clipped: &Clipped) -> Result<()> {
        let Clipped { lr, scale, corrections } = *clipped;
        let (beta1, beta2) = (f64::from(settings.beta1), f64::from(settings.beta2));
        let root = 1.0 / corrections.1.sqrt();
        for (value, trained) in self.values.iter_mut().zip(&mut self.trained) {
            let Some(trained) = trained else { continue };
            let Some(gradient) = trained.gradient.take() else { continue };
            let slope = (gradient * scale)?;
            trained.first = ((&trained.first * beta1)? + (&slope * (1.0 - beta1))?)?;
            trained.second = ((&trained.second * beta2)? + (slope.sqr()? * (1.0 - beta2))?)?;
            let decay = if trained.decays { f64::from(settings.weight_decay) } else { 0.0 };
            let under = ((trained.second.sqrt()? * root)? + f64::from(settings.eps))?;
            let along = ((&trained.first / under)? * (lr / corrections.0))?;
            trained.master = ((&trained.master * (1.0 - lr * decay))? - along)?;
            *value = trained.master.to_dtype(value.dtype())?;
        }
        Ok(())
    }

    /// Copies trained weights and moments to where checkpoints are made of.
    pub(super) fn pull(&self, network: &mut Network, optimizer: &mut AdamW) -> Result<()> {
        for trained in self.trained.iter().flatten() {
            let copy = |from: &Tensor, to: &mut [f32]| -> Result<()> {
                to[trained.range.clone()].copy_from_slice(&from.flatten_all()?.to_vec1::<f32>()?);
                Ok(())
            };
            copy(&trained.master, network.trainable_mut())?;
            copy(&trained.first, &mut optimizer.first)?;
            copy(&trained.second, &mut optimizer.second)?;
        }
        Ok(())
    }

    /// The other way round, after a checkpoint was read.
    pub(super) fn put(&mut self, network: &Network, optimizer: &AdamW) -> Result<()> {
        for (value, trained) in self.values.iter_mut().zip(&mut self.trained) {
            let Some(trained) = trained else { continue };
            let shape = trained.master.shape().clone();
            let tensor = |from: &[f32]| Tensor::from_slice(&from[trained.range.clone()], shape.clone(), &self.device);
            let (master, first, second) =
                (tensor(network.trainable())?, tensor(&optimizer.first)?, tensor(&optimizer.second)?);
            *value = master.to_dtype(value.dtype())?;
            (trained.master, trained.first, trained.second) = (master, first, second);
            trained.gradient = None;
        }
        Ok(())
    }
}
