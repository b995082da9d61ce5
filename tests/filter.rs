//! `check` and `filter` end to end, and the rules on whole chains.

use std::path::PathBuf;
use std::process::{Command, Output};

use serde_json::{Value, json};

const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/tiny-chat");
const PROBLEM: &str = "Ann has 3 boxes of 4 pens and gets 5 more pens from Ben. How many pens does she have now?";
const GOOD: &str = "First, I find the pens in the boxes: there are 3 boxes with 4 pens each, so 3 * 4 = 12 pens. \
    Next, we must add the 5 pens that Ben gives her, so 12 + 5 = 17.\n\nLet me check this. Taking the 5 pens away leaves \
    12, and 12 pens in 3 boxes are 4 in each, as the problem says. The answer is \\boxed{17}.";

struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) -> String {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cribble"));
        command.args(arguments);
        for name in ["DATA", "CONFIG", "STATE"] {
            command.env(format!("CRIBBLE_{name}_DIR"), self.path(name));
        }
        command.output().unwrap()
    }

    fn lines(&self, arguments: &[&str]) -> Vec<Value> {
        let output = self.run(arguments);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn fails(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{error}");
        assert_eq!(error.trim_end().lines().count(), 1, "{error}");
        error
    }

    fn check(&self, chains: &[&str]) -> Vec<Value> {
        let lines: Vec<String> = chains
            .iter()
            .enumerate()
            .map(|(at, chain)| json!({"id": at, "problem": PROBLEM, "gold": "17", "chain": chain}).to_string())
            .collect();
        let input = self.write("chains.jsonl", &lines.join("\n"));
        self.lines(&["check", "--input", &input])
    }
}

fn failed(judged: &Value) -> Vec<String> {
    let verdicts = judged["verdicts"].as_array().unwrap();
    let fails = verdicts.iter().filter(|verdict| verdict["pass"] == false && verdict["enabled"] == true);
    fails.map(|verdict| verdict["rule"].as_str().unwrap().to_owned()).collect()
}

fn verdict<'a>(judged: &'a Value, rule: &str) -> &'a Value {
    judged["verdicts"].as_array().unwrap().iter().find(|verdict| verdict["rule"] == rule).unwrap()
}

#[test]
fn each_rule_fails_what_it_is_for_and_passes_the_rest() {
    let home = Home::new();
    let looping = format!("{GOOD} {}", "and so we add it again and again to be sure of it. ".repeat(30));
    let cases: Vec<(String, &str)> = vec![
        (GOOD.into(), ""),
        ("17".into(), "empty"),
        (GOOD.replace("The answer is \\boxed{17}", "That is all"), "format"),
        (format!("{GOOD} Once more: \\boxed{{17}}"), "format"),
        (looping, "loops"),
        (GOOD.replace("Next, we must add", "接下来我们必须加上这些数字"), "language"),
        (GOOD.replace("Let me check this.", "As you requested, let me check this."), "meta_reference"),
        (format!("{GOOD}<|im_end|>"), "template_leak"),
        (GOOD.replace("12 + 5 = 17", "12 + 5 = 18"), "arithmetic"),
        (GOOD.replace("boxed{17}", "boxed{18}"), "answer"),
        (
            GOOD.replace("Let me check this. Taking", "Taking").replace("First, I find", "The").replace("we must", ""),
            "behaviour",
        ),
    ];
    for (chain, rule) in &cases {
        let judged = home.check(&[chain]).remove(0);
        let fails = failed(&judged);
        if rule.is_empty() {
            assert_eq!(fails, Vec::<String>::new(), "{judged}");
            assert_eq!(judged["accepted"], true);
        } else {
            assert!(fails.contains(&(*rule).to_owned()), "{rule}: {fails:?}");
            assert_eq!(judged["accepted"], false);
        }
        for verdict in judged["verdicts"].as_array().unwrap() {
            for span in verdict["spans"].as_array().unwrap() {
                let (begin, end) = (span[0].as_u64().unwrap() as usize, span[1].as_u64().unwrap() as usize);
                assert!(begin < end && chain.get(begin..end).is_some(), "{rule}: {span}");
            }
            assert!(!verdict["reason"].as_str().unwrap().contains('\n'));
        }
    }
    let leak = home.check(&[&format!("{GOOD}<|im_end|>")]).remove(0);
    let span = &verdict(&leak, "template_leak")["spans"][0];
    assert_eq!((span[0].as_u64().unwrap() as usize, span[1].as_u64().unwrap() as usize), (GOOD.len(), GOOD.len() + 10));
}

#[test]
fn a_chain_that_corrects_itself_passes_and_its_mistake_is_shown() {
    let home = Home::new();
    let chain = "First, I find the pens in the boxes: 3 boxes of 4 pens are 3 * 4 = 14 pens, and 14 + 5 = 19.\n\n\
        Wait, let me check each step. Counting the boxes one by one gives 4 + 4 + 4 = 12, not 14. Next, we must add the \
        pens from Ben: 12 + 5 = 17. The answer is \\boxed{17}.";
    let judged = home.check(&[chain]).remove(0);
    assert_eq!(failed(&judged), Vec::<String>::new(), "{judged}");
    let arithmetic = verdict(&judged, "arithmetic");
    assert_eq!(arithmetic["spans"].as_array().unwrap().len(), 1);
    assert!(arithmetic["reason"].as_str().unwrap().contains("corrected"), "{arithmetic}");
}

#[test]
fn a_second_copy_is_a_duplicate_and_one_that_was_dropped_makes_none() {
    let home = Home::new();
    let leaking = format!("{GOOD} [INST]");
    let judged = home.check(&[&leaking, GOOD, GOOD]);
    assert_eq!(failed(&judged[0]), ["template_leak"]);
    assert_eq!(failed(&judged[1]), Vec::<String>::new());
    assert_eq!(failed(&judged[2]), ["duplicate"]);
}

#[test]
fn a_problem_of_a_benchmark_is_named() {
    let home = Home::new();
    let benchmark = home.write("bench.jsonl", &json!({"id": "test/7", "problem": PROBLEM, "answer": "17"}).to_string());
    let line = json!({"id": "a", "problem": PROBLEM, "gold": 17, "chain": GOOD}).to_string();
    let input = home.write("chains.jsonl", &line);
    let judged = home.lines(&["check", "--input", &input, "--benchmark", &benchmark]).remove(0);
    assert_eq!(failed(&judged), ["contamination"]);
    assert!(verdict(&judged, "contamination")["reason"].as_str().unwrap().contains("test/7"));
}

#[test]
fn hostile_chains_are_judged_in_linear_time() {
    let home = Home::new();
    let long = "a".repeat(1 << 20);
    let words = "wait, ".repeat(100_000);
    let boxes = "\\boxed{".repeat(50_000);
    let numbers = "9^9*".repeat(50_000) + "=1";
    let spaces = " \u{a0}\u{200b}\n".repeat(100_000);
    let judged = home.check(&[&long, &words, &boxes, &numbers, &spaces, "", "\u{1b}[31m\u{0}"]);
    assert_eq!(judged.len(), 7);
    assert!(judged.iter().all(|judged| judged["accepted"] == false));
}

#[test]
fn what_is_wrong_with_settings_or_input_is_one_line_with_its_place() {
    let home = Home::new();
    let good = home.write("good.jsonl", &json!({"id": 1, "problem": "p", "gold": "1", "chain": "c"}).to_string());
    for (settings, says) in [
        (
            "[rules.answer]\nallow_wek = true\n",
            "mine.toml:2: unknown setting of rules.answer `allow_wek`; did you mean `allow_weak`?",
        ),
        ("[rules.anser]\n", "mine.toml:1: unknown rule `anser`; did you mean `answer`?"),
        (
            "[rules.template_leak]\npatterns = ['(']\n",
            "mine.toml:2: rules.template_leak.patterns: the pattern does not compile",
        ),
        ("[rules.loops]\nshare_20 = 7\n", "mine.toml:2: rules.loops.share_20: a number from 0 to 1 is needed"),
    ] {
        let path = home.write("mine.toml", settings);
        let error = home.fails(&["check", "--input", &good, "--settings", &path]);
        assert!(error.contains(says), "{error}");
    }
    let bad = home.write("bad.jsonl", "{\"id\":1}\n");
    assert!(home.fails(&["check", "--input", &bad]).contains("bad.jsonl:1: not a line with id"));
    let outside = json!({"id": 1, "problem": "p", "gold": "1", "chain": "c", "segments": [{"kind": "attempt", "turn": 1, "begin": 0, "end": 9}]});
    let outside = home.write("outside.jsonl", &outside.to_string());
    assert!(home.fails(&["check", "--input", &outside]).contains("outside.jsonl:1: a segment lies outside"));
    assert!(home.fails(&["check", "--input", "/nowhere.jsonl"]).contains("/nowhere.jsonl"));
    assert!(home.fails(&["filter", "--session", "none"]).contains("no session here"));
}

#[test]
fn a_session_is_judged_and_judged_again_without_measuring() {
    let home = Home::new();
    let problems = home.write("problems.jsonl", &json!({"id": "p1", "problem": PROBLEM, "answer": "17"}).to_string());
    let generate = ["generate", "--session", "s", "--model", MODEL, "--problems", &problems, "--max-tokens", "20"];
    assert!(home.run(&[&generate[..], &["--samples", "3"]].concat()).status.success());
    let first = home.lines(&["filter", "--session", "s", "--json"]).remove(0);
    assert_eq!((&first["judged"], &first["measured"], &first["accepted"]), (&json!(3), &json!(3), &json!(0)));
    let dropped: u64 = first["funnel"].as_array().unwrap().iter().map(|step| step["dropped"].as_u64().unwrap()).sum();
    assert_eq!(dropped, first["rejected"].as_u64().unwrap());
    // Everything off but one rule: the verdicts change, nothing is measured.
    let off: String =
        "empty truncated format length loops language meta_reference template_leak arithmetic answer behaviour \
        duplicate contamination"
            .split_whitespace()
            .map(|rule| format!("[rules.{rule}]\nenabled = false\n"))
            .collect();
    home.write("CONFIG/filter.toml", &off);
    let second = home.lines(&["filter", "--session", "s", "--json"]).remove(0);
    assert_eq!((&second["measured"], &second["accepted"], &second["changed"]), (&json!(0), &json!(3), &json!(3)));
    // A broken file leaves the verdicts and the settings in force as they were.
    home.write("CONFIG/filter.toml", &off.replace("[rules.length]\n", "[rules.length]\nmin_tokens = -1\n"));
    assert!(home.fails(&["filter", "--session", "s"]).contains("filter.toml:8: rules.length.min_tokens"));
    std::fs::remove_file(home.path("CONFIG/filter.toml")).unwrap();
    assert!(home.run(&[&generate[..], &["--samples", "5"]].concat()).status.success());
    let third = home.lines(&["filter", "--session", "s", "--json"]).remove(0);
    assert_eq!((&third["judged"], &third["measured"]), (&json!(5), &json!(2)));
    let printed = home.run(&["filter", "--session", "s", "--print-settings"]);
    assert!(String::from_utf8(printed.stdout).unwrap().contains("[rules.loops]"));
}
