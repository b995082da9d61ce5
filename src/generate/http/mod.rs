//! Turns written by servers: a pool of OpenAI-compatible ones (vLLM, SGLang, llama-server, mistral.rs, Ollama) behind
//! [`Backend`].
//!
//! Each request becomes one `POST /v1/chat/completions`, or, where chats are rendered here ([`Prompts`]), one
//! `POST /v1/completions` with the tokens of the prompt. Calls run on a thread of their own; what goes where, what is
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
mod connect;
mod endpoint;
pub(super) mod failure;
mod key;
mod logprobs;
mod loose;
mod options;
mod pool;
mod probe;
mod prompts;
mod sse;
#[cfg(test)]
pub(super) mod tests;
mod worker;

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use color_eyre::eyre::{WrapErr, bail, ensure, eyre};
use reqwest::Client;
use serde_json::Value;

use self::body::{Body, Dialect, Prompt};
use self::call::Report;
pub(super) use self::connect::identity;
use self::connect::{gather, judge, look};
use self::endpoint::{Admission, EndpointState};
use self::failure::Failure;
pub use self::options::{Endpoint, HttpOptions, OptionsError, Pace};
use self::pool::{Running, Waiting};
use self::prompts::field_by_field;
pub use self::prompts::{PromptTokens, Prompts};
use self::worker::Worker;
use super::backend::is_begun;
use super::{Backend, Event, Request, RequestId, StreamKey};
pub use crate::net::{Secret, SecretError};
use crate::records::{LiveServer, Message, ModelIdentity, Sampling, Spent};

/// What is said of a server that is asked to go on with an answer.
const CANNOT_GO_ON: &str =
    "cannot go on with an answer that is begun; ask vLLM, SGLang or llama-server, or give --tokenizer";
/// The longest wait of a step.
const NAP: Duration = Duration::from_millis(50);
/// Most reports taken in a step, so that a step is bounded whatever comes in.
const REPORTS_A_STEP: usize = 1024;
/// So many problems in a row whose requests are refused show that all will be, as long as none has been answered.
const FEW_PROBLEMS: usize = 10;
/// The same where some have been: long problems may stand together.
const MANY_PROBLEMS: usize = 100;
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
    spent: Spent,
    failures: Failures,
    /// The dialogue that somebody looks at.
    looked_at: Option<u64>,
    last_step: Instant,
}

/// Requests that came to nothing since one was answered.
#[derive(Debug, Default)]
struct Failures {
    /// Problems whose requests were refused, or did not fit. A few of them say nothing of the next one.
    of_problems: HashSet<String>,
    of_servers: u64,
}

impl Failures {
    fn add_of_problem(&mut self, problem: &str) {
        if self.of_problems.len() < MANY_PROBLEMS {
            self.of_problems.insert(problem.to_owned());
        }
    }
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
            .map(|endpoint| EndpointState::new(endpoint.url(), endpoint.most_in_flight, &options.pace))
            .collect();
        let (model, dialects) = judge(&options, outcomes, &mut servers)?;
        Ok(Self {
            identity: identity(&model.name, model.context_length, &options.extra, &options.prompts),
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
            spent: Spent::default(),
            failures: Failures::default(),
            looked_at: None,
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
        prompt: Prompt<'_>,
        sampling: &Sampling,
        stream_key: &StreamKey,
        dialect: Dialect,
        streamed: bool,
    ) -> Value {
        let (model, logprobs, extra) = (&self.identity.name, self.options.logprobs, &self.options.extra);
        Body { model, prompt, sampling, stream_key, dialect, streamed, logprobs, extra }.json()
    }

    /// What a server is given of a chat; `ids` are its tokens where it is rendered here.
    fn prompt<'a>(&'a self, messages: &'a [Message], ids: Option<&'a [u32]>) -> Prompt<'a> {
        match ids {
            Some(ids) => Prompt::Tokens { ids, stop_ids: self.options.prompts.stop_ids() },
            None => Prompt::Chat(messages),
        }
    }

    /// Whether a server can go on with the answer that a chat ends with, if it ends with one. Of a server that has not
    /// answered yet that is not known.
    fn can_go_on(&self, server: usize, messages: &[Message]) -> bool {
        !is_begun(messages)
            || matches!(self.options.prompts, Prompts::Tokens(_))
            || self.servers[server].admission == Admission::Unknown
            || self.dialects[server].goes_on()
    }

    /// Why a server can do nothing with a request, if so.
    fn unable(&self, server: usize, request: &Request) -> Option<String> {
        let why = self.dialects[server].ignores(&request.sampling).map(ignored);
        let cannot = !self.can_go_on(server, &request.messages);
        let why = why.or_else(|| cannot.then(|| CANNOT_GO_ON.to_owned()))?;
        Some(line(self.servers[server].url(), &why))
    }

    /// How long to wait for a report: until something is due, and not for long.
    fn nap(&self, now: Instant) -> Duration {
        let due = self.waiting.iter().map(|waiting| waiting.due).filter(|due| *due > now);
        let changes = self.servers.iter().filter_map(|server| server.next_change(now));
        let next = due.chain(changes).min().map(|at| at.saturating_duration_since(now));
        next.unwrap_or(NAP).clamp(Duration::from_millis(1), NAP)
    }

    /// Whether there is no use in going on: all servers have been sick for long, or all that can do what is left to do.
    fn check(&self, now: Instant) -> color_eyre::Result<()> {
        if self.waiting.is_empty() && self.running.is_empty() {
            return Ok(());
        }
        let patience = self.options.pace.patience;
        let is_lost = |server: &EndpointState| server.sick_for(now).is_some_and(|since| since >= patience);
        let is_stuck = |waiting: &Waiting| {
            let messages = &waiting.request.messages;
            self.servers.iter().enumerate().all(|(index, server)| is_lost(server) || !self.can_go_on(index, messages))
        };
        let all_lost = self.servers.iter().all(is_lost);
        let is_over = all_lost || self.running.is_empty() && self.waiting.iter().all(is_stuck);
        if !is_over {
            return Ok(());
        }
        // Where one is well and work is left all the same, it is work that this one cannot do.
        let why = |server: &EndpointState| match is_lost(server) {
            true => line(server.url(), server.last_error().unwrap_or("no answer")),
            false => line(server.url(), CANNOT_GO_ON),
        };
        let whys = self.servers.iter().map(why).collect::<Vec<_>>().join("; ");
        let what = match all_lost {
            true => format!("no server has been well for {} s", patience.as_secs()),
            false => "no server is left that can write what is left to write".to_owned(),
        };
        // The same call finds a server that is well again, and not another kind of it.
        let hope = if self.servers.iter().any(is_lost) { ", and the same command goes on" } else { "" };
        Err(eyre!("{what} ({whys}); what was written is stored{hope}"))
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
        // As long as there is another server it does the work.
        let unable = (0..self.servers.len()).map(|server| self.unable(server, &request));
        if let Some(lines) = unable.collect::<Option<Vec<_>>>() {
            bail!(lines.join("; "));
        }
        let prompt = self.options.prompts.encode(&request.messages)?;
        self.waiting.push_back(Waiting::new(request, prompt, Instant::now()));
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

    /// Not where every failure since the last answer was about its own request alone, unless these are many.
    fn fails_as_one(&self, resumed: bool) -> bool {
        let Failures { of_problems, of_servers } = &self.failures;
        let enough = if resumed || self.spent.calls > 0 { MANY_PROBLEMS } else { FEW_PROBLEMS };
        *of_servers > 0 || of_problems.is_empty() || of_problems.len() >= enough
    }

    fn look_at(&mut self, dialogue: Option<u64>) {
        self.looked_at = dialogue;
    }

    fn spent(&self) -> Spent {
        self.spent
    }

    fn drains(&self) -> bool {
        true
    }

    /// The body with the sampling values of the options and the seed of no problem; before it the text of a prompt
    /// that is rendered here.
    fn render(&self, messages: &[Message]) -> color_eyre::Result<String> {
        let key = StreamKey { seed: 0, problem_id: String::new(), draw: 0, turn: 0 };
        let ids = self.options.prompts.encode(messages)?;
        let prompt = self.prompt(messages, ids.as_deref());
        let body = self.body(prompt, &self.options.sampling, &key, self.dialects[0], false);
        Ok(match self.options.prompts.render(messages)? {
            Some(text) => format!("{text}\n\n{}", field_by_field(&body)),
            None => serde_json::to_string_pretty(&body)?,
        })
    }
}

fn line(url: &str, words: &str) -> String {
    format!("{url}: {words}")
}

fn ignored(name: &str) -> String {
    format!("Ollama takes no notice of `{name}` on this route; leave it off or ask another kind of server")
}
