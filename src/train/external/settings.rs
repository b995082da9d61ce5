//! Which trainer does the work, and behind what it is started.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::ExternalError;
use super::template;
use crate::launch::process;
use crate::train::TrainSettings;

/// A program that trains.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum Trainer {
    /// Hugging Face's TRL, by a small script of ours: `trl`.
    #[default]
    Trl,
    /// `axolotl`
    Axolotl,
    /// A command template: see [`template::PLACEHOLDERS`].
    Command(String),
}

impl Trainer {
    /// What it is called in messages.
    pub fn name(&self) -> &str {
        match self {
            Self::Trl => "trl",
            Self::Axolotl => "axolotl",
            Self::Command(_) => "the command",
        }
    }
}

impl From<String> for Trainer {
    fn from(text: String) -> Self {
        match text.trim() {
            "trl" => Self::Trl,
            "axolotl" => Self::Axolotl,
            _ => Self::Command(text),
        }
    }
}

impl From<Trainer> for String {
    fn from(trainer: Trainer) -> Self {
        trainer.to_string()
    }
}

impl FromStr for Trainer {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(text.to_owned().into())
    }
}

impl fmt::Display for Trainer {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.pad(match self {
            Self::Trl => "trl",
            Self::Axolotl => "axolotl",
            Self::Command(template) => template,
        })
    }
}

/// A trainer of another make, and how it is started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct External {
    pub trainer: Trainer,
    /// What the command is started by: see [`template::launch`].
    pub launcher: Option<String>,
    /// The Python that has the trainer installed.
    pub python: String,
    /// Where the run's folder `external` is seen from where the trainer runs; left out, where it is seen from here.
    pub directory: Option<String>,
    /// Environment variables with keys that the trainer may have all the same, such as `HF_TOKEN`.
    pub environment: Vec<String>,
}

impl Default for External {
    fn default() -> Self {
        Self {
            trainer: Trainer::Trl,
            launcher: None,
            python: "python3".into(),
            directory: None,
            environment: Vec::new(),
        }
    }
}

impl External {
    /// # Errors
    /// One line: which value means nothing, and what would.
    pub fn validate(&self) -> Result<(), ExternalError> {
        let wrong = |line: String| Err(ExternalError::Settings(line));
        if let Trainer::Command(command) = &self.trainer {
            let words = template::split(command).map_err(|error| named("trainer", &error))?;
            template::check(&words).map_err(|error| named("trainer", &error))?;
            if !template::uses(&words, "config") && !template::uses(&words, "data") {
                return wrong(format!(
                    "trainer `{command}`: trl, axolotl, or a command with {{config}} or {{data}} is needed (there are {})",
                    template::known()
                ));
            }
        }
        if let Some(launcher) = &self.launcher {
            template::check_launcher(launcher).map_err(|error| named("launcher", &error))?;
        }
        if self.python.trim().is_empty() || self.python.contains(['\0', '\n']) {
            return wrong("python: the name or path of a Python is needed, such as python3".into());
        }
        if let Some(directory) = &self.directory
            && (!directory.starts_with('/') || directory.contains(['\0', '\n']))
        {
            return wrong(format!(
                "directory `{directory}`: a path from the root on is needed, as the launcher sees it"
            ));
        }
        process::check_environment(&self.environment).or_else(|line| wrong(format!("environment {line}")))
    }

    /// Whether it can do a training of these settings.
    ///
    /// # Errors
    /// As [`External::validate`]; or what only a training here does.
    pub fn check(&self, settings: &TrainSettings) -> Result<(), ExternalError> {
        self.validate()?;
        if settings.wandb {
            return Err(ExternalError::Settings("wandb: another trainer reports itself; leave it out".into()));
        }
        Ok(())
    }

    /// Whether the launcher hands the work to another machine.
    pub fn is_remote(&self) -> bool {
        template::is_remote(self.launcher.as_deref())
    }
}

fn named(field: &str, error: &template::TemplateError) -> ExternalError {
    ExternalError::Settings(format!("{field}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_come_from_toml_and_back() {
        let text = "trainer = \"axolotl\"\nlauncher = \"ssh gpu '{}'\"\ndirectory = \"/data/run\"\nenvironment = [\"HF_TOKEN\"]\n";
        let external: External = toml::from_str(text).unwrap();
        external.validate().unwrap();
        assert_eq!((&external.trainer, external.python.as_str()), (&Trainer::Axolotl, "python3"));
        assert!(external.is_remote());
        assert_eq!(toml::from_str::<External>(&toml::to_string(&external).unwrap()).unwrap(), external);
        let first = External::default();
        assert_eq!(toml::from_str::<External>(&toml::to_string(&first).unwrap()).unwrap(), first);
        assert!(toml::from_str::<External>("launch = 1").is_err());
    }

    #[test]
    fn what_means_nothing_is_named() {
        let first = External::default;
        let command = |text: &str| External { trainer: Trainer::Command(text.into()), ..first() };
        for (external, line) in [
            (command("axolot"), "trainer `axolot`"),
            (command("train {config} {colour}"), "trainer: unknown placeholder {colour}"),
            (command("train '{config}"), "trainer: "),
            (command("train {config} > log"), "trainer: `>`"),
            (External { launcher: Some("  ".into()), ..first() }, "launcher"),
            (External { launcher: Some("a && b".into()), ..first() }, "launcher: `&`"),
            (External { python: String::new(), ..first() }, "python"),
            (External { directory: Some("there".into()), ..first() }, "directory"),
            (External { environment: vec!["A=b".into()], ..first() }, "environment"),
        ] {
            let error = external.validate().unwrap_err().to_string();
            assert!(error.starts_with(line), "{error}");
        }
        command("train --data {data}").validate().unwrap();
    }
}
