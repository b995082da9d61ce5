//! What a person can do in the Eval pane.

use crate::tui::action::ActionSpec;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EvalAction {
    Back,
}

const fn spec(name: &'static str, hint: &'static str, desc: &'static str) -> ActionSpec {
    ActionSpec { name, hint, desc }
}

/// All actions, in the order in which the help shows them.
pub const ACTIONS: &[(EvalAction, ActionSpec)] = &[(EvalAction::Back, spec("eval.back", "back", "Go back."))];
