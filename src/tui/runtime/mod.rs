//! What stands between the screen's state and the world: terminal, event loop, signals, effects, replay. Decides nothing
//! of what is shown.

mod canvas;
mod events;
mod form_memory;
mod hangup;
mod profile;
mod run;
mod script;
mod terminal;
mod worker;

pub use profile::check;
pub use run::{Launcher, Options, run};
pub use script::ScriptError;
pub use terminal::NotATerminal;
