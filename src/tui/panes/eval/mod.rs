//! The Eval pane: what models score on the held-out problems, two of them against each other, and where they differ. Reading
//! samples and resampling are the worker's business; which numbers there are is `pipeline::eval`'s.

mod action;
mod content;
mod form;
mod layout;
mod lines;
mod state;
mod update;
mod view;

#[cfg(test)]
mod tests;

pub use action::{ACTIONS, EvalAction};
pub use state::EvalState;
pub use update::{enter, hints, key, paste, receive, refresh, resize, update};
pub use view::view;
