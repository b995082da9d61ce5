//! Follows trainings that anybody started, whatever writes their records: TensorBoard, W&B, trackio, the Hugging Face trainer
//! and what is built on it, LLaMA-Factory, and cribble itself. It only ever reads, and makes no file beside what it reads.
//!
//! A [`Watcher`] looks every now and then and tells what is new of each run ([`News`]): points under the writer's own tags,
//! texts, settings. It holds no curve; who looks keeps what was told. What is not whole yet waits for the next look, and a
//! record that was made anew is told afresh from its beginning. A run shows once, from its richest record (see `find`).
//!
//! Points come in the order in which they were written. Steps go back where a training went on from a checkpoint, or was begun
//! anew in the same place: what comes later replaces what was at the same step and after it. Values may be NaN or infinite.
//! Tags, texts and settings are as they were written, for whoever paints them to clean.
//!
//! [`quantity()`] says which tags of which writers mean the same; [`tensorboard::Writer`] and
//! [`wandb::Writer`] write what others can read.

mod find;
mod follow;
mod gathered;
mod json;
mod lines;
mod quantity;
pub(crate) mod tail;
pub mod tensorboard;
mod trackio;
mod trainer_state;
pub mod wandb;
mod wire;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use find::{Found, Scanned, Scanner};
use follow::Followed;

pub use quantity::{Quantity, quantity};

/// Bytes that one look reads, or a piece more.
const BUDGET: u64 = 64 << 20;
/// Entries of directories that one look goes through.
const ENTRIES: usize = 20_000;
/// Between two scans of the directories.
const RESCAN: Duration = Duration::from_secs(3);
/// A scan that took long is not done again before so many times as long.
const REST: u32 = 20;
/// Troubles that are remembered as told.
const TROUBLES: usize = 10_000;

/// Follows all runs under some directories.
#[derive(Debug)]
pub struct Watcher {
    roots: Vec<PathBuf>,
    rescan: Duration,
    scanner: Scanner,
    /// When the scan that goes on, or was last, began; and when it ended and how long it took.
    scan_began: Instant,
    scanned: Option<(Instant, Duration)>,
    followed: BTreeMap<Key, Followed>,
    names: BTreeSet<String>,
    told: HashSet<(PathBuf, String)>,
    /// Where the next look goes on, if the last one had to stop.
    next: Option<Key>,
}

/// One directory may hold records of several kinds.
type Key = (PathBuf, Kind);

/// What one look brought.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Look {
    pub news: Vec<News>,
    /// There is more at once; look again without waiting.
    pub more: bool,
    /// What could not be read, each told once.
    pub troubles: Vec<Trouble>,
}

/// What is new of one run. One that has nothing but its name was found just now.
#[derive(Debug, Clone, PartialEq)]
pub struct News {
    /// Its path relative to the root it was found under, or the root's own name; unique.
    pub run: String,
    pub path: PathBuf,
    pub kind: Kind,
    /// What was told of it before is void: its record was made anew.
    pub afresh: bool,
    /// It is not there any more.
    pub gone: bool,
    pub total_steps: Option<u64>,
    pub points: Vec<Point>,
    /// Lines of text, at a step if they have one: alerts, texts that were logged, its end.
    pub notes: Vec<(Option<u64>, String)>,
    /// What the training was set to, flat: `model.layers`, `24`. Only what was not told before, or has changed.
    pub settings: Vec<(String, String)>,
    /// When its record was written to last, in seconds since the Unix epoch; for those whose points have no time.
    pub written: Option<f64>,
    /// Its record says that it ended: well, or not.
    pub finished: Option<bool>,
}

/// One point of a curve.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// As its writer calls it.
    pub tag: Arc<str>,
    pub step: u64,
    pub value: f64,
    /// Seconds since the Unix epoch.
    pub time: Option<f64>,
}

/// What wrote a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    Cribble,
    TrainerState,
    TrainerLog,
    TensorBoard,
    Wandb,
    Trackio,
}

impl fmt::Display for Kind {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.pad(match self {
            Kind::Cribble => "cribble",
            Kind::TrainerState => "HF Trainer",
            Kind::TrainerLog => "LLaMA-Factory",
            Kind::TensorBoard => "TensorBoard",
            Kind::Wandb => "W&B",
            Kind::Trackio => "trackio",
        })
    }
}

/// Something that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    pub path: PathBuf,
    /// One line.
    pub reason: String,
}

impl Trouble {
    fn new(path: &Path, reason: impl Into<String>) -> Self {
        Self { path: path.to_path_buf(), reason: reason.into().replace(['\n', '\r'], " ") }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "{}: {}", self.path.display(), self.reason)
    }
}

impl Watcher {
    /// Of all runs under these directories; one of them may be a single record, too. Nothing is read yet.
    pub fn new(roots: Vec<PathBuf>) -> Self {
        let mut seen = HashSet::new();
        let roots = roots
            .into_iter()
            .map(|root| std::fs::canonicalize(&root).unwrap_or(root))
            .filter(|root| seen.insert(root.clone()))
            .collect();
        Self {
            roots,
            rescan: RESCAN,
            scanner: Scanner::default(),
            scan_began: Instant::now(),
            scanned: None,
            followed: BTreeMap::new(),
            names: BTreeSet::new(),
            told: HashSet::new(),
            next: None,
        }
    }

    /// The same with another time between two scans of the directories; without any, each look scans them.
    #[must_use]
    pub fn rescan_every(mut self, rescan: Duration) -> Self {
        self.rescan = rescan;
        self
    }

    /// The next look scans the directories, however short ago the last scan was.
    pub fn scan_next(&mut self) {
        self.scanned = None;
    }

    /// Reads what was written since the last look: at most about 64 MiB, and 20,000 entries of directories. Runs that are gone
    /// come first, the others by their names.
    pub fn look(&mut self) -> Look {
        let mut look = Look::default();
        self.scan(&mut look);
        let gone = look.news.len();
        self.read(&mut look);
        look.news[gone..].sort_by(|a, b| a.run.cmp(&b.run));
        look.troubles.retain(|trouble| {
            self.told.len() < TROUBLES && self.told.insert((trouble.path.clone(), trouble.reason.clone()))
        });
        look
    }

    fn scan(&mut self, look: &mut Look) {
        if !self.scanner.is_at_work() {
            let rests = self.scanned.is_some_and(|(ended, took)| {
                let rest = if self.rescan.is_zero() { self.rescan } else { self.rescan.max(took * REST) };
                ended.elapsed() < rest
            });
            if rests {
                return;
            }
            self.scan_began = Instant::now();
            self.scanner.start(&self.roots);
        }
        match self.scanner.go_on(ENTRIES) {
            Some(scanned) => {
                self.scanned = Some((Instant::now(), self.scan_began.elapsed()));
                self.settle(scanned, look);
            }
            None => look.more = true,
        }
    }

    /// Follows what was found and lets go of what is not there any more.
    fn settle(&mut self, scanned: Scanned, look: &mut Look) {
        look.troubles.extend(scanned.troubles);
        let mut found = BTreeMap::new();
        for record in scanned.found {
            found.entry((record.path.clone(), record.kind)).or_insert(record);
        }
        let is_there =
            |key: &Key| found.contains_key(key) || scanned.unread.iter().any(|unread| key.0.starts_with(unread));
        let gone: Vec<Key> = self.followed.keys().filter(|key| !is_there(key)).cloned().collect();
        for key in gone {
            if let Some(followed) = self.followed.remove(&key) {
                let news = followed.gone();
                for news in &news {
                    self.names.remove(&news.run);
                }
                look.news.extend(news);
            }
        }
        for (key, record) in found {
            match self.followed.get_mut(&key) {
                Some(followed) => followed.set_files(record),
                None => {
                    let base = self.base_name(&record);
                    self.followed.insert(key, Followed::new(record, base));
                }
            }
        }
    }

    fn read(&mut self, look: &mut Look) {
        let mut budget = BUDGET;
        let keys: Vec<Key> = self.followed.keys().cloned().collect();
        let begin = self.next.take().map_or(0, |next| keys.partition_point(|key| *key < next));
        for key in keys[begin..].iter().chain(&keys[..begin]) {
            let Some(followed) = self.followed.get_mut(key) else { continue };
            if budget == 0 {
                self.next = Some(key.clone());
                look.more = true;
                break;
            }
            match followed.look(&mut budget) {
                Ok(false) => {}
                Ok(true) => {
                    look.more = true;
                    if budget == 0 {
                        self.next = Some(key.clone());
                    }
                }
                // It went away meanwhile; the next scan tells.
                Err(error) if error.is_not_found() => {}
                Err(error) => look.troubles.push(Trouble::new(&key.0, error.to_string())),
            }
            let names = &mut self.names;
            followed.tell(look, |wanted, kind| unique(names, wanted, kind));
            if self.next.is_some() {
                break;
            }
        }
    }

    /// What a record is to be called, best first. A root that is a single record gives it its own name.
    fn base_name(&self, found: &Found) -> Vec<String> {
        let root = self.roots.get(found.root).map_or(Path::new(""), PathBuf::as_path);
        let root_name = root.file_name().unwrap_or(root.as_os_str()).to_string_lossy().into_owned();
        let path = if found.kind == Kind::Trackio { found.path.with_extension("") } else { found.path.clone() };
        let below = path.strip_prefix(root).unwrap_or(Path::new("")).to_string_lossy().into_owned();
        if below.is_empty() {
            return vec![root_name];
        }
        vec![below.clone(), format!("{root_name}/{below}")]
    }
}

/// The first name that no other run has; with what wrote it, or a number, if need be.
fn unique(names: &mut BTreeSet<String>, wanted: &[String], kind: Kind) -> String {
    let first = wanted.first().cloned().unwrap_or_default();
    let with_kind = std::iter::once(format!("{first} ({kind})"));
    let numbered = (2u64..).map(|number| format!("{first} ({number})"));
    let mut all = wanted.iter().cloned().chain(with_kind).chain(numbered);
    let name = all.find(|name| !names.contains(name)).unwrap_or_default();
    names.insert(name.clone());
    name
}
