//! A talk with models: one or several that are asked the same, each going on from its own earlier answers.
//!
//! Nothing is read from a session or stored in one. Models stay in memory between questions; what was worked out of a
//! conversation is kept by the backend, so that the next turn goes on from there. An answer that was cut off or stopped can be
//! gone on with.

mod known;
mod question;
#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

use color_eyre::Result;
use color_eyre::eyre::{WrapErr, ensure};

pub use self::known::{Found, Known, Posed, find, known, pose};
pub use self::question::{Question, Side};
use super::OrderError;
use crate::generate::local::{LocalBackend, LocalOptions, load_decoder};
use crate::generate::{Backend, Event, Request, StreamKey};
use crate::math::{self, Check};
use crate::model::{Compute, Decoder, ModelFiles};
use crate::records::FinishReason;
use crate::train::plan::free_memory;

/// Models that can be talked with at once.
pub const MOST: usize = 2;
/// News of a text follow each other at least so long.
const BETWEEN_NEWS: Duration = Duration::from_millis(33);
/// Of a side that is not asked. Those of the others begin with 1.
const NO_REQUEST: u64 = 0;
/// The problem of a random stream where none is asked about.
const NO_PROBLEM: &str = "chat";

/// A model that is in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ready {
    pub model: String,
    /// Number format that it runs in.
    pub compute: String,
    /// Most tokens of a conversation.
    pub context: usize,
}

/// How an answer ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// The model ended its turn.
    Ended,
    /// Cut off at the most tokens of an answer.
    Length,
    /// Cut off where the context was full.
    ContextFull,
    /// The person stopped it.
    Stopped,
    /// It could not be written on.
    Failed(String),
}

impl End {
    /// Whether the limit of tokens or of the context cut it off.
    pub fn is_cut(&self) -> bool {
        matches!(self, End::Length | End::ContextFull)
    }
}

/// What is told while models are loaded and answer. `question` and `side` say whose answer it is.
#[derive(Debug, Clone, PartialEq)]
pub enum News {
    Loading {
        model: String,
    },
    /// All models that are in memory now.
    Loaded(Vec<Ready>),
    Started {
        question: u64,
        side: usize,
        prompt_tokens: usize,
    },
    /// The answer grew. `tokens`: written so far, without those of a beginning.
    Text {
        question: u64,
        side: usize,
        delta: String,
        tokens: usize,
        tokens_per_second: f64,
    },
    Ended {
        question: u64,
        side: usize,
        end: End,
        /// Written, without those of a beginning.
        tokens: usize,
        tokens_per_second: f64,
        /// Where a problem was asked about: of the whole answer, with its beginning.
        check: Option<Check>,
    },
    /// Nothing was asked.
    Refused {
        /// `None` where models were to be loaded only.
        question: Option<u64>,
        error: String,
    },
}

/// Who listens to a talk and can end an answer.
pub trait Listener {
    fn tell(&mut self, news: News);

    /// Whether the answers to this question are to end now.
    fn stopping(&self, question: u64) -> bool;

    /// Called after each step of the models, which took so long: other work may need the machine.
    fn rest(&mut self, _step: Duration) {}
}

struct Loaded {
    model: String,
    backend: LocalBackend,
    /// A step of it failed: it is opened anew for the next question.
    broken: bool,
}

/// Models in memory, and the way to ask them.
#[derive(Default)]
pub struct Talk {
    loaded: Vec<Loaded>,
    requests: u64,
}

/// An answer that is being written.
struct Writing {
    request: u64,
    /// Place of its model among those that are loaded.
    place: usize,
    /// With its beginning.
    text: String,
    /// How much of the text was told, or was there before.
    told: usize,
    tokens: usize,
    /// When the first tokens came, and how many they were.
    first: Option<(Instant, usize)>,
    done: bool,
}

impl Talk {
    /// What is in memory.
    pub fn ready(&self) -> Vec<Ready> {
        let ready = |loaded: &Loaded| {
            let identity = loaded.backend.identity();
            let (compute, context) = (identity.compute.clone(), identity.context_length);
            Ready { model: loaded.model.clone(), compute, context }
        };
        self.loaded.iter().map(ready).collect()
    }

    /// Forgets all models.
    pub fn free(&mut self) {
        self.loaded.clear();
    }

    /// Brings these models into memory, and lets go of all others first. Those that are there stay as they are.
    ///
    /// # Errors
    /// If one cannot be opened, or the machine has no room for it; those that were loaded before it stay.
    pub fn load(&mut self, models: &[String], listener: &mut dyn Listener) -> Result<()> {
        self.loaded.retain(|loaded| !loaded.broken && models.contains(&loaded.model));
        for model in models {
            if !self.loaded.iter().any(|loaded| loaded.model == *model) {
                listener.tell(News::Loading { model: model.clone() });
                let backend = open(model)?;
                self.loaded.push(Loaded { model: model.clone(), backend, broken: false });
            }
        }
        listener.tell(News::Loaded(self.ready()));
        Ok(())
    }

    /// Asks, and tells the answers as they are written: all models take turns, a step each.
    ///
    /// # Errors
    /// If nothing was asked: a model cannot be loaded, or the conversation has no room in its context. What goes wrong once an
    /// answer has begun is its end.
    pub fn ask(&mut self, question: &Question, listener: &mut dyn Listener) -> Result<()> {
        question.check()?;
        let models: Vec<String> = question.sides.iter().map(|side| side.model.clone()).collect();
        self.load(&models, listener)?;
        let mut writing = self.submit(question)?;
        let mut last = Instant::now();
        while writing.iter().any(|writing| !writing.done) {
            if listener.stopping(question.id) {
                self.stop(question, &mut writing, listener);
                break;
            }
            let step = Instant::now();
            self.step(question, &mut writing, listener);
            if last.elapsed() >= BETWEEN_NEWS {
                last = Instant::now();
                for (side, writing) in writing.iter_mut().enumerate().filter(|(_, writing)| !writing.done) {
                    writing.tell(question.id, side, listener);
                }
            }
            listener.rest(step.elapsed());
        }
        Ok(())
    }

    /// Hands a request for each side to its model; all of them, or none.
    fn submit(&mut self, question: &Question) -> Result<Vec<Writing>> {
        let mut writing: Vec<Writing> = Vec::with_capacity(question.sides.len());
        for side in &question.sides {
            let place = self.loaded.iter().position(|loaded| loaded.model == side.model).unwrap_or_default();
            if side.messages.is_empty() {
                writing.push(Writing { done: true, ..Writing::new(NO_REQUEST, place, "") });
                continue;
            }
            let backend = &self.loaded[place].backend;
            let (tokens, room) = (backend.prompt_tokens(&side.messages)?, backend.identity().context_length);
            ensure!(
                tokens < room,
                "the conversation has {tokens} tokens and the context of {} holds {room}: begin a new one, or take turns back",
                side.model
            );
            self.requests += 1;
            writing.push(Writing::new(self.requests, place, side.begun()));
        }
        for (index, side) in question.sides.iter().enumerate() {
            let Writing { request, place, done, .. } = writing[index];
            if done {
                continue;
            }
            // A model that is asked twice draws twice, and each part of an answer is drawn anew.
            let twice = writing[..index].iter().filter(|before| before.place == place).count() as u32;
            let draw = question.part.saturating_mul(MOST as u32).saturating_add(twice);
            let problem_id = question.problem.as_ref().map_or(NO_PROBLEM, |(id, _)| id).to_owned();
            let request = Request {
                id: request,
                messages: side.messages.clone(),
                sampling: question.sampling.clone(),
                stream: StreamKey { seed: question.seed, problem_id, draw, turn: question.turn },
                // The cache of a side goes from turn to turn, whatever the conversation.
                dialogue: index as u64,
            };
            if let Err(error) = self.loaded[place].backend.submit(request) {
                for writing in &writing {
                    self.loaded[writing.place].backend.cancel(writing.request);
                }
                return Err(error);
            }
        }
        Ok(writing)
    }

    /// A step of each model that has something to write.
    fn step(&mut self, question: &Question, writing: &mut [Writing], listener: &mut dyn Listener) {
        for (place, loaded) in self.loaded.iter_mut().enumerate() {
            if loaded.backend.in_flight() == 0 {
                continue;
            }
            let mut events = Vec::new();
            let stepped = loaded.backend.step(&mut events);
            for event in events {
                take(event, question, writing, listener);
            }
            if let Err(error) = stepped {
                let at = writing.iter_mut().enumerate().filter(|(_, writing)| writing.place == place && !writing.done);
                for (side, writing) in at {
                    loaded.backend.cancel(writing.request);
                    writing.end(question, side, End::Failed(format!("{error:#}")), listener);
                }
                loaded.broken = true;
            }
        }
    }

    fn stop(&mut self, question: &Question, writing: &mut [Writing], listener: &mut dyn Listener) {
        for (side, writing) in writing.iter_mut().enumerate().filter(|(_, writing)| !writing.done) {
            self.loaded[writing.place].backend.cancel(writing.request);
            writing.end(question, side, End::Stopped, listener);
        }
    }
}

fn take(event: Event, question: &Question, writing: &mut [Writing], listener: &mut dyn Listener) {
    let (Event::Started { id, .. }
    | Event::Text { id, .. }
    | Event::Finished { id, .. }
    | Event::Failed { id, .. }
    | Event::Postponed { id, .. }) = &event;
    let found = writing.iter_mut().enumerate().find(|(_, writing)| writing.request == *id);
    let Some((side, writing)) = found else { return };
    match event {
        Event::Started { prompt_tokens, .. } => {
            listener.tell(News::Started { question: question.id, side, prompt_tokens });
        }
        Event::Text { delta, tokens, .. } => {
            writing.first.get_or_insert((Instant::now(), tokens));
            writing.text.push_str(&delta);
            writing.tokens = tokens;
        }
        Event::Finished { tokens, reason, .. } => {
            writing.tokens = tokens;
            let end = match reason {
                FinishReason::Stop | FinishReason::StopString => End::Ended,
                FinishReason::Length => End::Length,
                FinishReason::ContextFull => End::ContextFull,
            };
            writing.end(question, side, end, listener);
        }
        Event::Failed { error, .. } => writing.end(question, side, End::Failed(error), listener),
        Event::Postponed { .. } => {
            let error = "the answer is put off, and a talk does not wait for it".to_owned();
            writing.end(question, side, End::Failed(error), listener);
        }
    }
}

impl Writing {
    fn new(request: u64, place: usize, begun: &str) -> Self {
        let (text, told) = (begun.to_owned(), begun.len());
        Self { request, place, text, told, tokens: 0, first: None, done: false }
    }

    /// Tokens a second since the first ones; 0 while there is nothing to take a rate of.
    fn rate(&self) -> f64 {
        let Some((at, first)) = self.first else { return 0.0 };
        let seconds = at.elapsed().as_secs_f64();
        let since = self.tokens.saturating_sub(first);
        if since == 0 || seconds <= 0.0 { 0.0 } else { since as f64 / seconds }
    }

    /// Tells what was not told yet.
    fn tell(&mut self, question: u64, side: usize, listener: &mut dyn Listener) {
        if self.told < self.text.len() {
            let delta = self.text[self.told..].to_owned();
            self.told = self.text.len();
            let (tokens, tokens_per_second) = (self.tokens, self.rate());
            listener.tell(News::Text { question, side, delta, tokens, tokens_per_second });
        }
    }

    fn end(&mut self, question: &Question, side: usize, end: End, listener: &mut dyn Listener) {
        self.tell(question.id, side, listener);
        self.done = true;
        let check = question.problem.as_ref().map(|(_, gold)| math::check(gold, &self.text));
        let (tokens, tokens_per_second) = (self.tokens, self.rate());
        listener.tell(News::Ended { question: question.id, side, end, tokens, tokens_per_second, check });
    }
}

/// A backend for one model, if there is room for it.
fn open(model: &str) -> Result<LocalBackend> {
    let options = LocalOptions { slots: Some(MOST), ..LocalOptions::default() };
    let files = ModelFiles::open(model)?;
    let device = options.device().wrap_err("cannot open the GPU; this build can also run on the CPU")?;
    let compute = Compute::resolve(options.compute, &device)?;
    let needed = files.architecture.parameter_count() as u64 * bytes(compute);
    if let Some(free) = free_memory(&device).filter(|free| needed > *free) {
        let gib = |bytes: u64| bytes as f64 / f64::from(1 << 30);
        let (needed, free) = (gib(needed), gib(free));
        return Err(OrderError(format!("{model} takes {needed:.1} GiB of memory and {free:.1} GiB are free")).into());
    }
    let decoder: Decoder = load_decoder(&files, options.compute, &options)?;
    Ok(LocalBackend::from_files(files, std::sync::Arc::new(decoder), &options))
}

/// Of a weight.
fn bytes(compute: Compute) -> u64 {
    match compute {
        Compute::F32 => 4,
        Compute::Bf16 | Compute::F16 => 2,
        Compute::Q8 => 1,
    }
}
