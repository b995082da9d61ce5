//! How a model is led to write one long chain: strategies, policies, the turn machine, stitching.
//!
//! Pure: no store, no thread, no screen, no model. A [`Dialogue`] says what to ask next and is told what came back; in
//! the end it is a sample with its turns and the single-turn chain stitched from them.

mod error;
mod library;
mod machine;
mod stitch;
mod template;

#[cfg(test)]
mod tests;

pub use error::DialogueError;
pub use library::{Library, Mode, Policy, Strategy};
pub use machine::{Answer, Dialogue, Step};
pub use stitch::stitch;
