//! The weights on the device: in the format that the passes run in, and beside each trained one its master and moments in f32.

use std::ops::Range;

use candle_core::{D, DType, Device, Result, Shape, Tensor};

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
    /// Its group, and where it lies in that.
    group: usize,
    offset: usize,
    shape: Shape,
    gradient: Option<Tensor>,
}

/// Trained weights that the optimiser treats alike, one after another in flat f32 tensors: a GPU takes longer to begin an operation than to do
/// it on a small tensor.
struct Group {
    kind: Kind,
    members: Vec<Id>,
    len: usize,
    master: Tensor,
    first: Tensor,
    second: Tensor,
    /// The members' gradients, once they were brought together.
    gradient: Option<Tensor>,
}

/// How the weights of a group are treated.
#[derive(Clone, Copy, PartialEq)]
struct Kind {
    decays: bool,
    /// The passes use the master itself.
    f32: bool,
}

/// Floats of a group at most, unless one weight alone has more: the step makes a few tensors of that size.
const GROUP: usize = 64 << 20;

/// Every weight of a group begins at a multiple of so many floats, as products of matrices like it.
const ALIGNED: usize = 64;

/// Rows in which a group's squares are added up; a group has a multiple of them.
const ROWS: usize = 1024;

pub(super) struct Weights {
    device: Device,
    dtype: DType,
    /// Matrices in the format of the passes, vectors that norms multiply with in f32.
    values: Vec<Tensor>,
    trained: Vec<Option<Trained>>,
    groups: Vec<Group>,
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
            groups: Vec::new(),
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
        for group in 0..weights.groups.len() {
            weights.groups[group].len = weights.groups[group].len.next_multiple_of(ROWS);
            weights.groups[group].master = weights.upload(group, network.trainable())?;
            let zeros = Tensor::zeros(weights.groups[group].len, DType::F32, device)?;
            weights.groups[group].first = zeros.clone();
            weights.groups[group].second = zeros;
            weights.renew(group)?;
        }
        weights.join(network.architecture(), network.lora().map(|lora| &lora.layout), &names)?;
        Ok(weights)
    }

    /// Takes a weight: a frozen one as it is, for a trained one a place in a group.
    fn push(&mut self, values: &[f32], place: &Place, trained: bool) -> Result<Id> {
        let id = self.values.len();
        let f32 = place.name.ends_with("norm.weight");
        if !trained {
            let value = Tensor::from_slice(values, place.shape.as_slice(), &self.device)?;
            self.values.push(if f32 { value } else { value.to_dtype(self.dtype)? });
            self.trained.push(None);
            return Ok(id);
        }
        let kind = Kind { decays: place.decays(), f32 };
        let has_room = |group: &Group| group.kind == kind && group.len + values.len() <= GROUP;
        let group = match self.groups.iter().position(has_room) {
            Some(group) => group,
            None => {
                let none = Tensor::zeros(0, DType::F32, &self.device)?;
                let (master, first, second) = (none.clone(), none.clone(), none);
                self.groups.push(Group { kind, members: Vec::new(), len: 0, master, first, second, gradient: None });
                self.groups.len() - 1
            }
        };
        let of_group = &mut self.groups[group];
        let offset = of_group.len;
        of_group.members.push(id);
        of_group.len = (offset + values.len()).next_multiple_of(ALIGNED);
        // Its value comes with the group.
        self.values.push(Tensor::zeros(0, self.dtype, &self.device)?);
        let shape = Shape::from(place.shape.as_slice());
        self.trained.push(Some(Trained { range: place.range.clone(), group, offset, shape, gradient: None }));
        Ok(id)
    }

    /// A group's part of all trained floats.
    fn upload(&self, group: usize, from: &[f32]) -> Result<Tensor> {
        let mut values = vec![0.0; self.groups[group].len];
        for trained in self.trained.iter().flatten().filter(|trained| trained.group == group) {
            values[trained.offset..][..trained.range.len()].copy_from_slice(&from[trained.range.clone()]);
        }
        Tensor::from_vec(values, self.groups[group].len, &self.device)
    }

    /// The other way round.
    fn download(&self, group: usize, from: &Tensor, to: &mut [f32]) -> Result<()> {
        let values = from.to_vec1::<f32>()?;
        for trained in self.trained.iter().flatten().filter(|trained| trained.group == group) {
            to[trained.range.clone()].copy_from_slice(&values[trained.offset..][..trained.range.len()]);
        }
        Ok(())
    }

    /// Makes what the passes use out of a group's master.
    fn renew(&mut self, group: usize) -> Result<()> {
        let group = &self.groups[group];
        let values = if group.kind.f32 { group.master.clone() } else { group.master.to_dtype(self.dtype)? };
        for &id in &group.members {
            if let Some(trained) = &self.trained[id] {
                let part = values.narrow(0, trained.offset, trained.range.len())?;
                self.values[id] = part.reshape(trained.shape.clone())?;
            }
        }
        Ok(())
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
            None => Tensor::zeros(trained.shape.clone(), DType::F32, &self.device)?,
        };
        trained.gradient = Some(sum.index_add(tokens, rows, 0)?);
        Ok(())
    }

    pub(super) fn clear(&mut self) {
        self.trained.iter_mut().flatten().for_each(|trained| trained.gradient = None);
        self.groups.iter_mut().for_each(|group| group.gradient = None);
    }

    /// Brings the gradients of each group together.
    fn gather(&mut self) -> Result<()> {
        for group in &mut self.groups {
            let (mut parts, mut end, mut any) = (Vec::new(), 0, false);
            let nothing = |len: usize| Tensor::zeros(len, DType::F32, &self.device);
            for &id in &group.members {
                let Some(trained) = &mut self.trained[id] else { continue };
                if trained.offset > end {
                    parts.push(nothing(trained.offset - end)?);
                }
                end = trained.offset + trained.range.len();
                any |= trained.gradient.is_some();
                parts.push(match trained.gradient.take() {
                    Some(gradient) => gradient.flatten_all()?,
                    None => nothing(trained.range.len())?,
                });
            }
            if group.len > end {
                parts.push(nothing(group.len - end)?);
            }
            if any {
                let more = Tensor::cat(&parts, 0)?;
                group.gradient = Some(match group.gradient.take() {
                    Some(sum) => (sum + more)?,
                    None => more,
                });
            }
        }
        Ok(())
    }

    /// The global norm of the gradients.
    pub(super) fn grad_norm(&mut self) -> Result<f64> {
        self.gather()?;
        let mut squares = Vec::new();
        for gradient in self.groups.iter().filter_map(|group| group.gradient.as_ref()) {
            squares.push(gradient.sqr()?.reshape((ROWS, ()))?.sum(D::Minus1)?);
        }
        if squares.is_empty() {
            return Ok(0.0);
        }
        let squares = Tensor::cat(&squares, 0)?.to_vec1::<f32>()?;
        Ok(squares.into_iter().map(f64::from).sum::<f64>().sqrt())
    }

    /// One step of AdamW, as [`AdamW::step`] takes it.
    pub(super) fn step(&mut self, settings: &AdamWSettings, clipped: &Clipped) -> Result<()> {
        let Clipped { lr, scale, corrections } = *clipped;
        let (beta1, beta2) = (f64::from(settings.beta1), f64::from(settings.beta2));
        let root = 1.0 / corrections.1.sqrt();
        self.gather()?;
        for at in 0..self.groups.len() {
            let group = &mut self.groups[at];
            let Some(gradient) = group.gradient.take() else { continue };
            let slope = (gradient * scale)?;
            group.first = ((&group.first * beta1)? + (&slope * (1.0 - beta1))?)?;
            group.second = ((&group.second * beta2)? + (slope.sqr()? * (1.0 - beta2))?)?;
            let decay = if group.kind.decays { f64::from(settings.weight_decay) } else { 0.0 };
            let under = ((group.second.sqrt()? * root)? + f64::from(settings.eps))?;
            let along = ((&group.first / under)? * (lr / corrections.0))?;
            group.master = ((&group.master * (1.0 - lr * decay))? - along)?;
            self.renew(at)?;
        }
        Ok(())
    }

    /// Copies trained weights and moments to where checkpoints are made of.
    pub(super) fn pull(&self, network: &mut Network, optimizer: &mut AdamW) -> Result<()> {
        for (at, group) in self.groups.iter().enumerate() {
            self.download(at, &group.master, network.trainable_mut())?;
            self.download(at, &group.first, &mut optimizer.first)?;
            self.download(at, &group.second, &mut optimizer.second)?;
        }
        Ok(())
    }

    /// The other way round, after a checkpoint was read.
    pub(super) fn put(&mut self, network: &Network, optimizer: &AdamW) -> Result<()> {
        self.clear();
        for at in 0..self.groups.len() {
            self.groups[at].master = self.upload(at, network.trainable())?;
            self.groups[at].first = self.upload(at, &optimizer.first)?;
            self.groups[at].second = self.upload(at, &optimizer.second)?;
            self.renew(at)?;
        }
        Ok(())
    }
}
