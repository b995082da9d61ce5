//! Where things live on this machine, and a person's settings. Not: what is in a session.

mod directories;
pub mod settings;
mod written;

pub use directories::{ConfigError, Directories, SessionInfo, expand_home};
pub use settings::Settings;
pub use written::{did_you_mean, line_of, written};
