//! `cribble eval`: what a model scores on a set of problems.

use std::path::PathBuf;

use clap::Args;
use color_eyre::Result;

use super::arguments::{SessionArgument, SingleTurnArguments};
use super::failure::BadInput;
use super::progress::follow;
use super::{generate, signals};
use crate::eval::Score;
use crate::jobs::{self, EvalOutcome};
use crate::pipeline::GenerateOutcome;
use crate::pipeline::eval::{self, EvalOrder};
use crate::tui::text::clean;

#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    session: SessionArgument,
    #[command(flatten)]
    turns: SingleTurnArguments,
    /// Problem file, or micro-test, which comes with the program
    #[arg(long, short = 'p', value_name = "FILE")]
    problems: PathBuf,
    /// Samples a problem; of greedy answers (--temperature 0) one
    #[arg(long, short = 'n', value_name = "N", default_value_t = 8)]
    samples: u32,
    /// What the evaluation is called in the session; left out, as the model
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Print a JSON object: {"model","problems","n","pass_at_1","ci95","maj_at_k","mean_tokens","truncated","f_to_t","t_to_f"}
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &Arguments) -> Result<()> {
    let order = arguments.turns.order(Some(arguments.problems.clone()), true, arguments.samples);
    let order = EvalOrder::new(arguments.name.clone(), order);
    let job = jobs::start_eval(arguments.session.path()?, order)?;
    signals::listen(job.control().clone())?;
    follow(&job);
    let EvalOutcome { drawn, model, score } = job.join()?;
    generate::complete(&drawn)?;
    let score = score.ok_or_else(|| BadInput("there is no problem to be scored on".into()))?;
    if arguments.json {
        return super::out::line(json(&model, &drawn, &score));
    }
    // A server says what its model is called.
    super::out::line(words(&clean(&model), &score))
}

fn json(model: &str, outcome: &GenerateOutcome, score: &Score) -> serde_json::Value {
    let mut value = eval::summary(model, &outcome.compute, score);
    value["settings"] = outcome.settings.clone().into();
    value["existing"] = outcome.existing.into();
    value["wall_seconds"] = outcome.wall_seconds.into();
    value
}

fn words(model: &str, score: &Score) -> String {
    let percent = |share: f64| format!("{:.1}%", 100.0 * share);
    format!(
        "{model}: {} problems, {} samples each\n\
         pass@1    {} [{}, {}] (mean of {})\n\
         maj@{:<5} {} [{}, {}]\n\
         tokens    {:.1} in the mean, {} cut off\n\
         in chain  first answer right {}, wrong to right {}, right to wrong {}",
        score.problems,
        score.n,
        percent(score.pass_at_1.value),
        percent(score.pass_at_1.low),
        percent(score.pass_at_1.high),
        score.n,
        score.n,
        percent(score.maj_at_k.value),
        percent(score.maj_at_k.low),
        percent(score.maj_at_k.high),
        score.mean_tokens,
        percent(score.truncated),
        percent(score.first_right),
        percent(score.f_to_t),
        percent(score.t_to_f),
    )
}
