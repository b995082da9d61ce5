//! A training as an offline run of W&B beside its record, where the settings ask for one: `wandb/` in the run's directory, which
//! `wandb sync` uploads. Nothing goes over the network from here.
//!
//! A training that goes on writes another part of the same run, and one that begins anew another run. Parts from before a training
//! began are of another one in its directory, and are not gone on with. W&B takes only steps that rise: what is done again after a
//! checkpoint is not told again. It comes out as it did before, bit for bit; only where a step's samples were left out since does the
//! run's own record know better.

use std::io;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::{TrainSettings, runs};
use crate::hub::is_hub_name;
use crate::watch::wandb::{Run, Writer, parts};

/// The folder in a run's directory.
const PLACE: &str = "wandb";
/// The project of a training that is none of a session's.
const PROJECT: &str = "cribble";
/// Characters of a name that W&B takes at most, and those that it does not take in a project's.
const CHARACTERS: usize = 128;
const NOT_TAKEN: &str = "/\\#?%:";
const ID_CHARACTERS: usize = 8;

/// A run of W&B to which steps are told. Its part begins with the first of them.
#[derive(Debug)]
pub(super) struct OfflineRun {
    place: PathBuf,
    project: String,
    name: String,
    config: Map<String, Value>,
    /// Of the run that is gone on with, or that has been begun.
    id: Option<String>,
    /// The last step that was told.
    last: Option<u64>,
    /// Before this second since the Unix epoch no part begins.
    earliest: i64,
    part: Option<Writer>,
    /// Told when it is whole: a step and its validation are one row.
    waiting: Option<Row>,
}

#[derive(Debug)]
struct Row {
    step: u64,
    /// Seconds since the Unix epoch.
    time: f64,
    values: Vec<(&'static str, f64)>,
}

impl OfflineRun {
    /// The run of a training in this directory. `since`: when it began, in seconds since the Unix epoch, if it has steps behind it.
    ///
    /// # Errors
    /// If what was written before cannot be read.
    pub fn open(directory: &Path, settings: &TrainSettings, since: Option<f64>) -> io::Result<Self> {
        let place = directory.join(PLACE);
        let before = parts(&place)?;
        let newest = before.last();
        let mut last: Option<u64> = None;
        for part in before.iter().filter(|part| newest.is_some_and(|newest| newest.id == part.id)) {
            last = last.max(part.mend()?);
        }
        let own = newest.filter(|newest| since.is_some_and(|since| newest.begun >= second(since)));
        let (id, last) = own.map_or((None, None), |own| (Some(own.id.clone()), last));
        // Uploads go by these times, whatever the clock says.
        let earliest = newest.map_or(i64::MIN, |newest| newest.begun.saturating_add(1));
        let (project, name) = names(directory);
        Ok(Self { place, project, name, config: config(settings), id, last, earliest, part: None, waiting: None })
    }

    /// Takes values of a step; those of the step before are written.
    ///
    /// # Errors
    /// Of the file system.
    pub fn tell(&mut self, step: u64, time: f64, values: &[(&'static str, f64)]) -> io::Result<()> {
        if self.waiting.as_ref().is_some_and(|row| row.step != step) {
            self.flush()?;
        }
        let row = self.waiting.get_or_insert_with(|| Row { step, time, values: Vec::new() });
        row.time = time;
        for (tag, value) in values {
            row.values.retain(|(known, _)| known != tag);
            row.values.push((*tag, *value));
        }
        Ok(())
    }

    /// Writes the row that is waiting.
    ///
    /// # Errors
    /// Of the file system.
    pub fn flush(&mut self) -> io::Result<()> {
        let Some(Row { step, time, values }) = self.waiting.take() else { return Ok(()) };
        if self.last.is_some_and(|last| step <= last) {
            return Ok(());
        }
        let part = match self.part.take() {
            Some(part) => part,
            None => self.begin(time)?,
        };
        self.part.insert(part).row(step, time, &values)?;
        self.last = Some(step);
        Ok(())
    }

    /// Says that the training has ended, well or not. What comes after it is another part.
    ///
    /// # Errors
    /// Of the file system.
    pub fn end(&mut self, well: bool) -> io::Result<()> {
        self.flush()?;
        let Some(part) = self.part.take() else { return Ok(()) };
        part.exit(u8::from(!well))
    }

    /// Begins a part with the time of its first row.
    fn begin(&mut self, time: f64) -> io::Result<Writer> {
        self.earliest = self.earliest.max(second(time));
        let resumes = self.id.is_some();
        let id: &str = self.id.get_or_insert_with(fresh_id);
        let run = Run { id, project: &self.project, name: &self.name, config: &self.config, resumes };
        Writer::create(&self.place, &run, self.earliest)
    }
}

/// The second that a time is in, both since the Unix epoch.
fn second(time: f64) -> i64 {
    time.floor() as i64
}

/// Project and name of a run: the session's name and its own.
fn names(directory: &Path) -> (String, String) {
    let directory = std::fs::canonicalize(directory).unwrap_or_else(|_| directory.to_path_buf());
    let holds_runs = |session: &&Path| directory.parent().is_some_and(|parent| parent == runs::place(session));
    let session = directory.ancestors().nth(2).filter(holds_runs);
    let name = |path: &Path| path.file_name().map(|name| plain(&name.to_string_lossy()));
    (session.and_then(name).unwrap_or_else(|| PROJECT.to_owned()), name(&directory).unwrap_or_default())
}

fn plain(name: &str) -> String {
    let taken = |c: char| if c.is_control() || NOT_TAKEN.contains(c) { '-' } else { c };
    name.chars().map(taken).take(CHARACTERS).collect()
}

/// All settings. Of a model on this machine only its name goes out, not where it lies.
fn config(settings: &TrainSettings) -> Map<String, Value> {
    let mut settings = settings.clone();
    if !is_hub_name(&settings.model)
        && let Some(name) = Path::new(&settings.model).file_name()
    {
        settings.model = name.to_string_lossy().into_owned();
    }
    // By way of text, which has numbers of 32 bits as a person gave them.
    let text = serde_json::to_string(&settings).unwrap_or_default();
    serde_json::from_str(&text).unwrap_or_default()
}

/// As W&B makes them.
fn fresh_id() -> String {
    let mut number = rand::random::<u64>();
    let digit = |_| {
        let digit = char::from_digit((number % 36) as u32, 36).unwrap_or('0');
        number /= 36;
        digit
    };
    (0..ID_CHARACTERS).map(digit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watch::{News, Watcher};

    fn settings() -> TrainSettings {
        TrainSettings { model: "/home/somebody/models/tiny".into(), lr: 1e-4, ..TrainSettings::default() }
    }

    /// When a training began.
    const BEGAN: f64 = 1.8e9 + 0.5;

    fn open(directory: &Path, goes_on: bool) -> OfflineRun {
        OfflineRun::open(directory, &settings(), goes_on.then_some(BEGAN)).unwrap()
    }

    fn tell(run: &mut OfflineRun, steps: std::ops::RangeInclusive<u64>, loss: f64) {
        for step in steps {
            run.tell(step, 1.8e9 + step as f64, &[("train/loss", loss + step as f64)]).unwrap();
        }
    }

    /// What each part tells, by their times.
    fn told(directory: &Path) -> Vec<News> {
        Watcher::new(vec![directory.join(PLACE)]).look().news
    }

    fn losses(news: &News) -> Vec<(u64, f64)> {
        let points = news.points.iter().filter(|point| &*point.tag == "train/loss");
        points.map(|point| (point.step, point.value)).collect()
    }

    #[test]
    fn a_training_that_goes_on_is_another_part_and_tells_no_step_twice() {
        let dir = tempfile::tempdir().unwrap();
        let directory = dir.path().join("demo/runs/sft");
        std::fs::create_dir_all(&directory).unwrap();
        let mut killed = open(&directory, false);
        tell(&mut killed, 1..=3, 0.5);
        killed.tell(3, 1.8e9 + 3.5, &[("eval/loss", 9.0)]).unwrap();
        killed.flush().unwrap();
        // Not whole when it is killed: nobody knows of it.
        tell(&mut killed, 4..=4, 0.5);
        drop(killed);
        // From the checkpoint after step 2 on; a part that would be empty is not begun.
        let mut again = open(&directory, true);
        tell(&mut again, 3..=3, 0.75);
        drop(again);
        let mut again = open(&directory, true);
        tell(&mut again, 3..=5, 0.75);
        again.end(true).unwrap();
        tell(&mut again, 6..=6, 0.75);
        again.end(false).unwrap();
        again.end(false).unwrap();
        let told = told(&directory);
        assert_eq!(told.len(), 3);
        assert_eq!(losses(&told[0]), [(1, 1.5), (2, 2.5), (3, 3.5)]);
        assert_eq!((losses(&told[1]), losses(&told[2])), (vec![(4, 4.75), (5, 5.75)], vec![(6, 6.75)]));
        assert_eq!(told.iter().map(|news| news.finished).collect::<Vec<_>>(), [None, Some(true), Some(false)]);
        let eval = told[0].points.iter().find(|point| &*point.tag == "eval/loss").unwrap();
        assert_eq!((eval.step, eval.value, eval.time), (3, 9.0, Some(1.8e9 + 3.5)));
        let parts = parts(&directory.join(PLACE)).unwrap();
        assert!(parts.iter().all(|part| part.id == parts[0].id && part.id.len() == ID_CHARACTERS), "{parts:?}");
        // What begins anew is a run of its own.
        let mut other = open(&directory, false);
        tell(&mut other, 1..=1, 0.0);
        other.end(true).unwrap();
        let fresh = super::parts(&directory.join(PLACE)).unwrap().pop().unwrap();
        assert!(fresh.id != parts[0].id && fresh.begun > parts[2].begun, "{fresh:?}");
        assert_eq!(open(&directory, true).last, Some(1));
        // So is one that began after all of them and told none of its steps.
        let later = OfflineRun::open(&directory, &settings(), Some(fresh.begun as f64 + 1.5)).unwrap();
        assert_eq!((later.id, later.last), (None, None));
    }

    #[test]
    fn a_run_is_named_after_its_session_and_names_no_place() {
        let dir = tempfile::tempdir().unwrap();
        let directory = dir.path().join("my: demo/runs/sft");
        std::fs::create_dir_all(&directory).unwrap();
        let mut run = open(&directory, false);
        tell(&mut run, 1..=1, 0.0);
        run.end(true).unwrap();
        let told = told(&directory);
        for (key, value) in
            [("project", "my- demo"), ("name", "sft"), ("model", "tiny"), ("lr", "0.0001"), ("lora.rank", "16")]
        {
            let found = told[0].settings.iter().find(|(name, _)| name == key);
            assert_eq!(found.map(|(_, value)| value.as_str()), Some(value), "{key}");
        }
        let bytes = std::fs::read(&parts(&directory.join(PLACE)).unwrap()[0].file).unwrap();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        assert!(!text.contains("somebody") && !text.contains(&*dir.path().to_string_lossy()), "{text}");
        assert_eq!(names(dir.path()).0, PROJECT);
    }
}
