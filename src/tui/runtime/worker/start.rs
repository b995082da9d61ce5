//! Starts jobs in the open session: one at a time; what is asked for meanwhile waits in line and begins when the one before has ended
//! well.

use std::path::PathBuf;

use color_eyre::Result;
use color_eyre::eyre::bail;

use super::super::super::effect::{Effect, Message};
use super::{Told, Work};
use crate::config::expand_home;
use crate::jobs::OwnJob;
use crate::records::LiveState;

/// Jobs that may wait: more in line than this is a key held down.
const LONGEST_LINE: usize = 20;

impl Work {
    /// Starts what was asked for, or puts it in line.
    pub(super) fn start(&mut self, effect: Effect) -> Result<()> {
        // What a forecast came to must not be lost with it.
        self.take_forecast();
        let dir = self.open_session()?.session.dir().to_path_buf();
        if self.job_runs() {
            if self.line.len() >= LONGEST_LINE {
                bail!("{LONGEST_LINE} jobs are in line already");
            }
            self.line.push_back(effect);
            self.tell_line();
            return Ok(());
        }
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
            Effect::StartRun(order) => OwnJob::Run((self.launcher.start_run)(dir, *order)?),
            Effect::StartEval(mut order) => {
                order.generate.model = expand_home(&order.generate.model);
                order.generate.problems = order.generate.problems.take().map(path);
                OwnJob::Eval((self.launcher.start_eval)(dir, *order)?)
            }
            _ => return Ok(()),
        };
        self.begun(job);
        Ok(())
    }

    pub(super) fn begun(&mut self, job: OwnJob) {
        let _ = self.told.send(Told::Job(job.watch()));
        self.job = Some(job);
        self.stopped = false;
        if std::mem::take(&mut self.held) {
            self.tell_line();
        }
    }

    pub(super) fn job_runs(&self) -> bool {
        self.job.as_ref().is_some_and(|job| !job.finished())
    }

    /// The next in line begins once nothing is at work, unless the job before it failed or was stopped: what comes after it may depend
    /// on it, and who stops a job does not want the next one at once.
    pub(super) fn next_in_line(&mut self) -> Result<()> {
        if self.job_runs() || self.line.is_empty() || self.held {
            return Ok(());
        }
        let failed = self.job.as_ref().is_some_and(|job| job.board().state == LiveState::Failed);
        if failed || self.stopped {
            self.held = true;
            self.tell_line();
            return Ok(());
        }
        let Some(effect) = self.line.pop_front() else { return Ok(()) };
        self.tell_line();
        self.start(effect)
    }

    /// A line that was held goes on.
    pub(super) fn line_on(&mut self) -> Result<()> {
        if !self.held {
            self.say(Message::Note("the line of jobs is not held".into()));
            return Ok(());
        }
        (self.held, self.stopped) = (false, false);
        if !self.job_runs() {
            self.job = None;
        }
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
        Effect::StartGenerate(order) => format!("generate with {}", order.model),
        Effect::StartTrain(order) => format!("train {}", order.run),
        Effect::StartRun(order) => format!("run {}", order.recipe.name),
        Effect::StartEval(order) => format!("eval {}", order.generate.model),
        _ => "a job".into(),
    }
}
