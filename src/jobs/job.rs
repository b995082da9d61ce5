//! A thread with switches and a board.

use std::ops::ControlFlow;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use color_eyre::Result;
use color_eyre::eyre::{WrapErr, eyre};
use tokio::sync::watch;

use super::Control;
use super::companion::Companion;
use crate::hub;
use crate::records::{LiveBoard, LiveState, PassPlace, now_millis};
use crate::session::JobLock;

/// Boards follow each other at least so long, but for a change of state, which is shown at once.
const BETWEEN_BOARDS: Duration = Duration::from_millis(33);
/// How much the work yields to the screen, in steps of niceness.
const NICENESS: i32 = 5;

/// What the work is given: its switches, and the board it fills.
pub struct JobContext {
    control: Control,
    board: watch::Sender<Arc<LiveBoard>>,
    last: Option<(Instant, LiveState)>,
    pass: Option<PassPlace>,
    part: Option<Part>,
    /// What serves other processes, and what keeps their jobs out. It goes after the last board: they are told of the end first.
    held: Option<(Companion, JobLock)>,
}

/// Steps that are parts of a job tell of themselves as if they were all of it.
#[derive(Debug, Clone)]
pub struct Part {
    /// The job that they are shown as, where it is not their own.
    pub job: Option<&'static str>,
    /// Stands before their messages.
    pub words: String,
}

impl JobContext {
    pub fn control(&self) -> &Control {
        &self.control
    }

    /// For those beside the work who mirror its board.
    pub fn watch(&self) -> watch::Receiver<Arc<LiveBoard>> {
        self.board.subscribe()
    }

    /// Whether a board would be shown now; asked first, so that none is made in vain.
    pub fn due(&self, state: LiveState) -> bool {
        self.last.is_none_or(|(at, before)| before != state || at.elapsed() >= BETWEEN_BOARDS)
    }

    /// Keeps a session held until the end of the job has been told.
    pub(super) fn keep(&mut self, companion: Companion, lock: JobLock) {
        self.held = Some((companion, lock));
    }

    /// What is shown from now on is of this step of a pass.
    pub fn set_pass(&mut self, place: PassPlace) {
        self.pass = Some(place);
    }

    /// What steps tell from now on is of a part of the job: their end is not its end.
    pub fn set_part(&mut self, part: Part) {
        self.part = Some(part);
    }

    /// A board of a step, as the job shows it.
    pub fn of_part(&self, mut board: LiveBoard) -> LiveBoard {
        let Some(Part { job, words }) = &self.part else { return board };
        if let Some(job) = job {
            board.job = (*job).to_owned();
        }
        board.message = match (words.as_str(), board.message.as_str()) {
            ("", message) | (message, "") => message.to_owned(),
            (words, message) => format!("{words}: {message}"),
        };
        if board.state == LiveState::Done {
            board.state = LiveState::Running;
        }
        board
    }

    /// Shows the board to whoever looks. Never waits.
    pub fn publish(&mut self, mut board: LiveBoard) -> Arc<LiveBoard> {
        board.pass.clone_from(&self.pass);
        board.version = self.board.borrow().version + 1;
        board.updated_at = now_millis();
        self.last = Some((Instant::now(), board.state));
        let board = Arc::new(board);
        self.board.send_replace(board.clone());
        board
    }
}

/// A running or finished job.
pub struct Job<T> {
    control: Control,
    board: watch::Receiver<Arc<LiveBoard>>,
    ended: Receiver<()>,
    thread: JoinHandle<Result<T>>,
}

impl<T: Send + 'static> Job<T> {
    /// Starts the work. Its end, good or bad, is on the board as well: [`LiveState::Done`] or [`LiveState::Failed`].
    pub fn start(name: &str, work: impl FnOnce(&mut JobContext) -> Result<T> + Send + 'static) -> Result<Self> {
        let control = Control::new();
        let first = LiveBoard { job: name.to_owned(), message: "starting".into(), ..LiveBoard::default() };
        let (sender, board) = watch::channel(Arc::new(first));
        let mut context =
            JobContext { control: control.clone(), board: sender, last: None, pass: None, part: None, held: None };
        let (end, ended) = sync_channel(1);
        let thread = std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || {
                yield_to_the_screen();
                hub::watch_downloads_of_thread(downloads(&context));
                let outcome = std::panic::catch_unwind(AssertUnwindSafe(|| work(&mut context)))
                    .unwrap_or_else(|panic| Err(eyre!("the job crashed: {}", panic_message(&*panic))));
                finish(&mut context, outcome.as_ref().err());
                drop(context);
                let _ = end.send(());
                outcome
            })
            .wrap_err("cannot start a thread")?;
        Ok(Self { control, board, ended, thread })
    }

    pub fn control(&self) -> &Control {
        &self.control
    }

    /// The board as it is now.
    pub fn board(&self) -> Arc<LiveBoard> {
        self.board.borrow().clone()
    }

    /// For those who want to be woken by a new board.
    pub fn watch(&self) -> watch::Receiver<Arc<LiveBoard>> {
        self.board.clone()
    }

    pub fn finished(&self) -> bool {
        self.thread.is_finished()
    }

    /// Waits for the end, at most so long.
    pub fn wait(&self, limit: Duration) {
        if let Err(RecvTimeoutError::Disconnected) = self.ended.recv_timeout(limit) {
            // The thread is past its last words; what is left of it takes no time worth measuring.
            std::thread::yield_now();
        }
    }

    /// What came of it. Waits for the end.
    pub fn join(self) -> Result<T> {
        self.thread.join().unwrap_or_else(|panic| Err(eyre!("the job crashed: {}", panic_message(&*panic))))
    }
}

/// Says on the board what the job fetches from the Hub, and ends that when the job is to stop.
fn downloads(context: &JobContext) -> Arc<hub::Watcher> {
    let (control, board) = (context.control.clone(), context.board.clone());
    Arc::new(move |progress: &hub::Progress| {
        board.send_modify(|board| {
            let megabytes = |bytes: u64| bytes as f64 / 1e6;
            let (done, total) = (megabytes(progress.done), megabytes(progress.total));
            let board = Arc::make_mut(board);
            board.message = format!("fetching {}: {done:.1} of {total:.1} MB", progress.file);
            board.version += 1;
            board.updated_at = now_millis();
        });
        if control.stopping() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })
}

/// Leaves a board that tells how it ended, if the work did not.
fn finish(context: &mut JobContext, error: Option<&color_eyre::Report>) {
    let mut board = LiveBoard::clone(&context.board.borrow());
    board.running.clear();
    match error {
        Some(error) => {
            board.state = LiveState::Failed;
            board.message = format!("{error:#}");
        }
        None if board.state == LiveState::Done => return,
        None => board.state = LiveState::Done,
    }
    context.publish(board);
}

fn panic_message(panic: &(dyn std::any::Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no reason given")
}

/// On Linux a niceness belongs to a thread; elsewhere to the whole process, which is left alone.
pub fn yield_to_the_screen() {
    #[cfg(target_os = "linux")]
    {
        let _ = rustix::process::setpriority_process(Some(rustix::thread::gettid()), NICENESS);
    }
    #[cfg(not(target_os = "linux"))]
    let _ = NICENESS;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_ends_with_its_outcome_and_a_board() {
        let job = Job::start("count", |context| {
            context.publish(LiveBoard { state: LiveState::Running, ..LiveBoard::default() });
            Ok(7)
        })
        .unwrap();
        let watch = job.watch();
        assert_eq!(job.join().unwrap(), 7);
        assert_eq!(watch.borrow().state, LiveState::Done);
    }

    #[test]
    fn a_crash_is_an_error_and_a_failed_board() {
        let job = Job::<()>::start("crash", |_| panic!("out of luck")).unwrap();
        let watch = job.watch();
        assert!(job.join().unwrap_err().to_string().contains("out of luck"));
        assert_eq!(watch.borrow().state, LiveState::Failed);
        assert!(watch.borrow().message.contains("out of luck"));
    }

    #[test]
    fn a_change_of_state_is_always_due() {
        let job = Job::start("due", |context| {
            context.publish(LiveBoard { state: LiveState::Running, ..LiveBoard::default() });
            Ok((context.due(LiveState::Running), context.due(LiveState::Paused)))
        })
        .unwrap();
        assert_eq!(job.join().unwrap(), (false, true));
    }
}
