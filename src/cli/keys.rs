//! `cribble keys`: what can be done, and on which keys.

use clap::{Args, Subcommand};
use color_eyre::Result;

use super::out;
use crate::config::Directories;
use crate::tui::action::{Scope, actions};
use crate::tui::keymap;

#[derive(Debug, Args)]
pub struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Every action with its keys, pane by pane
    List {
        /// Print one JSON object a line: {"scope","action","keys","description"}
        #[arg(long)]
        json: bool,
    },
    /// Print the keymap that comes with the program, as a file to begin from
    PrintDefault,
    /// Print a JSON Schema of the file, with which an editor completes and checks it
    Schema,
}

pub fn run(arguments: &Arguments) -> Result<()> {
    let json = match arguments.what {
        What::PrintDefault => return out::text(keymap::DEFAULT),
        What::Schema => return out::line(format_args!("{:#}", keymap::schema())),
        What::List { json } => json,
    };
    let keymap = keymap::of_person(&Directories::from_environment()?)?;
    for scope in Scope::ALL {
        if !json {
            out::line(format_args!("{}", scope.title()))?;
        }
        for (_, spec) in actions(scope) {
            let keys = keymap.keys_of(spec.name);
            if json {
                let line = serde_json::json!({"scope": scope.name(), "action": spec.name, "keys": keys, "description": spec.desc});
                out::line(line)?;
            } else {
                let keys = if keys.is_empty() { "(palette)".to_owned() } else { keys.join(", ") };
                out::line(format_args!("  {keys:<16} {:<24} {}", spec.name, spec.desc))?;
            }
        }
    }
    Ok(())
}
