//! The workbench on the screen: state, actions, panes, widgets, theme, terminal. Reads the session, talks to jobs, never
//! touches the model.
//!
//! Elm-like. A key becomes an [`Action`](action::Action) through the keymap; `update(state, action) -> Vec<Effect>` changes state and
//! names what has to be done outside; workers do it and answer with a [`Message`](effect::Message); views are functions of state. State
//! holds no ratatui type but [`tui_textarea::TextArea`], which *is* the text being edited.
//!
//! | folder | holds |
//! |---|---|
//! | `app` | the whole state, update, what is drawn where |
//! | `panes` | one folder a pane: state, update, view |
//! | `widgets` | transcript, meters, tables that panes share |
//! | `keymap` | keys as data: `on`, `run`, `desc` |
//! | `theme` | scopes to styles |
//! | `boards` | the boards of jobs that are known of |
//! | `learnt` | how many samples there are to learn from, told from pane to pane |
//! | `load` | what the machine does, as a line |
//! | `text` | cleaning, wrapping, measuring text for the screen |
//! | `runtime` | terminal, event loop, frame cap, signals, effects, replay |

pub mod action;
pub mod app;
pub mod bench;
pub mod boards;
pub mod effect;
pub mod keymap;
pub mod learnt;
pub mod load;
pub mod panes;
pub mod runtime;
pub mod text;
pub mod theme;
pub mod view;
pub mod widgets;

pub use runtime::{
    Interrupted, Launcher, NotATerminal, Options, PrintAs, RecordError, ScriptError, check, depth, run,
    to_standard_error,
};
