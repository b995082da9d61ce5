//! Trainings by other programs as jobs: what is handed on, and what a job makes of what comes back.

use serde_json::{Value, json};

use super::*;
use crate::model::MICRO;
use crate::records::{
    Chain, DecisionVerb, FinishReason, Message, ModelIdentity, Problem, Role, Sample, SampleSettings, Sampling,
    Selected, Turn, TurnKind,
};

const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/tiny-chat");

fn order(model: &str) -> ExternalOrder {
    let settings = TrainSettings { model: model.into(), ..TrainSettings::default() };
    let train = TrainOrder { run: "sft".into(), settings, compute: ComputeChoice::Auto };
    ExternalOrder { train, external: External::default() }
}

fn examples() -> Vec<Example> {
    let example = |at: usize| Example {
        key: format!("p{at}/0/s"),
        problem_id: format!("p{at}"),
        prompt: vec![Message::new(Role::User, "How many are left?")],
        answer: "4".repeat(if at == 3 { 300 } else { 3 }),
        untrained: Vec::new(),
        weight: 1.0,
    };
    (0..40).map(example).collect()
}

#[test]
fn problems_are_held_out_alike_whether_the_model_opens_here_or_not() {
    let examples = examples();
    let mut here = order(MICRO);
    here.train.settings.data.max_length = 10_000;
    let known = choose(&examples, &here).unwrap();
    let unknown = choose(&examples, &order("org/unknown")).unwrap();
    let Chains::Messages { train, validation } = &known.chains else { panic!("whole chains are handed on as text") };
    let Chains::Messages { train: others, validation: held_out } = &unknown.chains else { panic!("it has no tokens") };
    assert_eq!((train.len(), validation.len()), (38, 2));
    assert_eq!((train, validation), (others, held_out));
    assert!(known.notes.is_empty() && known.known.longest.is_some() && known.known.content.is_some());
    assert!(unknown.notes[0].starts_with("`org/unknown`") && unknown.known == Known::default());
    here.train.settings.data.max_length = known.known.longest.unwrap() - 1;
    let cut = choose(&examples, &here).unwrap();
    assert_eq!((cut.too_long, cut.chains.data().chains() + cut.chains.data().held_out()), (1, 39));
}

#[test]
fn a_loss_on_parts_is_handed_on_as_tokens_with_labels() {
    let mut examples = examples();
    for example in &mut examples {
        example.answer = "So 5. No: 4.".into();
        example.untrained = std::iter::once(0..6).collect();
        example.weight = 2.0;
    }
    let mut order = order(MICRO);
    order.train.settings.data.loss_on = LossOn::AllButWrongAttempts;
    let chosen = choose(&examples, &order).unwrap();
    let Chains::Tokens(set) = &chosen.chains else { panic!("messages tell no parts") };
    assert_eq!((set.train.len(), set.validation.len()), (38, 2));
    let files = ModelFiles::open(MICRO).unwrap();
    let labelled: Vec<u32> = set.train[0].labels().into_iter().filter_map(|label| u32::try_from(label).ok()).collect();
    assert!(files.tokenizer.decode(&labelled).trim_start().starts_with("No: 4."), "{labelled:?}");
    assert!(chosen.notes.is_empty(), "{:?}", chosen.notes);
    order.external.trainer = Trainer::Command("train {data}".into());
    assert!(choose(&examples, &order).unwrap().notes[0].starts_with("{data} holds tokens"));
    order.train.settings.model = "org/unknown".into();
    let refused = choose(&examples, &order).map(|_| ()).unwrap_err().to_string();
    assert!(refused.starts_with("loss_on: `org/unknown` does not open here"), "{refused}");
}

#[test]
fn what_cannot_be_handed_on_is_refused() {
    let mut trainer = order(MICRO);
    trainer.external.trainer = Trainer::Command("train".into());
    assert!(trainer.check().unwrap_err().to_string().starts_with("trainer `train`"));
    let mut wandb = order(MICRO);
    wandb.train.settings.wandb = true;
    assert!(wandb.check().unwrap_err().to_string().starts_with("wandb: another trainer reports itself"));
    let mut name = order(MICRO);
    name.train.run = "../x".into();
    assert!(name.check().is_err());
    assert!(order(MICRO).check().is_ok());
    assert!(choose(&examples(), &order("/no/such/model")).is_err(), "a path is of this machine");
    let mut remote = order("/no/such/model");
    remote.external.launcher = Some("ssh gpu".into());
    assert!(choose(&examples(), &remote).is_ok());
}

#[test]
fn a_session_without_chains_trains_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let at = dir.path().join("s");
    drop(Session::create(&at).unwrap());
    let error = preview_external(&at, &order(MICRO)).unwrap_err().to_string();
    assert!(error.contains("no accepted chain"), "{error}");
    assert!(!at.join("runs").exists());
}

#[test]
fn what_is_left_is_told_by_the_steps_of_this_call() {
    let report = |step| StepReport {
        step,
        total_steps: 10,
        epoch: 0.0,
        loss: 1.0,
        lr: 0.1,
        grad_norm: 1.0,
        tokens_per_second: 0.0,
        tokens: 0,
    };
    let mut steps = Steps::default();
    assert_eq!(steps.left(&report(4)), None);
    assert!(steps.left(&report(6)).is_some_and(|seconds| seconds >= 0.0));
    assert_eq!(steps.left(&report(2)), None, "a run that went back tells nothing");
}

/// A session with three accepted chains, of which a selection has two.
fn accepted(at: &Path) {
    let session = Session::create(at).unwrap();
    let problem = |id: &str| -> Problem {
        serde_json::from_value(json!({ "id": id, "problem": "What is 2 + 2?", "answer": "4" })).unwrap()
    };
    session.add_problems(&["p", "q", "r"].map(problem)).unwrap();
    let model = ModelIdentity {
        name: "tiny".into(),
        content: "c".into(),
        template: "t".into(),
        compute: "f32".into(),
        context_length: 1024,
    };
    let settings = SampleSettings { model, turns: 1, sampling: Sampling::default(), seed: 0, dialogue: Value::Null };
    let settings = session.put_settings(&settings, &Value::Null).unwrap();
    let turn = |kind, text: &str| Turn {
        kind,
        strategy: None,
        text: text.into(),
        token_ids: Vec::new(),
        tokens: 0,
        finish: None,
        logprob: None,
    };
    for id in ["p", "q", "r"] {
        let text = "It is \\boxed{4}.";
        let sample = Sample {
            problem_id: id.into(),
            draw: 0,
            settings: settings.clone(),
            turns: vec![turn(TurnKind::Problem, "What is 2 + 2?"), turn(TurnKind::Attempt, text)],
            chain: Chain { text: text.into(), ..Chain::default() },
            tags: Vec::new(),
            finish: FinishReason::Stop,
            answer: Some("4".into()),
            correct: Some(true),
            tokens: 5,
            seconds: 1.0,
            created_at: 0,
        };
        session.add_sample(&sample).unwrap();
    }
    let ids: Vec<i64> = session.sample_rows().unwrap().iter().map(|row| row.id).collect();
    session.decide_all(&ids, DecisionVerb::Accept, None).unwrap();
    let chosen = ["p", "q"].map(|id| Selected {
        problem_id: id.into(),
        draw: 0,
        settings: settings.clone(),
        weight: if id == "p" { 2.0 } else { 1.0 },
    });
    session.put_selection("two", "hash", "{}", "{}", &chosen).unwrap();
}

/// An order for a trainer that is a script for a shell: it is given output and model.
fn scripted(place: &Path, script: &str) -> ExternalOrder {
    let file = place.join("trainer.sh");
    std::fs::write(&file, script).unwrap();
    let mut order = order(MODEL);
    order.train.settings.data.selection = "two".into();
    let command = format!("sh {} {{output}} {{model}} {{data}}", external::template::quote(file.to_str().unwrap()));
    order.external.trainer = Trainer::Command(command);
    order
}

/// Does it as a job that holds the session would.
fn in_a_job<T: Send + 'static>(
    at: &Path,
    work: impl FnOnce(&Session, &mut JobContext) -> Result<T> + Send + 'static,
) -> Result<T> {
    let at = at.to_path_buf();
    Job::start("pass", move |context| work(&Session::open(&at)?, context))?.join()
}

#[test]
fn what_a_trainer_leaves_is_the_model_of_the_step() {
    let dir = tempfile::tempdir().unwrap();
    let at = dir.path().join("s");
    accepted(&at);
    let order = scripted(dir.path(), "echo called >> \"$1/calls\"; cp -r \"$2\" \"$1/final\"");
    let again = order.clone();
    let (outcome, closed, told) = in_a_job(&at, move |session, context| {
        let mut told = Vec::new();
        let (outcome, closed) = train(session, &order, context, &mut |event: &Event| told.push(event.clone()))?;
        Ok((outcome, closed, told))
    })
    .unwrap();
    assert_eq!((outcome.done, outcome.chains, outcome.held_out, closed), (true, 2, 0, None));
    ModelFiles::open(outcome.checkpoint.to_str().unwrap()).unwrap();
    let said = |words: &str| told.iter().any(|event| matches!(event, Event::Alert(line) if line.contains(words)));
    assert!(said("knows no weights") && said("the command: sh "), "{told:?}");
    // Done is done: the same step ends with the same and starts nothing.
    let same = in_a_job(&at, move |session, context| train_step(session, &again, context)).unwrap();
    assert_eq!(same, outcome);
    let calls = std::fs::read_to_string(at.join("runs/sft/external/output/calls")).unwrap();
    assert_eq!(calls.lines().count(), 1);
}

#[test]
fn a_pass_does_not_go_on_with_what_opens_here_as_no_model() {
    let dir = tempfile::tempdir().unwrap();
    let at = dir.path().join("s");
    accepted(&at);
    let script = "mkdir \"$1/final\"; echo '{}' > \"$1/final/config.json\"; : > \"$1/final/model.safetensors\"";
    let order = scripted(dir.path(), script);
    let error = in_a_job(&at, move |session, context| train_step(session, &order, context)).unwrap_err().to_string();
    assert!(error.starts_with("train sft: the model does not open here: "), "{error}");
}

#[test]
fn the_commands_of_a_pass_are_known_before_it_begins() {
    let dir = tempfile::tempdir().unwrap();
    let at = dir.path().join("yet to be made");
    let text = "model = \"org/model\"\n[external]\ntrainer = \"t {data} {model} '{validation}'\"\nlauncher = \"nice\"\n\
                directory = \"/w/{run}/external\"\n[stage2.train.data]\nvalidation_share = 0.0\n";
    let recipe = Recipe::read("r", "r", text).unwrap();
    let commands = pass_commands(&at, &recipe).unwrap();
    let [(sft, first), (rej, second)] = &commands[..] else { panic!("{commands:?}") };
    assert_eq!((sft.as_str(), rej.as_str()), ("pi_sft", "pi_rej"));
    let data = |run: &str, file: &str| format!("/w/{run}/external/data/{file}.jsonl");
    assert_eq!(*first, format!("nice t {} org/model {}", data("pi_sft", "train"), data("pi_sft", "validation")));
    assert_eq!(*second, format!("nice t {} '<the model of pi_sft>' ''", data("pi_rej", "train")));
    assert!(!at.exists());
    assert!(pass_commands(&at, &Recipe::read("r", "r", "").unwrap()).unwrap().is_empty());
}
