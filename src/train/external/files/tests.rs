//! The folder of a run: its shape, and what must not change in it.

use super::super::tests::{example, wanted};
use super::*;
use crate::train::dataset::{Example, Item};

fn settings() -> TrainSettings {
    TrainSettings { model: "org/model".into(), batch_size: 2, ..TrainSettings::default() }
}

fn plan(run: &Path, settings: &TrainSettings, external: &External, answers: &[&str]) -> Plan {
    let examples: Vec<Example> = answers.iter().map(|answer| example(answer)).collect();
    let train: Vec<&Example> = examples.iter().collect();
    Plan::new(wanted(run, settings, external, &train)).unwrap()
}

fn lines(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn the_folder_holds_data_and_configuration_in_the_trainers_shape() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("a run");
    let plan = plan(&run, &settings(), &External::default(), &["4", "5"]);
    assert!(!run.exists());
    plan.write(false).unwrap();
    let rows = lines(&run.join("external/data/train.jsonl"));
    assert_eq!(rows[0]["completion"], json!([{ "role": "assistant", "content": "4" }]));
    assert_eq!(rows[1]["prompt"][0]["role"], "user");
    let config: Value = serde_json::from_str(&plan.config()).unwrap();
    assert_eq!((&config["model"], &config["validation"]), (&json!("org/model"), &Value::Null));
    let script = run.join("external/sft_trl.py").to_str().unwrap().to_owned();
    assert_eq!(plan.command().unwrap()[..2], ["python3".to_owned(), script]);
    assert_eq!((plan.total_steps(), std::fs::read_dir(&run).unwrap().count()), (3, 1));
}

#[test]
fn axolotl_gets_messages_and_a_launcher_its_script() {
    let dir = tempfile::tempdir().unwrap();
    let external = External {
        trainer: Trainer::Axolotl,
        launcher: Some("ssh gpu 'cd /w && torchrun {}'".into()),
        directory: Some("/w/a b/".into()),
        ..External::default()
    };
    let plan = plan(dir.path(), &settings(), &external, &["4"]);
    plan.write(false).unwrap();
    assert_eq!(lines(&dir.path().join("external/data/train.jsonl"))[0]["messages"][1]["content"], "4");
    let last = "cd /w && torchrun -m axolotl.cli.train '/w/a b/config.yaml'";
    assert_eq!(plan.command().unwrap(), ["ssh", "gpu", last]);
    assert!(plan.config().contains("output_dir: \"/w/a b/output\""));
}

/// Three tokens, of which the last alone has a loss.
fn item() -> Item {
    Item { key: "p/0/s".into(), problem_id: "p".into(), tokens: vec![7, 8, 9], weights: vec![1.0, 0.0, 0.5] }
}

#[test]
fn parts_without_a_loss_are_handed_on_as_labels() {
    let dir = tempfile::tempdir().unwrap();
    let (settings, items) = (settings(), [item(), item(), item()]);
    for trainer in [Trainer::Trl, Trainer::Axolotl, Trainer::Command("train {data}".into())] {
        let run = dir.path().join(trainer.name());
        let external = External { trainer, ..External::default() };
        let data = Data::Tokens { train: &items[1..], validation: &items[..1] };
        let plan = Plan::new(Wanted { data, ..wanted(&run, &settings, &external, &[]) }).unwrap();
        plan.write(false).unwrap();
        let rows = lines(&run.join("external/data/train.jsonl"));
        assert_eq!((rows.len(), plan.total_steps()), (2, 3));
        assert_eq!(rows, [&rows[0], &rows[0]].map(Value::clone));
        assert_eq!(rows[0]["input_ids"], json!([7, 8, 9]));
        assert_eq!(rows[0]["labels"], json!([-100, -100, 9]), "the first token is never predicted");
        assert_eq!((&rows[0]["attention_mask"], &rows[0]["key"]), (&json!([1, 1, 1]), &json!("p/0/s")));
        assert_eq!(lines(&run.join("external/data/validation.jsonl")), rows[..1]);
        match external.trainer {
            Trainer::Axolotl => assert!(plan.config().contains("type: null")),
            _ => assert_eq!(serde_json::from_str::<Value>(&plan.config()).unwrap()["tokenized"], true),
        }
    }
}

#[test]
fn what_is_gone_on_with_keeps_its_data_and_settings() {
    let dir = tempfile::tempdir().unwrap();
    let (run, external) = (dir.path(), External::default());
    plan(run, &settings(), &external, &["4"]).write(false).unwrap();
    // Nothing is learnt yet, so all may change.
    plan(run, &settings(), &external, &["5"]).write(false).unwrap();
    let state = run.join("external/output/checkpoint-1/trainer_state.json");
    std::fs::create_dir_all(state.parent().unwrap()).unwrap();
    std::fs::write(state, "{}").unwrap();
    let refused = |plan: Plan, why: &str| {
        let error = plan.write(false).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    };
    refused(plan(run, &settings(), &external, &["4"]), "other data");
    refused(plan(run, &TrainSettings { seed: 9, ..settings() }, &external, &["5"]), "other settings");
    let axolotl = External { trainer: Trainer::Axolotl, ..External::default() };
    refused(plan(run, &settings(), &axolotl, &["5"]), "another trainer");
    let often = TrainSettings { checkpoint_every: 7, ..settings() };
    let plan = plan(run, &often, &external, &["5"]);
    std::fs::write(run.join("external/data/train.jsonl"), "torn").unwrap();
    plan.write(true).unwrap();
    assert_eq!(std::fs::read_to_string(run.join("external/config.json")).unwrap(), plan.config());
    assert_eq!(lines(&run.join("external/data/train.jsonl"))[0]["completion"][0]["content"], "5");
    std::fs::create_dir(run.join("checkpoint-3")).unwrap();
    refused(plan, "cribble itself");
}

#[test]
fn a_command_is_filled_with_what_there_is() {
    let dir = tempfile::tempdir().unwrap();
    let external = External {
        trainer: Trainer::Command("train {model} --at={output} --resume {resume} {data}".into()),
        launcher: Some("nice".into()),
        ..External::default()
    };
    let plan = plan(dir.path(), &settings(), &external, &["4"]);
    let out = dir.path().join("external/output").to_str().unwrap().to_owned();
    let at = format!("--at={out}");
    assert_eq!(plan.command().unwrap()[..6], ["nice", "train", "org/model", at.as_str(), "--resume", ""]);
    assert!(plan.command().unwrap()[6].ends_with("external/data/train.jsonl"));
    plan.write(false).unwrap();
    let state = plan.output().join("checkpoint-12/trainer_state.json");
    std::fs::create_dir_all(state.parent().unwrap()).unwrap();
    std::fs::write(state, "{}").unwrap();
    assert_eq!(plan.command().unwrap()[5], format!("{out}/checkpoint-12"));
    let gguf = TrainSettings { model: "m.GGUF".into(), ..settings() };
    let examples = [example("4")];
    let train: Vec<&Example> = examples.iter().collect();
    assert!(Plan::new(wanted(dir.path(), &gguf, &external, &train)).is_err());
}

#[test]
fn the_model_that_comes_with_the_program_goes_along() {
    let dir = tempfile::tempdir().unwrap();
    let micro = TrainSettings { model: MICRO.into(), ..settings() };
    plan(dir.path(), &micro, &External::default(), &["4"]).write(false).unwrap();
    assert!(dir.path().join("external/model/config.json").is_file());
}
