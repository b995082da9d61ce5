//! What is known of one server: how much it may be given, and whether it is well. No clock and no network in here:
//! every call is told what time it is.
//!
//! - How much: as many as it has slots, where it tells. Else additive increase, multiplicative decrease (Chiu and Jain
//!   1989) after a slow start, as in TCP. Twice as many requests after a window of answers that filled what is allowed,
//!   until there is a first sign of trouble, then one more; none while a token takes much longer than it did; half after
//!   a refusal for want of room or a timeout.
//! - Whether: a circuit breaker. After some failures in a row the server rests, then one request finds out.

use std::time::{Duration, Instant};

use super::failure::{Failure, FailureKind};
use super::options::{FIRST_IN_FLIGHT, MOST_IN_FLIGHT, MOST_SLOTS, Pace};
use crate::generate::Rate;
use crate::records::{LiveServer, ServerState, now_millis};

/// Fewest answers of a window, which else is as long as what is allowed.
const LEAST_WINDOW: usize = 4;
/// A server is slow when a token takes so many times what it took at best.
const SLOW: f64 = 2.0;
/// The best is forgotten slowly: by this factor a window.
const FORGETTING: f64 = 1.02;
/// So many rests in a row make a server sick.
const SICK_RESTS: u32 = 3;

/// Whether work may go to a server at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Admission {
    /// It serves the model.
    Known,
    /// It did not answer so far: it is asked what it serves before it gets work.
    Unknown,
    /// It serves something else.
    Refused,
}

/// Handed out with each call, and given back at its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ticket {
    pub begun: Instant,
    /// The call finds out whether the server is well again.
    pub probe: bool,
}

#[derive(Debug, Default)]
struct Window {
    answers: usize,
    seconds: f64,
    tokens: usize,
    /// As many requests were there as were allowed.
    filled: bool,
}

#[derive(Debug)]
pub(super) struct EndpointState {
    url: String,
    pace: Pace,
    /// More than so many requests at once it is not to be given, where somebody said so.
    limit: Option<usize>,
    /// It works on so many at once, where it says so.
    slots: Option<usize>,
    pub admission: Admission,
    allowed: usize,
    in_flight: usize,
    window: Window,
    /// Least seconds for a token over a window; 0 before the first.
    fastest: f64,
    slow: bool,
    /// It has been too much for the server once.
    troubled: bool,
    last_halved: Option<Instant>,
    failures_in_a_row: u32,
    refusals_in_a_row: u32,
    rests_in_a_row: u32,
    rests_until: Option<Instant>,
    probing: bool,
    /// It asked to be left alone until then.
    not_before: Option<Instant>,
    sick_since: Option<Instant>,
    done: u64,
    failed: u64,
    pub retried: u64,
    /// From the first request on.
    rate: Option<Rate>,
    last_error: Option<String>,
}

impl EndpointState {
    pub(super) fn new(url: &str, limit: Option<usize>, pace: &Pace) -> Self {
        Self {
            url: url.to_owned(),
            pace: pace.clone(),
            limit,
            slots: None,
            admission: Admission::Unknown,
            allowed: FIRST_IN_FLIGHT.min(limit.unwrap_or(MOST_IN_FLIGHT)),
            in_flight: 0,
            window: Window::default(),
            fastest: 0.0,
            slow: false,
            troubled: false,
            last_halved: None,
            failures_in_a_row: 0,
            refusals_in_a_row: 0,
            rests_in_a_row: 0,
            rests_until: None,
            probing: false,
            not_before: None,
            sick_since: None,
            done: 0,
            failed: 0,
            retried: 0,
            rate: None,
            last_error: None,
        }
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    pub(super) fn allowed(&self) -> usize {
        self.allowed
    }

    pub(super) fn last_error(&self) -> Option<&str> {
        self.last_error.as_deref()
    }

    /// Whether it gets no work but a probe, if that.
    pub(super) fn is_resting(&self) -> bool {
        self.rests_until.is_some() || self.admission != Admission::Known
    }

    /// Requests there for each one allowed.
    pub(super) fn load(&self) -> f64 {
        self.in_flight as f64 / self.allowed.max(1) as f64
    }

    /// Answers and failures so far, which tells apart servers of equal load.
    pub(super) fn calls(&self) -> u64 {
        self.done + self.failed
    }

    pub(super) fn can_take(&self, now: Instant) -> bool {
        let asked_for_quiet = self.not_before.is_some_and(|until| now < until);
        let room = match self.rests_until {
            Some(until) => now >= until && !self.probing,
            None => self.in_flight < self.allowed,
        };
        self.admission == Admission::Known && !asked_for_quiet && room
    }

    /// Whether to ask now what it serves.
    pub(super) fn wants_a_look(&self, now: Instant) -> bool {
        self.admission == Admission::Unknown && !self.probing && self.rests_until.is_none_or(|until| now >= until)
    }

    /// A look begins; [`EndpointState::looked`] ends it.
    pub(super) fn begin_look(&mut self) {
        self.probing = true;
    }

    /// It works on so many requests at once, as it says itself: fewer would leave it idle, and more would wait there, while the
    /// prompts that it keeps of dialogues make room for theirs.
    pub(super) fn has_slots(&mut self, slots: Option<usize>) {
        let slots = slots.filter(|slots| *slots > 0);
        // The same number said again says nothing new of how much it takes well.
        if slots != self.slots {
            self.slots = slots;
            self.allowed = if slots.is_some() { self.most() } else { self.allowed.min(self.most()) };
        }
    }

    fn most(&self) -> usize {
        let told = self.slots.map(|slots| slots.min(MOST_SLOTS));
        self.limit.into_iter().chain(told).min().unwrap_or(MOST_IN_FLIGHT)
    }

    /// A look has ended: with the model there, or with why not.
    pub(super) fn looked(&mut self, now: Instant, outcome: Result<(), String>) {
        self.probing = false;
        match outcome {
            Ok(()) => {
                self.admission = Admission::Known;
                self.recover();
            }
            Err(error) => {
                self.last_error = Some(error);
                self.rest(now);
            }
        }
    }

    /// It serves something else and gets no work.
    pub(super) fn refuse(&mut self, now: Instant, why: String) {
        self.probing = false;
        self.admission = Admission::Refused;
        self.last_error = Some(why);
        self.sick_since.get_or_insert(now);
    }

    pub(super) fn begin(&mut self, now: Instant) -> Ticket {
        let probe = self.rests_until.is_some();
        self.probing |= probe;
        self.in_flight += 1;
        self.rate.get_or_insert_with(|| Rate::of_answers(now));
        self.window.filled |= self.in_flight >= self.allowed;
        Ticket { begun: now, probe }
    }

    /// The call was taken back: it says nothing of the server.
    pub(super) fn withdrawn(&mut self, ticket: Ticket) {
        self.in_flight = self.in_flight.saturating_sub(1);
        if ticket.probe {
            self.probing = false;
        }
    }

    pub(super) fn succeeded(&mut self, ticket: Ticket, now: Instant, tokens: usize) {
        self.withdrawn(ticket);
        self.done += 1;
        self.recover();
        if let Some(rate) = &mut self.rate {
            rate.add(now, tokens);
        }
        self.window.answers += 1;
        self.window.seconds += now.saturating_duration_since(ticket.begun).as_secs_f64();
        self.window.tokens += tokens.max(1);
        if self.window.answers >= self.allowed.max(LEAST_WINDOW) {
            self.end_window();
        }
    }

    pub(super) fn failed(&mut self, ticket: Ticket, now: Instant, failure: &Failure) {
        self.withdrawn(ticket);
        self.failed += 1;
        self.last_error = Some(failure.message.clone());
        if failure.kind.is_an_answer() {
            self.recover();
            return;
        }
        if matches!(failure.kind, FailureKind::Limited | FailureKind::Unavailable | FailureKind::TimedOut) {
            self.halve(ticket, now);
        }
        if failure.kind == FailureKind::Limited {
            // It is alive, and its own word on when to come back is better than a rest.
            self.refusals_in_a_row += 1;
            let pause = failure.retry_after.unwrap_or_else(|| self.rest_length(self.refusals_in_a_row));
            self.quiet_until(now + pause);
            self.sick_since.get_or_insert(now);
            self.rests_until = None;
            return;
        }
        if let Some(pause) = failure.retry_after {
            self.quiet_until(now + pause);
        }
        self.failures_in_a_row += 1;
        let worn_out = self.rests_until.is_none() && self.failures_in_a_row >= self.pace.failures;
        if ticket.probe || worn_out {
            self.rest(now);
        }
    }

    /// How long it has been sick, if it is and nothing is on its way that could show otherwise. One that was refused is without hope.
    pub(super) fn sick_for(&self, now: Instant) -> Option<Duration> {
        if self.admission == Admission::Refused {
            return Some(Duration::MAX);
        }
        let hopes = self.in_flight.saturating_sub(usize::from(self.probing));
        let since = self.sick_since.filter(|_| hopes == 0)?;
        Some(now.saturating_duration_since(since))
    }

    /// Nobody asked for a while, as in a pause: that time does not count against it.
    pub(super) fn pardon(&mut self, now: Instant) {
        self.sick_since = self.sick_since.map(|_| now);
    }

    /// When something may change for it, if that is a matter of time.
    pub(super) fn next_change(&self, now: Instant) -> Option<Instant> {
        [self.rests_until, self.not_before].into_iter().flatten().filter(|at| *at > now).min()
    }

    pub(super) fn health(&self, now: Instant) -> LiveServer {
        let quiet = self.not_before.is_some_and(|until| now < until);
        let state = match self.rests_until {
            _ if self.admission == Admission::Refused || self.rests_in_a_row >= SICK_RESTS => ServerState::Sick,
            Some(until) => {
                let left = until.saturating_duration_since(now).as_millis();
                ServerState::Resting { until: now_millis().saturating_add(i64::try_from(left).unwrap_or(i64::MAX)) }
            }
            None if self.slow || quiet => ServerState::Slow,
            None => ServerState::Healthy,
        };
        LiveServer {
            url: self.url.clone(),
            state,
            in_flight: self.in_flight,
            allowed: self.allowed,
            done: self.done,
            failed: self.failed,
            retried: self.retried,
            tokens_per_second: self.rate.as_ref().map_or(0.0, |rate| rate.per_second(now)),
            last_error: self.last_error.clone(),
        }
    }

    fn end_window(&mut self) {
        let window = std::mem::take(&mut self.window);
        let per_token = window.seconds / window.tokens as f64;
        let first = self.fastest == 0.0;
        self.slow = !first && per_token > SLOW * self.fastest;
        self.fastest = if first { per_token } else { per_token.min(self.fastest * FORGETTING) };
        if self.slow {
            self.troubled = true;
        } else if window.filled {
            let more = if self.troubled { self.allowed + 1 } else { 2 * self.allowed };
            self.allowed = more.min(self.most());
        }
    }

    /// Half as many; once for all calls that were there at the time.
    fn halve(&mut self, ticket: Ticket, now: Instant) {
        self.troubled = true;
        if self.last_halved.is_none_or(|at| ticket.begun >= at) {
            self.allowed = (self.allowed / 2).max(1);
            self.last_halved = Some(now);
            self.window = Window::default();
        }
    }

    fn rest(&mut self, now: Instant) {
        self.rests_in_a_row += 1;
        self.rests_until = Some(now + self.rest_length(self.rests_in_a_row));
        self.sick_since.get_or_insert(now);
    }

    /// The first rest, doubled for each further one, up to the longest.
    fn rest_length(&self, count: u32) -> Duration {
        let factor = 1u32 << count.saturating_sub(1).min(16);
        self.pace.first_rest.saturating_mul(factor).min(self.pace.longest_rest)
    }

    fn quiet_until(&mut self, until: Instant) {
        self.not_before = self.not_before.max(Some(until));
    }

    fn recover(&mut self) {
        self.failures_in_a_row = 0;
        self.refusals_in_a_row = 0;
        self.rests_in_a_row = 0;
        self.rests_until = None;
        self.sick_since = None;
    }
}

#[cfg(test)]
mod tests;
