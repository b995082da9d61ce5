//! The steps of the method over a session: each reads it, works, and writes it, and can be interrupted anywhere.
//!
//! A step runs on whatever thread calls it and tells how it goes through [`Watcher`]; threads are `jobs`' business.

pub mod budget;
pub mod chat;
pub mod difficulty;
pub mod edit;
pub mod eval;
pub mod filter;
pub mod filter_bench;
pub mod generate;
mod order;
pub mod recipe;
pub mod report;
pub mod run;
pub mod sample;
pub mod select;
pub mod train;
mod watcher;

pub use filter::{FilterOutcome, FilterSources, agreement, benchmarks, filter, filter_settings, judge_session};
pub use generate::GenerateOutcome;
pub use order::{Batch, GenerateOrder, OrderError, Servers, Writer};
pub use train::{TrainOrder, TrainOutcome};
pub use watcher::Watcher;
