//! What the running step shows: who is being written, how fast, how long still.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::records::{LiveSample, LiveTotals, LiveTurn};

/// A dialogue that has ended is shown for so long: a board is read now and then, and not each one.
const SHOWN_ENDED: Duration = Duration::from_secs(2);
/// And no more of them than so many, the last: as many as mostly are in work at once, and may end with one step.
const MOST_ENDED: usize = 64;

/// One dialogue as the board shows it; kept up to date as events come.
#[derive(Debug)]
pub struct Shown {
    pub sample: LiveSample,
    began: Instant,
    /// The beginning of the turn that is written, which is none of what the model writes.
    begin: String,
}

impl Shown {
    pub fn new(key: u64, problem_id: &str, draw: u32, turns_wanted: usize, now: Instant) -> Self {
        let sample = LiveSample { key, problem_id: problem_id.to_owned(), draw, turns_wanted, ..LiveSample::default() };
        Self { sample, began: now, begin: String::new() }
    }

    /// The next turn is asked for, which begins so.
    pub fn ask(&mut self, label: &str, prompt: &str, begin: &str) {
        begin.clone_into(&mut self.begin);
        let (label, prompt, text) = (label.to_owned(), prompt.to_owned(), begin.to_owned());
        self.sample.turns.push(LiveTurn { label, prompt, text, ..LiveTurn::default() });
    }

    /// More text of the turn, which has so many tokens by now. Returns how many of them are new.
    pub fn text(&mut self, delta: &str, tokens: usize, now: Instant) -> usize {
        let Some(turn) = self.sample.turns.last_mut() else { return 0 };
        turn.text.push_str(delta);
        let new = tokens.saturating_sub(turn.tokens);
        turn.tokens += new;
        self.sample.tokens += new;
        let seconds = (now - self.began).as_secs_f64();
        self.sample.tokens_per_second = if seconds > 0.0 { self.sample.tokens as f64 / seconds } else { 0.0 };
        new
    }

    /// The turn's end brings its whole text, which is shorter than what was streamed where a stop string was cut.
    /// Returns how many of its tokens are new.
    pub fn finish_turn(&mut self, text: &str, tokens: usize) -> usize {
        let Some(turn) = self.sample.turns.last_mut() else { return 0 };
        self.begin.clone_into(&mut turn.text);
        turn.text.push_str(text);
        let new = tokens.saturating_sub(turn.tokens);
        turn.tokens += new;
        turn.finished = true;
        self.sample.tokens += new;
        new
    }
}

/// Dialogues that have ended: a board shows them for a while, so that who reads one does not miss its last words.
#[derive(Debug, Default)]
pub struct Ended(VecDeque<(Instant, LiveSample)>);

impl Ended {
    pub fn add(&mut self, now: Instant, sample: LiveSample) {
        self.0.push_back((now, sample));
        if self.0.len() > MOST_ENDED {
            self.0.pop_front();
        }
    }

    /// Those that have not been shown for long.
    pub fn recent(&mut self, now: Instant) -> Vec<LiveSample> {
        self.0.retain(|(at, _)| now.saturating_duration_since(*at) < SHOWN_ENDED);
        self.0.iter().map(|(_, sample)| sample.clone()).collect()
    }
}

/// Seconds until all is done, from the pace of this call; none until a few samples are in.
pub fn eta(totals: &LiveTotals) -> Option<f64> {
    let done = totals.existing + totals.finished + totals.failed + totals.postponed;
    let left = totals.samples_wanted.checked_sub(done)?;
    (totals.finished > 0).then(|| totals.elapsed_seconds / totals.finished as f64 * left as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_is_shown_with_its_beginning() {
        let now = Instant::now();
        let mut shown = Shown::new(1, "p", 0, 2, now);
        shown.ask("attempt", "2+2?", "First, ");
        assert_eq!(shown.text("it is 4. STOP", 5, now), 5);
        assert_eq!(shown.sample.turns[0].text, "First, it is 4. STOP");
        assert_eq!(shown.finish_turn("it is 4.", 6), 1);
        shown.ask("check", "Sure?", "");
        shown.finish_turn("Yes.", 1);
        let texts: Vec<&str> = shown.sample.turns.iter().map(|turn| turn.text.as_str()).collect();
        assert_eq!((texts, shown.sample.tokens), (vec!["First, it is 4.", "Yes."], 7));
    }

    #[test]
    fn the_time_left_follows_the_pace_of_this_call() {
        let totals =
            LiveTotals { samples_wanted: 30, existing: 10, finished: 5, elapsed_seconds: 10.0, ..Default::default() };
        assert_eq!(eta(&totals), Some(30.0));
        assert_eq!(eta(&LiveTotals { finished: 0, ..totals }), None);
    }
}
