//! A person's settings: `config.toml` in the configuration directory over the file that comes with the program.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde::de::value::{BoolDeserializer, Error, F64Deserializer, StrDeserializer};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::Directories;
use super::written::{did_you_mean, line_of, written};

/// The file that comes with the program: every setting with its first value.
pub const DEFAULT: &str = include_str!("../../assets/config.toml");

/// All that is wrong with the file.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.join("; "))]
pub struct ConfigFileError(pub Vec<String>);

/// How many colours the terminal has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum Colours {
    /// As the environment says.
    #[serde(rename = "auto")]
    Auto,
    #[serde(rename = "true")]
    True,
    #[serde(rename = "256")]
    Indexed,
    #[serde(rename = "16")]
    Ansi,
    #[serde(rename = "none")]
    None,
}

/// What the terminal's own ground is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ground {
    /// As it answers when it is asked.
    Auto,
    Dark,
    Light,
}

/// What plots and lines are drawn with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Signs {
    Braille,
    Block,
    Ascii,
}

/// What becomes of the work when the terminal goes away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnHangup {
    /// It goes on without a screen.
    Continue,
    /// It is saved, and the program ends.
    Checkpoint,
}

/// How a person is told of the end of a job while the window is not in front.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Notify {
    Off,
    Bell,
    /// A message to the desktop, by way of the terminal; and the bell.
    Osc9,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    pub theme: String,
    pub colours: Colours,
    pub ground: Ground,
    pub signs: Signs,
    pub mouse: bool,
    pub fps: f32,
    pub fps_over_ssh: f32,
    pub on_hangup: OnHangup,
    pub notify: Notify,
}

impl Settings {
    /// With the person's own file over the first values.
    ///
    /// # Errors
    /// If it cannot be read, or all that is wrong with it.
    pub fn of_person(directories: &Directories) -> color_eyre::Result<Self> {
        written(&directories.config().join("config.toml"), |own| Ok(Self::load(own)?))
    }

    /// The first values, and a person's file over them: its name and text.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn load(own: Option<(&str, &str)>) -> Result<Self, ConfigFileError> {
        let mut settings = Self {
            theme: String::new(),
            colours: Colours::Auto,
            ground: Ground::Auto,
            signs: Signs::Braille,
            mouse: false,
            fps: 0.0,
            fps_over_ssh: 0.0,
            on_hangup: OnHangup::Continue,
            notify: Notify::Off,
        };
        let mut errors = Vec::new();
        for (file, text) in std::iter::once(("assets/config.toml", DEFAULT)).chain(own) {
            read(&mut settings, file, text, &mut errors);
        }
        if errors.is_empty() { Ok(settings) } else { Err(ConfigFileError(errors)) }
    }
}

/// A setting: its table, its name, what it can be, and how a value is taken; false where it is none.
struct Setting {
    table: &'static str,
    name: &'static str,
    values: &'static str,
    take: fn(&mut Settings, &DeValue<'_>) -> bool,
}

/// Puts a value into its place, if it is one.
fn set<T: DeserializeOwned>(place: &mut T, value: &DeValue<'_>, fits: impl Fn(&T) -> bool) -> bool {
    let read = match value {
        DeValue::String(text) => T::deserialize(StrDeserializer::<Error>::new(text)).ok(),
        DeValue::Boolean(switch) => T::deserialize(BoolDeserializer::<Error>::new(*switch)).ok(),
        value => number(value).and_then(|number| T::deserialize(F64Deserializer::<Error>::new(number)).ok()),
    };
    read.filter(|value| fits(value)).map(|value| *place = value).is_some()
}

fn number(value: &DeValue<'_>) -> Option<f64> {
    match value {
        DeValue::Float(float) => float.as_str().parse().ok(),
        DeValue::Integer(integer) => {
            i64::from_str_radix(integer.as_str(), integer.radix()).ok().map(|whole| whole as f64)
        }
        _ => None,
    }
}

fn a_rate(rate: &f32) -> bool {
    (0.1..=240.0).contains(rate)
}

const SETTINGS: [Setting; 9] = [
    Setting {
        table: "screen",
        name: "theme",
        values: "the name of a theme, such as \"terminal\"",
        take: |settings, value| set(&mut settings.theme, value, |name| !name.is_empty()),
    },
    Setting {
        table: "screen",
        name: "colours",
        values: "\"auto\", \"true\", \"256\", \"16\" or \"none\"",
        take: |settings, value| set(&mut settings.colours, value, |_| true),
    },
    Setting {
        table: "screen",
        name: "ground",
        values: "\"auto\", \"dark\" or \"light\"",
        take: |settings, value| set(&mut settings.ground, value, |_| true),
    },
    Setting {
        table: "screen",
        name: "signs",
        values: "\"braille\", \"block\" or \"ascii\"",
        take: |settings, value| set(&mut settings.signs, value, |_| true),
    },
    Setting {
        table: "screen",
        name: "mouse",
        values: "true or false",
        take: |settings, value| set(&mut settings.mouse, value, |_| true),
    },
    Setting {
        table: "screen",
        name: "fps",
        values: "0.1 to 240",
        take: |settings, value| set(&mut settings.fps, value, a_rate),
    },
    Setting {
        table: "screen",
        name: "fps_over_ssh",
        values: "0.1 to 240",
        take: |settings, value| set(&mut settings.fps_over_ssh, value, a_rate),
    },
    Setting {
        table: "jobs",
        name: "on_hangup",
        values: "\"continue\" or \"checkpoint\"",
        take: |settings, value| set(&mut settings.on_hangup, value, |_| true),
    },
    Setting {
        table: "jobs",
        name: "notify",
        values: "\"off\", \"bell\" or \"osc9\"",
        take: |settings, value| set(&mut settings.notify, value, |_| true),
    },
];

fn read(settings: &mut Settings, file: &str, text: &str, errors: &mut Vec<String>) {
    let place = |at: usize| format!("{file}:{}", line_of(text, at));
    let whole = match DeTable::parse(text) {
        Ok(whole) => whole,
        Err(error) => {
            let at = error.span().map_or(0, |span| span.start);
            return errors.push(format!("{}: {}", place(at), error.message().replace('\n', ", ")));
        }
    };
    for (table, value) in whole.get_ref() {
        let known = || SETTINGS.iter().map(|setting| setting.table);
        let unknown = |what: &str, name: &Spanned<Cow<'_, str>>, hint: String| {
            format!("{}: no {what} `{}`{hint}", place(name.span().start), name.get_ref().escape_debug())
        };
        if !known().any(|known| known == table.get_ref()) {
            errors.push(unknown("table", table, did_you_mean(table.get_ref(), known())));
            continue;
        }
        let Some(inner) = value.get_ref().as_table() else {
            errors.push(format!("{}: `{}` is a table", place(value.span().start), table.get_ref()));
            continue;
        };
        for (name, value) in inner {
            let here = || SETTINGS.iter().filter(|setting| setting.table == table.get_ref());
            match here().find(|setting| setting.name == name.get_ref()) {
                None => {
                    let hint = did_you_mean(name.get_ref(), here().map(|setting| setting.name));
                    errors.push(unknown("setting", name, hint));
                }
                Some(setting) if !(setting.take)(settings, value.get_ref()) => {
                    errors.push(format!(
                        "{}: {}: {} is needed",
                        place(value.span().start),
                        setting.name,
                        setting.values
                    ));
                }
                Some(_) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_that_comes_with_the_program_has_every_setting() {
        assert!(Settings::load(None).is_ok());
        let whole: toml::Table = toml::from_str(DEFAULT).unwrap();
        for Setting { table, name, .. } in &SETTINGS {
            assert!(whole[*table].get(*name).is_some(), "{table}.{name}");
        }
        assert_eq!(
            whole.values().map(|table| table.as_table().map_or(0, toml::Table::len)).sum::<usize>(),
            SETTINGS.len()
        );
    }

    #[test]
    fn a_persons_values_go_before() {
        let own = "[screen]\ntheme = \"dark\"\nfps = 5\ncolours = \"256\"\nmouse = true\n[jobs]\non_hangup = \"checkpoint\"\n";
        let settings = Settings::load(Some(("c.toml", own))).unwrap();
        assert_eq!((settings.theme.as_str(), settings.fps, settings.mouse), ("dark", 5.0, true));
        assert_eq!((settings.colours, settings.on_hangup), (Colours::Indexed, OnHangup::Checkpoint));
        assert_eq!(settings.fps_over_ssh, Settings::load(None).unwrap().fps_over_ssh);
    }

    #[test]
    fn all_that_is_wrong_is_said_at_once_with_its_line() {
        let own = "[screen]\nthem = \"dark\"\nfps = 0\nmouse = 1\ncolours = \"24\"\n[job]\nx = 1\n[jobs]\nnotify = \"bell\"\n";
        let ConfigFileError(errors) = Settings::load(Some(("c.toml", own))).unwrap_err();
        let has = |line: &str| errors.iter().any(|error| error.starts_with(line));
        assert!(has("c.toml:2: no setting `them`; did you mean `theme`?"), "{errors:?}");
        assert!(has("c.toml:3: fps: 0.1 to 240 is needed") && has("c.toml:4: mouse: true or false"), "{errors:?}");
        assert!(has("c.toml:5: colours:") && has("c.toml:6: no table `job`; did you mean `jobs`?"), "{errors:?}");
        assert_eq!(errors.len(), 5, "{errors:?}");
        assert!(Settings::load(Some(("c.toml", "[screen"))).unwrap_err().0[0].starts_with("c.toml:1:"));
    }
}
