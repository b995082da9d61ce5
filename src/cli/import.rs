//! `cribble import`: problems from a file into a session.

use std::path::PathBuf;

use clap::Args;
use color_eyre::Result;

use super::arguments::SessionArgument;
use crate::exchange::problems;

#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    session: SessionArgument,
    /// Problem file: JSONL or a JSON array in the shape of GSM8K, MATH, AIME, or {"problem","answer"}
    #[arg(long, short = 'i', value_name = "FILE")]
    input: PathBuf,
    /// Say what the file is taken for and what would be added, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Print a JSON object: {"session","format","problems","added","unchanged"}
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &Arguments) -> Result<()> {
    let (read, report) = problems::read(&arguments.input)?;
    if arguments.dry_run && arguments.json {
        let found = serde_json::json!({
            "session": arguments.session.path()?, "format": report.format.to_string(), "problems": read.len(),
            "added": 0, "unchanged": 0, "dry_run": true,
        });
        super::out::line(format_args!("{found}"))?;
        return Ok(());
    }
    if arguments.dry_run {
        super::out::line(format_args!("{report}"))?;
        return Ok(());
    }
    let session = arguments.session.open_or_create()?;
    let added = session.add_problems(&read)?;
    if arguments.json {
        super::out::line(format_args!(
            "{}",
            serde_json::json!({
                "session": session.dir(), "format": report.format.to_string(), "problems": read.len(),
                "added": added.added, "unchanged": added.unchanged,
            })
        ))?;
    } else {
        super::out::line(format_args!("{report}; {} added, {} were there already", added.added, added.unchanged))?;
    }
    Ok(())
}
