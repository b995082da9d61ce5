//! One folder a pane: `state`, `update`, `view`, and the pane's actions. A pane knows nothing of the other panes.

pub mod chat;
pub mod difficulty;
pub mod eval;
pub mod generate;
pub mod overview;
pub mod review;
pub mod run;
pub mod start;
pub mod train;

use std::sync::Arc;

use crate::records::{LiveBoard, LiveState};

/// There is one job at a time: where a board of another one comes, the one that a pane shows has ended, though nobody said so. A
/// step of a pass is followed by the next one.
fn another_jobs(shown: &mut Option<Arc<LiveBoard>>) {
    if let Some(board) = shown.as_mut().filter(|board| !board.state.is_over()) {
        let board = Arc::make_mut(board);
        board.state = LiveState::Done;
        board.message.clear();
        board.running.clear();
    }
}
