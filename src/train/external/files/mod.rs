//! The folder of a run that another program trains: `runs/<name>/external`.
//!
//! | path | what |
//! |---|---|
//! | `data/train.jsonl`, `data/validation.jsonl` | the chains, in the shape that the trainer reads, or as tokens with labels |
//! | `config.json` or `config.yaml`, `sft_trl.py` | the settings, and the script that drives TRL |
//! | `model/` | the model that comes with the program, if it is the one to be trained |
//! | `settings.json` | the whole order, for a person who sets the run up again |
//! | `order.json` | hashes of data and settings: a training goes on with the same ones, or not at all |
//! | `command.txt` | the exact command |
//! | `output/` | the trainer's own: checkpoints, metrics, the model |
//! | `output.log`, `trainer.pid`, `finished.json` | what it prints, which process it is, that it is done |
//!
//! The folder appears whole or not at all. Once there is something to go on from, its data stay.

mod rows;
#[cfg(test)]
mod tests;

use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::config::{Facts, compute_name, config};
use super::{External, ExternalError, Trainer, output, template};
use crate::hub;
pub(super) use crate::launch::replace;
use crate::model::export::{Encoding, Source, write_directory};
use crate::model::{ComputeChoice, MICRO};
use crate::train::checkpoint::{self, store::Fresh};
use crate::train::dataset::DataSettings;
use crate::train::{LookSettings, SpikeSettings, TrainSettings};

pub use rows::Data;

/// The folder's name in a run's directory.
pub const PLACE: &str = "external";
const SCRIPT: &str = "sft_trl.py";
const SCRIPT_TEXT: &str = include_str!("../../../../assets/external/sft_trl.py");
const TRAIN: &str = "data/train.jsonl";
const VALIDATION: &str = "data/validation.jsonl";
const RECORD: &str = "order.json";
const SETTINGS: &str = "settings.json";
const COMMAND: &str = "command.txt";
/// Where a trainer finds the model that comes with the program.
const MODEL: &str = "model";

/// What is known of the model where it opens here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Known {
    pub parameters: Option<usize>,
    /// Names the weights' content.
    pub content: Option<String>,
    /// Tokens of the longest chain.
    pub longest: Option<usize>,
    /// A chat template for a model that has none of its own.
    pub template: Option<String>,
}

/// What is to be trained.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// The run's directory, from the root on.
    pub run: &'a Path,
    pub settings: &'a TrainSettings,
    pub compute: ComputeChoice,
    pub external: &'a External,
    pub data: Data<'a>,
    pub known: &'a Known,
}

/// Everything that is written and run for one training. Nothing is on the disk before it is run.
#[derive(Debug, Clone)]
pub struct Plan {
    run: PathBuf,
    external: External,
    /// The model as the trainer opens it.
    model: String,
    /// Where the folder is seen from the trainer.
    there: String,
    config: &'static str,
    copies_model: bool,
    validates: bool,
    total_steps: u64,
    /// By their places in the folder.
    files: Vec<(&'static str, Vec<u8>)>,
    record: Record,
}

/// The order of a run, as a form has it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    pub settings: TrainSettings,
    pub external: External,
}

/// The order that a run was last started with; `None` if no other program trains it.
///
/// # Errors
/// If it cannot be read, or is no order.
pub fn kept(run: &Path) -> Result<Option<Kept>, ExternalError> {
    let path = run.join(PLACE).join(SETTINGS);
    let text = match std::fs::read(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(ExternalError::io(&path, error)),
    };
    let kept = serde_json::from_slice(&text);
    kept.map(Some).map_err(|error| ExternalError::io(&path, io::Error::from(error)))
}

/// What a run must keep.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Record {
    format: u32,
    trainer: String,
    /// Of both files of chains.
    data: String,
    /// Of all settings that numbers depend on, and the model.
    settings: String,
}

impl Plan {
    /// # Errors
    /// If a setting means nothing, or the model is none that such trainers open.
    pub fn new(wanted: Wanted<'_>) -> Result<Self, ExternalError> {
        let Wanted { run, settings, external, known, .. } = wanted;
        external.validate()?;
        if settings.model.to_ascii_lowercase().ends_with(".gguf") {
            let line = format!(
                "{}: such trainers open no GGUF file; `cribble export-model` makes a directory of it",
                settings.model
            );
            return Err(ExternalError::Settings(line));
        }
        let there = match &external.directory {
            Some(directory) => directory.trim_end_matches('/').to_owned(),
            None => text_of(&run.join(PLACE))?,
        };
        let copies_model = settings.model == MICRO;
        let model = match std::fs::canonicalize(&settings.model) {
            _ if copies_model => format!("{there}/{MODEL}"),
            Ok(path) => text_of(&path)?,
            Err(_) if hub::is_hub_name(&settings.model) => on_hub(&settings.model, external)?,
            // A name that the trainer knows, or a place on another machine.
            Err(_) => settings.model.clone(),
        };
        let validates = wanted.data.held_out() > 0;
        let facts = Facts {
            settings,
            compute: wanted.compute,
            model: &model,
            parameters: known.parameters,
            longest: known.longest,
            there: &there,
            validates,
            tokenized: wanted.data.is_tokenized(),
            template: known.template.as_deref(),
        };
        let (config_name, config_text) = config(&external.trainer, &facts);
        let (train, validation) = wanted.data.lines(&external.trainer);
        let mut files = vec![(TRAIN, train)];
        if validates {
            files.push((VALIDATION, validation));
        }
        let record = Record {
            format: 1,
            trainer: external.trainer.to_string(),
            data: hash(files.iter().map(|(_, bytes)| bytes.as_slice())),
            settings: hash([numbers(&wanted).to_string().as_bytes()]),
        };
        files.push((config_name, config_text.into_bytes()));
        if external.trainer == Trainer::Trl {
            files.push((SCRIPT, SCRIPT_TEXT.as_bytes().to_vec()));
        }
        let kept = Kept { settings: settings.clone(), external: external.clone() };
        files.push((SETTINGS, format!("{:#}\n", json!(kept)).into_bytes()));
        files.push((RECORD, format!("{:#}\n", json!(record)).into_bytes()));
        Ok(Self {
            run: run.to_path_buf(),
            external: external.clone(),
            total_steps: total_steps(settings, wanted.data.chains()),
            model,
            there,
            config: config_name,
            copies_model,
            validates,
            files,
            record,
        })
    }

    pub fn external(&self) -> &External {
        &self.external
    }

    /// The run's directory.
    pub fn run(&self) -> &Path {
        &self.run
    }

    /// The folder.
    pub fn place(&self) -> PathBuf {
        self.run.join(PLACE)
    }

    pub(super) fn output(&self) -> PathBuf {
        self.place().join("output")
    }

    /// Where the command is kept.
    pub(super) fn command_file(&self) -> PathBuf {
        self.place().join(COMMAND)
    }

    /// Steps that the settings ask for, if the trainer counts as we do.
    pub fn total_steps(&self) -> u64 {
        self.total_steps
    }

    /// What will be written, with sizes in bytes, for a person to see before.
    pub fn files(&self) -> impl Iterator<Item = (PathBuf, usize)> {
        self.files.iter().map(move |(name, bytes)| (self.place().join(name), bytes.len()))
    }

    /// The configuration's text.
    pub fn config(&self) -> String {
        let found = self.files.iter().find(|(name, _)| *name == self.config);
        found.map(|(_, bytes)| String::from_utf8_lossy(bytes).into_owned()).unwrap_or_default()
    }

    /// The command as it would be started now, word for word.
    ///
    /// # Errors
    /// If a template is wrong.
    pub fn command(&self) -> Result<Vec<String>, ExternalError> {
        let at = |name: &str| format!("{}/{name}", self.there);
        let python = |more: &[String]| {
            let launcher = self.external.launcher.as_deref();
            let own = if template::runs_scripts(launcher) { None } else { Some(self.external.python.clone()) };
            own.into_iter().chain(more.iter().cloned()).collect::<Vec<String>>()
        };
        let wrong = |error: template::TemplateError| ExternalError::Settings(error.to_string());
        let command = match &self.external.trainer {
            Trainer::Trl => python(&[at(SCRIPT), at(self.config)]),
            Trainer::Axolotl => python(&["-m".into(), "axolotl.cli.train".into(), at(self.config)]),
            Trainer::Command(text) => {
                let newest = output::newest(&self.output())
                    .and_then(|(_, path)| Some(at(&format!("output/{}", path.file_name()?.to_str()?))));
                let [config, data, out] = [self.config, TRAIN, "output"].map(at);
                let validation = if self.validates { at(VALIDATION) } else { String::new() };
                let values = [
                    ("config", config.as_str()),
                    ("data", data.as_str()),
                    ("validation", validation.as_str()),
                    ("output", out.as_str()),
                    ("model", self.model.as_str()),
                    ("resume", newest.as_deref().unwrap_or_default()),
                ];
                template::fill(&template::split(text).map_err(wrong)?, &values).map_err(wrong)?
            }
        };
        template::launch(self.external.launcher.as_deref(), &command).map_err(wrong)
    }

    /// Writes the folder. Where there is a training to go on with, or one at work, only what does not touch its numbers may have
    /// changed.
    ///
    /// # Errors
    /// If the run is another one, or of the file system; then the folder is as it was.
    pub(super) fn write(&self, at_work: bool) -> Result<(), ExternalError> {
        let place = self.place();
        let io = |error| ExternalError::io(&place, error);
        let refuse = |what: &str| {
            Err(ExternalError::Refused(format!("{}: {what}; train under another name", self.run.display())))
        };
        if !checkpoint::steps(&self.run).is_empty() {
            return refuse("cribble itself has trained here");
        }
        let before = read_record(&place);
        if before.as_ref() == Some(&self.record) {
            for (name, bytes) in &self.files {
                let path = place.join(name);
                if std::fs::read(&path).ok().as_ref() != Some(bytes) {
                    replace(&path, bytes).map_err(io)?;
                }
            }
            return std::fs::create_dir_all(self.output()).map_err(io);
        }
        if at_work || output::newest(&self.output()).is_some() || finished(&place).is_some() {
            return match before {
                Some(before) if before.trainer != self.record.trainer => refuse("another trainer has trained here"),
                Some(before) if before.data != self.record.data => {
                    refuse("made from other data (the chains that are learnt from have changed)")
                }
                Some(_) => refuse("made with other settings"),
                None => refuse("it does not say what it was made from"),
            };
        }
        self.write_anew(&place)
    }

    fn write_anew(&self, place: &Path) -> Result<(), ExternalError> {
        let io = |error| ExternalError::io(place, error);
        let mut fresh = Fresh::begin(place).map_err(io)?;
        for directory in ["data", "output"] {
            std::fs::create_dir_all(fresh.path().join(directory)).map_err(io)?;
        }
        for (name, bytes) in &self.files {
            fresh.content(name, bytes).map_err(io)?;
        }
        if self.copies_model {
            let source = Source::open(MICRO, None)?;
            let to = fresh.path().join(MODEL);
            write_directory(&source, &to, Encoding::F32, &mut |_| ControlFlow::Continue(()))?;
        }
        fresh.finish().map_err(io)
    }
}

/// A path as text, which configurations and commands are.
fn text_of(path: &Path) -> Result<String, ExternalError> {
    path.to_str().map(str::to_owned).ok_or_else(|| {
        ExternalError::Settings(format!("{}: such trainers need a path in UTF-8; move it", path.display()))
    })
}

/// As many as a training here would take.
fn total_steps(settings: &TrainSettings, chains: usize) -> u64 {
    let whole = (chains.div_ceil(settings.batch_size.max(1)) as u64).saturating_mul(settings.epochs.max(1));
    match (settings.max_steps, settings.epochs) {
        (0, _) => whole,
        (most, 0) => most,
        (most, _) => most.min(whole),
    }
}

/// What the trained numbers depend on.
fn numbers(wanted: &Wanted<'_>) -> Value {
    let settings = TrainSettings {
        model: String::new(),
        checkpoint_every: 0,
        keep_last: 1,
        validate_every: 0,
        gradient_checkpointing: false,
        wandb: false,
        early_stop: 0,
        spike: SpikeSettings::default(),
        look: LookSettings::default(),
        // What is learnt from is known by its hash.
        data: DataSettings { selection: String::new(), ..wanted.settings.data.clone() },
        ..wanted.settings.clone()
    };
    let model = wanted.known.content.as_ref().unwrap_or(&wanted.settings.model);
    json!({ "settings": settings, "model": model, "compute": compute_name(wanted.compute) })
}

/// A model on the Hub as the trainer is to open it: where it lies on this machine, or on another one by the name that trainers know.
fn on_hub(model: &str, external: &External) -> Result<String, ExternalError> {
    let wrong = |line: String| ExternalError::Settings(line);
    if external.directory.is_none() && !external.is_remote() {
        return text_of(&hub::model_path(model).map_err(|error| wrong(error.to_string()))?);
    }
    let name = hub::Name::parse(model).map_err(|error| wrong(error.to_string()))?;
    match name.revision() {
        None => Ok(name.repository()),
        Some(_) => Err(wrong(format!("{model}: a trainer on another machine takes no revision; leave it out"))),
    }
}

fn hash<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update((part.len() as u64).to_le_bytes());
        digest.update(part);
    }
    digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn read_record(place: &Path) -> Option<Record> {
    serde_json::from_slice(&std::fs::read(place.join(RECORD)).ok()?).ok()
}

/// That a training is done, and what came of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Finished {
    pub step: u64,
    pub validation_loss: Option<f64>,
}

const FINISHED: &str = "finished.json";

pub(super) fn finished(place: &Path) -> Option<Finished> {
    serde_json::from_slice(&std::fs::read(place.join(FINISHED)).ok()?).ok()
}

pub(super) fn finish(place: &Path, finished: &Finished) -> io::Result<()> {
    replace(&place.join(FINISHED), &serde_json::to_vec(finished)?)
}
