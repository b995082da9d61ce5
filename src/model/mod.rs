//! The language model: decoder, weights, tokenizer, chat template, kernels.
//!
//! One decoder serves the Llama and Qwen2/Qwen3 families. Knows nothing of sessions, dialogues or screens.
//!
//! | file | holds |
//! |---|---|
//! | `files` | all of a model's files, opened at once |
//! | `text` | the part of them that turns chats into tokens and back, without weights |
//! | `origin` | where the files are that a person names |
//! | `architecture` | the numbers of a model: from `config.json` or GGUF metadata |
//! | `weights` | tensors by their Hugging Face names: safetensors (sharded too), GGUF |
//! | `tokenizer` | text to ids and back; rebuilt from GGUF metadata where there is no `tokenizer.json` |
//! | `template` | chat templates |
//! | `decoder`, `cache` | forward pass over ragged batches, key-value cache |
//! | `device` | which device a model runs on |
//! | `export` | models written for other programs: GGUF, Hugging Face directories, PEFT adapters |
//! | `ops` | kernels |

mod architecture;
mod cache;
mod decoder;
mod device;
mod error;
pub mod export;
mod files;
mod folder;
pub mod ops;
mod origin;
mod rope;
mod template;
mod text;
mod tokenizer;
mod weights;

#[cfg(test)]
mod tests;

pub use architecture::{Architecture, Family, RopeScaling};
pub use cache::Cache;
pub use decoder::{Compute, ComputeChoice, Decoder, DecoderError, Logits, Segment, TensorSource, Wanted, Workspace};
pub use device::{ProcessMemory, device_memory, device_name, fastest_device, process_memory};
pub use error::ModelError;
pub use files::ModelFiles;
pub use folder::{Folder, MICRO};
pub use origin::Origin;
pub use rope::Rope;
pub use template::ChatTemplate;
pub use text::{GenerationDefaults, TextFiles};
pub use tokenizer::{TokenStream, Tokenizer};
pub use weights::{Gguf, GgufArray, GgufTensor, GgufValue, Weights};

#[cfg(test)]
pub(crate) use decoder::tests::{tiny, tiny_decoder};
