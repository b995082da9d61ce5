//! Bad input, broken models, a full disk: one line, and nothing changed.

use super::*;

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
    let copy = home.model();
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
    let copy = home.model();
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
fn a_full_disk_is_one_line() {
    let home = Home::new();
    for arguments in [&["completions", "bash"][..], &["filter", "-s", "x", "--print-settings"]] {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = home.command(arguments).stdout(full).output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!((output.status.code(), error.trim_end().lines().count()), (Some(1), 1), "{error}");
    }
}
