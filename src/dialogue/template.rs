//! Prompts as Jinja templates, run with fuel, a bounded output, and nothing but the variables given.

use minijinja::{Environment, UndefinedBehavior, Value};

use super::DialogueError;

/// Enough for any prompt, and over in milliseconds.
const FUEL: u64 = 200_000;
/// Longest prompt, bytes.
const LONGEST: usize = 1 << 20;

/// Checks a template without running it, and tells which variables it reads.
pub fn variables(what: &str, source: &str) -> Result<std::collections::HashSet<String>, DialogueError> {
    let environment = environment();
    let template = environment.template_from_str(source).map_err(|error| template_error(what, &error))?;
    Ok(template.undeclared_variables(false))
}

/// Renders a template.
pub fn render(what: &str, source: &str, variables: &[(&str, Value)]) -> Result<String, DialogueError> {
    let environment = environment();
    let template = environment.template_from_str(source).map_err(|error| template_error(what, &error))?;
    let mut out = Bounded { text: Vec::new() };
    let rendered = template.render_captured_to(Value::from_pairs(variables.iter().cloned()), &mut out);
    rendered.map_err(|error| template_error(what, &error))?;
    String::from_utf8(out.text)
        .map_err(|_| DialogueError::Template { what: what.to_owned(), message: "its output is no UTF-8".into() })
}

fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_fuel(Some(FUEL));
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    // It prints every variable without naming one, the answer among them.
    environment.add_function("debug", || -> Result<String, minijinja::Error> {
        Err(minijinja::Error::new(minijinja::ErrorKind::UnknownFunction, "debug is not to be had in a prompt"))
    });
    environment
}

fn template_error(what: &str, error: &minijinja::Error) -> DialogueError {
    let line = error.line().map_or_else(String::new, |line| format!("line {line}: "));
    let detail = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
    let names = if error.kind() == minijinja::ErrorKind::UndefinedError {
        " (a prompt knows `problem`, `attempt`, `turn`, `answer`)"
    } else {
        ""
    };
    DialogueError::Template { what: what.to_owned(), message: format!("{line}{detail}{names}") }
}

/// A buffer that ends a template that writes without end: fuel alone does not bound what one instruction prints.
struct Bounded {
    text: Vec<u8>,
}

impl std::io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.text.len() + bytes.len() > LONGEST {
            return Err(std::io::Error::other("the prompt is longer than 1 MiB"));
        }
        self.text.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
