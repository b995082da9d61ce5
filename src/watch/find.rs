//! Finds the records of runs under some directories, and decides which of a run's records are followed.
//!
//! **One run, one record.** A trainer often writes several records of the same training: its state in each checkpoint,
//! an event file under `runs/`, a W&B directory. A directory with a trainer's own record (`metrics.jsonl`,
//! `trainer_log.jsonl`, `trainer_state.json`) owns the event files and W&B records in it and up to two directories
//! below. Of what one directory owns the richest is followed: our own record, W&B, TensorBoard, the log, the state, in
//! this order. One that was not written at the time of the other (it ended half an hour before the other was written
//! last, or began after it) is a run of its own: the output directory of several trainings, or one that reports
//! elsewhere now. Event files are named after their own directory, as TensorBoard does, so that a run keeps its name
//! when the first checkpoint appears.
//!
//! Links to directories are not followed, so there are no loops; hidden directories are passed over. So is the folder in which
//! another program trains for a run of ours: what it records there becomes our record beside it.

use std::collections::{BTreeMap, HashSet};
use std::fs::{Metadata, ReadDir};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::{Kind, Trouble, tensorboard};

/// Directories below a root that are entered.
const DEPTH: usize = 6;
/// Entries of one scan at most.
const ENTRIES: usize = 1_000_000;
/// Event files, or checkpoints, of one directory that are looked at.
const FILES: usize = 2000;
/// Checkpoints whose state is followed.
const STATES: usize = 4;
/// Records that stopped so far apart are not of the same training: event files are flushed every few minutes.
const APART: Duration = Duration::from_secs(30 * 60);
/// Directories in which nobody trains.
const PASSED_OVER: [&str; 3] = ["node_modules", "__pycache__", "site-packages"];
/// The folder beside our own record in which another program trains.
const EXTERNAL: &str = "external";
const OWN_RECORD: &str = "metrics.jsonl";
/// cribble's own stores: opening and closing such a file would let go of the locks that this process has on it.
const OWN_STORE: &str = "session.db";

/// A record of a run, or of many.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub root: usize,
    /// What it is named after.
    pub path: PathBuf,
    pub kind: Kind,
    /// The newest first for states, else by name.
    pub files: Vec<PathBuf>,
    modified: Option<SystemTime>,
    begun: Option<SystemTime>,
    /// A trainer's log or state that is not followed for its points, but knows how many steps there will be.
    pub aside: Option<(Kind, Vec<PathBuf>)>,
}

/// What a scan brought.
#[derive(Debug, Default)]
pub(super) struct Scanned {
    pub found: Vec<Found>,
    /// Directories that could not be read; what was in them is not gone.
    pub unread: Vec<PathBuf>,
    pub troubles: Vec<Trouble>,
}

/// A scan that goes on over several looks.
#[derive(Debug, Default)]
pub(super) struct Scanner {
    pending: Vec<Folder>,
    open: Option<(Folder, ReadDir, Records)>,
    scanned: Scanned,
    entries: usize,
}

#[derive(Debug, Clone)]
struct Folder {
    root: usize,
    path: PathBuf,
    depth: usize,
}

/// The records in one directory.
#[derive(Debug, Default)]
struct Records {
    events: Vec<(PathBuf, Metadata)>,
    wandb: Vec<(PathBuf, Metadata)>,
    stores: Vec<(PathBuf, Metadata)>,
    states: Vec<(PathBuf, Metadata)>,
    log: Option<(PathBuf, Metadata)>,
    ours: Option<(PathBuf, Metadata)>,
}

impl Scanner {
    pub fn is_at_work(&self) -> bool {
        self.open.is_some() || !self.pending.is_empty()
    }

    pub fn start(&mut self, roots: &[PathBuf]) {
        *self = Self::default();
        for (root, path) in roots.iter().enumerate().rev() {
            match std::fs::metadata(path) {
                Ok(metadata) if metadata.is_file() => {
                    let mut records = Records::default();
                    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                    records.add(&name, path.clone(), metadata);
                    let parent = path.parent().map(Path::to_path_buf).unwrap_or_default();
                    records.tell(&Folder { root, path: parent, depth: 0 }, &mut self.scanned.found);
                }
                _ => self.pending.push(Folder { root, path: path.clone(), depth: 0 }),
            }
        }
    }

    /// Looks at so many more entries; what was found, if the scan is at its end.
    pub fn go_on(&mut self, mut entries: usize) -> Option<Scanned> {
        while entries > 0 {
            if self.open.is_none() && !self.enter() {
                return Some(self.end());
            }
            let Some((folder, listing, records)) = &mut self.open else { continue };
            entries -= 1;
            match listing.next() {
                Some(Ok(entry)) => {
                    self.entries += 1;
                    if let Some(below) = look_at(&entry, folder, records) {
                        self.pending.push(below);
                    }
                }
                Some(Err(error)) => {
                    self.scanned.unread.push(folder.path.clone());
                    self.scanned.troubles.push(Trouble::new(&folder.path, format!("cannot be listed: {error}")));
                    self.leave();
                }
                None => self.leave(),
            }
            if self.entries >= ENTRIES {
                self.give_up();
            }
        }
        if self.is_at_work() { None } else { Some(self.end()) }
    }

    /// Opens the next directory; whether there was one.
    fn enter(&mut self) -> bool {
        while let Some(folder) = self.pending.pop() {
            match std::fs::read_dir(&folder.path) {
                Ok(listing) => {
                    self.open = Some((folder, listing, Records::default()));
                    return true;
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound && folder.depth > 0 => {}
                Err(error) => {
                    if error.kind() != io::ErrorKind::NotFound {
                        self.scanned.unread.push(folder.path.clone());
                    }
                    self.scanned.troubles.push(Trouble::new(&folder.path, format!("cannot be listed: {error}")));
                }
            }
        }
        false
    }

    fn leave(&mut self) {
        if let Some((folder, _, records)) = self.open.take() {
            records.tell(&folder, &mut self.scanned.found);
        }
    }

    fn give_up(&mut self) {
        self.leave();
        for folder in std::mem::take(&mut self.pending) {
            let reason = format!("not looked into: more than {ENTRIES} files; watch a directory further down");
            if self.scanned.unread.len() < FILES {
                self.scanned.troubles.push(Trouble::new(&folder.path, reason));
            }
            self.scanned.unread.push(folder.path);
        }
    }

    fn end(&mut self) -> Scanned {
        let mut scanned = std::mem::take(&mut self.scanned);
        scanned.found = choose(scanned.found);
        self.entries = 0;
        scanned
    }
}

/// Keeps what is of interest of an entry; a directory to enter, if it is one.
fn look_at(entry: &std::fs::DirEntry, folder: &Folder, records: &mut Records) -> Option<Folder> {
    let name = entry.file_name();
    let name = name.to_string_lossy();
    let kind = entry.file_type().ok()?;
    if name.starts_with('.') {
        return None;
    }
    if !kind.is_dir() {
        if is_record(&name)
            && let Ok(metadata) = std::fs::metadata(entry.path())
            && metadata.is_file()
        {
            records.add(&name, entry.path(), metadata);
        }
        return None;
    }
    if name.strip_prefix("checkpoint-").is_some_and(|step| step.parse::<u64>().is_ok()) {
        let path = entry.path().join("trainer_state.json");
        if let Ok(metadata) = std::fs::metadata(&path)
            && metadata.is_file()
            && records.states.len() < FILES
        {
            records.states.push((path, metadata));
        }
        return None;
    }
    // What W&B keeps beside a run's record may be thousands of pictures.
    let of_wandb = folder.path.parent().is_some_and(|above| above.ends_with("wandb"))
        && matches!(&*name, "files" | "logs" | "tmp");
    let is_told_by_ours = name == EXTERNAL && folder.path.join(OWN_RECORD).is_file();
    if folder.depth >= DEPTH || PASSED_OVER.contains(&&*name) || of_wandb || is_told_by_ours {
        return None;
    }
    Some(Folder { root: folder.root, path: entry.path(), depth: folder.depth + 1 })
}

fn is_record(name: &str) -> bool {
    tensorboard::is_event_file(name)
        || matches!(name, "trainer_state.json" | "trainer_log.jsonl" | OWN_RECORD)
        || name.ends_with(".wandb")
        || (name.ends_with(".db") && name != OWN_STORE)
}

impl Records {
    fn add(&mut self, name: &str, path: PathBuf, metadata: Metadata) {
        let file = (path, metadata);
        let many = match name {
            "trainer_log.jsonl" => {
                self.log = Some(file);
                return;
            }
            OWN_RECORD => {
                self.ours = Some(file);
                return;
            }
            "trainer_state.json" => &mut self.states,
            name if tensorboard::is_event_file(name) => &mut self.events,
            name if name.ends_with(".wandb") => &mut self.wandb,
            name if name.ends_with(".db") && name != OWN_STORE => &mut self.stores,
            _ => return,
        };
        if many.len() < FILES {
            many.push(file);
        }
    }

    fn tell(mut self, folder: &Folder, found: &mut Vec<Found>) {
        let mut add = |path: &Path, kind, files: Vec<(PathBuf, Metadata)>, begun| {
            let modified = files.iter().filter_map(|(_, metadata)| metadata.modified().ok()).max();
            let files = files.into_iter().map(|(path, _)| path).collect();
            found.push(Found {
                root: folder.root,
                path: path.to_path_buf(),
                kind,
                files,
                modified,
                begun,
                aside: None,
            });
        };
        if !self.events.is_empty() {
            self.events.sort_by(|a, b| a.0.cmp(&b.0));
            let begun = self.events.iter().filter_map(|(path, _)| tensorboard::begun(path)).min();
            let begun = begun.and_then(|seconds| SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds)));
            add(&folder.path, Kind::TensorBoard, self.events, begun);
        }
        let alone = self.wandb.len() == 1;
        for file in self.wandb {
            let begun = file.1.created().ok();
            let path = if alone { folder.path.clone() } else { file.0.clone() };
            add(&path, Kind::Wandb, vec![file], begun);
        }
        for file in self.stores {
            add(&file.0.clone(), Kind::Trackio, vec![file], None);
        }
        if !self.states.is_empty() {
            // By time, for a training that was begun anew in the same place has lower steps.
            self.states.sort_by_cached_key(|(path, metadata)| {
                std::cmp::Reverse((metadata.modified().ok(), path.as_os_str().len(), path.clone()))
            });
            self.states.truncate(STATES);
            add(&folder.path, Kind::TrainerState, self.states, None);
        }
        if let Some(file) = self.log {
            add(&folder.path, Kind::TrainerLog, vec![file], None);
        }
        if let Some(file) = self.ours {
            add(&folder.path, Kind::Cribble, vec![file], None);
        }
    }
}

/// How rich a record is; more is better.
fn rank(kind: Kind) -> u8 {
    match kind {
        Kind::TrainerState => 0,
        Kind::TrainerLog => 1,
        Kind::TensorBoard => 2,
        Kind::Wandb => 3,
        Kind::Cribble => 4,
        Kind::Trackio => 5,
    }
}

/// The directory that each record belongs to, if there is one.
fn owners(found: &[Found]) -> Vec<Option<PathBuf>> {
    let owners: HashSet<&Path> = found
        .iter()
        .filter(|record| matches!(record.kind, Kind::TrainerState | Kind::TrainerLog | Kind::Cribble))
        .map(|record| record.path.as_path())
        .collect();
    let near =
        |record: &Found| record.path.ancestors().take(3).find(|path| owners.contains(path)).map(Path::to_path_buf);
    found.iter().map(near).collect()
}

/// Leaves out records of trainings that are followed by a richer one.
fn choose(found: Vec<Found>) -> Vec<Found> {
    let owners = owners(&found);
    let mut families = BTreeMap::<PathBuf, Vec<Found>>::new();
    let mut chosen = Vec::new();
    for (record, owner) in found.into_iter().zip(owners) {
        match owner {
            Some(owner) if record.kind != Kind::Trackio => families.entry(owner).or_default().push(record),
            _ => chosen.push(record),
        }
    }
    for family in families.into_values() {
        chosen.extend(choose_of(family));
    }
    chosen
}

fn choose_of(family: Vec<Found>) -> Vec<Found> {
    let is_left_out = |record: &Found| {
        family.iter().any(|other| {
            let richer = rank(other.kind) > rank(record.kind);
            richer && (other.kind == Kind::Cribble || were_together(other, record))
        })
    };
    let left_out: Vec<bool> = family.iter().map(is_left_out).collect();
    let (out, mut kept): (Vec<_>, Vec<_>) = family.into_iter().zip(left_out).partition(|(_, out)| *out);
    let aside = out
        .into_iter()
        .map(|(record, _)| record)
        .filter(|record| matches!(record.kind, Kind::TrainerState | Kind::TrainerLog))
        .max_by_key(|record| rank(record.kind));
    // It tells of the training that goes on, or went on last.
    let newest = kept.iter_mut().max_by_key(|(record, _)| record.modified);
    if let (Some(aside), Some((newest, _))) = (aside, newest)
        && matches!(newest.kind, Kind::TensorBoard | Kind::Wandb | Kind::TrainerLog)
    {
        newest.aside = Some((aside.kind, aside.files));
    }
    kept.into_iter().map(|(record, _)| record).collect()
}

/// Whether a richer record was written while another was.
fn were_together(richer: &Found, other: &Found) -> bool {
    let (Some(richer_end), Some(other_end)) = (richer.modified, other.modified) else { return true };
    let went_on = richer_end.checked_add(APART).is_none_or(|end| end >= other_end);
    let had_begun = richer.begun.is_none_or(|begun| begun <= other_end);
    went_on && had_begun
}
