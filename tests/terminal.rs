//! The workbench in a real pseudo-terminal: what reaches the terminal, and what happens when it stops, changes or goes.

use std::io::{Read, Write};
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/tiny-chat");
/// Waiting ends here: nothing in these tests takes so long unless it is broken.
const LIMIT: Duration = Duration::from_secs(60);

struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn environment(&self, command: &mut CommandBuilder) {
        for name in ["DATA", "CONFIG", "STATE"] {
            command.env(format!("CRIBBLE_{name}_DIR"), self.0.path().join(name));
        }
        command.env("TERM", "xterm-256color");
        command.env_remove("NO_COLOR");
        command.env_remove("SSH_CONNECTION");
    }

    fn cribble(&self, arguments: &[&str]) -> CommandBuilder {
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_cribble"));
        command.args(arguments);
        self.environment(&mut command);
        command
    }

    /// A session whose only problem tries to take over the terminal.
    fn hostile_session(&self) {
        let problems = self.0.path().join("problems.jsonl");
        let text = "\\u001b]0;pwned\\u0007\\u001b[2J\\u009b31m\\u001b]52;c;cHduZWQ=\\u0007 What is 2+2?\\u202e";
        std::fs::write(&problems, format!("{{\"problem\":\"{text}\",\"answer\":\"4\"}}\n")).unwrap();
        self.generate("hostile", &problems, "3", "12");
    }

    fn generate(&self, session: &str, problems: &Path, samples: &str, tokens: &str) {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_cribble"));
        command.args([
            "generate",
            "--session",
            session,
            "--model",
            MODEL,
            "--samples",
            samples,
            "--max-tokens",
            tokens,
        ]);
        command.arg("--problems").arg(problems);
        for name in ["DATA", "CONFIG", "STATE"] {
            command.env(format!("CRIBBLE_{name}_DIR"), self.0.path().join(name));
        }
        assert!(command.output().unwrap().status.success());
    }
}

/// A program in a pseudo-terminal of so many columns and rows, and all that it wrote.
struct Shown {
    child: Box<dyn Child + Send + Sync>,
    master: Option<Box<dyn MasterPty + Send>>,
    keys: Option<Box<dyn Write + Send>>,
    wrote: Arc<Mutex<Vec<u8>>>,
    closing: Arc<AtomicBool>,
    reader: Option<std::thread::JoinHandle<()>>,
    size: (u16, u16),
    /// Bytes before the last change of size; a terminal would have redrawn them.
    from: usize,
}

impl Shown {
    fn start(command: CommandBuilder, columns: u16, rows: u16) -> Self {
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
        Self { child, master, keys, wrote, closing, reader, size: (columns, rows), from: 0 }
    }

    fn bytes(&self) -> Vec<u8> {
        self.wrote.lock().unwrap().clone()
    }

    fn screen(&self) -> String {
        let cells = |count| NonZero::new(count).expect("a size");
        let mut parser = vt100::Parser::new(cells(self.size.1), cells(self.size.0), 0);
        parser.process(&self.bytes()[self.from..]);
        parser.screen().contents()
    }

    fn until(&self, text: &str) -> String {
        let begun = Instant::now();
        loop {
            let screen = self.screen();
            if screen.contains(text) {
                return screen;
            }
            assert!(begun.elapsed() < LIMIT, "`{text}` never came:\n{screen}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn send(&mut self, keys: &str) {
        let writer = self.keys.as_mut().unwrap();
        writer.write_all(keys.as_bytes()).unwrap();
        writer.flush().unwrap();
    }

    fn resize(&mut self, columns: u16, rows: u16) {
        self.from = self.bytes().len();
        self.size = (columns, rows);
        let size = PtySize { cols: columns, rows, pixel_width: 0, pixel_height: 0 };
        self.master.as_ref().unwrap().resize(size).unwrap();
    }

    fn wait(&mut self) -> u32 {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.exit_code();
            }
            assert!(begun.elapsed() < LIMIT, "it does not end:\n{}", self.screen());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The terminal goes away, as when a connection drops.
    fn close(&mut self) {
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
fn ticks(pid: u32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

fn gsm8k() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/problems/gsm8k-20.jsonl")
}

#[test]
fn it_starts_follows_the_size_and_gives_the_terminal_back() {
    let home = Home::new();
    let mut shown = Shown::start(home.cribble(&[]), 80, 24);
    // The tour is what there is to look at on a new machine.
    shown.until("[3 Review]");
    shown.until(" tour ");
    shown.send("0");
    shown.until("No sessions yet.");
    shown.send("n");
    shown.until("name of the new session");
    shown.send("demo\r");
    shown.until("[2 Generate]");
    shown.resize(160, 48);
    shown.until("[2 Generate]");
    shown.resize(20, 6);
    shown.until("too small");
    shown.resize(80, 24);
    shown.until("[2 Generate]");
    shown.send("q");
    assert_eq!(shown.wait(), 0);
    let wrote = String::from_utf8_lossy(&shown.bytes()).into_owned();
    let end = wrote.rfind("\u{1b}[?1049l").expect("the first screen comes back");
    assert!(wrote[end..].contains("\u{1b}[?25h"), "the cursor comes back");
    assert!(wrote.rfind("\u{1b}[?2004l") > wrote.rfind("\u{1b}[?2004h"), "pastes are plain again");
}

#[test]
fn hostile_text_reaches_the_terminal_as_marks_only() {
    let home = Home::new();
    home.hostile_session();
    let mut shown = Shown::start(home.cribble(&["open", "hostile"]), 120, 40);
    shown.until("What is 2+2?");
    // What each pane makes of it, and what lies over panes.
    for keys in
        ["\tc", "v", "1", "2", "4", "5", "6", "7", "8", "0", "3", ":pwned", "\u{1b}", "?pwned", "\u{1b}", "\u{1b}"]
    {
        shown.send(keys);
        std::thread::sleep(Duration::from_millis(150));
    }
    shown.send("q");
    assert_eq!(shown.wait(), 0);
    let wrote = shown.bytes();
    let text = String::from_utf8_lossy(&wrote);
    // Before the screen is taken over the terminal is asked for its ground.
    let text = &text[text.find("\u{1b}[?1049h").expect("the screen is taken over")..];
    for forbidden in ["\u{1b}]", "\u{7}", "\u{1b}[2J\u{9b}", "\u{202e}", "\u{9b}"] {
        assert!(!text.contains(forbidden), "{forbidden:?} reached the terminal");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn idle_it_writes_nothing_and_takes_no_time() {
    let home = Home::new();
    home.hostile_session();
    let mut shown = Shown::start(home.cribble(&["open", "hostile"]), 80, 24);
    shown.until("undecided");
    std::thread::sleep(Duration::from_secs(1));
    let pid = shown.child.process_id().unwrap();
    let (bytes, before) = (shown.bytes().len(), ticks(pid));
    std::thread::sleep(Duration::from_secs(4));
    assert_eq!(shown.bytes().len(), bytes, "something was drawn");
    assert!(ticks(pid) - before <= 8, "{} ticks in 4 s", ticks(pid) - before);
    shown.send("q");
    shown.wait();
}

#[cfg(target_os = "linux")]
#[test]
fn without_a_terminal_and_without_work_it_ends() {
    let home = Home::new();
    home.hostile_session();
    let mut shown = Shown::start(home.cribble(&["open", "hostile"]), 80, 24);
    shown.until("undecided");
    shown.close();
    shown.wait();
}

/// The connection drops while keys come and are being read: the hang-up is seen even then.
#[test]
fn a_terminal_that_goes_in_the_middle_of_typing_ends_it() {
    let home = Home::new();
    for _ in 0..25 {
        let mut shown = Shown::start(home.cribble(&[]), 80, 24);
        shown.until("[3 Review]");
        shown.send("??????");
        shown.close();
        shown.wait();
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_dropped_connection_leaves_the_work_running_and_nothing_spinning() {
    let home = Home::new();
    let mut shown = Shown::start(home.cribble(&["new", "kept"]), 80, 24);
    shown.until("[2 Generate]");
    let problems = gsm8k();
    shown.send(&format!("\r{MODEL}\r\r{}\r\r\u{15}2\r\u{13}", problems.display()));
    shown.until("samples");
    shown.until("writing");
    let pid = shown.child.process_id().unwrap();
    shown.close();
    // It goes on to the end of its work: 20 problems, two samples each.
    let store = home.0.path().join("DATA/sessions/kept");
    let begun = Instant::now();
    loop {
        let session = cribble::session::Session::open(&store).unwrap();
        if session.counts().unwrap().samples == 40 {
            break;
        }
        assert!(begun.elapsed() < LIMIT, "{:?}", session.counts());
        assert!(Path::new(&format!("/proc/{pid}")).exists(), "it ended with work left");
        std::thread::sleep(Duration::from_millis(100));
    }
    shown.wait();
}

/// The reading thread of crossterm spins for ever on a closed terminal unless its input is taken away.
#[cfg(target_os = "linux")]
#[test]
fn a_paused_job_on_a_closed_terminal_takes_no_time() {
    let home = Home::new();
    let mut shown = Shown::start(home.cribble(&["new", "kept"]), 80, 24);
    shown.until("[2 Generate]");
    shown.send(&format!("\r{MODEL}\r\r{}\r\r\u{15}40\r\u{13}", gsm8k().display()));
    shown.until("writing");
    shown.send("p");
    shown.until("Paused");
    let pid = shown.child.process_id().unwrap();
    shown.close();
    std::thread::sleep(Duration::from_secs(1));
    let before = ticks(pid);
    std::thread::sleep(Duration::from_secs(5));
    let took = ticks(pid) - before;
    assert!(took <= 15, "{took} ticks in 5 s");
    let mut stop = std::process::Command::new(env!("CARGO_BIN_EXE_cribble"));
    stop.args(["steer", "--session", "kept", "stop"]);
    for name in ["DATA", "CONFIG", "STATE"] {
        stop.env(format!("CRIBBLE_{name}_DIR"), home.0.path().join(name));
    }
    assert!(stop.output().unwrap().status.success());
    shown.wait();
}

/// A watcher must not show a dead job as running for ever.
#[test]
fn a_job_of_another_process_that_is_killed_is_told() {
    let home = Home::new();
    home.generate("watched", &gsm8k(), "1", "4");
    let mut job = std::process::Command::new(env!("CARGO_BIN_EXE_cribble"));
    for name in ["DATA", "CONFIG", "STATE"] {
        job.env(format!("CRIBBLE_{name}_DIR"), home.0.path().join(name));
    }
    job.args(["generate", "--session", "watched", "--model", MODEL, "--samples", "4000", "--max-tokens", "400"]);
    job.arg("--problems").arg(gsm8k()).stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
    let mut job = job.spawn().unwrap();
    let mut shown = Shown::start(home.cribble(&["open", "watched"]), 100, 24);
    shown.until("undecided");
    shown.send("2");
    shown.until("writing");
    job.kill().unwrap();
    job.wait().unwrap();
    let screen = shown.until("is gone");
    assert!(screen.contains("Failed"), "{screen}");
    shown.send("q");
    assert_eq!(shown.wait(), 0);
}

/// What a slow link has to carry: little while samples stream on a large screen, nothing when nothing happens.
#[cfg(target_os = "linux")]
#[test]
fn streaming_stays_within_what_a_slow_link_carries() {
    let home = Home::new();
    let mut job = std::process::Command::new(env!("CARGO_BIN_EXE_cribble"));
    for name in ["DATA", "CONFIG", "STATE"] {
        job.env(format!("CRIBBLE_{name}_DIR"), home.0.path().join(name));
    }
    home.generate("wire", &gsm8k(), "1", "4");
    job.args(["generate", "--session", "wire", "--model", "micro", "--problems", "micro", "--samples", "400"]);
    job.args(["--turns", "2", "--slots", "16"]);
    job.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
    let mut job = job.spawn().unwrap();
    let mut shown = Shown::start(home.cribble(&["open", "wire", "--fps", "10"]), 160, 48);
    shown.until("undecided");
    shown.send("2");
    shown.until("writing");
    std::thread::sleep(Duration::from_secs(1));
    let (bytes, begun) = (shown.bytes().len(), Instant::now());
    std::thread::sleep(Duration::from_secs(4));
    let rate = (shown.bytes().len() - bytes) as f64 / begun.elapsed().as_secs_f64();
    assert!(rate > 100.0, "{rate:.0} bytes a second: nothing streams");
    assert!(rate < 20_000.0, "{rate:.0} bytes a second");
    job.kill().unwrap();
    job.wait().unwrap();
    shown.send("q");
    shown.wait();
}

/// The values of the Generate form are there again.
#[test]
fn the_form_is_kept_over_a_restart() {
    let home = Home::new();
    let mut shown = Shown::start(home.cribble(&["new", "kept"]), 80, 24);
    shown.until("[2 Generate]");
    shown.send("\rsome-model.gguf\r");
    shown.until("some-model.gguf");
    shown.send("q");
    assert_eq!(shown.wait(), 0);
    let mut again = Shown::start(home.cribble(&["open", "kept"]), 80, 24);
    again.until("some-model.gguf");
    again.send("q");
    again.wait();
}

#[test]
fn stopped_by_ctrl_z_and_brought_back() {
    let home = Home::new();
    home.hostile_session();
    let mut shell = CommandBuilder::new("bash");
    shell.args(["--norc", "--noprofile", "-i"]);
    shell.env("PS1", "prompt> ");
    home.environment(&mut shell);
    let mut shown = Shown::start(shell, 80, 24);
    shown.until("prompt>");
    shown.send(&format!("{} open hostile\r", env!("CARGO_BIN_EXE_cribble")));
    shown.until("undecided");
    shown.send("\u{1a}");
    shown.until("Stopped");
    shown.send("fg\r");
    let screen = shown.until("undecided");
    assert!(!screen.contains("Stopped"), "{screen}");
    shown.send("q");
    shown.until("prompt>");
    shown.send("exit\r");
    shown.wait();
}
