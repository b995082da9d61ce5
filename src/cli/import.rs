//! `cribble import`: problems, or samples that other tools wrote, from a file into a session.

use std::path::PathBuf;

use clap::Args;
use color_eyre::{Report, Result};
use serde_json::{Value, json};

use super::arguments::SessionArgument;
use super::failure::BadInput;
use crate::exchange::formats::{Detokenizer, SampleFormat};
use crate::exchange::samples::{self, Reading};
use crate::exchange::store::{self, StoreError};
use crate::exchange::{ColumnMap, problems};
use crate::model::TextFiles;
use crate::tui::text;

#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    session: SessionArgument,
    /// JSONL, a JSON array or Parquet: problems in the shape of GSM8K, MATH, AIME, or {"problem","answer"}; with --samples, samples
    /// of other tools
    #[arg(long, short = 'i', value_name = "FILE")]
    input: PathBuf,
    /// The file holds samples, which are stored with their problems and graded where there is a right answer
    #[arg(long)]
    samples: bool,
    /// Shape of the samples; left out, the columns of the first row tell
    #[arg(long, value_enum, value_name = "FORMAT")]
    format: Option<SampleFormat>,
    /// Samples that are tokens (input_ids and labels): the model whose tokenizer and chat template made them
    #[arg(long, value_name = "MODEL")]
    model: Option<String>,
    /// Columns under other names: problem=COLUMN,answer=COLUMN
    #[arg(long, value_name = "NAMES", default_value = "")]
    map: ColumnMap,
    /// Say what the file is taken for and what would be added, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Print a JSON object: {"session","format","problems","added","unchanged"}; with --samples also "samples","graded","correct",
    /// "accepted","rejected"
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &Arguments) -> Result<()> {
    if arguments.samples || arguments.format.is_some() || arguments.model.is_some() {
        return import_samples(arguments);
    }
    let (read, report) = problems::read_mapped(&arguments.input, &arguments.map).map_err(|error| {
        // Whoever has samples may not know that a switch reads them.
        let reading = Reading { map: arguments.map.clone(), ..Reading::default() };
        match samples::guess(&arguments.input, &reading) {
            Ok(guess) => Report::from(BadInput(format!("{error}; --samples reads it as samples ({})", guess.format))),
            Err(_) => Report::from(error),
        }
    })?;
    if arguments.dry_run && arguments.json {
        let found = json!({
            "session": arguments.session.path()?, "format": report.format.to_string(), "problems": read.len(),
            "added": 0, "unchanged": 0, "dry_run": true, "container": report.container.to_string(),
        });
        super::out::line(format_args!("{found}"))?;
        return Ok(());
    }
    if arguments.dry_run {
        super::out::line(format_args!("{report}"))?;
        return Ok(());
    }
    let session = arguments.session.open_or_create()?;
    let added = session.add_problems(&read)?;
    if arguments.json {
        let done = json!({
            "session": session.dir(), "format": report.format.to_string(), "problems": read.len(),
            "added": added.added, "unchanged": added.unchanged, "container": report.container.to_string(),
        });
        super::out::line(format_args!("{done}"))?;
    } else {
        super::out::line(format_args!("{report}; {} added, {} were there already", added.added, added.unchanged))?;
    }
    Ok(())
}

fn import_samples(arguments: &Arguments) -> Result<()> {
    let files = arguments.model.as_deref().map(TextFiles::open).transpose()?;
    let detokenizer = files.map(Detokenizer::of).transpose()?;
    let reading = Reading { format: arguments.format, map: arguments.map.clone(), detokenizer };
    let guess = samples::guess(&arguments.input, &reading)?;
    let columns: Vec<String> = guess.columns.iter().map(|column| text::clean(column)).collect();
    let reading = Reading { format: Some(guess.format), ..reading };
    let readable = store::look(&arguments.input, &reading)?;
    let mut told = readable.found.json();
    told["columns"] = json!(guess.columns);
    if arguments.dry_run {
        told["session"] = json!(arguments.session.path()?);
        told["dry_run"] = Value::from(true);
        (told["added"], told["unchanged"]) = (Value::from(0), Value::from(0));
        return if arguments.json {
            told["first"] = Value::Object(guess.first);
            super::out::line(told)
        } else {
            super::out::line(format_args!("{}; columns: {}", readable.found, columns.join(", ")))
        };
    }
    let session = arguments.session.open_or_create()?;
    let stored = store::store(&session, &readable).map_err(|error| match error {
        StoreError::Import(error) => Report::from(error),
        StoreError::Session(error) => Report::from(error),
    })?;
    if arguments.json {
        told["session"] = json!(session.dir());
        if let (Value::Object(told), Value::Object(stored)) = (&mut told, json!(stored)) {
            told.extend(stored);
        }
        return super::out::line(told);
    }
    super::out::line(format_args!(
        "{}; {} added, {} were there already; {} of {} graded are right",
        readable.found, stored.added, stored.unchanged, stored.correct, stored.graded
    ))?;
    if stored.repeated > 0 {
        super::out::line(format_args!("{} repeat another one word for word and were left out", stored.repeated))?;
    }
    if stored.accepted + stored.rejected > 0 {
        super::out::line(format_args!(
            "decided as the file does: {} accepted, {} rejected; undo in the workbench takes each lot back",
            stored.accepted, stored.rejected
        ))?;
    }
    if stored.other_gold > 0 {
        super::out::line(format_args!(
            "{} samples were graded by the answer that the session has for their problem; the file has another",
            stored.other_gold
        ))?;
    }
    Ok(())
}
