//! A theme file as it is written: its tables, how a colour and a scope are written, and the schema of all that. Not:
//! what it begins from, and what its names stand for.

use std::collections::BTreeMap;

use ratatui::style::Modifier;
use serde_json::json;
use toml::Spanned;
use toml::value::{Table, Value};

use super::colour::{ANSI, EXACT, Hue, OWN};
use super::file::EMBEDDED;
use super::look::Look;
use crate::config::schema::{self, table};

/// What a scope can add, by name.
const MODIFIERS: [(&str, Modifier); 6] = [
    ("bold", Modifier::BOLD),
    ("dim", Modifier::DIM),
    ("italic", Modifier::ITALIC),
    ("underlined", Modifier::UNDERLINED),
    ("reversed", Modifier::REVERSED),
    ("crossed_out", Modifier::CROSSED_OUT),
];

/// Stands for the theme's background where a scope names a colour.
pub(super) const BACKGROUND: &str = "background";

pub(super) const A_COLOUR: &str =
    "a colour is \"#rrggbb\", \"default\", one of the 16 (\"red\", \"bright-red\"), or { rgb = .., ansi = .. }";

table! {
    #[derive(Default)]
    #[serde(default)]
    pub(super) struct Written {
        /// The theme in a few words.
        about: String = json!({"type": "string"}),
        /// The theme that this one begins from, by its name.
        inherits: Option<Spanned<String>> = schema::names_such_as(EMBEDDED.map(|(name, _)| name)),
        /// A colour that is painted under everything. Left out, the terminal's own ground is left.
        background: Option<Spanned<Value>> = a_colour(),
        /// Colours by names of your own, for the scopes.
        palette: BTreeMap<Spanned<String>, Spanned<Value>> = palette(),
        /// What colours of the palette are on a terminal with a light ground. For themes without a background.
        palette_light: BTreeMap<Spanned<String>, Spanned<Value>> = palette(),
        /// How each piece of the screen looks. What is left out looks as what its name begins with.
        scopes: BTreeMap<Spanned<String>, Spanned<Value>> = scopes(),
    }
}

table! {
    /// A colour, and which of the 16 stands for it.
    struct Both {
        /// Where there are more than 16 colours: `#rrggbb`.
        rgb: String = json!({"type": "string", "pattern": EXACT}),
        /// Where there are but 16: one of them by name, or `default`.
        ansi: String = schema::names(own_colours()),
    }
}

table! {
    /// A scope that is more than one colour.
    #[derive(Default)]
    #[serde(default)]
    struct Painted {
        /// The colour of the text.
        fg: Option<String> = a_colours_name(),
        /// The colour under the text.
        bg: Option<String> = a_colours_name(),
        /// What else is done to the text.
        add: Vec<String> = {
            let words = schema::names(MODIFIERS.map(|(name, _)| name));
            json!({"type": "array", "items": words})
        },
    }
}

/// How a scope looks, its colours by name.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Scope {
    pub fg: Option<Named>,
    pub bg: Option<Named>,
    pub add: Modifier,
}

/// A colour as a scope writes it, and where that is, for what is said of it once the whole palette is known.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Named {
    pub name: String,
    pub place: String,
}

pub(super) fn hue(value: &Spanned<Value>, place: &impl Fn(usize) -> String, errors: &mut Vec<String>) -> Option<Hue> {
    let read = match value.get_ref() {
        Value::String(text) => Hue::parse(text),
        Value::Table(table) => both(table),
        _ => None,
    };
    if read.is_none() {
        errors.push(format!("{}: {A_COLOUR}", place(value.span().start)));
    }
    read
}

fn both(table: &Table) -> Option<Hue> {
    let both: Both = table.clone().try_into().ok()?;
    let (exact, few) = (Hue::parse(&both.rgb)?, Hue::parse(&both.ansi)?);
    (few.rgb.is_none()).then_some(Hue { rgb: Some(exact.rgb?), ansi: few.ansi })
}

/// What a scope's value says: a colour's name, or a table of `fg`, `bg` and `add`.
pub(super) fn scope(value: &Value, place: &str) -> Result<Scope, String> {
    let named = |name: String| Named { name, place: place.to_owned() };
    let table = match value {
        Value::String(name) => return Ok(Scope { fg: Some(named(name.clone())), ..Scope::default() }),
        Value::Table(table) => table,
        _ => return Err("a scope is a colour, or { fg = .., bg = .., add = [..] }".into()),
    };
    let painted: Painted = table.clone().try_into().map_err(|error: toml::de::Error| {
        let said = error.message().replace('\n', ", ");
        format!("a scope has fg and bg, which are colours, and add, a list of words: {said}")
    })?;
    let mut scope = Scope { fg: painted.fg.map(named), bg: painted.bg.map(named), add: Modifier::empty() };
    for word in &painted.add {
        let known = MODIFIERS.iter().find(|(name, _)| *name == word.as_str());
        let names = MODIFIERS.map(|(name, _)| name);
        scope.add |= known.ok_or_else(|| format!("no `{word}` to add; there are {}", names.join(", ")))?.1;
    }
    Ok(scope)
}

/// What a theme file can hold, as a JSON Schema for editors.
pub fn schema() -> serde_json::Value {
    schema::file(
        "A theme of cribble",
        "A file in themes, beside config.toml in the configuration directory; its name is the theme's.",
        schema::object(Written::keys()),
    )
}

/// Colours that are the terminal's own, by name.
fn own_colours() -> impl Iterator<Item = &'static str> {
    [OWN].into_iter().chain(ANSI)
}

fn a_colour() -> serde_json::Value {
    let (own, both) = (schema::names(own_colours()), schema::whole(Both::keys()));
    json!({"anyOf": [own, {"type": "string", "pattern": EXACT}, both]})
}

/// A colour as a scope names it. Whether the palette has it only the reader knows, since that may lie in another file.
fn a_colours_name() -> serde_json::Value {
    schema::names_such_as(own_colours().chain([BACKGROUND]))
}

fn palette() -> serde_json::Value {
    json!({"type": "object", "additionalProperties": a_colour()})
}

fn scopes() -> serde_json::Value {
    let scope = json!({"anyOf": [a_colours_name(), schema::object(Painted::keys())]});
    schema::object(Look::scopes().into_iter().map(|name| {
        let about = match Look::ALL.iter().find(|look| look.name() == name) {
            Some(look) => look.about().to_owned(),
            None => {
                let under = Look::ALL.iter().filter(|look| look.is_under(name)).map(|look| look.name());
                format!("Stands for {}.", under.collect::<Vec<_>>().join(", "))
            }
        };
        (name, schema::described(&about, scope.clone()))
    }))
}

#[cfg(test)]
mod tests {
    use super::super::Shelf;
    use super::*;
    use crate::config::schema::tests::faults;

    fn allowed(text: &str) -> bool {
        faults(&schema(), &toml::from_str(text).unwrap()).is_empty()
    }

    fn both(text: &str) -> bool {
        let read = Shelf::default().read("mine.toml", text);
        assert_eq!(read.is_ok(), allowed(text), "{text}: {read:?}");
        read.is_ok()
    }

    #[test]
    fn every_theme_that_comes_with_the_program_is_as_the_schema_says() {
        for (name, text) in EMBEDDED {
            assert_eq!(faults(&schema(), &toml::from_str(text).unwrap()), [""; 0], "{name}");
        }
    }

    #[test]
    fn the_schema_has_every_scope_and_what_it_is() {
        let schema = schema();
        assert_eq!(schema["additionalProperties"], false);
        let scopes = &schema["properties"]["scopes"];
        assert_eq!(scopes["additionalProperties"], false);
        for look in Look::ALL {
            assert_eq!(scopes["properties"][look.name()]["description"], look.about());
        }
        let chain = scopes["properties"]["chain"]["description"].as_str().unwrap();
        assert!(chain.starts_with("Stands for chain.bridge, "), "{chain}");
    }

    #[test]
    fn the_schema_and_the_reader_agree() {
        for right in [
            "inherits = 'mono'\nbackground = '#16191f'\n[palette]\nsea = { rgb = '#0000ff', ansi = 'blue' }\n",
            "[palette]\nsea = 'default'\n[palette_light]\nsea = 'red'\n[scopes]\nchain = { bg = 'sea', add = [] }\n",
            "[scopes]\nchain = { add = ['dim', 'crossed_out'] }\n",
            "background = 'black'\n[scopes]\n'chain.fault' = { fg = 'background' }\nbad = {}\ngood = '#00FF00'\n",
        ] {
            assert!(both(right), "{right}");
        }
        for wrong in [
            "colour = 1\n",
            "about = 1\n",
            "background = 'blu'\n",
            "palette = 'red'\n",
            "[palette]\nsea = '#12345g'\n",
            "[palette]\nsea = '#+1+1+1'\n",
            "[palette]\nsea = { rgb = '#0000ff' }\n",
            "[palette]\nsea = { rgb = 'blue', ansi = 'blue' }\n",
            "[palette]\nsea = { rgb = '#0000ff', ansi = '#0000ff' }\n",
            "[palette]\nsea = { rgb = '#0000ff', ansi = 'blue', hsl = 1 }\n",
            "[scopes]\n'chain.falt' = 'red'\n",
            "[scopes]\nbad = 1\n",
            "[scopes]\nbad = ''\n",
            "[scopes]\nbad = { fg = 'red', blink = true }\n",
            "[scopes]\nbad = { fg = 1 }\n",
            "[scopes]\nbad = { add = 'bold' }\n",
            "[scopes]\nbad = { add = ['shiny'] }\n",
        ] {
            assert!(!both(wrong), "{wrong}");
        }
        // What only the reader knows.
        assert!(allowed("inherits = 'mine'\n[scopes]\nbad = 'sea'\n"));
    }
}
