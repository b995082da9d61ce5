//! `cribble report`: the report of a pass, written again; or what several passes of one recipe say together.

use std::path::PathBuf;

use clap::Args;
use color_eyre::Result;
use serde_json::json;

use super::arguments::path_of;
use super::failure::BadInput;
use crate::eval::{Answered, pooled};
use crate::pipeline::recipe::Recipe;
use crate::pipeline::report;
use crate::pipeline::run::{RunOutcome, outcome};
use crate::session::Session;

#[derive(Debug, Args)]
pub struct Arguments {
    /// Sessions of passes, by name or path; several of one recipe, with different seeds, are pooled
    #[arg(required = true, value_name = "SESSION")]
    sessions: Vec<String>,
    /// Where the files go; left out, `report` in the session
    #[arg(long, short = 'o', value_name = "DIR")]
    output: Option<PathBuf>,
    /// Print a JSON object: of one session the report, of several {"sessions","seeds","pooled"}
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &Arguments) -> Result<()> {
    match arguments.sessions.as_slice() {
        [session] => one(arguments, session),
        several => together(arguments, several),
    }
}

fn one(arguments: &Arguments, session: &str) -> Result<()> {
    let (session, recipe) = pass(session)?;
    let missing = || BadInput(format!("{}: nothing was scored yet", session.dir().display()));
    let made = report::report(&session, &recipe)?.ok_or_else(missing)?;
    let directory = arguments.output.clone().unwrap_or_else(|| session.dir().join("report"));
    let path = report::write(&made, &directory)?;
    if arguments.json {
        return super::out::line(serde_json::to_string(&made)?);
    }
    super::out::line(path.display())
}

/// A session with the recipe of its pass.
fn pass(session: &str) -> Result<(Session, Recipe)> {
    let path = path_of(session)?;
    let session = Session::open(&path)?;
    let missing = || BadInput(format!("{}: no recipe was run here; `cribble run` does it", path.display()));
    let recipe = Recipe::of_session(&session)?.ok_or_else(missing)?;
    Ok((session, recipe))
}

/// The differences between models over several passes: problems are the units, seeds are averaged.
fn together(arguments: &Arguments, sessions: &[String]) -> Result<()> {
    let (mut outcomes, mut recipes): (Vec<RunOutcome>, Vec<String>) = (Vec::new(), Vec::new());
    for name in sessions {
        let (session, recipe) = pass(name)?;
        let outcome = outcome(&session, &recipe)?;
        let outcome = outcome.filter(|outcome| outcome.models.len() > 1);
        let outcome = outcome.ok_or_else(|| BadInput(format!("{name}: the pass has no two scored models yet")))?;
        outcomes.push(outcome);
        let mut but_for_the_seed = recipe;
        but_for_the_seed.seed = 0;
        recipes.push(but_for_the_seed.to_toml());
    }
    let Some(first) = outcomes.first() else { return Ok(()) };
    let mut known: Vec<u64> = Vec::new();
    for (outcome, recipe) in outcomes.iter().zip(&recipes) {
        if known.contains(&outcome.seed) {
            return Err(BadInput(format!("seed {} is there twice: that is one pass, not two", outcome.seed)).into());
        }
        known.push(outcome.seed);
        if *recipe != recipes[0] {
            return Err(BadInput("the passes differ in more than their seed; one recipe is needed".into()).into());
        }
    }
    let mut lines = Vec::new();
    for (later, earlier, _) in &first.paired {
        let mut pairs: Vec<(&[Answered], &[Answered])> = Vec::new();
        let mut deltas = Vec::new();
        for outcome in &outcomes {
            let (Some(one), Some(other)) = (outcome.model(earlier), outcome.model(later)) else { continue };
            pairs.push((&one.answered, &other.answered));
            let of = |(a, b, _): &&(String, String, crate::eval::Comparison)| a == later && b == earlier;
            deltas.extend(outcome.paired.iter().find(of).map(|(_, _, comparison)| comparison.delta.value));
        }
        if pairs.len() == outcomes.len()
            && let Some(interval) = pooled(&pairs)
        {
            lines.push((format!("{later} - {earlier}"), interval, deltas));
        }
    }
    let seeds: Vec<u64> = outcomes.iter().map(|outcome| outcome.seed).collect();
    if arguments.json {
        let pooled: serde_json::Map<String, serde_json::Value> = lines
            .iter()
            .map(|(name, interval, deltas)| {
                let value =
                    json!({ "delta": interval.value, "ci95": [interval.low, interval.high], "by_session": deltas });
                (name.clone(), value)
            })
            .collect();
        return super::out::line(json!({ "sessions": sessions, "seeds": seeds, "pooled": pooled }));
    }
    let mut text =
        format!("{} passes of recipe {}, seeds {seeds:?}; problems are the units\n", outcomes.len(), first.recipe);
    for (name, interval, deltas) in lines {
        let each: Vec<String> = deltas.iter().map(|delta| format!("{:+.1}", 100.0 * delta)).collect();
        text.push_str(&format!(
            "{name}: {:+.1} points [{:+.1}, {:+.1}], each {}\n",
            100.0 * interval.value,
            100.0 * interval.low,
            100.0 * interval.high,
            each.join(", ")
        ));
    }
    super::out::text(&text)
}
