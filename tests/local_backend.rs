//! The local backend from model files: the small chat model of `tests/fixtures`, and real models where they are there.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use cribble::generate::bench;
use cribble::generate::local::{LocalBackend, LocalOptions};
use cribble::generate::{Backend, Event, Request, StreamKey};
use cribble::model::{ComputeChoice, ModelFiles};
use cribble::records::{FinishReason, Message, Role, Sampling};
use serde_json::Value;

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

fn request(id: u64, text: &str, sampling: &Sampling) -> Request {
    Request {
        id,
        messages: vec![Message::new(Role::User, text)],
        sampling: sampling.clone(),
        stream: StreamKey { seed: 1, problem_id: text.into(), draw: id as u32, turn: 0 },
        dialogue: id,
    }
}

type Finished = BTreeMap<u64, (String, Vec<u32>, FinishReason)>;

fn drain(backend: &mut LocalBackend) -> Finished {
    let (mut events, mut shown, mut done) = (Vec::new(), BTreeMap::<u64, String>::new(), Finished::new());
    while backend.in_flight() > 0 {
        backend.step(&mut events).unwrap();
        for event in events.drain(..) {
            match event {
                Event::Started { id, prompt_tokens } => {
                    assert!(prompt_tokens > 0);
                    shown.insert(id, String::new());
                }
                Event::Text { id, delta, .. } => shown.get_mut(&id).unwrap().push_str(&delta),
                Event::Finished { id, text, token_ids, reason, .. } => {
                    assert_eq!(shown[&id], text);
                    done.insert(id, (text, token_ids, reason));
                }
                Event::Failed { error, .. } => panic!("{error}"),
                Event::Postponed { .. } => panic!("nothing of this process is put off"),
            }
        }
    }
    done
}

#[test]
fn a_model_directory_writes_text_that_is_its_tokens() {
    let path = fixtures().join("tiny-chat");
    let spec = path.to_str().unwrap();
    let files = ModelFiles::open(spec).unwrap();
    let options = LocalOptions { slots: Some(4), ..LocalOptions::default() };
    let mut backend = LocalBackend::load(spec, options).unwrap();
    let identity = backend.identity().clone();
    assert_eq!((identity.content, identity.compute.as_str()), (files.content_hash.clone(), "q8"));
    assert_eq!((identity.template, identity.context_length), (files.template.hash(), 1024));
    let chat = [Message::new(Role::User, "What is 2 + 2?")];
    assert_eq!(backend.render(&chat).unwrap(), files.template.render(&chat).unwrap());
    let sampling = Sampling { temperature: 1.5, top_p: 1.0, max_tokens: 60, ..Sampling::default() };
    for id in 0..12 {
        backend.submit(request(id, "What is 2 + 2?", &sampling)).unwrap();
    }
    let done = drain(&mut backend);
    assert_eq!(done.len(), 12);
    for (text, ids, reason) in done.values() {
        let ended = ids.last().is_some_and(|id| files.tokenizer.stop_ids().contains(id));
        assert_eq!(ended, *reason == FinishReason::Stop);
        assert_eq!(*text, files.tokenizer.decode(&ids[..ids.len() - usize::from(ended)]));
    }
    // The same stream again, alone.
    backend.submit(request(7, "What is 2 + 2?", &sampling)).unwrap();
    assert_eq!(drain(&mut backend)[&7], done[&7]);
}

#[test]
fn a_model_that_is_not_there_is_one_line() {
    let error = LocalBackend::load("/nowhere/model.gguf", LocalOptions::default()).map(|_| ()).unwrap_err().to_string();
    assert!(!error.contains('\n') && error.contains("/nowhere/model.gguf"), "{error}");
}

fn real_model(name: &str) -> Option<String> {
    let directory = std::env::var_os("CRIBBLE_TEST_MODELS")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache/cribble-test-models")))?;
    let path = directory.join(format!("{name}.gguf"));
    if !path.is_file() {
        eprintln!("skipped: {name}.gguf is not in {}", directory.display());
        return None;
    }
    path.to_str().map(str::to_owned)
}

/// `tests/fixtures/reference` holds what transformers says in f32 of the same files.
#[test]
fn real_models_agree_with_transformers() {
    for name in ["SmolLM2-135M-Instruct.Q4_1", "Qwen2.5-Coder-0.5B-Instruct.Q4_K_M"] {
        let Some(path) = real_model(name) else { continue };
        let text = std::fs::read_to_string(fixtures().join("reference").join(format!("{name}.json"))).unwrap();
        let expected: Value = serde_json::from_str(&text).unwrap();
        let ids = |key: &str| -> Vec<u32> { serde_json::from_value(expected[key].clone()).unwrap() };
        let ours = bench::reference(&path, &ids("ids"), ids("greedy").len(), ComputeChoice::F32).unwrap();
        assert!((ours.loss - expected["loss"].as_f64().unwrap()).abs() < 1e-3, "{name}: loss {}", ours.loss);
        let logits: Vec<f32> = serde_json::from_value(expected["logits16"].clone()).unwrap();
        for (ours, theirs) in ours.logits16.iter().zip(logits) {
            assert!((ours - theirs).abs() < 2e-3, "{name}: {ours} and {theirs}");
        }
        assert_eq!(ours.top5, ids("top5"), "{name}");
        assert_eq!(ours.greedy, ids("greedy"), "{name}");
    }
}

#[test]
fn a_real_model_answers_and_ends_its_turn() {
    let Some(path) = real_model("SmolLM2-135M-Instruct.Q4_1") else { return };
    let mut backend = LocalBackend::load(&path, LocalOptions::default()).unwrap();
    let greedy = Sampling { temperature: 0.0, max_tokens: 40, ..Sampling::default() };
    backend.submit(request(0, "What is 2 + 2?", &greedy)).unwrap();
    backend.submit(request(1, "Count: one, two,", &Sampling { stop: vec!["five".into()], ..greedy })).unwrap();
    let done = drain(&mut backend);
    assert_eq!(done[&0].2, FinishReason::Stop);
    assert!(done[&0].0.contains('4'), "{:?}", done[&0]);
    assert!(!done[&1].0.contains("five"), "{:?}", done[&1]);
}
