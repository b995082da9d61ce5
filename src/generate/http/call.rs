//! One HTTP call: sent, read within limits, and reported. Whether it is tried again is decided elsewhere.

use std::sync::mpsc::Sender;
use std::time::Duration;

use reqwest::header::{ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONNECTION, CONTENT_ENCODING, CONTENT_TYPE};
use reqwest::{Client, Response};
use tokio::time::timeout;

use super::answer::{Growing, Written, read_whole};
use super::failure::{ERROR_BYTES, Failure, FailureKind};
use super::options::HttpOptions;
use super::probe::Served;
use super::sse::SseParser;
use crate::net::{self, ClientOptions, Secret};

/// Most bytes of an answer.
pub(super) const RESPONSE_BYTES: usize = 8 << 20;
/// Most of one in which each token comes with its probability.
pub(super) const LOGPROBS_BYTES: usize = 32 << 20;
/// Most bytes of a line of a stream.
const LINE_BYTES: usize = 1 << 20;

/// One request to one server.
pub(super) struct Call {
    pub number: u64,
    pub url: String,
    pub body: String,
    pub key: Option<Secret>,
    pub streamed: bool,
    /// Most bytes of the answer.
    pub most_bytes: usize,
    pub total_timeout: Duration,
    pub idle_timeout: Duration,
}

/// What happened to a call.
#[derive(Debug)]
pub(super) enum Report {
    /// More text of a streamed call. `tokens`: of the turn so far.
    Text { call: u64, delta: String, tokens: usize, prompt_tokens: usize },
    /// The call is over. Comes once for each.
    Ended { call: u64, outcome: Result<Written, Failure> },
    /// A server was asked what it serves.
    Looked { endpoint: usize, outcome: Result<Served, Failure> },
}

/// Reports the end of a call even where the task that runs it is lost.
struct Ending {
    call: u64,
    reports: Option<Sender<Report>>,
}

impl Ending {
    fn tell(&mut self, outcome: Result<Written, Failure>) {
        if let Some(reports) = self.reports.take() {
            // Nobody listens any more where the backend is gone.
            let _ = reports.send(Report::Ended { call: self.call, outcome });
        }
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        self.tell(Err(Failure::broken("the call was given up")));
    }
}

/// The client of a pool.
///
/// # Errors
/// If the certificates of this machine cannot be read.
pub(super) fn client(options: &HttpOptions) -> reqwest::Result<Client> {
    net::client(&ClientOptions {
        connect_timeout: options.connect_timeout,
        // One would see the key of a server on this machine.
        proxies: false,
        // A machine without certificates can still ask its own servers.
        certificates: options.endpoints.iter().any(super::options::Endpoint::is_encrypted),
    })
}

/// Runs a call to its end.
pub(super) async fn run(client: Client, call: Call, reports: Sender<Report>) {
    let mut ending = Ending { call: call.number, reports: Some(reports.clone()) };
    let outcome = match timeout(call.total_timeout, ask(&client, &call, &reports)).await {
        Ok(outcome) => outcome,
        Err(_) => Err(Failure::late(call.total_timeout)),
    };
    ending.tell(outcome.map_err(|failure| failure.veiled(call.key.as_ref())));
}

async fn ask(client: &Client, call: &Call, reports: &Sender<Report>) -> Result<Written, Failure> {
    let wanted = if call.streamed { "text/event-stream, application/json" } else { "application/json" };
    let mut request = client
        .post(&call.url)
        .header(CONTENT_TYPE, "application/json")
        .header(ACCEPT, wanted)
        .header(ACCEPT_ENCODING, "identity")
        .body(call.body.clone());
    // llama-server hangs up after a stream and does not say so: the next request on that connection would be lost.
    if call.streamed {
        request = request.header(CONNECTION, "close");
    }
    if let Some(key) = &call.key {
        request = request.header(AUTHORIZATION, key.bearer());
    }
    let mut response = request.send().await.map_err(|error| Failure::of_transport(&error))?;
    check(&mut response, call.idle_timeout).await?;
    match media_type(&response).as_str() {
        "text/event-stream" if call.streamed => read_stream(&mut response, call, reports).await,
        "application/json" => {
            let first_wait = call.total_timeout;
            read_whole(&read_body(&mut response, call.most_bytes, first_wait, call.idle_timeout).await?)
        }
        other => Err(Failure::broken(format!("the server answered with {other} and not with JSON"))),
    }
}

/// Looks at the head of an answer: its status, and whether it can be read.
pub(super) async fn check(response: &mut Response, idle_timeout: Duration) -> Result<(), Failure> {
    let status = response.status();
    let encoding = response.headers().get(CONTENT_ENCODING).map(|encoding| encoding.as_bytes().to_ascii_lowercase());
    if !status.is_success() {
        let headers = response.headers().clone();
        // The words are a help and no more: whatever happens to them, the status counts.
        let body = if encoding.is_none() { read_beginning(response, idle_timeout).await } else { Vec::new() };
        return Err(Failure::of_status(status, &headers, &body));
    }
    if encoding.is_some_and(|encoding| !encoding.is_empty() && encoding != b"identity") {
        return Err(Failure::broken("the server sent a compressed answer that was not asked for"));
    }
    if response.content_length() == Some(0) {
        return Err(Failure::empty());
    }
    Ok(())
}

/// The type of an answer without its parameters; `application/json` for all its relatives.
fn media_type(response: &Response) -> String {
    let value = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("no type");
    let kind = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if kind.ends_with("+json") { "application/json".to_owned() } else { super::failure::cut(&kind) }
}

/// The whole body, if it is no longer than `most` bytes. `idle_timeout` counts from the first piece on.
pub(super) async fn read_body(
    response: &mut Response,
    most: usize,
    first_wait: Duration,
    idle_timeout: Duration,
) -> Result<Vec<u8>, Failure> {
    if response.content_length().is_some_and(|length| length > most as u64) {
        return Err(Failure::too_large(most));
    }
    let (mut body, mut wait) = (Vec::new(), first_wait);
    loop {
        let piece = timeout(wait, response.chunk()).await.map_err(|_| Failure::stalled(wait))?;
        let Some(piece) = piece.map_err(|error| Failure::of_transport(&error))? else { return Ok(body) };
        if piece.len() > most - body.len() {
            return Err(Failure::too_large(most));
        }
        body.extend_from_slice(&piece);
        wait = idle_timeout;
    }
}

/// What can be had of the body of an error.
async fn read_beginning(response: &mut Response, idle_timeout: Duration) -> Vec<u8> {
    let mut body = Vec::new();
    while body.len() < ERROR_BYTES
        && let Ok(Ok(Some(piece))) = timeout(idle_timeout, response.chunk()).await
    {
        body.extend_from_slice(&piece[..piece.len().min(ERROR_BYTES - body.len())]);
    }
    body
}

async fn read_stream(response: &mut Response, call: &Call, reports: &Sender<Report>) -> Result<Written, Failure> {
    let (mut parser, mut growing) = (SseParser::new(LINE_BYTES), Growing::default());
    let (mut events, mut wait, mut received, mut told) = (Vec::new(), call.total_timeout, 0usize, 0);
    while !growing.is_done() {
        let piece = timeout(wait, response.chunk()).await.map_err(|_| Failure::stalled(wait))?;
        let Some(piece) = piece.map_err(|error| Failure::of_transport(&error))? else { break };
        wait = call.idle_timeout;
        received = received.saturating_add(piece.len());
        if received > call.most_bytes {
            return Err(Failure::too_large(call.most_bytes));
        }
        parser.push(&piece, &mut events).map_err(|error| Failure::new(FailureKind::Broken, error.to_string()))?;
        for event in events.drain(..) {
            growing.take(&event)?;
        }
        told = tell(&growing, told, call.number, reports);
    }
    if !growing.is_done()
        && let Some(event) = parser.finish()
    {
        growing.take(&event)?;
        tell(&growing, told, call.number, reports);
    }
    growing.finish()
}

/// Reports the text beyond the first `told` bytes; returns how many are told now.
fn tell(growing: &Growing, told: usize, call: u64, reports: &Sender<Report>) -> usize {
    let text = growing.text();
    if text.len() > told {
        let (tokens, prompt_tokens) = (growing.tokens(), growing.prompt_tokens());
        let _ = reports.send(Report::Text { call, delta: text[told..].to_owned(), tokens, prompt_tokens });
    }
    text.len()
}
