//! The Watch pane: trainings that anybody started, whatever wrote their records, as curves that can be laid over one another. It only
//! looks: nothing is steered from here, and nothing is written. The session's own trainings are the Train pane's.

mod action;
mod layout;
mod plots;
mod run;
mod state;
#[cfg(test)]
mod tests;
mod update;
mod view;

pub use action::{ACTIONS, WatchAction, hints};
pub use state::WatchState;
pub use update::{key, mouse, paste, receive, resize, update};
pub use view::view;
