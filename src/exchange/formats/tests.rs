//! Every shape: what a file by others says, and that what was written is read as it was.

use std::path::{Path, PathBuf};

use proptest::prelude::*;
use serde_json::{Value, json};

use super::SampleFormat;
use crate::exchange::parquet::write::{Shape, write};
use crate::exchange::samples::{self, ImportedSample, Reading};
use crate::exchange::table::{Container, Row};
use crate::records::{FinishReason, Role};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/exchange").join(name)
}

fn read(path: &Path, format: Option<SampleFormat>) -> (Container, SampleFormat, Vec<ImportedSample>) {
    let mut found = Vec::new();
    let reading = Reading { format, ..Reading::default() };
    let read = samples::each(path, &reading, &mut |_, sample| {
        found.push(sample);
        Ok(())
    });
    let (container, format) = read.unwrap();
    (container, format, found)
}

fn through_a_file(format: SampleFormat, samples: &[ImportedSample], container: Container) -> Vec<ImportedSample> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    let rows: Vec<Row> = samples.iter().map(|sample| format.render(sample).unwrap()).collect();
    match container {
        Container::Parquet => {
            let mut shape = Shape::default();
            rows.iter().for_each(|row| shape.take_in(row));
            let file = std::fs::File::create(&path).unwrap();
            write(file, &shape, rows.into_iter().map(Ok::<_, String>)).unwrap();
        }
        Container::Array => {
            std::fs::write(&path, Value::from_iter(rows.into_iter().map(Value::Object)).to_string()).unwrap();
        }
        Container::Lines => {
            let lines: String = rows.into_iter().map(|row| format!("{}\n", Value::Object(row))).collect();
            std::fs::write(&path, lines).unwrap();
        }
    }
    let (read_from, _, found) = read(&path, Some(format));
    assert_eq!(read_from, container);
    found
}

/// Those that write a sample as a row.
const OF_ONE: [SampleFormat; 8] = [
    SampleFormat::Messages,
    SampleFormat::PromptCompletion,
    SampleFormat::ShareGpt,
    SampleFormat::Alpaca,
    SampleFormat::OpenR1,
    SampleFormat::Nemo,
    SampleFormat::Dart,
    SampleFormat::Unpaired,
];

const FIXTURES: [(&str, SampleFormat, usize); 9] = [
    ("messages.jsonl", SampleFormat::Messages, 3),
    ("messages.parquet", SampleFormat::Messages, 5),
    ("prompt-completion.jsonl", SampleFormat::PromptCompletion, 2),
    ("sharegpt.json", SampleFormat::ShareGpt, 2),
    ("alpaca.json", SampleFormat::Alpaca, 2),
    ("open-r1.jsonl", SampleFormat::OpenR1, 2),
    ("nemo.jsonl", SampleFormat::Nemo, 2),
    ("dart.jsonl", SampleFormat::Dart, 2),
    ("unpaired.jsonl", SampleFormat::Unpaired, 2),
];

#[test]
fn files_of_others_are_told_by_their_columns() {
    for (name, format, count) in FIXTURES {
        let (_, found, samples) = read(&fixture(name), None);
        assert_eq!((found, samples.len()), (format, count), "{name}");
        for sample in samples {
            assert!(sample.turns.len() >= 2 && sample.problem.text == sample.turns[0].1, "{name}");
        }
    }
}

#[test]
fn what_they_say_is_all_there() {
    let of = |name: &str| read(&fixture(name), None).2;
    let messages = of("messages.jsonl");
    assert_eq!((messages[0].system.as_deref(), messages[0].problem.answer.as_deref()), (Some("Think."), Some("42")));
    assert_eq!(messages[1].turns.iter().filter(|(role, _)| *role == Role::Assistant).count(), 2);
    assert_eq!(messages[1].extra["nested"], json!({"a": [1, null, {"b": "c"}]}));
    assert_eq!(messages[2].extra["messages"][1]["weight"], 0, "turns cannot hold a weight");
    assert!(!messages[0].extra.contains_key("messages"));
    assert_eq!(of("sharegpt.json")[0].system.as_deref(), Some("Think."));
    let alpaca = of("alpaca.json");
    assert_eq!(alpaca[0].problem.text, "Multiply.\nWhat is 6 times 7?");
    assert_eq!((alpaca[1].turns.len(), &alpaca[1].extra["id"]), (4, &json!(7)));
    let open = of("open-r1.jsonl");
    assert_eq!((open[0].finish, open[1].finish), (Some(FinishReason::Stop), Some(FinishReason::Length)));
    assert_eq!(
        (&open[0].extra["correctness_math_verify"], &open[1].extra["correctness_math_verify"]),
        (&json!(true), &json!(false))
    );
    for name in ["open-r1.jsonl", "nemo.jsonl", "dart.jsonl", "prompt-completion.jsonl"] {
        assert!(of(name).iter().all(|sample| sample.problem.answer.as_deref() == Some("42")), "{name}");
    }
    assert_eq!(of("dart.jsonl")[1].extra["ans"], "41");
}

#[test]
fn files_of_others_go_out_as_they_came_in() {
    for (name, format, _) in FIXTURES {
        let (_, _, samples) = read(&fixture(name), None);
        for container in [Container::Lines, Container::Array] {
            assert_eq!(through_a_file(format, &samples, container), samples, "{name} as {container}");
        }
        // A column that some rows lack is empty in them after the first time.
        let once = through_a_file(format, &samples, Container::Parquet);
        assert_eq!(through_a_file(format, &once, Container::Parquet), once, "{name} as Parquet");
        let turns = |samples: &[ImportedSample]| samples.iter().map(|sample| sample.turns.clone()).collect::<Vec<_>>();
        assert_eq!(turns(&once), turns(&samples), "{name}");
    }
}

fn refused(row: Value) -> String {
    let Value::Object(row) = row else { panic!("a row is an object") };
    SampleFormat::guess(&row).and_then(|format| format.parse(row, None)).unwrap_err()
}

#[test]
fn what_is_no_sample_is_refused_with_a_reason() {
    let user = json!({"role": "user", "content": "p"});
    assert!(refused(json!({"text": "t", "messages": [user]})).contains("--format"));
    assert!(refused(json!({"text": "t"})).contains("where the answer begins"));
    assert!(refused(json!({"a": 1, "b": 2})).contains("(columns: a, b)"));
    assert!(refused(json!({"messages": [user]})).contains("no answer"));
    assert!(refused(json!({"messages": [user, user]})).contains("alternation"));
    assert!(refused(json!({"messages": [{"role": "tool", "content": "x"}]})).contains("role `tool`"));
    assert!(
        refused(json!({"messages": [user, {"role": "assistant", "content": null}]})).contains("message 2: no text")
    );
    assert!(refused(json!({"conversations": [3]})).contains("message 1: no object"));
    assert!(refused(json!({"problem": "p", "generations": [1]})).contains("generation 1"));
    let many = json!({"problem": "p", "generations": vec![""; 2_000], "note": "x".repeat(40_000)});
    assert!(refused(many).starts_with("2000 generations beside columns of 40012 bytes; leave columns out"));
    assert!(refused(json!({"instruction": "i", "output": "o", "history": [["q"]]})).contains("`history`"));
    assert!(refused(json!({"problem": " ", "generation": "g"})).contains("empty"));
}

#[test]
fn pairs_that_are_none_are_refused_with_a_reason() {
    let user = json!([{"role": "user", "content": "p"}]);
    assert!(refused(json!({"chosen": "a", "rejected": "b"})).contains("`chosen`: no chat, and no `prompt`"));
    assert!(
        refused(json!({"prompt": "p", "chosen": 3, "rejected": "b"})).contains("`chosen`: the messages are no list")
    );
    assert!(refused(json!({"prompt": user, "chosen": user, "rejected": user})).contains("no answer"));
    let other = json!([{"role": "system", "content": "s"}, {"role": "assistant", "content": "a"}]);
    assert!(refused(json!({"prompt": user, "chosen": other, "rejected": "b"})).contains("not as the prompt does"));
    let labelled = |label: Value| match json!({"prompt": "p", "completion": "c", "label": label}) {
        Value::Object(row) => row,
        other => panic!("{other}"),
    };
    for (label, wanted) in [(json!(true), true), (json!(1), true), (json!(0), false)] {
        let row = labelled(label);
        assert_eq!(SampleFormat::guess(&row), Ok(SampleFormat::Unpaired));
        assert_eq!(SampleFormat::Unpaired.parse(row, None).unwrap()[0].chosen, Some(wanted));
    }
    let row = labelled(json!(2));
    assert_eq!(SampleFormat::guess(&row), Ok(SampleFormat::PromptCompletion), "a label of another kind");
    assert!(SampleFormat::Unpaired.parse(row, None).unwrap_err().contains("neither true nor false"));
}

#[test]
fn numbers_that_lost_digits_are_no_answers() {
    let row = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    let long = "123456789012345678901234567890";
    let gold = refused(row(&format!("{{\"problem\":\"p\",\"generation\":\"g\",\"gold\":{long}}}")));
    assert!(gold.contains("`gold` is a number too long to keep its digits"), "{gold}");
    let answer = refused(row(&format!("{{\"query\":\"p\",\"resp\":{long}}}")));
    assert!(answer.contains("write it in quotes"), "{answer}");
    assert!(serde_json::from_str::<Value>("{\"score\":1e400}").is_err(), "no number holds it");
}

#[test]
fn the_answer_of_an_exported_sample_is_not_taken_for_the_right_one() {
    let turns = json!([{"role": "user", "content": "p"}, {"role": "assistant", "content": "a"}]);
    let gold = |more: Value| {
        let (Value::Object(mut row), Value::Object(more)) = (json!({"messages": turns, "answer": "41"}), more) else {
            panic!("objects")
        };
        row.extend(more);
        SampleFormat::Messages.parse(row, None).unwrap()[0].problem.answer.clone()
    };
    assert_eq!(gold(json!({})).as_deref(), Some("41"));
    assert_eq!(gold(json!({"settings": "s", "draw": 0})), None);
    assert_eq!(gold(json!({"settings": "s", "draw": 0, "gold": "42"})).as_deref(), Some("42"));
}

#[test]
fn pairs_were_asked_the_same() {
    let parse = |text: &str, asked: &str| {
        let row = json!({"problem": asked, "generation": text});
        let Value::Object(row) = row else { panic!("an object") };
        SampleFormat::Nemo.parse(row, None).unwrap().swap_remove(0)
    };
    let pair = super::pair(&parse("good", "p"), &parse("bad", "p")).unwrap();
    assert_eq!(pair["prompt"], json!([{"role": "user", "content": "p"}]));
    assert_eq!(pair["chosen"], json!([{"role": "assistant", "content": "good"}]));
    assert_eq!(pair["rejected"], json!([{"role": "assistant", "content": "bad"}]));
    assert_eq!(super::pair(&parse("good", "p"), &parse("bad", "q")), None);
    assert_eq!(super::pair(&parse("same", "p"), &parse("same", "p")), None);
}

#[test]
fn labels_stand_where_a_token_has_a_loss() {
    let item = crate::train::dataset::Item {
        key: "k".into(),
        problem_id: "p".into(),
        tokens: vec![5, 6, 7, 8],
        weights: vec![1.0, 0.0, 1.0, 0.5],
    };
    let row = super::token_row(&item);
    assert_eq!(row["input_ids"], json!([5, 6, 7, 8]));
    assert_eq!(row["attention_mask"], json!([1, 1, 1, 1]));
    assert_eq!(row["labels"], json!([-100, -100, 7, 8]));
}

fn extra() -> impl Strategy<Value = Row> {
    let value = prop_oneof![
        Just(json!(null)),
        any::<i64>().prop_map(Value::from),
        "[a-z \u{1b}<|>]{0,6}".prop_map(Value::from),
        Just(json!([1, "two", null])),
        Just(json!({"a": {"b": []}})),
    ];
    let names = prop_oneof![Just("source"), Just("note"), Just("finish_reasons"), Just("answer"), Just("level")];
    proptest::collection::vec((names.prop_map(str::to_owned), value), 0..4).prop_map(Row::from_iter)
}

/// What another tool might have written, as parsed from its row.
fn sample(format: SampleFormat) -> impl Strategy<Value = ImportedSample> {
    let single = matches!(format, SampleFormat::OpenR1 | SampleFormat::Nemo | SampleFormat::Dart);
    let turns =
        proptest::collection::vec(("p[a-z\n<|>]{0,6}", "[a-z\\\\{}\u{2028}]{0,6}"), 1..if single { 2 } else { 4 });
    let system = if single { Just(None::<String>).boxed() } else { proptest::option::of("s[a-z]{0,4}").boxed() };
    (turns, system, extra()).prop_map(move |(pairs, system, extra): (Vec<(String, String)>, Option<String>, Row)| {
        let turns: Vec<(Role, String)> =
            pairs.into_iter().flat_map(|(asked, said)| [(Role::User, asked), (Role::Assistant, said)]).collect();
        let chosen = Some(turns.len() > 2);
        let raw = ImportedSample { problem: Default::default(), system, turns, finish: None, chosen, extra };
        format.parse(format.render(&raw).unwrap(), None).unwrap().swap_remove(0)
    })
}

fn of_any_format() -> impl Strategy<Value = (SampleFormat, Vec<ImportedSample>)> {
    proptest::sample::select(OF_ONE.to_vec())
        .prop_flat_map(|format| (Just(format), proptest::collection::vec(sample(format), 1..5)))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(80))]

    #[test]
    fn what_was_written_is_read_as_it_was((format, samples) in of_any_format()) {
        for container in [Container::Lines, Container::Array] {
            prop_assert_eq!(&through_a_file(format, &samples, container), &samples);
        }
        let once = through_a_file(format, &samples, Container::Parquet);
        prop_assert_eq!(&through_a_file(format, &once, Container::Parquet), &once);
        for (one, other) in once.iter().zip(&samples) {
            prop_assert_eq!((&one.system, &one.turns), (&other.system, &other.turns));
            for (name, value) in &other.extra {
                prop_assert_eq!(one.extra.get(name), Some(value));
            }
        }
    }
}
