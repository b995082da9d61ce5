//! The keymap file: TOML with one table an action, errors that name their line, and its schema.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use toml::Spanned;

use super::super::action::{Action, ActionSpec, Scope, actions};
use super::notation::pattern;
use super::{Binding, parse_keys};
use crate::config::schema::{self, table};
use crate::config::{did_you_mean, line_of};

table! {
    struct Row {
        /// Keys, or sequences of keys with spaces between them (`g g`), each of which runs the action; an empty list
        /// takes it off the keys.
        on: Spanned<Vec<Spanned<String>>> = json!({"type": "array", "items": {"type": "string", "pattern": pattern()}}),
        /// The action, by its name.
        run: Spanned<String> = json!({"type": "string"}),
    }
}

/// What `keymap.toml` can hold, as a JSON Schema for editors.
pub fn schema() -> Value {
    let panes = Scope::ALL.into_iter().map(|scope| {
        let mut row = schema::whole(Row::keys());
        let known = actions(scope).into_iter().map(|(_, spec)| (spec.name, spec.desc));
        row["properties"]["run"]["anyOf"] = schema::words(known);
        let rows = json!({"type": "array", "items": row});
        (scope.name(), schema::described(&format!("{}: which keys run which actions.", scope.title()), rows))
    });
    schema::file(
        "Keys of cribble",
        "keymap.toml in the configuration directory: it replaces the keys of the actions that it names.",
        schema::object(panes),
    )
}

/// One row of a file that names a known scope and action.
pub(super) struct Entry {
    pub scope: Scope,
    pub action: Action,
    pub spec: ActionSpec,
    /// Sequences as written, each with `file:line`.
    on: Vec<(String, String)>,
}

/// The rows of a file. What is wrong is added to `errors`.
pub(super) fn entries(name: &str, text: &str, errors: &mut Vec<String>) -> Vec<Entry> {
    let place = |at: usize| format!("{name}:{}", line_of(text, at));
    let table: BTreeMap<Spanned<String>, Vec<Row>> = match toml::from_str(text) {
        Ok(table) => table,
        Err(error) => {
            let at = error.span().map_or(0, |span| span.start);
            errors.push(format!("{}: {}", place(at), error.message().replace('\n', ", ")));
            return Vec::new();
        }
    };
    let mut found = Vec::new();
    for (scope_name, rows) in table {
        let Some(scope) = Scope::ALL.into_iter().find(|scope| scope.name() == scope_name.get_ref()) else {
            let known: Vec<&str> = Scope::ALL.iter().map(|scope| scope.name()).collect();
            errors.push(format!(
                "{}: no pane `{}`; there are {}",
                place(scope_name.span().start),
                scope_name.get_ref().escape_debug(),
                known.join(", ")
            ));
            continue;
        };
        for row in rows {
            let wanted = row.run.get_ref();
            match actions(scope).into_iter().find(|(_, spec)| spec.name == wanted) {
                Some((action, spec)) => {
                    let on = row.on.get_ref().iter();
                    let on = on.map(|keys| (keys.get_ref().clone(), place(keys.span().start))).collect();
                    found.push(Entry { scope, action, spec, on });
                }
                None => errors.push(format!(
                    "{}: no action `{}`{}",
                    place(row.run.span().start),
                    wanted.escape_debug(),
                    did_you_mean(wanted, actions(scope).into_iter().map(|(_, spec)| spec.name))
                )),
            }
        }
    }
    found
}

/// The bindings of the rows. Keys that cannot be read, or that are given away twice, are added to `errors`.
pub(super) fn bindings(entries: &[Entry], errors: &mut Vec<String>) -> Vec<Binding> {
    let mut bindings: Vec<Binding> = Vec::new();
    for entry in entries {
        for (written, place) in &entry.on {
            let keys = match parse_keys(written) {
                Ok(keys) => keys,
                Err(message) => {
                    errors.push(format!("{place}: {message}"));
                    continue;
                }
            };
            let clash = bindings.iter().find(|other| {
                other.scope == entry.scope && (other.keys.starts_with(&keys) || keys.starts_with(&other.keys))
            });
            if let Some(other) = clash {
                errors.push(format!("{place}: `{written}` runs {} already", other.spec.name));
                continue;
            }
            bindings.push(Binding { scope: entry.scope, keys, action: entry.action, spec: entry.spec });
        }
    }
    bindings
}

#[cfg(test)]
mod tests {
    use super::super::{DEFAULT, Keymap};
    use super::*;
    use crate::config::schema::tests::faults;

    #[test]
    fn the_schema_has_every_action_with_its_sentence() {
        let schema = schema();
        for scope in Scope::ALL {
            let row = &schema["properties"][scope.name()]["items"];
            assert_eq!(row["additionalProperties"], false);
            assert_eq!(row["required"], json!(["on", "run"]));
            let known = row["properties"]["run"]["anyOf"].as_array().unwrap();
            assert_eq!(known.len(), actions(scope).len());
            for (_, spec) in actions(scope) {
                assert!(known.contains(&json!({"const": spec.name, "description": spec.desc})), "{}", spec.name);
            }
        }
    }

    #[test]
    fn the_schema_and_the_reader_agree() {
        let both = |text: &str| {
            let read = Keymap::load(Some(("k.toml", text))).is_ok();
            let found = faults(&schema(), &toml::from_str(text).unwrap());
            assert_eq!(read, found.is_empty(), "{text}: {found:?}");
            read
        };
        assert!(both(DEFAULT) && both("") && both("[[review]]\non = []\nrun = 'review.skip'\n"));
        for wrong in [
            "[[rewiev]]\non = ['x']\nrun = 'review.skip'\n",
            "[[review]]\non = ['x']\nrun = 'review.skp'\n",
            "[[review]]\non = ['x']\nrun = 'app.quit'\n",
            "[[review]]\non = ['<hyper-x>']\nrun = 'review.skip'\n",
            "[[review]]\non = 'x'\nrun = 'review.skip'\n",
            "[[review]]\nrun = 'review.skip'\n",
            "[[review]]\non = ['x']\nrun = 'review.skip'\ndesc = 'x'\n",
            "review = 1\n",
        ] {
            assert!(!both(wrong), "{wrong}");
        }
    }
}
