//! A person's settings: `config.toml` in the configuration directory over the file that comes with the program.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde::de::value::{BoolDeserializer, Error, F64Deserializer, I64Deserializer, StrDeserializer};
use serde_json::{Value, json};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::written::{did_you_mean, line_of, written};
use super::{Directories, schema};

/// The file that comes with the program: every setting with its first value.
pub const DEFAULT: &str = include_str!("../../assets/config.toml");

/// All that is wrong with the file.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.join("; "))]
pub struct ConfigFileError(pub Vec<String>);

/// Declares a setting that is one of some words; the same lines say in a schema what each of them is.
macro_rules! choice {
    ($(#[doc = $what:literal])+ $choice:ident { $($(#[doc = $about:literal])+ $one:ident = $word:literal,)+ }) => {
        $(#[doc = $what])+
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
        pub enum $choice {
            $($(#[doc = $about])+ #[serde(rename = $word)] $one,)+
        }

        impl $choice {
            /// As the file names them, each with what it is.
            const WORDS: &'static [(&'static str, &'static str)] =
                &[$(($word, concat!($($about),+).trim_ascii()),)+];
        }
    };
}

choice! {
    /// How many colours the terminal has.
    Colours {
        /// As the environment says.
        Auto = "auto",
        /// All that can be named by red, green and blue.
        True = "true",
        /// The 256 that xterm numbers.
        Indexed = "256",
        /// The 16 whose looks the person chose.
        Ansi = "16",
        /// No colours: bold, underlined and reversed.
        None = "none",
    }
}

choice! {
    /// What the terminal's own ground is like.
    Ground {
        /// As it answers when it is asked.
        Auto = "auto",
        /// Light text on a dark ground.
        Dark = "dark",
        /// Dark text on a light ground.
        Light = "light",
    }
}

choice! {
    /// What plots and lines are drawn with.
    Signs {
        /// Eight dots a cell.
        Braille = "braille",
        /// Two dots a cell, one above the other.
        Block = "block",
        /// Plain signs.
        Ascii = "ascii",
    }
}

choice! {
    /// What becomes of the work when the terminal goes away.
    OnHangup {
        /// It goes on without a screen.
        Continue = "continue",
        /// It is saved, and the program ends.
        Checkpoint = "checkpoint",
    }
}

choice! {
    /// How a person is told of the end of a job while the window is not in front.
    Notify {
        /// Not at all.
        Off = "off",
        /// By the terminal's bell.
        Bell = "bell",
        /// A message to the desktop, by way of the terminal; and the bell.
        Osc9 = "osc9",
    }
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
    /// Jobs at work at once in a session: 1, or 2 for a training beside one that draws samples.
    pub max_heavy_jobs: u32,
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
            max_heavy_jobs: 1,
        };
        let mut errors = Vec::new();
        for (file, text) in std::iter::once(("assets/config.toml", DEFAULT)).chain(own) {
            read(&mut settings, file, text, &mut errors);
        }
        if errors.is_empty() { Ok(settings) } else { Err(ConfigFileError(errors)) }
    }
}

/// What a setting can be: what the reader asks for and what a schema says are both made of it.
enum Values {
    /// Any name, and what it is a name of.
    Name(&'static str),
    /// One of these words, each with what it is.
    Words(&'static [(&'static str, &'static str)]),
    Switch,
    /// A number from one to another, both included.
    Number(f64, f64),
    /// A whole one.
    Whole(i64, i64),
}

impl Values {
    fn fit(&self, value: &DeValue<'_>) -> bool {
        match (self, value) {
            (Self::Name(_), DeValue::String(name)) => !name.is_empty(),
            (Self::Words(words), DeValue::String(said)) => words.iter().any(|(word, _)| **word == **said),
            (Self::Switch, DeValue::Boolean(_)) => true,
            (Self::Number(from, to), value) => number(value).is_some_and(|number| (*from..=*to).contains(&number)),
            (Self::Whole(from, to), value) => whole(value).is_some_and(|number| (*from..=*to).contains(&number)),
            _ => false,
        }
    }

    fn schema(&self) -> Value {
        match self {
            Self::Name(_) => json!({"type": "string", "minLength": 1}),
            Self::Words(words) => {
                let words = schema::words(words.iter().copied());
                json!({"type": "string", "anyOf": words})
            }
            Self::Switch => json!({"type": "boolean"}),
            Self::Number(from, to) => json!({"type": "number", "minimum": from, "maximum": to}),
            Self::Whole(from, to) => json!({"type": "integer", "minimum": from, "maximum": to}),
        }
    }
}

impl fmt::Display for Values {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(what) => f.write_str(what),
            Self::Words(words) => {
                for (at, (word, _)) in words.iter().enumerate() {
                    let before = match at {
                        0 => "",
                        _ if at + 1 == words.len() => " or ",
                        _ => ", ",
                    };
                    write!(f, "{before}\"{word}\"")?;
                }
                Ok(())
            }
            Self::Switch => f.write_str("true or false"),
            Self::Number(from, to) => write!(f, "{from} to {to}"),
            Self::Whole(from, to) if from + 1 == *to => write!(f, "{from} or {to}"),
            Self::Whole(from, to) => write!(f, "a whole number from {from} to {to}"),
        }
    }
}

/// A setting: its table, its name, what it can be, and how a value that fits is taken; false where it is none.
struct Setting {
    table: &'static str,
    name: &'static str,
    values: Values,
    take: fn(&mut Settings, &DeValue<'_>) -> bool,
}

impl Setting {
    fn read(&self, settings: &mut Settings, value: &DeValue<'_>) -> bool {
        self.values.fit(value) && (self.take)(settings, value)
    }
}

/// Puts a value into its place, if it is one.
fn set<T: DeserializeOwned>(place: &mut T, value: &DeValue<'_>) -> bool {
    let read = match value {
        DeValue::String(text) => T::deserialize(StrDeserializer::<Error>::new(text)).ok(),
        DeValue::Boolean(switch) => T::deserialize(BoolDeserializer::<Error>::new(*switch)).ok(),
        value => match whole(value) {
            Some(whole) => T::deserialize(I64Deserializer::<Error>::new(whole)).ok(),
            None => number(value).and_then(|number| T::deserialize(F64Deserializer::<Error>::new(number)).ok()),
        },
    };
    read.map(|value| *place = value).is_some()
}

fn number(value: &DeValue<'_>) -> Option<f64> {
    match value {
        DeValue::Float(float) => float.as_str().parse().ok(),
        value => whole(value).map(|whole| whole as f64),
    }
}

fn whole(value: &DeValue<'_>) -> Option<i64> {
    match value {
        DeValue::Integer(integer) => i64::from_str_radix(integer.as_str(), integer.radix()).ok(),
        _ => None,
    }
}

/// Frames a second.
const RATE: Values = Values::Number(0.1, 240.0);

const SETTINGS: [Setting; 10] = [
    Setting {
        table: "screen",
        name: "theme",
        values: Values::Name("the name of a theme, such as \"terminal\""),
        take: |settings, value| set(&mut settings.theme, value),
    },
    Setting {
        table: "screen",
        name: "colours",
        values: Values::Words(Colours::WORDS),
        take: |settings, value| set(&mut settings.colours, value),
    },
    Setting {
        table: "screen",
        name: "ground",
        values: Values::Words(Ground::WORDS),
        take: |settings, value| set(&mut settings.ground, value),
    },
    Setting {
        table: "screen",
        name: "signs",
        values: Values::Words(Signs::WORDS),
        take: |settings, value| set(&mut settings.signs, value),
    },
    Setting {
        table: "screen",
        name: "mouse",
        values: Values::Switch,
        take: |settings, value| set(&mut settings.mouse, value),
    },
    Setting { table: "screen", name: "fps", values: RATE, take: |settings, value| set(&mut settings.fps, value) },
    Setting {
        table: "screen",
        name: "fps_over_ssh",
        values: RATE,
        take: |settings, value| set(&mut settings.fps_over_ssh, value),
    },
    Setting {
        table: "jobs",
        name: "on_hangup",
        values: Values::Words(OnHangup::WORDS),
        take: |settings, value| set(&mut settings.on_hangup, value),
    },
    Setting {
        table: "jobs",
        name: "notify",
        values: Values::Words(Notify::WORDS),
        take: |settings, value| set(&mut settings.notify, value),
    },
    Setting {
        table: "jobs",
        name: "max_heavy_jobs",
        values: Values::Whole(1, 2),
        take: |settings, value| set(&mut settings.max_heavy_jobs, value),
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
                Some(setting) if !setting.read(settings, value.get_ref()) => {
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

/// What `config.toml` can hold, as a JSON Schema for editors.
pub fn schema() -> Value {
    let first: Value = toml::from_str(DEFAULT).unwrap_or_default();
    let mut tables: Vec<(&'static str, Vec<(&'static str, Value)>)> = Vec::new();
    for setting in &SETTINGS {
        let mut values = schema::described(&about(setting), setting.values.schema());
        values["default"] = first[setting.table][setting.name].clone();
        match tables.iter_mut().find(|(table, _)| *table == setting.table) {
            Some((_, keys)) => keys.push((setting.name, values)),
            None => tables.push((setting.table, vec![(setting.name, values)])),
        }
    }
    let tables = tables.into_iter().map(|(table, keys)| (table, schema::object(keys)));
    schema::file(
        "Settings of cribble",
        "config.toml in the configuration directory. What it leaves out is as in the file that comes with the program.",
        schema::object(tables),
    )
}

/// What the file that comes with the program says above a setting; of one without a comment, what it says above those
/// before it.
fn about(setting: &Setting) -> String {
    let (mut table, mut comment, mut ended) = ("", Vec::new(), false);
    for line in DEFAULT.lines() {
        if let Some(words) = line.strip_prefix('#') {
            if std::mem::take(&mut ended) {
                comment.clear();
            }
            comment.push(words.trim());
            continue;
        }
        ended = true;
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            table = name;
            comment.clear();
        } else if table == setting.table && line.split_once(" = ").is_some_and(|(name, _)| name == setting.name) {
            return comment.join(" ");
        }
    }
    String::new()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::schema::tests::faults;

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

    /// What a schema allows is what can be read.
    fn both(own: &str) -> bool {
        let read = Settings::load(Some(("c.toml", own))).is_ok();
        let found = faults(&schema(), &toml::from_str(own).unwrap());
        assert_eq!(read, found.is_empty(), "{own}: {found:?}");
        read
    }

    #[test]
    fn the_schema_has_every_setting_of_the_file_and_nothing_else() {
        let schema = schema();
        let whole: Value = toml::from_str(DEFAULT).unwrap();
        assert_eq!(faults(&schema, &whole), [""; 0]);
        assert_eq!(schema["additionalProperties"], false);
        for (table, settings) in whole.as_object().unwrap() {
            let known = &schema["properties"][table];
            assert_eq!(known["additionalProperties"], false, "{table}");
            assert_eq!(known["properties"].as_object().unwrap().len(), settings.as_object().unwrap().len());
            for (name, first) in settings.as_object().unwrap() {
                let setting = &known["properties"][name];
                assert_eq!(&setting["default"], first, "{name}");
                assert!(setting["description"].as_str().unwrap().ends_with('.'), "{name}: {setting}");
            }
        }
        let screen = &schema["properties"]["screen"]["properties"];
        assert_eq!(screen["fps"]["description"], screen["fps_over_ssh"]["description"]);
        assert!(screen["theme"]["description"].as_str().unwrap().starts_with("`cribble theme list`"));
    }

    #[test]
    fn the_schema_and_the_reader_agree() {
        let values = "'' 'dark' 'auto' '256' 'ascii' 'checkpoint' 'osc9' true 1 30 0x10 0.1 240 0 0.05 240.5 -1 [] {}";
        for Setting { table, name, values: known, .. } in &SETTINGS {
            let fit = values.split(' ').filter(|value| both(&format!("[{table}]\n{name} = {value}\n"))).count();
            assert!(fit > 0, "{name}");
            if let Values::Words(words) = known {
                assert!(words.iter().all(|(word, _)| both(&format!("[{table}]\n{name} = \"{word}\"\n"))), "{name}");
            }
        }
        for wrong in ["[job]", "screen = 1", "[screen]\nthem = 'dark'", "[screen]\nfps = 241", "[screen]\nsigns = 'no'"]
        {
            assert!(!both(wrong), "{wrong}");
        }
    }
}
