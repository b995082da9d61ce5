//! One decoder for the Llama, Qwen2 and Qwen3 families, run over ragged batches.
//!
//! A forward pass takes any number of sequences, each with its cache and some new tokens. All new tokens are rows of one
//! matrix, so prefill, prefill in chunks and decoding are one path and may share a step. On a CPU the pass
//! runs on `ops`' kernels and each row's numbers are the same bit for bit whatever else is in the batch; elsewhere it is
//! composed of candle's operations. No gradient is recorded here; training has its own forward pass over the same tensors.

mod composed;
mod fused;

use std::collections::HashMap;
use std::sync::Arc;

use candle_core::{DType, Device, Tensor};

use super::Architecture;
use super::cache::{BLOCK, Cache, PageLayout, Pool};
use super::device::device_name;
use super::ops::packed::{Packed, bf16, q8};
use super::ops::{Buffer, attention::BlockLayout};
use super::rope::Rope;

/// Where a decoder takes its weights from.
pub trait TensorSource {
    /// The f32 tensor of this Hugging Face name, in main memory, of exactly this shape.
    ///
    /// # Errors
    /// If it is missing or has another shape.
    fn tensor(&self, name: &str, shape: &[usize]) -> Result<Tensor, Box<dyn std::error::Error + Send + Sync>>;

    fn contains(&self, name: &str) -> bool;
}

impl TensorSource for HashMap<String, Tensor> {
    fn tensor(&self, name: &str, shape: &[usize]) -> Result<Tensor, Box<dyn std::error::Error + Send + Sync>> {
        let tensor = self.get(name).ok_or_else(|| format!("no tensor `{name}`"))?;
        if tensor.dims() == shape {
            Ok(tensor.clone())
        } else {
            Err(format!("tensor `{name}` has shape {:?}, expected {shape:?}", tensor.dims()).into())
        }
    }

    fn contains(&self, name: &str) -> bool {
        self.contains_key(name)
    }
}

/// What can go wrong in a decoder.
#[derive(Debug, thiserror::Error)]
pub enum DecoderError {
    #[error("compute mode `{mode}` is not available on {device}; use `--compute f32` or `auto`")]
    Compute { mode: String, device: &'static str },
    #[error("unknown compute mode `{0}`; use auto, f32, bf16 or q8")]
    UnknownCompute(String),
    #[error("cannot load weight: {0}")]
    Weight(Box<dyn std::error::Error + Send + Sync>),
    #[error("the model's numbers do not fit together: {0}")]
    Architecture(String),
    #[error("token id {id} is outside the vocabulary of {vocab}")]
    Token { id: u32, vocab: usize },
    #[error("a sequence in the batch has no new token")]
    NoTokens,
    #[error("a cache made by another decoder was given")]
    ForeignCache,
    #[error(transparent)]
    Candle(#[from] candle_core::Error),
}

/// The number format that a model is asked to run in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ComputeChoice {
    /// The best that the device has.
    #[default]
    Auto,
    F32,
    Bf16,
    Q8,
}

impl std::str::FromStr for ComputeChoice {
    type Err = DecoderError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "auto" => Ok(Self::Auto),
            "f32" => Ok(Self::F32),
            "bf16" => Ok(Self::Bf16),
            "q8" => Ok(Self::Q8),
            other => Err(DecoderError::UnknownCompute(other.to_owned())),
        }
    }
}

/// The number format that a model runs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compute {
    F32,
    Bf16,
    F16,
    /// Matrices of eight bits, all else f32. On a CPU.
    Q8,
}

impl Compute {
    /// What `choice` means on `device` for a decoder.
    ///
    /// # Errors
    /// If the device has no such mode.
    pub fn resolve(choice: ComputeChoice, device: &Device) -> Result<Self, DecoderError> {
        let name = device_name(device);
        match (choice, device) {
            (ComputeChoice::F32, _) => Ok(Self::F32),
            (ComputeChoice::Auto, Device::Cpu) => Ok(Self::Q8),
            (ComputeChoice::Auto, Device::Cuda(_)) => Ok(Self::Bf16),
            (ComputeChoice::Auto, Device::Metal(_)) => Ok(Self::F16),
            (ComputeChoice::Bf16, _) => Ok(Self::Bf16),
            (ComputeChoice::Q8, Device::Cpu) => Ok(Self::Q8),
            (ComputeChoice::Q8, _) => Err(DecoderError::Compute { mode: "q8".into(), device: name }),
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
            Self::F16 => "f16",
            Self::Q8 => "q8",
        }
    }

    /// As candle names it; of what is not a matrix in q8.
    pub fn dtype(self) -> DType {
        match self {
            Self::F32 | Self::Q8 => DType::F32,
            Self::Bf16 => DType::BF16,
            Self::F16 => DType::F16,
        }
    }
}

/// A matrix `[outputs, inputs]`.
#[derive(Debug, Clone)]
enum Weight {
    Dense(Tensor),
    Bf16(Arc<bf16::Matrix>),
    Q8(Arc<q8::Matrix>),
}

impl Weight {
    /// # Errors
    /// If it is packed, which candle's operations do not take.
    fn dense(&self) -> candle_core::Result<&Tensor> {
        match self {
            Self::Dense(tensor) => Ok(tensor),
            Self::Bf16(_) | Self::Q8(_) => candle_core::bail!("a packed weight runs on the kernels only"),
        }
    }

    fn outputs(&self) -> candle_core::Result<usize> {
        match self {
            Self::Dense(tensor) => tensor.dim(0),
            Self::Bf16(matrix) => Ok(matrix.shape().0),
            Self::Q8(matrix) => Ok(matrix.shape().0),
        }
    }
}

/// A linear map.
#[derive(Debug, Clone)]
struct Linear {
    weight: Weight,
    bias: Option<Tensor>,
}

#[derive(Debug, Clone)]
struct Layer {
    attention_norm: Tensor,
    q: Linear,
    k: Linear,
    v: Linear,
    q_norm: Option<Tensor>,
    k_norm: Option<Tensor>,
    o: Linear,
    mlp_norm: Tensor,
    gate: Linear,
    up: Linear,
    down: Linear,
}

/// Which rows of a sequence's new tokens need logits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// None: a chunk of a prompt that goes on.
    None,
    /// The last row's, to choose the next token.
    Last,
    /// Every row's, for a loss.
    All,
}

/// One sequence's part in a forward pass.
pub struct Segment<'a> {
    /// What the sequence has been through; the new tokens are added to it.
    pub cache: &'a mut Cache,
    /// At least one.
    pub tokens: &'a [u32],
    pub wanted: Wanted,
}

/// Scratch memory of forward passes, used again from step to step.
#[derive(Debug, Default)]
pub struct Workspace {
    x: Buffer,
    normed: Buffer,
    q: Buffer,
    k: Buffer,
    v: Buffer,
    mixed: Buffer,
    gate: Buffer,
    up: Buffer,
    rounded: fused::Rounded,
    cos: Buffer,
    sin: Buffer,
    logits: Buffer,
}

/// Logits of the rows that were asked for, in the order of the segments.
#[derive(Debug)]
pub struct Logits<'a> {
    data: &'a mut [f32],
    vocab: usize,
}

impl Logits<'_> {
    /// Number of rows.
    pub fn len(&self) -> usize {
        self.data.len() / self.vocab
    }

    pub fn is_empty(&self) -> bool {
        self.data.is_empty()
    }

    /// One row, `vocab_size` long. The caller may change it in place.
    pub fn row(&mut self, index: usize) -> &mut [f32] {
        &mut self.data[index * self.vocab..(index + 1) * self.vocab]
    }

    /// All rows, to be worked on at once.
    pub fn rows(&mut self) -> std::slice::ChunksExactMut<'_, f32> {
        self.data.chunks_exact_mut(self.vocab)
    }
}

/// A model ready to run.
#[derive(Debug, Clone)]
pub struct Decoder {
    architecture: Architecture,
    compute: Compute,
    device: Device,
    rope: Rope,
    embedding: Tensor,
    layers: Vec<Layer>,
    norm: Tensor,
    /// The embedding itself where they are tied.
    head: Linear,
    /// Whether the kernels run it.
    fused: bool,
    /// Of the composed path's caches.
    pool: Arc<Pool>,
}

impl Decoder {
    /// Takes the weights from `source` and puts them where they will run. In f32 on a CPU the tensors are taken as they
    /// are and share their memory with `source`; in bf16 and q8 matrices are packed anew and only the embedding is kept.
    ///
    /// # Errors
    /// If a weight is missing or misshapen, or the architecture's numbers do not fit together.
    pub fn load(
        architecture: &Architecture,
        source: &dyn TensorSource,
        compute: Compute,
        device: &Device,
    ) -> Result<Self, DecoderError> {
        check(architecture)?;
        let fused = compute != Compute::F16 && device.is_cpu();
        // The kernels have f32 beside packed matrices.
        let dtype = if fused { DType::F32 } else { compute.dtype() };
        let get = |name: &str, shape: &[usize]| -> Result<Tensor, DecoderError> {
            let tensor = source.tensor(name, shape).map_err(DecoderError::Weight)?;
            Ok(tensor.to_dtype(dtype)?.to_device(device)?.contiguous()?)
        };
        let packed = |tensor: Tensor| -> Result<Weight, DecoderError> {
            let (outputs, inputs) = tensor.dims2()?;
            let pack = |floats: &[f32]| match compute {
                Compute::Q8 => Some(Weight::Q8(Arc::new(q8::Matrix::new(floats, outputs, inputs)))),
                Compute::Bf16 => Some(Weight::Bf16(Arc::new(bf16::Matrix::new(floats, outputs, inputs)))),
                Compute::F32 | Compute::F16 => None,
            };
            let packed = if fused { super::ops::run(|| fused::with_floats(&tensor, pack))? } else { None };
            Ok(packed.unwrap_or(Weight::Dense(tensor)))
        };
        let a = architecture;
        let (hidden, inner) = (a.hidden_size, a.intermediate_size);
        let (q_width, kv_width) = (a.num_attention_heads * a.head_dim, a.num_key_value_heads * a.head_dim);
        let embedding = get("model.embed_tokens.weight", &[a.vocab_size, hidden])?;
        let mut layers = Vec::new();
        for index in 0..a.num_hidden_layers {
            let name = |rest: &str| format!("model.layers.{index}.{rest}");
            let linear = |rest: &str, outputs: usize, inputs: usize, bias: bool| -> Result<Linear, DecoderError> {
                let weight = packed(get(&name(&format!("{rest}.weight")), &[outputs, inputs])?)?;
                let bias = if bias { Some(get(&name(&format!("{rest}.bias")), &[outputs])?) } else { None };
                Ok(Linear { weight, bias })
            };
            let head_norm = |rest: &str| -> Result<Option<Tensor>, DecoderError> {
                if a.qk_norm { get(&name(rest), &[a.head_dim]).map(Some) } else { Ok(None) }
            };
            layers.push(Layer {
                attention_norm: get(&name("input_layernorm.weight"), &[hidden])?,
                q: linear("self_attn.q_proj", q_width, hidden, a.attention_bias)?,
                k: linear("self_attn.k_proj", kv_width, hidden, a.attention_bias)?,
                v: linear("self_attn.v_proj", kv_width, hidden, a.attention_bias)?,
                q_norm: head_norm("self_attn.q_norm.weight")?,
                k_norm: head_norm("self_attn.k_norm.weight")?,
                o: linear("self_attn.o_proj", hidden, q_width, false)?,
                mlp_norm: get(&name("post_attention_layernorm.weight"), &[hidden])?,
                gate: linear("mlp.gate_proj", inner, hidden, false)?,
                up: linear("mlp.up_proj", inner, hidden, false)?,
                down: linear("mlp.down_proj", hidden, inner, false)?,
            });
        }
        let norm = get("model.norm.weight", &[hidden])?;
        let head =
            if a.tie_word_embeddings { embedding.clone() } else { get("lm_head.weight", &[a.vocab_size, hidden])? };
        let head = Linear { weight: packed(head)?, bias: None };
        Ok(Self {
            architecture: a.clone(),
            compute,
            device: device.clone(),
            rope: Rope::new(a),
            embedding,
            layers,
            norm,
            head,
            fused,
            pool: Pool::new(PageLayout {
                layers: a.num_hidden_layers,
                kv_heads: a.num_key_value_heads,
                head_dim: a.head_dim,
                dtype,
                device: device.clone(),
            }),
        })
    }

    pub fn architecture(&self) -> &Architecture {
        &self.architecture
    }

    pub fn compute(&self) -> Compute {
        self.compute
    }

    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Whether the kernels of `ops` run it, not candle's operations.
    pub fn runs_kernels(&self) -> bool {
        self.fused
    }

    /// The same model on candle's operations instead of the kernels: the witness in tests.
    #[must_use]
    pub fn composed(mut self) -> Self {
        self.fused = false;
        self
    }

    /// An empty cache for one sequence of this model.
    pub fn new_cache(&self) -> Cache {
        if self.fused { Cache::blocks(self.layout()) } else { Cache::pages(self.pool.clone()) }
    }

    fn layout(&self) -> BlockLayout {
        BlockLayout {
            layers: self.layers.len(),
            kv_heads: self.architecture.num_key_value_heads,
            head_dim: self.architecture.head_dim,
            positions: BLOCK,
        }
    }

    /// Runs the new tokens of all segments and adds them to their caches. After an error the caches are as before.
    ///
    /// # Errors
    /// If a token is outside the vocabulary, a segment is empty, or the device fails.
    pub fn forward<'w>(
        &self,
        workspace: &'w mut Workspace,
        segments: &mut [Segment<'_>],
    ) -> Result<Logits<'w>, DecoderError> {
        let vocab = self.architecture.vocab_size;
        for segment in segments.iter() {
            if segment.tokens.is_empty() {
                return Err(DecoderError::NoTokens);
            }
            if let Some(&id) = segment.tokens.iter().find(|&&id| id as usize >= vocab) {
                return Err(DecoderError::Token { id, vocab });
            }
        }
        let wanted = wanted_rows(segments);
        if self.fused {
            super::ops::run(|| self.forward_fused(workspace, segments, &wanted))?;
        } else {
            self.forward_composed(workspace, segments, &wanted)?;
        }
        for segment in segments.iter_mut() {
            segment.cache.advance(segment.tokens);
        }
        Ok(Logits { data: workspace.logits.get(wanted.len() * vocab), vocab })
    }
}

/// Indices among all new rows of those whose logits are wanted.
fn wanted_rows(segments: &[Segment<'_>]) -> Vec<usize> {
    let mut rows = Vec::new();
    let mut begin = 0;
    for segment in segments {
        let end = begin + segment.tokens.len();
        match segment.wanted {
            Wanted::None => {}
            Wanted::Last => rows.push(end - 1),
            Wanted::All => rows.extend(begin..end),
        }
        begin = end;
    }
    rows
}

fn check(a: &Architecture) -> Result<(), DecoderError> {
    let wrong = |what: &str| Err(DecoderError::Architecture(what.to_owned()));
    if a.num_key_value_heads == 0 || !a.num_attention_heads.is_multiple_of(a.num_key_value_heads) {
        return wrong("the attention heads are no multiple of the key-value heads");
    }
    if a.head_dim == 0 || !a.head_dim.is_multiple_of(2) {
        return wrong("the head dimension is not even");
    }
    if a.hidden_size == 0 || a.intermediate_size == 0 || a.vocab_size == 0 || a.num_attention_heads == 0 {
        return wrong("a size is 0");
    }
    Ok(())
}

#[cfg(test)]
pub(crate) mod tests;
