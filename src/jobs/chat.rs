//! A talk beside the screen: a thread that keeps models in memory, answers, and can be cut short. What a talk is belongs to
//! `pipeline`. It holds no lock and writes nothing, so that it may go on beside a job; while one is at work it rests after each
//! step, about as long as the step took.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use color_eyre::Result;
use color_eyre::eyre::{WrapErr, eyre};

use super::yield_to_the_screen;
use crate::pipeline::chat::{Listener, News, Question, Talk};

/// A rest beside other work is no longer than this, so that a stop is heard soon.
const LONGEST_REST: Duration = Duration::from_millis(250);

enum Wish {
    Load(Vec<String>),
    Ask(Box<Question>),
    Free,
}

#[derive(Debug, Default)]
struct Switches {
    /// The last question that was asked, and up to which one answers are to end.
    asked: AtomicU64,
    stopped: AtomicU64,
    /// Other work goes on in this process.
    busy: AtomicBool,
}

/// A talk that goes on until this is dropped.
pub struct ChatJob {
    wishes: Sender<Wish>,
    switches: Arc<Switches>,
}

impl ChatJob {
    /// Starts the thread; `say` is called on it.
    ///
    /// # Errors
    /// If no thread can be started.
    pub fn start(say: impl Fn(News) + Send + 'static) -> Result<Self> {
        let (wishes, asked) = channel();
        let switches = Arc::new(Switches::default());
        let shared = Arc::clone(&switches);
        std::thread::Builder::new()
            .name("chat".into())
            .spawn(move || {
                yield_to_the_screen();
                serve(&asked, &mut Teller { say: &say, switches: &shared });
            })
            .wrap_err("cannot start a thread")?;
        Ok(Self { wishes, switches })
    }

    /// Brings models into memory before they are asked.
    pub fn load(&self, models: Vec<String>) {
        self.wish(Wish::Load(models));
    }

    pub fn ask(&self, question: Question) {
        self.switches.asked.store(question.id, Ordering::Release);
        self.wish(Wish::Ask(Box::new(question)));
    }

    /// Ends the answers to all that was asked; what was written of them stays.
    pub fn stop(&self) {
        self.switches.stopped.store(self.switches.asked.load(Ordering::Acquire), Ordering::Release);
    }

    /// Lets go of all models.
    pub fn free(&self) {
        self.wish(Wish::Free);
    }

    /// Tells whether other work goes on in this process.
    pub fn set_busy(&self, busy: bool) {
        self.switches.busy.store(busy, Ordering::Release);
    }

    fn wish(&self, wish: Wish) {
        // The thread outlives every wish: it ends when this end of the channel is gone.
        let _ = self.wishes.send(wish);
    }
}

impl Drop for ChatJob {
    fn drop(&mut self) {
        self.switches.stopped.store(u64::MAX, Ordering::Release);
    }
}

struct Teller<'a> {
    say: &'a dyn Fn(News),
    switches: &'a Switches,
}

impl Listener for Teller<'_> {
    fn tell(&mut self, news: News) {
        (self.say)(news);
    }

    fn stopping(&self, question: u64) -> bool {
        self.switches.stopped.load(Ordering::Acquire) >= question
    }

    fn rest(&mut self, step: Duration) {
        if self.switches.busy.load(Ordering::Acquire) {
            std::thread::sleep(step.min(LONGEST_REST));
        }
    }
}

fn serve(asked: &Receiver<Wish>, teller: &mut Teller<'_>) {
    let mut talk = Talk::default();
    let mut waiting = std::collections::VecDeque::new();
    loop {
        waiting.extend(asked.try_iter());
        let Some(wish) = waiting.pop_front().or_else(|| asked.recv().ok()) else { return };
        // Models that others replace at once need not be loaded.
        let vain = matches!(wish, Wish::Load(_))
            && (!waiting.is_empty() || teller.switches.stopped.load(Ordering::Acquire) == u64::MAX);
        if vain {
            continue;
        }
        let question = match &wish {
            Wish::Ask(question) => Some(question.id),
            Wish::Load(_) | Wish::Free => None,
        };
        let work = AssertUnwindSafe(|| match &wish {
            Wish::Load(models) => talk.load(models, teller),
            Wish::Ask(question) => talk.ask(question, teller),
            Wish::Free => {
                talk.free();
                teller.tell(News::Loaded(Vec::new()));
                Ok(())
            }
        });
        let done = std::panic::catch_unwind(work);
        if done.is_err() {
            talk = Talk::default();
        }
        let crashed = |_| Err(eyre!("the talk crashed; its models are loaded anew for the next question"));
        if let Err(error) = done.unwrap_or_else(crashed) {
            teller.tell(News::Refused { question, error: format!("{error:#}") });
            teller.tell(News::Loaded(talk.ready()));
        }
    }
}
