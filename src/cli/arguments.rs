//! Arguments that several subcommands share.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use color_eyre::Result;
use serde_json::{Map, Value};

use super::failure::BadInput;
use crate::config::Directories;
use crate::difficulty::{Pick, Rule, ShapeName};
use crate::generate::http::HttpOptions;
use crate::model::ComputeChoice;
use crate::pipeline::budget::{Budget, BudgetError, Price};
use crate::pipeline::{GenerateOrder, Servers, Writer};
use crate::records::Sampling;
use crate::session::{Session, SessionError};

#[derive(Debug, Args)]
pub struct SessionArgument {
    /// Name of a session, or the path of its directory
    #[arg(long = "session", short = 's', value_name = "SESSION")]
    pub session: String,
}

impl SessionArgument {
    pub fn path(&self) -> Result<PathBuf> {
        path_of(&self.session)
    }

    /// Opens a session that must be there.
    pub fn open(&self) -> Result<Session> {
        Ok(Session::open(&self.path()?)?)
    }

    /// Opens a session that must be there and can be written.
    pub fn open_for_writing(&self) -> Result<Session> {
        let session = self.open()?;
        if let Some(reason) = session.read_only() {
            let (path, reason) = (session.dir().to_path_buf(), reason.to_string());
            return Err(SessionError::ReadOnly { path, reason }.into());
        }
        Ok(session)
    }

    /// Opens a session, made if it is missing.
    pub fn open_or_create(&self) -> Result<Session> {
        Ok(Session::open_or_create(&self.path()?)?)
    }
}

/// Where the session of this name or path lives.
pub fn path_of(session: &str) -> Result<PathBuf> {
    Ok(Directories::from_environment()?.session_path(session)?)
}

/// How samples are chosen.
#[derive(Debug, Args)]
pub struct RuleArguments {
    /// Shape of the target over pass rates: vanilla, uniform, prop2diff, tempered, band
    #[arg(long, value_name = "SHAPE", default_value = "prop2diff", value_parser = shape)]
    target: ShapeName,
    /// Its K: samples of the problem that gets most; 0 is the smallest that reaches --samples or --tokens
    #[arg(long, short = 'k', value_name = "K", default_value_t = 0.0)]
    k: f64,
    /// Of the tempered shape: 1 is vanilla, 0 uniform
    #[arg(long, value_name = "TAU", default_value_t = Rule::default().tau)]
    tau: f64,
    /// Of the band: pass rates above this
    #[arg(long, value_name = "RATE", default_value_t = 0.0)]
    low: f64,
    /// Of the band: pass rates below this
    #[arg(long, value_name = "RATE", default_value_t = 1.0)]
    high: f64,
    /// Fewest of a problem that has a right sample
    #[arg(long, value_name = "N", default_value_t = 1)]
    least: u32,
    /// Most of a problem
    #[arg(long, value_name = "N", default_value_t = Rule::default().most)]
    most: u32,
    /// Most samples of all; 0 is no limit
    #[arg(long, value_name = "N", default_value_t = 0)]
    samples: u32,
    /// Most tokens of all; 0 is no limit
    #[arg(long, value_name = "N", default_value_t = 0)]
    tokens: u64,
    /// What goes first in a problem: first, most_diverse, length
    #[arg(long, value_name = "RULE", default_value = "first", value_parser = pick)]
    pick: Pick,
    /// Tokens of what the pick `length` puts first, from and to
    #[arg(long, value_name = "FROM,TO", value_delimiter = ',', num_args = 2)]
    length: Vec<u32>,
    /// Where a problem falls short, its samples count for more, up to so many times; 1 leaves it short
    #[arg(long, value_name = "W", default_value_t = 1.0)]
    most_weight: f32,
    /// Largest share of chains whose first answer was right already
    #[arg(long, value_name = "SHARE", default_value_t = 1.0)]
    most_confirming: f64,
}

fn shape(text: &str) -> Result<ShapeName, String> {
    named(text, &ShapeName::ALL, ShapeName::name)
}

fn pick(text: &str) -> Result<Pick, String> {
    named(text, &Pick::ALL, Pick::name)
}

fn named<T: Copy>(text: &str, all: &[T], name: fn(T) -> &'static str) -> Result<T, String> {
    let known = || all.iter().map(|one| name(*one)).collect::<Vec<_>>().join(", ");
    all.iter().copied().find(|one| name(*one) == text).ok_or_else(|| format!("one of {} is needed", known()))
}

impl RuleArguments {
    /// # Errors
    /// Which value means nothing.
    pub fn rule(&self) -> Result<Rule> {
        let length = match self.length[..] {
            [from, to] => (from, to),
            _ => Rule::default().length,
        };
        let rule = Rule {
            shape: self.target,
            k: self.k,
            tau: self.tau,
            low: self.low,
            high: self.high,
            least: self.least,
            most: self.most,
            samples: self.samples,
            tokens: self.tokens,
            pick: self.pick,
            length,
            most_weight: self.most_weight,
            most_confirming: self.most_confirming,
        };
        rule.validate().map_err(|line| BadInput(format!("--{}", line.replacen('_', "-", 1))))?;
        Ok(rule)
    }
}

/// Servers that write in the place of this process.
#[derive(Debug, Args)]
pub struct ServerArguments {
    /// Address of a server, such as http://localhost:8000/v1 (may be given again: they share the work)
    #[arg(long, value_name = "URL", group = "asks")]
    endpoint: Vec<String>,
    /// A file with the servers' key, which nobody else may read; left out, CRIBBLE_API_KEY or OPENAI_API_KEY
    #[arg(long, value_name = "FILE", requires = "endpoint")]
    api_key_file: Option<PathBuf>,
    /// Let the key go over plain http to another machine
    #[arg(long, requires = "endpoint")]
    allow_plain_key: bool,
    /// Most requests at once at each server; left out, as many as it has slots, or it is found out
    /// how many it takes well
    #[arg(long, value_name = "N", requires = "endpoint", value_parser = clap::value_parser!(u64).range(1..=4096))]
    max_in_flight: Option<u64>,
    /// Further fields of every request, as a JSON object, such as {"chat_template_kwargs":{"enable_thinking":false}}
    #[arg(long, value_name = "JSON", requires = "asks", value_parser = object)]
    extra_body: Option<Map<String, Value>>,
    /// Begin no dialogue once servers have counted so many tokens in this session, prompts and answers of all calls; those begun are
    /// ended
    #[arg(long, value_name = "N", requires = "endpoint")]
    max_total_tokens: Option<u64>,
    /// The same, once they have cost so much in this session, the tokens of each call at its own price
    #[arg(long, value_name = "USD", requires = "price")]
    max_cost: Option<f64>,
    /// What a million tokens of prompts and of answers cost in USD, such as 0.15,0.60; one number is for both
    #[arg(long, value_name = "IN[,OUT]", requires = "endpoint", value_parser = price)]
    price: Option<Price>,
    /// Render prompts here with this model's chat template and send them as tokens to /v1/completions; its weights are
    /// neither fetched nor needed
    #[arg(long, value_name = "MODEL", requires = "endpoint")]
    tokenizer: Option<String>,
    /// Keep the log probability of each turn where servers tell it
    #[arg(long, requires = "endpoint")]
    logprobs: bool,
    /// Most seconds for a whole answer; long chains of slow servers need more
    #[arg(long, value_name = "SECONDS", requires = "endpoint", default_value_t = HttpOptions::default().total_timeout.as_secs(),
          value_parser = clap::value_parser!(u64).range(1..=604_800))]
    request_timeout: u64,
}

fn price(text: &str) -> Result<Price, String> {
    text.parse().map_err(|error: BudgetError| error.to_string())
}

fn object(text: &str) -> Result<Map<String, Value>, String> {
    serde_json::from_str(text).map_err(|error| format!("no JSON object: {error}"))
}

impl ServerArguments {
    pub fn writer(&self) -> Writer {
        if self.endpoint.is_empty() {
            return Writer::Here;
        }
        Writer::Servers(Servers {
            endpoints: self.endpoint.clone(),
            key_file: self.api_key_file.clone(),
            allow_plain_key: self.allow_plain_key,
            most_in_flight: self.max_in_flight.map(|most| most as usize),
            extra: self.extra(),
            budget: Budget { tokens: self.max_total_tokens, cost: self.max_cost, price: self.price },
            tokenizer: self.tokenizer.clone(),
            logprobs: self.logprobs,
            watched: false,
            request_timeout: Some(Duration::from_secs(self.request_timeout)),
        })
    }

    /// The further fields of requests.
    pub fn extra(&self) -> Map<String, Value> {
        self.extra_body.clone().unwrap_or_default()
    }
}

/// How a model answers problems in single turns.
#[derive(Debug, Args)]
pub struct SingleTurnArguments {
    /// Directory of a model, a .gguf file, hf:org/name[@revision], or micro, which comes with the program; of servers the model's name
    /// there, which may be left out where they serve one only
    #[arg(long, short = 'm', value_name = "MODEL", required_unless_present = "endpoint")]
    model: Option<String>,
    /// Most new tokens of an answer
    #[arg(long, value_name = "N", default_value_t = 1024)]
    max_tokens: usize,
    /// 0 is greedy: one sample a problem then says all
    #[arg(long, value_name = "T", default_value_t = 0.8)]
    temperature: f32,
    #[arg(long, value_name = "P", default_value_t = Sampling::default().top_p)]
    top_p: f32,
    /// Take only the first N problems
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Sequences decoded together
    #[arg(long, value_name = "N", conflicts_with = "endpoint")]
    slots: Option<usize>,
    /// Number format: auto, f32, bf16, on a CPU q8 (weights and rows of eight bits)
    #[arg(long, value_name = "MODE", default_value = "auto", conflicts_with = "endpoint")]
    compute: ComputeChoice,
    #[command(flatten)]
    servers: ServerArguments,
}

impl SingleTurnArguments {
    pub fn order(&self, problems: Option<PathBuf>, held_out: bool, samples: u32) -> GenerateOrder {
        GenerateOrder {
            model: self.model.clone().unwrap_or_default(),
            problems,
            held_out,
            samples,
            turns: 1,
            sampling: Sampling {
                temperature: self.temperature,
                top_p: self.top_p,
                max_tokens: self.max_tokens,
                ..Sampling::default()
            },
            limit: self.limit,
            seed: self.seed,
            prompt: None,
            policy: None,
            slots: self.slots,
            compute: self.compute,
            lookup: true,
            writer: self.servers.writer(),
        }
    }
}
