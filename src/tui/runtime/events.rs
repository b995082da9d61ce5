//! Where events come from: the terminal, a script, or lines of keys.
//!
//! The terminal is read on a thread of its own: crossterm's reader never comes back from a terminal that closes while it reads,
//! and the loop has to see the hang-up then.

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use crossterm::event::{self, Event};
use rustix::event::{PollFd, PollFlags, poll};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::plain::Plain;
use super::script::{Script, ScriptError, Seen};

/// A source of events.
pub enum Events {
    Terminal(UnboundedReceiver<Event>),
    Script(Script),
    Plain(Plain),
    /// The script is over: what it asked for is still being done.
    Over,
}

/// What came.
pub enum Came {
    Event(Event),
    /// The terminal is gone, or the script is over.
    End,
}

impl Events {
    /// Reads the terminal from now on. The thread is never waited for: it may hang on a closed terminal.
    pub fn terminal() -> std::io::Result<(Self, Rest)> {
        let (sender, events) = unbounded_channel();
        let (woken, wake) = rustix::pipe::pipe()?;
        let (tell, rests) = mpsc::channel();
        let asked = Arc::new(AtomicBool::new(false));
        let reader = Reader { sender, woken, asked: Arc::clone(&asked), rests: tell };
        std::thread::Builder::new().name("keys".into()).spawn(move || read_terminal(&reader))?;
        Ok((Self::Terminal(events), Rest { wake, asked, rests }))
    }

    /// The next event. May be dropped while it waits.
    pub async fn next(&mut self, seen: impl Fn() -> Seen) -> Result<Came, ScriptError> {
        match self {
            Events::Terminal(events) => Ok(events.recv().await.map_or(Came::End, Came::Event)),
            Events::Over => std::future::pending().await,
            Events::Script(script) => Ok(script.next(seen).await?.map_or(Came::End, Came::Event)),
            Events::Plain(plain) => Ok(plain.next(seen).await?.map_or(Came::End, Came::Event)),
        }
    }

    /// An event that has come already. A script's come one at a time, each seen before the next.
    pub fn ready(&mut self) -> Option<Event> {
        match self {
            Events::Terminal(events) => events.try_recv().ok(),
            Events::Script(_) | Events::Plain(_) | Events::Over => None,
        }
    }
}

/// What the thread that reads the terminal has.
struct Reader {
    sender: UnboundedSender<Event>,
    woken: OwnedFd,
    asked: Arc<AtomicBool>,
    rests: mpsc::Sender<()>,
}

impl Reader {
    /// Leaves the terminal alone for as long as that is asked for.
    fn rest(&self) {
        let mut byte = [0];
        loop {
            match rustix::io::read(&self.woken, &mut byte) {
                Err(rustix::io::Errno::INTR) => continue,
                Ok(1..) if self.asked.load(Ordering::Acquire) => _ = self.rests.send(()),
                _ => return,
            }
        }
    }
}

/// Keeps the thread that reads the terminal from it while another program has it.
#[derive(Debug)]
pub struct Rest {
    wake: OwnedFd,
    asked: Arc<AtomicBool>,
    rests: mpsc::Receiver<()>,
}

impl Rest {
    /// Whether the terminal is left alone from now on.
    pub fn begin(&self) -> bool {
        self.asked.store(true, Ordering::Release);
        let rests = rustix::io::write(&self.wake, &[1]).is_ok() && self.rests.recv_timeout(LONGEST).is_ok();
        if !rests {
            self.end();
        }
        rests
    }

    pub fn end(&self) {
        self.asked.store(false, Ordering::Release);
        let _ = rustix::io::write(&self.wake, &[0]);
    }
}

/// So long the thread may take to let go of the terminal.
const LONGEST: Duration = Duration::from_secs(1);

/// How long more is waited for after a key. Once its time is over crossterm does not even return what it has read already, and that
/// would lie there until the next key: so it is far longer than a busy machine keeps this thread waiting.
const MORE: Duration = Duration::from_millis(100);

/// Sends what is typed until the terminal is gone or nobody listens. Changes of size come by the signal.
///
/// crossterm's `use-dev-tty` source is the one that asks the terminal each time whether there is something to read; the other
/// waits for news of it, and loses a key that comes together with a change of size.
fn read_terminal(reader: &Reader) {
    loop {
        // A hang-up is looked for first: once inside, crossterm would read the end of the input for ever.
        let stdin = rustix::stdio::stdin();
        let mut watched = [PollFd::new(&stdin, PollFlags::IN), PollFd::new(&reader.woken, PollFlags::IN)];
        match poll(&mut watched, None) {
            Ok(_) if watched[1].revents().contains(PollFlags::IN) => {
                reader.rest();
                continue;
            }
            Ok(_) if watched[0].revents().intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL) => return,
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => continue,
            Err(_) => return,
        }
        loop {
            let Ok(event) = event::read() else { return };
            if reader.sender.send(event).is_err() {
                return;
            }
            // What was read with it waits inside crossterm, where the poll above does not see it.
            if !event::poll(MORE).unwrap_or(false) {
                break;
            }
        }
    }
}
