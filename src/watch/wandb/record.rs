//! What a record of W&B says. Field numbers are those of wandb_internal.proto.

use serde_json::Value as Json;

use crate::watch::gathered::Gathered;
use crate::watch::json::{self, Scalar, count};
use crate::watch::wire::{Message, Value};

/// Where every kind of item has its value.
pub(super) const VALUE_JSON: u64 = 16;
/// A longer value is none that could be drawn or read.
const VALUE_BYTES: usize = 64 << 10;
/// How deep an object in a history is taken apart.
const DEPTH: usize = 4;
/// What trainers call their own count of steps, the Hugging Face one first.
const STEPS: [&str; 4] = ["train/global_step", "trainer/global_step", "global_step", "train/step"];

/// What must be known from one record to the next.
#[derive(Debug, Default)]
pub(super) struct Reader {
    step: u64,
}

/// A key with its value in JSON.
struct Item<'a> {
    key: String,
    value: &'a [u8],
}

impl Reader {
    pub fn read(&mut self, record: &[u8], gathered: &mut Gathered) {
        for (number, value) in Message::new(record) {
            let Some(bytes) = value.bytes() else { continue };
            let message = Message::new(bytes);
            match number {
                2 => self.read_history(&message, gathered),
                5 => read_config(&message, gathered),
                7 => self.read_stats(&message, gathered),
                10 => self.read_alert(&message, gathered),
                17 => read_run(&message, gathered),
                18 => self.read_exit(&message, gathered),
                _ => {}
            }
        }
    }

    fn read_history(&mut self, history: &Message<'_>, gathered: &mut Gathered) {
        let items: Vec<Item<'_>> = history.all(1).filter_map(item_of).collect();
        let number = |key: &str| items.iter().find(|item| item.key == key).and_then(Item::number);
        let step = STEPS
            .into_iter()
            .find_map(|key| number(key).and_then(count))
            .or_else(|| number("_step").and_then(count))
            .or_else(|| step_of(history))
            .unwrap_or(self.step);
        let time = number("_timestamp").filter(|time| time.is_finite());
        self.step = step;
        for item in &items {
            if !item.key.starts_with('_') && !STEPS.contains(&item.key.as_str()) {
                item.tell(step, time, gathered);
            }
        }
    }

    fn read_stats(&self, stats: &Message<'_>, gathered: &mut Gathered) {
        let time = stats.field(2).and_then(Value::bytes).and_then(timestamp);
        for mut item in stats.all(3).filter_map(item_of) {
            item.key.insert_str(0, "system/");
            item.tell(self.step, time, gathered);
        }
    }

    fn read_alert(&self, alert: &Message<'_>, gathered: &mut Gathered) {
        let text = |field| alert.field(field).and_then(Value::text).unwrap_or_default();
        let level = Some(text(3)).filter(|level| !level.is_empty()).unwrap_or("alert").to_lowercase();
        gathered.note(Some(self.step), &format!("{level}: {}: {}", text(1), text(2)));
    }

    fn read_exit(&self, exit: &Message<'_>, gathered: &mut Gathered) {
        // The format leaves out what is 0.
        let code = exit.field(1).and_then(Value::varint).unwrap_or_default() as i32;
        gathered.finished = Some(code == 0);
        let text = if code == 0 { "finished".to_owned() } else { format!("ended with exit code {code}") };
        gathered.note(Some(self.step), &text);
    }
}

/// The step of a record, if it is a row of the history.
pub(super) fn step(record: &[u8]) -> Option<u64> {
    step_of(&Message::new(Message::new(record).field(2)?.bytes()?))
}

/// W&B's own count of a row.
fn step_of(history: &Message<'_>) -> Option<u64> {
    let step = history.field(2)?.bytes()?;
    // The format leaves out what is 0.
    let number = Message::new(step).field(1).and_then(Value::varint).unwrap_or_default();
    Some(number.cast_signed().max(0).cast_unsigned())
}

fn read_run(run: &Message<'_>, gathered: &mut Gathered) {
    for (field, key) in [(8, "name"), (1, "run_id"), (3, "project"), (6, "group"), (7, "job_type"), (9, "notes")] {
        if let Some(text) = run.field(field).and_then(Value::text).filter(|text| !text.is_empty()) {
            gathered.setting(key, text);
        }
    }
    if let Some(config) = run.field(4).and_then(Value::bytes) {
        read_config(&Message::new(config), gathered);
    }
}

fn read_config(config: &Message<'_>, gathered: &mut Gathered) {
    for item in config.all(1).filter_map(item_of) {
        if !item.key.starts_with('_')
            && let Ok(value) = json::parse::<Json>(item.value)
        {
            gathered.settings_of(&item.key, &value);
        }
    }
}

/// An item of a history, a config or of statistics: its key, or the parts of one, and its value.
fn item_of(item: &[u8]) -> Option<Item<'_>> {
    let item = Message::new(item);
    let value = item.field(VALUE_JSON)?.bytes().filter(|value| value.len() <= VALUE_BYTES)?;
    let nested: Vec<&str> = item.all(2).filter_map(|part| std::str::from_utf8(part).ok()).collect();
    let key = match item.field(1).and_then(Value::text) {
        Some(key) if !key.is_empty() => key.to_owned(),
        _ => nested.join("."),
    };
    (!key.is_empty()).then_some(Item { key, value })
}

impl Item<'_> {
    fn number(&self) -> Option<f64> {
        match json::parse(self.value) {
            Ok(Scalar::Number(number)) => Some(number),
            _ => None,
        }
    }

    /// Tells the numbers of an item; those of an object under keys of their own.
    fn tell(&self, step: u64, time: Option<f64>, gathered: &mut Gathered) {
        if let Some(number) = self.number() {
            gathered.point(&self.key, step, number, time);
        } else if self.value.first() == Some(&b'{')
            && let Ok(object) = json::parse::<Json>(self.value)
        {
            tell_object(&self.key, &object, DEPTH, &mut |key, number| gathered.point(key, step, number, time));
        }
    }
}

/// Objects with a `_type` are pictures, tables and histograms.
fn tell_object(key: &str, value: &Json, depth: usize, tell: &mut dyn FnMut(&str, f64)) {
    match value {
        Json::Object(object) if depth > 0 && !object.contains_key("_type") => {
            for (name, value) in object {
                tell_object(&format!("{key}.{name}"), value, depth - 1, tell);
            }
        }
        Json::Number(number) => {
            if let Some(number) = number.as_f64() {
                tell(key, number);
            }
        }
        _ => {}
    }
}

/// Seconds since the Unix epoch, of google.protobuf.Timestamp.
fn timestamp(bytes: &[u8]) -> Option<f64> {
    let message = Message::new(bytes);
    let seconds = message.field(1)?.varint()?.cast_signed() as f64;
    let nanos = message.field(2).and_then(Value::varint).unwrap_or_default() as i32;
    Some(seconds + f64::from(nanos) / 1e9)
}
