//! Where things live on this machine, a person's settings, and what the files that people write have in common. Not:
//! what is in a session.

mod directories;
pub mod schema;
pub mod settings;
mod written;

pub use directories::{ConfigError, Directories, SessionInfo, expand_home};
pub use settings::Settings;
pub use written::{did_you_mean, line_of, written};
