//! Columns that nothing here knows: into a session, out, into another one, and out again as they came.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::{refusal, rows, rows_of_json};
use crate::exchange::dataset::{DatasetOrder, FileKind, export};
use crate::exchange::messages::{ExportError, Which, export_as};
use crate::exchange::rows::{DataFormat, Wanted};
use crate::exchange::samples::Reading;
use crate::exchange::store::{look, store};
use crate::exchange::table::Row;
use crate::session::Session;

const FORMATS: [DataFormat; 6] = [
    DataFormat::Messages,
    DataFormat::PromptCompletion,
    DataFormat::ShareGpt,
    DataFormat::Alpaca,
    DataFormat::Unpaired,
    DataFormat::Preference,
];

/// Columns of all kinds: some are not in every row, some have names of ours, some those of other shapes.
fn columns() -> [Row; 4] {
    let columns = [
        json!({
            "url": "https://é", "score": 0.25, "rank": 7, "seen": true, "parts": ["a", null, "b"], "empty": null,
            "nested": {"a": {"b": [1, 2]}, "c": null}, "mixed": 1, "tags": ["theirs"], "imported_tags": "x", "ID": "q-1",
            "large": 9_007_199_254_740_993_i64, "answer": "so",
        }),
        json!({
            "url": null, "score": 2.0, "rank": -1, "parts": [], "nested": {"a": {"b": []}, "c": "\u{0}\u{2028}"},
            "mixed": "one", "gold": 3,
        }),
        json!({"late": "x", "odd name: \"yes\"": 1, "draw": null, "imported_": 0, "imported_note": ""}),
        json!({
            "deep": [[1], [2, 3]], "mixed": [1], "settings": {"t": 1}, "system": 5, "history": "h", "label": true,
            "text": "t", "messages": [{"role": "user", "content": "x"}], "conversations": [],
        }),
    ];
    columns.map(|columns| columns.as_object().unwrap().clone())
}

fn question(at: usize) -> String {
    format!("What is {} + 1?", at + 1)
}

fn write(dir: &Path, name: &str, rows: &[Value]) -> PathBuf {
    let path = dir.join(name);
    std::fs::write(&path, rows.iter().map(|row| format!("{row}\n")).collect::<String>()).unwrap();
    path
}

/// Pairs with these columns: each is of both samples of its row.
fn file(dir: &Path) -> PathBuf {
    let row = |(at, columns): (usize, Row)| {
        let mut row = json!({
            "prompt": question(at), "chosen": format!("It is \\boxed{{{}}}.", at + 2), "rejected": "It is \\boxed{0}.",
            "expected_answer": (at + 2).to_string(),
        });
        row.as_object_mut().unwrap().extend(columns);
        row
    };
    write(dir, "theirs.jsonl", &columns().into_iter().enumerate().map(row).collect::<Vec<_>>())
}

/// A session of what a file holds, and the name of the settings that it is stored under.
fn session_of(file: &Path, dir: &Path) -> (Session, String) {
    let session = Session::create(dir).unwrap();
    let stored = store(&session, &look(file, &Reading::default()).unwrap()).unwrap();
    (session, stored.settings)
}

fn wanted(format: DataFormat) -> Wanted {
    let which = if format == DataFormat::Preference { Which::Accepted } else { Which::All };
    Wanted { format, which, dialogue: false }
}

fn order(directory: &Path, format: DataFormat, kind: FileKind) -> DatasetOrder {
    DatasetOrder {
        directory: directory.to_path_buf(),
        wanted: wanted(format),
        kind,
        validation_share: 0.0,
        seed: 0,
        force: false,
    }
}

/// Writes a session. Returns the file and its rows as text, in which the order of columns is seen.
fn written(session: &Session, directory: &Path, format: DataFormat, kind: FileKind) -> (PathBuf, String) {
    if kind == FileKind::Jsonl {
        let path = directory.with_extension("jsonl");
        export_as(session, Some(&path), wanted(format)).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        return (path, text);
    }
    export(session, &order(directory, format, kind)).unwrap();
    let path = directory.join("data/train-00000-of-00001.parquet");
    let text = rows(&path).iter().map(|row| format!("{row}\n")).collect();
    (path, text)
}

/// Whether a row that was written has a column as it came, under its own name or where ours has that under the other one.
fn has(row: &Value, name: &str, value: &Value) -> bool {
    row.get(name) == Some(value) || row.get(format!("imported_{name}")) == Some(value)
}

#[test]
fn they_go_out_as_they_came_in() {
    let dir = tempfile::tempdir().unwrap();
    let (first, settings) = session_of(&file(dir.path()), &dir.path().join("first"));
    for format in FORMATS {
        for kind in [FileKind::Jsonl, FileKind::Parquet] {
            let at = |part: &str| dir.path().join(format!("{}-{kind:?}-{part}", format.name()));
            let (path, once) = written(&first, &at("once"), format, kind);
            for (place, columns) in columns().iter().enumerate() {
                let asked = question(place);
                let of_it: Vec<Value> = once
                    .lines()
                    .filter(|line| line.contains(&asked))
                    .map(|line| serde_json::from_str(line).unwrap())
                    .collect();
                assert_eq!(of_it.len(), if format == DataFormat::Preference { 1 } else { 2 });
                for row in &of_it {
                    for (name, value) in columns {
                        assert!(has(row, name, value), "{format:?} {kind:?} `{name}` is not {value}: {row}");
                    }
                    let lacks = kind == FileKind::Jsonl && !columns.contains_key("url");
                    assert_eq!(row.get("url").is_none(), lacks, "what a row has not is empty in Parquet alone");
                }
            }
            let (second, theirs) = session_of(&path, &at("session"));
            let (_, twice) = written(&second, &at("twice"), format, kind);
            assert_eq!(once.replace(&settings, &theirs), twice, "{format:?} {kind:?}");
        }
    }
}

#[test]
fn a_name_of_ours_is_ours() {
    let dir = tempfile::tempdir().unwrap();
    let (session, _) = session_of(&file(dir.path()), &dir.path().join("session"));
    let (_, text) = written(&session, &dir.path().join("out"), DataFormat::Messages, FileKind::Jsonl);
    let row: Row = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    let names: Vec<&str> = row.keys().map(String::as_str).collect();
    let expected = [
        "messages",
        "problem_id",
        "draw",
        "settings",
        "answer",
        "correct",
        "strategies",
        "tags",
        "gold",
        "expected_answer",
        "url",
        "score",
        "rank",
        "seen",
        "parts",
        "empty",
        "nested",
        "mixed",
        "imported_tags",
        "imported_imported_tags",
        "ID",
        "large",
        "imported_answer",
    ];
    assert_eq!(names, expected);
    assert_eq!((&row["tags"], &row["imported_tags"]), (&json!(["imported"]), &json!(["theirs"])));
    assert_eq!((&row["answer"], &row["imported_answer"]), (&json!("2"), &json!("so")));
}

#[test]
fn the_card_tells_of_them() {
    let dir = tempfile::tempdir().unwrap();
    let (session, _) = session_of(&file(dir.path()), &dir.path().join("session"));
    for kind in [FileKind::Jsonl, FileKind::Parquet] {
        let out = dir.path().join(format!("{kind:?}"));
        export(&session, &order(&out, DataFormat::Messages, kind)).unwrap();
        let card = std::fs::read_to_string(out.join("README.md")).unwrap();
        let facts = rows_of_json(&out.join("cribble.json"))["facts"].clone();
        let others = facts["other_columns"].as_array().unwrap();
        for name in ["url", "mixed", "imported_tags", "imported_messages", "odd name: \"yes\""] {
            assert!(card.contains(&format!("`{name}`")) && others.contains(&name.into()), "{name}: {card}");
        }
        assert!(!others.contains(&"messages".into()) && !others.contains(&"gold".into()));
        // Lines of JSON need no kinds, and nobody could declare that of a column that has none.
        let parquet = kind == FileKind::Parquet;
        assert_eq!(facts["json_columns"], if parquet { json!(["mixed"]) } else { json!([]) });
        assert_eq!(
            card.contains("Written as JSON texts, since their values have no kind in common: `mixed`."),
            parquet
        );
        assert_eq!(card.contains("  - name: \"ID\"\n    dtype: string\n"), parquet, "{card}");
        assert_eq!(card.contains("  - name: mixed\n    dtype: string\n"), parquet);
    }
}

#[test]
fn a_number_has_all_its_digits_in_every_file() {
    let dir = tempfile::tempdir().unwrap();
    let numbers = "[0.36895482862541085,-1.5e-300,1e23,5e-324,1.7976931348623157e308,18446744073709551615,-0.0]";
    let path = dir.path().join("numbers.jsonl");
    std::fs::write(&path, format!("{{\"query\":\"q\",\"resp\":\"r\",\"numbers\":{numbers}}}\n")).unwrap();
    let expected = [0.36895482862541085, -1.5e-300, 1e23, 5e-324, f64::MAX, u64::MAX as f64, -0.0];
    for kind in [FileKind::Jsonl, FileKind::Parquet] {
        let at = |part: &str| dir.path().join(format!("{kind:?}-{part}"));
        let (first, _) = session_of(&path, &at("first"));
        let (once, _) = written(&first, &at("once"), DataFormat::Messages, kind);
        let (second, _) = session_of(&once, &at("second"));
        let (_, twice) = written(&second, &at("twice"), DataFormat::Messages, kind);
        let row: Row = serde_json::from_str(&twice).unwrap();
        let numbers: Vec<u64> =
            row["numbers"].as_array().unwrap().iter().map(|number| number.as_f64().unwrap().to_bits()).collect();
        assert_eq!(numbers, expected.map(f64::to_bits), "{kind:?}: {}", row["numbers"]);
        assert_eq!(row["numbers"][5], u64::MAX);
    }
}

#[test]
fn a_pair_has_what_both_of_it_say() {
    let dir = tempfile::tempdir().unwrap();
    let row = |text: &str, more: Value| {
        let mut row = json!({"problem": "p", "generation": text, "expected_answer": "1", "url": "u", "tags": 1});
        row.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        row
    };
    let rows =
        [row("\\boxed{1}", json!({"predicted_answer": "1"})), row("\\boxed{2}", json!({"predicted_answer": "2"}))];
    let (session, _) = session_of(&write(dir.path(), "rows.jsonl", &rows), &dir.path().join("session"));
    let path = dir.path().join("out.jsonl");
    let wanted = Wanted { format: DataFormat::Preference, which: Which::Correct, dialogue: false };
    assert_eq!(export_as(&session, Some(&path), wanted).unwrap(), 1);
    let pair: Row = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    let names: Vec<&str> = pair.keys().map(String::as_str).collect();
    assert_eq!(names, ["prompt", "chosen", "rejected", "problem_id", "gold", "expected_answer", "url", "tags"]);
}

#[test]
fn many_and_long_ones_are_kept_and_parquet_says_what_it_cannot_hold() {
    let dir = tempfile::tempdir().unwrap();
    let mut row = json!({"query": "q", "resp": "r", "long": "x".repeat(1 << 20)});
    row.as_object_mut().unwrap().extend((0..1_000).map(|at| (format!("c{at}"), Value::from(at))));
    let file = write(dir.path(), "wide.jsonl", &[row]);
    let (first, settings) = session_of(&file, &dir.path().join("first"));
    let (path, once) = written(&first, &dir.path().join("once"), DataFormat::Messages, FileKind::Jsonl);
    let (second, theirs) = session_of(&path, &dir.path().join("second"));
    let (_, twice) = written(&second, &dir.path().join("twice"), DataFormat::Messages, FileKind::Jsonl);
    assert!(once.len() > 1 << 20 && once.contains("\"c999\":999"));
    assert!(once.replace(&settings, &theirs) == twice);
    let refused = |kind: FileKind| -> Result<_, ExportError> {
        export(&first, &order(&dir.path().join(format!("{kind:?}")), DataFormat::Messages, kind))
    };
    assert!(refusal(refused(FileKind::Parquet).unwrap_err()).contains("more than 1000 columns"));
    assert_eq!(refused(FileKind::Jsonl).unwrap().train, 1);
}
