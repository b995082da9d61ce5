//! What stands between the screen's state and the world: terminal, event loop, signals, effects, replay. Decides nothing
//! of what is shown.

mod attention;
mod canvas;
mod events;
mod form_memory;
mod hangup;
mod machine;
mod plain;
mod profile;
mod run;
mod script;
mod signals;
mod terminal;
mod worker;

pub use profile::{check, depth};
pub use run::{Launcher, Options, run};
pub use script::ScriptError;
pub use terminal::NotATerminal;
