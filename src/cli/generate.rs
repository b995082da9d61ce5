//! `cribble generate`: chains of thought for problems, without a screen.

use std::io::IsTerminal;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use color_eyre::Result;
use color_eyre::eyre::eyre;
use serde_json::{Map, Value};

use super::arguments::SessionArgument;
use super::failure::{BadInput, Interrupted};
use super::progress::follow;
use super::signals;
use crate::jobs;
use crate::model::ComputeChoice;
use crate::pipeline::{GenerateOrder, GenerateOutcome, Servers};
use crate::records::Sampling;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum BackendKind {
    /// Decode in this process
    Local,
    /// Ask servers: vLLM, SGLang, llama-server and others that speak as OpenAI's does
    Http,
}

#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    session: SessionArgument,
    /// Directory of a model, a .gguf file, or micro, which comes with the program; of servers the model's name there, which may be left
    /// out where they serve one only
    #[arg(long, short = 'm', value_name = "MODEL", required_unless_present = "endpoint")]
    model: Option<String>,
    /// Problem file, hf:org/name[:config[:split]], or micro or micro-test, which come with the program; left out, the problems of
    /// the session
    #[arg(long, short = 'p', value_name = "FILE")]
    problems: Option<PathBuf>,
    /// Samples a problem
    #[arg(long, short = 'k', value_name = "K", default_value_t = 1)]
    samples: u32,
    /// Assistant turns a dialogue, 1 to 6
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=6))]
    turns: u64,
    /// Most new tokens a turn
    #[arg(long, value_name = "N", default_value_t = Sampling::default().max_tokens)]
    max_tokens: usize,
    /// 0 is greedy
    #[arg(long, value_name = "T", default_value_t = Sampling::default().temperature)]
    temperature: f32,
    #[arg(long, value_name = "P", default_value_t = Sampling::default().top_p)]
    top_p: f32,
    /// 0 is off
    #[arg(long, value_name = "K", default_value_t = Sampling::default().top_k)]
    top_k: usize,
    /// 0 is off
    #[arg(long, value_name = "P", default_value_t = Sampling::default().min_p)]
    min_p: f32,
    /// 1 is off
    #[arg(long, value_name = "R", default_value_t = Sampling::default().repetition_penalty)]
    repetition_penalty: f32,
    /// A text that ends a turn (may be given again)
    #[arg(long, value_name = "TEXT")]
    stop: Vec<String>,
    /// Take only the first N problems
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Policy that chooses the strategies: `default`, `gold-conditioned`, or one of yours
    #[arg(long, value_name = "NAME")]
    policy: Option<String>,
    /// Sequences decoded together
    #[arg(long, value_name = "N", conflicts_with = "endpoint")]
    slots: Option<usize>,
    /// Who writes; with --endpoint it is servers
    #[arg(long, value_enum)]
    backend: Option<BackendKind>,
    /// Address of a server, such as http://localhost:8000/v1 (may be given again: they share the work)
    #[arg(long, value_name = "URL")]
    endpoint: Vec<String>,
    /// A file with the servers' key, which nobody else may read; left out, CRIBBLE_API_KEY or OPENAI_API_KEY
    #[arg(long, value_name = "FILE", requires = "endpoint")]
    api_key_file: Option<PathBuf>,
    /// Let the key go over plain http to another machine
    #[arg(long, requires = "endpoint")]
    allow_plain_key: bool,
    /// Most requests at once at each server; it is found out how many it takes well
    #[arg(long, value_name = "N", requires = "endpoint", value_parser = clap::value_parser!(u64).range(1..=4096))]
    max_in_flight: Option<u64>,
    /// Further fields of every request, as a JSON object, such as {"chat_template_kwargs":{"enable_thinking":false}}
    #[arg(long, value_name = "JSON", requires = "endpoint", value_parser = object)]
    extra_body: Option<Map<String, Value>>,
    /// Begin no request once servers have counted so many tokens, prompts and answers; those under way end
    #[arg(long, value_name = "N", requires = "endpoint")]
    max_total_tokens: Option<u64>,
    /// Print the first prompt, or of servers the first request but for its seed, and write nothing
    #[arg(long)]
    dry_run: bool,
    /// Number format: auto, f32, bf16, on a CPU q8 (weights and rows of eight bits)
    #[arg(long, value_name = "MODE", default_value = "auto", conflicts_with = "endpoint")]
    compute: ComputeChoice,
    /// Never guess at tokens that repeat earlier text (the text is the same either way)
    #[arg(long, conflicts_with = "endpoint")]
    no_lookup: bool,
    /// Print a JSON object: {"session","problems","samples","existing","tokens","tokens_per_second","wall_seconds","compute"}
    #[arg(long)]
    json: bool,
}

fn object(text: &str) -> Result<Map<String, Value>, String> {
    serde_json::from_str(text).map_err(|error| format!("no JSON object: {error}"))
}

impl Arguments {
    fn order(&self) -> Result<GenerateOrder> {
        let asks = self.backend == Some(BackendKind::Http);
        if asks && self.endpoint.is_empty() {
            return Err(BadInput("--backend http: which servers? give --endpoint URL".into()).into());
        }
        if self.backend == Some(BackendKind::Local) && !self.endpoint.is_empty() {
            return Err(BadInput(
                "--endpoint: of servers, and --backend local asks none; leave one of them out".into(),
            )
            .into());
        }
        let servers = (!self.endpoint.is_empty()).then(|| Servers {
            endpoints: self.endpoint.clone(),
            key_file: self.api_key_file.clone(),
            allow_plain_key: self.allow_plain_key,
            most_in_flight: self.max_in_flight.map(|most| most as usize),
            extra: self.extra_body.clone().unwrap_or_default(),
            most_tokens: self.max_total_tokens,
        });
        let sampling = Sampling {
            temperature: self.temperature,
            top_p: self.top_p,
            top_k: self.top_k,
            min_p: self.min_p,
            repetition_penalty: self.repetition_penalty,
            stop: self.stop.clone(),
            max_tokens: self.max_tokens,
        };
        Ok(GenerateOrder {
            model: self.model.clone().unwrap_or_default(),
            problems: self.problems.clone(),
            held_out: false,
            samples: self.samples,
            turns: self.turns as usize,
            sampling,
            limit: self.limit,
            seed: self.seed,
            prompt: None,
            policy: self.policy.clone(),
            slots: self.slots,
            compute: self.compute,
            lookup: !self.no_lookup,
            servers,
        })
    }
}

pub fn run(arguments: &Arguments) -> Result<()> {
    let order = arguments.order()?;
    if arguments.dry_run {
        return super::out::text(&crate::tui::text::clean(&jobs::first_request(&arguments.session.path()?, &order)?));
    }
    let (outcome, asked) = write(arguments.session.path()?, order)?;
    if arguments.json {
        super::out::line(format_args!("{}", serde_json::to_string(&outcome)?))?;
    } else if std::io::stdout().is_terminal() || !asked.to_stop() {
        super::out::line(format_args!(
            "{} samples for {} problems ({} were there), {} tokens at {:.0} tok/s in {:.0} s, compute {}",
            outcome.samples,
            outcome.problems,
            outcome.existing,
            outcome.tokens,
            outcome.tokens_per_second,
            outcome.wall_seconds,
            outcome.compute
        ))?;
    }
    complete(&outcome)
}

/// Runs a generation to its end with a progress line, and whether it was asked to stop.
fn write(session: PathBuf, order: GenerateOrder) -> Result<(GenerateOutcome, signals::Asked)> {
    let job = jobs::start_generate(session, order)?;
    let asked = signals::listen(job.control().clone())?;
    follow(&job);
    Ok((job.join()?, asked))
}

/// # Errors
/// If samples are missing: it was stopped, or some failed.
pub(super) fn complete(outcome: &GenerateOutcome) -> Result<()> {
    if outcome.stopped {
        let line = format!("{} samples stored; the same command goes on from there", outcome.samples);
        return Err(Interrupted(line).into());
    }
    if outcome.failed > 0 {
        return Err(eyre!("{} dialogues failed and are no samples; the same command tries them again", outcome.failed));
    }
    Ok(())
}
