//! One record that is followed, of whatever kind, and how what it gathers becomes news.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

use super::find::Found;
use super::gathered::Gathered;
use super::lines::{Dialect, Lines};
use super::tensorboard::Events;
use super::trackio::{Store, StoreError};
use super::trainer_state::TrainerState;
use super::wandb::Wandb;
use super::{Kind, Look, News, Trouble};

/// What went wrong with a record.
#[derive(Debug, thiserror::Error)]
pub(super) enum FollowError {
    #[error("cannot be read: {0}")]
    File(#[from] io::Error),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl FollowError {
    pub fn is_not_found(&self) -> bool {
        match self {
            FollowError::File(error) | FollowError::Store(StoreError::File(error)) => {
                error.kind() == io::ErrorKind::NotFound
            }
            FollowError::Store(StoreError::Store(_)) => false,
        }
    }
}

/// A record that is followed.
#[derive(Debug)]
pub(super) struct Followed {
    path: PathBuf,
    kind: Kind,
    files: Vec<PathBuf>,
    /// What it may be called, best first.
    wanted: Vec<String>,
    /// What its run is called, or its runs by their ids in the store.
    name: Option<String>,
    run_names: BTreeMap<String, String>,
    source: Source,
    gathered: Gathered,
    aside: Option<Aside>,
}

/// A record of the same training that only tells how many steps there will be, and whether it ended.
#[derive(Debug)]
struct Aside {
    kind: Kind,
    files: Vec<PathBuf>,
    source: Source,
}

#[derive(Debug)]
enum Source {
    Lines(Lines),
    State(TrainerState),
    Events(Events),
    Wandb(Box<Wandb>),
    Store(Box<Store>),
}

impl Source {
    fn new(kind: Kind, files: Vec<PathBuf>) -> Self {
        let first = files.first().cloned().unwrap_or_default();
        match kind {
            Kind::Cribble => Source::Lines(Lines::new(first, Dialect::Cribble)),
            Kind::TrainerLog => Source::Lines(Lines::new(first, Dialect::LlamaFactory)),
            Kind::TrainerState => Source::State(TrainerState::new(files)),
            Kind::TensorBoard => Source::Events(Events::new(files)),
            Kind::Wandb => Source::Wandb(Box::new(Wandb::new(first))),
            Kind::Trackio => Source::Store(Box::new(Store::new(first))),
        }
    }

    fn look(&mut self, budget: &mut u64, gathered: &mut Gathered) -> Result<bool, FollowError> {
        Ok(match self {
            Source::Lines(lines) => lines.look(budget, gathered)?,
            Source::State(state) => state.look(budget, gathered)?,
            Source::Events(events) => events.look(budget, gathered)?,
            Source::Wandb(wandb) => wandb.look(budget, gathered)?,
            Source::Store(store) => store.look(budget)?,
        })
    }
}

impl Followed {
    pub fn new(found: Found, wanted: Vec<String>) -> Self {
        let source = Source::new(found.kind, found.files.clone());
        let mut followed = Self {
            path: found.path.clone(),
            kind: found.kind,
            files: found.files.clone(),
            wanted,
            name: None,
            run_names: BTreeMap::new(),
            source,
            gathered: Gathered::default(),
            aside: None,
        };
        followed.set_aside(found.aside);
        followed
    }

    /// The files that a scan found.
    pub fn set_files(&mut self, found: Found) {
        self.set_aside(found.aside);
        if self.files == found.files {
            return;
        }
        self.files.clone_from(&found.files);
        match &mut self.source {
            Source::Events(events) => events.set_files(found.files),
            Source::State(state) => state.set_files(found.files),
            Source::Lines(_) | Source::Wandb(_) | Source::Store(_) => {
                self.source = Source::new(self.kind, found.files);
                self.gathered.restart();
            }
        }
    }

    fn set_aside(&mut self, found: Option<(Kind, Vec<PathBuf>)>) {
        let Some((kind, files)) = found else {
            self.aside = None;
            return;
        };
        match &mut self.aside {
            Some(aside) if aside.kind == kind && aside.files == files => {}
            Some(Aside { kind: Kind::TrainerState, files: known, source: Source::State(state) })
                if kind == Kind::TrainerState =>
            {
                state.set_files(files.clone());
                *known = files;
            }
            _ => self.aside = Some(Aside { kind, source: Source::new(kind, files.clone()), files }),
        }
    }

    /// Reads what is new; whether there is more at once.
    ///
    /// # Errors
    /// If it cannot be read now.
    pub fn look(&mut self, budget: &mut u64) -> Result<bool, FollowError> {
        let mut more = self.source.look(budget, &mut self.gathered)?;
        let Some(aside) = &mut self.aside else { return Ok(more) };
        if self.gathered.afresh {
            aside.source = Source::new(aside.kind, aside.files.clone());
        }
        let mut known = Gathered::default();
        // Its troubles are those of a record that is not followed.
        more |= aside.source.look(budget, &mut known).unwrap_or(false);
        self.gathered.total_steps = known.total_steps.or(self.gathered.total_steps);
        self.gathered.finished = self.gathered.finished.or(known.finished);
        Ok(more)
    }

    /// Hands over what was gathered. A run is told of once even if there is nothing to tell.
    pub fn tell(&mut self, look: &mut Look, mut unique: impl FnMut(&[String], Kind) -> String) {
        if let Source::Store(store) = &mut self.source {
            tell_store(store, &self.wanted, &mut self.run_names, look, &mut unique);
            return;
        }
        let is_new = self.name.is_none();
        let name = self.name.get_or_insert_with(|| unique(&self.wanted, self.kind)).clone();
        let troubles = std::mem::take(&mut self.gathered.troubles);
        look.troubles.extend(troubles.into_iter().map(|reason| Trouble::new(&self.path, reason)));
        if is_new || !self.gathered.is_empty() {
            let mut news = News::of(name, self.path.clone(), self.kind, &mut self.gathered);
            // Of a new run nothing was told that could be void.
            news.afresh &= !is_new;
            news.written = written(&self.files);
            look.news.push(news);
        }
    }

    /// Its last words.
    pub fn gone(self) -> Vec<News> {
        let names = self.name.into_iter().chain(self.run_names.into_values());
        let gone = |name| News { gone: true, ..News::of(name, self.path.clone(), self.kind, &mut Gathered::default()) };
        names.map(gone).collect()
    }
}

/// When one of these was written to last.
fn written(files: &[PathBuf]) -> Option<f64> {
    let times = files.iter().filter_map(|file| std::fs::metadata(file).ok()?.modified().ok());
    Some(times.max()?.duration_since(std::time::UNIX_EPOCH).ok()?.as_secs_f64())
}

fn tell_store(
    store: &mut Store,
    wanted: &[String],
    run_names: &mut BTreeMap<String, String>,
    look: &mut Look,
    unique: &mut impl FnMut(&[String], Kind) -> String,
) {
    let path = store.path().to_path_buf();
    for (id, run) in &mut store.runs {
        let is_new = !run_names.contains_key(id);
        let name = run_names.entry(id.clone()).or_insert_with(|| {
            let wanted: Vec<String> = wanted.iter().map(|project| format!("{project}/{}", run.name)).collect();
            unique(&wanted, Kind::Trackio)
        });
        let troubles = std::mem::take(&mut run.gathered.troubles);
        look.troubles.extend(troubles.into_iter().map(|reason| Trouble::new(&path, reason)));
        if is_new || run.gone || !run.gathered.is_empty() {
            let mut news = News::of(name.clone(), path.clone(), Kind::Trackio, &mut run.gathered);
            news.gone = run.gone;
            news.afresh &= !is_new;
            look.news.push(news);
        }
    }
    store.runs.retain(|id, run| {
        if run.gone {
            // Its name stays taken: whoever looks may still show it.
            run_names.remove(id);
        }
        !run.gone
    });
}

impl News {
    fn of(run: String, path: PathBuf, kind: Kind, gathered: &mut Gathered) -> Self {
        Self {
            run,
            path,
            kind,
            afresh: std::mem::take(&mut gathered.afresh),
            gone: false,
            total_steps: gathered.total_steps.take(),
            points: std::mem::take(&mut gathered.points),
            notes: std::mem::take(&mut gathered.notes),
            settings: std::mem::take(&mut gathered.settings),
            written: None,
            finished: gathered.finished.take(),
        }
    }
}
