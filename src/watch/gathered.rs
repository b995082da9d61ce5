//! What a source tells of its run in one look, within bounds: a hostile file must not fill memory with tags or notes.

use std::collections::HashSet;
use std::sync::Arc;

use serde_json::Value;

use super::Point;

/// Different tags of one run at most.
const TAGS: usize = 20_000;
/// A longer tag is none.
const TAG_BYTES: usize = 512;
/// Notes of one look at most, and characters of one.
const NOTES: usize = 10_000;
const NOTE_CHARACTERS: usize = 2000;
/// Settings of one run at most, and characters of a key or a value.
const SETTINGS: usize = 1000;
const SETTING_CHARACTERS: usize = 400;
/// How deep settings are taken apart.
const DEPTH: usize = 6;
/// Different reasons to complain that are kept of one look.
const TROUBLES: usize = 20;

/// What is gathered until it is handed over, and the tags that are known already.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    pub afresh: bool,
    pub total_steps: Option<u64>,
    pub points: Vec<Point>,
    pub notes: Vec<(Option<u64>, String)>,
    pub settings: Vec<(String, String)>,
    pub finished: Option<bool>,
    /// One line each, without the path.
    pub troubles: Vec<String>,
    tags: HashSet<Arc<str>>,
    told_settings: usize,
}

impl Gathered {
    pub fn point(&mut self, tag: &str, step: u64, value: f64, time: Option<f64>) {
        if let Some(tag) = self.tag(tag) {
            self.points.push(Point { tag, step, value, time });
        }
    }

    /// Each tag is in memory once, however many points have it.
    fn tag(&mut self, tag: &str) -> Option<Arc<str>> {
        if let Some(known) = self.tags.get(tag) {
            return Some(known.clone());
        }
        if tag.is_empty() || tag.len() > TAG_BYTES {
            return None;
        }
        if self.tags.len() >= TAGS {
            self.trouble(format!("more than {TAGS} different tags; the others are left out"));
            return None;
        }
        let tag: Arc<str> = Arc::from(tag);
        self.tags.insert(tag.clone());
        Some(tag)
    }

    pub fn note(&mut self, step: Option<u64>, text: &str) {
        if self.notes.len() < NOTES && !text.is_empty() {
            self.notes.push((step, cut(text, NOTE_CHARACTERS)));
        }
    }

    pub fn setting(&mut self, key: &str, value: &str) {
        if self.told_settings < SETTINGS && !key.is_empty() {
            self.told_settings += 1;
            self.settings.push((cut(key, SETTING_CHARACTERS), cut(value, SETTING_CHARACTERS)));
        }
    }

    /// Takes an object apart: `{"model": {"layers": 2}}` is the setting `model.layers`. `max_steps` says how many there
    /// will be.
    pub fn settings_of(&mut self, key: &str, value: &Value) {
        self.take_apart(key, value, DEPTH);
    }

    fn take_apart(&mut self, key: &str, value: &Value, depth: usize) {
        match value {
            Value::Object(object) if depth > 0 => {
                for (name, value) in object {
                    if name.starts_with('_') {
                        continue;
                    }
                    let below = if key.is_empty() { name.clone() } else { format!("{key}.{name}") };
                    self.take_apart(&below, value, depth - 1);
                }
            }
            Value::Null => {}
            Value::String(text) => self.setting(key, text),
            value => {
                if key == "max_steps"
                    && let Some(steps) = value.as_u64().filter(|steps| *steps > 0)
                {
                    self.total_steps = Some(steps);
                }
                self.setting(key, &value.to_string());
            }
        }
    }

    pub fn trouble(&mut self, reason: impl Into<String>) {
        let reason = reason.into();
        if self.troubles.len() < TROUBLES && !self.troubles.contains(&reason) {
            self.troubles.push(reason);
        }
    }

    /// What was told before is void: the record was made anew.
    pub fn restart(&mut self) {
        let troubles = std::mem::take(&mut self.troubles);
        *self = Self { afresh: true, troubles, ..Self::default() };
    }

    pub fn is_empty(&self) -> bool {
        !self.afresh
            && self.total_steps.is_none()
            && self.finished.is_none()
            && self.points.is_empty()
            && self.notes.is_empty()
            && self.settings.is_empty()
    }
}

fn cut(text: &str, characters: usize) -> String {
    match text.char_indices().nth(characters) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn settings_are_flat_and_bounded() {
        let mut gathered = Gathered::default();
        gathered.settings_of(
            "",
            &json!({ "lr": 0.1, "model": { "name": "tiny", "_private": 1 }, "none": null, "max_steps": 9 }),
        );
        let expected = [("lr", "0.1"), ("model.name", "tiny"), ("max_steps", "9")];
        assert_eq!(gathered.settings, expected.map(|(key, value)| (key.to_owned(), value.to_owned())));
        assert_eq!(gathered.total_steps, Some(9));
        for number in 0..2 * SETTINGS {
            gathered.setting(&format!("k{number}"), &"x".repeat(1000));
        }
        assert_eq!(gathered.settings.len(), SETTINGS);
        assert_eq!(gathered.settings[SETTINGS - 1].1.chars().count(), SETTING_CHARACTERS + 1);
    }

    #[test]
    fn there_is_an_end_of_tags() {
        let mut gathered = Gathered::default();
        for number in 0..TAGS + 10 {
            gathered.point(&format!("tag {number}"), 0, 1.0, None);
            gathered.point("tag 0", 1, 1.0, None);
        }
        assert_eq!(gathered.points.len(), TAGS + TAGS + 10);
        assert_eq!(gathered.troubles.len(), 1);
    }
}
