//! Servers that are scripts for a shell, and a listener that lists the model that they say they serve.

use std::cell::{Cell, RefCell};
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use super::*;
use crate::model::MICRO;
use crate::pipeline::recipe::RecipeServers;

const PACE: Pace = Pace {
    rest: Duration::from_millis(5),
    ask: Duration::from_millis(10),
    terminate: Duration::from_millis(400),
    hurry: Duration::from_millis(50),
    log: Duration::ZERO,
};

/// Lists the model whose name is in a file; none where there is no file.
struct Listener {
    address: SocketAddr,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Listener {
    fn start(says: PathBuf) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let over = Arc::new(AtomicBool::new(false));
        let told = over.clone();
        let thread = std::thread::spawn(move || {
            for connection in listener.incoming() {
                if told.load(Ordering::Acquire) {
                    return;
                }
                if let Ok(connection) = connection {
                    let _ = reply(connection, &says);
                }
            }
        });
        Self { address, over, thread: Some(thread) }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Release);
        drop(TcpStream::connect(self.address));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Answers the one request of a connection.
fn reply(mut connection: TcpStream, says: &Path) -> std::io::Result<()> {
    let mut reader = BufReader::new(connection.try_clone()?);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head)? == 0 {
            return Ok(());
        }
    }
    let names = std::fs::read_to_string(says).unwrap_or_default();
    let models: Vec<_> =
        names.split_whitespace().map(|name| serde_json::json!({ "id": name, "owned_by": "vllm" })).collect();
    let (status, body) = match head.split(' ').nth(1) {
        Some("/v1/models") => ("200 X", serde_json::json!({ "data": models }).to_string()),
        _ => ("404 X", "{}".to_owned()),
    };
    let head = format!("HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n", body.len());
    connection.write_all(format!("{head}Connection: close\r\n\r\n{body}").as_bytes())
}

/// Keeps what was shown; `each` may do something about it, or ask to stop.
struct Screen<'a> {
    told: RefCell<Vec<(LiveState, String)>>,
    stop: Cell<bool>,
    now: bool,
    each: &'a dyn Fn(&LiveBoard) -> bool,
}

impl<'a> Screen<'a> {
    fn of(each: &'a dyn Fn(&LiveBoard) -> bool) -> Self {
        Self { told: RefCell::default(), stop: Cell::new(false), now: false, each }
    }

    fn plain() -> Self {
        Self::of(&|_| false)
    }

    fn told(&self) -> Vec<String> {
        self.told.borrow().iter().map(|(_, message)| message.clone()).collect()
    }
}

impl Watcher for Screen<'_> {
    fn stopping(&self) -> bool {
        self.stop.get()
    }
    fn stopping_now(&self) -> bool {
        self.now
    }
    fn looked_at(&self) -> Option<u64> {
        None
    }
    fn paused(&self) -> bool {
        false
    }
    fn wait_while_paused(&self, _limit: Duration) {}
    fn due(&self, _state: LiveState) -> bool {
        true
    }
    fn publish(&mut self, board: LiveBoard) {
        if (self.each)(&board) {
            self.stop.set(true);
        }
        self.told.get_mut().push((board.state, board.message));
    }
}

/// Serves its name until it is asked to end; `$dir` is where it says so.
const STEADY: &str = r#"
trap 'rm -f "$dir/serves"; exit 0' TERM
echo "$1" > "$dir/serves"
while :; do sleep 0.02; done
"#;

struct Place {
    dir: tempfile::TempDir,
    session: Session,
    listener: Listener,
    servers: RecipeServers,
}

impl Place {
    /// With a script that is given the name and the model.
    fn new(script: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let at = dir.path();
        let listener = Listener::start(at.join("serves"));
        let quoted = template::quote(at.to_str().unwrap());
        let begin = format!("set -u\ndir={quoted}\necho \"$1 $2\" >> \"$dir/started\"\n");
        std::fs::write(at.join("a server.sh"), begin + script).unwrap();
        let script = template::quote(at.join("a server.sh").to_str().unwrap());
        let servers = RecipeServers {
            endpoints: vec![format!("http://{}", listener.address)],
            start: Some(format!("sh {script} {{name}} {{model}}")),
            ..RecipeServers::default()
        };
        let session = Session::create(&at.join("s")).unwrap();
        Self { dir, session, listener, servers }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Names and models of the servers that were started.
    fn started(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.path("started")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// What the listener lists now.
    fn listed(&self) -> String {
        std::fs::read_to_string(self.path("serves")).unwrap_or_default().trim().to_owned()
    }

    fn serve(
        &self,
        serving: &mut Serving,
        (name, model): (&str, &str),
        screen: &mut Screen<'_>,
    ) -> Result<Option<Box<dyn Backend>>> {
        serving.serve(&self.session, &Served { servers: &self.servers, model, name }, screen)
    }

    fn end(&self, serving: &mut Serving) {
        serving.end(&self.session, &mut Screen::plain()).unwrap();
        let left = std::fs::read_dir(self.session.dir().join(PLACE)).into_iter().flatten().flatten();
        assert!(left.map(|entry| entry.path()).all(|path| path.extension().is_none_or(|end| end != "pid")));
    }
}

/// Ends what a failed test leaves at work.
impl Drop for Place {
    fn drop(&mut self) {
        let mut serving = serving();
        serving.pace.terminate = Duration::from_millis(50);
        let _ = serving.end(&self.session, &mut Screen::plain());
    }
}

fn serving() -> Serving {
    Serving { pace: PACE, ..Serving::default() }
}

#[test]
fn a_server_is_started_kept_for_its_model_and_ended_for_the_next() {
    let place = Place::new(STEADY);
    let (mut serving, mut screen) = (serving(), Screen::plain());
    let backend = place.serve(&mut serving, ("base", "org/model"), &mut screen).unwrap().unwrap();
    assert_eq!((backend.identity().name.as_str(), backend.identity().compute.as_str()), ("base", "http"));
    let told = screen.told();
    assert!(told[0].starts_with("starting base: sh ") && told[0].ends_with(" base org/model"), "{told:?}");
    assert!(place.serve(&mut serving, ("base", "org/model"), &mut screen).unwrap().is_some());
    assert_eq!(place.started(), ["base org/model"], "it is still up");
    assert!(serving.looked.is_some(), "its log is looked at while it starts");
    let made = place.session.dir().canonicalize().unwrap();
    let model = made.to_str().unwrap().to_owned();
    assert!(place.serve(&mut serving, ("pi_sft", &model), &mut screen).unwrap().is_some());
    assert_eq!((place.started().len(), place.listed().as_str()), (2, "pi_sft"));
    assert_eq!(place.started()[1], format!("pi_sft {model}"));
    assert!(screen.told().iter().any(|line| line == "ending the server of base"));
    let command = std::fs::read_to_string(made.join("servers/pi_sft.command")).unwrap();
    assert_eq!(template::split(&command).unwrap().len(), 4);
    place.end(&mut serving);
    assert_eq!(place.listed(), "");
    place.end(&mut serving);
}

#[test]
fn one_that_was_left_is_found_and_not_started_twice() {
    let mut place = Place::new(STEADY);
    let mut screen = Screen::plain();
    // Forgotten, as by a process that was killed.
    place.serve(&mut serving(), ("base", "m"), &mut screen).unwrap().unwrap();
    let mut later = serving();
    place.serve(&mut later, ("base", "m"), &mut screen).unwrap().unwrap();
    assert_eq!(place.started(), ["base m"]);
    // Started otherwise than it would be now.
    place.servers.launcher = Some("env".into());
    place.serve(&mut serving(), ("base", "m"), &mut screen).unwrap().unwrap();
    assert_eq!(place.started(), ["base m", "base m"]);
    // The machine is needed before any model is.
    place.end(&mut serving());
    assert_eq!(place.listed(), "");
}

#[test]
fn one_that_ends_before_it_serves_is_told_with_its_last_line() {
    let place = Place::new("echo loading\necho 'RuntimeError: no device has room' >&2\nexit 3\n");
    let mut serving = serving();
    let error = place.serve(&mut serving, ("pi_sft", "m"), &mut Screen::plain()).err().unwrap().to_string();
    let begin = "the server of pi_sft ended with exit code 3: RuntimeError: no device has room; its log is ";
    assert!(error.starts_with(begin) && error.ends_with("servers/pi_sft.log") && !error.contains('\n'), "{error}");
    assert_eq!(serving.take_lost(), None, "it is told once");
    place.end(&mut serving);
    let mut place = Place::new("");
    place.servers.start = Some("/no/such/server {model}".into());
    let error = place.serve(&mut serving, ("base", "m"), &mut Screen::plain()).err().unwrap().to_string();
    assert!(error.starts_with("cannot start `/no/such/server`") && error.ends_with("servers/base.command"), "{error}");
}

#[test]
fn one_that_serves_another_name_is_told_and_not_waited_for() {
    let place = Place::new(&STEADY.replace("$1", "other"));
    let mut serving = serving();
    let error = place.serve(&mut serving, ("pi_sft", "m"), &mut Screen::plain()).err().unwrap().to_string();
    assert!(
        error.contains("/v1: what answers here serves other and not pi_sft: servers.start needs {name}"),
        "{error}"
    );
    place.end(&mut serving);
}

#[test]
fn why_one_that_starts_does_not_serve_yet_is_told() {
    let ready = "while [ ! -e \"$dir/ready\" ]; do sleep 0.02; done\n";
    let place = Place::new(&(ready.to_owned() + STEADY));
    let make_ready = |board: &LiveBoard| {
        if board.state == LiveState::Starting && board.message.contains("it serves no model") {
            std::fs::write(place.path("ready"), "").unwrap();
        }
        false
    };
    let mut serving = serving();
    assert!(place.serve(&mut serving, ("base", "m"), &mut Screen::of(&make_ready)).unwrap().is_some());
    place.end(&mut serving);
}

#[test]
fn one_that_ends_while_it_is_asked_is_told_and_started_again() {
    let place = Place::new(STEADY);
    let (mut serving, mut screen) = (serving(), Screen::plain());
    place.serve(&mut serving, ("base", "m"), &mut screen).unwrap().unwrap();
    let kill = |serving: &mut Serving| {
        let process = &mut serving.server.as_mut().unwrap().process;
        process.signal(rustix::process::Signal::KILL);
        while process.poll().unwrap().is_none() {
            std::thread::sleep(PACE.rest);
        }
        std::fs::remove_file(place.path("serves")).unwrap();
    };
    kill(&mut serving);
    place.serve(&mut serving, ("base", "m"), &mut screen).unwrap().unwrap();
    assert_eq!(place.started().len(), 2);
    kill(&mut serving);
    place.end(&mut serving);
    let lost = serving.take_lost().unwrap();
    assert!(lost.starts_with("the server of base was ended by signal 9"), "{lost}");
}

#[test]
fn a_stop_ends_the_wait_and_then_the_server() {
    let place = Place::new("trap '' TERM\n: > \"$dir/deaf\"\nwhile :; do sleep 0.02; done\n");
    let stop = |board: &LiveBoard| board.state == LiveState::Starting;
    let (mut serving, mut screen) = (serving(), Screen::of(&stop));
    assert!(place.serve(&mut serving, ("base", "m"), &mut screen).unwrap().is_none());
    while !place.path("deaf").exists() {
        std::thread::sleep(PACE.rest);
    }
    // It does not listen, and the work is to stop at once.
    screen.now = true;
    let began = Instant::now();
    serving.end(&place.session, &mut screen).unwrap();
    assert!(serving.server.is_none() && began.elapsed() >= PACE.hurry);
    assert_eq!(screen.told.borrow().last().unwrap().0, LiveState::Stopping);
    place.end(&mut serving);
}

#[test]
fn a_person_who_starts_servers_is_told_what_to_serve_and_waited_for() {
    let mut place = Place::new("");
    place.servers.start = None;
    let says = place.path("serves");
    std::fs::write(&says, "base").unwrap();
    // Another model first, then the one that was asked for.
    let serve = |board: &LiveBoard| {
        if board.state == LiveState::Waiting && board.message.contains("it serves base and not pi_sft") {
            std::fs::write(&says, "pi_sft").unwrap();
        }
        false
    };
    let (mut serving, mut screen) = (serving(), Screen::of(&serve));
    let backend = place.serve(&mut serving, ("pi_sft", "/made/model"), &mut screen).unwrap().unwrap();
    assert_eq!(backend.identity().name, "pi_sft");
    let url = format!("http://{}/v1", place.listener.address);
    assert_eq!(screen.told()[0], format!("serve /made/model as `pi_sft` at {url}: waiting"));
    assert!(place.started().is_empty() && !place.session.dir().join(PLACE).exists());
    let stop = |board: &LiveBoard| board.state == LiveState::Waiting;
    assert!(place.serve(&mut serving, ("pi_rej", "m"), &mut Screen::of(&stop)).unwrap().is_none());
    place.end(&mut serving);
}

#[test]
fn what_somebody_else_serves_under_the_name_is_not_taken_for_the_model() {
    let place = Place::new(STEADY);
    std::fs::write(place.path("serves"), "base").unwrap();
    let error = place.serve(&mut serving(), ("base", "m"), &mut Screen::plain()).err().unwrap().to_string();
    assert!(error.contains("/v1: a model `base` is served here already and no record says"), "{error}");
    assert!(place.started().is_empty());
}

#[test]
fn the_model_that_comes_with_the_program_is_written_out_for_a_server() {
    let mut place = Place::new(STEADY);
    let at = place.session.dir().canonicalize().unwrap().join("servers/micro");
    let recipe = |servers: &RecipeServers| {
        let mut recipe = Recipe::read("r", "r", "model = \"micro\"").unwrap();
        recipe.servers = Some(servers.clone());
        recipe
    };
    let command = serve_command(place.session.dir(), &recipe(&place.servers)).unwrap().unwrap();
    assert!(command.ends_with("servers/micro") && !at.exists(), "{command}");
    place.serve(&mut serving(), ("base", MICRO), &mut Screen::plain()).unwrap().unwrap();
    assert_eq!(place.started(), [format!("base {}", at.display())]);
    assert!(at.join("config.json").is_file());
    place.servers.start = None;
    assert_eq!(serve_command(place.session.dir(), &recipe(&place.servers)).unwrap(), None);
}
