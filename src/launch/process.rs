//! A program at work: started in a process group of its own, known by a file to whoever comes later, signalled as a group.
//!
//! A number of a process is used again when it is free. So the file also says when the process began and since when the machine
//! runs, as far as `/proc` tells; elsewhere a number that is in use is believed.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};
use serde::{Deserialize, Serialize};

use super::replace;

/// A longer file is none of ours.
const LONGEST: u64 = 1 << 16;
/// How long others of the group are waited for when its leader has ended: a launcher may go before those it started.
const LINGER: Duration = Duration::from_secs(60);
/// Keys that a program gets only if it was said to.
const KEYS: [&str; 4] = ["CRIBBLE_API_KEY", "OPENAI_API_KEY", "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"];

/// Which process it is, among all that ever had its number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    pub pid: i32,
    /// Clock ticks from the machine's start to the process'.
    started: Option<u64>,
    boot: Option<String>,
    pub host: String,
}

/// How a program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    Code(i32),
    Signal(i32),
    /// It was somebody else's child.
    Unknown,
}

impl fmt::Display for Exit {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(to, "ended with exit code {code}"),
            Self::Signal(signal) => write!(to, "was ended by signal {signal}"),
            Self::Unknown => to.write_str("has ended"),
        }
    }
}

/// A program that was started, here or by a process before this one.
#[derive(Debug)]
pub struct Process {
    pub identity: Identity,
    child: Option<Child>,
    /// How and when its leader ended, others of its group still at work.
    ended: Option<(Exit, Instant)>,
}

/// What is of interest in `/proc/<pid>/stat`.
struct Stat {
    state: char,
    group: i32,
    started: u64,
}

impl Stat {
    fn of(pid: i32) -> Option<Self> {
        let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name before it may hold anything.
        let mut fields = text.rsplit_once(')')?.1.split_ascii_whitespace();
        let state = fields.next()?.chars().next()?;
        let group = fields.nth(1)?.parse().ok()?;
        let started = fields.nth(16)?.parse().ok()?;
        Some(Self { state, group, started })
    }

    /// Ended, and only not asked about yet.
    fn is_over(&self) -> bool {
        matches!(self.state, 'Z' | 'X')
    }
}

impl Identity {
    fn of(pid: i32) -> Self {
        Self { pid, started: Stat::of(pid).map(|stat| stat.started), boot: boot(), host: host() }
    }

    fn leads(&self) -> bool {
        match (self.started, Stat::of(self.pid)) {
            (Some(started), Some(stat)) => stat.started == started && !stat.is_over(),
            (Some(_), None) => false,
            (None, _) => pid(self.pid).is_some_and(|pid| rustix::process::test_kill_process(pid).is_ok()),
        }
    }

    /// Whether it, or another process of its group, is at work on this machine.
    fn lives(&self) -> bool {
        self.boot == boot() && (self.leads() || (self.is_gone() && group_lives(self.pid)))
    }

    /// Whether nobody else has its number, so that the group is still its own.
    fn is_gone(&self) -> bool {
        Stat::of(self.pid).is_none_or(|stat| stat.is_over() && Some(stat.started) == self.started)
    }
}

fn boot() -> Option<String> {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok().map(|text| text.trim().to_owned())
}

fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// A number that a process of a person can have; 1 and what is below would mean all of them.
fn pid(number: i32) -> Option<Pid> {
    if number > 1 { Pid::from_raw(number) } else { None }
}

/// Whether any process of a group is at work.
fn group_lives(group: i32) -> bool {
    let Some(leader) = pid(group) else { return false };
    if Stat::of(std::process::id() as i32).is_none() {
        return rustix::process::test_kill_process_group(leader).is_ok();
    }
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let mut numbers = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    numbers.any(|number| Stat::of(number).is_some_and(|stat| stat.group == group && !stat.is_over()))
}

/// Whether a program was started and nobody has seen its end, as its file says.
pub fn is_known(file: &Path) -> bool {
    file.is_file()
}

/// Whether these can be names of keys that a program may have.
///
/// # Errors
/// Which one is no name of a variable.
pub fn check_environment(names: &[String]) -> Result<(), String> {
    let is_name = |name: &str| {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
        !name.is_empty() && name.chars().all(plain) && !name.starts_with(|c: char| c.is_ascii_digit())
    };
    match names.iter().find(|name| !is_name(name)) {
        Some(name) => Err(format!("`{name}`: the name of a variable is needed, without its value")),
        None => Ok(()),
    }
}

/// Forgets a program: its file goes.
///
/// # Errors
/// Of the file system.
pub fn forget(file: &Path) -> io::Result<()> {
    match std::fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Which process a file names; `None` without a file, or with one that says nothing.
fn named(file: &Path) -> Option<Identity> {
    let mut text = Vec::new();
    File::open(file).ok()?.take(LONGEST).read_to_end(&mut text).ok()?;
    serde_json::from_slice::<Identity>(&text).ok().filter(|identity| pid(identity.pid).is_some())
}

impl Process {
    /// Starts a program: without a terminal, what it prints in `log`, known by `file`. `environment`: names of keys that it may have.
    ///
    /// # Errors
    /// If it cannot be started, or the file not be written: then it is ended again.
    pub fn start(file: &Path, words: &[String], log: File, environment: &[String]) -> io::Result<Self> {
        let (program, arguments) = words.split_first().ok_or(io::ErrorKind::InvalidInput)?;
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).process_group(0);
        for key in KEYS.iter().filter(|key| !environment.iter().any(|name| name == *key)) {
            command.env_remove(key);
        }
        // A line of a log is of use when it is written.
        command.env("PYTHONUNBUFFERED", "1");
        // What is started here reports to nobody, unless a person set it otherwise.
        if std::env::var_os("DO_NOT_TRACK").is_none() {
            command.env("DO_NOT_TRACK", "1");
        }
        let child = command.spawn()?;
        let number = i32::try_from(child.id()).map_err(io::Error::other)?;
        let mut process = Self { identity: Identity::of(number), child: Some(child), ended: None };
        let text = serde_json::to_vec(&process.identity)?;
        if let Err(error) = replace(file, &text) {
            process.signal(Signal::KILL);
            let _ = process.child.as_mut().map(Child::wait);
            return Err(error);
        }
        Ok(process)
    }

    /// The program that a file names, if it is at work, whoever started it. `what`: as errors call it.
    ///
    /// # Errors
    /// If it may be at work on another machine: one line.
    pub fn find(file: &Path, what: &str) -> Result<Option<Self>, String> {
        let Some(identity) = named(file) else { return Ok(None) };
        let own = host();
        if identity.host != own {
            return Err(format!(
                "{what} was started on {} (pid {}) and cannot be followed from {own}; go on there, or if it is over remove {}",
                identity.host,
                identity.pid,
                file.display()
            ));
        }
        Ok(identity.lives().then_some(Self { identity, child: None, ended: None }))
    }

    /// How it ended, all of its group; `None` while it is at work.
    ///
    /// # Errors
    /// Of the system.
    pub fn poll(&mut self) -> io::Result<Option<Exit>> {
        if self.ended.is_none() {
            let exit = match &mut self.child {
                Some(child) => child.try_wait()?.map(exit),
                None => (!self.identity.leads()).then_some(Exit::Unknown),
            };
            self.ended = exit.map(|exit| (exit, Instant::now()));
        }
        let Some((exit, at)) = self.ended else { return Ok(None) };
        // A group that has its number again is another one, but that needs the leader's number to be free first.
        if group_lives(self.identity.pid) {
            if at.elapsed() < LINGER {
                return Ok(None);
            }
            // What is left must not write beside the one that comes after it.
            self.signal(Signal::KILL);
        }
        Ok(Some(exit))
    }

    /// To every process of the group; those that are gone need none.
    pub fn signal(&self, signal: Signal) {
        if let Some(pid) = pid(self.identity.pid) {
            let _ = rustix::process::kill_process_group(pid, signal);
        }
    }
}

fn exit(status: ExitStatus) -> Exit {
    match (status.code(), status.signal()) {
        (Some(code), _) => Exit::Code(code),
        (None, Some(signal)) => Exit::Signal(signal),
        (None, None) => Exit::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::super::log;
    use super::*;

    struct Place(tempfile::TempDir);

    impl Place {
        fn new() -> Self {
            Self(tempfile::tempdir().unwrap())
        }

        fn file(&self) -> PathBuf {
            self.0.path().join("program.pid")
        }

        fn log(&self) -> PathBuf {
            self.0.path().join("program.log")
        }

        fn start(&self, script: &str) -> Process {
            let words = ["sh", "-c", script].map(str::to_owned);
            Process::start(&self.file(), &words, log::begin(&self.log()).unwrap(), &["HF_TOKEN".into()]).unwrap()
        }

        fn find(&self) -> Result<Option<Process>, String> {
            Process::find(&self.file(), "the program")
        }
    }

    fn wait(process: &mut Process) -> Exit {
        for _ in 0..2000 {
            if let Some(exit) = process.poll().unwrap() {
                return exit;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        panic!("it does not end");
    }

    #[test]
    fn a_process_is_known_while_it_lives_and_no_other_is_taken_for_it() {
        let place = Place::new();
        assert!(place.find().unwrap().is_none() && !is_known(&place.file()));
        let mut process = place.start("exec sleep 60");
        let mut found = place.find().unwrap().unwrap();
        assert_eq!(found.identity, process.identity);
        assert_eq!(found.poll().unwrap(), None);
        if process.identity.started.is_some() {
            let other = Identity { started: Some(1), ..process.identity.clone() };
            assert!(!other.lives());
            let before = Identity { boot: Some("before".into()), ..process.identity.clone() };
            assert!(!before.lives());
        }
        found.signal(Signal::KILL);
        assert_eq!((wait(&mut process), wait(&mut found)), (Exit::Signal(9), Exit::Unknown));
        assert!(place.find().unwrap().is_none() && is_known(&place.file()));
        forget(&place.file()).unwrap();
        forget(&place.file()).unwrap();
        assert!(!is_known(&place.file()));
    }

    #[test]
    fn a_file_that_says_nothing_sensible_names_nobody() {
        let place = Place::new();
        for text in ["", "{", "{\"pid\":1,\"host\":\"h\"}", "{\"pid\":-1,\"host\":\"h\"}", "\u{0}"] {
            std::fs::write(place.file(), text).unwrap();
            assert!(place.find().unwrap().is_none(), "{text}");
        }
        std::fs::write(place.file(), "{\"pid\":99,\"host\":\"elsewhere.invalid\"}").unwrap();
        let error = place.find().unwrap_err();
        assert!(error.starts_with("the program was started on elsewhere.invalid (pid 99)"), "{error}");
    }

    #[test]
    fn what_a_launcher_leaves_behind_is_waited_for() {
        let place = Place::new();
        let mut process = place.start("(sleep 0.3; echo late) & exit 3");
        assert_eq!(wait(&mut process), Exit::Code(3));
        assert_eq!(std::fs::read_to_string(place.log()).unwrap(), "late\n");
    }
}
