//! The metrics of a trainer, whatever writes them, as lines of the run's own record.
//!
//! What writers call differently has one name here (`watch::quantity`); the rest goes along as it is called. A step is a line when
//! the next one begins or nothing more comes. A record is told anew from its beginning whenever somebody begins to follow it, or
//! when it was made anew; a line that the run's record has already is not written twice. A step that differs from what was
//! recorded voids what came after it, as everywhere in these records.

use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, BufRead, BufReader};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::records::now_millis;
use crate::train::metrics::{METRICS, Metrics};
use crate::train::steer::{Event, Report, StepReport};
use crate::watch::{News, Point, Quantity, Watcher, quantity};

/// Names that lines of a record have a meaning for. The first ones are written in this order.
const NAMES: [&str; 6] = ["loss", "lr", "grad_norm", "tokens_per_second", "epoch", "tokens"];
const RESERVED: [&str; 6] = ["step", "t", "event", "reason", "total_steps", "validation_loss"];
const VALIDATION: &str = "validation_loss";
/// Lines that are remembered; more are not told apart from new ones.
const LINES: usize = 2_000_000;
/// Other values of one step at most.
const VALUES: usize = 1000;

/// A run whose metrics are followed.
#[derive(Debug)]
pub(super) struct Follow {
    watcher: Watcher,
    record: Metrics,
    /// What was written for a step, and for its validation: a hash of the line without its time.
    written: BTreeMap<(u64, bool), u64>,
    pending: Option<Pending>,
    /// What the writer calls a quantity: what it called it first. Some tell a mean of the whole under a like name at the end.
    tags: HashMap<Quantity, Arc<str>>,
    /// The record that is followed, of several in the output.
    leader: Option<String>,
    /// A record becomes the one that is followed when it tells of a step after this.
    floor: u64,
    /// The step that was told last, and what was told with it.
    pub last: StepReport,
    pub validation_loss: Option<f64>,
}

/// A step of which more may come.
#[derive(Debug)]
struct Pending {
    step: u64,
    time: Option<f64>,
    values: Map<String, Value>,
}

impl Follow {
    /// Follows what a trainer writes to `output`, for the record in `run`. A scan of the output comes every `rescan`.
    ///
    /// # Errors
    /// If the record cannot be opened.
    pub fn open(run: &Path, output: &Path, rescan: Duration, total_steps: u64) -> io::Result<Self> {
        let record = Metrics::open(run)?;
        let mut follow = Self {
            watcher: Watcher::new(vec![output.to_path_buf()]).rescan_every(rescan),
            record,
            written: BTreeMap::new(),
            pending: None,
            tags: HashMap::new(),
            leader: None,
            floor: 0,
            last: StepReport {
                step: 0,
                total_steps,
                epoch: 0.0,
                loss: f64::NAN,
                lr: 0.0,
                grad_norm: 0.0,
                tokens_per_second: 0.0,
                tokens: 0,
            },
            validation_loss: None,
        };
        follow.remember_all(&run.join(METRICS))?;
        Ok(follow)
    }

    fn remember_all(&mut self, record: &Path) -> io::Result<()> {
        #[derive(Deserialize)]
        struct Line {
            step: u64,
        }
        for line in BufReader::new(std::fs::File::open(record)?).split(b'\n') {
            let line = line?;
            let Ok(text) = std::str::from_utf8(&line) else { continue };
            let Some((before, _)) = text.rsplit_once(",\"t\":") else { continue };
            if before.contains("\"event\":") {
                continue;
            }
            if let Ok(Line { step }) = serde_json::from_str(text) {
                self.is_new(step, before.contains("\"validation_loss\":"), before);
            }
        }
        Ok(())
    }

    /// Whether a line says something else than the one that was written for its step; it is remembered.
    fn is_new(&mut self, step: u64, validation: bool, text: &str) -> bool {
        let mut hasher = DefaultHasher::new();
        text.hash(&mut hasher);
        let hash = hasher.finish();
        if self.written.get(&(step, validation)) == Some(&hash) {
            return false;
        }
        if !validation {
            // What came after it was of a training that is not gone on with.
            drop(self.written.split_off(&(step, true)));
        }
        self.written.insert((step, validation), hash);
        if self.written.len() > LINES {
            self.written.pop_first();
        }
        true
    }

    /// The trainer goes on from this step: what it tells now may be in another record than what it told before.
    pub fn begin_at(&mut self, step: u64) {
        (self.leader, self.floor) = (None, step);
    }

    /// Appends something else that is worth a line.
    ///
    /// # Errors
    /// Of the file system.
    pub fn note(&mut self, step: u64, event: &str, total_steps: Option<u64>) -> io::Result<()> {
        let mut line = json!({ "step": step, "event": event });
        if let Some(total) = total_steps {
            line["total_steps"] = json!(total);
        }
        line["t"] = json!(seconds());
        self.record.append(&line)
    }

    /// Takes what was written since the last look. Whether there is more at once.
    ///
    /// # Errors
    /// If the run's record cannot be written.
    pub fn look(&mut self, report: &mut dyn Report) -> io::Result<bool> {
        let look = self.watcher.look();
        for trouble in &look.troubles {
            tracing::warn!("{trouble}");
        }
        let mut any = false;
        for news in &look.news {
            if news.gone {
                self.leader.take_if(|leader| *leader == news.run);
                continue;
            }
            if !self.takes(news) {
                continue;
            }
            any |= !news.points.is_empty();
            if news.afresh {
                self.tags.clear();
            }
            self.last.total_steps = news.total_steps.unwrap_or(self.last.total_steps);
            for point in &news.points {
                self.take(point, report)?;
            }
        }
        if !any && !look.more {
            self.flush(report)?;
        }
        Ok(look.more)
    }

    /// Takes all that there is.
    ///
    /// # Errors
    /// As [`Follow::look`].
    pub fn look_at_all(&mut self, report: &mut dyn Report) -> io::Result<()> {
        // A trainer that was quick has begun its record since the last scan.
        self.watcher.scan_next();
        while self.look(report)? {}
        self.flush(report)?;
        self.record.sync()
    }

    /// Whether a record is the one that is followed: the first that tells of a loss, until another tells of a later one.
    fn takes(&mut self, news: &News) -> bool {
        if self.leader.as_ref() == Some(&news.run) {
            return true;
        }
        let losses = news.points.iter().filter(|point| quantity(&point.tag) == Some(Quantity::Loss));
        let reached = losses.map(|point| point.step).max();
        let least = if self.leader.is_some() { self.last.step } else { self.floor };
        let leads = reached.is_some_and(|step| step > least);
        if leads {
            self.leader = Some(news.run.clone());
            self.tags.clear();
        }
        leads
    }

    fn take(&mut self, point: &Point, report: &mut dyn Report) -> io::Result<()> {
        // Validated before the first step: nothing has been learnt yet, and a record begins with step 1.
        if point.step == 0 {
            return Ok(());
        }
        if self.pending.as_ref().is_some_and(|pending| pending.step != point.step) {
            self.flush(report)?;
        }
        let name = self.name(&point.tag);
        let Point { step, time, value, .. } = *point;
        let pending = self.pending.get_or_insert_with(|| Pending { step, time: None, values: Map::new() });
        pending.time = time.or(pending.time);
        if pending.values.len() < VALUES || pending.values.contains_key(&name) {
            // Counts are whole numbers; null stands for what is no number.
            let value = if name == "tokens" { json!(value.max(0.0) as u64) } else { json!(value) };
            pending.values.insert(name, value);
        }
        Ok(())
    }

    /// What a line calls a writer's tag.
    fn name(&mut self, tag: &Arc<str>) -> String {
        let own = quantity(tag).and_then(|quantity| Some((quantity, own_name(quantity)?)));
        if let Some((quantity, name)) = own
            && *self.tags.entry(quantity).or_insert_with(|| tag.clone()) == *tag
        {
            return name.to_owned();
        }
        let taken = NAMES.contains(&&**tag) || RESERVED.contains(&&**tag);
        if taken { format!("trainer/{tag}") } else { (**tag).to_owned() }
    }

    /// Writes the step that is waiting.
    ///
    /// # Errors
    /// Of the file system.
    fn flush(&mut self, report: &mut dyn Report) -> io::Result<()> {
        let Some(Pending { step, time, mut values }) = self.pending.take() else { return Ok(()) };
        let validation = values.shift_remove(VALIDATION);
        let time = time.filter(|time| time.is_finite()).unwrap_or_else(seconds);
        if !values.is_empty() {
            let mut line = Map::new();
            line.insert("step".into(), json!(step));
            for name in NAMES {
                if let Some(value) = values.shift_remove(name) {
                    line.insert(name.into(), value);
                }
            }
            line.extend(values);
            self.know(step, &line);
            let has_loss = line.contains_key("loss");
            if self.write(step, false, line, time)? && has_loss {
                report.tell(&Event::Step(self.last.clone()));
            }
        }
        if let Some(loss) = validation {
            let value = loss.as_f64().unwrap_or(f64::NAN);
            self.validation_loss = Some(value).filter(|loss| loss.is_finite());
            let mut line = Map::new();
            line.insert("step".into(), json!(step));
            line.insert(VALIDATION.into(), loss);
            if self.write(step, true, line, time)? {
                report.tell(&Event::Validation { step, loss: value });
            }
        }
        Ok(())
    }

    /// Keeps what a step said.
    fn know(&mut self, step: u64, line: &Map<String, Value>) {
        let number = |name: &str| line.get(name).map(|value| value.as_f64().unwrap_or(f64::NAN));
        let last = &mut self.last;
        last.step = step;
        // A trainer may count otherwise, or have gone on beyond what was planned.
        last.total_steps = last.total_steps.max(step);
        last.loss = number("loss").unwrap_or(f64::NAN);
        last.lr = number("lr").unwrap_or(last.lr);
        last.grad_norm = number("grad_norm").unwrap_or(last.grad_norm);
        last.epoch = number("epoch").unwrap_or(last.epoch);
        last.tokens = line.get("tokens").and_then(Value::as_u64).unwrap_or(last.tokens);
        last.tokens_per_second = number("tokens_per_second").filter(|rate| rate.is_finite()).unwrap_or_default();
    }

    /// Appends a line if it says something new.
    fn write(&mut self, step: u64, validation: bool, line: Map<String, Value>, time: f64) -> io::Result<bool> {
        let mut line = Value::Object(line);
        let text = line.to_string();
        // As it is found in the record again, before its time.
        if !self.is_new(step, validation, text.strip_suffix('}').unwrap_or(&text)) {
            return Ok(false);
        }
        line["t"] = json!(time);
        self.record.append(&line)?;
        Ok(true)
    }
}

/// What lines of a record call a quantity.
fn own_name(quantity: Quantity) -> Option<&'static str> {
    match quantity {
        Quantity::Loss => Some("loss"),
        Quantity::ValidationLoss => Some(VALIDATION),
        Quantity::LearningRate => Some("lr"),
        Quantity::GradNorm => Some("grad_norm"),
        Quantity::Epoch => Some("epoch"),
        Quantity::Tokens => Some("tokens"),
        Quantity::TokensPerSecond => Some("tokens_per_second"),
        Quantity::Reward | Quantity::Entropy | Quantity::TokenAccuracy => None,
    }
}

fn seconds() -> f64 {
    now_millis() as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::runs::follow::{Follower, Reading};

    struct Place {
        dir: tempfile::TempDir,
        follow: Follow,
        told: Vec<Event>,
    }

    impl Place {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            std::fs::create_dir_all(dir.path().join("runs/sft/output")).unwrap();
            let follow = Self::follow(dir.path());
            Self { dir, follow, told: Vec::new() }
        }

        fn follow(dir: &Path) -> Follow {
            let run = dir.join("runs/sft");
            Follow::open(&run, &run.join("output"), Duration::ZERO, 3).unwrap()
        }

        fn put(&self, name: &str, text: &str) {
            let path = self.dir.path().join("runs/sft/output").join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }

        fn look(&mut self) {
            let told = &mut self.told;
            self.follow.look_at_all(&mut |event: &Event| told.push(event.clone())).unwrap();
        }

        fn lines(&self) -> Vec<Value> {
            let text = std::fs::read_to_string(self.dir.path().join("runs/sft").join(METRICS)).unwrap();
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
        }
    }

    fn state(losses: &[f64]) -> String {
        let entries = losses.iter().enumerate().map(|(at, loss)| {
            json!({ "step": at + 1, "loss": loss, "learning_rate": 1e-5, "grad_norm": 0.5, "epoch": 0.5, "entropy": 2.0 })
        });
        let mut entries: Vec<Value> = entries.collect();
        entries.push(json!({ "step": losses.len(), "eval_loss": 1.5, "eval_runtime": 3.0, "epoch": 0.5 }));
        entries.push(json!({ "step": losses.len(), "train_loss": 9.0, "train_runtime": 3.0 }));
        json!({ "global_step": losses.len(), "max_steps": 8, "log_history": entries }).to_string()
    }

    #[test]
    fn what_a_trainer_tells_is_a_record_that_the_screen_reads() {
        let mut place = Place::new();
        place.put("checkpoint-2/trainer_state.json", &state(&[3.0, 2.5]));
        place.look();
        let steps: Vec<&Event> = place.told.iter().filter(|event| matches!(event, Event::Step(_))).collect();
        let Event::Step(last) = steps[1] else { panic!("no step") };
        assert_eq!((steps.len(), last.step, last.total_steps, last.loss, last.lr), (2, 2, 8, 2.5, 1e-5));
        assert!(place.told.contains(&Event::Validation { step: 2, loss: 1.5 }));
        let lines = place.lines();
        assert_eq!((&lines[0]["entropy"], &lines[1]["train_loss"]), (&json!(2.0), &json!(9.0)), "as they are called");
        let news = Follower::default().look(&place.dir.path().join("runs"));
        assert_eq!(news[0].readings.len(), 3);
        assert!(matches!(news[0].readings[1], Reading::Step { step: 2, loss: 2.5, grad_norm: 0.5, .. }));
        assert_eq!(news[0].readings[2], Reading::Validation { step: 2, loss: 1.5 });
    }

    #[test]
    fn nothing_is_written_twice_and_what_was_learnt_again_replaces_what_was() {
        let mut place = Place::new();
        place.put("checkpoint-2/trainer_state.json", &state(&[3.0, 2.5, 2.25]));
        place.look();
        let before = place.lines().len();
        // Somebody else begins to follow; the trainer has gone on from a checkpoint with another third step.
        place.follow = Place::follow(place.dir.path());
        place.look();
        assert_eq!(place.lines().len(), before);
        place.follow.begin_at(2);
        place.put("checkpoint-2/trainer_state.json", &state(&[3.0, 2.5, 2.0]));
        place.told.clear();
        place.look();
        let lines = place.lines();
        let losses: Vec<_> = lines[before..].iter().map(|line| (&line["step"], &line["loss"])).collect();
        let ends = lines.last().unwrap();
        assert_eq!(losses[0], (&json!(3), &json!(2.0)));
        assert_eq!((lines.len(), &ends[VALIDATION]), (before + 2, &json!(1.5)), "its validation comes again after it");
    }

    #[test]
    fn a_log_is_followed_line_by_line_and_odd_values_do_no_harm() {
        let mut place = Place::new();
        let line = |step: u64, more: &str| format!("{{\"current_steps\": {step}, \"total_steps\": 2, {more}}}\n");
        let first = line(1, "\"loss\": NaN, \"num_tokens\": 12.0, \"t\": 5, \"throughput\": Infinity, \"event\": 1");
        place.put("trainer_log.jsonl", &first);
        place.look();
        place.put("trainer_log.jsonl", &(first + &line(9_000_000, "\"loss\": 1.5, \"num_tokens\": -3")));
        place.look();
        let Some(Event::Step(last)) = place.told.last() else { panic!("no step") };
        assert_eq!((last.step, last.total_steps, last.tokens, last.tokens_per_second), (9_000_000, 9_000_000, 0, 0.0));
        assert_eq!((place.told.len(), place.lines().len()), (2, 2));
        assert_eq!((&place.lines()[0]["tokens"], &place.lines()[0]["trainer/event"]), (&json!(12), &json!(1.0)));
        let news = Follower::default().look(&place.dir.path().join("runs"));
        assert!(matches!(news[0].readings[0], Reading::Step { step: 1, loss, tokens: 12, .. } if loss.is_nan()));
    }
}
