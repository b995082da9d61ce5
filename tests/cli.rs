//! The command line end to end, on a tiny random model: what a script sees of each subcommand.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use cribble::records::{DecisionVerb, GENERATION, Heavy, TRAINING};
use cribble::session::Session;
use serde_json::Value;

const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/tiny-chat");

/// A data directory of its own, removed at the end.
struct Home {
    dir: tempfile::TempDir,
}

impl Home {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cribble"));
        command
            .args(arguments)
            .env("CRIBBLE_DATA_DIR", self.path("data"))
            .env("CRIBBLE_CONFIG_DIR", self.path("config"))
            .env("CRIBBLE_STATE_DIR", self.path("state"))
            .stdin(Stdio::null());
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Runs a command that must succeed and print one JSON object.
    fn json(&self, arguments: &[&str]) -> Value {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Runs a command that must fail with this code and one line that says all of this.
    fn fails(&self, code: i32, arguments: &[&str], says: &[&str]) {
        let output = self.run(arguments);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {error}");
        assert_eq!(error.trim_end().lines().count(), 1, "{arguments:?}: one line, not\n{error}");
        for word in says {
            assert!(error.contains(word), "{arguments:?}: `{word}` is not in: {error}");
        }
    }

    fn problems(&self, count: usize) -> PathBuf {
        let path = self.path("problems.jsonl");
        let lines: Vec<String> =
            (0..count).map(|i| format!("{{\"problem\":\"What is {i} plus {i}?\",\"answer\":\"{}\"}}", 2 * i)).collect();
        std::fs::write(&path, lines.join("\n")).unwrap();
        path
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn generate_continues_without_duplicates_and_exports() {
    let home = Home::new();
    let problems = home.problems(3);
    let arguments = |samples: &'static str| {
        vec![
            "generate",
            "-s",
            "demo",
            "-m",
            MODEL,
            "-p",
            text(&problems),
            "--samples",
            samples,
            "--max-tokens",
            "12",
            "--json",
        ]
    };
    let first = home.json(&arguments("2"));
    assert_eq!(first["problems"], 3);
    assert_eq!(first["samples"], 6);
    assert_eq!(first["existing"], 0);
    assert_eq!(first["compute"], "q8");
    assert!(first["tokens"].as_u64().unwrap() > 0);

    let again = home.json(&arguments("2"));
    assert_eq!((&again["samples"], &again["existing"]), (&Value::from(0), &Value::from(6)));
    let more = home.json(&arguments("3"));
    assert_eq!((&more["samples"], &more["existing"]), (&Value::from(3), &Value::from(6)));

    let out = home.path("train.jsonl");
    let written = home.json(&["export", "-s", "demo", "-o", text(&out), "--which", "all", "--json"]);
    assert_eq!(written["samples"], 9);
    for line in std::fs::read_to_string(&out).unwrap().lines() {
        let row: Value = serde_json::from_str(line).unwrap();
        assert_eq!(row["messages"][0]["role"], "user");
        assert_eq!(row["messages"].as_array().unwrap().last().unwrap()["role"], "assistant");
    }
    let listed = home.json(&["sessions", "--json"]);
    assert_eq!((&listed["name"], &listed["samples"]), (&Value::from("demo"), &Value::from(9)));
}

#[test]
fn the_same_seed_writes_the_same_chains_whatever_the_slots() {
    let home = Home::new();
    let problems = home.problems(4);
    let mut files = Vec::new();
    for (name, slots) in [("one", "1"), ("seven", "7")] {
        home.json(&[
            "generate",
            "-s",
            name,
            "-m",
            MODEL,
            "-p",
            text(&problems),
            "--samples",
            "3",
            "--max-tokens",
            "16",
            "--seed",
            "5",
            "--slots",
            slots,
            "--json",
        ]);
        let out = home.path(&format!("{name}.jsonl"));
        home.json(&["export", "-s", name, "-o", text(&out), "--which", "all", "--json"]);
        let mut chains: Vec<String> = std::fs::read_to_string(&out)
            .unwrap()
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap()["messages"].to_string())
            .collect();
        chains.sort();
        files.push(chains);
    }
    assert_eq!(files[0].len(), 12);
    assert_eq!(files[0], files[1]);
}

#[test]
fn bad_input_is_one_line_and_changes_nothing() {
    let home = Home::new();
    let problems = home.problems(2);
    let generate = |model: &str, file: &Path| {
        let (model, file) = (model.to_string(), text(file).to_string());
        ["generate", "-s", "bad", "-m", &model, "-p", &file].map(String::from)
    };
    let fails = |model: &str, file: &Path, says: &[&str]| {
        let arguments = generate(model, file);
        home.fails(2, &arguments.each_ref().map(String::as_str), says);
    };

    fails("nowhere.gguf", &problems, &["nowhere.gguf"]);
    let junk = home.path("junk.gguf");
    std::fs::write(&junk, b"GGUF\x03\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\x7f").unwrap();
    fails(text(&junk), &problems, &["junk.gguf"]);
    let pickle = home.path("model.bin");
    std::fs::write(&pickle, b"\x80\x02}q\x00.").unwrap();
    fails(text(&pickle), &problems, &["model.bin"]);

    let lines = home.path("lines.jsonl");
    std::fs::write(&lines, "{\"problem\":\"a\",\"answer\":\"1\"}\n{\"problem\": oops\n").unwrap();
    fails(MODEL, &lines, &["lines.jsonl:2"]);
    std::fs::write(&lines, "").unwrap();
    fails(MODEL, &lines, &["lines.jsonl"]);
    fails(MODEL, &home.path("none.jsonl"), &["none.jsonl"]);

    home.fails(2, &["import", "-s", "bad2", "-i", text(&lines)], &["lines.jsonl"]);
    assert!(!home.path("data").join("sessions").join("bad2").exists(), "a failed import leaves no session");
    home.fails(2, &["export", "-s", "missing"], &["missing", "cribble new"]);
    home.fails(2, &["steer", "-s", "missing", "pause"], &["missing"]);
}

#[test]
fn a_model_cut_off_anywhere_is_one_line() {
    let home = Home::new();
    let problems = home.problems(1);
    let copy = home.path("model");
    std::fs::create_dir(&copy).unwrap();
    for entry in std::fs::read_dir(MODEL).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), copy.join(entry.file_name())).unwrap();
    }
    let weights = copy.join("model.safetensors");
    let whole = std::fs::read(&weights).unwrap();
    for length in [0, 7, 8, 100, whole.len() / 2, whole.len() - 1] {
        std::fs::write(&weights, &whole[..length]).unwrap();
        let arguments = ["generate", "-s", "cut", "-m", text(&copy), "-p", text(&problems)];
        home.fails(2, &arguments, &["model.safetensors"]);
    }
}

#[test]
fn a_template_that_loops_or_raises_is_one_line() {
    let home = Home::new();
    let problems = home.problems(1);
    let copy = home.path("model");
    std::fs::create_dir(&copy).unwrap();
    for entry in std::fs::read_dir(MODEL).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), copy.join(entry.file_name())).unwrap();
    }
    for (template, says) in [
        ("{% for i in range(100000) %}{% for j in range(100000) %}x{% endfor %}{% endfor %}", "template"),
        ("{{ raise_exception('no system prompt here') }}", "no system prompt here"),
    ] {
        std::fs::write(copy.join("chat_template.jinja"), template).unwrap();
        let arguments = ["generate", "-s", "loop", "-m", text(&copy), "-p", text(&problems)];
        home.fails(2, &arguments, &[says]);
    }
}

#[test]
fn the_workbench_needs_a_terminal() {
    let home = Home::new();
    home.fails(2, &[], &["terminal", "generate"]);
}

#[test]
fn another_process_steers_a_running_generation() {
    let home = Home::new();
    let problems = home.problems(500);
    let mut running = home
        .command(&["generate", "-s", "long", "-m", MODEL, "-p", text(&problems), "--samples", "64", "--json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let begun = Instant::now();
    loop {
        if home.run(&["steer", "-s", "long", "pause", "--json"]).status.success() {
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "the job never took the lock");
        std::thread::sleep(Duration::from_millis(50));
    }
    let twice = ["generate", "-s", "long", "-m", MODEL, "-p", text(&problems)];
    home.fails(1, &twice, &["pid"]);
    assert_eq!(home.json(&["steer", "-s", "long", "resume", "--json"])["verb"], "resume");
    assert_eq!(home.json(&["steer", "-s", "long", "stop", "--json"])["verb"], "stop");
    let status = running.wait().unwrap();
    assert_eq!(status.code(), Some(130));
}

#[test]
fn killed_at_any_moment_every_problem_ends_with_its_samples() {
    let home = Home::new();
    let problems = home.problems(6);
    let arguments = [
        "generate",
        "-s",
        "killed",
        "-m",
        MODEL,
        "-p",
        text(&problems),
        "--samples",
        "8",
        "--max-tokens",
        "24",
        "--json",
    ];
    let dir = home.path("data").join("sessions").join("killed");
    let mut decided = 0;
    for _ in 0..10 {
        let mut child = home.command(&arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(rand::random_range(5..200)));
        // A second process decides while the first one writes.
        if let Ok(session) = Session::open(&dir)
            && let Some(row) = session.sample_rows().unwrap().last()
        {
            session.decide(row.id, DecisionVerb::Accept, None, None).unwrap();
            decided += 1;
        }
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let last = home.json(&arguments);
    assert_eq!(last["samples"].as_u64().unwrap() + last["existing"].as_u64().unwrap(), 48);
    let again = home.json(&arguments);
    assert_eq!(again["existing"], 48);
    let check = home.run(&["doctor", "-s", "killed", "--json"]);
    let found = String::from_utf8_lossy(&check.stdout).into_owned();
    assert!(found.contains("integrity check passed"), "{found}");
    let session = Session::open(&dir).unwrap();
    assert_eq!(session.decisions().unwrap().len(), decided);
    let mut counts = std::collections::HashMap::new();
    for row in session.sample_rows().unwrap() {
        *counts.entry(row.problem_id).or_insert(0) += 1;
    }
    assert!(counts.len() == 6 && counts.values().all(|count| *count == 8), "{counts:?}");
}

/// Judging again from elsewhere must not forget what the session was judged by.
#[test]
fn judging_again_keeps_the_benchmarks_and_the_settings_file() {
    let home = Home::new();
    let problems = home.problems(2);
    let arguments = ["generate", "-s", "again", "-m", MODEL, "-p", text(&problems), "--max-tokens", "8"];
    assert!(home.run(&arguments).status.success());
    let strict = home.path("strict.toml");
    std::fs::write(&strict, "[rules.empty]\nmin_words = 4000\n").unwrap();
    let failed = |outcome: &Value, rule: &str| {
        let steps = outcome["funnel"].as_array().unwrap();
        steps.iter().find(|step| step["rule"] == rule).map(|step| step["failed"].as_u64().unwrap())
    };
    let first = ["filter", "-s", "again", "--benchmark", text(&problems), "--settings", text(&strict), "--json"];
    let first = home.json(&first);
    let again = home.json(&["filter", "-s", "again", "--json"]);
    for outcome in [&first, &again] {
        assert_eq!((failed(outcome, "contamination"), failed(outcome, "empty")), (Some(2), Some(2)), "{outcome}");
    }
    let afresh = home.json(&["filter", "-s", "again", "--afresh", "--json"]);
    assert_eq!(failed(&afresh, "contamination"), Some(0));
    std::fs::remove_file(&strict).unwrap();
    home.json(&["filter", "-s", "again", "--afresh", "--benchmark", text(&problems), "--json"]);
    std::fs::remove_file(&problems).unwrap();
    home.fails(2, &["filter", "-s", "again"], &["problems.jsonl"]);
}

#[test]
fn listing_changes_nothing_and_tells_what_cannot_be_read() {
    let home = Home::new();
    assert!(home.run(&["new", "good", "--no-open"]).status.success());
    let dir = home.path("data").join("sessions");
    std::fs::create_dir(dir.join("bad")).unwrap();
    std::fs::write(dir.join("bad").join("session.db"), "no store at all, but long enough to be looked at").unwrap();
    let before = std::fs::read(dir.join("good").join("session.db")).unwrap();
    let listed = home.run(&["sessions"]);
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    assert!(listed.contains("good") && listed.contains("bad") && listed.contains("not a store"), "{listed}");
    assert_eq!(std::fs::read(dir.join("good").join("session.db")).unwrap(), before);
}

#[test]
fn a_chat_is_printed_as_text_or_as_a_line_for_each_model() {
    let home = Home::new();
    let asked = ["chat", "micro", "-p", "What is 12 + 30?", "--temperature", "0", "--max-tokens", "60"];
    let plain = home.run(&asked);
    assert!(plain.status.success(), "{}", String::from_utf8_lossy(&plain.stderr));
    let said = home.json(&[&asked[..], &["--json"]].concat());
    assert_eq!(format!("{}\n", said["text"].as_str().unwrap()), String::from_utf8_lossy(&plain.stdout));
    assert_eq!((said["model"].as_str(), said["end"].as_str()), (Some("micro"), Some("ended")));
    let two = home.run(&[&asked[..], &["--against", MODEL, "--json"]].concat());
    let lines: Vec<Value> =
        String::from_utf8_lossy(&two.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2);
    assert_eq!((lines[0]["text"].as_str(), lines[1]["model"].as_str()), (said["text"].as_str(), Some(MODEL)));
    assert!(!home.path("data").exists(), "nothing is stored");
    home.fails(2, &["chat", "micro", "-p", " "], &["prompt is empty"]);
    home.fails(2, &["chat", "/no/such/model", "-p", "Hi"], &["/no/such/model"]);
    home.fails(2, &["chat", "micro", "-p", "Hi", "--top-p", "2"], &["top-p"]);
}

#[test]
fn a_full_disk_is_one_line() {
    let home = Home::new();
    for arguments in [&["completions", "bash"][..], &["filter", "-s", "x", "--print-settings"]] {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = home.command(arguments).stdout(full).output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!((output.status.code(), error.trim_end().lines().count()), (Some(1), 1), "{error}");
    }
}

/// The workbench without a screen: keys in lines, the lines that changed out, and no escape among them.
#[test]
fn plain_lines_for_those_who_hear_the_screen() {
    let home = Home::new();
    let mut command = home.command(&["--plain", "--size", "70x24"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut keys = child.stdin.take().unwrap();
    keys.write_all(b"2\n:go to the overview\n<nokey>\n\nq\n").unwrap();
    drop(keys);
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}");
    for words in ["Generate samples", "next", "no key", "nothing changed"] {
        assert!(said.contains(words), "`{words}` is not said:\n{said}");
    }
    assert!(!said.contains('\u{1b}'));
}

#[test]
fn settings_keys_and_themes_are_listed_and_what_is_wrong_with_them_is_said() {
    let home = Home::new();
    let said = |arguments: &[&str]| {
        let output = home.run(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    // What is printed to begin from is right as it is.
    let config = home.path("config");
    std::fs::create_dir_all(config.join("themes")).unwrap();
    std::fs::write(config.join("config.toml"), said(&["config", "print-default"])).unwrap();
    std::fs::write(config.join("keymap.toml"), said(&["keys", "print-default"])).unwrap();
    assert!(said(&["config", "check"]).contains("right"));
    assert!(said(&["config", "path"]).trim_end().ends_with("config.toml"));
    assert!(said(&["keys", "list"]).contains("review.accept"));
    let first: Value = serde_json::from_str(said(&["keys", "list", "--json"]).lines().next().unwrap()).unwrap();
    assert!(first["action"].as_str().unwrap().starts_with("app."));
    // Themes: those that come with the program can be read, one of a person's own may not.
    assert!(said(&["theme", "list"]).contains("colourblind"));
    assert!(said(&["theme", "scopes"]).contains("chain.fault"));
    assert!(said(&["theme", "check"]).contains("high-contrast: can be read everywhere"));
    assert!(
        said(&["theme", "preview", "dark", "--colours", "true"]).contains("\u{1b}[1;38;2;242;244;248;48;2;22;25;31m")
    );
    assert!(!said(&["theme", "preview", "dark", "--colours", "none"]).contains("38;2"));
    let pale = config.join("themes/pale.toml");
    std::fs::write(&pale, "inherits = \"light\"\n[palette]\ntext = \"#dddddd\"\n").unwrap();
    home.fails(2, &["theme", "check", "pale"], &["to look at"]);
    std::fs::write(&pale, "inherits = \"light\"\n[scopes]\n\"chain.falt\" = \"red\"\n").unwrap();
    home.fails(2, &["--keys", "q", "--print", "--theme", "pale"], &["pale.toml:3", "did you mean `chain.fault`?"]);
    std::fs::write(config.join("config.toml"), "[screen]\nthem = \"dark\"\nfps = 0\n").unwrap();
    let says = ["config.toml:2", "did you mean `theme`?", "config.toml:3", "0.1 to 240"];
    home.fails(2, &["config", "check"], &says);
    home.fails(2, &["--keys", "q", "--print"], &says);
}

#[test]
fn a_frame_is_printed_as_text_with_its_colours_or_as_a_picture() {
    let home = Home::new();
    let printed = |how: &str| {
        let replay = ["--keys", "3<until:undecided>", "--print", "--print-as", how, "--size", "100x30"];
        let output = home.run(&[&replay[..], &["--theme", "dark", "--colours", "true"]].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let (text, ansi, svg) = (printed("text"), printed("ansi"), printed("svg"));
    assert!(text.contains("[3 Review]") && text.lines().count() == 30 && !text.contains('\u{1b}'), "{text}");
    assert!(ansi.contains("\u{1b}[1;38;2;242;244;248;48;2;22;25;31m") && ansi.lines().count() == 30, "{ansi}");
    assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n") && svg.contains("fill=\"#16191f\""), "{svg}");
    assert!(svg.contains("Review") && !svg.chars().any(|letter| letter.is_control() && letter != '\n'), "{svg}");
}

#[test]
fn editors_get_schemas_of_the_files_that_a_person_writes() {
    let home = Home::new();
    // What a person has written, right or wrong, is no matter.
    std::fs::create_dir_all(home.path("config")).unwrap();
    std::fs::write(home.path("config").join("config.toml"), "them = 1\n").unwrap();
    let [config, keys, theme] = ["config", "keys", "theme"].map(|file| home.json(&[file, "schema"]));
    for schema in [&config, &keys, &theme] {
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
        assert_eq!(schema["additionalProperties"], false);
    }
    let fps = &config["properties"]["screen"]["properties"]["fps"];
    assert_eq!((&fps["minimum"], &fps["maximum"]), (&Value::from(0.1), &Value::from(240.0)));
    let actions = &keys["properties"]["review"]["items"]["properties"]["run"]["anyOf"];
    let accept = actions.as_array().unwrap().iter().find(|action| action["const"] == "review.accept").unwrap();
    assert!(accept["description"].as_str().unwrap().starts_with("Accept"));
    assert!(theme["properties"]["scopes"]["properties"]["chain.fault"]["description"].is_string());
    // The line with which a file names its schema is none of the file's settings.
    let own = "#:schema ./config.schema.json\n[screen]\nfps = 5\n";
    std::fs::write(home.path("config").join("config.toml"), own).unwrap();
    assert!(home.run(&["config", "check"]).status.success());
}

#[test]
fn of_two_jobs_the_one_that_is_meant_is_named() {
    let home = Home::new();
    let path = home.path("s");
    let session = Session::create(&path).unwrap();
    let name = path.to_str().unwrap();
    let steer = |more: &[&str]| home.run(&[&["steer", "--session", name], more].concat());
    let refused = |more: &[&str], says: &str| {
        let output = steer(more);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(2) && error.contains(says), "{error}");
    };
    refused(&["pause"], "no job runs in this session");
    let _sampling = session.lock_job(GENERATION, Heavy::Sampling).unwrap().unwrap();
    refused(&["checkpoint"], "no training runs here, but generate");
    let training = session.lock_job(TRAINING, Heavy::Training).unwrap().unwrap();
    refused(&["pause"], "generate and train are at work; --job says which one is meant");
    refused(&["pause", "--job", "eval"], "no job `eval` runs here, but generate and train");
    let answers = std::thread::spawn(move || {
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(30) {
            if let Some(command) = session.pending_commands(TRAINING).unwrap().first() {
                return session.answer_command(command.id, "paused").unwrap();
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("nothing was asked");
    });
    let output = steer(&["pause", "--job", "train"]);
    assert_eq!(String::from_utf8_lossy(&output.stdout), "train pause: paused\n");
    answers.join().unwrap();
    drop(training);
    // One at a time is the rule: a training is refused while another process draws.
    let train = home.run(&["train", "--session", name, "--model", "micro"]);
    let error = String::from_utf8_lossy(&train.stderr).into_owned();
    assert!(!train.status.success() && error.contains("generate runs here already"), "{error}");
}

#[test]
fn trainings_of_other_programs_are_told_a_line_each_and_left_as_they_are() {
    let home = Home::new();
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/watch");
    for (run, file) in [("a", "events.out.tfevents.1700000000.host"), ("b", "run-abcdefgh.wandb")] {
        let place = home.path("runs").join(run);
        std::fs::create_dir_all(&place).unwrap();
        std::fs::copy(fixtures.join(file), place.join(file)).unwrap();
    }
    let runs = home.path("runs");
    let output = home.run(&["watch", runs.to_str().unwrap(), "--json"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines: Vec<Value> =
        output.stdout.split(|b| *b == b'\n').filter_map(|l| serde_json::from_slice(l).ok()).collect();
    let told = |run: &str| lines.iter().find(|line| line["run"] == run).unwrap_or_else(|| panic!("{run}: {lines:?}"));
    assert_eq!((lines.len(), &told("a")["kind"], &told("b")["kind"]), (2, &"TensorBoard".into(), &"W&B".into()));
    let loss = told("a")["values"]["train/loss"].as_f64().unwrap();
    assert!((loss - 0.8).abs() < 1e-6, "{loss}");
    assert_eq!(std::fs::read_dir(&runs).unwrap().count(), 2, "nothing is written there");
    home.fails(2, &["watch", "/no/such/place"], &["/no/such/place", "name a directory"]);
}

/// Answers every request as a server of one model does.
fn server() -> std::net::SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || answer(stream));
        }
    });
    address
}

/// One request, one answer, and the connection is closed.
fn answer(mut stream: std::net::TcpStream) {
    use std::io::{BufRead, BufReader, Read};
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let (mut line, mut length, mut asked) = (String::new(), 0, String::new());
    while reader.read_line(&mut line).is_ok_and(|read| read > 2) {
        if asked.is_empty() {
            asked.clone_from(&line);
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().unwrap();
        }
        line.clear();
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let reply = match () {
        () if asked.contains("/v1/models") => {
            r#"{"object":"list","data":[{"id":"small","object":"model"}]}"#.to_owned()
        }
        () if asked.contains("/chat/completions") => {
            let request: Value = serde_json::from_slice(&body).unwrap();
            assert!(request["temperature"].is_number() && request["seed"].is_u64(), "{request}");
            let text = r"It is \\boxed{4}.";
            let usage = r#""usage":{"prompt_tokens":9,"completion_tokens":5,"total_tokens":14}"#;
            if request["stream"] == true {
                let delta =
                    format!(r#"{{"choices":[{{"index":0,"delta":{{"content":"{text}"}},"finish_reason":null}}]}}"#);
                let end = format!(r#"{{"choices":[{{"index":0,"delta":{{}},"finish_reason":"stop"}}],{usage}}}"#);
                format!("data: {delta}\n\ndata: {end}\n\ndata: [DONE]\n\n")
            } else {
                format!(
                    r#"{{"choices":[{{"index":0,"message":{{"role":"assistant","content":"{text}"}},"finish_reason":"stop"}}],{usage}}}"#
                )
            }
        }
        () => String::new(),
    };
    let kind = if reply.starts_with("data:") { "text/event-stream" } else { "application/json" };
    let status = if reply.is_empty() { "404 Not Found" } else { "200 OK" };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        reply.len()
    );
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(reply.as_bytes()));
}

#[test]
fn servers_write_in_the_place_of_this_process() {
    let home = Home::new();
    let problems = home.path("problems.jsonl");
    let line = |id: usize| format!("{{\"id\":\"p{id}\",\"problem\":\"2 + 2, {id}\",\"answer\":\"4\"}}\n");
    std::fs::write(&problems, (0..20).map(line).collect::<String>()).unwrap();
    let address = format!("http://{}", server());
    let common = ["generate", "-s", "s", "--endpoint", &address, "-p", problems.to_str().unwrap(), "--samples", "2"];
    let key = ("CRIBBLE_API_KEY", "sk-of-nobody-else");
    let dry = home.command(&[&common[..], &["--dry-run"]].concat()).env(key.0, key.1).output().unwrap();
    let shown = String::from_utf8(dry.stdout).unwrap();
    assert!(shown.contains("2 + 2, 0") && shown.contains("\"small\"") && !shown.contains(key.1), "{shown}");
    let written = home.command(&[&common[..], &["--json"]].concat()).env(key.0, key.1).output().unwrap();
    let outcome: Value = serde_json::from_slice(&written.stdout).unwrap();
    assert_eq!(
        (&outcome["samples"], &outcome["correct"], &outcome["compute"]),
        (&40.into(), &40.into(), &"http".into())
    );
    // The same command makes nothing twice, and no key is anywhere in what it left.
    let again = home.json(&[&common[..], &["--json"]].concat());
    assert_eq!((&again["samples"], &again["existing"]), (&0.into(), &40.into()));
    let store = std::fs::read(home.path("data").join("sessions/s/session.db")).unwrap();
    assert!(!store.windows(key.1.len()).any(|part| part == key.1.as_bytes()));
    home.fails(2, &["generate", "-s", "s", "--backend", "http", "-m", "x"], &["--endpoint"]);
    home.fails(2, &["generate", "-s", "s", "--endpoint", "ftp://x"], &["ftp://x", "http://localhost:8000/v1"]);
}
