//! `cribble sample`: single-turn samples in rounds, more of the problems that promise more.

use std::path::PathBuf;

use clap::Args;
use color_eyre::Result;
use color_eyre::eyre::eyre;

use super::arguments::{RuleArguments, SessionArgument, SingleTurnArguments};
use super::failure::Interrupted;
use super::progress::follow;
use super::signals;
use crate::difficulty::Budget;
use crate::jobs;
use crate::pipeline::sample::SampleOrder;

#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    session: SessionArgument,
    #[command(flatten)]
    turns: SingleTurnArguments,
    /// Problem file, or micro, which comes with the program; left out, the problems of the session
    #[arg(long, short = 'p', value_name = "FILE")]
    problems: Option<PathBuf>,
    /// Samples of every problem; they measure how hard it is
    #[arg(long, value_name = "N", default_value_t = Budget::default().first)]
    first: u32,
    /// Further samples a round, of problems that fall short of their target
    #[arg(long, value_name = "N", default_value_t = Budget::default().round)]
    round: u32,
    /// Most samples of a problem
    #[arg(long, value_name = "N", default_value_t = Budget::default().most)]
    most_draws: u32,
    /// Give a problem up when the chance of one more right sample is below this
    #[arg(long, value_name = "CHANCE", default_value_t = Budget::default().give_up)]
    give_up: f64,
    /// Most new tokens of all; 0 is no limit
    #[arg(long, value_name = "N", default_value_t = 0)]
    budget_tokens: u64,
    #[command(flatten)]
    rule: RuleArguments,
    /// Print a JSON object: {"problems","draws","existing","solved","given_up","tokens"}
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &Arguments) -> Result<()> {
    let order = SampleOrder {
        generate: arguments.turns.order(arguments.problems.clone(), false, arguments.first),
        budget: Budget {
            first: arguments.first,
            round: arguments.round,
            most: arguments.most_draws,
            give_up: arguments.give_up,
            tokens: arguments.budget_tokens,
        },
        rule: arguments.rule.rule()?,
    };
    order.check()?;
    let job = jobs::start_sample(arguments.session.path()?, order)?;
    signals::listen(job.control().clone())?;
    follow(&job);
    let outcome = job.join()?;
    if arguments.json {
        let mut value = serde_json::to_value(&outcome)?;
        if let Some(fields) = value.as_object_mut() {
            fields.remove("wanted");
        }
        super::out::line(value)?;
    } else {
        super::out::line(format_args!(
            "{} problems: {} samples drawn ({} were there) in {} rounds, {} tokens; {} solved, {} filled, {} given up, {} at \
             their most; settings {}",
            outcome.problems,
            outcome.draws,
            outcome.existing,
            outcome.rounds,
            outcome.tokens,
            outcome.solved,
            outcome.filled,
            outcome.given_up,
            outcome.spent,
            outcome.settings
        ))?;
    }
    if outcome.stopped {
        return Err(
            Interrupted(format!("{} samples stored; the same command goes on from there", outcome.draws)).into()
        );
    }
    if outcome.solved == 0 {
        return Err(eyre!("no problem was solved: a larger budget, easier problems or another model may help"));
    }
    Ok(())
}
