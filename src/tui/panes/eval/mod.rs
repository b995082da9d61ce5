//! The Eval pane: what models score on the held-out problems, two of them against each other, and where they differ.

mod action;
mod state;
mod update;
mod view;

pub use action::{ACTIONS, EvalAction};
pub use state::EvalState;
pub use update::{enter, hints, key, paste, receive, resize, update};
pub use view::view;
