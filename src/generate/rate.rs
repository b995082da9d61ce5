//! Tokens per second over the last while. No clock in here: every call is told what time it is.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// So much of the past counts where tokens come a few at a time.
const OF_STEPS: Duration = Duration::from_secs(5);
/// The same where answers come whole, each with the tokens of many seconds.
const OF_ANSWERS: Duration = Duration::from_secs(30);
/// Over less a rate says nothing.
const LEAST: Duration = Duration::from_secs(1);

/// Tokens per second over the last seconds, up to now: silence counts.
#[derive(Debug, Clone)]
pub struct Rate {
    window: Duration,
    /// When work began, or went on.
    since: Instant,
    past: VecDeque<(Instant, usize)>,
}

impl Rate {
    /// Of a process that decodes, which begins now.
    pub fn of_steps(now: Instant) -> Self {
        Self { window: OF_STEPS, since: now, past: VecDeque::new() }
    }

    /// Of servers that are asked from now on.
    pub fn of_answers(now: Instant) -> Self {
        Self { window: OF_ANSWERS, since: now, past: VecDeque::new() }
    }

    pub fn add(&mut self, now: Instant, tokens: usize) {
        self.past.push_back((now, tokens));
        while self.past.front().is_some_and(|(at, _)| self.is_over(*at, now)) {
            self.past.pop_front();
        }
    }

    /// A pause ends. Nothing was written in it, and what lies before says nothing of now.
    pub fn restart(&mut self, now: Instant) {
        self.since = now;
        self.past.clear();
    }

    pub fn per_second(&self, now: Instant) -> f64 {
        let recent = self.past.iter().filter(|(at, _)| !self.is_over(*at, now));
        let tokens: usize = recent.map(|(_, tokens)| tokens).sum();
        let at_work = now.saturating_duration_since(self.since);
        tokens as f64 / at_work.clamp(LEAST, self.window).as_secs_f64()
    }

    fn is_over(&self, at: Instant, now: Instant) -> bool {
        now.saturating_duration_since(at) >= self.window
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_long_past_is_forgotten() {
        let start = Instant::now();
        let mut rate = Rate::of_steps(start);
        let at = |second| start + Duration::from_secs(second);
        rate.add(at(0), 1000);
        for second in 1..=20 {
            rate.add(at(second), 50);
        }
        assert_eq!(rate.per_second(at(20)), 50.0);
        assert_eq!(rate.per_second(at(22)), 30.0, "silence counts");
        rate.restart(at(40));
        assert_eq!(rate.per_second(at(41)), 0.0);
        rate.add(at(42), 40);
        assert_eq!(rate.per_second(at(42)), 20.0, "the time before a pause does not");
    }

    #[test]
    fn answers_that_come_whole_do_not_make_it_leap() {
        let start = Instant::now();
        let at = |second| start + Duration::from_secs(second);
        let mut rate = Rate::of_answers(start);
        // Eight answers of 100 tokens every ten seconds.
        for round in 1..=6 {
            for _ in 0..8 {
                rate.add(at(10 * round), 100);
            }
            assert_eq!(rate.per_second(at(10 * round)), 80.0, "round {round}");
        }
    }
}
