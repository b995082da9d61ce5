//! The Difficulty pane: how hard the problems of the session are for a model, and what a rule would choose of their samples.

mod action;
mod state;
mod update;
mod view;

pub use action::{ACTIONS, DifficultyAction};
pub use state::DifficultyState;
pub use update::{enter, hints, key, paste, receive, resize, update};
pub use view::view;
