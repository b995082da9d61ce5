//! `cribble new`: make a session, then open it.

use clap::Args;
use color_eyre::Result;

use super::{arguments, workbench};
use crate::session::Session;

#[derive(Debug, Args)]
pub struct Arguments {
    /// Name of the session, or the path of the directory to make
    session: String,
    /// Make it and do not open the workbench
    #[arg(long)]
    no_open: bool,
    #[command(flatten)]
    screen: workbench::ScreenArguments,
}

pub fn run(arguments: &Arguments) -> Result<()> {
    let path = arguments::path_of(&arguments.session)?;
    Session::create(&path)?;
    if arguments.no_open {
        super::out::line(format_args!("{}", crate::tui::text::clean(&path.display().to_string())))?;
        return Ok(());
    }
    workbench::open(Some(path), &arguments.screen)
}
