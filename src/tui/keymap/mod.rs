//! Keys as data: which key or sequence runs which action, from the embedded file and the person's own over it.

mod file;
mod notation;

pub use file::schema;
pub use notation::{Key, parse_key, parse_keys, print_keys};

use super::action::{Action, ActionSpec, Scope, actions};
use crate::config::{Directories, written};

/// The keymap that comes with the program.
pub const DEFAULT: &str = include_str!("../../../assets/keymap.toml");

/// One sequence of keys and what it runs.
#[derive(Debug, Clone, PartialEq)]
pub struct Binding {
    pub scope: Scope,
    pub keys: Vec<Key>,
    pub action: Action,
    pub spec: ActionSpec,
}

/// What keys mean so far.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Lookup {
    Run(Action),
    /// The beginning of a sequence.
    More,
    Nothing,
}

/// All bindings. The first binding of an action is the one that hints show.
#[derive(Debug, Clone, PartialEq)]
pub struct Keymap {
    bindings: Vec<Binding>,
}

/// Everything that is wrong with a keymap file.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.join("; "))]
pub struct KeymapError(pub Vec<String>);

impl Keymap {
    /// The keymap that comes with the program, and a person's file over it: its name and text.
    pub fn load(own: Option<(&str, &str)>) -> Result<Self, KeymapError> {
        let mut errors = Vec::new();
        let mut bindings = file::bindings(&file::entries("assets/keymap.toml", DEFAULT, &mut errors), &mut errors);
        if let Some((name, text)) = own {
            let entries = file::entries(name, text, &mut errors);
            let mine = file::bindings(&entries, &mut errors);
            bindings.retain(|old| {
                let renamed = entries.iter().any(|entry| entry.scope == old.scope && entry.spec.name == old.spec.name);
                let taken = mine.iter().any(|new| new.scope == old.scope && new.keys == old.keys);
                !renamed && !taken
            });
            bindings.extend(mine);
        }
        if errors.is_empty() { Ok(Self { bindings }) } else { Err(KeymapError(errors)) }
    }

    /// What these keys do in a pane: its own keys go before those of everywhere.
    pub fn lookup(&self, scope: Scope, keys: &[Key]) -> Lookup {
        for scope in [scope, Scope::Global] {
            let mut begins =
                self.bindings.iter().filter(|binding| binding.scope == scope && binding.keys.starts_with(keys));
            if let Some(first) = begins.next() {
                return if first.keys.len() == keys.len() { Lookup::Run(first.action) } else { Lookup::More };
            }
        }
        Lookup::Nothing
    }

    /// What may follow the keys of a sequence that is not whole yet: the rest of each, and what it does in a few words.
    pub fn after(&self, scope: Scope, keys: &[Key]) -> Vec<(String, &'static str)> {
        // The same scope that the keys are looked up in.
        let begins = |scope: Scope| move |binding: &&Binding| binding.scope == scope && binding.keys.starts_with(keys);
        let scope =
            [scope, Scope::Global].into_iter().find(|scope| self.bindings.iter().any(|one| begins(*scope)(&one)));
        let of = scope.into_iter().flat_map(|scope| self.bindings.iter().filter(begins(scope)));
        of.map(|binding| (print_keys(&binding.keys[keys.len()..]), binding.spec.hint)).collect()
    }

    /// The key that a hint shows for an action.
    pub fn key_of(&self, name: &str) -> Option<String> {
        self.bindings.iter().find(|binding| binding.spec.name == name).map(|binding| print_keys(&binding.keys))
    }

    /// All keys of an action.
    pub fn keys_of(&self, name: &str) -> Vec<String> {
        self.bindings.iter().filter(|binding| binding.spec.name == name).map(|b| print_keys(&b.keys)).collect()
    }
}

/// The keymap with the person's own file over it.
///
/// # Errors
/// All that is wrong with the file.
pub fn of_person(directories: &Directories) -> color_eyre::Result<Keymap> {
    written(&directories.config().join("keymap.toml"), |own| Ok(Keymap::load(own)?))
}

/// The description of an action by its name.
pub fn spec_of(name: &str) -> Option<ActionSpec> {
    Scope::ALL.iter().flat_map(|scope| actions(*scope)).map(|(_, spec)| spec).find(|spec| spec.name == name)
}

#[cfg(test)]
mod tests {
    use super::super::action::AppAction;
    use super::*;

    #[test]
    fn every_action_is_described_and_on_a_key() {
        let keymap = Keymap::load(None).unwrap();
        for scope in Scope::ALL {
            for (_, spec) in actions(scope) {
                assert!(keymap.key_of(spec.name).is_some(), "{} is on no key", spec.name);
                assert!(spec.desc.ends_with('.') && !spec.hint.is_empty(), "{} is not described", spec.name);
            }
        }
    }

    /// Keys that lead to a pane, or help to find one's way, do so from every pane.
    #[test]
    fn no_pane_takes_the_keys_that_lead_to_others() {
        let keymap = Keymap::load(None).unwrap();
        let leads = |binding: &&Binding| {
            binding.scope == Scope::Global
                && (Scope::ALL.iter().any(|scope| binding.spec.name == format!("app.{}", scope.name()))
                    || matches!(binding.spec.name, "app.help" | "app.palette" | "app.quit" | "app.zoom"))
        };
        for binding in keymap.bindings.iter().filter(leads) {
            for scope in Scope::ALL {
                let found = keymap.lookup(scope, &binding.keys);
                assert_eq!(found, Lookup::Run(binding.action), "{} in {}", binding.spec.name, scope.name());
            }
        }
    }

    #[test]
    fn a_persons_file_replaces_and_takes_away() {
        let own = "[[global]]\non = [\"Z Z\"]\nrun = \"app.quit\"\n[[review]]\non = []\nrun = \"review.skip\"\n";
        let keymap = Keymap::load(Some(("k.toml", own))).unwrap();
        let z = parse_keys("Z").unwrap();
        assert_eq!(keymap.after(Scope::Review, &z), [("Z".to_owned(), "quit")]);
        assert_eq!(keymap.lookup(Scope::Review, &z), Lookup::More);
        assert_eq!(
            keymap.lookup(Scope::Review, &parse_keys("Z Z").unwrap()),
            Lookup::Run(Action::App(AppAction::Quit))
        );
        assert_eq!(keymap.lookup(Scope::Review, &parse_keys("q").unwrap()), Lookup::Nothing);
        assert_eq!(keymap.lookup(Scope::Review, &parse_keys("<space>").unwrap()), Lookup::Nothing);
    }

    #[test]
    fn all_that_is_wrong_is_said_at_once_with_its_line() {
        let own = "[[review]]\non = [\"a\"]\nrun = \"review.acept\"\n\n[[review]]\non = [\"<hyper-x>\"]\nrun = \"review.skip\"\n\
                   [[review]]\non = [\"b\"]\nrun = \"review.flag\"\n[[review]]\non = [\"b\"]\nrun = \"review.note\"\n";
        let error = Keymap::load(Some(("k.toml", own))).unwrap_err().to_string();
        assert!(error.contains("k.toml:3: no action `review.acept`; did you mean `review.accept`?"), "{error}");
        assert!(error.contains("k.toml:6:") && error.contains("<hyper-x>"), "{error}");
        assert!(error.contains("k.toml:12:") && error.contains("already"), "{error}");
        assert!(Keymap::load(Some(("k.toml", "[[rewiev]]\n"))).unwrap_err().to_string().contains("k.toml:1:"));
    }
}
