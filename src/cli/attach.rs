//! `cribble attach`: the workbench on a session in which another process works.

use clap::Args;
use color_eyre::Result;

use super::failure::BadInput;
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
    let session = Session::open(&path)?;
    if session.holders()?.is_empty() {
        let name = &arguments.session;
        return Err(BadInput(format!("{name}: no job runs in this session; `cribble open {name}` opens it")).into());
    }
    drop(session);
    workbench::open(Some(path), &arguments.screen)
}
