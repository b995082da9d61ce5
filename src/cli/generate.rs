//! `cribble generate`: chains of thought for problems, without a screen.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use color_eyre::Result;
use color_eyre::eyre::eyre;

use super::arguments::{ServerArguments, SessionArgument};
use super::failure::{BadInput, Interrupted};
use super::progress::follow;
use super::signals;
use crate::generate::batch::Dialect;
use crate::jobs;
use crate::model::ComputeChoice;
use crate::pipeline::budget::money;
use crate::pipeline::{Batch, GenerateOrder, GenerateOutcome, Writer};
use crate::records::{Sampling, Spent};
use crate::tui::text::clean;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum BackendKind {
    /// Decode in this process
    Local,
    /// Ask servers: vLLM, SGLang, llama-server and others that speak as OpenAI's does
    Http,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum BatchFor {
    Vllm,
    Sglang,
    /// OpenAI, and services that know no more fields than it
    Openai,
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
    #[arg(long, value_name = "N", conflicts_with_all = ["endpoint", "batch"])]
    slots: Option<usize>,
    /// Who writes; with --endpoint it is servers
    #[arg(long, value_enum, conflicts_with = "batch")]
    backend: Option<BackendKind>,
    #[command(flatten)]
    servers: ServerArguments,
    /// Directory of a batch (vllm run-batch, OpenAI's Batch API): what is to be asked is written there, and answers that are there
    /// are read; have the requests answered and call the same again
    #[arg(long, value_name = "DIR", group = "asks", conflicts_with = "endpoint")]
    batch: Option<PathBuf>,
    /// Who answers the batch
    #[arg(long, value_enum, default_value = "vllm", requires = "batch")]
    batch_for: BatchFor,
    /// Print the first prompt, or of servers the first request but for its seed, and write nothing
    #[arg(long)]
    dry_run: bool,
    /// Number format: auto, f32, bf16, on a CPU q8 (weights and rows of eight bits)
    #[arg(long, value_name = "MODE", default_value = "auto", conflicts_with_all = ["endpoint", "batch"])]
    compute: ComputeChoice,
    /// Never guess at tokens that repeat earlier text (the text is the same either way)
    #[arg(long, conflicts_with_all = ["endpoint", "batch"])]
    no_lookup: bool,
    /// Print a JSON object: {"session","problems","samples","existing","tokens","tokens_per_second","wall_seconds","compute"}; of a batch
    /// also {"postponed","requests","requests_file"}, of servers {"spent","cost"}
    #[arg(long)]
    json: bool,
}

impl Arguments {
    fn order(&self) -> Result<GenerateOrder> {
        let writer = self.writer();
        let asks = matches!(writer, Writer::Servers(_));
        if self.backend == Some(BackendKind::Http) && !asks {
            return Err(BadInput("--backend http: which servers? give --endpoint URL".into()).into());
        }
        if self.backend == Some(BackendKind::Local) && asks {
            return Err(BadInput(
                "--endpoint: of servers, and --backend local asks none; leave one of them out".into(),
            )
            .into());
        }
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
            writer,
        })
    }

    fn writer(&self) -> Writer {
        let Some(directory) = self.batch.clone() else { return self.servers.writer() };
        let dialect = match self.batch_for {
            BatchFor::Vllm => Dialect::Vllm,
            BatchFor::Sglang => Dialect::Sglang,
            BatchFor::Openai => Dialect::Other,
        };
        Writer::Batch(Batch { directory, dialect, extra: self.servers.extra() })
    }
}

pub fn run(arguments: &Arguments) -> Result<()> {
    let order = arguments.order()?;
    if arguments.dry_run {
        return super::out::text(&clean(&jobs::first_request(&arguments.session.path()?, &order)?));
    }
    let batch = arguments.batch.as_deref();
    let (outcome, asked) = write(arguments.session.path()?, order)?;
    if arguments.json {
        super::out::line(format_args!("{}", serde_json::to_string(&outcome)?))?;
    } else if let Some(directory) = batch.filter(|_| !outcome.stopped) {
        let model = arguments.model.as_deref().unwrap_or_default();
        for line in handed_over(directory, model, &outcome) {
            super::out::line(clean(&line))?;
        }
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
        if let Some(line) = used(&outcome) {
            super::out::line(line)?;
        }
    }
    complete(&outcome)
}

/// What servers counted in this call, where they wrote.
fn used(outcome: &GenerateOutcome) -> Option<String> {
    let Spent { calls, prompt_tokens, completion_tokens } = outcome.spent?;
    let cost = outcome.cost.map_or_else(String::new, |cost| format!(", {}", money(cost)));
    Some(format!(
        "counted by the servers: {calls} calls, {prompt_tokens} tokens of prompts, {completion_tokens} of answers{cost}"
    ))
}

/// What a call came to whose answers are written elsewhere, and what is to be done now.
fn handed_over(directory: &Path, model: &str, outcome: &GenerateOutcome) -> Vec<String> {
    let mut lines = vec![format!(
        "{} samples for {} problems ({} were there); {} put off",
        outcome.samples, outcome.problems, outcome.existing, outcome.postponed
    )];
    match outcome.requests_file.as_deref().map(Path::new) {
        Some(file) => {
            let name = file.file_name().unwrap_or_default().to_string_lossy().replace("requests-", "results-");
            let (asked, answered) = (file.display(), file.with_file_name(name));
            let answered = answered.display();
            lines.push(format!("{} requests written to {asked}; have them answered into {answered}", outcome.requests));
            lines.push(format!("(vllm run-batch -i {asked} -o {answered} --model {model}) and call the same again"));
        }
        None if outcome.postponed > 0 => lines.push(format!(
            "nothing new to ask: requests in {} wait for their answers; have them answered and call the same again",
            directory.display()
        )),
        None => {}
    }
    if outcome.failed == 0
        && let Some(error) = &outcome.last_error
    {
        lines.push(format!("asked again after: {error}"));
    }
    lines
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
    if let Some(failure) = outcome.failure() {
        return Err(eyre!(failure));
    }
    Ok(())
}
