//! The numbers of a model, whatever file they came from.
//!
//! A number that is missing, contradicts another, or asks for something that the decoder does not do is an error here, not
//! wrong text later.

mod gguf;
mod huggingface;

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

/// What [`super::ModelError::UnknownArchitecture`] lists.
const SUPPORTED: &str = "LlamaForCausalLM, Qwen2ForCausalLM, Qwen3ForCausalLM (GGUF: llama, qwen2, qwen3)";

impl Architecture {
    /// Name and shape of every tensor of a model of this architecture, in the order of the forward pass.
    pub fn tensors(&self) -> Vec<(String, Vec<usize>)> {
        let (hidden, wide) = (self.hidden_size, self.intermediate_size);
        let query = self.num_attention_heads * self.head_dim;
        let key = self.num_key_value_heads * self.head_dim;
        let mut tensors = vec![("model.embed_tokens.weight".to_owned(), vec![self.vocab_size, hidden])];
        for layer in 0..self.num_hidden_layers {
            let mut push =
                |name: &str, shape: Vec<usize>| tensors.push((format!("model.layers.{layer}.{name}"), shape));
            push("input_layernorm.weight", vec![hidden]);
            push("self_attn.q_proj.weight", vec![query, hidden]);
            push("self_attn.k_proj.weight", vec![key, hidden]);
            push("self_attn.v_proj.weight", vec![key, hidden]);
            if self.attention_bias {
                push("self_attn.q_proj.bias", vec![query]);
                push("self_attn.k_proj.bias", vec![key]);
                push("self_attn.v_proj.bias", vec![key]);
            }
            if self.qk_norm {
                push("self_attn.q_norm.weight", vec![self.head_dim]);
                push("self_attn.k_norm.weight", vec![self.head_dim]);
            }
            push("self_attn.o_proj.weight", vec![hidden, query]);
            push("post_attention_layernorm.weight", vec![hidden]);
            push("mlp.gate_proj.weight", vec![wide, hidden]);
            push("mlp.up_proj.weight", vec![wide, hidden]);
            push("mlp.down_proj.weight", vec![hidden, wide]);
        }
        tensors.push(("model.norm.weight".to_owned(), vec![hidden]));
        if !self.tie_word_embeddings {
            tensors.push(("lm_head.weight".to_owned(), vec![self.vocab_size, hidden]));
        }
        tensors
    }

    /// Weights of the model, tied ones counted once.
    pub fn parameter_count(&self) -> usize {
        self.tensors().iter().map(|(_, shape)| shape.iter().product::<usize>()).sum()
    }

    /// Refuses numbers that contradict each other or that no model has; products of them cannot overflow afterwards.
    fn validate(self) -> Result<Self, String> {
        let sizes = [
            ("vocab_size", self.vocab_size, 1 << 24),
            ("hidden_size", self.hidden_size, 1 << 18),
            ("intermediate_size", self.intermediate_size, 1 << 20),
            ("num_hidden_layers", self.num_hidden_layers, 1 << 12),
            ("num_attention_heads", self.num_attention_heads, 1 << 12),
            ("num_key_value_heads", self.num_key_value_heads, 1 << 12),
            ("head_dim", self.head_dim, 1 << 12),
            ("max_position_embeddings", self.max_position_embeddings, 1 << 28),
        ];
        for (name, value, most) in sizes {
            if value == 0 || value > most {
                return Err(format!("`{name}` is {value}, outside of 1 to {most}"));
            }
        }
        if !self.num_attention_heads.is_multiple_of(self.num_key_value_heads) {
            return Err(format!(
                "{} attention heads cannot share {} key-value heads",
                self.num_attention_heads, self.num_key_value_heads
            ));
        }
        if !self.head_dim.is_multiple_of(2) {
            return Err(format!("`head_dim` is {}, which is odd", self.head_dim));
        }
        if !(self.rms_norm_eps > 0.0 && self.rms_norm_eps < 1.0) {
            return Err(format!("`rms_norm_eps` is {}", self.rms_norm_eps));
        }
        if !(self.rope_theta.is_finite() && self.rope_theta > 1.0) {
            return Err(format!("`rope_theta` is {}", self.rope_theta));
        }
        match &self.rope_scaling {
            Some(RopeScaling::Linear { factor }) if !(factor.is_finite() && *factor > 0.0) => {
                return Err(format!("rope scaling factor is {factor}"));
            }
            Some(RopeScaling::Llama3 {
                factor,
                low_freq_factor,
                high_freq_factor,
                original_max_position_embeddings,
            }) if !(factor.is_finite()
                && *factor > 0.0
                && *low_freq_factor > 0.0
                && high_freq_factor.is_finite()
                && high_freq_factor > low_freq_factor
                && *original_max_position_embeddings > 0) =>
            {
                return Err("`rope_scaling` of type llama3 has impossible factors".to_owned());
            }
            _ => {}
        }
        Ok(self)
    }
}
