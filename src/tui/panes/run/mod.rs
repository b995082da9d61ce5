//! The Run pane: the whole pass of a recipe, step by step, and what of it is at work.

mod action;
mod state;
mod update;
mod view;

pub use action::{ACTIONS, RunAction};
pub use state::RunState;
pub use update::{enter, hints, key, paste, receive, resize, update};
pub use view::view;
