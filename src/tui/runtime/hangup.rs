//! When the terminal is gone and a job still runs: the process goes on without one.

use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

/// Puts an empty pipe on standard input and the log on the outputs. Whoever still reads the input waits instead of
/// spinning on a closed terminal. The returned end must be kept: once it closes, the pipe ends.
pub fn drop_terminal(state: &Path) -> std::io::Result<OwnedFd> {
    let (read, write) = rustix::pipe::pipe()?;
    rustix::stdio::dup2_stdin(read.as_fd())?;
    std::fs::create_dir_all(state)?;
    let log = std::fs::OpenOptions::new().create(true).append(true).open(state.join("cribble.log"))?;
    rustix::stdio::dup2_stdout(log.as_fd())?;
    rustix::stdio::dup2_stderr(log.as_fd())?;
    Ok(write)
}
