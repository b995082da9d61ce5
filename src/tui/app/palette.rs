//! The command palette: all that can be done here, found by a few letters of what it does. It knows actions, and does none.

use super::super::action::{Action, ActionSpec, Scope, actions};
use super::super::keymap::Keymap;
use super::super::widgets::Finder;

#[derive(Debug, Clone)]
pub struct Palette {
    pub finder: Finder,
    /// Each action with what it does and its keys.
    commands: Vec<(Action, &'static str, String)>,
}

impl Palette {
    /// The actions of a pane, then those of everywhere.
    pub fn new(keymap: &Keymap, focus: Scope, height: usize) -> Self {
        let all = [focus, Scope::Global].into_iter().flat_map(actions);
        let (mut commands, mut said) = (Vec::new(), Vec::new());
        for (action, ActionSpec { name, hint, desc }) in all {
            said.push(format!("{hint} {desc} {name}"));
            commands.push((action, desc, keymap.keys_of(name).join(", ")));
        }
        Self { finder: Finder::new(said, height), commands }
    }

    pub fn action(&self, row: usize) -> Option<Action> {
        self.commands.get(row).map(|(action, _, _)| *action)
    }

    /// What a row does, and its keys.
    pub fn row(&self, row: usize) -> (&str, &str) {
        self.commands.get(row).map_or(("", ""), |(_, words, keys)| (words, keys.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

    use super::super::super::action::AppAction;
    use super::super::super::panes::review::ReviewAction;
    use super::super::super::widgets::Pressed;
    use super::*;

    #[test]
    fn an_action_is_found_by_its_words() {
        let found = |letters: &str| {
            let mut palette = Palette::new(&Keymap::load(None).unwrap(), Scope::Review, 10);
            for letter in letters.chars() {
                palette.finder.key(KeyEvent::new(KeyCode::Char(letter), KeyModifiers::NONE));
            }
            match palette.finder.key(KeyEvent::new(KeyCode::Enter, KeyModifiers::NONE)) {
                Pressed::Chosen(row) => palette.action(row),
                _ => None,
            }
        };
        assert_eq!(found("accept"), Some(Action::Review(ReviewAction::Accept)));
        assert_eq!(found("rdraw"), Some(Action::App(AppAction::Redraw)));
        assert_eq!(found("zzzzqqq"), None);
    }
}
