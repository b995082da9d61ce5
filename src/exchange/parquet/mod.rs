//! Parquet files as rows of JSON values, both ways. Knows the file format and nothing of chats.
//!
//! What a file claims of itself is checked before the reader of the `parquet` crate sees it ([`inspect`]): that reader allocates
//! by the counts and sizes that it finds.

mod compact;
mod features;
mod inspect;
pub mod read;
pub mod shape;
#[cfg(test)]
mod tests;
pub mod write;

/// How every Parquet file begins and ends.
pub const MAGIC: &[u8; 4] = b"PAR1";
