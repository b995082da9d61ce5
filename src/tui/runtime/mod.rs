//! What stands between the screen's state and the world: terminal, event loop, signals, effects, replay. Decides nothing
//! of what is shown.

mod canvas;
mod events;
mod form_memory;
mod hangup;
mod run;
mod script;
mod terminal;
mod worker;

pub use run::{Launcher, Options, run};
pub use script::ScriptError;
pub use terminal::NotATerminal;
