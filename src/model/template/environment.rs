//! What a template can reach and how much of it: the environment that transformers gives its templates, with limits.

use std::io;

use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, Error, ErrorKind, Value};

use super::json;

/// Roughly one unit an instruction or 64 bytes made. A template of a hundred messages takes some ten thousand.
const FUEL: u64 = 1_000_000;
const RECURSION: usize = 100;
/// Bytes. Far above any context.
const LONGEST_OUTPUT: usize = 16 << 20;
const LONGEST_SOURCE: usize = 1 << 20;
const NAME: &str = "template";

/// The variables of a template.
pub(super) struct Context<'a> {
    pub messages: Vec<Value>,
    pub add_generation_prompt: bool,
    pub bos_token: Option<&'a str>,
    pub eos_token: Option<&'a str>,
}

pub(super) fn compile(source: &str) -> Result<Environment<'static>, Error> {
    if source.len() > LONGEST_SOURCE {
        return Err(Error::new(ErrorKind::SyntaxError, "longer than a mebibyte"));
    }
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
    environment.set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()?);
    environment.set_fuel(Some(FUEL));
    environment.set_recursion_limit(RECURSION);
    environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
    environment.add_function("raise_exception", |message: String| -> Result<Value, Error> {
        Err(Error::new(ErrorKind::InvalidOperation, message))
    });
    // One moment for the whole run: prompts do not change while it lasts.
    let now = jiff::ZonedDateTime::now();
    environment.add_function("strftime_now", move |format: String| {
        jiff::fmt::strtime::format(&format, &now)
            .map_err(|error| Error::new(ErrorKind::InvalidOperation, error.to_string()))
    });
    environment.add_filter("tojson", json::tojson);
    environment.add_template_owned(NAME, without_generation_tags(source))?;
    Ok(environment)
}

pub(super) fn render(environment: &Environment<'static>, context: &Context) -> Result<String, String> {
    let template = environment.get_template(NAME).map_err(|error| describe(&error))?;
    let token = |token: Option<&str>| token.map_or(Value::UNDEFINED, Value::from);
    let variables = minijinja::context! {
        messages => context.messages.clone(),
        add_generation_prompt => context.add_generation_prompt,
        tools => (),
        documents => (),
        bos_token => token(context.bos_token),
        eos_token => token(context.eos_token),
    };
    let mut output = Capped { bytes: Vec::new(), full: false };
    let result = template.render_captured_to(variables, &mut output);
    if output.full {
        return Err(format!("it wrote more than {LONGEST_OUTPUT} bytes"));
    }
    result.map_err(|error| describe(&error))?;
    String::from_utf8(output.bytes).map_err(|_| "it wrote text that is not UTF-8".to_owned())
}

/// What went wrong and in which line, without the listing of the source that the crate would add.
pub(super) fn describe(error: &Error) -> String {
    let what = match error.kind() {
        ErrorKind::OutOfFuel => "it did not end within its limit of work".to_owned(),
        kind => match error.detail() {
            Some(detail) if kind == ErrorKind::InvalidOperation => detail.to_owned(),
            Some(detail) => format!("{kind}: {detail}"),
            None => kind.to_string(),
        },
    };
    match error.line() {
        Some(line) => format!("{what} (line {line})"),
        None => what,
    }
}

struct Capped {
    bytes: Vec<u8>,
    full: bool,
}

impl io::Write for Capped {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + bytes.len() > LONGEST_OUTPUT {
            self.full = true;
            return Err(io::Error::other("too long"));
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Training templates mark what the assistant wrote with `{% generation %}`, a tag of transformers' own. A condition that
/// always holds has the same output and the same say over white space.
fn without_generation_tags(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(begin) = rest.find("{%") {
        let Some(length) = rest[begin..].find("%}") else { break };
        let inside = &rest[begin + 2..begin + length];
        let sign = |c: char| c == '-' || c == '+';
        let word = inside.trim_start_matches(sign).trim_end_matches(sign).trim();
        out.push_str(&rest[..begin + 2]);
        match word {
            "generation" => out.push_str(&inside.replace("generation", "if true")),
            "endgeneration" => out.push_str(&inside.replace("endgeneration", "endif")),
            // Only the opening is passed over: a string inside may hold another tag's.
            _ => {
                rest = &rest[begin + 2..];
                continue;
            }
        }
        rest = &rest[begin + length..];
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generation_tags_become_conditions_that_hold() {
        assert_eq!(
            without_generation_tags("a{%- generation -%} b {% endgeneration +%}{% if x %}{% endif %}"),
            "a{%- if true -%} b {% endif +%}{% if x %}{% endif %}"
        );
        assert_eq!(without_generation_tags("{% set generation = 1 %}{% x"), "{% set generation = 1 %}{% x");
    }
}
