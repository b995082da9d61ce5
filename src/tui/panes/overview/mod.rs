//! The Overview pane: what of the method is done in the session, what runs, and what comes next, a key away. It shows what other panes
//! work on, and works on nothing.

mod next;
mod state;
#[cfg(test)]
mod tests;
mod update;
mod view;

pub use state::OverviewState;
pub use update::{ACTIONS, OverviewAction, enter, hints, learns, receive, update};
pub use view::view;
