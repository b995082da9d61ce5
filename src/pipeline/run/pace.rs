//! How fast samples are written, as a probe of few tells it of many.
//!
//! A step writes with every slot busy until no sample waits any more; then the last ones end one by one, in ever emptier batches. That
//! end takes as long after ten thousand samples as after fifty, so the two are timed apart.

use std::time::{Duration, Instant};

use serde::Serialize;

use super::Host;
use crate::pipeline::Watcher;
use crate::pipeline::generate::GenerateOutcome;
use crate::records::{LiveBoard, LiveState};

/// Between two looks at how far a probe is.
const LOOK: Duration = Duration::from_millis(200);

/// What was measured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Pace {
    /// Tokens a second while every slot was busy.
    pub tokens_per_second: f64,
    /// Tokens of the end, when no sample waited any more, and seconds that they took.
    pub end_tokens: f64,
    pub end_seconds: f64,
}

impl Pace {
    /// Seconds that so many tokens take in one go.
    pub fn seconds(&self, tokens: f64) -> f64 {
        if tokens < self.end_tokens {
            return self.end_seconds * tokens / self.end_tokens;
        }
        self.end_seconds + (tokens - self.end_tokens) / self.tokens_per_second.max(1e-9)
    }
}

/// Passes a step's boards on and keeps what they said last while a sample waited.
pub(super) struct Timed<'a> {
    host: &'a mut dyn Host,
    looked: Option<Instant>,
    /// Seconds and tokens.
    busy: Option<(f64, usize)>,
}

impl<'a> Timed<'a> {
    pub fn new(host: &'a mut dyn Host) -> Self {
        Self { host, looked: None, busy: None }
    }

    /// The pace of a step that has ended so.
    pub fn pace(&self, made: &GenerateOutcome) -> Pace {
        let tokens = made.tokens as f64;
        let seconds = tokens / made.tokens_per_second.max(1e-9);
        match self.busy {
            Some((busy, written)) if busy > 0.0 && written > 0 && busy < seconds => Pace {
                tokens_per_second: written as f64 / busy,
                end_tokens: tokens - written as f64,
                end_seconds: seconds - busy,
            },
            // All fitted into the slots at once.
            _ => Pace { tokens_per_second: made.tokens_per_second, ..Pace::default() },
        }
    }
}

impl Watcher for Timed<'_> {
    fn stopping(&self) -> bool {
        self.host.stopping()
    }

    fn stopping_now(&self) -> bool {
        self.host.stopping_now()
    }

    fn looked_at(&self) -> Option<u64> {
        self.host.looked_at()
    }

    fn paused(&self) -> bool {
        self.host.paused()
    }

    fn wait_while_paused(&self, limit: Duration) {
        self.host.wait_while_paused(limit);
    }

    fn due(&self, state: LiveState) -> bool {
        self.looked.is_none_or(|looked| looked.elapsed() >= LOOK) || self.host.due(state)
    }

    fn publish(&mut self, board: LiveBoard) {
        self.looked = Some(Instant::now());
        let totals = &board.totals;
        let begun = totals.existing + totals.finished + totals.failed + board.running.len();
        if begun < totals.samples_wanted {
            self.busy = Some((totals.elapsed_seconds, totals.tokens));
        }
        if self.host.due(board.state) {
            self.host.publish(board);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_counts_once_however_much_was_written_before() {
        let pace = Pace { tokens_per_second: 100.0, end_tokens: 50.0, end_seconds: 5.0 };
        assert_eq!(pace.seconds(50.0), 5.0);
        assert_eq!(pace.seconds(1050.0), 15.0);
        assert_eq!(pace.seconds(10.0), 1.0);
        assert_eq!(Pace { tokens_per_second: 10.0, ..Pace::default() }.seconds(100.0), 10.0);
    }
}
