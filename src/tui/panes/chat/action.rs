//! What a person can do in the Chat pane.

use crate::tui::action::ActionSpec;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChatAction {
    Back,
}

const fn spec(name: &'static str, hint: &'static str, desc: &'static str) -> ActionSpec {
    ActionSpec { name, hint, desc }
}

/// All actions, in the order in which the help shows them.
pub const ACTIONS: &[(ChatAction, ActionSpec)] = &[(ChatAction::Back, spec("chat.back", "back", "Go back."))];
