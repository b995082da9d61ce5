//! `cribble train`: fine-tuning on the accepted chains of a session, without a screen.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use clap::Args;
use color_eyre::Result;
use color_eyre::eyre::eyre;
use serde_json::json;

use super::arguments::SessionArgument;
use super::failure::{BadInput, Interrupted};
use super::signals;
use crate::jobs::{self, ExternalOrder, ExternalPreview};
use crate::model::ComputeChoice;
use crate::pipeline::TrainOrder;
use crate::pipeline::train::preview;
use crate::session::Session;
use crate::train::dataset::LossOn;
use crate::train::external::{External, Trainer};
use crate::train::steer::{Event, StepReport};
use crate::train::{Method, ScheduleKind, TrainSettings};
use crate::tui::text;

#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    session: SessionArgument,
    /// Directory of a model, a .gguf file, or micro, which comes with the program
    #[arg(long, short = 'm', value_name = "MODEL")]
    model: Option<String>,
    /// Name of the run; the same name goes on where it stopped
    #[arg(long, value_name = "NAME", default_value = "sft")]
    run: String,
    /// Learn from a selection, by its name or hash, with its weights; left out, from every accepted chain
    #[arg(long, value_name = "NAME")]
    selection: Option<String>,
    /// Settings as a TOML file; arguments given here go before it
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,
    /// Train adapters of this rank instead of every weight
    #[arg(long, value_name = "RANK")]
    lora: Option<usize>,
    /// The adapters' alpha; left out, twice the rank
    #[arg(long, value_name = "ALPHA")]
    lora_alpha: Option<f32>,
    /// Share of the adapters' inputs that is dropped
    #[arg(long, value_name = "SHARE")]
    lora_dropout: Option<f32>,
    /// Linear maps that get an adapter, separated by commas; left out, all
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    target_modules: Vec<String>,
    /// Highest learning rate; left out, 1e-5 (every weight; 1e-3 in a model of under 10 million) or 2e-4 (adapters)
    #[arg(long, value_name = "RATE")]
    lr: Option<f64>,
    /// How the rate falls: cosine, linear or constant
    #[arg(long, value_name = "KIND")]
    schedule: Option<ScheduleKind>,
    /// Share of the steps in which the rate rises
    #[arg(long, value_name = "SHARE")]
    warmup: Option<f64>,
    #[arg(long, value_name = "N")]
    epochs: Option<u64>,
    /// Most steps; 0 is as many as the epochs have
    #[arg(long, value_name = "N")]
    max_steps: Option<u64>,
    /// Samples of a step
    #[arg(long, value_name = "N")]
    batch_size: Option<usize>,
    /// Most tokens of one pass; the samples of a step are packed into passes
    #[arg(long, value_name = "N")]
    pass_tokens: Option<usize>,
    /// Longest sample in tokens; longer ones are left out
    #[arg(long, value_name = "N")]
    max_length: Option<usize>,
    /// What has a loss: all, last_segment or all_but_wrong_attempts
    #[arg(long, value_name = "PARTS")]
    loss_on: Option<LossOn>,
    /// Share of the problems that is held out
    #[arg(long, value_name = "SHARE")]
    validation_share: Option<f64>,
    #[arg(long, value_name = "W")]
    weight_decay: Option<f32>,
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Steps between checkpoints; 0 is at the ends of epochs
    #[arg(long, value_name = "N")]
    checkpoint_every: Option<u64>,
    /// Steps between validations; 0 is at the ends of epochs
    #[arg(long, value_name = "N")]
    validate_every: Option<u64>,
    /// Validations in a row without a better loss after which the run ends; 0 is never
    #[arg(long, value_name = "N")]
    early_stop: Option<u64>,
    /// Steps between looks: answers to a few held-out problems, graded, in samples.jsonl of the run; 0 is none
    #[arg(long, value_name = "N")]
    look_every: Option<u64>,
    /// Newest checkpoints that are kept, beside the best
    #[arg(long, value_name = "N")]
    keep_last: Option<usize>,
    /// Make activations again in the backward pass: less memory, a third more time
    #[arg(long)]
    gradient_checkpointing: bool,
    /// Write an offline run of W&B too, in the run's folder `wandb`; `wandb sync` uploads it
    #[arg(long, conflicts_with = "trainer")]
    wandb: bool,
    /// Number format: auto, f32, bf16
    #[arg(long, value_name = "MODE", default_value = "auto")]
    compute: ComputeChoice,
    /// Train nothing: show the first N samples as tokens, those with a loss marked
    #[arg(long, value_name = "N", num_args = 0..=1, default_missing_value = "1")]
    preview: Option<usize>,
    /// Let another program train: trl, axolotl, or a command with {config}, {data}, {validation}, {output}, {model}, {resume}
    #[arg(long, value_name = "TRAINER", conflicts_with = "preview")]
    trainer: Option<Trainer>,
    /// What starts the trainer, such as "accelerate launch", "torchrun --nproc-per-node 2" or "ssh host '{}'"; {} is its command
    #[arg(long, value_name = "TEMPLATE", requires = "trainer")]
    launcher: Option<String>,
    /// The Python that has the trainer installed
    #[arg(long, value_name = "PYTHON", requires = "trainer")]
    python: Option<String>,
    /// Where the run's folder `external` is seen from where the trainer runs; left out, where it is
    #[arg(long, value_name = "PATH", requires = "trainer")]
    trainer_directory: Option<String>,
    /// Variables with keys that the trainer may have, such as HF_TOKEN
    #[arg(long, value_name = "NAMES", value_delimiter = ',', requires = "trainer")]
    pass_environment: Vec<String>,
    /// Start nothing: show the trainer's command, its files and its configuration
    #[arg(long, requires = "trainer")]
    dry_run: bool,
    /// Print JSON lines {"step","loss","lr","grad_norm","tokens_per_second"}, at last {"done","checkpoint","validation_loss"}
    #[arg(long)]
    json: bool,
}

impl Arguments {
    fn order(&self) -> Result<TrainOrder> {
        let mut s = match &self.settings {
            None => TrainSettings::default(),
            Some(path) => {
                let bad = |what: String| BadInput(format!("{}: {what}", path.display()));
                let text = std::fs::read_to_string(path).map_err(|error| bad(error.to_string()))?;
                toml::from_str(&text).map_err(|error| bad(error.message().to_owned()))?
            }
        };
        fn set<T: Clone>(to: &mut T, from: &Option<T>) {
            if let Some(value) = from {
                to.clone_from(value);
            }
        }
        set(&mut s.model, &self.model);
        set(&mut s.lr, &self.lr);
        set(&mut s.schedule, &self.schedule);
        set(&mut s.warmup_share, &self.warmup);
        set(&mut s.epochs, &self.epochs);
        set(&mut s.max_steps, &self.max_steps);
        set(&mut s.batch_size, &self.batch_size);
        set(&mut s.pass_tokens, &self.pass_tokens);
        set(&mut s.data.selection, &self.selection);
        set(&mut s.data.max_length, &self.max_length);
        set(&mut s.data.loss_on, &self.loss_on);
        set(&mut s.data.validation_share, &self.validation_share);
        set(&mut s.optimizer.weight_decay, &self.weight_decay);
        set(&mut s.seed, &self.seed);
        set(&mut s.checkpoint_every, &self.checkpoint_every);
        set(&mut s.validate_every, &self.validate_every);
        set(&mut s.keep_last, &self.keep_last);
        set(&mut s.early_stop, &self.early_stop);
        set(&mut s.look.every, &self.look_every);
        s.gradient_checkpointing |= self.gradient_checkpointing;
        s.wandb |= self.wandb;
        if let Some(rank) = self.lora {
            s.method = Method::Lora;
            s.lora.rank = rank;
            s.lora.alpha = 2.0 * rank as f32;
        }
        set(&mut s.lora.alpha, &self.lora_alpha);
        set(&mut s.lora.dropout, &self.lora_dropout);
        if !self.target_modules.is_empty() {
            s.lora.target_modules.clone_from(&self.target_modules);
        }
        if s.model.is_empty() {
            return Err(BadInput("--model: which model is to be trained?".into()).into());
        }
        Ok(TrainOrder { run: self.run.clone(), settings: s, compute: self.compute })
    }

    /// The trainer of another make that was asked for.
    fn external(&self) -> Option<External> {
        let first = External::default();
        Some(External {
            trainer: self.trainer.clone()?,
            launcher: self.launcher.clone(),
            python: self.python.clone().unwrap_or(first.python),
            directory: self.trainer_directory.clone(),
            environment: self.pass_environment.clone(),
        })
    }
}

pub fn run(arguments: &Arguments) -> Result<()> {
    let order = arguments.order()?;
    order.check()?;
    if let Some(count) = arguments.preview {
        let session = Session::open(&arguments.session.path()?)?;
        return super::preview::print(&preview(&session, &order, count)?.0, arguments.json);
    }
    let (send, events) = channel();
    let say = move |event: &Event| {
        let _ = send.send(event.clone());
    };
    let dir = arguments.session.path()?;
    let job = match arguments.external() {
        None => jobs::start_train(dir, order, say)?,
        Some(external) => {
            let order = ExternalOrder { train: order, external };
            order.check()?;
            if arguments.dry_run {
                return show_plan(&jobs::preview_external(&dir, &order)?, arguments.json);
            }
            jobs::start_external(dir, order, say)?
        }
    };
    signals::listen(job.control().clone())?;
    let mut lines = Lines { json: arguments.json, terminal: std::io::stderr().is_terminal(), begun: None };
    loop {
        match events.recv_timeout(Duration::from_millis(200)) {
            Ok(event) => lines.show(&event)?,
            Err(RecvTimeoutError::Timeout) if job.finished() => break,
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    lines.clear();
    let outcome = job.join()?;
    if arguments.json {
        let line = json!({
            "done": outcome.done, "checkpoint": outcome.checkpoint, "validation_loss": outcome.validation_loss,
            "step": outcome.step,
        });
        super::out::line(line)?;
    } else {
        let loss = outcome.validation_loss.map_or(String::new(), |loss| format!(", validation loss {loss:.4}"));
        super::out::line(format_args!("{} steps{loss}, saved {}", outcome.step, outcome.checkpoint.display()))?;
    }
    if outcome.done {
        return Ok(());
    }
    if let Some(off) = outcome.off {
        return Err(eyre!("{off}; the steps before it are saved, `spike.action` in --settings says what else to do"));
    }
    let line = format!("saved after step {}; the same command goes on from there", outcome.step);
    Err(Interrupted(line).into())
}

/// What would be written and started.
fn show_plan(plan: &ExternalPreview, json: bool) -> Result<()> {
    let ExternalPreview { command, files, config, chains, held_out, too_long, notes } = plan;
    for note in notes {
        eprintln!("cribble: {}", text::clean(note));
    }
    if json {
        let files: Vec<_> = files.iter().map(|(path, bytes)| json!({ "path": path, "bytes": bytes })).collect();
        return super::out::line(json!({
            "command": command, "files": files, "config": config, "chains": chains, "held_out": held_out,
            "too_long": too_long,
        }));
    }
    super::out::line(format_args!("{command}\n"))?;
    for (path, bytes) in files {
        super::out::line(format_args!("{bytes:>12}  {}", path.display()))?;
    }
    super::out::line(format_args!("\n{}", config.trim_end()))
}

/// What is printed of a run: JSON lines on standard output if asked for, else a progress line where there is a terminal.
struct Lines {
    json: bool,
    terminal: bool,
    /// When the first step of this call was done, and how many were done then.
    begun: Option<(Instant, u64)>,
}

impl Lines {
    fn show(&mut self, event: &Event) -> Result<()> {
        match event {
            Event::Step(step) => {
                if self.json {
                    super::out::line(json!({
                        "step": step.step, "loss": step.loss, "lr": step.lr, "grad_norm": step.grad_norm,
                        "tokens_per_second": (step.tokens_per_second * 10.0).round() / 10.0, "epoch": step.epoch,
                    }))?;
                }
                let (since, first) = *self.begun.get_or_insert((Instant::now(), step.step));
                self.progress(step, since, first);
            }
            Event::Plan(plan) => eprintln!("training takes about {plan}"),
            Event::Looked { step, right, of } => {
                self.clear();
                eprintln!("step {step}: {right} of {of} looks right");
            }
            Event::Alert(line) => {
                self.clear();
                eprintln!("cribble: {}", text::clean(line));
            }
            _ => {}
        }
        Ok(())
    }

    fn progress(&self, step: &StepReport, since: Instant, first: u64) {
        if !self.terminal {
            return;
        }
        let done = step.step - first;
        let left = (done > 0).then(|| {
            let seconds = since.elapsed().as_secs_f64() / done as f64 * (step.total_steps - step.step) as f64;
            format!(", {:.0} min left", (seconds / 60.0).ceil())
        });
        eprint!(
            "\r\x1b[2Kstep {}/{}, loss {:.4}, {:.0} tok/s{}",
            step.step,
            step.total_steps,
            step.loss,
            step.tokens_per_second,
            left.unwrap_or_default()
        );
    }

    fn clear(&self) {
        if self.terminal && self.begun.is_some() {
            eprint!("\r\x1b[2K");
        }
    }
}
