//! Where each tensor of a model lies in one flat run of floats: weights, gradients and moments all have this order.
//!
//! The order is that of the forward pass, so the projections of queries, keys and values lie side by side and are one
//! matrix, as are gate and up.

use std::ops::Range;

use crate::model::Architecture;

/// One tensor by its Hugging Face name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub name: String,
    /// Rows first, as PyTorch has it.
    pub shape: Vec<usize>,
    pub range: Range<usize>,
}

impl Place {
    /// Whether weight decay applies: to matrices, not to norms and biases.
    pub fn decays(&self) -> bool {
        self.shape.len() > 1
    }
}

/// The tensors of one layer. Ranges of several tensors are those of the matrices that they form together.
#[derive(Debug, Clone)]
pub(super) struct LayerPlaces {
    pub input_norm: Range<usize>,
    pub qkv: Range<usize>,
    pub qkv_bias: Option<Range<usize>>,
    pub head_norms: Option<(Range<usize>, Range<usize>)>,
    pub o: Range<usize>,
    pub mlp_norm: Range<usize>,
    pub gate_up: Range<usize>,
    pub down: Range<usize>,
}

/// The places of a whole model.
#[derive(Debug, Clone)]
pub struct Layout {
    pub places: Vec<Place>,
    /// Floats in all.
    pub len: usize,
    pub(super) embedding: Range<usize>,
    pub(super) layers: Vec<LayerPlaces>,
    pub(super) norm: Range<usize>,
    /// The embedding's where they are tied.
    pub(super) head: Range<usize>,
}

impl Layout {
    pub fn new(architecture: &Architecture) -> Self {
        let mut places = Vec::new();
        let mut len = 0;
        for (name, shape) in architecture.tensors() {
            let begin = len;
            len += shape.iter().product::<usize>();
            places.push(Place { name, shape, range: begin..len });
        }
        // `tensors` has this order; each step takes what it must find next.
        let mut next = places.iter().map(|place| place.range.clone());
        let mut take = |count: usize| -> Range<usize> {
            let first = next.next().unwrap_or_default();
            (1..count).fold(first, |joined, _| joined.start..next.next().unwrap_or_default().end)
        };
        let embedding = take(1);
        let layers = (0..architecture.num_hidden_layers)
            .map(|_| LayerPlaces {
                input_norm: take(1),
                qkv: take(3),
                qkv_bias: architecture.attention_bias.then(|| take(3)),
                head_norms: architecture.qk_norm.then(|| (take(1), take(1))),
                o: take(1),
                mlp_norm: take(1),
                gate_up: take(2),
                down: take(1),
            })
            .collect();
        let norm = take(1);
        let head = if architecture.tie_word_embeddings { embedding.clone() } else { take(1) };
        Self { places, len, embedding, layers, norm, head }
    }

    pub fn place(&self, name: &str) -> Option<&Place> {
        self.places.iter().find(|place| place.name == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Family, tiny};

    #[test]
    fn places_are_those_of_the_names() {
        for family in [Family::Llama, Family::Qwen2, Family::Qwen3] {
            let (architecture, _) = tiny(family, 96);
            let layout = Layout::new(&architecture);
            let range = |name: &str| layout.place(name).unwrap().range.clone();
            let layer = &layout.layers[1];
            let joined = |first: &str, last: &str| {
                range(&format!("model.layers.1.{first}")).start..range(&format!("model.layers.1.{last}")).end
            };
            assert_eq!(layer.qkv, joined("self_attn.q_proj.weight", "self_attn.v_proj.weight"));
            assert_eq!(layer.gate_up, joined("mlp.gate_proj.weight", "mlp.up_proj.weight"));
            assert_eq!(layer.down, range("model.layers.1.mlp.down_proj.weight"));
            assert_eq!(layer.mlp_norm, range("model.layers.1.post_attention_layernorm.weight"));
            if let Some(bias) = &layer.qkv_bias {
                assert_eq!(*bias, joined("self_attn.q_proj.bias", "self_attn.v_proj.bias"));
            }
            if let Some((_, key)) = &layer.head_norms {
                assert_eq!(*key, range("model.layers.1.self_attn.k_norm.weight"));
            }
            assert_eq!(layout.norm, range("model.norm.weight"));
            assert_eq!(layout.head == layout.embedding, architecture.tie_word_embeddings);
            assert_eq!(layout.len, architecture.parameter_count());
        }
    }
}
