//! Commands as templates: split into words as a POSIX shell quotes, filled in, put behind a launcher. No shell of ours ever
//! sees them; nothing is expanded (`$`, backticks, `*` and `~` are letters like others).

use std::path::Path;

/// Programs that run a command on another machine: a signal that ends them here need not reach what they started there.
const REMOTE: [&str; 8] = ["ssh", "sbatch", "srun", "salloc", "qsub", "bsub", "kubectl", "sky"];

/// What is wrong with a template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    #[error("the quote {0} is not closed")]
    Open(char),
    #[error("nothing comes after the last backslash")]
    Backslash,
    #[error("a NUL character cannot be in a command")]
    Nul,
    /// It would mean something to a shell, and there is none.
    #[error("`{0}` means something to a shell alone; quote it, or call one: sh -c '…'")]
    Operator(char),
    #[error("unknown placeholder {{{name}}}; there are {known}")]
    Placeholder { name: String, known: String },
    #[error("the program that starts it is missing; leave it out to start it here")]
    Program,
}

/// Placeholders for a person to choose from.
pub fn listed<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    names.into_iter().map(|name| format!("{{{name}}}")).collect::<Vec<_>>().join(", ")
}

/// A word of a template.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Word {
    pub text: String,
    /// Some of it stood in quotes.
    pub quoted: bool,
}

/// Splits a template into words: single and double quotes and backslashes as in a POSIX shell.
///
/// # Errors
/// If a quote is open at the end, or a letter stands for something that only a shell does.
pub fn split(template: &str) -> Result<Vec<Word>, TemplateError> {
    if template.contains('\0') {
        return Err(TemplateError::Nul);
    }
    let mut words = Vec::new();
    let mut word: Option<Word> = None;
    let mut rest = template.chars();
    while let Some(c) = rest.next() {
        match c {
            ' ' | '\t' | '\n' | '\r' => words.extend(word.take()),
            '\'' | '"' => {
                let word = word.get_or_insert_default();
                word.quoted = true;
                take_quoted(c, &mut rest, &mut word.text)?;
            }
            '\\' => match rest.next() {
                // A line that goes on.
                Some('\n') => {}
                Some(c) => word.get_or_insert_default().text.push(c),
                None => return Err(TemplateError::Backslash),
            },
            ';' | '|' | '&' | '<' | '>' | '(' | ')' => return Err(TemplateError::Operator(c)),
            c => word.get_or_insert_default().text.push(c),
        }
    }
    words.extend(word);
    Ok(words)
}

/// What stands between two quotes.
fn take_quoted(quote: char, rest: &mut std::str::Chars<'_>, text: &mut String) -> Result<(), TemplateError> {
    loop {
        match rest.next() {
            None => return Err(TemplateError::Open(quote)),
            Some(c) if c == quote => return Ok(()),
            Some('\\') if quote == '"' => match rest.next() {
                None => return Err(TemplateError::Open(quote)),
                Some('\n') => {}
                Some(c @ ('"' | '\\' | '$' | '`')) => text.push(c),
                Some(c) => text.extend(['\\', c]),
            },
            Some(c) => text.push(c),
        }
    }
}

/// A word as a POSIX shell reads it back.
pub fn quote(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_@%+=:,./-".contains(c);
    // As the first word `a=b` would set a variable.
    let sets = word.contains('=') && word.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if !word.is_empty() && !sets && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

/// Words as one line that a POSIX shell splits into them again.
pub fn join<T: AsRef<str>>(words: &[T]) -> String {
    words.iter().map(|word| quote(word.as_ref())).collect::<Vec<_>>().join(" ")
}

/// Whether all placeholders are among those that are known.
///
/// # Errors
/// Which one is not.
pub fn check(words: &[Word], known: &[&str]) -> Result<(), TemplateError> {
    let values: Vec<(&str, &str)> = known.iter().map(|name| (*name, "")).collect();
    fill(words, &values).map(|_| ())
}

/// Whether a command can be put behind a launcher.
///
/// # Errors
/// As [`split`]; if it names no program.
pub fn check_launcher(launcher: &str) -> Result<(), TemplateError> {
    match split(launcher)?.first() {
        Some(program) if !program.text.is_empty() => Ok(()),
        _ => Err(TemplateError::Program),
    }
}

/// Whether a template has a place for a value of this name.
pub fn uses(words: &[Word], name: &str) -> bool {
    words.iter().any(|word| word.text.contains(&format!("{{{name}}}")))
}

/// Puts values in the places of their names. A word stays one word whatever its values hold; in one with blanks in it, which is a
/// script for a shell, values are quoted.
///
/// # Errors
/// If a placeholder has no value.
pub fn fill(words: &[Word], values: &[(&str, &str)]) -> Result<Vec<String>, TemplateError> {
    words.iter().map(|word| fill_word(word, values)).collect()
}

fn fill_word(word: &Word, values: &[(&str, &str)]) -> Result<String, TemplateError> {
    let is_script = word.text.contains(char::is_whitespace);
    let mut filled = String::new();
    let mut rest = word.text.as_str();
    while let Some(at) = rest.find('{') {
        filled.push_str(&rest[..at]);
        let name = name_in(&rest[at..]).filter(|_| !filled.ends_with('$'));
        let Some(name) = name else {
            filled.push('{');
            rest = &rest[at + 1..];
            continue;
        };
        let Some((_, value)) = values.iter().find(|(known, _)| *known == name) else {
            let known = listed(values.iter().map(|(name, _)| *name));
            return Err(TemplateError::Placeholder { name: name.to_owned(), known });
        };
        if is_script {
            filled.push_str(&quote(value));
        } else {
            filled.push_str(value);
        }
        rest = &rest[at + name.len() + 2..];
    }
    filled.push_str(rest);
    Ok(filled)
}

/// The name in `{name}` at the beginning of a text; braces around anything else are no placeholder.
fn name_in(text: &str) -> Option<&str> {
    let (name, _) = text.strip_prefix('{')?.split_once('}')?;
    (!name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || c == '_')).then_some(name)
}

/// Puts a command behind a launcher. A bare `{}` is replaced by the command's words; a word that holds `{}` among other letters,
/// or in quotes, gets the command as one text for a POSIX shell; without any `{}` the words come last. `ssh` hands what it gets to
/// a shell on the other side whatever the words were, so words for it are quoted.
///
/// # Errors
/// As [`split`].
pub fn launch(launcher: Option<&str>, command: &[String]) -> Result<Vec<String>, TemplateError> {
    let Some(launcher) = launcher else { return Ok(command.to_vec()) };
    let words = split(launcher)?;
    let first = words.first().map_or("", |word| word.text.as_str());
    let for_ssh = first == "ssh" || first.ends_with("/ssh");
    let given: Vec<String> = command.iter().map(|word| if for_ssh { quote(word) } else { word.clone() }).collect();
    let mut launched = Vec::new();
    for word in &words {
        if is_bare(word) {
            launched.extend(given.iter().cloned());
        } else {
            launched.push(word.text.replace("{}", &join(command)));
        }
    }
    if !words.iter().any(|word| word.text.contains("{}")) {
        launched.extend(given);
    }
    Ok(launched)
}

fn is_bare(word: &Word) -> bool {
    word.text == "{}" && !word.quoted
}

/// Whether a launcher starts a script with a Python of its own (`accelerate launch`, `torchrun`, `deepspeed`), so that what
/// follows it must not name one.
pub fn runs_scripts(launcher: Option<&str>) -> bool {
    const LAUNCHERS: [&str; 3] = ["accelerate", "torchrun", "deepspeed"];
    const MODULES: [&str; 3] = ["torch.distributed.run", "torch.distributed.launch", "accelerate.commands.launch"];
    let words = launcher.map(split).and_then(Result::ok).unwrap_or_default();
    let mut parts = words.iter().flat_map(|word| word.text.split_whitespace());
    let starts = |part: &str| LAUNCHERS.contains(&part.rsplit('/').next().unwrap_or(part)) || MODULES.contains(&part);
    let runs_any = |part: &str| matches!(part, "--no_python" | "--no-python");
    parts.clone().any(starts) && !parts.any(runs_any)
}

/// Whether a launcher hands the work to another machine.
pub fn is_remote(launcher: Option<&str>) -> bool {
    let words = launcher.map(split).and_then(Result::ok).unwrap_or_default();
    let program = words.first().and_then(|word| Path::new(&word.text).file_name()?.to_str());
    program.is_some_and(|program| REMOTE.contains(&program))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use proptest::prelude::*;

    use super::*;

    fn texts(template: &str) -> Vec<String> {
        split(template).unwrap().into_iter().map(|word| word.text).collect()
    }

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn words_are_split_as_a_shell_quotes() {
        assert_eq!(texts(r#"a  'b c'"d e" f\ g '' "\$x \n" 'it'\''s'"#), ["a", "b cd e", "f g", "", "$x \\n", "it's"]);
        assert_eq!(texts("$HOME `id` * ~ {} # no\\\nte"), ["$HOME", "`id`", "*", "~", "{}", "#", "note"]);
        assert_eq!(texts(" \t\n"), [""; 0]);
        for (template, error) in [
            ("a 'b", TemplateError::Open('\'')),
            ("a \"b\\\"", TemplateError::Open('"')),
            ("a \\", TemplateError::Backslash),
            ("a; b", TemplateError::Operator(';')),
            ("a\0b", TemplateError::Nul),
        ] {
            assert_eq!(split(template), Err(error), "{template}");
        }
    }

    #[test]
    fn values_stay_in_their_words() {
        let values = [("config", "/a b/c.json"), ("resume", "")];
        let fill = |template: &str| fill(&split(template).unwrap(), &values);
        assert_eq!(fill("t --config={config} {resume}").unwrap(), ["t", "--config=/a b/c.json", ""]);
        assert_eq!(fill("sh -c 'exec t {config} {resume}'").unwrap(), ["sh", "-c", "exec t '/a b/c.json' ''"]);
        assert_eq!(fill("t '{\"a\": 1}' ${config} {X} {").unwrap(), ["t", "{\"a\": 1}", "${config}", "{X}", "{"]);
        let unknown = fill("t {modle}").unwrap_err().to_string();
        assert_eq!(unknown, "unknown placeholder {modle}; there are {config}, {resume}");
        // A value is not looked into again.
        let twice = super::fill(&split("{config}").unwrap(), &[("config", "{resume}"), ("resume", "x")]).unwrap();
        assert_eq!(twice, ["{resume}"]);
    }

    #[test]
    fn a_command_goes_behind_its_launcher() {
        let command = words(&["python3", "a b.py", "c"]);
        let launch = |launcher| super::launch(launcher, &command).unwrap();
        assert_eq!(launch(None), command);
        assert_eq!(launch(Some("nice -n 5")), words(&["nice", "-n", "5", "python3", "a b.py", "c"]));
        assert_eq!(launch(Some("run {} --last")), words(&["run", "python3", "a b.py", "c", "--last"]));
        assert_eq!(launch(Some("sh -c 'cd /x && exec {}'")), words(&["sh", "-c", "cd /x && exec python3 'a b.py' c"]));
        assert_eq!(
            launch(Some("sbatch --wait --wrap '{}'")),
            words(&["sbatch", "--wait", "--wrap", "python3 'a b.py' c"])
        );
        assert_eq!(launch(Some("ssh host")), words(&["ssh", "host", "python3", "'a b.py'", "c"]));
        assert_eq!(launch(Some("ssh host 'cd /x && {}'")), words(&["ssh", "host", "cd /x && python3 'a b.py' c"]));
    }

    #[test]
    fn launchers_that_bring_a_python_are_known() {
        for launcher in
            ["accelerate launch --num_processes 2 {}", "ssh h 'cd x && torchrun {}'", "python -m torch.distributed.run"]
        {
            assert!(runs_scripts(Some(launcher)), "{launcher}");
        }
        for launcher in ["nice -n 5", "torchrun --no-python {}", "ssh gpu"] {
            assert!(!runs_scripts(Some(launcher)), "{launcher}");
        }
        assert!(!runs_scripts(None));
    }

    #[test]
    fn a_launcher_here_is_told_from_one_that_goes_elsewhere() {
        let remote = |launcher: &str| is_remote(Some(launcher));
        assert!(remote("/usr/bin/ssh host {}") && remote("sbatch --wait --wrap='{}'"));
        assert!(!remote("accelerate launch") && !remote("sh -c 'exec {}'") && !remote("'") && !is_remote(None));
        assert_eq!(check_launcher("nice {}"), Ok(()));
        assert_eq!(check_launcher(" "), Err(TemplateError::Program));
        assert_eq!(check_launcher("'' {}"), Err(TemplateError::Program));
    }

    /// What a real shell takes a line of words for.
    fn by_a_shell(line: &str) -> Vec<String> {
        let script = format!("printf '%s\\0' {line}");
        let output = Command::new("sh").args(["-c", &script]).output().unwrap();
        assert!(output.status.success(), "{script}");
        let text = String::from_utf8(output.stdout).unwrap();
        text.split_terminator('\0').map(str::to_owned).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

        #[test]
        fn a_shell_reads_quoted_words_back(words in prop::collection::vec("[ -~\\n\\té\u{1b}]{0,12}", 1..5)) {
            let line = join(&words);
            prop_assert_eq!(by_a_shell(&line), words.clone());
            prop_assert_eq!(texts(&line), words);
        }

        #[test]
        fn the_command_in_a_script_is_read_back(words in prop::collection::vec("[ -~\\n]{0,10}", 1..4)) {
            let launched = launch(Some("sh -c 'printf \"%s\\\\0\" {}'"), &words).unwrap();
            let output = Command::new(&launched[0]).args(&launched[1..]).output().unwrap();
            let text = String::from_utf8(output.stdout).unwrap();
            prop_assert_eq!(text.split_terminator('\0').map(str::to_owned).collect::<Vec<_>>(), words);
        }

        #[test]
        fn no_template_breaks_the_splitter(template in "\\PC{0,40}") {
            if let Ok(words) = split(&template) {
                let _ = fill(&words, &[("config", "v"), ("model", "v")]);
                let _ = launch(Some(&template), &["x".to_owned()]);
            }
        }
    }
}
