//! Turns written by servers: a pool of OpenAI-compatible ones (vLLM, SGLang, llama-server, mistral.rs, Ollama) behind
//! [`Backend`].
//!
//! Each request becomes one `POST /v1/chat/completions`. Calls run on a thread of their own; what goes where, what is
//! tried again and when a server rests is decided in [`Backend::step`], so that nothing new begins while nobody steps.
//! A failed call is no result: a turn is either whole or reported as failed. A streamed turn that breaks off is asked
//! for again unstreamed, and its end brings the text that counts.
//!
//! Servers are not trusted: time, sizes and counts have limits, redirects are not followed, proxies of the environment
//! are not used, and the key goes nowhere but into one header. No server promises the same text twice, whatever the
//! seed; what was written is what counts. This room does not start servers and does not know what turns are for.

pub(super) mod answer;
pub(super) mod body;
mod call;
mod choose;
mod endpoint;
pub(super) mod failure;
mod key;
mod options;
mod pool;
mod probe;
mod sse;
#[cfg(test)]
pub(super) mod tests;
mod worker;

use std::collections::{HashMap, VecDeque};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use color_eyre::eyre::{WrapErr, bail, ensure, eyre};
use reqwest::Client;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use self::body::{Body, Dialect};
use self::call::Report;
use self::endpoint::EndpointState;
use self::failure::Failure;
pub use self::options::{Endpoint, HttpOptions, OptionsError, Pace};
use self::pool::{Running, Waiting};
use self::probe::{Served, ServedModel};
use self::worker::Worker;
use super::{Backend, Event, Request, RequestId, StreamKey};
pub use crate::net::{Secret, SecretError};
use crate::records::{LiveServer, Message, ModelIdentity, Sampling};

/// The longest wait of a step.
const NAP: Duration = Duration::from_millis(50);
/// A look that has not ended by then never will.
const LONGEST_LOOK: Duration = Duration::from_secs(15);
/// Most reports taken in a step, so that a step is bounded whatever comes in.
const REPORTS_A_STEP: usize = 1024;
/// Without a step for so long, the work was paused.
const PAUSE: Duration = Duration::from_secs(10);

/// A pool of servers that writes turns.
pub struct HttpBackend {
    options: HttpOptions,
    identity: ModelIdentity,
    client: Client,
    worker: Worker,
    sender: Sender<Report>,
    reports: Receiver<Report>,
    servers: Vec<EndpointState>,
    /// Of each server.
    dialects: Vec<Dialect>,
    waiting: VecDeque<Waiting>,
    /// By the number of the call.
    running: HashMap<u64, Running>,
    /// Which server has the earlier turns of a dialogue in its cache.
    homes: HashMap<u64, usize>,
    next_call: u64,
    /// Tokens of prompts and answers so far.
    used: u64,
    last_step: Instant,
}

impl HttpBackend {
    /// Asks every server what it serves. One that does not answer is asked again later, as long as another does.
    ///
    /// # Errors
    /// If the options mean nothing, no server answers, or their models are not one and the same.
    pub fn connect(options: HttpOptions) -> color_eyre::Result<Self> {
        options.check()?;
        let client = call::client(&options)
            .map_err(|error| Failure::of_transport(&error))
            .wrap_err("https cannot be used here; install the system's CA certificates")?;
        let worker = Worker::start().wrap_err("cannot start the thread that talks with servers")?;
        let (sender, reports) = channel();
        for (index, endpoint) in options.endpoints.iter().enumerate() {
            look(&worker, &client, (index, endpoint), options.key.clone(), &sender);
        }
        let outcomes = gather(&reports, options.endpoints.len());
        let mut servers: Vec<_> = options
            .endpoints
            .iter()
            .map(|endpoint| EndpointState::new(endpoint.url(), endpoint.most(), &options.pace))
            .collect();
        let (model, dialects) = judge(&options, outcomes, &mut servers)?;
        Ok(Self {
            identity: identity(&model.name, model.context_length, &options.extra),
            options,
            client,
            worker,
            sender,
            reports,
            servers,
            dialects,
            waiting: VecDeque::new(),
            running: HashMap::new(),
            homes: HashMap::new(),
            next_call: 0,
            used: 0,
            last_step: Instant::now(),
        })
    }

    /// How the servers are now.
    pub fn health(&self) -> Vec<LiveServer> {
        let now = Instant::now();
        self.servers.iter().map(|server| server.health(now)).collect()
    }

    fn body(
        &self,
        messages: &[Message],
        sampling: &Sampling,
        key: &StreamKey,
        dialect: Dialect,
        streamed: bool,
    ) -> Value {
        let (model, extra) = (&self.identity.name, &self.options.extra);
        Body { model, messages, sampling, stream_key: key, dialect, streamed, extra }.json()
    }

    /// How long to wait for a report: until something is due, and not for long.
    fn nap(&self, now: Instant) -> Duration {
        let due = self.waiting.iter().map(|waiting| waiting.due).filter(|due| *due > now);
        let changes = self.servers.iter().filter_map(|server| server.next_change(now));
        let next = due.chain(changes).min().map(|at| at.saturating_duration_since(now));
        next.unwrap_or(NAP).clamp(Duration::from_millis(1), NAP)
    }

    fn budget_is_used_up(&self) -> bool {
        self.options.max_tokens_total.is_some_and(|most| self.used >= most)
    }

    /// Whether there is no use in going on.
    fn check(&self, now: Instant) -> color_eyre::Result<()> {
        if self.waiting.is_empty() && self.running.is_empty() {
            return Ok(());
        }
        if let Some(most) = self.options.max_tokens_total
            && self.budget_is_used_up()
            && self.running.is_empty()
            && self.waiting.iter().all(|waiting| waiting.request.stream.turn == 0)
        {
            bail!(
                "budget of {most} tokens is used up; what was written is stored, and the same command goes on with as many again"
            );
        }
        let patience = self.options.pace.patience;
        if self.servers.iter().all(|server| server.sick_for(now).is_some_and(|since| since >= patience)) {
            let lines =
                self.servers.iter().map(|server| line(server.url(), server.last_error().unwrap_or("no answer")));
            bail!(
                "no server has been well for {} s ({}); what was written is stored, and the same command goes on",
                patience.as_secs(),
                lines.collect::<Vec<_>>().join("; ")
            );
        }
        Ok(())
    }
}

impl Backend for HttpBackend {
    fn identity(&self) -> &ModelIdentity {
        &self.identity
    }

    fn slots(&self) -> usize {
        let well = self.servers.iter().filter(|server| !server.is_resting());
        well.map(EndpointState::allowed).sum::<usize>().max(1)
    }

    fn submit(&mut self, request: Request) -> color_eyre::Result<()> {
        ensure!(!request.messages.is_empty(), "an empty chat was submitted");
        request.sampling.validate().map_err(|error| eyre!(error))?;
        let ignoring = self.dialects.iter().zip(&self.servers).map(|(dialect, server)| {
            let name = dialect.ignores(&request.sampling)?;
            Some(line(server.url(), &ignored(name)))
        });
        // As long as there is another server it does the work.
        if let Some(lines) = ignoring.collect::<Option<Vec<_>>>() {
            bail!(lines.join("; "));
        }
        self.waiting.push_back(Waiting::new(request, Instant::now()));
        Ok(())
    }

    fn step(&mut self, events: &mut Vec<Event>) -> color_eyre::Result<()> {
        let (before, now) = (events.len(), Instant::now());
        if now.saturating_duration_since(self.last_step) > PAUSE {
            self.servers.iter_mut().for_each(|server| server.pardon(now));
        }
        self.dispatch(now);
        if events.len() == before
            && self.in_flight() > 0
            && let Ok(report) = self.reports.recv_timeout(self.nap(now))
        {
            self.take(report, Instant::now(), events);
        }
        for _ in 0..REPORTS_A_STEP {
            let Ok(report) = self.reports.try_recv() else { break };
            self.take(report, Instant::now(), events);
        }
        let now = Instant::now();
        self.dispatch(now);
        self.last_step = now;
        // What happened is told first: an error would lose it.
        if events.len() > before { Ok(()) } else { self.check(now) }
    }

    fn cancel(&mut self, id: RequestId) {
        self.waiting.retain(|waiting| waiting.request.id != id);
        let calls = self.running.iter().filter(|(_, running)| running.waiting.request.id == id);
        for call in calls.map(|(call, _)| *call).collect::<Vec<_>>() {
            if let Some(running) = self.running.remove(&call) {
                running.abort.abort();
                self.servers[running.server].withdrawn(running.ticket);
            }
        }
    }

    fn close_dialogue(&mut self, dialogue: u64) {
        self.homes.remove(&dialogue);
    }

    fn in_flight(&self) -> usize {
        self.waiting.len() + self.running.len()
    }

    fn servers(&self) -> Vec<LiveServer> {
        self.health()
    }

    /// The body with the sampling values of the options and the seed of no problem.
    fn render(&self, messages: &[Message]) -> color_eyre::Result<String> {
        let key = StreamKey { seed: 0, problem_id: String::new(), draw: 0, turn: 0 };
        Ok(serde_json::to_string_pretty(&self.body(messages, &self.options.sampling, &key, self.dialects[0], false))?)
    }
}

/// Begins to ask a server what it serves.
fn look(
    worker: &Worker,
    client: &Client,
    (index, endpoint): (usize, &Endpoint),
    key: Option<Secret>,
    sender: &Sender<Report>,
) {
    let (client, endpoint, sender) = (client.clone(), endpoint.clone(), sender.clone());
    worker.spawn(async move {
        let outcome = probe::look(client, endpoint, key).await;
        let _ = sender.send(Report::Looked { endpoint: index, outcome });
    });
}

/// Waits until every server has been looked at.
fn gather(reports: &Receiver<Report>, count: usize) -> Vec<Result<Served, Failure>> {
    let mut outcomes: Vec<_> = (0..count).map(|_| Err(Failure::broken("it could not be asked"))).collect();
    for _ in 0..count {
        match reports.recv_timeout(LONGEST_LOOK) {
            Ok(Report::Looked { endpoint, outcome }) => outcomes[endpoint] = outcome,
            Ok(_) => {}
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
        }
    }
    outcomes
}

/// Finds the one model that all servers serve which answer, and tells the states how their servers did.
fn judge(
    options: &HttpOptions,
    outcomes: Vec<Result<Served, Failure>>,
    servers: &mut [EndpointState],
) -> color_eyre::Result<(ServedModel, Vec<Dialect>)> {
    let now = Instant::now();
    let mut found: Option<(ServedModel, String)> = None;
    let (mut dialects, mut silent) = (Vec::new(), Vec::new());
    for (server, outcome) in servers.iter_mut().zip(outcomes) {
        let url = server.url().to_owned();
        let served = match outcome {
            Ok(served) => served,
            Err(failure) => {
                silent.push(line(&url, &failure.message));
                server.looked(now, Err(failure.message));
                dialects.push(Dialect::Other);
                continue;
            }
        };
        let model = served.choose(options.model.as_deref()).map_err(|why| eyre!(line(&url, &why)))?;
        match &mut found {
            None => found = Some((model.clone(), url)),
            Some((first, at)) if first.name != model.name => {
                bail!("{at} serves {} and {url} serves {}; a pool serves one model", first.name, model.name);
            }
            // The least of the lengths holds everywhere.
            Some((first, _)) => {
                first.context_length = first.context_length.into_iter().chain(model.context_length).min();
            }
        }
        server.looked(now, Ok(()));
        dialects.push(served.dialect);
    }
    let Some((model, _)) = found else {
        bail!("no server answers: {}; start one there or correct the address", silent.join("; "));
    };
    for line in silent {
        tracing::warn!("{line}; it is asked again later");
    }
    Ok((model, dialects))
}

/// The identity of a served model. A server does not tell its weights: `content` is the SHA-256 of "http", the model's
/// name there and the extra fields of requests if there are any.
pub(super) fn identity(name: &str, context_length: Option<usize>, extra: &Map<String, Value>) -> ModelIdentity {
    let mut hash = Sha256::new();
    hash.update(b"http");
    hash.update(name.as_bytes());
    if !extra.is_empty() {
        hash.update(Value::Object(extra.clone()).to_string().as_bytes());
    }
    ModelIdentity {
        name: name.to_owned(),
        content: hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect(),
        template: "server".to_owned(),
        compute: "http".to_owned(),
        // 0 where no server tells.
        context_length: context_length.unwrap_or(0),
    }
}

fn line(url: &str, words: &str) -> String {
    format!("{url}: {words}")
}

fn ignored(name: &str) -> String {
    format!("Ollama takes no notice of `{name}` on this route; leave it off or ask another kind of server")
}
