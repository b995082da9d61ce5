//! `cribble eval`: what a model scores on a set of problems.

use std::path::PathBuf;

use clap::Args;
use color_eyre::Result;

use super::arguments::SessionArgument;
use super::failure::BadInput;
use super::generate;
use crate::eval::Score;
use crate::exchange::problems;
use crate::model::ComputeChoice;
use crate::pipeline::{GenerateOrder, GenerateOutcome, eval};
use crate::records::Sampling;
use crate::session::Session;

#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    session: SessionArgument,
    /// Directory of a model, a .gguf file, or micro, which comes with the program
    #[arg(long, short = 'm', value_name = "MODEL")]
    model: String,
    /// Problem file, or micro-test, which comes with the program
    #[arg(long, short = 'p', value_name = "FILE")]
    problems: PathBuf,
    /// Samples a problem
    #[arg(long, short = 'n', value_name = "N", default_value_t = 8)]
    samples: u32,
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
    #[arg(long, value_name = "N")]
    slots: Option<usize>,
    /// Number format: auto, f32, bf16, on a CPU q8 (weights and rows of eight bits)
    #[arg(long, value_name = "MODE", default_value = "auto")]
    compute: ComputeChoice,
    /// Print a JSON object: {"model","problems","n","pass_at_1","ci95","maj_at_k","mean_tokens","truncated","f_to_t","t_to_f"}
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &Arguments) -> Result<()> {
    let order = GenerateOrder {
        model: arguments.model.clone(),
        problems: Some(arguments.problems.clone()),
        held_out: true,
        samples: arguments.samples,
        turns: 1,
        sampling: Sampling {
            temperature: arguments.temperature,
            top_p: arguments.top_p,
            max_tokens: arguments.max_tokens,
            ..Sampling::default()
        },
        limit: arguments.limit,
        seed: arguments.seed,
        prompt: None,
        policy: None,
        slots: arguments.slots,
        compute: arguments.compute,
        lookup: true,
    };
    let (mut problems, _) = problems::read(&arguments.problems)?;
    problems.truncate(arguments.limit.unwrap_or(usize::MAX));
    let path = arguments.session.path()?;
    let (outcome, _) = generate::write(path.clone(), order)?;
    generate::complete(&outcome)?;
    let session = Session::open(&path)?;
    let names = (arguments.model.as_str(), arguments.model.as_str());
    let score = eval::keep(&session, names, &outcome.settings, &problems, arguments.samples)?;
    let score = score.ok_or_else(|| BadInput("there is no problem to be scored on".into()))?;
    if arguments.json {
        return super::out::line(json(&arguments.model, &outcome, &score));
    }
    super::out::line(words(&arguments.model, &score))
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
