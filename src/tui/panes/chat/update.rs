//! What keys and messages do to the pane.

use crossterm::event::KeyEvent;

use super::{ChatAction, ChatState};
use crate::tui::effect::{Effect, Message};

pub fn resize(state: &mut ChatState, width: u16, height: u16) {
    state.size = (width, height);
}

/// The pane comes to the front.
pub fn enter(_state: &mut ChatState) -> Vec<Effect> {
    Vec::new()
}

/// Models that another pane proposes to talk with.
pub fn offer(_state: &mut ChatState, _models: &[String]) {}

pub fn update(_state: &mut ChatState, _action: ChatAction) -> Vec<Effect> {
    Vec::new()
}

pub fn receive(_state: &mut ChatState, _message: &Message) -> Vec<Effect> {
    Vec::new()
}

/// A key while a field is being written in.
pub fn key(_state: &mut ChatState, _key: KeyEvent) -> Vec<Effect> {
    Vec::new()
}

pub fn paste(_state: &mut ChatState, _text: &str) -> Vec<Effect> {
    Vec::new()
}

/// Actions worth a hint at the foot.
pub fn hints(_state: &ChatState) -> Vec<&'static str> {
    Vec::new()
}
