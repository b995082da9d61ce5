//! `cribble completions`: a completion script for a shell.

use clap::{Args, CommandFactory};
use color_eyre::Result;

#[derive(Debug, Args)]
pub struct Arguments {
    /// Which shell
    shell: clap_complete::Shell,
}

pub fn run(arguments: &Arguments) -> Result<()> {
    // Into memory first: the generator panics where it cannot write.
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut super::Cli::command(), "cribble", &mut script);
    super::out::text(&String::from_utf8_lossy(&script))
}
