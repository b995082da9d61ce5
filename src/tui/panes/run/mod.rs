//! The Run pane: the whole pass of a recipe: set up, planned, begun, steered, waited on, and read about at its end. Which steps a
//! recipe has and what came of them `pipeline::run` says; the views beside them are summaries, the other panes have the whole.

mod action;
mod form;
mod form_view;
mod funnel;
mod hardness;
mod layout;
mod loss;
mod plan;
mod scores;
mod state;
mod steps;
mod update;
mod view;
mod writing;

#[cfg(test)]
mod tests;

pub use action::{ACTIONS, RunAction};
pub use state::RunState;
pub use update::{enter, hints, key, paste, receive, resize, update};
pub use view::view;
