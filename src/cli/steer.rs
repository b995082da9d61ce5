//! `cribble steer`: pause, resume or stop the job that another process runs in a session, and more of a training.

use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};
use color_eyre::Result;

use super::arguments::SessionArgument;
use super::failure::BadInput;
use crate::records::Heavy;
use crate::session::Holder;
use crate::tui::text::clean;

/// How long the holder has to answer; it looks at least twice a second.
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Verb {
    Pause,
    Resume,
    /// Begin nothing more; what servers are writing is ended first, unless it is asked for a second time
    Stop,
    /// Stop, and leave what servers are writing
    StopNow,
    /// Training: a checkpoint now
    Checkpoint,
    /// Training: another highest learning rate (--to RATE)
    Rate,
    /// Training: what to do about a step that is off (--to skip, roll_back, lower_rate or stop)
    Choose,
}

impl Verb {
    fn name(self) -> &'static str {
        match self {
            Verb::Pause => "pause",
            Verb::Resume => "resume",
            Verb::Stop => "stop",
            Verb::StopNow => "stop_now",
            Verb::Checkpoint => "checkpoint",
            Verb::Rate => "rate",
            Verb::Choose => "choose",
        }
    }

    /// What is asked of trainings alone.
    fn of_training(self) -> bool {
        matches!(self, Verb::Checkpoint | Verb::Rate | Verb::Choose)
    }
}

#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    session: SessionArgument,
    /// What the job shall do
    verb: Verb,
    /// The rate or the choice
    #[arg(long, value_name = "VALUE")]
    to: Option<String>,
    /// Which one, where two jobs are at work: generate, eval or train
    #[arg(long, value_name = "JOB")]
    job: Option<String>,
    /// Print a JSON object: {"job","verb","answer","seconds"}
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &Arguments) -> Result<()> {
    let session = arguments.session.open_for_writing()?;
    let holder = meant(arguments, session.holders()?)?;
    let verb = arguments.verb.name();
    let asked = Instant::now();
    let args = match &arguments.to {
        None => serde_json::Value::Null,
        Some(to) => match to.parse::<f64>() {
            Ok(number) => serde_json::json!({ "to": number }),
            Err(_) => serde_json::json!({ "to": to }),
        },
    };
    let id = session.send_command(&holder.job, verb, &args)?;
    while asked.elapsed() < PATIENCE {
        let answer = session.command(id)?.and_then(|command| command.answer);
        if answer.is_none() && !session.holders()?.contains(&holder) {
            return Err(BadInput(format!("{}: the job ended before it answered", arguments.session.session)).into());
        }
        if let Some(answer) = answer {
            if matches!(answer.as_str(), "stale" | "unknown command") {
                return Err(color_eyre::eyre::eyre!("{} did not {verb}: {answer}", clean(&holder.job)));
            }
            let seconds = asked.elapsed().as_secs_f64();
            if arguments.json {
                super::out::line(format_args!(
                    "{}",
                    serde_json::json!({"job": holder.job, "verb": verb, "answer": answer, "seconds": seconds})
                ))?;
            } else {
                super::out::line(format_args!("{} {verb}: {answer}", clean(&holder.job)))?;
            }
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Err(color_eyre::eyre::eyre!(
        "{} (pid {}) on {} did not answer within {} s; is it stopped?",
        holder.job,
        holder.pid,
        holder.host,
        PATIENCE.as_secs()
    ))
}

/// The job that is meant, of those at work.
fn meant(arguments: &Arguments, holders: Vec<Holder>) -> Result<Holder, BadInput> {
    let session = &arguments.session.session;
    let fits = |holder: &Holder| match &arguments.job {
        Some(job) => holder.job == *job,
        None => !arguments.verb.of_training() || Heavy::of(&holder.job) != Heavy::Sampling,
    };
    let names: Vec<String> = holders.iter().map(|holder| clean(&holder.job)).collect();
    let mut meant = holders.into_iter().filter(fits);
    match (meant.next(), meant.next()) {
        (Some(holder), None) => Ok(holder),
        (Some(_), Some(_)) => {
            Err(BadInput(format!("{session}: {} are at work; --job says which one is meant", names.join(" and "))))
        }
        (None, _) => Err(BadInput(match (names.is_empty(), &arguments.job) {
            (true, _) => format!("{session}: no job runs in this session"),
            (false, Some(job)) => format!("{session}: no job `{}` runs here, but {}", clean(job), names.join(" and ")),
            (false, None) => format!("{session}: no training runs here, but {}", names.join(" and ")),
        })),
    }
}
