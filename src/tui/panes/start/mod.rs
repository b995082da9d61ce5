//! The Start pane: the sessions there are, a new one, or one by its path. What happens once a session is open belongs to
//! the other panes.

mod view;

use std::path::PathBuf;

use crossterm::event::{KeyCode, KeyEvent};

use super::super::action::{ActionSpec, spec};
use super::super::effect::{Effect, Message};
use super::super::widgets::input::Input;
use super::super::widgets::list::ListWindow;
use crate::config::SessionInfo;

pub use view::view;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartAction {
    Next,
    Previous,
    Open,
    New,
    Path,
    Tour,
}

/// All actions, in the order in which the help shows them.
pub const ACTIONS: &[(StartAction, ActionSpec)] = &[
    (StartAction::Open, spec("start.open", "open", "Open the selected session.")),
    (StartAction::New, spec("start.new", "new session", "Make a new session and open it.")),
    (StartAction::Path, spec("start.path", "open a path", "Open a session by the path of its directory.")),
    (StartAction::Tour, spec("start.tour", "tour", "Open the recorded session that comes with the program.")),
    (StartAction::Next, spec("start.next", "next", "Go to the next session.")),
    (StartAction::Previous, spec("start.previous", "previous", "Go to the session before.")),
];

/// A line being typed.
#[derive(Debug, Clone, PartialEq)]
enum Typing {
    Name(Input),
    Path(Input),
}

#[derive(Debug, Clone, Default)]
pub struct StartState {
    sessions: Vec<SessionInfo>,
    /// The list was read at least once.
    read: bool,
    window: ListWindow,
    typing: Option<Typing>,
    /// The session that is open now.
    open: Option<PathBuf>,
}

impl StartState {
    /// Whether a text field takes the keys as they are.
    pub fn capturing(&self) -> bool {
        self.typing.is_some()
    }
}

/// Tells the pane the size that it will be drawn in.
pub fn resize(state: &mut StartState, _width: u16, height: u16) {
    let rows = usize::from(height.saturating_sub(view::AROUND));
    state.window.set_height(rows.max(1), state.sessions.len());
}

pub fn update(state: &mut StartState, action: StartAction) -> Vec<Effect> {
    match action {
        StartAction::Next => state.window.step(1, state.sessions.len()),
        StartAction::Previous => state.window.step(-1, state.sessions.len()),
        StartAction::Open => {
            let chosen = state.sessions.get(state.window.selected);
            return chosen.map(|session| Effect::OpenSession(session.path.clone())).into_iter().collect();
        }
        StartAction::New => state.typing = Some(Typing::Name(Input::default())),
        StartAction::Path => state.typing = Some(Typing::Path(Input::default())),
        StartAction::Tour => return vec![Effect::OpenTour],
    }
    Vec::new()
}

/// A key while a text field takes them.
pub fn key(state: &mut StartState, key: KeyEvent) -> Vec<Effect> {
    let Some(typing) = &mut state.typing else { return Vec::new() };
    match key.code {
        KeyCode::Esc => state.typing = None,
        KeyCode::Enter => {
            let effect = match typing {
                Typing::Name(input) => Effect::NewSession(input.text().trim().to_owned()),
                Typing::Path(input) => Effect::OpenSession(PathBuf::from(input.text().trim())),
            };
            let empty = matches!(typing, Typing::Name(input) | Typing::Path(input) if input.text().trim().is_empty());
            state.typing = None;
            return if empty { Vec::new() } else { vec![effect] };
        }
        _ => {
            let (Typing::Name(input) | Typing::Path(input)) = typing;
            input.key(key);
        }
    }
    Vec::new()
}

pub fn paste(state: &mut StartState, text: &str) -> Vec<Effect> {
    if let Some(Typing::Name(input) | Typing::Path(input)) = &mut state.typing {
        input.insert(text.trim());
    }
    Vec::new()
}

pub fn receive(state: &mut StartState, message: &Message) -> Vec<Effect> {
    match message {
        Message::Sessions(sessions) => {
            state.sessions.clone_from(sessions);
            state.read = true;
            let at = state.window.selected.min(sessions.len().saturating_sub(1));
            state.window.select(at, sessions.len());
        }
        Message::Opened { dir, .. } | Message::Adopted(dir) => {
            state.open = Some(dir.clone());
            return vec![Effect::ListSessions];
        }
        _ => {}
    }
    Vec::new()
}

/// Names of the actions for the footer.
pub fn hints(state: &StartState) -> Vec<&'static str> {
    if state.sessions.is_empty() {
        vec!["start.tour", "start.new", "start.path"]
    } else {
        vec!["start.open", "start.new", "start.path", "start.tour", "start.next", "start.previous"]
    }
}

#[cfg(test)]
mod tests {
    use crossterm::event::KeyModifiers;

    use super::*;

    fn press(state: &mut StartState, code: KeyCode) -> Vec<Effect> {
        key(state, KeyEvent::new(code, KeyModifiers::NONE))
    }

    #[test]
    fn a_name_is_typed_and_made() {
        let mut state = StartState::default();
        update(&mut state, StartAction::New);
        assert!(state.capturing());
        for letter in "gsm".chars() {
            press(&mut state, KeyCode::Char(letter));
        }
        assert_eq!(press(&mut state, KeyCode::Enter), [Effect::NewSession("gsm".into())]);
        assert!(!state.capturing());
    }

    #[test]
    fn nothing_typed_is_nothing_done() {
        let mut state = StartState::default();
        update(&mut state, StartAction::Path);
        assert_eq!(press(&mut state, KeyCode::Enter), []);
        update(&mut state, StartAction::New);
        assert_eq!(press(&mut state, KeyCode::Esc), []);
        assert!(!state.capturing());
        assert_eq!(update(&mut state, StartAction::Open), []);
    }
}
