//! The language model: decoder, weights, tokenizer, chat template, kernels.
//!
//! One decoder serves the Llama and Qwen2/Qwen3 families. Knows nothing of sessions, dialogues or screens.
//!
//! | file | holds |
//! |---|---|
//! | `architecture` | the numbers of a model: from `config.json` or GGUF metadata |
//! | `weights` | tensors by their Hugging Face names: safetensors (sharded too), GGUF |
//! | `tokenizer` | text to ids and back; rebuilt from GGUF metadata where there is no `tokenizer.json` |
//! | `template` | chat templates |
//! | `decoder`, `cache` | forward pass over ragged batches, key-value cache |
//! | `ops` | kernels |

mod architecture;
mod cache;
mod decoder;
pub mod ops;
mod rope;

pub use architecture::{Architecture, Family, RopeScaling};
pub use cache::Cache;
pub use decoder::{Compute, ComputeChoice, Decoder, DecoderError, Logits, Segment, TensorSource, Wanted, Workspace};
pub use rope::Rope;

#[cfg(test)]
pub(crate) use decoder::tests::{tiny, tiny_decoder};
