//! Checkpoints: everything that a run needs to go on as if nothing had happened.
//!
//! `checkpoint-<step>/` is a model or adapter directory that others load, and beside it `optimizer.safetensors` (both
//! moments), `run_state.toml` (position, schedule, settings, hashes), `trainer_state.json`, and `manifest.json` last. Nothing
//! random is saved, since nothing random has a state: order and dropout are functions of seed and step.

pub mod store;
pub mod tensors;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use self::store::{Fresh, complete, free_space};
use super::settings::TrainSettings;
use super::{AdamW, Network, Place, TrainError};

/// Directory beside the checkpoints of adapters: the model with the newest adapters merged into its weights.
pub const MERGED: &str = "merged";
const OPTIMIZER: &str = "optimizer.safetensors";
/// TOML: its numbers come back bit for bit.
const STATE: &str = "run_state.toml";

/// Where a run is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct RunState {
    /// Steps done, counted over all epochs: the position in the order of the data.
    pub step: u64,
    /// Steps of the optimiser: fewer where some were left out.
    pub optimizer_steps: u64,
    pub total_steps: u64,
    /// What the schedule's rate is multiplied with.
    pub rate_scale: f64,
    /// Steps that are left out when they come.
    pub left_out: Vec<u64>,
    /// Exponential mean of the loss, against which a spike is seen.
    pub smoothed_loss: Option<f64>,
    /// Step and validation loss of the best so far.
    pub best: Option<(u64, f64)>,
    pub validation_loss: Option<f64>,
    /// Validations since the best one.
    #[serde(default)]
    pub since_best: u64,
    /// Tokens seen.
    pub tokens: u64,
    /// Of the data set.
    pub data_hash: String,
    /// Of the weights that the run began with.
    pub model_hash: String,
    pub settings: TrainSettings,
}

/// Bytes that a checkpoint of this takes, roughly.
pub fn size(network: &Network) -> u64 {
    let trained = network.trainable().len() as u64;
    // Weights and two moments, and some for tokenizer and record.
    3 * 4 * trained + (16 << 20)
}

/// The directory of a run's checkpoint.
pub fn place(run: &Path, step: u64) -> PathBuf {
    run.join(format!("checkpoint-{step}"))
}

/// Writes a checkpoint. `model` writes the model's or adapter's own files; `record` is `trainer_state.json`.
///
/// # Errors
/// Of the file system; then the run's other checkpoints are as they were.
pub fn save(
    run: &Path,
    state: &RunState,
    optimizer: &AdamW,
    places: &[Place],
    record: &serde_json::Value,
    model: impl FnOnce(&mut Fresh) -> std::io::Result<()>,
) -> std::io::Result<PathBuf> {
    let place = place(run, state.step);
    let mut fresh = Fresh::begin(&place)?;
    model(&mut fresh)?;
    let names = |moment: &str| -> Vec<(String, Vec<usize>)> {
        places.iter().map(|place| (format!("{moment}.{}", place.name), place.shape.clone())).collect()
    };
    let shapes = [names("exp_avg"), names("exp_avg_sq")].concat();
    fresh.file(OPTIMIZER, |out| {
        tensors::write(out, &shapes, |index| {
            let moment = if index < places.len() { &optimizer.first } else { &optimizer.second };
            moment[places[index % places.len()].range.clone()].into()
        })
    })?;
    let text = toml::to_string(state).map_err(std::io::Error::other)?;
    fresh.content(STATE, text.as_bytes())?;
    fresh.content("trainer_state.json", &serde_json::to_vec_pretty(record)?)?;
    fresh.finish()?;
    Ok(place)
}

/// The steps of a run's checkpoint directories, newest first, complete or not.
pub fn steps(run: &Path) -> Vec<u64> {
    let entries = std::fs::read_dir(run).into_iter().flatten().flatten();
    let mut steps: Vec<u64> =
        entries.filter_map(|entry| entry.file_name().to_str()?.strip_prefix("checkpoint-")?.parse().ok()).collect();
    steps.sort_unstable_by(|a, b| b.cmp(a));
    steps
}

/// The newest complete checkpoint of a run; torn ones are passed over.
pub fn newest(run: &Path) -> Option<u64> {
    steps(run).into_iter().find(|&step| complete(&place(run, step), true))
}

/// Removes old checkpoints: all but the newest `keep` complete ones and the best. Torn directories go too.
///
/// # Errors
/// Of the file system.
pub fn prune(run: &Path, keep: usize, best: Option<u64>) -> std::io::Result<()> {
    let mut kept = 0;
    for step in steps(run) {
        let directory = place(run, step);
        if complete(&directory, false) {
            kept += 1;
            if kept <= keep || Some(step) == best {
                continue;
            }
        }
        std::fs::remove_dir_all(directory)?;
    }
    Ok(())
}

/// Reads where a run was.
///
/// # Errors
/// If the file is missing or damaged.
pub fn state(directory: &Path) -> Result<RunState, TrainError> {
    let path = directory.join(STATE);
    let text = std::fs::read_to_string(&path).map_err(|error| TrainError::io(&path, error))?;
    toml::from_str(&text)
        .map_err(|error| TrainError::Checkpoint(format!("{}: damaged ({})", path.display(), error.message())))
}

/// Puts a checkpoint's weights and moments in place.
///
/// # Errors
/// If a file is missing, damaged, or of another model; then nothing useful is in place.
pub fn load(
    directory: &Path,
    state: &RunState,
    network: &mut Network,
    optimizer: &mut AdamW,
) -> Result<(), TrainError> {
    let places = network.trainable_places();
    let file = super::output::weights_file(network);
    let find = |name: &str, shape: &[usize]| {
        let found = places.iter().find(|place| place.name == name && place.shape == shape);
        found.map(|place| place.range.clone())
    };
    let foreign = |name: &str| std::io::Error::other(format!("tensor `{name}` is of another model or method"));
    let mut missing = places.len();
    let path = directory.join(file);
    tensors::read(&path, |name, shape, fill| {
        let own = super::output::own_name(name);
        let range = find(&own, shape).ok_or_else(|| foreign(name))?;
        missing -= 1;
        fill(&mut network.trainable_mut()[range])
    })
    .map_err(|error| TrainError::io(&path, error))?;
    if missing > 0 {
        return Err(TrainError::Checkpoint(format!("{}: {missing} tensors are missing", path.display())));
    }
    let mut missing = 2 * places.len();
    let path = directory.join(OPTIMIZER);
    tensors::read(&path, |name, shape, fill| {
        let (moment, own) = match (name.strip_prefix("exp_avg."), name.strip_prefix("exp_avg_sq.")) {
            (Some(own), _) => (&mut optimizer.first, own),
            (_, Some(own)) => (&mut optimizer.second, own),
            _ => return Err(foreign(name)),
        };
        let range = find(own, shape).ok_or_else(|| foreign(name))?;
        missing -= 1;
        fill(&mut moment[range])
    })
    .map_err(|error| TrainError::io(&path, error))?;
    if missing > 0 {
        return Err(TrainError::Checkpoint(format!("{}: {missing} tensors are missing", path.display())));
    }
    optimizer.steps = state.optimizer_steps;
    Ok(())
}

/// Whether there is room for a checkpoint of so many bytes.
///
/// # Errors
/// `StorageFull` with both sizes if there is not.
pub fn check_room(run: &Path, wanted: u64) -> std::io::Result<()> {
    let free = free_space(run)?;
    if free >= wanted {
        return Ok(());
    }
    let mib = |bytes: u64| bytes >> 20;
    Err(std::io::Error::new(
        std::io::ErrorKind::StorageFull,
        format!("a checkpoint takes {} MiB and {} MiB are free", mib(wanted), mib(free)),
    ))
}
