//! The signals that the screen heeds.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signals that matter to the screen; they come beside the input and not through it.
pub struct Signals {
    hangup: Signal,
    terminate: Signal,
    interrupt: Signal,
    quit: Signal,
    window: Signal,
}

/// What a signal says.
#[derive(PartialEq)]
pub enum Signalled {
    /// The terminal went away.
    Gone,
    /// The process is asked to end.
    Asked,
    /// The same, by an interrupt: Ctrl-C is a key on the screen, so this one was sent.
    Interrupted,
    /// The terminal has another size.
    Resized,
}

impl Signals {
    pub fn listen() -> std::io::Result<Self> {
        Ok(Self {
            hangup: signal(SignalKind::hangup())?,
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            quit: signal(SignalKind::quit())?,
            window: signal(SignalKind::window_change())?,
        })
    }

    pub async fn next(&mut self) -> Signalled {
        tokio::select! {
            _ = self.hangup.recv() => Signalled::Gone,
            _ = self.terminate.recv() => Signalled::Asked,
            _ = self.interrupt.recv() => Signalled::Interrupted,
            _ = self.quit.recv() => Signalled::Asked,
            _ = self.window.recv() => Signalled::Resized,
        }
    }
}
