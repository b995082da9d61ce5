//! The Generate pane: the form that sets a generation up, and the board of the one that runs, streaming its samples.
//!
//! It starts and steers by effects and shows what the board says; a job of another process looks the same. What is
//! generated and how belongs to `pipeline`.

mod action;
mod form;
mod form_view;
mod layout;
mod live;
mod live_view;
pub(in crate::tui::panes) mod servers;
mod state;
mod update;

#[cfg(test)]
mod tests;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::tui::view::ViewContext;

pub use action::{ACTIONS, GenerateAction};
pub use state::{GenerateState, resize};
pub use update::{hints, key, paste, receive, update};

/// Draws the pane into an area; [`resize`] was told its size before.
pub fn view(state: &GenerateState, context: &ViewContext, area: Rect, buffer: &mut Buffer) {
    if state.shows_form() {
        form_view::view(state, context, area, buffer);
    } else {
        live_view::view(state, context, area, buffer);
    }
}
