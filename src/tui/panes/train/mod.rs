//! The Train pane: the runs of the session, their curves, and the switches of the one that runs. Reading their records
//! is the worker's work; which chains are trained on is decided in Review.

mod action;
mod state;
mod view;

#[cfg(test)]
mod tests;

pub use action::{ACTIONS, TrainAction};
pub use state::{TrainState, receive, update};
pub use view::view;

/// Tells the pane the size that it will be drawn in.
pub fn resize(state: &mut TrainState, _width: u16, _height: u16) {
    state.window.set_height(usize::from(view::LIST), state.runs.len());
}

/// Names of the actions for the footer.
pub fn hints(state: &TrainState) -> Vec<&'static str> {
    let mut hints = Vec::new();
    if state.running() {
        hints.extend(["train.pause", "train.stop", "train.checkpoint"]);
    }
    if !state.runs.is_empty() {
        hints.extend(["train.quantity", "train.zoom_in", "train.cursor_left", "train.log", "train.overlay"]);
    }
    hints
}
