//! The Chat pane: a talk with one model, or with two side by side that are asked the same.

mod action;
mod state;
mod update;
mod view;

pub use action::{ACTIONS, ChatAction};
pub use state::ChatState;
pub use update::{enter, hints, key, offer, paste, receive, resize, update};
pub use view::view;
