//! The thread that does what the screen asks for, and follows the open session: its rows, its decisions, and the jobs of
//! other processes.

mod chat;
mod difficulty;
mod follow;
mod pass;
mod queue;
mod runs;
mod scores;
mod start;
#[cfg(test)]
mod tests;
mod watching;

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use color_eyre::Result;
use tokio::sync::{mpsc, watch};

use self::difficulty::Surveys;
use self::follow::{Following, Other, outcome_of};
use self::pass::PassSeen;
use self::queue::Queue;
use self::start::Begun;
use super::super::effect::{Effect, Judged, Message};
use super::start::Launcher;
use crate::config::{Directories, expand_home};
use crate::jobs::{ChatJob, FilterJob, FilterNews, OwnJob, ScoreReader, Steer, start_filter};
use crate::pipeline::chat::find as chat_find;
use crate::pipeline::{edit, filter};
use crate::records::{DecisionVerb, Heavy, LiveBoard, TRAINING, now_millis};
use crate::session::{Session, tour};
use crate::train::runs::follow::Follower;

/// Problems that are listed at most.
const MOST_PROBLEMS: usize = 50_000;
/// Between looks at an open session, and at the board of another process.
const LOOK: Duration = Duration::from_millis(250);
const LOOK_LIVE: Duration = Duration::from_millis(100);
/// How long a job has to end when the screen is left. A training has as long as its step takes: what it has learnt since its
/// last checkpoint is worth the wait, and a person who does not think so leaves once more.
const LAST_WAIT: Duration = Duration::from_secs(5);

/// What the worker tells the loop.
pub enum Told {
    Message(Message),
    /// A job of this process began; its board is to be followed.
    Job(watch::Receiver<Arc<LiveBoard>>),
    /// The effect was the last one, and the job has ended or is to be left alone.
    Quit,
    /// The thread crashed; nothing that is asked will be done.
    Crashed,
}

/// A handle on the worker. Dropping it ends the thread once it has done what was asked.
pub struct Worker {
    effects: Sender<Effect>,
    hurry: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Worker {
    /// Starts the thread.
    pub fn start(
        launcher: Launcher,
        directories: Directories,
    ) -> std::io::Result<(Self, mpsc::UnboundedReceiver<Told>)> {
        let (effects, asked) = channel();
        let (told, messages) = mpsc::unbounded_channel();
        let hurry = Arc::new(AtomicBool::new(false));
        let crashed = told.clone();
        let work = Work {
            launcher,
            directories,
            told,
            session: None,
            jobs: Vec::new(),
            line: VecDeque::new(),
            held: false,
            others: Vec::new(),
            filter: None,
            filter_again: false,
            scores: None,
            evals_read: None,
            evals_due: false,
            chat: None,
            surveys: Surveys::default(),
            watching: None,
            hurry: Arc::clone(&hurry),
        };
        let asked = Queue::new(asked);
        let thread = std::thread::Builder::new().name("worker".into()).spawn(move || {
            if std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| work.run(asked))).is_err() {
                let _ = crashed.send(Told::Crashed);
            }
        })?;
        Ok((Self { effects, hurry, thread: Some(thread) }, messages))
    }

    pub fn ask(&self, effect: Effect) {
        // The worker ends only with the loop, or by a crash, which it tells.
        let _ = self.effects.send(effect);
    }

    /// Waits until all that was asked is done; to be called after `Effect::Quit` was asked.
    pub fn wait(&mut self) {
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }

    /// A job that runs is not waited for when the screen is left. What was asked before is still done.
    pub fn hurry(&self) {
        self.hurry.store(true, Ordering::Release);
    }
}

struct Work {
    launcher: Launcher,
    directories: Directories,
    told: mpsc::UnboundedSender<Told>,
    session: Option<Following>,
    /// Those at work, and those that have ended since the last look.
    jobs: Vec<Begun>,
    /// Starts that wait for a job's end.
    line: VecDeque<Effect>,
    /// The line waits for a person, since the job before it did not end well.
    held: bool,
    /// Those of other processes.
    others: Vec<Other>,
    filter: Option<FilterJob>,
    /// The filter was asked for while it ran: it runs once more when it has ended.
    filter_again: bool,
    /// Works scores out of the open session.
    scores: Option<ScoreReader>,
    /// When the list of evaluations was read last, and whether it is to be read again.
    evals_read: Option<Instant>,
    evals_due: bool,
    /// The talk with models, since it was first asked for.
    chat: Option<ChatJob>,
    surveys: Surveys,
    /// Follows trainings of other programs, since it was first asked for.
    watching: Option<watching::Watching>,
    hurry: Arc<AtomicBool>,
}

impl Work {
    fn run(mut self, mut asked: Queue) {
        loop {
            // With nothing open there is nothing to look at.
            let limit = match (self.others.is_empty(), &self.session) {
                (false, _) => Some(LOOK_LIVE),
                (true, None) if self.jobs.is_empty() => None,
                (true, _) => Some(LOOK),
            };
            match asked.next(limit) {
                Ok(Effect::Quit) => return self.quit(),
                Ok(effect) => {
                    if let Err(error) = self.act(effect) {
                        self.say(Message::Error(format!("{error:#}")));
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            self.tell_chat();
            if let Err(error) = self.follow() {
                self.say(Message::Error(error.to_string()));
            }
            self.see_ends();
            if let Err(error) = self.next_in_line() {
                self.say(Message::Error(format!("{error:#}")));
            }
            if let Err(error) = self.evals() {
                self.say(Message::Error(error.to_string()));
            }
            if let Err(error) = self.survey() {
                self.say(Message::Error(format!("{error:#}")));
            }
            if self.filter_again
                && !self.filter_runs()
                && let Err(error) = self.filter()
            {
                self.say(Message::Error(format!("{error:#}")));
            }
        }
    }

    fn say(&self, message: Message) {
        let _ = self.told.send(Told::Message(message));
    }

    fn act(&mut self, effect: Effect) -> Result<()> {
        if effect.changes_session() {
            self.adopt_tour(&effect)?;
        }
        match effect {
            Effect::ListSessions => {
                let sessions = self.directories.sessions()?;
                self.say(Message::Sessions(sessions));
            }
            Effect::OpenSession(path) => {
                self.may_open()?;
                let path: PathBuf = std::path::absolute(expand_home(&path.to_string_lossy()))?;
                self.open(Session::open(&path)?, false)?;
                // That it cannot be remembered matters less than that it is open.
                let _ = self.directories.remember_session(&path);
            }
            Effect::OpenTour => {
                self.may_open()?;
                match tour::view(&self.directories.state().join("tour")) {
                    Ok(session) => {
                        self.open(session, true)?;
                        if self.directories.sessions_path().join("tour").exists() {
                            let line = "the tour as it was recorded; what you changed is in your session `tour`";
                            self.say(Message::Note(line.into()));
                        }
                    }
                    // Without the tour there is still the list.
                    Err(error) => {
                        self.act(Effect::ListSessions)?;
                        return Err(error.into());
                    }
                }
            }
            Effect::NewSession(name) => {
                let path = self.directories.session_path(&expand_home(&name))?;
                drop(Session::create(&path)?);
                return self.act(Effect::OpenSession(path));
            }
            Effect::LoadSample(id) | Effect::LoadBeside(id) => self.load(id)?,
            Effect::Decide { sample, verb, reason, note } => {
                self.open_session()?.session.decide(sample, verb, reason.as_deref(), note.as_deref())?;
            }
            Effect::DecideAll { samples, verb } => {
                let count = self.open_session()?.session.decide_all(&samples, verb, Some("decided together"))?;
                self.say(Message::Note(format!("{count} samples decided at once; undo takes all of them back")));
            }
            Effect::Edit { sample, text } => {
                let added = edit::store(&self.open_session()?.session, sample, &text)?;
                self.say(Message::Edited { sample, draw: added });
            }
            Effect::Filter => self.filter()?,
            Effect::PlanAudit(order) => {
                let session = &self.open_session()?.session;
                match filter::settings_in_force(session)? {
                    Some(settings) => {
                        let plan = filter::audit_plan(session, &settings, order, now_millis() as u64)?;
                        self.say(Message::Audit(plan));
                    }
                    None => self.say(Message::Note("nothing was judged yet: R runs the filter".into())),
                }
            }
            Effect::Undo if self.session.as_ref().is_some_and(|following| following.tour) => {
                self.say(Message::Note("nothing to undo".into()));
            }
            Effect::Undo => self.undo()?,
            Effect::StartGenerate(_)
            | Effect::StartTrain(_)
            | Effect::StartExternal(_)
            | Effect::StartRun(_)
            | Effect::StartEval(_) => {
                self.start(effect)?;
            }
            Effect::Unqueue => self.unqueue(),
            Effect::LineOn => self.line_on()?,
            Effect::PlanPass(_) | Effect::ForecastPass(_) | Effect::ReleaseReview | Effect::ReadReport => {
                self.pass(effect)?
            }
            Effect::ListProblems => {
                let found = chat_find(&self.open_session()?.session, "", MOST_PROBLEMS)?;
                self.say(Message::Problems(found));
            }
            Effect::LoadEvals => self.evals_due = true,
            Effect::ReadScores(request) => self.read_scores(request)?,
            Effect::PreviewTraining(_)
            | Effect::CountChains(_)
            | Effect::LoadRunSettings(_)
            | Effect::RenameRun { .. }
            | Effect::ArchiveRun(_)
            | Effect::RestoreRun(_) => self.runs(effect)?,
            Effect::Chat(wish) => self.chat(wish)?,
            Effect::Watch(roots) => self.watch(&roots)?,
            Effect::LoadDifficulty { settings, rule } => self.want_survey(settings, rule),
            Effect::StoreSelection { name, rule, settings } => self.store_selection(name, rule, settings)?,
            Effect::SteerJob { steer, of } => self.steer(steer, of)?,
            Effect::SteerTraining { verb, arguments } => {
                self.open_session()?.session.send_command(TRAINING, verb, &arguments)?;
            }
            // These belong to the screen and the loop, which keep them to themselves.
            Effect::Show { .. } | Effect::GoTo { .. } | Effect::TalkWith(_) => {}
            Effect::Copy(_)
            | Effect::EditOutside(_)
            | Effect::Mouse(_)
            | Effect::Redraw
            | Effect::Reload
            | Effect::Suspend
            | Effect::Quit => {}
        }
        Ok(())
    }

    fn open_session(&self) -> Result<&Following> {
        self.session.as_ref().ok_or_else(|| color_eyre::eyre::eyre!("no session is open"))
    }

    /// The directory of the open session, if no job of this process runs there.
    fn free_session(&self) -> Result<PathBuf> {
        let dir = self.open_session()?.session.dir().to_path_buf();
        if let Some(job) = self.at_work().next() {
            color_eyre::eyre::bail!("{} runs here already; stop it first, or let it end", job.board().job);
        }
        Ok(dir)
    }

    fn may_open(&self) -> Result<()> {
        if self.at_work().next().is_some() || !self.line.is_empty() {
            color_eyre::eyre::bail!("a job runs in the open session; stop it before you open another");
        }
        Ok(())
    }

    /// The tour becomes the person's own session before anything in it is changed: a copy, the same row for row.
    fn adopt_tour(&mut self, effect: &Effect) -> Result<()> {
        let Some(following) = self.session.as_mut().filter(|following| following.tour) else { return Ok(()) };
        match effect {
            // Nothing was decided yet, and what cannot be started changes nothing.
            Effect::Undo => return Ok(()),
            Effect::StartGenerate(order) => order.check()?,
            Effect::StartTrain(order) => order.check()?,
            Effect::StartExternal(order) => order.check()?,
            Effect::StartRun(order) => order.recipe.complete()?,
            Effect::StartEval(order) => order.check()?,
            _ => {}
        }
        let dir = tour::adopt(&self.directories.sessions_path())?;
        following.session = Session::open(&dir).inspect_err(|_| {
            let _ = std::fs::remove_dir_all(&dir);
        })?;
        following.version = following.session.data_version()?;
        following.tour = false;
        self.scores = None;
        self.surveys.forget();
        let _ = self.directories.remember_session(&dir);
        let name = dir.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        self.say(Message::Adopted(dir));
        self.say(Message::Note(format!(
            "this is a copy of your own now, the session `{name}`; the tour stays as it was"
        )));
        Ok(())
    }

    fn open(&mut self, session: Session, tour: bool) -> Result<()> {
        (self.scores, self.evals_read, self.evals_due) = (None, None, false);
        let version = session.data_version()?;
        let last_decision = session.decided_after(0)?.0;
        let rows = session.sample_rows()?;
        let last_row = rows.last().map_or(0, |row| row.id);
        self.say(Message::Opened {
            dir: if tour { PathBuf::from("tour") } else { session.dir().to_path_buf() },
            // The tour can be changed: that makes a copy.
            read_only: session.read_only().filter(|_| !tour).map(str::to_owned),
            counts: session.counts()?,
            problems: session.counts()?.problems,
            rows,
        });
        if let Some(newest) = session.selections()?.pop() {
            self.say(Message::Selected(newest.name));
        }
        self.jobs.clear();
        self.others.clear();
        self.filter_again = false;
        self.surveys.forget();
        let filtering = session.filtering()?;
        let seq = filtering.as_ref().map_or(0, |filtering| filtering.seq);
        if let Some(outcome) = outcome_of(filtering) {
            self.say(Message::Judged { rows: Vec::new(), outcome: Some(outcome) });
        }
        self.session = Some(Following {
            session,
            tour,
            version,
            last_row,
            last_decision,
            filtering: seq,
            settings: None,
            runs: Follower::default(),
            runs_read: None,
            touched: None,
            pass: PassSeen::default(),
        });
        Ok(())
    }

    fn load(&mut self, id: i64) -> Result<()> {
        let session = &self.open_session()?.session;
        if let Some(sample) = session.sample(id)? {
            let problem = session.problem(&sample.problem_id)?.map(Box::new);
            let judged = self.judged(id)?;
            self.say(Message::Sample { id, sample: Box::new(sample), problem, judged });
        }
        Ok(())
    }

    /// What the filter says of a sample, under the settings that it was judged by. They are read once for each run of the
    /// filter: going through a list must not compile every expression again.
    fn judged(&mut self, id: i64) -> Result<Option<Box<Judged>>> {
        let Some(Following { session, settings, .. }) = &mut self.session else { return Ok(None) };
        let Some(seq) = session.filtering()?.map(|filtering| filtering.seq) else { return Ok(None) };
        if settings.as_ref().is_none_or(|(of, _)| *of != seq) {
            *settings = filter::settings_in_force(session)?.map(|settings| (seq, settings));
        }
        let Some((_, settings)) = settings else { return Ok(None) };
        let Some((measured, verdicts)) = filter::verdicts(session, id, settings)? else { return Ok(None) };
        let verdicts = verdicts.into_iter().map(|verdict| (settings.enabled(verdict.rule), verdict));
        let verdicts = verdicts.map(|(on, verdict)| (verdict, on)).collect();
        Ok(Some(Box::new(Judged { verdicts, measured })))
    }

    fn filter_runs(&self) -> bool {
        self.filter.as_ref().is_some_and(|job| !job.finished())
    }

    /// Judges the session on a thread of its own; what came of it is seen in the store.
    fn filter(&mut self) -> Result<()> {
        if self.filter_runs() {
            self.filter_again = true;
            self.say(Message::Note("the filter runs already; it runs once more after that".into()));
            return Ok(());
        }
        self.filter_again = false;
        let dir = self.open_session()?.session.dir().to_path_buf();
        if let Some(reason) = self.open_session()?.session.read_only() {
            color_eyre::eyre::bail!("nothing can be judged, the session is open for viewing only: {reason}");
        }
        self.say(Message::Judging { dir: dir.clone(), done: 0, all: 0 });
        let (told, judged) = (self.told.clone(), dir.clone());
        let say = move |news: FilterNews| {
            let tell = |message| {
                let _ = told.send(Told::Message(message));
            };
            let end = match news {
                FilterNews::Measured { done, all } => {
                    return tell(Message::Judging { dir: judged.clone(), done, all });
                }
                FilterNews::Done(outcome) => {
                    Message::Note(format!("judged {}: rules accept {}", outcome.judged, outcome.accepted))
                }
                FilterNews::Failed(error) => Message::Error(error),
            };
            tell(Message::JudgingOver { dir: judged.clone() });
            tell(end);
        };
        match start_filter(dir.clone(), self.directories.config().to_path_buf(), say) {
            Ok(job) => self.filter = Some(job),
            Err(error) => {
                self.say(Message::JudgingOver { dir });
                return Err(error);
            }
        }
        Ok(())
    }

    fn undo(&self) -> Result<()> {
        match self.open_session()?.session.undo()? {
            Some((decision, sample, count)) => {
                let what = match decision.verb {
                    DecisionVerb::Accept => "accept",
                    DecisionVerb::Reject => "reject",
                    DecisionVerb::Skip => "skip",
                    DecisionVerb::Flag => "flag",
                    DecisionVerb::Unflag => "unflag",
                    DecisionVerb::Note => "note",
                    DecisionVerb::Undo => "undo",
                };
                let what = match count {
                    1 => format!("{what} of {} #{}", decision.problem_id, decision.draw),
                    _ => format!("{what} of {count} samples"),
                };
                self.say(Message::Undone { sample, what });
            }
            None => self.say(Message::Note("nothing to undo".into())),
        }
        Ok(())
    }

    /// The job that is meant is heavy with this, or with both.
    fn steer(&self, steer: Steer, of: Heavy) -> Result<()> {
        let meant = |heavy: Heavy| heavy == of || heavy == Heavy::Both;
        if let Some(job) = self.at_work().find(|job| meant(job.heavy())) {
            job.control().steer(steer);
            return Ok(());
        }
        let other = self.others.iter().find(|other| meant(Heavy::of(&other.holder.job)));
        let (verb, arguments) = match steer {
            Steer::Pause => ("pause", serde_json::Value::Null),
            Steer::Resume => ("resume", serde_json::Value::Null),
            Steer::Stop => ("stop", serde_json::Value::Null),
            Steer::StopNow => ("stop_now", serde_json::Value::Null),
            Steer::Look(dialogue) => ("look", serde_json::json!({ "key": dialogue })),
        };
        let asked = match other {
            Some(other) => self.open_session()?.session.send_command(&other.holder.job, verb, &arguments),
            None if matches!(steer, Steer::Look(_)) => return Ok(()),
            None => color_eyre::eyre::bail!("no job runs"),
        };
        // Nobody asked for a look in so many words: it may fail, and the next one says the same.
        if !matches!(steer, Steer::Look(_)) {
            asked?;
        }
        Ok(())
    }

    fn quit(mut self) {
        self.chat = None;
        if let Some(job) = &self.filter {
            job.stop();
        }
        for begun in &self.jobs {
            begun.job.control().steer(Steer::StopNow);
        }
        let begun = Instant::now();
        let trains = || self.at_work().any(OwnJob::trains);
        let patient = || (trains() || begun.elapsed() < LAST_WAIT) && !self.hurry.load(Ordering::Acquire);
        while let Some(job) = self.at_work().next().filter(|_| patient()) {
            job.wait(Duration::from_millis(50));
        }
        while (self.filter_runs() || self.surveys.storing()) && patient() {
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = self.told.send(Told::Quit);
    }
}
