//! How keys are written: `a`, `G`, `<c-x>`, `<s-tab>`, `<enter>`; a sequence is keys with spaces between them.

use std::ops::RangeInclusive;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// A key with its modifiers. Shift is part of a letter and not kept beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key {
    pub code: KeyCode,
    pub modifiers: KeyModifiers,
}

const NAMES: &[(&str, KeyCode)] = &[
    ("enter", KeyCode::Enter),
    ("esc", KeyCode::Esc),
    ("tab", KeyCode::Tab),
    ("space", KeyCode::Char(' ')),
    ("backspace", KeyCode::Backspace),
    ("delete", KeyCode::Delete),
    ("insert", KeyCode::Insert),
    ("up", KeyCode::Up),
    ("down", KeyCode::Down),
    ("left", KeyCode::Left),
    ("right", KeyCode::Right),
    ("home", KeyCode::Home),
    ("end", KeyCode::End),
    ("pgup", KeyCode::PageUp),
    ("pgdn", KeyCode::PageDown),
    ("lt", KeyCode::Char('<')),
];

/// Numbers of the keys that are `f1` and so on.
const FUNCTIONS: RangeInclusive<u8> = 1..=24;

impl From<KeyEvent> for Key {
    fn from(event: KeyEvent) -> Self {
        let kept = event.modifiers & (KeyModifiers::CONTROL | KeyModifiers::ALT | KeyModifiers::SHIFT);
        match event.code {
            KeyCode::Char(c) => Key { code: KeyCode::Char(c), modifiers: kept - KeyModifiers::SHIFT },
            KeyCode::BackTab => Key { code: KeyCode::Tab, modifiers: kept | KeyModifiers::SHIFT },
            code => Key { code, modifiers: kept },
        }
    }
}

impl From<Key> for KeyEvent {
    fn from(key: Key) -> Self {
        KeyEvent::new(key.code, key.modifiers)
    }
}

/// Reads a sequence such as `g g` or `<c-x>`.
pub fn parse_keys(text: &str) -> Result<Vec<Key>, String> {
    let keys: Vec<Key> = text.split(' ').filter(|word| !word.is_empty()).map(parse_key).collect::<Result<_, _>>()?;
    if keys.is_empty() { Err("no key".into()) } else { Ok(keys) }
}

/// Reads one key.
pub fn parse_key(word: &str) -> Result<Key, String> {
    let mut letters = word.chars();
    if let (Some(letter), None) = (letters.next(), letters.next()) {
        return Ok(Key { code: KeyCode::Char(letter), modifiers: KeyModifiers::NONE });
    }
    let unknown = || format!("no key `{}`", word.escape_debug());
    let mut rest = word.strip_prefix('<').and_then(|rest| rest.strip_suffix('>')).ok_or_else(unknown)?;
    let mut modifiers = KeyModifiers::NONE;
    for (prefix, modifier) in [("c-", KeyModifiers::CONTROL), ("a-", KeyModifiers::ALT), ("s-", KeyModifiers::SHIFT)] {
        if let Some(after) = rest.strip_prefix(prefix) {
            modifiers |= modifier;
            rest = after;
        }
    }
    let code = NAMES.iter().find(|(name, _)| *name == rest).map(|(_, code)| *code);
    let function = || rest.strip_prefix('f')?.parse().ok().filter(|n| FUNCTIONS.contains(n)).map(KeyCode::F);
    let letter = || rest.chars().next().filter(|c| rest.len() == c.len_utf8()).map(KeyCode::Char);
    let code = code.or_else(function).or_else(letter).ok_or_else(unknown)?;
    Ok(Key { code, modifiers })
}

/// What `parse_keys` reads, as a regular expression for editors.
pub fn pattern() -> String {
    let names = NAMES.iter().map(|(name, _)| (*name).to_owned());
    let names: Vec<String> = names.chain(FUNCTIONS.map(|n| format!("f{n}"))).collect();
    let key = format!("([^ ]|<(c-)?(a-)?(s-)?({}|[^ ])>)", names.join("|"));
    format!("^ *{key}( +{key})* *$")
}

/// Writes a sequence as a hint shows it.
pub fn print_keys(keys: &[Key]) -> String {
    keys.iter().map(print_key).collect::<Vec<_>>().join(" ")
}

fn print_key(key: &Key) -> String {
    let name = NAMES.iter().find(|(_, code)| *code == key.code).map(|(name, _)| (*name).to_owned());
    let name = match (name, key.code) {
        (Some(name), _) => name,
        (None, KeyCode::Char(c)) => c.to_string(),
        (None, KeyCode::F(n)) => format!("f{n}"),
        (None, _) => "?".into(),
    };
    let mut text = String::new();
    for (modifier, prefix) in
        [(KeyModifiers::CONTROL, "ctrl-"), (KeyModifiers::ALT, "alt-"), (KeyModifiers::SHIFT, "shift-")]
    {
        if key.modifiers.contains(modifier) {
            text.push_str(prefix);
        }
    }
    text + &name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_and_written() {
        for (written, shown) in [
            ("g g", "g g"),
            ("<c-x>", "ctrl-x"),
            ("<s-tab>", "shift-tab"),
            ("<pgdn>", "pgdn"),
            ("<f3>", "f3"),
            ("?", "?"),
        ] {
            assert_eq!(print_keys(&parse_keys(written).unwrap()), shown);
        }
        assert!(parse_keys("").is_err());
        assert!(parse_keys("<nokey>").is_err());
        assert!(parse_keys("ab").is_err());
    }

    #[test]
    fn an_editor_is_told_of_the_same_keys() {
        let pattern = regex::Regex::new(&pattern()).unwrap();
        let right =
            ["g g", " a  b ", "<c-x>", "<c-a-s-f24>", "<s-tab>", "<lt> <", "<", "<>>", "<c-->", "é", "<a-é>", "]"];
        let wrong = ["", " ", "ab", "<nokey>", "<f0>", "<f25>", "<a-c-x>", "<c->", "<>", "g <ab>", "<Enter>"];
        for (keys, fit) in right.map(|keys| (keys, true)).into_iter().chain(wrong.map(|keys| (keys, false))) {
            assert_eq!((parse_keys(keys).is_ok(), pattern.is_match(keys)), (fit, fit), "`{keys}`");
        }
    }

    #[test]
    fn shift_is_part_of_a_letter() {
        let typed = Key::from(KeyEvent::new(KeyCode::Char('G'), KeyModifiers::SHIFT));
        assert_eq!(vec![typed], parse_keys("G").unwrap());
        let back = Key::from(KeyEvent::new(KeyCode::BackTab, KeyModifiers::NONE));
        assert_eq!(vec![back], parse_keys("<s-tab>").unwrap());
    }
}
