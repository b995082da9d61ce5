//! `cribble run`: the whole two-stage pass of a recipe, or what it would do.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::mpsc::channel;

use clap::Args;
use color_eyre::Result;
use serde_json::json;

use super::arguments::path_of;
use super::failure::Interrupted;
use super::progress::{BETWEEN, ProgressLine, follow};
use super::signals;
use crate::eval::Comparison;
use crate::jobs;
use crate::jobs::PassEnd;
use crate::pipeline::recipe::{Recipe, RecipeServers, Wanted};
use crate::pipeline::run::{BASE, Halt, Probe, RunOrder, RunOutcome, plan, problems, release};
use crate::records::PASS;
use crate::session::Session;

#[derive(Debug, Args)]
pub struct Arguments {
    /// Recipe file, or one that comes with the program: micro, gsm8k-small, dual-phase
    #[arg(long, value_name = "FILE|NAME")]
    recipe: String,
    /// Name of a session, or the path of its directory; left out, the recipe's name and seed
    #[arg(long, short = 's', value_name = "SESSION")]
    session: Option<String>,
    /// Base model, instead of the recipe's
    #[arg(long, short = 'm', value_name = "MODEL")]
    model: Option<String>,
    /// Problem file to learn from, instead of the recipe's
    #[arg(long, short = 'p', value_name = "FILE")]
    problems: Option<PathBuf>,
    /// Problem file to be scored on, instead of the recipe's
    #[arg(long, value_name = "FILE")]
    test: Option<PathBuf>,
    /// Seed, instead of the recipe's
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Number format, instead of the recipe's: auto, f32, bf16, q8
    #[arg(long, value_name = "MODE")]
    compute: Option<String>,
    /// Sequences decoded together
    #[arg(long, value_name = "N")]
    slots: Option<usize>,
    /// Print the steps and what they will take, measured on a few samples, and make nothing
    #[arg(long)]
    dry_run: bool,
    /// Go on past the review that waits although not all of it is decided, here or in the process that runs the pass
    #[arg(long)]
    resume: bool,
    /// After the pass, the variants that tell what each part of it is worth; they are kept with its report
    #[arg(long)]
    ablations: bool,
    /// Print a JSON object at the end: {"recipe","seed","models","length_ratio","paired","selections","wall_seconds"}
    #[arg(long)]
    json: bool,
}

impl Arguments {
    fn recipe(&self) -> Result<Recipe> {
        let Self { recipe, model, problems, test, seed, compute, .. } = self;
        let wanted = Wanted {
            recipe: recipe.clone(),
            model: model.clone(),
            problems: problems.clone(),
            test: test.clone(),
            seed: *seed,
            compute: compute.clone(),
        };
        wanted.open()
    }

    fn session(&self, recipe: &Recipe) -> Result<PathBuf> {
        match &self.session {
            Some(session) => path_of(session),
            None => path_of(&format!("{}-{}", recipe.name, recipe.seed)),
        }
    }
}

pub fn run(arguments: &Arguments) -> Result<()> {
    let recipe = arguments.recipe()?;
    let path = arguments.session(&recipe)?;
    if arguments.dry_run {
        return dry_run(arguments, &recipe, &path);
    }
    if arguments.resume && resumed(&recipe, &path, arguments.json)? {
        return Ok(());
    }
    let order = RunOrder { recipe, slots: arguments.slots, wait: false, ablations: arguments.ablations };
    let (send, begun) = channel();
    let job = jobs::start_run(path.clone(), order, move |step: &str, place| {
        let _ = send.send((step.to_owned(), place));
    })?;
    signals::listen(job.control().clone())?;
    let mut progress = ProgressLine::new();
    while !job.finished() {
        for (step, (at, of)) in begun.try_iter() {
            progress.clear();
            // Not on standard output: that it is gone must not end the work.
            if std::io::stderr().is_terminal() {
                eprintln!("{at}/{of} {step}");
            }
        }
        progress.show(&job.board());
        job.wait(BETWEEN);
    }
    progress.clear();
    let outcome = match job.join()? {
        PassEnd::Whole(outcome) => outcome,
        PassEnd::Halted(halt) => return Err(halted(&halt, arguments.json)?.into()),
    };
    if arguments.json {
        return super::out::line(outcome.json());
    }
    super::out::text(&words(&outcome, &path))
}

/// The person's word that the pass may go on past the review at which it waits. Whether it goes on in the process that runs it:
/// then there is nothing more to do here.
fn resumed(recipe: &Recipe, path: &Path, as_json: bool) -> Result<bool> {
    if !path.join("session.db").exists() {
        return Ok(false);
    }
    let session = Session::open(path)?;
    recipe.may_run(&session)?;
    let Some(waiting) = release(&session, recipe)? else { return Ok(false) };
    let passes = session.holders()?.into_iter().find(|holder| holder.job == PASS);
    let Some(holder) = passes else { return Ok(false) };
    if as_json {
        super::out::line(json!({ "resumed": { "step": waiting.step, "pid": holder.pid } }))?;
    } else {
        let line = format!("{} is passed; process {} on {} goes on", waiting.step, holder.pid, holder.host);
        super::out::line(crate::tui::text::clean(&line))?;
    }
    Ok(true)
}

/// A pass that waits for a person has not failed: it says so and that is all.
fn halted(halt: &Halt, as_json: bool) -> Result<Interrupted> {
    if let Halt::Waiting { step, count } = halt
        && as_json
    {
        super::out::line(json!({ "waiting": { "step": step, "samples": count } }))?;
    }
    Ok(Interrupted(halt.to_string()))
}

/// The steps with what they will take, measured on a few samples in a place that is thrown away.
fn dry_run(arguments: &Arguments, recipe: &Recipe, path: &Path) -> Result<()> {
    let (pool, test) = problems(recipe)?;
    let session = if path.join("session.db").exists() { Some(Session::open(path)?) } else { None };
    let steps = plan(recipe, session.as_ref())?;
    let order = RunOrder { recipe: recipe.clone(), slots: arguments.slots, wait: false, ablations: false };
    let job = jobs::start_forecast(order)?;
    signals::listen(job.control().clone())?;
    follow(&job);
    let (probe, mut forecasts) = match job.join() {
        Ok(made) => made,
        Err(error) => {
            return Err(match error.downcast_ref::<Halt>() {
                Some(halt) => halted(halt, arguments.json)?.into(),
                None => error,
            });
        }
    };
    for (forecast, step) in forecasts.iter_mut().zip(&steps) {
        forecast.step.done = step.done;
    }
    let left = |at: usize| if steps[at].done { 0.0 } else { forecasts[at].seconds.unwrap_or_default() };
    let whole: f64 = (0..steps.len()).map(left).sum();
    let commands = jobs::pass_commands(path, recipe)?;
    let start = jobs::serve_command(path, recipe)?;
    let trainer = recipe.external.as_ref().map(|external| external.trainer.name());
    if arguments.json {
        let servers = recipe.servers.as_ref();
        let servers = servers.map(|servers| json!({ "endpoints": servers.endpoints, "command": start }));
        // Where servers write nothing is measured.
        let probe = servers.is_none().then_some(probe);
        let value = json!({
            "recipe": recipe.name, "seed": recipe.seed, "session": path.display().to_string(), "pool": pool.len(),
            "test": test.len(), "steps": forecasts, "seconds": whole, "probe": probe, "not_forecast": trainer,
            "servers": servers,
            "commands": commands.iter().map(|(run, command)| json!({ "run": run, "command": command })).collect::<Vec<_>>(),
        });
        return super::out::line(value);
    }
    let mut text = format!(
        "recipe {}, seed {}: {}\nsession {}\n{} problems to learn from, {} to be scored on\n\n",
        recipe.name,
        recipe.seed,
        recipe.about,
        path.display(),
        pool.len(),
        test.len()
    );
    let widest = steps.iter().map(|step| step.name.len()).max().unwrap_or_default();
    for (at, (step, forecast)) in steps.iter().zip(&forecasts).enumerate() {
        let cost = if step.done { "done".to_owned() } else { forecast.seconds.map_or("?".into(), duration) };
        text.push_str(&format!("{:>2} {:<widest$}  {cost:>7}  {}\n", at + 1, step.name, step.about));
    }
    text.push_str(&match &recipe.servers {
        Some(servers) => served(servers, start.as_deref(), &recipe.model),
        None => measured(&probe, whole, trainer),
    });
    for (run, command) in commands {
        text.push_str(&format!("\n{run} is trained by\n  {command}\n"));
    }
    super::out::text(&crate::tui::text::clean(&text))
}

/// What the steps take by what was measured.
fn measured(probe: &Probe, whole: f64, trainer: Option<&str>) -> String {
    let (besides, trained) = match trainer {
        Some(name) => (" besides the trainings", format!("training is not forecast: {name}")),
        None => ("", format!("{:.0} tok/s trained on", probe.trained_per_second)),
    };
    format!(
        "\nabout {} in all{besides}; measured: {:.0} and {:.0} tok/s written ({:.0} tokens an answer, {:.0} a dialogue), \
         {:.0}% of dialogues accepted, {trained}\n",
        duration(whole),
        probe.answers.tokens_per_second,
        probe.dialogues.tokens_per_second,
        probe.answer,
        probe.dialogue,
        100.0 * probe.accepted,
    )
}

/// Why nothing was measured, and how the first model is served.
fn served(servers: &RecipeServers, start: Option<&str>, model: &str) -> String {
    let at = servers.endpoints.join(", ");
    let how = match start {
        Some(command) => format!("{BASE} is served by\n  {command}"),
        None => format!(
            "the pass waits until {model} is served as `{BASE}`, then each model that it makes under its own name"
        ),
    };
    format!("\nnot forecast: servers write the samples ({at}), and there is nothing to train on before\n\n{how}\n")
}

fn duration(seconds: f64) -> String {
    match seconds {
        short if short < 90.0 => format!("{short:.0} s"),
        some if some < 5400.0 => format!("{:.0} min", some / 60.0),
        long => format!("{:.1} h", long / 3600.0),
    }
}

fn words(outcome: &RunOutcome, path: &Path) -> String {
    let percent = |share: f64| format!("{:.1}%", 100.0 * share);
    let mut text = format!("recipe {}, seed {}, {:.0} s\n\n", outcome.recipe, outcome.seed, outcome.wall_seconds);
    text.push_str(&format!(
        "{:<10}{:>22}{:>8}{:>8}{:>9}{:>9}{:>8}{:>8}\n",
        "model", "pass@1 [95%]", "greedy", "maj@n", "tokens", "cut off", "F>T", "T>F"
    ));
    for model in &outcome.models {
        let score = &model.score;
        let pass = score.pass_at_1;
        text.push_str(&format!(
            "{:<10}{:>22}{:>8}{:>8}{:>9.1}{:>9}{:>8}{:>8}\n",
            model.name,
            format!("{} [{:.1}, {:.1}]", percent(pass.value), 100.0 * pass.low, 100.0 * pass.high),
            model.greedy.as_ref().map_or("-".into(), |greedy| percent(greedy.pass_at_1.value)),
            percent(score.maj_at_k.value),
            score.mean_tokens,
            percent(score.truncated),
            percent(score.f_to_t),
            percent(score.t_to_f),
        ));
    }
    text.push('\n');
    for (later, earlier, Comparison { delta, length_ratio, problems, .. }) in &outcome.paired {
        let ratio = length_ratio.map_or(String::new(), |ratio| format!(", {ratio:.2} times as long"));
        text.push_str(&format!(
            "{later} - {earlier}: {:+.1} points [{:+.1}, {:+.1}] over {problems} problems{ratio}\n",
            100.0 * delta.value,
            100.0 * delta.low,
            100.0 * delta.high
        ));
    }
    for selection in &outcome.selections {
        let made = &selection.made;
        text.push_str(&format!(
            "{}: {} samples of {} problems chosen ({}, K {}, fill {}), hash {}\n",
            selection.stage,
            made.samples,
            made.problems,
            made.target,
            made.k,
            percent(made.fill_rate),
            made.hash
        ));
    }
    text.push_str(&format!("\nsession {}\n", path.display()));
    crate::tui::text::clean(&text)
}
