//! `cribble export`: a session's chains as training data, in one file or as a data set that other tools load.

use std::path::{Path, PathBuf};

use clap::Args;
use color_eyre::{Report, Result};
use serde_json::json;

use super::arguments::SessionArgument;
use super::failure::BadInput;
use crate::exchange::dataset::{self, DatasetOrder, DatasetReport, FileKind};
use crate::exchange::messages::{self, ExportError, Which};
use crate::exchange::rows::{DataFormat, Wanted};
use crate::model::TextFiles;
use crate::pipeline;
use crate::session::Session;
use crate::train::dataset::{DataSettings, LossOn};
use crate::tui::text;

#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    session: SessionArgument,
    /// File to write (JSON lines, replaced whole); left out, standard output
    #[arg(long, short = 'o', value_name = "FILE", group = "place")]
    output: Option<PathBuf>,
    /// Directory to make: data/, README.md (a card), dataset_info.json (for LLaMA-Factory)
    #[arg(long, short = 'd', value_name = "DIR", group = "place")]
    directory: Option<PathBuf>,
    /// Which samples
    #[arg(long, value_enum, default_value_t)]
    which: Which,
    /// Shape of a row
    #[arg(long, value_enum, default_value_t)]
    format: DataFormat,
    /// Write the whole dialogue instead of the stitched chain; imported chats of several questions are always whole
    #[arg(long)]
    dialogue: bool,
    /// With --directory: what holds the rows
    #[arg(long, value_enum, default_value_t, requires = "directory", conflicts_with = "output")]
    file_kind: FileKind,
    /// With --directory: share of the problems that is held out to validate
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, requires = "directory", conflicts_with = "output")]
    validation_share: f64,
    /// With --directory: seed of the split
    #[arg(long, value_name = "N", default_value_t = 0, requires = "directory", conflicts_with = "output")]
    seed: u64,
    /// With --directory: replace one that cribble made
    #[arg(long, requires = "directory", conflicts_with = "output")]
    force: bool,
    /// With --directory: write input_ids, attention_mask and labels by the tokenizer and chat template of this model, of what is
    /// trained on
    #[arg(long, value_name = "MODEL", requires = "directory",
          conflicts_with_all = ["format", "which", "dialogue", "output"])]
    tokens: Option<String>,
    /// With --tokens: a selection, by its name or hash; left out, every accepted chain
    #[arg(long, value_name = "NAME", requires = "tokens")]
    selection: Option<String>,
    /// With --tokens: longest sample in tokens; longer ones are left out
    #[arg(long, value_name = "N", requires = "tokens")]
    max_length: Option<usize>,
    /// With --tokens: what has a loss: all, last_segment or all_but_wrong_attempts
    #[arg(long, value_name = "PARTS", requires = "tokens")]
    loss_on: Option<LossOn>,
    /// With --output: print a JSON object {"path","samples"}; with --directory also "train","validation"
    #[arg(long, requires = "place")]
    json: bool,
}

pub fn run(arguments: &Arguments) -> Result<()> {
    let session = arguments.session.open()?;
    let wanted = Wanted { format: arguments.format, which: arguments.which, dialogue: arguments.dialogue };
    if let Some(directory) = &arguments.directory {
        let report = write_directory(&session, directory, wanted, arguments)?;
        return tell_directory(directory, report, arguments.json);
    }
    let samples = messages::export_as(&session, arguments.output.as_deref(), wanted).map_err(refused)?;
    let Some(path) = &arguments.output else { return Ok(()) };
    if arguments.json {
        super::out::line(format_args!("{}", json!({"path": path, "samples": samples})))
    } else {
        super::out::line(format_args!("{samples} samples written to {}", text::clean(&path.display().to_string())))
    }
}

fn write_directory(
    session: &Session,
    directory: &Path,
    wanted: Wanted,
    arguments: &Arguments,
) -> Result<DatasetReport> {
    let order = DatasetOrder {
        directory: directory.to_path_buf(),
        wanted,
        kind: arguments.file_kind,
        validation_share: arguments.validation_share,
        seed: arguments.seed,
        force: arguments.force,
    };
    let Some(model) = &arguments.tokens else { return dataset::export(session, &order).map_err(refused) };
    let default = DataSettings::default();
    let settings = DataSettings {
        selection: arguments.selection.clone().unwrap_or_default(),
        max_length: arguments.max_length.unwrap_or(default.max_length),
        loss_on: arguments.loss_on.unwrap_or(default.loss_on),
        validation_share: arguments.validation_share,
        ..default
    };
    let examples = pipeline::train::examples(session, &settings)?;
    let files = TextFiles::open(model)?;
    let data = crate::train::dataset::build(&examples, &files.tokenizer, &files.template, &settings, arguments.seed)?;
    dataset::export_tokens(session, &data, model, &order).map_err(refused)
}

fn tell_directory(directory: &Path, report: DatasetReport, as_json: bool) -> Result<()> {
    let DatasetReport { train, validation } = report;
    if as_json {
        let done = json!({"path": directory, "samples": train + validation, "train": train, "validation": validation});
        return super::out::line(format_args!("{done}"));
    }
    let held_out = if validation > 0 { format!(" and {validation} to validate") } else { String::new() };
    let place = text::clean(&directory.display().to_string());
    super::out::line(format_args!("{train} rows to train on{held_out} written to {place}"))
}

/// What was asked for wrongly is bad input; the rest failed.
fn refused(error: ExportError) -> Report {
    match error {
        ExportError::Refused(line) => BadInput(line).into(),
        error => error.into(),
    }
}
