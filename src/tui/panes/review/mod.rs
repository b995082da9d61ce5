//! The Review pane: a list of samples with filter and sort, the transcript of the one selected, and the decisions on it.
//!
//! It decides nothing by itself and stores nothing: it asks for effects, and shows a decision only when the store says
//! that it stands. How it is bound to keys belongs to the keymap.

mod action;
mod audit;
mod content;
mod diff;
mod fill;
mod filter;
mod judged;
mod keys;
mod layout;
mod mode;
mod state;
mod update;
mod view;
mod writing;

#[cfg(test)]
pub(in crate::tui) mod tests;

pub use action::{ACTIONS, ReviewAction};
pub use keys::{key, passes_on, paste};
pub use state::{ReviewState, resize};
pub use update::{hints, learnt, receive, samples_of, show_only, tallies, update};
pub use view::view;
