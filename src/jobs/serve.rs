//! The servers of a pass: one is started for the model that a step needs, or a person who starts it is waited for; found again after a
//! process that was killed; ended when its memory is needed.
//!
//! A server depends on nobody who watches it. In the session, under `servers/`:
//!
//! | path | what |
//! |---|---|
//! | `<name>.pid` | which process serves the model of this name; gone when the process is |
//! | `<name>.command` | the exact command |
//! | `<name>.log` | what it prints |
//! | `micro/` | the model that comes with the program, if it is the one to be served |

mod model;
mod server;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use color_eyre::Result;
use color_eyre::eyre::{WrapErr, eyre};

use self::server::{Files, PID, Server};
use super::generate::backend;
use crate::generate::Backend;
use crate::generate::http::{Endpoint, HttpBackend, HttpOptions};
use crate::launch::process::{self, Exit, Process};
use crate::launch::{log, template};
use crate::pipeline::recipe::Recipe;
use crate::pipeline::run::{BASE, Served};
use crate::pipeline::{GenerateOrder, Watcher, Writer};
use crate::records::{LiveBoard, LiveState, PASS};
use crate::session::Session;

/// The folder in a session.
const PLACE: &str = "servers";
/// For a connection to stand when a server is asked what it serves.
const CONNECT: Duration = Duration::from_secs(5);
/// Characters of a name that a server gives.
const NAME: usize = 200;

/// How often servers are looked at, and how long they are waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Pace {
    /// Between two looks whether a process, or a stop, has come.
    rest: Duration,
    /// Between two questions what the endpoints serve.
    ask: Duration,
    /// From the demand to end to the end by force, and the same where the work is to stop at once.
    terminate: Duration,
    hurry: Duration,
    /// Between two looks at the length of a log.
    log: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            rest: Duration::from_millis(100),
            ask: Duration::from_secs(1),
            terminate: Duration::from_secs(20),
            hurry: Duration::from_secs(1),
            log: Duration::from_secs(60),
        }
    }
}

/// The command that starts a server of a pass's first model, before the pass is begun; `None` where a person starts it.
///
/// # Errors
/// If it has no such command.
pub fn serve_command(dir: &Path, recipe: &Recipe) -> Result<Option<String>> {
    let Some(servers) = &recipe.servers else { return Ok(None) };
    let words = servers.command(&model::shown(&recipe.model, &std::path::absolute(dir)?.join(PLACE)), BASE)?;
    Ok(words.map(|words| template::join(&words)))
}

/// The servers of a pass, as far as they were started for it.
#[derive(Debug, Default)]
pub(super) struct Serving {
    pace: Pace,
    /// The one at work: two would not have room.
    server: Option<Server>,
    /// Why one ended that should not have.
    lost: Option<String>,
    /// When the length of the log was looked at.
    looked: Option<Instant>,
}

impl Serving {
    /// What writes with a model, served under its name. `None` if it is to stop before that.
    pub(super) fn serve(
        &mut self,
        session: &Session,
        served: &Served<'_>,
        watcher: &mut dyn Watcher,
    ) -> Result<Option<Box<dyn Backend>>> {
        let Served { servers, model, name } = *served;
        let place = place(session)?;
        let model = model::opened(servers, model, &place)?;
        let asked = servers.asked(served.model);
        let options =
            HttpOptions { model: Some(name.to_owned()), connect_timeout: CONNECT, ..asked.options(asked.key()?)? };
        let command = servers.command(&model, name)?;
        self.find(&place)?;
        if let Some(line) = self.lost.take() {
            tracing::warn!("{line}; another one takes its place");
        }
        if self.server.as_ref().is_some_and(|server| !server.serves(name, command.as_deref())) {
            self.end(session, watcher)?;
        }
        if let Some(words) = command.as_deref().filter(|_| self.server.is_none()) {
            let Some(answers) = self.ask(&options, watcher)? else { return Ok(None) };
            let taken = options.endpoints.iter().zip(&answers).find(|(_, answer)| answer.is_ok());
            if let Some((at, _)) = taken {
                let line = "no record says that this pass started it; end that server (a call that was killed may have left it), \
                            or take another address";
                return Err(eyre!("{}: a model `{name}` is served here already and {line}", at.url()));
            }
            self.server = Some(Server::start(&place, name, words, &servers.environment)?);
        }
        let board = match &command {
            Some(words) => starting(name, words),
            None => waiting(name, &model, &options.endpoints),
        };
        if !self.until_served(&options, &board, watcher)? {
            return Ok(None);
        }
        let order =
            GenerateOrder { model: name.to_owned(), writer: Writer::Servers(asked), ..GenerateOrder::default() };
        backend(&order).map(Some)
    }

    /// Ends the server, and whichever was left by a process before this one.
    pub(super) fn end(&mut self, session: &Session, watcher: &mut dyn Watcher) -> Result<()> {
        let place = session.dir().join(PLACE);
        loop {
            self.find(&place)?;
            let Some(server) = self.server.take() else { return Ok(()) };
            server.end(&self.pace, watcher)?;
        }
    }

    /// Why a server ended that should not have; told once.
    pub(super) fn take_lost(&mut self) -> Option<String> {
        self.lost.take()
    }

    /// Keeps the log within bounds while the server works.
    pub(super) fn keep_log_short(&mut self) {
        let Some(server) = &self.server else { return };
        if self.looked.is_some_and(|looked| looked.elapsed() < self.pace.log) {
            return;
        }
        self.looked = Some(Instant::now());
        if let Err(error) = log::keep_short(&server.files.log, log::LONGEST) {
            tracing::warn!("{}: {error}; the server goes on", server.files.log.display());
        }
    }

    /// Takes note of what is at work: the server that is known, or one that a process before this one started.
    fn find(&mut self, place: &Path) -> Result<()> {
        if let Some(server) = &mut self.server {
            let Some(exit) = server.process.poll()? else { return Ok(()) };
            self.lose(exit)?;
        }
        let entries = match std::fs::read_dir(place) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error).wrap_err_with(|| place.display().to_string()),
        };
        for entry in entries {
            let path = entry.wrap_err_with(|| place.display().to_string())?.path();
            let Some(name) = path.file_name().and_then(|name| name.to_str()?.strip_suffix(PID)) else { continue };
            let files = Files::of(place, name);
            match Process::find(&files.pid, "the server").map_err(|line| eyre!(line))? {
                Some(process) => {
                    self.server = Some(Server { name: name.to_owned(), files, process });
                    return Ok(());
                }
                None => process::forget(&files.pid).wrap_err_with(|| files.pid.display().to_string())?,
            }
        }
        Ok(())
    }

    /// The server has ended unasked.
    fn lose(&mut self, exit: Exit) -> Result<()> {
        if let Some(server) = self.server.take() {
            self.lost = Some(server.last_words(exit));
            process::forget(&server.files.pid).wrap_err_with(|| server.files.pid.display().to_string())?;
        }
        Ok(())
    }

    /// # Errors
    /// If the server that is waited for has ended: its last words.
    fn still_there(&mut self) -> Result<()> {
        if let Some(server) = &mut self.server
            && let Some(exit) = server.process.poll()?
        {
            self.lose(exit)?;
            return Err(eyre!(self.lost.take().unwrap_or_default()));
        }
        Ok(())
    }

    /// Waits until every endpoint serves the model; `false` if it is to stop before.
    fn until_served(&mut self, options: &HttpOptions, board: &LiveBoard, watcher: &mut dyn Watcher) -> Result<bool> {
        let mut said = String::new();
        watcher.publish(board.clone());
        loop {
            self.keep_log_short();
            let Some(answers) = self.ask(options, watcher)? else { return Ok(false) };
            let unserved: Vec<Unserved> = answers.into_iter().filter_map(Result::err).collect();
            if self.server.is_some()
                && let Some(line) = unserved.iter().find_map(|unserved| unserved.misnamed.clone())
            {
                return Err(eyre!(line));
            }
            let Some(Unserved { why, .. }) = unserved.into_iter().next() else { return Ok(true) };
            if why != said {
                tracing::info!("{}: {why}", board.message);
                let message = format!("{} ({why})", board.message);
                watcher.publish(LiveBoard { message, ..board.clone() });
                said = why;
            }
            let next = Instant::now() + self.pace.ask;
            while Instant::now() < next {
                if watcher.stopping() {
                    return Ok(false);
                }
                self.still_there()?;
                std::thread::sleep(self.pace.rest.min(self.pace.ask));
            }
        }
    }

    /// What each endpoint says to whether it serves the model; `None` if it is to stop meanwhile.
    fn ask(&mut self, options: &HttpOptions, watcher: &dyn Watcher) -> Result<Option<Vec<Answer>>> {
        let answers = question(options)?;
        loop {
            if watcher.stopping() {
                return Ok(None);
            }
            self.still_there()?;
            match answers.recv_timeout(self.pace.rest) {
                Ok(answers) => {
                    // One that ended just now may have left its port to another.
                    self.still_there()?;
                    return Ok(Some(answers));
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Err(eyre!("the thread that asks the servers is gone")),
            }
        }
    }
}

/// Whether an endpoint serves a model.
type Answer = Result<(), Unserved>;

/// Why it does not.
struct Unserved {
    why: String,
    /// Where it has one model and that is another: what it means if the server was started for this one, which no wait will mend.
    misnamed: Option<String>,
}

/// Asks on a thread of its own: an endpoint that says nothing must keep nobody from stopping.
fn question(options: &HttpOptions) -> Result<Receiver<Vec<Answer>>> {
    let (send, answers) = sync_channel(1);
    let options = options.clone();
    let ask = move || {
        let all = options.endpoints.iter().map(|endpoint| answer(&options, endpoint)).collect();
        // Nobody waits any more where it was stopped.
        let _ = send.send(all);
    };
    std::thread::Builder::new().name("servers".into()).spawn(ask).wrap_err("cannot start a thread")?;
    Ok(answers)
}

fn answer(options: &HttpOptions, endpoint: &Endpoint) -> Answer {
    let ask = |model: Option<String>| {
        HttpBackend::connect(HttpOptions { model, endpoints: vec![endpoint.clone()], ..options.clone() })
    };
    let Err(error) = ask(options.model.clone()) else { return Ok(()) };
    // Asked for none by name it tells the only one that it has.
    let only = ask(None).ok().map(|backend| backend.identity().name.clone());
    let other = only.filter(|name| options.model.as_ref() != Some(name));
    let misnamed = other.map(|other| misnamed(endpoint, &other, options.model.as_deref().unwrap_or_default()));
    Err(Unserved { why: error.to_string(), misnamed })
}

/// What is wrong where a server that was started for a model has one of another name.
fn misnamed(endpoint: &Endpoint, other: &str, name: &str) -> String {
    let other: String = other.chars().take(NAME).collect();
    format!(
        "{}: what answers here serves {other} and not {name}: servers.start needs {{name}} where its server takes the name, \
         as in --served-model-name {{name}} or --alias {{name}}, and endpoints the address of that server",
        endpoint.url()
    )
}

/// What is shown while a server starts.
fn starting(name: &str, words: &[String]) -> LiveBoard {
    board(LiveState::Starting, format!("starting {name}: {}", template::join(words)), name)
}

/// What is shown while a person is waited for who starts one.
fn waiting(name: &str, model: &str, endpoints: &[Endpoint]) -> LiveBoard {
    let at: Vec<&str> = endpoints.iter().map(Endpoint::url).collect();
    board(LiveState::Waiting, format!("serve {model} as `{name}` at {}: waiting", at.join(", ")), name)
}

fn board(state: LiveState, message: String, model: &str) -> LiveBoard {
    LiveBoard { job: PASS.into(), state, message, model: model.to_owned(), ..LiveBoard::default() }
}

/// Where the folder is.
fn place(session: &Session) -> Result<PathBuf> {
    let dir = session.dir();
    Ok(std::fs::canonicalize(dir).wrap_err_with(|| dir.display().to_string())?.join(PLACE))
}
