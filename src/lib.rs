//! cribble: a terminal workbench in which a person makes a language model teach itself to reason.
//!
//! The library holds everything the binary does; the binary only parses arguments. `ARCHITECTURE.md` has the drawing:
//! arrows between these modules go down only.
//!
//! | layer | modules |
//! |---|---|
//! | faces | [`cli`], [`tui`] |
//! | work | [`pipeline`], [`exchange`], [`jobs`], [`micro`] |
//! | method | [`generate`], [`dialogue`], [`filter`], [`difficulty`], [`train`], [`eval`] |
//! | ground | [`session`], [`model`], [`math`], [`config`], [`records`], [`stats`], [`watch`], [`hub`] |

pub mod cli;
pub mod config;
pub mod dialogue;
pub mod difficulty;
pub mod eval;
pub mod exchange;
pub mod filter;
pub mod generate;
pub mod hub;
pub mod jobs;
pub mod math;
pub mod micro;
pub mod model;
pub mod pipeline;
pub mod records;
pub mod session;
pub mod stats;
pub mod train;
pub mod tui;
pub mod watch;
