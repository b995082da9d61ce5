//! `cribble select`: chooses the samples to be learnt from.

use clap::Args;
use color_eyre::Result;

use super::arguments::{RuleArguments, SessionArgument};
use super::failure::BadInput;
use crate::pipeline::difficulty::usual_settings;
use crate::pipeline::select::{SelectOrder, choose};

#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    session: SessionArgument,
    /// What the selection is called; `cribble train --selection NAME` learns from it
    #[arg(long, value_name = "NAME", default_value = "selection")]
    name: String,
    /// Settings, by their hash, whose samples are chosen from; left out, those of the newest single-turn samples, else of the
    /// newest of all. Samples of different settings are never added up
    #[arg(long, value_name = "HASH")]
    settings: Option<String>,
    /// Settings whose samples may be chosen besides and say nothing of difficulty (may be given again)
    #[arg(long, value_name = "HASH")]
    also: Vec<String>,
    #[command(flatten)]
    rule: RuleArguments,
    /// Print a JSON object: {"hash","samples","problems","target","fill_rate"}
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &Arguments) -> Result<()> {
    let rule = arguments.rule.rule()?;
    let session = arguments.session.open_for_writing()?;
    let rows = session.sample_rows()?;
    let settings = match &arguments.settings {
        Some(hash) => Some(hash.clone()),
        None => usual_settings(&session, &rows)?,
    };
    let Some(settings) = settings else {
        let line =
            format!("{}: no samples yet; `cribble sample` or `cribble generate` draws some", session.dir().display());
        return Err(BadInput(line).into());
    };
    drop(rows);
    let order = SelectOrder { name: arguments.name.clone(), rule, settings, also: arguments.also.clone(), draws: None };
    let outcome = choose(&session, &order)?;
    if arguments.json {
        return super::out::line(serde_json::to_string(&outcome)?);
    }
    super::out::line(format_args!(
        "{}: {} of {} accepted samples, of {} problems ({}, K {}, fill {:.1}%), {} tokens, hash {}",
        outcome.name,
        outcome.samples,
        outcome.accepted,
        outcome.problems,
        outcome.target,
        outcome.k,
        100.0 * outcome.fill_rate,
        outcome.tokens,
        outcome.hash
    ))
}
