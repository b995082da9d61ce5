//! Samples are written, by one process or several, and jobs are steered.

use super::*;

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
