//! The event loop: one place that waits, drains what has come, then draws if anything changed.
//!
//! A key's frame is drawn at once; frames caused by a running job are capped. With nothing to do it sleeps without a
//! clock and writes nothing.

use std::cell::RefCell;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use color_eyre::Result;
use color_eyre::eyre::WrapErr;
use crossterm::event::Event;
use tokio::sync::{mpsc, watch};

use super::super::app::App;
use super::super::effect::{ChatTold, Effect, Message};
use super::super::load::MachineLoad;
use super::attention::Attention;
use super::canvas::Canvas;
use super::events::{Came, Events, Rest};
use super::form_memory;
use super::hangup::{self, Headless};
use super::machine::Machine;
use super::outside;
use super::picture::text;
use super::profile::Profile;
use super::record;
use super::script::Seen;
use super::signals::{Signalled, Signals};
use super::start::Options;
use super::terminal::{self, Guard};
use super::worker::{Told, Worker};
use crate::config::Directories;
use crate::config::settings::{Notify, OnHangup};
use crate::pipeline::chat::News;
use crate::records::{LiveBoard, now_millis};

/// Between two frames that numbers cause: a training's, say.
const NUMBERS: Duration = Duration::from_millis(250);
/// So long after another program had the terminal an interrupt is that program's.
const SETTLES: Duration = Duration::from_millis(300);
/// Between two looks at what the machine does.
const BETWEEN_LOOKS: Duration = Duration::from_secs(1);

/// What the screen was drawn with at first, for reading it again.
pub(super) struct Given {
    pub options: Options,
    /// Whether the terminal's ground is light, if it was asked. It is not asked again: its answer would come among the keys.
    pub light: Option<bool>,
    pub on_hangup: OnHangup,
    pub notify: Notify,
}

pub(super) struct Screen {
    app: App,
    pub canvas: Canvas,
    worker: Worker,
    told: mpsc::UnboundedReceiver<Told>,
    /// Lines of what is odd in the rooms below.
    log: mpsc::UnboundedReceiver<Message>,
    /// Of the jobs of this process that are at work.
    boards: Vec<watch::Receiver<Arc<LiveBoard>>>,
    directories: Directories,
    given: Given,
    /// Between two frames that a job causes.
    job_frame: Duration,
    last_frame: Instant,
    /// Something changed that is to be seen at once.
    dirty: bool,
    /// What a job brought is to be seen so long after the frame before.
    by_job: Option<Duration>,
    /// What a script may look at; kept only for one.
    seen: Rc<RefCell<Seen>>,
    /// The values of the forms as they are kept.
    form: Vec<(&'static str, String)>,
    /// Who asks the machine, once it was asked; and when that was last.
    machine: Option<(Machine, Instant)>,
    /// Where what the machine does is told.
    loads: (mpsc::UnboundedSender<MachineLoad>, mpsc::UnboundedReceiver<MachineLoad>),
    attention: Attention,
    /// Where what is shown is recorded.
    pub recording: Option<record::Shared>,
    /// Keeps the keys from being read while another program has the terminal; there is none without one.
    pub rest: Option<Rest>,
    /// When the terminal came back from another program last.
    back: Option<Instant>,
    leaving: bool,
    done: bool,
    /// The terminal is gone.
    pub lost: bool,
    /// It was left by an interrupt from elsewhere.
    pub interrupted: bool,
}

impl Screen {
    pub fn new(
        app: App,
        canvas: Canvas,
        worker: Worker,
        (told, log): (mpsc::UnboundedReceiver<Told>, mpsc::UnboundedReceiver<Message>),
        (given, fps): (Given, f32),
        directories: Directories,
    ) -> Self {
        let now = Instant::now();
        Self {
            form: app.form_values(),
            app,
            canvas,
            worker,
            told,
            log,
            boards: Vec::new(),
            directories,
            given,
            job_frame: Duration::from_secs_f32(1.0 / fps),
            last_frame: now,
            dirty: true,
            by_job: None,
            seen: Rc::new(RefCell::new(Seen { frame: String::new(), changed: now, job_runs: false })),
            machine: None,
            loads: mpsc::unbounded_channel(),
            attention: Attention::new(now),
            recording: None,
            rest: None,
            back: None,
            leaving: false,
            done: false,
            lost: false,
            interrupted: false,
        }
    }

    pub async fn serve(&mut self, mut events: Events, first: Effect) -> Result<()> {
        let mut signals = Signals::listen().wrap_err("signal handling")?;
        self.resize()?;
        self.worker.ask(first);
        while !self.done {
            if self.due() && self.draw().is_err() {
                return self.without_terminal(&mut signals).await;
            }
            let wake = self.wake();
            let shown = self.seen.clone();
            let seen = || shown.borrow().clone();
            tokio::select! {
                came = events.next(seen) => match came? {
                    Came::Event(event) => self.event(&event)?,
                    // What the keys asked for is done before the last frame is taken.
                    Came::End if matches!(events, Events::Script(_) | Events::Plain(_)) => {
                        events = Events::Over;
                        self.leave();
                    }
                    Came::End => return self.without_terminal(&mut signals).await,
                },
                Some(told) = self.told.recv() => self.take(told),
                () = changed(&mut self.boards) => self.job_has_news(),
                Some(line) = self.log.recv() => self.message(&line),
                Some(load) = self.loads.1.recv() => self.message(&Message::Machine(load)),
                signalled = signals.next() => match signalled {
                    Signalled::Gone => return self.without_terminal(&mut signals).await,
                    // It was pressed for the other program, and came to all that share the terminal.
                    Signalled::Interrupted if self.back.is_some_and(|at| at.elapsed() < SETTLES) => {}
                    asked @ (Signalled::Asked | Signalled::Interrupted) => {
                        self.interrupted |= asked == Signalled::Interrupted;
                        self.app.set_leaving();
                        self.dirty = true;
                        self.leave();
                    }
                    Signalled::Resized if self.resized().is_err() => return self.without_terminal(&mut signals).await,
                    Signalled::Resized => {}
                },
                () = tokio::time::sleep_until(wake.into()) => {
                    self.dirty |= self.app.tick(now_millis());
                    self.look_at_machine();
                }
            }
            self.drain(&mut events)?;
        }
        if matches!(self.canvas, Canvas::Memory(_)) {
            self.draw()?;
        }
        Ok(())
    }

    /// Takes everything that has come already, so that one frame shows it all.
    fn drain(&mut self, events: &mut Events) -> Result<()> {
        while let Some(event) = events.ready() {
            self.event(&event)?;
        }
        while let Ok(told) = self.told.try_recv() {
            self.take(told);
        }
        if self.boards.iter().any(|board| board.has_changed().unwrap_or(false)) {
            self.job_has_news();
        }
        Ok(())
    }

    fn event(&mut self, event: &Event) -> Result<()> {
        match event {
            Event::FocusGained | Event::FocusLost => {
                self.attention.focused = Some(*event == Event::FocusGained);
                return Ok(());
            }
            Event::Key(_) | Event::Mouse(_) | Event::Paste(_) => self.attention.last_key = Instant::now(),
            Event::Resize(..) => {}
        }
        // The size that an event of the input tells may be an old one by now.
        let event = match event {
            Event::Resize(..) => {
                &self.canvas.size().map_or(event.clone(), |(width, height)| Event::Resize(width, height))
            }
            event => event,
        };
        let effects = self.app.event(event, now_millis());
        self.dirty = true;
        for effect in effects {
            match effect {
                Effect::Suspend => self.suspend()?,
                Effect::EditOutside(text) => self.outside(&text)?,
                Effect::Redraw => self.canvas.clear()?,
                Effect::Reload => self.reload(),
                Effect::Copy(text) => self.copy(&text),
                Effect::Mouse(on) if matches!(self.canvas, Canvas::Terminal(_)) => terminal::listen_to_mouse(on)?,
                Effect::Mouse(_) => {}
                Effect::Quit => self.leave(),
                effect => {
                    use Effect::{StartEval, StartExternal, StartGenerate, StartRun, StartTrain};
                    if matches!(
                        effect,
                        StartGenerate(_) | StartTrain(_) | StartExternal(_) | StartRun(_) | StartEval(_)
                    ) {
                        self.keep_form();
                    }
                    self.worker.ask(effect);
                }
            }
        }
        Ok(())
    }

    /// Takes settings, keys and theme anew; with a mistake in them all stays as it is.
    fn reload(&mut self) {
        let light = self.given.light.unwrap_or(false);
        let note = match Profile::read(&self.given.options, &self.directories, &mut || light) {
            Ok(profile) => {
                self.job_frame = Duration::from_secs_f32(1.0 / profile.fps);
                (self.given.on_hangup, self.given.notify) = (profile.on_hangup, profile.notify);
                self.app.set_look(profile.keymap, profile.theme, profile.dots);
                self.app.set_mouse(profile.mouse);
                if matches!(self.canvas, Canvas::Terminal(_)) {
                    // One that cannot be told will not tell of the mouse either.
                    let _ = terminal::listen_to_mouse(profile.mouse);
                }
                Message::Note("settings, keys and theme are read again".into())
            }
            Err(error) => Message::Error(format!("nothing is changed: {error:#}")),
        };
        self.message(&note);
    }

    fn leave(&mut self) {
        if self.leaving {
            // Asked twice: the job is not waited for. Decisions that were asked for before are.
            self.worker.hurry();
            return;
        }
        self.leaving = true;
        self.keep_form();
        self.worker.ask(Effect::Quit);
    }

    /// Keeps the values of the forms for next time. That it cannot be done matters less than what is going on.
    fn keep_form(&mut self) {
        let values = self.app.form_values();
        if matches!(self.canvas, Canvas::Terminal(_)) && values != self.form {
            let _ = form_memory::save(self.directories.state(), &values);
            self.form = values;
        }
    }

    fn take(&mut self, told: Told) {
        match told {
            Told::Message(message) => self.message(&message),
            Told::Job(board) => {
                // How the one before it ended is told first.
                self.take_boards();
                self.app.set_own_job(board.borrow().heavy(), true);
                self.boards.push(board);
                self.job_has_news();
            }
            Told::Quit => self.done = true,
            Told::Crashed if self.leaving => self.done = true,
            Told::Crashed => {
                self.message(&Message::Error(
                    "a part of the program crashed: nothing more is stored; leave and open again".into(),
                ));
            }
        }
    }

    fn message(&mut self, message: &Message) {
        if let Message::Live(board) = message
            && matches!(self.canvas, Canvas::Terminal(_))
        {
            self.attention.heed(board, self.given.notify);
        }
        match message {
            Message::Live(board) => self.draw_for_job(!board.running.is_empty()),
            Message::Chat(ChatTold::News(News::Text { .. })) => self.draw_for_job(true),
            Message::Watched(_) => self.draw_for_job(false),
            _ => self.dirty = true,
        }
        for effect in self.app.message(message, now_millis()) {
            self.worker.ask(effect);
        }
    }

    /// Brings the newest boards onto the screen's state.
    fn take_boards(&mut self) {
        let newest = |receiver: &mut watch::Receiver<Arc<LiveBoard>>| receiver.borrow_and_update().clone();
        let boards: Vec<Arc<LiveBoard>> = self.boards.iter_mut().map(newest).collect();
        let mut over = boards.iter().map(|board| board.state.is_over());
        self.boards.retain(|_| !over.next().unwrap_or(false));
        for board in boards {
            if board.state.is_over() {
                self.app.set_own_job(board.heavy(), false);
            }
            self.message(&Message::Live(board));
        }
    }

    /// A board of this process has changed.
    fn job_has_news(&mut self) {
        self.draw_for_job(self.boards.iter().any(|board| !board.borrow().running.is_empty()));
    }

    /// A job has something to show: text as it is written, or numbers alone, which nobody reads so fast.
    fn draw_for_job(&mut self, text: bool) {
        let pause = if text { self.job_frame } else { self.job_frame.max(NUMBERS) };
        self.by_job = Some(self.by_job.map_or(pause, |sooner| sooner.min(pause)));
    }

    fn due(&self) -> bool {
        self.dirty || self.by_job.is_some_and(|pause| self.last_frame.elapsed() >= pause)
    }

    fn draw(&mut self) -> std::io::Result<()> {
        if self.by_job.is_some() {
            self.take_boards();
        }
        (self.dirty, self.by_job) = (false, None);
        self.last_frame = Instant::now();
        self.canvas.draw(&self.app)?;
        if let Canvas::Memory(terminal) = &self.canvas {
            let job_runs = self.app.job_runs() || !self.boards.is_empty();
            *self.seen.borrow_mut() =
                Seen { frame: text(terminal.backend().buffer()), changed: self.last_frame, job_runs };
        }
        Ok(())
    }

    /// When the machine is asked next; never in a replay, which shows the same on every machine.
    fn next_look_at_machine(&self) -> Option<Instant> {
        if !self.app.watches_machine() || matches!(self.canvas, Canvas::Memory(_)) {
            return None;
        }
        Some(self.machine.as_ref().map_or(Instant::now(), |(_, at)| *at + BETWEEN_LOOKS))
    }

    fn look_at_machine(&mut self) {
        if self.next_look_at_machine().is_none_or(|due| due > Instant::now()) {
            return;
        }
        let place = self.app.session_dir().map(Path::to_path_buf);
        match &mut self.machine {
            Some((machine, at)) => {
                machine.ask(place);
                *at = Instant::now();
            }
            None => self.machine = Machine::start(self.loads.0.clone()).ok().map(|machine| (machine, Instant::now())),
        }
    }

    /// When to look up without being woken: for the next frame of a job, or when the screen changes by itself.
    fn wake(&self) -> Instant {
        let far = Instant::now() + Duration::from_secs(3600);
        let frame = self.by_job.map_or(far, |pause| self.last_frame + pause);
        let notice = self
            .app
            .next_change(now_millis())
            .map_or(far, |at| Instant::now() + Duration::from_millis((at - now_millis()).max(0) as u64 + 5));
        frame.min(notice).min(self.next_look_at_machine().unwrap_or(far))
    }

    /// Ctrl-Z: the terminal is given back, the process stopped; on return all is taken and drawn anew.
    fn suspend(&mut self) -> Result<()> {
        if matches!(self.canvas, Canvas::Memory(_)) {
            return Ok(());
        }
        terminal::restore();
        rustix::process::kill_current_process_group(rustix::process::Signal::TSTP)?;
        let guard = Guard::take()?;
        // The first guard gives back what this one takes.
        std::mem::forget(guard);
        self.canvas.clear()?;
        self.resize()
    }

    /// A text goes to the person's own editor, which has the terminal meanwhile; what is at work goes on, unseen.
    fn outside(&mut self, text: &str) -> Result<()> {
        let Some(rest) = self.rest.as_ref().filter(|rest| rest.begin()) else {
            let line = "the editor cannot have the terminal now".into();
            self.message(&Message::Log { line, error: true });
            return Ok(());
        };
        terminal::restore();
        let edited = outside::edited(text, self.directories.state());
        rest.end();
        std::mem::forget(Guard::take()?);
        self.attention.last_key = Instant::now();
        self.canvas.clear()?;
        self.resize()?;
        self.message(&match edited {
            Ok(Some(text)) => Message::EditedOutside(text),
            Ok(None) => Message::Note("the text is as it was".into()),
            Err(error) => Message::Log { line: format!("{error:#}"), error: true },
        });
        self.back = Some(Instant::now());
        Ok(())
    }

    /// The terminal's size has changed, perhaps to and fro: what it showed it may have cut.
    fn resized(&mut self) -> Result<()> {
        self.canvas.clear()?;
        self.resize()
    }

    fn resize(&mut self) -> Result<()> {
        let (width, height) = self.canvas.size()?;
        self.app.resize(width, height);
        if let Some(recording) = &self.recording {
            recording.borrow_mut().resized((width, height));
        }
        self.dirty = true;
        Ok(())
    }

    fn copy(&mut self, text: &str) {
        let said = match &self.canvas {
            Canvas::Memory(_) => Ok(()),
            Canvas::Terminal(_) => {
                let clean = crate::tui::text::clean(text);
                crossterm::execute!(std::io::stdout(), crossterm::clipboard::CopyToClipboard::to_clipboard_from(clean))
            }
        };
        let note = match said {
            Ok(()) => Message::Note("sent to the terminal's clipboard (OSC 52)".into()),
            Err(error) => Message::Error(format!("not copied: {error}")),
        };
        self.message(&note);
    }

    /// The terminal is gone. With a job at work, or in line, the process goes on for it alone; a viewer just ends.
    async fn without_terminal(&mut self, signals: &mut Signals) -> Result<()> {
        self.lost = true;
        terminal::abandon();
        let kept = hangup::drop_terminal(self.directories.state());
        if self.given.on_hangup == OnHangup::Checkpoint {
            self.leave();
        }
        let mut line = Headless { waiting: self.app.waiting(), begins: false };
        loop {
            self.boards.retain(|board| !board.borrow().state.is_over() && board.has_changed().is_ok());
            let over = self.boards.is_empty();
            if over && (self.leaving || (line.waiting == 0 && !line.begins)) {
                break;
            }
            tokio::select! {
                () = changed(&mut self.boards) => {}
                told = self.told.recv() => match told {
                    Some(Told::Job(board)) => {
                        self.boards.push(board);
                        line.begins = false;
                    }
                    Some(Told::Message(message)) => line.take(&message),
                    Some(Told::Quit | Told::Crashed) | None => break,
                },
                // Another hang-up changes nothing; a termination stops the job, a second one does not wait for it.
                signalled = signals.next() => if matches!(signalled, Signalled::Asked | Signalled::Interrupted) {
                    if self.leaving {
                        break;
                    }
                    self.leave();
                }
            }
        }
        // What was asked for before the terminal went is still done.
        if !self.leaving {
            self.leave();
        }
        self.told.close();
        self.worker.wait();
        drop(kept);
        Ok(())
    }
}

/// Waits until one of the boards changes; for ever when there is none, or none whose job is still there.
async fn changed(boards: &mut [watch::Receiver<Arc<LiveBoard>>]) {
    let mut changes: Vec<_> = boards.iter_mut().map(|board| Box::pin(board.changed())).collect();
    std::future::poll_fn(|context| {
        let mut changed = false;
        // One whose job is gone is ready for ever, with an error: it is asked no more.
        changes.retain_mut(|change| match change.as_mut().poll(context) {
            Poll::Ready(Ok(())) => {
                changed = true;
                false
            }
            Poll::Ready(Err(_)) => false,
            Poll::Pending => true,
        });
        if changed { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}
