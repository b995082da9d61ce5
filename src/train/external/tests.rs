//! Trainers that are scripts for a shell: what is started, followed, stopped, gone on with, and found again.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::*;
use crate::model::ComputeChoice;
use crate::records::{Message, Role};
use crate::train::TrainSettings;
use crate::train::dataset::Example;
use crate::train::steer::{Event, Steering};

static KNOWN: Known = Known { parameters: None, content: None, longest: None, template: None };

pub(super) fn example(answer: &str) -> Example {
    Example {
        key: format!("p-{answer}/0/s"),
        problem_id: format!("p-{answer}"),
        prompt: vec![Message::new(Role::User, "What is 2 + 2?")],
        answer: answer.to_owned(),
        untrained: Vec::new(),
        weight: 1.0,
    }
}

pub(super) fn wanted<'a>(
    run: &'a Path,
    settings: &'a TrainSettings,
    external: &'a External,
    train: &'a [&'a Example],
) -> Wanted<'a> {
    let data = Data::Messages { train, validation: &[] };
    Wanted { run, settings, compute: ComputeChoice::Auto, external, data, known: &KNOWN }
}

/// Switches of a test.
#[derive(Default)]
struct Switches {
    stop: AtomicBool,
    paused: AtomicBool,
}

impl Steering for Switches {
    fn stopping(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }

    fn paused(&self) -> bool {
        self.paused.load(Ordering::Acquire)
    }

    fn pause(&self) {}

    fn wait_while_paused(&self, _: Duration) {}
}

/// Ends what is at work when a test fails.
struct StopAtEnd<'a>(&'a Switches);

impl Drop for StopAtEnd<'_> {
    fn drop(&mut self) {
        self.0.stop.store(true, Ordering::Release);
    }
}

const PACE: Pace = Pace {
    look: Duration::from_millis(10),
    rescan: Duration::ZERO,
    interrupt: Duration::from_millis(400),
    terminate: Duration::from_millis(400),
};

/// What every trainer of these tests is made of: `step N` takes a step, `save N` writes a checkpoint, `model` the model.
const WORDS: &str = r#"
set -u
out=$1 resume=$2
step() { printf '{"current_steps": %s, "total_steps": %s, "loss": 1.5, "lr": 0.1}\n' "$1" "$total" >> "$out/trainer_log.jsonl"; }
save() {
    mkdir -p "$out/checkpoint-$1"
    printf '{"global_step": %s}' "$1" > "$out/checkpoint-$1/trainer_state.json"
}
model() { mkdir -p "$out/final"; echo '{}' > "$out/final/config.json"; echo > "$out/final/model.safetensors"; }
first=1
[ -z "$resume" ] || first=$((${resume##*-} + 1))
"#;

/// Takes steps until it has `$total` or is asked to end; then it saves.
const STEADY: &str = r#"
stop=
trap 'stop=1' INT TERM
now=$first
while [ "$now" -le "$total" ]; do
    step "$now"
    if [ -n "$stop" ]; then save "$now"; exit 130; fi
    now=$((now + 1))
    sleep 0.02
done
save "$total"
model
"#;

struct Place {
    dir: tempfile::TempDir,
    script: PathBuf,
    launcher: Option<String>,
}

impl Place {
    fn new(body: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let script = dir.path().join("a trainer.sh");
        std::fs::write(&script, format!("{WORDS}{body}")).unwrap();
        Self { dir, script, launcher: None }
    }

    fn of(total: u64, body: &str) -> Self {
        Self::new(&format!("total={total}\n{body}"))
    }

    fn run(&self) -> PathBuf {
        self.dir.path().join("runs/sft")
    }

    fn plan(&self) -> Plan {
        let settings = TrainSettings { model: "org/model".into(), ..TrainSettings::default() };
        let command = format!("sh {} {{output}} '{{resume}}' {{data}}", template::quote(self.script.to_str().unwrap()));
        let external =
            External { trainer: Trainer::Command(command), launcher: self.launcher.clone(), ..External::default() };
        let example = example("4");
        Plan::new(wanted(&self.run(), &settings, &external, &[&example])).unwrap()
    }

    /// Trains; every event goes to `each` with the switches.
    fn train(&self, mut each: impl FnMut(&Event, &Switches)) -> Result<Ended, ExternalError> {
        let switches = Switches::default();
        run(&self.plan(), &PACE, &switches, &mut |event: &Event| each(event, &switches))
    }

    fn until_step(&self, stop_at: u64) -> Result<Ended, ExternalError> {
        self.train(|event, switches| {
            if matches!(event, Event::Step(step) if step.step >= stop_at) {
                switches.stop.store(true, Ordering::Release);
            }
        })
    }

    fn steps_taken(&self) -> usize {
        let log = std::fs::read_to_string(self.run().join("external/output/trainer_log.jsonl")).unwrap();
        log.lines().count()
    }

    fn losses(&self) -> Vec<u64> {
        let lines = crate::train::metrics::read(&self.run(), u64::MAX).unwrap();
        lines.iter().map(|line| line["step"].as_u64().unwrap()).collect()
    }
}

#[test]
fn a_trainer_is_started_followed_and_done_once() {
    let place = Place::of(4, STEADY);
    let mut told = Vec::new();
    let ended = place.train(|event, _| told.push(event.clone())).unwrap();
    assert_eq!((ended.done, ended.step), (true, 4));
    assert_eq!(ended.checkpoint, place.run().join("external/output/final"));
    assert_eq!(place.losses(), [1, 2, 3, 4]);
    assert!(told.iter().any(|event| matches!(event, Event::Step(step) if step.total_steps == 4 && step.lr == 0.1)));
    assert!(told.iter().any(|event| matches!(event, Event::Saved { step: 4, .. })));
    let command = std::fs::read_to_string(place.run().join("external/command.txt")).unwrap();
    assert_eq!(template::split(&command).unwrap().len(), 5);
    // The same order again: nothing is started, for it would fail.
    std::fs::remove_file(&place.script).unwrap();
    assert_eq!(place.train(|_, _| ()).unwrap(), ended);
}

#[test]
fn one_that_is_stopped_saves_and_goes_on_from_there() {
    let place = Place::of(500, STEADY);
    let ended = place.until_step(3).unwrap();
    assert!(!ended.done && ended.step >= 3 && ended.left.is_none(), "{ended:?}");
    assert_eq!(ended.checkpoint, place.run().join(format!("external/output/checkpoint-{}", ended.step)));
    assert!(!place.run().join("external/trainer.pid").exists());
    let again = place.until_step(ended.step + 3).unwrap();
    assert!(again.step >= ended.step + 3, "{again:?}");
    assert_eq!(place.losses(), (1..=again.step).collect::<Vec<_>>());
}

#[test]
fn one_that_does_not_listen_is_ended_by_force() {
    let place = Place::of(9, "trap '' INT TERM\nstep 1\nwhile :; do sleep 0.05; done\n");
    let began = Instant::now();
    let ended = place.until_step(1).unwrap();
    assert_eq!((ended.done, ended.step, ended.checkpoint), (false, 0, place.run().join("external/output")));
    assert!(began.elapsed() >= PACE.interrupt + PACE.terminate);
}

#[test]
fn why_one_failed_is_said_in_a_line() {
    let place = Place::of(
        9,
        "step 1\necho 'Traceback (most recent call last):' >&2\necho 'ValueError: bad data' >&2\nexit 3\n",
    );
    let error = place.train(|_, _| ()).unwrap_err().to_string();
    assert!(error.starts_with("the trainer ended with exit code 3: ValueError: bad data; its log is "), "{error}");
    assert!(!error.contains('\n') && error.ends_with("external/output.log"));
    assert_eq!(place.losses(), [1], "what it did before is kept");
    let nothing = Place::of(9, "exit 0\n").train(|_, _| ()).unwrap_err().to_string();
    assert!(nothing.contains("left no model"), "{nothing}");
    let missing = Place { launcher: Some("/no/such/launcher".into()), ..Place::of(1, "") };
    let error = missing.train(|_, _| ()).unwrap_err().to_string();
    assert!(error.starts_with("cannot start `/no/such/launcher`"), "{error}");
}

/// A follower that dies at a step, without a last word.
fn follow_and_die(place: &Place, at: u64) {
    let switches = Switches::default();
    let crash = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        run(&place.plan(), &PACE, &switches, &mut |event: &Event| {
            if matches!(event, Event::Step(step) if step.step >= at) {
                std::panic::resume_unwind(Box::new("killed"));
            }
        })
    }));
    assert!(crash.is_err() && place.run().join("external/trainer.pid").exists());
}

#[test]
fn one_whose_follower_died_is_found_and_not_started_twice() {
    let place = Place::of(25, STEADY);
    follow_and_die(&place, 3);
    let mut told = Vec::new();
    let ended = place.train(|event, _| told.push(event.clone())).unwrap();
    let alerts: Vec<_> = told.iter().filter(|event| matches!(event, Event::Alert(_))).collect();
    assert!(matches!(alerts[0], Event::Alert(line) if line.contains("at work already")), "{alerts:?}");
    assert_eq!((ended.done, ended.step), (true, 25));
    assert_eq!(place.losses(), (1..=25).collect::<Vec<_>>());
    assert_eq!(place.steps_taken(), 25, "one trainer took every step once");
}

#[test]
fn one_that_ended_unseen_is_done() {
    let place = Place::of(6, STEADY);
    follow_and_die(&place, 1);
    let model = place.run().join("external/output/final/model.safetensors");
    for _ in 0..1000 {
        if model.exists() {
            break;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    // It may still be leaving.
    std::thread::sleep(Duration::from_millis(50));
    let ended = place.train(|_, _| ()).unwrap();
    assert_eq!((ended.done, ended.step, place.steps_taken()), (true, 6, 6));
    assert_eq!(place.losses(), [1, 2, 3, 4, 5, 6]);
    assert!(!place.run().join("external/trainer.pid").exists());
}

#[test]
fn a_launcher_may_go_to_another_directory() {
    let mut place = Place::of(2, &format!("pwd > \"$out/pwd\"\n{STEADY}"));
    let elsewhere = place.dir.path().join("else where");
    std::fs::create_dir(&elsewhere).unwrap();
    let quoted = template::quote(elsewhere.to_str().unwrap()).replace('\'', "\"");
    place.launcher = Some(format!("sh -c 'cd {quoted} && exec {{}}'"));
    assert!(place.train(|_, _| ()).unwrap().done);
    let pwd = std::fs::read_to_string(place.run().join("external/output/pwd")).unwrap();
    assert_eq!(Path::new(pwd.trim_end()).canonicalize().unwrap(), elsewhere.canonicalize().unwrap());
}

#[test]
fn one_that_is_paused_takes_no_step_until_it_is_resumed() {
    let place = Place::of(20, STEADY);
    let switches = Switches::default();
    std::thread::scope(|scope| {
        let (switches, place) = (&switches, &place);
        let _end = StopAtEnd(switches);
        let (send, events) = std::sync::mpsc::channel();
        let work = scope.spawn(move || {
            run(&place.plan(), &PACE, switches, &mut |event: &Event| {
                if matches!(event, Event::Step(step) if step.step == 2) {
                    switches.paused.store(true, Ordering::Release);
                }
                let _ = send.send(event.clone());
            })
        });
        let wait = |wanted: Event| events.iter().any(|event| event == wanted);
        assert!(wait(Event::Paused));
        std::thread::sleep(Duration::from_millis(50));
        let before = place.steps_taken();
        std::thread::sleep(Duration::from_millis(150));
        assert_eq!(place.steps_taken(), before);
        switches.paused.store(false, Ordering::Release);
        assert!(wait(Event::Resumed));
        assert!(work.join().unwrap().unwrap().done);
    });
}
