//! A training by another program, from start to end: started, or found at work; followed; stopped when it is asked for; gone on
//! with by the same call.
//!
//! The trainer does not depend on who follows it. It is in a process group of its own and prints into a file; whoever follows it
//! may be killed and come again.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::files::{self, Finished};
use super::follow::Follow;
use super::output::{self, Left};
use super::process::{self, Exit, Process};
use super::{ExternalError, Plan, Trainer, log, template};
use crate::train::steer::{Event, Report, Steering};

/// Files that ask our script for something; it looks for them after each step, wherever it runs.
const STOP: &str = "stop";
const SAVE: &str = "save";

/// How often a trainer is looked at, and how long it is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Between two looks at its metrics.
    pub look: Duration,
    /// Between two scans of its output.
    pub rescan: Duration,
    /// From the interrupt that asks it to save and end, to the demand.
    pub interrupt: Duration,
    /// From the demand to the end by force.
    pub terminate: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            look: Duration::from_millis(500),
            rescan: Duration::from_secs(2),
            interrupt: Duration::from_secs(60),
            terminate: Duration::from_secs(30),
        }
    }
}

/// Between two questions whether it is still there.
const REST: Duration = Duration::from_millis(100);

/// How a training ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Ended {
    /// All steps are done; else it was stopped.
    pub done: bool,
    /// The step that it ended at, or that it goes on from.
    pub step: u64,
    pub validation_loss: Option<f64>,
    /// The model of a training that is done.
    pub left: Option<Left>,
    /// What it goes on from, or the output where there is nothing yet.
    pub checkpoint: PathBuf,
}

/// Trains to the end, or until it is asked to stop. The same plan goes on where it was; one that is done is not done again.
///
/// # Errors
/// One line: what the trainer ended with, and where its log is; or that the run is another one.
pub fn run(plan: &Plan, pace: &Pace, steering: &dyn Steering, report: &mut dyn Report) -> Result<Ended, ExternalError> {
    let place = plan.place();
    let found = process::find(&place).map_err(ExternalError::Refused)?;
    plan.write(found.is_some())?;
    let io = |error| ExternalError::io(&place, error);
    if let Some(Finished { step, validation_loss }) = files::finished(&place).filter(|_| found.is_none())
        && let Some(left) = output::left(&plan.output())
    {
        let checkpoint = left.directory.clone();
        return Ok(Ended { done: true, step, validation_loss, left: Some(left), checkpoint });
    }
    let mut follow = Follow::open(plan.run(), &plan.output(), pace.rescan, plan.total_steps()).map_err(io)?;
    follow.look_at_all(report).map_err(io)?;
    if found.is_none()
        && process::is_known(&place)
        && is_done(plan, &follow, Exit::Unknown, false)
        && let Some(left) = output::left(&plan.output())
    {
        // It came to its end while nobody followed it.
        process::forget(&place).map_err(io)?;
        return done(plan, &follow, left);
    }
    let begins = output::newest(&plan.output()).map_or(0, |(step, _)| step);
    let process = match found {
        Some(process) => {
            let pid = process.identity.pid;
            report.tell(&Event::Alert(format!("the trainer is at work already (pid {pid}); it is followed")));
            // It may have been paused by somebody who is gone.
            process.signal(Signal::CONT);
            process
        }
        None if steering.stopping() => return Ok(stopped(plan, &follow)),
        None => {
            follow.begin_at(begins);
            let process = start(plan)?;
            let event = if begins > 0 { "resumed" } else { "started" };
            follow.note(begins, event, Some(plan.total_steps())).map_err(io)?;
            process
        }
    };
    let mut work = Work {
        plan,
        pace,
        process,
        follow,
        saved: begins,
        paused: false,
        stopping: None,
        signals: 0,
        looked: None,
        trouble: None,
    };
    let exit = work.until_ended(steering, report)?;
    let ended = work.end(exit, report);
    process::forget(&place).map_err(io)?;
    ended
}

/// Starts the trainer with what there is to go on from.
fn start(plan: &Plan) -> Result<Process, ExternalError> {
    let place = plan.place();
    let io = |error| ExternalError::io(&place, error);
    for request in [STOP, SAVE] {
        forget(plan, request).map_err(io)?;
    }
    match std::fs::remove_file(plan.output().join(output::DONE)) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(io(error)),
        _ => {}
    }
    if plan.external().trainer == Trainer::Axolotl {
        // It takes the newest without a look at it.
        output::put_torn_aside(&plan.output()).map_err(io)?;
    }
    let words = plan.command()?;
    let text = template::join(&words) + "\n";
    files::replace(&plan.command_file(), text.as_bytes()).map_err(io)?;
    let log = log::begin(&place).map_err(io)?;
    process::start(&place, &words, log, &plan.external().environment).map_err(|source| ExternalError::Start {
        program: words.first().cloned().unwrap_or_default(),
        source,
        command: plan.command_file(),
    })
}

fn ask(plan: &Plan, request: &str) -> std::io::Result<()> {
    std::fs::write(plan.place().join(request), b"")
}

fn forget(plan: &Plan, request: &str) -> std::io::Result<()> {
    match std::fs::remove_file(plan.place().join(request)) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Whether a trainer that has ended has done all that it was to do.
fn is_done(plan: &Plan, follow: &Follow, exit: Exit, asked: bool) -> bool {
    let all_steps = follow.last.step > 0 && follow.last.step >= follow.last.total_steps;
    match &plan.external().trainer {
        Trainer::Trl => output::is_done(&plan.output()),
        _ if exit == Exit::Code(0) => !asked || all_steps,
        _ => exit == Exit::Unknown && all_steps,
    }
}

/// The end of a training that is done: kept, so that it is not done again.
fn done(plan: &Plan, follow: &Follow, left: Left) -> Result<Ended, ExternalError> {
    let place = plan.place();
    let step = left.step.unwrap_or(follow.last.step);
    let validation_loss = follow.validation_loss;
    files::finish(&place, &Finished { step, validation_loss }).map_err(|error| ExternalError::io(&place, error))?;
    let checkpoint = left.directory.clone();
    Ok(Ended { done: true, step, validation_loss, left: Some(left), checkpoint })
}

/// A training that goes on another time.
fn stopped(plan: &Plan, follow: &Follow) -> Ended {
    let newest = output::newest(&plan.output());
    Ended {
        done: false,
        step: newest.as_ref().map_or(0, |(step, _)| *step),
        validation_loss: follow.validation_loss,
        left: None,
        checkpoint: newest.map_or_else(|| plan.output(), |(_, directory)| directory),
    }
}

/// A trainer at work.
struct Work<'a> {
    plan: &'a Plan,
    pace: &'a Pace,
    process: Process,
    follow: Follow,
    /// The newest checkpoint that was told.
    saved: u64,
    paused: bool,
    /// Since when it is to end, and how many signals it got for it.
    stopping: Option<Instant>,
    signals: usize,
    looked: Option<Instant>,
    /// What went wrong with the record, told once.
    trouble: Option<String>,
}

impl Work<'_> {
    /// Follows and steers until nothing of the trainer is left.
    fn until_ended(&mut self, steering: &dyn Steering, report: &mut dyn Report) -> Result<Exit, ExternalError> {
        let place = self.plan.place();
        loop {
            if let Some(exit) = self.process.poll().map_err(|error| ExternalError::io(&place, error))? {
                return Ok(exit);
            }
            if self.looked.is_none_or(|at| at.elapsed() >= self.pace.look) {
                self.look(report);
                self.looked = Some(Instant::now());
            }
            self.steer(steering, report)?;
            std::thread::sleep(REST.min(self.pace.look));
        }
    }

    /// A full disk here must not end the trainer: it is told once, and the next look tries again.
    fn look(&mut self, report: &mut dyn Report) {
        let followed = self.follow.look(report).map(|_| ());
        if let Err(error) = followed.and_then(|()| log::keep_short(&self.plan.place(), log::LONGEST)) {
            let line = format!("{}: {error}; the trainer goes on", self.plan.place().display());
            if self.trouble.as_ref() != Some(&line) {
                report.tell(&Event::Alert(line.clone()));
                self.trouble = Some(line);
            }
        }
        self.tell_saved(report);
    }

    fn tell_saved(&mut self, report: &mut dyn Report) {
        if let Some((step, path)) = output::newest(&self.plan.output())
            && step != self.saved
        {
            self.saved = step;
            report.tell(&Event::Saved { step, path });
        }
    }

    fn steer(&mut self, steering: &dyn Steering, report: &mut dyn Report) -> Result<(), ExternalError> {
        if steering.stopping() {
            return self.stop();
        }
        if steering.paused() != self.paused {
            self.pause(steering.paused(), report);
        }
        let is_trl = self.plan.external().trainer == Trainer::Trl;
        if steering.take_checkpoint() && (!is_trl || ask(self.plan, SAVE).is_err()) {
            report
                .tell(&Event::Alert("this trainer saves when its configuration says so, not when it is asked".into()));
        }
        if steering.take_rate().is_some() {
            report.tell(&Event::Alert("the learning rate of another trainer cannot be changed while it runs".into()));
        }
        // Nothing was asked.
        steering.take_choice();
        Ok(())
    }

    fn pause(&mut self, paused: bool, report: &mut dyn Report) {
        self.paused = paused;
        if self.plan.external().is_remote() {
            if paused {
                report.tell(&Event::Alert("a trainer on another machine cannot be paused from here".into()));
            }
            return;
        }
        self.process.signal(if paused { Signal::STOP } else { Signal::CONT });
        report.tell(if paused { &Event::Paused } else { &Event::Resumed });
    }

    /// Asks it to save and end, then demands it, then ends it.
    fn stop(&mut self) -> Result<(), ExternalError> {
        let since = match self.stopping {
            Some(since) => since,
            None => {
                // Those that cannot be asked so are signalled.
                let _ = ask(self.plan, STOP);
                if self.paused {
                    self.process.signal(Signal::CONT);
                    self.paused = false;
                }
                *self.stopping.insert(Instant::now())
            }
        };
        let Pace { interrupt, terminate, .. } = *self.pace;
        let external = self.plan.external();
        // A signal would end the launcher alone, and the script reads the file on its side.
        let first = if external.is_remote() && external.trainer == Trainer::Trl { interrupt } else { Duration::ZERO };
        let demand = first + interrupt;
        let force = demand + terminate;
        let ladder = [(first, Signal::INT), (demand, Signal::TERM), (force, Signal::KILL)];
        while let Some((after, signal)) = ladder.get(self.signals)
            && since.elapsed() >= *after
        {
            self.process.signal(*signal);
            self.signals += 1;
        }
        if since.elapsed() >= force + terminate {
            let pid = self.process.identity.pid;
            return Err(ExternalError::Failed(format!("the trainer (pid {pid}) does not end; see what holds it")));
        }
        Ok(())
    }

    /// What came of it.
    fn end(mut self, exit: Exit, report: &mut dyn Report) -> Result<Ended, ExternalError> {
        let (plan, place) = (self.plan, self.plan.place());
        let io = |error| ExternalError::io(&place, error);
        if let Err(error) = self.follow.look_at_all(report) {
            // What it learnt counts more than its curve.
            report.tell(&Event::Alert(format!("{}: {error}; the record lacks its end", place.display())));
        }
        self.tell_saved(report);
        for request in [STOP, SAVE] {
            forget(plan, request).map_err(io)?;
        }
        let asked = self.stopping.is_some();
        let is_done = is_done(plan, &self.follow, exit, asked);
        match output::left(&plan.output()) {
            Some(left) if is_done => done(plan, &self.follow, left),
            // It was stopped, by a person or (our script ends well then) by whoever shares out the machine.
            _ if asked || (exit == Exit::Code(0) && plan.external().trainer == Trainer::Trl && !is_done) => {
                Ok(stopped(plan, &self.follow))
            }
            _ => Err(self.failed(exit)),
        }
    }

    fn failed(&self, exit: Exit) -> ExternalError {
        let place = self.plan.place();
        let how = match exit {
            Exit::Code(0) => format!("ended well but left no model in {}", self.plan.output().display()),
            Exit::Code(code) => format!("ended with exit code {code}"),
            Exit::Signal(signal) => format!("was ended by signal {signal}"),
            Exit::Unknown => "ended before it was done".to_owned(),
        };
        let why = log::reason(&place).map_or(String::new(), |reason| format!(": {reason}"));
        ExternalError::Failed(format!("the trainer {how}{why}; its log is {}", log::path(&place).display()))
    }
}
