//! The columns of a data set as the front matter of its card declares them, in the words of the `datasets` library. Files of JSON lines
//! say nothing of kinds themselves.

use std::fmt::Write;

use serde_json::Value;

use super::shape::{Kind, Shape};

/// Words that YAML takes for a truth value or for nothing.
const NO_TEXTS: [&str; 9] = ["y", "n", "yes", "no", "on", "off", "true", "false", "null"];

impl Shape {
    /// The declaration in YAML, two spaces in. `None` where a column has a kind that the files cannot be loaded with, or a name that
    /// not every reader of YAML takes, or where not all columns are known. `parquet`: values of no common kind are texts in the files.
    pub fn features(&self, parquet: bool) -> Option<String> {
        if self.overflows() {
            return None;
        }
        let (text, mut out) = (Kind::Text, String::new());
        for (name, kind) in &self.columns {
            let kind = if parquet && *kind == Kind::Json { &text } else { kind };
            field(name, kind, 2, &mut out)?;
        }
        Some(out)
    }
}

fn field(name: &str, kind: &Kind, indent: usize, out: &mut String) -> Option<()> {
    let _ = writeln!(out, "{:indent$}- name: {}", "", written(name)?);
    declare(kind, "dtype", indent + 2, out)
}

/// A name as it is, or in quotes where it may be taken for something else.
fn written(name: &str) -> Option<String> {
    let plain = name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        && !NO_TEXTS.contains(&name);
    if plain {
        return Some(name.to_owned());
    }
    // JSON's quotes are YAML's as well.
    name.chars().all(|c| c == ' ' || c.is_ascii_graphic()).then(|| Value::from(name).to_string())
}

/// A kind under a key; lists and structures have keys of their own.
fn declare(kind: &Kind, key: &str, indent: usize, out: &mut String) -> Option<()> {
    let simple = match kind {
        Kind::Bool => "bool",
        Kind::Whole | Kind::Large => "int64",
        Kind::Decimal => "float64",
        // Written as texts where all are empty.
        Kind::Unknown | Kind::Text => "string",
        Kind::Json => return None,
        Kind::List(inner) if key == "list" => {
            let _ = writeln!(out, "{:indent$}list:", "");
            return declare(inner, "list", indent + 2, out);
        }
        Kind::List(inner) => return declare(inner, "list", indent, out),
        Kind::Struct(inner) => {
            let key = if key == "list" { key } else { "struct" };
            let _ = writeln!(out, "{:indent$}{key}:", "");
            return inner.iter().try_for_each(|(name, kind)| field(name, kind, indent, out));
        }
    };
    let _ = writeln!(out, "{:indent$}{key}: {simple}", "");
    Some(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn features(rows: Value) -> Option<String> {
        let mut shape = Shape::default();
        for row in rows.as_array().unwrap() {
            shape.take_in(row.as_object().unwrap());
        }
        shape.features(false)
    }

    #[test]
    fn columns_are_declared_in_the_words_of_datasets() {
        let declared = features(json!([
            {"messages": [{"role": "user", "content": "p"}], "draw": 1, "correct": null, "tags": []},
            {"messages": [], "draw": 2, "correct": true, "tags": [], "meta": {"score": 0.5}, "grid": [[1], []], "gold": null},
        ]));
        let expected = "  - name: messages\n    list:\n    - name: role\n      dtype: string\n    - name: content\n      \
                        dtype: string\n  - name: draw\n    dtype: int64\n  - name: correct\n    dtype: bool\n  - name: tags\n    \
                        list: string\n  - name: meta\n    struct:\n    - name: score\n      dtype: float64\n  - name: grid\n    \
                        list:\n      list: int64\n  - name: gold\n    dtype: string\n";
        assert_eq!(declared.as_deref(), Some(expected));
    }

    #[test]
    fn what_cannot_be_declared_leaves_all_undeclared() {
        let mixed = json!([{"mixed": 1}, {"mixed": "1"}]);
        assert_eq!(features(mixed.clone()), None);
        assert_eq!(features(json!([{"a\u{85}b": 1}])), None);
        let mut shape = Shape::default();
        mixed.as_array().unwrap().iter().for_each(|row| shape.take_in(row.as_object().unwrap()));
        assert_eq!(shape.features(true).as_deref(), Some("  - name: mixed\n    dtype: string\n"), "a text in Parquet");
    }

    #[test]
    fn names_are_quoted_where_they_may_be_taken_for_something_else() {
        let declared = features(json!([{"a: \"b\"": 1, "no": {"ID": true}}]));
        let expected = "  - name: \"a: \\\"b\\\"\"\n    dtype: int64\n  - name: \"no\"\n    struct:\n    - name: \"ID\"\n      \
                        dtype: bool\n";
        assert_eq!(declared.as_deref(), Some(expected));
    }
}
