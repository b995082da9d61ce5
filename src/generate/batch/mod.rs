//! Turns written elsewhere, between two calls of the program: by `vllm run-batch`, OpenAI's Batch API, SGLang's, or
//! whatever else takes their files. For machines without open ports, and for services that are cheaper to who can wait.
//!
//! A batch is a directory. A request whose answer is not there yet is written into the next `requests-NNN.jsonl` and
//! reported as put off. Somebody has that file answered into another one of the directory, under any name that ends
//! with `.jsonl`; the same work, begun again, finds the answers and comes as far as the next turns. So a dialogue of
//! two turns needs two batches, whoever interrupts what. Answers are found by names, which are hashes of all that was
//! asked: they may come in any order, in any number of files, and for other work that shares the directory.
//!
//! An error is no answer: the request is written again under the name of another attempt, [`MOST_ATTEMPTS`] times in
//! all. Files are read once, at [`BatchBackend::open`]; what others wrote there is not trusted, and costs bounded
//! memory. This room starts no batch and does not know what turns are for. What a request and a completion look like is
//! `http`'s.

mod custom_id;
mod directory;
mod line;
mod requests;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};

use color_eyre::eyre::{ensure, eyre};
use serde_json::{Map, Value};

use self::custom_id::CustomId;
use self::directory::{Directory, Found, LONGEST_LINE};
use self::requests::NewRequests;
use super::backend::is_begun;
use super::http::answer::Written;
pub use super::http::body::Dialect;
use super::http::body::{Body, OWN_FIELDS, Prompt};
use super::http::failure::FailureKind;
use super::http::{Prompts, identity};
use super::{Backend, Event, Handover, Request, RequestId, StreamKey};
use crate::records::{Message, ModelIdentity, Sampling};

/// So often a request is asked in all, as long as what comes back is an error.
pub const MOST_ATTEMPTS: u8 = 3;

/// Requests looked up in a step. None of them takes long.
const SLOTS: usize = 64;

/// What is wrong with a batch.
#[derive(Debug, thiserror::Error)]
pub enum BatchError {
    #[error("every request of a batch names the model that is to answer it; say which")]
    NoModel,
    #[error("extra field `{0}`: it is decided by the sampling values; leave it out")]
    OwnField(String),
    #[error("{path}: is no directory; name one for the files of the batch")]
    NoDirectory { path: PathBuf },
    #[error("{path}:{line}: {message}")]
    Line { path: PathBuf, line: u32, message: String },
    #[error("{path}: {source}")]
    Io { path: PathBuf, source: io::Error },
}

impl BatchError {
    fn io(path: &Path, source: io::Error) -> Self {
        Self::Io { path: path.to_path_buf(), source }
    }
}

/// How a batch is asked.
#[derive(Debug, Clone)]
pub struct BatchOptions {
    /// The model's name where the batch is answered.
    pub model: String,
    /// Who answers it. [`Dialect::Other`] is OpenAI, and every other one that may not know more than its fields.
    pub dialect: Dialect,
    /// Further fields of every request's body. They are part of the identity.
    pub extra: Map<String, Value>,
    /// What `render` shows a request with; requests bring their own.
    pub sampling: Sampling,
}

impl BatchOptions {
    /// Options for a model that vLLM runs, the rest as usual.
    pub fn for_model(model: impl Into<String>) -> Self {
        Self { model: model.into(), dialect: Dialect::Vllm, extra: Map::new(), sampling: Sampling::default() }
    }

    /// Whether a batch may be asked so.
    ///
    /// # Errors
    /// Says what is wrong first.
    pub fn check(&self) -> Result<(), BatchError> {
        if self.model.trim().is_empty() {
            return Err(BatchError::NoModel);
        }
        match self.extra.keys().find(|name| OWN_FIELDS.contains(&name.as_str())) {
            Some(name) => Err(BatchError::OwnField(name.clone())),
            None => Ok(()),
        }
    }
}

/// A directory of requests and answers.
pub struct BatchBackend {
    options: BatchOptions,
    identity: ModelIdentity,
    directory: Directory,
    /// Those of this call, if there are any.
    new_requests: Option<NewRequests>,
    waiting: VecDeque<Request>,
}

impl BatchBackend {
    /// Reads which requests and answers are in a directory, which is made with the first file of requests.
    ///
    /// # Errors
    /// If the options mean nothing, or a file of the directory cannot be read or is not one of a batch.
    pub fn open(directory: &Path, options: BatchOptions) -> Result<Self, BatchError> {
        options.check()?;
        Ok(Self {
            identity: identity(&options.model, None, &options.extra, &Prompts::Chat),
            directory: Directory::open(directory)?,
            options,
            new_requests: None,
            waiting: VecDeque::new(),
        })
    }

    fn body(&self, messages: &[Message], sampling: &Sampling, stream_key: &StreamKey) -> Value {
        let BatchOptions { model, dialect, extra, .. } = &self.options;
        let (prompt, dialect) = (Prompt::Chat(messages), *dialect);
        Body { model, prompt, sampling, stream_key, dialect, streamed: false, logprobs: false, extra }.json()
    }

    /// Looks a request up, and writes it down where there is no answer.
    fn look_up(&mut self, request: &Request, events: &mut Vec<Event>) -> Result<(), BatchError> {
        let id = request.id;
        let body = self.body(&request.messages, &request.sampling, &request.stream).to_string();
        let first = CustomId::new(&body, &request.stream);
        let mut wrong = None;
        for attempt in 1..=MOST_ATTEMPTS {
            let name = first.attempt(attempt);
            match self.directory.find(name)? {
                Found::Written(written) => {
                    finish(request, written, events);
                    return Ok(());
                }
                // A first turn that does not fit is a setting to change; a later one ends its dialogue.
                Found::Failed { failure, .. }
                    if failure.kind == FailureKind::ContextFull && request.stream.turn > 0 =>
                {
                    finish(request, Written::without_room(), events);
                    return Ok(());
                }
                Found::Failed { at, failure } if failure.kind == FailureKind::ContextFull => {
                    events.push(Event::Failed { id, error: format!("{at}: {failure}") });
                    return Ok(());
                }
                Found::Failed { at, failure } => wrong = Some(format!("{at}: {failure}")),
                Found::Nothing => {
                    events.push(self.put_off(id, name, &body, wrong)?);
                    return Ok(());
                }
            }
        }
        let error = format!("{} (after {MOST_ATTEMPTS} tries)", wrong.unwrap_or_default());
        events.push(Event::Failed { id, error });
        Ok(())
    }

    /// Writes a request down unless an earlier call did. `wrong`: why it has to be asked again.
    fn put_off(
        &mut self,
        id: RequestId,
        name: CustomId,
        body: &str,
        wrong: Option<String>,
    ) -> Result<Event, BatchError> {
        if self.directory.was_asked(name) {
            return Ok(Event::Postponed { id, error: None });
        }
        let line = line::request(name, body);
        if line.len() as u64 > LONGEST_LINE {
            let error = "the request is longer than 8 MiB, which no batch takes".to_owned();
            return Ok(Event::Failed { id, error });
        }
        let begun = self.new_requests.take();
        let mut requests = begun.map_or_else(|| NewRequests::begin(self.directory.path()), Ok)?;
        requests.add(&line)?;
        self.new_requests = Some(requests);
        self.directory.note_asked(name);
        Ok(Event::Postponed { id, error: wrong })
    }
}

/// Tells a whole turn.
fn finish(request: &Request, mut written: Written, events: &mut Vec<Event>) {
    written.cut_at(&request.sampling.stop);
    let Written { text, token_ids, tokens, prompt_tokens, logprob, reason } = written;
    let id = request.id;
    events.push(Event::Started { id, prompt_tokens });
    if !text.is_empty() {
        events.push(Event::Text { id, delta: text.clone(), tokens });
    }
    events.push(Event::Finished { id, text, token_ids, tokens, logprob, reason });
}

impl Backend for BatchBackend {
    fn identity(&self) -> &ModelIdentity {
        &self.identity
    }

    fn slots(&self) -> usize {
        SLOTS
    }

    fn submit(&mut self, request: Request) -> color_eyre::Result<()> {
        ensure!(!request.messages.is_empty(), "an empty chat was submitted");
        request.sampling.validate().map_err(|error| eyre!(error))?;
        ensure!(
            self.options.dialect.goes_on() || !is_begun(&request.messages),
            "an answer that is begun cannot be gone on with in this batch; have it answered by vLLM or SGLang"
        );
        self.waiting.push_back(request);
        Ok(())
    }

    fn step(&mut self, events: &mut Vec<Event>) -> color_eyre::Result<()> {
        for _ in 0..SLOTS {
            let Some(request) = self.waiting.pop_front() else { break };
            self.look_up(&request, events)?;
        }
        Ok(())
    }

    fn cancel(&mut self, id: RequestId) {
        self.waiting.retain(|request| request.id != id);
    }

    fn close_dialogue(&mut self, _dialogue: u64) {}

    fn in_flight(&self) -> usize {
        self.waiting.len()
    }

    /// What was answered wrongly says nothing of what else was answered.
    fn fails_as_one(&self, _resumed: bool) -> bool {
        false
    }

    fn hand_over(&mut self) -> color_eyre::Result<Option<Handover>> {
        let Some(requests) = self.new_requests.take() else { return Ok(None) };
        let count = requests.count();
        let file = requests.finish(self.directory.last_requests())?;
        Ok(Some(Handover { requests: count, file }))
    }

    /// The body with the sampling values of the options and the seed of no problem.
    fn render(&self, messages: &[Message]) -> color_eyre::Result<String> {
        let key = StreamKey { seed: 0, problem_id: String::new(), draw: 0, turn: 0 };
        Ok(serde_json::to_string_pretty(&self.body(messages, &self.options.sampling, &key))?)
    }
}
