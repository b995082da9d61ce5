//! A program in a pseudo-terminal: keys, sizes and signals go in, and what it writes is kept and read as a screen.

use std::io::{Read, Write};
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use rustix::process::{Pid, Signal, kill_process};

pub const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/tiny-chat");
/// Waiting ends here: nothing in these tests takes so long unless it is broken.
pub const LIMIT: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(20);

/// Directories of its own, removed at the end.
pub struct Home(tempfile::TempDir);

impl Home {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn environment(&self, command: &mut CommandBuilder) {
        for name in ["DATA", "CONFIG", "STATE"] {
            command.env(format!("CRIBBLE_{name}_DIR"), self.path(name));
        }
        command.env("TERM", "xterm-256color");
        command.env_remove("NO_COLOR");
        command.env_remove("SSH_CONNECTION");
    }

    pub fn cribble(&self, arguments: &[&str]) -> CommandBuilder {
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_cribble"));
        command.args(arguments);
        self.environment(&mut command);
        command
    }

    /// The program without a terminal.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cribble"));
        command.args(arguments).stdin(Stdio::null());
        for name in ["DATA", "CONFIG", "STATE"] {
            command.env(format!("CRIBBLE_{name}_DIR"), self.path(name));
        }
        command
    }

    /// A session whose only problem tries to take over the terminal.
    pub fn hostile_session(&self) {
        let problems = self.path("problems.jsonl");
        let text = "\\u001b]0;pwned\\u0007\\u001b[2J\\u009b31m\\u001b]52;c;cHduZWQ=\\u0007 What is 2+2?\\u202e";
        std::fs::write(&problems, format!("{{\"problem\":\"{text}\",\"answer\":\"4\"}}\n")).unwrap();
        self.generate("hostile", &problems, "3", "12");
    }

    pub fn generate(&self, session: &str, problems: &Path, samples: &str, tokens: &str) {
        let mut command = self.command(&["generate", "--session", session, "--model", MODEL, "--samples", samples]);
        command.args(["--max-tokens", tokens, "--problems"]).arg(problems);
        assert!(command.output().unwrap().status.success());
    }

    /// The person's own settings.
    pub fn configure(&self, settings: &str) {
        std::fs::create_dir_all(self.path("CONFIG")).unwrap();
        std::fs::write(self.path("CONFIG/config.toml"), settings).unwrap();
    }

    /// What the forms begin with, as if it had been typed the last time.
    pub fn fill_forms(&self, values: &[(&str, &str)]) {
        let values: serde_json::Map<String, serde_json::Value> =
            values.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())).collect();
        std::fs::create_dir_all(self.path("STATE")).unwrap();
        std::fs::write(self.path("STATE/generate-form.json"), serde_json::Value::from(values).to_string()).unwrap();
    }
}

/// Looks again and again until there is what is wanted; where it never comes, says what was seen last.
pub fn wait_for<T>(mut look: impl FnMut() -> Result<T, String>) -> T {
    let begun = Instant::now();
    loop {
        match look() {
            Ok(found) => return found,
            Err(seen) => assert!(begun.elapsed() < LIMIT, "{seen}"),
        }
        std::thread::sleep(LOOK);
    }
}

/// A screen of so many columns and rows with nothing on it.
pub fn blank((columns, rows): (u16, u16)) -> vt100::Parser {
    vt100::Parser::new(cells(rows), cells(columns), 0)
}

pub fn cells(count: u16) -> NonZero<u16> {
    NonZero::new(count).expect("a size")
}

/// The rows of a screen without the blanks at their ends.
fn rows_of(parser: &vt100::Parser) -> Vec<String> {
    let columns = parser.screen().size().1.get();
    parser.screen().rows(0, columns).map(|row| row.trim_end().to_owned()).collect()
}

/// A program in a pseudo-terminal of so many columns and rows, and all that it wrote.
pub struct Shown {
    pub child: Box<dyn Child + Send + Sync>,
    master: Option<Box<dyn MasterPty + Send>>,
    keys: Option<Box<dyn Write + Send>>,
    wrote: Arc<Mutex<Vec<u8>>>,
    closing: Arc<AtomicBool>,
    reader: Option<std::thread::JoinHandle<()>>,
    /// The size at first, then each change: the bytes that were there before it, and the new size.
    sizes: Vec<(usize, (u16, u16))>,
}

impl Shown {
    pub fn start(command: CommandBuilder, columns: u16, rows: u16) -> Self {
        let size = PtySize { cols: columns, rows, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).unwrap();
        let child = pair.slave.spawn_command(command).unwrap();
        let mut reader = pair.master.try_clone_reader().unwrap();
        let keys = pair.master.take_writer().unwrap();
        let wrote = Arc::new(Mutex::new(Vec::new()));
        let closing = Arc::new(AtomicBool::new(false));
        let (kept, stop) = (Arc::clone(&wrote), Arc::clone(&closing));
        let reader = std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = reader.read(&mut bytes) {
                kept.lock().unwrap().extend_from_slice(&bytes[..count]);
                if stop.load(Ordering::SeqCst) {
                    break;
                }
            }
        });
        let (master, keys, reader) = (Some(pair.master), Some(keys), Some(reader));
        Self { child, master, keys, wrote, closing, reader, sizes: vec![(0, (columns, rows))] }
    }

    pub fn bytes(&self) -> Vec<u8> {
        self.wrote.lock().unwrap().clone()
    }

    /// What was drawn since the last change of size: a terminal would have redrawn what was there before.
    fn drawn(&self, bytes: &[u8]) -> vt100::Parser {
        let (from, size) = self.sizes[self.sizes.len() - 1];
        let mut parser = blank(size);
        parser.process(&bytes[from..]);
        parser
    }

    pub fn screen(&self) -> String {
        self.drawn(&self.bytes()).screen().contents()
    }

    /// The rows of the screen, without the blanks at their ends.
    pub fn rows(&self) -> Vec<String> {
        rows_of(&self.drawn(&self.bytes()))
    }

    /// The rows that were drawn since the last change of size, and those of a terminal that kept its cells over all
    /// changes.
    pub fn drawn_and_kept(&self) -> (Vec<String>, Vec<String>) {
        let bytes = self.bytes();
        let mut kept = blank(self.sizes[0].1);
        let ends = self.sizes.iter().skip(1).map(|(end, _)| *end).chain([bytes.len()]);
        for ((begin, (columns, rows)), end) in self.sizes.iter().zip(ends) {
            kept.set_size(cells(*rows), cells(*columns));
            kept.process(&bytes[*begin..end]);
        }
        (rows_of(&self.drawn(&bytes)), rows_of(&kept))
    }

    pub fn until(&self, text: &str) -> String {
        wait_for(|| {
            let screen = self.screen();
            if screen.contains(text) { Ok(screen) } else { Err(format!("`{text}` never came:\n{screen}")) }
        })
    }

    /// Waits until nothing has been written for a while.
    pub fn settle(&self) {
        let mut before = None;
        wait_for(|| {
            let now = Some(self.bytes().len());
            if now == before {
                return Ok(());
            }
            before = now;
            std::thread::sleep(Duration::from_millis(500));
            Err(format!("it writes on and on:\n{}", self.screen()))
        });
    }

    pub fn send(&mut self, keys: &str) {
        let writer = self.keys.as_mut().unwrap();
        writer.write_all(keys.as_bytes()).unwrap();
        writer.flush().unwrap();
    }

    /// Fills in the form of the Generate pane, and starts: so many samples of each of twenty problems.
    pub fn generate(&mut self, samples: u32) {
        self.send(&format!("\r{MODEL}\rj\r{}\r\r\u{15}{samples}\r\u{13}", gsm8k().display()));
    }

    pub fn resize(&mut self, columns: u16, rows: u16) {
        self.sizes.push((self.bytes().len(), (columns, rows)));
        let size = PtySize { cols: columns, rows, pixel_width: 0, pixel_height: 0 };
        self.master.as_ref().unwrap().resize(size).unwrap();
    }

    pub fn signal(&self, signal: Signal) {
        let pid = self.child.process_id().and_then(|pid| Pid::from_raw(pid as i32)).unwrap();
        kill_process(pid, signal).unwrap();
    }

    pub fn wait(&mut self) -> u32 {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.exit_code();
            }
            assert!(begun.elapsed() < LIMIT, "it does not end:\n{}", self.screen());
            std::thread::sleep(LOOK);
        }
    }

    /// Looks that the program, which has ended, gave the terminal back.
    pub fn was_given_back(&self) {
        wait_for(|| {
            let wrote = String::from_utf8_lossy(&self.bytes()).into_owned();
            let end = wrote.rfind("\u{1b}[?1049l").ok_or("the first screen does not come back")?;
            match wrote[end..].contains("\u{1b}[?25h") {
                true if wrote.rfind("\u{1b}[?2004l") > wrote.rfind("\u{1b}[?2004h") => Ok(()),
                true => Err("pastes are not plain again".into()),
                false => Err("the cursor does not come back".into()),
            }
        });
    }

    /// The terminal goes away, as when a connection drops.
    pub fn close(&mut self) {
        // The reader has a handle of its own and lets go of it when something comes: a redrawn screen.
        self.closing.store(true, Ordering::SeqCst);
        self.send("\u{c}");
        self.reader.take().unwrap().join().unwrap();
        (self.keys, self.master) = (None, None);
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        let _ = self.child.kill();
    }
}

/// User and system time of a process, in clock ticks (1/100 s).
pub fn ticks(pid: u32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

pub fn gsm8k() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/problems/gsm8k-20.jsonl")
}
