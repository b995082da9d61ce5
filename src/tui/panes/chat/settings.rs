//! How the models are to answer, and the form that sets it.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use crate::records::Sampling;
use crate::tui::widgets::paint::one_line;
use crate::tui::widgets::{Edited, FieldReader, FieldSpec, Fields};

const TEMPERATURE: usize = 0;
const TOP_P: usize = 1;
const MAX_TOKENS: usize = 2;
const SEED: usize = 3;
const SYSTEM: usize = 4;

/// How the next question is asked.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Settings {
    pub sampling: Sampling,
    pub seed: u64,
    /// With which a conversation begins; empty is none.
    pub system: String,
}

impl Settings {
    /// In a few words.
    pub fn line(&self) -> String {
        let Sampling { temperature, top_p, max_tokens, .. } = self.sampling;
        let choice = match (temperature, top_p) {
            (0.0, _) => "greedy".to_owned(),
            (temperature, 1.0) => format!("temperature {temperature}"),
            (temperature, top_p) => format!("temperature {temperature}, top-p {top_p}"),
        };
        format!("{choice}, up to {max_tokens} tokens, seed {}", self.seed)
    }
}

/// A form over the settings; the field in sight is always edited.
#[derive(Debug, Clone)]
pub(super) struct SettingsForm {
    pub fields: Fields,
    /// The system prompt as it was, which may have several lines; the field has one.
    system: String,
}

/// What a key did to the form.
pub(super) enum FormDone {
    Stays,
    Left,
    Set(Box<Settings>),
}

impl SettingsForm {
    pub fn new(settings: &Settings, system: &str) -> Self {
        let spec = |label, empty, help, long| FieldSpec { label, key: "", first: "", empty, help, choices: &[], long };
        let mut fields = Fields::new(
            vec![
                spec("temperature", "", "0 is greedy: the likeliest token, whatever the seed", false),
                spec("top-p", "", "above 0, at most 1 (off)", false),
                spec("max tokens", "", "of one answer", false),
                spec("seed", "", "the same seed and prompt write the same answer", false),
                spec("system", "none", "said before the conversation; used from the next turn on", true),
            ],
            0,
        );
        let Sampling { temperature, top_p, max_tokens, .. } = settings.sampling;
        fields.set(TEMPERATURE, &temperature.to_string());
        fields.set(TOP_P, &top_p.to_string());
        fields.set(MAX_TOKENS, &max_tokens.to_string());
        fields.set(SEED, &settings.seed.to_string());
        fields.set(SYSTEM, system);
        fields.begin_edit();
        Self { fields, system: system.to_owned() }
    }

    pub fn key(&mut self, key: KeyEvent) -> FormDone {
        let stores = key.code == KeyCode::Char('s') && key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Esc => return FormDone::Left,
            KeyCode::Enter => return self.set(),
            _ if stores => return self.set(),
            _ => {}
        }
        if let Edited::Done { by, .. } = self.fields.key(key) {
            self.fields.end_edit();
            self.fields.select(by);
            self.fields.begin_edit();
        }
        FormDone::Stays
    }

    fn set(&mut self) -> FormDone {
        let mut read = FieldReader::new(&self.fields);
        let temperature = read.real(TEMPERATURE, |value: &f32| value.is_finite() && *value >= 0.0, "0 or more");
        let top_p = read.real(TOP_P, |value: &f32| *value > 0.0 && *value <= 1.0, "above 0, at most 1");
        let max_tokens = read.number(MAX_TOKENS, 1, 1 << 20, "1 or more");
        let seed = read.number(SEED, 0, u64::MAX, "0 or more");
        let errors = read.errors;
        self.fields.clear_errors();
        if !errors.is_empty() {
            for (at, error) in errors {
                self.fields.set_error(at, Some(error));
            }
            return FormDone::Stays;
        }
        let said = self.fields.text(SYSTEM);
        let system = if said == one_line(&self.system).trim() { self.system.clone() } else { said.to_owned() };
        let sampling = Sampling { temperature, top_p, max_tokens, ..Sampling::default() };
        FormDone::Set(Box::new(Settings { sampling, seed, system }))
    }
}
