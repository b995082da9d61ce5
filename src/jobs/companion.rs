//! Serves other processes while a job runs: takes their commands, and mirrors the board for those who watch.
//!
//! A thread of its own with its own handle on the session, so that a command is answered while the job loads a model,
//! decodes, or is paused.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use color_eyre::Result;
use color_eyre::eyre::WrapErr;
use tokio::sync::watch;

use super::{Control, Steer};
use crate::records::{LiveBoard, TRAINING};
use crate::session::{Command, Session, SessionError};

const LOOK: Duration = Duration::from_millis(50);
const MIRROR: Duration = Duration::from_millis(100);
/// So long after its last word somebody who does not watch is gone.
const GONE: Duration = Duration::from_secs(3);

/// Ends when dropped, after a last mirror of the board.
pub struct Companion {
    end: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Companion {
    pub fn start(dir: &Path, job: &str, control: Control, board: watch::Receiver<Arc<LiveBoard>>) -> Result<Self> {
        let session = Session::open(dir)?;
        let end = Arc::new(AtomicBool::new(false));
        let (told, job) = (end.clone(), job.to_owned());
        let thread = std::thread::Builder::new()
            .name(format!("{job}-companion"))
            .spawn(move || serve(&session, &job, &control, &board, &told))
            .wrap_err("cannot start a thread")?;
        Ok(Self { end, thread: Some(thread) })
    }
}

impl Drop for Companion {
    fn drop(&mut self) {
        self.end.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// An error here (a full disk, say) must not end the job: the next look tries again.
fn serve(session: &Session, job: &str, control: &Control, board: &watch::Receiver<Arc<LiveBoard>>, end: &AtomicBool) {
    let (mut seen, mut applied) = (None, Applied::default());
    let mut mirrored: Option<(Instant, u64)> = None;
    loop {
        let ending = end.load(Ordering::Acquire);
        let version = session.data_version().ok();
        if version.is_none() || version != seen {
            // Not seen until every command was answered: the next look tries again.
            let shown = board.borrow().job.clone();
            seen = version.filter(|_| answer(session, (job, &shown), control, &mut applied).is_ok());
        }
        let watched = session.watched();
        // Who looks may say at what before saying that it is there.
        if let Some((dialogue, _)) = applied.looked.take_if(|(_, at)| !watched && at.elapsed() > GONE) {
            control.look_away(dialogue);
        }
        let due = mirrored.is_none_or(|(at, _)| at.elapsed() >= MIRROR);
        if (due || ending) && (watched || (ending && mirrored.is_some())) {
            let now = board.borrow().clone();
            if mirrored.is_none_or(|(_, version)| version != now.version) {
                let _ = session.write_live(job, &now);
                mirrored = Some((Instant::now(), now.version));
            }
        }
        if ending {
            return;
        }
        std::thread::sleep(LOOK);
    }
}

/// What commands have come to.
#[derive(Default)]
struct Applied {
    /// The last one that was done: one of which the answer could not be stored is not done twice.
    last: i64,
    /// The dialogue that somebody in another process looked at last, and when that was said.
    looked: Option<(u64, Instant)>,
}

/// `job`: whose commands these are; `shown`: what is at work, which in a pass is one of its steps.
fn answer(
    session: &Session,
    (job, shown): (&str, &str),
    control: &Control,
    applied: &mut Applied,
) -> Result<(), SessionError> {
    for command in session.pending_commands(job)? {
        let said = if command.id > applied.last { perform(&command, shown, control) } else { "done" };
        applied.last = command.id.max(applied.last);
        if command.verb == "look" {
            applied.looked = control.looked_at().map(|dialogue| (dialogue, Instant::now()));
        }
        session.answer_command(command.id, said)?;
    }
    Ok(())
}

/// Does what a command asks for, and says what was done.
fn perform(command: &Command, job: &str, control: &Control) -> &'static str {
    let to = || command.args.get("to").cloned();
    // A training ends with what it has learnt, however often it is told to.
    let left = if job == TRAINING { "stopping" } else { "leaving what is under way" };
    match command.verb.as_str() {
        "pause" => steer(control, Steer::Pause, "paused"),
        "resume" => steer(control, Steer::Resume, "resumed"),
        "stop" => {
            let said = if control.stopping() { left } else { "stopping" };
            steer(control, Steer::Stop, said)
        }
        "stop_now" => steer(control, Steer::StopNow, left),
        "look" => match command.args.get("key").and_then(serde_json::Value::as_u64) {
            Some(dialogue) => steer(control, Steer::Look(dialogue), "looked at"),
            None => "the number of a dialogue is needed",
        },
        "checkpoint" if job == TRAINING => {
            control.wishes().checkpoint = Some(());
            "a checkpoint comes after this step"
        }
        "rate" if job == TRAINING => match to().and_then(|to| to.as_f64()) {
            Some(rate) if rate > 0.0 && rate <= 1.0 => {
                control.wishes().rate = Some(rate);
                "changed from the next step on"
            }
            _ => "a rate above 0 and at most 1 is needed",
        },
        "choose" if job == TRAINING => match to().and_then(|to| serde_json::from_value(to).ok()) {
            Some(choice) => {
                control.wishes().choice = Some(choice);
                steer(control, Steer::Resume, "taken")
            }
            None => "skip, roll_back, lower_rate or stop is needed",
        },
        _ => "unknown command",
    }
}

fn steer(control: &Control, steer: Steer, said: &'static str) -> &'static str {
    control.steer(steer);
    said
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn asked(verb: &str, args: Value) -> Command {
        let (job, by) = ("generate".to_owned(), "somebody".to_owned());
        Command { id: 1, job, verb: verb.to_owned(), args, by, at: 0, answer: None }
    }

    #[test]
    fn a_stop_lets_things_end_and_another_one_does_not() {
        let control = Control::new();
        assert_eq!(perform(&asked("stop", Value::Null), "generate", &control), "stopping");
        assert!(control.stopping() && !control.stopping_now());
        assert_eq!(perform(&asked("stop", Value::Null), "generate", &control), "leaving what is under way");
        assert!(control.stopping_now());
        let hurried = Control::new();
        perform(&asked("stop_now", Value::Null), "generate", &hurried);
        assert!(hurried.stopping() && hurried.stopping_now());
        let training = Control::new();
        for verb in ["stop", "stop", "stop_now"] {
            assert_eq!(perform(&asked(verb, Value::Null), TRAINING, &training), "stopping");
        }
    }

    #[test]
    fn who_looks_on_says_at_what() {
        let control = Control::new();
        for args in [Value::Null, json!({"key": -1}), json!({"key": "1"}), json!([1])] {
            assert_eq!(perform(&asked("look", args), "generate", &control), "the number of a dialogue is needed");
        }
        assert_eq!(control.looked_at(), None);
        assert_eq!(perform(&asked("look", json!({"key": 5})), "generate", &control), "looked at");
        assert_eq!(control.looked_at(), Some(5));
    }

    #[test]
    fn who_is_gone_looks_at_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let session = Session::create(dir.path()).unwrap();
        let (control, (_told, board)) = (Control::new(), watch::channel(Arc::new(LiveBoard::default())));
        let waits_for = |looked_at: Option<u64>| {
            let begun = Instant::now();
            while control.looked_at() != looked_at {
                assert!(begun.elapsed() < Duration::from_secs(30), "{:?} is looked at", control.looked_at());
                std::thread::sleep(Duration::from_millis(10));
            }
        };
        let _companion = Companion::start(dir.path(), "generate", control.clone(), board).unwrap();
        session.touch_watch().unwrap();
        session.send_command("generate", "look", &json!({"key": 5})).unwrap();
        waits_for(Some(5));
        // The watch is not touched again.
        waits_for(None);
    }
}
