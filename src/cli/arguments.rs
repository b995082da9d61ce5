//! Arguments that several subcommands share.

use std::path::PathBuf;

use clap::Args;
use color_eyre::Result;

use crate::config::Directories;
use crate::session::{Session, SessionError};

#[derive(Debug, Args)]
pub struct SessionArgument {
    /// Name of a session, or the path of its directory
    #[arg(long = "session", short = 's', value_name = "SESSION")]
    pub session: String,
}

impl SessionArgument {
    pub fn path(&self) -> Result<PathBuf> {
        path_of(&self.session)
    }

    /// Opens a session that must be there.
    pub fn open(&self) -> Result<Session> {
        Ok(Session::open(&self.path()?)?)
    }

    /// Opens a session that must be there and can be written.
    pub fn open_for_writing(&self) -> Result<Session> {
        let session = self.open()?;
        if let Some(reason) = session.read_only() {
            let (path, reason) = (session.dir().to_path_buf(), reason.to_string());
            return Err(SessionError::ReadOnly { path, reason }.into());
        }
        Ok(session)
    }

    /// Opens a session, made if it is missing.
    pub fn open_or_create(&self) -> Result<Session> {
        Ok(Session::open_or_create(&self.path()?)?)
    }
}

/// Where the session of this name or path lives.
pub fn path_of(session: &str) -> Result<PathBuf> {
    Ok(Directories::from_environment()?.session_path(session)?)
}
