//! From an error to one line and an exit code.

use std::path::Path;
use std::process::ExitCode;

use color_eyre::Report;

use crate::config::ConfigError;
use crate::config::settings::ConfigFileError;
use crate::dialogue::DialogueError;
use crate::exchange::ImportError;
use crate::filter::settings::SettingsError;
use crate::generate::batch::BatchError;
use crate::generate::http::{OptionsError, SecretError};
use crate::hub::HubError;
use crate::model::export::ExportError;
use crate::model::{DecoderError, ModelError};
use crate::pipeline::OrderError;
use crate::pipeline::recipe::RecipeError;
use crate::session::{Session, SessionError};
use crate::train::TrainError;
use crate::tui::keymap::KeymapError;
use crate::tui::theme::ThemeError;
use crate::tui::{NotATerminal, RecordError, ScriptError, text};

/// A usage that the argument parser cannot see is wrong, such as a missing session.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct BadInput(pub String);

/// The person stopped the work; what was finished is stored.
#[derive(Debug, thiserror::Error)]
#[error("interrupted: {0}")]
pub struct Interrupted(pub String);

/// Prints the error as one clean line on standard error (all of it with `CRIBBLE_DEBUG` set) and gives the exit code.
pub fn print(report: &Report) -> ExitCode {
    let line = one_line(report);
    let hint = session_here(report)
        .map_or_else(String::new, |path| format!("; {path} is one, and a path is given with its ./"));
    eprintln!("cribble: {line}{hint}");
    if std::env::var_os("CRIBBLE_DEBUG").is_some() {
        eprintln!("{report:?}");
    }
    ExitCode::from(code(report))
}

/// A session in the working directory, where one of that name was looked for among those of the data directory.
fn session_here(report: &Report) -> Option<String> {
    let missing = |cause: &(dyn std::error::Error + 'static)| match cause.downcast_ref() {
        Some(SessionError::Missing { path }) => Some(path.clone()),
        _ => None,
    };
    let wanted = report.chain().find_map(missing)?;
    let here = Path::new(".").join(wanted.file_name()?);
    let is_another = std::path::absolute(&here).is_ok_and(|path| path != wanted);
    (is_another && Session::peek(&here).is_ok()).then(|| text::clean(&here.to_string_lossy()))
}

/// The chain of causes in one line; a cause that its effect already quotes is left out.
pub fn one_line(report: &Report) -> String {
    let mut line = String::new();
    for cause in report.chain() {
        let said = cause.to_string();
        if line.contains(&said) {
            continue;
        }
        if !line.is_empty() {
            line.push_str(": ");
        }
        line.push_str(&said);
    }
    text::clean(&line.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// Also where another error stands for it.
fn of_hub<'e>(cause: &'e (dyn std::error::Error + 'static)) -> Option<&'e HubError> {
    if let Some(ModelError::Hub(error)) = cause.downcast_ref() {
        return Some(error);
    }
    if let Some(ImportError::Hub(error)) = cause.downcast_ref() {
        return Some(error);
    }
    cause.downcast_ref()
}

fn code(report: &Report) -> u8 {
    for cause in report.chain() {
        if cause.is::<Interrupted>() || cause.is::<crate::tui::Interrupted>() {
            return 130;
        }
        if let Some(error) = of_hub(cause) {
            return match error {
                HubError::Interrupted => 130,
                HubError::Io { .. } | HubError::Space { .. } | HubError::Transport { .. } => 1,
                error if error.may_pass() => 1,
                _ => 2,
            };
        }
        if let Some(BatchError::Io { .. }) = cause.downcast_ref() {
            return 1;
        }
        let bad = cause.is::<BadInput>()
            || cause.is::<BatchError>()
            || cause.is::<RecipeError>()
            || cause.is::<ModelError>()
            || cause.is::<DecoderError>()
            || cause.is::<ImportError>()
            || cause.is::<ConfigError>()
            || cause.is::<DialogueError>()
            || cause.is::<OrderError>()
            || cause.is::<OptionsError>()
            || cause.is::<SecretError>()
            || cause.is::<ScriptError>()
            || cause.is::<SettingsError>()
            || cause.is::<KeymapError>()
            || cause.is::<ThemeError>()
            || cause.is::<ConfigFileError>()
            || cause.is::<RecordError>()
            || cause.is::<NotATerminal>();
        if bad {
            return 2;
        }
        if let Some(ExportError::Io { .. }) = cause.downcast_ref() {
            return 1;
        }
        if cause.is::<ExportError>() {
            return 2;
        }
        if let Some(TrainError::Io { .. } | TrainError::Batch(_)) = cause.downcast_ref() {
            return 1;
        }
        if cause.is::<TrainError>() {
            return 2;
        }
        if let Some(SessionError::Missing { .. }) = cause.downcast_ref() {
            return 2;
        }
    }
    1
}

#[cfg(test)]
mod tests {
    use color_eyre::eyre::WrapErr;

    use super::*;

    #[test]
    fn the_line_names_each_cause_once() {
        let report: Report =
            Err::<(), _>(BadInput("a.jsonl:3: no answer".into())).wrap_err("importing\nproblems").unwrap_err();
        assert_eq!(one_line(&report), "importing problems: a.jsonl:3: no answer");
        assert_eq!(code(&report), 2);
    }

    #[test]
    fn an_escape_in_a_file_name_stays_out_of_the_terminal() {
        let report = Report::from(BadInput("\u{1b}]0;x\u{7}.gguf: missing".into()));
        assert!(!one_line(&report).chars().any(char::is_control));
    }

    #[test]
    fn what_the_hub_could_not_do_has_its_own_codes() {
        let of = |error: HubError| code(&Report::from(ModelError::from(error)));
        assert_eq!(of(HubError::Interrupted), 130);
        assert_eq!(of(HubError::Unreachable { name: "hf:a/b".into(), reason: "no answer".into() }), 1);
        assert_eq!(of(HubError::Missing { name: "hf:a/b".into(), what: "model".into() }), 2);
    }

    #[test]
    fn interrupted_is_130() {
        assert_eq!(code(&Report::from(Interrupted("3 samples stored".into()))), 130);
    }
}
