//! The loop of the generation step: open dialogues, hand turns to the backend, store what is finished.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use color_eyre::Result;
use color_eyre::eyre::eyre;

use super::board::{Ended, Shown, eta};
use super::meter::Meter;
use super::{GenerateOrder, GenerateOutcome, Missing, Watcher};
use crate::dialogue::{Answer, Dialogue, Policy, Step};
use crate::generate::{Backend, Event, Handover, Rate, Request, StreamKey};
use crate::pipeline::budget::UsedUp;
use crate::records::{LiveBoard, LiveState, LiveTotals, Problem};
use crate::session::{self, Session, SessionError};

/// So many failures with no success between them end the run, where the backend says that they are as one: it is not well.
const FAILURES_IN_A_ROW: usize = 10;

/// So often what must not be lost asks for a store that others hold, each time for some seconds.
const PATIENCE: usize = 12;

/// A dialogue in work. Its number names both its requests and its cache in the backend.
struct Open<'a> {
    dialogue: Dialogue<'a>,
    problem: usize,
    draw: u32,
    began: Instant,
    shown: Shown,
}

pub(super) struct Run<'a> {
    session: &'a Session,
    backend: &'a mut dyn Backend,
    problems: &'a [Problem],
    policy: &'a Policy,
    order: &'a GenerateOrder,
    settings: String,
    missing: std::iter::Peekable<Missing>,
    open: HashMap<u64, Open<'a>>,
    next: u64,
    totals: LiveTotals,
    rate: Rate,
    decoding: Duration,
    began: Instant,
    failures_in_a_row: usize,
    last_error: Option<String>,
    /// Requests that this call leaves for somebody else to answer.
    handed: Option<Handover>,
    /// Where somebody counts.
    meter: Option<Meter<'a>>,
    /// The dialogue that the backend was told a person looks at.
    looked_at: Option<u64>,
    ended: Ended,
}

impl<'a> Run<'a> {
    pub(super) fn new(
        session: &'a Session,
        backend: &'a mut dyn Backend,
        problems: &'a [Problem],
        policy: &'a Policy,
        order: &'a GenerateOrder,
        settings: String,
        missing: Missing,
    ) -> Result<Self> {
        let existing = missing.existing();
        let totals = LiveTotals {
            problems: problems.len(),
            samples_wanted: missing.wanted(),
            existing,
            ..LiveTotals::default()
        };
        let meter = Meter::of(order, session, backend)?;
        let began = Instant::now();
        let rate = if backend.servers().is_empty() { Rate::of_steps(began) } else { Rate::of_answers(began) };
        Ok(Self {
            session,
            backend,
            problems,
            policy,
            order,
            settings,
            missing: missing.peekable(),
            open: HashMap::new(),
            next: 0,
            totals,
            rate,
            decoding: Duration::ZERO,
            began,
            failures_in_a_row: 0,
            last_error: None,
            handed: None,
            meter,
            looked_at: None,
            ended: Ended::default(),
        })
    }

    pub(super) fn run(mut self, watcher: &mut dyn Watcher) -> Result<GenerateOutcome> {
        let worked = self.work(watcher);
        let kept = patiently(|| self.keep_count());
        // What went wrong first is what is told.
        worked?;
        kept?;
        let stopped = watcher.stopping() && !(self.open.is_empty() && self.missing.peek().is_none());
        for id in std::mem::take(&mut self.open).into_keys() {
            self.backend.cancel(id);
            self.backend.close_dialogue(id);
        }
        // Half of the requests would be of no use: the same call writes them all.
        self.handed = if stopped { None } else { self.backend.hand_over()? };
        let mut board = self.board(LiveState::Done);
        board.message = self.last_words(stopped);
        watcher.publish(board);
        Ok(self.outcome(stopped))
    }

    /// Works until nothing is left to do, or as long as it may.
    fn work(&mut self, watcher: &mut dyn Watcher) -> Result<()> {
        let mut events = Vec::new();
        loop {
            let stopping = watcher.stopping();
            if stopping && (self.open.is_empty() || watcher.stopping_now() || !self.backend.drains()) {
                return Ok(());
            }
            // What ends while the work stops is not held up by a pause.
            if watcher.paused() && !stopping {
                self.show(watcher, LiveState::Paused);
                watcher.wait_while_paused(Duration::from_millis(500));
                // Servers write on what they were asked for.
                if self.backend.servers().is_empty() {
                    self.rate.restart(Instant::now());
                }
                continue;
            }
            self.look(watcher.looked_at());
            if !stopping {
                self.fill()?;
            }
            if self.open.is_empty() {
                return self.all_begun();
            }
            let begun = Instant::now();
            self.backend.step(&mut events)?;
            let now = Instant::now();
            for event in events.drain(..) {
                self.take(event, now)?;
            }
            self.decoding += begun.elapsed();
            if self.meter.as_ref().is_some_and(Meter::is_due) {
                self.keep_count_if_free()?;
            }
            self.show(watcher, LiveState::Running);
        }
    }

    /// Tells the backend what a person looks at now.
    fn look(&mut self, dialogue: Option<u64>) {
        if dialogue != self.looked_at {
            self.looked_at = dialogue;
            self.backend.look_at(dialogue);
        }
    }

    /// Nothing is under way: an error where there is more to write than the budget is for.
    fn all_begun(&mut self) -> Result<()> {
        let used_up = self.used_up().filter(|_| self.missing.peek().is_some());
        used_up.map_or(Ok(()), |used_up| Err(used_up.into()))
    }

    fn used_up(&self) -> Option<UsedUp> {
        self.meter.as_ref()?.used_up(self.backend.spent())
    }

    /// Stores what was counted since it was stored last.
    fn keep_count(&mut self) -> session::Result<()> {
        let counted = self.backend.spent();
        self.meter.as_mut().map_or(Ok(()), |meter| meter.keep(self.session, counted))
    }

    /// The same; where others hold the store it is done the next time.
    fn keep_count_if_free(&mut self) -> session::Result<()> {
        match self.keep_count() {
            Err(SessionError::Busy { .. }) => Ok(()),
            kept => kept,
        }
    }

    /// Opens dialogues until every slot has one, or the budget is used up.
    fn fill(&mut self) -> Result<()> {
        while self.open.len() < self.backend.slots()
            && self.used_up().is_none()
            && let Some((problem, draw)) = self.missing.next()
        {
            let id = self.next;
            self.next += 1;
            let now = Instant::now();
            let about = &self.problems[problem];
            let dialogue = Dialogue::new(about, self.policy, self.order.turns, self.order.seed, draw)?;
            let shown = Shown::new(id, &about.id, draw, self.order.turns, now);
            self.open.insert(id, Open { dialogue, problem, draw, began: now, shown });
            self.advance(id)?;
        }
        Ok(())
    }

    /// Asks for the next turn of a dialogue, or stores what it came to.
    fn advance(&mut self, id: u64) -> Result<()> {
        let Some(open) = self.open.get_mut(&id) else { return Ok(()) };
        let step = match open.dialogue.next_step() {
            Ok(step) => step,
            // What a guidance cannot make of this attempt it may make of another.
            Err(error) if open.dialogue.begun() => return self.fail(id, error.to_string()),
            Err(error) => return Err(error.into()),
        };
        match step {
            Step::Ask { messages, label, prompt, begin, turn } => {
                open.shown.ask(&label, &prompt, &begin);
                let stream = StreamKey {
                    seed: self.order.seed,
                    problem_id: self.problems[open.problem].id.clone(),
                    draw: open.draw,
                    turn,
                };
                let sampling = self.order.sampling.clone();
                self.backend.submit(Request { id, messages, sampling, stream, dialogue: id })
            }
            Step::Done => self.store(id),
        }
    }

    fn take(&mut self, event: Event, now: Instant) -> Result<()> {
        match event {
            Event::Started { .. } => Ok(()),
            Event::Text { id, delta, tokens } => {
                if let Some(open) = self.open.get_mut(&id) {
                    self.rate.add(now, open.shown.text(&delta, tokens, now));
                }
                Ok(())
            }
            Event::Finished { id, text, token_ids, tokens, logprob, reason } => {
                let Some(open) = self.open.get_mut(&id) else { return Ok(()) };
                self.rate.add(now, open.shown.finish_turn(&text, tokens));
                open.dialogue.answer(Answer { text, token_ids, tokens, logprob, finish: reason });
                let failed = self.totals.failed;
                self.advance(id)?;
                if self.totals.failed == failed {
                    self.failures_in_a_row = 0;
                }
                Ok(())
            }
            Event::Failed { id, error } => self.fail(id, error),
            Event::Postponed { id, error } => {
                self.put_off(id, error);
                Ok(())
            }
        }
    }

    /// A dialogue is over.
    fn close(&mut self, id: u64) -> Option<Open<'a>> {
        self.backend.close_dialogue(id);
        let mut open = self.open.remove(&id)?;
        self.ended.add(Instant::now(), std::mem::take(&mut open.shown.sample));
        Some(open)
    }

    /// Counts a dialogue that came to nothing; nothing of it is stored.
    fn fail(&mut self, id: u64, error: String) -> Result<()> {
        self.close(id);
        self.totals.failed += 1;
        self.failures_in_a_row += 1;
        let resumed = self.totals.existing > 0;
        if self.failures_in_a_row >= FAILURES_IN_A_ROW && self.backend.fails_as_one(resumed) {
            return Err(eyre!("{} dialogues failed in a row, the last with: {error}", self.failures_in_a_row));
        }
        self.last_error = Some(error);
        Ok(())
    }

    /// Leaves a dialogue until its next turn has been written elsewhere. It has not failed; nothing of it is stored.
    fn put_off(&mut self, id: u64, error: Option<String>) {
        self.close(id);
        self.totals.postponed += 1;
        self.last_error = error.or_else(|| self.last_error.take());
    }

    fn store(&mut self, id: u64) -> Result<()> {
        let Some(open) = self.close(id) else { return Ok(()) };
        let sample = open.dialogue.finish(&self.settings, open.began.elapsed().as_secs_f64());
        patiently(|| self.session.add_sample(&sample))?;
        self.totals.finished += 1;
        self.totals.tokens += sample.tokens;
        self.totals.correct += usize::from(sample.correct == Some(true));
        self.totals.truncated += usize::from(sample.finish.is_cut());
        Ok(())
    }

    fn show(&mut self, watcher: &mut dyn Watcher, state: LiveState) {
        let state = if watcher.stopping() { LiveState::Stopping } else { state };
        if watcher.due(state) {
            let board = self.board(state);
            watcher.publish(board);
        }
    }

    fn board(&mut self, state: LiveState) -> LiveBoard {
        self.totals.elapsed_seconds = self.decoding.as_secs_f64();
        self.totals.tokens_per_second = match state {
            // At the end what is of interest is the whole.
            LiveState::Done => self.mean_rate(),
            _ => self.rate.per_second(Instant::now()),
        };
        self.totals.eta_seconds = eta(&self.totals);
        let mut totals = self.totals.clone();
        totals.tokens += self.open.values().map(|open| open.shown.sample.tokens).sum::<usize>();
        let used = self.meter.as_ref().map(|meter| meter.of_session(self.backend.spent()));
        (totals.spent, totals.cost) = used.unwrap_or_default();
        let mut running: Vec<_> = self.open.values().map(|open| open.shown.sample.clone()).collect();
        running.sort_by_key(|sample| sample.key);
        let identity = self.backend.identity();
        LiveBoard {
            job: "generate".into(),
            state,
            message: self.message(state),
            model: identity.name.clone(),
            compute: identity.compute.clone(),
            totals,
            running,
            ended: self.ended.recent(Instant::now()),
            servers: self.backend.servers(),
            ..LiveBoard::default()
        }
    }

    fn message(&self, state: LiveState) -> String {
        if state == LiveState::Stopping && self.backend.drains() {
            return match self.open.len() {
                0 => String::new(),
                1 => "ending 1 dialogue that is under way; stop again to leave it".into(),
                open => format!("ending {open} dialogues that are under way; stop again to leave them"),
            };
        }
        self.last_error.as_ref().map_or_else(String::new, |error| format!("last failure: {error}"))
    }

    fn last_words(&self, stopped: bool) -> String {
        let LiveTotals { finished, failed, postponed, .. } = self.totals;
        let end = if stopped { "stopped" } else { "done" };
        let waiting = match (postponed, &self.handed) {
            (0, _) => String::new(),
            (count, None) => format!("; {count} put off until their requests are answered"),
            (count, Some(Handover { requests, file })) => {
                format!("; {count} put off, {requests} requests written to {}", file.display())
            }
        };
        let failures = match (failed, &self.last_error) {
            (_, None) => String::new(),
            (0, Some(error)) => format!("; asked again after: {error}"),
            (count, Some(error)) => format!("; {count} failed, the last with: {error}"),
        };
        format!("{end}: {finished} samples stored{waiting}{failures}")
    }

    /// Tokens of stored samples per second of work.
    fn mean_rate(&self) -> f64 {
        let seconds = self.decoding.as_secs_f64();
        if seconds > 0.0 { self.totals.tokens as f64 / seconds } else { 0.0 }
    }

    fn outcome(&self, stopped: bool) -> GenerateOutcome {
        let used = self.meter.as_ref().map(|meter| meter.of_call(self.backend.spent()));
        GenerateOutcome {
            session: self.session.dir().display().to_string(),
            problems: self.problems.len(),
            samples: self.totals.finished,
            existing: self.totals.existing,
            tokens: self.totals.tokens,
            tokens_per_second: self.mean_rate(),
            wall_seconds: self.began.elapsed().as_secs_f64(),
            compute: self.backend.identity().compute.clone(),
            correct: self.totals.correct,
            failed: self.totals.failed,
            postponed: self.totals.postponed,
            requests: self.handed.as_ref().map_or(0, |handed| handed.requests),
            requests_file: self.handed.as_ref().map(|handed| handed.file.display().to_string()),
            last_error: self.last_error.clone(),
            spent: used.map(|(spent, _)| spent),
            cost: used.and_then(|(_, cost)| cost),
            stopped,
            settings: self.settings.clone(),
        }
    }
}

/// Asks again where other processes hold the store: a long write of one of them must not end the run.
fn patiently<T>(mut write: impl FnMut() -> session::Result<T>) -> session::Result<T> {
    let mut tries = 1;
    loop {
        match write() {
            Err(SessionError::Busy { .. }) if tries < PATIENCE => tries += 1,
            written => return written,
        }
    }
}
