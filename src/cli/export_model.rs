//! `cribble export-model`: a model written for other programs.

use std::io::IsTerminal;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use color_eyre::Result;
use serde_json::json;

use super::failure::Interrupted;
use super::{out, signals};
use crate::jobs::Control;
use crate::model::export::{Encoding, ExportError, Progress, Source, gguf, write_adapter, write_directory};
use crate::tui::text::clean;

#[derive(Debug, Args)]
pub struct Arguments {
    /// Directory of a model or of a PEFT adapter, a .gguf file, or micro, which comes with the program
    #[arg(long, short = 'm', value_name = "MODEL")]
    model: String,
    /// The adapter's base model; left out, the one that the adapter names
    #[arg(long, value_name = "MODEL")]
    base: Option<String>,
    /// What to write; an adapter is merged into its base unless it is peft
    #[arg(long, value_enum)]
    to: Form,
    /// File or new directory to write; a gguf file goes into a directory under a name of its own. A file is replaced whole
    #[arg(long, short = 'o', value_name = "PATH")]
    output: PathBuf,
    /// Number format of the weights: f32, f16, bf16, or in gguf q8_0; left out, f16 (gguf), bf16 (hf) or f32 (peft)
    #[arg(long, value_name = "FORMAT")]
    dtype: Option<Encoding>,
    /// Print a JSON object: {"path","format","dtype","bytes","tensors","parameters","notes"}
    #[arg(long)]
    json: bool,
}

/// The programs that it is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    /// One file for llama.cpp, Ollama, LM Studio
    Gguf,
    /// A Hugging Face directory of safetensors for transformers, vLLM, SGLang
    Hf,
    /// The adapter alone, for peft and vLLM
    Peft,
}

impl Form {
    fn name(self) -> &'static str {
        match self {
            Self::Gguf => "gguf",
            Self::Hf => "hf",
            Self::Peft => "peft",
        }
    }

    fn usual_encoding(self) -> Encoding {
        match self {
            Self::Gguf => Encoding::F16,
            Self::Hf => Encoding::Bf16,
            Self::Peft => Encoding::F32,
        }
    }
}

pub fn run(arguments: &Arguments) -> Result<()> {
    let source = Source::open(&arguments.model, arguments.base.as_deref())?;
    let encoding = arguments.dtype.unwrap_or(arguments.to.usual_encoding());
    let place = place(&source, arguments, encoding);
    let asked = signals::listen(Control::new())?;
    let terminal = std::io::stderr().is_terminal();
    let mut shown = None;
    let mut watch = |progress: Progress| {
        let percent = (100 * progress.done).checked_div(progress.total).unwrap_or(100);
        if terminal && shown != Some(percent) {
            shown = Some(percent);
            eprint!("\r\x1b[2K{percent}% of {} MB written", progress.total / 1_000_000);
        }
        if asked.to_stop() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let written = match arguments.to {
        Form::Gguf => gguf::write(&source, &place, encoding, &mut watch),
        Form::Hf => write_directory(&source, &place, encoding, &mut watch),
        Form::Peft => write_adapter(&source, &place, encoding, &mut watch),
    };
    if shown.is_some() {
        eprint!("\r\x1b[2K");
    }
    let summary = match written {
        Err(ExportError::Stopped) => return Err(Interrupted("nothing was written".into()).into()),
        written => written?,
    };
    if arguments.json {
        return out::line(json!({
            "path": summary.path, "format": arguments.to.name(), "dtype": summary.encoding.name(),
            "bytes": summary.bytes, "tensors": summary.tensors, "parameters": summary.parameters,
            "notes": summary.notes,
        }));
    }
    for note in &summary.notes {
        eprintln!("cribble: {}", clean(note));
    }
    out::line(format_args!(
        "{} tensors ({}, {:.1} MB) written to {}",
        summary.tensors,
        summary.encoding,
        summary.bytes as f64 / 1e6,
        clean(&summary.path.display().to_string())
    ))
}

fn place(source: &Source, arguments: &Arguments, encoding: Encoding) -> PathBuf {
    let output: &Path = &arguments.output;
    if arguments.to == Form::Gguf && output.is_dir() {
        return output.join(gguf::file_name(source, encoding));
    }
    output.to_path_buf()
}
