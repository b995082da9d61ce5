//! What the Difficulty pane asks for. Both read the whole session, so both have a thread of their own.

use std::path::PathBuf;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use color_eyre::Result;
use color_eyre::eyre::{WrapErr, eyre};

use super::super::super::effect::Message;
use super::{Told, Work};
use crate::difficulty::Rule;
use crate::jobs::yield_to_the_screen;
use crate::pipeline::difficulty::{Ranking, survey};
use crate::pipeline::select::{SelectOrder, choose};
use crate::session::{Session, tour};

/// Between the beginnings of two surveys of a session that changes; and so many times as long as the last one took, so that a long
/// session that is sampled in does not keep a core busy.
const BETWEEN: Duration = Duration::from_secs(1);
const TIMES: u32 = 4;

/// What is to be surveyed.
#[derive(Debug, Clone, PartialEq)]
struct Wanted {
    settings: Option<String>,
    rule: Option<Rule>,
}

/// What a survey depends on. Another one of the same would say the same.
#[derive(Debug, Clone, PartialEq)]
struct Basis {
    settings: Option<String>,
    ranking: Option<Ranking>,
    /// Last row, last decision, run of the filter, last selection.
    content: [i64; 4],
}

/// Surveys of the open session: at most one at a time, and not one after the other.
#[derive(Default)]
pub(super) struct Surveys {
    wanted: Option<Wanted>,
    running: Option<JoinHandle<Option<Duration>>>,
    /// How long the last one took.
    took: Duration,
    begun: Option<Instant>,
    told: Option<Basis>,
    storing: Option<JoinHandle<Option<Duration>>>,
}

impl Surveys {
    /// Another session is open: nothing of it was told.
    pub fn forget(&mut self) {
        (self.wanted, self.told, self.begun, self.took) = (None, None, None, Duration::ZERO);
    }

    /// Whether a selection is being stored.
    pub fn storing(&self) -> bool {
        self.storing.as_ref().is_some_and(|thread| !thread.is_finished())
    }
}

impl Work {
    pub(super) fn want_survey(&mut self, settings: Option<String>, rule: Option<Rule>) {
        self.surveys.wanted = Some(Wanted { settings, rule });
    }

    /// Begins the survey that is wanted, if it is time for one and it could say anything new.
    pub(super) fn survey(&mut self) -> Result<()> {
        let Some(following) = &self.session else { return Ok(()) };
        let Some(wanted) = &self.surveys.wanted else { return Ok(()) };
        if self.surveys.running.as_ref().is_some_and(|thread| !thread.is_finished()) {
            return Ok(());
        }
        if let Some(thread) = self.surveys.running.take() {
            match thread.join().unwrap_or_default() {
                Some(took) => self.surveys.took = took,
                // What failed told nothing.
                None => self.surveys.told = None,
            }
        }
        let ranking = wanted.rule.as_ref().map(Ranking::of);
        let told = self.surveys.told.as_ref();
        // A person waits for another setting or order; what merely grew can wait a little.
        let grew = told.is_some_and(|told| told.settings == wanted.settings && told.ranking == ranking);
        if grew && self.surveys.begun.is_some_and(|begun| begun.elapsed() < BETWEEN.max(TIMES * self.surveys.took)) {
            return Ok(());
        }
        let Some(Wanted { settings, rule }) = self.surveys.wanted.take() else { return Ok(()) };
        let selection = following.session.selections()?.last().map_or(0, |selection| selection.seq);
        let content = [following.last_row, following.last_decision, following.filtering, selection];
        let basis = Basis { settings: settings.clone(), ranking, content };
        if self.surveys.told.as_ref() == Some(&basis) {
            return Ok(());
        }
        let (dir, shelf) = (following.session.dir().to_path_buf(), self.directories.state().join("tour"));
        let of_tour = following.tour;
        (self.surveys.told, self.surveys.begun) = (Some(basis), Some(Instant::now()));
        self.surveys.running = Some(self.aside("survey", move || {
            let session = if of_tour { tour::view(&shelf)? } else { Session::open(&dir)? };
            let found = survey(&session, settings.as_deref(), rule.as_ref())?;
            // The session as the screen calls it.
            let dir = if of_tour { PathBuf::from("tour") } else { dir };
            Ok(Message::Difficulty { dir, settings, survey: found.map(Into::into) })
        })?);
        Ok(())
    }

    /// Stores what a rule chooses, as `cribble select` does.
    pub(super) fn store_selection(&mut self, name: String, rule: Rule, settings: String) -> Result<()> {
        if self.surveys.storing() {
            color_eyre::eyre::bail!("a selection is being stored already");
        }
        let session = &self.open_session()?.session;
        if let Some(reason) = session.read_only() {
            color_eyre::eyre::bail!("not stored, the session is open for viewing only: {reason}");
        }
        let dir = session.dir().to_path_buf();
        let order = SelectOrder { name, rule, settings, also: Vec::new(), draws: None };
        self.surveys.storing =
            Some(self.aside("select", move || {
                Ok(Message::SelectionStored(Box::new(choose(&Session::open(&dir)?, &order)?)))
            })?);
        Ok(())
    }

    /// Does something beside the worker and tells what came of it; the thread says how long it took if it went well.
    fn aside(
        &self,
        name: &str,
        work: impl FnOnce() -> Result<Message> + Send + 'static,
    ) -> Result<JoinHandle<Option<Duration>>> {
        let told = self.told.clone();
        let run = move || {
            yield_to_the_screen();
            let begun = Instant::now();
            let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
            let done = done.unwrap_or_else(|_| Err(eyre!("it crashed; the session is as it was")));
            let took = done.is_ok().then(|| begun.elapsed());
            let message = done.unwrap_or_else(|error| Message::Error(format!("{error:#}")));
            let _ = told.send(Told::Message(message));
            took
        };
        std::thread::Builder::new().name(name.into()).spawn(run).wrap_err("cannot start a thread")
    }
}
