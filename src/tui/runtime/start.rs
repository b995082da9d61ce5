//! How the workbench is started: what it is given, and on what it is drawn.

use std::path::PathBuf;

use color_eyre::Result;
use color_eyre::eyre::WrapErr;
use ratatui::Terminal;
use ratatui::backend::{CrosstermBackend, TestBackend};

use super::super::app::App;
use super::super::effect::Effect;
use super::canvas::Canvas;
use super::events::Events;
use super::form_memory;
use super::log;
use super::picture::PrintAs;
use super::plain::Plain;
use super::profile::{Profile, light_ground};
use super::record;
use super::run::{Given, Screen};
use super::script::Script;
use super::terminal::{self, FrameWriter, Guard};
use super::worker::Worker;
use crate::config::Directories;
use crate::config::settings::Colours;
use crate::dialogue::Library;
use crate::jobs::{EvalJob, ExternalOrder, ForecastJob, GenerateJob, RunJob, TrainJob};
use crate::pipeline::eval::EvalOrder;
use crate::pipeline::run::RunOrder;
use crate::pipeline::{GenerateOrder, TrainOrder};

/// What the screen is started with.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Session to open; none shows the start screen.
    pub session: Option<PathBuf>,
    /// Directories whose trainings are followed, instead of a session.
    pub watch: Vec<PathBuf>,
    /// Replay these keys on a screen in memory.
    pub keys: Option<String>,
    /// What its last frame is printed as.
    pub print_as: PrintAs,
    /// Columns and rows of that screen.
    pub size: Option<(u16, u16)>,
    /// No screen: lines of keys in, the lines that changed out.
    pub plain: bool,
    /// A file that what is shown is recorded in.
    pub record: Option<PathBuf>,
    pub fps: Option<f32>,
    pub ascii: bool,
    pub theme: Option<String>,
    pub colours: Option<Colours>,
}

/// Starts a generation in the session of this directory.
pub type StartGenerate = Box<dyn Fn(PathBuf, GenerateOrder) -> Result<GenerateJob> + Send>;

/// Starts a training in the session of this directory.
pub type StartTrain = Box<dyn Fn(PathBuf, TrainOrder) -> Result<TrainJob> + Send>;

/// Starts a training by another program in the session of this directory.
pub type StartExternal = Box<dyn Fn(PathBuf, ExternalOrder) -> Result<TrainJob> + Send>;

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
    pub start_external: StartExternal,
    pub start_run: StartRun,
    pub start_forecast: StartForecast,
    pub start_eval: StartEval,
}

/// The workbench was ended by an interrupt from elsewhere; what was at work is kept.
#[derive(Debug, thiserror::Error)]
#[error("interrupted")]
pub struct Interrupted;

/// Shows the workbench until it is left. A replay returns its last frame.
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
    let log = log::to_screen(directories.state());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().wrap_err("cannot start")?;
    let first = match options.session {
        _ if !options.watch.is_empty() => Effect::Watch(options.watch),
        Some(path) => Effect::OpenSession(path),
        None => Effect::OpenTour,
    };
    if !matches!(first, Effect::Watch(_)) {
        app.set_opening();
    }
    if options.plain {
        let (columns, rows) = options.size.unwrap_or((80, 24));
        let canvas = Canvas::Memory(Terminal::new(TestBackend::new(columns, rows))?);
        let mut screen = Screen::new(app, canvas, worker, (told, log), (given, profile.fps), directories);
        let lines = Plain::start().wrap_err("cannot start a thread")?;
        runtime.block_on(screen.serve(Events::Plain(lines), first))?;
        return if screen.interrupted { Err(Interrupted.into()) } else { Ok(None) };
    }
    match script {
        Some(script) => {
            let (columns, rows) = options.size.unwrap_or((80, 24));
            let canvas = Canvas::Memory(Terminal::new(TestBackend::new(columns, rows))?);
            let mut screen = Screen::new(app, canvas, worker, (told, log), (given, profile.fps), directories);
            runtime.block_on(screen.serve(Events::Script(script), first))?;
            if screen.interrupted {
                return Err(Interrupted.into());
            }
            Ok(screen.canvas.printed(options.print_as))
        }
        None => {
            // Not in a replay: what it shows depends on nothing but its keys and the session.
            app.set_form_values(&form_memory::load(directories.state()));
            let recording = options.record.as_deref().map(record::begin).transpose()?;
            terminal::install_panic_hook();
            app.set_mouse(profile.mouse);
            let guard = Guard::take().wrap_err("cannot take over the terminal")?;
            if profile.mouse {
                terminal::listen_to_mouse(true)?;
            }
            let writer = FrameWriter::recorded(recording.clone());
            let canvas = Canvas::Terminal(Terminal::new(CrosstermBackend::new(writer))?);
            let mut screen = Screen::new(app, canvas, worker, (told, log), (given, profile.fps), directories);
            screen.recording = recording;
            let end = Events::terminal().wrap_err("cannot start a thread").and_then(|(events, rest)| {
                screen.rest = Some(rest);
                runtime.block_on(screen.serve(events, first))
            });
            let (lost, interrupted) = (screen.lost, screen.interrupted);
            drop(guard);
            end?;
            match (lost, interrupted) {
                (true, _) => std::process::exit(129),
                (false, true) => Err(Interrupted.into()),
                (false, false) => Ok(None),
            }
        }
    }
}

fn app(profile: &Profile, directories: &Directories) -> Result<App> {
    let mut app = App::new(profile.keymap.clone(), profile.theme.clone(), profile.dots);
    let library = Library::load(Some(directories.config()))?;
    app.set_dialogue_defaults(&library.policy(None)?.prompt, library.names());
    Ok(app)
}
