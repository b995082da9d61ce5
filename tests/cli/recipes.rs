//! A recipe's pass whose trainings another program does: here a script that leaves the model as it was.

use super::*;

const RECIPE: &str = r#"
about = "small"
model = "micro"
problems = "micro"
test = "micro-test"

[external]
trainer = "sh TRAINER {output} {model} {data}"

[filter.rules.contamination]
enabled = false
[filter.rules.behaviour]
enabled = false
[filter.rules.empty]
enabled = false
[filter.rules.length]
enabled = false

[stage1]
problems = 24
samples = 1
[stage1.sampling]
temperature = 0.8
max_tokens = 300
# So few chains may all be ones that only confirm.
[stage1.select]
most_confirming = 1.0

[stage2]
problems = 12
[stage2.sampling]
temperature = 0.8
max_tokens = 300
[stage2.budget]
first = 2
round = 2
most = 2

[eval]
problems = 8
samples = 1
greedy = false
[eval.sampling]
temperature = 0.8
max_tokens = 300
"#;

const TRAINER: &str = r#"
echo "$2" >> "$1/calls"
printf '{"current_steps": 1, "total_steps": 1, "loss": 1.5, "lr": 0.1}\n' >> "$1/trainer_log.jsonl"
cp -r "$2" "$1/final"
"#;

#[test]
fn another_program_trains_the_models_of_a_pass() {
    let home = Home::new();
    let (recipe, trainer) = (home.path("theirs.toml"), home.path("trainer.sh"));
    let text_of = RECIPE.replace("TRAINER", text(&trainer));
    std::fs::write(&recipe, &text_of).unwrap();
    let arguments = ["run", "--recipe", text(&recipe), "-s", "theirs"];
    let dry = home.run(&[&arguments[..], &["--dry-run"]].concat());
    let shown = String::from_utf8(dry.stdout).unwrap();
    for words in ["not forecast: the command", "3 epochs, by the command", "pi_rej is trained by", text(&trainer)] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    assert!(!home.path("data").join("sessions/theirs").exists());

    // What is wrong with the trainer shows when it is needed; mended, the pass goes on from there.
    home.fails(1, &arguments, &["ended with exit code", "output.log"]);
    std::fs::write(&trainer, TRAINER).unwrap();
    std::fs::write(&recipe, text_of.replace("[external]", "[external]\nlauncher = \"nice\"")).unwrap();
    let outcome = home.json(&[&arguments[..], &["--json"]].concat());
    let session = home.path("data").join("sessions/theirs");
    let made = |run: &str| session.join("runs").join(run).join("external/output/final");
    for run in ["pi_sft", "pi_rej"] {
        assert_eq!(outcome["models"][run]["model"], text(&made(run).canonicalize().unwrap()));
        assert_eq!(outcome["models"][run]["problems"], 8);
    }
    let calls = |run: &str| std::fs::read_to_string(made(run).with_file_name("calls")).unwrap();
    let (first, second) = (calls("pi_sft"), calls("pi_rej"));
    assert!(
        first.ends_with("external/model\n") && second.ends_with("pi_sft/external/output/final\n"),
        "{first}{second}"
    );
    let report = std::fs::read_to_string(session.join("report/report.md")).unwrap();
    assert!(report.contains("pi_rej was trained by another program, sh "), "{report}");
    let report: Value = serde_json::from_slice(&std::fs::read(session.join("report/report.json")).unwrap()).unwrap();
    let training = &report["training"][0];
    assert_eq!((&training["from"], &training["loss"]), (&"micro".into(), &serde_json::json!([[1, 1.5]])));

    // Done is done.
    home.json(&[&arguments[..], &["--json"]].concat());
    assert_eq!(calls("pi_rej").lines().count(), 1);
    std::fs::write(&recipe, RECIPE.replace("[external]", "# none").replace("trainer = ", "# ")).unwrap();
    home.fails(2, &arguments, &["another recipe's pass is here"]);
}
