//! Where events come from: the terminal, or a script.

use crossterm::event::{Event, EventStream};
use futures_util::StreamExt;

use super::script::{Script, ScriptError, Seen};

/// A source of events. The terminal's stream can be given up, as it holds on to standard input.
pub enum Events {
    Terminal(Option<EventStream>),
    Script(Script),
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
    pub fn terminal() -> Self {
        Self::Terminal(Some(EventStream::new()))
    }

    /// The next event. May be dropped while it waits.
    pub async fn next(&mut self, seen: impl Fn() -> Seen) -> Result<Came, ScriptError> {
        match self {
            Events::Terminal(Some(stream)) => Ok(match stream.next().await {
                Some(Ok(event)) => Came::Event(event),
                Some(Err(_)) | None => Came::End,
            }),
            Events::Terminal(None) | Events::Over => std::future::pending().await,
            Events::Script(script) => Ok(script.next(seen).await?.map_or(Came::End, Came::Event)),
        }
    }

    /// Lets go of standard input, for a suspension.
    pub fn release(&mut self) {
        if let Events::Terminal(stream) = self {
            *stream = None;
        }
    }

    pub fn resume(&mut self) {
        if let Events::Terminal(stream) = self {
            *stream = Some(EventStream::new());
        }
    }
}
