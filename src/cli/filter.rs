//! `cribble filter`: judges the samples of a session.

use std::path::{Path, PathBuf};

use clap::Args;
use color_eyre::Result;

use super::arguments::SessionArgument;
use super::failure::Interrupted;
use super::signals;
use crate::config::Directories;
use crate::filter::Settings;
use crate::jobs::Control;
use crate::pipeline::{FilterOutcome, FilterSources, filter, filter_settings};

#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    session: SessionArgument,
    /// Thresholds and switches (TOML), over the defaults and under your own filter.toml; without it, the file that the
    /// session was judged by last
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,
    /// Problem file of a benchmark that must not be trained on; may be given more than once; without it, those that the
    /// session was judged by last
    #[arg(long, value_name = "FILE")]
    benchmark: Vec<PathBuf>,
    /// Forget the settings file and the benchmarks of the last run
    #[arg(long)]
    afresh: bool,
    /// Print the settings in force as TOML and judge nothing
    #[arg(long)]
    print_settings: bool,
    /// Print a JSON object: {"judged","accepted","rejected","funnel":[{"rule","dropped","sole"}]}
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &Arguments) -> Result<()> {
    if arguments.print_settings {
        return super::out::text(&settings(arguments.settings.as_deref())?.to_toml());
    }
    let session = arguments.session.open_for_writing()?;
    let named = FilterSources {
        settings: arguments.settings.as_deref().map(std::path::absolute).transpose()?,
        benchmarks: arguments.benchmark.iter().map(|path| absolute(path)).collect::<Result<_, _>>()?,
        only: Vec::new(),
    };
    let sources = if arguments.afresh { named } else { named.or_as_before(&session)? };
    let asked = signals::listen(Control::default())?;
    let mut line = super::progress::Count::new("measured");
    let mut progress = |done: usize, all: usize| {
        line.show(done, all);
        !asked.to_stop()
    };
    let config = Directories::from_environment()?;
    let outcome = filter(&session, &sources, config.config(), &mut progress)?;
    line.clear();
    let Some(outcome) = outcome else {
        return Err(Interrupted("what was measured is kept; the verdicts are as they were".into()).into());
    };
    if arguments.json {
        super::out::line(format_args!("{}", serde_json::to_string(&outcome)?))?;
    } else {
        super::out::text(&drawn(&outcome))?;
    }
    Ok(())
}

/// The defaults, this file, and the person's own `filter.toml` over it.
pub fn settings(file: Option<&std::path::Path>) -> Result<Settings> {
    filter_settings(file, Directories::from_environment()?.config())
}

/// The funnel as lines: what is left after each rule, as a bar.
fn drawn(outcome: &FilterOutcome) -> String {
    const WIDTH: usize = 30;
    let mut out = format!("{} judged, {} accepted, {} rejected\n", outcome.judged, outcome.accepted, outcome.rejected);
    if outcome.judged > 0 {
        out.push_str(&format!("\n{:<15}{:>9}{:>9}{:>9}  left\n", "rule", "dropped", "sole", "fails"));
    }
    let mut left = outcome.judged;
    for step in &outcome.funnel {
        left -= step.dropped;
        let bar = (left * WIDTH).div_ceil(outcome.judged.max(1));
        out.push_str(&format!(
            "{:<15}{:>9}{:>9}{:>9}  {}{} {left}\n",
            step.rule.name(),
            step.dropped,
            step.sole,
            step.failed,
            "#".repeat(bar),
            ".".repeat(WIDTH - bar)
        ));
    }
    let [taken, refused] = outcome.overruled;
    if taken + refused > 0 {
        out.push_str(&format!(
            "\nyour decisions overrule it: {taken} accepted though rejected, {refused} rejected though accepted\n"
        ));
    }
    if !outcome.to_review.is_empty() {
        let first: Vec<&str> = outcome.to_review.iter().take(5).map(String::as_str).collect();
        out.push_str(&format!(
            "\n{} problems share shorter runs of words with a benchmark, among them {}\n",
            outcome.to_review.len(),
            first.join(", ")
        ));
    }
    crate::tui::text::clean(&out)
}

/// What is on the Hub has no place here.
fn absolute(path: &Path) -> std::io::Result<PathBuf> {
    let on_hub = path.to_str().is_some_and(crate::hub::is_hub_name);
    if on_hub { Ok(path.to_path_buf()) } else { std::path::absolute(path) }
}
