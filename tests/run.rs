//! `cribble run`: the whole pass on the model that comes with the program, small enough for a test.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use cribble::session::Session;
use serde_json::Value;

const RECIPE: &str = r#"
about = "small"
model = "micro"
problems = "micro"
test = "micro-test"

# So few steps teach no behaviour: short right answers are taken as they are.
[filter.rules.contamination]
enabled = false
[filter.rules.behaviour]
enabled = false
[filter.rules.empty]
enabled = false
[filter.rules.length]
enabled = false

[stage1]
problems = 60
samples = 2
[stage1.sampling]
temperature = 0.8
max_tokens = 300
[stage1.select]
shape = "uniform"
samples = 60
[stage1.train]
epochs = 1
batch_size = 16
lr = 1e-4
checkpoint_every = 1
[stage1.train.data]
loss_on = "all_but_wrong_attempts"

[stage2]
problems = 40
retry = 2
[stage2.sampling]
temperature = 0.8
max_tokens = 300
[stage2.budget]
first = 4
round = 2
most = 8
[stage2.select]
samples = 60
[stage2.train]
epochs = 1
batch_size = 16
lr = 1e-4
checkpoint_every = 1
[stage2.train.data]
loss_on = "all_but_wrong_attempts"

[eval]
problems = 40
samples = 2
[eval.sampling]
temperature = 0.8
max_tokens = 300
"#;

struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn recipe(&self, text: &str) -> String {
        let path = self.0.path().join("small.toml");
        std::fs::write(&path, text).unwrap();
        path.to_string_lossy().into_owned()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cribble"));
        command
            .args(arguments)
            .envs(["DATA", "CONFIG", "STATE"].map(|kind| (format!("CRIBBLE_{kind}_DIR"), self.0.path().join(kind))))
            .stdin(Stdio::null());
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    fn session(&self, name: &str) -> PathBuf {
        self.0.path().join("DATA/sessions").join(name)
    }
}

fn last_line(output: &Output) -> Value {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(output.stdout.split(|byte| *byte == b'\n').rfind(|line| !line.is_empty()).unwrap()).unwrap()
}

/// What must not depend on interruptions: all but times and where the session lies.
fn figures(mut outcome: Value, session: &Path) -> String {
    outcome["wall_seconds"] = Value::Null;
    outcome.to_string().replace(&*session.to_string_lossy(), "SESSION")
}

#[test]
fn a_pass_killed_in_every_step_ends_as_one_that_was_not() {
    let home = Home::new();
    let recipe = home.recipe(RECIPE);
    let run =
        |session: &str, seed: &str| home.run(&["run", "--recipe", &recipe, "-s", session, "--seed", seed, "--json"]);
    let whole = last_line(&run("whole", "3"));
    for name in ["base", "pi_sft", "pi_rej"] {
        let scores = &whole["models"][name];
        assert_eq!((scores["problems"].as_u64(), scores["n"].as_u64()), (Some(40), Some(2)), "{name}: {scores}");
    }
    assert_eq!(whole["selections"].as_array().unwrap().len(), 2);
    let report = home.session("whole").join("report");
    for file in ["report.md", "report.json", "difficulty.svg", "lengths.svg", "loss.svg"] {
        assert!(std::fs::metadata(report.join(file)).unwrap().len() > 200, "{file}");
    }
    let text = std::fs::read_to_string(report.join("report.md")).unwrap();
    for part in
        ["reconstruction", "## Scores", "pi_rej - pi_sft", "## Difficulty in stage 2", "## Training", "Before ("]
    {
        assert!(text.contains(part), "{part}");
    }

    // Killed, asked to stop or hung up on again and again, a little later each time, so that every step is hit at some moment.
    let (mut kills, mut interrupted) = (0, 0);
    let mut patience = Duration::from_millis(250);
    let ended = loop {
        let mut child = home
            .command(&["run", "--recipe", &recipe, "-s", "killed", "--seed", "3", "--json"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let began = Instant::now();
        while began.elapsed() < patience && child.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_millis(10));
        }
        if child.try_wait().unwrap().is_some() {
            break child.wait_with_output().unwrap();
        }
        let signal = |signal| {
            rustix::process::kill_process(rustix::process::Pid::from_child(&child), signal).unwrap();
        };
        match kills % 3 {
            // Asked to stop, it says so with its exit code, unless it had not come to listen yet.
            0 => {
                signal(rustix::process::Signal::INT);
                let code = child.wait().unwrap().code();
                assert!(matches!(code, Some(130 | 0) | None), "{code:?}");
                interrupted += usize::from(code == Some(130));
            }
            1 => child.kill().unwrap(),
            // A connection that is gone ends nothing.
            _ => {
                signal(rustix::process::Signal::HUP);
                std::thread::sleep(Duration::from_millis(50));
                let listened = patience > Duration::from_secs(1);
                assert!(!listened || child.try_wait().unwrap().is_none_or(|status| status.success()));
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
        kills += 1;
        assert!(kills < 200, "it never ends");
        patience = patience.mul_f64(1.1);
    };
    assert!(kills >= 5 && interrupted > 0, "killed {kills} times, {interrupted} times asked to stop");
    let after = last_line(&ended);
    assert_eq!(figures(after, &home.session("killed")), figures(whole, &home.session("whole")), "after {kills} kills");

    // Done is done: the same call again changes nothing and takes no time.
    let again = last_line(&run("whole", "3"));
    assert_eq!(again["models"]["pi_rej"], last_line(&run("whole", "3"))["models"]["pi_rej"]);
    let other = run("whole", "4");
    assert_eq!(other.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&other.stderr).contains("another recipe's pass"), "{other:?}");

    // What was drawn for the test set is in no training data.
    let session = Session::open(&home.session("whole")).unwrap();
    let rows = session.sample_rows().unwrap();
    assert!(rows.iter().any(|row| row.held_out));
    assert!(rows.iter().filter(|row| row.held_out).all(|row| !row.trained_on() && row.accepted.is_none()));

    // Second tries of problems that no sample solved are of a setting of their own, and no pass rate counts them.
    let of_step =
        |name: &str| -> Value { serde_json::from_str(&session.step(name).unwrap().unwrap().outcome).unwrap() };
    let (drawn, retried) = (of_step("stage 2 samples"), of_step("stage 2 retry"));
    let of = |step: &Value| rows.iter().filter(|row| row.settings == step["settings"]).collect::<Vec<_>>();
    let solved = |problem: &str| of(&drawn).iter().any(|row| row.problem_id == problem && row.correct == Some(true));
    let unsolved = drawn["problems"].as_u64().unwrap() - drawn["solved"].as_u64().unwrap();
    assert!(unsolved > 0, "{drawn}");
    assert_eq!(of(&retried).len() as u64, 2 * unsolved);
    assert!(of(&retried).iter().all(|row| row.accepted.is_some() && !solved(&row.problem_id)));

    // Two seeds, pooled.
    last_line(&run("other", "5"));
    let pooled = last_line(&home.run(&["report", "whole", "other", "--json"]));
    assert_eq!(pooled["seeds"], serde_json::json!([3, 5]));
    assert!(pooled["pooled"]["pi_sft - base"]["ci95"][0].is_number(), "{pooled}");
}

#[test]
fn a_pass_waits_for_a_person_and_hears_them() {
    let home = Home::new();
    // With adapters: what comes of them must open as a model in the next step.
    let text = RECIPE.replace("[stage1]\n", "[stage1]\nreview = \"sample(3)\"\n");
    let recipe = home.recipe(&text.replace("[stage1.train]\n", "[stage1.train]\nmethod = \"lora\"\n"));
    let arguments = ["run", "--recipe", &recipe, "-s", "reviewed", "--json"];
    let output = home.run(&arguments);
    assert_eq!(output.status.code(), Some(130), "{}", String::from_utf8_lossy(&output.stderr));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.lines().last().unwrap().contains("\"waiting\""), "{said}");
    // Still waiting, and nothing is done twice.
    assert_eq!(home.run(&arguments).status.code(), Some(130));
    let session = Session::open(&home.session("reviewed")).unwrap();
    let rows = session.sample_rows().unwrap();
    let refused = rows.iter().find(|row| row.accepted == Some(true)).unwrap();
    let taken = rows.iter().find(|row| row.accepted == Some(false)).unwrap();
    let decide = |row: &cribble::session::SampleRow, verb| {
        session.decide(row.id, verb, None, None).unwrap();
    };
    decide(refused, cribble::records::DecisionVerb::Reject);
    decide(taken, cribble::records::DecisionVerb::Accept);
    let (refused, taken) = (refused.id, taken.id);
    drop(session);
    last_line(&home.run(&[&arguments[..], &["--resume"]].concat()));
    let merged = home.session("reviewed").join("runs/pi_sft/merged");
    assert!(merged.join("model.safetensors").is_file() && merged.join("config.json").is_file());
    let session = Session::open(&home.session("reviewed")).unwrap();
    let chosen = session.selected(&session.selection("stage 1").unwrap().unwrap()).unwrap();
    assert!(chosen.contains_key(&taken) && !chosen.contains_key(&refused), "a person's decision goes before a verdict");
}

/// The word of another process reaches a pass that waits: it goes on where it runs, and nothing is begun beside it.
#[test]
fn a_pass_that_waits_goes_on_by_the_word_of_another_process() {
    use cribble::jobs::{PassEnd, Steer, start_run};
    use cribble::pipeline::recipe::Recipe;
    use cribble::pipeline::run::{Halt, RunOrder};
    use cribble::records::LiveState;
    let home = Home::new();
    let path = home.recipe(&RECIPE.replace("[stage1]\n", "[stage1]\nreview = \"sample(3)\"\n"));
    let order = RunOrder { recipe: Recipe::open(&path).unwrap(), slots: None, wait: true, ablations: false };
    let dir = home.session("waits");
    let job = start_run(dir.clone(), order, |_, _| {}).unwrap();
    while job.board().state != LiveState::Waiting {
        assert!(!job.finished(), "{}", job.board().message);
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(job.board().pass.as_ref().map(|pass| pass.step.clone()).as_deref(), Some("stage 1 review"));
    let said = last_line(&home.run(&["run", "--recipe", &path, "-s", "waits", "--resume", "--json"]));
    assert_eq!(said["resumed"]["step"], "stage 1 review");
    assert_eq!(said["resumed"]["pid"].as_u64(), Some(u64::from(std::process::id())));
    while job.board().state == LiveState::Waiting {
        std::thread::sleep(Duration::from_millis(50));
    }
    job.control().steer(Steer::Stop);
    let end = job.join().unwrap();
    assert!(matches!(end, PassEnd::Halted(Halt::Stopped { .. })), "{end:?}");
    let session = Session::open(&dir).unwrap();
    assert!(session.step("stage 1 review").unwrap().is_some());
}

#[test]
fn what_cannot_be_run_is_told_in_one_line() {
    let home = Home::new();
    let fails = |recipe: &str, more: &[&str], says: &[&str]| {
        let recipe = home.recipe(recipe);
        let output = home.run(&[&["run", "--recipe", recipe.as_str(), "-s", "none"], more].concat());
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{error}");
        assert_eq!(error.trim_end().lines().count(), 1, "{error}");
        for word in says {
            assert!(error.contains(word), "`{word}` is not in: {error}");
        }
    };
    fails("seed = 1\nsead = 2", &[], &["small.toml:2", "sead"]);
    fails(&RECIPE.replace("first = 4", "first = 9"), &[], &["small.toml:", "stage2.budget.most"]);
    fails(&RECIPE.replace("test = \"micro-test\"", ""), &[], &["--test"]);
    fails(RECIPE, &["--test", "micro"], &["micro"]);
    let blank = home.0.path().join("blank.jsonl");
    std::fs::write(&blank, "{\"problem\": \"What is 1 + 1?\"}\n").unwrap();
    fails(RECIPE, &["--test", &blank.to_string_lossy()], &["blank.jsonl:1", "answer"]);
    assert!(!home.session("none").exists(), "nothing is made of what cannot be run");

    // A model that never ends a chain: everything is cut off, nothing is accepted, and that is said before any training.
    let short = RECIPE.replace("max_tokens = 300", "max_tokens = 3");
    fails(&short, &[], &["none of", "is accepted", "truncated", "funnel"]);
    assert!(!home.session("none").join("runs/pi_sft").exists());

    let output = home.run(&["run", "--recipe", &home.recipe(RECIPE), "-s", "dry", "--dry-run"]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && text.contains("train pi_rej") && !home.session("dry").exists(), "{text}");
}
