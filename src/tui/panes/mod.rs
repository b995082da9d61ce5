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
pub mod watch;

use std::sync::Arc;

use crate::records::{LiveBoard, LiveState};

/// Where a board comes of a job that cannot be at work beside the one that a pane shows, the latter has ended, though nobody said so:
/// a step of a pass is followed by the next one.
fn another_jobs(shown: &mut Option<Arc<LiveBoard>>, another: &LiveBoard) {
    let over = |board: &&mut Arc<LiveBoard>| !board.state.is_over() && board.heavy().excludes(another.heavy());
    if let Some(board) = shown.as_mut().filter(over) {
        let board = Arc::make_mut(board);
        board.state = LiveState::Done;
        board.message.clear();
        board.running.clear();
    }
}
