//! How a pool begins: every server is asked what it serves, and one model is found that all of them do.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use color_eyre::eyre::{bail, eyre};
use reqwest::Client;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::body::Dialect;
use super::call::Report;
use super::endpoint::EndpointState;
use super::failure::Failure;
use super::line;
use super::options::{Endpoint, HttpOptions};
use super::probe::{self, Served, ServedModel};
use super::prompts::Prompts;
use super::worker::Worker;
use crate::net::Secret;
use crate::records::ModelIdentity;

/// A look that has not ended by then never will.
const LONGEST_LOOK: Duration = Duration::from_secs(15);

/// Begins to ask a server what it serves.
pub(super) fn look(
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
pub(super) fn gather(reports: &Receiver<Report>, count: usize) -> Vec<Result<Served, Failure>> {
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
pub(super) fn judge(
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
        server.has_slots(served.slots);
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
/// name there, the extra fields of requests if there are any, and how chats become tokens if they do so here.
pub(in crate::generate) fn identity(
    name: &str,
    context_length: Option<usize>,
    extra: &Map<String, Value>,
    prompts: &Prompts,
) -> ModelIdentity {
    let mut hash = Sha256::new();
    hash.update(b"http");
    hash.update(name.as_bytes());
    if !extra.is_empty() {
        hash.update(Value::Object(extra.clone()).to_string().as_bytes());
    }
    if let Some((template, tokenizer)) = prompts.template().zip(prompts.tokenizer()) {
        // What no name and no JSON begins with.
        hash.update(b"\0tokens\0");
        hash.update(template.as_bytes());
        hash.update(tokenizer.as_bytes());
        prompts.stop_ids().iter().for_each(|id| hash.update(id.to_le_bytes()));
    }
    ModelIdentity {
        name: name.to_owned(),
        content: hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect(),
        template: prompts.template().unwrap_or("server").to_owned(),
        compute: "http".to_owned(),
        // 0 where no server tells.
        context_length: context_length.unwrap_or(0),
    }
}
