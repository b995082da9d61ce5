//! What is asked of a session that is there.

use super::*;

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
fn a_session_of_the_working_directory_is_pointed_at() {
    let home = Home::new();
    assert!(home.run(&["new", text(&home.path("mine")), "--no-open"]).status.success());
    let filter =
        |session: &str| home.command(&["filter", "-s", session]).current_dir(home.dir.path()).output().unwrap();
    let refused = filter("mine");
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!((refused.status.code(), said.lines().count()), (Some(2), 1), "{said}");
    assert!(said.contains("no session here") && said.contains("./mine is one"), "{said}");
    let other = String::from_utf8_lossy(&filter("yours").stderr).into_owned();
    assert!(other.contains("no session here") && !other.contains("is one"), "{other}");
    assert!(!String::from_utf8_lossy(&filter("./mine").stderr).contains("no session here"));
}
