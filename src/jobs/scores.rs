//! A thread beside the screen that works scores out: reads samples, grades what is in them, resamples. What it works out
//! belongs to `pipeline`.

use std::mem::discriminant;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};

use color_eyre::Result;
use color_eyre::eyre::{WrapErr, eyre};

use super::yield_to_the_screen;
use crate::pipeline::eval::{Reader, ScoreRequest, Scores};
use crate::session::Session;

/// What is asked of the thread. Dropping it ends the thread after what it is at, and nobody is told of that any more.
pub struct ScoreReader {
    asked: Sender<ScoreRequest>,
    silent: Arc<AtomicBool>,
}

impl ScoreReader {
    /// Reads the session in this directory; each answer goes to `say` with what was asked, on the thread.
    ///
    /// # Errors
    /// If no thread can be started.
    pub fn start(dir: PathBuf, say: impl Fn(ScoreRequest, Result<Scores>) + Send + 'static) -> Result<Self> {
        let (asked, requests) = channel();
        let silent = Arc::new(AtomicBool::new(false));
        let ended = Arc::clone(&silent);
        let work = move || {
            yield_to_the_screen();
            serve(&dir, &requests, &ended, &|request, answer| {
                if !ended.load(Ordering::Acquire) {
                    say(request, answer);
                }
            });
        };
        std::thread::Builder::new().name("scores".into()).spawn(work).wrap_err("cannot start a thread")?;
        Ok(Self { asked, silent })
    }

    pub fn ask(&self, request: ScoreRequest) {
        // The thread ends only with its handle.
        let _ = self.asked.send(request);
    }
}

impl Drop for ScoreReader {
    fn drop(&mut self) {
        self.silent.store(true, Ordering::Release);
    }
}

fn serve(
    dir: &std::path::Path,
    requests: &Receiver<ScoreRequest>,
    ended: &AtomicBool,
    say: &dyn Fn(ScoreRequest, Result<Scores>),
) {
    let mut reader: Option<Reader> = None;
    let mut waiting: Vec<ScoreRequest> = Vec::new();
    while !ended.load(Ordering::Acquire) {
        if waiting.is_empty() {
            let Ok(first) = requests.recv() else { return };
            waiting.push(first);
        }
        // Of what a person passed over on the way only the newest of its kind matters.
        for newer in requests.try_iter() {
            waiting.retain(|older| discriminant(older) != discriminant(&newer));
            waiting.push(newer);
        }
        let request = waiting.remove(0);
        let answer = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            if reader.is_none() {
                reader = Some(Reader::new(Session::open_to_read(dir)?));
            }
            reader.as_mut().ok_or_else(|| eyre!("no session"))?.answer(&request)
        }));
        let answer = answer.unwrap_or_else(|_| {
            reader = None;
            Err(eyre!("the scores could not be worked out: a part of the program crashed"))
        });
        say(request, answer);
    }
}
