//! What a program prints: one file that it writes itself, so that it goes on when nobody follows it, kept within bounds.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// A log that has grown over this becomes the older one.
pub const LONGEST: u64 = 64 << 20;
/// Bytes at the end in which the reason for an end is looked for.
const TAIL: u64 = 16 << 10;
/// Characters of a reason.
const REASON: usize = 300;

fn older(log: &Path) -> PathBuf {
    let mut older = log.as_os_str().to_owned();
    older.push(".1");
    PathBuf::from(older)
}

/// Begins a new log; the one before becomes the older one.
///
/// # Errors
/// Of the file system.
pub fn begin(log: &Path) -> io::Result<File> {
    match std::fs::rename(log, older(log)) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    OpenOptions::new().create(true).append(true).open(log)
}

/// Makes room where the log is too long. The program has it open and appends: it is copied and emptied, not moved.
///
/// # Errors
/// Of the file system.
pub fn keep_short(log: &Path, longest: u64) -> io::Result<()> {
    if std::fs::metadata(log).map_or(0, |data| data.len()) <= longest {
        return Ok(());
    }
    std::fs::copy(log, older(log))?;
    OpenOptions::new().write(true).open(log)?.set_len(0)
}

/// Why the program ended, as its last words say; `None` where it has none.
pub fn reason(log: &Path) -> Option<String> {
    let mut file = File::open(log).ok()?;
    let len = file.metadata().ok()?.len();
    file.seek(SeekFrom::Start(len.saturating_sub(TAIL))).ok()?;
    let mut tail = Vec::new();
    file.take(TAIL).read_to_end(&mut tail).ok()?;
    reason_in(&String::from_utf8_lossy(&tail))
}

/// The last exception that a program, not its launcher, tells of; else the last line.
fn reason_in(tail: &str) -> Option<String> {
    // What a progress bar wrote over is a line of its own.
    let lines: Vec<&str> = tail.split(['\n', '\r']).map(without_rank).filter(|line| !line.is_empty()).collect();
    let of_launcher = |line: &&&str| line.contains("ChildFailedError") || line.contains("CalledProcessError");
    let exceptions = || lines.iter().rev().filter(|line| is_exception(line));
    let line = exceptions().find(|line| !of_launcher(line)).or_else(|| exceptions().next()).or(lines.last())?;
    let plain: String = line.chars().map(|c| if c.is_control() { ' ' } else { c }).take(REASON).collect();
    Some(plain.trim().to_owned()).filter(|line| !line.is_empty())
}

/// `[rank0]: ` stands before the lines of one of many processes.
fn without_rank(line: &str) -> &str {
    let line = line.trim_end();
    match line.strip_prefix("[rank").and_then(|rest| rest.split_once("]: ")) {
        Some((rank, rest)) if rank.chars().all(|c| c.is_ascii_digit()) => rest,
        _ => line,
    }
}

/// Whether this is how Python ends a traceback: `module.KindError: what`.
fn is_exception(line: &str) -> bool {
    let name = line.split_once(':').map_or(line, |(name, _)| name);
    let dotted = name.chars().all(|c| c.is_ascii_alphanumeric() || "._".contains(c));
    let kind = ["Error", "Exception", "Interrupt", "Exit"].iter().any(|end| name.ends_with(end));
    dotted && kind && name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn the_exception_is_the_reason_not_what_the_launcher_makes_of_it() {
        let torn = "\u{fffd}x\rstep 3\rstep 4\nTraceback (most recent call last):\n  File \"a.py\", line 1\n";
        for (tail, reason) in [
            (
                "[rank0]: torch.OutOfMemoryError: CUDA out\n[rank1]: a\nx.ChildFailedError: \n  Root",
                "torch.OutOfMemoryError: CUDA out",
            ),
            ("ModuleNotFoundError: No module named 'trl'\n\n", "ModuleNotFoundError: No module named 'trl'"),
            ("subprocess.CalledProcessError: 1\n", "subprocess.CalledProcessError: 1"),
            ("one\nsbatch: error: no such partition\n", "sbatch: error: no such partition"),
            ("KeyboardInterrupt", "KeyboardInterrupt"),
            ("\u{1b}[31mred\n", "[31mred"),
        ] {
            assert_eq!(reason_in(&format!("{torn}{tail}")).unwrap(), reason);
        }
        assert_eq!(reason_in(" \n\r\n"), None);
        assert_eq!(reason_in(&"x".repeat(9999)).unwrap().len(), REASON);
    }

    #[test]
    fn a_long_log_is_emptied_under_its_writer_and_a_new_one_keeps_the_last() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("output.log");
        let mut file = begin(&log).unwrap();
        file.write_all(&[b'a'; 100]).unwrap();
        keep_short(&log, 100).unwrap();
        assert!(!older(&log).exists());
        file.write_all(b"\nValueError: b\n").unwrap();
        keep_short(&log, 100).unwrap();
        file.write_all(b"c\n").unwrap();
        assert_eq!(std::fs::read(&log).unwrap(), b"c\n");
        assert_eq!(std::fs::read(dir.path().join("output.log.1")).unwrap().len(), 115);
        drop(begin(&log).unwrap());
        assert_eq!(std::fs::read(older(&log)).unwrap(), b"c\n");
        assert_eq!(reason(&log), None);
    }
}
