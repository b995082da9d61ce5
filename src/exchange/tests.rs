//! Files into a session, and a session into directories that others read.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::dataset::{DatasetOrder, FileKind, export, export_tokens};
use super::formats::SampleFormat;
use super::messages::{ExportError, Which};
use super::rows::{DataFormat, Wanted};
use super::samples::{self, Reading};
use super::store::{look, store};
use super::table::{self, ColumnMap};
use crate::records::{DecisionVerb, Problem, TurnKind};
use crate::session::Session;
use crate::train::dataset::{Dataset, Item};

mod columns;
mod pairs;
mod round_trips;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/exchange").join(name)
}

fn session(dir: &Path, files: &[&str]) -> Session {
    let session = Session::create(&dir.join("session")).unwrap();
    for file in files {
        let readable = look(&fixture(file), &Reading::default()).unwrap();
        store(&session, &readable).unwrap();
    }
    session
}

fn order(dir: &Path, format: DataFormat, kind: FileKind) -> DatasetOrder {
    DatasetOrder {
        directory: dir.join("out"),
        wanted: Wanted { format, which: Which::Correct, dialogue: false },
        kind,
        validation_share: 0.0,
        seed: 0,
        force: false,
    }
}

fn rows(path: &Path) -> Vec<Value> {
    let mut rows = Vec::new();
    table::each(path, &mut |_, row| {
        rows.push(Value::Object(row));
        Ok(std::ops::ControlFlow::Continue(()))
    })
    .unwrap();
    rows
}

fn refusal(error: ExportError) -> String {
    match error {
        ExportError::Refused(line) => line,
        other => panic!("{other}"),
    }
}

#[test]
fn a_file_is_stored_once_however_often_it_is_imported() {
    let dir = tempfile::tempdir().unwrap();
    let session = Session::create(&dir.path().join("session")).unwrap();
    let readable = look(&fixture("open-r1.jsonl"), &Reading::default()).unwrap();
    assert_eq!((readable.found.samples, readable.found.problems, readable.found.with_gold), (2, 1, 2));
    let stored = store(&session, &readable).unwrap();
    assert_eq!((stored.added, stored.unchanged, stored.problems_added), (2, 0, 1));
    assert_eq!((stored.graded, stored.correct, stored.other_gold), (2, 1, 0));
    // The same bytes under another name.
    let copy = dir.path().join("copy.jsonl");
    std::fs::copy(fixture("open-r1.jsonl"), &copy).unwrap();
    let again = store(&session, &look(&copy, &Reading::default()).unwrap()).unwrap();
    assert_eq!((again.added, again.unchanged, again.settings), (0, 2, stored.settings.clone()));
    let settings = session.settings(&stored.settings).unwrap().unwrap();
    assert_eq!(settings.model.name, "imported from open-r1.jsonl (Open-R1)");
}

#[test]
fn imported_dialogues_have_turns_and_a_stitched_chain() {
    let dir = tempfile::tempdir().unwrap();
    let session = session(dir.path(), &["messages.jsonl"]);
    let rows = session.sample_rows().unwrap();
    let dialogue = session.sample(rows[1].id).unwrap().unwrap();
    let kinds: Vec<TurnKind> = dialogue.turns.iter().map(|turn| turn.kind).collect();
    assert_eq!(kinds, [TurnKind::Problem, TurnKind::Attempt, TurnKind::Guidance, TurnKind::Revision]);
    assert_eq!(dialogue.chain.text, "It is 41.\n\n6 times 7 is \\boxed{42}.");
    assert_eq!((dialogue.correct, dialogue.tags), (Some(true), vec!["imported".to_owned()]));
    assert_eq!((rows[0].correct, rows[2].correct), (Some(true), None), "no right answer, no grade");
    assert_eq!((rows[0].draw, rows[1].draw), (0, 1), "both are of one problem");
}

#[test]
fn what_the_session_says_of_a_problem_goes_before_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let session = Session::create(&dir.path().join("session")).unwrap();
    let text = "What is 6 times 7?";
    let mut problem = Problem {
        id: Problem::id_of_text(text),
        text: text.into(),
        answer: "41".into(),
        source: "mine".into(),
        split: None,
        level: None,
        subject: None,
        solution: None,
        extra: Default::default(),
    };
    session.add_problems(&[problem.clone()]).unwrap();
    problem.id = "taken".into();
    problem.text = "Another one.".into();
    session.add_problems(&[problem]).unwrap();
    let file = dir.path().join("file.jsonl");
    std::fs::write(
        &file,
        format!(
            "{{\"problem\":\"{text}\",\"generation\":\"\\\\boxed{{42}}\",\"answer\":42,\"problem_id\":\"taken\"}}\n"
        ),
    )
    .unwrap();
    let stored = store(&session, &look(&file, &Reading::default()).unwrap()).unwrap();
    assert_eq!((stored.added, stored.problems_added, stored.other_gold, stored.correct), (1, 0, 1, 0));
}

#[test]
fn a_file_is_stored_whole_or_not_at_all() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file.jsonl");
    std::fs::write(&file, "{\"query\":\"q\",\"resp\":\"r\"}\n{\"query\":\"q\"}\n").unwrap();
    let error = look(&file, &Reading::default()).unwrap_err().to_string();
    assert!(error.ends_with("file.jsonl:2: DART-Math: no `resp` or `response`"), "{error}");
    std::fs::write(&file, "").unwrap();
    assert!(look(&file, &Reading::default()).unwrap_err().to_string().contains("holds no rows"));
}

#[test]
fn a_guess_shows_what_it_is_made_of() {
    let map: ColumnMap = "generation=output".parse().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file.jsonl");
    std::fs::write(&file, "{\"problem\":\"q\",\"output\":\"r\"}\noops\n").unwrap();
    let guess = samples::guess(&file, &Reading { map, ..Reading::default() }).unwrap();
    assert_eq!(
        (guess.format, guess.columns),
        (SampleFormat::Nemo, vec!["problem".to_owned(), "generation".to_owned()])
    );
    assert!(samples::guess(&file, &Reading::default()).is_err());
}

#[test]
fn every_format_goes_out_in_both_kinds_of_files() {
    let dir = tempfile::tempdir().unwrap();
    let session = session(dir.path(), &["messages.jsonl", "nemo.jsonl", "messages.parquet"]);
    for (kind, extension) in [(FileKind::Jsonl, "jsonl"), (FileKind::Parquet, "parquet")] {
        for format in [DataFormat::Messages, DataFormat::PromptCompletion, DataFormat::ShareGpt, DataFormat::Alpaca] {
            let mut order = order(dir.path(), format, kind);
            order.directory = dir.path().join(format!("{}-{extension}", format.name()));
            let report = export(&session, &order).unwrap();
            assert_eq!((report.train, report.validation), (8, 0), "{format:?}");
            let file = order.directory.join(format!("data/train-00000-of-00001.{extension}"));
            let mut found = 0;
            samples::each(&file, &Reading::default(), &mut |_, sample| {
                found += 1;
                assert!(sample.problem.answer.is_some() && sample.extra.contains_key("settings"));
                Ok(())
            })
            .unwrap();
            assert_eq!(found, report.train);
            assert!(!order.directory.join("data/train-00000-of-00001.jsonl").exists() || kind == FileKind::Jsonl);
            let card = std::fs::read_to_string(order.directory.join("README.md")).unwrap();
            assert!(card.starts_with("---\ntask_categories:\n") && card.contains("imported from nemo.jsonl"), "{card}");
            // One of their columns has values of different kinds: in lines of JSON nothing is declared then.
            let declared = card.contains("\n  - name: correct\n    dtype: bool\n");
            assert_eq!(declared, kind == FileKind::Parquet, "{card}");
            let info = order.directory.join("dataset_info.json");
            assert_eq!(info.exists(), format != DataFormat::PromptCompletion);
        }
    }
}

#[test]
fn no_problem_is_in_both_splits() {
    let dir = tempfile::tempdir().unwrap();
    let session = session(dir.path(), &["messages.parquet"]);
    let mut order = order(dir.path(), DataFormat::Messages, FileKind::Jsonl);
    order.validation_share = 0.4;
    let report = export(&session, &order).unwrap();
    assert_eq!((report.train, report.validation), (3, 2));
    let of = |part: &str| rows(&order.directory.join(format!("data/{part}-00000-of-00001.jsonl")));
    let (train, validation) = (of("train"), of("validation"));
    assert!(train.iter().all(|row| validation.iter().all(|held| held["problem_id"] != row["problem_id"])));
    let info = rows_of_json(&order.directory.join("dataset_info.json"));
    assert_eq!(info["out"]["file_name"], "data/train-00000-of-00001.jsonl");
    assert_eq!(info["out_validation"]["tags"]["role_tag"], "role");
}

#[test]
fn a_column_has_one_kind_in_both_splits() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file.jsonl");
    let line = |at: usize, gold: &str| format!("{{\"problem\":\"p{at}\",\"generation\":\"\\\\boxed{{1}}\"{gold}}}\n");
    std::fs::write(&file, format!("{}{}{}", line(0, ",\"gold\":\"1\""), line(1, ""), line(2, ""))).unwrap();
    let session = Session::create(&dir.path().join("session")).unwrap();
    store(&session, &look(&file, &Reading::default()).unwrap()).unwrap();
    let mut order = order(dir.path(), DataFormat::Messages, FileKind::Parquet);
    (order.wanted.which, order.validation_share, order.force) = (Which::All, 0.34, true);
    for seed in 0..6 {
        order.seed = seed;
        assert_eq!(export(&session, &order).unwrap().validation, 1);
        let of = |part: &str| rows(&order.directory.join(format!("data/{part}-00000-of-00001.parquet")));
        let all: Vec<Value> =
            of("train").into_iter().chain(of("validation")).map(|row| row["correct"].clone()).collect();
        assert_eq!(all.iter().filter(|correct| **correct == true).count(), 1, "{all:?}");
        assert_eq!(all.iter().filter(|correct| correct.is_null()).count(), 2, "{all:?}");
        let card = std::fs::read_to_string(order.directory.join("README.md")).unwrap();
        assert!(card.contains("\n  - name: correct\n    dtype: bool\n"), "{card}");
    }
}

fn rows_of_json(path: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn what_was_accepted_stands_against_what_was_not() {
    let dir = tempfile::tempdir().unwrap();
    let session = session(dir.path(), &["nemo.jsonl"]);
    let report = export(&session, &order(dir.path(), DataFormat::Preference, FileKind::Parquet)).unwrap();
    assert_eq!(report.train, 1);
    let pair = rows(&dir.path().join("out/data/train-00000-of-00001.parquet")).remove(0);
    assert_eq!(pair["chosen"][0]["content"], "6 times 7 is \\boxed{42}.");
    assert_eq!(pair["rejected"][0]["content"], "It is \\boxed{41}.");
}

#[test]
fn a_directory_is_replaced_only_if_cribble_made_it() {
    let dir = tempfile::tempdir().unwrap();
    let session = session(dir.path(), &["nemo.jsonl"]);
    let mut order = order(dir.path(), DataFormat::Messages, FileKind::Jsonl);
    export(&session, &order).unwrap();
    assert!(refusal(export(&session, &order).unwrap_err()).contains("--force"));
    order.force = true;
    order.wanted.which = Which::All;
    assert_eq!(export(&session, &order).unwrap().train, 2);
    // What a person added stays.
    std::fs::write(order.directory.join("notes.txt"), "mine").unwrap();
    assert!(refusal(export(&session, &order).unwrap_err()).contains("`notes.txt`"));
    order.directory = dir.path().join("session");
    assert!(refusal(export(&session, &order).unwrap_err()).contains("not made by cribble"));
    let left: Vec<_> = std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "nothing half-written stays: {left:?}");
}

#[test]
fn a_directory_whose_replacement_was_cut_off_is_brought_back() {
    let dir = tempfile::tempdir().unwrap();
    let session = session(dir.path(), &["nemo.jsonl"]);
    let order = order(dir.path(), DataFormat::Messages, FileKind::Jsonl);
    export(&session, &order).unwrap();
    let away = |name: &str| dir.path().join(name);
    std::fs::rename(&order.directory, away(".out.4242.old")).unwrap();
    // What only looks like it is left where it is.
    std::fs::create_dir(away(".out.1.old")).unwrap();
    std::fs::create_dir(away(".out.copy.old")).unwrap();
    std::fs::copy(away(".out.4242.old").join("cribble.json"), away(".out.copy.old").join("cribble.json")).unwrap();
    assert!(refusal(export(&session, &order).unwrap_err()).contains("--force"));
    assert!(order.directory.join("data/train-00000-of-00001.jsonl").exists() && !away(".out.4242.old").exists());
    assert!(away(".out.1.old").exists() && away(".out.copy.old").exists());
}

#[test]
fn only_problems_with_pairs_are_held_out_and_told_of() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file.jsonl");
    let line = |at: usize, answer: usize| {
        let (problem, generation) = (format!("p{at}"), format!("\\boxed{{{answer}}}"));
        format!("{}\n", serde_json::json!({"problem": problem, "generation": generation, "gold": "1"}))
    };
    let pair = format!("{}{}", line(0, 1), line(0, 2));
    std::fs::write(&file, (1..20).map(|at| line(at, 1)).chain([pair]).collect::<String>()).unwrap();
    let session = Session::create(&dir.path().join("session")).unwrap();
    store(&session, &look(&file, &Reading::default()).unwrap()).unwrap();
    let mut order = order(dir.path(), DataFormat::Preference, FileKind::Jsonl);
    (order.validation_share, order.force) = (0.9, true);
    for seed in 0..4 {
        order.seed = seed;
        let report = export(&session, &order).unwrap();
        assert_eq!((report.train, report.validation), (1, 0), "something stays to train on");
        let facts = rows_of_json(&order.directory.join("cribble.json"))["facts"].clone();
        assert_eq!((&facts["samples"], &facts["problems"]["all"]), (&Value::from(1), &Value::from(1)));
    }
}

#[test]
fn a_chain_stands_against_one_that_was_asked_alike_and_says_something_else() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file.jsonl");
    let line = |system: &str, said: &str| {
        let chat = [("system", system), ("user", "p"), ("assistant", said)];
        let messages = chat.map(|(role, content)| serde_json::json!({"role": role, "content": content}));
        format!("{}\n", serde_json::json!({"messages": messages}))
    };
    let rows = [
        ("Think.", "a", true),
        ("Guess.", "b", false),
        ("Guess.", "c", true),
        ("Think.", "a", false),
        ("Think.", "d", false),
    ];
    let lines: String = rows.iter().map(|(system, said, _)| line(system, said)).collect();
    std::fs::write(&file, lines).unwrap();
    let session = Session::create(&dir.path().join("session")).unwrap();
    store(&session, &look(&file, &Reading::default()).unwrap()).unwrap();
    for (row, (_, _, right)) in session.sample_rows().unwrap().iter().zip(&rows) {
        let verb = if *right { DecisionVerb::Accept } else { DecisionVerb::Reject };
        session.decide(row.id, verb, None, None).unwrap();
    }
    let mut order = order(dir.path(), DataFormat::Preference, FileKind::Jsonl);
    order.wanted.which = Which::Accepted;
    assert_eq!(export(&session, &order).unwrap().train, 2);
    let said = |value: &Value| value[0]["content"].as_str().unwrap().to_owned();
    let pairs: Vec<_> = self::rows(&order.directory.join("data/train-00000-of-00001.jsonl"))
        .iter()
        .map(|row| (said(&row["prompt"]), said(&row["chosen"]), said(&row["rejected"])))
        .collect();
    let pair = |asked: &str, chosen: &str, rejected: &str| (asked.to_owned(), chosen.to_owned(), rejected.to_owned());
    assert_eq!(pairs, [pair("Think.", "a", "d"), pair("Guess.", "c", "b")]);
}

#[test]
fn nothing_to_write_leaves_nothing_behind() {
    let dir = tempfile::tempdir().unwrap();
    let session = session(dir.path(), &["nemo.jsonl"]);
    let mut order = order(dir.path(), DataFormat::Messages, FileKind::Jsonl);
    order.wanted.which = Which::Accepted;
    assert!(refusal(export(&session, &order).unwrap_err()).contains("no sample to write"));
    order.validation_share = 1.0;
    assert!(refusal(export(&session, &order).unwrap_err()).contains("validation share"));
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn the_card_says_what_a_person_decided() {
    let dir = tempfile::tempdir().unwrap();
    let session = session(dir.path(), &["nemo.jsonl"]);
    let rows = session.sample_rows().unwrap();
    session.decide_all(&[rows[0].id], DecisionVerb::Accept, None).unwrap();
    session.decide_all(&[rows[1].id], DecisionVerb::Reject, Some("wrong")).unwrap();
    let mut order = order(dir.path(), DataFormat::Messages, FileKind::Jsonl);
    order.wanted.which = Which::Accepted;
    export(&session, &order).unwrap();
    let facts = rows_of_json(&order.directory.join("cribble.json"))["facts"].clone();
    assert_eq!((&facts["person"]["accepted"], &facts["person"]["rejected"]), (&Value::from(1), &Value::from(1)));
    assert_eq!(facts["settings"][0]["pass_rates"], serde_json::json!([0, 0, 0, 1, 0, 0]));
    let card = std::fs::read_to_string(order.directory.join("README.md")).unwrap();
    assert!(card.contains("a person accepted 1,") && card.contains("were not judged by the filter"), "{card}");
}

#[test]
fn tokens_go_out_with_their_masks() {
    let dir = tempfile::tempdir().unwrap();
    let session = session(dir.path(), &["nemo.jsonl"]);
    let row = session.sample_rows().unwrap().remove(0);
    let key = format!("{}/{}/{}", row.problem_id, row.draw, row.settings);
    let item = Item { key, problem_id: row.problem_id, tokens: vec![1, 2, 3], weights: vec![0.0, 0.0, 1.0] };
    let data = Dataset { train: vec![item], hash: "h".into(), ..Dataset::default() };
    let order = order(dir.path(), DataFormat::Messages, FileKind::Parquet);
    export_tokens(&session, &data, "/models/m.gguf", &order).unwrap();
    let rows = rows(&order.directory.join("data/train-00000-of-00001.parquet"));
    assert_eq!(rows[0]["labels"], serde_json::json!([-100, -100, 3]));
    let card = std::fs::read_to_string(order.directory.join("README.md")).unwrap();
    assert!(card.contains("3 tokens by the tokenizer and chat template of `m.gguf`, 1 of them with a loss"), "{card}");
}
