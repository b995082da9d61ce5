//! What stands between the screen's state and the world: terminal, event loop, signals, effects, replay. Decides nothing
//! of what is shown.

mod attention;
mod canvas;
mod events;
mod form_memory;
mod hangup;
mod log;
mod machine;
mod outside;
mod picture;
mod plain;
mod profile;
mod record;
mod run;
mod script;
mod signals;
mod start;
mod terminal;
mod worker;

pub use log::to_standard_error;
pub use picture::PrintAs;
pub use profile::{check, depth};
pub use record::RecordError;
pub use script::ScriptError;
pub use start::{Interrupted, Launcher, Options, run};
pub use terminal::NotATerminal;
