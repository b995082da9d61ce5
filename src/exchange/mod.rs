//! What comes in and goes out: problem files, samples of other tools, training data. Knows formats, not methods.
//!
//! A file is a table of rows ([`table`]), whatever holds them; a row is a problem ([`problems`]) or has samples in one of many
//! shapes ([`formats`], [`samples`]), which [`store`] keeps in a session. What goes out is one file ([`messages`]) or a directory
//! that others can load and read about ([`dataset`], [`card`], `front_matter`). Columns that nothing here knows go along
//! (`columns`).

pub mod card;
mod columns;
pub mod dataset;
pub mod formats;
mod front_matter;
pub mod messages;
mod parquet;
pub mod problems;
pub mod rows;
pub mod samples;
pub mod split;
pub mod store;
pub mod table;
#[cfg(test)]
mod tests;

pub use problems::{Format, ImportReport};
pub use table::{ColumnMap, Container, ImportError};
