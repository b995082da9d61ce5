//! `cribble export`: a session's chains as training data.

use std::path::PathBuf;

use clap::Args;
use color_eyre::Result;

use super::arguments::SessionArgument;
use crate::exchange::messages::{self, Which};

#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    session: SessionArgument,
    /// File to write (replaced whole); left out, standard output
    #[arg(long, short = 'o', value_name = "FILE")]
    output: Option<PathBuf>,
    /// Which samples
    #[arg(long, value_enum, default_value_t)]
    which: Which,
    /// Write the whole dialogue instead of the stitched chain
    #[arg(long)]
    dialogue: bool,
    /// With --output: print a JSON object {"path","samples"}
    #[arg(long, requires = "output")]
    json: bool,
}

pub fn run(arguments: &Arguments) -> Result<()> {
    let session = arguments.session.open()?;
    let samples = messages::export(&session, arguments.output.as_deref(), arguments.which, arguments.dialogue)?;
    let Some(path) = &arguments.output else { return Ok(()) };
    if arguments.json {
        super::out::line(format_args!("{}", serde_json::json!({"path": path, "samples": samples})))?;
    } else {
        super::out::line(format_args!(
            "{samples} samples written to {}",
            crate::tui::text::clean(&path.display().to_string())
        ))?;
    }
    Ok(())
}
