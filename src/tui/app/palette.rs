//! The command palette: all that can be done here, found by a few letters of what it does. It knows actions, and does none.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use nucleo_matcher::pattern::{CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};

use super::super::action::{Action, ActionSpec, Scope, actions};
use super::super::keymap::Keymap;
use super::super::widgets::ListWindow;
use super::super::widgets::input::Input;

/// An action of the pane in front or of everywhere.
#[derive(Debug, Clone, PartialEq)]
pub struct Command {
    pub action: Action,
    pub spec: ActionSpec,
    pub keys: String,
}

#[derive(Debug, Clone, Default)]
pub struct Palette {
    pub filter: Input,
    pub window: ListWindow,
    all: Vec<Command>,
    /// Places in `all` of those that the filter leaves, the best first.
    found: Vec<usize>,
}

/// What a key does to the palette.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Chosen {
    Nothing,
    Closed,
    Run(Action),
}

impl Palette {
    /// Those of a pane, then those of everywhere.
    pub fn new(keymap: &Keymap, focus: Scope, height: usize) -> Self {
        let of = |scope| {
            let command = |(action, spec): (Action, ActionSpec)| Command {
                action,
                spec,
                keys: keymap.keys_of(spec.name).join(", "),
            };
            actions(scope).into_iter().map(command)
        };
        let mut palette = Self { all: of(focus).chain(of(Scope::Global)).collect(), ..Self::default() };
        palette.window.height = height;
        palette.search();
        palette
    }

    pub fn resize(&mut self, height: usize) {
        self.window.set_height(height, self.found.len());
    }

    /// The commands that the filter leaves and that are in sight, with their places in the list.
    pub fn rows(&self) -> impl Iterator<Item = (usize, &Command)> {
        self.window.rows(self.found.len()).map(|row| (row, &self.all[self.found[row]]))
    }

    pub fn count(&self) -> (usize, usize) {
        (self.found.len(), self.all.len())
    }

    pub fn key(&mut self, key: KeyEvent) -> Chosen {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        let step = match key.code {
            KeyCode::Esc => return Chosen::Closed,
            KeyCode::Char('c' | 'p') if control => return Chosen::Closed,
            KeyCode::Enter => {
                let chosen = self.found.get(self.window.selected);
                return chosen.map_or(Chosen::Nothing, |at| Chosen::Run(self.all[*at].action));
            }
            KeyCode::Down | KeyCode::Tab => 1,
            KeyCode::Up | KeyCode::BackTab => -1,
            KeyCode::PageDown => self.window.page(),
            KeyCode::PageUp => -self.window.page(),
            _ => {
                self.filter.key(key);
                self.search();
                return Chosen::Nothing;
            }
        };
        self.window.step(step, self.found.len());
        Chosen::Nothing
    }

    pub fn paste(&mut self, text: &str) {
        self.filter.insert(text);
        self.search();
    }

    fn search(&mut self) {
        let pattern = Pattern::parse(self.filter.text(), CaseMatching::Smart, Normalization::Smart);
        let mut matcher = Matcher::new(Config::DEFAULT);
        let mut letters = Vec::new();
        let mut scored: Vec<(u32, usize)> = Vec::new();
        for (at, command) in self.all.iter().enumerate() {
            let ActionSpec { name, hint, desc } = command.spec;
            let said = format!("{hint} {desc} {name}");
            scored.extend(pattern.score(Utf32Str::new(&said, &mut letters), &mut matcher).map(|score| (score, at)));
        }
        // Of two as good the one that is listed first.
        scored.sort_by_key(|(score, at)| (std::cmp::Reverse(*score), *at));
        self.found = scored.into_iter().map(|(_, at)| at).collect();
        self.window.select(0, self.found.len());
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::action::AppAction;
    use super::super::super::panes::review::ReviewAction;
    use super::*;

    fn typed(letters: &str) -> Palette {
        let mut palette = Palette::new(&Keymap::load(None).unwrap(), Scope::Review, 10);
        for letter in letters.chars() {
            palette.key(KeyEvent::new(KeyCode::Char(letter), KeyModifiers::NONE));
        }
        palette
    }

    fn enter(palette: &mut Palette) -> Chosen {
        palette.key(KeyEvent::new(KeyCode::Enter, KeyModifiers::NONE))
    }

    #[test]
    fn a_few_letters_find_what_is_meant() {
        assert_eq!(enter(&mut typed("accept")), Chosen::Run(Action::Review(ReviewAction::Accept)));
        assert_eq!(enter(&mut typed("rdraw")), Chosen::Run(Action::App(AppAction::Redraw)));
        let mut nothing = typed("zzzzqqq");
        assert_eq!((enter(&mut nothing), nothing.count().0), (Chosen::Nothing, 0));
    }

    #[test]
    fn all_is_there_until_something_is_typed() {
        let mut palette = typed("");
        let (found, all) = palette.count();
        assert_eq!(found, all);
        assert_eq!(palette.rows().count(), 10);
        palette.key(KeyEvent::new(KeyCode::Up, KeyModifiers::NONE));
        palette.key(KeyEvent::new(KeyCode::PageDown, KeyModifiers::NONE));
        assert_eq!(palette.window.selected, 9);
        assert_eq!(palette.key(KeyEvent::new(KeyCode::Esc, KeyModifiers::NONE)), Chosen::Closed);
    }
}
