//! How a step is watched and steered, seen from the step.

use std::time::Duration;

use crate::records::{LiveBoard, LiveState};

/// Given to a step by whoever runs it.
pub trait Watcher {
    /// Whether the step shall end soon. What is finished stays stored.
    fn stopping(&self) -> bool;

    /// Whether it shall end at once, and leave what is under way even where that has been paid for. Only while it is stopping.
    fn stopping_now(&self) -> bool;

    /// The dialogue that a person looks at, by its number on the board.
    fn looked_at(&self) -> Option<u64>;

    fn paused(&self) -> bool;

    /// Sleeps while paused, at most so long.
    fn wait_while_paused(&self, limit: Duration);

    /// Whether a board would be shown now; asked first, so that none is made in vain.
    fn due(&self, state: LiveState) -> bool;

    /// Shows the board to whoever looks. Never waits.
    fn publish(&mut self, board: LiveBoard);
}
