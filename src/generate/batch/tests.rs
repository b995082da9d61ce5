//! Batches from request to answer, and directories in which not all is as it should be.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;
use tempfile::TempDir;

use super::*;
use crate::generate::http::tests::request;
use crate::records::{FinishReason, Role};

/// What became of a request: text and reason, why it failed, or why it was asked again.
#[derive(Debug, Clone, PartialEq)]
enum Outcome {
    Says(String, FinishReason),
    Fails(String),
    Waits(Option<String>),
}

struct Bench {
    place: TempDir,
}

impl Bench {
    fn new() -> Self {
        Self { place: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    fn open(&self) -> Result<BatchBackend, BatchError> {
        BatchBackend::open(self.place.path(), BatchOptions::for_model("m"))
    }

    /// Asks for some problems, as a call of the program would; also which file of requests came of it.
    fn call(&self, ids: std::ops::Range<u64>) -> (BTreeMap<u64, Outcome>, Option<String>) {
        let mut backend = self.open().unwrap();
        ids.for_each(|id| backend.submit(request(id)).unwrap());
        let done = drain(&mut backend);
        let handed = backend.hand_over().unwrap();
        assert!(backend.hand_over().unwrap().is_none(), "handed over once");
        (done, handed.map(|handed| handed.file.file_name().unwrap().to_str().unwrap().to_owned()))
    }

    fn lines(&self, name: &str) -> Vec<Value> {
        let text = std::fs::read_to_string(self.path(name)).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Answers the requests of a file, each with what `reply` makes of it.
    fn answer(&self, requests: &str, results: &str, reply: impl FnMut(&Value) -> Value) {
        let lines: Vec<String> =
            self.lines(requests).iter().map(reply).map(|line: Value| format!("{line}\n")).collect();
        std::fs::write(self.path(results), lines.concat()).unwrap();
    }

    fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.place.path()).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

/// Steps until nothing is in flight; checks that a turn is told whole and once.
fn drain(backend: &mut BatchBackend) -> BTreeMap<u64, Outcome> {
    let (mut events, mut done, mut shown) = (Vec::new(), BTreeMap::new(), BTreeMap::<u64, String>::new());
    while backend.in_flight() > 0 {
        backend.step(&mut events).unwrap();
        for event in events.drain(..) {
            let (id, outcome) = match event {
                Event::Started { id, .. } => {
                    assert!(shown.insert(id, String::new()).is_none(), "started once");
                    continue;
                }
                Event::Text { id, delta, .. } => {
                    shown.get_mut(&id).unwrap().push_str(&delta);
                    continue;
                }
                Event::Finished { id, text, reason, .. } => {
                    assert_eq!(shown[&id], text);
                    (id, Outcome::Says(text, reason))
                }
                Event::Failed { id, error } => (id, Outcome::Fails(error)),
                Event::Postponed { id, error } => (id, Outcome::Waits(error)),
            };
            assert!(done.insert(id, outcome).is_none(), "it ends once");
        }
    }
    done
}

fn says(request: &Value) -> Value {
    let text = format!("answer to {}", request["body"]["messages"][0]["content"].as_str().unwrap());
    let choice = json!({"index": 0, "message": {"content": text}, "finish_reason": "stop"});
    let body = json!({"choices": [choice], "usage": {"prompt_tokens": 3, "completion_tokens": 4}});
    json!({"custom_id": request["custom_id"], "response": {"status_code": 200, "body": body}, "error": null})
}

fn fails(request: &Value, words: &str) -> Value {
    let response = json!({"status_code": 400, "request_id": "r", "body": null});
    json!({"custom_id": request["custom_id"], "response": response, "error": words})
}

fn said(id: u64) -> Outcome {
    Outcome::Says(format!("answer to problem {id}"), FinishReason::Stop)
}

#[test]
fn requests_are_written_once_and_their_answers_found() {
    let bench = Bench::new();
    let (done, file) = bench.call(0..100);
    assert_eq!((done.len(), file.as_deref()), (100, Some("requests-001.jsonl")));
    assert!(done.values().all(|outcome| *outcome == Outcome::Waits(None)));
    let lines = bench.lines("requests-001.jsonl");
    let ids: BTreeSet<_> = lines.iter().map(|line| line["custom_id"].as_str().unwrap()).collect();
    assert_eq!((lines.len(), ids.len()), (100, 100));
    let (one, seed) = (&lines[7], super::super::http::body::seed(&request(7).stream));
    assert_eq!((&one["method"], &one["url"]), (&json!("POST"), &json!("/v1/chat/completions")));
    assert_eq!((&one["body"]["model"], &one["body"]["seed"]), (&json!("m"), &json!(seed)));
    assert_eq!(one["body"]["messages"], json!([{"role": "user", "content": "problem 7"}]));
    assert_eq!((&one["body"]["stream"], &one["body"]["top_k"]), (&json!(false), &json!(-1)));

    let (done, file) = bench.call(0..101);
    assert_eq!((done.len(), file.as_deref()), (101, Some("requests-002.jsonl")));
    assert_eq!(bench.lines("requests-002.jsonl").len(), 1, "the others are asked already");

    bench.answer("requests-001.jsonl", "any name.jsonl", says);
    let (done, file) = bench.call(0..101);
    assert_eq!(file, None, "nothing is new, so there is no new file");
    assert!((0..100).all(|id| done[&id] == said(id)) && done[&100] == Outcome::Waits(None));
    assert_eq!(bench.names(), ["any name.jsonl", "requests-001.jsonl", "requests-002.jsonl"]);
}

#[test]
fn answers_may_lie_in_several_files_in_any_order_among_others() {
    let bench = Bench::new();
    bench.call(0..4);
    let lines: Vec<_> = bench.lines("requests-001.jsonl").iter().map(says).collect();
    let foreign = json!({"custom_id": "request-1", "response": null, "error": null});
    let one = format!("\u{feff}{}\r\n\r\n{foreign}\n{}", lines[3], lines[1]);
    std::fs::write(bench.path("b.jsonl"), one).unwrap();
    let other = lines[0].to_string().replace("answer to", "another answer to");
    std::fs::write(bench.path("c.jsonl"), format!("{}\n{}\n{other}\n", lines[2], lines[0])).unwrap();
    std::fs::write(bench.path("notes.txt"), "not a line of a batch").unwrap();
    std::fs::write(bench.path(".hidden.jsonl"), "not a line of a batch").unwrap();
    let (done, file) = bench.call(0..4);
    assert_eq!((done, file), ((0..4).map(|id| (id, said(id))).collect(), None));
}

#[test]
fn an_error_is_asked_again_and_at_last_is_one() {
    let bench = Bench::new();
    bench.call(0..2);
    for attempt in 1..3 {
        let (requests, results) = (format!("requests-00{attempt}.jsonl"), format!("results-00{attempt}.jsonl"));
        bench.answer(&requests, &results, |line| fails(line, "engine died"));
        let (done, file) = bench.call(0..2);
        let Outcome::Waits(Some(why)) = &done[&1] else { panic!("{done:?}") };
        assert!(why.ends_with(&format!("results-00{attempt}.jsonl:2: 400: engine died")), "{why}");
        assert_eq!(file, Some(format!("requests-00{}.jsonl", attempt + 1)));
        let (done, file) = bench.call(0..2);
        assert_eq!((&done[&1], file), (&Outcome::Waits(None), None), "it is asked once");
    }
    bench.answer("requests-003.jsonl", "results-003.jsonl", |line| fails(line, "engine died"));
    let (done, file) = bench.call(0..2);
    assert_eq!(file, None);
    let Outcome::Fails(why) = &done[&0] else { panic!("{done:?}") };
    assert!(why.ends_with("results-003.jsonl:1: 400: engine died (after 3 tries)"), "{why}");
    // A person who has mended the engine may have any of the files answered again, even beside the old results.
    bench.answer("requests-002.jsonl", "results-again.jsonl", says);
    assert_eq!(bench.call(0..2).0, [(0, said(0)), (1, said(1))].into());
}

#[test]
fn a_prompt_without_room_is_not_asked_again() {
    let bench = Bench::new();
    let ask = || {
        let mut backend = bench.open().unwrap();
        let later = StreamKey { turn: 1, ..request(1).stream };
        backend.submit(request(0)).unwrap();
        backend.submit(Request { stream: later, ..request(1) }).unwrap();
        let done = drain(&mut backend);
        (done, backend.hand_over().unwrap().is_some())
    };
    assert!(ask().1);
    bench.answer("requests-001.jsonl", "results-001.jsonl", |line| fails(line, "maximum context length is 9 tokens"));
    let (done, new) = ask();
    assert!(!new && matches!(&done[&0], Outcome::Fails(why) if why.contains("maximum context length")), "{done:?}");
    assert_eq!(done[&1], Outcome::Says(String::new(), FinishReason::ContextFull));
}

#[test]
fn a_stop_string_that_was_left_in_is_cut() {
    let bench = Bench::new();
    let ask = || {
        let mut backend = bench.open().unwrap();
        let sampling = Sampling { stop: vec![" to".into()], ..Sampling::default() };
        backend.submit(Request { sampling, ..request(0) }).unwrap();
        let done = drain(&mut backend);
        backend.hand_over().unwrap();
        done
    };
    ask();
    bench.answer("requests-001.jsonl", "results-001.jsonl", says);
    assert_eq!(ask()[&0], Outcome::Says("answer".into(), FinishReason::StopString));
}

#[test]
fn an_answer_that_is_begun_is_gone_on_with_where_the_batch_can() {
    let bench = Bench::new();
    let begun = || Request {
        messages: vec![Message::new(Role::User, "2 + 2?"), Message::new(Role::Assistant, "answer to 2")],
        ..request(0)
    };
    let ask = || {
        let mut backend = bench.open().unwrap();
        backend.submit(begun()).unwrap();
        let done = drain(&mut backend);
        backend.hand_over().unwrap();
        done
    };
    ask();
    let line = bench.lines("requests-001.jsonl").remove(0);
    assert_eq!(line["body"]["continue_final_message"], json!(true));
    // What looks like the beginning once more is the model's own: who answers a batch does not repeat what was given.
    bench.answer("requests-001.jsonl", "results-001.jsonl", says);
    assert_eq!(ask()[&0], Outcome::Says("answer to 2 + 2?".into(), FinishReason::Stop));
    let options = BatchOptions { dialect: Dialect::Other, ..BatchOptions::for_model("m") };
    let mut backend = BatchBackend::open(bench.place.path(), options).unwrap();
    let error = backend.submit(begun()).unwrap_err().to_string();
    assert!(error.contains("vLLM or SGLang"), "{error}");
}

#[test]
fn a_line_that_was_cut_off_is_passed_over_and_every_other_wrong_one_named() {
    let bench = Bench::new();
    bench.call(0..3);
    let lines: Vec<_> = bench.lines("requests-001.jsonl").iter().map(|line| says(line).to_string()).collect();
    let whole = format!("{}\n{}\n", lines[0], lines[1]);
    // Nothing of a line that is being written is a line.
    for cut in 0..lines[2].len() {
        std::fs::write(bench.path("results.jsonl"), format!("{whole}{}", &lines[2][..cut])).unwrap();
        let mut backend = bench.open().unwrap();
        backend.submit(request(2)).unwrap();
        assert_eq!(drain(&mut backend)[&2], Outcome::Waits(None));
    }
    let wrong = |text: &str| {
        std::fs::write(bench.path("results.jsonl"), text).unwrap();
        bench.open().err().map(|error| error.to_string()).unwrap_or_default()
    };
    let error = wrong(&format!("{}\n{}\n{}\n", lines[0], &lines[1][..40], lines[2]));
    assert!(error.contains("results.jsonl:2: no line of a batch (EOF while parsing"), "{error}");
    assert!(wrong("{\"problem\": \"2+2?\"}\n").contains("results.jsonl:1: no line of a batch (missing field"));
    assert!(wrong("\n\n[1]\n").contains("results.jsonl:3: "));
    let long = format!("{}\n{{\"custom_id\": \"{}\"}}\n", lines[0], "x".repeat(LONGEST_LINE as usize));
    assert!(wrong(&long).contains("results.jsonl:2: a line of more than 8 MiB"));
    assert_eq!(wrong(&whole), "");
}

#[test]
fn a_file_that_changes_meanwhile_is_noticed() {
    let bench = Bench::new();
    bench.call(0..2);
    bench.answer("requests-001.jsonl", "results.jsonl", says);
    for text in ["", "{}\n"] {
        let mut backend = bench.open().unwrap();
        let kept = std::fs::read(bench.path("results.jsonl")).unwrap();
        std::fs::write(bench.path("results.jsonl"), text).unwrap();
        backend.submit(request(1)).unwrap();
        let error = backend.step(&mut Vec::new()).unwrap_err().to_string();
        assert!(error.contains("results.jsonl:2: the file was changed meanwhile"), "{error}");
        std::fs::write(bench.path("results.jsonl"), kept).unwrap();
    }
}

#[test]
fn what_is_not_handed_over_leaves_nothing_behind() {
    let bench = Bench::new();
    let mut backend = bench.open().unwrap();
    backend.submit(request(0)).unwrap();
    backend.submit(request(1)).unwrap();
    backend.cancel(1);
    assert_eq!(drain(&mut backend).len(), 1);
    drop(backend);
    assert!(bench.names().is_empty());
    let missing = BatchBackend::open(&bench.path("not/there"), BatchOptions::for_model("m")).unwrap();
    assert!(missing.render(&request(0).messages).unwrap().contains("\"problem 0\""));
    drop(missing);
    assert!(bench.names().is_empty(), "a look makes no directory");
}

#[test]
fn what_is_asked_decides_the_name_and_the_model_the_identity() {
    let bench = Bench::new();
    let names = |options: BatchOptions, request: Request| {
        let mut backend = BatchBackend::open(&bench.path("one"), options).unwrap();
        backend.submit(request).unwrap();
        drain(&mut backend);
        let file = backend.hand_over().unwrap().unwrap().file;
        let line: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        std::fs::remove_file(file).unwrap();
        line["custom_id"].as_str().unwrap().to_owned()
    };
    let usual = || BatchOptions::for_model("m");
    let first = names(usual(), request(0));
    assert_eq!(first, names(usual(), request(0)));
    let extra = json!({"chat_template_kwargs": {}}).as_object().unwrap().clone();
    let warmer = Sampling { temperature: 0.8, ..Sampling::default() };
    let all: BTreeSet<_> = [
        first,
        names(BatchOptions::for_model("n"), request(0)),
        names(BatchOptions { dialect: Dialect::Other, ..usual() }, request(0)),
        names(BatchOptions { extra: extra.clone(), ..usual() }, request(0)),
        names(usual(), Request { sampling: warmer, ..request(0) }),
        names(usual(), Request { stream: request(1).stream, ..request(0) }),
        names(usual(), Request { messages: request(1).messages, ..request(0) }),
    ]
    .into();
    assert_eq!(all.len(), 7);
    let identity = |options| BatchBackend::open(&bench.path("none"), options).unwrap().identity().clone();
    assert_eq!(identity(usual()), super::super::http::identity("m", None, &Map::new(), &Prompts::Chat));
    assert_ne!(identity(BatchOptions { extra, ..usual() }).content, identity(usual()).content);
}

#[test]
fn what_cannot_be_meant_is_refused() {
    let bench = Bench::new();
    let open = |options| BatchBackend::open(bench.place.path(), options).err();
    assert!(matches!(open(BatchOptions::for_model(" ")), Some(BatchError::NoModel)));
    let extra = json!({"seed": 1}).as_object().unwrap().clone();
    let error = open(BatchOptions { extra, ..BatchOptions::for_model("m") });
    assert!(matches!(error, Some(BatchError::OwnField(name)) if name == "seed"));
    std::fs::write(bench.path("file"), "").unwrap();
    let error = BatchBackend::open(&bench.path("file"), BatchOptions::for_model("m")).err();
    assert!(matches!(error, Some(BatchError::NoDirectory { .. })), "{error:?}");
    let mut backend = bench.open().unwrap();
    assert!(backend.submit(Request { messages: Vec::new(), ..request(0) }).is_err());
    let long = Message::new(Role::User, "x".repeat(LONGEST_LINE as usize));
    backend.submit(Request { messages: vec![long], ..request(0) }).unwrap();
    assert!(matches!(&drain(&mut backend)[&0], Outcome::Fails(why) if why.contains("8 MiB")));
    assert!(backend.hand_over().unwrap().is_none());
}
