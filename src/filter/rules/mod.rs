//! The rules, a file for those that look at the same thing: how each is measured, and how the measure is decided on.

pub(super) mod arithmetic;
pub mod decide;
pub(super) mod dialogue;
pub(super) mod duplicate;
mod expression;
pub(super) mod form;
pub(super) mod repetition;
