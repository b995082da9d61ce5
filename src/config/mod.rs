//! Where things live on this machine. Not: what is in a session.

mod directories;

pub use directories::{ConfigError, Directories, SessionInfo, expand_home};
