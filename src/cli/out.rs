//! Standard output of subcommands: a reader that went away ends them quietly, a full disk is an error of one line.

use std::io::{ErrorKind, Write};

use color_eyre::Result;
use color_eyre::eyre::WrapErr;

/// Writes text as it is.
pub fn text(text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        // Nobody reads on, as with `| head`: there is nobody to tell either.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => std::process::exit(0),
        written => written.wrap_err("standard output"),
    }
}

/// Writes one line.
pub fn line(line: impl std::fmt::Display) -> Result<()> {
    text(&format!("{line}\n"))
}
