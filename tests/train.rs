//! `cribble train` end to end on a tiny random model: what a script sees, and that a run killed at any moment ends as if it
//! had not been.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use cribble::records::{
    Chain, DecisionVerb, FinishReason, ModelIdentity, Problem, Sample, SampleSettings, Sampling, Segment, SegmentKind,
    Turn, TurnKind,
};
use cribble::session::Session;
use serde_json::{Value, json};

const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/tiny-chat");

/// A session with `count` problems, each with one accepted chain; one more is rejected.
fn session(at: &Path, count: usize) {
    let session = Session::create(at).unwrap();
    let problems: Vec<Problem> = (0..=count)
        .map(|index| {
            serde_json::from_value(json!({
                "id": format!("p{index}"), "problem": format!("What is {index} + {index}?"), "answer": (2 * index).to_string(),
            }))
            .unwrap()
        })
        .collect();
    session.add_problems(&problems).unwrap();
    let settings = SampleSettings {
        model: ModelIdentity {
            name: "tiny".into(),
            content: "c".into(),
            template: "t".into(),
            compute: "f32".into(),
            context_length: 1024,
        },
        turns: 1,
        sampling: Sampling::default(),
        seed: 0,
        dialogue: Value::Null,
    };
    let hash = session.put_settings(&settings, &Value::Null).unwrap();
    for (index, problem) in problems.iter().enumerate() {
        let text = format!("It is {}. So \\boxed{{{}}}.", 2 * index, 2 * index);
        let turn = |kind, text: &str| Turn {
            kind,
            strategy: None,
            text: text.into(),
            token_ids: Vec::new(),
            tokens: 0,
            finish: None,
            logprob: None,
        };
        let sample = Sample {
            problem_id: problem.id.clone(),
            draw: 0,
            settings: hash.clone(),
            turns: vec![turn(TurnKind::Problem, &problem.text), turn(TurnKind::Attempt, &text)],
            chain: Chain {
                segments: vec![Segment { kind: SegmentKind::Attempt, turn: 1, begin: 0, end: text.len() }],
                text,
                opened: Vec::new(),
            },
            tags: Vec::new(),
            finish: FinishReason::Stop,
            answer: Some((2 * index).to_string()),
            correct: Some(true),
            tokens: 10,
            seconds: 1.0,
            created_at: 0,
        };
        assert!(session.add_sample(&sample).unwrap());
    }
    for row in session.sample_rows().unwrap() {
        let verb = if row.problem_id == format!("p{count}") { DecisionVerb::Reject } else { DecisionVerb::Accept };
        session.decide(row.id, verb, None, None).unwrap();
    }
}

/// A small run; what is in `more` goes before the usual values.
fn train(session: &Path, more: &[&str]) -> Command {
    let usual = [
        ("--model", MODEL),
        ("--batch-size", "2"),
        ("--epochs", "3"),
        ("--checkpoint-every", "2"),
        ("--lr", "0.003"),
        ("--validation-share", "0.2"),
        ("--pass-tokens", "80"),
    ];
    let mut command = Command::new(env!("CARGO_BIN_EXE_cribble"));
    command.args(["train", "--session", session.to_str().unwrap(), "--json"]).args(more);
    for (name, value) in usual.into_iter().filter(|(name, _)| !more.contains(name)) {
        command.args([name, value]);
    }
    command.env("RAYON_NUM_THREADS", "2").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn lines(output: &[u8]) -> Vec<Value> {
    output.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect()
}

/// The last checkpoint's weights.
fn weights(session: &Path, run: &str, step: u64) -> Vec<u8> {
    std::fs::read(session.join(format!("runs/{run}/checkpoint-{step}/model.safetensors"))).unwrap()
}

/// Losses, rates and norms by step, a step that was done again as it was done last.
fn record(session: &Path, run: &str) -> Vec<Value> {
    let directory: PathBuf = session.join("runs").join(run);
    let mut lines = cribble::train::metrics::read(&directory, u64::MAX).unwrap();
    for line in &mut lines {
        let fields = line.as_object_mut().unwrap();
        fields.remove("t");
        fields.remove("tokens_per_second");
    }
    lines
}

fn wait(mut child: Child, limit: Duration) -> Option<std::process::Output> {
    let began = Instant::now();
    while began.elapsed() < limit {
        if child.try_wait().unwrap().is_some() {
            return Some(child.wait_with_output().unwrap());
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    None
}

#[test]
fn a_run_killed_at_any_moment_ends_as_if_it_had_not_been() {
    let home = tempfile::tempdir().unwrap();
    let at = home.path().join("s");
    session(&at, 10);
    let began = Instant::now();
    let output = train(&at, &["--run", "straight"]).output().unwrap();
    let whole = began.elapsed();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said = lines(&output.stdout);
    let last = said.last().unwrap();
    assert_eq!(last["done"], true);
    assert!(last["validation_loss"].is_number() && Path::new(last["checkpoint"].as_str().unwrap()).is_dir());
    let steps: Vec<&Value> = said.iter().filter(|line| line.get("loss").is_some()).collect();
    assert_eq!(steps.len(), 12, "eight problems, two a step, three epochs");
    for key in ["step", "loss", "lr", "grad_norm", "tokens_per_second"] {
        assert!(steps.iter().all(|step| step[key].is_number()), "{key}");
    }
    // Twenty kills at moments spread over a run's length, in one run that goes on each time.
    let mut kills = 0;
    for attempt in 0..400u32 {
        let moment = whole.mul_f64(f64::from((attempt * 7919) % 1009) / 1009.0);
        match wait(train(&at, &["--run", "killed"]).spawn().unwrap(), moment.min(whole.mul_f64(0.9))) {
            None => kills += 1,
            Some(output) => assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr)),
        }
        if kills >= 20 {
            break;
        }
        // A run that got to its end begins anew under another name.
        if at.join("runs/killed/checkpoint-12/manifest.json").exists() {
            assert_eq!(weights(&at, "killed", 12), weights(&at, "straight", 12), "after {kills} kills");
            assert_eq!(record(&at, "killed"), record(&at, "straight"));
            std::fs::remove_dir_all(at.join("runs/killed")).unwrap();
        }
    }
    assert_eq!(kills, 20);
    let output = train(&at, &["--run", "killed"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(weights(&at, "killed", 12), weights(&at, "straight", 12));
    assert_eq!(record(&at, "killed"), record(&at, "straight"));
}

#[test]
fn bad_input_is_one_clear_line_and_loses_nothing() {
    let home = tempfile::tempdir().unwrap();
    let at = home.path().join("s");
    session(&at, 3);
    let fails = |more: &[&str], code: i32, says: &str| {
        let output = train(&at, more).output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{more:?}: {error}");
        assert_eq!(error.trim_end().lines().count(), 1, "{more:?}: {error}");
        assert!(error.contains(says), "{more:?}: `{says}` is not in: {error}");
    };
    fails(&["--lr", "1e9"], 2, "lr: must be 0");
    fails(&["--max-length", "10"], 2, "longer than max_length = 10");
    fails(&["--lora", "4", "--target-modules", "attention"], 2, "`attention` matches no module");
    fails(&["--run", "../x"], 2, "run name");
    fails(&["--compute", "q8"], 2, "q8 cannot be trained");
    assert!(train(&at, &[]).output().unwrap().status.success());
    fails(&["--lr", "0.001"], 2, "made with other settings");
    let trained = at.join("runs/sft/checkpoint-3");
    let model = trained.to_str().unwrap();
    // A checkpoint is a model: it can be trained on, but not gone on with as if it were the first one.
    fails(&["--model", model], 2, "made from another model");
    assert!(train(&at, &["--model", model, "--run", "again"]).output().unwrap().status.success());

    let empty = home.path().join("empty");
    Session::create(&empty).unwrap();
    let output = train(&empty, &[]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("no accepted chain"));
}

#[test]
fn adapters_are_saved_as_peft_reads_them() {
    let home = tempfile::tempdir().unwrap();
    let at = home.path().join("s");
    session(&at, 4);
    let output = train(&at, &["--lora", "4", "--lora-dropout", "0.1", "--target-modules", "q_proj,v_proj"]).output();
    let output = output.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let last = lines(&output.stdout).pop().unwrap();
    let place = PathBuf::from(last["checkpoint"].as_str().unwrap());
    let config: Value = serde_json::from_slice(&std::fs::read(place.join("adapter_config.json")).unwrap()).unwrap();
    assert_eq!((&config["r"], &config["lora_alpha"], &config["peft_type"]), (&json!(4), &json!(8.0), &json!("LORA")));
    assert_eq!(config["target_modules"], json!(["q_proj", "v_proj"]));
    let bytes = std::fs::read(place.join("adapter_model.safetensors")).unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let mut names: Vec<String> = file.names().into_iter().map(str::to_owned).collect();
    names.sort();
    assert_eq!(names.len(), 2 * 2 * 2);
    assert_eq!(names[0], "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight");
    assert_eq!(file.tensor(&names[0]).unwrap().shape(), [4, 32]);
}

#[test]
fn a_preview_shows_tokens_and_trains_nothing() {
    let home = tempfile::tempdir().unwrap();
    let at = home.path().join("s");
    session(&at, 4);
    let output = train(&at, &["--preview", "2"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let samples: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(samples.len(), 2);
    for sample in samples {
        let tokens = sample["tokens"].as_array().unwrap();
        let trained = tokens.iter().skip(1).filter(|token| token["weight"].as_f64() != Some(0.0)).count();
        assert_eq!(sample["trained"].as_u64(), Some(trained as u64));
        assert!(trained > 0 && trained < tokens.len());
        assert!(tokens.iter().any(|token| token["special"] == true), "special tokens are shown: {sample}");
    }
    assert!(!at.join("runs").exists());
}
