//! The command line: one file a subcommand. Each parses, calls down, prints; nothing is worked out here.
//!
//! With `--json` a subcommand prints one JSON object (or JSON lines where its help says so) on standard output and
//! nothing else there. Progress goes to standard error, and only to a terminal.

mod arguments;
mod attach;
mod bench;
mod chat;
mod check;
mod completions;
mod config;
mod doctor;
mod eval;
mod export;
mod export_model;
mod failure;
mod filter;
mod generate;
mod grade;
mod import;
mod keys;
mod new;
mod open;
mod out;
mod preview;
mod progress;
mod report;
mod run;
mod sample;
mod select;
mod sessions;
mod signals;
mod steer;
mod theme;
mod train;
mod watch;
mod workbench;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// What the binary prints as its help before the subcommands.
const ABOUT: &str = "A terminal workbench in which a person makes a language model teach itself to reason";

const EXAMPLES: &str = "\
Examples:
  cribble                                  open the last session, or the tour
  cribble generate --session first --model micro --problems micro --samples 2
  cribble generate --session demo --model model.gguf --problems gsm8k.jsonl --samples 4
  cribble open demo                        review what was generated
  cribble export --session demo --output train.jsonl

Exit codes: 0 done, 1 failed, 2 bad usage or input, 130 interrupted.";

#[derive(Debug, Parser)]
#[command(name = "cribble", version, about = ABOUT, after_help = EXAMPLES, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(flatten)]
    screen: workbench::ScreenArguments,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a new session and open it
    New(new::Arguments),
    /// Open a session in the workbench
    Open(open::Arguments),
    /// Open the workbench on a session in which a job runs
    Attach(attach::Arguments),
    /// List the sessions
    Sessions(sessions::Arguments),
    /// Write chains of thought for problems and store them in a session
    Generate(generate::Arguments),
    /// Pause, resume or stop the job that runs in a session
    Steer(steer::Arguments),
    /// Judge the samples of a session by the rules
    Filter(filter::Arguments),
    /// Judge chains from a file by the rules, without a session
    Check(check::Arguments),
    /// Draw single-turn samples in rounds, more of the problems that promise more
    Sample(sample::Arguments),
    /// Choose the samples to learn from, by how hard their problems are
    Select(select::Arguments),
    /// Score a model on a set of problems
    Eval(eval::Arguments),
    /// Ask a model, or two the same
    Chat(chat::Arguments),
    /// Run the whole two-stage pass of a recipe
    Run(run::Arguments),
    /// Write the report of a pass, or pool several passes of one recipe
    Report(report::Arguments),
    /// Compare answers from a file with their gold answers
    Grade(grade::Arguments),
    /// Fine-tune a model on the accepted chains of a session
    Train(Box<train::Arguments>),
    /// Follow trainings that other programs run, by the records that they write
    Watch(watch::Arguments),
    /// Add problems from a file to a session
    Import(import::Arguments),
    /// Write a session's chains as training data
    Export(export::Arguments),
    /// Write a model for other programs: GGUF, a Hugging Face directory, a PEFT adapter
    ExportModel(export_model::Arguments),
    /// Measure this program on this machine
    Bench(bench::Arguments),
    /// Check this machine, this terminal, and a model or session
    Doctor(doctor::Arguments),
    /// Your settings: what they can be, whether they are right
    Config(config::Arguments),
    /// What can be done, and on which keys
    Keys(keys::Arguments),
    /// Themes: list, check, preview
    Theme(theme::Arguments),
    /// Print a completion script for a shell
    Completions(completions::Arguments),
}

/// Parses the process's arguments, runs the subcommand, and turns its outcome into an exit code.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(report) => failure::print(&report),
    }
}

fn run(cli: Cli) -> color_eyre::Result<()> {
    let Cli { screen, command } = cli;
    // The screen has a log of its own.
    if !matches!(command, None | Some(Command::New(_) | Command::Open(_) | Command::Attach(_) | Command::Watch(_))) {
        crate::tui::to_standard_error();
        progress::show_downloads(None);
    }
    match command {
        None => workbench::last_or_start(&screen),
        Some(Command::New(arguments)) => new::run(&arguments),
        Some(Command::Open(arguments)) => open::run(&arguments),
        Some(Command::Attach(arguments)) => attach::run(&arguments),
        Some(Command::Sessions(arguments)) => sessions::run(&arguments),
        Some(Command::Generate(arguments)) => generate::run(&arguments),
        Some(Command::Steer(arguments)) => steer::run(&arguments),
        Some(Command::Filter(arguments)) => filter::run(&arguments),
        Some(Command::Check(arguments)) => check::run(&arguments),
        Some(Command::Eval(arguments)) => eval::run(&arguments),
        Some(Command::Chat(arguments)) => chat::run(&arguments),
        Some(Command::Run(arguments)) => run::run(&arguments),
        Some(Command::Report(arguments)) => report::run(&arguments),
        Some(Command::Sample(arguments)) => sample::run(&arguments),
        Some(Command::Select(arguments)) => select::run(&arguments),
        Some(Command::Grade(arguments)) => grade::run(&arguments),
        Some(Command::Train(arguments)) => train::run(&arguments),
        Some(Command::Watch(arguments)) => watch::run(&arguments),
        Some(Command::Import(arguments)) => import::run(&arguments),
        Some(Command::Export(arguments)) => export::run(&arguments),
        Some(Command::ExportModel(arguments)) => export_model::run(&arguments),
        Some(Command::Bench(arguments)) => bench::run(&arguments),
        Some(Command::Doctor(arguments)) => doctor::run(&arguments),
        Some(Command::Config(arguments)) => config::run(&arguments),
        Some(Command::Keys(arguments)) => keys::run(&arguments),
        Some(Command::Theme(arguments)) => theme::run(&arguments),
        Some(Command::Completions(arguments)) => completions::run(&arguments),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        super::Cli::command().debug_assert();
    }
}
