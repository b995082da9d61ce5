//! One folder a pane: `state`, `update`, `view`, and the pane's actions. A pane knows nothing of the other panes.

pub mod chat;
pub mod difficulty;
pub mod eval;
pub mod generate;
pub mod review;
pub mod run;
pub mod start;
pub mod train;
