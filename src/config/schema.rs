//! JSON Schemas of the files that a person writes, for editors: the pieces that they are made of. Not: what a file can
//! hold. That its reader says, out of the tables that it reads with.
//!
//! Nothing is referred to by `$ref`, since some editors forget what is said beside one.

use serde_json::{Map, Value, json};

const DRAFT: &str = "https://json-schema.org/draft/2020-12/schema";

/// Declares what a table of a file is read into. The same lines say in its schema what each key is and what it can be.
macro_rules! table {
    ($(#[$meta:meta])* $shown:vis struct $table:ident {
        $($(#[doc = $about:literal])+ $key:ident: $kind:ty = $values:expr,)+
    }) => {
        #[derive(Debug, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        $(#[$meta])*
        $shown struct $table {
            $($(#[doc = $about])+ $shown $key: $kind,)+
        }

        impl $table {
            /// Its keys as a schema has them.
            $shown fn keys() -> Vec<(&'static str, serde_json::Value)> {
                vec![$((
                    stringify!($key),
                    $crate::config::schema::described(concat!($($about),+).trim_ascii(), $values),
                ),)+]
            }
        }
    };
}
pub(crate) use table;

/// A whole file.
pub fn file(title: &str, about: &str, table: Value) -> Value {
    let mut whole = json!({"$schema": DRAFT, "title": title, "description": about});
    if let (Value::Object(whole), Value::Object(table)) = (&mut whole, table) {
        whole.extend(table);
    }
    whole
}

/// A table with these keys, or some of them, and no others.
pub fn object(keys: impl IntoIterator<Item = (&'static str, Value)>) -> Value {
    let keys: Map<String, Value> = keys.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    json!({"type": "object", "properties": keys, "additionalProperties": false})
}

/// A table with all of these keys and no others.
pub fn whole(keys: Vec<(&'static str, Value)>) -> Value {
    let names: Vec<&'static str> = keys.iter().map(|(name, _)| *name).collect();
    let mut table = object(keys);
    table["required"] = json!(names);
    table
}

/// A value, and what it is in a sentence.
pub fn described(about: &str, mut value: Value) -> Value {
    value["description"] = Value::from(about);
    value
}

/// Words that a value can be, each with what it is: what goes under `anyOf`.
pub fn words(words: impl IntoIterator<Item = (&'static str, &'static str)>) -> Value {
    let each = |(word, about): (&'static str, &'static str)| json!({"const": word, "description": about});
    words.into_iter().map(each).collect()
}

/// One of these names.
pub fn names(names: impl IntoIterator<Item = &'static str>) -> Value {
    let names: Vec<&'static str> = names.into_iter().collect();
    json!({"type": "string", "enum": names})
}

/// One of these names, or another one that is not known here.
pub fn names_such_as(known: impl IntoIterator<Item = &'static str>) -> Value {
    let known = names(known);
    json!({"anyOf": [known, {"type": "string", "minLength": 1}]})
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// What of a value its schema does not allow, each with its place. Knows the words that schemas here are made of,
    /// and fails at others.
    pub fn faults(schema: &Value, value: &Value) -> Vec<String> {
        let mut found = Vec::new();
        look(schema, value, "", &mut found);
        found
    }

    fn look(schema: &Value, value: &Value, at: &str, found: &mut Vec<String>) {
        for (keyword, wanted) in schema.as_object().unwrap() {
            if !holds(keyword, wanted, value) {
                found.push(format!("{at}: {keyword}"));
            }
        }
        for (key, value) in value.as_object().into_iter().flatten() {
            let at = format!("{at}/{key}");
            match (&schema["properties"][key.as_str()], &schema["additionalProperties"]) {
                (Value::Null, Value::Bool(false)) => found.push(format!("{at}: no such key")),
                (Value::Null, Value::Null) => {}
                (Value::Null, schema) | (schema, _) => look(schema, value, &at, found),
            }
        }
        for (index, value) in value.as_array().into_iter().flatten().enumerate() {
            if schema["items"].is_object() {
                look(&schema["items"], value, &format!("{at}/{index}"), found);
            }
        }
    }

    fn holds(keyword: &str, wanted: &Value, value: &Value) -> bool {
        let text = wanted.as_str().unwrap_or_default();
        match keyword {
            "type" => match text {
                "object" => value.is_object(),
                "array" => value.is_array(),
                "string" => value.is_string(),
                "boolean" => value.is_boolean(),
                "number" => value.is_number(),
                "integer" => value.is_i64(),
                other => panic!("the check knows no type `{other}`"),
            },
            "const" => value == wanted,
            "enum" => wanted.as_array().unwrap().contains(value),
            "anyOf" => wanted.as_array().unwrap().iter().any(|one| faults(one, value).is_empty()),
            "minimum" => value.as_f64().is_none_or(|number| number >= wanted.as_f64().unwrap()),
            "maximum" => value.as_f64().is_none_or(|number| number <= wanted.as_f64().unwrap()),
            "minLength" => value.as_str().is_none_or(|text| text.chars().count() as u64 >= wanted.as_u64().unwrap()),
            "pattern" => value.as_str().is_none_or(|said| regex::Regex::new(text).unwrap().is_match(said)),
            "required" => wanted.as_array().unwrap().iter().all(|key| value.get(key.as_str().unwrap()).is_some()),
            // What is in tables and lists is looked at on its own; the rest is for people.
            "properties" | "additionalProperties" | "items" | "$schema" | "title" | "description" | "default" => true,
            other => panic!("the check knows no `{other}`"),
        }
    }

    #[test]
    fn the_check_finds_what_is_wrong() {
        let words = words([("a", "The first."), ("b", "The second.")]);
        let rate = json!({"type": "number", "minimum": 1, "maximum": 2});
        let inner = whole(vec![("word", json!({"type": "string", "anyOf": words})), ("rate", rate)]);
        let schema = file("A file", "For a test.", object([("rows", json!({"type": "array", "items": inner}))]));
        let of = |row: Value| faults(&schema, &json!({"rows": [row]}));
        assert_eq!(of(json!({"word": "a", "rate": 1.5})), [""; 0]);
        assert_eq!(of(json!({"word": "c", "rate": 1})), ["/rows/0/word: anyOf"]);
        assert_eq!(of(json!({"word": "a", "rate": 3})), ["/rows/0/rate: maximum"]);
        assert_eq!(of(json!({"word": "a", "rate": 0.5})), ["/rows/0/rate: minimum"]);
        assert_eq!(of(json!({"word": "a", "rate": true})), ["/rows/0/rate: type"]);
        assert_eq!(of(json!({"word": "a", "rate": 1, "x": 1})), ["/rows/0/x: no such key"]);
        assert_eq!(of(json!({"word": "a"})), ["/rows/0: required"]);
        assert_eq!(faults(&schema, &json!({"row": []})), ["/row: no such key"]);
        assert_eq!(faults(&names_such_as(["a"]), &json!("")).len(), 1);
    }
}
