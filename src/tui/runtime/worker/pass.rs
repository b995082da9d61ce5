//! What is asked about a recipe's pass in the open session, and what is told of it.

use std::time::SystemTime;

use color_eyre::Result;
use color_eyre::eyre::{WrapErr, bail, eyre};

use super::super::super::effect::{Effect, Message, PassPlan};
use super::{Told, Work};
use crate::config::expand_home;
use crate::jobs::OwnJob;
use crate::pipeline::recipe::{Recipe, Wanted};
use crate::pipeline::run::{Progress, plan, problems, release};
use crate::records::Heavy;
use crate::session::{Session, SessionError};

/// A report larger than this was not written here.
const LARGEST_REPORT: u64 = 16 << 20;

/// What was told of the pass of a session.
#[derive(Default)]
pub(super) struct PassSeen {
    steps: Option<(i64, i64)>,
    /// When its report was written.
    report: Option<SystemTime>,
    told: Option<Box<Progress>>,
}

impl Work {
    pub(super) fn pass(&mut self, effect: Effect) -> Result<()> {
        match effect {
            Effect::PlanPass(wanted) => {
                if let Err(error) = self.plan(*wanted) {
                    self.say(Message::Plan(Err(format!("{error:#}"))));
                }
            }
            Effect::ForecastPass(order) => {
                let begun = self.free_session().and_then(|_| (self.launcher.start_forecast)(*order));
                match begun {
                    Ok(job) => self.begun(OwnJob::Forecast(job), Heavy::Both),
                    Err(error) => self.say(Message::Forecast(Err(format!("{error:#}")))),
                }
            }
            Effect::ReleaseReview => {
                let session = &self.open_session()?.session;
                let recipe = Recipe::of_session(session)?.ok_or_else(|| eyre!("no pass is in this session"))?;
                match release(session, &recipe)? {
                    Some(waiting) => self.say(Message::Note(format!("{} is passed", waiting.step))),
                    None => self.say(Message::Note("the pass does not wait".into())),
                }
            }
            Effect::ReadReport => {
                let path = self.open_session()?.session.dir().join("report").join("report.md");
                let size = std::fs::metadata(&path).wrap_err_with(|| path.display().to_string())?.len();
                if size > LARGEST_REPORT {
                    bail!("{}: {size} bytes are no report of a pass", path.display());
                }
                let text = std::fs::read(&path).wrap_err_with(|| path.display().to_string())?;
                self.say(Message::Report(String::from_utf8_lossy(&text).into_owned()));
            }
            _ => {}
        }
        Ok(())
    }

    /// Reads the recipe; the problems, which may be many, on a thread of their own.
    fn plan(&self, wanted: Wanted) -> Result<()> {
        let home = |path: &std::path::PathBuf| expand_home(&path.to_string_lossy()).into();
        let wanted = Wanted {
            recipe: expand_home(&wanted.recipe),
            model: wanted.model.as_deref().map(expand_home),
            problems: wanted.problems.as_ref().map(home),
            test: wanted.test.as_ref().map(home),
            ..wanted
        };
        let session = &self.open_session()?.session;
        let recipe = wanted.open()?;
        recipe.may_run(session)?;
        let steps = plan(&recipe, Some(session))?;
        let told = self.told.clone();
        let read = move || {
            let plan = problems(&recipe)
                .map(|(pool, test)| Box::new(PassPlan { steps, pool: pool.len(), test: test.len(), recipe }));
            let _ = told.send(Told::Message(Message::Plan(plan.map_err(|error| format!("{error:#}")))));
        };
        std::thread::Builder::new().name("plan".into()).spawn(read).wrap_err("cannot start a thread")?;
        Ok(())
    }

    /// Tells how far the pass has come when a step has ended, when a decision is made that it waits for, and when its report is
    /// written.
    pub(super) fn follow_pass(&mut self, changed: bool) -> Result<(), SessionError> {
        let Some(following) = &mut self.session else { return Ok(()) };
        let (session, seen) = (&following.session, &mut following.pass);
        let steps = session.steps_version()?;
        let report = seen.told.as_ref().and_then(|_| written(session));
        let waits = seen.told.as_ref().is_some_and(|told| told.waiting.is_some());
        let same = seen.steps == Some(steps) && seen.report == report;
        if same && !(changed && waits) {
            return Ok(());
        }
        // What cannot be read is said once, and tried again when something changes.
        (seen.steps, seen.report) = (Some(steps), report);
        let read = match seen.told.as_deref() {
            Some(told) if same => told.decided(session).map(Some),
            told => Progress::read(session, told),
        };
        match read {
            Ok(Some(progress)) => {
                let progress = Box::new(progress);
                if seen.told.as_ref() != Some(&progress) {
                    let _ = self.told.send(Told::Message(Message::Pass(progress.clone())));
                }
                seen.report = written(session);
                seen.told = Some(progress);
            }
            Ok(None) => {}
            Err(error) => {
                let _ = self.told.send(Told::Message(Message::Error(format!("the pass of this session: {error:#}"))));
            }
        }
        Ok(())
    }
}

fn written(session: &Session) -> Option<SystemTime> {
    std::fs::metadata(session.dir().join("report").join("report.json")).and_then(|data| data.modified()).ok()
}
