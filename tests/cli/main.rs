//! The command line end to end, on a tiny random model: what a script sees of each subcommand.
//!
//! | module | holds |
//! |---|---|
//! | `jobs` | samples are written, by one process or several, and jobs steered |
//! | `sessions` | what is asked of a session that is there |
//! | `wrong` | bad input, broken models, a full disk |
//! | `screen` | the workbench without a terminal, settings, keys, themes, schemas |
//! | `others` | trainings of other programs, servers |
//! | `recipes` | a pass whose trainings another program does |

mod jobs;
mod others;
mod recipes;
mod screen;
mod sessions;
mod wrong;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use cribble::records::{DecisionVerb, GENERATION, Heavy, TRAINING};
use cribble::session::Session;
use serde_json::Value;

const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/tiny-chat");

/// A data directory of its own, removed at the end.
struct Home {
    dir: tempfile::TempDir,
}

impl Home {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cribble"));
        command
            .args(arguments)
            .env("CRIBBLE_DATA_DIR", self.path("data"))
            .env("CRIBBLE_CONFIG_DIR", self.path("config"))
            .env("CRIBBLE_STATE_DIR", self.path("state"))
            .stdin(Stdio::null());
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Runs a command that must succeed and print one JSON object.
    fn json(&self, arguments: &[&str]) -> Value {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Runs a command that must fail with this code and one line that says all of this.
    fn fails(&self, code: i32, arguments: &[&str], says: &[&str]) {
        let output = self.run(arguments);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {error}");
        assert_eq!(error.trim_end().lines().count(), 1, "{arguments:?}: one line, not\n{error}");
        for word in says {
            assert!(error.contains(word), "{arguments:?}: `{word}` is not in: {error}");
        }
    }

    /// A copy of the model, to be spoilt.
    fn model(&self) -> PathBuf {
        let copy = self.path("model");
        std::fs::create_dir(&copy).unwrap();
        for entry in std::fs::read_dir(MODEL).unwrap() {
            let entry = entry.unwrap();
            std::fs::copy(entry.path(), copy.join(entry.file_name())).unwrap();
        }
        copy
    }

    fn problems(&self, count: usize) -> PathBuf {
        let path = self.path("problems.jsonl");
        let lines: Vec<String> =
            (0..count).map(|i| format!("{{\"problem\":\"What is {i} plus {i}?\",\"answer\":\"{}\"}}", 2 * i)).collect();
        std::fs::write(&path, lines.join("\n")).unwrap();
        path
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}
