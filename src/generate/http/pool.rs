//! The requests of a pool: which is begun, what becomes of a call's end, and what is tried again.

use std::time::{Duration, Instant};

use tokio::task::AbortHandle;

use super::answer::Written;
use super::body::refused_value;
use super::call::{self, Call, LOGPROBS_BYTES, RESPONSE_BYTES, Report};
use super::choose::choose;
use super::endpoint::{Admission, Ticket};
use super::failure::{Failure, FailureKind};
use super::options::Pace;
use super::probe::Served;
use super::{Failures, HttpBackend, ignored, line, look};
use crate::generate::backend::is_begun;
use crate::generate::{Event, Request};

/// What is said where a prompt of tokens is refused.
const NO_TOKENS: &str = "a prompt of tokens was not taken on /v1/completions; leave --tokenizer out to send chats";

/// A request that is not at a server.
pub(super) struct Waiting {
    pub request: Request,
    /// The tokens of its chat, where that is rendered here.
    prompt: Option<Vec<u32>>,
    /// Not to be begun before.
    pub due: Instant,
    /// Calls that came to nothing.
    tries: u32,
    /// The server that failed it last.
    failed_at: Option<usize>,
    /// `Event::Started` was told.
    started: bool,
    /// Text that was told.
    shown: String,
}

impl Waiting {
    pub(super) fn new(request: Request, prompt: Option<Vec<u32>>, now: Instant) -> Self {
        Self { request, prompt, due: now, tries: 0, failed_at: None, started: false, shown: String::new() }
    }

    /// The beginning of the answer that a server of chats was given. Who was given tokens does not know where an answer begins.
    fn begun(&self) -> Option<&str> {
        let messages = &self.request.messages;
        let last = messages.last().filter(|_| self.prompt.is_none() && is_begun(messages));
        last.map(|message| message.content.as_str())
    }

    /// Tokens of the prompt: those that the server tells, else those that it was given.
    fn prompt_tokens(&self, told: usize) -> usize {
        if told > 0 { told } else { self.prompt.as_ref().map_or(0, Vec::len) }
    }

    fn start(&mut self, prompt_tokens: usize, events: &mut Vec<Event>) {
        if !std::mem::replace(&mut self.started, true) {
            events.push(Event::Started { id: self.request.id, prompt_tokens });
        }
    }

    /// Tells the end of the turn, with what of its text was not told yet.
    fn finish(mut self, mut written: Written, events: &mut Vec<Event>) {
        written.cut_at(&self.request.sampling.stop);
        let Written { text, token_ids, tokens, prompt_tokens, logprob, reason } = written;
        self.start(prompt_tokens, events);
        let id = self.request.id;
        // After a stream that broke off the new text may be another one; then the end alone brings it.
        if let Some(rest) = text.strip_prefix(self.shown.as_str()).filter(|rest| !rest.is_empty()) {
            events.push(Event::Text { id, delta: rest.to_owned(), tokens });
        }
        events.push(Event::Finished { id, text, token_ids, tokens, logprob, reason });
    }
}

/// A request that a server works on.
pub(super) struct Running {
    pub waiting: Waiting,
    pub server: usize,
    pub ticket: Ticket,
    pub abort: AbortHandle,
    streamed: bool,
}

impl HttpBackend {
    /// Gives waiting requests to servers that can take them.
    pub(super) fn dispatch(&mut self, now: Instant) {
        if self.waiting.is_empty() {
            return;
        }
        for index in 0..self.servers.len() {
            if self.servers[index].wants_a_look(now) {
                self.servers[index].begin_look();
                let endpoint = &self.options.endpoints[index];
                look(&self.worker, &self.client, (index, endpoint), self.options.key.clone(), &self.sender);
            }
        }
        let mut at = 0;
        while at < self.waiting.len() && self.servers.iter().any(|server| server.can_take(now)) {
            let waiting = &self.waiting[at];
            let home = self.homes.get(&waiting.request.dialogue).copied();
            let is_able = |server: usize| self.can_go_on(server, &waiting.request.messages);
            let is_due = waiting.due <= now;
            let server = is_due.then(|| choose(&self.servers, home, waiting.failed_at, is_able, now)).flatten();
            let Some(server) = server else {
                at += 1;
                continue;
            };
            if let Some(waiting) = self.waiting.remove(at) {
                self.begin(waiting, server, now);
            }
        }
    }

    fn begin(&mut self, waiting: Waiting, server: usize, now: Instant) {
        let (request, dialect) = (&waiting.request, self.dialects[server]);
        if let Some(name) = dialect.ignores(&request.sampling) {
            self.servers[server].refuse(now, ignored(name));
            self.waiting.push_front(waiting);
            return;
        }
        // What was shown of a stream that broke off is not shown again.
        let streamed = waiting.shown.is_empty() && self.is_to_be_streamed(request.dialogue);
        let prompt = self.prompt(&request.messages, waiting.prompt.as_deref());
        let body = self.body(prompt, &request.sampling, &request.stream, dialect, streamed);
        let call = Call {
            number: self.next_call,
            url: self.options.endpoints[server].route(self.options.prompts.route()),
            body: body.to_string(),
            key: self.options.key.clone(),
            streamed,
            most_bytes: if self.options.logprobs { LOGPROBS_BYTES } else { RESPONSE_BYTES },
            total_timeout: self.options.total_timeout,
            idle_timeout: self.options.idle_timeout,
        };
        self.next_call += 1;
        self.homes.insert(request.dialogue, server);
        let ticket = self.servers[server].begin(now);
        let number = call.number;
        let abort = self.worker.spawn(call::run(self.client.clone(), call, self.sender.clone()));
        self.running.insert(number, Running { waiting, server, ticket, abort, streamed });
    }

    /// Whether a turn that begins is told as it is written: one of the dialogue that is looked at, and beside it so many as the
    /// options say, or one: the turn of a dialogue that was under way when somebody looked comes whole, and may be its last.
    fn is_to_be_streamed(&self, dialogue: u64) -> bool {
        let streamed = || self.running.values().filter(|running| running.streamed).count();
        let beside = self.options.streams.max(usize::from(self.looked_at.is_some()));
        self.looked_at == Some(dialogue) || streamed() < beside
    }

    /// Takes what happened to a call. Calls that were cancelled are not known any more.
    pub(super) fn take(&mut self, report: Report, now: Instant, events: &mut Vec<Event>) {
        match report {
            Report::Text { call, delta, tokens, prompt_tokens } => {
                if let Some(Running { waiting, .. }) = self.running.get_mut(&call) {
                    waiting.start(waiting.prompt_tokens(prompt_tokens), events);
                    waiting.shown.push_str(&delta);
                    events.push(Event::Text { id: waiting.request.id, delta, tokens });
                }
            }
            Report::Ended { call, outcome } => {
                let Some(running) = self.running.remove(&call) else { return };
                match outcome {
                    Ok(written) => self.succeed(running, written, now, events),
                    Err(failure) => self.fail(running, &failure, now, events),
                }
            }
            Report::Looked { endpoint, outcome } => self.looked(endpoint, outcome, now),
        }
    }

    fn succeed(&mut self, running: Running, mut written: Written, now: Instant, events: &mut Vec<Event>) {
        written.prompt_tokens = running.waiting.prompt_tokens(written.prompt_tokens);
        if let Some(begun) = running.waiting.begun()
            && self.dialects[running.server].repeats_the_beginning(running.streamed)
        {
            written.take_off(begun);
        }
        self.servers[running.server].succeeded(running.ticket, now, written.tokens);
        self.spent = self.spent.plus(written.spent());
        self.failures = Failures::default();
        // It is back, perhaps as another one.
        if running.ticket.probe {
            let endpoint = &self.options.endpoints[running.server];
            look(&self.worker, &self.client, (running.server, endpoint), self.options.key.clone(), &self.sender);
        }
        running.waiting.finish(written, events);
    }

    fn fail(&mut self, running: Running, failure: &Failure, now: Instant, events: &mut Vec<Event>) {
        let Running { mut waiting, server, ticket, .. } = running;
        self.servers[server].failed(ticket, now, failure);
        self.spent = self.spent.plus(failure.spent);
        waiting.tries += 1;
        waiting.failed_at = Some(server);
        // A first turn that does not fit is a setting to change; a later one is a dialogue that has come to its end.
        if failure.kind == FailureKind::ContextFull && waiting.request.stream.turn > 0 {
            self.failures = Failures::default();
            waiting.finish(Written::without_room(), events);
        } else if failure.kind.is_worth_a_retry() && waiting.tries <= self.options.retries {
            self.servers[server].retried += 1;
            waiting.due = now + pause(&self.options.pace, waiting.tries, rand::random::<f64>());
            self.waiting.push_back(waiting);
        } else {
            let advice = self.advice(&waiting, failure);
            // What there is advice for would befall every request.
            if failure.kind.is_about_one_request() && advice.is_none() {
                self.failures.add_of_problem(&waiting.request.stream.problem_id);
            } else {
                self.failures.of_servers += 1;
            }
            let words = advice.map_or_else(|| failure.message.clone(), |advice| format!("{advice} ({failure})"));
            self.give_up(&waiting, server, &words, events);
        }
    }

    /// What a person can change about a refusal, where its words tell.
    fn advice(&self, waiting: &Waiting, failure: &Failure) -> Option<String> {
        let is_rejected = failure.kind == FailureKind::Rejected;
        let value = refused_value(&waiting.request.sampling, &failure.message).filter(|_| is_rejected);
        // Once one has been answered, tokens are taken.
        let by_tokens = waiting.prompt.is_some() && self.spent.calls == 0 && failure.may_be_of_tokens();
        value.or_else(|| by_tokens.then(|| NO_TOKENS.to_owned()))
    }

    /// Reports that a request came to nothing.
    fn give_up(&self, waiting: &Waiting, server: usize, words: &str, events: &mut Vec<Event>) {
        let mut error = line(self.servers[server].url(), words);
        if waiting.tries > 1 {
            error.push_str(&format!(" (after {} tries)", waiting.tries));
        }
        events.push(Event::Failed { id: waiting.request.id, error });
    }

    /// A server that did not answer at the start has been asked again, or one that is back what it serves now.
    fn looked(&mut self, index: usize, outcome: Result<Served, Failure>, now: Instant) {
        let Some(server) = self.servers.get_mut(index) else { return };
        match outcome.map(|served| (served.choose(Some(&self.identity.name)).map(|_| ()), served)) {
            Ok((Ok(()), served)) => {
                self.dialects[index] = served.dialect;
                if server.admission == Admission::Unknown {
                    server.looked(now, Ok(()));
                }
                server.has_slots(served.slots);
            }
            Ok((Err(why), _)) => {
                tracing::warn!("{}: {why}; it gets no work", server.url());
                server.refuse(now, why);
            }
            Err(failure) if server.admission == Admission::Unknown => server.looked(now, Err(failure.message)),
            // It was well a moment ago; if it is not, its next requests tell.
            Err(_) => {}
        }
    }
}

/// How long to wait before try `tries + 1`: exponential back-off with full jitter (Brooker 2015). `draw` in [0, 1).
fn pause(pace: &Pace, tries: u32, draw: f64) -> Duration {
    let factor = 1u32 << tries.saturating_sub(1).min(16);
    let longest = pace.first_pause.saturating_mul(factor).min(pace.longest_pause);
    longest.mul_f64(draw.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest_and_are_drawn_from_all_of_it() {
        let pace =
            Pace { first_pause: Duration::from_secs(1), longest_pause: Duration::from_secs(5), ..Pace::default() };
        let longest = |tries| pause(&pace, tries, 1.0).as_secs();
        assert_eq!([1, 2, 3, 4, 5, 100].map(longest), [1, 2, 4, 5, 5, 5]);
        assert_eq!(pause(&pace, 3, 0.0), Duration::ZERO);
        assert_eq!(pause(&pace, 3, 0.25), Duration::from_secs(1));
    }
}
