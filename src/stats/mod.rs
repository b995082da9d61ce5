//! What a rate is worth: intervals of proportions, resampling of whole problems. Not: where the counts come from.

mod bootstrap;
mod proportion;

pub use bootstrap::{Bootstrap, Interval};
pub use proportion::{jeffreys, jeffreys_mean, wilson};
