//! The terminal: taken over, drawn on, given back whatever happens.

use std::io::{IsTerminal, Write};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::ThreadId;

use crossterm::event::{
    DisableBracketedPaste, DisableFocusChange, DisableMouseCapture, EnableBracketedPaste, EnableFocusChange,
    EnableMouseCapture,
};
use crossterm::terminal::{EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode};
use crossterm::{cursor, execute};

use super::record;

/// Why the workbench cannot be shown here.
#[derive(Debug, thiserror::Error)]
pub enum NotATerminal {
    #[error(
        "the workbench needs a terminal on standard input and output; `cribble generate` and the other subcommands work without one"
    )]
    Pipe,
    #[error(
        "TERM is `{0}`: the workbench needs a terminal that can place text; set TERM, or use `cribble generate` and the other subcommands"
    )]
    Dumb(String),
}

/// Whether the terminal is ours; shared by the guard and the panic hook, so that it is given back once.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// The mouse is listened to; it is again when the terminal is taken back.
static MOUSE: AtomicBool = AtomicBool::new(false);
/// The thread that draws: only its panic ends the screen.
static SCREEN: OnceLock<ThreadId> = OnceLock::new();

/// Fails with one line where there is nothing to draw on.
pub fn check() -> Result<(), NotATerminal> {
    if !std::io::stdin().is_terminal() || !std::io::stdout().is_terminal() {
        return Err(NotATerminal::Pipe);
    }
    match std::env::var("TERM") {
        Ok(term) if !term.is_empty() && term != "dumb" => Ok(()),
        term => Err(NotATerminal::Dumb(crate::tui::text::clean(&term.unwrap_or_default()))),
    }
}

/// Collects what is drawn and writes it at once at the end of a frame, between the marks of a synchronised update, so that
/// no half frame is seen and a frame is one write.
#[derive(Debug, Default)]
pub struct FrameWriter {
    frame: Vec<u8>,
    recording: Option<record::Shared>,
}

impl FrameWriter {
    /// Puts each frame into the recording as well, where there is one.
    pub fn recorded(recording: Option<record::Shared>) -> Self {
        Self { recording, ..Self::default() }
    }
}

const BEGIN: &[u8] = b"\x1b[?2026h";
const END: &[u8] = b"\x1b[?2026l";

impl Write for FrameWriter {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.frame.is_empty() {
            self.frame.extend_from_slice(BEGIN);
        }
        self.frame.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        if self.frame.is_empty() {
            return Ok(());
        }
        self.frame.extend_from_slice(END);
        let mut out = std::io::stdout().lock();
        let written = out.write_all(&self.frame).and_then(|()| out.flush());
        if let Some(recording) = &self.recording {
            recording.borrow_mut().sent(&self.frame);
        }
        self.frame.clear();
        written
    }
}

/// The terminal in our hands; given back when dropped.
pub struct Guard;

impl Guard {
    pub fn take() -> std::io::Result<Self> {
        let _ = SCREEN.set(std::thread::current().id());
        // crossterm's own NO_COLOR writes empty parameters, which wipe bold and reverse; the theme does it instead.
        crossterm::style::force_color_output(true);
        TAKEN.store(true, Ordering::SeqCst);
        let guard = Self;
        enable_raw_mode()?;
        execute!(std::io::stdout(), EnterAlternateScreen, EnableBracketedPaste, EnableFocusChange, cursor::Hide)?;
        if MOUSE.load(Ordering::SeqCst) {
            execute!(std::io::stdout(), EnableMouseCapture)?;
        }
        Ok(guard)
    }
}

/// Listens to the mouse, or leaves it to the terminal, which selects text with it.
pub fn listen_to_mouse(on: bool) -> std::io::Result<()> {
    MOUSE.store(on, Ordering::SeqCst);
    let mut out = std::io::stdout();
    if on { execute!(out, EnableMouseCapture) } else { execute!(out, DisableMouseCapture) }
}

impl Drop for Guard {
    fn drop(&mut self) {
        restore();
    }
}

/// Gives the terminal back. May be called more than once and from the panic hook; goes on past what fails.
pub fn restore() {
    if !TAKEN.swap(false, Ordering::SeqCst) {
        return;
    }
    let mut out = std::io::stdout();
    let _ = out.write_all(END);
    if MOUSE.load(Ordering::SeqCst) {
        let _ = execute!(out, DisableMouseCapture);
    }
    let _ = execute!(out, DisableFocusChange, DisableBracketedPaste, LeaveAlternateScreen, cursor::Show);
    let _ = disable_raw_mode();
}

/// Forgets the terminal without a word to it: it is gone.
pub fn abandon() {
    TAKEN.store(false, Ordering::SeqCst);
}

/// A panic of the drawing thread gives the terminal back before it is reported. One of another thread is the business of
/// who started it, and must not write over the screen.
pub fn install_panic_hook() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        let on_screen = SCREEN.get() == Some(&std::thread::current().id());
        if on_screen {
            restore();
        }
        if on_screen || !TAKEN.load(Ordering::SeqCst) {
            before(info);
        }
    }));
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use portable_pty::{CommandBuilder, PtySize, native_pty_system};

    use super::*;

    /// What is run in the terminal of the test below; alone it would take over whatever terminal there is.
    #[test]
    #[ignore = "panics, on purpose"]
    fn panics_on_the_screen() {
        install_panic_hook();
        let _guard = Guard::take().unwrap();
        panic!("out of luck");
    }

    #[test]
    fn a_panic_of_the_drawing_thread_gives_the_terminal_back_before_it_is_told() {
        let pair = native_pty_system().openpty(PtySize::default()).unwrap();
        let mut command = CommandBuilder::new(std::env::current_exe().unwrap());
        command.args(["--ignored", "--nocapture", "--exact", "tui::runtime::terminal::tests::panics_on_the_screen"]);
        let mut reader = pair.master.try_clone_reader().unwrap();
        let mut child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let mut wrote = Vec::new();
        // The end of a pseudo-terminal is an error to who reads it.
        let _ = reader.read_to_end(&mut wrote);
        assert!(!child.wait().unwrap().success());
        let wrote = String::from_utf8_lossy(&wrote);
        let at = |text: &str| wrote.find(text).unwrap_or_else(|| panic!("no {text:?} in {wrote:?}"));
        assert!(at("\u{1b}[?1049h") < at("\u{1b}[?1049l"), "{wrote:?}");
        assert!(at("\u{1b}[?1049l") < at("out of luck"), "{wrote:?}");
        assert_eq!(wrote.matches("\u{1b}[?1049l").count(), 1, "it is given back once");
    }
}
