//! What a trainer leaves: checkpoints to go on from, and at the end a model that can be opened.
//!
//! All of it was written by others: only names and small files are read here, and no checkpoint is believed that is not whole.

use std::fs::File;
use std::io::{self, Read};
use std::ops::ControlFlow;
use std::path::{Component, Path, PathBuf};

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::ExternalError;
use super::files::PLACE;
use crate::hub;
use crate::model::export::{Encoding, ExportError, Source, write_directory};
use crate::model::{MICRO, ModelFiles};
use crate::records::now_millis;
use crate::train::checkpoint::MERGED;

/// What our script writes when it is done.
pub(super) const DONE: &str = "done.json";
const STATE: &str = "trainer_state.json";
/// More of such files is not read.
const LONGEST: u64 = 64 << 20;

/// The model that a trainer left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    pub directory: PathBuf,
    /// It is an adapter for the model that the training began with.
    pub adapter: bool,
    /// The step that it is of, if that is told.
    pub step: Option<u64>,
}

/// As our script writes it; the path is relative to the output.
#[derive(Deserialize)]
struct Done {
    model: String,
    step: Option<u64>,
}

fn checkpoint_step(name: &str) -> Option<u64> {
    name.strip_prefix("checkpoint-")?.parse().ok()
}

/// All checkpoints, whole or not, the newest first.
fn directories(output: &Path) -> Vec<(u64, PathBuf)> {
    let entries = std::fs::read_dir(output).into_iter().flatten().flatten();
    let mut found: Vec<(u64, PathBuf)> =
        entries.filter_map(|entry| Some((checkpoint_step(entry.file_name().to_str()?)?, entry.path()))).collect();
    found.sort_unstable_by(|a, b| b.cmp(a));
    found
}

/// The newest checkpoint that is whole.
pub(super) fn newest(output: &Path) -> Option<(u64, PathBuf)> {
    directories(output).into_iter().find(|(_, directory)| is_whole(directory))
}

/// The trainer's state is written after weights and optimiser: where it is whole, they are.
fn is_whole(checkpoint: &Path) -> bool {
    let Some(text) = read(&checkpoint.join(STATE)) else { return false };
    // Python writes NaN, which is no JSON; but nothing inside ends in the first column.
    serde_json::from_slice::<IgnoredAny>(&text).is_ok() || text.trim_ascii_end().ends_with(b"\n}")
}

fn read(path: &Path) -> Option<Vec<u8>> {
    let mut text = Vec::new();
    File::open(path).ok()?.take(LONGEST).read_to_end(&mut text).ok()?;
    Some(text)
}

/// Moves torn checkpoints away, so that a trainer that takes the newest takes a whole one.
pub(super) fn put_torn_aside(output: &Path) -> io::Result<()> {
    for (step, directory) in directories(output) {
        if !is_whole(&directory) {
            std::fs::rename(&directory, output.join(format!("torn-checkpoint-{step}-{}", now_millis())))?;
        }
    }
    Ok(())
}

/// Whether our script said that it is done.
pub(super) fn is_done(output: &Path) -> bool {
    output.join(DONE).is_file()
}

/// The model that is in the output: what our script names, else what trainers leave, the best place first.
pub(super) fn left(output: &Path) -> Option<Left> {
    let done: Option<Done> = read(&output.join(DONE)).and_then(|text| serde_json::from_slice(&text).ok());
    if let Some(Done { model, step }) = done {
        // A name from a file must not lead out of the output.
        let inside = Path::new(&model).components().all(|part| matches!(part, Component::Normal(_)));
        let directory = output.join(&model);
        let adapter = kind(&directory).filter(|_| inside)?;
        return Some(Left { directory, adapter, step });
    }
    let own = [output.join("final"), output.join("merged"), output.to_path_buf()].map(|place| (None::<u64>, place));
    let newest = newest(output).map(|(step, directory)| (Some(step), directory));
    let mut places = own.into_iter().chain(newest);
    places.find_map(|(step, directory)| kind(&directory).map(|adapter| Left { directory, adapter, step }))
}

/// Whether a directory is an adapter, or else a model; `None` if it is neither.
fn kind(directory: &Path) -> Option<bool> {
    let has = |name: &str| directory.join(name).is_file();
    let model = has("config.json") && (has("model.safetensors") || has("model.safetensors.index.json"));
    let adapter = has("adapter_config.json") && has("adapter_model.safetensors");
    (model || adapter).then_some(!model)
}

/// The trained model as one that opens here: a model directory as it is, an adapter merged into `merged` of the run. What cannot
/// be opened or merged on this machine stays as it is, and a line says why.
///
/// # Errors
/// Of the file system.
pub fn model(run: &Path, left: &Left, base: &str) -> Result<(PathBuf, Option<String>), ExternalError> {
    if left.adapter {
        return match merge(run, left, base) {
            Ok(place) => Ok((place, None)),
            Err(error @ (ExternalError::Export(ExportError::Io { .. }) | ExternalError::Io { .. })) => Err(error),
            Err(error) => Ok((left.directory.clone(), Some(format!("the adapter is not merged: {error}")))),
        };
    }
    let note = ModelFiles::open(&left.directory.to_string_lossy()).err();
    Ok((left.directory.clone(), note.map(|error| format!("the model does not open here: {error}"))))
}

/// Merges an adapter; what was merged before is replaced when the new one is whole.
fn merge(run: &Path, left: &Left, base: &str) -> Result<PathBuf, ExternalError> {
    let adapter = alone(run, &left.directory)?;
    let here = (base == MICRO || hub::is_hub_name(base) || Path::new(base).exists()).then_some(base);
    let source = Source::open(&adapter.to_string_lossy(), here)?;
    let place = run.join(MERGED);
    let [fresh, old] = ["new", "old"].map(|end| run.join(format!("{MERGED}-{end}")));
    remove(&fresh)?;
    remove(&old)?;
    write_directory(&source, &fresh, encoding(&source), &mut |_| ControlFlow::Continue(()))?;
    if place.exists() {
        std::fs::rename(&place, &old).map_err(|error| ExternalError::io(&place, error))?;
    }
    std::fs::rename(&fresh, &place).map_err(|error| ExternalError::io(&place, error))?;
    remove(&old)?;
    Ok(place)
}

/// The adapter in a directory that has nothing else: some trainers put the base's configuration beside it, which makes it look
/// like a model.
fn alone(run: &Path, directory: &Path) -> Result<PathBuf, ExternalError> {
    if !directory.join("config.json").exists() {
        return Ok(directory.to_path_buf());
    }
    let place = run.join(PLACE).join("adapter");
    remove(&place)?;
    std::fs::create_dir_all(&place).map_err(|error| ExternalError::io(&place, error))?;
    for name in ["adapter_config.json", "adapter_model.safetensors"] {
        let (from, to) = (directory.join(name), place.join(name));
        if std::fs::hard_link(&from, &to).is_err() {
            std::fs::copy(&from, &to).map_err(|error| ExternalError::io(&from, error))?;
        }
    }
    Ok(place)
}

/// The base's own number format, as far as merged weights can have it.
fn encoding(source: &Source) -> Encoding {
    let files = source.files();
    let crate::model::Origin::Directory(folder) = &files.origin else { return Encoding::F32 };
    let config = folder.read("config.json").ok().flatten().unwrap_or_default();
    let config: serde_json::Value = serde_json::from_slice(&config).unwrap_or_default();
    match config.get("dtype").or_else(|| config.get("torch_dtype")).and_then(serde_json::Value::as_str) {
        Some("bfloat16") => Encoding::Bf16,
        _ => Encoding::F32,
    }
}

fn remove(directory: &Path) -> Result<(), ExternalError> {
    match std::fs::remove_dir_all(directory) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(ExternalError::io(directory, error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(path: &Path, text: &str) {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    #[test]
    fn the_newest_whole_checkpoint_counts_and_torn_ones_go_aside() {
        let dir = tempfile::tempdir().unwrap();
        let state = |step: u64, text: &str| put(&dir.path().join(format!("checkpoint-{step}/{STATE}")), text);
        assert_eq!(newest(dir.path()), None);
        state(2, "{\"global_step\": 2}");
        state(9, "{\n  \"best\": NaN\n}\n");
        state(10, "{\n  \"log_history\": [\n    {\n      \"loss\": 1\n    }");
        std::fs::create_dir(dir.path().join("checkpoint-11")).unwrap();
        put(&dir.path().join("checkpoint-x/trainer_state.json"), "{}");
        assert_eq!(newest(dir.path()).unwrap().0, 9);
        put_torn_aside(dir.path()).unwrap();
        assert_eq!(directories(dir.path()).into_iter().map(|(step, _)| step).collect::<Vec<_>>(), [9, 2]);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 5);
    }

    #[test]
    fn what_is_left_is_found_inside_the_output_alone() {
        let dir = tempfile::tempdir().unwrap();
        let output = dir.path().join("output");
        std::fs::create_dir(&output).unwrap();
        assert_eq!(left(&output), None);
        for name in ["config.json", "adapter_config.json"] {
            put(&output.join(name), "{}");
        }
        assert_eq!(left(&output), None, "configurations are no weights");
        put(&output.join("adapter_model.safetensors"), "");
        assert_eq!(left(&output), Some(Left { directory: output.clone(), adapter: true, step: None }));
        for name in ["config.json", "model.safetensors"] {
            put(&output.join("final").join(name), "{}");
            put(&dir.path().join("outside").join(name), "{}");
        }
        assert_eq!(left(&output).unwrap().directory, output.join("final"));
        put(&output.join(DONE), "{\"model\": \"final\", \"adapter\": false, \"step\": 7}");
        assert_eq!(left(&output), Some(Left { directory: output.join("final"), adapter: false, step: Some(7) }));
        for outside in ["../outside", dir.path().join("outside").to_str().unwrap()] {
            put(&output.join(DONE), &format!("{{\"model\": \"{outside}\"}}"));
            assert_eq!(left(&output), None, "{outside}");
        }
    }
}
