//! What comes in and goes out: problem files, training data. Knows formats, not methods.

pub mod messages;
pub mod problems;

pub use problems::{Format, ImportError, ImportReport};
