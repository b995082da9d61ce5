//! Servers that write the samples of a pass: how they are asked, how one is started for a model, and what of it may be mended while
//! the pass lasts. Starting them and waiting for them is the host's business.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Number, Value};

use super::place::Place;
use super::{Recipe, RecipeError};
use crate::generate::http::OptionsError;
use crate::launch::process;
use crate::launch::template::{self, TemplateError};
use crate::pipeline::Servers;
use crate::pipeline::budget::{Budget, BudgetError};

/// What stands in `start` for the model, and for the name that it is to be served under.
const PLACEHOLDERS: [&str; 2] = ["model", "name"];

/// Who writes the samples of a pass in the place of this process.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RecipeServers {
    /// Addresses, such as `http://localhost:8000/v1`.
    pub endpoints: Vec<String>,
    /// The command that starts a server of `{model}` under the name `{name}`, and stays as long as the server does; left out, a person
    /// starts one for each model and the pass waits for it.
    pub start: Option<String>,
    /// What the command is started by: see [`template::launch`].
    pub launcher: Option<String>,
    /// Environment variables with keys that the server may have all the same, such as `HF_TOKEN`.
    pub environment: Vec<String>,
    /// A file with the key; left out, the environment is asked for one.
    pub key_file: Option<PathBuf>,
    /// Whether the key may go over plain http to another machine.
    pub allow_plain_key: bool,
    /// Most requests at once at each of them.
    pub most_in_flight: Option<usize>,
    /// Whether prompts are rendered here with the model's own template and sent as tokens.
    pub tokenizer: bool,
    /// Most seconds for a whole answer.
    pub request_timeout: Option<u64>,
    /// What a million tokens cost in USD: `"0.15,0.60"` for prompts and answers, or one number for both.
    pub price: Option<String>,
    /// What the pass may use of them: when it is used up, no dialogue is begun any more.
    pub max_cost: Option<f64>,
    pub max_total_tokens: Option<u64>,
    /// Further fields of every request.
    pub extra: toml::Table,
}

impl RecipeServers {
    /// How they are asked for what a model writes.
    pub fn asked(&self, model: &str) -> Servers {
        Servers {
            endpoints: self.endpoints.clone(),
            key_file: self.key_file.clone(),
            allow_plain_key: self.allow_plain_key,
            most_in_flight: self.most_in_flight,
            // What no request can hold was refused when the recipe was read.
            extra: object(&self.extra).unwrap_or_default(),
            tokenizer: self.tokenizer.then(|| model.to_owned()),
            request_timeout: self.request_timeout.map(Duration::from_secs),
            // A price that is none was refused when the recipe was read.
            budget: self.budget().unwrap_or_default(),
            ..Servers::default()
        }
    }

    fn budget(&self) -> Result<Budget, BudgetError> {
        let price = self.price.as_deref().map(str::parse).transpose()?;
        let budget = Budget { tokens: self.max_total_tokens, cost: self.max_cost, price };
        budget.check().map(|()| budget)
    }

    /// The words of the command that starts a server of a model under a name; `None` where a person does.
    ///
    /// # Errors
    /// If a template is wrong.
    pub fn command(&self, model: &str, name: &str) -> Result<Option<Vec<String>>, TemplateError> {
        let Some(start) = &self.start else { return Ok(None) };
        let words = template::fill(&template::split(start)?, &[("model", model), ("name", name)])?;
        template::launch(self.launcher.as_deref(), &words).map(Some)
    }

    /// Whether the launcher hands the work to another machine.
    pub fn is_remote(&self) -> bool {
        template::is_remote(self.launcher.as_deref())
    }

    /// # Errors
    /// Which setting means nothing, and why.
    fn validate(&self) -> Result<(), (&'static str, String)> {
        let wrong = |key, line: &str| Err((key, line.to_owned()));
        if self.endpoints.is_empty() {
            return wrong("endpoints", "no server is named; give its address, such as http://localhost:8000/v1");
        }
        if self.most_in_flight == Some(0) {
            return wrong("most_in_flight", "must be 1 or more");
        }
        if self.request_timeout == Some(0) {
            return wrong("request_timeout", "must be 1 or more seconds");
        }
        self.budget().map_err(|error| (error.setting(), error.to_string()))?;
        if object(&self.extra).is_none() {
            return wrong("extra", "a request holds no dates, and no numbers without an end; write them as text");
        }
        self.asked("").options(None).map_err(|error| match &error {
            OptionsError::OwnField(_) => ("extra", error.to_string()),
            _ => ("endpoints", error.to_string()),
        })?;
        let Some(start) = &self.start else {
            let given = [("launcher", self.launcher.is_some()), ("environment", !self.environment.is_empty())];
            return match given.into_iter().find(|(_, given)| *given) {
                Some((key, _)) => wrong(key, "there is nothing to start; give servers.start too, or leave it out"),
                None => Ok(()),
            };
        };
        starts(start)?;
        process::check_environment(&self.environment).map_err(|line| ("environment", line))?;
        let checked = self.launcher.as_deref().map_or(Ok(()), template::check_launcher);
        checked.map_err(|error| ("launcher", error.to_string()))
    }
}

/// Whether a command starts a server of the model that it is asked for, under a name that it cannot guess.
fn starts(start: &str) -> Result<(), (&'static str, String)> {
    let wrong = |error: TemplateError| ("start", error.to_string());
    let words = template::split(start).map_err(wrong)?;
    template::check(&words, &PLACEHOLDERS).map_err(wrong)?;
    let is_command = words.first().is_some_and(|word| !word.text.is_empty());
    if !is_command || !PLACEHOLDERS.iter().all(|name| template::uses(&words, name)) {
        let line = "a command with {model} and {name} is needed, such as vllm serve {model} --served-model-name {name}";
        return Err(("start", format!("`{start}`: {line}")));
    }
    Ok(())
}

/// A table as a request's body has it; `None` where JSON has no such value.
fn object(table: &toml::Table) -> Option<Map<String, Value>> {
    table.iter().map(|(name, value)| Some((name.clone(), json(value)?))).collect()
}

fn json(value: &toml::Value) -> Option<Value> {
    Some(match value {
        toml::Value::String(text) => Value::String(text.clone()),
        toml::Value::Integer(number) => Value::from(*number),
        toml::Value::Float(number) => Value::Number(Number::from_f64(*number)?),
        toml::Value::Boolean(set) => Value::Bool(*set),
        toml::Value::Array(values) => Value::Array(values.iter().map(json).collect::<Option<_>>()?),
        toml::Value::Table(table) => Value::Object(object(table)?),
        toml::Value::Datetime(_) => return None,
    })
}

impl Recipe {
    pub(super) fn check_servers(&self, at: &Place<'_>) -> Result<(), RecipeError> {
        let Some(servers) = &self.servers else { return Ok(()) };
        servers.validate().map_err(|(key, line)| at.wrong(&format!("servers.{key}"), format!("servers.{key}: {line}")))
    }

    /// What of them must stay the same as long as a pass lasts: that they write, and what decides what they write. Where they are
    /// and how they are started may be mended.
    pub(super) fn lasting_servers(&self) -> Option<RecipeServers> {
        let RecipeServers { tokenizer, extra, .. } = self.servers.as_ref()?;
        Some(RecipeServers { tokenizer: *tokenizer, extra: extra.clone(), ..RecipeServers::default() })
    }
}
