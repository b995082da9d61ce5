//! Thresholds and switches: the embedded defaults, over them a recipe's, over them the person's own file.
//!
//! A file that names an unknown rule, a value out of range or a pattern that does not compile is refused with its line,
//! and nothing of it is taken.

mod spec;

use std::collections::BTreeMap;

use regex::Regex;
use sha2::{Digest, Sha256};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::RuleId;
use super::behaviours::Behaviour;
use crate::config::{did_you_mean, line_of};
pub use spec::{Kind, Parameter, parameters};

const DEFAULT: &str = include_str!("../../../assets/filter/default.toml");
/// A pattern may not compile to more than this: a person's file is no reason to run out of memory.
const LARGEST_PATTERN: usize = 1 << 22;

/// What is wrong with a file of settings, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {message}")]
pub struct SettingsError {
    pub file: String,
    pub line: usize,
    pub message: String,
}

#[derive(Debug, Clone, PartialEq)]
enum Value {
    Switch(bool),
    Number(f64),
    Patterns(Vec<String>),
}

/// Every threshold and switch, complete and checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    rules: BTreeMap<(RuleId, &'static str), Value>,
    behaviours: BTreeMap<Behaviour, String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self::load(&[]).expect("the embedded defaults are tested")
    }
}

impl Settings {
    /// The defaults with these layers over them, each a file's name and text (TOML); the last wins.
    ///
    /// # Errors
    /// What is unknown, out of its range, or does not compile, with file and line.
    pub fn load(layers: &[(&str, &str)]) -> Result<Self, SettingsError> {
        let mut settings = Settings { rules: BTreeMap::new(), behaviours: BTreeMap::new() };
        settings.layer("default.toml", DEFAULT)?;
        for (file, text) in layers {
            settings.layer(file, text)?;
        }
        let (least, most) =
            (settings.number(RuleId::Length, "min_tokens"), settings.number(RuleId::Length, "max_tokens"));
        if least > most {
            let file = layers.last().map_or("default.toml", |layer| layer.0).to_owned();
            let message = format!("rules.length: min_tokens {least} is more than max_tokens {most}");
            return Err(SettingsError { file, line: 1, message });
        }
        Ok(settings)
    }

    /// Whether a rule is switched on.
    pub fn enabled(&self, rule: RuleId) -> bool {
        self.switch(rule, "enabled")
    }

    /// A switch of a rule; off for a name that has none.
    pub fn switch(&self, rule: RuleId, name: &'static str) -> bool {
        matches!(self.rules.get(&(rule, name)), Some(Value::Switch(true)))
    }

    /// A number of a rule; 0 for a name that has none, which a test rules out.
    pub fn number(&self, rule: RuleId, name: &'static str) -> f64 {
        match self.rules.get(&(rule, name)) {
            Some(Value::Number(number)) => *number,
            _ => 0.0,
        }
    }

    /// The same, as a count.
    pub fn whole(&self, rule: RuleId, name: &'static str) -> usize {
        self.number(rule, name) as usize
    }

    /// The regular expressions of a rule; none for a rule without.
    pub fn patterns(&self, rule: RuleId) -> &[String] {
        match self.rules.get(&(rule, "patterns")) {
            Some(Value::Patterns(patterns)) => patterns,
            _ => &[],
        }
    }

    /// The regular expression that shows a behaviour.
    pub fn behaviour(&self, behaviour: Behaviour) -> &str {
        self.behaviours.get(&behaviour).map_or("", String::as_str)
    }

    /// Replaces a switch or number; false when the rule has no such parameter or the value is out of its range.
    pub fn set(&mut self, rule: RuleId, name: &str, number: f64) -> bool {
        if name == "enabled" {
            self.rules.insert((rule, "enabled"), Value::Switch(number != 0.0));
            return true;
        }
        let Some(parameter) = parameters(rule).iter().find(|parameter| parameter.name == name) else { return false };
        let value = match parameter.kind {
            Kind::Switch => Value::Switch(number != 0.0),
            Kind::Number(from, to) if (from..=to).contains(&number) => Value::Number(number),
            Kind::Whole(from, to) if number.fract() == 0.0 && (from as f64..=to as f64).contains(&number) => {
                Value::Number(number)
            }
            _ => return false,
        };
        self.rules.insert((rule, parameter.name), value);
        true
    }

    /// All settings as TOML, for the record and for `filter --print-settings`.
    pub fn to_toml(&self) -> String {
        let mut text = String::new();
        for rule in RuleId::ALL {
            text.push_str(&format!("[rules.{}]\nenabled = {}\n", rule.name(), self.enabled(rule)));
            for parameter in parameters(rule) {
                match self.rules.get(&(rule, parameter.name)) {
                    Some(Value::Switch(on)) => text.push_str(&format!("{} = {on}\n", parameter.name)),
                    Some(Value::Number(number)) => text.push_str(&format!("{} = {number}\n", parameter.name)),
                    Some(Value::Patterns(patterns)) => {
                        let list: Vec<String> = patterns
                            .iter()
                            .map(|pattern| format!("  {},\n", toml::Value::from(pattern.as_str())))
                            .collect();
                        text.push_str(&format!("{} = [\n{}]\n", parameter.name, list.concat()));
                    }
                    None => {}
                }
            }
            text.push('\n');
        }
        text.push_str("[behaviours]\n");
        for (behaviour, pattern) in &self.behaviours {
            text.push_str(&format!("{} = {}\n", behaviour.name(), toml::Value::from(pattern.as_str())));
        }
        text
    }

    /// Names these settings: verdicts are kept under it.
    pub fn hash(&self) -> String {
        short_hash(&self.to_toml())
    }

    /// Names what measuring depends on: patterns and window sizes, not thresholds. The same hash, the same measures.
    pub fn measuring_hash(&self) -> String {
        let mut text = format!("v{} grader {}\n", super::FILTER_VERSION, crate::math::GRADER_VERSION);
        for rule in RuleId::ALL {
            text.push_str(&format!("{}\n", rule.name()));
            self.patterns(rule).iter().for_each(|pattern| text.push_str(&format!("{pattern}\n")));
        }
        for name in ["tail_words", "tail_period"] {
            text.push_str(&format!("{name} {}\n", self.number(RuleId::Loops, name)));
        }
        text.push_str(&format!("{}\n", self.number(RuleId::MetaReference, "guidance_words")));
        text.push_str(&format!("{}\n", self.number(RuleId::Arithmetic, "tolerance")));
        self.behaviours.values().for_each(|pattern| text.push_str(&format!("{pattern}\n")));
        short_hash(&text)
    }

    fn layer(&mut self, file: &str, text: &str) -> Result<(), SettingsError> {
        let at = Place { file, text };
        let table = DeTable::parse(text).map_err(|error| {
            let begin = error.span().map_or(0, |span| span.start);
            at.error(begin, error.message().to_owned())
        })?;
        let mut fresh = self.clone();
        for (key, value) in table.get_ref() {
            let place = key.span().start;
            match key.get_ref().as_ref() {
                "rules" => {
                    for (key, value) in at.table(value, "rules")? {
                        fresh.rule(&at, key, value)?;
                    }
                }
                "behaviours" => {
                    for (key, value) in at.table(value, "behaviours")? {
                        fresh.behaviour_pattern(&at, key, value)?;
                    }
                }
                name => return Err(at.unknown(place, "table", name, &["rules", "behaviours"])),
            }
        }
        *self = fresh;
        Ok(())
    }

    fn rule(
        &mut self,
        at: &Place,
        key: &Spanned<std::borrow::Cow<'_, str>>,
        value: &Spanned<DeValue<'_>>,
    ) -> Result<(), SettingsError> {
        let name = key.get_ref().as_ref();
        let known: Vec<&str> = RuleId::ALL.iter().map(|rule| rule.name()).collect();
        let rule = RuleId::named(name).ok_or_else(|| at.unknown(key.span().start, "rule", name, &known))?;
        for (key, value) in at.table(value, name)? {
            let parameter = key.get_ref().as_ref();
            if parameter == "enabled" {
                let on = value.get_ref().as_bool().ok_or_else(|| {
                    at.error(value.span().start, format!("rules.{name}.enabled: true or false is needed"))
                })?;
                self.rules.insert((rule, "enabled"), Value::Switch(on));
                continue;
            }
            let known = parameters(rule);
            let Some(found) = known.iter().find(|known| known.name == parameter) else {
                let names: Vec<&str> = known.iter().map(|known| known.name).chain(["enabled"]).collect();
                return Err(at.unknown(key.span().start, &format!("setting of rules.{name}"), parameter, &names));
            };
            let checked = at.value(&format!("rules.{name}.{parameter}"), found.kind, value)?;
            self.rules.insert((rule, found.name), checked);
        }
        Ok(())
    }

    fn behaviour_pattern(
        &mut self,
        at: &Place,
        key: &Spanned<std::borrow::Cow<'_, str>>,
        value: &Spanned<DeValue<'_>>,
    ) -> Result<(), SettingsError> {
        let name = key.get_ref().as_ref();
        let known: Vec<&str> = Behaviour::ALL.iter().map(|behaviour| behaviour.name()).collect();
        let behaviour =
            Behaviour::named(name).ok_or_else(|| at.unknown(key.span().start, "behaviour", name, &known))?;
        let pattern = at.pattern(&format!("behaviours.{name}"), value)?;
        self.behaviours.insert(behaviour, pattern);
        Ok(())
    }
}

/// Compiles a pattern as the rules use it.
pub(super) fn compile(pattern: &str) -> Result<Regex, regex::Error> {
    regex::RegexBuilder::new(pattern).case_insensitive(true).size_limit(LARGEST_PATTERN).build()
}

fn short_hash(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// A file that is read, to say where in it something stands.
struct Place<'a> {
    file: &'a str,
    text: &'a str,
}

impl Place<'_> {
    fn error(&self, begin: usize, message: String) -> SettingsError {
        SettingsError {
            file: self.file.to_owned(),
            line: line_of(self.text, begin),
            message: message.replace('\n', " "),
        }
    }

    fn unknown(&self, begin: usize, what: &str, name: &str, known: &[&str]) -> SettingsError {
        self.error(begin, format!("unknown {what} `{name}`{}", did_you_mean(name, known.iter().copied())))
    }

    fn table<'t, 'i>(&self, value: &'t Spanned<DeValue<'i>>, name: &str) -> Result<&'t DeTable<'i>, SettingsError> {
        let wrong = || self.error(value.span().start, format!("`{name}` is a table, not a value"));
        value.get_ref().as_table().ok_or_else(wrong)
    }

    fn value(&self, name: &str, kind: Kind, value: &Spanned<DeValue<'_>>) -> Result<Value, SettingsError> {
        let wrong = |wants: String| self.error(value.span().start, format!("{name}: {wants} is needed"));
        match (kind, value.get_ref()) {
            (Kind::Switch, found) => {
                found.as_bool().map(Value::Switch).ok_or_else(|| wrong("true or false".to_owned()))
            }
            (Kind::Number(from, to), found) => {
                let number = number(found).filter(|number| (from..=to).contains(number));
                number.map(Value::Number).ok_or_else(|| wrong(format!("a number from {from} to {to}")))
            }
            (Kind::Whole(from, to), found) => {
                let fits = |number: &f64| number.fract() == 0.0 && (from as f64..=to as f64).contains(number);
                let number = number(found).filter(fits);
                number.map(Value::Number).ok_or_else(|| wrong(format!("a whole number from {from} to {to}")))
            }
            (Kind::Patterns, DeValue::Array(list)) => {
                let patterns = list.iter().map(|item| self.pattern(name, item)).collect::<Result<_, _>>()?;
                Ok(Value::Patterns(patterns))
            }
            (Kind::Patterns, _) => Err(wrong("a list of patterns".to_owned())),
        }
    }

    fn pattern(&self, name: &str, value: &Spanned<DeValue<'_>>) -> Result<String, SettingsError> {
        let begin = value.span().start;
        let text = value.get_ref().as_str().ok_or_else(|| self.error(begin, format!("{name}: a pattern is needed")))?;
        match compile(text) {
            Ok(_) => Ok(text.to_owned()),
            Err(error) => {
                // The last line of regex's message says what is wrong; the others draw an arrow.
                let said = error.to_string();
                let last = said.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
                Err(self.error(begin, format!("{name}: the pattern does not compile: {last}")))
            }
        }
    }
}

fn number(value: &DeValue<'_>) -> Option<f64> {
    match value {
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix()).ok().map(|value| value as f64),
        DeValue::Float(number) => number.as_str().parse().ok().filter(|value: &f64| value.is_finite()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        Settings::load(&[("mine.toml", text)]).unwrap_err().to_string()
    }

    #[test]
    fn the_defaults_name_every_setting() {
        let settings = Settings::default();
        for rule in RuleId::ALL {
            assert!(settings.rules.contains_key(&(rule, "enabled")), "{}", rule.name());
            for parameter in parameters(rule) {
                assert!(settings.rules.contains_key(&(rule, parameter.name)), "{}.{}", rule.name(), parameter.name);
            }
        }
        for behaviour in Behaviour::ALL {
            assert!(!settings.behaviour(behaviour).is_empty());
        }
    }

    #[test]
    fn the_last_layer_wins_and_the_rest_stays() {
        let recipe = ("recipe", "[rules.length]\nmin_tokens = 10\nmax_tokens = 100\n");
        let own = ("own", "[rules.length]\nmax_tokens = 0x40\n[rules.cap]\nenabled = true\n");
        let settings = Settings::load(&[recipe, own]).unwrap();
        assert_eq!(settings.whole(RuleId::Length, "min_tokens"), 10);
        assert_eq!(settings.whole(RuleId::Length, "max_tokens"), 64);
        assert!(settings.enabled(RuleId::Cap));
        assert_eq!(settings.number(RuleId::Loops, "share_20"), 0.10);
    }

    #[test]
    fn what_is_wrong_is_said_with_file_and_line() {
        assert_eq!(error("\n[rules.lops]\n"), "mine.toml:2: unknown rule `lops`; did you mean `loops`?");
        assert_eq!(
            error("[rules.loops]\nshare_20 = 1.5"),
            "mine.toml:2: rules.loops.share_20: a number from 0 to 1 is needed"
        );
        assert_eq!(
            error("[rules.length]\nmax_token = 5"),
            "mine.toml:2: unknown setting of rules.length `max_token`; did you mean `max_tokens`?"
        );
        let said = error("[rules.meta_reference]\npatterns = [\n  'fine',\n  '(open',\n]");
        assert!(said.starts_with("mine.toml:4: rules.meta_reference.patterns: the pattern does not compile"), "{said}");
        assert_eq!(said.lines().count(), 1);
        assert!(error("[rules.length]\nmax_tokens = \"many\"").contains(":2: rules.length.max_tokens: a whole number"));
        assert!(error("[behaviours]\nverification = '['").starts_with("mine.toml:2: behaviours.verification"));
        assert!(error("[rules.loops\n").starts_with("mine.toml:1: "));
        assert!(error("[rule]\n").contains("did you mean `rules`?"));
        assert!(error("[rules.length]\nmin_tokens = 9000").contains("is more than max_tokens"));
        assert!(error("rules = 3").contains("is a table"));
        let bomb = format!("[behaviours]\nverification = '{}'", "(a{1000}){1000}");
        assert!(error(&bomb).contains("does not compile"));
    }

    #[test]
    fn what_is_printed_is_read_again_and_has_the_same_name() {
        let settings = Settings::load(&[("own", "[rules.loops]\nshare_10 = 0.125\n")]).unwrap();
        let again = Settings::load(&[("printed", &settings.to_toml())]).unwrap();
        assert_eq!(settings, again);
        assert_eq!(settings.hash(), again.hash());
        assert_ne!(settings.hash(), Settings::default().hash());
        assert_eq!(settings.measuring_hash(), Settings::default().measuring_hash());
    }

    #[test]
    fn a_value_set_by_hand_stays_in_its_range() {
        let mut settings = Settings::default();
        assert!(settings.set(RuleId::Loops, "share_20", 0.2) && settings.set(RuleId::Cap, "enabled", 1.0));
        assert!(!settings.set(RuleId::Loops, "share_20", 2.0) && !settings.set(RuleId::Length, "min_tokens", 1.5));
        assert!(!settings.set(RuleId::Loops, "nothing", 1.0));
    }
}
