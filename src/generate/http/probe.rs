//! What a server is and serves, asked before any work goes to it.

use std::time::Duration;

use reqwest::header::{ACCEPT, ACCEPT_ENCODING, AUTHORIZATION};
use reqwest::{Client, StatusCode};
use serde::Deserialize;
use tokio::time::timeout;

use super::body::Dialect;
use super::call::{check, read_body};
use super::failure::{Failure, FailureKind};
use super::options::Endpoint;
use crate::net::Secret;

/// A server that is well answers such questions at once.
const LIMIT: Duration = Duration::from_secs(10);
/// What few servers have a route for is waited for so long, and no further.
const ASIDE: Duration = Duration::from_secs(2);
/// Most bytes of a list of models.
const LIST_BYTES: usize = 1 << 20;
/// So many models are named where one has to be chosen.
const NAMED: usize = 5;

/// A model of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ServedModel {
    pub name: String,
    /// Most tokens of prompt and answer together, where the server tells.
    pub context_length: Option<usize>,
}

/// What a server serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Served {
    pub models: Vec<ServedModel>,
    pub dialect: Dialect,
    /// Requests that it works on at once, where it tells.
    pub slots: Option<usize>,
}

#[derive(Deserialize)]
struct ModelList {
    data: Vec<ModelEntry>,
}

#[derive(Deserialize)]
struct ModelEntry {
    id: String,
    #[serde(default)]
    owned_by: Option<String>,
    /// vLLM and SGLang.
    #[serde(default)]
    max_model_len: Option<u64>,
}

/// Of llama-server.
#[derive(Deserialize)]
struct Properties {
    total_slots: usize,
}

#[derive(Deserialize)]
struct Version {
    version: String,
}

impl Served {
    fn read(json: &[u8]) -> Result<Self, Failure> {
        let list: ModelList = serde_json::from_slice(json)
            .map_err(|_| Failure::broken("its list of models is not what an OpenAI-compatible server sends"))?;
        let owner = list.data.first().and_then(|entry| entry.owned_by.as_deref()).unwrap_or_default();
        let dialect = match owner {
            "vllm" => Dialect::Vllm,
            "sglang" => Dialect::Sglang,
            "llamacpp" => Dialect::LlamaCpp,
            "library" => Dialect::Ollama,
            _ => Dialect::Other,
        };
        let models = list.data.into_iter().map(|entry| ServedModel {
            name: entry.id,
            context_length: entry.max_model_len.and_then(|length| usize::try_from(length).ok()),
        });
        Ok(Self { models: models.collect(), dialect, slots: None })
    }

    /// The model to ask for: the one wanted, else the only one.
    pub(super) fn choose(&self, wanted: Option<&str>) -> Result<&ServedModel, String> {
        let names = || {
            let mut names: Vec<_> =
                self.models.iter().take(NAMED).map(|model| super::failure::cut(&model.name)).collect();
            if self.models.len() > NAMED {
                names.push("...".to_owned());
            }
            names.join(", ")
        };
        match (wanted, self.models.as_slice()) {
            (_, []) => Err("it serves no model; load one there".to_owned()),
            (None, [only]) => Ok(only),
            (None, several) => Err(format!("it serves {} models ({}); choose one by its name", several.len(), names())),
            (Some(wanted), models) => models
                .iter()
                .find(|model| model.name == wanted)
                .ok_or_else(|| format!("it serves {} and not {wanted}; name one that it has", names())),
        }
    }
}

/// Asks a server what it serves, and whether it is ready.
pub(super) async fn look(client: Client, endpoint: Endpoint, key: Option<Secret>) -> Result<Served, Failure> {
    let outcome = match timeout(LIMIT, ask(&client, &endpoint, key.as_ref())).await {
        Ok(outcome) => outcome,
        Err(_) => Err(Failure::late(LIMIT)),
    };
    outcome.map_err(|failure| failure.veiled(key.as_ref()))
}

async fn ask(client: &Client, endpoint: &Endpoint, key: Option<&Secret>) -> Result<Served, Failure> {
    let list = get(client, &endpoint.route("models"), key).await.map_err(with_advice)?;
    let mut served = Served::read(&list)?;
    // Many servers have no such route, which says nothing.
    if let Err(failure) = get(client, &endpoint.root_route("health"), key).await
        && failure.kind == FailureKind::Unavailable
    {
        return Err(Failure { message: format!("it is not ready yet ({})", failure.message), ..failure });
    }
    if served.dialect == Dialect::Other
        && let Ok(Ok(json)) = timeout(ASIDE, get(client, &endpoint.root_route("version"), key)).await
        && serde_json::from_slice::<Version>(&json).is_ok_and(|version| !version.version.is_empty())
    {
        served.dialect = Dialect::Vllm;
    }
    if served.dialect == Dialect::LlamaCpp
        && let Ok(Ok(json)) = timeout(ASIDE, get(client, &endpoint.root_route("props"), key)).await
    {
        served.slots = serde_json::from_slice::<Properties>(&json).ok().map(|properties| properties.total_slots);
    }
    Ok(served)
}

/// Says what to do where a key is refused or a route is missing.
fn with_advice(failure: Failure) -> Failure {
    let code = failure.message.get(..3).and_then(|code| code.parse::<u16>().ok());
    let advice = match code.and_then(|code| StatusCode::from_u16(code).ok()) {
        Some(StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => "give its key by CRIBBLE_API_KEY or a key file",
        Some(StatusCode::NOT_FOUND) => "is this the address that ends with /v1?",
        _ => return failure,
    };
    Failure { message: format!("{}; {advice}", failure.message), ..failure }
}

async fn get(client: &Client, url: &str, key: Option<&Secret>) -> Result<Vec<u8>, Failure> {
    let mut request = client.get(url).header(ACCEPT, "application/json").header(ACCEPT_ENCODING, "identity");
    if let Some(key) = key {
        request = request.header(AUTHORIZATION, key.bearer());
    }
    let mut response = request.send().await.map_err(|error| Failure::of_transport(&error))?;
    check(&mut response, LIMIT).await?;
    read_body(&mut response, LIST_BYTES, LIMIT, LIMIT).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn served(json: &str) -> Result<Served, Failure> {
        Served::read(json.as_bytes())
    }

    #[test]
    fn servers_are_known_by_their_lists() {
        for (owner, dialect) in [
            ("vllm", Dialect::Vllm),
            ("sglang", Dialect::Sglang),
            ("llamacpp", Dialect::LlamaCpp),
            ("library", Dialect::Ollama),
            ("local", Dialect::Other),
        ] {
            let json = format!(r#"{{"object": "list", "data": [{{"id": "m", "owned_by": "{owner}", "x": 1}}]}}"#);
            assert_eq!(served(&json).unwrap().dialect, dialect);
        }
        let model = served(r#"{"data": [{"id": "m", "owned_by": "vllm", "max_model_len": 4096}]}"#).unwrap();
        assert_eq!(model.models, [ServedModel { name: "m".into(), context_length: Some(4096) }]);
        for garbage in ["", "[]", "{}", r#"{"data": [{"name": "m"}]}"#, r#"{"data": [{"id": 3}]}"#] {
            assert!(served(garbage).is_err(), "{garbage}");
        }
    }

    #[test]
    fn the_model_is_the_one_wanted_or_the_only_one() {
        let two = served(r#"{"data": [{"id": "a"}, {"id": "b"}]}"#).unwrap();
        assert_eq!(two.choose(Some("b")).unwrap().name, "b");
        assert_eq!(two.choose(Some("c")).unwrap_err(), "it serves a, b and not c; name one that it has");
        assert_eq!(two.choose(None).unwrap_err(), "it serves 2 models (a, b); choose one by its name");
        let one = served(r#"{"data": [{"id": "a"}]}"#).unwrap();
        assert_eq!(one.choose(None).unwrap().name, "a");
        assert!(served(r#"{"data": []}"#).unwrap().choose(None).unwrap_err().contains("no model"));
    }

    #[test]
    fn a_refused_key_comes_with_advice() {
        let refused = with_advice(Failure::new(FailureKind::Misplaced, "401: no"));
        assert_eq!(refused.message, "401: no; give its key by CRIBBLE_API_KEY or a key file");
        assert_eq!(with_advice(Failure::broken("é")).message, "é");
    }
}
