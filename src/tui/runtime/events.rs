//! Where events come from: the terminal, a script, or lines of keys.
//!
//! The terminal is read on a thread of its own: crossterm's reader never comes back from a terminal that closes while it reads,
//! and the loop has to see the hang-up then.

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
    pub fn terminal() -> std::io::Result<Self> {
        let (sender, events) = unbounded_channel();
        std::thread::Builder::new().name("keys".into()).spawn(move || read_terminal(&sender))?;
        Ok(Self::Terminal(events))
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

/// The shortest wait that crossterm heeds: with none at all it does not even return what it has.
const AT_ONCE: Duration = Duration::from_millis(1);

/// Sends what is typed until the terminal is gone or nobody listens. Changes of size come by the signal.
///
/// crossterm's `use-dev-tty` source is the one that asks the terminal each time whether there is something to read; the other
/// waits for news of it, and loses a key that comes together with a change of size.
fn read_terminal(sender: &UnboundedSender<Event>) {
    loop {
        // A hang-up is looked for first: once inside, crossterm would read the end of the input for ever.
        let stdin = rustix::stdio::stdin();
        let mut watched = [PollFd::new(&stdin, PollFlags::IN)];
        match poll(&mut watched, None) {
            Ok(_) if watched[0].revents().intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL) => return,
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => continue,
            Err(_) => return,
        }
        loop {
            let Ok(event) = event::read() else { return };
            if sender.send(event).is_err() {
                return;
            }
            // What was read with it waits inside crossterm, where the poll above does not see it.
            if !event::poll(AT_ONCE).unwrap_or(false) {
                break;
            }
        }
    }
}
