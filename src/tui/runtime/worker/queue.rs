//! What was asked of the worker and is not done yet. A person who runs through a list asks for every sample on the way; only
//! the last one is worth reading.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use super::super::super::effect::{ChatWish, Effect};

pub struct Queue {
    asked: Receiver<Effect>,
    waiting: VecDeque<Effect>,
}

impl Queue {
    pub fn new(asked: Receiver<Effect>) -> Self {
        Self { asked, waiting: VecDeque::new() }
    }

    /// The next thing to do; waits so long for one, or for ever. A sample to be read is passed over when another one to be
    /// read in its place waits already, and so are problems to be found.
    pub fn next(&mut self, limit: Option<Duration>) -> Result<Effect, RecvTimeoutError> {
        if self.waiting.is_empty() {
            let first = match limit {
                Some(limit) => self.asked.recv_timeout(limit)?,
                None => self.asked.recv().map_err(|_| RecvTimeoutError::Disconnected)?,
            };
            self.waiting.push_back(first);
        }
        self.waiting.extend(self.asked.try_iter());
        loop {
            let next = self.waiting.pop_front().ok_or(RecvTimeoutError::Timeout)?;
            let replaced = |later: &Effect| {
                use Effect::{Chat, LoadBeside, LoadDifficulty, LoadSample};
                matches!(
                    (&next, later),
                    (LoadSample(_), LoadSample(_))
                        | (LoadBeside(_), LoadBeside(_))
                        | (LoadDifficulty { .. }, LoadDifficulty { .. })
                        | (Chat(ChatWish::Problems(_)), Chat(ChatWish::Problems(_)))
                )
            };
            if !self.waiting.iter().any(replaced) {
                return Ok(next);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn of_samples_to_be_read_only_the_newest_is_left() {
        let (ask, asked) = channel();
        let mut queue = Queue::new(asked);
        let open = Effect::OpenSession(PathBuf::from("s"));
        for effect in [
            Effect::LoadSample(1),
            Effect::LoadBeside(9),
            Effect::Chat(ChatWish::Problems("co".into())),
            Effect::Undo,
            Effect::LoadSample(2),
            open.clone(),
            Effect::Chat(ChatWish::Problems("coin".into())),
            Effect::LoadSample(3),
        ] {
            ask.send(effect).unwrap();
        }
        let taken: Vec<Effect> = std::iter::from_fn(|| queue.next(Some(Duration::ZERO)).ok()).collect();
        let found = Effect::Chat(ChatWish::Problems("coin".into()));
        assert_eq!(taken, [Effect::LoadBeside(9), Effect::Undo, open, found, Effect::LoadSample(3)]);
        drop(ask);
        assert_eq!(queue.next(None), Err(RecvTimeoutError::Disconnected));
    }
}
