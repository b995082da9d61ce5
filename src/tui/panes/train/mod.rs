//! The Train pane: the runs of the session, their curves, what the model in training answers, the switches of the run that is
//! in training, and the form that begins one. Reading the records is the worker's work; which chains are trained on is decided
//! in Review.

mod action;
mod curves;
mod form;
mod form_view;
mod layout;
mod learnt;
mod looks_view;
mod preview;
mod run;
mod state;
mod update;
mod view;

#[cfg(test)]
mod tests;

pub use action::{ACTIONS, TrainAction};
pub use learnt::learns;
pub use state::TrainState;
pub use update::{hints, key, mouse, offer_model, paste, receive, resize, update};
pub use view::view;
