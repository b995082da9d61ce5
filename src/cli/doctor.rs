//! `cribble doctor`: what could keep the program from working well here, each line with what to do.

use std::io::IsTerminal;

use clap::Args;
use color_eyre::Result;

use super::arguments;
use crate::config::Directories;
use crate::model::ModelFiles;
use crate::session::{Session, network_file_system};
use crate::tui::text;
use crate::tui::theme::Depth;

#[derive(Debug, Args)]
pub struct Arguments {
    /// Also look at a model: directory, .gguf file, or micro
    #[arg(long, value_name = "MODEL")]
    model: Option<String>,
    /// Also look at a session
    #[arg(long, short = 's', value_name = "SESSION")]
    session: Option<String>,
    /// Print one JSON object a line: {"check","ok","found"}
    #[arg(long)]
    json: bool,
}

struct Finding {
    check: &'static str,
    ok: bool,
    found: String,
}

impl Finding {
    fn new(check: &'static str, ok: bool, found: impl Into<String>) -> Self {
        Self { check, ok, found: found.into() }
    }
}

pub fn run(arguments: &Arguments) -> Result<()> {
    let mut findings = vec![processor(), memory(), terminal(), colours()];
    findings.extend(directories());
    if let Some(model) = &arguments.model {
        findings.push(self::model(model));
    }
    if let Some(session) = &arguments.session {
        findings.extend(self::session(session));
    }
    for finding in &findings {
        let found = text::clean(&finding.found);
        if arguments.json {
            super::out::line(format_args!(
                "{}",
                serde_json::json!({"check": finding.check, "ok": finding.ok, "found": found})
            ))?;
        } else {
            super::out::line(format_args!(
                "{:<4} {:<12} {found}",
                if finding.ok { "ok" } else { "look" },
                finding.check
            ))?;
        }
    }
    match findings.iter().filter(|finding| !finding.ok).count() {
        0 => Ok(()),
        1 => Err(color_eyre::eyre::eyre!("1 thing to look at, above")),
        several => Err(color_eyre::eyre::eyre!("{several} things to look at, above")),
    }
}

fn processor() -> Finding {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    Finding::new("processor", true, format!("{threads} threads, {} kernels", crate::model::ops::instruction_set()))
}

fn memory() -> Finding {
    let info = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let mib = |key: &str| -> Option<u64> {
        let line = info.lines().find(|line| line.starts_with(key))?;
        line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kib| kib / 1024)
    };
    match (mib("MemTotal:"), mib("MemAvailable:")) {
        (Some(total), Some(free)) => Finding::new(
            "memory",
            free >= 1024,
            format!(
                "{free} of {total} MiB available{}",
                if free < 1024 { "; a small model needs about 1024" } else { "" }
            ),
        ),
        _ => Finding::new("memory", true, "this system does not say"),
    }
}

fn terminal() -> Finding {
    let term = std::env::var("TERM").unwrap_or_default();
    if !std::io::stdin().is_terminal() || !std::io::stdout().is_terminal() {
        return Finding::new("terminal", true, "not one; the workbench needs it, `generate` and the others do not");
    }
    match crossterm::terminal::size() {
        _ if term.is_empty() || term == "dumb" => {
            Finding::new("terminal", false, format!("TERM is `{term}`; set it to what your terminal is"))
        }
        Ok((columns, rows)) if columns < 60 || rows < 16 => {
            Finding::new("terminal", false, format!("{term}, {columns}x{rows}; the workbench needs 60x16"))
        }
        Ok((columns, rows)) => Finding::new("terminal", true, format!("{term}, {columns}x{rows}")),
        Err(error) => Finding::new("terminal", false, format!("{term}, of no known size: {error}")),
    }
}

fn colours() -> Finding {
    let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let remote =
        if set("SSH_CONNECTION") || set("SSH_TTY") { "; over SSH, fewer frames a second (fps_over_ssh)" } else { "" };
    let colours = match Depth::of_environment(|name| std::env::var(name).ok()) {
        Depth::None if set("NO_COLOR") => "none (NO_COLOR is set)",
        Depth::None => "none, as TERM says",
        Depth::Ansi => "the terminal's own 16",
        Depth::Indexed => "256",
        Depth::True => "16 million",
    };
    Finding::new("colours", true, format!("{colours}{remote}"))
}

fn directories() -> Vec<Finding> {
    match Directories::from_environment() {
        Err(error) => vec![Finding::new("directories", false, error.to_string())],
        Ok(directories) => {
            let data = directories.data();
            let made = std::fs::create_dir_all(data);
            let config = Finding::new("config", true, directories.config().display().to_string());
            let state = Finding::new("state", true, directories.state().display().to_string());
            let data = match made.and_then(|()| tempfile_in(data)) {
                Ok(()) => match network_file_system(data) {
                    None => Finding::new("data", true, data.display().to_string()),
                    Some(kind) => Finding::new(
                        "data",
                        false,
                        format!(
                            "{} lies on {kind}: one process at a time can use a session; set CRIBBLE_DATA_DIR to a local \
                             directory",
                            data.display()
                        ),
                    ),
                },
                Err(error) => Finding::new(
                    "data",
                    false,
                    format!(
                        "{} cannot be written: {error}; set CRIBBLE_DATA_DIR to a directory that can",
                        data.display()
                    ),
                ),
            };
            vec![data, config, state]
        }
    }
}

/// Whether a file can be made, written and removed in the directory.
fn tempfile_in(directory: &std::path::Path) -> std::io::Result<()> {
    let path = directory.join(format!(".doctor-{}", std::process::id()));
    std::fs::write(&path, b"x")?;
    std::fs::remove_file(path)
}

fn model(spec: &str) -> Finding {
    match ModelFiles::open(spec) {
        Err(error) => Finding::new("model", false, error.to_string()),
        Ok(files) => {
            let a = &files.architecture;
            Finding::new(
                "model",
                true,
                format!(
                    "{}: {:?}, {} layers, hidden {}, vocabulary {}, context {}, chat template {}",
                    files.name,
                    a.family,
                    a.num_hidden_layers,
                    a.hidden_size,
                    a.vocab_size,
                    a.max_position_embeddings,
                    files.template.name(),
                ),
            )
        }
    }
}

fn session(name: &str) -> Vec<Finding> {
    let opened = arguments::path_of(name).and_then(|path| Ok(Session::open(&path)?));
    let session = match opened {
        Err(error) => return vec![Finding::new("session", false, error.to_string())],
        Ok(session) => session,
    };
    let mut findings = Vec::new();
    findings.push(match (session.read_only(), session.counts()) {
        (Some(reason), _) => Finding::new("session", false, format!("for viewing only: {reason}")),
        (None, Ok(counts)) => {
            Finding::new("session", true, format!("{} problems, {} samples", counts.problems, counts.samples))
        }
        (None, Err(error)) => Finding::new("session", false, error.to_string()),
    });
    findings.push(match session.check() {
        Ok(()) => Finding::new("store", true, "integrity check passed"),
        Err(error) => Finding::new("store", false, error.to_string()),
    });
    match session.holders() {
        Ok(holders) if holders.is_empty() => findings.push(Finding::new("job", true, "none runs")),
        Ok(holders) => findings.extend(holders.iter().map(|holder| {
            Finding::new("job", true, format!("{} (pid {} on {})", holder.job, holder.pid, holder.host))
        })),
        Err(error) => findings.push(Finding::new("job", false, error.to_string())),
    }
    findings
}
