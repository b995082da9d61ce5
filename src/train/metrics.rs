//! The record of a run: `metrics.jsonl`, one object a line, only ever appended to; what others read of it, written beside it; and
//! `trainer_state.json` as the Hugging Face trainer writes it, made from it.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use super::TrainSettings;
use super::wandb::OfflineRun;
use crate::watch::tensorboard::Writer;

/// The file's name in a run's directory.
pub const METRICS: &str = "metrics.jsonl";

/// What of a line others read in TensorBoard and W&B, and under which tag.
const SCALARS: [(&str, &str); 6] = [
    ("loss", "train/loss"),
    ("validation_loss", "eval/loss"),
    ("lr", "train/learning_rate"),
    ("grad_norm", "train/grad_norm"),
    ("epoch", "train/epoch"),
    ("tokens_per_second", "train/tokens_per_second"),
];

/// An open record, and beside it the same numbers as an event file of TensorBoard, which is begun with the first of them, and
/// where they are wanted there in an offline run of W&B.
#[derive(Debug)]
pub struct Metrics {
    file: File,
    directory: PathBuf,
    events: Option<std::io::Result<Writer>>,
    wandb: Option<OfflineRun>,
}

impl Metrics {
    /// Opens the record of a run. A line that a crash cut short is ended, so that the next one stands alone.
    ///
    /// # Errors
    /// Of the file system.
    pub fn open(directory: &Path) -> std::io::Result<Self> {
        let mut file = OpenOptions::new().read(true).append(true).create(true).open(directory.join(METRICS))?;
        if file.metadata()?.len() > 0 {
            let mut last = [0];
            file.seek(SeekFrom::End(-1))?;
            file.read_exact(&mut last)?;
            if last[0] != b'\n' {
                file.write_all(b"\n")?;
            }
        }
        Ok(Self { file, directory: directory.to_path_buf(), events: None, wandb: None })
    }

    /// From here on the lines are told to an offline run of W&B too; `goes_on` is whether the run has steps behind it.
    pub fn tell_wandb(&mut self, settings: &TrainSettings, goes_on: bool) {
        let since = if goes_on { began(&self.directory) } else { Ok(None) };
        match since.and_then(|since| OfflineRun::open(&self.directory, settings, since)) {
            Ok(run) => self.wandb = Some(run),
            Err(error) => self.give_up_wandb(&error),
        }
    }

    /// Appends one line.
    ///
    /// # Errors
    /// Of the file system.
    pub fn append(&mut self, line: &Value) -> std::io::Result<()> {
        let mut text = line.to_string();
        text.push('\n');
        self.file.write_all(text.as_bytes())?;
        self.tell_others(line);
        Ok(())
    }

    /// What cannot be written for others is no reason to stop: the record itself has it.
    fn tell_others(&mut self, line: &Value) {
        let number = |name| line.get(name).and_then(Value::as_f64);
        let (Some(step), Some(time)) = (line.get("step").and_then(Value::as_u64), number("t")) else { return };
        let scalars: Vec<(&'static str, f64)> =
            SCALARS.iter().filter_map(|(name, tag)| Some((*tag, number(name)?))).collect();
        if scalars.is_empty() {
            return;
        }
        self.tell_tensorboard(step, time, &scalars);
        self.with_wandb(|run| run.tell(step, time, &scalars));
    }

    fn tell_tensorboard(&mut self, step: u64, time: f64, scalars: &[(&str, f64)]) {
        let events = self.events.get_or_insert_with(|| Writer::create(&self.directory));
        let Ok(writer) = events else { return };
        let written = scalars.iter().try_for_each(|(tag, value)| writer.scalar(tag, step, *value, time));
        if let Err(error) = written.and_then(|()| writer.flush()) {
            tracing::warn!("{}: no event file for TensorBoard: {error}", self.directory.display());
            *events = Err(error);
        }
    }

    fn with_wandb(&mut self, work: impl FnOnce(&mut OfflineRun) -> std::io::Result<()>) {
        let Some(run) = &mut self.wandb else { return };
        if let Err(error) = work(run) {
            self.give_up_wandb(&error);
        }
    }

    fn give_up_wandb(&mut self, error: &std::io::Error) {
        tracing::warn!("{}: no offline run for W&B: {error}", self.directory.display());
        self.wandb = None;
    }

    /// What was appended is on the disk.
    ///
    /// # Errors
    /// Of the file system.
    pub fn sync(&mut self) -> std::io::Result<()> {
        // What comes after a checkpoint is done again by who goes on from it; what came before is not.
        self.with_wandb(OfflineRun::flush);
        self.file.sync_data()
    }

    /// The training has ended, well or not; those who asked for it are told.
    pub fn end(&mut self, well: bool) {
        self.with_wandb(|run| run.end(well));
    }
}

/// What looks at the model brought, in a run's directory: one object a line, `step` and the fields of
/// [`Drawn`](super::steer::Drawn).
pub const LOOKS: &str = "samples.jsonl";

/// Every line of a run's record, if there is one.
fn each(directory: &Path, mut take: impl FnMut(Value)) -> std::io::Result<()> {
    let file = match File::open(directory.join(METRICS)) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        file => file?,
    };
    for line in BufReader::new(file).split(b'\n') {
        // What a crash tore is no line.
        if let Ok(value) = serde_json::from_slice(&line?) {
            take(value);
        }
    }
    Ok(())
}

/// When the training of a run began, in seconds since the Unix epoch: the last of those that began in its directory.
fn began(directory: &Path) -> std::io::Result<Option<f64>> {
    let mut began = None;
    each(directory, |line| {
        if line.get("event").and_then(Value::as_str) == Some("started") {
            began = line.get("t").and_then(Value::as_f64);
        }
    })?;
    Ok(began)
}

/// All lines of a run's record up to a step, a step that was done again counted once, as it was done last.
///
/// # Errors
/// Of the file system.
pub fn read(directory: &Path, up_to: u64) -> std::io::Result<Vec<Value>> {
    let mut lines = std::collections::BTreeMap::new();
    each(directory, |value| {
        let kind = value.get("validation_loss").is_some();
        if let Some(step) = value.get("step").and_then(Value::as_u64)
            && (value.get("loss").is_some() || kind)
            && step <= up_to
        {
            lines.insert((step, kind), value);
        }
    })?;
    Ok(lines.into_values().collect())
}

/// What `trainer_state.json` says of a run.
#[derive(Debug, Clone, Default)]
pub struct StateNumbers {
    pub step: u64,
    pub total_steps: u64,
    pub steps_per_epoch: u64,
    pub epochs: u64,
    pub batch_size: usize,
    pub best: Option<(u64, f64)>,
}

/// The Hugging Face trainer's state, from the lines of the record.
pub fn trainer_state(lines: &[Value], numbers: &StateNumbers) -> Value {
    let epoch = |step: u64| step as f64 / numbers.steps_per_epoch.max(1) as f64;
    let history: Vec<Value> = lines
        .iter()
        .map(|line| {
            let mut entry = Map::new();
            let step = line.get("step").and_then(Value::as_u64).unwrap_or_default();
            entry.insert("epoch".into(), json!(epoch(step)));
            for (theirs, ours) in [
                ("grad_norm", "grad_norm"),
                ("learning_rate", "lr"),
                ("loss", "loss"),
                ("eval_loss", "validation_loss"),
            ] {
                if let Some(value) = line.get(ours) {
                    entry.insert(theirs.into(), value.clone());
                }
            }
            entry.insert("step".into(), json!(step));
            Value::Object(entry)
        })
        .collect();
    json!({
        "best_global_step": numbers.best.map(|(step, _)| step),
        "best_metric": numbers.best.map(|(_, loss)| loss),
        "best_model_checkpoint": numbers.best.map(|(step, _)| format!("checkpoint-{step}")),
        "epoch": epoch(numbers.step),
        "global_step": numbers.step,
        "is_hyper_param_search": false,
        "is_local_process_zero": true,
        "is_world_process_zero": true,
        "log_history": history,
        "logging_steps": 1,
        "max_steps": numbers.total_steps,
        "num_train_epochs": numbers.epochs,
        "total_flos": 0,
        "train_batch_size": numbers.batch_size,
        "trial_name": null,
        "trial_params": null,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event_file(directory: &Path) -> std::ffi::OsString {
        let names = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name());
        names.into_iter().find(|name| name.to_string_lossy().starts_with("events.out.tfevents.")).unwrap()
    }

    #[test]
    fn a_torn_line_is_left_behind_and_a_step_done_again_counts_once() {
        let dir = tempfile::tempdir().unwrap();
        let mut metrics = Metrics::open(dir.path()).unwrap();
        for (step, loss) in [(1, 3.0), (2, 2.5)] {
            metrics.append(&json!({ "step": step, "loss": loss, "lr": 0.1 })).unwrap();
        }
        metrics.file.write_all(b"{\"step\":3,\"lo").unwrap();
        let mut metrics = Metrics::open(dir.path()).unwrap();
        metrics.append(&json!({ "step": 2, "loss": 2.25, "lr": 0.1 })).unwrap();
        metrics.append(&json!({ "step": 2, "validation_loss": 2.0 })).unwrap();
        metrics.append(&json!({ "step": 3, "loss": 2.0, "lr": 0.1 })).unwrap();
        let lines = read(dir.path(), 2).unwrap();
        assert_eq!(lines.len(), 3);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "without a time there is nothing for others");
        metrics.append(&json!({ "step": 4, "loss": 1.5, "lr": 0.1, "t": 1.7e9 })).unwrap();
        let look = crate::watch::Watcher::new(vec![dir.path().join(event_file(dir.path()))]).look();
        let tags: Vec<_> = look.news[0].points.iter().map(|point| (&*point.tag, point.step)).collect();
        assert_eq!(tags, [("train/loss", 4), ("train/learning_rate", 4)]);
        assert_eq!(lines[1]["loss"], 2.25);
        let numbers = StateNumbers { step: 2, steps_per_epoch: 4, best: Some((2, 2.0)), ..StateNumbers::default() };
        let state = trainer_state(&lines, &numbers);
        assert_eq!(state["log_history"][1]["learning_rate"], 0.1);
        assert_eq!(state["log_history"][2]["eval_loss"], 2.0);
        assert_eq!((&state["epoch"], &state["best_model_checkpoint"]), (&json!(0.5), &json!("checkpoint-2")));
    }

    #[test]
    fn a_training_that_began_anew_is_not_told_to_the_run_of_one_before_it() {
        let dir = tempfile::tempdir().unwrap();
        let settings = TrainSettings::default();
        let train = |event: &str, goes_on: Option<bool>, steps: [u64; 2]| {
            let mut metrics = Metrics::open(dir.path()).unwrap();
            if let Some(goes_on) = goes_on {
                metrics.tell_wandb(&settings, goes_on);
            }
            // As if a minute lay between any two.
            let lines = std::fs::read_to_string(dir.path().join(METRICS)).unwrap().lines().count();
            let time = |at: usize| 1.8e9 + 60.0 * (lines + at) as f64;
            metrics.append(&json!({ "step": steps[0] - 1, "event": event, "t": time(0) })).unwrap();
            for (at, step) in (1..).zip(steps) {
                metrics.append(&json!({ "step": step, "loss": 1.0, "t": time(at) })).unwrap();
            }
            metrics.end(true);
            let parts = crate::watch::wandb::parts(&dir.path().join("wandb")).unwrap();
            parts.into_iter().map(|part| part.id).collect::<Vec<_>>()
        };
        train("started", Some(false), [1, 2]);
        let told = train("resumed", Some(true), [3, 4]);
        assert!(told.len() == 2 && told[0] == told[1], "{told:?}");
        assert_eq!(train("started", None, [1, 2]), told);
        let anew = train("resumed", Some(true), [3, 4]);
        assert!(anew.len() == 3 && anew[2] != told[0], "{anew:?}");
        assert_eq!(train("resumed", Some(true), [5, 6])[3], anew[2]);
    }
}
