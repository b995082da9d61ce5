//! Parquet by others and by ourselves: what is read is what was written, and no bytes take more memory or time than they should.

use std::fs::File;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use serde_json::{Value, json};

use super::write::{Shape, write};
use crate::exchange::table::{ImportError, Row};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/exchange").join(name)
}

fn read(path: &Path) -> Result<Vec<Value>, ImportError> {
    let mut rows = Vec::new();
    super::read::each(path, File::open(path).unwrap(), &mut |line, row| {
        rows.push(Value::Object(row));
        assert_eq!(line, rows.len());
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(rows)
}

fn through_a_file(rows: &[Row]) -> Vec<Value> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("rows.parquet");
    let mut shape = Shape::default();
    rows.iter().for_each(|row| shape.take_in(row));
    let written = write(File::create(&path).unwrap(), &shape, rows.iter().cloned().map(Ok::<_, String>)).unwrap();
    assert_eq!(written, rows.len());
    read(&path).unwrap()
}

fn row(value: Value) -> Row {
    match value {
        Value::Object(row) => row,
        _ => panic!("a row is an object"),
    }
}

#[test]
fn lists_of_structures_over_several_row_groups() {
    let rows = read(&fixture("messages.parquet")).unwrap();
    assert_eq!(rows.len(), 5);
    assert_eq!(rows[3]["messages"][1], json!({"role": "assistant", "content": "It is \\boxed{6}."}));
    assert_eq!((&rows[0]["meta"], &rows[3]["meta"]), (&Value::Null, &json!({"n": 3, "deep": {"list": [3]}})));
    assert_eq!(rows[4]["scores"], json!([0.5, 4.0]));
}

#[test]
fn every_kind_of_value() {
    let rows = read(&fixture("kinds.parquet")).unwrap();
    assert_eq!(
        rows[0],
        json!({
            "int8": 1, "uint64": u64::MAX, "float32": 0.1, "half": 0.5, "bool": true, "bytes": "text", "day": 1,
            "time": 1_700_000_000_000_000_000i64, "decimal": "1.50", "map": {"k": 1}, "null": null, "lists": [[1], []],
        })
    );
    assert_eq!(
        rows[1],
        json!({
            "int8": null, "uint64": 0, "float32": "NaN", "half": null, "bool": false, "bytes": "ff00", "day": 2,
            "time": null, "decimal": "1.50", "map": {}, "null": null, "lists": null,
        })
    );
}

#[test]
fn dictionaries_and_large_strings() {
    let rows = read(&fixture("problems.parquet")).unwrap();
    assert_eq!(rows[2]["problem"], "Was ist 1/2 von ½?");
    assert_eq!((&rows[0]["tags"], &rows[1]["tags"], &rows[2]["tags"]), (&json!([]), &json!(["b", null]), &Value::Null));
}

#[test]
fn what_has_no_kind_in_common_is_written_as_json() {
    let rows = [
        row(json!({"mixed": 1, "shapes": [{"a": 1}, {"b": 2}], "empty": {}, "huge": u64::MAX, "half": 1})),
        row(json!({"mixed": "1", "shapes": null, "empty": null, "huge": 1, "half": 0.5, "late": {"x": null}})),
    ];
    let read = through_a_file(&rows);
    assert_eq!(
        read[0],
        json!({
            "mixed": 1, "shapes": [{"a": 1}, {"b": 2}], "empty": {}, "huge": u64::MAX, "half": 1.0, "late": null,
        })
    );
    assert_eq!(
        read[1],
        json!({"mixed": "1", "shapes": null, "empty": null, "huge": 1, "half": 0.5, "late": {"x": null}})
    );
}

#[test]
fn what_is_nested_too_deep_is_written_as_json() {
    let deep = (0..40).fold(json!(1), |inner, _| json!([inner]));
    assert_eq!(through_a_file(&[row(json!({ "deep": deep }))])[0]["deep"], deep);
    // What no line of JSON could hold is no value that could be written again.
    for (depth, is_text) in [(126, false), (127, true)] {
        let deep = (0..depth).fold(json!(1), |inner, _| json!([inner]));
        assert_eq!(through_a_file(&[row(json!({ "deep": deep }))])[0]["deep"].is_string(), is_text, "{depth}");
    }
}

#[test]
fn known_columns_come_first_and_too_much_of_the_others_is_bounded() {
    let mut shape = Shape::default();
    shape.take_in(&row(json!({"messages": [{"role": "user", "content": "p"}], "note": [1], "draw": 0})));
    shape.take_in(&row(json!({"system": "s", "messages": [], "late": {"a": 1}})));
    shape.settle(&["system", "messages", "draw"]);
    assert!(shape.names().eq(["system", "messages", "draw", "note", "late"]));
    assert!(shape.has("late") && shape.json_names().next().is_none());
    let many = |begin: usize| -> Row { (begin..begin + 600).map(|at| (format!("c{at}"), json!([[[[at]]]]))).collect() };
    shape.take_in(&many(0));
    assert!(!shape.overflows());
    shape.settle(&["messages"]);
    assert_eq!(shape.json_names().count(), 602, "all that is nested and not ours");
    shape.take_in(&many(600));
    assert!(shape.overflows() && shape.features(true).is_none());
    assert_eq!(shape.names().count(), 1_000);
}

#[test]
fn rows_over_several_groups_keep_their_order() {
    let rows: Vec<Row> = (0..25_000).map(|at| row(json!({"at": at, "list": vec![at; at % 3]}))).collect();
    let read = through_a_file(&rows);
    assert!(read.iter().zip(&rows).all(|(read, row)| read.as_object() == Some(row)));
}

#[test]
fn a_file_that_is_cut_off_is_refused() {
    let whole = std::fs::read(fixture("messages.parquet")).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("cut.parquet");
    for length in (4..whole.len()).step_by(61) {
        std::fs::write(&path, &whole[..length]).unwrap();
        let said = read(&path).unwrap_err().to_string();
        assert!(said.contains("cut.parquet") && !said.contains('\n'), "{said}");
    }
}

/// Integers in a Parquet file have their sign in their lowest bit, lengths of texts are whole numbers of four bytes.
#[test]
fn no_negative_and_no_huge_number_is_believed() {
    let whole = std::fs::read(fixture("plain.parquet")).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("changed.parquet");
    let read_changed = |at: usize, bytes: &[u8]| {
        let mut changed = whole.clone();
        changed[at..at + bytes.len()].copy_from_slice(bytes);
        std::fs::write(&path, changed).unwrap();
        read(&path).map_err(|error| error.to_string())
    };
    let mut said = Vec::new();
    for (at, byte) in whole.iter().enumerate() {
        said.extend(read_changed(at, &[byte ^ 1]).err());
    }
    assert!(said.iter().all(|line| line.len() < 400 && !line.contains('\n')), "{said:?}");
    for expected in ["less than no rows", "`problem`: lies nowhere", "`answer`: a page of no sound size"] {
        assert!(said.iter().any(|line| line.contains(expected)), "{expected}: {said:?}");
    }
    let text = whole.windows(12).position(|window| window == b"What is 1+1?").unwrap();
    for length in [u32::MAX, i32::MAX as u32, 1 << 31, 13] {
        let said = read_changed(text - 4, &length.to_le_bytes()).unwrap_err();
        assert!(said.ends_with("changed.parquet:1: EOF: Not enough bytes to decode"), "{length}: {said}");
    }
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-4i64..4).prop_map(Value::from),
        "[a-z\u{e9}\u{1b}\"{\\[]{0,5}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            proptest::collection::vec(("[ab]", inner), 0..3)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(120))]

    #[test]
    fn what_is_read_is_what_was_written(values in proptest::collection::vec((value(), value()), 1..6)) {
        let rows: Vec<Row> = values.into_iter().map(|(one, other)| row(json!({"one": one, "other": other}))).collect();
        let read = through_a_file(&rows);
        let expected: Vec<Value> = rows.into_iter().map(Value::Object).collect();
        prop_assert_eq!(read, expected);
    }

    #[test]
    fn changed_bytes_never_panic(
        name in prop_oneof![Just("messages.parquet"), Just("kinds.parquet"), Just("problems.parquet")],
        changes in proptest::collection::vec((0.0f64..1.0, any::<u8>()), 1..5),
    ) {
        let mut bytes = std::fs::read(fixture(name)).unwrap();
        for (place, byte) in changes {
            let at = (place * bytes.len() as f64) as usize;
            bytes[at] = byte;
        }
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("changed.parquet");
        std::fs::write(&path, bytes).unwrap();
        if let Err(error) = read(&path) {
            prop_assert!(error.to_string().len() < 600);
        }
    }
}
