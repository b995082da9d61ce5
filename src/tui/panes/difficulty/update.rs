//! What keys and messages do to the pane.

use crossterm::event::KeyEvent;

use super::{DifficultyAction, DifficultyState};
use crate::tui::effect::{Effect, Message};

pub fn resize(state: &mut DifficultyState, width: u16, height: u16) {
    state.size = (width, height);
}

/// The pane comes to the front.
pub fn enter(_state: &mut DifficultyState) -> Vec<Effect> {
    Vec::new()
}

pub fn update(_state: &mut DifficultyState, _action: DifficultyAction) -> Vec<Effect> {
    Vec::new()
}

pub fn receive(_state: &mut DifficultyState, _message: &Message) -> Vec<Effect> {
    Vec::new()
}

/// A key while a field is being written in.
pub fn key(_state: &mut DifficultyState, _key: KeyEvent) -> Vec<Effect> {
    Vec::new()
}

pub fn paste(_state: &mut DifficultyState, _text: &str) -> Vec<Effect> {
    Vec::new()
}

/// Actions worth a hint at the foot.
pub fn hints(_state: &DifficultyState) -> Vec<&'static str> {
    Vec::new()
}
