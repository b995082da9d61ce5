//! What the terminal is sent, written to a file as it is sent: an asciicast of version 2, which players show again.
//! Only what is drawn is in it: not the keys, not what is copied.

use std::cell::RefCell;
use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::records::now_millis;
use crate::tui::text::clean;

/// Why the screen cannot be recorded.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    #[error("--record: {} is there already; name another file, or remove it", .0.display())]
    Exists(PathBuf),
    #[error("--record: {path}: {source}")]
    Io { path: PathBuf, source: std::io::Error },
}

/// A recording for those who draw, and for those who know when the size changes.
pub type Shared = Rc<RefCell<Recording>>;

/// Begins to record this terminal, in a file that is not there yet.
///
/// # Errors
/// If it is there, or cannot be written.
pub fn begin(path: &Path) -> Result<Shared, RecordError> {
    let wrong = |source: std::io::Error| match source.kind() {
        ErrorKind::AlreadyExists => RecordError::Exists(path.to_owned()),
        _ => RecordError::Io { path: path.to_owned(), source },
    };
    let size = crossterm::terminal::size().map_err(wrong)?;
    let file = File::create_new(path).map_err(wrong)?;
    let term = clean(&std::env::var("TERM").unwrap_or_default());
    let recording = Recording::new(file, size, &term).map_err(wrong)?;
    Ok(Rc::new(RefCell::new(recording)))
}

#[derive(Debug)]
pub struct Recording {
    file: File,
    begun: Instant,
    size: (u16, u16),
    /// Bytes of whole lines in the file.
    whole: u64,
    /// The file cannot be written any more.
    over: bool,
}

impl Recording {
    fn new(mut file: File, size: (u16, u16), term: &str) -> std::io::Result<Self> {
        let (width, height) = size;
        let timestamp = now_millis() / 1000;
        let env = json!({ "TERM": term });
        let header = json!({ "version": 2, "width": width, "height": height, "timestamp": timestamp, "env": env });
        let line = format!("{header}\n");
        file.write_all(line.as_bytes())?;
        Ok(Self { file, begun: Instant::now(), size, whole: line.len() as u64, over: false })
    }

    /// Takes what the terminal is sent.
    pub fn sent(&mut self, bytes: &[u8]) {
        self.put("o", &String::from_utf8_lossy(bytes));
    }

    pub fn resized(&mut self, size: (u16, u16)) {
        if size != self.size {
            self.size = size;
            self.put("r", &format!("{}x{}", size.0, size.1));
        }
    }

    /// Adds a line. A recording that cannot be written is no reason to end the screen: it is said once, and what was
    /// recorded stays.
    fn put(&mut self, what: &str, text: &str) {
        if self.over {
            return;
        }
        let line = event(self.begun.elapsed(), what, text);
        match self.file.write_all(line.as_bytes()) {
            Ok(()) => self.whole += line.len() as u64,
            Err(error) => {
                self.over = true;
                // Half a line would keep players from the whole ones.
                let _ = self.file.set_len(self.whole);
                tracing::error!("the recording ends here: {error}");
            }
        }
    }
}

/// A line of the file: when, what kind, and the text.
fn event(since: Duration, what: &str, text: &str) -> String {
    let seconds = (since.as_secs_f64() * 1e6).round() / 1e6;
    format!("{}\n", json!([seconds, what, text]))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn lines(path: &Path) -> Vec<Value> {
        std::fs::read_to_string(path).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn frames_and_sizes_are_lines_with_their_times() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("shown.cast");
        let mut recording = Recording::new(File::create_new(&path).unwrap(), (100, 30), "xterm-256color").unwrap();
        recording.sent("\x1b[2J\u{6570} \"quoted\"\r\n".as_bytes());
        recording.resized((100, 30));
        recording.resized((120, 40));
        recording.sent(b"\xff");
        let lines = lines(&path);
        assert!(lines[0]["version"] == 2 && lines[0]["width"] == 100 && lines[0]["height"] == 30, "{}", lines[0]);
        assert_eq!(lines[0]["env"]["TERM"], "xterm-256color");
        assert!(lines[0]["timestamp"].as_i64().unwrap() > 1_700_000_000);
        assert!(lines[1][1] == "o" && lines[1][2] == "\x1b[2J\u{6570} \"quoted\"\r\n", "{}", lines[1]);
        assert!(lines[2][1] == "r" && lines[2][2] == "120x40", "{}", lines[2]);
        assert_eq!(lines[3][2], "\u{fffd}", "never anything but text");
        assert_eq!(lines.len(), 4, "a size that stays is no event");
        let times: Vec<f64> = lines[1..].iter().map(|line| line[0].as_f64().unwrap()).collect();
        assert!(times.is_sorted() && times[0] >= 0.0, "{times:?}");
        assert_eq!(event(Duration::from_nanos(1_234_567_890), "o", "x"), "[1.234568,\"o\",\"x\"]\n");
    }

    #[test]
    fn a_file_that_is_there_is_named_in_one_line() {
        let error = RecordError::Exists("a.cast".into());
        assert_eq!(error.to_string(), "--record: a.cast is there already; name another file, or remove it");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_ends_the_recording_and_nothing_else() {
        let full = || File::options().write(true).open("/dev/full").unwrap();
        assert!(Recording::new(full(), (80, 24), "xterm").is_err());
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("shown.cast");
        let mut recording = Recording::new(File::create_new(&path).unwrap(), (80, 24), "xterm").unwrap();
        recording.sent(b"one");
        let kept = std::mem::replace(&mut recording.file, full());
        recording.sent(b"two");
        recording.file = kept;
        recording.sent(b"three");
        assert!(recording.over);
        assert_eq!(lines(&path).len(), 2, "what was recorded before is whole");
    }
}
