//! The Difficulty pane: how hard the problems of the session are for a model, and what a rule would choose of their samples while
//! its numbers are changed. Gathering and choosing are `pipeline`'s and `difficulty`'s; samples are read in Review.

mod action;
mod histogram;
mod layout;
mod lengths;
mod mouse;
mod parameters;
mod plan;
mod problems;
mod state;
mod strip;
mod tables;
#[cfg(test)]
mod tests;
mod update;
mod view;

pub use action::{ACTIONS, DifficultyAction};
pub use mouse::mouse;
pub use state::DifficultyState;
pub use update::{enter, hints, key, paste, receive, refresh, resize, update};
pub use view::view;
