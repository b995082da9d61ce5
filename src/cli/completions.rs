//! `cribble completions`: a completion script for a shell.

use clap::{Args, CommandFactory};
use color_eyre::Result;

#[derive(Debug, Args)]
pub struct Arguments {
    /// Which shell
    shell: clap_complete::Shell,
}

pub fn run(arguments: &Arguments) -> Result<()> {
    clap_complete::generate(arguments.shell, &mut super::Cli::command(), "cribble", &mut std::io::stdout());
    Ok(())
}
