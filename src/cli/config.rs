//! `cribble config`: a person's settings.

use clap::{Args, Subcommand};
use color_eyre::Result;

use super::out;
use crate::config::{Directories, settings};
use crate::tui::{self, text};

#[derive(Debug, Args)]
pub struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Print every setting with its first value, as a file to begin from
    PrintDefault,
    /// Print a JSON Schema of the file, with which an editor completes and checks it
    Schema,
    /// Read settings, keys and theme, and say all that is wrong
    Check,
    /// Print where the file is looked for
    Path,
}

pub fn run(arguments: &Arguments) -> Result<()> {
    let directories = Directories::from_environment()?;
    match arguments.what {
        What::PrintDefault => out::text(settings::DEFAULT),
        What::Schema => out::line(format_args!("{:#}", settings::schema())),
        What::Path => out::line(text::clean(&directories.config().join("config.toml").display().to_string())),
        What::Check => {
            tui::check(&directories)?;
            out::line("settings, keys and theme are right")
        }
    }
}
