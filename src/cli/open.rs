//! `cribble open`: the workbench on a session.

use clap::Args;
use color_eyre::Result;

use super::{arguments, workbench};
use crate::session::Session;

#[derive(Debug, Args)]
pub struct Arguments {
    /// Name of the session, or the path of its directory
    session: String,
    #[command(flatten)]
    screen: workbench::ScreenArguments,
}

pub fn run(arguments: &Arguments) -> Result<()> {
    let path = arguments::path_of(&arguments.session)?;
    // Opened here as well, so that a missing session is a plain line and not a screen.
    drop(Session::open(&path)?);
    workbench::open(Some(path), &arguments.screen)
}
