//! The Chat pane: a talk with one model, or with two side by side that are asked the same. Nothing of it is stored.
//!
//! It holds what was said and asks for answers; who writes them, and how, belongs to `pipeline::chat`.

mod action;
mod ask;
mod conversation;
mod keys;
mod layout;
mod news;
mod overlays;
mod picker;
mod settings;
mod state;
mod update;
mod view;

#[cfg(test)]
mod tests;

pub use action::{ACTIONS, ChatAction};
pub use keys::{key, paste};
pub use state::ChatState;
pub use update::{enter, hints, offer, receive, resize, update};
pub use view::view;
