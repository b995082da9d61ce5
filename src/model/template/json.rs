//! The `tojson` filter as transformers has it: Python's `json.dumps` with `ensure_ascii=False`, and no escapes for HTML.

use minijinja::value::{Kwargs, ValueKind};
use minijinja::{Error, ErrorKind, Value};

const DEEPEST: usize = 64;
const LONGEST: usize = 1 << 20;

pub(super) fn tojson(value: &Value, options: Kwargs) -> Result<String, Error> {
    let indent: Option<usize> = options.get("indent")?;
    if indent.is_some_and(|indent| indent > 16) {
        return Err(refuse("tojson: an indent of more than 16"));
    }
    // Python's defaults, which templates sometimes spell out.
    let _: Option<bool> = options.get("ensure_ascii")?;
    let _: Option<bool> = options.get("sort_keys")?;
    let _: Option<Value> = options.get("separators")?;
    options.assert_all_used()?;
    let mut out = String::new();
    write(value, indent, 0, &mut out)?;
    Ok(out)
}

fn refuse(reason: &'static str) -> Error {
    Error::new(ErrorKind::InvalidOperation, reason)
}

fn write(value: &Value, indent: Option<usize>, depth: usize, out: &mut String) -> Result<(), Error> {
    if depth > DEEPEST {
        return Err(refuse("tojson: nested too deeply"));
    }
    if out.len() > LONGEST {
        return Err(refuse("tojson: more than a mebibyte"));
    }
    match value.kind() {
        ValueKind::Undefined | ValueKind::None => out.push_str("null"),
        ValueKind::Bool => out.push_str(if value.is_true() { "true" } else { "false" }),
        ValueKind::Number => out.push_str(&value.to_string()),
        ValueKind::String => out.push_str(&quote(value.as_str().unwrap_or_default())),
        ValueKind::Map => {
            let entries = value.try_iter()?.map(|key| Ok((Some(key.to_string()), value.get_item(&key)?)));
            write_list(entries, ['{', '}'], indent, depth, out)?;
        }
        ValueKind::Seq | ValueKind::Iterable => {
            let entries = value.try_iter()?.map(|item| Ok((None, item)));
            write_list(entries, ['[', ']'], indent, depth, out)?;
        }
        _ => return Err(refuse("tojson: a value that JSON does not have")),
    }
    Ok(())
}

fn write_list(
    entries: impl Iterator<Item = Result<(Option<String>, Value), Error>>,
    [open, close]: [char; 2],
    indent: Option<usize>,
    depth: usize,
    out: &mut String,
) -> Result<(), Error> {
    let break_line = |depth: usize, out: &mut String| {
        if let Some(indent) = indent {
            out.push('\n');
            out.extend(std::iter::repeat_n(' ', indent * depth));
        }
    };
    out.push(open);
    let mut empty = true;
    for entry in entries {
        let (key, value) = entry?;
        if !empty {
            out.push_str(if indent.is_some() { "," } else { ", " });
        }
        empty = false;
        break_line(depth + 1, out);
        if let Some(key) = key {
            out.push_str(&quote(&key));
            out.push_str(": ");
        }
        write(&value, indent, depth + 1, out)?;
    }
    if !empty {
        break_line(depth, out);
    }
    out.push(close);
    Ok(())
}

fn quote(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
