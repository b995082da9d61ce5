//! The event loop: one place that waits, drains what has come, then draws if anything changed.
//!
//! A key's frame is drawn at once; frames caused by a running job are capped. With nothing to do it sleeps without a
//! clock and writes nothing.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use color_eyre::Result;
use color_eyre::eyre::WrapErr;
use crossterm::event::Event;
use ratatui::Terminal;
use ratatui::backend::{CrosstermBackend, TestBackend};
use tokio::sync::{mpsc, watch};

use super::super::app::App;
use super::super::effect::{ChatTold, Effect, Message};
use super::super::load::MachineLoad;
use super::attention::Attention;
use super::canvas::{Canvas, text};
use super::events::{Came, Events};
use super::form_memory;
use super::hangup::{self, Headless};
use super::machine::Machine;
use super::plain::Plain;
use super::profile::{Profile, light_ground};
use super::script::{Script, Seen};
use super::signals::{Signalled, Signals};
use super::terminal::{self, FrameWriter, Guard};
use super::worker::{Told, Worker};
use crate::config::Directories;
use crate::config::settings::{Colours, Notify, OnHangup};
use crate::dialogue::Library;
use crate::jobs::{EvalJob, ForecastJob, GenerateJob, RunJob, TrainJob};
use crate::pipeline::chat::News;
use crate::pipeline::eval::EvalOrder;
use crate::pipeline::run::RunOrder;
use crate::pipeline::{GenerateOrder, TrainOrder};
use crate::records::{LiveBoard, now_millis};

/// Between two looks at what the machine does.
const BETWEEN_LOOKS: Duration = Duration::from_secs(1);

/// What the screen is started with.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Session to open; none shows the start screen.
    pub session: Option<PathBuf>,
    /// Replay these keys on a screen in memory.
    pub keys: Option<String>,
    /// Columns and rows of that screen.
    pub size: Option<(u16, u16)>,
    /// No screen: lines of keys in, the lines that changed out.
    pub plain: bool,
    pub fps: Option<f32>,
    pub ascii: bool,
    pub theme: Option<String>,
    pub colours: Option<Colours>,
}

/// Starts a generation in the session of this directory.
pub type StartGenerate = Box<dyn Fn(PathBuf, GenerateOrder) -> Result<GenerateJob> + Send>;

/// Starts a training in the session of this directory.
pub type StartTrain = Box<dyn Fn(PathBuf, TrainOrder) -> Result<TrainJob> + Send>;

/// Starts a pass in the session of this directory.
pub type StartRun = Box<dyn Fn(PathBuf, RunOrder) -> Result<RunJob> + Send>;

/// Starts to measure what a pass will take.
pub type StartForecast = Box<dyn Fn(RunOrder) -> Result<ForecastJob> + Send>;
/// Starts an evaluation in the session of this directory.
pub type StartEval = Box<dyn Fn(PathBuf, EvalOrder) -> Result<EvalJob> + Send>;

/// What the screen needs from below and does not know itself.
pub struct Launcher {
    pub start_generate: StartGenerate,
    pub start_train: StartTrain,
    pub start_run: StartRun,
    pub start_forecast: StartForecast,
    pub start_eval: StartEval,
}

/// Shows the workbench until it is left. A replay returns its last frame as text.
pub fn run(options: Options, launcher: Launcher) -> Result<Option<String>> {
    let script = options.keys.as_deref().map(Script::parse).transpose()?;
    let on_screen = script.is_none() && !options.plain;
    if on_screen {
        terminal::check()?;
    }
    let directories = Directories::from_environment()?;
    let mut light = None;
    let profile = Profile::read(&options, &directories, &mut || *light.insert(on_screen && light_ground()))?;
    let mut app = app(&profile, &directories)?;
    let given = Given { options: options.clone(), light, on_hangup: profile.on_hangup, notify: profile.notify };
    let (worker, told) = Worker::start(launcher, directories.clone()).wrap_err("cannot start a thread")?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().wrap_err("cannot start")?;
    let first = match options.session {
        Some(path) => Effect::OpenSession(path),
        None => Effect::OpenTour,
    };
    if options.plain {
        let (columns, rows) = options.size.unwrap_or((80, 24));
        let canvas = Canvas::Memory(Terminal::new(TestBackend::new(columns, rows))?);
        let mut screen = Screen::new(app, canvas, worker, told, (given, profile.fps), directories);
        let lines = Plain::start().wrap_err("cannot start a thread")?;
        runtime.block_on(screen.serve(Events::Plain(lines), first))?;
        return Ok(None);
    }
    match script {
        Some(script) => {
            let (columns, rows) = options.size.unwrap_or((80, 24));
            let canvas = Canvas::Memory(Terminal::new(TestBackend::new(columns, rows))?);
            let mut screen = Screen::new(app, canvas, worker, told, (given, profile.fps), directories);
            runtime.block_on(screen.serve(Events::Script(script), first))?;
            let frame = screen.seen.borrow().frame.clone();
            Ok(Some(frame))
        }
        None => {
            // Not in a replay: what it shows depends on nothing but its keys and the session.
            app.set_form_values(&form_memory::load(directories.state()));
            terminal::install_panic_hook();
            app.set_mouse(profile.mouse);
            let guard = Guard::take().wrap_err("cannot take over the terminal")?;
            if profile.mouse {
                terminal::listen_to_mouse(true)?;
            }
            let canvas = Canvas::Terminal(Terminal::new(CrosstermBackend::new(FrameWriter::default()))?);
            let mut screen = Screen::new(app, canvas, worker, told, (given, profile.fps), directories);
            let end = Events::terminal().wrap_err("cannot start a thread");
            let end = end.and_then(|events| runtime.block_on(screen.serve(events, first)));
            let lost = screen.lost;
            drop(guard);
            end?;
            if lost { std::process::exit(129) } else { Ok(None) }
        }
    }
}

fn app(profile: &Profile, directories: &Directories) -> Result<App> {
    let mut app = App::new(profile.keymap.clone(), profile.theme.clone(), profile.dots);
    let library = Library::load(Some(directories.config()))?;
    app.set_dialogue_defaults(&library.policy(None)?.prompt, library.names());
    app.set_opening();
    Ok(app)
}

/// What the screen was drawn with at first, for reading it again.
struct Given {
    options: Options,
    /// Whether the terminal's ground is light, if it was asked. It is not asked again: its answer would come among the keys.
    light: Option<bool>,
    on_hangup: OnHangup,
    notify: Notify,
}

struct Screen {
    app: App,
    canvas: Canvas,
    worker: Worker,
    told: mpsc::UnboundedReceiver<Told>,
    board: Option<watch::Receiver<Arc<LiveBoard>>>,
    directories: Directories,
    given: Given,
    /// Between two frames that a job causes.
    job_frame: Duration,
    last_frame: Instant,
    /// Something changed that is to be seen at once, or when the cap allows.
    dirty: bool,
    dirty_by_job: bool,
    /// What a script may look at; kept only for one.
    seen: Rc<RefCell<Seen>>,
    /// The values of the forms as they are kept.
    form: Vec<(&'static str, String)>,
    /// Who asks the machine, once it was asked; and when that was last.
    machine: Option<(Machine, Instant)>,
    /// Where what the machine does is told.
    loads: (mpsc::UnboundedSender<MachineLoad>, mpsc::UnboundedReceiver<MachineLoad>),
    attention: Attention,
    leaving: bool,
    done: bool,
    /// The terminal is gone.
    lost: bool,
}

impl Screen {
    fn new(
        app: App,
        canvas: Canvas,
        worker: Worker,
        told: mpsc::UnboundedReceiver<Told>,
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
            board: None,
            directories,
            given,
            job_frame: Duration::from_secs_f32(1.0 / fps),
            last_frame: now,
            dirty: true,
            dirty_by_job: false,
            seen: Rc::new(RefCell::new(Seen { frame: String::new(), changed: now, job_runs: false })),
            machine: None,
            loads: mpsc::unbounded_channel(),
            attention: Attention::new(now),
            leaving: false,
            done: false,
            lost: false,
        }
    }

    async fn serve(&mut self, mut events: Events, first: Effect) -> Result<()> {
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
                true = changed(&mut self.board) => self.dirty_by_job = true,
                Some(load) = self.loads.1.recv() => self.message(&Message::Machine(load)),
                signalled = signals.next() => match signalled {
                    Signalled::Gone => return self.without_terminal(&mut signals).await,
                    Signalled::Asked => {
                        self.app.set_leaving();
                        self.dirty = true;
                        self.leave();
                    }
                    Signalled::Resized if self.resize().is_err() => return self.without_terminal(&mut signals).await,
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
        if self.board.as_mut().is_some_and(|board| board.has_changed().unwrap_or(false)) {
            self.dirty_by_job = true;
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
        let effects = self.app.event(event, now_millis());
        self.dirty = true;
        for effect in effects {
            match effect {
                Effect::Suspend => self.suspend()?,
                Effect::Redraw => self.canvas.clear()?,
                Effect::Reload => self.reload(),
                Effect::Copy(text) => self.copy(&text),
                Effect::Mouse(on) if matches!(self.canvas, Canvas::Terminal(_)) => terminal::listen_to_mouse(on)?,
                Effect::Mouse(_) => {}
                Effect::Quit => self.leave(),
                effect => {
                    use Effect::{StartEval, StartGenerate, StartRun, StartTrain};
                    if matches!(effect, StartGenerate(_) | StartTrain(_) | StartRun(_) | StartEval(_)) {
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
                self.take_board();
                self.app.set_own_job(true);
                self.board = Some(board);
                self.dirty_by_job = true;
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
        let streams = matches!(message, Message::Live(_) | Message::Chat(ChatTold::News(News::Text { .. })));
        if streams {
            self.dirty_by_job = true;
        } else {
            self.dirty = true;
        }
        for effect in self.app.message(message, now_millis()) {
            self.worker.ask(effect);
        }
    }

    /// Brings the newest board onto the screen's state.
    fn take_board(&mut self) {
        let Some(receiver) = &mut self.board else { return };
        let board = receiver.borrow_and_update().clone();
        if board.state.is_over() {
            self.board = None;
            self.app.set_own_job(false);
        }
        self.message(&Message::Live(board));
    }

    fn due(&self) -> bool {
        self.dirty || (self.dirty_by_job && self.last_frame.elapsed() >= self.job_frame)
    }

    fn draw(&mut self) -> std::io::Result<()> {
        if self.dirty_by_job {
            self.take_board();
        }
        (self.dirty, self.dirty_by_job) = (false, false);
        self.last_frame = Instant::now();
        self.canvas.draw(&self.app)?;
        if let Canvas::Memory(terminal) = &self.canvas {
            let job_runs = self.app.job_runs() || self.board.is_some();
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
        let frame = if self.dirty_by_job { self.last_frame + self.job_frame } else { far };
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

    fn resize(&mut self) -> Result<()> {
        let (width, height) = self.canvas.size()?;
        self.app.resize(width, height);
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
            let over = self.board.as_ref().is_none_or(|board| board.borrow().state.is_over());
            if over && (self.leaving || (line.waiting == 0 && !line.begins)) {
                break;
            }
            tokio::select! {
                changed = changed(&mut self.board), if !over => if !changed {
                    self.board = None;
                },
                told = self.told.recv() => match told {
                    Some(Told::Job(board)) => {
                        self.board = Some(board);
                        line.begins = false;
                    }
                    Some(Told::Message(message)) => line.take(&message),
                    Some(Told::Quit | Told::Crashed) | None => break,
                },
                // Another hang-up changes nothing; a termination stops the job, a second one does not wait for it.
                signalled = signals.next() => if signalled == Signalled::Asked {
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

/// Whether the board changed; never, when there is none or its job is gone.
async fn changed(board: &mut Option<watch::Receiver<Arc<LiveBoard>>>) -> bool {
    match board {
        Some(board) => board.changed().await.is_ok(),
        None => std::future::pending().await,
    }
}
