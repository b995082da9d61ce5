//! What a person can do in the Run pane.

use crate::tui::action::ActionSpec;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunAction {
    Back,
}

const fn spec(name: &'static str, hint: &'static str, desc: &'static str) -> ActionSpec {
    ActionSpec { name, hint, desc }
}

/// All actions, in the order in which the help shows them.
pub const ACTIONS: &[(RunAction, ActionSpec)] = &[(RunAction::Back, spec("run.back", "back", "Go back."))];
