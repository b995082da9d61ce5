//! The keymap file: TOML with one table an action, and errors that name their line.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

use super::super::action::{Action, ActionSpec, Scope, actions};
use super::{Binding, parse_keys};
use crate::config::{did_you_mean, line_of};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    on: Spanned<Vec<Spanned<String>>>,
    run: Spanned<String>,
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
