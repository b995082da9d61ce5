//! The boards of jobs that the screen knows of, those at work and the last that were. Not: what they look like.

use std::sync::Arc;

use crate::records::{Heavy, LiveBoard};

/// At most one of a kind: jobs that cannot be at work at once follow each other.
#[derive(Debug, Clone, Default)]
pub struct Boards(Vec<Arc<LiveBoard>>);

impl Boards {
    /// Takes a newer board, in the place of those that it shows to be over. Boards stand in one order, whichever came last.
    pub fn take(&mut self, board: &Arc<LiveBoard>) {
        self.0.retain(|old| !old.heavy().excludes(board.heavy()));
        self.0.push(board.clone());
        self.0.sort_by_key(|board| board.heavy() as u8);
    }

    /// The last one of a job of this kind.
    pub fn of(&self, heavy: Heavy) -> Option<&LiveBoard> {
        self.0.iter().map(|board| &**board).find(|board| board.heavy() == heavy)
    }

    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// Of jobs that are at work, pause or wait.
    pub fn at_work(&self) -> impl Iterator<Item = &LiveBoard> {
        self.0.iter().map(|board| &**board).filter(|board| !board.state.is_over())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::{EVALUATION, GENERATION, LiveState, PASS, TRAINING};

    #[test]
    fn a_board_replaces_those_that_it_cannot_stand_beside() {
        let mut boards = Boards::default();
        let mut seen = |job: &str, state| {
            boards.take(&Arc::new(LiveBoard { job: job.into(), state, ..LiveBoard::default() }));
            boards.at_work().map(|board| board.job.clone()).collect::<Vec<_>>()
        };
        assert_eq!(seen(TRAINING, LiveState::Running), [TRAINING]);
        assert_eq!(seen(GENERATION, LiveState::Starting), [GENERATION, TRAINING]);
        assert_eq!(seen(EVALUATION, LiveState::Running), [EVALUATION, TRAINING]);
        assert_eq!(seen(TRAINING, LiveState::Done), [EVALUATION]);
        assert_eq!(seen(PASS, LiveState::Waiting), [PASS]);
    }
}
