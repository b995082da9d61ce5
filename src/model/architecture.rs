//! The numbers of a model, whatever file they came from.

/// Which family's details apply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    Llama,
    Qwen2,
    Qwen3,
}

/// Llama 3's frequency scaling (`rope_type: llama3`), or linear position scaling.
#[derive(Debug, Clone, PartialEq)]
pub enum RopeScaling {
    Linear { factor: f64 },
    Llama3 { factor: f64, low_freq_factor: f64, high_freq_factor: f64, original_max_position_embeddings: usize },
}

/// Everything that the decoder needs to know of a model besides its weights.
#[derive(Debug, Clone, PartialEq)]
pub struct Architecture {
    pub family: Family,
    pub vocab_size: usize,
    pub hidden_size: usize,
    pub intermediate_size: usize,
    pub num_hidden_layers: usize,
    pub num_attention_heads: usize,
    pub num_key_value_heads: usize,
    pub head_dim: usize,
    pub rms_norm_eps: f64,
    pub rope_theta: f64,
    pub rope_scaling: Option<RopeScaling>,
    pub max_position_embeddings: usize,
    /// No `lm_head.weight`: the head is the embedding.
    pub tie_word_embeddings: bool,
    /// q, k and v projections have a bias (Qwen2).
    pub attention_bias: bool,
    /// q and k are normalised per head before RoPE (Qwen3).
    pub qk_norm: bool,
}
