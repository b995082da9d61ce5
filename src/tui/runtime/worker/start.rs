//! Starts jobs in the open session: one at a time, or where a person allows it a training beside a job that draws samples. What is
//! asked for meanwhile waits in line and begins when the one before has ended well.

use std::path::PathBuf;

use color_eyre::Result;
use color_eyre::eyre::bail;

use super::super::super::effect::{Effect, Message};
use super::{Told, Work};
use crate::config::{Settings, expand_home};
use crate::jobs::OwnJob;
use crate::records::{Heavy, LiveState};

/// A job of this process, and what it keeps others out of.
pub(super) struct Begun {
    pub job: OwnJob,
    keeps_out: Heavy,
}

/// Jobs that may wait: more in line than this is a key held down.
const LONGEST_LINE: usize = 20;

impl Work {
    /// Starts what was asked for, or puts it in line.
    pub(super) fn start(&mut self, effect: Effect) -> Result<()> {
        self.see_ends();
        self.open_session()?;
        // Nothing overtakes those that wait for a job at work.
        let waits = !self.jobs.is_empty() && !self.line.is_empty();
        if waits || !self.has_room_for(&effect) {
            if self.line.len() >= LONGEST_LINE {
                bail!("{LONGEST_LINE} jobs are in line already");
            }
            self.line.push_back(effect);
            self.tell_line();
            return Ok(());
        }
        self.start_now(effect)
    }

    fn start_now(&mut self, effect: Effect) -> Result<()> {
        let dir = self.open_session()?.session.dir().to_path_buf();
        let keeps_out = self.keeps_out(&effect);
        let path = |path: PathBuf| PathBuf::from(expand_home(&path.to_string_lossy()));
        let job = match effect {
            Effect::StartGenerate(mut order) => {
                order.model = expand_home(&order.model);
                order.problems = order.problems.map(path);
                OwnJob::Generate((self.launcher.start_generate)(dir, *order)?)
            }
            Effect::StartTrain(mut order) => {
                order.settings.model = expand_home(&order.settings.model);
                OwnJob::Train((self.launcher.start_train)(dir, *order)?)
            }
            Effect::StartExternal(mut order) => {
                order.train.settings.model = expand_home(&order.train.settings.model);
                OwnJob::Train((self.launcher.start_external)(dir, *order)?)
            }
            Effect::StartRun(order) => OwnJob::Run((self.launcher.start_run)(dir, *order)?),
            Effect::StartEval(mut order) => {
                order.generate.model = expand_home(&order.generate.model);
                order.generate.problems = order.generate.problems.take().map(path);
                OwnJob::Eval((self.launcher.start_eval)(dir, *order)?)
            }
            _ => return Ok(()),
        };
        self.begun(job, keeps_out);
        Ok(())
    }

    pub(super) fn begun(&mut self, job: OwnJob, keeps_out: Heavy) {
        let _ = self.told.send(Told::Job(job.watch()));
        self.jobs.push(Begun { job, keeps_out });
        if std::mem::take(&mut self.held) {
            self.tell_line();
        }
    }

    pub(super) fn at_work(&self) -> impl Iterator<Item = &OwnJob> {
        self.jobs.iter().map(|begun| &begun.job).filter(|job| !job.finished())
    }

    /// What a job keeps others out of. What is wrong with the settings the job itself says.
    fn keeps_out(&self, effect: &Effect) -> Heavy {
        let heavy = match effect {
            Effect::StartTrain(_) | Effect::StartExternal(_) => Heavy::Training,
            Effect::StartRun(_) => Heavy::Both,
            _ => Heavy::Sampling,
        };
        heavy.among(Settings::of_person(&self.directories).map_or(1, |settings| settings.max_heavy_jobs))
    }

    /// Whether a job may begin beside those that have not been let go of.
    fn has_room_for(&self, effect: &Effect) -> bool {
        // With the usual one at a time no settings are read for as long as something waits in line.
        let shared = self.jobs.iter().all(|begun| begun.keeps_out != Heavy::Both);
        self.jobs.is_empty()
            || (shared && {
                let keeps_out = self.keeps_out(effect);
                !self.jobs.iter().any(|begun| begun.keeps_out.excludes(keeps_out))
            })
    }

    /// Lets go of jobs that have ended. One that failed or was stopped holds those in line: what comes after it may depend on it, and
    /// who stops a job does not want the next one at once.
    pub(super) fn see_ends(&mut self) {
        for at in (0..self.jobs.len()).rev() {
            if !self.jobs[at].job.finished() {
                continue;
            }
            let job = self.jobs.remove(at).job;
            let ended_badly = job.control().stopping() || job.board().state == LiveState::Failed;
            if let OwnJob::Forecast(job) = job {
                let made = job.join().map(Box::new).map_err(|error| format!("{error:#}"));
                self.say(Message::Forecast(made));
            }
            if ended_badly && !self.line.is_empty() {
                self.held = true;
                self.tell_line();
            }
        }
    }

    /// The first in line begins once there is room for it.
    pub(super) fn next_in_line(&mut self) -> Result<()> {
        self.see_ends();
        let begins = !self.held && self.line.front().is_some_and(|first| self.has_room_for(first));
        let Some(effect) = begins.then(|| self.line.pop_front()).flatten() else { return Ok(()) };
        self.tell_line();
        self.start_now(effect)
    }

    /// A line that was held goes on.
    pub(super) fn line_on(&mut self) -> Result<()> {
        if !self.held {
            self.say(Message::Note("the line of jobs is not held".into()));
            return Ok(());
        }
        self.held = false;
        self.tell_line();
        self.next_in_line()
    }

    /// Takes the last out of the line.
    pub(super) fn unqueue(&mut self) {
        match self.line.pop_back() {
            Some(effect) => {
                self.say(Message::Note(format!("{} is not started", words(&effect))));
                self.held &= !self.line.is_empty();
                self.tell_line();
            }
            None => self.say(Message::Note("no job is in line".into())),
        }
    }

    fn tell_line(&self) {
        self.say(Message::Line { jobs: self.line.iter().map(words).collect(), held: self.held });
    }
}

/// A job in a few words.
fn words(effect: &Effect) -> String {
    match effect {
        Effect::StartGenerate(order) => format!("generate with {}", order.written_by()),
        Effect::StartTrain(order) => format!("train {}", order.run),
        Effect::StartExternal(order) => format!("train {} by {}", order.train.run, order.external.trainer.name()),
        Effect::StartRun(order) => format!("run {}", order.recipe.name),
        Effect::StartEval(order) => format!("eval {}", order.generate.written_by()),
        _ => "a job".into(),
    }
}
