//! `cribble sessions`: what there is under the data directory.

use clap::Args;
use color_eyre::Result;

use crate::config::Directories;
use crate::tui::text;

#[derive(Debug, Args)]
pub struct Arguments {
    /// Print one JSON object a line: {"name","path","problems","samples","accepted","rejected","modified"}
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &Arguments) -> Result<()> {
    let directories = Directories::from_environment()?;
    let sessions = directories.sessions()?;
    if arguments.json {
        for session in &sessions {
            super::out::line(format_args!("{}", serde_json::to_string(session)?))?;
        }
        return Ok(());
    }
    if sessions.is_empty() {
        super::out::line(format_args!("no sessions yet; `cribble new NAME` makes one"))?;
        return Ok(());
    }
    super::out::line(format_args!(
        "{:<24} {:>8} {:>8} {:>8} {:>8}",
        "session", "problems", "samples", "accepted", "rejected"
    ))?;
    for session in &sessions {
        if let Some(error) = &session.error {
            super::out::line(format_args!(
                "{:<24} cannot be read: {}",
                text::clean(&session.name),
                text::clean(error)
            ))?;
            continue;
        }
        super::out::line(format_args!(
            "{:<24} {:>8} {:>8} {:>8} {:>8}",
            text::clean(&session.name),
            session.problems,
            session.samples,
            session.accepted,
            session.rejected
        ))?;
    }
    Ok(())
}
