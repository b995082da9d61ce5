//! The model that comes with the program, and what a newcomer does with it: no file, no network, no settings.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};

use cribble::filter::Settings;
use cribble::filter::behaviours::{Behaviour, Detector};
use cribble::micro::corpus::{Sets, record};
use cribble::micro::recipe::Recipe;
use cribble::records::TurnKind;
use cribble::session::Session;
use serde_json::Value;

/// Runs a command that must succeed; what it printed, line by line.
fn cribble(home: &tempfile::TempDir, arguments: &[&str]) -> Vec<Value> {
    let output = Command::new(env!("CARGO_BIN_EXE_cribble"))
        .args(arguments)
        .envs(["DATA", "CONFIG", "STATE"].map(|kind| (format!("CRIBBLE_{kind}_DIR"), home.path().join(kind))))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn the_whole_loop_runs_on_what_comes_with_the_program() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("DATA/sessions/first");
    let generate = ["generate", "-s", "first", "-m", "micro", "--problems", "micro", "--limit", "60", "--json"];
    let made = cribble(&home, &[&generate[..], &["--samples", "2", "--turns", "2"]].concat());
    assert_eq!((made[0]["samples"].as_u64(), made[0]["failed"].as_u64()), (Some(120), Some(0)));

    // Asked for a strategy in a second turn, it uses it.
    let session = Session::open(&dir).unwrap();
    let detector = Detector::new(&Settings::default());
    let mut used: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for row in session.sample_rows().unwrap() {
        let sample = session.sample(row.id).unwrap().unwrap();
        let Some(revision) = sample.turns.iter().find(|turn| turn.kind == TurnKind::Revision) else { continue };
        let strategy = sample.strategies().next().unwrap().to_owned();
        let behaviour = Behaviour::named(&strategy).unwrap();
        let shown = detector.hits(&revision.text, "").iter().any(|hit| hit.behaviour == behaviour);
        let count = used.entry(strategy).or_default();
        *count = (count.0 + usize::from(shown), count.1 + 1);
    }
    assert_eq!(used.len(), 4, "{used:?}");
    for (strategy, (shown, of)) in used {
        assert!(shown * 10 >= of * 9, "{strategy}: {shown} of {of}");
    }
    drop(session);

    let judged = cribble(&home, &["filter", "-s", "first", "--json"]);
    let accepted = judged[0]["accepted"].as_u64().unwrap();
    assert!(accepted >= 20, "{judged:?}");
    let train = ["train", "-s", "first", "-m", "micro", "--run", "sft", "--max-steps", "6", "--json"];
    let trained =
        cribble(&home, &[&train[..], &["--batch-size", "16", "--loss-on", "all_but_wrong_attempts"]].concat());
    let loss = |at: usize| trained[at]["loss"].as_f64().unwrap();
    assert!(loss(5) < loss(0), "{trained:?}");
    let checkpoint = trained.last().unwrap()["checkpoint"].as_str().unwrap().to_owned();
    let score = ["eval", "-s", "first", "-m", &checkpoint, "--problems", "micro-test", "--limit", "5", "--json"];
    assert_eq!(cribble(&home, &score)[0]["problems"], 5);
}

#[test]
fn a_score_is_what_the_samples_say_and_is_there_again() {
    let home = tempfile::tempdir().unwrap();
    let score = || {
        let eval = ["eval", "-s", "scores", "-m", "micro", "-p", "micro-test", "--limit", "20", "-n", "3", "--json"];
        cribble(&home, &eval).remove(0)
    };
    let first = score();
    let session = Session::open(&home.path().join("DATA/sessions/scores")).unwrap();
    let rows = session.sample_rows().unwrap();
    let right = rows.iter().filter(|row| row.correct == Some(true)).count();
    assert_eq!((rows.len(), first["existing"].as_u64(), first["n"].as_u64()), (60, Some(0), Some(3)));
    let pass = first["pass_at_1"].as_f64().unwrap();
    // It is a model of the middle: 44% of the whole set.
    assert!((pass - right as f64 / 60.0).abs() < 1e-12 && (0.25..0.65).contains(&pass), "{first}");
    let (low, high) = (first["ci95"][0].as_f64().unwrap(), first["ci95"][1].as_f64().unwrap());
    assert!(low < pass && pass < high && first["maj_at_k"].as_f64().unwrap() >= low, "{first}");
    assert_eq!(
        (first["truncated"].as_f64(), first["f_to_t"].as_f64()),
        (Some(0.0), Some(0.0)),
        "it does not look back"
    );
    // A second call writes nothing and says the same.
    let again = score();
    assert_eq!(again["existing"], 60);
    for field in ["pass_at_1", "ci95", "maj_at_k", "mean_tokens", "t_to_f", "settings"] {
        assert_eq!(again[field], first[field], "{field}");
    }
}

/// What lies in `assets/micro` is what the recipe makes: its problems are those that the corpus keeps clear of.
#[test]
fn the_problems_are_the_recipes() {
    let recipe: Recipe = toml::from_str(include_str!("../assets/micro/recipe.toml")).unwrap();
    let sets = Sets::draw(recipe.seed);
    for (name, problems, file) in [
        ("pool", &sets.pool, include_str!("../assets/micro/pool.jsonl")),
        ("test", &sets.test, include_str!("../assets/micro/test.jsonl")),
    ] {
        let lines: Vec<Value> = file.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let made: Vec<Value> =
            problems.iter().map(|problem| serde_json::to_value(record(problem, name)).unwrap()).collect();
        assert!(lines == made, "{name}.jsonl is not what the recipe makes");
    }
}
